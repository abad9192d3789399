# SPDX-License-Identifier: Apache-2.0
"""The widget's Python half; what a browser makes of it is tests/widget's matter. Needs anywidget."""
import base64
import importlib.util
import struct
import subprocess
import sys
import unittest
import zlib

from samc_python import Case, np  # first: skips where numpy is missing

import samc

HAS = importlib.util.find_spec("anywidget") is not None


class Missing(unittest.TestCase):
    @unittest.skipIf(HAS, "anywidget is there")
    def test_says_what_is_missing(self):
        done = subprocess.run([sys.executable, "-c", "import samc.widget"], capture_output=True,
                              text=True)
        self.assertIn("ImportError: samc.widget needs anywidget: pip install anywidget", done.stderr)


@unittest.skipUnless(HAS, "anywidget is not there (pip install anywidget)")
class Widget(Case):
    def setUp(self):
        super().setUp()
        from samc.widget import Segmenter
        self.widget = Segmenter(self.photo, self.model)

    def test_prompts(self):
        widget = self.widget
        self.assertEqual((widget.width, widget.height, widget.masks.shape), (90, 60, (0, 60, 90)))
        widget.objects = [{"points": [[45, 30, 1]], "box": None},
                          {"points": [[20, 10, 0]], "box": [9, 9, 50, 40]}]
        want = [self.embedding.predict([[45, 30]], multimask=True),
                self.embedding.predict([[20, 10]], [0], [9, 9, 50, 40])]
        for mask, score, answer in zip(widget.masks, widget.scores, want):
            self.same(mask, answer.best[0])
            self.assertAlmostEqual(score, float(answer.scores.max()), 6)
        self.assertEqual(widget.bboxes,
                         [{"x": 9, "y": 9, "width": 41, "height": 31, "label": ""}])
        data = base64.b64decode(widget._masks[1].split(",")[1])
        at = data.index(b"IDAT")
        length, = struct.unpack(">I", data[at - 4:at])
        rows = np.frombuffer(zlib.decompress(data[at + 4:at + 4 + length]), np.uint8)
        bits = np.unpackbits(rows.reshape(60, -1)[:, 1:], axis=1)[:, :90]
        self.same(bits.astype(bool), widget.masks[1])

    def test_only_what_is_new_is_asked(self):
        asked = []
        answer = self.widget._answer
        self.widget._answer = lambda *a: asked.append(a[0]) or answer(*a)
        first = {"points": [[45, 30, 1]], "box": None}
        self.widget.objects = [first]
        before = self.widget.masks[0].copy()
        self.widget.objects = [first, {"points": [], "box": [9, 9, 50, 40]}]
        self.assertEqual(len(asked), 2)
        self.same(self.widget.masks[0], before)

    def test_boxes_from_python(self):
        self.widget.bboxes = [{"x": 9, "y": 9, "width": 41, "height": 31}]
        self.assertEqual(self.widget.objects, [{"points": [], "box": [9, 9, 50, 40]}])
        self.assertEqual(self.widget.bboxes[0]["label"], "")
        self.same(self.widget.masks[0], self.embedding.predict(boxes=[9, 9, 50, 40]).best[0])

    def test_wrong(self):
        from samc.widget import Segmenter
        self.widget.objects = [{"points": [[45, 30, 1]], "box": None},
                               {"points": [[900, 30, 1]], "box": None}]
        self.assertRegex(self.widget._error, "^object 2: .*900")
        self.assertEqual(self.widget.masks.sum((1, 2)).tolist()[1], 0)
        self.widget.objects = []
        self.assertEqual((self.widget._error, self.widget.bboxes), ("", []))
        with self.assertRaisesRegex(TypeError, "model must be a samc.Model or None"):
            Segmenter(self.photo, "vit_b")

    def test_another_photo(self):
        self.widget.bboxes = [{"x": 9, "y": 9, "width": 41, "height": 31}]
        self.widget.set_image(np.zeros((2500, 30), np.uint8))
        self.assertEqual((self.widget.objects, self.widget.height), ([], 2500))
        self.assertEqual(self.widget.masks.shape, (0, 2500, 30))


if __name__ == "__main__":
    unittest.main()
