# SPDX-License-Identifier: Apache-2.0
"""The example scripts, run as a user runs them (with Pillow), and the notebooks' drawing helpers."""
import json
import os
import subprocess
import sys
import unittest

from samc_python import TINY, Case, np  # first: skips where numpy is missing

import samc
from samc import plotting

EXAMPLES = os.path.join(os.environ["SAMC_SOURCE_DIR"], "examples", "python")


class Examples(Case):
    def setUp(self):
        super().setUp()
        try:
            from PIL import Image
        except ImportError:
            self.skipTest("Pillow is not there (Debian: python3-pil)")
        self.open = Image.open
        Image.fromarray(self.photo).save(self.path("photo.png"))

    def run_example(self, name, *words):
        done = subprocess.run([sys.executable, os.path.join(EXAMPLES, name), *words, "--model", TINY],
                              cwd=self.folder, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_by_prompt(self):
        said = self.run_example("segment_by_prompt.py", "photo.png", "--point", "45,30", "--point",
                                "5,5,-", "--box", "20,10,70,50", "-o", "out.png")
        mask = self.embedding.predict([[45, 30], [5, 5]], [1, 0], [20, 10, 70, 50]).masks[0, 0]
        self.assertIn(f"out.png: {mask.sum()} pixels", said)
        tinted = np.asarray(self.open(self.path("out.png")))
        self.same(tinted[~mask], self.photo[~mask])
        self.assertTrue((tinted[mask] != self.photo[mask]).any())

    def test_everything(self):
        said = self.run_example("segment_everything.py", "photo.png", "--points-per-side", "4",
                                "--pred-iou-thresh", "-9", "--stability-score-thresh", "0")
        with open(self.path("photo.json"), encoding="utf-8") as file:
            records = json.load(file)
        self.assertGreater(len(records), 0)
        self.assertIn(f"photo.json: {len(records)} masks", said)
        defaults = self.model.generate(self.photo, points_per_side=4)
        self.assertIn(f"photo.json: {len(defaults)} masks", self.run_example(
            "segment_everything.py", "photo.png", "--points-per-side", "4"))
        self.assertEqual(samc.rle.area(records[0]["segmentation"]), records[0]["area"])


class Axes:
    """Notes what is drawn."""

    def __init__(self):
        self.pictures, self.stars, self.lines = [], [], []

    def imshow(self, picture):
        self.pictures.append(picture)

    def scatter(self, x, y, color, **_):
        self.stars.append((color, list(x), list(y)))

    def plot(self, x, y, **_):
        self.lines.append((x, y))

    def set_autoscale_on(self, on):
        self.autoscale = on


class Plotting(unittest.TestCase):
    def test_helpers(self):
        ax = Axes()
        mask = np.zeros((4, 6), bool)
        mask[1, 2] = True
        plotting.show_mask(mask[None], ax)
        np.testing.assert_allclose(ax.pictures[0][1, 2], [30 / 255, 144 / 255, 1, .6])
        self.assertEqual(ax.pictures[0][0, 0].tolist(), [0, 0, 0, 0])
        plotting.show_points([[1, 2], [3, 4]], [1, 0], ax)
        self.assertEqual(ax.stars, [("green", [1], [2]), ("red", [3], [4])])
        plotting.show_box([1, 2, 3, 4], ax)
        self.assertEqual(ax.lines, [([1, 3, 3, 1, 1], [2, 2, 4, 4, 2])])
        whole = dict(segmentation=np.ones((4, 6), bool), area=24)
        plotting.show_anns([dict(segmentation=mask, area=1), whole], ax)
        drawn = ax.pictures[-1]
        self.assertEqual(drawn[..., 3].tolist(), [[.35] * 6] * 4)
        self.assertFalse(np.array_equal(drawn[1, 2], drawn[0, 0]))  # the small one lies on top
        plotting.show_anns([], ax)
        self.assertEqual(len(ax.pictures), 2)


if __name__ == "__main__":
    unittest.main()
