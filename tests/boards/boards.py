# SPDX-License-Identifier: MIT
"""Emulated boards as context managers: their firmware is built for the test's robot, their UART leads to a TCP port of this machine."""
import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time

import peers
import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUT = ROOT / "build/boards"
SRC = OUT / "src"
FIRMWARE = ROOT / "examples/bare_metal"

MPS2 = ("qemu-system-arm", "-M", "mps2-an385")
VIRT = ("qemu-system-riscv32", "-M", "virt", "-bios", "none", "-m", "8M")
WIRES = 3                               # LINE_PEERS of mps2's UARTs
HOST = "10.0.2.2"                       # this machine's 127.0.0.1, as QEMU's own network has it


class Machine:
    """What the Makefile of the firmware knows a board by, and QEMU's words for it."""

    def __init__(self, board, line, compiler, words, profile=""):
        self.profile = profile                  # VIAMC_PROFILE_...; with TINY a pinned key
        self.board, self.line, self.compiler, self.words = board, line, compiler, words
        self.has_console = board == "mps2"      # a UART of its own, UART1
        self.has_tls = board == "mps2"
        self.has_ethernet = line != "uart"


MACHINES = {
    "mps2": Machine("mps2", "uart", "arm-none-eabi-gcc", MPS2),
    "mps2 lwIP": Machine("mps2", "lwip", "arm-none-eabi-gcc", MPS2),
    "mps2 FreeRTOS": Machine("mps2", "freertos", "arm-none-eabi-gcc", MPS2),
    "mps2 TINY": Machine("mps2", "uart", "arm-none-eabi-gcc", MPS2, "TINY"),
    "virt": Machine("virt", "uart", "riscv64-unknown-elf-gcc", VIRT),
}


def need_tool(name):
    """The path of a program; without it the test is skipped, in CI failed."""
    path = shutil.which(name)
    if path is None:
        reason = f"missing tool: {name} (tools/setup.sh boards)"
        pytest.fail(reason, pytrace=False) if peers.IN_CI else pytest.skip(reason)
    return path


def run(*command, **options):
    """Output of a command; the test fails if it does."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    assert done.returncode == 0, f"{' '.join(str(word) for word in command)}: exit code {done.returncode}\n{done.stdout[-3000:]}"
    return done.stdout


def settings(folder, ca, plaintext, **values):
    """A settings.h for the firmware, with the authority that it trusts, if any."""
    lines = [f'#define APP_{name.upper()} ' + (f'"{value}"' if isinstance(value, str) else str(value)) for name, value in values.items()]
    if ca:
        run(sys.executable, ROOT / "tools/anchor.py", "--name", "app_anchors", "-o", folder / "anchors.h", ca)
        lines.append(f'#include "{folder}/anchors.h"')
    if plaintext:
        lines.append("#define APP_PLAINTEXT 1")
    (folder / "settings.h").write_text("\n".join(lines) + "\n")
    return folder / "settings.h"


def der(pem, folder):
    """The certificates of a PEM file as files of their own."""
    paths = []
    for number, text in enumerate(re.findall(r"-+BEGIN CERTIFICATE-+.*?-+END CERTIFICATE-+\n", pathlib.Path(pem).read_text(), re.S)):
        paths.append(folder / f"{number}.der")
        paths[-1].write_bytes(ssl.PEM_cert_to_DER_cert(text))
    return paths


def firmware(machine, name, header):
    """Builds it with these settings; what does not depend on them is built once."""
    machine = MACHINES[machine]
    need_tool(machine.compiler)
    out = OUT / f"{machine.board}-{machine.line}{machine.profile}"
    extra = [f"EXTRA=-DVIAMC_PROFILE_{machine.profile}"] if machine.profile else []
    run("make", "-s", f"-j{os.cpu_count()}", "-C", FIRMWARE, f"BOARD={machine.board}", f"LINE={machine.line}", f"OUT={out}",
        f"SETTINGS={header}", *extra, *[f"{source.upper()}={SRC / source}" for source in ("bearssl", "nanopb", "lwip", "freertos")], out / f"{name}.elf")
    return shutil.copy(out / f"{name}.elf", header.parent)


def pin(leaf):
    """The settings' lines for a robot with this certificate."""
    key = subprocess.run(["openssl", "pkey", "-in", leaf.key, "-pubout", "-outform", "DER"], stdout=subprocess.PIPE, check=True).stdout
    octets = ", ".join(map(str, hashlib.sha256(key).digest()))
    return f"#define APP_PINNED\nstatic const uint8_t app_pin[32] = {{{octets}}};\n"


