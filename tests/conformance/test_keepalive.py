# SPDX-License-Identifier: MIT
"""Keepalive against servers that count PINGs: each complains of too many, is obeyed, and is left alone once they are few enough.

The client's clock runs TIMES as fast as the servers', so that its 20 s, the shortest time that it takes, pass in one."""
import itertools
import re
import time

import hyperframe.frame as h2frame
import peers
import pytest
import servers
from relay import PREFACE, UP, Relay, Side

TIMES = 20
FIRST = 20 / TIMES              # s of the wall before a PING of the first connection; each complaint doubles it


class PingRelay(Relay):
    """Writes down when the client's own PINGs passed, for each connection."""

    def __init__(self, upstream):
        super().__init__(upstream)
        self.pings = []

    def _tap(self):
        side, pings = Side(len(PREFACE)), []
        self.pings.append(pings)

        def tap(direction, data, now):
            for frame, _ in side.feed(data) if direction == UP else ():
                if isinstance(frame, h2frame.PingFrame) and "ACK" not in frame.flags:
                    pings.append(now)
        return tap


def run(address, seconds):
    """The times of PINGs, a list for each connection, and what the client said of them."""
    with PingRelay(address) as relay:
        with peers.Process(peers.need(peers.BUILD / "tests/keepalive_client"), relay.address, str(TIMES), str(seconds)) as client:
            began = time.monotonic()
            assert client.wait(seconds + 10) == 0, client.printed()
            assert time.monotonic() - began < seconds + 5
        return relay.pings, re.findall(r"^\d+ (ready|lost .*)$", client.out, re.M)


def gaps(times):
    return [after - before for before, after in itertools.pairwise(times)]


def check_gaps(pings):
    """Connection by connection the silence before a PING is at least twice that of the one before."""
    for number, times in enumerate(pings):
        assert all(gap > FIRST * 2 ** number * 0.95 for gap in gaps(times)), (number, gaps(times))


CALM = "lost the robot wants fewer calls or pings (GOAWAY: ENHANCE_YOUR_CALM)"


@pytest.mark.parametrize("make", ["grpc-go 1.85.0", "grpcio 1.85.1", "grpc-java 1.79.0"])
def test_complaint(row, certs, make):
    """As each server comes: at most one PING in five minutes, two are forgiven."""
    row(make, f"too many PINGs, one in 20 s (clock {TIMES} times as fast)")
    with servers.SERVERS[make](certs, None) as server:
        pings, said = run(server.address, 12)
    assert said[:3] == ["ready", CALM, "ready"], said
    assert len(pings[0]) >= 3 and len(pings[1]) >= 1
    check_gaps(pings)
    row.figure = f"GOAWAY after {len(pings[0])} PINGs; then {gaps(pings[1])[0] * TIMES:.0f} s between two"


def test_obeyed(row, certs):
    """A server that bears one in 30 s (of the client's) complains once, and no more."""
    row("grpcio 1.85.1", f"one PING in 30 s is allowed (clock {TIMES} times as fast)")
    with servers.python_server("grpcio_server.py", "--ping-ms", str(30000 // TIMES))(certs, None) as server:
        pings, said = run(server.address, 18)
    assert said == ["ready", CALM, "ready"], said
    assert len(pings) == 2 and len(pings[1]) >= 5
    check_gaps(pings)
    row.figure = f"GOAWAY after {len(pings[0])} PINGs, none in the next {len(pings[1])}"
