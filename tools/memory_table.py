#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""README's table of what a client's memory is made of, from the layout function itself.

    tools/memory_table.py            writes the table into README.md, between its two marks
    tools/memory_table.py --check    compares and changes nothing; exit code 1 if they differ
    tools/memory_table.py --print    shows it

A C program that includes viamc.h divides a block for three descs and prints where each piece begins. It is built twice: for this machine
and, with -m32 and without libc, for 32-bit pointers with the alignment of a Cortex-M. Where the second cannot be made (not an x86),
--check leaves its columns alone and says so.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- memory table: tools/memory_table.py -->", "<!-- end of memory table -->"
SAME = "-std=gnu99 -O1 -Wall -Wextra -Werror -DVIAMC_STATIC -DVIAMC_NO_POSIX -ffunction-sections -Wl,--gc-sections".split()
BOARD = "-m32 -malign-double -nostdlib -static -fno-pie -no-pie -fno-stack-protector -fcf-protection=none -fno-builtin -nostdinc".split()

# (name, board profile, without TLS, calls, rx_bytes, macro)
COLUMNS = [("host", 0, 0, 4, 16384, "VIAMC_CLIENT_MEM"), ("board", 1, 0, 2, 2048, "VIAMC_CLIENT_MEM_SMALL"),
           ("board, no TLS", 1, 1, 2, 0, "VIAMC_CLIENT_MEM_PLAIN")]

# (pieces of the layout, what they are, members of the desc that they follow)
ROWS = [(["client"], "state of all parts", "-"),
        (["tls"], "TLS (BearSSL)", "`no_tls`"),
        (["users", "ours", "streams", "unsettled"], "records of the calls and of 4 more", "`max_calls`"),
        (["in"], "input: a TLS record, or plaintext", "`in_bytes`"),
        (["out"], "output: frames on their way out", "`out_bytes`"),
        (["tx"], "requests waiting to be sent", "`tx_bytes`"),
        (["token"], "bearer token", "`token_bytes`"),
        (["table"], "header fields of replies (HPACK)", "`table_bytes`"),
        (["room"], "replies: a slot per call and the large buffer", "`slot_bytes`, `rx_bytes`"),
        (["align"], "start of the block, if it is not aligned", "-"),
        (["size"], "**`viamc_client_mem_size`**", ""),
        (["macro"], "macro for a static array, an upper bound", "")]

