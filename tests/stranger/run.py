#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stranger's projects: everything is copied into a folder outside the repository, built as he would and run there."""
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import testing  # noqa: E402

PRODUCT = ["viamc.h", "viamc_proto.h"]
LIBRARIES = ["-lbearssl", "-lprotobuf-nanopb"]


class Stranger(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        version = re.search(r'#define VIAMC_VERSION "(.*)"', (testing.ROOT / "viamc.h").read_text()).group(1)
        self.says = f"viamc {version}, NOMEM\n"

    def take(self, *names):
        """Copies the product, and these sources of the stranger, some under another name (NAME=SOURCE)."""
        for name in PRODUCT:
            if (testing.ROOT / name).exists():
                shutil.copy(testing.ROOT / name, self.folder)
        for name in names:
            to, _, source = name.partition("=")
            shutil.copy(HERE / (source or to), self.folder / to)

    def build(self, *command):
        """Runs a command in the stranger's folder. It has to be silent, but for cmake."""
        code, output = testing.run(*command, cwd=self.folder)
        self.assertEqual(code, 0, output)
        if command[0] != "cmake":
            self.assertEqual(output, "")

    def runs(self, program):
        self.assertEqual(testing.run(self.folder / program), (0, self.says))

    def cmake(self, project, *options):
        self.build("cmake", "-S", HERE / project, "-B", "out", f"-DSTRANGER={HERE}", *options)
        self.build("cmake", "--build", "out", "--parallel", "2")

    def test_plain_cc(self):
        self.take("main.c")
        self.build("cc", "-o", "main", "main.c", *LIBRARIES)
        self.runs("main")

    def test_plain_cc_without_tls_needs_no_library(self):
        self.take("main.c")
        self.build("cc", "-DVIAMC_NO_TLS", "-o", "main", "main.c")
        self.runs("main")

    def test_two_files(self):
        self.take("user.c", "viamc_code.c")
        self.build("cc", "-c", "user.c")
        self.build("cc", "-c", "viamc_code.c")
        self.build("cc", "-o", "two", "user.o", "viamc_code.o", *LIBRARIES)
        self.runs("two")

    def test_cxx(self):
        self.take("main.cc=main.c")
        self.build("c++", "-o", "main", "main.cc", *LIBRARIES)
        self.runs("main")

    def test_two_files_cxx(self):
        self.take("user.cc=user.c", "viamc_code.cc=viamc_code.c")
        self.build("c++", "-std=c++11", "-o", "two", "user.cc", "viamc_code.cc", *LIBRARIES)
        self.runs("two")

    def test_cxx_user_of_a_c_implementation(self):
        self.take("user.cc=user.c", "viamc_code.c")
        self.build("cc", "-c", "viamc_code.c")
        self.build("c++", "-o", "two", "user.cc", "viamc_code.o", *LIBRARIES)
        self.runs("two")

    def test_typed_calls(self):
        if not (testing.ROOT / "viamc_proto.h").exists():
            self.skipTest("viamc_proto.h is not there yet")
        self.take("typed.c", "typed.cc=typed.c")
        self.build("cc", "-o", "typed", "typed.c", *LIBRARIES)
        self.runs("typed")
        self.build("c++", "-o", "typed_cxx", "typed.cc", *LIBRARIES)
        self.runs("typed_cxx")

    def test_cmake_add_subdirectory(self):
        self.cmake("add_subdirectory", f"-DVIAMC={testing.ROOT}")
        for program in ("one", "two", "cxx"):
            self.runs(f"out/{program}")

    def test_cmake_fetch_content(self):
        self.cmake("fetch_content", f"-DFETCHCONTENT_SOURCE_DIR_VIAMC={testing.ROOT}")
        self.runs("out/one")

    def test_cmake_install_and_find_package(self):
        prefix = self.folder / "prefix"
        self.build("cmake", "-S", testing.ROOT, "-B", "viamc", f"-DCMAKE_INSTALL_PREFIX={prefix}")
        self.build("cmake", "--build", "viamc", "--target", "install")
        self.assertTrue((prefix / "include/viamc.h").exists())
        self.cmake("find_package", f"-DCMAKE_PREFIX_PATH={prefix}")
        self.runs("out/one")


if __name__ == "__main__":
    testing.main("stranger")
