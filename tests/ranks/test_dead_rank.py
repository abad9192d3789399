# SPDX-License-Identifier: Apache-2.0
"""A rank that dies, and being told to stop: the run ends, says so, and can go on."""
import os
import random
import signal
import time
import unittest

from ranks_test import MODEL, SETTINGS, RanksCase, main

BEGIN = ["--from", MODEL, "--seed", "5", *SETTINGS, "--batch", "2", "--drop-path", "0.2"]


def ranks_of(mpirun):
    """{rank: process id} of the ranks that this mpirun has started."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8") as file:
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{name}/environ", "rb") as file:
                variables = dict(v.split(b"=", 1) for v in file.read().split(b"\0") if b"=" in v)
        except OSError:
            continue
        if parent == mpirun and b"OMPI_COMM_WORLD_RANK" in variables:
            found[int(variables[b"OMPI_COMM_WORLD_RANK"])] = int(name)
    return found


class DeadRank(RanksCase):
    def begin(self, run, *words):
        """Two ranks without an end, once they have saved something."""
        process = self.start(self.mpirun(2, "train", "recipe.json", "-o", run, *words, "--steps", "1000000"))
        self.addCleanup(process.kill)
        rows = len(self.rows(run)) if os.path.exists(self.path(run, "metrics.csv")) else 0
        self.await_(lambda: os.path.exists(self.path(run, "checkpoint.safetensors")) and
                    len(self.rows(run)) > rows + 3)
        return process

    def await_(self, condition):
        for _ in range(6000):
            if condition():
                return
            time.sleep(0.02)
        self.fail(f"waited for two minutes\n{self.words()}")

    def test_the_others_stop_and_the_run_goes_on(self):
        moments = random.Random(3)
        words = [*BEGIN, "--save-steps", "2"]
        for victim in (1, 0, 1):
            process = self.begin("killed", *words)
            ranks = ranks_of(process.pid)
            self.assertEqual(sorted(ranks), [0, 1])
            time.sleep(moments.uniform(0.0, 0.3))
            os.kill(ranks[victim], signal.SIGKILL)
            self.assertNotEqual(process.wait(timeout=120), 0)
            self.await_(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in ranks.values()))
            text = self.words()
            self.assertIn(f"rank {victim}", text)  # mpirun's
            self.assertIn(f"samc: rank {1 - victim} was told to stop", text)
            self.assertIn("what was saved last in killed stays", text)
            self.samc("export", "killed/checkpoint.safetensors", "model.safetensors")
            words = ["--resume", "--log-steps", "1", "--save-steps", "2"]
        last = str(int(self.checkpoint("killed")[0]["step"]) + 3)
        self.train(2, "killed", "--resume", "--steps", last)
        self.train(2, "whole", *BEGIN[4 + len(SETTINGS):], "--steps", last)
        self.assertEqual(self.checkpoint("killed")[0]["step"], last)
        self.assert_same_bits("killed", "whole")

    def stop(self, number, whom):
        """Sends a signal; all must end after the same step and have saved it."""
        process = self.begin("run", *BEGIN, "--save-steps", "1000000" if os.path.exists(self.path("run")) else "1")
        ranks = ranks_of(process.pid)
        os.kill(ranks[whom] if whom is not None else process.pid, number)
        self.assertNotEqual(process.wait(timeout=120), 0)
        self.assertEqual(self.checkpoint("run")[0]["step"], self.rows("run")[-1]["step"], self.words())
        self.assertIn("saved in run", self.words())
        step = int(self.checkpoint("run")[0]["step"])
        self.train(2, "run", "--resume", "--steps", str(step + 1))
        self.assertEqual(len(self.rows("run")), step + 1)

    def test_usr1_to_mpirun_saves(self):
        self.stop(signal.SIGUSR1, None)

    def test_term_to_one_rank_saves(self):
        self.stop(signal.SIGTERM, 1)


if __name__ == "__main__":
    main(__name__)
