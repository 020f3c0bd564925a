# SPDX-License-Identifier: MIT
"""Calls of all kinds from tests/programs/peer_client to servers of two other makes; beside it, grpcurl."""
import json
import re

import peers
import pytest

ECHO = ["echo_unary", "echo_server_stream", "echo_bidi"]
LINES = {"plaintext": None, "TLS P-256": "ec", "TLS RSA-2048": "rsa"}


def peer_client(address, *cases, leaf=None, certs=None, auth=False, key=peers.KEY):
    words = ["--ca", certs.ca] if leaf else ["--insecure"]
    words += ["--key", key, "--key-id", peers.KEY_ID] if auth else []
    return peers.Process(peers.need(peers.BUILD / "tests/peer_client"), address, *words, *cases)


def check_case(row, client, case):
    code = client.wait(30)
    line = re.search(rf"^{case} (ok|FAILED)\b ?(.*)$", client.out, re.M)
    assert line, f"no line of {case}'s; exit code {code}:\n{client.printed()}"
    row.figure = line.group(2)
    assert line.group(1) == "ok" and code == 0, f"{line.group(0)} (exit code {code})"


@pytest.mark.parametrize("line", ["plaintext", "TLS P-256", "unix socket"])
@pytest.mark.parametrize("case, proof", [("motor", r"^m1 \w+"), ("base", r"^b1 \w+"), ("sensor", "")])
def test_sdk_server(row, certs, case, proof, line):
    row("Python SDK Server", f"peer_client {case}, {line}")
    leaf = certs[LINES[line]] if LINES.get(line) else None
    words = ["--listen", peers.unix_address()] if line == "unix socket" else []
    with peers.sdk_server(*words, leaf=leaf) as server, peer_client(server.address, case, leaf=leaf, certs=certs) as client:
        check_case(row, client, case)
        assert re.search(proof, server.out, re.M), f"the server saw no such call:\n{server.printed()}"


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("case", ECHO)
def test_echo(row, certs, case, line):
    """With TLS the server wants an API key."""
    leaf = certs[LINES[line]] if LINES[line] else None
    row("go.viam.com/utils", f"peer_client {case}, {line}{' + API key' if leaf else ''}")
    with peers.echo_server(leaf, auth=bool(leaf)) as server, \
            peer_client(server.address, case, leaf=leaf, certs=certs, auth=bool(leaf)) as client:
        check_case(row, client, case)


@pytest.mark.parametrize("auth, words", [(True, "invalid credentials"), (False, "authentication required")])
def test_echo_refused(row, certs, auth, words):
    row("go.viam.com/utils", f"peer_client echo_unary, {'wrong' if auth else 'no'} key")
    leaf = certs["ec"]
    with peers.echo_server(leaf, auth=True) as server, \
            peer_client(server.address, "echo_unary", leaf=leaf, certs=certs, auth=auth, key="wrong") as client:
        code = client.wait(30)
        row.figure = client.printed().strip().split("\n")[0]
        assert code not in (None, 0) and code > 0, f"exit code {code}; {client.printed()}"
        assert "UNAUTHENTICATED" in client.printed() and words in client.printed(), client.printed()


@pytest.mark.parametrize("method, asked, answers", [
    ("Echo", ["hello"], ["hello"]), ("EchoMultiple", ["abc"], ["a", "b", "c"]), ("EchoBiDi", ["xy", "z"], ["x", "y", "z"])])
def test_echo_reference(row, certs, method, asked, answers):
    row("go.viam.com/utils", f"grpcurl {method}, TLS P-256 + API key")
    with peers.echo_server(certs["ec"], auth=True) as server:
        token = authenticate(server.address, certs)
        code, out, err = peers.grpcurl(server.address, f"proto.rpc.examples.echo.v1.EchoService/{method}", leaf_ca=certs.ca,
                                       metadata=[("authorization", f"Bearer {token}")],
                                       data="".join(json.dumps({"message": text}) for text in asked))
        assert code == 0, err
        got = re.findall(r'"message": "(.*)"', out)
        row.figure = f"{len(got)} messages"
        assert got == answers


def authenticate(address, certs):
    code, out, err = peers.grpcurl(address, "proto.rpc.v1.AuthService/Authenticate", leaf_ca=certs.ca, data=json.dumps(
        {"entity": peers.KEY_ID, "credentials": {"type": "api-key", "payload": peers.KEY}}))
    assert code == 0, err
    return json.loads(out)["accessToken"]
