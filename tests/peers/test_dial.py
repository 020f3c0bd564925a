# SPDX-License-Identifier: MIT
"""Addresses that drive understands, and what a person reads when it cannot come through: exit code not 0, and a line that says
why and where."""
import re
import socket
import time

import peers
import pytest
from certs import TEST_NET
from rpc import Client

HERE = r"127\.0\.0\.1:\d+"
# case, leaf of the server (None: plaintext), what else is wrong, the line
CASES = [
    ("wrong key", "ec", {"key": "not-the-key"}, r"drive: auth: UNAUTHENTICATED: invalid credentials \(key id 1111\S*\)"),
    ("unknown key id", "ec", {"key_id": "22222222-0000-0000-0000-000000000000"},
     r"drive: auth: UNAUTHENTICATED: invalid credentials \(key id 2222\S*\)"),
    ("wrong CA", "ec", {"ca": "other_ca"}, rf"drive: TLS: .*(trust|issuer|root|unknown).*\({HERE}\)"),
    ("chain to an unknown root", "stranger", {}, rf"drive: TLS: .*(trust|issuer|root|unknown).*\({HERE}\)"),
    ("wrong name", "wrong-name", {}, rf"drive: TLS: .*name.*\({HERE}\)"),
    ("expired", "expired", {}, rf"drive: TLS: certificate expired 2020-03-01 \({HERE}\)"),
    ("not yet valid", "not-yet", {}, r"drive: TLS: certificate not valid before 2095-10-01\b.*"),
    ("plaintext port", None, {}, rf"drive: dial: {HERE} is insecure; set allow_insecure\w*_downgrade to accept that"),
]


@pytest.mark.parametrize("case, leaf, wrong, line", CASES, ids=[case[0] for case in CASES])
def test_refused(row, certs, case, leaf, wrong, line):
    row("viam-server", f"drive, {case}")
    words = dict(wrong)
    ca = getattr(certs, words.pop("ca", "ca"))
    with peers.viam_server(certs[leaf] if leaf else None) as server, peers.drive(server.address, ca, **words) as drive:
        code = drive.wait(20)
        row.figure = drive.err.strip().replace("\n", " / ")
        assert code not in (None, 0) and code > 0, f"exit code {code}; {row.figure}"
        assert re.search(f"^{line}$", drive.err, re.M), row.figure


@pytest.mark.parametrize("host, form", [
    ("127.0.0.1", "127.0.0.1:{port}"), ("127.0.0.1", "localhost:{port}"), ("127.0.0.1", "https://127.0.0.1:{port}/"),
    (TEST_NET, TEST_NET + ":{port}"), ("[::1]", "[::1]:{port}")])
def test_address(row, certs, host, form):
    row("viam-server", f"drive {form}".replace("{port}", "PORT"))
    if host == "[::1]" and not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 on this machine")
    with peers.viam_server(certs["ec"], host=host) as server, \
            Client(server.address, certs.ca, peers.WATCH_ID, peers.WATCH_KEY) as client:
        start = time.monotonic()
        with peers.drive(form.format(port=server.address.rsplit(":", 1)[1]), certs.ca) as drive:
            peers.until(lambda: client.power("left")[0] or drive.code is not None, 10, "turning motor")
            assert drive.code is None, drive.printed()
            row.figure = f"the motor turns {1000 * (time.monotonic() - start):.0f} ms after the start"


def test_nobody_there(row, certs):
    row("no server", "drive, closed port")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = "127.0.0.1:%d" % closed.getsockname()[1]
    with peers.drive(address, certs.ca) as drive:
        code = drive.wait(20)
        row.figure = drive.err.strip().replace("\n", " / ")
        assert code not in (None, 0) and code > 0, f"exit code {code}; {row.figure}"
        assert re.search(rf"^drive: \w+: .*{HERE}", drive.err, re.M), row.figure
