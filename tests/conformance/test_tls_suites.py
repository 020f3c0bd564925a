# SPDX-License-Identifier: MIT
"""Every suite and curve that viamc offers, with TLS servers of five makes; and that it offers no other."""
import socket
import threading

import pytest
import tls_servers as tls


@pytest.mark.parametrize("stack", tls.STACKS)
def test_every_suite_and_curve(row, certs, stack):
    row(stack, "tls_client, each suite with each curve")
    with tls.STACKS[stack](certs, tls.LINES) as found:
        told = {line: tls.connect(address, certs.ca) for line, address in found.items()}
    bad = [f"{line}: {t}" for line, t in told.items() if (t.line, t.end) != (line, "done") or t.octets < 5]
    row.cases = len(told) - len(bad), len(bad)
    row.figure = f"{row.cases[0]} of {len(tls.LINES)} handshakes, 5 octets there and back"
    assert len(told) == len(tls.LINES) and not bad, "; ".join(bad)


def hello_of(ca):
    """The first record that tls_client sends."""
    got = bytearray()

    def take():
        with listener.accept()[0] as conn:
            while len(got) < 5 or len(got) < 5 + int.from_bytes(got[3:5], "big"):
                got.extend(conn.recv(4096))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=take)
        thread.start()
        tls.connect("127.0.0.1:%d" % listener.getsockname()[1], ca)
        thread.join()
    return bytes(got)


def extensions(data):
    while data:
        size = int.from_bytes(data[2:4], "big")
        yield int.from_bytes(data[:2], "big"), data[4:4 + size]
        data = data[4 + size:]


def test_nothing_else_is_offered(row, certs):
    """RFC 5246 7.4.1.2, RFC 8422 5.1.1. 0x5600 is a fallback's mark, 0x00ff renegotiation's."""
    row("viamc", "ClientHello: version, suites, curves")
    hello = hello_of(certs.ca)[9:]
    assert hello[:2] == b"\x03\x03"
    at = 35 + hello[34]
    size = int.from_bytes(hello[at:at + 2], "big")
    suites = {hello[i:i + 2].hex() for i in range(at + 2, at + 2 + size, 2)}
    assert suites - {"00ff", "5600"} == {"cca9", "cca8", "c02b", "c02f", "c02c", "c030"}
    groups = dict(extensions(hello[at + 2 + size + 4:]))[10]
    assert groups[2:].hex() == "001d" "0017"
    row.figure = "TLS 1.2; six suites; X25519, P-256"
