# SPDX-License-Identifier: MIT
"""The table of methods, once the other tests have filled it."""
import collections

import proofs as table
import pytest


def test_methods_table(row, proofs):
    row("all", f"{table.CHECKED_IN.relative_to(table.peers.ROOT)}, a line for each method")
    lines = proofs.write()
    count = collections.Counter(peer for one in proofs.rows.values() for peer in one)
    if any(peer not in count for peer in proofs.PEERS):
        pytest.skip("not all of test_methods.py and test_serving.py ran")
    assert len(lines) == len(set(lines)) == 282
    unproven = [path for path, one in proofs.rows.items() if one.get("descriptors") != "ok"]
    assert not unproven, unproven
    assert table.FILE.read_text() == table.CHECKED_IN.read_text(), \
        f"other than it was: cp {table.FILE.relative_to(table.peers.ROOT)} {table.CHECKED_IN.relative_to(table.peers.ROOT)}; tools/api_table.py"
    row.figure = ", ".join(f"{count[peer]} against {peer}" for peer in proofs.PEERS)
