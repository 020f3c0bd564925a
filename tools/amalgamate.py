#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Merges the spine src/viamc.h and its parts into viamc.h, the file that users take.

    tools/amalgamate.py [--root DIR] [--check]

Each line `#include "room/part.h"` of the spine is replaced by that file between two marks. Inside a part, the include of a part
that already stands above is dropped; the include of any other part is an error, because it points upward. Nothing else is done to
the text, so the same parts give the same bytes. --check merges in memory and compares: it names the first part that differs.
"""
import argparse
import pathlib
import re
import sys

INCLUDE = re.compile(r'[ \t]*#[ \t]*include[ \t]*"([^"]*)"')
MARK = "/* ---- src/%s ---- */"
BANNER = "/* viamc.h: GENERATED from src/ by tools/amalgamate.py. Do not edit it: edit src/, then run `make amalgamate`. */"
COMMAND = "make amalgamate"


class Problem(Exception):
    """What is wrong with the parts, as one line of text."""


def read_lines(path, name):
    """The lines of a source file, which is ASCII with LF alone."""
    try:
        data = path.read_bytes()
    except OSError as err:
        raise Problem(f"{name}: {err.strerror}") from err
    for number, line in enumerate(data.split(b"\n"), 1):
        if b"\r" in line:
            raise Problem(f"{name}:{number}: carriage return")
        if not line.isascii():
            raise Problem(f"{name}:{number}: not ASCII")
    if data and not data.endswith(b"\n"):
        raise Problem(f"{name}: no line end at the end of the file")
    return data.decode("ascii").splitlines()


def part_lines(src, part, above):
    """One part without the includes of parts above it."""
    for number, line in enumerate(read_lines(src / part, f"src/{part}"), 1):
        include = INCLUDE.match(line)
        if not include:
            yield line
        elif include.group(1) not in above:
            raise Problem(f"src/{part}:{number}: includes {include.group(1)}, which does not stand above it in src/viamc.h")


def merge(root):
    """The text of viamc.h."""
    src = root / "src"
    out, above = [BANNER], []
    for number, line in enumerate(read_lines(src / "viamc.h", "src/viamc.h"), 1):
        include = INCLUDE.match(line)
        if not include:
            out.append(line)
            continue
        part = include.group(1)
        if part in above:
            raise Problem(f"src/viamc.h:{number}: includes {part} a second time")
        mark = MARK % part
        out += [mark, *part_lines(src, part, above), mark.replace("src/", "end of src/")]
        above.append(part)
    for path in sorted(src.rglob("*.h")):
        part = path.relative_to(src).as_posix()
        if part != "viamc.h" and part not in above:
            raise Problem(f"src/{part}: src/viamc.h does not include it")
    text = read_lines(root / "LICENSE", "LICENSE")
    if any("*/" in line for line in text):
        raise Problem("LICENSE: ends a comment")
    out += ["", "/*", *[f" * {line}".rstrip() for line in text], " */"]
    return "".join(line + "\n" for line in out)


def place_of_difference(merged, found):
    """Name of the part in which two texts begin to differ."""
    place = "the spine, src/viamc.h"
    marks = {MARK % m: m for m in re.findall(r"^/\* ---- src/(\S+) ---- \*/$", merged, re.M)}
    for want, got in zip(merged.splitlines() + [""], found.splitlines() + [""]):
        if want in marks:
            place = f"src/{marks[want]}"
        if want != got:
            break
        if want.startswith("/* ---- end of src/"):
            place = "the spine, src/viamc.h"
    return place


def main():
    parser = argparse.ArgumentParser(description="merges src/ into viamc.h")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--check", action="store_true", help="write nothing, compare with viamc.h")
    args = parser.parse_args()
    product = args.root / "viamc.h"
    try:
        merged = merge(args.root)
    except Problem as problem:
        sys.exit(f"amalgamate: {problem}")
    if not args.check:
        product.write_bytes(merged.encode("ascii"))
        return
    found = product.read_bytes().decode("utf-8", "replace") if product.exists() else ""
    if found != merged:
        sys.exit(f"amalgamate: viamc.h is not what src/ gives: {place_of_difference(merged, found)} differs; run: {COMMAND}")


if __name__ == "__main__":
    main()
