# SPDX-License-Identifier: Apache-2.0
"""samc export: the model of a training checkpoint. (What is in the files: tests/unit/test_checkpoint.c)"""
import json
import os
import stat
import struct
import unittest

from samc_test import Case, MODEL


def read_safetensors(path):
    """(metadata, {name: (dtype, shape, bytes)})"""
    with open(path, "rb") as file:
        data = file.read()
    size, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", {})
    return metadata, {name: (e["dtype"], e["shape"],
                             data[8 + size + e["data_offsets"][0]:8 + size + e["data_offsets"][1]])
                      for name, e in header.items()}


def write_safetensors(path, metadata, tensors):
    header, at = {"__metadata__": metadata}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)


class Export(Case):
    def run_checkpoint(self, path):
        """A run's checkpoint of the tiny model, whose average is twice its values."""
        self.samc("convert", MODEL, "plain.safetensors")
        _, model = read_safetensors(self.path("plain.safetensors"))
        tensors = dict(model)
        for name, (dtype, shape, data) in model.items():
            twice = struct.pack(f"<{len(data) // 4}f",
                                *(2 * x for x in struct.unpack(f"<{len(data) // 4}f", data)))
            tensors["ema." + name] = dtype, shape, twice
            tensors["optimizer.m." + name] = tensors["optimizer.v." + name] = dtype, shape, data
        write_safetensors(self.path(path), {"format": "samc training", "format_version": "1",
                                            "step": "77", "seed": "1", "recipe": "r"}, tensors)
        return model

    def values(self, *words):
        done = self.samc("export", "run.safetensors", "out.safetensors", *words)
        self.assertEqual((done.out, done.err), ("", ""))
        metadata, tensors = read_safetensors(self.path("out.safetensors"))
        self.assertEqual(metadata["step"], "77")
        return metadata["weights"], tensors

    def test_average_or_values(self):
        model = self.run_checkpoint("run.safetensors")
        name = "mask_decoder.iou_token.weight"
        single = model[name][2]
        kind, raw = self.values("--raw")
        self.assertEqual((kind, raw), ("raw", model))
        for words in ((), ("--ema",)):
            kind, average = self.values(*words)
            self.assertEqual((kind, average.keys()), ("ema", model.keys()))
            self.assertEqual(struct.unpack("<f", average[name][2][:4])[0],
                             2 * struct.unpack("<f", single[:4])[0])
        _, half = self.values("--dtype", "f16")
        self.assertEqual(half[name][0], "F16")

    def test_thresholds(self):
        self.run_checkpoint("run.safetensors")
        self.samc("export", "run.safetensors", "a.safetensors", "--thresholds", "0.5,0.25")
        self.samc("export", "a.safetensors", "b.safetensors", "--dtype", "f16")
        for name in ("a.safetensors", "b.safetensors"):
            metadata, _ = read_safetensors(self.path(name))
            self.assertEqual([metadata[key] for key in (
                "weights", "step", "samc.pred_iou_thresh", "samc.stability_score_thresh")],
                ["ema", "77", "0.5", "0.25"])
        self.samc("export", "run.safetensors", "c.safetensors")
        self.assertNotIn("samc.pred_iou_thresh", read_safetensors(self.path("c.safetensors"))[0])
        done = self.samc("export", "run.safetensors", "d.pth", "--thresholds", "0.5,0.5", code=2)
        self.assertIn("no place for --thresholds", done.err)

    def test_pth_is_a_model(self):
        self.run_checkpoint("run.safetensors")
        self.samc("export", "run.safetensors", "out.pth", "--raw")
        with open(self.path("out.pth"), "rb") as file:
            self.assertEqual(file.read(4), b"PK\3\4")
        self.samc("convert", "out.pth", "back.safetensors")
        self.assertEqual(read_safetensors(self.path("back.safetensors"))[1],
                         read_safetensors(self.path("plain.safetensors"))[1])

    def test_a_checkpoint_converts_to_its_values(self):
        model = self.run_checkpoint("run.safetensors")
        self.samc("convert", "run.safetensors", "out.safetensors")
        self.assertEqual(read_safetensors(self.path("out.safetensors"))[1], model)

    def test_previous_is_taken_where_needed(self):
        self.run_checkpoint("run.safetensors.previous")
        done = self.samc("export", "run.safetensors", "out.safetensors")
        self.assertIn("going on with run.safetensors.previous", done.err)
        self.assertEqual(read_safetensors(self.path("out.safetensors"))[0]["step"], "77")

    def test_mistakes(self):
        for words, code, says in (
                ((), 2, "give the checkpoint"),
                ((MODEL, "out.bin"), 2, "ends in .safetensors or .pth"),
                ((MODEL, "out.pth", "--ema", "--raw"), 2, "not both"),
                ((MODEL, "out.pth", "--dtype", "i8"), 2, "f32, f16 or bf16"),
                (("none.safetensors", "out.pth"), 3, "none.safetensors"),
                ((MODEL, "out.pth", "--ema"), 3, "no moving average"),
                ((MODEL, "nowhere/out.pth"), 4, "nowhere/out.pth")):
            with self.subTest(words):
                self.assertIn(says, self.samc("export", *words, code=code).err)
                self.assertFalse(os.path.exists(self.path("out.pth")))


class Targets(Case):
    """Where a file is written to, and what is there already."""

    def test_a_pipe_stays(self):
        os.mkfifo(self.path("pipe.safetensors"))
        done = self.samc("convert", MODEL, "pipe.safetensors", code=4)
        self.assertIn("not a regular file", done.err)
        self.assertTrue(stat.S_ISFIFO(os.stat(self.path("pipe.safetensors")).st_mode))
        self.assertEqual(self.files(), ["pipe.safetensors"])

    def test_a_link_leads_to_what_is_written(self):
        self.write("old.safetensors", b"old")
        os.symlink("old.safetensors", self.path("link.safetensors"))
        self.samc("convert", MODEL, "link.safetensors")
        self.assertTrue(os.path.islink(self.path("link.safetensors")))
        self.assertGreater(os.path.getsize(self.path("old.safetensors")), 1000)
        self.assertEqual(self.files(), ["link.safetensors", "old.safetensors"])

    def test_a_pipe_without_writer_is_not_waited_for(self):
        os.mkfifo(self.path("pipe.safetensors"))
        self.assertIn("not a regular file", self.samc("convert", "pipe.safetensors", "out.safetensors", code=3).err)
        os.rename(self.path("pipe.safetensors"), self.path("pipe.jpg"))
        done = self.samc("segment", "-m", MODEL, "pipe.jpg", "--point", "1,1", "-o", "out", code=1)
        self.assertIn("not a regular file", done.err)


if __name__ == "__main__":
    unittest.main()
