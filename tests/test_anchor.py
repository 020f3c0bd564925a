#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/anchor.py: what it writes is what the library reads out of the same certificates, and what it refuses."""
import os
import pathlib
import ssl
import tempfile
import unittest

import testing

TOOL = testing.ROOT / "tools/anchor.py"
CERTS = testing.ROOT / "build/certs"
STORE = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
GOOD = ["root-ec", "root-rsa", "root-web", "root-384", "root-expired", "root-no-sign", "root-no-ca", "self", "inter-web"]

# Compares each anchor with the certificate whose DER is an argument.
PROGRAM = """
#define VIAMC_IMPLEMENTATION
#include "viamc.h"
#include <stdio.h>

extern const viamc_anchor app_anchors[];
extern const size_t app_anchors_count;

static int differ(viamc_bytes a, viamc_bytes b) { return a.len != b.len || !vmc_same(a.ptr, b.ptr, a.len); }

int main(int argc, char **argv)
{
    static uint8_t der[70000];
    int i, bad = (size_t)argc - 1 != app_anchors_count;
    for (i = 1; i < argc; i++) {
        const viamc_anchor *a = &app_anchors[i - 1];
        viamc_anchor b;
        vmc_x509 x;
        FILE *f = fopen(argv[i], "rb");
        size_t n = f == NULL ? 0 : fread(der, 1, sizeof der, f);
        if (f != NULL)
            (void)fclose(f);
        vmc_x509_begin(&x, (uint16_t)n, viamc_view(NULL, 0));
        (void)vmc_x509_push(&x, der, n);
        vmc_x509_anchor(&x, der, 0, &b);
        b.dn = viamc_view(der + x.subject.at, x.subject.len);
        b.ca = vmc_trust_is_authority(&x) ? 1u : 0u;
        if (!vmc_x509_complete(&x) || differ(a->dn, b.dn) || differ(a->n, b.n) || differ(a->e, b.e) || differ(a->q, b.q)
            || a->key_type != b.key_type || a->curve != b.curve || a->ca != b.ca || a->from_day != b.from_day
            || a->until_day != b.until_day) {
            printf("%s differs\\n", argv[i]);
            bad = 1;
        }
    }
    return bad;
}
"""


class Anchor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        code, output = testing.run("python3", testing.ROOT / "tests/certs/make.py")
        assert code == 0, output

    def compare(self, inputs, ders, compiler="cc", options=("-std=c99",)):
        """Makes anchors of the inputs, and a program that compares them with the certificates."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            code, output = testing.run(TOOL, "-o", folder / "anchors.c", *inputs)
            self.assertEqual(code, 0, output)
            (folder / "main.c").write_text(PROGRAM)
            include = [*os.environ.get("ANCHOR_CFLAGS", "").split(), "-I", testing.ROOT / "src"]
            code, output = testing.run(compiler, *options, "-Wall", "-Wextra", "-Werror", *include, "-c", folder / "anchors.c",
                                       "-o", folder / "anchors.o")
            self.assertEqual((code, output), (0, ""))
            code, output = testing.run("cc", "-std=gnu99", "-DVIAMC_STATIC", *include, folder / "main.c", folder / "anchors.o", "-o", folder / "main",
                                       "-ffunction-sections", "-Wl,--gc-sections", "-lbearssl")
            self.assertEqual(code, 0, output)
            self.assertEqual(testing.run(folder / "main", *ders), (0, ""))

    def refused(self, *inputs):
        code, output = testing.run(TOOL, *inputs)
        self.assertEqual(code, 1)
        return output.strip().split(": ", 2)[2]

    def test_pem(self):
        with tempfile.TemporaryDirectory() as folder:
            pem = pathlib.Path(folder, "all.pem")  # several in one file, with text between them
            pem.write_text("".join("a comment\n" + (CERTS / f"{name}.pem").read_text().split("-----END")[0] + "-----END CERTIFICATE-----\n"
                                   for name in GOOD))
            self.compare([pem], [CERTS / f"{name}.der" for name in GOOD])

    def test_der_in_cxx(self):
        self.compare([CERTS / f"{name}.der" for name in GOOD], [CERTS / f"{name}.der" for name in GOOD], "c++",
                     ("-x", "c++", "-std=c++11"))

    def test_store_of_the_system(self):
        if not STORE.exists():
            self.skipTest("this system has no /etc/ssl/certs/ca-certificates.crt")
        with tempfile.TemporaryDirectory() as folder:
            ders = []
            for number, text in enumerate(STORE.read_text().split("-----BEGIN CERTIFICATE-----")[1:]):
                pem = "-----BEGIN CERTIFICATE-----" + text
                ders.append(pathlib.Path(folder, f"{number}.der"))
                ders[-1].write_bytes(ssl.PEM_cert_to_DER_cert(pem[:pem.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"))
            self.compare([STORE], ders)

    def test_warnings(self):
        _, output = testing.run(TOOL, "-o", os.devnull, CERTS / "root-expired.pem", CERTS / "self.pem")
        self.assertIn("CN=root-expired has expired on 2026-03-01", output)
        self.assertIn("CN=self is no authority", output)

    def test_refusals(self):
        self.assertEqual(self.refused(CERTS / "root-names.pem"), "has name constraints, which are not supported")
        self.assertEqual(self.refused(CERTS / "root-weak.pem"), "RSA key has less than 2,048 bits")
        self.assertEqual(self.refused(CERTS / "root-p521.pem"), "key is neither RSA nor P-256 nor P-384")
        self.assertEqual(self.refused(CERTS / "root-client.pem"), "is not for servers (extended key usage)")
        self.assertEqual(self.refused(CERTS / "root-critical.pem"),
                         "has a critical extension that is not supported: 1.3.6.1.4.1.99999.1")
        self.assertEqual(self.refused(CERTS / "ec.key"), "no certificate in it")
        self.assertEqual(self.refused(CERTS / "ec.key.der"), "not a certificate")

    def test_cut_short(self):
        der = (CERTS / "root-rsa.der").read_bytes()
        with tempfile.TemporaryDirectory() as folder:
            for size in range(1, len(der), 97):
                path = pathlib.Path(folder, "cut.der")
                path.write_bytes(der[:size])
                self.assertIn(self.refused(path), ("cut short", "not a certificate"))


testing.main("anchor")
