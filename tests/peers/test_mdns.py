# SPDX-License-Identifier: MIT
"""Robots that announce themselves: by Python's zeroconf and by viam-server itself. A name of viam's cloud is found on the local network and
verified; whoever only says that he has it gets nothing."""
import re
import sys
import time

import peers
import pytest
from certs import CLOUD, TEST_NET
from relay import Relay
from rpc import Client

DASHED = CLOUD.replace(".", "-")


def announce(port, *instances, addresses="127.0.0.1"):
    return peers.Process(sys.executable, peers.HERE / "announce.py", port, addresses, *instances)


def find():
    """What examples/find prints: {(name, address)}."""
    with peers.Process(peers.need(peers.BUILD / "examples/find")) as process:
        process.wait(10)
        return {tuple(line.split()) for line in process.out.splitlines()}


def test_find_zeroconf(row):
    row("zeroconf", "find: a robot with two addresses and four names, and its neighbour")
    local = CLOUD.replace(".viam", ".local.viam")
    with announce(8080, DASHED, CLOUD, local.replace(".", "-"), local, addresses=f"127.0.0.1,{TEST_NET}") as one, announce(8081, "rover-two") as two:
        one.expect("announced")
        two.expect("announced")
        found = find()
        row.figure = " / ".join(sorted(" ".join(each) for each in found))
        assert found == {(CLOUD, "127.0.0.1:8080"), (CLOUD, f"{TEST_NET}:8080"), ("rover-two", "127.0.0.1:8081")}


def test_find_viam_server(row, certs):
    """A viam-server without a cloud announces the port on which its parts talk to each other, of this machine alone."""
    row("viam-server", "find")
    with peers.viam_server(certs["cloud"], fqdn=CLOUD):
        found = find()
        row.figure = " / ".join(sorted(" ".join(each) for each in found))
        assert [name for name, address in found if re.fullmatch(r"127\.0\.0\.1:\d+", address)] == [CLOUD]


def test_nobody_is_found(row):
    row("nobody", "find")
    start = time.monotonic()
    assert find() == set()
    row.figure = f"{time.monotonic() - start:.2f} s"


@pytest.mark.parametrize("instances", [[DASHED], [CLOUD], [CLOUD.replace(".viam", ".local.viam")]], ids=["dashed", "dotted", "local"])
def test_drive_by_name(row, certs, instances):
    row("viam-server", f"drive {CLOUD}, announced as {instances[0]}")
    with peers.viam_server(certs["cloud"]) as server, announce(server.address.rsplit(":", 1)[1], *instances) as responder:
        responder.expect("announced")
        with Client(server.address, certs.ca, peers.WATCH_ID, peers.WATCH_KEY, name=CLOUD) as client:
            start = time.monotonic()
            with peers.drive(CLOUD, certs.ca) as drive:
                peers.until(lambda: client.power("left")[0] or drive.code is not None, 10, "turning motor")
                assert drive.code is None, drive.printed()
                row.figure = f"the motor turns {1000 * (time.monotonic() - start):.0f} ms after the start"


# who answers, leaf of its server (None: plaintext), the line
STRANGERS = [
    ("another name", "wrong-name", rf"drive: TLS: .*name.*\({CLOUD}:443\)"),
    ("a name for which nobody vouches", "stranger-cloud", rf"drive: TLS: .*(trust|issuer|root|unknown).*\({CLOUD}:443\)"),
    ("plaintext", None, rf"drive: dial: {CLOUD}:443 is insecure; .*"),
]


@pytest.mark.parametrize("case, leaf, line", STRANGERS, ids=[case[0] for case in STRANGERS])
def test_stranger(row, certs, case, leaf, line):
    """He gets a ClientHello; no octet of the key."""
    row("stranger", f"drive {CLOUD}, answered by {case}")
    with peers.viam_server(certs[leaf] if leaf else None) as server, Relay(server.address) as relay, \
            announce(relay.address.rsplit(":", 1)[1], CLOUD) as responder:
        responder.expect("announced")
        with peers.drive(CLOUD, certs.ca) as drive:
            code = drive.wait(20)
            row.figure = drive.err.strip().replace("\n", " / ")
            assert code == 1 and re.search(f"^{line}$", drive.err, re.M), drive.printed()
            assert relay.connections == 1


def test_not_announced(row, certs):
    row("nobody", f"drive {CLOUD}")
    with announce(8080, CLOUD.replace("main", "mine")) as responder:
        responder.expect("announced")
        start = time.monotonic()
        with peers.drive(CLOUD, certs.ca) as drive:
            assert drive.wait(30) == 1
            row.figure = f"{time.monotonic() - start:.1f} s: {drive.err.strip()}"
            assert re.search(r"^drive: .*write the robot's own address, as 10\.0\.0\.7:8080$", drive.err, re.M), drive.printed()
