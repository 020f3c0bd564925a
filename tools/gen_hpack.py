#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes src/http2/hpack_table_impl.h: the static table and the Huffman code of RFC 7541 as small constant tables.

    tools/gen_hpack.py [--check] [FILE]

The same text comes out of every run. --check compares FILE with it and changes nothing; exit code 1 if they differ.

Names and values are laid over each other in one text (a short one, found by greedy merging). The Huffman code is canonical: how
many codes there are of each length, and the symbols in the order of their codes, say all of it.
"""
import argparse
import pathlib
import sys

TARGET = pathlib.Path(__file__).resolve().parent.parent / "src" / "http2" / "hpack_table_impl.h"

# RFC 7541, appendix A: entries 1 to 61, those with a value as pairs.
STATIC = [
    ":authority", (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"), (":scheme", "http"),
    (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"), (":status", "304"), (":status", "400"),
    (":status", "404"), (":status", "500"), "accept-charset", ("accept-encoding", "gzip, deflate"), "accept-language",
    "accept-ranges", "accept", "access-control-allow-origin", "age", "allow", "authorization", "cache-control",
    "content-disposition", "content-encoding", "content-language", "content-length", "content-location", "content-range",
    "content-type", "cookie", "date", "etag", "expect", "expires", "from", "host", "if-match", "if-modified-since",
    "if-none-match", "if-range", "if-unmodified-since", "last-modified", "link", "location", "max-forwards",
    "proxy-authenticate", "proxy-authorization", "range", "referer", "refresh", "retry-after", "server", "set-cookie",
    "strict-transport-security", "transfer-encoding", "user-agent", "vary", "via", "www-authenticate",
]

# RFC 7541, appendix B: bits of the codes of octets 0 to 255, sixteen a line; EOS.
LENGTHS = [int(n) for n in """
    13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28
    28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28
     6 10 10 12 13  6  8 11 10 10  8 11  8  6  6  6
     5  5  5  6  6  6  6  6  6  6  7  8 15  6 12 10
    13  6  7  7  7  7  7  7  7  7  7  7  7  7  7  7
     7  7  7  7  7  7  7  7  8  7  8 13 19 13 14  6
    15  5  6  5  6  5  6  6  6  5  7  7  6  6  6  5
     6  7  6  5  5  6  7  7  7  7  7 15 11 14 13 28
    20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23
    24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24
    22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23
    21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23
    26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25
    19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27
    20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23
    26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26
    30""".split()]

# Names of vmc_name from 1 on, in its order; the last kind has several. None: a kind without a name of its own.
KNOWN = [
    ":status", ":method", ":scheme", ":path", ":authority", None, "content-type", "te", "user-agent", "authorization", "grpc-status",
    "grpc-message", "grpc-timeout", "grpc-encoding", "viam-sid", "opid", "viam_client", "content-length", "connection",
]
ILLEGAL = ["keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]  # of the last kind too

# Bits of a name and of a value, from the lowest: length and place in the text.
NAME_LENGTH, NAME_PLACE, VALUE_LENGTH, VALUE_PLACE = 5, 11, 4, 12


def overlap(left, right):
    """How many characters at the end of left begin right."""
    return next(n for n in range(min(len(left), len(right)), -1, -1) if right.startswith(left[len(left) - n:]))


def merge(strings, first=""):
    """A short text that contains all strings and starts with first; ties go to the pair that comes first."""
    parts = [first] + [s for i, s in enumerate(strings)
                       if s not in first and s not in strings[:i] and not any(s in other and s != other for other in strings)]
    while len(parts) > 1:
        pairs = ((overlap(a, b), -i, -j) for i, a in enumerate(parts) for j, b in enumerate(parts) if i != j and j != 0)
        n, i, j = max(pairs)
        parts[-i] += parts[-j][n:]
        del parts[-j]
    return parts[0]


def pack(*fields):
    """One number of fields (value, bits), the first one lowest."""
    number, at = 0, 0
    for value, bits in fields:
        assert 0 <= value < 1 << bits and at + bits <= 16, fields
        number, at = number | value << at, at + bits
    return number


def huffman():
    """Symbols in the order of their codes, and how many codes there are of each length from 1 on."""
    order = sorted(range(257), key=lambda symbol: (LENGTHS[symbol], symbol))
    counts = [LENGTHS.count(bits) for bits in range(1, max(LENGTHS) + 1)]
    code = 0
    for count in counts:
        code = 2 * code + count
    assert code == 1 << max(LENGTHS) and order[256] == 256
    return order[:256], counts


def lines(items, width=126):
    """Items with commas, wrapped."""
    text = ""
    for item in items:
        if text and len(text) + len(item) + 2 > width:
            yield "    " + text
            text = ""
        text += (" " if text else "") + item + ","
    yield "    " + text


def array(declaration, items):
    """A constant array."""
    return [f"static const {declaration} = {{", *lines(items), "};", ""]


def table():
    """The text of hpack_table_impl.h."""
    pairs = [entry if isinstance(entry, tuple) else (entry, "") for entry in STATIC]
    listed = [name or KNOWN[0] for name in KNOWN] + ILLEGAL
    values = merge([value for _, value in pairs if value])
    text = merge([name for name, _ in pairs] + listed, values)
    names = [pack((len(name), NAME_LENGTH), (text.index(name), NAME_PLACE)) for name, _ in pairs]
    known = [pack((len(name), NAME_LENGTH), (text.index(name), NAME_PLACE)) for name in listed]
    entries = [pack((len(value), VALUE_LENGTH), (values.index(value), VALUE_PLACE)) for _, value in pairs]
    while entries[-1] == 0:
        del entries[-1]
    symbols, counts = huffman()
    assert len(pairs) == 61 and len(LENGTHS) == 257
    out = ["/* SPDX-License-Identifier: MIT */",
           "/* http2/hpack_table: static table and Huffman code of RFC 7541. GENERATED by tools/gen_hpack.py: do not edit. */",
           "#ifndef VIAMC_HTTP2_HPACK_TABLE_IMPL_H", "#define VIAMC_HTTP2_HPACK_TABLE_IMPL_H", "", '#include "base/config.h"', "",
           "/* All values and names, laid over each other. */", "static const char vmc_hpack_text[] ="]
    out += [f'    "{text[i:i + 118]}"' for i in range(0, len(text), 118)]
    out[-1] += ";"
    out += ["", "/* Names and values are length and place in the text. RFC 7541 appendix A: the names of entries from 1 on, the values of those",
            " * up to the last that has one. */"]
    for name, bits in (("NAME", NAME_LENGTH), ("VALUE", VALUE_LENGTH)):
        out += [f"#define VMC_HPACK_{name}_LEN(entry) ((uint32_t)(entry) & {hex((1 << bits) - 1)}u)",
                f"#define VMC_HPACK_{name}_AT(entry) ((uint32_t)(entry) >> {bits})"]
    out += [f"#define VMC_HPACK_VALUES {len(entries)}u"]
    out += array(f"uint16_t vmc_hpack_static[{len(names)}]", [f"0x{entry:04x}u" for entry in names])
    out += array("uint16_t vmc_hpack_values[VMC_HPACK_VALUES]", [f"0x{entry:04x}u" for entry in entries])
    out += ["/* Names that are treated, in the order of vmc_name from 1 on (the last kind has several). */"]
    out += array(f"uint16_t vmc_hpack_listed[{len(known)}]", [f"0x{entry:04x}u" for entry in known])
    out += ["/* RFC 7541 appendix B: octets in the order of their codes (EOS would be the last), and how many codes have 1, 2... 30 bits. */"]
    out += array("uint8_t vmc_huffman_symbols[256]", [str(symbol) for symbol in symbols])
    out += array(f"uint8_t vmc_huffman_counts[{len(counts)}]", [str(count) for count in counts])
    return "\n".join([*out, "#endif", ""])


def main():
    parser = argparse.ArgumentParser(description="makes src/http2/hpack_table_impl.h")
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("file", nargs="?", type=pathlib.Path, default=TARGET)
    args = parser.parse_args()
    text = table()
    if not args.check:
        args.file.write_bytes(text.encode("ascii"))
    elif not args.file.exists() or args.file.read_bytes() != text.encode("ascii"):
        print(f"{args.file} is not what tools/gen_hpack.py makes: run it")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
