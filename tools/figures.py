#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What viamc costs, each figure with its goal: one line each, "name value unit goal met|not-met".

    tools/figures.py [--include DIR] [-v]

    --include  where viamc.h is: the project's root (default), or its src/
    -v         what the figures are made of, to stderr: the deepest call path, the largest functions

Needs valgrind, libnghttp2-dev, gcc-arm-none-eabi, libnewlib-arm-none-eabi, libstb-dev (tools/setup.sh figures). Counts, not times: the same
source and the same compilers give the same figures. Only what a compilation takes is a time, of this machine: compile_stb, which has no goal,
is what five well-known headers take in the same run, and compile_share is viamc's time for an octet of code in percent of theirs.
"""
import argparse
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / "tests/bench"
OUT = ROOT / "build/figures"
CALLS = (2000, 4000)            # the difference of two runs is what calls cost, without what dialling costs
PAYLOAD = 100                   # octets of a call's message
BOARD = "-mcpu=cortex-m4 -mthumb -Os -std=gnu99 -ffunction-sections -fdata-sections".split()
LINK = "--specs=nano.specs --specs=nosys.specs -Wl,--gc-sections".split()


def run(*argv):
    """Output of a command; the program ends if it fails."""
    done = subprocess.run([str(word) for word in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"figures: {' '.join(str(word) for word in argv)}\n{done.stdout}")
    return done.stdout


def figure(name, value, unit, goal):
    """One line; at most the goal is good."""
    print(f"{name} {value} {unit} {goal} {'met' if value <= goal else 'not-met'}", flush=True)


# ---- calls on this machine ----

class Server:
    """h2echo on a port of its own."""

    def __enter__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen([OUT / "h2echo", str(self.port)])
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise SystemExit("figures: h2echo does not listen")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Relay:
    """Between the client and the server: counts the octets of one connection."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.server, self.count = self.listener.getsockname()[1], port, {"up": 0, "down": 0}
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        """One connection, until both sides have closed it."""
        client, _ = self.listener.accept()
        server = socket.create_connection(("127.0.0.1", self.server))
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        up = threading.Thread(target=self.pump, args=(client, server, "up"), daemon=True)
        up.start()
        self.pump(server, client, "down")
        up.join()

    def pump(self, source, sink, way):
        """Hands on what comes one way."""
        while True:
            octets = source.recv(65536)
            if not octets:
                break
            self.count[way] += len(octets)
            sink.sendall(octets)
        sink.shutdown(socket.SHUT_WR)


def build_host(include):
    """The server and the client of the measurement."""
    run("cc", "-O2", "-o", OUT / "h2echo", BENCH / "h2echo.c", "-lnghttp2")
    run("cc", "-std=gnu99", "-O2", "-I", include, "-o", OUT / "unary", BENCH / "unary.c", "-ffunction-sections", "-Wl,--gc-sections")


def instructions(port, calls):
    """User instructions of a run."""
    said = run("valgrind", "--tool=callgrind", f"--callgrind-out-file={OUT}/callgrind.{calls}", OUT / "unary", f"127.0.0.1:{port}", calls)
    return int(re.search(r"Collected : (\d+)", said).group(1))


def octets(port, calls):
    """Octets that a run sends."""
    relay = Relay(port)
    run(OUT / "unary", f"127.0.0.1:{relay.port}", calls)
    relay.thread.join(10)
    return relay.count["up"]


