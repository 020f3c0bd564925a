# SPDX-License-Identifier: MIT
"""Building programs of tests/bench for a Cortex-M, with BearSSL and nanopb as they come: what tools/size.py and tools/board.py share."""
import concurrent.futures
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / "tests/bench"
OUT = ROOT / "build/size"
SRC = ROOT / "build/boards/src"
PREFIX = "arm-none-eabi-"
FLAGS = "-std=gnu99 -ffunction-sections -fdata-sections -DBR_USE_UNIX_TIME=0 -DBR_USE_URANDOM=0".split()
LINK = ["--specs=nano.specs", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments"]
INCLUDES = [f"-I{ROOT}", f"-I{SRC}/bearssl/inc", f"-I{SRC}/nanopb"]


def run(*argv):
    """Output of a command; the program ends if it fails."""
    done = subprocess.run([str(word) for word in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(str(word) for word in argv)}\n{done.stdout}")
    return done.stdout


def gcc(cpu, *words):
    """The cross compiler."""
    return run(PREFIX + "gcc", f"-mcpu={cpu}", "-mthumb", *FLAGS, *words)


def compile_one(cpu, option, source, includes):
    """An object of a library's source, made once."""
    target = OUT / "lib" / f"{str(source.relative_to(SRC)).replace('/', '_')}.{cpu}{option}.o"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        part = target.with_suffix(".part")
        gcc(cpu, option, "-w", *includes, "-c", "-o", part, source)
        part.rename(target)
    return target


def libraries(cpu, option):
    """The archives of BearSSL and nanopb."""
    bear, nano = SRC / "bearssl", SRC / "nanopb"
    if not bear.is_dir():
        raise SystemExit("the sources are missing: tests/boards/sources.sh")
    (OUT / "lib").mkdir(parents=True, exist_ok=True)
    jobs = [("bearssl", source, [f"-I{bear}/inc", f"-I{bear}/src"]) for source in sorted(bear.glob("src/**/*.c"))]
    jobs += [("nanopb", nano / f"pb_{name}.c", [f"-I{nano}"]) for name in ("common", "decode", "encode")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(lambda job: (job[0], compile_one(cpu, option, job[1], job[2])), jobs))
    archives = []
    for name in ("bearssl", "nanopb"):
        archives.append(OUT / f"lib{name}.{cpu}{option}.a")
        archives[-1].unlink(missing_ok=True)
        run(PREFIX + "ar", "rcs", archives[-1], *[path for library, path in objects if library == name])
    return archives
