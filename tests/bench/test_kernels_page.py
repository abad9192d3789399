# SPDX-License-Identifier: Apache-2.0
"""The constants that docs/KERNELS.md explains are those of the source."""
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ROW = re.compile(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \| (src/\S+) \| ([\d, ]+) \|", re.M)


class KernelsPage(unittest.TestCase):
    def test_constants(self):
        rows = ROW.findall((ROOT / "docs" / "KERNELS.md").read_text())
        self.assertGreater(len(rows), 8)
        for names, path, values in rows:
            source = (ROOT / path).read_text()
            for name, value in zip(names.split(", "), values.split(", "), strict=True):
                found = re.search(rf"^#define {name.strip('`')} (\d+)\b", source, re.M)
                self.assertTrue(found, f"{path} has no {name}")
                self.assertEqual(found.group(1), value, f"{name} of {path}")


if __name__ == "__main__":
    unittest.main()