def calls_here(include):
    """Instructions and octets of a unary call."""
    build_host(include)
    few, many = CALLS
    with Server() as server:
        figure("unary_call", (instructions(server.port, many) - instructions(server.port, few)) // (many - few), "instructions", 3000)
        figure("unary_wire", (octets(server.port, many) - octets(server.port, few)) // (many - few) - PAYLOAD, "bytes", 36)


# ---- the core on a board ----

def text_of(path):
    """Octets of code and constants."""
    return int(run("arm-none-eabi-size", path).splitlines()[1].split()[0])


def core_text(include, verbose):
    """Code and constants of a client, less those of an empty program."""
    for name, options in (("core", []), ("empty", ["-DEMPTY"])):
        run("arm-none-eabi-gcc", *BOARD, *LINK, *options, "-I", include, "-o", OUT / f"{name}.elf", BENCH / "core.c")
    figure("core_text", text_of(OUT / "core.elf") - text_of(OUT / "empty.elf"), "bytes", 12 * 1024)
    if verbose:
        for line in run("arm-none-eabi-nm", "-S", "--size-sort", "-t", "d", OUT / "core.elf").splitlines()[:-25:-1]:
            fields = line.split()
            print(f"{int(fields[1]):6} {fields[3]}", file=sys.stderr)


def client_ram(include):
    """The block of a plaintext client with two calls: a constant, which the compiler computes."""
    assembly = run("arm-none-eabi-gcc", *BOARD, "-O2", "-DBLOCK", "-w", "-I", include, "-S", "-o", "-", BENCH / "core.c")
    found = re.search(r"^block:\n(?:\s*@.*\n)*\s*movw?\s+r0, #(\d+)\s", assembly, re.M)
    if not found:
        raise SystemExit("figures: the size of a client's block is no constant")
    figure("client_ram", int(found.group(1)), "bytes", 3584)


def call_graph(path):
    """Stack of each function, and whom it calls."""
    stack, calls = {}, {}
    for line in path.read_text().splitlines():
        node = re.match(r'node: \{ title: "([^"]+)" label: "[^"]*?(\d+) bytes \((?:static|dynamic,bounded)\)', line)
        edge = re.match(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', line)
        if node:
            stack[node.group(1)] = int(node.group(2))
        if edge:
            calls.setdefault(edge.group(1), set()).add(edge.group(2))
    return stack, calls


def deepest(name, stack, calls, above, known):
    """Most octets of stack from a function on, and the path. What has no figure (library, port) counts nothing."""
    if name in above:
        raise SystemExit(f"figures: recursion: {' '.join(above)} {name}")
    if name not in known:
        paths = [deepest(callee, stack, calls, above + [name], known) for callee in sorted(calls.get(name, ()))]
        size, path = max(paths, default=(0, []), key=lambda each: each[0])
        known[name] = (size + stack.get(name, 0), [f"{name} {stack.get(name, 0)}", *path])
    return known[name]


def poll_stack(include, verbose):
    """The deepest stack under viamc_poll, the functions of the port not counted."""
    run("arm-none-eabi-gcc", *BOARD, "-fcallgraph-info=su", "-I", include, "-c", "-o", OUT / "core.o", BENCH / "core.c")
    stack, calls = call_graph(OUT / "core.ci")
    size, path = deepest("viamc_poll", stack, calls, [], {})
    figure("poll_stack", size, "bytes", 512)
    if verbose:
        print("\n".join(path), file=sys.stderr)


# ---- compiling ----

STB = "image image_write image_resize truetype vorbis".split()


def seconds(*argv):
    """User time of a command: the least of ten runs, of fewer if they take more than ten seconds."""
    took, begin = [], time.monotonic()
    while len(took) < 10 and (not took or time.monotonic() - begin < 10):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        run(*argv)
        took.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)
    return min(took)


def compile_time(name, language, text):
    """Seconds that a file takes, and seconds for each octet of its code."""
    source, compiled = OUT / f"{name}.c", OUT / f"{name}.o"
    source.write_text(text)
    took = seconds("gcc", "-x", language, "-O2", "-w", "-I", ROOT, "-c", "-o", compiled, source)
    return took, took / max(1, int(run("size", compiled).splitlines()[1].split()[0]))


def compile_times():
    """Both headers with their implementations and without, in C and C++, and the yardstick."""
    header = '#include "viamc_proto.h"\n'
    ours, rate = compile_time("compile_c", "c", "#define VIAMC_IMPLEMENTATION\n" + header)
    figure("compile_c", round(ours, 2), "seconds", 2)
    figure("compile_cxx", round(compile_time("compile_cxx", "c++", "#define VIAMC_IMPLEMENTATION\n" + header)[0], 2), "seconds", 2)
    figure("compile_header_c", round(compile_time("compile_header_c", "c", header)[0], 2), "seconds", 0.1)
    figure("compile_header_cxx", round(compile_time("compile_header_cxx", "c++", header)[0], 2), "seconds", 0.1)
    stb, stb_rate = compile_time("compile_stb", "c", "".join(f"#define STB_{name.upper()}_IMPLEMENTATION\n#include <stb/stb_{name}.h>\n" for name in STB))
    print(f"compile_stb {stb:.2f} seconds - met", flush=True)
    figure("compile_share", round(100 * rate / stb_rate), "percent", 100)


def main():
    parser = argparse.ArgumentParser(description="what viamc costs")
    parser.add_argument("--include", type=lambda text: pathlib.Path(text).resolve(), default=ROOT)
    parser.add_argument("-v", action="store_true", help="what the figures are made of")
    args = parser.parse_args()
    os.makedirs(OUT, exist_ok=True)
    calls_here(args.include)
    core_text(args.include, args.v)
    client_ram(args.include)
    poll_stack(args.include, args.v)
    compile_times()
    print(run(sys.executable, ROOT / "tools/check.py", "functions"), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
