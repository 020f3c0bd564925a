#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The certificate cases of C2SP/x509-limbo (core) against trust: how many are judged as expected, and that every other is in limbo.md.

A chain is given in each order in which a TLS server could send it, and is accepted if one of them is. A case of limbo.md that is judged
as expected again fails the test, so the table only shrinks. `-v` prints the verdicts that differ.
"""
import base64
import datetime
import itertools
import json
import lzma
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import testing

DATA = testing.ROOT.parent / "shared/vectors/x509-limbo-core.json.xz"
BUILD = testing.ROOT / "build/limbo"

# What trust does otherwise: rows of limbo.md, | what it does | accepts or refuses | danger | cases |
ROW = re.compile(r"\| (.+) \| (accepts|refuses) \| (.+) \| ([^|]+) \|$", re.M)
ONE_LABEL = "webpki::san::public-suffix-wildcard-san"    # openssl wants two labels behind "*."; RFC 6125 6.4.3 does not
MOST_ORDERS = 10    # of one case: a hundred certificates of one name would have too many


def known():
    """Cases that are judged otherwise, and which way."""
    rows = ROW.findall((testing.ROOT / "tests/limbo.md").read_text())
    return {name: word for _, word, _, names in rows for name in names.split()}


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


def orders(chain, others):
    """Every order in which a server could send a leaf and the others: each certificate after the one that it issued."""
    issuer = names_of(chain[-1])[0]
    above = [at for at, cert in enumerate(others) if names_of(cert)[1] == issuer]
    if not above:
        yield chain
    for at in above:
        yield from orders(chain + [others[at]], others[:at] + others[at + 1:])


def moment(case):
    when = case["validation_time"]
    when = datetime.datetime.fromisoformat(when) if when else datetime.datetime(2024, 6, 1, tzinfo=datetime.timezone.utc)
    return str(int(when.timestamp()))


def lines_of(case):
    """A case as tests/programs/limbo.c reads it: a line for each order."""
    roots = [der_of(pem) for pem in case["trusted_certs"]]
    every = orders([der_of(case["peer_certificate"])], [der_of(pem) for pem in case["untrusted_intermediates"]])
    chains = itertools.islice(every, MOST_ORDERS)
    name = (case["expected_peer_name"] or {}).get("value") or "-"
    return [" ".join([name, moment(case), *[" ".join([str(len(part)), *[c.hex() for c in part]]) for part in (roots, chain)]]) + "\n"
            for chain in chains]


def stranger(case, folder):
    """What openssl has against a chain: no way to a trusted key, another name, not the dates, not for servers; "" if nothing."""
    for name, pems in (("roots", case["trusted_certs"]), ("others", case["untrusted_intermediates"]), ("leaf", [case["peer_certificate"]])):
        (folder / name).write_text("\n".join(pems))
    peer = case["expected_peer_name"]
    name = [] if peer is None else ["-verify_ip" if peer["kind"] == "IP" else "-verify_hostname", peer["value"]]
    if case["id"] == ONE_LABEL and b"\x82\x05*.com" in der_of(case["peer_certificate"]):
        name = []
    others = ["-untrusted", folder / "others"] if case["untrusted_intermediates"] else []
    code, output = testing.run("openssl", "verify", "-partial_chain", "-purpose", "sslserver", "-attime", moment(case), *name, *others,
                               "-no-CApath", "-no-CAstore", "-CAfile", folder / "roots", folder / "leaf")
    return output if code else ""


class Limbo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not DATA.exists():
            raise unittest.SkipTest("missing data: x509-limbo-core.json.xz")
        BUILD.mkdir(parents=True, exist_ok=True)
        flags = os.environ.get("LIMBO_CFLAGS", "-DVIAMC_STATIC -g1 -O1 -fsanitize=address,undefined").split()
        code, output = testing.run(os.environ.get("CC", "cc"), "-std=gnu99", *flags, "-I", testing.ROOT / "src",
                                   testing.ROOT / "tests/programs/limbo.c", "-o", BUILD / "limbo", "-lbearssl")
        assert code == 0, output
        with lzma.open(DATA) as file:
            cls.cases = [case for case in json.load(file)["testcases"] if case["validation_kind"] == "SERVER"]
        lines = [lines_of(case) for case in cls.cases]
        done = subprocess.run([BUILD / "limbo"], input="".join(itertools.chain(*lines)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        verdicts = iter(done.stdout.splitlines())
        cls.wrong = {}
        for case, orders_of in zip(cls.cases, lines):
            found = [next(verdicts) for _ in orders_of]
            word = "accepts" if "yes" in found else "refuses"
            if (word == "accepts") != (case["expected_result"] == "SUCCESS"):
                cls.wrong[case["id"]] = word
                if "-v" in sys.argv:
                    print(f"{case['id']}: {'; '.join(found)}")
        assert next(verdicts, None) is None

    def test_cases(self):
        right = len(self.cases) - len(self.wrong)
        print(f"limbo: {right} of {len(self.cases)} cases as expected")
        table = known()
        self.assertEqual(sorted(set(self.wrong) - set(table)), [], "not as expected, and not in limbo.md")
        self.assertEqual(sorted(set(table) - set(self.wrong)), [], "as expected now: take them out of limbo.md")
        self.assertEqual(self.wrong, table)
        self.assertGreaterEqual(right, 130)     # BearSSL alone: 110
        self.assertIn(f"{right} of the {len(self.cases)} cases", (testing.ROOT / "tests/limbo.md").read_text())

    def test_no_stranger_is_let_in(self):
        """Of what is accepted though it should not be, another implementation says: trusted key, this name, these dates, for servers."""
        accepted = [case for case in self.cases if self.wrong.get(case["id"]) == "accepts"]
        self.assertTrue(accepted)
        with tempfile.TemporaryDirectory() as folder:
            for case in accepted:
                self.assertEqual(stranger(case, pathlib.Path(folder)), "", case["id"])


testing.main("limbo")
