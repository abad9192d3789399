# SPDX-License-Identifier: Apache-2.0
"""Help, version and misspelt command lines."""
import re
import shutil
import subprocess
import unittest

from samc_test import BINARY, Case


class Help(Case):
    def commands(self):
        text = self.samc("--help").out
        block = text.split("Commands:\n")[1].split("\n\n")[0]
        return [line.split()[0] for line in block.split("\n") if line.split()[0] != "help"]

    def test_overview_lists_the_commands_and_exit_codes(self):
        text = self.samc("--help").out
        for name in ("segment", "embed", "download", "info", "convert", "eval"):
            self.assertIn(name, self.commands())
        for code in ("0 ", "1 ", "2 ", "3 ", "4 ", "130 "):
            self.assertRegex(text, rf"\n  {code}")

    def test_every_command_helps_in_two_ways(self):
        for name in self.commands():
            with self.subTest(name):
                text = self.samc(name, "--help").out
                self.assertTrue(text.startswith(f"Usage: samc {name} "))
                self.assertEqual(text, self.samc("help", name).out)

    def test_options_are_aligned_and_fit_a_terminal(self):
        for name in self.commands():
            with self.subTest(name):
                text = self.samc(name, "--help").out
                block = text.split("Options:\n")[1].split("\n\n")[0].rstrip("\n")
                columns = set()
                for line in block.split("\n"):
                    if re.fullmatch(r"      --[\w-]{20,}(=\S+)?", line):
                        continue  # a long name has a line of its own
                    head = re.match(r"(  (-\w,|   ) --[\w-]+(=\S+)?  +| +)\S", line)
                    self.assertTrue(head, line)
                    columns.add(head.end())
                self.assertEqual(len(columns), 1, block)
                for line in text.split("\n"):
                    self.assertLessEqual(len(line), 100, line)

    def test_version(self):
        self.assertRegex(self.samc("--version").out, r"^samc \d+\.\d+\.\d+\n$")
        self.assertEqual(self.samc("segment", "--version").out, self.samc("--version").out)

    @unittest.skipUnless(shutil.which("help2man"), "help2man is not installed")
    def test_help2man_understands_it(self):
        for name in self.commands():
            page = subprocess.run(["help2man", "--no-info", f"{BINARY} {name}"], check=True,
                                  capture_output=True, cwd=self.folder).stdout.decode()
            self.assertIn(r"\fB\-\-help\fR", page)


class Mistakes(Case):
    def refused(self, *words, says):
        done = self.samc(*words, code=2)
        self.assertIn(says, done.err)
        self.assertIn("--help", done.err)
        self.assertEqual(done.out, "")
        self.assertEqual(done.err.count("\n"), 1, done.err)

    def test_no_command(self):
        self.refused(says="which command")

    def test_unknown_command(self):
        self.refused("frobnicate", says='"frobnicate"')
        self.refused("help", "frobnicate", says='"frobnicate"')

    def test_unknown_option(self):
        self.refused("segment", "--frobnicate", says="--frobnicate")
        self.refused("segment", "-Z", says="-Z")

    def test_option_without_argument(self):
        self.refused("segment", "--point", says="--point needs an argument")
        self.refused("segment", "-o", says="-o needs an argument")

    def test_argument_where_none_is_taken(self):
        self.refused("segment", "--json=yes", says="takes no argument")

    def test_numbers(self):
        for number in ("0", "-1", "two", "1025", "1.5", ""):
            with self.subTest(number):
                self.refused("segment", "--threads", number,
                             says=f"--threads {number}: it must be a whole number from 1 to 1024")


if __name__ == "__main__":
    unittest.main()
