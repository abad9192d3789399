# SPDX-License-Identifier: Apache-2.0
"""What `samc eval` prints. Photos are PNGs by the name of ID.jpg: content tells the format."""
import json
import unittest

from samc_test import MODEL, Case, photo_bytes, png_bytes

WIDTH, HEIGHT = 48, 32


def labels_bytes(width=WIDTH, height=HEIGHT, inside=255):
    """A disc in the middle, and an ignored column at the left."""
    return png_bytes(width, height, bytes(
        128 if x == 0 else
        inside if (x - width // 2) ** 2 + (y - height // 2) ** 2 < (height // 3) ** 2 else 0
        for y in range(height) for x in range(width)), channels=1)


class Eval(Case):
    def setUp(self):
        super().setUp()
        for i, name in enumerate(("10", "9", "a2b", "a10b")):
            self.write(f"set/{name}.jpg", photo_bytes(WIDTH, HEIGHT, seed=i + 1))
            self.write(f"set/{name}.png", labels_bytes())
        self.write("set/notes.txt", b"x")

    def eval(self, *words, **more):
        return self.samc("eval", "set", "-m", MODEL, *words, **more)

    def test_json(self):
        answer = json.loads(self.eval("--json", "--max-clicks", "4").out)
        self.assertEqual(answer["photos"], 4)
        self.assertEqual([e["id"] for e in answer["each"]], ["9", "10", "a2b", "a10b"])
        for e in answer["each"]:
            self.assertEqual(len(e["clicks"]), 4)
            for iou in e["clicks"] + [e["best_of_three"], e["box"]]:
                self.assertTrue(0 <= iou <= 1)
            self.assertGreaterEqual(e["best_of_three"], e["clicks"][0])
        for name in ("best_of_three", "box"):
            mean = sum(e[name] for e in answer["each"]) / 4
            self.assertAlmostEqual(answer[name], mean, places=6)
        for i, mean in enumerate(answer["clicks"]):
            self.assertAlmostEqual(mean, sum(e["clicks"][i] for e in answer["each"]) / 4, places=6)
        self.assertTrue(1 <= answer["noc85"] <= answer["noc90"] <= 4)
        self.assertLessEqual(answer["missed85"], answer["missed90"])

    def test_table(self):
        done = self.eval("--limit", "2", "--max-clicks", "5")
        self.assertEqual(done.err, "")
        rows = [line[:16].strip() for line in done.out.splitlines()]
        self.assertEqual(rows, ["photos", "IoU, 1 click", "IoU, best of 3", "IoU, 3 clicks",
                                "IoU, 5 clicks", "IoU, box", "NoC@85", "NoC@90"])
        self.assertEqual(done.out.splitlines()[0].split(), ["photos", "2"])
        self.assertNotIn("3 clicks", self.eval("--limit", "1", "--max-clicks", "2").out)

    def test_the_numbers_of_one_thread_are_those_of_three(self):
        words = ("--json", "--limit", "1", "--max-clicks", "3")
        self.assertEqual(self.eval(*words, "--threads", "1").out,
                         self.eval(*words, "--threads", "3").out)

    def test_a_bad_photo_is_told_and_the_rest_is_done(self):
        self.write("set/9.png", labels_bytes(WIDTH, HEIGHT + 1))
        self.write("set/10.png", labels_bytes(inside=200))
        self.write("set/a2b.png", photo_bytes(WIDTH, HEIGHT))
        done = self.eval("--json", "--max-clicks", "1", code=1)
        answer = json.loads(done.out)
        self.assertEqual([e["id"] for e in answer["each"]], ["a10b"])
        self.assertIn("set/9.png has 48 x 33 pixels, its photo has 48 x 32", done.err)
        self.assertIn("set/10.png: the label map has the value 200", done.err)
        self.assertIn("set/a2b.png is a picture in colour", done.err)

    def test_nothing_to_evaluate(self):
        self.write("empty/a.png", b"")
        done = self.samc("eval", "empty", "-m", MODEL, code=1)
        self.assertIn("there is no photo ID.jpg in the folder empty", done.err)
        done = self.samc("eval", "no", "-m", MODEL, code=1)
        self.assertIn("cannot read the folder no", done.err)
        self.write("lone/a.jpg", photo_bytes())
        done = self.samc("eval", "lone", "-m", MODEL, code=1)
        self.assertIn("lone/a.png", done.err)
        self.assertEqual(done.out, "")

    def test_usage(self):
        for words in ([], ["set", "set"], ["set", "--max-clicks", "21"], ["set", "--limit", "0"]):
            self.samc("eval", "-m", MODEL, *words, code=2)


if __name__ == "__main__":
    unittest.main()
