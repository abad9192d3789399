# SPDX-License-Identifier: Apache-2.0
"""What the tests of several ranks share: mpirun, and reading runs."""
import array
import csv
import json
import os
import struct
import subprocess
import sys
import unittest

from samc_test import BINARY, MODEL, Case

MPIEXEC = os.environ.get("SAMC_MPIEXEC", "")
# Tests run as root in containers and on machines with fewer cores than ranks.
LENIENT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
SETTINGS = "--masks 2 --rounds 2 --warmup 2 --threads 1 --log-steps 1".split()


class RanksCase(Case):
    """Runs of the tiny model on shapes, which need no files."""

    def setUp(self):
        super().setUp()
        self.write("recipe.json", b'{"sources": [{"type": "shapes"}]}')

    def mpirun(self, ranks, *words, binary=BINARY):
        return [MPIEXEC, "--oversubscribe", "--bind-to", "none", "-n", str(ranks), binary, *words]

    def start(self, command, name="words.txt"):
        """A process in self.folder, its words in a file."""
        with open(self.path(name), "wb") as words:
            return subprocess.Popen(command, cwd=self.folder, env={**os.environ, **LENIENT},
                                    stdin=subprocess.DEVNULL, stdout=words, stderr=words)

    def train(self, ranks, run, *words, code=0, binary=BINARY, recipe="recipe.json", kind="train"):
        """Begins (or, with --resume, goes on with) a run; returns what was printed. ranks 0: without mpirun."""
        settings = SETTINGS if kind == "train" else SETTINGS[4:]
        begin = ["--log-steps", "1"] if "--resume" in words else ["--from", MODEL, "--seed", "5", *settings]
        command = [kind, recipe, "-o", run, *begin, *words]
        command = self.mpirun(ranks, *command, binary=binary) if ranks else [binary, *command]
        process = self.start(command)
        found = process.wait(timeout=300)
        text = self.words()
        self.assertEqual(found != 0, code != 0, f"{command}\n{text}")
        return text

    def words(self, name="words.txt"):
        with open(self.path(name), encoding="utf-8", errors="replace") as file:
            return file.read()

    def checkpoint(self, run):
        """(metadata, {name: numbers})"""
        with open(self.path(run, "checkpoint.safetensors"), "rb") as file:
            data = file.read()
        size, = struct.unpack("<Q", data[:8])
        header = json.loads(data[8:8 + size])
        metadata = header.pop("__metadata__")
        tensors = {}
        for name, entry in header.items():
            tensors[name] = array.array("f")
            begin, end = entry["data_offsets"]
            tensors[name].frombytes(data[8 + size + begin:8 + size + end])
        return metadata, tensors

    def rows(self, run):
        with open(self.path(run, "metrics.csv"), encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def assert_same_bits(self, a, b):
        self.assertEqual(self.checkpoint(a)[1], self.checkpoint(b)[1])


def main(module):
    """Runs a file's tests; without MPI, those that need none, and then ctest reads "skipped"."""
    needs_mpi = not MPIEXEC or not os.path.exists(os.path.join(os.path.dirname(BINARY), "samc_mpi.so"))
    if needs_mpi:
        print("this samc was built without MPI: nothing is trained on several ranks here")
    suite = unittest.TestSuite()
    for test in unittest.defaultTestLoader.loadTestsFromModule(sys.modules[module]):
        for case in test:
            if not needs_mpi or not isinstance(case, RanksCase):
                suite.addTest(case)
    good = unittest.TextTestRunner().run(suite).wasSuccessful()
    sys.exit((77 if needs_mpi else 0) if good else 1)