def client(machine, folder, address, ca=None, leaf=None, **values):
    """The hand controller of examples/bare_metal, for a robot with this certificate authority (None: plaintext), or this certificate alone."""
    is_tiny = MACHINES[machine].profile == "TINY"
    header = settings(folder, None if is_tiny else ca, ca is None, address=seen_from(machine, address), server_name="localhost", key=peers.KEY, key_id=peers.KEY_ID,
                      motor="left", sensor="imu", camera="camera", **values)
    if is_tiny:
        header.write_text(header.read_text() + pin(leaf))
    return firmware(machine, "client", header)


def seen_from(machine, address):
    """An address of this machine's, as the board has to call it; on a UART it is only a name."""
    return address.replace("127.0.0.1", HOST) if MACHINES[machine].has_ethernet else "localhost:8080"


def robot(machine, folder, leaf=None):
    """The motor of examples/bare_metal_robot, with this certificate (None: plaintext)."""
    header = settings(folder, None, plaintext=leaf is None, key=peers.KEY, key_id=peers.KEY_ID, motor="left")
    if leaf:
        with open(header, "a", encoding="ascii") as file:
            for name, command in [("certificate", ["x509", "-in", leaf.chain]), ("private_key", ["pkcs8", "-topk8", "-nocrypt", "-in", leaf.key])]:
                octets = subprocess.run(["openssl", *command, "-outform", "DER"], stdout=subprocess.PIPE, check=True).stdout
                file.write(f"static const uint8_t app_{name}[] = {{{', '.join(map(str, octets))}}};\n")
    return firmware(machine, "robot", header)


class Console:
    """What a board prints, and keys for it: a socket that QEMU connects to."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.text = ""
        self._seen = 0                  # of text, by expect
        self._connection = None
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with contextlib.suppress(OSError):
            self._connection = self._listener.accept()[0]
            while octets := self._connection.recv(4096):
                self.text += octets.decode("latin-1")

    def close(self):
        self._listener.close()
        if self._connection:
            self._connection.close()

    def key(self, key):
        self._connection.sendall(key.encode())

    def expect(self, pattern, timeout=10):
        """The match of a pattern in what is printed after the last match."""
        end = time.monotonic() + timeout
        while True:
            found = re.compile(pattern).search(self.text, self._seen)
            if found:
                self._seen = found.end()
                return found
            if time.monotonic() > end:
                raise AssertionError(f"the board did not print /{pattern}/; it printed:\n{self.text[-2000:]}")
            time.sleep(0.005)


class KeyFile:
    """Keys for a board whose only UART is its wire: a file of one octet that it looks for, and removes."""

    def __init__(self, folder):
        self._new, self._path = folder / "key.new", folder / "key"

    def __call__(self, key):
        peers.until(lambda: not self._path.exists(), 5, "room for a key")
        self._new.write_text(key)
        self._new.rename(self._path)


@contextlib.contextmanager
def board(machine, elf, *wires, forward=None, names=None):
    """A running board, .console; its wires are QEMU's words for a chardev each, or, with lwIP, all of them are this machine's network,
    a port here leads to the board's 8080, and it may have a name server (names.py)."""
    console = Console()
    machine = MACHINES[machine]
    program, *words = machine.words
    if machine.has_ethernet:
        wires = ()
        words += ["-nic", "user,model=lan9118" + (f",hostfwd=tcp:127.0.0.1:{forward}-:8080" if forward else "")]
    words += ["-display", "none", "-nodefaults", "-monitor", "none", "-kernel", elf]
    for number, wire in enumerate(wires):
        words += ["-chardev", f"{wire},id=wire{number}"]
    words += ["-chardev", f"socket,id=console,host=127.0.0.1,port={console.port}"]
    serials = [f"wire{number}" for number in range(len(wires))] or ["none"]
    if machine.has_console:
        serials.insert(1, "console")
    words += ["-semihosting-config", "enable=on,target=native" + ("" if machine.has_console else ",chardev=console")]
    for serial in serials:
        words += ["-serial", "none" if serial == "none" else f"chardev:{serial}"]
    try:
        own = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', names.resolv) if names else ()
        with peers.Process(*own, need_tool(program), *words) as process:
            process.console = console
            process.key = console.key if machine.has_console else KeyFile(process.folder)
            yield process
    finally:
        console.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wire_to(address, again=False):
    """A UART that is connected to a TCP port before the board starts; or a while after it, and again when that closes."""
    host, port = address.rsplit(":", 1)
    return f"socket,host={host},port={port},nodelay=on" + (",reconnect=1" if again else "")
