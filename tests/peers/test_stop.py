# SPDX-License-Identifier: MIT
"""Who drives a motor and falls silent: the motor stops within the window of its last heartbeat, on viam-server and on our robot.

The same tests run with peers on both sides (the Python SDK's client, viam-server), which shows that they measure what they say.
"""
import contextlib
import signal
import time

import peers
import pytest
from relay import Relay, Spy
from rpc import Client, Watch

MARGIN = 0.1                        # s, beyond the window
ON_TIME = {"2s": 2.0, "500ms": 0.5}


@contextlib.contextmanager
def robot(kind, leaf, window):
    if kind == "viam-server":
        with peers.viam_server(leaf, window) as server:
            yield server.address, peers.WATCH_ID, peers.WATCH_KEY
    else:
        with peers.robot(leaf=leaf) as server:
            yield server.address, peers.KEY_ID, peers.KEY


def driver(kind, address, certs):
    if kind == "drive":
        return peers.drive(address, certs.ca)
    return peers.sdk_client(address, "on=left", "sleep=30")


@contextlib.contextmanager
def driving(who, where, certs, leaf, window, relay):
    """A driver that turns motor left through a relay: yields the driver and a watch that has seen the motor go on."""
    with robot(where, leaf, window) as (address, key_id, key), relay(address) as between, \
            driver(who, between.address, certs) as process, Client(address, certs.ca, key_id, key) as client, \
            Watch(client, "left") as watch:
        peers.until(lambda: watch.on or process.code is not None, 10, "turning motor")
        assert watch.on, f"{process.name} ended with exit code {process.code}: {process.printed()}"
        yield process, between, watch


def check_stop(row, watch, last, what, window, earliest):
    """The motor stops between `earliest` and the window's end, both counted from the last sign of life."""
    after = watch.wait(False, last + window + 1.0 - time.monotonic()) - last
    row.figure = f"stops {after:.3f} s after the last {what}, allowed {window + MARGIN:.1f}"
    assert after <= window + MARGIN, row.figure
    assert after >= earliest, f"{row.figure}, but not before {earliest:.3f}: it was not the window that stopped it"


def check_steady(watch):
    """On since it went on, and never off in between."""
    assert watch.on and [change[1] for change in watch.changes].count(True) == 1, f"the motor dropped: {watch.changes}"


PAIRS = [("sdk client", "viam-server"), ("drive", "viam-server"), ("sdk client", "robot"), ("drive", "robot")]
WINDOWS = [(who, where, window) for who, where in PAIRS for window in ON_TIME if where == "viam-server" or window == "2s"]
MONITORED = ("SetPower",)


def title(who, what, window):
    return f"{who} {what}, window {window}"


@pytest.mark.parametrize("who, where, window", WINDOWS)
@pytest.mark.parametrize("what, number", [("killed", signal.SIGKILL), ("frozen", signal.SIGSTOP)])
def test_dead_driver(row, certs, who, where, window, what, number):
    """Heartbeats are read on the way, so the figure counts from the last one itself."""
    row(where, title(who, what, window))
    leaf = certs["ec"]
    with driving(who, where, certs, leaf, window, lambda address: Spy(address, leaf, certs.ca)) as (process, spy, watch):
        time.sleep(1.3)
        check_steady(watch)
        process.signal(number)
        time.sleep(0.05)
        last = spy.last_beat(*MONITORED)
        check_stop(row, watch, last, "heartbeat", ON_TIME[window], ON_TIME[window] - 0.05)
        assert spy.failed is None
        if number == signal.SIGSTOP:                    # awake again, it must not drive on by itself
            process.signal(signal.SIGCONT)
            time.sleep(1.0)
            assert not watch.on, "drives again after SIGCONT"


