#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""viamc_proto.h against Python's protobuf: random instances of every message there and back, in encodings usual and unusual, and cut off.

3 instances of each message; environment: COUNT, as `make test-messages` sets it to 50. Runs with the Python of build/venv, which has protobuf
and the descriptors.
"""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

import testing

sys.path[:0] = [str(testing.ROOT / "tests/proto"), str(testing.ROOT / "tools")]
try:
    import gen_proto
    import proto_model
    import instances
    from google.protobuf import message as protobuf, message_factory
except ImportError:
    gen_proto = None

COUNT = int(os.environ.get("COUNT", "3"))
FLAGS = ["-std=gnu99", "-DVIAMC_STATIC", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-DVIAMC_NO_TLS", "-DVIAMC_NO_POSIX",
         "-DVIAMC_NO_SERVER"]
DONE, REFUSED, ENDED_EARLY = 0, 1, 2


def messages_of(text):
    """Descriptors of the messages that a header has structs for, in the order of their names."""
    there = proto_model.Descriptors().messages
    found = {name: there[name] for name in there if f"}} {proto_model.c_name(name)};\n" in text}
    return [found[name] for name in sorted(found)]


class Driver:
    """tests/proto/driver.c."""

    def __init__(self, folder, header, messages):
        table = folder / "table.h"
        table.write_text("".join(f"{{&{name}_msg, sizeof({name})}},\n" for name in (proto_model.c_name(one.full_name) for one in messages)))
        (folder / "viamc_proto.h").write_text(header, encoding="ascii")
        program = folder / "driver"
        code, output = testing.run("gcc", *FLAGS, f'-DTABLE="{table}"', "-I", folder, "-I", testing.ROOT, "-o", program,
                                   testing.ROOT / "tests/proto/driver.c", "-lprotobuf-nanopb")
        if code != 0:
            raise AssertionError(output)
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, operation, index, data):
        """Result and octets of an operation on a message."""
        self.process.stdin.write(operation + struct.pack("<HI", index, len(data)) + data)
        self.process.stdin.flush()
        head = self.process.stdout.read(7)
        if len(head) != 7:
            raise AssertionError(f"the driver died, message {index}, {data.hex()}")
        result, _, length = struct.unpack("<BHI", head)
        return result, self.process.stdout.read(length)

    def close(self):
        """Its exit code."""
        self.process.stdin.close()
        code = self.process.wait()
        self.process.stdout.close()
        return code


@unittest.skipIf(gen_proto is None, "missing peer: protobuf for Python (make setup)")
class Messages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        header = (testing.ROOT / "viamc_proto.h").read_text(encoding="ascii")
        cls.messages = messages_of(header)
        cls.classes = [message_factory.GetMessageClass(one) for one in cls.messages]
        cls.driver = Driver(pathlib.Path(cls.folder.name), header, cls.messages)

    @classmethod
    def tearDownClass(cls):
        code = cls.driver.close()
        cls.folder.cleanup()
        if code != 0:
            raise AssertionError(f"the driver ended with {code}")

    def random_messages(self, seed, one_of=1):
        """(index, class, message) for some instances of every message."""
        for index, kind in enumerate(self.classes):
            maker = instances.Maker(f"{seed} {kind.DESCRIPTOR.full_name}")
            for _ in range(-(-COUNT // one_of)):
                yield index, kind, maker.message(kind)

    def equal(self, kind, data, want, what):
        """The octets mean the message; a Value without a kind is null."""
        got = kind()
        got.ParseFromString(data)
        instances.name_the_nulls(got)
        instances.name_the_nulls(want)
        self.assertEqual(got.SerializeToString(deterministic=True), want.SerializeToString(deterministic=True),
                         f"{what} {kind.DESCRIPTOR.full_name}\n{want}")

    def test_messages_are_those_of_the_machine_api(self):
        """592 are reached: these, less those of reflection and health; Struct, Value and ListValue, which viamc.h reads; and entries of their maps."""
        others = [one for one in self.messages if one.full_name.startswith("grpc.")]
        entries = ["google.protobuf.Struct.FieldsEntry", "viam.common.v1.GetReadingsResponse.ReadingsEntry"]
        self.assertEqual(len(self.messages) - len(others) + len(proto_model.NATIVE) + len(entries), 592)

    def test_views_come_back_octet_for_octet(self):
        for index, kind, message in self.random_messages("views"):
            data = message.SerializeToString()
            result, back = self.driver.ask(b"s", index, data)
            if any(field.message_type and field.message_type.full_name == instances.VALUE for field in kind.DESCRIPTOR.fields):
                self.equal(kind, back, message, "views")
            else:
                self.assertEqual((result, back.hex()), (DONE, data.hex()), f"{kind.DESCRIPTOR.full_name}\n{message}")

    def test_lists_and_structs_built_anew(self):
        for index, kind, message in self.random_messages("anew"):
            result, back = self.driver.ask(b"d", index, message.SerializeToString())
            self.assertEqual(result, DONE, f"{kind.DESCRIPTOR.full_name}\n{message}")
            self.equal(kind, back, message, "anew")

    def test_unusual_encodings(self):
        for index, kind, message in self.random_messages("unusual"):
            data = instances.Scrambler(f"{index} {message}").scramble(kind.DESCRIPTOR, message.SerializeToString())
            want = kind()
            want.ParseFromString(data)
            want.DiscardUnknownFields()
            for operation in (b"s", b"d"):
                result, back = self.driver.ask(operation, index, data)
                self.assertEqual(result, DONE, f"{kind.DESCRIPTOR.full_name} {data.hex()}\n{message}")
                got = kind()
                got.ParseFromString(back)
                got.DiscardUnknownFields()                      # views of lists and Structs keep what is in them
                self.equal(kind, got.SerializeToString(), want, data.hex())

    def test_cut_off(self):
        accepted = refused = 0
        for index, kind, message in self.random_messages("cut", 10):
            data = message.SerializeToString()
            for length in range(0, len(data), -(-len(data) // 300) or 1):       # at every octet of those that are not very long
                want = kind()
                try:
                    want.ParseFromString(data[:length])
                except protobuf.DecodeError:
                    want = None
                result, back = self.driver.ask(b"d", index, data[:length])
                self.assertIn(result, (DONE,) if want is not None else (REFUSED, ENDED_EARLY),
                              f"{kind.DESCRIPTOR.full_name} {data[:length].hex()}")
                if want is not None:
                    self.equal(kind, back, want, "cut off")
                accepted += want is not None
                refused += want is None
        self.assertGreater(accepted, 100)
        self.assertGreater(refused, 100)

    def test_noise(self):
        maker = instances.Maker("noise")
        for index, kind, message in self.random_messages("noise"):
            data = bytearray(message.SerializeToString())
            for _ in range(5):
                if data:
                    data[maker.rand.randrange(len(data))] = maker.rand.randrange(256)
            result, back = self.driver.ask(b"d", index, bytes(data))
            if result == DONE:
                want = kind()
                try:
                    want.ParseFromString(bytes(data))
                except protobuf.DecodeError:
                    continue                                    # UTF-8, which is not looked at here
                got = kind()
                got.ParseFromString(back)
            self.assertLess(result, 3, bytes(data).hex())

    def index(self, name):
        """The number of a message."""
        return [one.full_name for one in self.messages].index(name)

    def test_number_above_65535(self):
        index = self.index("viam.component.camera.v1.GetImagesResponse")
        p18 = "0a150a01631a04ffd8ffd9220a696d6167652f6a706567a29229080a060880e2cfaa06"  # viam-wire.md 8.4
        for operation in (b"s", b"d"):
            self.assertEqual(self.driver.ask(operation, index, bytes.fromhex(p18)), (DONE, bytes.fromhex(p18)))
        for number in (84260 & 0xffff, 84260 + 65536):          # the same in their lower halves
            data = instances.varint(number << 3 | instances.BYTES) + b"\x03abc"
            self.assertEqual(self.driver.ask(b"s", index, data), (DONE, b""))

    def test_lists_in_two_parts_are_refused(self):
        index = self.index("viam.component.arm.v1.MoveToJointPositionsRequest")
        part = "120a0a08000000000000f03f"
        self.assertEqual(self.driver.ask(b"s", index, bytes.fromhex(part)), (DONE, bytes.fromhex(part)))
        self.assertEqual(self.driver.ask(b"s", index, bytes.fromhex(part * 2)), (REFUSED, b""))
        self.assertEqual(self.driver.ask(b"s", index, bytes.fromhex(part + "1200")), (DONE, bytes.fromhex(part)))


if __name__ == "__main__":
    testing.main("proto_python")
