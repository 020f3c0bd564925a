#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Static analysers over viamc.h and viamc_proto.h with their implementations, in every main set of options.

    tools/analyze.py [-j N]

Runs gcc -fanalyzer, clang-tidy (bugprone, cert, clang-analyzer) and cppcheck; what they need: tools/setup.sh analyze. A finding fails unless
tools/analyze.txt has it with a reason; a line there that no finding needs fails too. The last line is "N passed, N failed, N skipped".
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
ACCEPTED = ROOT / "tools/analyze.txt"
OPTIONS = [[], ["-DVIAMC_NO_TLS"], ["-DVIAMC_NO_SERVER"], ["-DVIAMC_NO_STRINGS"]]
HEADERS = ["viamc.h", "viamc_proto.h"]
COMMON = ["-D_POSIX_C_SOURCE=200809L", "-DVIAMC_IMPLEMENTATION", f"-I{ROOT}"]
NODES = 10000                   # states that clang's analyser looks at for one function; with its 225,000 a header takes minutes
FINDING = re.compile(r"^([^:\n]+):(\d+):\d+: (?:warning|error): (.*?) ?\[([\w.,+=-]+)\]$", re.M)


def command(argv, text=None):
    """Output of a command, and its exit code."""
    done = subprocess.run([str(word) for word in argv], input=text, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False)
    return done.stdout, done.returncode


def gcc(header, options):
    """At -O1: without the optimiser's inlining it sees less and warns of more that cannot be."""
    return command(["gcc", "-std=c99", *COMMON, *options, "-O1", "-fanalyzer", "-fdiagnostics-plain-output", "-c", "-o", os.devnull,
                    "-x", "c", "-"], f'#include "{header}"\n')


def clang_tidy(header, options):
    """The header is the main file: clang's analyser starts at no function of an included one."""
    nodes = [f"--extra-arg={word}" for word in ("-Xclang", "-analyzer-config", "-Xclang", f"max-nodes={NODES}")]
    checks = ",".join(f"-{check}" for tool, check, place, _ in accepted() if tool == "clang-tidy" and place == "*")
    return command(["clang-tidy", "--quiet", f"--checks=-*,bugprone-*,cert-*,clang-analyzer-*,{checks}", *nodes, ROOT / header,
                    "--", "-x", "c", "-std=c99", *COMMON, *options])


def cppcheck(header, options):
    """It gets the header preprocessed: a macro's argument that is called as a parameter of the macro within, it replaces (cppcheck 2.10)."""
    text, code = command(["gcc", "-std=c99", *COMMON, *options, "-E", "-x", "c", "-"], f'#include "{header}"\n')
    if code != 0:
        return text, code
    with tempfile.NamedTemporaryFile("w", suffix=".c") as file:
        file.write(re.sub(r"^# (\d+ \"[^\"]*\").*", r"#line \1", text, flags=re.M))
        file.flush()
        return command(["cppcheck", "--quiet", "--language=c", "--std=c99", "--enable=warning,portability,performance",
                        "--template={file}:{line}:{column}: warning: {message} [{id}]", "--template-location=", "--suppress=*:/usr/*", file.name])


TOOLS = {"gcc": gcc, "clang-tidy": clang_tidy, "cppcheck": cppcheck}


def accepted():
    """(tool, check, text in the line or "*" for the whole check, reason)"""
    for line in ACCEPTED.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            yield tuple(word.strip() for word in line.split(" | "))


def findings(output):
    """(place, line of source, text, check) of a tool's output, each once."""
    seen = set()
    for path, number, text, check in FINDING.findall(output):
        if (path, number, check) not in seen:
            seen.add((path, number, check))
            yield f"{pathlib.Path(path).name}:{number}", pathlib.Path(path).read_text(errors="replace").splitlines()[int(number) - 1], text, check


def judge(tool, output, code, needed):
    """What is wrong; notes which lines of tools/analyze.txt were needed."""
    complaints = []
    for place, source, text, check in findings(output):
        allowed = [row for row in accepted() if row[0] == tool and row[1] in check.split(",") and (row[2] == "*" or row[2] in source)]
        needed.update(allowed)
        if not allowed:
            complaints.append(f"{place}: {text} [{check}]\n    {source.strip()}")
    if code != 0 and not FINDING.search(output):
        complaints.append(output or f"exit code {code}")
    return complaints


def main():
    parser = argparse.ArgumentParser(description="static analysers")
    parser.add_argument("-j", type=int, default=len(os.sched_getaffinity(0)), metavar="N", help="analysers at once")
    args = parser.parse_args()
    jobs = [(tool, header, options) for tool in ("clang-tidy", "gcc", "cppcheck") for options in OPTIONS for header in HEADERS
            if tool == "clang-tidy" or header == HEADERS[-1]]   # the others see what is included
    passed, failed, needed = 0, 0, set()
    with concurrent.futures.ThreadPoolExecutor(args.j) as pool:
        for (tool, header, options), (output, code) in zip(jobs, pool.map(lambda job: TOOLS[job[0]](*job[1:]), jobs)):
            complaints = judge(tool, output, code, needed)
            passed, failed = passed + (not complaints), failed + bool(complaints)
            print(f"{'FAILED' if complaints else 'ok'} {tool} {header} {' '.join(options)}", *complaints, sep="\n  ", flush=True)
    for row in accepted():
        if row[2] != "*" and row not in needed:
            failed += 1
            print(f"FAILED tools/analyze.txt: not needed: {' | '.join(row)}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
