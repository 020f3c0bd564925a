# SPDX-License-Identifier: MIT
"""examples/drive and examples/robot as Windows programs, under wine: names, sockets, certificate store and clock are Windows' own."""
import signal
import time

import boards
import peers
import pytest
from certs import CLOUD
from relay import Spy
from rpc import Client, Watch
from test_mdns import announce
from test_units import environment

WINDOW, MARGIN = 2.0, 0.1


@pytest.fixture(scope="module")
def windows(certs):
    """Runs an example; the tests' authorities are in wine's store."""
    wine = boards.need_tool("wine")
    boards.need_tool("x86_64-w64-mingw32-gcc")
    examples = boards.OUT / "windows/examples"
    boards.run("make", "-s", "-j2", "-f", "tests/boards/units.mk", "SYSTEM=windows",
               *[f"build/boards/windows/examples/{name}.exe" for name in ("drive", "robot", "add_root")], cwd=boards.ROOT)
    folder = peers.new_folder()
    roots = boards.der(certs.ca, folder)
    boards.run(wine, examples / "add_root.exe", *roots, env=environment())
    return lambda name, *words: peers.Process(wine, examples / f"{name}.exe", *words, env={**environment(), "HOME": str(folder)})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_drive(row, certs, windows, host):
    row("windows", f"drive {host}:PORT, five seconds")
    with peers.viam_server(certs["ec"]) as server, Client(server.address, certs.ca, peers.WATCH_ID, peers.WATCH_KEY) as client, \
            Watch(client, "left") as watch, \
            windows("drive", f"{host}:{server.address.rsplit(':', 1)[1]}", peers.KEY, peers.KEY_ID) as drive:
        start = watch.wait(True, 30)
        assert drive.wait(20) == 0, drive.printed()
        assert "a = 1" in drive.out, drive.printed()
        row.figure = f"on for {watch.wait(False, 3) - start:.1f} s"
        assert [on for _, on, _ in watch.changes].count(True) == 1, watch.changes


def test_drive_by_name(row, certs, windows):
    """A name of viam's cloud, announced on the local network."""
    row("windows", f"drive {CLOUD}")
    with peers.viam_server(certs["cloud"]) as server, announce(server.address.rsplit(":", 1)[1], CLOUD.replace(".", "-")) as responder:
        responder.expect("announced")
        with Client(server.address, certs.ca, peers.WATCH_ID, peers.WATCH_KEY, name=CLOUD) as client, Watch(client, "left") as watch, \
                windows("drive", CLOUD, peers.KEY, peers.KEY_ID) as drive:
            watch.wait(True, 30)
            assert drive.wait(20) == 0, drive.printed()
            row.figure = "found, verified, driven"


def test_unknown_root(row, certs, windows):
    row("windows", "drive, chain to an unknown root")
    with peers.viam_server(certs["stranger"]) as server, windows("drive", server.address, peers.KEY, peers.KEY_ID) as drive:
        assert drive.wait(30) == 1, drive.printed()
        row.figure = drive.err.strip().split("\n")[-1]
        assert "drive: TLS:" in row.figure, drive.printed()


@pytest.mark.parametrize("name, words", [("no such name", "nowhere.invalid:8080"), ("nobody listens", "127.0.0.1:1")])
def test_nobody_there(row, windows, name, words):
    row("windows", f"drive, {name}")
    with windows("drive", words, peers.KEY, peers.KEY_ID) as drive:
        assert drive.wait(30) == 1, drive.printed()
        row.figure = drive.err.strip().split("\n")[-1]
        assert row.figure.startswith("drive: "), drive.printed()


@pytest.mark.parametrize("what, number", [("killed", signal.SIGKILL), ("frozen", signal.SIGSTOP)])
def test_dead_driver(row, certs, windows, what, number):
    row("windows", f"drive {what}, window 2s")
    leaf = certs["ec"]
    with peers.viam_server(leaf) as server, Spy(server.address, leaf, certs.ca) as spy, \
            Client(server.address, certs.ca, peers.WATCH_ID, peers.WATCH_KEY) as client, Watch(client, "left") as watch, \
            windows("drive", spy.address, peers.KEY, peers.KEY_ID) as drive:
        watch.wait(True, 30)
        time.sleep(1.3)
        drive.signal(number)
        time.sleep(0.05)
        after = watch.wait(False, WINDOW + 1) - spy.last_beat("SetPower")
        row.figure = f"stops {after:.3f} s after the last heartbeat, allowed {WINDOW + MARGIN:.1f}"
        assert WINDOW - 0.05 <= after <= WINDOW + MARGIN, row.figure


def test_robot(row, certs, windows):
    row("windows", "robot: sdk client drives over TLS, then dies")
    leaf = certs["ec"]
    with windows("robot", "--listen", "127.0.0.1:0", "--cert", leaf.chain, "--key", leaf.key, "--api-key-id", peers.KEY_ID,
                 "--api-key", peers.KEY) as robot:
        address = robot.expect(r"listening on (\S+:\d+)", 30).group(1)
        with peers.sdk_client(address, "names", "motor=left", "on=left", "sleep=30") as client:
            robot.expect(r"left\s+power \+0\.50", 20)
            robot.expect(r"left\s+power \+0\.30", 20)
            start = client.signal(signal.SIGKILL)
            robot.expect("left stopped", WINDOW + 1)
            row.figure = f"stops {time.monotonic() - start:.3f} s after the signal, allowed {WINDOW + MARGIN:.1f}"
            assert time.monotonic() - start <= WINDOW + MARGIN, row.figure
