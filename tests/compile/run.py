#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The ways in which viamc.h may be included, and its options, each on and off. (Warnings over all compilers: tools/check.py.)"""
import pathlib
import re
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import testing  # noqa: E402

FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wundef", "-Werror", "-I", testing.ROOT]
LIBRARIES = ["-lbearssl"]
IMPLEMENT = "#define VIAMC_IMPLEMENTATION\n"
INCLUDE = '#include "viamc.h"\n'
MAIN = "int main(void) { return viamc_version()[0] == 0; }\n"
LANGUAGES = {"c": ["gcc", "-std=gnu99", "-x", "c"], "c++": ["g++", "-std=gnu++11", "-x", "c++"]}

# Names that windows.h and other old headers take as macros.
HOSTILE_MACROS = """#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define interface struct
#define near
#define far
#define small char
#define IN
#define OUT
#define OPTIONAL
#define ERROR 0
#define NO_ERROR 0L
#define DELETE (0x00010000L)
"""
OWN_MEM = """#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
void *own_copy(void *to, const void *from, size_t n);
void *own_move(void *to, const void *from, size_t n);
void *own_set(void *to, int value, size_t n);
int own_compare(const void *a, const void *b, size_t n);
#ifdef __cplusplus
}
#endif
#define VIAMC_MEMCPY own_copy
#define VIAMC_MEMMOVE own_move
#define VIAMC_MEMSET own_set
#define VIAMC_MEMCMP own_compare
"""


def options():
    """Every VIAMC_NO_... and VIAMC_PROFILE_... that the header asks for."""
    return sorted(set(re.findall(r"\bVIAMC_(?:NO|PROFILE)_[A-Z0-9]+\b", (testing.ROOT / "viamc.h").read_text())))


class Compile(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def compiler(self, text, language, flags):
        """Runs a compiler, which has to be silent."""
        code, output = testing.run(*LANGUAGES[language][:2], *FLAGS, *flags, *LANGUAGES[language][2:], "-", input=text, cwd="/")
        if code != 0 or output:
            self.fail(f"{language} {' '.join(map(str, flags))}\n{text[-200:]}{output[:2000]}")

    def compiles(self, text, languages=tuple(LANGUAGES), flags=()):
        """The text is good C and C++; no code is made of it."""
        for language in languages:
            self.compiler(text, language, [*flags, "-fsyntax-only"])

    def object(self, text, name="a.o", language="c", flags=()):
        """The path of the object file of a text."""
        self.compiler(text, language, [*flags, "-c", "-o", self.folder / name])
        return self.folder / name

    def links(self, *objects, language="c", libraries=LIBRARIES):
        """Links object files and runs the program."""
        code, output = testing.run(LANGUAGES[language][0], "-o", self.folder / "program", *objects, *libraries)
        self.assertEqual((code, output), (0, ""))
        self.assertEqual(testing.run(self.folder / "program"), (0, ""))

    def symbols(self, path):
        """Kinds and names of what an object file defines or needs."""
        return [tuple(reversed(line.split()[:2])) for line in testing.run("nm", "-P", path)[1].splitlines()]

    def test_header_alone_makes_nothing(self):
        for language in LANGUAGES:
            path = self.object(INCLUDE + "extern int nothing;\n", language=language)
            self.assertEqual(self.symbols(path), [])

    def test_twice_in_one_file(self):
        self.compiles(IMPLEMENT + INCLUDE + INCLUDE + MAIN, ["c"])
        self.compiles(INCLUDE + IMPLEMENT + INCLUDE + INCLUDE + MAIN, ["c++"])
        self.links(self.object(INCLUDE + IMPLEMENT + INCLUDE + INCLUDE + MAIN))

    def test_macro_on_the_command_line(self):
        for flag in ("-DVIAMC_IMPLEMENTATION", "-DVIAMC_IMPLEMENTATION="):
            self.compiles(INCLUDE + INCLUDE + MAIN, ["c"], [flag])

    def test_static_in_two_files(self):
        static = "#define VIAMC_STATIC\n" + IMPLEMENT + INCLUDE
        for language in LANGUAGES:
            one = self.object(static + MAIN, "one.o", language, ["-O1"])
            two = self.object(static + "int other(void);\nint other(void) { return viamc_version()[0]; }\n", "two.o", language, ["-O1"])
            other = "other" if language == "c" else "_Z5otherv"
            self.assertEqual([name for kind, name in self.symbols(two) if kind in "TDBR"], [other])
            self.links(one, two, language=language)

    def test_static_unused_costs_nothing(self):
        path = self.object("#define VIAMC_STATIC\n" + IMPLEMENT + INCLUDE + "extern int nothing;\n", flags=["-O1"])
        self.assertEqual([name for kind, name in self.symbols(path) if kind in "tT"], [])

    def test_each_option(self):
        found = options()
        self.assertIn("VIAMC_NO_TLS", found)
        for chosen in [[option] for option in found] + [found]:
            with self.subTest(options=chosen):
                text = "".join(f"#define {option}\n" for option in chosen) + IMPLEMENT + INCLUDE + MAIN
                self.links(self.object(text), libraries=[] if "VIAMC_NO_TLS" in chosen else LIBRARIES)
        self.compiles(text, ["c++"])                             # all of them: what an option adds is there too

    def test_no_option_changes_a_declaration(self):
        def declarations(flags):
            code, text = testing.run("gcc", "-std=gnu99", *FLAGS, *flags, "-E", "-P", "-x", "c", "-", input=INCLUDE, cwd="/")
            self.assertEqual(code, 0, text)
            return [line.strip() for line in text.splitlines()]
        full = set(declarations([]))
        for option in options() + ["VIAMC_CHECK=1"]:
            with self.subTest(option=option):
                self.assertEqual([line for line in declarations([f"-D{option}"]) if line not in full], [])

    def test_checks_and_asserts(self):
        self.compiles("#define VIAMC_CHECK 1\n#include <assert.h>\n#define VIAMC_ASSERT(x) assert(x)\n" + IMPLEMENT + INCLUDE + MAIN)

    def test_foreign_macros(self):
        self.compiles(HOSTILE_MACROS + INCLUDE + MAIN)

    def test_own_mem_functions(self):
        self.compiles(OWN_MEM + "#define VIAMC_NO_POSIX\n" + IMPLEMENT + INCLUDE, ["c++"])
        path = self.object(OWN_MEM + "#define VIAMC_NO_POSIX\n" + IMPLEMENT + INCLUDE)
        needed = {name for kind, name in self.symbols(path) if kind == "U"}
        self.assertLessEqual({"own_copy", "own_move", "own_set", "own_compare"}, needed)
        self.assertEqual({"memcpy", "memmove", "memset", "memcmp"} & needed, set())

    def test_kinds_of_char_and_enum(self):
        self.compiles(IMPLEMENT + INCLUDE + MAIN, flags=["-fshort-enums", "-funsigned-char"])
        self.compiles(IMPLEMENT + INCLUDE + MAIN, ["c++"], ["-fno-exceptions", "-fno-rtti"])

    def test_version_is_the_same_everywhere(self):
        version = re.search(r'#define VIAMC_VERSION "(.*)"', (testing.ROOT / "viamc.h").read_text()).group(1)
        self.assertIn(f'"version": "{version}"', (testing.ROOT / "library.json").read_text())


if __name__ == "__main__":
    testing.main("compile")
