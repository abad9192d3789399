# SPDX-License-Identifier: Apache-2.0
"""samc train on several ranks: the same run as on one, within 1e-5, however many begin or go on."""
import math
import os
import shutil
import subprocess
import unittest

from ranks_test import BINARY, RanksCase, main
from samc_test import MODEL, Case, photo_bytes

CLOSE = 1e-5
LOSSES = ("loss", "focal", "dice", "bce", "iou_loss", "gradient_norm")


def is_blind(name):
    """Softmax does not see what is added to all keys alike: the gradient of a bias of keys is 0 but for
    rounding, and AdamW makes steps of full size of whatever it is."""
    return name.endswith(".k_proj.bias")


class Training(RanksCase):
    def distance(self, a, b):
        """The largest of: relative distance (L2) of any tensor, and relative difference of any loss."""
        worst = 0.0
        (_, left), (_, right) = self.checkpoint(a), self.checkpoint(b)
        self.assertEqual(left.keys(), right.keys())
        for name, x in left.items():
            if name.startswith("optimizer.") or is_blind(name):
                continue
            y, n = right[name], len(x)
            parts = [(0, n)]
            if name.endswith(".qkv.bias"):  # the middle one is the keys'
                parts = [(0, n // 3), (2 * n // 3, n)]
            for begin, end in parts:
                apart = math.dist(x[begin:end], y[begin:end])
                worst = max(worst, apart / (math.hypot(*x[begin:end]) or 1.0))
        rows = list(zip(self.rows(a), self.rows(b)))
        self.assertEqual(len(self.rows(a)), len(self.rows(b)))
        for one, other in rows:
            for key in ("step", "photos", "rate"):
                self.assertEqual(one[key], other[key])
            for key in (key for key in LOSSES if one[key]):
                # the file has 5 digits behind the point at most: half of the last one is not a difference
                x, y = float(one[key]), float(other[key])
                worst = max(worst, max(0.0, abs(x - y) - 1.01e-4 * (key == "gradient_norm") - 1.01e-5) / x)
        return worst

    def both(self, *settings, kind="train"):
        self.train(0, "one", "--steps", "5", *settings, kind=kind)
        self.train(2, "two", "--steps", "5", *settings, kind=kind)
        found = self.distance("one", "two")
        print(f"{' '.join(settings)}: two ranks differ from one by {found:.1e}")
        self.assertLess(found, CLOSE)

    def test_two_ranks_are_one(self):
        self.both("--batch", "4", "--drop-path", "0.3")

    def test_two_ranks_are_one_with_less_memory(self):
        self.both("--batch", "2", "--recompute", "1", "--drop-path", "0.3", "--bce", "1", "--bce-steps", "3")

    def test_two_ranks_are_one_with_the_encoder_frozen(self):
        self.both("--batch", "4", "--freeze-encoder", "1")

    def test_two_ranks_are_one_in_pretraining(self):
        self.both("--batch", "4", "--drop-path", "0.3", kind="pretrain")

    def test_it_would_be_seen_if_gradients_were_not_added(self):
        os.mkdir(self.path("deaf"))
        deaf = shutil.copy(BINARY, self.path("deaf", "samc"))
        shutil.copy(os.environ["SAMC_DEAF_MODULE"], self.path("deaf", "samc_mpi.so"))
        self.train(0, "one", "--steps", "5", "--batch", "4")
        self.train(2, "two", "--steps", "5", "--batch", "4", binary=deaf)
        found = self.distance("one", "two")
        print(f"without the sum over ranks: {found:.1e}")
        self.assertGreater(found, 100 * CLOSE)

    def test_another_number_of_ranks_goes_on(self):
        whole = ("--batch", "6", "--drop-path", "0.2")
        self.train(0, "one", "--steps", "6", *whole)
        self.train(3, "more", "--steps", "2", *whole)
        self.train(0, "more", "--resume", "--steps", "4")
        self.train(2, "more", "--resume", "--steps", "6")
        found = self.distance("one", "more")
        print(f"three ranks, one, two: {found:.1e} from one")
        self.assertLess(found, CLOSE)
        self.assertEqual(self.checkpoint("more")[0]["step"], "6")

    def test_the_same_ranks_give_the_same_bits(self):
        self.train(2, "whole", "--steps", "6", "--batch", "4")
        self.train(2, "broken", "--steps", "3", "--batch", "4")
        self.train(2, "broken", "--resume", "--steps", "6")
        self.assert_same_bits("whole", "broken")

    def test_one_rank_is_no_rank(self):
        self.train(0, "alone", "--steps", "3", "--batch", "2")
        self.train(1, "alone_too", "--steps", "3", "--batch", "2")
        self.assert_same_bits("alone", "alone_too")

    def test_all_is_said_once(self):
        self.write("notes.json", b'{"sources": [{"type": "shapes"}, {"type": "sa1b", "folder": "gone", '
                                 b'"optional": true}]}')
        text = self.train(2, "run", "--steps", "2", "--batch", "2", recipe="notes.json")
        self.assertEqual(text.count("sa1b gone: cannot read the folder"), 1, text)
        self.assertEqual(text.count("step 2 "), 1, text)
        self.assertIn("2 ranks with 1 thread each", text)

    def test_a_rank_names_its_bad_files(self):
        os.mkdir(self.path("b"))
        self.write("b/good.png", photo_bytes())
        self.write("b/torn.png", photo_bytes()[:40])
        self.write("bad.json", b'{"sources": [{"type": "composite", "objects": [{"type": "shapes"}], '
                               b'"backgrounds": [{"type": "photos", "folder": "b"}]}]}')
        text = self.train(2, "run", "--steps", "6", "--batch", "4", recipe="bad.json")
        self.assertEqual(text.count("rank 1: cannot read ./b/torn.png"), 1, text)
        self.assertEqual(text.count("cannot read ./b/torn.png"), 2, text)

    def test_what_is_refused_is_said_once(self):
        text = self.train(2, "run", "--batch", "3", "--steps", "1", code=1)
        self.assertEqual(text.count("3 photos a step cannot be shared evenly among 2 ranks"), 1, text)
        self.train(0, "run", "--batch", "2", "--steps", "1")
        text = self.train(2, "run", "--batch", "2", "--steps", "2", code=1)
        self.assertEqual(text.count("is there already"), 1, text)
        text = self.train(2, "lost", "--batch", "2", "--steps", "1", code=1, recipe="none.json")
        self.assertEqual(text.count("none.json"), 1, text)

    def test_ranks_that_do_not_begin_alike_are_refused(self):
        words = ["train", "recipe.json", "-o", "run", "--from", MODEL, "--steps", "1", "--seed"]
        one, other = self.mpirun(1, *words, "1"), self.mpirun(1, *words, "2")
        process = self.start(one + [":"] + other[other.index("-n"):])
        self.assertNotEqual(process.wait(timeout=300), 0)
        self.assertEqual(self.words().count("the ranks do not begin alike"), 1, self.words())
        self.assertFalse(os.path.exists(self.path("run", "checkpoint.safetensors")))

    def test_a_rank_that_cannot_write_stops_all(self):
        self.train(2, "run", "--batch", "2", "--steps", "1")
        os.rename(self.path("run", "report.html"), self.path("was.html"))
        os.mkdir(self.path("run", "report.html"))
        text = self.train(2, "run", "--resume", "--steps", "40", "--save-steps", "1", code=1)
        self.assertEqual(text.count("report.html"), 1, text)
        self.assertNotIn("rank 1: ", text)


class WithoutModule(Case):
    """A binary that its module did not come with; these need no MPI."""

    def setUp(self):
        super().setUp()
        self.binary = shutil.copy(BINARY, self.path("samc"))
        self.write("recipe.json", b'{"sources": [{"type": "shapes"}]}')

    def train(self, environment):
        return subprocess.run([self.binary, "train", "recipe.json", "-o", "run", "--from", MODEL, "--steps",
                               "1", "--batch", "1"], cwd=self.folder, env={**os.environ, **environment},
                              capture_output=True, text=True, timeout=120, check=False)

    def test_several_ranks_are_refused(self):
        for environment in ({"OMPI_COMM_WORLD_SIZE": "2"}, {"PMI_SIZE": "2"}, {"PMIX_RANK": "0"}):
            done = self.train(environment)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("module for MPI is missing or broken", done.stderr)
            self.assertFalse(os.path.exists(self.path("run")))

    def test_one_needs_no_module(self):
        done = self.train({"OMPI_COMM_WORLD_SIZE": "1", "PMIX_RANK": "0"})
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    main(__name__)
