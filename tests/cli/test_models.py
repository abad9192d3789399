# SPDX-License-Identifier: Apache-2.0
"""samc info and samc convert: what a checkpoint is, and one file of it."""
import json
import os
import re
import resource
import struct
import unittest

from samc_test import Case, MODEL, photo_bytes

SOURCE = os.path.join(os.path.dirname(__file__), "..", "..", "src", "kernels", "kernels.h")


def header(path):
    """The JSON header of a safetensors file."""
    with open(path, "rb") as file:
        return json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))


class Info(Case):
    def test_text(self):
        lines = self.samc("info", MODEL).out.splitlines()
        facts = dict(re.split(r"  +", line, maxsplit=1) for line in lines[:lines.index("")])
        self.assertEqual(facts["format"], "PyTorch .pth")
        self.assertEqual(facts["image"], "160 x 160 pixels, patches of 16, 10 x 10 tokens")
        self.assertEqual(facts["image encoder"], "width 40, depth 3, 2 heads of 20, MLP 160")
        self.assertEqual(facts["attention"], "windows of 4; global in blocks 1")
        tensors = lines[lines.index("") + 1:]
        self.assertEqual(facts["f32"].split()[0], str(len(tensors)))
        self.assertTrue(any(re.fullmatch(r"image_encoder\.pos_embed +f32 +\[1, 10, 10, 40\]", t)
                            for t in tensors))

    def test_json_says_the_same(self):
        said = json.loads(self.samc("info", "--json", MODEL).out)
        self.assertEqual((said["config"]["image_size"], said["config"]["window_size"],
                          said["config"]["global_blocks"]), (160, 4, [1]))
        count = 0
        for t in said["tensors"]:
            n = 1
            for side in t["shape"]:
                n *= side
            count += 0 if t["name"].endswith("gaussian_matrix") else n
        self.assertEqual(said["parameters"], count)
        self.assertIn(f"parameters      {count}\n", self.samc("info", MODEL).out)

    def test_a_file_that_is_no_model(self):
        self.write("a.png", photo_bytes())
        self.assertIn("a.png", self.samc("info", "a.png", code=3).err)
        self.assertIn("gone.pth", self.samc("info", "gone.pth", code=3).err)
        self.assertIn("say which file", self.samc("info", code=2).err)

    def test_cpu_names_the_function_behind_every_entry(self):
        with open(SOURCE, encoding="utf-8") as file:
            table = file.read().split("typedef struct samc_kernels {")[1].split("} samc_kernels;")[0]
        entries = re.findall(r"\(\*(\w+)\)\(", re.sub(r"/\*.*?\*/", "", table, flags=re.S))
        self.assertIn("gemm", entries)
        paths = re.search(r"^paths .*: (.*)$", self.samc("info", "--cpu").out, re.M).group(1).split()
        self.assertEqual(paths[0], "portable")
        for path in paths:
            out = self.samc("info", "--cpu", "--kernels", path).out
            self.assertIn(f"used: {path}", out)
            rows = re.findall(r"^  (\w+) +(\w+)\.(\w+)$", out, re.M)
            self.assertEqual([row[0] for row in rows], entries)
            for entry, owner, function in rows:
                self.assertEqual(function, entry)
                self.assertIn(owner, paths[:paths.index(path) + 1])
            self.assertIn((entries[entries.index("gemm")], path, "gemm"), rows)
        self.assertIn(f"used: {paths[-1]}", self.samc("info", "--cpu").out)


