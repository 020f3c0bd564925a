#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What README.md and src/README.md say is so: programs, commands, links, what was printed, tables."""
import functools
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import time
import unittest

import testing

ROOT = testing.ROOT
README, DESIGN = ROOT / "README.md", ROOT / "src/README.md"
EXAMPLES = ROOT / "build/examples"
KEY_ID, KEY = "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d", "a-key-made-for-this-test"


def blocks(language):
    """The fenced blocks of README in one language ("" for what was printed)."""
    return [text for kind, text in re.findall(r"^```(\w*)\n(.*?)^```$", README.read_text(), re.M | re.S) if kind == language]


def commands():
    """Every command line that README shows in a block, without its remark."""
    return [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]


def masked(line):
    """A line with its numbers and its spacing taken out."""
    return " ".join(re.sub(r"\d+(\.\d+)?", "N", line).split())


def make_certificate(folder, name="robot"):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"],
                   check=True, stderr=subprocess.DEVNULL)


class Robot:
    """examples/robot on a free port, with TLS if there is a folder with a certificate. What it printed is in .lines after the end."""

    def __init__(self, folder=None):
        self.lines = []
        self.options = ["--cert", folder / "cert.pem", "--key", folder / "key.pem"] if folder else []

    def __enter__(self):
        command = [EXAMPLES / "robot", "--listen", "127.0.0.1:0", "--api-key-id", KEY_ID, "--api-key", KEY, *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().split()[-1]
        return self

    def __exit__(self, *reason):
        self.process.terminate()
        self.lines = self.process.communicate(timeout=10)[0].splitlines()


class Readme(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def need(self, *names):
        for name in names:
            if not (EXAMPLES / name).exists():
                self.skipTest(f"missing program: build/examples/{name} (make examples)")

    # ---- programs ----

    def test_first_program(self):
        """It is built by the line that stands below it, and turns the motor."""
        self.need("robot")
        build = next(line for line in commands() if line.startswith("cc "))
        for name in ("viamc.h", "viamc_proto.h"):
            shutil.copy(ROOT / name, self.folder)
        (self.folder / "drive.c").write_text(blocks("c")[0])
        self.assertEqual(testing.run(*shlex.split(build), "-Wall", "-Wextra", "-Werror", cwd=self.folder), (0, ""))
        make_certificate(self.folder)
        environment = {**os.environ, "SSL_CERT_FILE": str(self.folder / "cert.pem")}
        with Robot(self.folder) as robot:
            self.assertEqual(testing.run(self.folder / "drive", robot.address, KEY, KEY_ID, env=environment), (0, ""))
        self.assertEqual(sum("left     power +0.30" in line for line in robot.lines), 1, robot.lines)

    def test_driver_of_a_robot_that_dies(self):
        """It does not end with success."""
        self.need("robot", "drive")
        make_certificate(self.folder)
        environment = {**os.environ, "SSL_CERT_FILE": str(self.folder / "cert.pem")}
        with Robot(self.folder) as robot:
            with subprocess.Popen([EXAMPLES / "drive", robot.address, KEY, KEY_ID], stderr=subprocess.PIPE, text=True, env=environment) as driver:
                while not re.search(r"imu +read", robot.process.stdout.readline()):
                    pass
                time.sleep(0.5)     # the driver has the answer
                robot.process.kill()
                said = driver.communicate(timeout=20)[1]
        self.assertEqual((driver.returncode, said), (1, f"drive: dial: nobody listens at this address ({robot.address})\n"))

    def test_excerpts(self):
        """The other blocks of code stand in the examples, line by line."""
        lines = [line.strip() for path in sorted((ROOT / "examples").glob("*.c")) for line in path.read_text().splitlines()]
        self.assertGreaterEqual(len(blocks("c")), 3)
        for block in blocks("c")[1:]:
            wanted = [line.strip() for line in block.splitlines()]
            found = any(lines[i:i + len(wanted)] == wanted for i in range(len(lines)))
            self.assertTrue(found, f"not in examples/:\n{block}")

    # ---- commands and links ----

    def test_commands(self):
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
        shown = re.findall(r"`([^`\n]+)`", README.read_text() + DESIGN.read_text()) + commands()
        for line in shown:
            words = line.split()
            if words[0] == "make":
                self.assertIn(words[1], targets, line)
            for word in words:
                if re.match(r"(tools|tests|examples|src)/[\w./-]+$", word) and "PART" not in word:
                    self.assertTrue((ROOT / word).exists(), line)

    def test_jobs(self):
        """make takes as many cores as it was given."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        code, output = testing.run("make", "-j3", "-n", "test", cwd=ROOT, env=environment)
        self.assertEqual((code, "warning" in output, "tests/run.py -j $((3 + 1))" in output), (0, False, True), output[:2000])
        output = testing.run("make", "-n", "test", cwd=ROOT, env=environment)[1]
        self.assertIn(f"tests/run.py -j $(({len(os.sched_getaffinity(0))} + 1))", output)

    def test_generator_command(self):
        found = re.search(r"`build/venv/bin/python3 (tools/gen_proto\.py) -o (\S+) ([^`]+)`", README.read_text())
        self.assertTrue(found)
        python = ROOT / "build/venv/bin/python3"
        if not python.exists():
            self.skipTest("missing build/venv (make setup)")
        target = self.folder / found.group(2)
        self.assertEqual(testing.run(python, ROOT / found.group(1), "-o", target, *found.group(3).split()), (0, ""))
        self.assertIn("viamc_camera_get_images(", target.read_text())

    def test_links(self):
        for page in (README, DESIGN):
            for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
                if not link.startswith("https://"):
                    self.assertTrue((page.parent / link).exists(), f"{page.name}: {link}")

    def test_names_exist(self):
        """Every name of the API that README mentions is declared."""
        code, expanded = testing.run("gcc", "-E", "-x", "c", ROOT / "viamc_proto.h")    # typed functions are made by macros
        self.assertEqual(code, 0)
        declared = (ROOT / "viamc.h").read_text() + (ROOT / "viamc_proto.h").read_text() + expanded
        for name in set(re.findall(r"\b(?:viamc_[a-z0-9_]*[a-z0-9]|VIAMC_[A-Z0-9_]*[A-Z0-9])\b", README.read_text())) - {"viamc_proto"}:
            self.assertTrue(re.search(rf"\b{name}\b", declared), name)

    # ---- what was printed ----

    def test_demo(self):
        """`make demo` prints these lines, whatever their numbers, and the motor stops in time."""
        self.need("robot", "drive")
        real = subprocess.run([ROOT / "tools/demo.py"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        self.assertEqual(real.returncode, 0, real.stdout)
        shown = {masked(line) for line in blocks("")[0].splitlines()} - {"..."}
        self.assertEqual(sorted(shown), sorted({masked(line) for line in real.stdout.splitlines()}))

    def test_errors(self):
        """What drive says when it cannot come through."""
        self.need("robot", "drive")
        make_certificate(self.folder)
        (self.folder / "other").mkdir()
        make_certificate(self.folder / "other", "somebody else")
        with Robot(self.folder) as robot, Robot() as plain:
            tries = [(robot.address, "wrong", KEY_ID, "cert.pem"), (robot.address, KEY, "5f0c", "cert.pem"),
                     (robot.address, KEY, KEY_ID, "other/cert.pem"), (plain.address, KEY, KEY_ID, "cert.pem"), ("127.0.0.1:1", KEY, KEY_ID, "cert.pem")]
            said = [testing.run(EXAMPLES / "drive", address, key, key_id, env={**os.environ, "SSL_CERT_FILE": str(self.folder / cert)})
                    for address, key, key_id, cert in tries]
        shown = re.findall(r"^\| [^|]+ \| `(drive: [^`]+)` \|$", README.read_text(), re.M)
        self.assertEqual([(1, masked(line)) for line in shown], [(code, masked(text)) for code, text in said])

    def test_trust_store_that_is_not_there(self):
        """The path that was tried is named."""
        self.need("robot", "drive")
        make_certificate(self.folder)
        missing = self.folder / "not-there.pem"
        with Robot(self.folder) as robot:
            said = testing.run(EXAMPLES / "drive", robot.address, KEY, KEY_ID, env={**os.environ, "SSL_CERT_FILE": str(missing)})
        self.assertEqual(said, (1, f"drive: TLS: the trust store cannot be read ({robot.address}): {missing}\n"))

    # ---- tables ----

    def test_memory_table(self):
        code, output = testing.run(ROOT / "tools/memory_table.py", "--check")
        self.assertEqual(code, 0, output)

    def test_memory_table_finds_a_difference(self):
        copy = self.folder / "README.md"
        check = functools.partial(testing.run, ROOT / "tools/memory_table.py", "--check", "--readme", copy)
        text = README.read_text()
        copy.write_text(re.sub(r"(?m)^(\| bearer token \| )1,024", r"\g<1>1,025", text))
        self.assertNotEqual(copy.read_text(), text)
        self.assertEqual(check()[0], 1)
        copy.write_text(text.replace("<!-- end of memory table -->", ""))
        self.assertNotEqual(check()[0], 0)
        copy.write_text(re.sub(r"(?m)^\| bearer token .*\n", "", text))
        testing.run(ROOT / "tools/memory_table.py", "--readme", copy)
        self.assertEqual(copy.read_text(), text)

    def test_table_of_profiles(self):
        """Each row names the options that the profile's lines in config.h define, no more and no fewer."""
        text = (ROOT / "src/base/config.h").read_text()
        rows = dict(re.findall(r"^\| `VIAMC_PROFILE_(\w+)` \| [^|]* \| ([^|]*) \|$", README.read_text(), re.M))
        self.assertEqual(set(rows), {"TINY", "BOARD", "HOST"})
        for profile, row in rows.items():
            own = "".join(re.findall(rf"^#if\w* [^\n]*VIAMC_PROFILE_{profile}\b.*?^#endif\n(?!#endif)", text, re.M | re.S))
            named = set(re.findall(r"VIAMC_(?!PROFILE)\w+", row)) | (set(re.findall(r"VIAMC_(?!PROFILE)\w+", rows["BOARD"])) if "`VIAMC_PROFILE_BOARD`" in row else set())
            self.assertEqual(named, set(re.findall(r"^#define (VIAMC_\w+)", own, re.M)), profile)

    def test_table_of_bauds(self):
        """The rows of "Slow, far and bad lines" are what the sum above them says, with the octets of a board's block and of the example's UART."""
        text = README.read_text()
        out = int(re.search(r"^\| output: [^|]*\|[^|]*\|[^|]*\| (\d+) ", text, re.M).group(1))
        slot = int(re.search(r"slots of (\d+)\. \*/", (ROOT / "src/client/client.h").read_text()).group(1))
        ring = int(re.search(r"define UART_TX_BYTES (\d+)u", (ROOT / "examples/bare_metal/uart.h").read_text()).group(1))
        up = out + ring + 100
        self.assertIn(f"heartbeat of 100: {up} on a board)", text)
        for window, latency, expected in [(2, 0, (9600, 19200)), (0.5, 0, (38400, 76800)), (2, 1, (19200, 38400))]:
            need = [round(10 * (up + large * (slot + 50) + 100) / (window - latency)) for large in (1, 4)]
            self.assertTrue(all(least <= baud for least, baud in zip(need, expected)))
            self.assertIn(f"| {need[0]:,}: {expected[0]:,} baud | {need[1]:,}: {expected[1]:,} baud |", text)

    def test_table_of_apis(self):
        code, output = testing.run(ROOT / "tools/api_table.py", "--check")
        self.assertEqual(code, 0, output)

    def test_table_of_apis_finds_a_difference(self):
        copy = self.folder / "README.md"
        check = functools.partial(testing.run, ROOT / "tools/api_table.py", "--check", "--readme", copy)
        text = README.read_text()
        self.assertIn("\n| `motor` | viam.component.motor.v1 | 13 | 13 | 12 | 13 | 13 |\n", text)
        copy.write_text(text.replace("| `motor` | viam.component.motor.v1 | 13 ", "| `motor` | viam.component.motor.v1 | 14 "))
        self.assertEqual(check()[0], 1)
        copy.write_text(text.replace("<!-- end of the table of APIs -->", ""))
        self.assertNotEqual(check()[0], 0)

    def test_table_of_suites(self):
        code, output = testing.run(ROOT / "tools/test_table.py", "--check")
        self.assertEqual(code, 0, output)

    def test_promises_are_tested(self):
        """Each row of "What you can rely on" names tests that there are."""
        section = README.read_text().split("## What you can rely on", 1)[1].split("\n## ", 1)[0]
        rows = re.findall(r"^\| [^|]+ \| (`\w+[^|]+) \|$", section, re.M)
        self.assertEqual(len(rows), section.count("\n|") - 2)     # the table's head
        self.assertGreater(len(rows), 8)
        for row in rows:
            self.assertEqual(testing.missing_tests(row), [], row)

    def test_design_names_all_parts(self):
        """The table of rooms in src/README.md has every part that there is, and no other."""
        rows = dict(re.findall(r"^\| `(\w+)/` \| ([^|]+) \|", DESIGN.read_text(), re.M))
        rooms = sorted(path.name for path in (ROOT / "src").iterdir() if path.is_dir())
        self.assertEqual(sorted(rows), rooms)
        for room in rooms:
            parts = sorted({re.sub(r"(_impl)?\.h$", "", path.name) for path in (ROOT / "src" / room).glob("*.h")})
            self.assertEqual(sorted(re.findall(r"\b\w+\b", rows[room])), parts, room)


if __name__ == "__main__":
    testing.main("readme")
