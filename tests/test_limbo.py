#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The certificate cases of C2SP/x509-limbo (core) against trust: how many agree, and that each that does not is a known one.

The chain is given in the order in which a TLS server has to send it: each certificate after the one that it issued. A case of KNOWN
that begins to agree fails the test, so the list only shrinks. `-v` prints the verdicts that differ.
"""
import base64
import datetime
import json
import lzma
import os
import pathlib
import re
import subprocess
import sys
import unittest

import testing

DATA = testing.ROOT.parent / "shared/vectors/x509-limbo-core.json.xz"
BUILD = testing.ROOT / "build/limbo"

# What trust does otherwise, and why.
REASONS = {
    "revocation lists are not looked at": """
        crl::revoked-certificate-with-crl crl::crlnumber-missing crl::crlnumber-critical crl::issuer-missing-crlsign""",
    "the caller cannot set a depth": """
        pathlen::max-chain-depth-0-exhausted pathlen::max-chain-depth-1-exhausted""",
    "a missing or odd key identifier is no reason to refuse": """
        rfc5280::aki::leaf-missing-aki rfc5280::aki::intermediate-missing-aki rfc5280::aki::cross-signed-root-missing-aki
        rfc5280::ski::root-missing-ski rfc5280::ski::intermediate-missing-ski
        webpki::aki::root-with-aki-missing-keyidentifier webpki::aki::root-with-aki-authoritycertissuer
        webpki::aki::root-with-aki-authoritycertserialnumber webpki::aki::root-with-aki-all-fields
        webpki::aki::root-with-aki-ski-mismatch""",
    "name constraints are not evaluated: all that have them are refused": """
        rfc5280::nc::permitted-dns-match rfc5280::nc::permitted-dns-match-more rfc5280::nc::permitted-ipv4-match
        rfc5280::nc::permitted-ipv6-match rfc5280::nc::permitted-dn-match rfc5280::nc::permitted-self-issued
        rfc5280::nc::permitted-different-constraint-type rfc5280::nc::excluded-different-constraint-type
        rfc5280::nc::nc-forbids-alternate-chain-ica rfc5280::nc::nc-forbids-same-chain-ica
        rfc5280::nc::nc-forbids-othername-noop webpki::nc::permitted-dns-match-noncritical
        webpki::nc::nc-permits-dns-san-pattern""",
    "the common name is not looked at, neither to believe nor to refuse": """
        webpki::cn::ipv4-hex-mismatch webpki::cn::ipv4-leading-zeros-mismatch webpki::cn::ipv6-uppercase-mismatch
        webpki::cn::ipv6-uncompressed-mismatch webpki::cn::ipv6-non-rfc5952-mismatch webpki::cn::punycode-not-in-san
        webpki::cn::utf8-vs-punycode-mismatch webpki::cn::not-in-san webpki::cn::case-mismatch""",
    "an authority is no server, whatever else it may be": """
        pathlen::validation-ignores-pathlen-in-leaf rfc5280::ca-as-leaf""",
    "no list of public suffixes": """
        webpki::san::public-suffix-wildcard-san webpki::san::public-suffix-multi-label-wildcard-san
        webpki::san::public-suffix-private-namespace-wildcard-san""",
    "self-issued certificates count where a length of the path is given": """
        pathlen::self-issued-certs-pathlen""",
    "what a certificate ought to have beyond what is relied on": """
        rfc5280::pc::ica-noncritical-pc rfc5280::san::noncritical-with-empty-subject
        rfc5280::san::underscore-dns rfc5280::serial::too-long rfc5280::serial::zero
        rfc5280::root-non-critical-basic-constraints webpki::eku::ee-anyeku webpki::eku::ee-without-eku
        webpki::eku::root-has-eku webpki::san::san-critical-with-nonempty-subject webpki::malformed-aia
        webpki::forbidden-rsa-not-divisible-by-8-in-root webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf""",
}
KNOWN = {name: why for why, names in REASONS.items() for name in names.split()}


def der_of(pem):
    return base64.b64decode(re.search("-----BEGIN CERTIFICATE-----(.*?)-----END", pem, re.S).group(1))


def elements(data):
    """The elements of one level as (tag, whole, content)."""
    at = 0
    while at < len(data):
        head, size = at + 2, data[at + 1]
        if size >= 128:
            head += size - 128
            size = int.from_bytes(data[at + 2:head], "big")
        yield data[at], data[at:head + size], data[head:head + size]
        at = head + size


def names_of(cert):
    """Issuer and subject."""
    tbs = next(elements(next(elements(cert))[2]))[2]
    parts = [whole for tag, whole, _ in elements(tbs) if tag == 0x30]
    return parts[1], parts[3]


def key_id(cert, prefix):
    """The 20 octets behind a prefix: subjectKeyIdentifier or authorityKeyIdentifier."""
    at = cert.find(bytes.fromhex(prefix))
    return cert[at + len(prefix) // 2:][:20] if at >= 0 else None


def in_order(leaf, others):
    """The leaf and the others as a server sends them; what fits nowhere is left out. Of two with one name the key identifier decides."""
    chain, left = [leaf], list(others)
    while True:
        issuer, wanted = names_of(chain[-1])[0], key_id(chain[-1], "0603551d23041830168014")
        above = [cert for cert in left if names_of(cert)[1] == issuer]
        above.sort(key=lambda cert: key_id(cert, "0603551d0e04160414") != wanted)
        if not above:
            return chain
        chain.append(above[0])
        left.remove(above[0])


def line_of(case):
    """A case as tests/limbo.c reads it."""
    when = case["validation_time"]
    when = datetime.datetime.fromisoformat(when) if when else datetime.datetime(2024, 6, 1, tzinfo=datetime.timezone.utc)
    roots = [der_of(pem) for pem in case["trusted_certs"]]
    chain = in_order(der_of(case["peer_certificate"]), [der_of(pem) for pem in case["untrusted_intermediates"]])
    name = (case["expected_peer_name"] or {}).get("value") or "-"
    words = [name, str(int(when.timestamp())), str(len(roots)), *[c.hex() for c in roots], str(len(chain)), *[c.hex() for c in chain]]
    return " ".join(words) + "\n"


class Limbo(unittest.TestCase):
    def test_cases(self):
        if not DATA.exists():
            self.skipTest("missing data: x509-limbo-core.json.xz")
        BUILD.mkdir(parents=True, exist_ok=True)
        flags = os.environ.get("LIMBO_CFLAGS", "-DVIAMC_STATIC -g1 -O1 -fsanitize=address,undefined").split()
        code, output = testing.run(os.environ.get("CC", "cc"), "-std=gnu99", *flags, "-I", testing.ROOT / "src",
                                   testing.ROOT / "tests/limbo.c", "-o", BUILD / "limbo", "-lbearssl")
        self.assertEqual(code, 0, output)
        with lzma.open(DATA) as file:
            cases = [case for case in json.load(file)["testcases"] if case["validation_kind"] == "SERVER"]
        done = subprocess.run([BUILD / "limbo"], input="".join(map(line_of, cases)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=100, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        verdicts = done.stdout.splitlines()
        self.assertEqual(len(verdicts), len(cases))
        wrong = {}
        for case, verdict in zip(cases, verdicts):
            if (verdict == "yes") != (case["expected_result"] == "SUCCESS"):
                wrong[case["id"]] = verdict
        if "-v" in sys.argv:
            for name, verdict in wrong.items():
                print(f"{name}: {verdict}")
        print(f"limbo: {len(cases) - len(wrong)} of {len(cases)} cases agree")
        self.assertEqual(sorted(set(wrong) - set(KNOWN)), [], "new disagreements")
        self.assertEqual(sorted(set(KNOWN) - set(wrong)), [], "these agree now: take them off KNOWN")


testing.main("limbo")
