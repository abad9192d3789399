# SPDX-License-Identifier: Apache-2.0
"""Colour and progress bars: on a terminal only, and not where NO_COLOR asks for plain text."""
import os
import pty
import subprocess
import unittest

from samc_test import BINARY, Case, MODEL, photo_bytes


class Terminal(Case):
    def setUp(self):
        super().setUp()
        self.write("a.png", photo_bytes())

    def words(self, *words, **environment):
        """What a run writes to a terminal as stderr."""
        try:
            ours, theirs = pty.openpty()
        except OSError as error:  # a container without /dev/pts
            self.skipTest(f"no terminal is to be had here: {error}")
        variables = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        variables.update({"TERM": "xterm", **environment})
        done = subprocess.run([BINARY, *words], cwd=self.folder, env=variables, stderr=theirs,
                              stdout=subprocess.PIPE, timeout=120, check=False)
        os.close(theirs)
        text = b""
        try:
            while chunk := os.read(ours, 65536):
                text += chunk
        except OSError:  # the terminal's end, once nobody holds its other side
            pass
        os.close(ours)
        self.out = done.stdout
        return text.decode()

    def test_errors_are_red(self):
        self.assertIn("\033[31msamc:\033[0m ", self.words("frobnicate"))

    def test_no_color(self):
        self.assertTrue(self.words("frobnicate", NO_COLOR="1").startswith("samc: "))
        self.assertIn("\033[31m", self.words("frobnicate", NO_COLOR=""))
        self.assertTrue(self.words("frobnicate", TERM="dumb").startswith("samc: "))

    def test_bar_comes_and_goes(self):
        text = self.words("segment", "a.png", "-m", MODEL, "-p", "9,9", "--json")
        self.assertIn("%", text)
        self.assertIn("\ra [", text)
        self.assertTrue(text.endswith("\r\033[K"), repr(text[-40:]))
        self.assertNotIn(b"%", self.out)

    def test_bar_never_falls(self):
        text = self.words("segment", "a.png", "-m", MODEL, "-p", "9,9", "--json")
        for bar in text.split("\r\033[K"):
            percents = [int(part.split("%")[0].split()[-1]) for part in bar.split("\r") if "%" in part]
            self.assertEqual(percents, sorted(percents))
            self.assertTrue(all(0 <= p <= 100 for p in percents))


if __name__ == "__main__":
    unittest.main()
