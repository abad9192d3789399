# SPDX-License-Identifier: Apache-2.0
"""samc auto: the layouts it writes, what it refuses, and that nothing is half-written or done twice."""
import csv
import json
import os
import signal
import struct
import subprocess
import time
import unittest

from samc_test import BINARY, MODEL, Case, decode_rle, photo_bytes, read_png

# What the tiny model needs to leave some masks; its logits are noise.
LOOSE = ["--points-per-side", "4", "--pred-iou-thresh", "-1", "--stability-score-thresh", "0",
         "--stability-score-offset", "0.02", "--box-nms-thresh", "0.95"]
HEADER = ("id,area,bbox_x0,bbox_y0,bbox_w,bbox_h,point_input_x,point_input_y,predicted_iou,"
          "stability_score,crop_box_x0,crop_box_y0,crop_box_w,crop_box_h")
KEYS = ["segmentation", "area", "bbox", "predicted_iou", "point_coords", "stability_score",
        "crop_box"]


class Auto(Case):
    def setUp(self):
        super().setUp()
        self.write("a.png", photo_bytes())

    def auto(self, *words, **more):
        return self.samc("auto", "-m", MODEL, *LOOSE, *words, **more)

    def load(self, *names):
        with open(self.path(*names), encoding="utf-8") as file:
            return json.load(file)

    def records(self, *words):
        self.auto(*words, "--convert-to-rle", "-o", "rle")
        return self.load("rle", "a.json")

    def tree(self, folder):
        """Every file's bytes."""
        found = {}
        for where, _, names in os.walk(self.path(folder)):
            for name in names:
                path = os.path.join(where, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, self.path(folder))] = file.read()
        return found