class Convert(Case):
    def setUp(self):
        super().setUp()
        self.write("a.png", photo_bytes())

    def masks(self, model):
        done = self.samc("segment", "a.png", "-m", model, "-p", "24,16", "--multimask", "--json")
        return [json.loads(line) for line in done.out.splitlines()]

    def test_one_file_that_describes_itself(self):
        size, before = {}, self.masks(MODEL)
        for dtype, near in (("f32", 0.0), ("f16", 0.01), ("bf16", 0.05)):
            name = dtype + ".safetensors"
            self.samc("convert", MODEL, name, "--dtype", dtype)
            size[dtype] = os.path.getsize(self.path(name))
            said = header(self.path(name))
            self.assertEqual({t["dtype"] for n, t in said.items() if n != "__metadata__"},
                             {dtype.upper()})
            self.assertEqual(said["__metadata__"]["format"], "samc model")
            self.assertEqual(said["__metadata__"]["image_size"], "160")
            for a, b in zip(before, self.masks(name)):
                self.assertLessEqual(abs(a["predicted_iou"] - b["predicted_iou"]), near)
        self.assertLess(max(size["f16"], size["bf16"]), 0.6 * size["f32"])
        self.assertEqual(self.masks("f32.safetensors"), before)

    def test_the_decoder_alone(self):
        self.samc("embed", "a.png", "-m", MODEL, "-o", "e")
        self.samc("convert", MODEL, "part.safetensors", "--part", "decoder")
        self.samc("convert", "part.safetensors", "again.safetensors")
        said = header(self.path("part.safetensors"))
        self.assertEqual({n.split(".")[0] for n in said},
                         {"__metadata__", "prompt_encoder", "mask_decoder"})
        with open(self.path("part.safetensors"), "rb") as a, open(self.path("again.safetensors"), "rb") as b:
            self.assertEqual(a.read(), b.read())
        words = ["segment", "a.png", "-p", "24,16", "--multimask", "--json", "--embedding", "e/a.safetensors"]
        self.assertEqual(self.samc(*words, "-m", "part.safetensors").out, self.samc(*words, "-m", MODEL).out)
        done = self.samc("segment", "a.png", "-p", "24,16", "--json", "-m", "part.safetensors", code=1)
        self.assertIn("decoder alone", done.err)
        self.assertIn("image encoder   none", self.samc("info", "part.safetensors").out)
        self.assertIn("decoder alone", self.samc("export", "part.safetensors", "x.safetensors", code=3).err)
        self.assertIn("--part encoder", self.samc("convert", MODEL, "x", "--part", "encoder", code=2).err)

    def test_thresholds(self):
        """Written where they are asked for, then kept until others are."""
        def of(path):
            said = header(self.path(path))["__metadata__"]
            return said.get("samc.pred_iou_thresh"), said.get("samc.stability_score_thresh")

        self.samc("convert", MODEL, "none.safetensors")
        self.samc("convert", MODEL, "some.safetensors", "--thresholds", "0.6,0.70")
        self.samc("convert", "some.safetensors", "kept.safetensors", "--dtype", "f16")
        self.samc("convert", "some.safetensors", "part.safetensors", "--part", "decoder")
        self.samc("convert", "part.safetensors", "again.safetensors")
        self.samc("convert", "kept.safetensors", "other.safetensors", "--thresholds", "0,1")
        self.assertEqual(of("none.safetensors"), (None, None))
        for name in ("some", "kept", "part", "again"):
            self.assertEqual(of(name + ".safetensors"), ("0.6", "0.70"), name)
        self.assertEqual(of("other.safetensors"), ("0", "1"))
        self.assertRegex(self.samc("info", "some.safetensors").out,
                         r"(?m)^recommends +pred-iou-thresh 0\.6, stability-score-thresh 0\.70$")
        self.assertNotIn("recommends", self.samc("info", MODEL).out)
        said = [json.loads(self.samc("info", "--json", name).out)["config"]["recommended"]
                for name in (MODEL, "some.safetensors")]
        self.assertEqual(said, [None, {"pred_iou_thresh": 0.6, "stability_score_thresh": 0.7}])

    def test_thresholds_that_are_none(self):
        for text, says in (("0.6", "two numbers"), ("1.2,0.5", "samc.pred_iou_thresh is 1.2"),
                           ("0.5,nan", "samc.stability_score_thresh is nan"), ("", "two numbers"),
                           ("0.1234567890123456,1", "two numbers"), ("0.5,0.5,0.5", "0.5,0.5")):
            done = self.samc("convert", MODEL, "x.safetensors", "--thresholds", text, code=2)
            self.assertIn(says, done.err)
        self.samc("convert", MODEL, "x.safetensors", "--thresholds", "0.6,0.7")
        with open(self.path("x.safetensors"), "r+b") as file:
            data = file.read().replace(b'"0.6"', b'"1.6"')
            file.seek(0)
            file.write(data)
        for words in (["segment", "a.png", "-p", "1,1", "--json", "-m", "x.safetensors"],
                      ["convert", "x.safetensors", "y.safetensors"]):
            self.assertIn("samc.pred_iou_thresh is 1.6", self.samc(*words, code=3).err)
        self.assertEqual(self.files(), ["a.png", "x.safetensors"])

    def test_what_does_not_fit_f16_is_named(self):
        self.samc("convert", MODEL, "big.safetensors")
        said = header(self.path("big.safetensors"))
        name = "image_encoder.neck.0.weight"
        with open(self.path("big.safetensors"), "r+b") as file:
            start = 8 + struct.unpack("<Q", file.read(8))[0] + said[name]["data_offsets"][0]
            file.seek(start)
            file.write(struct.pack("<f", 70000.0))
        done = self.samc("convert", "big.safetensors", "half.safetensors", "--dtype", "f16", code=3)
        self.assertIn(name, done.err)
        self.assertEqual(self.files(), ["a.png", "big.safetensors"])

    def test_refusals(self):
        self.assertIn("--dtype f8", self.samc("convert", MODEL, "x", "--dtype", "f8", code=2).err)
        self.assertIn("file to write", self.samc("convert", MODEL, code=2).err)
        self.assertIn("gone.pth", self.samc("convert", "gone.pth", "x.safetensors", code=3).err)
        self.assertIn("a.png", self.samc("convert", "a.png", "x.safetensors", code=3).err)
        self.assertEqual(self.files(), ["a.png"])

    def test_output_that_takes_nothing(self):
        done = self.samc("convert", MODEL, "no/x.safetensors", code=4)
        self.assertIn("cannot write no/x.safetensors", done.err)
        self.write("x.safetensors", b"old")
        self.samc("convert", MODEL, "x.safetensors", code=4, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (4000, 4000)))
        self.assertEqual(self.files(), ["a.png", "x.safetensors"])
        with open(self.path("x.safetensors"), "rb") as file:
            self.assertEqual(file.read(), b"old")


if __name__ == "__main__":
    unittest.main()