PROGRAM = r"""
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#ifdef BARE
static void call_system(int number, int a, const void *b, unsigned c)
{
    __asm__ volatile("int $0x80" : "+a"(number) : "b"(a), "c"(b), "d"(c) : "memory");
}
static void print(const char *name, size_t n)
{
    char text[40], *p = text + sizeof text;
    unsigned k;
    *--p = '\n';
    do *--p = (char)('0' + n % 10u); while ((n /= 10u) != 0);
    *--p = ' ';
    for (k = 0; name[k] != 0; k++) ;
    while (k != 0) *--p = name[--k];
    call_system(4, 1, p, (unsigned)(text + sizeof text - p));
}
void *memcpy(void *to, const void *from, size_t n) { size_t i; for (i = 0; i < n; i++) ((char *)to)[i] = ((const char *)from)[i]; return to; }
void *memset(void *to, int c, size_t n) { size_t i; for (i = 0; i < n; i++) ((char *)to)[i] = (char)c; return to; }
#else
#include <stdio.h>
static void print(const char *name, size_t n) { printf("%s %lu\n", name, (unsigned long)n); }
#endif

static uint64_t block[1u << 16];
static const viamc_port no_port;

static viamc_client_desc desc_of(uint8_t profile, bool no_tls, uint8_t calls, uint32_t rx)
{
    viamc_client_desc d = VIAMC_ZERO;
    d.port = &no_port;
    d.profile = profile;
    d.no_tls = no_tls;
    d.max_calls = calls;
    d.rx_bytes = rx;
    return d;
}

static void show(uint8_t profile, bool no_tls, uint8_t calls, uint32_t rx, size_t macro)
{
    viamc_client_desc d = desc_of(profile, no_tls, calls, rx);
    vmc_client_layout l;
    uint8_t *base = (uint8_t *)block;
    print("column", viamc_client_mem_size(&d));
    vmc_client_defaults(&d);
    vmc_client_carve(&d, base, &l);
    print("client", (size_t)((uint8_t *)l.client - base));
    print("tls", (size_t)((uint8_t *)(l.conn.tls != NULL ? l.conn.tls : (void *)l.calls.users) - base));
    print("users", (size_t)((uint8_t *)l.calls.users - base));
    print("ours", (size_t)((uint8_t *)l.calls.ours - base));
    print("streams", (size_t)((uint8_t *)l.streams - base));
    print("unsettled", (size_t)((uint8_t *)l.unsettled - base));
    print("in", (size_t)(l.conn.in - base));
    print("out", (size_t)(l.conn.out - base));
    print("tx", (size_t)(l.calls.tx - base));
    print("token", (size_t)(l.token - base));
    print("table", (size_t)(l.table - base));
    print("room", (size_t)(l.calls.big - base));
    print("align", l.size);
    print("macro", macro);
}

/* The macros against more descs: prints how many octets one is short of. */
static void try_macros(uint8_t profile, bool no_tls, uint8_t calls, uint32_t rx, size_t macro, const char *name)
{
    viamc_client_desc d = desc_of(profile, no_tls, calls, rx);
    size_t need = viamc_client_mem_size(&d);
    if (need > macro)
        print(name, need - macro);
}

static void show_all(void)
{
    static const uint32_t rx[] = {0, 1, 512, 2048, 2049, 16384};
    unsigned calls, k;
    print("bits", 8u * sizeof(void *));
COLUMNS    for (calls = 1; calls <= VIAMC_MAX_CALLS; calls++)
        for (k = 0; k < sizeof rx / sizeof rx[0]; k++) {
TRIES        }
}

#ifdef BARE
void _start(void);
__attribute__((force_align_arg_pointer)) void _start(void) { show_all(); call_system(1, 0, NULL, 0); }
#else
int main(void) { show_all(); return 0; }
#endif
"""


def grouped(n):
    return f"{n:,}"


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def execute(folder, flags):
    """Builds the program with these flags and runs it."""
    shows = "".join(f"    show({board}, {no_tls}, {calls}, {rx}, {macro}({calls}, {rx}));\n" for _, board, no_tls, calls, rx, macro in COLUMNS)
    tries = "".join(f"            try_macros({board}, {no_tls}, (uint8_t)calls, rx[k], {macro}(calls, rx[k]), \"short:{macro}\");\n"
                    for _, board, no_tls, _, _, macro in COLUMNS)
    source, program = folder / "memory.c", folder / "memory"
    source.write_text(PROGRAM.replace("COLUMNS", shows, 1).replace("TRIES", tries, 1))
    code, output = run([os.environ.get("CC", "cc"), *SAME, f"-I{ROOT}", *flags, "-o", program, source])
    if code == 0:
        code, output = run([program])
    return code, output


def bare_flags(folder):
    """For 32 bits, with the headers of the 64-bit libc: nothing of it is called."""
    (folder / "gnu").mkdir(exist_ok=True)
    (folder / "gnu/stubs-32.h").write_text("")
    compiler = os.environ.get("CC", "cc")
    own = run([compiler, "-print-file-name=include"])[1].strip()
    several = run([compiler, "-print-multiarch"])[1].strip()
    return [*BOARD, "-DBARE", f"-I{folder}", f"-isystem{own}", f"-isystem/usr/include/{several}", "-isystem/usr/include"]


def columns_of(output, shorts):
    """Per desc the octets of each piece, as {name: octets}; pieces are told apart by where they begin. Macros that give too little go into
    shorts."""
    columns, bits = [], 0
    for line in output.splitlines():
        name, number = line.split()
        if name == "bits":
            bits = int(number)
        elif name.startswith("short:"):
            key = (bits, name[6:])
            shorts[key] = max(shorts.get(key, 0), int(number))
        elif name == "column":
            columns.append({"size": int(number)})
        else:
            columns[-1][name] = int(number)
    return bits, [pieces_of(column) for column in columns]


