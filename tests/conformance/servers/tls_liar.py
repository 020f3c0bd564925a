# SPDX-License-Identifier: MIT
"""A TLS 1.2 server (tlslite-ng) that breaks the protocol in one way, for each LIE on a port of its own:

    tls_liar.py                     prints the names of all lies
    tls_liar.py CHAIN KEY LIE...

It hashes what it sends, so that a lie is not found by the Finished message alone. After the handshake it echoes.
"""
import socket
import sys
import threading

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
from tlslite.messages import Message

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
HELLO_REQUEST = (HANDSHAKE, bytes(4))


def put(data, at, octets):
    return data[:at] + octets + data[at + len(octets):]


def flip(data, at=-1):
    return put(data, at % len(data), bytes([data[at] ^ 1]))


def resized(data):
    """A handshake message with its right length."""
    return put(data, 1, (len(data) - 4).to_bytes(3, "big"))


def behind_id(data):
    """Where the suite of a ServerHello is (RFC 5246 7.4.1.3)."""
    return 39 + data[38]


def extended(data, extension):
    at = behind_id(data) + 3
    size = int.from_bytes(data[at:at + 2], "big") + len(extension)
    return resized(put(data, at, size.to_bytes(2, "big")) + extension)


# ---- lies: a message's type ("" is a record that is no handshake's) and what is sent in its place ----

HELLO, CERTIFICATE, EXCHANGE, DONE, FINISHED, CHANGE = "hello", "certificate", "exchange", "done", "finished", "change"
TYPES = {2: HELLO, 11: CERTIFICATE, 12: EXCHANGE, 14: DONE, 20: FINISHED}


def changed(how):
    return lambda data: [(HANDSHAKE, how(data))]


def before(*records):
    return lambda data: [*records, (HANDSHAKE, data)]


def suite(number):
    return HELLO, changed(lambda data: put(data, behind_id(data), number.to_bytes(2, "big")))


def version(minor):
    return HELLO, changed(lambda data: put(data, 4, bytes([3, minor])))


def nothing(_):
    return []


LIES = {
    "none": ("", None),
    "version SSL 3": version(0), "version TLS 1.0": version(1), "version TLS 1.1": version(2), "version TLS 1.3": version(4),
    "suite of RSA key exchange": suite(0x009C), "suite of CBC": suite(0xC013), "suite of RC4": suite(0xC011), "suite of NULL": suite(0x0002),
    "suite of TLS 1.3": suite(0x1301), "suite of export grade": suite(0x0003), "suite of no one": suite(0xFFFE),
    "compression": (HELLO, changed(lambda data: put(data, behind_id(data) + 2, b"\1"))),
    "extension that was not asked for": (HELLO, changed(lambda data: extended(data, b"\xfa\xfa\0\0"))),
    "ALPN that was not asked for": (HELLO, changed(lambda data: data.replace(b"\2h2", b"\2h3"))),
    "renegotiation_info of another connection": (HELLO, changed(lambda data: extended(data.replace(b"\xff\1\0\1\0", b""), b"\xff\1\0\5\4abcd"))),
    "hello twice": (HELLO, lambda data: [(HANDSHAKE, data)] * 2),
    "certificate missing": (CERTIFICATE, nothing),
    "certificate list empty": (CERTIFICATE, changed(lambda data: b"\x0b\0\0\3\0\0\0")),
    "certificate longer than its list": (CERTIFICATE, changed(lambda data: put(data, 7, b"\xff\xff\xff"))),
    "certificate with a bit changed": (CERTIFICATE, changed(lambda data: flip(data, -20))),
    "certificate of 16 MB announced": (CERTIFICATE, changed(lambda data: put(data, 1, b"\xff\xff\xff"))),
    "key exchange missing": (EXCHANGE, nothing),
    "key exchange twice": (EXCHANGE, lambda data: [(HANDSHAKE, data)] * 2),
    "curve P-521": (EXCHANGE, changed(lambda data: put(data, 4, b"\3\0\x19"))),
    "curve in parameters of its own": (EXCHANGE, changed(lambda data: put(data, 4, b"\1"))),
    "point with a bit changed": (EXCHANGE, changed(lambda data: flip(data, 12))),
    "signature with a bit changed": (EXCHANGE, changed(flip)),
    "signature over SHA-1": (EXCHANGE, changed(lambda data: put(data, 8 + data[7], b"\2"))),
    "signature over MD5": (EXCHANGE, changed(lambda data: put(data, 8 + data[7], b"\1"))),
    "signature of RSA under a key of P-256": (EXCHANGE, changed(lambda data: put(data, 9 + data[7], b"\1"))),
    "hello done with octets": (DONE, changed(lambda data: resized(data + b"x"))),
    "hello request in the handshake, a thousand": (CERTIFICATE, before(*[HELLO_REQUEST] * 1000)),
    "ChangeCipherSpec early (CVE-2014-0224)": (CERTIFICATE, before((CCS, b"\1"))),
    "ChangeCipherSpec missing": (CHANGE, nothing),
    "ChangeCipherSpec of 2": (CHANGE, lambda data: [(CCS, b"\2")]),
    "finished with a bit changed": (FINISHED, changed(flip)),
    "finished missing": (FINISHED, nothing),
    "finished short": (FINISHED, changed(lambda data: resized(data[:-1]))),
    "data before the handshake's end": (DONE, before((DATA, b"early"))),
    "heartbeat (CVE-2014-0160)": (CERTIFICATE, before((24, b"\1\x40\0"))),
    "record of unknown type": (CERTIFICATE, before((99, b"?"))),
    "fatal alert": (CERTIFICATE, before((ALERT, b"\2\x50"))),
    "close_notify in the handshake": (CERTIFICATE, before((ALERT, b"\1\0"))),
    "alert of half its size": (CERTIFICATE, before((ALERT, b"\2"))),
}
AFTER = {
    "renegotiation": HELLO_REQUEST,
    "server hello after the handshake": (HANDSHAKE, b"\2\0\0\x26\3\3" + bytes(36)),
    "ChangeCipherSpec after the handshake": (CCS, b"\1"),
    "heartbeat after the handshake": (24, b"\1\x40\0"),
    "fatal alert after the handshake": (ALERT, b"\2\x50"),
    "alert 70 after the handshake": (ALERT, b"\2\x46"),
}
WIRE = {
    "record sent twice": lambda data: data + data,
    "record with a bit changed": flip,
    "record of 20 KB announced": lambda data: b"\x17\3\3\x50\0" + data,
    "record in the clear": lambda data: b"\x17\3\3\0\5ping\n",
    "record of TLS 1.1": lambda data: put(data, 2, b"\2"),
    "record too short for its tag": lambda data: b"\x17\3\3\0\x0f" + bytes(15),
}


