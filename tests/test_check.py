#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/check.py on small trees: every check is seen to fail."""

import testing

TOOLS = testing.ROOT / "tools"
SPDX = "/* SPDX-License-Identifier: MIT */\n"
TREE = {
    "LICENSE": "MIT License\n",
    "src/viamc.h": SPDX + """#ifndef VIAMC_H
#define VIAMC_H
#ifdef __cplusplus
extern "C" {
#endif
#include "low/one.h"
#include "high/two.h"
#ifdef VIAMC_IMPLEMENTATION
#include "low/one_impl.h"
#include "high/two_impl.h"
#endif
#ifdef __cplusplus
}
#endif
#endif
""",
    "src/low/one.h": SPDX + """#ifndef VIAMC_LOW_ONE_H
#define VIAMC_LOW_ONE_H
#include <stdint.h>
#include <string.h>
typedef struct viamc_one { uint8_t octets[64]; } viamc_one;
void viamc_one_clear(viamc_one *one);
#endif
""",
    "src/low/one_impl.h": SPDX + """#ifndef VIAMC_LOW_ONE_IMPL_H
#define VIAMC_LOW_ONE_IMPL_H
#include "low/one.h"
void viamc_one_clear(viamc_one *one)
{
    memset(one, 0, sizeof *one);
}
#endif
""",
    "src/high/two.h": SPDX + """#ifndef VIAMC_HIGH_TWO_H
#define VIAMC_HIGH_TWO_H
#include "low/one.h"
void viamc_two_clear(viamc_one *first, viamc_one *second);
#endif
""",
    "src/high/two_impl.h": SPDX + """#ifndef VIAMC_HIGH_TWO_IMPL_H
#define VIAMC_HIGH_TWO_IMPL_H
#include "high/two.h"
void viamc_two_clear(viamc_one *first, viamc_one *second)
{
    viamc_one_clear(first);
    viamc_one_clear(second);
}
#endif
""",
    "examples/clear.c": SPDX + """#define VIAMC_IMPLEMENTATION
#include "viamc.h"

int main(void)
{
    viamc_one one;
    viamc_one_clear(&one);
    return one.octets[0];
}
""",
}


