# SPDX-License-Identifier: MIT
"""Every method of the machine API by its typed functions, against servers of three makes; the table build/methods.txt says which against which."""
import collections
import contextlib
import functools
import sys

import calling
import fakes
import grpc
import peers
import pytest
from calling import BY_KEY, METHODS, Caller, Result, python_call
from rpc import Client

ODD_TEXT = "no way: 100 % \u00e4\u6f22"


@pytest.fixture(scope="session")
def client():
    return calling.build("client")


def plain_all(kind, messages):
    return [calling.plain(kind, one) for one in messages]


def calls_of(method):
    """Requests and replies to try, encoded: all fields, then some of them."""
    largest = 100 if method.stops else calling.BIG
    requests = method.random(method.request, "request", 6, largest)
    replies = method.random(method.reply, "reply", 6)
    for at in range(0, 6, 3):
        sent = requests[at:at + 3] if method.streams_in else requests[at:at + 1]
        back = replies[at:at + 3] if method.streams_out else replies[at:at + 1]
        yield [one.SerializeToString() for one in sent], [one.SerializeToString() for one in back]


def test_descriptors(row, client, proofs):
    """A server made from the descriptors: all fields of all requests and replies, streams to their end and cancelled, and a failure each."""
    row("grpcio, from the descriptors", "every method, typed")
    with calling.Scripted() as server, Caller(client, server.address, "--no-session") as caller:
        for method in METHODS:
            for sent, back in calls_of(method):
                server.replies[method.path] = back
                result = caller.call(method, sent)
                assert plain_all(method.request, server.seen[method.path]) == plain_all(method.request, sent), method.path
                assert result == Result(result.replies, 0, ""), method.path
                assert plain_all(method.reply, result.replies) == plain_all(method.reply, back), method.path
            if method.streams_out:
                server.endless.add(method.path)
                result = caller.call(method, sent, take=1)
                assert (len(result.replies), result.code) == (1, grpc.StatusCode.CANCELLED.value[0]), method.path
            server.fails[method.path] = (grpc.StatusCode.DATA_LOSS, ODD_TEXT)
            assert caller.call(method, sent) == Result([], grpc.StatusCode.DATA_LOSS.value[0], ODD_TEXT), method.path
            proofs.add(method, "descriptors")
    row.cases = len(METHODS), 0
    row.figure = f"{len(METHODS)} methods, {sum(one.streams_in or one.streams_out for one in METHODS)} of them streams"


# ---- viam-server ----

@contextlib.contextmanager
def secure_channel(server, certs):
    """A channel of grpcio's, and the metadata with which it is let in."""
    with Client(server.address, certs.ca, peers.KEY_ID, peers.KEY) as client, open(certs.ca, "rb") as ca:
        channel = grpc.secure_channel(server.address, grpc.ssl_channel_credentials(ca.read()), options=calling.UNLIMITED)
        with channel:
            yield channel, client.metadata


def check_equal(method, ours, before, after):
    """Our result is the one that Python had before and after it, but for what is another each time."""
    assert ours.code == before.code == after.code, (method.path, ours, before, after)
    if ours.code not in (grpc.StatusCode.CANCELLED.value[0], grpc.StatusCode.DEADLINE_EXCEEDED.value[0]):
        assert calling.same_text(ours.text, before.text) or before.text != after.text, (method.path, ours.text, before.text)
    assert len(ours.replies) == len(before.replies) == len(after.replies), method.path
    for one, *twice in zip(ours.replies, before.replies, after.replies):
        ordered = method.key not in fakes.UNORDERED
        differ = calling.differences(one, twice[0], method.reply, ordered) - calling.differences(*twice, method.reply, ordered)
        differ = [path for path in differ if not path.startswith(fakes.RANDOM.get(method.key, ()))]
        assert not differ, (method.path, differ, method.reply.FromString(one), method.reply.FromString(twice[0]))


def check_status(method, result):
    """OK, cancelled by us, or what is written down for the method."""
    code, text = fakes.FAILS.get(method.key, (0, ""))
    if method.key in fakes.ENDLESS:
        code = grpc.StatusCode.CANCELLED.value[0]
    assert result.code == code and result.text.startswith(text), (method.path, result.code, result.text)


