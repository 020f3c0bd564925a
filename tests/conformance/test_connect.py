# SPDX-License-Identifier: MIT
"""The conformance suite of connectrpc, client mode: gRPC on HTTP/2, binary messages, plaintext and TLS; no case is known to fail."""
import pathlib
import re

import peers
import pytest

CONFIG = pathlib.Path(__file__).resolve().parent / "grpc.yaml"
CASES = 347


@pytest.mark.parametrize("program, words", [("tests/conformance_client", ""), ("tests/asan/conformance_client", ", with sanitizers")])
def test_suite(row, program, words):
    row("connectrpc conformance 1.0.6", "client mode" + words)
    with peers.Process(peers.need(peers.BIN / "connectconformance"), "--conf", CONFIG, "--mode", "client", "--",
                       peers.need(peers.BUILD / program)) as suite:
        code = suite.wait(110)
        found = re.search(r"^Total cases: (\d+)\n(\d+) passed, (\d+) failed", suite.out, re.M)
        assert found, f"the suite did not count; exit code {code}:\n{suite.printed()}"
        total, passed, failed = map(int, found.groups())
        row.cases = passed, total - passed
        row.figure = f"{passed} of {total}"
        assert (code, total, failed) == (0, CASES, 0), "\n".join(re.findall(r"^FAILED: .*\n.*", suite.out, re.M)[:20]) or suite.printed()
