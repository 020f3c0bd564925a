#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Flash, RAM and stack of viamc on boards: README's tables, tests/bench/size.txt and size.md.

    tools/size.py            measures and writes them
    tools/size.py --check    measures and changes nothing; ends with "N passed, N failed, N skipped": a figure that grew by more than 2 %
                             since size.txt was written is a failure, and so are tables that are not those of size.txt
    tools/size.py --print    shows README's tables

Programs of tests/bench are built for a Cortex-M4 with -Os, newlib-nano and garbage collection of sections; what the same program has
without viamc is taken off. Octets of a function that was inlined count for the part that it was written in: so says the compiler's line
table. RAM, stack and instructions: tools/board.py.
Needs gcc-arm-none-eabi, libnewlib-arm-none-eabi, qemu-system-arm, openssl, and the sources that tests/boards/sources.sh fetches.
"""
import argparse
import pathlib
import re
import sys

import board
import cross

FIGURES = cross.BENCH / "size.txt"
DETAILS = cross.BENCH / "size.md"
README = cross.ROOT / "README.md"
BEGIN, END = "<!-- size tables: tools/size.py -->\n", "<!-- end of size tables -->"
GROWTH, SMALL = 1.02, 16                # a figure may grow by 2 %, or by so many octets
CPU = "cortex-m4"
KIB = 1024

CLIENT = ["-Os", "-DVIAMC_NO_SERVER", "-DVIAMC_NO_POSIX", "-DVIAMC_NO_STRINGS"]
SLIM = ["-DVIAMC_NO_P384"]
PINNED = ["-DPINNED", "-DVIAMC_NO_P384", "-DVIAMC_NO_X509", "-DVIAMC_NO_RSA", "-DVIAMC_NO_AES"]


class Program:
    """One that is measured: name, what it is, source, options, goal in octets (0: none)."""

    def __init__(self, name, what, source, options, goal=0):
        self.name, self.what, self.source, self.options, self.goal = name, what, source, options, goal


PROGRAMS = [
    Program("core", "the core alone, calls of octets", "core", CLIENT, 8 * KIB),
    Program("core_lto", "the same, built with -flto", "core", [*CLIENT, "-flto"], 8 * KIB),
    Program("plain_bytes", "motor, plaintext, messages by hand", "motor", [*CLIENT, "-DPLAIN"], 12 * KIB),
    Program("plain_typed", "motor, plaintext, nanopb", "motor", [*CLIENT, "-DPLAIN", "-DTYPED"], 18 * KIB),
    Program("pinned_bytes", "motor, pinned key, ChaCha20 alone, messages by hand", "motor", [*CLIENT, *PINNED], 44 * KIB),
    Program("slim_bytes", "motor, TLS slim, messages by hand", "motor", [*CLIENT, *SLIM], 54 * KIB),
    Program("slim_typed", "motor, TLS slim, nanopb", "motor", [*CLIENT, *SLIM, "-DTYPED"], 60 * KIB),
    Program("tiny", "`VIAMC_PROFILE_TINY`: motor, messages by hand", "motor", ["-Os", "-DVIAMC_PROFILE_TINY", "-DPINNED"]),
    Program("board", "`VIAMC_PROFILE_BOARD`: motor, nanopb", "motor", ["-Os", "-DVIAMC_PROFILE_BOARD", "-DTYPED"]),
    Program("host", "`VIAMC_PROFILE_HOST` with -O2: motor, nanopb", "motor", ["-O2", "-DVIAMC_PROFILE_HOST", "-DTYPED"]),
]
DETAILED = {"core": "core", "plain_typed": "plaintext", "pinned_bytes": "pinned", "slim_typed": "slim"}     # columns of the table of parts
LISTED = ["core", "plain_typed", "pinned_bytes", "slim_typed"]         # whose functions size.md has
RAM = [("board_ram_plain", "block, plaintext, 2 calls, slot 128, tx 256, input 256, table 256"),
       ("board_ram_plain_auth", "the same with a token of 512"),
       ("board_ram_tls", "block, TLS, 2 calls, input 4,608, slot 512, replies of 1 KiB"),
       ("board_ram_stream", "a stream of HTTP/2"),
       ("board_ram_call", "the record of a call"),
       ("board_poll_stack", "stack under a plaintext poll, Cortex-M3, painted"),
       ("board_poll_stack_most", "the same of any poll: the deepest chain of calls, by the compiler")]


# ---- whose octets ----

def marks():
    """Of each line of viamc.h the part that it stands in."""
    parts, now = [None], None
    for line in (cross.ROOT / "viamc.h").read_text().splitlines():
        begin = re.match(r"/\* -+ src/(\S+)\.h -+ \*/$", line)
        if begin:
            now = re.sub(r"_(impl|table_impl|sys)$", "", begin.group(1).split("/")[1])
        parts.append(now)
        if re.match(r"/\* -+ end of src/", line):
            now = None
    return parts


def sections(elf):
    """What was linked into flash: (address, octets, section, object) of the map."""
    text = pathlib.Path(f"{elf}.map").read_text().split("Linker script and memory map", 1)[1]
    text = re.sub(r"\n (\S+)\n +(0x)", r"\n \1 \2", text)
    for match in re.finditer(r"^ (\.(?:text|rodata|init|fini|data|ARM)\S*) +(0x[0-9a-f]+) +(0x[0-9a-f]+) (\S+)$", text, re.M):
        address, size = int(match.group(2), 16), int(match.group(3), 16)
        if size != 0 and address != 0 and not match.group(1).startswith(".ARM.att"):
            yield address, size, match.group(1), match.group(4)


def lines(elf):
    """(address, file, line) of the line table, in rising order; line 0 ends a stretch."""
    rows = []
    for line in cross.run(cross.PREFIX + "objdump", "--dwarf=decodedline", elf).splitlines():
        fields = line.split()
        if len(fields) >= 3 and fields[2].startswith("0x"):
            rows.append((int(fields[2], 16), fields[0], 0 if fields[1] == "-" else int(fields[1])))
    return sorted(rows, key=lambda row: row[0])


def library_of(obj):
    """What an object outside viamc belongs to; None: it is the program's own."""
    if "libbearssl" in obj:
        kind = re.search(r"src_([a-z0-9]+)_", obj)
        return "BearSSL " + {"ssl": "handshake and records", "x509": "certificates", "ec": "curves", "int": "big integers",
                             "rsa": "RSA"}.get(kind.group(1) if kind else "", "ciphers, hashes, random")
    if "libnanopb" in obj:
        return "nanopb"
    return None if re.search(r"/cc\w+\.o$", obj) else "C library"


