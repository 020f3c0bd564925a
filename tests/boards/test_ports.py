# SPDX-License-Identifier: MIT
"""tests/port_check.c on every port: sockets here, Winsock under wine, UARTs on emulated boards. At the other end echoes echo.py."""
import contextlib
import socket
import sys

import boards
import peers
import pytest
from test_units import environment


@contextlib.contextmanager
def echo():
    """Yields the port that echoes, and one that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = closed.getsockname()[1]
    with peers.Process(sys.executable, boards.HERE / "echo.py", "0") as process:
        yield process.expect(r"^listening on (\d+)$").group(1), dead


def test_posix(row):
    row("posix", "port_check")
    program = peers.new_folder() / "port_check"
    boards.run("cc", "-std=gnu99", "-DVIAMC_STATIC", "-DVIAMC_IMPLEMENTATION", "-DVIAMC_NO_TLS", "-DPORT_CHECK_MAIN", "-I", boards.ROOT,
               "-o", program, boards.ROOT / "tests/port_check.c")
    with echo() as (number, dead):
        row.figure = boards.run(program, "127.0.0.1", number, dead).strip()


def test_windows(row):
    row("windows", "port_check")
    wine = boards.need_tool("wine")
    boards.need_tool("x86_64-w64-mingw32-gcc")
    boards.run("make", "-s", "-f", "tests/boards/units.mk", "SYSTEM=windows", "build/boards/windows/examples/port_check.exe", cwd=boards.ROOT)
    with echo() as (number, dead):
        row.figure = boards.run(wine, boards.OUT / "windows/examples/port_check.exe", "127.0.0.1", number, dead, env=environment()).strip()


@pytest.mark.parametrize("machine", [name for name, machine in boards.MACHINES.items() if machine.line != "freertos" and not machine.profile])
def test_board(row, machine):
    row(machine, "port_check")
    with echo() as (number, dead):
        header = boards.settings(peers.new_folder(), None, plaintext=True)
        if boards.MACHINES[machine].has_ethernet:
            with open(header, "a", encoding="ascii") as file:
                file.write(f'#define APP_PEER "{boards.HOST}"\n#define APP_PEER_PORT {number}\n#define APP_DEAD_PORT {dead}\n')
        elf = boards.firmware(machine, "check", header)
        with boards.board(machine, elf, boards.wire_to(f"127.0.0.1:{number}")) as board:
            row.figure = board.console.expect(r"port_check: (not )?good", 40).group(0)
            assert row.figure == "port_check: good", board.console.text
