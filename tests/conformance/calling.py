# SPDX-License-Identifier: MIT
"""All methods of the machine API, and what can be done with each without knowing it: a C program that calls it by its typed functions, one that
serves it, a Python server that answers it and a Python client that calls it, all with messages made by Python's protobuf."""
import collections
import concurrent.futures
import re
import shutil
import subprocess
import sys
import threading
import time

import grpc
import peers
from google.protobuf import message_factory

sys.path[:0] = [str(peers.ROOT / "tests/proto"), str(peers.ROOT / "tools")]
# pylint: disable=wrong-import-position
import instances
import proto_model

HERE = peers.ROOT / "tests/conformance/methods"
FLAGS = ["-std=gnu99", "-O0", "-g1", "-Wall", "-Wextra", "-Werror", "-DVIAMC_STATIC"]
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
CUT = "\u2026"                                          # at the end of a text that our client cut
BIG = 12000                                             # octets that a random request or reply has at most

Result = collections.namedtuple("Result", "replies code text")      # of a call: encoded messages, gRPC status, its text


class Method:
    """A method: its path, names in C, messages, and who streams."""

    def __init__(self, number, service, method):
        self.number, self.path, self.key = number, method.path, f"{service.name}.{method.descriptor.name}"
        self.service, self.name = service, method.name
        self.request_name, self.reply_name = method.request, method.reply
        self.request, self.reply = (message_factory.GetMessageClass(one) for one in (method.descriptor.input_type, method.descriptor.output_type))
        self.streams_in, self.streams_out = method.proto.client_streaming, method.proto.server_streaming
        self.stops = {"STOP", "STOP_ALL"} & set(method.flags())

    def of_viam(self):
        """True for the 282 methods of viam-sdk's descriptors."""
        return not self.path.startswith("/grpc.")

    def random(self, kind, seed, count, largest=BIG):
        """Random messages of at most so many octets; the first one has all fields, unless it is too large."""
        maker = instances.Maker(f"{seed} {self.path}")
        made = []
        while len(made) < count:
            message = maker.message(kind)
            if message.ByteSize() <= largest:
                made.append(message)
        return made


def _methods():
    choice = proto_model.Choice(proto_model.Descriptors(), proto_model.machine_api())
    both = [(service, method) for service in choice.services for method in service.methods]
    return [Method(number, *pair) for number, pair in enumerate(both)]


METHODS = _methods()
BY_PATH = {method.path: method for method in METHODS}
BY_KEY = {method.key: method for method in METHODS}


def plain(kind, data):
    """An encoded message in the one form in which messages are compared: a Value without a kind is null."""
    message = kind.FromString(data)
    return instances.name_the_nulls(message).SerializeToString(deterministic=True)


# ---- programs ----