def parts_of_code(start, end, rows, parts):
    """Octets of a stretch of code by the part that the line table names; what has no line (literals) goes with what stands before."""
    count, now, at = {}, None, start
    for address, file, line in rows:
        if address >= end:
            break
        if address > at:
            count[now] = count.get(now, 0) + address - at
            at = address
        if address >= start and line != 0:
            part = parts[line] if file.endswith("viamc.h") and line < len(parts) else None
            now = part or ("typed calls" if file.endswith("viamc_proto.h") else now or "program")
            if not file.endswith(("viamc.h", "viamc_proto.h")):
                now = "program"
    count[now] = count.get(now, 0) + end - at
    return count


def names_of_constants(parts):
    """Of each constant array or object of viamc.h the part that defines it."""
    owner = {}
    for number, line in enumerate((cross.ROOT / "viamc.h").read_text().splitlines(), 1):
        for name in re.findall(r"^ *static const [^=;]*?\b(\w+)(?:\[[^\]]*\])*(?: = ?|, |$)", line):
            owner[name] = parts[number]
    return owner


def constant_part(section, owner):
    """The part of a constant, by its name; a text, or one of viamc_proto.h, has none."""
    name = re.sub(r"^\.\w+\.?|\.\d+$", "", section)
    if name.startswith(("str1", "main.str", "viamc_proto")) or ".str1" in name or not name:
        return "texts"
    return owner.get(name) or ("typed calls" if "viam_" in name or "viamc_" in name else "program")


class Content:
    """Octets of a program's flash by part, and by symbol and part."""

    def __init__(self, elf):
        self.parts, self.symbols = {}, {}
        parts, rows = marks(), lines(elf)
        owner = names_of_constants(parts)
        for address, size, section, obj in sections(elf):
            library = library_of(obj)
            if library:
                found = {library: size}
            elif section.startswith(".text"):
                found = parts_of_code(address, address + size, [row for row in rows if address <= row[0] < address + size], parts)
            else:
                found = {constant_part(section, owner): size}
            for part, octets in found.items():
                self.parts[part] = self.parts.get(part, 0) + octets
            name = re.sub(r".*[(](.*?)\.o.*", r"\1", obj) if library else re.sub(r"^\.\w+\.(startup\.)?", "", section)
            key = (name, max(found, key=found.get))
            self.symbols[key] = self.symbols.get(key, 0) + size