class Check(testing.Tree):
    TREE = TREE

    def check(self, name):
        code, output = testing.run("python3", TOOLS / "amalgamate.py", "--root", self.root)
        self.assertEqual(code, 0, output)
        return testing.run("python3", TOOLS / "check.py", "--root", self.root, name)

    def red(self, name, *words):
        code, output = self.check(name)
        self.assertEqual(code, 1, output)
        self.assertRegex(output.splitlines()[-1], rf"^{name}: \d+ passed, [1-9]\d* failed, 0 skipped$")
        for word in words:
            self.assertIn(word, output)

    def test_good_tree_passes_all(self):
        for name in ("layers", "uses", "merged", "symbols", "warnings", "ascii"):
            code, output = self.check(name)
            self.assertEqual(code, 0, output)
            self.assertRegex(output, rf"^{name}: \d+ passed, 0 failed, 0 skipped\n$")

    def test_layers_missing_include(self):
        self.change("src/high/two.h", '#include "low/one.h"\n', "")
        self.red("layers", "src/high/two.h alone", "src/high/two_impl.h alone")

    def test_uses_missing_and_unused_include(self):
        testing.write_tree(self.root, {"src/high/three.h": SPDX + '#include "high/two.h"\nvoid viamc_three(viamc_one *one);\n'})
        self.change("src/viamc.h", '#include "high/two.h"\n', '#include "high/two.h"\n#include "high/three.h"\n')
        self.red("uses", "src/high/three.h", 'needs #include "low/one.h": viamc_one',
                 "includes high/two.h and uses nothing of it")

    def test_merged_text_differs(self):
        self.check("merged")
        self.change("viamc.h", "uint8_t octets[64]", "uint8_t octets[65]")
        code, output = testing.run("python3", TOOLS / "check.py", "--root", self.root, "merged")
        self.assertEqual(code, 1, output)

    def test_layers_private_header_may_declare_statics(self):
        testing.write_tree(self.root, {"src/low/inner.h": SPDX + "static int vmc_inner(void);\n"})
        self.change("src/viamc.h", '#include "high/two.h"\n', '#include "high/two.h"\n#include "low/inner.h"\n')
        self.red("layers", "src/low/inner.h alone", "vmc_inner")
        self.change("src/viamc.h", '#include "low/inner.h"\n', "")
        self.change("src/viamc.h", '#include "low/one_impl.h"\n', '#include "low/inner.h"\n#include "low/one_impl.h"\n')
        self.assertEqual(self.check("layers")[0], 0)

    def test_symbols_heap_and_stdio(self):
        self.change("src/low/one.h", "#include <string.h>", "#include <string.h>\n#include <stdlib.h>\n#include <stdio.h>")
        self.change("src/low/one_impl.h", "    memset", '    free(malloc(9));\n    puts("x");\n    memset')
        self.red("symbols", "needs puts", "needs free", "core linked without libc")

    def test_symbols_clock(self):
        self.change("src/low/one.h", "#include <string.h>", "#include <string.h>\n#include <time.h>")
        self.change("src/low/one_impl.h", "    memset", "    one->octets[1] = (uint8_t)time(NULL);\n    memset")
        self.red("symbols", "needs time")

    def test_symbols_writable_static(self):
        self.change("src/low/one_impl.h", "    memset", "    static uint32_t count;\n    count++;\n    memset")
        self.red("symbols", "writable static count")

    def test_symbols_static_with_a_value(self):
        self.change("src/low/one_impl.h", "    memset", "    static uint32_t count = 7;\n    one->octets[1] = (uint8_t)count++;\n    memset")
        self.red("symbols", "writable static count")

    def test_symbols_prefix(self):
        self.change("src/low/one_impl.h", "void viamc_one_clear", "void helper(void);\nvoid helper(void)\n{\n}\nvoid viamc_one_clear")
        self.red("symbols", "exports helper")

    def test_symbols_bearssl_only_with_tls(self):
        self.change("src/low/one_impl.h", "    memset", "#ifndef VIAMC_NO_TLS\n    br_init(one);\n#endif\n    memset")
        self.change("src/low/one_impl.h", "void viamc_one_clear", "void br_init(void *);\nvoid viamc_one_clear")
        self.assertEqual(self.check("symbols")[0], 0)
        self.change("src/low/one_impl.h", "#ifndef VIAMC_NO_TLS", "#if 1")
        self.red("symbols", "needs br_init")

    def test_warnings_conversion(self):
        self.change("src/low/one_impl.h", "    memset", "    size_t n = sizeof *one;\n    one->octets[0] = n;\n    memset")
        self.red("warnings", "viamc.h implementation gcc c99", "viamc.h implementation clang c++20", "conversion")

    def test_warnings_cxx_only_in_example(self):
        self.change("examples/clear.c", "viamc_one one;", "viamc_one one;\n    void *p = &one;\n    viamc_one *q = p;\n    viamc_one_clear(q);")
        self.red("warnings", "examples/clear.c gcc c++11", "examples/clear.c gcc c99")

    def test_warnings_reserved_name(self):
        self.change("src/low/one_impl.h", "void viamc_one_clear", "static const int _viamc_x = 1;\nvoid viamc_one_clear")
        self.red("warnings", "viamc.h implementation clang c99", "reserved")

    def test_warnings_of_the_optimiser(self):
        self.change("src/low/one_impl.h", "    memset", "    uint8_t octets[4];\n    size_t i;\n    for (i = 0; i <= 4; i++)\n"
                    "        octets[i] = one->octets[i];\n    memcpy(one, octets, 4);\n    memset")
        self.red("warnings", "viamc.h implementation gcc c99 -O2\n", "iteration 4 invokes undefined behavior")

    def test_misuse(self):
        self.change("src/low/one.h", "void viamc_one_clear", "#define VIAMC_API\nVIAMC_API void viamc_one_clear")
        self.red("misuse", "viamc_one_clear", "0 tests")
        testing.write_tree(self.root, {"tests/test_misuse_one.c": SPDX + "TEST(viamc_one_clear)\n{\n}\n"})
        self.assertEqual(self.check("misuse")[0], 0)
        testing.write_tree(self.root, {"tests/test_misuse.c": SPDX + "TEST(viamc_one_clear)\n{\n}\n\nTEST(viamc_one_gone)\n{\n}\n"})
        self.red("misuse", "viamc_one_clear", "2 tests", "viamc_one_gone", "no public function")

    def test_ascii(self):
        self.change("examples/clear.c", "viamc_one one;", "viamc_one one; /* \u00b5s */")
        self.red("ascii", "examples/clear.c", "line 7: not ASCII")

    def test_ascii_blanks_and_licence(self):
        testing.write_tree(self.root, {"tools/a.py": "x = 1 \n", "tools/b.sh": "\techo\n" + SPDX, "tools/c.md": "x\r\n", "Makefile": "a:\n\tb"})
        self.red("ascii", "line 1: trailing blank", "no line with SPDX", "line 1: tab", "line 1: carriage return", "no line end")

    def test_functions(self):
        self.check("ascii")
        self.assertEqual(testing.run("python3", TOOLS / "check.py", "--root", self.root, "functions"),
                         (0, "source_lines 33 lines - met\nsource_parts 4 files - met\nfunctions 2 functions - met\n"
                             "function_median 4.5 lines 15 met\nfunction_longest 5 lines 100 met\n"))
        self.change("src/low/one_impl.h", "{\n", "{\n" + "\n" * 100)
        self.assertIn("function_longest 104 lines 100 not-met",
                      testing.run("python3", TOOLS / "check.py", "--root", self.root, "functions")[1])


if __name__ == "__main__":
    testing.main("check")
