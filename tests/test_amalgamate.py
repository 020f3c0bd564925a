#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/amalgamate.py on small trees: what it merges, and what it refuses."""

import testing

TOOLS = testing.ROOT / "tools"

# Two rooms, low below high, each with one part.
TREE = {
    "LICENSE": "MIT License\n\nas is\n",
    "src/viamc.h": """/* SPDX-License-Identifier: MIT */
#ifndef VIAMC_H
#define VIAMC_H
#include <stdint.h>
#include "low/one.h"
#include "high/two.h"
#ifdef VIAMC_IMPLEMENTATION
#include "low/one_impl.h"
#include "high/two_impl.h"
#endif
#endif
""",
    "src/low/one.h": """#ifndef ONE_H
#define ONE_H
#include <stdint.h>
uint32_t viamc_one(void);
#endif
""",
    "src/low/one_impl.h": """#ifndef ONE_IMPL_H
#define ONE_IMPL_H
#include "low/one.h"
uint32_t viamc_one(void)
{
    return 1;
}
#endif
""",
    "src/high/two.h": """#ifndef TWO_H
#define TWO_H
#include "low/one.h"
uint32_t viamc_two(void);
#endif
""",
    "src/high/two_impl.h": """#ifndef TWO_IMPL_H
#define TWO_IMPL_H
#include "high/two.h"
uint32_t viamc_two(void)
{
    return viamc_one() + 1u;
}
#endif
""",
}


class Amalgamate(testing.Tree):
    TREE = TREE

    def tool(self, *arguments):
        return testing.run("python3", TOOLS / "amalgamate.py", "--root", self.root, *arguments)

    def refused(self, *words):
        """The merge fails, says all these words, and leaves viamc.h alone."""
        (self.root / "viamc.h").write_text("old\n")
        code, output = self.tool()
        self.assertEqual(code, 1, output)
        for word in words:
            self.assertIn(word, output)
        self.assertEqual((self.root / "viamc.h").read_text(), "old\n")

    def merged(self):
        code, output = self.tool()
        self.assertEqual((code, output), (0, ""))
        return (self.root / "viamc.h").read_bytes()

    def compiles(self, *options):
        return testing.run("gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-DVIAMC_IMPLEMENTATION", *options, "-fsyntax-only",
                           "-x", "c", "-", input='#include "viamc.h"\n', cwd="/")

    def test_merges_and_compiles(self):
        lines = self.merged().decode("ascii").splitlines()
        self.assertIn("GENERATED from src/ by tools/amalgamate.py", lines[0])
        self.assertIn("make amalgamate", lines[0])
        self.assertEqual(lines.count("/* ---- src/low/one.h ---- */"), 1)
        self.assertLess(lines.index("/* ---- src/low/one_impl.h ---- */"), lines.index("/* ---- src/high/two_impl.h ---- */"))
        self.assertEqual([line for line in lines if '#include "' in line], [])
        self.assertEqual(lines.count("#include <stdint.h>"), 2)
        self.assertEqual(lines[-5:], ["/*", " * MIT License", " *", " * as is", " */"])
        self.assertEqual(self.compiles("-I", self.root), (0, ""))
        self.assertEqual(self.compiles("-I", self.root / "src"), (0, ""))

    def test_same_parts_give_the_same_bytes(self):
        first = self.merged()
        self.assertEqual(self.merged(), first)
        self.assertEqual(self.tool("--check"), (0, ""))

    def test_upward_include_does_not_merge(self):
        self.change("src/low/one_impl.h", '#include "low/one.h"', '#include "low/one.h"\n#include "high/two_impl.h"')
        self.refused("src/low/one_impl.h:4", "high/two_impl.h", "does not stand above")

    def test_upward_include_of_a_header_does_not_merge(self):
        self.change("src/low/one.h", "#include <stdint.h>", '#  include "high/two.h"')
        self.refused("src/low/one.h:3", "high/two.h")

    def test_upward_call_does_not_compile(self):
        self.change("src/high/two_impl.h", '#include "high/two.h"\n',
                    '#include "high/two.h"\nstatic uint32_t vmc_two_private(void)\n{\n    return 2;\n}\n')
        self.change("src/high/two_impl.h", "viamc_one() + 1u", "viamc_one() + vmc_two_private()")
        self.merged()
        self.assertEqual(self.compiles("-I", self.root), (0, ""))
        self.change("src/low/one_impl.h", "return 1;", "return vmc_two_private();")
        self.merged()
        for folder in (self.root, self.root / "src"):
            code, output = self.compiles("-I", folder)
            self.assertNotEqual(code, 0)
            self.assertIn("vmc_two_private", output)

    def test_upward_call_of_a_declared_function_does_not_compile_alone(self):
        self.change("src/low/one_impl.h", "return 1;", "return viamc_two();")
        code, output = testing.run("python3", TOOLS / "check.py", "--root", self.root, "layers")
        self.assertEqual(code, 1)
        self.assertIn("src/low/one_impl.h alone", output)
        self.assertIn("viamc_two", output)

    def test_drift_names_the_part_and_the_command(self):
        self.merged()
        self.change("src/high/two.h", "uint32_t viamc_two(void);", "uint32_t viamc_two( void);")
        code, output = self.tool("--check")
        self.assertEqual(code, 1)
        self.assertIn(": src/high/two.h differs", output)
        self.assertIn("make amalgamate", output)

    def test_edit_of_the_product_names_the_part(self):
        self.merged()
        self.change("viamc.h", "return 1;", "return 7;")
        self.assertIn(": src/low/one_impl.h differs", self.tool("--check")[1])

    def test_drift_of_spine_new_part_and_missing_product(self):
        self.assertEqual(self.tool("--check")[0], 1)
        self.merged()
        self.change("src/viamc.h", "#define VIAMC_H", "#define VIAMC_H 1")
        self.assertIn("src/viamc.h differs", self.tool("--check")[1])
        testing.write_tree(self.root, {"src/high/new.h": "typedef int viamc_new;\n", "src/viamc.h": TREE["src/viamc.h"]})
        self.change("src/viamc.h", '#include "high/two.h"', '#include "high/two.h"\n#include "high/new.h"')
        self.assertIn("src/high/new.h differs", self.tool("--check")[1])

    def test_orphan_part(self):
        testing.write_tree(self.root, {"src/low/orphan.h": "typedef int viamc_orphan;\n"})
        self.refused("src/low/orphan.h", "does not include it")

    def test_part_twice_and_part_missing(self):
        self.change("src/viamc.h", '#include "high/two.h"', '#include "high/two.h"\n#include "low/one.h"')
        self.refused("src/viamc.h:7", "low/one.h", "second time")
        self.change("src/viamc.h", '#include "high/two.h"\n#include "low/one.h"', '#include "high/none.h"')
        self.refused("src/high/none.h")

    def test_text_that_is_not_ascii_or_has_cr(self):
        self.change("src/low/one_impl.h", "return 1;", "return 1; /* \u00b5s */")
        self.refused("src/low/one_impl.h:6", "not ASCII")
        self.change("src/low/one_impl.h", "return 1; /* \u00b5s */", "return 1;\r")
        self.refused("src/low/one_impl.h:6", "carriage return")

    def test_always_writes(self):
        self.merged()
        (self.root / "viamc.h").write_text("edited by hand\n")
        self.assertIn(b"viamc_two", self.merged())


if __name__ == "__main__":
    testing.main("amalgamate")