class Layouts(Auto):
    def test_amg_folder_and_records_agree(self):
        records = self.records("a.png")
        self.auto("a.png", "-o", "out")
        self.assertGreater(len(records), 3)
        self.assertEqual(self.files("out/a"),
                         sorted([f"{i}.png" for i in range(len(records))] + ["metadata.csv"]))
        with open(self.path("out/a/metadata.csv"), encoding="ascii") as file:
            text = file.read()
        self.assertFalse(text.endswith("\n"))
        self.assertEqual(text.split("\n")[0], HEADER)
        for i, (row, record) in enumerate(zip(csv.DictReader(text.split("\n")), records)):
            self.assertEqual(list(record), KEYS)
            with open(self.path(f"out/a/{i}.png"), "rb") as file:
                width, height, channels, pixels = read_png(file.read())
            self.assertEqual((width, height, channels), (48, 32, 1))
            self.assertEqual(pixels, bytes(255 * v for v in decode_rle(record["segmentation"])))
            self.assertEqual(record["area"], pixels.count(255))
            values = [i, record["area"], *record["bbox"], *record["point_coords"][0],
                      record["predicted_iou"], record["stability_score"], *record["crop_box"]]
            self.assertEqual([float(v) for v in row.values()], [float(v) for v in values])
            # as Python prints numbers
            self.assertEqual(row["predicted_iou"], repr(record["predicted_iou"]))
            self.assertEqual(row["point_input_x"], repr(record["point_coords"][0][0]))
            # an f32, as the reference's item() makes it
            for key in ("predicted_iou", "stability_score"):
                self.assertEqual(struct.unpack("f", struct.pack("f", record[key]))[0], record[key])
            self.assertEqual(record["crop_box"], [0, 0, 48, 32])
            columns = [j % 48 for j, v in enumerate(pixels) if v]
            rows = [j // 48 for j, v in enumerate(pixels) if v]
            self.assertEqual(record["bbox"], [min(columns), min(rows), max(columns) - min(columns),
                                              max(rows) - min(rows)] if rows else [0, 0, 0, 0])

    def test_sa1b(self):
        records = self.records("a.png")
        self.write("b.png", photo_bytes(seed=2))
        self.auto("b.png", "a.png", "--format", "sa1b", "-o", "out")
        found = self.load("out", "a.json")
        self.assertEqual(found["image"], {"image_id": 2, "width": 48, "height": 32,
                                          "file_name": "a.png"})
        ids = [a.pop("id") for a in found["annotations"]]
        self.assertEqual(found["annotations"], records)
        others = [a["id"] for a in self.load("out", "b.json")["annotations"]]
        self.assertEqual(len(set(ids + others)), len(ids) + len(others))

    def test_coco(self):
        records = self.records("a.png")
        self.write("b.png", photo_bytes(20, 30))
        self.auto("a.png", "b.png", "--format", "coco", "-o", "out")
        self.assertEqual(self.files("out"), ["coco.json"])
        found = self.load("out", "coco.json")
        self.assertEqual(found["images"],
                         [{"id": 1, "width": 48, "height": 32, "file_name": "a.png"},
                          {"id": 2, "width": 20, "height": 30, "file_name": "b.png"}])
        self.assertEqual(found["categories"], [{"id": 1, "name": "object"}])
        ids = [a["id"] for a in found["annotations"]]
        self.assertEqual(ids, list(range(1, len(ids) + 1)))
        first = [a for a in found["annotations"] if a["image_id"] == 1]
        for annotation, record in zip(first, records):
            for key in ("segmentation", "area", "predicted_iou", "point_coords"):
                self.assertEqual(annotation[key], record[key])
            x, y, w, h = record["bbox"]
            more = 1 if record["area"] else 0  # COCO counts the pixels
            self.assertEqual(annotation["bbox"], [x, y, w + more, h + more])
        self.assertEqual(len(first), len(records))

    def test_labelmap(self):
        records = self.records("a.png")
        self.auto("a.png", "--format", "labelmap", "-o", "out")
        with open(self.path("out/a_labels.png"), "rb") as file:
            width, height, channels, pixels = read_png(file.read())
        self.assertEqual((width, height, channels), (48, 32, 1))
        want = bytearray(width * height)
        order = sorted(range(len(records)), key=lambda i: -records[i]["area"])
        for i in order:
            for j, inside in enumerate(decode_rle(records[i]["segmentation"])):
                if inside:
                    want[j] = i + 1
        self.assertEqual(pixels, bytes(want))

    def test_labelmap_of_many_masks(self):
        self.auto("a.png", "--format", "labelmap", "--convert-to-rle", "--box-nms-thresh", "1",
                  "--points-per-side", "10", "-o", "out")
        records = self.load("out", "a.json")
        self.assertEqual(len(records), 300)
        with open(self.path("out/a_labels.png"), "rb") as file:
            data = file.read()
        self.assertEqual(data[24], 16, "bits a channel")
        smallest = min((r["area"], -i) for i, r in enumerate(records) if r["area"])
        inside = decode_rle(records[-smallest[1]]["segmentation"]).index(1)
        # as a picture of two channels, gray and alpha, of 8 bits: the same bytes
        header = data[:24] + bytes([8, 4]) + data[26:]
        pixels = self.unfilter(header)
        self.assertEqual(int.from_bytes(pixels[2 * inside:2 * inside + 2], "big"),
                         -smallest[1] + 1)

    def unfilter(self, data):
        import zlib
        at, body = 8, b""
        while at < len(data):
            length, kind = struct.unpack(">I4s", data[at:at + 8])
            body += data[at + 8:at + 8 + length] if kind == b"IDAT" else b""
            at += length + 12
        raw, out, above = zlib.decompress(body), bytearray(), bytes(96)
        for y in range(32):
            kind, row = raw[y * 97], bytearray(raw[y * 97 + 1:(y + 1) * 97])
            for i in range(96):
                a, b, c = (row[i - 2] if i > 1 else 0, above[i], above[i - 2] if i > 1 else 0)
                paeth = min((a, b, c), key=lambda v: abs(a + b - c - v))
                row[i] = (row[i] + (0, a, b, (a + b) // 2, paeth)[kind]) & 255
            out += row
            above = bytes(row)
        return bytes(out)

    def test_pictures(self):
        def picture(folder, name):
            with open(self.path(folder, name), "rb") as file:
                return read_png(file.read())

        words = ("a.png", "--format", "overlay,sidebyside,grid")
        self.auto(*words, "-o", "one")
        self.auto(*words, "-o", "two")
        self.auto(*words, "-o", "other", "--seed", "7")
        self.assertEqual(self.files("one"), ["a_grid.png", "a_overlay.png", "a_sidebyside.png"])
        self.assertEqual(self.tree("one"), self.tree("two"))
        self.assertNotEqual(picture("one", "a_overlay.png"), picture("other", "a_overlay.png"))
        width, height, channels, pixels = picture("one", "a_overlay.png")
        self.assertEqual((width, height, channels), (48, 32, 3))
        records = self.records("a.png")
        with open(self.path("a.png"), "rb") as file:
            photo = read_png(file.read())[3]
        inside = [any(v) for v in zip(*(decode_rle(r["segmentation"]) for r in records))]
        for j, covered in enumerate(inside):
            if not covered:
                self.assertEqual(pixels[3 * j:3 * j + 3], photo[3 * j:3 * j + 3])
        self.assertNotEqual(pixels, photo)
        self.assertGreaterEqual(picture("one", "a_sidebyside.png")[0], 96)

    def test_no_masks(self):
        done = self.auto("a.png", "--pred-iou-thresh", "100", "-o", "out", "--format",
                         "amg,coco,labelmap,overlay,sidebyside,grid")
        self.assertIn("no mask was kept with --pred-iou-thresh 100", done.err)
        self.assertNotIn("no mask", self.auto("a.png", "-o", "some").err)
        self.assertEqual(self.files("out/a"), ["metadata.csv"])
        self.assertEqual(self.load("out", "coco.json")["annotations"], [])

    def test_a_models_own_thresholds(self):
        """They hold where none are given, each on its own."""
        self.samc("convert", MODEL, "m.safetensors", "--thresholds", "0,0")
        others = LOOSE[:2] + LOOSE[6:]
        iou, stability = LOOSE[2:4], LOOSE[4:6]
        def found(model, *words):
            self.samc("auto", "a.png", "-m", model, *others, *words, "--convert-to-rle", "-o", "o")
            return self.load("o", "a.json")
        every = found(MODEL, "--pred-iou-thresh", "0", "--stability-score-thresh", "0")
        self.assertGreater(len(every), 3)
        self.assertEqual(found("m.safetensors"), every)
        self.assertEqual(found("m.safetensors", *iou), found(MODEL, *iou, *stability))
        self.assertEqual(found("m.safetensors", "--pred-iou-thresh", "0.88"),
                         found(MODEL, *stability))
        self.assertEqual(found("m.safetensors", "--stability-score-thresh", "0.95"),
                         found(MODEL, "--pred-iou-thresh", "0"))
        self.assertLess(len(found(MODEL, *stability)), len(every))
        self.assertLess(len(found(MODEL, "--pred-iou-thresh", "0")), len(every))

    def test_the_shipped_model_finds_something(self):
        """With no option that a new user would not give."""
        photo = os.path.join(os.environ["SAMC_SOURCE_DIR"], "docs", "photos", "astronaut.jpg")
        done = self.samc("auto", photo, "-o", "o", "--convert-to-rle")
        self.assertNotIn("no mask", done.err)
        self.assertGreater(len(self.load("o", "astronaut.json")), 4)

    def test_crops_and_small_masks(self):
        records = self.records("a.png", "--crop-n-layers", "1", "--crop-nms-thresh", "1")
        self.assertGreater(len({tuple(r["crop_box"]) for r in records}), 1)
        least = sorted(r["area"] for r in records)[len(records) // 2]
        some = self.records("a.png", "--crop-n-layers", "1", "--crop-nms-thresh", "1",
                            "--min-mask-area", str(least))
        self.assertEqual(some, [r for r in records if r["area"] >= least])

    def test_from_an_embedding(self):
        records = self.records("a.png")
        self.samc("embed", "-m", MODEL, "a.png", "-o", "e")
        self.auto("a.png", "--embedding", "e/a.safetensors", "--convert-to-rle", "-o", "two")
        self.assertEqual(self.load("two", "a.json"), records)
        self.write("b.png", photo_bytes(20, 30))
        done = self.auto("b.png", "--embedding", "e/a.safetensors", "-o", "two", code=1)
        self.assertIn("another photo", done.err)


class Manners(Auto):
    def refuse(self, *words, says, code=2):
        done = self.samc("auto", "-m", MODEL, *words, code=code)
        self.assertIn(says, done.err)

    def test_refusals(self):
        self.refuse("-o", "out", says="which photo")
        self.refuse("a.png", says="-o DIR")
        self.refuse("a.png", "-o", "out", "--format", "amg,png", says='--format "png"')
        self.refuse("a.png", "-o", "out", "--format", "amg,", says='--format ""')
        self.refuse("a.png", "-o", "out", "--shard", "0/3", says="--shard 0/3")
        self.refuse("a.png", "-o", "out", "--shard", "4/3", says="--shard")
        self.refuse("a.png", "-o", "out", "--shard", "1/3x", says="--shard")
        self.refuse("a.png", "-o", "out", "--pred-iou-thresh", "much", says="a number")
        self.refuse("a.png", "-o", "out", "--crop-overlap-ratio", "2", says="0 to 1")
        self.refuse("a.png", "-o", "out", "--convert-to-rle", "--format", "sa1b", says="sa1b")
        self.refuse("a.png", "-o", "out", "--embedding", "x", "--crop-n-layers", "1", says="crops")
        self.refuse("a.png", "-o", "out", "--model-type", "vit_x", says="vit_b")
        self.refuse("a.png", "-o", "out", "--model-type", "default", says="not vit_h", code=3)
        self.assertEqual(self.files("out"), [])

    def test_names_of_amg_py(self):
        self.samc("auto", "--input", "a.png", "--output", "out", "--checkpoint", MODEL, "--device",
                  "cpu", *LOOSE)
        self.assertIn("metadata.csv", self.files("out/a"))
        done = self.samc("auto", "--input", "a.png", "--output", "two", "--checkpoint", MODEL,
                         "--device", "cuda", *LOOSE)
        self.assertIn("computes on the CPU", done.err)
        self.assertEqual(self.tree("out"), self.tree("two"))

    def test_again_into_the_same_folder(self):
        self.auto("a.png", "-o", "out")
        first = self.tree("out")
        self.auto("a.png", "-o", "out", "--pred-iou-thresh", "1.5")
        self.assertLess(len(self.files("out/a")), len(first))
        self.assertEqual(self.files("out"), ["a"])
        # the reference fails here
        done = self.auto("a.png", "-o", "out", "--exact", code=1)
        self.assertIn("out/a", done.err)
        self.assertEqual(self.files("out"), ["a"])

    def test_a_folder_of_somebody_else_stays(self):
        self.write("out/a/thesis.txt", b"years of work")
        done = self.auto("a.png", "-o", "out", code=4)
        self.assertIn("thesis.txt", done.err)
        self.assertEqual(self.files("out"), ["a"])
        self.assertEqual(self.files("out/a"), ["thesis.txt"])

    def test_exact(self):
        self.auto("a.png", "-o", "o1", "--exact", "--crop-n-layers", "1", "--crop-overlap-ratio",
                  "1")
        self.refuse("a.png", "-o", "o2", "--exact", "--crop-overlap-ratio", "0.5",
                    says="whole number")
        words = ["a.png", "--crop-n-layers", "1", "--pred-iou-thresh", "100"]
        self.auto(*words, "-o", "o3")
        done = self.auto(*words, "-o", "o4", "--exact", code=1)
        self.assertIn("no crop of the photo has a mask", done.err)
        self.assertEqual(self.files("o4"), [])


class Folder(Auto):
    """A folder of photos, some of them broken. `make folder-test` does it with 300 of which 20 are."""

    PHOTOS = int(os.environ.get("SAMC_FOLDER_PHOTOS", "12"))
    BROKEN = (3, 7) if PHOTOS < 15 else tuple(range(7, PHOTOS, 15))
    WORDS = ["photos", "--format", "amg,coco,overlay", "-o"]

    def setUp(self):
        super().setUp()
        for i in range(self.PHOTOS):
            data = photo_bytes(40 + i % 20, 30, seed=i % 50 + 1)
            self.write(f"photos/p{i:03d}.png", data[:len(data) // 2] if i in self.BROKEN else data)
        done = self.auto(*self.WORDS, "whole", code=1)
        for i in self.BROKEN:
            self.assertIn(f"p{i:03d}.png", done.err)
        self.assertEqual(done.err.count("samc:"), len(self.BROKEN))

    def check(self, folder):
        """The same as the unbroken run, and nothing else."""
        want, got = self.tree("whole"), self.tree(folder)
        want.pop("coco.json.partial"), got.pop("coco.json.partial")
        self.assertEqual(sorted(got), sorted(want))
        self.assertEqual(got, want)

    def test_bad_photos_are_passed_over(self):
        files = self.files("whole")
        self.assertEqual(len([f for f in files if f.endswith("_overlay.png")]),
                         self.PHOTOS - len(self.BROKEN))
        names = [i["file_name"] for i in self.load("whole", "coco.json")["images"]]
        self.assertEqual(names, [f"p{i:03d}.png" for i in range(self.PHOTOS)
                                 if i not in self.BROKEN])
        # they stay in the journal, so that a mended photo can follow
        for i in self.BROKEN:
            self.write(f"photos/p{i:03d}.png", photo_bytes(40 + i % 20, 30, seed=i % 50 + 1))
        self.auto(*self.WORDS, "whole", "--resume")
        self.assertEqual(len(self.load("whole", "coco.json")["images"]), self.PHOTOS)
        self.assertNotIn("coco.json.partial", self.files("whole"))
        done = self.auto(*self.WORDS, "whole", "--resume")
        self.assertIn("is complete", done.err)

    def start(self, folder, *words):
        return subprocess.Popen([BINARY, "auto", "-m", MODEL, *LOOSE, *self.WORDS, folder, *words],
                                cwd=self.folder, stderr=subprocess.PIPE)

    def wait_for(self, folder, count):
        """Until so many photos are there."""
        for _ in range(6000):
            try:
                if sum(f.endswith("_overlay.png") for f in self.files(folder)) >= count:
                    return
            except FileNotFoundError:
                pass
            time.sleep(0.005)
        self.fail("nothing appears")

    def test_kill_and_resume(self):
        for count in (1, self.PHOTOS // 3, self.PHOTOS * 3 // 4):
            with self.subTest(after=count):
                folder = f"killed{count}"
                run = self.start(folder)
                self.wait_for(folder, count)
                run.kill()
                run.communicate()
                for name in self.files(folder):  # whatever has its name is whole
                    if name.endswith("_overlay.png"):
                        with open(self.path(folder, name), "rb") as file:
                            read_png(file.read())
                    elif "." not in name:
                        self.assertIn("metadata.csv", self.files(f"{folder}/{name}"))
                before = self.tree(folder)
                stamps = {name: os.stat(self.path(folder, name)).st_mtime_ns for name in before
                          if name.endswith("_overlay.png")}
                self.auto(*self.WORDS, folder, "--resume", code=1)
                self.check(folder)
                done = [name for name, stamp in stamps.items()
                        if os.stat(self.path(folder, name)).st_mtime_ns == stamp]
                # at most the one that was at work is done again
                self.assertGreaterEqual(len(done), len(stamps) - 1)

    def test_ctrl_c_keeps_what_is_finished(self):
        run = self.start("stopped")
        self.wait_for("stopped", 2)
        run.send_signal(signal.SIGINT)
        run.communicate()
        self.assertEqual(run.returncode, 130)
        self.assertFalse([f for f in self.files("stopped") if f.endswith(".tmp")])
        images = self.load("stopped", "coco.json")["images"]
        self.assertGreaterEqual(len(images), 2)
        self.assertLess(len(images), self.PHOTOS)
        self.auto(*self.WORDS, "stopped", "--resume", code=1)
        self.check("stopped")

    def test_a_torn_journal(self):
        os.makedirs(self.path("torn"))
        with open(self.path("whole", "coco.json.partial"), "rb") as file:
            lines = file.read().split(b"\n")
        self.write("torn/coco.json.partial", b"\n".join(lines[:4]) + b"\n" + lines[4][:50])
        self.auto("photos", "--format", "coco", "-o", "torn", "--resume", code=1)
        self.assertEqual(self.load("torn", "coco.json"), self.load("whole", "coco.json"))

    def test_shards(self):
        for i in (1, 2, 3):
            broken = any(k % 3 == i - 1 for k in self.BROKEN)
            self.auto(*self.WORDS, "shards", "--shard", f"{i}/3", code=1 if broken else 0)
        want = {k: v for k, v in self.tree("whole").items() if "coco" not in k}
        got = {k: v for k, v in self.tree("shards").items() if "coco" not in k}
        self.assertEqual(got, want)
        parts = [self.load("shards", f"coco-{i}-of-3.json") for i in (1, 2, 3)]
        whole = self.load("whole", "coco.json")
        images = sorted((i for p in parts for i in p["images"]), key=lambda i: i["id"])
        self.assertEqual(images, whole["images"])
        annotations = [a for p in parts for a in p["annotations"]]
        self.assertEqual(len({a["id"] for a in annotations}), len(annotations))
        self.assertEqual(len(annotations), len(whole["annotations"]))


if __name__ == "__main__":
    unittest.main()
