# SPDX-License-Identifier: MIT
"""The messages of grpc.testing, from the descriptors that tests/peers/build.sh took from grpc-go; and what a test service does with them."""
import argparse
import pathlib

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

DESCRIPTORS = pathlib.Path(__file__).resolve().parents[3] / "build/peers/interop.binpb"
INITIAL, TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"

pool = descriptor_pool.DescriptorPool()
for file in descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file:
    pool.Add(file)


def message(name):
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"grpc.testing.{name}"))


# method: kind of request, kind of reply
METHODS = {
    "EmptyCall": (message("Empty"), message("Empty")),
    "UnaryCall": (message("SimpleRequest"), message("SimpleResponse")),
    "StreamingInputCall": (message("StreamingInputCallRequest"), message("StreamingInputCallResponse")),
    "StreamingOutputCall": (message("StreamingOutputCallRequest"), message("StreamingOutputCallResponse")),
    "FullDuplexCall": (message("StreamingOutputCallRequest"), message("StreamingOutputCallResponse")),
}


def payload(kind, size):
    """A reply with a payload of so many zeros."""
    reply = kind()
    reply.payload.body = bytes(size)
    return reply


def arguments(**more):
    """--cert, --key, and whole numbers of the server's own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cert")
    parser.add_argument("--key")
    for name, default in more.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    return parser.parse_args()