def pieces_of(column):
    """Lengths instead of beginnings."""
    size, macro = column.pop("size"), column.pop("macro")
    starts = sorted(column.items(), key=lambda item: item[1]) + [("end", size)]
    pieces = {name: starts[i + 1][1] - at for i, (name, at) in enumerate(starts[:-1])}
    if starts[0][1] != 0 or starts[-2][0] != "align" or not 0 <= pieces["align"] < 8:
        raise SystemExit("memory_table: the pieces do not add up to viamc_client_mem_size")
    return {**pieces, "size": size, "macro": macro}


def measure():
    """Columns of 64 and of 32 bits, None where they cannot be made here, with the reason; what is wrong with the macros."""
    shorts = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        code, output = execute(folder, [])
        if code != 0:
            raise SystemExit(f"memory_table: {output}")
        bits, wide = columns_of(output, shorts)
        wide, reason = (wide, "") if bits == 64 else (None, "not a 64-bit machine")
        code, output = execute(folder, bare_flags(folder))
        narrow = columns_of(output, shorts)[1] if code == 0 else None
        if code != 0:
            reason = output.strip().split("\n")[0]
    return wide, narrow, reason, [f"{macro} is up to {n} octets short on {bits} bits" for (bits, macro), n in sorted(shorts.items())]


def table(wide, narrow):
    """The table's lines. Cells of a column that was not made hold '?'."""
    heads, rules = ["octets"], ["---"]
    for name, _, _, calls, rx, macro in COLUMNS:
        heads += [f"{name}", "32-bit"]
        rules += ["--:", "--:"]
    lines = ["| " + " | ".join([*heads, "follows"]) + " |", "|" + "|".join([*rules, "---"]) + "|"]
    for pieces, what, members in ROWS:
        cells = []
        for k in range(len(COLUMNS)):
            for columns in (wide, narrow):
                n = None if columns is None else sum(columns[k][piece] for piece in pieces)
                cells.append("?" if n is None else f"**{grouped(n)}**" if pieces == ["size"] else grouped(n))
        lines.append("| " + " | ".join([what, *cells, members]).rstrip() + " |")
    return lines


def fill(lines, old):
    """Cells that were not made keep what is there."""
    if len(old) != len(lines):
        return lines
    return ["|".join(was if cell.strip() == "?" else cell for cell, was in zip(new.split("|"), there.split("|")))
            if new.count("|") == there.count("|") else new for new, there in zip(lines, old)]


def main():
    parser = argparse.ArgumentParser(description="README's table of a client's memory")
    parser.add_argument("--check", action="store_true", help="compare, change nothing")
    parser.add_argument("--print", action="store_true", help="show it, change nothing")
    parser.add_argument("--readme", type=pathlib.Path, default=ROOT / "README.md")
    args = parser.parse_args()
    wide, narrow, reason, wrong = measure()
    lines = table(wide, narrow)
    if args.print:
        print("\n".join(lines))
        return 0
    text = args.readme.read_text()
    found = re.search(re.escape(BEGIN + "\n") + "(.*?)" + re.escape(END), text, re.S)
    if not found:
        raise SystemExit(f"memory_table: {args.readme.name} has no place for the table: {BEGIN} ... {END}")
    lines = fill(lines, found.group(1).splitlines())
    new = text[:found.start(1)] + "".join(line + "\n" for line in lines) + text[found.end(1):]
    if reason:
        print(f"memory_table: columns left as they are: {reason}")
    for complaint in wrong:
        print(f"memory_table: {complaint}")
    if args.check and new != text:
        print(f"{args.readme.name}: the memory table is not the layout's any more; run tools/memory_table.py")
    elif new != text:
        args.readme.write_text(new)
    return 1 if wrong or (args.check and new != text) else 0


if __name__ == "__main__":
    sys.exit(main())
