# SPDX-License-Identifier: MIT
"""For test programs in Python: unittest with the closing line of tests/test.h.

    import testing, unittest

    class Merge(unittest.TestCase):
        def test_something(self): ...

    testing.main("amalgamate")

`-v` and names of tests as arguments work as in unittest. A skip whose reason begins with "missing" is a failure in CI (tests/run.py).
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(*command, **options):
    """A command's exit code and everything that it printed."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, check=False, **options)
    return done.returncode, done.stdout


def write_tree(root, files):
    """Makes files from a dict of path to text."""
    for name, text in files.items():
        path = pathlib.Path(root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))


def missing_tests(named):
    """Of "program: test, test; program: test", a file of tests/ each, those that the program does not run. Words with a blank are no names."""
    wrong = []
    for part in filter(None, (part.strip() for part in named.replace("`", "").split(";"))):
        program, tests = part.split(":", 1)
        path = next(ROOT.glob(f"tests/**/{program}" if "." in program else f"tests/**/{program}.c"), None)
        if path is None:
            wrong.append(program)
            continue
        text = path.read_text("utf-8")
        form = "def {}(" if program.endswith(".py") else "RUN({});"
        wrong += [f"{program}: {test}" for test in (test.strip() for test in tests.split(",")) if " " not in test and form.format(test) not in text]
    return wrong


class Tree(unittest.TestCase):
    """A test in a folder of its own, self.root, which begins with the files of TREE."""
    TREE = {}

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        write_tree(self.root, self.TREE)

    def change(self, name, old, new):
        text = (self.root / name).read_text()
        self.assertIn(old, text)
        (self.root / name).write_bytes(text.replace(old, new).encode("utf-8"))


def close(name, passed, failed, skipped):
    """Prints the closing line and ends the program with the right exit code."""
    print(f"{name}: {passed} passed, {failed} failed, {skipped} skipped", flush=True)
    sys.exit(1 if failed or passed + skipped == 0 else 0)


def main(name):
    """Runs the tests of the calling module."""
    result = unittest.main(module="__main__", exit=False, argv=sys.argv).result
    bad = [test for test, _ in result.failures + result.errors] + result.unexpectedSuccesses
    failed = len({getattr(test, "test_case", test).id() for test in bad})        # a test fails once, however many subTests do
    for test, reason in result.skipped:
        print(f"skip {test.id().split('.', 1)[-1]}: {reason}")
    close(name, result.testsRun - failed - len(result.skipped), failed, len(result.skipped))
