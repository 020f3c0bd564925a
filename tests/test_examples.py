#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Examples against a robot made of the Python SDK (tests/programs/sdk_robot.py): what they print, and what the robot was told."""
import contextlib
import importlib.util
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import unittest

import testing

EXAMPLES = testing.ROOT / "build/examples"


class Robot(unittest.TestCase):
    """What examples/robot makes of its command line."""

    def setUp(self):
        if not (EXAMPLES / "robot").exists():
            self.skipTest("missing program: build/examples/robot (make examples)")

    def test_options_that_are_wrong(self):
        """A typo does not open the robot to everybody: the program ends with a line that names it."""
        for line, word in (("--api_key k --api-key-id i", "--api_key: no such option"), ("--api-key-id i", "--api-key: is missing"),
                           ("--api-key k", "--api-key-id: is missing"), ("--cert c", "--key: is missing"), ("--key k", "--cert: is missing"),
                           ("--api-key-id i --api-key", "--api-key: has no value"), ("api-key", "api-key: no such option"),
                           ("--help", "--help: no such option")):
            code, output = testing.run("timeout", "5", EXAMPLES / "robot", "--listen", "127.0.0.1:0", *line.split())
            self.assertEqual((code, word in output, "usage" in output), (2, True, True), f"{line}\n{output}")
        code, output = testing.run("timeout", "5", EXAMPLES / "robot", "--listen", "127.0.0.1:0", "--api-key-id", "", "--api-key", "")
        self.assertEqual((code, "--api-key-id: has no value" in output), (2, True), output)

    def test_what_is_wrong(self):
        """Each is told once, with what it is about."""
        with tempfile.TemporaryDirectory() as folder:
            pem = pathlib.Path(folder) / "pem"
            pem.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
            code, output = testing.run("timeout", "5", EXAMPLES / "robot", "--listen", "127.0.0.1:0", "--cert", pem, "--key", pem)
            self.assertEqual((code, output.count("ARG"), output.count("\n")), (1, 1, 1), output)
            source = (testing.ROOT / "examples/robot.c").read_text().replace("motor.stop = wheel_stop;", "(void)wheel_stop;")
            path = pathlib.Path(folder) / "robot.c"
            path.write_text(source)
            self.assertEqual(testing.run("cc", f"-I{testing.ROOT}", "-o", path.with_suffix(""), path, "-lbearssl", "-lprotobuf-nanopb"), (0, ""))
            said = testing.run("timeout", "5", path.with_suffix(""), "--listen", "127.0.0.1:0")
            self.assertEqual(said, (1, "robot: motor left: its name is wrong or taken, or its ops lack stop\n"))
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            said = testing.run("timeout", "5", EXAMPLES / "robot", "--listen", address)
        self.assertEqual(said, (1, f"robot: cannot listen on {address}: Address already in use\n"))

    def test_without_protection(self):
        """It says so when anybody may drive."""
        for options, wanted in (((), ["no API key: anybody may drive", "plaintext: no certificate"]),
                                (("--api-key-id", "i", "--api-key", "k"), ["plaintext: no certificate"])):
            code, output = testing.run("timeout", "0.5", EXAMPLES / "robot", "--listen", "127.0.0.1:0", *options)
            self.assertEqual((code, output.splitlines()[1:]), (124, wanted))


