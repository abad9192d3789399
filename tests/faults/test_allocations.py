# SPDX-License-Identifier: Apache-2.0
"""Each allocation of `samc segment` fails in turn: never a crash, never half a file.

A run whose n-th allocation failed must either say so and exit with an error, or have done without
and left exactly what an undisturbed run leaves. Every allocation is tried up to FIRST, then
sparsely; all of them with SAMC_FULL=1. SAMC_FAIL_ALLOC names the preloaded library.
"""
import os
import subprocess
import unittest

from samc_test import BINARY, Case, MODEL, photo_bytes

FIRST = 300
SPARSE = 150  # how many of the others

RUNS = {
    "points": ["-p", "24,16", "-p", "3,3,-", "--multimask", "--json", "-o", "out", "--save",
               "mask,overlay,cutout,logits,low_res,grid"],
    "prompts": ["--prompts", "p.json", "--json", "-o", "out"],
}


class Allocations(Case):
    def setUp(self):
        super().setUp()
        self.write("a.png", photo_bytes())
        self.write("m.png", photo_bytes())
        self.write("p.json", b'{"objects": [{"points": [[24, 16]], "labels": [1]},'
                             b' {"box": [1, 1, 20, 20], "mask": "m.png"}]}')

    def outputs(self):
        found = {}
        for folder, _, names in os.walk(self.path("out")):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    found[name] = file.read()
                os.unlink(os.path.join(folder, name))
        return found

    def run_with(self, words, number):
        """Exit code, stdout, stderr, files, allocations and whether one failed."""
        variables = {**os.environ, "LD_PRELOAD": os.environ["SAMC_FAIL_ALLOC"],
                     "SAMC_FAIL_AT": str(number), "SAMC_FAIL_REPORT": self.path("report")}
        done = subprocess.run([BINARY, "segment", "a.png", "-m", MODEL, "--threads", "1", *words],
                              cwd=self.folder, env=variables, capture_output=True, timeout=120,
                              check=False)
        self.assertGreaterEqual(done.returncode, 0,
                                f"allocation {number}: signal {-done.returncode}")
        with open(self.path("report"), encoding="ascii") as file:
            calls, failed = map(int, file.read().split())
        os.unlink(self.path("report"))
        return (done.returncode, done.stdout, done.stderr.decode(), self.outputs(), calls,
                bool(failed))

    def step_through(self, words):
        code, out, err, files, calls, failed = self.run_with(words, 0)
        self.assertEqual((code, err, failed), (0, "", False))
        self.assertTrue(out and files)
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


if __name__ == "__main__":
    unittest.main()
