# SPDX-License-Identifier: MIT
"""Old versions and suites, small keys, wrong certificates, and a server that lies: refused in words that say why, and nothing is read."""
import contextlib
import re
import subprocess
import sys
from dataclasses import dataclass

import peers
import pytest
import servers
import tls_servers as tls

# A list with a name: options of `openssl s_server`, or a text, gnutls-serv's priority.
OLD = {
    "TLS 1.0": ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
    "TLS 1.1": ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
    "TLS 1.1 (GnuTLS)": "NORMAL:-VERS-ALL:+VERS-TLS1.1:%ALLOW_SMALL_RECORDS",
    "TLS 1.3 only": ["-tls1_3"],
    "TLS 1.3 only (GnuTLS)": "NORMAL:-VERS-ALL:+VERS-TLS1.3",
    **{f"suite {suite}": ["-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0"] for suite in (
        "AES128-SHA", "AES128-GCM-SHA256", "CAMELLIA128-SHA", "NULL-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384",
        "ECDHE-ECDSA-AES128-CCM", "DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-CHACHA20-POLY1305", "ADH-AES128-GCM-SHA256",
        "ECDHE-ARIA128-GCM-SHA256")},
    "suite PSK-AES128-GCM-SHA256": ["-tls1_2", "-cipher", "PSK-AES128-GCM-SHA256", "-psk", "00"],
    "CBC suites (GnuTLS)": "NONE:+VERS-TLS1.2:+AES-128-CBC:+SHA1:+SHA256:+ECDHE-ECDSA:+ECDHE-RSA:+RSA:+GROUP-ALL:+SIGN-ALL:+COMP-NULL",
    **{f"curve {curve}": ["-tls1_2", "-curves", curve] for curve in ("P-384", "P-521", "X448")},
    "signatures over SHA-1": ["-tls1_2", "-sigalgs", "ECDSA+SHA1:RSA+SHA1", "-cipher", "ALL:@SECLEVEL=0"],
    "signatures of Ed25519 and PSS": ["-tls1_2", "-sigalgs", "ed25519:rsa_pss_rsae_sha256"],
    "no ALPN": ["-tls1_2", "-alpn", "http/1.1"],
}
NO_VERSION, NOTHING_COMMON, NO_H2 = "no version in common", "no cipher suite or curve in common", "does not speak HTTP/2"
# The first that fits. A server of an older version finds no suite before it finds no version: those that are offered need 1.2.
OLD_WORDS = {"TLS 1.3 only (GnuTLS)": NOTHING_COMMON, "TLS 1.3": NO_VERSION, "no ALPN": NO_H2, "": NOTHING_COMMON}

# tests/certs/make.py's: certificate, trusted root, name
CERTIFICATES = {
    ("weak", "root-ec"): "RSA key has less than 2,048 bits",
    ("weak-root", "root-weak"): "key of a kind or size that is not supported",
    ("odd", "root-ec"): "not a multiple of 8 bits",
    ("expired", "root-ec"): "certificate expired 2026-03-01",
    ("ec", "root-rsa"): "issuer is unknown",
    ("forged", "root-ec"): "another key",
    ("zero-middle", "root-ec"): "another server name",
    ("client", "root-ec"): "not for servers",
    ("authority", "root-ec"): "that of an authority",
    ("no-san", "root-ec"): "no subjectAltName",
}


@dataclass
class Leaf:
    chain: str
    key: str


