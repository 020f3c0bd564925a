#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/run.py: what it counts, and that nothing bad slips through it."""
import os
import time
import unittest

import testing


class Run(unittest.TestCase):
    def runs(self, *commands, ci=False, limit=20):
        environment = {**os.environ, "CI": "true" if ci else ""}
        code, output = testing.run("python3", testing.ROOT / "tests/run.py", "-j", "2", "-t", limit,
                                   *[f"sh -c '{text}'" for text in commands], env=environment)
        return code, output, output.splitlines()[-1]

    def test_sums(self):
        code, _, last = self.runs('echo "a: 3 passed, 0 failed, 1 skipped"', 'echo "b: 4 passed, 0 failed, 0 skipped"')
        self.assertEqual((code, last), (0, "7 passed, 0 failed, 1 skipped"))

    def test_failure_shows_all_its_output(self):
        code, output, last = self.runs('echo the reason; echo "a: 3 passed, 2 failed, 0 skipped"; exit 1', 'echo quiet; echo "b: 1 passed, 0 failed, 0 skipped"')
        self.assertEqual((code, last), (1, "4 passed, 2 failed, 0 skipped"))
        self.assertIn("| the reason", output)
        self.assertNotIn("| quiet", output)

    def test_no_counts_is_a_failure(self):
        for text in ("true", "exit 3", 'echo "a: 0 passed, 0 failed, 0 skipped"', 'echo "a: 1 passed, 0 failed, 0 skipped"; echo more'):
            code, output, last = self.runs(text)
            self.assertEqual((code, last), (1, "0 passed, 1 failed, 0 skipped"), text)
            self.assertRegex(output, r"\| counted nothing" if " 0 passed" in text and "more" not in text else r"\| did not say what it counted")

    def test_exit_code_must_fit(self):
        for text in ('echo "a: 5 passed, 0 failed, 0 skipped"; exit 1', 'echo "a: 4 passed, 1 failed, 0 skipped"'):
            self.assertEqual(self.runs(text)[0], 1, text)

    def test_death(self):
        code, output, last = self.runs('echo "a: 5 passed, 0 failed, 0 skipped"; kill -SEGV $$')
        self.assertEqual((code, last), (1, "5 passed, 1 failed, 0 skipped"))
        self.assertIn("SIGSEGV", output)

    def test_time_limit_ends_children_too(self):
        start = time.monotonic()
        code, output, last = self.runs("sleep 60 & sleep 60; true", limit=1)
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual((code, last), (1, "0 passed, 1 failed, 0 skipped"))
        self.assertIn("ended after 1 s", output)

    def test_missing_peer_fails_in_ci_only(self):
        text = 'echo "skip one: missing peer viam-server"; echo "skip two: no IPv6 here"; echo "a: 1 passed, 0 failed, 2 skipped"'
        code, output, last = self.runs(text)
        self.assertEqual((code, last), (0, "1 passed, 0 failed, 2 skipped"))
        self.assertIn("missing peer viam-server", output)
        code, output, last = self.runs(text, ci=True)
        self.assertEqual((code, last), (1, "1 passed, 1 failed, 1 skipped"))
        self.assertIn("not allowed in CI", output)

    def test_no_such_command_and_no_commands(self):
        code, output = testing.run("python3", testing.ROOT / "tests/run.py", "build/there_is_no_such_program")
        self.assertEqual((code, output.splitlines()[-1]), (1, "0 passed, 1 failed, 0 skipped"))
        self.assertEqual(testing.run("python3", testing.ROOT / "tests/run.py"), (1, "0 passed, 0 failed, 0 skipped\n"))


if __name__ == "__main__":
    testing.main("run")