@unittest.skipIf(importlib.util.find_spec("viam") is None, "missing peer: viam-sdk for Python (make setup)")
class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        command = [sys.executable, testing.ROOT / "tests/programs/sdk_robot.py"]
        cls.robot = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)     # pylint: disable=consider-using-with
        cls.address = cls.robot.stdout.readline().strip()

    @classmethod
    def tearDownClass(cls):
        cls.robot.terminate()
        cls.robot.communicate(timeout=10)

    def example(self, name, *arguments, **options):
        """What an example printed."""
        if not (EXAMPLES / name).exists():
            self.skipTest(f"missing program: build/examples/{name} (make examples)")
        code, output = testing.run(EXAMPLES / name, self.address, *arguments, **options)
        self.assertEqual(code, 0, output)
        return output

    def test_arm(self):
        warning = "arm: this robot has no sessions: it does not stop when this program dies\n"
        output = self.example("arm", "arm1")
        self.assertIn(warning, output)
        output = output.replace(warning, "")
        self.assertEqual(output.splitlines()[0], "hand at x 0.0, y 200.0, z 300.0 mm")
        self.assertEqual([line for line in output.splitlines() if line.startswith("joint")],
                         [f"joint {i} at {value:.1f} degrees" for i, value in enumerate([0, 12.5, -90, 0.25, 179, -1])])
        self.assertEqual(output.splitlines()[-2:], ["hand at x 10.0, y 200.0, z 300.0 mm", "home again"])
        self.assertEqual(self.told(), "move to [10.0, 22.5, -80.0, 10.25, 189.0, 9.0]")
        self.assertEqual(self.told(), "move through [[5.0, 17.5, -85.0, 5.25, 184.0, 4.0], [0.0, 12.5, -90.0, 0.25, 179.0, -1.0]]")

    def test_arm_with_more_joints(self):
        """Is left alone: six of its seven joints are no place to go to."""
        if not (EXAMPLES / "arm").exists():
            self.skipTest("missing program: build/examples/arm (make examples)")
        code, output = testing.run(EXAMPLES / "arm", self.address, "arm7")
        self.assertEqual((code, output.count("joint")), (1, 0), output)

    def test_first_program(self):
        """README's first program, in plaintext: it does not move a robot without sessions."""
        source = re.search(r"^```c\n(.*?)^```$", (testing.ROOT / "README.md").read_text(), re.M | re.S).group(1)
        plain = source.replace("dial.api_key = argv[2];", "dial.insecure = true;").replace("dial.api_key_id = argv[3];", "")
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "drive.c"
            path.write_text(plain)
            self.assertEqual(testing.run("cc", f"-I{testing.ROOT}", "-o", path.with_suffix(""), path, "-lbearssl", "-lprotobuf-nanopb"), (0, ""))
            said = testing.run(path.with_suffix(""), self.address, "", "")
        self.assertEqual(said, (1, "drive: SetPower: FAILED_PRECONDITION: this robot has no sessions, and dial.require_session is set\n"))

    def told(self):
        """What the robot says that it was told."""
        return self.robot.stdout.readline().strip()

    def test_anything(self):
        """Prints what README says."""
        output = self.example("anything")
        self.assertIn(f"\n```\n{output}```\n", (testing.ROOT / "README.md").read_text())
        self.assertIn("motion.Move: arrived\nmotion.GetPose: x 200, y 50, z 300 in world\n    served-by: a robot of Python\n", output)
        self.assertEqual(self.told(), "move arm1 world [('world', [('box', 100.0)])] {'planner': 'cautious'}")
        self.assertEqual(self.told(), "/viam.service.motion.v1.MotionService/GetPose asked by anything")

    def test_streams(self):
        """A bidi stream and a server's stream side by side, each in its order."""
        lines = self.example("streams", "arm1", "gamepad").splitlines()
        self.assertEqual([line for line in lines if line.startswith(("batch", "arm"))], [f"batch {i} acknowledged" for i in range(1, 6)] + ["arm: OK"])
        self.assertEqual([line for line in lines if line.startswith(("AbsoluteX", "gamepad"))],
                         [f"AbsoluteX 0.0{i}" for i in range(1, 6)] + ["gamepad: CANCELLED"])
        self.assertEqual(self.told(), f"points {[(100 * i, float(i), 12.5 + i) for i in range(20)]}")

    def test_game(self):
        """Twelve robots in one loop, one of them gone: the others get nearly all values, and are stopped."""
        for name in ("robot", "game"):
            if not (EXAMPLES / name).exists():
                self.skipTest(f"missing program: build/examples/{name} (make examples)")
        with contextlib.ExitStack() as stack:
            robots = [stack.enter_context(subprocess.Popen([EXAMPLES / "robot", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True))
                      for _ in range(11)]
            for robot in robots:
                stack.callback(robot.terminate)
            addresses = [robot.stdout.readline().split()[-1] for robot in robots]
            code, output = testing.run(EXAMPLES / "game", *addresses, "127.0.0.1:1")
        *others, gone = output.splitlines()
        self.assertEqual((code, gone), (1, "127.0.0.1:1: 0 values, 0 answers, not stopped"))
        self.assertEqual([line.split(": ")[0] for line in others], addresses)
        for line in others:
            values, answers = map(int, re.match(r"\S+: (\d+) values, (\d+) answers, stopped$", line).groups())
            self.assertEqual(values, 120, output)
            self.assertTrue(60 < answers <= values, output)

    def test_camera_image(self):
        """What is larger than a slot comes in pieces, what is not with the reply."""
        with tempfile.TemporaryDirectory() as folder:
            output = self.example("camera_image", "front", cwd=folder)
            files = {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}
        self.assertEqual(files, {"camera-0.jpg": b"\xff\xd8\xff" + bytes(range(250)) * 200, "camera-1.png": b"\x89PNG\r\n\x1a\n" + bytes(90),
                                 "camera-2.pcd": b"# .PCD v.7\n" + bytes(range(250)) * 1000})
        for words in ("camera-0.jpg: images[0].image 100 %", "left: image/jpeg", "right: image/png", "camera-2.pcd: point_cloud 100 %",
                      "point cloud: pointcloud/pcd"):
            self.assertIn(words, output)

    def test_sensors(self):
        rows = {" ".join(line.split()) for line in self.example("sensors").splitlines()}
        words = " ".join(sorted(rows))
        for row in ("celsius 21.5", "sky grey \u2601", "wet true", "wind", "from west", "gusts", "- 3.5", "- 7", "nothing -", "volts 11.9",
                    "linear_velocity 1, 2, 3.5", "position 40.700000, -74.010000", "orientation axis 0, 0, 1; 90 degrees"):
            self.assertTrue(any(line == row or line.endswith(" " + row) for line in rows), f"{row}\n{words}")
        for name in ("sensor/weather", "movement_sensor/gps", "power_sensor/battery"):
            self.assertIn(name, words)

    def test_sensor(self):
        """It prints once a second until it is ended."""
        if not (EXAMPLES / "sensor").exists():
            self.skipTest("missing program: build/examples/sensor (make examples)")
        with subprocess.Popen(["stdbuf", "-oL", EXAMPLES / "sensor", self.address, "weather"], stdout=subprocess.PIPE, text=True) as process:
            lines = [process.stdout.readline().strip() for _ in range(3)]
            process.terminate()
        self.assertEqual(sorted(lines), ["celsius = 21.5", "sky = grey \u2601", "wet = true"])


if __name__ == "__main__":
    testing.main("examples")
