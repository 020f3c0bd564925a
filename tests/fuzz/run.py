#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Looks for octets that break something, with libFuzzer.

    tests/fuzz/run.py [--time SECONDS] [--jobs N] [--keep] [TARGET ...]

Each target gets the seconds, starting from tests/fuzz/corpus/TARGET.txt and what earlier runs left in build/fuzz. What is found is printed as a
line of hex for tests/regress/TARGET.txt. --keep writes a small corpus that reaches as much as all of it: inputs of up to 200 octets first,
24,000 octets in all. The last line is "N passed, N failed, N skipped"; what is counted are targets.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/fuzz"
BUILD = ROOT / "build/fuzz"
FLAGS = ["-std=gnu99", "-g1", "-O1", "-Wall", "-Wextra", "-Werror", "-DVIAMC_STATIC", "-DVIAMC_CHECK=1", "-DFUZZ_ENGINE",
         "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all", "-Isrc", "-I."]
KEPT = 24000        # octets of a corpus that is kept
LONGEST = 1024      # octets of an input


def lines(path):
    """Inputs of a file of hex lines."""
    if not path.exists():
        return []
    return [bytes.fromhex(line) for line in path.read_text("ascii").splitlines() if line and not line.startswith("#")]


def build(target):
    program = BUILD / target
    BUILD.mkdir(parents=True, exist_ok=True)
    subprocess.run(["clang", *FLAGS, "-o", str(program), f"tests/fuzz/fuzz_{target}.c", "-lbearssl",
                    "-lprotobuf-nanopb"], cwd=ROOT, check=True)
    return program


def engine(target, *arguments):
    """libFuzzer's exit code and what it said."""
    done = subprocess.run([str(BUILD / target), *arguments], cwd=BUILD, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def keep(target, corpus):
    """Writes the inputs that together reach as much as all, the short ones first."""
    merged = BUILD / "merged" / target
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir(parents=True)
    engine(target, "-merge=1", f"-max_len={LONGEST}", str(merged), str(corpus))
    room, kept = KEPT, []
    for octets in sorted((path.read_bytes() for path in merged.iterdir()), key=lambda octets: (len(octets), octets)):
        if len(octets) <= room:
            kept.append(octets)
            room -= len(octets)
    head = "# Inputs of fuzz_%s, a line each. Written by tests/fuzz/run.py --keep.\n" % target
    (HERE / f"corpus/{target}.txt").write_text(head + "".join(octets.hex() + "\n" for octets in kept), "ascii")


def run(target, seconds, wanted):
    """True if nothing was found."""
    corpus = BUILD / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    finds = BUILD / "finds"
    finds.mkdir(exist_ok=True)
    for i, octets in enumerate(lines(HERE / f"corpus/{target}.txt") + lines(ROOT / f"tests/regress/{target}.txt")):
        (corpus / f"{i:04}").write_bytes(octets)
    build(target)
    code, said = engine(target, f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=10", "-rss_limit_mb=2048",
                        f"-artifact_prefix={finds}/{target}-", str(corpus))
    edges = re.findall(r"cov: (\d+)", said)
    done = re.search(r"Done (\d+) runs in (\d+) second", said)
    good = code == 0 and done is not None
    print(f"{target:10} {int(done.group(1)) if done else 0:10} runs {int(done.group(2)) if done else 0:6} s "
          f"{edges[-1] if edges else '?':>6} edges  {'ok' if good else 'FOUND'}", flush=True)
    if not good:
        unit = re.search(r"Test unit written to (\S+)", said)
        print("\n".join(line for line in said.splitlines() if "does not hold" in line or "ERROR" in line or "runtime error" in line))
        print(pathlib.Path(unit.group(1)).read_bytes().hex() if unit else said[-2000:], flush=True)
    elif wanted:
        keep(target, corpus)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--time", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("target", nargs="*")
    asked = parser.parse_args()
    targets = asked.target or sorted(path.stem[5:] for path in HERE.glob("fuzz_*.c"))
    with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
        good = list(pool.map(lambda target: run(target, asked.time, asked.keep), targets))
    print(f"{good.count(True)} passed, {good.count(False)} failed, 0 skipped")
    return good.count(False) != 0


if __name__ == "__main__":
    sys.exit(main())