def build(name, *flags):
    """A program of methods/, compiled for all methods."""
    folder = peers.new_folder()
    lines = [f"{'C' if one.streams_in else 'U'}({one.service.name}, {one.name}, \"{one.path}\", {one.request_name}, {one.reply_name})"
             for one in METHODS]
    services = {one.service.name: one.service for one in METHODS}
    (folder / "methods.inc").write_text("\n".join(lines) + "\n")
    (folder / "services.inc").write_text("".join(f"{'NAMED' if one.type else 'ALONE'}({one.name})\n" for one in services.values()))
    command = [shutil.which("cc"), *FLAGS, *flags, f'-DMETHODS="{folder}/methods.inc"', f'-DSERVICES="{folder}/services.inc"', "-I", peers.ROOT,
               "-I", HERE, "-o", folder / name, HERE / f"{name}.c", "-lbearssl", "-lprotobuf-nanopb"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / name


def hexes(messages):
    return " ".join(one.hex() or "-" for one in messages)


def octets(word):
    return b"" if word == "-" else bytes.fromhex(word)


class Caller:
    """methods/client: calls by typed functions."""

    def __init__(self, program, address, *words):
        self._process = subprocess.Popen([str(program), address, *(str(word) for word in words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        self._line()
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        if self._process.poll() is None:
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()

    def _line(self):
        timer = threading.Timer(30, self._process.kill)
        timer.start()
        line = self._process.stdout.readline().split()
        timer.cancel()
        assert line, "the client ended: " + self._process.stderr.read()
        return line

    def call(self, method, requests, take=0, metadata="-", timeout=20):
        """The result of a call: of a stream, the first `take` messages."""
        self._process.stdin.write(f"{method.number} {take} {timeout * 1000:.0f} {metadata} {hexes(requests)}\n")
        self._process.stdin.flush()
        replies = []
        while True:
            kind, *words = self._line()
            if kind == "done":
                text = octets(words[1]).decode("utf-8", "ignore")
                return Result(replies, int(words[0]), text + CUT if words[2:] else text)
            replies.append(octets(words[0]))


# ---- Python's side ----

def python_call(channel, method, requests, take=0, metadata=(), timeout=20):
    """The same by Python's grpcio."""
    kind = ("stream" if method.streams_in else "unary") + ("_stream" if method.streams_out else "_unary")
    stub = getattr(channel, kind)(method.path)
    sent = iter(requests) if method.streams_in else requests[0]
    replies = []
    try:
        answer = stub(sent, timeout=timeout, metadata=list(metadata))
        if not method.streams_out:
            return Result([answer], 0, "")
        for reply in answer:
            replies.append(reply)
            if len(replies) == take:
                answer.cancel()
                return Result(replies, grpc.StatusCode.CANCELLED.value[0], "")
        return Result(replies, 0, "")
    except grpc.RpcError as err:
        return Result(replies, err.code().value[0], err.details() or "")


class Scripted(grpc.GenericRpcHandler):
    """A server that knows every method: replies[path] are its replies, or fails[path] = (status, text); seen[path] what the last call sent.
    The streams of the paths in endless stay open."""

    def __init__(self):
        self.replies, self.fails, self.seen, self.endless = {}, {}, {}, set()
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), options=UNLIMITED)
        self._server.add_generic_rpc_handlers([self])
        self.address = "127.0.0.1:%d" % self._server.add_insecure_port("127.0.0.1:0")

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(0).wait()

    def service(self, handler_call_details):
        method = BY_PATH.get(handler_call_details.method)
        if method is None:
            return None
        kind = ("stream" if method.streams_in else "unary") + ("_stream" if method.streams_out else "_unary")
        return getattr(grpc, kind + "_rpc_method_handler")(self._stream(method) if method.streams_out else self._unary(method))

    def _take(self, method, sent, context):
        self.seen[method.path] = list(sent) if method.streams_in else [sent]
        if method.path in self.fails:
            context.abort(*self.fails[method.path])

    def _unary(self, method):
        def answer(sent, context):
            self._take(method, sent, context)
            return self.replies[method.path][0]
        return answer

    def _stream(self, method):
        def answer(sent, context):
            self._take(method, sent, context)
            yield from self.replies[method.path]
            while method.path in self.endless and context.is_active():
                time.sleep(0.002)
        return answer


# ---- comparing ----

def content(message, field, ordered):
    """What a field holds, to be compared: maps, and lists in no order, are sorted."""
    values = getattr(message, field.name)
    if not field.is_repeated:
        return repr(values)                             # NaN is like NaN
    if not ordered and not (field.message_type and field.message_type.GetOptions().map_entry):
        return sorted(one if isinstance(one, (str, bytes)) else one.SerializeToString(deterministic=True) for one in values)
    alone = type(message)()
    getattr(alone, field.name).MergeFrom(values)
    return alone.SerializeToString(deterministic=True)


def differences(one, other, kind, ordered=True):
    """The fields in which two encoded messages differ. Of the same reply asked for twice: clocks, random ids."""
    differ = set()

    def walk(a, b, path):
        for field in a.DESCRIPTOR.fields:
            where = f"{path}/{field.name}"
            if field.message_type is None or field.is_repeated:
                if content(a, field, ordered) != content(b, field, ordered):
                    differ.add(where)
            elif a.HasField(field.name) or b.HasField(field.name):
                walk(getattr(a, field.name), getattr(b, field.name), where)

    walk(instances.name_the_nulls(kind.FromString(one)), instances.name_the_nulls(kind.FromString(other)), "")
    return differ


def anonymous(kind, data):
    """The one form of a message, but for random ids: the SDK's client gives some to its requests."""
    return re.sub(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"", plain(kind, data))


def same_text(ours, theirs):
    return theirs.startswith(ours[:-1]) if ours.endswith(CUT) else ours == theirs
