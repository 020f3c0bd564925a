# SPDX-License-Identifier: MIT
"""Every method of the machine API by its typed functions, against servers of three makes; the table build/methods.txt says which against which."""
import calling
import grpc
import pytest
from calling import BY_KEY, METHODS, Caller, Result, python_call

ODD_TEXT = "no way: 100 % \u00e4\u6f22"


@pytest.fixture(scope="session")
def client():
    return calling.build("client")


@pytest.fixture(scope="session")
def proofs():
    return calling.Proofs()


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
                result = caller.call(method, sent, take=1)
                assert (len(result.replies), result.code) == (1, grpc.StatusCode.CANCELLED.value[0]), method.path
            server.fails[method.path] = (grpc.StatusCode.DATA_LOSS, ODD_TEXT)
            assert caller.call(method, sent) == Result([], grpc.StatusCode.DATA_LOSS.value[0], ODD_TEXT), method.path
            proofs.add(method, "descriptors")
    row.cases = len(METHODS), 0
    row.figure = f"{len(METHODS)} methods, {sum(one.streams_in or one.streams_out for one in METHODS)} of them streams"
