#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The compression of header blocks against others: recorded connections of eight encoders, and PyPI's hpack in both directions.

A story is a connection: its blocks are decoded by one decoder, whole, octet by octet and in random pieces. The tables in
src/http2/hpack_table_impl.h must be what tools/gen_hpack.py makes.
"""
import json
import os
import random
import subprocess
import sys
import tarfile
import unittest

import testing

sys.path.insert(0, str(testing.ROOT / "tools"))
sys.dont_write_bytecode = True
import gen_hpack  # noqa: E402  (from tools/)

try:
    import hpack
    import hpack.huffman_constants
except ImportError:
    hpack = None

DATA = testing.ROOT.parent / "shared/vectors/hpack-stories.tar.xz"
BUILD = testing.ROOT / "build/hpack"
WAYS = ("whole", "octets", "pieces")
LISTS = 2000


def tool():
    """Compiles tests/programs/hpack_lines.c with sanitizers, once."""
    if not hasattr(tool, "path"):
        BUILD.mkdir(parents=True, exist_ok=True)
        flags = os.environ.get("HPACK_CFLAGS", "-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all").split()
        code, output = testing.run(os.environ.get("CC", "cc"), "-std=gnu99", "-DVIAMC_STATIC", *flags, "-I", testing.ROOT / "src",
                                   "-I", testing.ROOT / "tests", testing.ROOT / "tests/programs/hpack_lines.c", "-o", BUILD / "hpack_lines",
                                   "-ffunction-sections", "-Wl,--gc-sections", "-lbearssl", "-lprotobuf-nanopb")
        if code != 0:
            raise RuntimeError(output)
        tool.path = BUILD / "hpack_lines"
    return tool.path


def lines_of(words, text=""):
    """Runs the tool; its lines."""
    done = subprocess.run([tool(), *words], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=100, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout.splitlines()


def fields_line(fields):
    """Fields as the tool prints them."""
    return "".join(f"{name.hex()}={value.hex()} " for name, value in fields)


class Tables(unittest.TestCase):
    def test_generated(self):
        self.assertEqual(gen_hpack.TARGET.read_text(), gen_hpack.table(), "run tools/gen_hpack.py")

    @unittest.skipIf(hpack is None, "missing peer: hpack of build/venv")
    def test_appendices(self):
        static = [(name.decode(), value.decode()) for name, value in hpack.table.HeaderTable.STATIC_TABLE]
        self.assertEqual([entry if isinstance(entry, tuple) else (entry, "") for entry in gen_hpack.STATIC], static)
        self.assertEqual(gen_hpack.LENGTHS, list(hpack.huffman_constants.REQUEST_CODES_LENGTH))
        symbols, counts = gen_hpack.huffman()
        code, codes = 0, {}
        for bits, count in enumerate(counts, 1):
            for symbol in (symbols + [256])[len(codes):len(codes) + count]:
                codes[symbol] = (bits, code)
                code += 1
            code *= 2
        self.assertEqual(codes, {symbol: (bits, code) for symbol, (bits, code) in enumerate(
            zip(hpack.huffman_constants.REQUEST_CODES_LENGTH, hpack.huffman_constants.REQUEST_CODES))})


class Stories(unittest.TestCase):
    def test_all(self):
        if not DATA.exists():
            self.skipTest("missing data: hpack-stories.tar.xz")
        script, wanted = [], []
        with tarfile.open(DATA) as archive:
            for member in sorted(archive.getmembers(), key=lambda m: m.name):
                if not member.name.endswith(".json"):
                    continue
                script.append("T 4096\n")
                for case in json.load(archive.extractfile(member))["cases"]:
                    self.assertIn(case.get("header_table_size", 4096), (4096, None))
                    script.append(f"B {case['wire']}\n")
                    wanted.append((f"{member.name} {case.get('seqno')}",
                                   fields_line((name.encode(), value.encode()) for pair in case["headers"] for name, value in pair.items())))
        self.assertGreater(len(wanted), 27000)
        for way in WAYS:
            answers = lines_of(["decode", way], "".join(script))
            self.assertEqual(len(answers), len(wanted))
            for answer, (name, fields) in zip(answers, wanted):
                self.assertEqual(answer, fields, f"{name}, {way}")


@unittest.skipIf(hpack is None, "missing peer: hpack of build/venv")
class Peer(unittest.TestCase):
    def test_reads_our_blocks(self):
        decoder = hpack.Decoder(max_header_list_size=1 << 20)
        lists = sizes = 0
        for line in lines_of(["encode", "1", str(LISTS)]):
            kind, word, *fields = line.split(" ")
            if kind == "T":
                decoder.max_allowed_table_size = int(word)
                sizes += 1
                continue
            got = [f"{name.hex()}={value.hex()}" for name, value in decoder.decode(bytes.fromhex(word), raw=True)]
            self.assertEqual(got, fields, line)
            lists += 1
        self.assertEqual(lists, LISTS)
        self.assertGreater(sizes, 200)

    def test_writes_blocks_for_us(self):
        rng = random.Random(1)
        encoder, script, wanted = hpack.Encoder(), ["T 4096\n"], []
        pool = [bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz0123456789-", k=rng.randint(1, 40))) for _ in range(60)]
        pool += [b":path", b"content-type", b"grpc-status", b"opid"]
        values = [bytes(rng.choices(range(256), k=rng.randint(0, rng.choice((5, 300))))) for _ in range(200)]
        for _ in range(LISTS):
            if rng.random() < 0.1:
                encoder.header_table_size = rng.choice((0, 64, 300, 4096))
            fields = [(rng.choice(pool), rng.choice(values)) for _ in range(rng.randint(0, 12))]
            headers = [hpack.HeaderTuple(*field) if rng.random() < 0.8 else hpack.NeverIndexedHeaderTuple(*field) for field in fields]
            script.append(f"B {encoder.encode(headers, huffman=rng.random() < 0.6).hex()}\n")
            wanted.append(fields_line(fields))
        for way in WAYS:
            answers = lines_of(["decode", way], "".join(script))
            self.assertEqual(len(answers), len(wanted))
            for answer, fields in zip(answers, wanted):
                self.assertEqual(answer, fields, way)


if __name__ == "__main__":
    testing.main("hpack_stories")
