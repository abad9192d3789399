# SPDX-License-Identifier: Apache-2.0
"""samc train and samc pretrain as a user meets them: mistakes, files that cannot be used, Ctrl-C, full disks,
resuming. With the tiny model and shapes made of random numbers. (What is learned: tests/unit/test_train.c)"""
import csv
import json
import os
import re
import resource
import signal
import subprocess
import unittest

from samc_test import BINARY, Case, MODEL, photo_bytes

SHAPES = b'{"sources": [{"type": "shapes"}]}'
QUICK = ("--batch", "1", "--masks", "1", "--rounds", "1", "--log-steps", "1", "--threads", "1")
QUICK_PIXELS = ("--batch", "1", "--log-steps", "1", "--threads", "1")


def limited(size):
    """A disk that is full once a file has `size` bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


class Training(Case):
    def setUp(self):
        super().setUp()
        self.write("r.json", SHAPES)

    def train(self, *words, **more):
        return self.samc("train", "r.json", "-o", "run", *QUICK, *words, **more)

    def begin(self, *words, **more):
        return self.train("--from", MODEL, *words, **more)

    def read(self, *names):
        with open(self.path(*names), "rb") as file:
            return file.read()

    def weights(self, run):
        data = self.read(run, "checkpoint.safetensors")
        return data[8 + int.from_bytes(data[:8], "little"):]

    def rows(self, run="run"):
        with open(self.path(run, "metrics.csv"), encoding="ascii", newline="") as file:
            return list(csv.DictReader(file))


class Mistakes(Training):
    def test_command_lines(self):
        for words, says in (
                ((), "which recipe"),
                (("r.json", "r.json"), "one recipe"),
                (("r.json", "--from", MODEL), "-o RUN"),
                (("r.json", "-o", "run"), "one of --from MODEL, --fresh SIZE and --resume"),
                (("r.json", "-o", "run", "--from", MODEL, "--resume"), "one of --from"),
                (("r.json", "-o", "run", "--resume", "--encoder", MODEL), "--encoder is for a new run"),
                (("r.json", "-o", "run", "--resume", "--image-size", "96"), "--image-size is for a new run"),
                (("r.json", "-o", "run", "--from", MODEL, "--image-size", "100"), "a multiple of its patch"),
                (("r.json", "-o", "run", "--fresh", "huge"), "small, vit_b, vit_l or vit_h"),
                (("r.json", "-o", "run", "--from", MODEL, "--speed", "3"), "no option --speed"),
                (("r.json", "-o", "run", "--from", MODEL, "--batch", "0"), "--batch is \"0\""),
                (("r.json", "-o", "run", "--from", MODEL, "--rate", "fast"), "--rate is \"fast\""),
                (("r.json", "-o", "run", "--from", MODEL, "--schedule", "steep"), "constant, step or cosine"),
                (("r.json", "-o", "run", "--from", MODEL, "--schedule", "cosine"), "how many steps"),
                (("r.json", "-o", "run", "--from", MODEL, "--minutes", "-3"), "--minutes"),
                (("r.json", "-o", "run", "--from", MODEL, "--kernels", "abacus"), "abacus")):
            with self.subTest(words):
                self.assertIn(says, self.samc("train", *words, code=2).err)
        for words, says in (
                (("r.json", "-o", "run", "--from", MODEL, "--hide", "2"), "--hide is \"2\""),
                (("r.json", "-o", "run", "--from", MODEL, "--masks", "2"), "no option --masks"),
                (("r.json", "-o", "run"), "one of --from")):
            with self.subTest(words):
                self.assertIn(says, self.samc("pretrain", *words, code=2).err)
        self.assertFalse(os.path.exists(self.path("run", "checkpoint.safetensors")))

    def test_recipes(self):
        os.mkdir(self.path("empty"))
        for text, says in (
                (b'{"sources": [', "line 1"),
                (b'{"sources": []}', "a list of 1 to"),
                (b'{"source": []}', "\"source\" is no key"),
                (b'{"sources": [{"type": "magic"}]}', "\"type\" must be"),
                (b'{"sources": [{"type": "shapes", "colour": 1}]}', "\"colour\" is no key"),
                (b'{"sources": [{"type": "sa1b", "folder": "empty"}]}', "there is no file"),
                (b'{"sources": [{"type": "sa1b", "folder": "gone"}]}', "gone"),
                (b'{"sources": [{"type": "sa1b", "folder": "${SAMC_NO_SUCH}"}]}', "SAMC_NO_SUCH")):
            self.write("bad.json", text)
            for command in (("train", "bad.json", "-o", "run", "--from", MODEL), ("samples", "bad.json")):
                with self.subTest((command[0], text)):
                    self.assertIn(says, self.samc(*command, code=1).err)
        self.assertIn("none.json", self.samc("train", "none.json", "-o", "run", "--from", MODEL, code=1).err)
        self.write("photos/a.png", photo_bytes())
        self.write("photos.json", b'{"sources": [{"type": "photos", "folder": "photos"}]}')
        self.assertIn("samc pretrain", self.samc("train", "photos.json", "-o", "run", "--from", MODEL, code=2).err)

    def test_models(self):
        self.write("text.pth", b"not a model")
        self.write("photo.safetensors", photo_bytes())
        self.samc("convert", MODEL, "whole.safetensors")
        self.write("torn.safetensors", self.read("whole.safetensors")[:-100])
        size = int.from_bytes(self.read("whole.safetensors")[:8], "little")
        header = json.loads(self.read("whole.safetensors")[8:8 + size])
        header["image_encoder.extra"] = header.pop("image_encoder.neck.1.weight")
        text = json.dumps(header).encode()
        self.write("other.safetensors", len(text).to_bytes(8, "little") + text + self.read("whole.safetensors")[8 + size:])
        for name, says in (("none.pth", "none.pth"), ("text.pth", "neither"), ("photo.safetensors", "photo"),
                           ("torn.safetensors", "torn"), ("other.safetensors", "image_encoder.neck.1.weight is missing")):
            with self.subTest(name):
                self.assertIn(says, self.train("--from", name, code=3).err)
                self.assertIn(says, self.begin("--encoder", name, code=3).err)
        self.assertIn("checkpoint", self.train("--resume", code=3).err)
        self.assertFalse(os.path.exists(self.path("run", "checkpoint.safetensors")))
        small = os.path.join(os.environ["SAMC_SOURCE_DIR"], "models", "samc-default.safetensors")
        self.assertIn("another shape", self.begin("--encoder", small, code=3).err)

    def test_a_run_is_not_begun_twice_nor_resumed_as_something_else(self):
        self.begin("--steps", "1")
        before = self.read("run", "checkpoint.safetensors")
        self.assertIn("--resume", self.begin("--steps", "1", code=2).err)
        self.write("r.json", b'{"sources": [{"type": "shapes", "weight": 2}]}')
        self.assertIn("--new-recipe", self.train("--resume", "--steps", "2", code=2).err)
        self.assertIn("samc train", self.samc("pretrain", "r.json", "-o", "run", "--resume", code=2).err)
        self.assertEqual(self.read("run", "checkpoint.safetensors"), before)
        self.train("--resume", "--new-recipe", "--steps", "2")
        self.assertEqual([row["step"] for row in self.rows()], ["1", "2"])


class Runs(Training):
    def test_a_bad_file_is_named_once_and_passed_over(self):
        annotation = {"image": {"file_name": "a.png", "width": 48, "height": 32}, "annotations": [
            {"bbox": [4, 4, 20, 20], "area": 400, "segmentation": [[4, 4, 24, 4, 24, 24, 4, 24]]}]}
        self.write("data/a.png", photo_bytes())
        self.write("data/a.json", json.dumps(annotation).encode())
        self.write("data/b.json", b"{ torn")
        self.write("r.json", b'{"sources": [{"type": "sa1b", "folder": "data"}]}')
        done = self.begin("--steps", "12")
        self.assertEqual(done.err.count("b.json"), 1)
        self.assertEqual(self.rows()[-1]["step"], "12")
        done = self.samc("samples", "r.json", "-n", "20", "-o", "look")
        self.assertEqual(done.err.count("b.json"), 1)
        self.assertEqual(len(done.out.splitlines()), 20)
        self.assertTrue(all(line.endswith(": a.png") for line in done.out.splitlines()))
        self.assertEqual(len(self.files("look")), 20)
        os.unlink(self.path("data", "a.png"))
        self.write("run2.json", self.read("r.json"))
        self.assertIn("can be used", self.samc("train", "run2.json", "-o", "run2", "--from", MODEL, code=1).err)

    def test_stopped_runs_go_on_as_if_nothing_had_been(self):
        for command, settings in (("train", QUICK), ("pretrain", QUICK_PIXELS)):
            for number in (signal.SIGINT, signal.SIGTERM):
                with self.subTest((command, number)):
                    stopped, whole = f"{command}-{number}", f"{command}-{number}-whole"
                    words = [BINARY, command, "r.json", "-o", stopped, "--from", MODEL, *settings]
                    with subprocess.Popen(words, cwd=self.folder, stderr=subprocess.PIPE) as process:
                        process.stderr.readline()  # of the first step
                        process.send_signal(number)
                        process.stderr.read()
                        self.assertEqual(process.wait(), 128 + number)
                    steps = int(self.rows(stopped)[-1]["step"]) + 2
                    self.samc(command, "r.json", "-o", stopped, "--resume", *settings, "--steps", str(steps))
                    self.samc(command, "r.json", "-o", whole, "--from", MODEL, *settings, "--steps", str(steps))
                    self.assertEqual(self.weights(stopped), self.weights(whole))
                    self.assertEqual([row["loss"] for row in self.rows(stopped)],
                                     [row["loss"] for row in self.rows(whole)])

    def test_a_full_disk_loses_nothing(self):
        self.begin("--steps", "1")
        before, files = self.read("run", "checkpoint.safetensors"), self.files("run")
        done = self.train("--resume", "--steps", "2", code=4, preexec_fn=limited(len(before) // 2))
        self.assertIn("checkpoint.safetensors", done.err)
        self.assertEqual(self.read("run", "checkpoint.safetensors"), before)
        self.assertEqual(self.files("run"), files)
        self.train("--resume", "--steps", "2")
        self.samc("train", "r.json", "-o", "whole", "--from", MODEL, *QUICK, "--steps", "2")
        self.assertEqual(self.weights("run"), self.weights("whole"))
        self.assertIn("metrics.csv", self.samc("train", "r.json", "-o", "none", "--from", MODEL, *QUICK, code=4,
                                               preexec_fn=limited(20)).err)

    def test_folders_that_cannot_be_written(self):
        self.write("file", b"")
        for run in ("file", "file/run", "gone/run"):
            with self.subTest(run):
                self.assertIn(run, self.samc("train", "r.json", "-o", run, "--from", MODEL, *QUICK, code=4).err)
        self.write("pool.json", b'{"sources": [{"type": "shapes", "pool": 2}]}')
        kept = self.samc("train", "pool.json", "-o", "run", "--from", MODEL, *QUICK, "--steps", "1",
                         "--freeze-encoder", "1", "--embedding-folder", "file/kept", code=4)
        self.assertIn("file/kept", kept.err)

    @unittest.skipIf(os.geteuid() == 0, "nothing is read-only to root")
    def test_a_folder_without_permission(self):
        self.begin("--steps", "1")
        os.chmod(self.path("run"), 0o500)
        self.addCleanup(os.chmod, self.path("run"), 0o700)
        self.assertIn("Permission denied", self.train("--resume", "--steps", "2", code=4).err)

    def test_the_report_needs_no_other_file(self):
        self.begin("--steps", "2")
        self.samc("pretrain", "r.json", "-o", "pixels", "--from", MODEL, *QUICK_PIXELS, "--steps", "2")
        for run in ("run", "pixels"):
            with self.subTest(run):
                page = self.read(run, "report.html").decode()
                self.assertTrue(page.startswith("<!doctype html>") and page.endswith("</html>\n"))
                sources = re.findall(r'src="([^"]*)"', page)
                self.assertGreaterEqual(len(sources), 2)
                self.assertTrue(all(source.startswith("data:image/png;base64,") for source in sources))
                self.assertNotRegex(page, r"https?:|<link|<script|@import|href=|url\(")

    def test_embeddings_are_kept_in_a_folder(self):
        self.write("r.json", b'{"sources": [{"type": "shapes", "pool": 2}]}')
        frozen = ("--freeze-encoder", "1", "--steps", "8")
        self.begin(*frozen, "--embedding-folder", "kept")
        self.assertEqual(len(self.files("kept")), 2)
        self.samc("train", "r.json", "-o", "anew", "--from", MODEL, *QUICK, *frozen, "--embedding-memory", "0")
        self.assertEqual(self.weights("run"), self.weights("anew"))
        self.write("r.json", SHAPES)
        done = self.samc("train", "r.json", "-o", "new", "--from", MODEL, *QUICK, "--freeze-encoder", "1", "--steps", "1")
        self.assertIn("every photo is encoded anew", done.err)


    def test_another_image_size(self):
        self.begin("--steps", "1", "--image-size", "208")
        self.samc("export", "run/checkpoint.safetensors", "new.safetensors")
        self.assertIn("208 x 208 pixels, patches of 16, 13 x 13 tokens", self.samc("info", "new.safetensors").out)
        self.train("--resume", "--steps", "2")


class Pretraining(Training):
    def test_a_folder_of_photos_then_masks_then_a_model(self):
        for i in range(3):
            self.write(f"photos/{i}.png", photo_bytes(seed=i + 1))
        self.write("photos/torn.png", photo_bytes()[:60])
        done = self.samc("pretrain", "photos", "-o", "pre", "--from", MODEL, *QUICK_PIXELS, "--steps", "12")
        self.assertEqual(done.err.count("torn.png"), 1)
        rows = self.rows("pre")
        self.assertEqual(len(rows), 12)
        self.assertTrue(all(float(row["loss"]) > 0 and row["dice"] == row["box_iou"] == "" for row in rows))
        self.begin("--steps", "1", "--encoder", "pre/checkpoint.safetensors")
        self.samc("train", "r.json", "-o", "on", "--from", "pre/checkpoint.safetensors", *QUICK, "--steps", "1")
        for run in ("pre", "on"):
            self.samc("export", f"{run}/checkpoint.safetensors", f"{run}.safetensors")
            self.assertNotIn(b"pretrain.", self.read(f"{run}.safetensors"))
            self.samc("segment", "photos/0.png", "-m", f"{run}.safetensors", "-p", "20,16", "-o", "out")
        self.assertIn("nowhere", self.samc("pretrain", "nowhere", "-o", "x", "--from", MODEL, code=1).err)


if __name__ == "__main__":
    unittest.main()
