# SPDX-License-Identifier: MIT
"""Plugin of pytest's: which method was proven against which peer, and how. build/methods.txt has a line for each, and has to be the same as
methods.txt here, from which tools/api_table.py makes README's table."""
import calling
import peers
import pytest

FILE, CHECKED_IN = peers.ROOT / "build/methods.txt", peers.ROOT / "tests/conformance/methods.txt"


class Proofs:
    PEERS = ["descriptors", "viam-server", "Python SDK Server", "our server", "Python SDK client"]

    def __init__(self):
        self.rows = {method.path: {} for method in calling.METHODS if method.of_viam()}

    def add(self, method, peer, how="ok"):
        assert peer in self.PEERS
        if method.of_viam():
            self.rows[method.path][peer] = how

    def write(self):
        """The table, into its file; its lines."""
        lines = [f"{path[1:]:85} " + " | ".join(f"{peer}: {row[peer]}" for peer in self.PEERS if peer in row) for path, row in sorted(self.rows.items())]
        FILE.write_text("\n".join(lines) + "\n")
        return lines


@pytest.fixture(scope="session")
def proofs():
    return Proofs()