def takes_it(address):
    """Whether a client that has everything old gets through: then the refusal is viamc's."""
    done = subprocess.run(["openssl", "s_client", "-connect", address, "-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0", "-legacy_server_connect",
                           "-curves", "P-256:P-384:P-521:X25519:X448", "-psk", "00"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=10, check=False)
    return b"Cipher is (NONE)" not in done.stdout


def check(row, told, expected):
    """Each must have failed in the expected words with nothing read."""
    bad = [f"{name}: {told[name]}" for name, words in expected.items()
           if told[name].octets or not told[name].end.startswith("failed: ") or words not in told[name].end]
    row.cases = len(expected) - len(bad), len(bad)
    row.figure = f"{row.cases[0]} of {len(expected)} refused"
    assert not bad, "; ".join(bad)


def test_old_versions_suites_and_curves(row, certs):
    row("OpenSSL, GnuTLS", "old versions, suites, curves")
    names = list(OLD)

    def command(_, port, name):
        words = OLD[name]
        return tls.gnutls_serv(certs["ec"], port, words) if isinstance(words, str) else \
            tls.s_server(certs["rsa" if re.search("^suite (?!.*ECDSA)|PSS", name) else "ec"], port, *words)

    with tls.each(certs, names, command) as found:
        told = {name: tls.connect(address, certs.ca) for name, address in found.items()}
        deaf = [name for name, address in found.items() if not takes_it(address)]
    assert not deaf, f"openssl's client is refused too: {deaf}"
    check(row, told, {name: next(words for start, words in OLD_WORDS.items() if name.startswith(start)) for name in names})


def test_wrong_certificates(row, certs):
    row("OpenSSL s_server", "small keys, wrong certificates")
    subprocess.run([sys.executable, peers.ROOT / "tests/certs/make.py"], check=True)
    folder = peers.ROOT / "build/certs"
    names = ["-".join(pair) for pair in CERTIFICATES]

    def command(_, port, name):
        leaf = next(leaf for leaf, root in CERTIFICATES if f"{leaf}-{root}" == name)
        return tls.s_server(Leaf(folder / f"{leaf}.pem", folder / f"{leaf}.key"), port, "-tls1_2", "-cipher", "ALL:@SECLEVEL=0")

    with tls.each(certs, names, command) as found:
        told = {f"{leaf}-{root}": tls.connect(found[f"{leaf}-{root}"], folder / f"{root}.pem", name="robot.test")
                for leaf, root in CERTIFICATES}
    check(row, told, dict(zip(names, CERTIFICATES.values())))


# What a lie ends with; every other: nothing is read, and "failed: " with the words of the first row that fits.
OTHERWISE = {
    "none": (5, "done"),
    "renegotiation": (5, "done"),                               # declined, and the connection goes on (RFC 5746 4.2)
    "hello request in the handshake, a thousand": (5, "done"),  # RFC 5246 7.4.1.1: not heeded
    "finished missing": (0, "late"),
    "close_notify in the handshake": (0, "closed"),
    "alert of half its size": (5, "failed: fatal alert (alert 1 received)"),    # put together with the next one
    "record sent twice": (5, "failed: a record was damaged"),
}
LIE_WORDS = {
    "alert 70 after": "a record was damaged (alert 70 received)",
    "version": NO_VERSION, "suite|curve|signature (over|of)": "chose what was not offered", "ALPN": NO_H2,
    "certificate with a bit": "another key", "signature with|point": "signature is wrong", "finished with": "handshake was damaged",
    "record with a bit|record of TLS 1.1": "record was damaged", "fatal alert": "alert 80 received", "": "the peer broke the protocol",
}


@contextlib.contextmanager
def liar(certs):
    """The lies and their addresses, and the process."""
    program = servers.HERE / "servers/tls_liar.py"
    names = subprocess.run([sys.executable, program], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    with peers.Process(sys.executable, program, certs["ec"].chain, certs["ec"].key, *names) as process:
        process.expect(r"(listening on \S+\s+){%d}" % len(names), 30)
        yield dict(zip(names, re.findall(r"listening on (\S+)", process.out))), process


def test_lies(row, certs):
    row("tlslite-ng", "lies")
    pytest.importorskip("tlslite")
    with liar(certs) as (found, process):
        told = {name: tls.connect(address, certs.ca) for name, address in found.items()}
        process.expect(r"^renegotiation: .*level=1, description=100\)", 2)      # no_renegotiation
    bad = []
    for name, t in told.items():
        words = next(words for start, words in LIE_WORDS.items() if re.match(start, name))
        right = (t.octets, t.end) == OTHERWISE[name] if name in OTHERWISE else \
            t.octets == 0 and t.end.startswith("failed: ") and words in t.end
        if not right:
            bad.append(f"{name}: {t}")
    row.cases = len(told) - len(bad), len(bad)
    row.figure = f"{row.cases[0]} of {len(told)}; renegotiation declined with an alert"
    assert set(OTHERWISE) <= set(told) and not bad, "; ".join(bad)
