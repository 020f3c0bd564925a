# SPDX-License-Identifier: MIT
"""Every method of the machine API served by its typed handlers: called by grpcio and by the Python SDK's clients."""
import asyncio
import collections

import calling
import fakes
import grpc
import peers
import pytest
import sdk_calls
from calling import BY_KEY, BY_PATH, METHODS, python_call
from viam.robot.client import RobotClient

# What the server serves itself: these methods have no handler.
ITS_OWN = ["auth.Authenticate", *("robot." + name for name in """SendSessionHeartbeat StopAll StartSession ResourceNames GetOperations CancelOperation
    BlockForOperation GetVersion GetMachineStatus""".split())]


@pytest.fixture(scope="session")
def program():
    return calling.build("server")


class Serving(peers.Process):
    """methods/server, with these replies of each method."""

    def __init__(self, program, replies):
        super().__init__(program, "replies")
        (self.folder / "replies").write_text("".join(calling.hexes(replies[one.path]) + "\n" for one in METHODS))
        self._taken = 0

    def __enter__(self):
        super().__enter__()
        self.address = self.expect(r"^listening on (\S+)$").group(1)
        self.seen()
        return self

    def seen(self):
        """What came in since it was last asked: [(method, message)]."""
        lines = self.out.splitlines()
        new, self._taken = lines[self._taken:], len(lines)
        return [(METHODS[int(number)], calling.octets(message)) for number, message in (line.split() for line in new if line[0].isdigit())]


def some_replies():
    made = {one: one.random(one.reply, "answer", 3 if one.streams_out else 1) for one in METHODS}
    made.update({one: [fakes.understood(one)] for one in METHODS if one.key in fakes.UNDERSTOOD})
    return {one.path: [reply.SerializeToString() for reply in replies] for one, replies in made.items()}


def some_requests(method):
    """All fields, then some; the first of a call names the resource."""
    made = method.random(method.request, "ask", 6, 3000)
    for at in range(0, 6, 3):
        sent = made[at:at + 3] if method.streams_in else made[at:at + 1]
        if method.service.type:
            first = sent[0].DESCRIPTOR.fields_by_number[1]
            if first.message_type:
                getattr(sent[0], first.name).name = "x"
            else:
                setattr(sent[0], first.name, "x")
        yield [one.SerializeToString() for one in sent]


def test_handlers(row, program, proofs):
    """Requests as Python sent them, replies as the handlers gave them."""
    row("grpcio", "every method of our server, typed")
    replies, cases = some_replies(), 0
    with Serving(program, replies) as server, grpc.insecure_channel(server.address, options=calling.UNLIMITED) as channel:
        for method in METHODS:
            if method.key in ITS_OWN:
                continue
            for sent in some_requests(method):
                result = python_call(channel, method, sent)
                assert (result.code, result.text) == (0, ""), (method.path, result)
                assert [calling.plain(method.reply, one) for one in result.replies] == \
                    [calling.plain(method.reply, one) for one in replies[method.path]], method.path
                seen = server.seen()
                assert [one for one, _ in seen] == [method] * len(sent), method.path
                assert [calling.plain(method.request, one) for _, one in seen] == [calling.plain(method.request, one) for one in sent], method.path
            cases += 1
            proofs.add(method, "our server")
    row.cases = cases, 0
    row.figure = f"{cases} methods; {len(ITS_OWN)} are the server's own"


# Requests of the methods that are the server's own, in an order in which they work.
A_KEY = {"entity": peers.KEY_ID, "credentials": {"type": "api-key", "payload": peers.KEY}}
AN_ID = {"id": "11111111-2222-3333-4444-555555555555"}


def test_its_own(row, program, proofs):
    """The methods that the server has itself: every resource is named, every stop is called, a session begins and is kept."""
    row("grpcio", "the server's own methods")
    with Serving(program, some_replies()) as server, grpc.insecure_channel(server.address) as channel:
        def ask(key, **fields):
            method = BY_KEY[key]
            result = python_call(channel, method, [method.request(**fields).SerializeToString()])
            assert (result.code, result.text) == (0, ""), (key, result)
            proofs.add(method, "our server")
            return method.reply.FromString(result.replies[0])

        assert ask("auth.Authenticate", **A_KEY).access_token
        named = {one.service.subtype for one in METHODS if one.service.type}
        names = ask("robot.ResourceNames").resources
        assert {one.subtype for one in names} == named and {one.name for one in names} == {"x"}
        assert len(ask("robot.GetMachineStatus").resources) == len(names)
        assert ask("robot.GetVersion").platform == "viamc"
        assert not ask("robot.GetOperations").operations
        ask("robot.CancelOperation", **AN_ID)
        ask("robot.BlockForOperation", **AN_ID)
        session = ask("robot.StartSession")
        ask("robot.SendSessionHeartbeat", id=session.id)
        server.seen()
        ask("robot.StopAll")
        assert sorted(one.key for one, _ in server.seen()) == sorted(one.key for one in METHODS if "STOP" in one.stops)
    row.cases = len(ITS_OWN), 0
    row.figure = f"{len(names)} resources"


class Compare:
    """What each of the SDK's client methods did at a server made from the descriptors and at ours."""

    def __init__(self, reference, server, proofs):
        self._reference, self._server, self._proofs = reference, server, proofs
        self.count = 0

    def __call__(self, kind, name, results):
        ours, theirs = collections.defaultdict(list), collections.defaultdict(list)
        for method, message in self._server.seen():
            ours[method.path].append(message)
        theirs.update(self._reference.seen)
        self._reference.seen.clear()
        what = (kind.__name__, name, results)
        assert results[1][0] == "gave" and len(theirs) == 1, what
        method = BY_PATH[next(iter(theirs))]
        if kind is not RobotClient or method.key not in ITS_OWN:
            assert results[0] == results[1], what
            assert {path: [calling.anonymous(method.request, one) for one in sent] for path, sent in ours.items()} == \
                {path: [calling.anonymous(method.request, one) for one in sent] for path, sent in theirs.items()}, what
        self._proofs.add(method, "Python SDK client")
        self.count += 1


def test_sdk_clients(row, program, proofs):
    """Every client of the Python SDK's gets the same values from our handlers as from a Python server, and asks both for the same."""
    row("Python SDK clients", "every method of our server that they have, typed")
    replies = some_replies()
    with calling.Scripted() as reference, Serving(program, replies) as server:
        reference.replies = replies
        compare = Compare(reference, server, proofs)
        asyncio.run(sdk_calls.call_all([reference.address, server.address], compare))
    row.cases = compare.count, 0
    row.figure = f"{compare.count} methods of {sum(1 for _ in sdk_calls.clients())} clients"
