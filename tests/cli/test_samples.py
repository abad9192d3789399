# SPDX-License-Identifier: Apache-2.0
"""What `samc samples` makes of a folder of photos with label maps, and of mistakes."""
import json
import os
import unittest

from samc_test import Case, photo_bytes, png_bytes, read_png

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

    def samples(self, *sources, code=0):
        self.write("recipe.json", json.dumps({"sources": sources}).encode())
        return self.samc("samples", "recipe.json", "--count", "40", code=code)

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

    def row(self, **keys):
        """Masks of each of 40 scenes with two things in a row."""
        done = self.samples({"type": "composite", "objects": [self.labelmap], "count": [2, 2],
                             "side_by_side": 1, **keys})
        self.assertEqual(done.err, "")
        return [int(line.split()[1]) for line in done.out.splitlines()]

    def test_things_of_one_label_are_asked_for_together_where_the_recipe_says_so(self):
        apart, together = self.row(), self.row(groups=1)
        self.assertEqual(max(apart), 2)
        self.assertEqual(max(together), 3)
        # the scenes are the same, but for the mask of both wherever that is not nearly the whole photo
        more = [b - a for a, b in zip(apart, together)]
        self.assertEqual(set(more), {0, 1})
        self.assertGreater(sum(more), 25)

    def test_a_group_that_cannot_be_is_refused(self):
        for keys in ({"groups": -1}, {"side_by_side": 1.5}, {"groups": "all"}):
            done = self.samples({"type": "composite", "objects": [self.labelmap], **keys}, code=1)
            self.assertIn(next(iter(keys)), done.err)

    def test_the_default_models_recipe_needs_no_file(self):
        """Without packages and folders there are still the shapes."""
        recipe = os.path.join(os.environ["SAMC_SOURCE_DIR"], "tools/model/recipe.json")
        for folder in ("nothing", None):
            environment = {k: folder for k in ("SAMC_DATA", "SAMC_TEACHER") if folder}
            done = self.samc("samples", recipe, "--count", "2", environment=environment)
            self.assertEqual(len(done.out.splitlines()), 2)

    def test_links_that_lead_back_are_not_followed(self):
        for name in "abcdef":
            os.symlink(".", self.path("set", name))
        done = self.samples(self.labelmap)
        self.assertEqual(len(done.out.splitlines()), 40)

    def test_an_optional_source_may_lack_its_variable(self):
        done = self.samples(self.labelmap, {"type": "labelmap", "folder": "${SAMC_TEST_NO_SUCH}",
                                            "optional": True})
        self.assertIn("SAMC_TEST_NO_SUCH", done.err)
        self.assertEqual(len(done.out.splitlines()), 40)


class Command(Case):
    def test_what_a_recipe_makes(self):
        self.write("r.json", b'{"sources": [{"type": "shapes", "pool": 2}]}')
        done = self.samc("samples", "r.json", "-n", "6", "--size", "64", "-o", "out")
        again = self.samc("samples", "r.json", "-n", "6", "--size", "64")
        self.assertEqual(done.out, again.out)
        self.assertEqual([line.split("\t")[0] for line in done.out.splitlines()], list("012345"))
        self.assertEqual(self.files("out"), [f"sample-{i:05d}.png" for i in range(6)])
        with open(self.path("out", "sample-00000.png"), "rb") as file:
            self.assertGreater(read_png(file.read())[0], 64)

    def test_mistakes(self):
        self.write("r.json", b'{"sources": [{"type": "shapes"}]}')
        self.write("file", b"")
        for words, code, says in (((), 2, "which recipe"), (("r.json", "--size", "7"), 2, "from 32 to 2048"),
                                  (("r.json", "--max-masks", "0"), 2, "--max-masks"), (("none.json",), 1, "none.json"),
                                  (("r.json", "-o", "file"), 4, "file")):
            with self.subTest(words):
                self.assertIn(says, self.samc("samples", *words, code=code).err)


if __name__ == "__main__":
    unittest.main()
