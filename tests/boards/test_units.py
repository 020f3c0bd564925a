# SPDX-License-Identifier: MIT
"""The unit tests on other systems: big-endian (powerpc), Windows (wine), WebAssembly (node), 16 bits (AVR). units.mk builds them."""
import concurrent.futures
import os
import re
import subprocess

import boards
import pytest

SYSTEMS = {                             # compiler, what runs its programs
    "powerpc": ("powerpc-linux-gnu-gcc", "qemu-ppc"),
    "windows": ("x86_64-w64-mingw32-gcc", "wine"),
    "wasm": ("emcc", "node"),
    "avr": ("avr-gcc", "simavr"),       # by a runner of ours
}
SHORT = {"sim": ["--runs", "8"]}        # random runs: what differs between systems differs in few
LONGEST = 110                           # seconds of the processor's, of a program; how long they take depends on who else runs here
PATIENCE = 800                          # seconds, for one that sleeps for ever


def environment():
    """wine keeps its world in the build folder and says nothing; Debian's emscripten finds its JavaScript in /usr/share/nodejs."""
    return {**os.environ, "WINEPREFIX": str(boards.OUT / "wine"), "WINEDEBUG": "-all", "NODE_PATH": "/usr/share/nodejs"}


def run_one(runner, program):
    """The last line of a test program, and all of it if that is not a good one."""
    done = subprocess.run(["prlimit", f"--cpu={LONGEST}", runner, str(program), *SHORT.get(program.stem, [])], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, cwd=boards.ROOT, env=environment(), timeout=PATIENCE, check=False)
    output = done.stdout.decode("utf-8", "replace").replace("\r", "").strip()
    last = output.split("\n")[-1]
    counts = re.fullmatch(r"\S+: ([1-9]\d*) passed, 0 failed, (\d+) skipped", last)
    return done.returncode == 0 and counts is not None, last, f"{program.name}, exit code {done.returncode}: {output[-3000:]}"


@pytest.mark.parametrize("system", SYSTEMS)
def test_units(row, system):
    row(system, "unit tests")
    compiler, runner = SYSTEMS[system]
    boards.need_tool(compiler)
    runner = boards.need_tool(runner)
    boards.run("make", "-s", f"-j{os.cpu_count()}", "-f", "tests/boards/units.mk", f"SYSTEM={system}", cwd=boards.ROOT, env=environment())
    boards.run("python3", "tests/certs/make.py", cwd=boards.ROOT)
    programs = sorted(path for path in (boards.OUT / system).iterdir() if path.suffix in ("", ".exe", ".js", ".elf") and path.is_file())
    if system == "avr":
        runner = str(boards.OUT / "avr/lib/runner")
    if system == "windows":             # the first one makes wine's world, and it must be alone then
        subprocess.run([runner, "cmd", "/c", "exit"], env=environment(), timeout=110, check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda program: run_one(runner, program), programs))
    passed = sum(int(re.search(r": (\d+) passed", last).group(1)) for ok, last, _ in results if ok)
    row.figure = f"{passed} tests in {len(results)} programs"
    bad = [output for ok, _, output in results if not ok]
    assert not bad, f"{len(bad)} programs failed:\n" + "\n\n".join(bad)


def test_newer_nanopb(row):
    """Other tests have Debian 12's."""
    row("linux", "nanopb 0.4.9.1")
    output = boards.run(boards.ROOT / "build/venv/bin/python3", boards.ROOT / "tests/test_gen_proto.py", "Generator.test_another_nanopb",
                        env={**os.environ, "NANOPB": str(boards.SRC / "nanopb-newer")})
    assert output.endswith("gen_proto: 1 passed, 0 failed, 0 skipped\n"), output
