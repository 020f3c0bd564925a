# SPDX-License-Identifier: MIT
"""examples/bare_metal on emulated boards, against a real viam-server: mps2 is a Cortex-M3 with TLS, over its UART
or, with lwIP, over its Ethernet; virt a RISC-V 32 in plaintext over its UART."""
import contextlib
import signal
import time
import zlib

import boards
import peers
import pytest
from names import Names
from relay import Relay, Spy
from rpc import Client, Watch

MARGIN = 0.1                            # s, beyond the window
WINDOWS = {"2s": 2.0, "500ms": 0.5}
# Octets. Stack is that of the whole program, interrupts included.
MOST = {"handshake": 4608, "stack": 1024, "block": 20480}


@contextlib.contextmanager
def controller(machine, certs, leaf="ec", window="2s", picture=None, between=None, again=False, **values):
    """The hand controller, READY with a viam-server: yields the board, what lies between, and a watch on the motor. values: settings."""
    leaf, ca = (certs[leaf], certs.ca) if boards.MACHINES[machine].has_tls else (None, None)
    between = between or (lambda address: Spy(address, leaf, ca))
    with peers.viam_server(leaf, window, picture=picture) as server, between(server.address) as relay, \
            Client(server.address, ca, peers.WATCH_ID, peers.WATCH_KEY) as client, Watch(client, "left") as watch:
        elf = boards.client(machine, server.folder, relay.address, ca, leaf, **values)
        with boards.board(machine, elf, boards.wire_to(relay.address, again)) as board:
            board.ready = board.console.expect(r"ready after (\d+) ms, (\S*)\r", 40)
            yield board, relay, watch


def drive(board, watch):
    board.key("f")
    return watch.wait(True, 5)


def memory(board):
    """Octets of stack since the last question, and of the client's block."""
    found = board.console.expect(r"stack used: (\d+), block: (\d+)\r")
    return int(found.group(1)), int(found.group(2))


@pytest.mark.parametrize("machine, picture, least", [("mps2", (4800, 3600), 290_000), ("mps2 lwIP", (4800, 3600), 290_000),
                                                     ("mps2 TINY", (2600, 1800), 80_000), ("virt", (1500, 1000), 32_000)])
def test_everything(row, certs, machine, picture, least):
    """Drives, reads, takes a picture of many times the block's size, stops; and what that took of memory."""
    row(machine, "drives, reads a sensor, takes a picture, stops")
    with controller(machine, certs, picture=picture) as (board, spy, watch):
        handshake, block = memory(board)
        drive(board, watch)
        board.key("r")
        readings = {board.console.expect(r"([abc]) = (\d\.\d{3})\r").groups() for _ in range(3)}
        assert readings == {("a", "1.000"), ("b", "2.000"), ("c", "3.000")}
        start = time.monotonic()
        board.key("i")
        octets, crc = (int(n) for n in board.console.expect(r"picture: (\d+) octets, CRC-32 (\d+)\r", 110).groups())
        took = time.monotonic() - start
        sent = spy.named("GetImages")[0].reply[5:]
        assert (octets, crc) == (len(sent), zlib.crc32(sent))
        assert octets >= least and octets > 4 * block
        assert [on for _, on, _ in watch.changes].count(True) == 1 and watch.on, f"the motor dropped: {watch.changes}"
        board.key("s")
        watch.wait(False, 2)
        board.key("m")
        stack = memory(board)[0]
        row.figure = f"{board.ready.group(2) or 'no texts'}; picture of {octets} octets in {took:.1f} s; octets of stack: until READY {handshake}, " \
                     f"then {stack}; block {block}"
        assert spy.failed is None
        assert "late by" not in board.console.text, board.console.text
        assert handshake <= MOST["handshake"] and stack <= MOST["stack"] and block <= MOST["block"], row.figure


@pytest.mark.parametrize("leaf", ["ec", "rsa", "middle"])
def test_handshake(row, certs, leaf):
    """TLS as a board wants it: X25519 and ChaCha20, whatever the robot's certificate, end to end."""
    row("mps2", f"TLS, certificate {leaf}")
    with controller("mps2", certs, leaf, between=Relay) as (board, relay, _):
        stack, _ = memory(board)
        kind = "RSA" if leaf == "rsa" else "ECDSA"
        assert board.ready.group(2) == f"ECDHE-{kind}-CHACHA20-POLY1305"
        curve = key_exchange_curve(relay.began)
        row.figure = f"READY after {board.ready.group(1)} ms, curve {curve}, {stack} octets of stack"
        assert curve == 29, row.figure          # RFC 8446 4.2.7: x25519
        assert stack <= MOST["handshake"], row.figure


@pytest.mark.parametrize("machine, leaf", [("mps2", "stranger"), ("mps2", "wrong-name"), ("mps2", "expired"), ("mps2 TINY", "cloud")])
def test_impostor(row, certs, machine, leaf):
    """Who cannot show what the board trusts (with TINY: the key that is pinned) gets no call, and so no API key; the board gives up."""
    row(machine, f"robot that shows {leaf}'s certificate")
    with peers.viam_server(certs["ec"]) as server, Spy(server.address, certs[leaf], certs.ca) as spy:
        elf = boards.client(machine, server.folder, spy.address, certs.ca, certs["ec"])
        with boards.board(machine, elf, boards.wire_to(spy.address, again=True)) as board:
            row.figure = board.console.expect(r"(gave up: [^\r]*)\r", 40).group(1)
            assert row.figure.endswith(" 34") and not spy.calls and "ready" not in board.console.text, board.console.text  # VIAMC_ERR_TLS_CERT


