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
    """Every VIAMC_NO_... that the header asks for."""
    return sorted(set(re.findall(r"\bVIAMC_NO_[A-Z]+\b", (testing.ROOT / "viamc.h").read_text())))


class Compile(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def object(self, text, name="a.o", language="c", flags=()):
        """Compiles a text in silence; the path of the object file."""
        code, output = testing.run(*LANGUAGES[language][:2], *FLAGS, *flags, "-c", "-o", self.folder / name,
                                   *LANGUAGES[language][2:], "-", input=text, cwd="/")
        self.assertEqual((code, output), (0, ""), f"{language} {flags}\n{text[-200:]}")
        return self.folder / name

    def links(self, *objects, language="c", libraries=()):
        """Links object files and runs the program."""
        code, output = testing.run(LANGUAGES[language][0], "-o", self.folder / "program", *objects, *(libraries or LIBRARIES))
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
        for language in LANGUAGES:
            self.links(self.object(INCLUDE + IMPLEMENT + INCLUDE + INCLUDE + MAIN, language=language), language=language)
            self.links(self.object(IMPLEMENT + INCLUDE + INCLUDE + MAIN, language=language), language=language)

    def test_macro_on_the_command_line(self):
        for flag in ("-DVIAMC_IMPLEMENTATION", "-DVIAMC_IMPLEMENTATION="):
            self.links(self.object(INCLUDE + INCLUDE + MAIN, flags=[flag]))

    def test_two_files(self):
        for language in LANGUAGES:
            one = self.object(INCLUDE + MAIN, "one.o", language)
            self.links(one, self.object(IMPLEMENT + INCLUDE, "two.o", language), language=language)

    def test_static_in_two_files(self):
        static = "#define VIAMC_STATIC\n" + IMPLEMENT + INCLUDE
        for language in LANGUAGES:
            one = self.object(static + MAIN, "one.o", language)
            two = self.object(static + "int other(void);\nint other(void) { return viamc_version()[0]; }\n", "two.o", language)
            self.assertEqual([name for kind, name in self.symbols(two) if kind in "TDBR"], [self.mangled("other", language)])
            self.links(one, two, language=language)

    def mangled(self, name, language):
        return name if language == "c" else f"_Z{len(name)}{name}v"

    def test_static_unused_costs_nothing(self):
        path = self.object("#define VIAMC_STATIC\n" + IMPLEMENT + INCLUDE + "extern int nothing;\n", flags=["-O1"])
        self.assertEqual([name for kind, name in self.symbols(path) if kind in "tT"], [])

    def test_each_option(self):
        found = options()
        self.assertIn("VIAMC_NO_TLS", found)
        for chosen in [[option] for option in found] + [found]:
            for language in LANGUAGES:
                for level in ("-O0", "-O2"):
                    with self.subTest(options=chosen, language=language, level=level):
                        path = self.object("".join(f"#define {option}\n" for option in chosen) + IMPLEMENT + INCLUDE + MAIN,
                                           language=language, flags=[level])
                        self.links(path, language=language)

    def test_without_tls_no_library(self):
        self.links(self.object("#define VIAMC_NO_TLS\n" + IMPLEMENT + INCLUDE + MAIN), libraries=["-lm"])

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
        for define in ("#define VIAMC_CHECK 1\n", "#include <assert.h>\n#define VIAMC_ASSERT(x) assert(x)\n"):
            for language in LANGUAGES:
                self.links(self.object(define + IMPLEMENT + INCLUDE + MAIN, language=language), language=language)

    def test_foreign_macros(self):
        for language in LANGUAGES:
            self.links(self.object(INCLUDE + HOSTILE_MACROS + MAIN, "one.o", language),
                       self.object("#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n" + IMPLEMENT + INCLUDE, "two.o", language),
                       language=language)
            self.object(HOSTILE_MACROS + INCLUDE + MAIN, language=language)

    def test_own_mem_functions(self):
        for language in LANGUAGES:
            path = self.object(OWN_MEM + "#define VIAMC_NO_POSIX\n" + IMPLEMENT + INCLUDE, language=language, flags=["-O1"])
            needed = [name for kind, name in self.symbols(path) if kind == "U"]
            self.assertIn("own_copy", needed)
            self.assertIn("own_compare", needed)

    def test_short_enums_and_unsigned_char(self):
        for flags in (["-fshort-enums"], ["-funsigned-char"], ["-fno-exceptions", "-fno-rtti"]):
            language = "c++" if "-fno-rtti" in flags else "c"
            self.object(IMPLEMENT + INCLUDE + MAIN, language=language, flags=flags)

    def test_version_is_the_same_everywhere(self):
        version = re.search(r'#define VIAMC_VERSION "(.*)"', (testing.ROOT / "viamc.h").read_text()).group(1)
        self.assertIn(f'"version": "{version}"', (testing.ROOT / "library.json").read_text())


if __name__ == "__main__":
    testing.main("compile")