def test_viam_server(row, certs, client, proofs):
    """Every method of every resource that it serves with its fakes: the same answers that Python gets."""
    row("viam-server", "every method of 25 fakes, typed, TLS P-256 + API key")
    served = [one for one in METHODS if one.service.name in fakes.SERVED + fakes.ROBOT and one.key not in fakes.ENDS_IT]
    with peers.viam_server(certs["ec"], resources=fakes.RESOURCES) as server, secure_channel(server, certs) as (channel, metadata), \
            Caller(client, server.address, "--ca", certs.ca, "--key-id", peers.KEY_ID, "--key", peers.KEY) as caller:
        names = BY_KEY["robot.ResourceNames"]
        there = names.reply.FromString(python_call(channel, names, [b""], 0, metadata).replies[0])
        assert sorted(one.name for one in there.resources) == sorted(one["name"] for one in fakes.RESOURCES)
        for method in served:
            sent, patience, results = fakes.asked(method), fakes.PATIENCE.get(method.key, 20), []
            take = fakes.TAKE if method.key in fakes.ENDLESS else 0
            host = ("rpc-host", server.address)
            for who in ("python", "ours", "python"):
                if method.key in fakes.FIRST:
                    first = BY_KEY[fakes.FIRST[method.key]]
                    python_call(channel, first, fakes.asked(first), 0, metadata)
                results.append(caller.call(method, sent, take, "=".join(host), patience) if who == "ours"
                               else python_call(channel, method, sent, take, [*metadata, host], patience))
            check_equal(method, results[1], results[0], results[2])
            check_status(method, results[1])
            proofs.add(method, "viam-server", "ok" if results[1].code in (0, 1) else grpc_name(results[1].code))
        end = BY_KEY["robot.Shutdown"]
        assert caller.call(end, fakes.asked(end)).code in (0, 2, 14)         # it may end before it has answered
        assert server.wait(10) == 0
        proofs.add(end, "viam-server")
    failed = sum(one.key in fakes.FAILS for one in served)
    row.cases = len(served) + 1, 0
    row.figure = f"{len(served) + 1} methods, {failed} of them with the status that it has for them"


def grpc_name(code):
    return next(one.name for one in grpc.StatusCode if one.value[0] == code)


# ---- the Python SDK's Server ----

# Readings of sensors that raise the SDK's errors (viam-wire.md 5.5): status and the beginning of its text.
RAISED = {"grpc": (15, "lost: 100 % \u00e4"), "no-text": (10, ""), "viam": (13, "of Viam's"), "not-supported": (12, "not here"),
          "not-implemented": (12, "Method get_readings not implemented."), "validation": (3, "not so"), "any": (2, "ValueError - boom - file_name="),
          "nope": (5, 'No sensor with name "nope" found in the registry'), "late": (4, "")}


@contextlib.contextmanager
def sdk_server(backend):
    """The SDK's Server with everything, and a channel to it."""
    with peers.Process(sys.executable, peers.ROOT / "tests/conformance/sdk_all.py", backend) as server:
        server.address = server.expect(r"^listening on (\S+)$").group(1)
        with grpc.insecure_channel(server.address, options=calling.UNLIMITED) as channel:
            yield server, channel


def test_sdk_server(row, client, proofs):
    """Every method that it serves, of every component and service; behind it a server made from the descriptors sees what comes through."""
    row("Python SDK Server", "every method of all its resources, typed")
    count = collections.Counter()
    with calling.Scripted() as backend, sdk_server(backend.address) as (server, channel), Caller(client, server.address) as caller:
        for method in METHODS:
            replies = method.random(method.reply, "reply", 2)
            if method.key in fakes.UNDERSTOOD:
                replies = [fakes.understood(method)] * 2
            backend.replies[method.path] = [one.SerializeToString() for one in replies[:2 if method.streams_out else 1]]
            sent, take, results, seen = fakes.asked(method), method.key == "inputcontroller.StreamEvents", [], []      # that one does not end
            for who in ("python", "ours", "python"):
                results.append((caller.call if who == "ours" else functools.partial(python_call, channel))(method, sent, int(take)))
                seen.append([calling.anonymous(method.request, one) for one in backend.seen.pop(method.path, [])])
            assert seen[0] == seen[1], method.path
            check_equal(method, results[1], results[0], results[2])
            status = "ok" if results[1].code in (0, 1) else grpc_name(results[1].code)
            count[status] += 1
            if seen[1]:
                assert status == "ok", (method.path, results[1])
                count["through"] += 1
            proofs.add(method, "Python SDK Server", status)
    row.cases = count["ok"] + count["UNIMPLEMENTED"], 0
    row.figure = f"{count['ok']} methods answer, {count['through']} of them from behind it; {count['UNIMPLEMENTED']} are not implemented there"
    assert count["ok"] > 190 and set(count) == {"ok", "through", "UNIMPLEMENTED"}, count


def test_sdk_errors(row, client):
    row("Python SDK Server", "its errors, and Values without a kind")
    method = BY_KEY["sensor.GetReadings"]
    with calling.Scripted() as backend, sdk_server(backend.address) as (server, channel), Caller(client, server.address) as caller:
        for name, (code, text) in RAISED.items():
            result = caller.call(method, [method.request(name=name).SerializeToString()], timeout=0.3)
            assert result.code == code and result.text.startswith(text) and (text or not result.text or name == "late"), (name, result)
        sent = [method.request(name="nulls").SerializeToString()]
        result, python = caller.call(method, sent), python_call(channel, method, sent)
        assert result.code == 0 and result.replies == python.replies and b"\x12\x00" in result.replies[0], result
    row.cases = len(RAISED) + 1, 0
    row.figure = f"{len(RAISED)} errors"
