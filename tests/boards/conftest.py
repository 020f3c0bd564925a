# SPDX-License-Identifier: MIT
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "peers")]
pytest_plugins = ["table"]
