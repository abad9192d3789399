# SPDX-License-Identifier: Apache-2.0
"""Each allocation of a server fails in turn (tests/faults/routes.c): an answer is the undisturbed
one, or says that it failed; never a crash, never less than the whole with status 200, and the
cache's books are right in the end. Every STRIDE-th allocation; all of them with SAMC_FULL=1.
"""
import os
import subprocess
import unittest

from samc_test import Case, MODEL, photo_bytes

STRIDE = 1 if os.environ.get("SAMC_FULL") else 7


class Routes(Case):
    def run_with(self, number):
        variables = {**os.environ, "LD_PRELOAD": os.environ["SAMC_FAIL_ALLOC"],
                     "SAMC_FAIL_AT": str(number), "SAMC_FAIL_REPORT": self.path("report")}
        done = subprocess.run([os.environ["SAMC_ROUTES"], MODEL, self.path("photos")],
                              env=variables, capture_output=True, timeout=120, check=False)
        with open(self.path("report"), encoding="ascii") as file:
            calls, failed = map(int, file.read().split())
        return done.returncode, done.stdout.decode().splitlines(), calls, bool(failed)

    def test_each_allocation(self):
        self.write("photos/a.png", photo_bytes(6, 4))
        code, whole, calls, failed = self.run_with(0)
        self.assertEqual((code, failed, len(whole)), (0, False, 13), whole)
        self.assertEqual([line.split()[0] for line in whole],
                         ["200", "201", "202", "200", "200", "200", "200", "200", "200", "200", "200",
                          "204", "200"])
        answered = 0
        for number in range(1, calls + 1, STRIDE):
            with self.subTest(allocation=number):
                code, lines, _, failed = self.run_with(number)
                self.assertTrue(failed, "the run was not the same as the first one")
                self.assertIn(code, (0, 1))
                answered += code == 0
                for line, expected in zip(lines, whole if code == 0 else []):
                    if line != expected:
                        self.assertTrue(int(line[:3]) >= 400 or line.endswith("failed"),
                                        f"{line} instead of {expected}")
                self.assertEqual(len(lines), len(whole) if code == 0 else 0)
        print(f"{calls} allocations, {answered} runs answered")
        self.assertGreater(answered, 100)


if __name__ == "__main__":
    unittest.main()
