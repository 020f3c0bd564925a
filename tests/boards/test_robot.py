# SPDX-License-Identifier: MIT
"""examples/bare_metal_robot on an emulated Cortex-M3: the Python SDK drives its motor, over UARTs that a bridge leads to, or over Ethernet."""
import contextlib
import re
import signal
import time

import boards
import peers
import pytest
from bridge import Bridge
from relay import Relay

WINDOW, MARGIN = 2.0, 0.1


@contextlib.contextmanager
def robot(machine, leaf=None):
    """The board, serving; its .address is the bridge's."""
    folder = peers.new_folder()
    elf = boards.robot(machine, folder, leaf)
    forward = boards.free_port()
    with Bridge(boards.WIRES) as bridge, Relay(f"127.0.0.1:{forward}") as relay, \
            boards.board(machine, elf, *bridge.wires, forward=forward) as board:
        board.console.expect("serving", 20)
        between = bridge if boards.MACHINES[machine].line == "uart" else relay
        board.address, board.last_up = between.address, lambda: between.last_up
        yield board


BOTH = pytest.mark.parametrize("machine", ["mps2", "mps2 lwIP"])


@BOTH
def test_sdk(row, certs, machine):
    """With TLS, API key and a session; heartbeats come over a second wire, as the SDK has it."""
    row(machine, "robot: sdk client drives over TLS")
    with robot(machine, certs["ec"]) as board, peers.sdk_client(board.address, "names", "motor=left") as client:
        assert client.wait(30) == 0, client.printed() + board.console.text
        assert re.search(r"^names .*motor/left", client.out, re.M), client.out
        assert re.search(r"^motor left True 0\.5$", client.out, re.M), client.out
        assert re.findall(r"^motor left (\w+) (\S+)$", client.out, re.M)[-1] == ("False", "0.0"), client.out
        board.console.expect(r"power \+0\.50")
        board.console.expect(r"power \+0\.00")
        row.figure = re.search(r"^connected after .*$", client.out, re.M).group(0)


@BOTH
@pytest.mark.parametrize("what, number", [("killed", signal.SIGKILL), ("frozen", signal.SIGSTOP)])
def test_dead_driver(row, certs, machine, what, number):
    """Its console says when the motor stops, by its own clock too: where this machine is busy, the emulator's clock loses ticks, for which
    the board is not to blame."""
    row(machine, f"robot: sdk client {what}, window 2s")
    with robot(machine, certs["ec"]) as board, peers.sdk_client(board.address, "on=left", "sleep=30") as client:
        on = power_at(board, r"\+0\.30", 30)
        client.expect("^on$")
        time.sleep(0.5)
        client.signal(number)
        time.sleep(0.05)
        last = board.last_up()
        silent = int(board.console.expect(r"session over, (\d+) ms after its last heartbeat", WINDOW + 10).group(1)) / 1000
        off = power_at(board, r"\+0\.00", 1)
        after = off[0] - last
        lost = max(0.0, (off[0] - on[0]) - (off[1] - on[1]))
        row.figure = f"stops {after:.3f} s after the last octets, allowed {WINDOW + MARGIN:.1f}; by its clock {silent:.3f} s"
        row.figure += f"; {lost:.3f} s of ticks lost" if lost > MARGIN / 2 else ""
        assert WINDOW <= silent <= WINDOW + MARGIN and WINDOW * 0.7 <= after <= WINDOW + MARGIN + lost, row.figure


def power_at(board, power, timeout):
    """When the motor's power changed: seconds here, and on the board."""
    milliseconds = board.console.expect(rf"power {power} at (\d+) ms\r", timeout).group(1)
    return time.monotonic(), int(milliseconds) / 1000


def test_refused(row, certs):
    row("mps2", "robot: sdk client, wrong key")
    with robot("mps2", certs["ec"]) as board, peers.sdk_client(board.address, "names", key="wrong") as client:
        assert client.wait(30) == 3, client.printed()
        row.figure = re.search("^refused: .*$", client.out, re.M).group(0)
        board.console.expect("refused")
