#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""README's table of APIs: how many methods each has, how many of them with plain arguments, and where they were proven.

    tools/api_table.py            writes the table into README.md, between its two marks
    tools/api_table.py --check    compares and changes nothing; exit code 1 if they differ

Methods are those of viamc_proto.h, short forms those of tools/proto/methods.txt, proofs those of tests/conformance/methods.txt, which the
suites of `make conformance` write. A peer proves a method if it answers with anything but UNIMPLEMENTED.
"""
import argparse
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- table of APIs: tools/api_table.py -->", "<!-- end of the table of APIs -->"
# Peers whose columns differ: what is left out is what proves every method.
PEERS = {"viam-server": "viam-server", "Python SDK Server": "SDK's Server", "Python SDK client": "SDK's clients of our server"}


def services():
    """Name of each API to its package and its methods' paths, reflection and health left out: no table says where those were proven."""
    text = (ROOT / "viamc_proto.h").read_text(encoding="ascii")
    found = {}
    for name, full_name, rows in re.findall(r'#define VMC_NAME_(\w+) "([^"]+)"\n#define VMC_METHODS_\1\(X, S\) ((?:\\\n.*?)+)\n(?!     )', text):
        if not full_name.startswith("grpc."):
            found[name] = (full_name.rpartition(".")[0], [f"{full_name}/{method}" for method in re.findall(r'"(\w+)"', rows)])
    return found


def short_forms():
    """How many each API has."""
    lines = (ROOT / "tools/proto/methods.txt").read_text(encoding="ascii").splitlines()
    return collections.Counter(match.group(1) for line in lines if (match := re.match(r"(\w+)\.\w+\(", line)))


def proofs():
    """Paths of the methods that each peer answered."""
    found = {peer: set() for peer in PEERS}
    for line in (ROOT / "tests/conformance/methods.txt").read_text(encoding="ascii").splitlines():
        path, _, rest = line.partition(" ")
        for peer, how in (one.strip().split(": ") for one in rest.split(" | ")):
            if peer in PEERS and how != "UNIMPLEMENTED":
                found[peer].add(path)
    return found


def table():
    """The table's lines."""
    short, proven, sums = short_forms(), proofs(), [0] * (2 + len(PEERS))
    lines = ["| `viamc_..._` | package | methods | short forms | " + " | ".join(PEERS.values()) + " |", "|---|---|--:|--:|" + "--:|" * len(PEERS)]
    for name, (package, methods) in services().items():
        counts = [len(methods), short[name], *(len(proven[peer] & set(methods)) for peer in PEERS)]
        sums = [total + count for total, count in zip(sums, counts)]
        lines.append(f"| `{name}` | {package} | " + " | ".join(str(count or "-") for count in counts) + " |")
    return lines + ["| | | " + " | ".join(f"**{count}**" for count in sums) + " |"]


def main():
    parser = argparse.ArgumentParser(description="README's table of APIs")
    parser.add_argument("--check", action="store_true", help="compare, change nothing")
    parser.add_argument("--readme", type=pathlib.Path, default=ROOT / "README.md")
    args = parser.parse_args()
    text = args.readme.read_text()
    before, begin, rest = text.partition(BEGIN + "\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"api_table: {args.readme.name} has no place for the table: {BEGIN} ... {END}")
    new = before + begin + "".join(line + "\n" for line in table()) + end + after
    if args.check and new != text:
        print(f"{args.readme.name}: the table of APIs is not what was counted; run tools/api_table.py")
    elif new != text:
        args.readme.write_text(new)
    return 1 if args.check and new != text else 0


if __name__ == "__main__":
    sys.exit(main())
