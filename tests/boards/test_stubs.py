# SPDX-License-Identifier: MIT
"""The examples for ESP-IDF, Zephyr and Arduino, compiled against stubs/: headers that only name what these systems have. What runs are their
ports, over this machine's sockets (stubs/here)."""
import boards
import peers
import pytest
from test_ports import echo

# The system's word, compiler, sources, and where the stubs are
SYSTEMS = {
    "ESP-IDF": ("ESP_PLATFORM", ["arm-none-eabi-gcc", "-std=gnu99"], ["sockets/socket_port.c", "sockets/main.c", "sockets/viamc.c", "esp_idf/main/main.c"], "esp_idf"),
    "Zephyr": ("__ZEPHYR__", ["arm-none-eabi-gcc", "-std=gnu99"], ["sockets/socket_port.c", "sockets/main.c", "sockets/viamc.c", "zephyr/main.c"], "zephyr"),
    "Arduino": ("ARDUINO", ["arm-none-eabi-g++", "-std=gnu++11", "-x", "c++"], ["arduino/drive/drive.ino"], "arduino"),
}
HERE = {"ESP-IDF": ["cc", "-std=gnu99"], "Zephyr": ["cc", "-std=gnu99"], "Arduino": ["c++", "-std=gnu++11"]}
LONGEST = 400                           # lines of a port


@pytest.mark.parametrize("system", SYSTEMS)
def test_compiles(row, certs, system):
    row(system, "examples compile against stubs")
    word, compiler, sources, stubs = SYSTEMS[system]
    boards.need_tool(compiler[0])
    folder = peers.new_folder()
    header = boards.settings(folder, certs.ca, plaintext=False, address="a:1", key="k", key_id="i", motor="left", wifi="w", password="p")
    for source in sources:
        boards.run(*compiler, "-mcpu=cortex-m4", "-mthumb", "-Os", "-Wall", "-Wextra", "-Werror", f"-D{word}", f'-DSETTINGS="{header}"', "-I", folder,
                   "-I", boards.HERE / "stubs" / stubs, "-I", boards.ROOT, "-I", boards.ROOT / "examples/sockets", "-I", boards.SRC / "bearssl/inc",
                   "-I", boards.SRC / "nanopb", "-c", "-o", folder / "out.o", boards.ROOT / "examples" / source)
    row.figure = f"{len(sources)} files; compiled, not run"


@pytest.mark.parametrize("system", HERE)
def test_port(row, system):
    """port_check of the port that these systems get: its logic, not their sockets."""
    row(system, "its port over this machine's sockets: port_check")
    word, _, _, stubs = SYSTEMS[system]
    folder = peers.new_folder()
    here = boards.HERE / "stubs/here"
    sources = [here / "arduino.cpp"] if system == "Arduino" else [here / "sockets.c", boards.ROOT / "examples/sockets/socket_port.c"]
    boards.run(*HERE[system], "-Wall", "-Wextra", "-Werror", f"-D{word}", "-DVIAMC_STATIC", "-DVIAMC_IMPLEMENTATION", "-DVIAMC_NO_TLS",
               "-I", here / stubs, "-I", boards.HERE / "stubs" / stubs, "-I", boards.ROOT, "-I", boards.ROOT / "tests", "-I", boards.ROOT / "examples/sockets",
               "-I", boards.ROOT / "examples/arduino/drive", "-o", folder / "check", *sources)
    with echo() as (number, dead):
        row.figure = boards.run(folder / "check", "127.0.0.1", number, dead).strip()


def test_ports_are_leaves(row):
    """A port is one file of at most 400 lines, and its header."""
    row("ports", "lines")
    ports = [*boards.ROOT.glob("examples/**/*_port.[ch]"), boards.FIRMWARE / "uart.c", *boards.FIRMWARE.glob("lan9118.c"),
             boards.FIRMWARE / "mps2.c", boards.FIRMWARE / "virt.c", *boards.ROOT.glob("src/ports/*_impl.h")]
    lines = {path.name: len(path.read_text().splitlines()) for path in ports}
    row.figure = ", ".join(f"{name} {count}" for name, count in sorted(lines.items()))
    assert max(lines.values()) <= LONGEST, row.figure
