#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every bound of src/base/config.h is in the table of tests/hostile/README.md with its number, and the tests that the tables name are there and are run."""

import re
import unittest

import testing

CONFIG = (testing.ROOT / "src/base/config.h").read_text()
README = (testing.ROOT / "tests/hostile/README.md").read_text()


def bounds_of(text):
    """Macros with a number behind the mark of the bounds: name and number."""
    return dict(re.findall(r"^ *#define (V(?:MC|IAMC)_\w+) (\d+)u", text.split("---- bounds", 1)[1], re.M))


def rows_of(name):
    """The rows of a table of the README, as lists of their cells."""
    part = README.split(f"<!-- {name} -->", 1)[1].split(f"<!-- end of {name} -->", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in part.strip().splitlines()[2:]]


# Numbers that look like bounds and are none, with the reason; those that a test has as a literal, with the test.
EXCUSED = {
    "VMC_H2_MAX_CONCURRENT_STREAMS": "the number of a setting",
    "VMC_H2_MAX_FRAME_SIZE": "the number of a setting",
    "VMC_H2_MAX_HEADER_LIST_SIZE": "the number of a setting",
    "VMC_H2_DUE_MAX": "credit of one WINDOW_UPDATE: more goes in two",
    "VMC_GRPC_BLOCK_MAX": "room that a header block is given while the token is replaced",
    "VMC_HPACK_ENC_MAX_TABLE": "what our encoder uses of a larger table",
    "VMC_DIAL_BACKOFF_MAX": "a default",
    "VMC_TEXT_MAX": "where a text of the caller's is not looked at any more",
    "VMC_DNS_MAX_PACKET": "the size of a buffer: a longer datagram is cut by the system",
    "VMC_DNS_MAX_WIRE": "VMC_DNS_MAX_NAME with its lengths",
    "VMC_DNS_MAX_LABEL": "test_dns: names_have_a_length",
    "VMC_PEM_MAX_LABEL": "test_pem: labels_have_a_length",
    "VMC_TRUST_MAX_CERTS": "test_trust: certificates_of_our_own",
    "VMC_TRUST_SPKI_MAX": "larger keys are refused by VMC_KEY_RSA_MAX_BITS",
    "VMC_KEY_RSA_MIN_BITS": "test_trust: certificates_of_our_own, private_keys_that_are_not_taken",
    "VMC_KEY_RSA_MAX_BITS": "test_trust: certificates_of_our_own",
}


class Bounds(unittest.TestCase):
    def test_every_bound_is_in_the_table(self):
        table = {row[0]: row[1] for row in rows_of("bounds")}
        self.assertGreaterEqual(len(bounds_of(CONFIG)), 15)
        for name, number in bounds_of(CONFIG).items():
            self.assertEqual(table.get(name), number, f"{name}: a line in tests/hostile/bounds.h, then build/tests/asan/hostile --table")

    def test_bounds_of_other_parts_are_in_tests(self):
        tests = "\n".join(path.read_text() for kind in ("c", "h") for path in (testing.ROOT / "tests").rglob(f"*.{kind}"))
        parts = "\n".join(path.read_text() for path in (testing.ROOT / "src").rglob("*.h"))
        named = set(re.findall(r"^ *#define (V(?:MC|IAMC)_(?:\w+_)?(?:MAX|MIN)(?:_\w+)?) \S", parts, re.M))
        self.assertGreater(len(named), 30)
        self.assertEqual(sorted(name for name in named - set(EXCUSED) if not re.search(rf"\b{name}\b", tests)), [], "no test, and no reason")
        self.assertEqual(sorted(set(EXCUSED) - named), [], "is not there any more")
        for reason in EXCUSED.values():
            self.assertEqual(testing.missing_tests(reason) if reason.startswith("test_") else [], [])

    def test_a_new_bound_is_noticed(self):
        self.assertEqual(bounds_of(CONFIG + "\n#define VMC_H2_MAX_NEW 7u /* new */\n")["VMC_H2_MAX_NEW"], "7")

    def test_the_tests_that_are_named_exist(self):
        for row in rows_of("bounds") + rows_of("attacks"):
            if ":" in row[-1]:
                self.assertEqual(testing.missing_tests(row[-1]), [], row)
        self.assertEqual(testing.missing_tests("test_struct: depth, no_such_test; no_such: a b, c"), ["test_struct: no_such_test", "no_such"])


if __name__ == "__main__":
    testing.main("bounds")