DETAILS_HEAD = """# Flash by function

Written by `make size`; Cortex-M4, -Os. A function that was inlined stands with its caller, in the part that most of its octets come from; a
library's object is a line. What has less than 64 octets is left out.

What was tried to come closer to the goals: -flto takes 1.8 KB off the core; of twenty other switches of gcc's (inlining, loops, constants,
registers, jump tables) none takes off more than 120 octets, and most add. What is one part and could be left out by an option is small:
percent 0.3 KB (texts of a status stay encoded), base64 0.1 (metadata that ends in -bin), address 0.5 (then the port would parse). The rest is
what a client promises: motion, session and dial are 5 KB, HTTP/2 with header compression 7 KB, calls 6.5 KB, each checked against hostile
peers; the goal of 8 KiB was drawn from a client of 2.1 KB that checks nothing. With TLS most octets are BearSSL's, which is taken as it comes;
of TLS 7 KB are ours: names, dates, key usage and pins, which BearSSL does not check or not in this way.

Instructions (`make figures`: board_unary, board_idle_poll; Cortex-M3, -Os). Of a unary call's 5,500 some 750 are newlib-nano's memcpy, memset and
memcmp, which go octet by octet; reading three frames is 650, their header blocks 800, writing header block and DATA 700, two polls with
all they look at 1,000, the call's own life (start, slots, event) 900. `VIAMC_SHORTCUTS=1` skips what is the same in each call and comes to
3,265, for 1 KB of flash.

The record of a user's call has 104 octets on 32 bits, 8 above its goal. Every call has 60 of them: state, flags and counts 16, what is to be
sent 20, what came 8, and 4 each for path, time limit, handle and the link to the next. The user's have 44 more: method, user pointer and
metadata 12, sink or lent buffer 8, lent metadata 8, what motion knows 8, what was taken and what is left of a large message 8. One pointer for
method and path would save 4, 16 bits for places in a slot 6: the one costs a question wherever a path is read, the other would bound a host's slots
to 65,535 octets.

A poll with nothing to do takes 290 instructions on a Cortex-M3; its goal is 60 beyond the read. About 50 lead to the port's read and back (state,
bounds, what is left of the last read, what the port answered), about 65 are needed in every case: whether the poll may run, the time since the
last one, which tells why a session was lost, statistics. The rest looks at deadlines, ends, signs of life, heartbeats, Stops and at what is
owed, each time. Polls that only listen for as long as viamc_wait lets a program sleep took 120; that was taken back: a second way through the poll,
in which every mistake would be a late Stop.
"""

# ---- measuring ----

def build(program, extra, name):
    """The linked program; its map lies beside it."""
    elf = cross.OUT / name
    cross.gcc(CPU, "-g", *program.options, *extra, *cross.LINK, "--specs=nosys.specs", *cross.INCLUDES, "-o", elf,
              cross.BENCH / f"{program.source}.c", *cross.libraries(CPU, program.options[0]), f"-Wl,-Map={elf}.map")
    return elf


def flash_of(elf):
    """Octets of code, constants and data, as the tools count."""
    fields = cross.run(cross.PREFIX + "size", elf).splitlines()[1].split()
    return int(fields[0]) + int(fields[1])


def measure_flash(program):
    """{figure: octets}, and the program's functions."""
    full, empty = build(program, [], f"{program.name}.elf"), build(program, ["-DEMPTY"], f"{program.name}-empty.elf")
    figures = {f"flash.{program.name}": flash_of(full) - flash_of(empty)}
    if "-flto" in program.options:      # its functions have lost their places
        return figures, {}
    content, base = Content(full), Content(empty)
    for part, octets in sorted(content.parts.items()):
        if octets > base.parts.get(part, 0):
            figures[f"flash.{program.name}.{part.replace(' ', '_')}"] = octets - base.parts.get(part, 0)
    return figures, content.symbols