class Wire:
    """The socket; once `lie` is set, what is sent goes through it."""

    def __init__(self, sock):
        self._sock, self.lie = sock, None

    def send(self, data):
        self._sock.sendall(self.lie(bytes(data)) if self.lie else data)
        return len(data)

    def sendall(self, data):
        self.send(data)

    def __getattr__(self, name):
        return getattr(self._sock, name)


class Liar(TLSConnection):
    """What goes through _sendMsg may be replaced."""
    lie = "", None

    def _sendMsg(self, msg, randomizeFirstBlock=True, update_hashes=True):      # pylint: disable=invalid-name
        of, how = self.lie
        data = bytes(msg.write())
        here = TYPES.get(data[0]) if msg.contentType == HANDSHAKE else CHANGE if msg.contentType == CCS else ""
        for kind, octets in how(data) if how and here == of else [(msg.contentType, data)]:
            yield from super()._sendMsg(Message(kind, bytearray(octets)), randomizeFirstBlock, update_hashes)


def serve(sock, name, chain, key):
    wire = Wire(sock)
    conn = Liar(wire)
    conn.lie = LIES.get(name, LIES["none"])
    settings = HandshakeSettings()
    settings.minVersion = settings.maxVersion = (3, 3)
    conn.handshakeServer(certChain=chain, privateKey=key, settings=settings, alpn=[bytearray(b"h2")])
    if name in AFTER:
        for _ in conn._sendMsg(Message(AFTER[name][0], bytearray(AFTER[name][1])), update_hashes=False):   # pylint: disable=protected-access
            pass
    wire.lie = WIRE.get(name)
    while data := conn.read(min=1, max=4096):
        conn.write(data)
    conn.close()


def listen(listener, *words):
    while True:
        sock, _ = listener.accept()
        with sock:
            try:
                serve(sock, *words)
            except Exception as error:      # pylint: disable=broad-exception-caught
                print(f"{words[0]}: {error!r}", file=sys.stderr)


def main():
    if len(sys.argv) == 1:
        print("\n".join([*LIES, *AFTER, *WIRE]))
        return
    with open(sys.argv[1], encoding="ascii") as chain_file, open(sys.argv[2], encoding="ascii") as key_file:
        chain = X509CertChain()
        chain.parsePemList(chain_file.read())
        key = parsePEMKey(key_file.read(), private=True)
    for name in sys.argv[3:]:
        listener = socket.create_server(("127.0.0.1", 0))
        print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
        threading.Thread(target=listen, args=(listener, name, chain, key)).start()


if __name__ == "__main__":
    main()
