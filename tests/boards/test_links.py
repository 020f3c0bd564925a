# SPDX-License-Identifier: MIT
"""Bad lines between examples/bare_metal on a Cortex-M3 and a viam-server: octets lost or changed, few bits a second, far away."""
import time

import pytest
from line import Line
from relay import DOWN, UP
from test_client import controller, drive


def kept_on(watch, seconds):
    """Whether the motor, which is on, stays so."""
    count = len(watch.changes)
    time.sleep(seconds)
    return watch.on and len(watch.changes) == count


def test_spoiled(row, certs):
    """A UART without flow control: an octet is missing, or is another one. TLS notices, the motor is not driven by what came, and the
    client is there again."""
    row("mps2", "octets dropped, flipped")
    with controller("mps2", certs, between=Line, again=True) as (board, line, watch):
        took = []
        for direction, how in [(DOWN, Line.drop), (DOWN, Line.flip), (UP, Line.drop), (UP, Line.flip)]:
            drive(board, watch)
            time.sleep(0.5)
            line.spoil(direction, how)
            start = time.monotonic()
            # Upwards the robot may wait for the rest of a record that was never so long; that it answers no more is noticed later.
            said = board.console.expect(r"(?<!session )lost: ([^\r]*)\r", 30).group(1)
            assert direction == UP or time.monotonic() - start < 1 and "a record was damaged" in said, said
            board.console.expect(r"ready after", 30)
            took.append(time.monotonic() - start)
            if watch.on:                        # the session was resumed: the program stops what it kept running
                watch.wait(False, 1)
            time.sleep(0.3)
            assert not watch.on, "drives by itself"
        row.figure = "READY again after " + ", ".join(f"{seconds:.1f}" for seconds in took) + " s"


@pytest.mark.parametrize("baud, window, picture", [(9600, "2s", None), (9600, "2s", (500, 300)), (38400, "500ms", (1100, 700))])
def test_slow(row, certs, baud, window, picture):
    """Heartbeats pass in time beside setpoints and readings, or a picture, as README computes it."""
    row("mps2", f"{baud} baud, window {window}" + (", picture" if picture else ""))
    with controller("mps2", certs, window=window, picture=picture, between=lambda address: Line(address, baud)) as (board, line, watch):
        drive(board, watch)
        begun = time.monotonic()
        if picture:
            board.key("i")
            board.console.expect(r"picture: (\d+) octets", 110)
            assert kept_on(watch, 1), watch.changes
        for _ in range(0 if picture else 4):
            board.key("r")
            assert kept_on(watch, 1.5), watch.changes
        row.figure = f"READY after {board.ready.group(1)} ms; the motor was on for {time.monotonic() - begun:.1f} s"
        board.key("s")
        watch.wait(False, 2)
        assert [on for _, on, _ in watch.changes].count(True) == 1 and "late by" not in board.console.text, board.console.text


def test_too_slow(row, certs):
    """Below what README computes: heartbeats do not pass in time beside setpoints. The robot stops, and the program is told."""
    row("mps2", "9600 baud, window 500ms: too slow")
    with controller("mps2", certs, window="500ms", between=lambda address: Line(address, 9600)) as (board, _, watch):
        board.key("f")
        board.console.expect("session lost", 15)
        time.sleep(1)
        assert not watch.on, watch.changes
        row.figure = "no session can live: told"


@pytest.mark.parametrize("window, holds", [("2500ms", True), ("2s", False)])
def test_far(row, certs, window, holds):
    """A round trip of 2 s: the first heartbeat of a session comes one round trip after the robot began it, so the window must be longer.
    One that is cannot keep the motor on, and the program is told."""
    row("mps2", f"2 s of latency, window {window}")
    with controller("mps2", certs, window=window, between=lambda address: Line(address, delay=1.0), dial_ms=30000) as (board, _, watch):
        board.key("f")
        if holds:
            watch.wait(True, 10)
            assert kept_on(watch, 8), watch.changes
            board.key("s")
            watch.wait(False, 3)
        else:
            board.console.expect("session lost", 10)
            assert not watch.on
        row.figure = "the motor stays on" if holds else "no session can live: told"