def measure():
    """All figures, and the functions of the programs that are listed."""
    figures, symbols = {}, {}
    for program in PROGRAMS:
        found, functions = measure_flash(program)
        figures.update(found)
        if program.name in LISTED:
            symbols[program.name] = functions
    figures.update({name: value for name, (value, _, _) in board.measure_all().items()})
    return figures, symbols


# ---- tables ----

def cell(octets):
    return f"{octets:,}" if octets else ""


def judged(value, goal):
    """Value, goal and whether it is met, as cells."""
    return f"{cell(value)} | {cell(goal)} | {'' if not goal else 'met' if value <= goal else f'**{value / goal:.2f} times**'}"


def part_rows(figures):
    """The parts, the largest of the core first, then those that only other programs have."""
    parts = {}
    for program in DETAILED:
        for name, octets in figures.items():
            if name.startswith(f"flash.{program}."):
                parts.setdefault(name.split(".")[2], {})[program] = octets
    order = sorted(parts, key=lambda part: [-parts[part].get(program, 0) for program in DETAILED])
    return [f"| {part.replace('_', ' ')} | {' | '.join(cell(parts[part].get(program, 0)) for program in DETAILED)} |" for part in order]


def tables(figures):
    """README's lines."""
    lines = ["| flash, Cortex-M4, -Os | octets | goal | |", "|---|--:|--:|---|"]
    lines += [f"| {program.what} | {judged(figures['flash.' + program.name], program.goal)} |" for program in PROGRAMS]
    lines += ["", "| RAM and stack, 32 bits | octets | goal | |", "|---|--:|--:|---|"]
    lines += [f"| {what} | {judged(figures[name], board.goal(name))} |" for name, what in RAM]
    lines += ["", "<details><summary>Flash by part</summary>", "", f"| flash by part | {' | '.join(DETAILED.values())} |", "|---|" + "--:|" * len(DETAILED), *part_rows(figures)]
    lines.append("| **together** | " + " | ".join(f"**{cell(figures['flash.' + program])}**" for program in DETAILED) + " |")
    return [*lines, "", "</details>"]


def details(symbols):
    """size.md: the functions, the largest first."""
    lines = DETAILS_HEAD.splitlines()
    for program in PROGRAMS:
        if program.name in symbols:
            lines += ["", f"## {program.what}", "", "| function or constant | part | octets |", "|---|---|--:|"]
            rows = sorted(((-octets, name, part) for (name, part), octets in symbols[program.name].items() if octets >= 64))
            lines += [f"| {name.replace('_', chr(92) + '_')} | {part} | {-octets:,} |" for octets, name, part in rows]
    return "\n".join(lines) + "\n"


def with_tables(text, lines):
    """README with these tables between its marks."""
    found = re.search(re.escape(BEGIN) + "(.*?)" + re.escape(END), text, re.S)
    if not found:
        raise SystemExit(f"size: README.md has no place for the tables: {BEGIN}...{END}")
    return text[:found.start(1)] + "".join(line + "\n" for line in lines) + text[found.end(1):]


def read_figures():
    return {name: int(value) for name, value in (line.split() for line in FIGURES.read_text().splitlines())}


def check(figures):
    """Prints what is wrong; the exit code."""
    known, failed, passed = read_figures(), 0, 0
    for name, value in figures.items():
        if value > max(known.get(name, 0) * GROWTH, known.get(name, 0) + SMALL):
            print(f"size: {name} grew from {known.get(name, 0):,} to {value:,}: make size writes the tables anew, the commit says why it grew")
            failed += 1
        else:
            passed += 1
    if with_tables(README.read_text(), tables(known)) != README.read_text():
        print("size: the tables of README.md are not those of tests/bench/size.txt; run make size")
        failed += 1
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description="flash, RAM, stack and instructions on boards")
    parser.add_argument("--check", action="store_true", help="compare, change nothing")
    parser.add_argument("--print", action="store_true", help="show the tables, change nothing")
    args = parser.parse_args()
    figures, symbols = measure()
    if args.check:
        return check(figures)
    if not args.print:
        FIGURES.write_text("".join(f"{name} {value}\n" for name, value in figures.items()))
        DETAILS.write_text(details(symbols))
        README.write_text(with_tables(README.read_text(), tables(figures)))
    print("\n".join(tables(figures)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
