# SPDX-License-Identifier: Apache-2.0
"""Outputs that cannot be written, and runs that are stopped: a typed error, nothing half."""
import json
import os
import resource
import signal
import subprocess
import unittest

from samc_test import BINARY, Case, MODEL, photo_bytes, read_png

POINT = ("-p", "24,16")


class Output(Case):
    def setUp(self):
        super().setUp()
        self.write("a.png", photo_bytes())

    def test_folder_is_a_file(self):
        self.write("out", b"mine")
        self.assertIn("out", self.segment("a.png", *POINT, "-o", "out", code=4).err)
        self.assertIn("out", self.segment("a.png", *POINT, "-o", "out/deeper", code=4).err)
        with open(self.path("out"), "rb") as file:
            self.assertEqual(file.read(), b"mine")

    def test_folder_that_cannot_be_made(self):
        self.assertIn("/proc/samc", self.segment("a.png", *POINT, "-o", "/proc/samc", code=4).err)

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_folder_without_permission(self):
        os.mkdir(self.path("out"), 0o555)
        self.assertIn("out", self.segment("a.png", *POINT, "-o", "out", code=4).err)

    def limited(self, limit, *words):
        """Runs where no file may grow over `limit` bytes: what a full disk looks like."""
        return self.segment(*words, code=4, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (limit, limit)))

    def test_full_disk_leaves_nothing_half(self):
        for what in ("mask", "overlay", "cutout", "logits", "low_res", "grid"):
            with self.subTest(what):
                done = self.limited(40, "a.png", *POINT, "-o", "out", "--save", what)
                self.assertIn("cannot write out/a_", done.err)
                self.assertEqual(self.files("out"), [])

    def test_full_disk_keeps_the_old_file(self):
        self.write("out/a_object0_mask0.png", b"old")
        self.limited(40, "a.png", *POINT, "-o", "out", "--save", "mask")
        self.assertEqual(self.files("out"), ["a_object0_mask0.png"])
        with open(self.path("out/a_object0_mask0.png"), "rb") as file:
            self.assertEqual(file.read(), b"old")

    def test_full_disk_ends_the_run(self):
        self.write("b.png", photo_bytes())
        done = self.limited(40, "a.png", "b.png", *POINT, "-o", "out")
        self.assertEqual(done.err.count("samc: "), 1)

    def test_embed_on_a_full_disk(self):
        done = self.samc("embed", "a.png", "-m", MODEL, "-o", "out", code=4,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40)))
        self.assertIn("a.safetensors", done.err)
        self.assertEqual(self.files("out"), [])

    def test_full_stdout(self):
        for words in (("--json",), ("-o", "-")):
            with self.subTest(words), open("/dev/full", "wb") as full:
                done = self.segment("a.png", *POINT, *words, code=4, stdout=full)
                self.assertIn("standard output", done.err)
                self.assertEqual(done.err.count("samc: "), 1)

    def test_help_into_a_full_disk(self):
        with open("/dev/full", "wb") as full:
            self.samc("--help", code=4, stdout=full)

    def test_closed_pipe(self):
        reading, writing = os.pipe()
        os.close(reading)
        try:
            done = self.segment("a.png", *POINT, "--json", code=4, stdout=writing)
            self.assertIn("standard output", done.err)
        finally:
            os.close(writing)

    def test_a_reader_that_has_seen_enough(self):
        reading, writing = os.pipe()
        os.close(reading)
        try:
            done = subprocess.run([BINARY, "info", MODEL], stdout=writing, stderr=subprocess.PIPE,
                                  timeout=120, check=False)
            self.assertEqual((done.returncode, done.stderr), (4, b""))
        finally:
            os.close(writing)

    def test_closed_stdout(self):
        # the first file that is opened must not become "stdout"
        done = self.segment("a.png", *POINT, "--json", "-o", "out", code=4,
                            preexec_fn=lambda: os.close(1))
        self.assertIn("standard output", done.err)
        for name in self.files("out"):
            with open(self.path("out", name), "rb") as file:
                read_png(file.read())

    def stopped(self, number):
        names = []
        for i in range(400):
            names.append(self.write(f"p{i}.png", photo_bytes()))
        with subprocess.Popen([BINARY, "segment", "-m", MODEL, *names, *POINT, "--json", "-o",
                               "out", "--save", "mask"], cwd=self.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            lines = [process.stdout.readline()]
            process.send_signal(number)
            rest, words = process.communicate(timeout=120)
        return process.returncode, lines + rest.splitlines(), words.decode()

    def test_signals_keep_finished_work(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                code, lines, words = self.stopped(number)
                self.assertEqual(code, 128 + number)
                self.assertLess(len(lines), 400)
                for line in lines:
                    json.loads(line)
                for name in self.files("out"):
                    with open(self.path("out", name), "rb") as file:
                        self.assertEqual(read_png(file.read())[:2], (48, 32))
                self.assertNotIn(".tmp", " ".join(self.files("out")))
                self.assertNotIn("Traceback", words)


if __name__ == "__main__":
    unittest.main()
