# SPDX-License-Identifier: Apache-2.0
"""The structs that ctypes sees are those of include/samc.h, field by field; every function exists with
as many parameters."""
import ctypes
import os
import re
import unittest

import samc_python  # noqa: F401  (skips where numpy is missing)
from samc import _library, _structs

HEADER = os.path.join(os.environ["SAMC_SOURCE_DIR"], "include", "samc.h")
SIZES = {"size_t": 8, "int32_t": 4, "int64_t": 8, "uint32_t": 4, "float": 4, "double": 8,
         "samc_status": 4, "samc_pixel_format": 4, "samc_progress_fn": 8, "samc_rle": 24}


def header():
    with open(HEADER, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.S)
    return re.sub(r"\s+", " ", text)


def fields(text, name):
    """[(field, bytes)] of a struct of the header."""
    body = re.search(r"typedef struct %s \{([^}]*)\} %s;" % (name, name), text).group(1)
    found = []
    for line in filter(str.strip, body.split(";")):
        kind, names = re.match(r"\s*(?:const )?(\w+)\s*(.*)$", line).groups()
        for declared in names.split(","):
            star, field, count = re.match(r"\s*(\*?)\s*(\w+)(?:\[(\d+)\])?", declared).groups()
            size = 8 if star else (1 if kind == "char" else SIZES[kind])
            found.append((field, size * int(count or 1)))
    return found


class Header(unittest.TestCase):
    maxDiff = None

    def test_structs(self):
        text = header()
        checked = 0
        for name, kind in vars(_structs).items():
            if isinstance(kind, type) and issubclass(kind, ctypes.Structure) and name != "Sized":
                c_name = "samc" + re.sub("([A-Z])", r"_\1", name).lower()
                ours = [(field, ctypes.sizeof(c)) for field, c in kind._fields_]
                self.assertEqual(ours, fields(text, c_name), c_name)
                checked += 1
        self.assertGreater(checked, 10)

    def test_functions(self):
        text = header()
        for name, parameters in {**{n: [*p, "error"] for n, p in _library._CALLS.items()},
                                 **{n: p for n, (_, p) in _library._PLAIN.items()}}.items():
            declared = re.search(r"SAMC_API [^;(]*?\b%s\(([^)]*)\)" % name, text).group(1)
            count = 0 if declared == "void" else declared.count(",") + 1
            self.assertEqual(len(parameters), count, name)


if __name__ == "__main__":
    unittest.main()
