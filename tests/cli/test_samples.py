# SPDX-License-Identifier: Apache-2.0
"""What `samc samples` makes of a folder of photos with label maps."""
import json
import unittest

from samc_test import Case, photo_bytes, png_bytes

SIDE = 64
OBJECT, UNSURE = 1, 2


def label_at(x, y):
    """A disc in the middle, unsure around it, background in the outermost columns."""
    if x in (0, SIDE - 1):
        return 0
    return OBJECT if (x - SIDE // 2) ** 2 + (y - SIDE // 2) ** 2 < (SIDE // 4) ** 2 else UNSURE


class Samples(Case):
    def setUp(self):
        super().setUp()
        self.write("set/1.jpg", photo_bytes(SIDE, SIDE))
        self.write("set/1.png", png_bytes(SIDE, SIDE, bytes(
            label_at(x, y) for y in range(SIDE) for x in range(SIDE)), channels=1))
        self.write("set/labels.txt", b"null\nthing\nunsure\n")
        self.labelmap = {"type": "labelmap", "folder": "set", "ignore": [UNSURE], "whole": "thing"}

    def samples(self, *sources):
        self.write("recipe.json", json.dumps({"sources": sources}).encode())
        return self.samc("samples", "recipe.json", "--count", "40")

    def test_an_ignored_label_is_no_mask(self):
        done = self.samples(self.labelmap)
        self.assertEqual(done.err, "")
        rows = [line.split() for line in done.out.splitlines()]
        self.assertEqual(len(rows), 40)
        self.assertEqual({row[1] for row in rows}, {"1"})  # the disc is the only mask

    def test_what_is_cut_out_is_never_the_ignored_label_alone(self):
        done = self.samples({"type": "composite", "objects": [self.labelmap],
                             "backgrounds": [{"type": "photos", "folder": "set",
                                              "suffix": ".jpg"}]})
        self.assertEqual(done.err, "")
        self.assertEqual(len(done.out.splitlines()), 40)

    def test_an_optional_source_may_lack_its_variable(self):
        done = self.samples(self.labelmap, {"type": "labelmap", "folder": "${SAMC_TEST_NO_SUCH}",
                                            "optional": True})
        self.assertIn("SAMC_TEST_NO_SUCH", done.err)
        self.assertEqual(len(done.out.splitlines()), 40)


if __name__ == "__main__":
    unittest.main()
