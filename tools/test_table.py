#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The table of suites in tests/README.md, counted in their sources.

    tools/test_table.py            writes the table between its two marks
    tools/test_table.py --check    compares and changes nothing; exit code 1 if they differ

What is counted are tests as they are written: RUN() of a C program, test functions in Python, rows of a table. What runs with several
peers, builds or seeds counts once here and more often in a run's last line.
"""
import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
PAGE = TESTS / "README.md"
BEGIN, END = "<!-- suites: tools/test_table.py -->\n", "<!-- end of suites -->"


def count(pattern, *globs):
    """How often a pattern is in the files."""
    return sum(len(re.findall(pattern, path.read_text("utf-8"), re.M)) for glob in globs for path in sorted(TESTS.glob(glob)))


def functions(*globs):
    return count(r"^ *def test_\w+\(", *globs)


def files(glob):
    return len(list(TESTS.glob(glob)))


def hostile():
    """Rows and bounds, once for each side that is under test, in plaintext and in TLS; rows against a board's client, and while a Stop is under way; and
    what is no row. Rows below TLS have no plaintext and no board."""
    rows = {role: count(rf"^    \{{\d+, {role}, ", "hostile/rows.h") for role in ("BOTH", "CLIENT", "SERVER")}
    bounds = {role: count(rf"^    \{{BOUND\(\w+\), \d+, {role}, ", "hostile/bounds.h") for role in ("BOTH", "CLIENT", "SERVER")}
    sides = sum((2 if role == "BOTH" else 1) * (rows[role] + bounds[role]) for role in rows)
    text = (TESTS / "hostile/rows.h").read_text()
    spared = re.findall(r"\{\d+, (?:BOTH|CLIENT), (?:FEED,|RECORDS,|\w+, \"[^\"]*\",\s*\"HOST;)", text)
    limits = count(r'^    (?:MOST\(|LEAST\(|\{")', "hostile/limits.c")
    records = len(re.findall(r"\{\d+, BOTH, RECORDS,", text))
    stops = len(re.findall(r"\{\d+, (?:BOTH|CLIENT), CALLS,", text))
    return 2 * (sides - records) + rows["BOTH"] + rows["CLIENT"] - len(spared) + stops + count(r"^    RUN\(", "hostile/hostile.c") + limits


def suites():
    """Command, what it shows, sources, tests."""
    checks = len(re.findall(r"\w+", re.search(r"foreach check,([\w ]+),", (ROOT / "Makefile").read_text()).group(1)))
    inputs = count(r"^[0-9a-f]", "fuzz/corpus/*.txt", "regress/*.txt")
    return [
        ("make test", "every part by itself and together, over a network in memory and a clock that the test moves",
         f"{files('test_*.c')} programs", count(r"^    RUN\(", "test_*.c")),
        ("", "client and robot in one process, their octets cut, delayed and held up", "`sim/`", count(r"^    RUN\(", "sim/*.c")),
        ("", "tools, tables, README's words and commands, recorded vectors", f"{files('test_*.py')} programs", functions("test_*.py")),
        ("", "a user's build: CMake three ways, C and C++", "`stranger/`", functions("stranger/run.py")),
        ("", f"what the fuzz targets have learned: {inputs} inputs", "`fuzz/corpus/`, `regress/`", files("fuzz/fuzz_*.c")),
        ("make check", "the programs of make test again, from the merged header, without sanitizers", "", count(r"^    RUN\(", "test_*.c", "sim/*.c")),
        ("", "every option and way to include; strict warnings of two compilers", "`compile/`", functions("compile/run.py")),
        ("", "what no compiler says: layers, uses, symbols, the merge, each function misused", "`tools/check.py`", checks),
        ("make test-hostile", "peers that break every rule, both roles, 22 ways to cut each, plaintext and TLS", "`hostile/`", hostile()),
        ("make test-messages", "every message, 50 instances each, against Python's protobuf", "`test_proto_python.py`", functions("test_proto_python.py")),
        ("make test-peers", "viam-server, the SDKs, other makes, killed and cut off", "`peers/`", functions("peers/test_*.py")),
        ("make conformance", "suites that others wrote; TLS of six makes", "`conformance/`", functions("conformance/test_*.py")),
        ("make test-boards", "emulated boards, big-endian, Windows, WebAssembly", "`boards/`", functions("boards/test_*.py")),
        ("make fuzz", "new octets for every parser, a whole client, a whole robot", "`fuzz/`", files("fuzz/fuzz_*.c")),
    ]


def table():
    lines = ["| command | what it shows | sources | tests |", "|---|---|---|--:|"]
    lines += [f"| {f'`{command}`' if command else ''} | {what} | {sources} | {tests:,} |" for command, what, sources, tests in suites()]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    text = PAGE.read_text("utf-8")
    head, rest = text.split(BEGIN, 1)
    made = head + BEGIN + table() + END + rest.split(END, 1)[1]
    if asked.check and made != text:
        print("the table in tests/README.md is old: tools/test_table.py")
        return 1
    if not asked.check:
        PAGE.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
