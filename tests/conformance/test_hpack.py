# SPDX-License-Identifier: MIT
"""Our encoder of header blocks, read by three decoders of other makes: 10,000 lists of fields with changes of the table's size."""
import ctypes
import ctypes.util
import subprocess

import hpack
import peers
import pytest

SEED, LISTS = 20261, 10000


class Field(ctypes.Structure):
    """nghttp2_nv"""
    _fields_ = [("name", ctypes.c_void_p), ("value", ctypes.c_void_p), ("name_len", ctypes.c_size_t), ("value_len", ctypes.c_size_t),
                ("flags", ctypes.c_uint8)]


class Nghttp2:
    """The decoder of libnghttp2."""
    FINAL, EMIT = 1, 2

    def __init__(self):
        name = ctypes.util.find_library("nghttp2")
        if name is None:
            peers.need(peers.ROOT / "libnghttp2.so")
        self._lib = ctypes.CDLL(name)
        self._lib.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
        self._lib.nghttp2_hd_inflate_hd2.argtypes = [ctypes.c_void_p, ctypes.POINTER(Field), ctypes.POINTER(ctypes.c_int), ctypes.c_char_p,
                                                     ctypes.c_size_t, ctypes.c_int]
        self._lib.nghttp2_hd_inflate_change_table_size.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self._lib.nghttp2_hd_inflate_end_headers.argtypes = [ctypes.c_void_p]
        self._inflater = ctypes.c_void_p()
        assert self._lib.nghttp2_hd_inflate_new(ctypes.byref(self._inflater)) == 0

    def resize(self, octets):
        assert self._lib.nghttp2_hd_inflate_change_table_size(self._inflater, octets) == 0

    def decode(self, block):
        field, flags, fields = Field(), ctypes.c_int(), []
        while not flags.value & self.FINAL:
            done = self._lib.nghttp2_hd_inflate_hd2(self._inflater, field, flags, block, len(block), 1)
            assert done >= 0, f"nghttp2 says {done}"
            block = block[done:]
            if flags.value & self.EMIT:
                fields.append((ctypes.string_at(field.name, field.name_len), ctypes.string_at(field.value, field.value_len)))
        self._lib.nghttp2_hd_inflate_end_headers(self._inflater)
        return fields


class PythonHpack(hpack.Decoder):
    def __init__(self):
        super().__init__(max_header_list_size=1 << 20)

    def resize(self, octets):
        self.max_allowed_table_size = octets

    def decode(self, block):        # pylint: disable=arguments-differ
        return super().decode(block, raw=True)


@pytest.fixture(scope="module")
def lines():
    return subprocess.run([peers.need(peers.BUILD / "tests/hpack_lines"), "encode", str(SEED), str(LISTS)], stdout=subprocess.PIPE,
                          text=True, check=True).stdout


@pytest.mark.parametrize("make, name", [(PythonHpack, "python-hpack"), (Nghttp2, "nghttp2")])
def test_reads_our_blocks(row, lines, make, name):
    row(name, "our header blocks, with table size changes")
    decoder, lists, sizes = make(), 0, 0
    for line in lines.splitlines():
        kind, word, *fields = line.split(" ")
        if kind == "T":
            decoder.resize(int(word))
            sizes += 1
        else:
            assert [f"{n.hex()}={v.hex()}" for n, v in decoder.decode(bytes.fromhex(word))] == fields, f"list {lists}: {line}"
            lists += 1
    row.figure = f"{lists} lists, {sizes} sizes"
    assert lists == LISTS and sizes > 1000


def test_go_reads_our_blocks(row, lines):
    row("Go x/net/http2/hpack", "our header blocks, with table size changes")
    done = subprocess.run([peers.need(peers.BIN / "hpack-read")], input=lines, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    row.figure = done.stdout.strip()
    assert done.returncode == 0 and done.stdout == f"{LISTS} blocks\n", done.stderr
