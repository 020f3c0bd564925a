#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What viamc costs on an emulated Cortex-M3 (tests/bench/board.c): instructions, counted with QEMU's -icount, stack and RAM.

    tools/board.py           each figure with its goal: "name value unit goal met|not-met"

The same source, compiler and certificates give the same figures; the certificates are made anew where build/size is not there, and
what is in them (lengths of signatures) moves a handshake by less than a thousandth.
Needs gcc-arm-none-eabi, libnewlib-arm-none-eabi, qemu-system-arm, openssl and the sources that tests/boards/sources.sh fetches.
"""
import re
import subprocess
import sys

import cross

CPU = "cortex-m3"
FLAGS = "-Wall -Wextra -Werror -DVIAMC_NO_SERVER -DVIAMC_NO_STRINGS -nostartfiles".split()
SCRIPT = cross.ROOT / "examples/bare_metal/mps2.ld"
QEMU = "qemu-system-arm -M mps2-an385 -nographic -monitor none -semihosting-config enable=on,target=native -icount shift=6 -serial null -kernel"
HZ = 168_000_000                        # of the usual Cortex-M4
CYCLES = 1.4                            # an instruction, there

EC, RSA2, RSA4 = ["EC", "ec_paramgen_curve:prime256v1"], ["RSA", "rsa_keygen_bits:2048"], ["RSA", "rsa_keygen_bits:4096"]
CHAINS = {"ec": [EC, EC], "rsa": [RSA2, RSA2], "web": [EC, RSA2, RSA4]}     # keys, from the leaf to the root

GOALS = {                               # issue of the boards: instructions, octets
    "unary_call": ("board_unary", "instructions", 1800),
    "idle_poll": ("board_idle_poll", "instructions", 60),
    "poll_stack": ("board_poll_stack", "bytes", 512),
    "poll_stack_most": ("board_poll_stack_most", "bytes", 512),
    "ram_plain": ("board_ram_plain", "bytes", 2816),
    "ram_plain_auth": ("board_ram_plain_auth", "bytes", 3328),
    "ram_tls": ("board_ram_tls", "bytes", 15360),
    "ram_stream": ("board_ram_stream", "bytes", 32),
    "ram_call": ("board_ram_call", "bytes", 96),
}
FOREIGN = 16                            # octets of stack of a function of the C library's (memcpy and its like)
HANDSHAKES = {"ec": 30_000_000, "rsa": 12_500_000, "web": 36_000_000}


# ---- certificates ----

def new_chain(folder, kinds):
    """NUMBER.key and NUMBER.pem, from the leaf, 0, to the root."""
    folder.mkdir(parents=True)
    for number in reversed(range(len(kinds))):
        algorithm, option = kinds[number]
        cross.run("openssl", "genpkey", "-quiet", "-algorithm", algorithm, "-pkeyopt", option, "-out", folder / f"{number}.key")
        words = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]
        if number == 0:
            words = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth",
                     "-addext", "subjectAltName=DNS:localhost"]
        if number + 1 < len(kinds):
            words += ["-CA", folder / f"{number + 1}.pem", "-CAkey", folder / f"{number + 1}.key"]
        cross.run("openssl", "req", "-x509", "-new", "-sha256", "-days", "3650", "-subj", f"/CN=measurement {number}", "-key", folder / f"{number}.key",
                 "-out", folder / f"{number}.pem", *words)


def array(name, octets):
    return f"static unsigned char {name}[] = {{{', '.join(map(str, octets))}}};\n"


def chain_header(name, kinds):
    """The header that board.c takes as CHAIN, with certificates that were made once."""
    folder = cross.OUT / "chains" / name
    if not (folder / "0.pem").exists():
        new_chain(folder, kinds)
    sent = range(len(kinds) - 1)
    cross.run(sys.executable, cross.ROOT / "tools/anchor.py", "--name", "app_anchors", "-o", folder / "anchors.h", folder / f"{len(kinds) - 1}.pem")
    cross.run("openssl", "pkey", "-in", folder / "0.key", "-outform", "DER", "-out", folder / "key.der")
    lines = ['#include "anchors.h"\n', array("app_key", (folder / "key.der").read_bytes())]
    for number in sent:
        cross.run("openssl", "x509", "-in", folder / f"{number}.pem", "-outform", "DER", "-out", folder / f"{number}.der")
        lines.append(array(f"app_cert{number}", (folder / f"{number}.der").read_bytes()))
    lines.append(f"static const br_x509_certificate app_chain[] = {{{', '.join(f'{{app_cert{n}, sizeof app_cert{n}}}' for n in sent)}}};\n")
    lines.append(f"enum {{ app_chain_len = {len(sent)} }};\n#define APP_TIME {int((folder / '0.pem').stat().st_mtime) + 86400}u\n")
    lines.append(f"#define APP_ISSUER BR_KEYTYPE_{kinds[1][0]}\n")
    (folder / "chain.h").write_text("".join(lines))
    return folder / "chain.h"


# ---- the board ----

def measure(name, *options, archives=()):
    """The firmware's figures, {name: value}."""
    elf = cross.OUT / f"board-{name}.elf"
    cross.gcc(CPU, *FLAGS, *options, *cross.LINK, *cross.INCLUDES, "-T", SCRIPT, "-o", elf, cross.BENCH / "board.c", *archives)
    done = subprocess.run([*QEMU.split(), str(elf)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    figures = {key: int(value) for key, value in (line.split() for line in done.stdout.split("\n") if line.count(" ") == 1)}
    if "poll_stack" not in figures:
        raise SystemExit(f"board: {name}: {done.stdout}")
    return figures


def most_stack(root, *options):
    """Octets of stack below the deepest chain of calls that begins with a function, as the compiler has it; what is called through pointers,
    ports and sinks, is not in it."""
    graph = cross.OUT / "stack.ci"
    cross.gcc(CPU, "--specs=nano.specs", *FLAGS, *options, *cross.INCLUDES, "-fcallgraph-info=su", "-c", "-o", graph.with_suffix(".o"), cross.BENCH / "board.c")
    text = graph.read_text()
    if "bytes (dynamic" in text:
        raise SystemExit("board: a function's stack is not known beforehand")
    frames = {name: int(octets) for name, octets in re.findall(r'node: { title: "([^"]*)" label: "[^"]*\\n(\d+) bytes \(static\)', text)}
    calls = {}
    for caller, callee in re.findall(r'edge: { sourcename: "([^"]*)" targetname: "([^"]*)"', text):
        calls.setdefault(caller, set()).add(callee)

    def depth(name, above):
        if name in above:
            raise SystemExit(f"board: {name} calls itself: there is no bound of stack")
        below = [depth(callee, above | {name}) for callee in calls.get(name, ()) if callee != "__indirect_call"]
        return frames.get(name, FOREIGN) + max(below, default=0)
    return depth(root, frozenset())


def goal(name):
    return {figure: most for figure, _, most in GOALS.values()}[name]


def with_tls(chain, option):
    """The figures with TLS, the robot having this chain."""
    return measure(f"{chain}{option}", option, f'-DCHAIN="{chain_header(chain, CHAINS[chain])}"', archives=cross.libraries(CPU, option)[:1])


def memory():
    """What needs no chain of its own: {figure: (value, unit, goal)}."""
    plain = measure("plain", "-Os", "-DVIAMC_NO_TLS")
    plain["poll_stack_most"] = most_stack("viamc_poll", "-Os", "-DVIAMC_NO_TLS")
    found = {**with_tls("ec", "-Os"), **plain}
    return {name: (found[key], unit, most) for key, (name, unit, most) in GOALS.items()}


def measure_all():
    """Everything: {figure: (value, unit, goal or None)}."""
    found = memory()
    fast = measure("shortcuts", "-Os", "-DVIAMC_NO_TLS", "-DVIAMC_SHORTCUTS=1")
    found["board_unary_shortcuts"] = (fast["unary_call"], "instructions", 1800)
    found["board_unary_tls"] = (with_tls("ec", "-Os")["unary_call"], "instructions", 17000)
    longest = 0
    for chain, most in HANDSHAKES.items():
        figures = with_tls(chain, "-O2")
        found[f"board_handshake_{chain}"] = (figures["dial"], "instructions", most)
        longest = max(longest, figures["longest_poll"])
    found["board_longest_poll"] = (longest, "instructions", None)
    found["board_longest_poll_ms"] = (round(longest * CYCLES / HZ * 1000), "ms_at_168_MHz", None)
    return found


def main():
    for name, (value, unit, most) in measure_all().items():
        print(name, value, unit, most or "-", "-" if most is None else "met" if value <= most else "not-met")
    return 0


if __name__ == "__main__":
    sys.exit(main())
