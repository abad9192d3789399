# SPDX-License-Identifier: Apache-2.0
"""`samc boxes`: every kind of detections, every reason to pass something over, and detectors."""
import glob
import json
import os
import stat
import subprocess
import time
import unittest

from samc_test import BINARY, Case, MODEL, decode_rle, photo_bytes

WIDTH, HEIGHT = 48, 32
VOC = """<annotation><filename>{name}</filename><size><width>{w}</width><height>32</height></size>
{objects}</annotation>"""
VOC_OBJECT = """<object><name>{name}</name><bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax>
<ymax>{3}</ymax></bndbox></object>"""


class Boxes(Case):
    def setUp(self):
        super().setUp()
        self.write("photos/a.png", photo_bytes(WIDTH, HEIGHT))
        self.write("photos/deep/b_000017.png", photo_bytes(WIDTH, HEIGHT, seed=2))

    def boxes(self, *words, code=0, **more):
        return self.samc("boxes", "-m", MODEL, *words, code=code, **more)

    def load(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return json.load(file)

    def lines(self, *objects, name="d.jsonl"):
        self.write(name, b"".join(o if isinstance(o, bytes) else json.dumps(o).encode() + b"\n"
                                  for o in objects))
        return name

    def masks_by_prompt(self, photo, *boxes):
        """What `samc segment` says to the same boxes."""
        words = []
        for box in boxes:
            words += ["--object"] * bool(words) + ["-b", ",".join(map(str, box))]
        return self.records(photo, *words)

    def check(self, record, want):
        self.assertEqual(record["segmentation"], want["segmentation"])
        self.assertEqual(record["area"], want["area"])
        self.assertEqual(record["bbox"], want["bbox"])
        self.assertEqual(f"{record['predicted_iou']:.9g}", f"{want['predicted_iou']:.9g}")

    def test_json_lines(self):
        self.lines({"photo": "a.png", "box": [5, 5, 20, 20], "class": "dog", "score": 0.5},
                   {"photo": "photos/a.png", "bbox": [30, 2, 10, 10], "name": "cat", "class": 3,
                    "confidence": 0.25},
                   {"photo": "deep/b_000017.png", "boxes": [
                       [1, 1, 9, 9], {"box": {"x1": 1, "y1": 2, "x2": 30, "y2": 31}}]})
        done = self.boxes("d.jsonl", "--photos", "photos", "-o", "out", "--save", "mask,overlay")
        self.assertIn("4 masks of 3 photos", done.err)
        self.assertEqual(self.files("out"),
                         ["a-2.json", "a-2_object0_mask0.png", "a-2_object0_mask0_overlay.png",
                          "a.json", "a_object0_mask0.png", "a_object0_mask0_overlay.png",
                          "b_000017.json", "b_000017_object0_mask0.png",
                          "b_000017_object1_mask0.png", "b_000017_overlay.png", "coco.json"])
        record, = self.load("out/a.json")["annotations"]
        self.check(record, self.masks_by_prompt("photos/a.png", (5, 5, 20, 20))[0])
        self.assertEqual((record["category"], record["score"], record["input_box"]),
                         ("dog", 0.5, [5, 5, 15, 15]))
        record, = self.load("out/a-2.json")["annotations"]
        self.assertEqual((record["category"], record["score"]), ("cat", 0.25))
        both = self.load("out/b_000017.json")["annotations"]
        for record, want in zip(both, self.masks_by_prompt("photos/deep/b_000017.png",
                                                           (1, 1, 9, 9), (1, 2, 30, 31))):
            self.check(record, want)
            self.assertNotIn("category", record)
            self.assertNotIn("score", record)

    def test_coco_file(self):
        self.test_json_lines()
        coco = self.load("out/coco.json")
        self.assertEqual([i["file_name"] for i in coco["images"]],
                         ["a.png", "a.png", "b_000017.png"])
        self.assertEqual([(a["id"], a["image_id"], a["iscrowd"]) for a in coco["annotations"]],
                         [(1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 3, 0)])
        names = {c["id"]: c["name"] for c in coco["categories"]}
        self.assertEqual([names[a["category_id"]] for a in coco["annotations"]],
                         ["dog", "cat", "object", "object"])
        for a in coco["annotations"]:
            mask = decode_rle(a["segmentation"])
            xs = [i % WIDTH for i, v in enumerate(mask) if v]
            self.assertEqual(a["bbox"][2], max(xs) - min(xs) + 1)

    def test_coco_data_set_and_results(self):
        box = [4, 5, 20, 15]
        want = self.masks_by_prompt("photos/a.png", (4, 5, 24, 20))[0]
        for data in ({"images": [{"id": 9, "file_name": "x/a.png", "width": 48, "height": 32}],
                      "categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "cat"}],
                      "annotations": [{"image_id": 9, "category_id": 18, "bbox": box, "score": 1},
                                      {"image_id": 9, "category_id": 3, "bbox": box}]},
                     [{"image_id": "a.png", "category_id": 18, "bbox": box, "score": 1}]):
            self.write("d.json", json.dumps(data).encode())
            self.boxes("d.json", "--photos", "photos", "-o", "out", "--class", "dog,18")
            record, = self.load("out/a.json")["annotations"]
            self.check(record, want)
            self.assertEqual(record["category_id"], 18)
        self.write("d.json", json.dumps([{"image_id": 17, "category_id": 1, "bbox": box,
                                          "score": 0.5}]).encode())
        self.boxes("d.json", "--photos", "photos", "-o", "out17")
        self.assertEqual(self.files("out17"), ["b_000017.json", "coco.json"])

    def test_yolo(self):
        self.write("labels/a.txt", b"1 0.5 0.5 0.25 0.5 0.75\n0 0.25 0.25 0.5 0.5\n")
        self.write("labels/b_000017.txt", b"")
        self.write("data.yaml", b"path: x\nnames:\n  0: cat\n  1: 'hot dog'\nnc: 2\n")
        self.write("classes.txt", b"cat\nhot dog\n")
        self.write("one.yml", b"names: ['cat', \"hot dog\"]\n")
        for names in ("data.yaml", "classes.txt", "one.yml"):
            self.boxes("labels", "--photos", "photos", "--names", names, "-o", "out")
            dog, cat = self.load("out/a.json")["annotations"]
            self.assertEqual((dog["category"], dog["category_id"], dog["score"]),
                             ("hot dog", 2, 0.75))
            self.assertEqual(cat["category"], "cat")
            self.assertEqual(dog["input_box"], [18, 8, 12, 16])
        self.check(dog, self.masks_by_prompt("photos/a.png", (18, 8, 30, 24))[0])
        os.rename(self.path("photos"), self.path("images"))  # labels/ and images/ side by side
        self.boxes("labels/a.txt", "-o", "out2", "--min-score", "0.8")
        self.assertEqual(len(self.load("out2/a.json")["annotations"]), 1)  # the one without a score

    def voc(self, name, *objects, w=WIDTH):
        self.write(name, VOC.format(name="a.png", w=w, objects="".join(
            VOC_OBJECT.format(*o, name="dog") for o in objects)).encode())

    def test_voc(self):
        self.voc("voc/a.xml", (6, 6, 20, 20), ("x", 1, 2, 3))
        done = self.boxes("voc", "--photos", "photos", "-o", "out", code=1)
        if "without expat" in done.err:
            self.skipTest("built without expat")
        self.assertIn("voc/a.xml: object 2 has no bndbox", done.err)
        record, = self.load("out/a.json")["annotations"]
        self.assertEqual((record["category"], record["input_box"]), ("dog", [5, 5, 15, 15]))
        self.check(record, self.masks_by_prompt("photos/a.png", (5, 5, 20, 20))[0])
        self.voc("voc/a.xml", (6, 6, 20, 20), w=99)
        done = self.boxes("voc", "--photos", "photos", "-o", "out2", code=1)
        self.assertIn("it has 48 x 32 pixels, the detections are of 99 x 32", done.err)
        self.write("voc/a.xml", b'<!DOCTYPE a [<!ENTITY x "y">]><annotation/>')
        done = self.boxes("voc/a.xml", "-o", "out3", code=1)
        self.assertIn("defines the entity x", done.err)

    def test_bad_boxes_and_photos_are_passed_over(self):
        self.write("photos/broken.png", photo_bytes()[:60])
        self.lines({"photo": "a.png", "box": [20, 5, 5, 20]},
                   {"photo": "a.png", "box": [60, 5, 70, 20]},
                   {"photo": "a.png", "box": [-9, -9, 0, 0]},
                   {"photo": "a.png", "box": [1, 2, 3]},
                   b"nonsense, \xff\n", {"box": [1, 2, 3, 4]},
                   {"photo": "gone.png", "box": [5, 5, 20, 20]},
                   {"photo": "broken.png", "box": [5, 5, 20, 20]},
                   {"photo": "a.png", "box": [30.5, 20, 1e9, 1e9]})
        done = self.boxes("d.jsonl", "--photos", "photos", "-o", "out", code=1)
        for words in ("box 1 is passed over: its right or lower side comes first",
                      "box 2 is passed over: 60,5,70,20 lies outside of the photo, 48 x 32",
                      "box 3 is passed over", "entry 4 has no box", "line 5 is not JSON: nonsense",
                      "entry 6 names no photo", "gone.png", "photos/broken.png"):
            self.assertIn(words, done.err)
        record, = self.load("out/a.json")["annotations"]
        self.assertEqual(record["input_box"], [30.5, 20, 17.5, 12])
        self.write("labels/a.txt", b"0 nan 0.5 0.5 0.5\n0 0.5 0.5 0.5 0.5\n0 0.1 0.1 0.2 0.2 0.3 0.4\n")
        done = self.boxes("labels", "--photos", "photos", "-o", "out2", code=1)
        self.assertIn("box 1 is passed over: a coordinate is not a finite number", done.err)
        self.assertIn("labels/a.txt: line 3 is no box of YOLO's", done.err)
        self.assertEqual(len(self.load("out2/a.json")["annotations"]), 1)

    def test_resume(self):
        self.lines({"photo": "a.png", "box": [5, 5, 20, 20]},
                   {"photo": "b_000017.png", "box": [5, 5, 20, 20]})
        self.boxes("d.jsonl", "--photos", "photos", "-o", "out")
        whole = self.load("out/coco.json")
        os.unlink(self.path("out/b_000017.json"))
        os.unlink(self.path("out/coco.json"))
        for name in ("a.json.999999999-0.tmp", "x.json.999999999-0.tmp"):  # of a process killed
            self.write("out/" + name, b"half")
        before = os.stat(self.path("out/a.json")).st_mtime_ns
        done = self.boxes("d.jsonl", "--photos", "photos", "-o", "out", "--resume")
        self.assertIn("1 masks of 1 photos", done.err)
        self.assertEqual(os.stat(self.path("out/a.json")).st_mtime_ns, before)
        self.assertEqual(self.load("out/coco.json"), whole)
        self.assertEqual(self.files("out"), ["a.json", "b_000017.json", "coco.json",
                                             "x.json.999999999-0.tmp"])

    def test_killed_and_resumed(self):
        for i in range(12):
            self.write(f"many/{i:02}.png", photo_bytes(WIDTH, HEIGHT, seed=i + 1))
        self.lines(*[{"photo": f"{i:02}.png", "box": [5, 5, 20 + i, 20]} for i in range(12)])
        words = ["boxes", "-m", MODEL, "d.jsonl", "--photos", "many", "-o", "out"]
        self.samc(*words[:-1], "whole")
        for wait in (1, 4, 8):
            running = subprocess.Popen([BINARY, *words, "--resume"], cwd=self.folder,
                                       stderr=subprocess.DEVNULL)
            while running.poll() is None and len(glob.glob(self.path("out/*.json"))) < wait:
                time.sleep(0.001)
            running.kill()
            running.wait()
        self.samc(*words, "--resume")
        self.assertEqual(self.files("out"), self.files("whole"))
        for name in self.files("whole"):
            self.assertEqual(self.load("out/" + name), self.load("whole/" + name))

    def detector(self, body):
        self.write("my detector", ("#!/bin/sh\n" + body).encode())
        os.chmod(self.path("my detector"), stat.S_IRWXU)
        return "'./my detector' --in {photo} \"two words\""

    def test_detector(self):
        command = self.detector('[ "$1 $3 $#" = "--in two words 3" ] || exit 9\n'
                                'echo \'[{"box": [5, 5, 20, 20], "class": "dog"}, [1, 1, 9, 9]]\'')
        os.rename(self.path("photos/a.png"), self.path("photos/$(touch x) 'a.png"))
        self.boxes("--detector", command, "photos", "photos/deep", "-o", "out")
        self.assertEqual(self.files("out"), ["$(touch x) 'a.json", "b_000017.json", "coco.json"])
        self.assertEqual(len(self.load("out/b_000017.json")["annotations"]), 2)
        self.boxes("--detector", "cat {photo} >seen; echo '{\"box\": [5, 5, 20, 20]}'", "--shell",
                   "photos", "-o", "out2")
        self.assertEqual(len(self.load("out2/$(touch x) 'a.json")["annotations"]), 1)
        with open(self.path("seen"), "rb") as file:
            self.assertEqual(file.read(), photo_bytes(WIDTH, HEIGHT))
        self.assertNotIn("x", self.files())

    def test_bad_detectors(self):
        a = "photos/a.png"
        for body, words in (("exit 3", "ended with status 3"), ("kill -9 $$", "signal 9"),
                            ("echo cats", "line 1 is not JSON: cats"),
                            ("echo '{\"box\": [1, 2'", "line 1 is not JSON")):
            done = self.boxes("--detector", self.detector(body), a, "-o", "out", code=1)
            self.assertIn(words, done.err)
            self.assertIn(a, done.err)
        done = self.boxes("--detector", "no-such-program {photo}", a, "-o", "out", code=1)
        self.assertIn("cannot run the detector no-such-program", done.err)
        done = self.boxes("--detector", self.detector("sleep 100 & echo $! >child; sleep 100"),
                          "--timeout", "1", a, "-o", "out", code=1)
        self.assertIn("not done after 1 s", done.err)
        with open(self.path("child"), encoding="ascii") as file:
            child = int(file.read())
        for _ in range(100):  # what it started is ended with it: gone, or waiting to be collected
            try:
                with open(f"/proc/{child}/stat", encoding="ascii") as file:
                    if file.read().split(")")[1].split()[0] in "ZX":
                        break
            except OSError:
                break
            time.sleep(0.1)
        else:
            self.fail("what the detector had started is still there")

    def test_usage(self):
        self.lines({"photo": "a.png", "box": [5, 5, 20, 20]})
        for words in (["d.jsonl"], ["-o", "out"], ["d.jsonl", "-o", "out", "--min-score", "x"],
                      ["d.jsonl", "-o", "out", "--shell"],
                      ["d.jsonl", "-o", "out", "--save", "logits"],
                      ["--detector", "detect", "photos", "-o", "out"],
                      ["--detector", "'detect {photo}", "photos", "-o", "out"]):
            self.boxes(*words, code=2)
        self.assertNotIn("out", self.files())
        self.write("d.bin", b"\0\1\2")
        self.assertIn("neither JSON", self.boxes("d.bin", "-o", "out", code=1).err)


if __name__ == "__main__":
    unittest.main()
