# SPDX-License-Identifier: MIT
"""protoset.py OUT: the descriptors inside viam-sdk as one FileDescriptorSet, dependencies first, for grpcurl -protoset."""
import importlib
import pathlib
import sys

import viam.gen
from google.protobuf import descriptor_pb2


def add(file, done, result):
    if file.name in done:
        return
    done.add(file.name)
    for dependency in file.dependencies:
        add(dependency, done, result)
    file.CopyToProto(result.file.add())


def main():
    root = pathlib.Path(viam.gen.__file__).parent
    done, result = set(), descriptor_pb2.FileDescriptorSet()
    for path in sorted(root.rglob("*_pb2.py")):
        name = ".".join(("viam.gen", *path.relative_to(root).with_suffix("").parts))
        add(importlib.import_module(name).DESCRIPTOR, done, result)
    pathlib.Path(sys.argv[1]).write_bytes(result.SerializeToString(deterministic=True))


main()
