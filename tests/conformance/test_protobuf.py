# SPDX-License-Identifier: MIT
"""protobuf's own conformance runner on messages that tools/gen_proto.py made of its test messages."""
import re
import shutil
import subprocess

import calling
import gen_proto
import peers
import proto_model
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

PROTOBUF = peers.PEERS / "protobuf"
TESTED = "protobuf_test_messages.proto3.TestAllTypesProto3"
# Fields that the generator refuses, because no Viam message has the like: lists of Value and of ListValue. They come as unknown fields here.
LEFT_OUT = {"repeated_value", "repeated_list_value"}
# Required cases that fail, and why.
SINT32 = "nanopb takes a sint32 of more than 32 bits for another number; no message of Viam's has a sint32"
EXPECTED = {
    "Required.Proto3.ProtobufInput.ValidDataScalar.SINT32[4].ProtobufOutput": SINT32,
    "Required.Proto3.ProtobufInput.RepeatedScalarSelectsLast.SINT32.ProtobufOutput": SINT32,
    "Required.Proto3.ProtobufInput.ValidDataRepeated.SINT32.PackedInput.ProtobufOutput": SINT32,
    "Required.Proto3.ProtobufInput.ValidDataRepeated.SINT32.UnpackedInput.ProtobufOutput": SINT32,
    "Required.Proto3.ProtobufInput.UnknownVarint.ProtobufOutput": "unknown fields are skipped: nothing has room for them",
    "Required.Proto3.ProtobufInput.ValidDataOneof.MESSAGE.Merge.ProtobufOutput": "a message around a list, in two parts, is refused",
}


class Messages:
    """What proto_model.Descriptors is for Viam's messages: those of the tests."""

    services = {}

    def __init__(self):
        files, pool = descriptor_pb2.FileDescriptorSet.FromString((PROTOBUF / "messages.binpb").read_bytes()), descriptor_pool.DescriptorPool()
        for file in files.file:
            for message in file.message_type:
                for at in reversed(range(len(message.field))):
                    if message.name == TESTED.rpartition(".")[2] and message.field[at].name in LEFT_OUT:
                        del message.field[at]
            pool.Add(file)
        self.messages = {}
        for file in files.file:
            for message in pool.FindFileByName(file.name).message_types_by_name.values():
                self.add(message)

    def add(self, message):
        self.messages[message.full_name] = message
        for inner in message.nested_types:
            self.add(inner)


def make_header(monkeypatch):
    """viamc_proto.h of the messages. The one that is tested has more octets than a descriptor of two words a field has room for."""
    monkeypatch.setattr(gen_proto, "Descriptors", Messages)
    monkeypatch.setattr(proto_model, "LARGEST", 65535)
    text = gen_proto.generate([TESTED, "conformance.ConformanceRequest", "conformance.ConformanceResponse"])
    return text.replace("VMC_WORDS(2, ", "VMC_WORDS(4, ")


def test_no_message_has_a_sint32(row):
    row("viam-sdk", "no field is a sint32, which is why its cases may fail")
    fields = [field.descriptor for message in proto_model.Choice(proto_model.Descriptors(), proto_model.machine_api()).messages for field in message.fields]
    assert fields and not [field.full_name for field in fields if field.type == field.TYPE_SINT32]
    row.figure = f"{len(fields)} fields"


@pytest.mark.parametrize("sanitize", [False, True], ids=["plain", "sanitizers"])
def test_runner(row, monkeypatch, sanitize):
    row(f"protobuf {(PROTOBUF / 'stamp').read_text().strip()}" if PROTOBUF.exists() else "protobuf",
        "conformance_test_runner" + (", with sanitizers" if sanitize else ""))
    runner, folder = peers.need(PROTOBUF / "runner"), peers.new_folder()
    (folder / "viamc_proto.h").write_text(make_header(monkeypatch))
    (folder / "expected").write_text("".join(f"{name}\n" for name in EXPECTED))
    flags = ["-DVIAMC_NO_TLS", "-DVIAMC_NO_POSIX", "-DVIAMC_NO_SERVER", *(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"] if sanitize else [])]
    command = [shutil.which("cc"), *calling.FLAGS, *flags, "-I", folder, "-I", peers.ROOT, "-o", folder / "testee",
               peers.ROOT / "tests/conformance/protobuf/testee.c", "-lprotobuf-nanopb"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with peers.Process(runner, "--failure_list", folder / "expected", folder / "testee") as process:
        code = process.wait(60)
        counts = re.search(r"(\d+) successes, (\d+) skipped, (\d+) expected failures, (\d+) unexpected failures", process.out + process.err)
        assert counts, process.printed()
        passed, skipped, expected, unexpected = map(int, counts.groups())
    row.cases = passed, unexpected
    row.figure = f"{passed} passed, {expected} expected failures, {skipped} skipped (JSON, text, proto2)"
    assert code == 0 and unexpected == 0 and expected == len(EXPECTED), process.out + process.err
