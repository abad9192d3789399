# SPDX-License-Identifier: Apache-2.0
"""What the documents promise: the README's picture comes from the command beside it, and links lead
somewhere. SAMC_SOURCE_DIR is the repository."""
import os
import re
import shlex
import unittest

from samc_test import Case, read_png

SOURCE = os.environ["SAMC_SOURCE_DIR"]
# Another kernel path may move a pixel whose logit is nearly zero, and a digit of the score.
MAY_DIFFER = 0.002


def text_of(*names):
    with open(os.path.join(SOURCE, *names), encoding="utf-8") as file:
        return file.read()


def picture(path):
    with open(path, "rb") as file:
        return read_png(file.read())


class Readme(Case):
    def test_the_picture_is_made_by_the_command_beside_it(self):
        readme = text_of("README.md")
        shown = re.search(r"!\[[^]]*\]\((docs/images/(\w+\.png))\)", readme)
        command = re.search(r"^    samc (segment docs/photos/.*) -o docs/images$", readme, re.M)
        self.assertTrue(shown and command)
        words = [os.path.join(SOURCE, w) if w.startswith("docs/") else w
                 for w in shlex.split(command.group(1))]
        self.samc(*words, "-o", "out")
        self.assertEqual(self.files("out"), [shown.group(2)])
        old = picture(os.path.join(SOURCE, shown.group(1)))
        new = picture(self.path("out", shown.group(2)))
        self.assertEqual(old[:3], new[:3])
        pixels = old[0] * old[1]
        different = sum(old[3][3 * i:3 * i + 3] != new[3][3 * i:3 * i + 3] for i in range(pixels))
        self.assertLessEqual(different / pixels, MAY_DIFFER,
                             f"{shown.group(1)} is out of date: make it again with\n"
                             f"samc {command.group(1)} -o docs/images")

    def test_links_lead_somewhere(self):
        for page in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/MODEL.md",
                     "docs/ARCHITECTURE.md", "docs/AUTOMATIC.md", "docs/BOXES.md",
                     "docs/EVALUATION.md", "docs/MASKS.md", "docs/PROMPTS.md",
                     "docs/ROADMAP.md", "models/README.md", "docs/photos/README.md"):
            folder = os.path.dirname(page)
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text_of(page)):
                if not target.startswith("http"):
                    path = os.path.join(SOURCE, folder, target)
                    self.assertTrue(os.path.exists(path), f"{page}: {target}")

    def test_make_targets_exist(self):
        targets = re.findall(r"^([a-z-]+):", text_of("Makefile"), re.M)
        for page in ("README.md", "CONTRIBUTING.md", "docs/EVALUATION.md", "docs/MASKS.md",
                     "docs/photos/README.md"):
            for name in re.findall(r"(?:`|^    )make ([a-z-]+)", text_of(page), re.M):
                self.assertIn(name, targets, page)


if __name__ == "__main__":
    unittest.main()
