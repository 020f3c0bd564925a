#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks of the source that a compiler alone does not make.

    tools/check.py [--root DIR] [-j N] layers | uses | merged | symbols | warnings | misuse | ascii | functions

    layers     each part compiles alone, so its includes name all that it needs
    uses       each part includes exactly the parts whose names it uses
    merged     src/viamc.h and viamc.h are the same text to the compiler
    symbols    the core needs nothing but four mem functions and BearSSL, has no writable statics, exports viamc_ alone
    warnings   strict warnings, none with gcc and clang, C99 to C++20, of the headers and the examples
    misuse     each public function has a test of its name in tests/test_misuse*.c, where it is called as it must not be
    ascii      text files are ASCII with LF, without tabs and trailing blanks; sources name their licence
    functions  a report for `make figures`: lines, parts, functions and their lengths, as "name value unit goal met|not-met"

All but the last print what fails and end with "NAME: N passed, N failed, N skipped".
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

STRICT = ("-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wundef -Wcast-qual -Wcast-align -Wswitch-enum "
          "-Wdouble-promotion -Wformat=2 -Wvla -Werror").split()
STRICT_C = "-Wstrict-prototypes -Wmissing-prototypes -Wc++-compat".split()
STANDARDS = ["c99", "c11", "c++11", "c++20"]
OLDEST = ["c99", "c++11"]                       # for programs: what they include was seen in all standards
POSIX = "-D_POSIX_C_SOURCE=200809L"             # with -std=c99 and c11 the names of POSIX are hidden without it
CORE = ["-DVIAMC_IMPLEMENTATION", "-DVIAMC_NO_POSIX"]
MEM = {"memcpy", "memmove", "memset", "memcmp", "strlen"}  # strlen: gcc makes it of a loop, where there is a libc
LONGEST, MEDIAN = 100, 15                       # lines of a function: goals of the report
OPTIONS = "base/config.h"

# What a program without libc gives the core: only linked, never run.
FREESTANDING = """
#include <stddef.h>
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void _start(void);
void *memcpy(void *to, const void *from, size_t n) { (void)from; (void)n; return to; }
void *memmove(void *to, const void *from, size_t n) { (void)from; (void)n; return to; }
void *memset(void *to, int value, size_t n) { (void)value; (void)n; return to; }
int memcmp(const void *a, const void *b, size_t n) { (void)a; (void)b; return (int)n; }
void _start(void) { for (;;) { } }
"""

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]*)"', re.M)
NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


