# SPDX-License-Identifier: MIT
"""TLS servers of five makes, each held to one suite and one curve; what stands between them and tls_client; and what that prints."""
import contextlib
import os
import pathlib
import re
import selectors
import socket
import subprocess
import threading
from dataclasses import dataclass

import peers
import servers

# What viamc offers: tls/tls sets them, and a client's first record is looked at in test_tls_suites.py.
SUITES = [f"ECDHE-{key}-{cipher}" for key in ("ECDSA", "RSA")
          for cipher in ("CHACHA20-POLY1305", "AES128-GCM-SHA256", "AES256-GCM-SHA384")]
CURVES = ["P-256", "X25519"]
LINES = [f"{suite}/{curve}" for suite in SUITES for curve in CURVES]


def kind(line):
    """The key that a suite needs: "ec" or "rsa"."""
    return "rsa" if "-RSA-" in line else "ec"


# ---- the client ----

@dataclass
class Told:
    suite: str
    curve: str
    octets: int
    end: str

    @property
    def line(self):
        return f"{self.suite}/{self.curve}"


def connect(address, ca, *words, name="127.0.0.1"):
    """Runs tls_client once. A crash, or no end after its own deadline, is a failure of the test."""
    port = address.rsplit(":", 1)[1]
    done = subprocess.run([peers.need(peers.BUILD / "tests/tls_client"), port, name, *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=10, check=False, env={**os.environ, "SSL_CERT_FILE": str(ca)})
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-500:]}"
    suite, curve, octets, end = done.stdout.strip().split(" ", 3)
    return Told(suite, curve, int(octets), end)


# ---- servers: context managers that give {line: address} ----

@contextlib.contextmanager
def ours(certs, lines, *command, env=None):
    """A small server of ours: it prints a port for each line."""
    with contextlib.ExitStack() as stack:
        found = {}
        for key in sorted({kind(line) for line in lines}):
            some = [line for line in lines if kind(line) == key]
            process = stack.enter_context(peers.Process(*command, certs[key].chain, certs[key].key, *some, env=env))
            process.expect(r"(listening on \S+\s+){%d}" % len(some), 30)
            found.update(zip(some, re.findall(r"listening on (\S+)", process.out)))
        yield found


def go(certs, lines):
    return ours(certs, lines, peers.need(peers.BIN / "tls-server-go"))


def rustls(certs, lines):
    return ours(certs, lines, peers.need(peers.BIN / "tls-server-rust"))


@contextlib.contextmanager
def java(certs, lines):
    """A process for each curve: JSSE's are the process's. It takes the first that the client has too; P-256 is the certificate's."""
    folder = peers.new_folder()
    subprocess.run([peers.need(pathlib.Path("/usr/bin/javac")), "-d", folder, servers.HERE / "servers/TlsServer.java"], check=True)
    with contextlib.ExitStack() as stack:
        found = {}
        for curve, groups in (("P-256", "secp256r1"), ("X25519", "x25519,secp256r1")):
            some = [line for line in lines if line.endswith(curve)]
            if some:
                found.update(stack.enter_context(ours(certs, some, "java", "-XX:TieredStopAtLevel=1",
                                                      f"-Djdk.tls.namedGroups={groups}", "-cp", folder, "TlsServer")))
        yield found


def free_ports(count):
    """Different ones; see servers.free_port."""
    with contextlib.ExitStack() as stack:
        return [stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)]


@contextlib.contextmanager
def each(certs, lines, command):
    """A program that has one configuration: a process for each line."""
    with contextlib.ExitStack() as stack:
        found = {}
        for line, port in zip(lines, free_ports(len(lines))):
            found[line] = f"127.0.0.1:{port}"
            stack.enter_context(peers.Process(*command(certs[kind(line)], port, *line.split("/"))))
        for address in found.values():
            peers.until(lambda: peers.accepts(address), 10, "TLS server")       # pylint: disable=cell-var-from-loop
        yield found


def s_server(leaf, port, *words):
    return ("openssl", "s_server", "-quiet", "-rev", "-accept", f"127.0.0.1:{port}", "-cert", leaf.chain, "-key", leaf.key,
            "-alpn", "h2", *words)


def openssl(certs, lines):
    return each(certs, lines, lambda leaf, port, suite, curve: s_server(leaf, port, "-tls1_2", "-cipher", suite, "-curves", curve))


def gnutls_serv(leaf, port, priority):
    return (peers.need(pathlib.Path("/usr/bin/gnutls-serv")), "--quiet", "--echo", f"--port={port}",
            f"--x509certfile={leaf.chain}", f"--x509keyfile={leaf.key}", "--alpn=h2", f"--priority={priority}")


def gnutls(certs, lines):
    ciphers = {"CHACHA20-POLY1305": "CHACHA20-POLY1305", "AES128-GCM-SHA256": "AES-128-GCM", "AES256-GCM-SHA384": "AES-256-GCM"}
    groups = {"P-256": "GROUP-SECP256R1", "X25519": "GROUP-X25519"}

    def command(leaf, port, suite, curve):
        _, key, cipher = suite.split("-", 2)
        return gnutls_serv(leaf, port, f"NONE:+VERS-TLS1.2:+{ciphers[cipher]}:+AEAD:+ECDHE-{key}:+{groups[curve]}:+SIGN-ALL:+COMP-NULL:"
                                       "+CTYPE-X509")
    return each(certs, lines, command)


STACKS = {"OpenSSL s_server": openssl, "gnutls-serv": gnutls, "Go crypto/tls": go, "Java JSSE": java, "rustls": rustls}


# ---- in between ----

IDLE_S = 0.5     # two sides that wait for each other, each for the rest of a record, are let go


class Relay:
    """One connection to a server, handed on octet by octet: `cut` ends the server's side after so many octets, `flip` is (from the
    server?, octet, bits). .sent: what came from the client and from the server."""

    def __init__(self, to, cut=None, flip=None):
        self._to, self._cut, self._flip = to, cut, flip
        self.sent = [bytearray(), bytearray()]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join()
        self._listener.close()

    def _run(self):
        host, port = self._to.rsplit(":", 1)
        client, _ = self._listener.accept()
        with client, socket.create_connection((host, int(port))) as server, selectors.DefaultSelector() as waiting:
            waiting.register(client, selectors.EVENT_READ, (0, server))
            waiting.register(server, selectors.EVENT_READ, (1, client))
            with contextlib.suppress(OSError):
                while ready := waiting.select(IDLE_S):
                    for key, _ in ready:
                        if not self._pass_on(key.fileobj, *key.data):
                            return

    def _pass_on(self, source, side, sink):
        data = bytearray(source.recv(65536))
        at = len(self.sent[side])
        self.sent[side] += data
        if self._flip and self._flip[0] == side and at <= self._flip[1] < at + len(data):
            data[self._flip[1] - at] ^= self._flip[2]
        if side and self._cut is not None and self._cut <= len(self.sent[1]):
            sink.sendall(data[:self._cut - at])
            return False
        sink.sendall(data)
        return bool(data)
