# SPDX-License-Identifier: MIT
"""Every method of the machine API served by its typed handlers: called by grpcio and by the Python SDK's clients."""
import calling
import grpc
import peers
import pytest
from calling import METHODS, python_call

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
    return {one.path: [made.SerializeToString() for made in one.random(one.reply, "answer", 3 if one.streams_out else 1)] for one in METHODS}


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
