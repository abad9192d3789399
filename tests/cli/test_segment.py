# SPDX-License-Identifier: Apache-2.0
"""What `samc segment` and `samc embed` print and write."""
import json
import os
import unittest

from samc_test import (Case, decode_rle, photo_bytes, png_bytes, read_npy, read_png, write_npy)

WIDTH, HEIGHT = 48, 32
KEYS = ["photo", "object", "mask", "predicted_iou", "stability_score", "area", "bbox",
        "segmentation"]


class Segment(Case):
    def setUp(self):
        super().setUp()
        self.write("a.png", photo_bytes(WIDTH, HEIGHT))

    def read(self, *names):
        with open(self.path(*names), "rb") as file:
            return read_png(file.read())

    def test_json_lines(self):
        records = self.records("a.png", "-p", "24,16", "--multimask")
        self.assertEqual([list(r) for r in records], [KEYS] * 3)
        self.assertEqual([(r["photo"], r["object"], r["mask"]) for r in records],
                         [("a.png", 0, 0), ("a.png", 0, 1), ("a.png", 0, 2)])
        for r in records:
            self.assertIsInstance(r["predicted_iou"], float)
            self.assertTrue(0 <= r["stability_score"] <= 1)
            self.assertEqual(r["segmentation"]["size"], [HEIGHT, WIDTH])
            mask = decode_rle(r["segmentation"])
            self.assertEqual(r["area"], sum(mask))
            inside = [(i % WIDTH, i // WIDTH) for i, v in enumerate(mask) if v]
            if inside:
                x0, y0 = min(x for x, _ in inside), min(y for _, y in inside)
                x1, y1 = max(x for x, _ in inside), max(y for _, y in inside)
                self.assertEqual(r["bbox"], [x0, y0, x1 - x0, y1 - y0])
            else:
                self.assertEqual(r["bbox"], [0, 0, 0, 0])

    def test_numbers_survive(self):
        # nine digits tell every float apart: reading them into f32 and out again changes nothing
        import struct
        for r in self.records("a.png", "-p", "24,16", "--multimask"):
            for key in ("predicted_iou", "stability_score"):
                as_float = struct.unpack("f", struct.pack("f", r[key]))[0]
                self.assertEqual(f"{as_float:.9g}", f"{r[key]:.9g}")

    def test_words_and_data_are_apart(self):
        done = self.segment("a.png", "-p", "24,16", "--json", "-o", "out")
        for line in done.out.splitlines():
            json.loads(line)
        self.assertEqual(done.err, "")  # no progress bar: stderr is no terminal

    def test_default_files(self):
        self.segment("a.png", "-p", "24,16", "-o", "deep/out")
        self.assertEqual(self.files("deep/out"),
                         ["a_object0_mask0.png", "a_object0_mask0_overlay.png"])

    def test_mask_is_what_json_says(self):
        for r in self.records("a.png", "-p", "24,16", "--multimask", "-o", "out", "--save",
                              "mask"):
            name = f"a_object0_mask{r['mask']}.png"
            width, height, channels, pixels = self.read("out", name)
            self.assertEqual((width, height, channels), (WIDTH, HEIGHT, 1))
            self.assertEqual(set(pixels) - {0, 255}, set())
            self.assertEqual(bytes(v // 255 for v in pixels), decode_rle(r["segmentation"]))
        self.assertEqual(self.files("out"), [f"a_object0_mask{m}.png" for m in range(3)])

    def test_logits_are_the_masks(self):
        records = self.records("a.png", "-p", "24,16", "--multimask", "-o", "out", "--save",
                               "logits")
        self.assertEqual(self.files("out"), ["a_object0_logits.npy"])
        shape, values = read_npy(self.path("out", "a_object0_logits.npy"))
        self.assertEqual(shape, (3, HEIGHT, WIDTH))
        for i, r in enumerate(records):
            plane = values[i * WIDTH * HEIGHT:(i + 1) * WIDTH * HEIGHT]
            self.assertEqual(bytes(v > 0 for v in plane), decode_rle(r["segmentation"]))

    def test_cutout(self):
        record, = self.records("a.png", "-p", "24,16", "-o", "out", "--save", "cutout")
        _, _, _, photo = self.read("a.png")
        width, height, channels, pixels = self.read("out", "a_object0_mask0_cutout.png")
        self.assertEqual((width, height, channels), (WIDTH, HEIGHT, 4))
        mask = decode_rle(record["segmentation"])
        self.assertEqual(bytes(v // 255 for v in pixels[3::4]), mask)
        for i, inside in enumerate(mask):
            if inside:
                self.assertEqual(pixels[4 * i:4 * i + 3], photo[3 * i:3 * i + 3])

    def framed(self, name, mask, colour=None):
        """The share of inside pixels that are photo * 0.4 + colour * 0.6, and of outside pixels that
        are the photo's, in a picture with a title above and margins around; both are below 1
        where stars and boxes are drawn."""
        _, _, _, photo = self.read("a.png")
        width, height, channels, pixels = self.read("out", name)
        self.assertEqual(channels, 3)
        left = (width - WIDTH) // 2
        top = height - left - HEIGHT
        right = [0, 0]
        for i, inside in enumerate(mask):
            at = 3 * ((top + i // WIDTH) * width + left + i % WIDTH)
            want = [photo[3 * i + c] * 0.4 + colour[c] * 0.6 if inside else photo[3 * i + c]
                    for c in range(3)]
            right[inside] += all(abs(pixels[at + c] - want[c]) <= 1 for c in range(3))
        return right[1] / max(1, sum(mask)), right[0] / max(1, len(mask) - sum(mask))

    def test_overlay_is_the_notebooks(self):
        record, = self.records("a.png", "-p", "1,1", "-o", "out", "--save", "overlay")
        inside, outside = self.framed("a_object0_mask0_overlay.png",
                                      decode_rle(record["segmentation"]), (30, 144, 255))
        self.assertGreater(min(inside, outside), 0.5)

    def test_overlay_of_several_objects_has_several_colours(self):
        records = self.records("a.png", "-p", "1,1", "--object", "-b", "20,10,40,30", "-o", "out",
                               "--save", "overlay")
        self.assertEqual(self.files("out"), ["a_overlay.png"])
        width, height, _, pixels = self.read("out", "a_overlay.png")
        self.assertEqual((width, height), (WIDTH, HEIGHT))
        _, _, _, photo = self.read("a.png")
        first, second = (decode_rle(r["segmentation"]) for r in records)
        tints = [set(), set()]
        for i, pair in enumerate(zip(first, second)):
            if sum(pair) == 1:
                tints[pair[1]].add(tuple(round((pixels[3 * i + c] - photo[3 * i + c] * 0.4) / 0.6)
                                         for c in range(3)))
        self.assertTrue(any(abs(r - 30) < 3 and abs(g - 144) < 3 and abs(b - 255) < 3
                            for r, g, b in tints[0]), "object 0 is blue")
        self.assertFalse(any(abs(r - 30) < 3 and abs(g - 144) < 3 and abs(b - 255) < 3
                             for r, g, b in tints[1]), "object 1 is not")

    def test_overlay_of_several_objects_shows_the_best_masks(self):
        self.records("a.png", "-p", "1,1", "--object", "-b", "20,10,40,30", "--multimask", "-o",
                     "out", "--save", "overlay")
        shown = self.read("out", "a_overlay.png")[3]
        photo = self.read("a.png")[3]
        records = self.records("a.png", "-p", "1,1", "--object", "-b", "20,10,40,30", "--multimask")
        best = [max(records[o:o + 3], key=lambda r: r["predicted_iou"]) for o in (0, 3)]
        self.assertEqual([r["mask"] for r in best], [1, 1])  # neither the first nor the last
        union = [a or b for a, b in zip(*(decode_rle(r["segmentation"]) for r in best))]
        same = sum((shown[3 * i:3 * i + 3] != photo[3 * i:3 * i + 3]) == union[i]
                   for i in range(WIDTH * HEIGHT))
        self.assertGreater(same / (WIDTH * HEIGHT), 0.9)  # the rest is star and box

    def test_stars_are_green_and_red(self):
        for sign, colour in (("+", (0, 128, 0)), ("-", (255, 0, 0))):
            self.segment("a.png", "-b", "0,0,48,32", "-p", "24,16," + sign, "-o", "out", "--save",
                         "overlay")
            width, height, _, pixels = self.read("out", "a_object0_mask0_overlay.png")
            left = (width - WIDTH) // 2
            at = 3 * ((height - left - HEIGHT + 16) * width + left + 24)
            self.assertEqual(tuple(pixels[at:at + 3]), colour)

    def test_grid_shows_the_masks_in_their_order(self):
        self.segment("a.png", "-p", "24,16", "--multimask", "-o", "out", "--save", "grid,overlay")
        width, height, _, grid = self.read("out", "a_grid.png")
        places = []
        for m in range(3):
            w, h, _, pixels = self.read("out", f"a_object0_mask{m}_overlay.png")
            left = (w - WIDTH) // 2
            rows = [pixels[3 * (y * w + left):3 * (y * w + left + WIDTH)]
                    for y in range(h - left - HEIGHT, h - left)]
            places.append([(x, y) for y in range(height - HEIGHT + 1)
                           for x in range(width - WIDTH + 1)
                           if all(grid[3 * ((y + i) * width + x):3 * ((y + i) * width + x + WIDTH)]
                                  == rows[i] for i in range(HEIGHT))])
        self.assertEqual([len(p) for p in places], [1, 1, 1])
        xs, ys = zip(*(p[0] for p in places))
        self.assertEqual(sorted(xs), list(xs))
        self.assertGreaterEqual(min(xs[1] - xs[0], xs[2] - xs[1]), WIDTH)
        self.assertEqual(len(set(ys)), 1)

    def test_more_objects_than_are_predicted_at_once(self):
        words = ["-p", "1,1"]
        for i in range(1, 70):
            words += ["--object", "-p", f"{i % WIDTH},{i % HEIGHT}"]
        records = self.records("a.png", *words, "-o", "out", "--save", "mask")
        self.assertEqual([r["object"] for r in records], list(range(70)))
        self.assertEqual(len(self.files("out")), 70)
        self.assertEqual({**records[69], "object": 0}, self.records("a.png", "-p", "21,5")[0])

    def test_everything_at_once(self):
        self.segment("a.png", "-p", "24,16", "-b", "9,9,30,30", "--multimask", "-o", "out",
                     "--save", "mask,overlay,cutout,logits,low_res,grid")
        names = [f"a_object0_mask{m}{end}" for m in range(3)
                 for end in (".png", "_cutout.png", "_low_res.npy", "_overlay.png")]
        self.assertEqual(self.files("out"),
                         sorted(names + ["a_object0_logits.npy", "a_grid.png"]))

    def test_objects(self):
        prompts = [["-p", "24,16", "-p", "2,2,-"], ["-b", "5,5,20,20"], ["-p", "40,9,+"]]
        words = prompts[0] + ["--object"] + prompts[1] + ["--object"] + prompts[2]
        together = self.records("a.png", *words, "-o", "out")
        self.assertEqual([r["object"] for r in together], [0, 1, 2])
        for i, prompt in enumerate(prompts):  # each stands for itself
            alone, = self.records("a.png", *prompt)
            self.assertEqual({**alone, "object": i}, together[i])
        self.assertEqual(self.files("out"), ["a_object0_mask0.png", "a_object1_mask0.png",
                                             "a_object2_mask0.png", "a_overlay.png"])

    def test_object_may_come_first(self):
        self.assertEqual(self.records("a.png", "--object", "-p", "24,16"),
                         self.records("a.png", "-p", "24,16"))

    def test_labels_have_two_spellings(self):
        self.assertEqual(self.records("a.png", "-p", "24,16,+", "-p", "3,3,-"),
                         self.records("a.png", "-p", "24,16,1", "-p", "3,3,0"))

    def test_label_matters(self):
        self.assertNotEqual(self.records("a.png", "-p", "24,16", "-p", "3,3,-"),
                            self.records("a.png", "-p", "24,16", "-p", "3,3,+"))

    def test_prompt_file_is_the_options(self):
        self.write("p.json", json.dumps({"objects": [
            {"points": [[24, 16], [2, 2]], "labels": [1, 0]}, {"box": [5, 5, 20, 20]}]}).encode())
        self.assertEqual(self.records("a.png", "--prompts", "p.json"),
                         self.records("a.png", "-p", "24,16", "-p", "2,2,-", "--object", "-b",
                                      "5,5,20,20"))

    def test_prompts_of_each_photo(self):
        self.write("b.png", photo_bytes(WIDTH, HEIGHT, 3))
        self.write("c.png", photo_bytes(WIDTH, HEIGHT, 2))
        self.write("p.json", json.dumps({"photos": {
            "a.png": {"objects": [{"points": [[24, 16]], "labels": [1]}]},
            "b.png": {"objects": [{"box": [5, 5, 20, 20]}]}}}).encode())
        done = self.segment("a.png", "b.png", "c.png", "--prompts", "p.json", "--json", code=1)
        records = [json.loads(line) for line in done.out.splitlines()]
        self.assertEqual([r["photo"] for r in records], ["a.png", "b.png"])
        self.assertEqual(records[1], self.records("b.png", "-b", "5,5,20,20")[0])
        self.assertIn("no prompts for c.png", done.err)

    def test_logits_feed_back(self):
        self.segment("a.png", "-p", "24,16", "--multimask", "-o", "out", "--save", "low_res")
        shape, values = read_npy(self.path("out", "a_object0_mask1_low_res.npy"))
        self.assertEqual(shape[0], 1)
        self.assertEqual(shape[1], shape[2])
        fed = self.records("a.png", "-p", "24,16", "--mask", "out/a_object0_mask1_low_res.npy")
        self.assertNotEqual(fed, self.records("a.png", "-p", "24,16"))
        write_npy(self.path("flat.npy"), shape[1:], values)  # without the leading 1
        self.assertEqual(fed, self.records("a.png", "-p", "24,16", "--mask", "flat.npy"))

    def test_mask_alone_is_a_prompt(self):
        self.write("m.png", png_bytes(WIDTH, HEIGHT, b"".join(
            b"\xff" if 8 < x < 30 and 8 < y < 25 else b"\0"
            for y in range(HEIGHT) for x in range(WIDTH)), 1))
        drawn = self.records("a.png", "--mask", "m.png")
        self.assertEqual(len(drawn), 1)
        self.write("n.png", png_bytes(WIDTH, HEIGHT, bytes(WIDTH * HEIGHT), 1))
        self.assertNotEqual(drawn, self.records("a.png", "--mask", "n.png"))

    def failed(self, *words, says):
        done = self.segment("a.png", "--json", *words, code=1)
        self.assertIn(says, done.err)
        self.assertEqual(done.out, "")

    def test_masks_that_do_not_fit(self):
        self.write("m.png", png_bytes(WIDTH, HEIGHT - 1, bytes(WIDTH * (HEIGHT - 1)), 1))
        self.failed("--mask", "m.png", says="photo's size")
        write_npy(self.path("m.npy"), (7, 7), [0.0] * 49)
        self.failed("--mask", "m.npy", says="low_res")
        self.segment("a.png", "-p", "1,1", "-o", "out", "--save", "low_res")
        shape, values = read_npy(self.path("out", "a_object0_mask0_low_res.npy"))
        write_npy(self.path("nan.npy"), shape, values[:-1] + (float("nan"),))
        self.failed("--mask", "nan.npy", says="finite")
        self.failed("--mask", "nothing.npy", says="nothing.npy")

    def test_prompts_outside_the_photo(self):
        for words in (("-p", "49,5"), ("-p", "5,33"), ("-p", "-1,5"), ("-b", "1,1,49,9"),
                      ("-b", "-2,1,9,9"), ("-p", "5,5", "--object", "-p", "500,5")):
            with self.subTest(words):
                self.failed(*words, says="a.png: ")

    def test_threads_and_kernels_change_nothing_or_little(self):
        one = self.records("a.png", "-p", "24,16", "--threads", "1")
        self.assertEqual(one, self.records("a.png", "-p", "24,16", "--threads", "2"))
        portable, = self.records("a.png", "-p", "24,16", "--kernels", "portable")
        self.assertAlmostEqual(portable["predicted_iou"], one[0]["predicted_iou"], places=3)

    def test_embedding_stands_for_encoding(self):
        self.samc("embed", "a.png", "-m", os.environ["SAMC_TINY_MODEL"], "-o", "emb")
        self.assertEqual(self.files("emb"), ["a.safetensors"])
        self.assertEqual(self.records("a.png", "-p", "24,16", "--embedding", "emb/a.safetensors"),
                         self.records("a.png", "-p", "24,16"))

    def test_half_embedding_is_half_the_size(self):
        for dtype in ("f32", "f16"):
            self.samc("embed", "a.png", "-m", os.environ["SAMC_TINY_MODEL"], "-o", dtype,
                      "--dtype", dtype)
        sizes = [os.path.getsize(self.path(d, "a.safetensors")) for d in ("f16", "f32")]
        self.assertLess(sizes[0], 0.6 * sizes[1])
        self.assertEqual(len(self.records("a.png", "-p", "24,16", "--embedding",
                                          "f16/a.safetensors")), 1)

    def test_embedding_of_another_photo(self):
        self.write("b.png", photo_bytes(WIDTH + 1, HEIGHT))
        self.samc("embed", "b.png", "-m", os.environ["SAMC_TINY_MODEL"], "-o", "emb")
        self.failed("-p", "1,1", "--embedding", "emb/b.safetensors", says="another photo")
        self.failed("-p", "1,1", "--embedding", "a.png", says="a.png")
        self.failed("-p", "1,1", "--embedding", "gone", says="gone")


if __name__ == "__main__":
    unittest.main()
