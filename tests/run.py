#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs test commands side by side and sums what they counted.

    tests/run.py [-j N] [-t SECONDS] 'command' 'command' ...

A test command ends with the line "NAME: N passed, N failed, N skipped" and with exit code 0 if nothing failed. One line is shown per
command, and everything that a failing one printed. In CI (environment: CI=true) a skip that says "missing ..." is a failure, because
CI must have all peers and all data. The last line is "N passed, N failed, N skipped".
"""
import argparse
import concurrent.futures
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time

CLOSING = re.compile(r"(?:\S+: )?(\d+) passed, (\d+) failed, (\d+) skipped$")
MISSING = re.compile(r"^skip [^:]+: missing .*", re.M)
SKIP = re.compile(r"^skip .*", re.M)
PRINTING = threading.Lock()


def execute(command, limit):
    """Exit code (None: out of time) and output; a command that hangs is ended with all its children."""
    try:
        with subprocess.Popen(shlex.split(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              start_new_session=True) as process:
            timer = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
            start = time.monotonic()            # before the timer: its end is never earlier than the limit
            timer.start()
            output = process.communicate()[0].decode("utf-8", "replace")
            timer.cancel()
            late = process.returncode == -signal.SIGKILL and time.monotonic() - start >= limit
            return None if late else process.returncode, output
    except OSError as err:
        return 127, f"{err}\n"


def judge(code, output, limit, strict):
    """What a command counted as [passed, failed, skipped], and what there is to complain of."""
    closing = CLOSING.match((output.rstrip().splitlines() or [""])[-1])
    counts = [int(n) for n in closing.groups()] if closing else [0, 0, 0]
    complaints = []
    if strict:
        missing = MISSING.findall(output)[:counts[2]]
        counts[1] += len(missing)
        counts[2] -= len(missing)
        complaints += [f"{line}: not allowed in CI" for line in missing]
    if code is None:
        complaints.append(f"ended after {limit} s")
    elif code < 0:
        complaints.append(f"died of {signal.Signals(-code).name}")
    elif not closing:
        complaints.append(f"did not say what it counted (exit code {code})")
    elif sum(counts) == 0:
        complaints.append("counted nothing")
    elif (code != 0) != (int(closing.group(2)) > 0):
        complaints.append(f"exit code {code} does not fit its counts")
    if complaints and counts[1] == 0:
        counts[1] = 1
    return counts, complaints


def run_one(command, limit, strict):
    """Runs one command, prints its line and returns its counts."""
    start = time.monotonic()
    code, output = execute(command, limit)
    counts, complaints = judge(code, output, limit, strict)
    took = time.monotonic() - start
    shown = output.rstrip().splitlines() if counts[1] else SKIP.findall(output)
    with PRINTING:
        print(f"{'FAIL' if counts[1] else 'ok':4} {command:44} {counts[0]:5} passed"
              + (f" {counts[1]:4} failed" if counts[1] else "") + (f" {counts[2]:4} skipped" if counts[2] else "") + f" {took:6.1f} s")
        for line in shown + complaints:
            print(f"     | {line}")
        sys.stdout.flush()
    return counts


def main():
    parser = argparse.ArgumentParser(description="runs test commands and sums their counts")
    parser.add_argument("-j", type=int, default=len(os.sched_getaffinity(0)), metavar="N", help="commands at once")
    parser.add_argument("-t", type=int, default=120, metavar="SECONDS", help="time limit of each command")
    parser.add_argument("commands", nargs="*")
    args = parser.parse_args()
    strict = os.environ.get("CI", "").lower() in ("true", "1")
    with concurrent.futures.ThreadPoolExecutor(max(1, args.j)) as pool:
        sums = [sum(column) for column in zip([0, 0, 0], *pool.map(lambda c: run_one(c, args.t, strict), args.commands))]
    print(f"{sums[0]} passed, {sums[1]} failed, {sums[2]} skipped")
    return 1 if sums[1] or sum(sums) == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