def key_exchange_curve(octets):
    """NamedCurve of the ServerKeyExchange in a server's first flight (RFC 5246 6.2.1, 7.4; RFC 8422 5.4)."""
    messages, at = b"", 0
    while at + 5 <= len(octets) and octets[at] == 22:
        size = int.from_bytes(octets[at + 3:at + 5], "big")
        messages += octets[at + 5:at + 5 + size]
        at += 5 + size
    at = 0
    while at + 4 <= len(messages):
        if messages[at] == 12:
            return int.from_bytes(messages[at + 5:at + 7], "big")
        at += 4 + int.from_bytes(messages[at + 1:at + 4], "big")
    return None


@pytest.mark.parametrize("machine, window", [("mps2", "2s"), ("mps2", "500ms"), ("mps2 lwIP", "2s"), ("mps2 FreeRTOS", "2s"), ("virt", "2s")])
def test_frozen(row, certs, machine, window):
    """The board stands still: the robot stops the motor one window after the last heartbeat. Awake again, it does not drive by itself."""
    row(machine, f"frozen, window {window}")
    with controller(machine, certs, window=window) as (board, spy, watch):
        drive(board, watch)
        time.sleep(1.3)
        board.signal(signal.SIGSTOP)
        time.sleep(0.05)
        last = spy.last_beat("SetPower")
        after = watch.wait(False, WINDOWS[window] + 1) - last
        row.figure = f"stops {after:.3f} s after the last heartbeat or SetPower, allowed {WINDOWS[window] + MARGIN:.1f}"
        assert WINDOWS[window] - 0.05 <= after <= WINDOWS[window] + MARGIN, row.figure
        assert [on for _, on, _ in watch.changes].count(True) == 1, watch.changes
        board.signal(signal.SIGCONT)
        board.console.expect("session lost|lost: ", 10)
        time.sleep(0.5)
        assert not watch.on, "drives again after it was frozen"


def test_freertos(row, certs):
    """Two tasks: the application's wishes go through a queue; when it hangs, the task that owns viamc stops the motor."""
    row("mps2 FreeRTOS", "drives, reads a sensor, stops; the application hangs")
    with controller("mps2 FreeRTOS", certs) as (board, spy, watch):
        stack, block = memory(board)
        drive(board, watch)
        board.key("r")
        readings = {board.console.expect(r"([abc]) = (\d)\r").groups() for _ in range(3)}
        assert readings == {("a", "1"), ("b", "2"), ("c", "3")}
        board.key("s")
        watch.wait(False, 2)
        drive(board, watch)
        time.sleep(1)
        assert watch.on
        board.key("h")
        start = time.monotonic()
        watch.wait(False, 2)
        row.figure = f"stopped {time.monotonic() - start:.2f} s after the application hung; {stack} octets of stack, block {block}"
        assert spy.named("Stop") and "late by" not in board.console.text, board.console.text
        assert stack <= MOST["handshake"] and block <= MOST["block"], row.figure


def test_cut(row, certs):
    """The line goes dead in the middle: the motor stops, the board finds out, and is there again when the line is."""
    row("mps2", "line dead for a while")
    with controller("mps2", certs, between=Relay, again=True) as (board, relay, watch):
        drive(board, watch)
        relay.hang_up()
        start = time.monotonic()
        watch.wait(False, 3)
        board.console.expect("lost: .*", 30)
        board.console.expect("ready after", 60)
        row.figure = f"READY again {time.monotonic() - start:.1f} s after the cut"


def test_name(row, certs):
    """lwIP asks for the robot's address; a name that nobody has is an error."""
    row("mps2 lwIP", "the robot by name, and one that is not there")
    names = {"rover.test": boards.HOST}
    with Names(names) as server, peers.viam_server(certs["ec"]) as robot:
        port = robot.address.rsplit(":", 1)[1]
        elf = boards.client("mps2 lwIP", robot.folder, f"rover.test:{port}", certs.ca, certs["ec"])
        with boards.board("mps2 lwIP", elf, names=server) as board:
            board.console.expect(r"ready after", 40)
            assert "rover.test" in server.asked, server.asked
        names.clear()
        with boards.board("mps2 lwIP", elf, names=server) as board:
            row.figure = board.console.expect(r"(gave up: [^\r]*)\r", 60).group(1)
            assert "DNS" in row.figure, row.figure


def test_point_cloud(row, certs):
    """Eight hundred times the block of the client in one message: 14.7 MB over Ethernet."""
    row("mps2 lwIP", "point cloud while driving")
    with controller("mps2 lwIP", certs, picture=(1280, 720), between=Relay) as (board, _, watch):
        drive(board, watch)
        start = time.monotonic()
        board.key("p")
        octets, _ = (int(n) for n in board.console.expect(r"picture: (\d+) octets, CRC-32 (\d+)\r", 110).groups())
        row.figure = f"{octets} octets in {time.monotonic() - start:.1f} s"
        assert octets > 14_000_000, row.figure
        assert [on for _, on, _ in watch.changes].count(True) == 1 and watch.on, f"the motor dropped: {watch.changes}"
