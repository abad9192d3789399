# SPDX-License-Identifier: Apache-2.0
"""Each allocation of a command fails in turn: never a crash, never half a file.

A run whose n-th allocation failed must either say so and exit with an error, or have done without
and left exactly what an undisturbed run leaves. Every allocation is tried up to FIRST, then
sparsely; all of them with SAMC_FULL=1. SAMC_FAIL_ALLOC names the preloaded library.
"""
import json
import os
import subprocess
import unittest

from samc_test import BINARY, Case, MODEL, photo_bytes, png_bytes

BYTES = os.environ["SAMC_BYTES"]  # tests/faults/bytes.c
FIRST = 300
SPARSE = 150  # how many of the others

WITH_MODEL = ["-m", MODEL, "--threads", "1"]
RUNS = {
    "points": ["segment", "a.png", *WITH_MODEL, "-p", "24,16", "-p", "3,3,-", "--multimask", "--json",
               "-o", "out", "--save", "mask,overlay,cutout,logits,low_res,grid"],
    "prompts": ["segment", "a.png", *WITH_MODEL, "--prompts", "p.json", "--json", "-o", "out"],
    "boxes": ["boxes", "d", "--photos", ".", *WITH_MODEL, "--names", "names.txt", "-o", "out"],
    "masks": ["masks", "clean", "m", "-o", "out", "--fill-holes", "all", "--drop-islands", "2",
              "--duplicates", "0.9", "--nested", "merge", "--disjoint", "smallest"],
    "decoder": ["convert", MODEL, "out/d.safetensors", "--part", "decoder"],
    "bytes": [BYTES, MODEL, "out/d.safetensors"],
    "auto": ["auto", "a.png", *WITH_MODEL, "--points-per-side", "2", "--pred-iou-thresh", "-1",
             "--crop-n-layers", "1", "--stability-score-thresh", "0", "--min-mask-region-area", "9",
             "-o", "out", "--format", "amg,labelmap,overlay,sidebyside,grid"],
}


class Allocations(Case):
    def setUp(self):
        super().setUp()
        self.write("a.png", photo_bytes())
        self.write("m.png", photo_bytes())
        self.write("p.json", b'{"objects": [{"points": [[24, 16]], "labels": [1]},'
                             b' {"box": [1, 1, 20, 20], "mask": "m.png"}]}')
        self.write("d/lines.jsonl", b'{"photo": "a.png", "box": [1, 1, 20, 20], "class": "dog"}\n')
        self.write("d/coco.json", json.dumps({
            "images": [{"id": 3, "file_name": "m.png"}], "categories": [{"id": 1, "name": "cat"}],
            "annotations": [{"image_id": 3, "category_id": 1, "bbox": [1, 2, 30, 20], "score": 0.5}]
        }).encode())
        self.write("d/m.txt", b"1 0.5 0.5 0.25 0.5 0.75\n")
        self.write("names.txt", b"cat\ndog\n")
        ring = {"size": [3, 3], "counts": [0, 4, 1, 4]}
        self.write("m/1.json", json.dumps({
            "image": {"width": 3, "height": 3},
            "annotations": [{"segmentation": ring}, {"segmentation": ring}]}).encode())
        self.write("m/2.json", json.dumps({
            "images": [{"id": 3, "width": 9, "height": 9}], "info": {},
            "annotations": [{"image_id": 3, "segmentation": [[0, 0, 4, 0, 4, 4]]},
                            {"image_id": 3, "segmentation": [[1, 1, 3, 1, 3, 3, 1, 3]]}]}).encode())
        self.write("m/l.png", png_bytes(3, 3, bytes([1, 1, 1, 1, 0, 1, 1, 1, 1]), 1))
        self.write("m/amg/0.png", png_bytes(3, 3, bytes([1, 1, 1, 1, 0, 1, 1, 1, 1]), 1))
        self.write("m/amg/metadata.csv", b"id,area,bbox_x0,bbox_y0,bbox_w,bbox_h,x,y,iou\n"
                                         b"0,8,0,0,2,2,1,1,0.5\n")

    def outputs(self):
        found = {}
        for folder, _, names in os.walk(self.path("out")):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, self.path("out"))] = file.read()
                os.unlink(path)
        return found

    def run_with(self, words, number):
        """Exit code, stdout, stderr, files, allocations and whether one failed."""
        variables = {**os.environ, "LD_PRELOAD": os.environ["SAMC_FAIL_ALLOC"],
                     "SAMC_FAIL_AT": str(number), "SAMC_FAIL_REPORT": self.path("report")}
        command = words if words[0] == BYTES else [BINARY, *words]
        done = subprocess.run(command, cwd=self.folder, env=variables,
                              capture_output=True, timeout=120, check=False)
        self.assertGreaterEqual(done.returncode, 0,
                                f"allocation {number}: signal {-done.returncode}")
        with open(self.path("report"), encoding="ascii") as file:
            calls, failed = map(int, file.read().split())
        os.unlink(self.path("report"))
        return (done.returncode, done.stdout, done.stderr.decode(), self.outputs(), calls,
                bool(failed))

    def step_through(self, words, quiet=True, data=None):
        """`quiet`: the command has nothing to say on stderr; `data`: it has some on stdout (where
        it is quiet, unless said)."""
        data = quiet if data is None else data
        code, out, err, files, calls, failed = self.run_with(words, 0)
        self.assertEqual((code, failed), (0, False), err)
        self.assertTrue(files)
        self.assertEqual((bool(out), not err), (data, quiet))
        self.assertGreater(calls, 20, "the shim counts nothing")
        numbers = range(1, calls + 1)
        if not os.environ.get("SAMC_FULL") and calls > FIRST:
            stride = max(1, (calls - FIRST) // SPARSE)
            numbers = [*range(1, FIRST + 1), *range(FIRST + 1, calls + 1, stride)]
        survived = 0
        for number in numbers:
            code, out_now, err, files_now, _, failed = self.run_with(words, number)
            with self.subTest(allocation=number, said=err):
                self.assertTrue(failed, "the run was not the same as the first one")
                for name, data in files_now.items():
                    if name == "coco.json":  # of the photos that were done
                        self.assertLessEqual(len(json.loads(data)["images"]), 3)
                    else:
                        self.assertEqual(data, files[name], f"{name} is half a file")
                if code == 0:
                    survived += 1
                    self.assertEqual((out_now, len(files_now)), (out, len(files)))
                else:
                    self.assertIn(code, (1, 2, 3, 4))
                    self.assertTrue(err.startswith("samc: "), err)
                    self.assertTrue(out.startswith(out_now), "stdout holds something else")
        print(f"{len(numbers)} of {calls} allocations failed in turn, {survived} were done without")
        self.assertLess(survived, len(numbers) / 2)

    def test_points(self):
        self.step_through(RUNS["points"])

    def test_prompts(self):
        self.step_through(RUNS["prompts"])

    def test_boxes(self):
        self.step_through(RUNS["boxes"], quiet=False)

    def test_masks(self):
        self.step_through(RUNS["masks"], quiet=False)

    def test_decoder(self):
        os.mkdir(self.path("out"))
        self.step_through(RUNS["decoder"], data=False)

    def test_bytes(self):
        os.mkdir(self.path("out"))
        self.step_through(RUNS["bytes"])

    def test_auto(self):
        self.step_through(RUNS["auto"], data=False)


if __name__ == "__main__":
    unittest.main()