@pytest.mark.parametrize("who, where, window", WINDOWS)
@pytest.mark.parametrize("what", ["cut off in silence", "disconnected"])
def test_dead_line(row, certs, who, where, window, what):
    """TLS from end to end; the last octets that the relay passed on may be younger than the last heartbeat, never older."""
    row(where, title(who, what, window))
    with driving(who, where, certs, certs["ec"], window, Relay) as (_, relay, watch):
        time.sleep(1.3)
        check_steady(watch)
        relay.swallow() if what == "cut off in silence" else relay.cut()
        time.sleep(0.05)
        check_stop(row, watch, relay.last_up, "octets", ON_TIME[window], ON_TIME[window] * 0.8 - 0.1)


@pytest.mark.parametrize("leaf", ["rsa", "middle"])
@pytest.mark.parametrize("who, where", PAIRS)
def test_certificates(row, certs, who, where, leaf):
    """Other chains than the short P-256 one: RSA-2048, and a P-256 leaf below an intermediate."""
    row(where, f"{who} killed, {dict(rsa='RSA-2048', middle='intermediate CA')[leaf]}")
    with driving(who, where, certs, certs[leaf], "2s", Relay) as (process, relay, watch):
        process.signal(signal.SIGKILL)
        time.sleep(0.05)
        check_stop(row, watch, relay.last_up, "octets", 2.0, 1.5)


@pytest.mark.parametrize("who, where, window, trip", [
    ("sdk client", "viam-server", "2s", 0.6),
    # The SDK opens a second connection for its heartbeats, after one that only probes TLS: with TLS 1.2 seven round trips until the first
    # of them arrives there, which at 600 ms is longer than the window (TLS 1.3: five).
    ("sdk client", "robot", "2s", 0.3),
    ("drive", "viam-server", "500ms", 0.3), ("drive", "robot", "2s", 0.3)])
def test_slow_line(row, certs, who, where, window, trip):
    """A long round trip: the motor stays on while its driver lives. (drive gives SetPower a second, StartSession included.)"""
    row(where, title(who, f"alive, round trip {1000 * trip:.0f} ms", window))
    with driving(who, where, certs, certs["ec"], window, lambda address: Relay(address, delay=trip / 2)) as (process, _, watch):
        time.sleep(3.5)
        assert process.code is None, f"{process.name} ended with exit code {process.code}: {process.printed()}"
        check_steady(watch)
        row.figure = "on for 3.5 s"


@pytest.mark.parametrize("who, where", PAIRS)
def test_living_driver(row, certs, who, where):
    """Ten seconds of heartbeats (drive ends by itself after five): each a fifth of the window after the other, each answered."""
    row(where, f"{who} alive")
    leaf = certs["ec"]
    seconds = 5.0 if who == "drive" else 10.0
    with driving(who, where, certs, leaf, "2s", lambda address: Spy(address, leaf, certs.ca)) as (process, spy, watch):
        on = watch.wait(True, 0.1)
        time.sleep(seconds - 0.5)
        check_steady(watch)
        power = watch.changes[-1][2]
        assert 0 < power <= 1, watch.changes
        if who == "drive":
            assert process.wait(8) == 0, process.printed()
            assert spy.named("GetReadings"), "imu was not read"
        assert spy.failed is None
        beats = [call.began for call in spy.named("SendSessionHeartbeat")]
        gap = max(b - a for a, b in zip(beats, beats[1:]))
        row.figure = f"power {power:g}, {len(beats)} heartbeats in {beats[-1] - on:.1f} s, longest gap {gap:.3f} s, " \
                     f"{len(spy.calls)} calls, {spy.connections} connections"
        assert gap < 0.6, row.figure
        wrong = [(call.name, call.status, call.message) for call in spy.calls if call.ended and call.status != "0"]
        assert not wrong, f"calls that did not end with OK: {wrong}"
        bare = [call.name for call in spy.named(*MONITORED) if not call.get("viam-sid")]
        assert not bare, f"monitored calls outside the session: {bare}"
        if who == "drive":
            stopped = watch.wait(False, 3) - beats[-1]
            assert stopped <= 2.0 + MARGIN, f"stops {stopped:.3f} s after the last heartbeat"
