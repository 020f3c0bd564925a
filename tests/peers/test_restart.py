# SPDX-License-Identifier: MIT
"""viam-server is killed or ended, and started again, while a client moves a motor, reads a sensor and has a stream open: each call ends with an
error, the client is ready again by itself, under a new session, and nothing was sent twice."""
import contextlib
import re
import signal
import socket
import time

import peers
import pytest
from relay import Spy
from rpc import Client

RUN = 10        # s, of the client


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def lines(process, pattern):
    return [match.groups() for match in re.finditer(pattern, process.out, re.M)]


def done(process, *names):
    """(ms, method, status, ran) of each call that ended."""
    ends = [(int(ms), *rest) for ms, *rest in lines(process, r"^(\d+) done (\S+) (\S+) (\S+)$")]
    return [end for end in ends if not names or end[1] in names]


@pytest.mark.parametrize("how", ["KILL", "TERM", "STOP, then KILL"])
def test_restart(row, certs, how):
    row("viam-server", f"{how} during calls and a stream, started again")
    port = free_port()
    with Spy(f"127.0.0.1:{port}", certs["ec"], certs.ca) as spy, contextlib.ExitStack() as stack:
        with peers.viam_server(certs["ec"], port=port) as server:
            process = stack.enter_context(peers.Process(peers.need(peers.BUILD / "tests/restart_client"), spy.address, peers.KEY, peers.KEY_ID, RUN,
                                                        env={"SSL_CERT_FILE": certs.ca}))
            peers.until(lambda: len(done(process, "SetPower")) > 5, 15, "moves")
            if how.startswith("STOP"):
                server.signal(signal.SIGSTOP)
                time.sleep(0.3)                         # calls are out that nobody answers
            server.signal(signal.SIGTERM if how == "TERM" else signal.SIGKILL)
            process.expect(r"^\d+ lost .*$", 12)
            first = len(spy.calls)
        with peers.viam_server(certs["ec"], port=port) as server:
            process.expect(r"ready[\s\S]*lost[\s\S]*ready", 15)
            with Client(server.address, certs.ca, peers.WATCH_ID, peers.WATCH_KEY) as client:
                peers.until(lambda: client.power("left")[0], 5, "motor that turns again")
                assert process.wait(RUN + 5) == 0, process.printed()
                assert not client.power("left")[0]
        check_ends(process)
        check_calls(process, spy, first)
        lost = lines(process, r"^(\d+) lost (.*)$")
        ready = [int(ms) for ms, in lines(process, r"^(\d+) ready $")]
        row.figure = f"lost by: {lost[0][1]}; ready again {ready[-1] - int(lost[0][0])} ms later; {process.out.splitlines()[-1]}"


def check_ends(process):
    """Each call had one end, those in flight at the loss an error, and the old session's end was told once."""
    last = re.fullmatch(r"calls (\d+), done (\d+), running (\d+), stopped OK", process.out.splitlines()[-1])
    assert last, process.printed()
    begun, ended, running = map(int, last.groups())
    assert ended + running == begun, process.printed()
    lost = [int(ms) for ms, _ in lines(process, r"^(\d+) lost (.*)$")]
    streams = done(process, "ServerReflectionInfo")
    assert len(lost) == 1 and streams, process.printed()
    assert all(status != "OK" and ms <= lost[0] for ms, _, status, _ in streams), process.printed()     # TERM ends the first, GOAWAY one behind it
    assert all(ran == "ANSWERED" or status != "OK" for _, _, status, ran in done(process)), process.printed()
    assert len(lines(process, r"^(\d+) session lost (.*)$")) == 1, process.printed()


def check_calls(process, spy, first):
    """What left is what was asked for, once; the new connection has a session of its own."""
    assert spy.failed is None, spy.failed
    moves = [call for call in spy.calls if call.name == "SetPower"]
    ends = done(process, "SetPower")
    not_run = [end for end in ends if end[3] == "NOT_RUN"]
    answered = [end for end in ends if end[3] == "ANSWERED"]
    assert len(answered) <= len(moves) <= len(ends) - len(not_run) + 1, process.printed()     # one may be running at the end
    before = {call.get("viam-sid") for call in spy.calls[:first] if call.name == "SetPower"}
    after = {call.get("viam-sid") for call in spy.calls[first:] if call.name == "SetPower"}
    assert len(before) == len(after) == 1 and None not in before | after and before != after
    assert len([call for call in spy.calls[first:] if call.name == "Authenticate"]) >= 1      # its tokens are new too