class Report:
    """Counts results and prints the bad ones."""

    def __init__(self, name):
        self.name, self.passed, self.failed, self.skipped, self.said = name, 0, 0, 0, set()

    def result(self, what, complaint):
        """Counts one result: an empty complaint is a pass."""
        if not complaint:
            self.passed += 1
            return
        self.failed += 1
        lines = complaint.rstrip().splitlines()
        heart = tuple(line for line in lines if "error:" in line) or tuple(lines)
        print(f"FAILED {self.name}: {what}{', as above' if heart in self.said else ''}")
        for line in [] if heart in self.said else lines[:30]:
            print(f"  {line}")
        self.said.add(heart)

    def skip(self, what, reason):
        """Counts something that cannot be looked at here."""
        self.skipped += 1
        print(f"skip {what}: {reason}")

    def close(self):
        """Prints the closing line; the exit code."""
        print(f"{self.name}: {self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if self.failed or self.passed + self.skipped == 0 else 0


def command(argv, text=None):
    """Output of a command, and whether it went well. It runs in / because #include "..." of text from stdin looks where it runs first."""
    try:
        done = subprocess.run([str(word) for word in argv], cwd="/", input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", check=False)
    except OSError as err:
        return str(err), False
    return done.stdout, done.returncode == 0


def compile_all(report, jobs, workers):
    """Runs compilers side by side; jobs are (what, argv, standard input). Any output is a complaint."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for (what, _, _), (output, good) in zip(jobs, pool.map(lambda job: command(job[1], job[2]), jobs)):
            report.result(what, output if good else output or "no output, but it failed")


def parts_of(root):
    """The parts in the order of the spine."""
    return INCLUDE.findall((root / "src/viamc.h").read_text())


def private_parts(root):
    """Those that only the implementation sees."""
    return INCLUDE.findall(re.split(r"^#\s*if.*\bVIAMC_IMPLEMENTATION\b", (root / "src/viamc.h").read_text(), 1, re.M)[-1])


def pair(part):
    """A part is two files, name.h and name_impl.h: the name of both."""
    return part.replace("_impl.h", ".h")


def include(name):
    """A file that includes one header and is not empty (-Wpedantic)."""
    return f'#include "{name}"\ntypedef int check_not_empty;\n'


# ---- layers, uses, merged ----

def check_layers(args, report):
    """Each part alone: the declarations without the implementation, and each implementation as the only one."""
    private = private_parts(args.root)          # may declare static functions that another file defines
    jobs = []
    for part in parts_of(args.root):
        options = ["-DVIAMC_IMPLEMENTATION", "-Wno-unused-function"] if part in private else []
        jobs.append((f"src/{part} alone", ["gcc", "-std=c99", POSIX, *STRICT, *STRICT_C, *options, "-I", args.root / "src",
                                           "-fsyntax-only", "-x", "c", "-"], include(part)))
    compile_all(report, jobs, args.j)


def names_of(root, parts):
    """Name to the files that declare or define it."""
    names = {}
    listing, good = command(["ctags", "-f", "-", "--language-force=C", "--kinds-C=defgpstuvx", "--fields=", "-I", "VIAMC_API,VMC_FN",
                             *[root / "src" / part for part in parts]])
    if not good:
        raise SystemExit(f"check: ctags: {listing}")
    for line in listing.splitlines():
        name, path = line.split("\t")[:2]
        if not name.startswith(("!", "__anon")) and not name.endswith("_H"):
            names.setdefault(name, set()).add(pathlib.Path(path).relative_to(root / "src").as_posix())
    return names


def judge_uses(part, text, seen, names):
    """What to add to the includes of a file, and what to drop. seen: the parts that it includes."""
    used, missing = set(), {}
    for word in sorted(set(re.findall(r"[A-Za-z_]\w*", NOT_CODE.sub(" ", text))) & names.keys()):
        used |= {pair(file) for file in names[word]}
        if not {pair(file) for file in names[word]} & (seen | {pair(part), OPTIONS}):
            missing.setdefault(max(names[word]), []).append(word)
    add = [f'needs #include "{file}": {", ".join(words[:6])}{" ..." if words[6:] else ""}' for file, words in sorted(missing.items())]
    return add, used


def check_uses(args, report):
    """The includes of each file against the names in its text. An implementation may rely on what its own header includes, and
    everybody on the part with the options, which comes with every other. A part that brings system headers is used for these."""
    parts = parts_of(args.root)
    names = names_of(args.root, parts)
    texts = {part: (args.root / "src" / part).read_text() for part in parts}
    includes = {part: {pair(other) for other in INCLUDE.findall(text)} for part, text in texts.items()}
    free = {OPTIONS} | {pair(part) for part, text in texts.items() if re.search(r"^[ \t]*#[ \t]*include[ \t]*<", text, re.M)}
    for part in parts:
        complaints, used = judge_uses(part, texts[part], includes[part] | includes.get(pair(part), set()), names)
        complaints += [f"includes {other} and uses nothing of it" for other in sorted(includes[part] - used - free - {pair(part)})]
        report.result(f"src/{part}", "\n".join(complaints))


def check_merged(args, report):
    """With every option, the spine and the product are the same text once preprocessed."""
    for options in ([], ["-DVIAMC_IMPLEMENTATION"], ["-DVIAMC_IMPLEMENTATION", "-DVIAMC_NO_TLS", "-DVIAMC_NO_POSIX"]):
        texts = [command(["gcc", "-E", "-P", *options, "-I", folder, "-x", "c", "-"], include("viamc.h"))
                 for folder in (args.root / "src", args.root)]
        failed = "".join(text for text, good in texts if not good)
        complaint = failed or ("" if texts[0] == texts[1] else "they differ")
        report.result(f"src/viamc.h and viamc.h, preprocessed {' '.join(options)}", complaint)


# ---- symbols ----

def core_object(args, folder, options):
    """Compiles the core to an object file; its path and what the compiler said."""
    path = folder / "core.o"
    output, good = command(["gcc", "-std=c99", "-fno-pic", "-fno-stack-protector", "-U_FORTIFY_SOURCE", *CORE, *options,
                            "-I", args.root, "-c", "-o", path, "-x", "c", "-"], include("viamc.h"))
    return path, "" if good else output or "no output, but it failed"


def judge_symbols(path, allow_bearssl):
    """What an object file imports, holds and exports that a core must not."""
    listing, good = command(["nm", "-P", path])
    complaints = [] if good else [listing]
    for line in listing.splitlines():
        name, kind = line.split()[:2]
        if kind in "Uw" and name not in MEM and not (allow_bearssl and name.startswith("br_")):
            complaints.append(f"needs {name}")
        if kind in "dDbBCgGsS":
            complaints.append(f"writable static {name}")
        if kind.isupper() and kind != "U" and not name.startswith("viamc_"):
            complaints.append(f"exports {name}")
    return "\n".join(complaints)


def check_symbols(args, report):
    """The object files of the core, and a program without libc."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for options in (["-O1"], ["-O0"], ["-O0", "-DVIAMC_NO_TLS"], ["-O0", "-DVIAMC_NO_SERVER"],
                        ["-O0", "-DVIAMC_NO_TLS", "-DVIAMC_NO_SERVER", "-DVIAMC_NO_STRINGS"]):
            path, complaint = core_object(args, folder, options)
            report.result(f"core {' '.join(options)}", complaint or judge_symbols(path, "-DVIAMC_NO_TLS" not in options))
        path, complaint = core_object(args, folder, ["-Os", "-ffreestanding", "-DVIAMC_NO_TLS"])
        if not complaint:
            (folder / "stub.c").write_text(FREESTANDING)
            output, good = command(["gcc", "-nostdlib", "-ffreestanding", "-static", "-fno-pic", "-no-pie", "-fno-stack-protector",
                                    "-o", folder / "program", folder / "stub.c", path])
            complaint = "" if good else output or "no output, but it failed"
        report.result("core linked without libc", complaint)


# ---- warnings ----

def warning_jobs(root, compilers):
    """(what, argv, standard input) for every compiler, standard, header and example."""
    sources = []
    for header in ("viamc.h", "viamc_proto.h"):
        if (root / header).exists():
            sources += [(header, [], include(header)), (f"{header} implementation", ["-DVIAMC_IMPLEMENTATION"], include(header))]
    seen = ["-DVIAMC_IMPLEMENTED", "-DVIAMC_PROTO_IMPLEMENTED"]         # above, so that programs are looked at without it
    programs = [(f"examples/{path.name}", seen, path) for path in sorted((root / "examples").glob("*.c"))]
    for what, options, source in sources + programs:
        for compiler in compilers:
            for standard in OLDEST if isinstance(source, pathlib.Path) else STANDARDS:
                flags = [*STRICT, *([] if "+" in standard else STRICT_C), *(["-Wreserved-identifier"] if compiler == "clang" else [])]
                yield (f"{what} {compiler} {standard}",
                       [compiler, f"-std={standard}", POSIX, *flags, *options, "-I", root, "-fsyntax-only",
                        "-x", "c++" if "+" in standard else "c", source if isinstance(source, pathlib.Path) else "-"],
                       None if isinstance(source, pathlib.Path) else source)
    for what, options, text in sources[-1:]:    # some warnings come from the optimiser alone; the last has all the code
        yield (f"{what} gcc c99 -O2", ["gcc", "-std=c99", POSIX, *STRICT, *STRICT_C, *options, "-I", root, "-O2", "-c",
                                       "-o", os.devnull, "-x", "c", "-"], text)


def check_warnings(args, report):
    """Every combination compiles in silence."""
    compilers = []
    for compiler in ("gcc", "clang"):
        if command([compiler, "--version"])[1]:
            compilers.append(compiler)
        else:
            report.skip(compiler, f"missing peer: the compiler {compiler}")
    compile_all(report, list(warning_jobs(args.root, compilers)), args.j)


# ---- misuse ----

def check_misuse(args, report):
    """The functions that the headers declare against the tests of their names (a TEST that is not run does not compile)."""
    text = "".join((args.root / header).read_text() for header in ("viamc.h", "viamc_proto.h") if (args.root / header).exists())
    public = set(re.findall(r"^VIAMC_API\b[^;{(]*?(\w+)\(", text, re.M))
    tests = []
    for path in (args.root / "tests").glob("test_misuse*.c"):
        tests += re.findall(r"^TEST\((\w+)\)", path.read_text(), re.M)
    for name in sorted(public | set(tests)):
        count = tests.count(name)
        report.result(name, "no public function" if name not in public else "" if count == 1 else f"{count} tests in tests/test_misuse*.c")


# ---- ascii ----

def text_files(root):
    """The project's own text files."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in (".git", "build", "__pycache__", "vectors", "corpus"))
        for name in sorted(files):
            path = pathlib.Path(folder) / name
            if path.suffix in (".c", ".h", ".cc", ".py", ".sh", ".go", ".js", ".mjs", ".md", ".txt", ".json", ".cmake", ".options", ".in") \
                    or name in ("Makefile", "LICENSE", ".gitignore", "run"):
                yield path


def judge_line(line, tabs):
    """What is wrong with one line, or nothing."""
    if b"\r" in line:
        return "carriage return"
    if not line.isascii():
        return "not ASCII"
    if b"\t" in line and not tabs:
        return "tab"
    return "trailing blank" if line.endswith((b" ", b"\t")) else ""


def judge_text(path, data):
    """What is wrong with a text file, line by line."""
    tabs = path.suffix == ".go" or path.name == "Makefile"
    complaints = [] if data.endswith(b"\n") else ["no line end at the end"]
    for number, line in enumerate(data.split(b"\n"), 1):
        wrong = judge_line(line, tabs)
        if wrong:
            complaints.append(f"line {number}: {wrong}")
    if path.suffix in (".c", ".h", ".cc", ".py", ".sh") and b"SPDX-License-Identifier: MIT" not in data and b"MIT License" not in data:
        complaints.append("no line with SPDX-License-Identifier: MIT")
    return "\n".join(complaints)


def check_ascii(args, report):
    """Every text file."""
    for path in text_files(args.root):
        report.result(path.relative_to(args.root).as_posix(), judge_text(path, path.read_bytes()))


# ---- functions ----

def function_lengths(paths):
    """(lines, name, path) of every function."""
    listing, good = command(["ctags", "-f", "-", "--language-force=C", "--kinds-C=f", "--fields=ne", "-I", "VIAMC_API,VMC_FN", *paths])
    if not good:
        raise SystemExit(f"check: ctags: {listing}")
    lengths = []
    for line in listing.splitlines():
        found = re.match(r"(\w+)\t([^\t]+)\t.*\tline:(\d+)\tend:(\d+)", line)
        if found:
            lengths.append((int(found.group(4)) - int(found.group(3)) + 1, found.group(1), found.group(2)))
    return lengths


def report_functions(args):
    """Figures of the source; the names of the longest functions go to stderr with -v."""
    parts = parts_of(args.root)
    paths = [args.root / "src" / part for part in parts]
    lengths = sorted(function_lengths(paths), reverse=True) or [(0, "none", "")]
    sizes = [length for length, _, _ in lengths]
    print(f"source_lines {sum(len(path.read_text().splitlines()) for path in paths)} lines - met")
    print(f"source_parts {len(parts)} files - met")
    print(f"functions {len(sizes)} functions - met")
    print(f"function_median {statistics.median(sizes):g} lines {MEDIAN} {'met' if statistics.median(sizes) <= MEDIAN else 'not-met'}")
    print(f"function_longest {sizes[0]} lines {LONGEST} {'met' if sizes[0] <= LONGEST else 'not-met'}")
    if args.v:
        for length, name, path in lengths[:20]:
            print(f"{length:5} {name} {pathlib.Path(path).relative_to(args.root)}", file=sys.stderr)
    return 0


def main():
    checks = {"layers": check_layers, "uses": check_uses, "merged": check_merged, "symbols": check_symbols,
              "warnings": check_warnings, "misuse": check_misuse, "ascii": check_ascii}
    parser = argparse.ArgumentParser(description="checks of the source")
    parser.add_argument("--root", type=lambda text: pathlib.Path(text).resolve(),
                        default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("-j", type=int, default=len(os.sched_getaffinity(0)), metavar="N", help="compilers at once")
    parser.add_argument("-v", action="store_true", help="with functions: name the longest")
    parser.add_argument("check", choices=[*checks, "functions"])
    args = parser.parse_args()
    if args.check == "functions":
        return report_functions(args)
    report = Report(args.check)
    checks[args.check](args, report)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
