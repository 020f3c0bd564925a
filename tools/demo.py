#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The main job on this machine: a robot (examples/robot.c), its driver (examples/drive.c), a kill -9. Standard library only.

The driver turns the robot's motor under a safety session. After a few seconds it is killed, and the robot stops the motor when no heartbeat
has come for one window. Exit code 0 only if that took no longer than the window and 100 ms, from the heartbeat to the end of the motor's stop."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

BUILD = pathlib.Path(__file__).resolve().parent.parent / "build/examples"
KEY_ID, KEY = "7f3c1a52-0b0e-4f6d-9c2e-5d0a4b1f2e3d", "a-key-made-for-this-demo"
WINDOW_MS, ALLOWED_MS, DRIVE_S = 2000, 2100, 3.5


def make_certificate(folder):
    """A certificate of its own for 127.0.0.1, made on the spot."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "2", "-subj", "/CN=demo robot", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                    "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"],
                   check=True, stderr=subprocess.DEVNULL)
    return cert, key


class Lines:
    """What a program prints, line by line: shown as it comes, and kept for those who wait for one."""

    def __init__(self, stream):
        self.lines, self.news = [], threading.Condition()
        threading.Thread(target=self.read, args=(stream,), daemon=True).start()

    def read(self, stream):
        for line in stream:
            print("  " + line.rstrip(), flush=True)
            with self.news:
                self.lines.append(line)
                self.news.notify_all()

    def all(self, pattern):
        return [match for match in (re.search(pattern, line) for line in self.lines) if match]

    def wait_for(self, pattern, timeout):
        with self.news:
            self.news.wait_for(lambda: self.all(pattern), timeout)
            return next(iter(self.all(pattern)), None)


def at(match):
    """When the robot printed a line, in ms of its clock."""
    return int(match.group(1)) * 1000 + int(match.group(2))


def run(folder):
    cert, key = make_certificate(folder)
    print("robot: motor left, base, sensor imu; window 2 s")
    robot = subprocess.Popen([BUILD / "robot", "--listen", "127.0.0.1:0", "--cert", cert, "--key", key, "--api-key-id", KEY_ID, "--api-key", KEY],
                             stdout=subprocess.PIPE, text=True)
    driver = None
    try:
        lines = Lines(robot.stdout)
        address = lines.wait_for(r"listening on (\S+)", 5)
        if not address:
            return "the robot does not listen"
        driver = subprocess.Popen([BUILD / "drive", address.group(1), KEY, KEY_ID], env={**os.environ, "SSL_CERT_FILE": str(cert)},
                                  stdout=subprocess.DEVNULL)
        if not lines.wait_for(r"left +power", 10):
            return "the motor does not turn"
        time.sleep(DRIVE_S)
        if driver.poll() is not None:
            return "the driver ended by itself"
        print("driver: killed (SIGKILL)", flush=True)
        driver.kill()
        stopped = lines.wait_for(r"^ *(\d+)\.(\d+) s  left +stop$", WINDOW_MS / 1000 + 3)
        if not stopped:
            return "the motor was not stopped"
        after = at(stopped) - max(at(beat) for beat in lines.all(r"^ *(\d+)\.(\d+) s .* heartbeat,"))
        print(f"the motor stopped {after} ms after the last heartbeat; allowed: {ALLOWED_MS} ms")
        return None if after <= ALLOWED_MS else "too late"
    finally:
        for process in (driver, robot):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(5)


def main():
    with tempfile.TemporaryDirectory() as folder:
        wrong = run(pathlib.Path(folder))
    if wrong:
        sys.exit(f"demo: {wrong}")


if __name__ == "__main__":
    main()
