# SPDX-License-Identifier: Apache-2.0
"""`samc boxes` with two detectors of OpenCV's, run by examples/detect_opencv.py. Skipped where no
Python has OpenCV with them (Debian: python3-opencv, opencv-data)."""
import json
import os
import subprocess
import sys
import unittest

from samc_test import Case, MODEL

SOURCE = os.environ["SAMC_SOURCE_DIR"]
SCRIPT = os.path.join(SOURCE, "examples", "detect_opencv.py")
PHOTOS = [os.path.join(SOURCE, "docs", "photos", name) for name in ("astronaut.jpg", "rocket.jpg")]
PROBE = "import cv2; cv2.HOGDescriptor; cv2.CascadeClassifier"


def python_with_opencv():
    for python in (sys.executable, "python3", "/usr/bin/python3"):
        try:
            if subprocess.run([python, "-c", PROBE], capture_output=True, check=False).returncode == 0:
                return python
        except OSError:
            continue
    return None


class Detectors(Case):
    def setUp(self):
        super().setUp()
        self.python = python_with_opencv()
        if not self.python:
            self.skipTest("no Python with OpenCV's detectors: apt-get install python3-opencv "
                          "opencv-data")

    def run_detector(self, kind):
        """The lines that the detector prints and the masks that samc makes of them, by photo."""
        printed, made = {}, {}
        for photo in PHOTOS:
            done = subprocess.run([self.python, SCRIPT, kind, photo], capture_output=True, text=True,
                                  check=False)
            if "opencv-data" in done.stderr:
                self.skipTest(done.stderr.strip())
            self.assertEqual(done.returncode, 0, done.stderr)
            printed[photo] = [json.loads(line) for line in done.stdout.splitlines()]
        self.samc("boxes", "-m", MODEL, "--detector", f"'{self.python}' '{SCRIPT}' {kind} {{photo}}",
                  *PHOTOS, "-o", kind, "--save", "overlay")
        for photo in PHOTOS:
            stem = os.path.splitext(os.path.basename(photo))[0]
            with open(self.path(kind, stem + ".json"), encoding="utf-8") as file:
                made[photo] = json.load(file)["annotations"]
        self.assertIn("coco.json", self.files(kind))
        for photo in PHOTOS:
            self.assertEqual([r["category"] for r in made[photo]],
                             [b["class"] for b in printed[photo]])
            for record, box in zip(made[photo], printed[photo]):
                self.assertEqual(record.get("score"), box.get("score"))
                x, y, w, h = box["bbox"]  # HOG's may reach over the edge
                self.assertLessEqual(record["input_box"][2] * record["input_box"][3], w * h)
        return printed

    def test_people_by_gradients(self):
        printed = self.run_detector("hog")
        self.assertTrue(any(printed.values()))
        for box in (b for boxes in printed.values() for b in boxes):
            self.assertEqual(box["class"], "person")
            self.assertIsInstance(box["score"], float)

    def test_faces_by_a_cascade(self):
        printed = self.run_detector("haar")
        centres = [(b["bbox"][0] + b["bbox"][2] / 2, b["bbox"][1] + b["bbox"][3] / 2)
                   for b in printed[PHOTOS[0]]]
        self.assertTrue(any(abs(x - 224) < 25 and abs(y - 114) < 25 for x, y in centres),
                        f"the astronaut's face is not among {centres}")


if __name__ == "__main__":
    unittest.main()
