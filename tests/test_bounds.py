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


class Bounds(unittest.TestCase):
    def test_every_bound_is_in_the_table(self):
        table = {row[0]: row[1] for row in rows_of("bounds")}
        self.assertGreaterEqual(len(bounds_of(CONFIG)), 15)
        for name, number in bounds_of(CONFIG).items():
            self.assertEqual(table.get(name), number, f"{name}: a line in tests/hostile/bounds.h, then build/tests/asan/hostile --table")

    def test_a_new_bound_is_noticed(self):
        self.assertEqual(bounds_of(CONFIG + "\n#define VMC_H2_MAX_NEW 7u /* new */\n")["VMC_H2_MAX_NEW"], "7")

    def test_the_tests_that_are_named_exist(self):
        for row in rows_of("bounds") + rows_of("attacks"):
            if ":" in row[-1]:
                self.assertEqual(testing.missing_tests(row[-1]), [], row)
        self.assertEqual(testing.missing_tests("test_struct: depth, no_such_test; no_such: a b, c"), ["test_struct: no_such_test", "no_such: c"])


if __name__ == "__main__":
    testing.main("bounds")
