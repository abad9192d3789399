#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that every rule of tools/lint.py can fail: a small clean tree passes; each case changes it in
one way and must be found under the rule's name, in the right file."""
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
LINT = os.path.join(HERE, "..", "..", "tools", "lint.py")
C_HEAD = "/* SPDX-License-Identifier: Apache-2.0\n */\n"

CLEAN = {
    "docs/ARCHITECTURE.md": "| folder |\n|---|\n| `docs/` |\n| `include/` |\n| `src/base/` |\n"
                            "| `src/model/` |\n| `src/kernels/` |\n| `src/image/` |\n",
    "include/samc.h": C_HEAD + "#ifdef __cplusplus\nextern \"C\" {\n#endif\n"
                      "/* Adds. */\nSAMC_API int samc_add(int a, int b);\n"
                      "/* A thing. */\ntypedef struct samc_thing samc_thing;\n"
                      "typedef struct samc_pair {\n    int a; /* one */\n    int b;\n} samc_pair;\n"
                      "#ifdef __cplusplus\n}\n#endif\n",
    "src/CMakeLists.txt": "# SPDX-License-Identifier: Apache-2.0\n"
                          "set(samc_sources base/a.c model/m.c)\nset(samc_io_sources image/png.c)\n",
    "src/base/a.c": C_HEAD + '#include "base/a.h"\n\n#include <zlib.h>\n\nint samc_a(void)\n{\n'
                    '    const char *brace = "} /* not a comment";\n    return brace[0] == \'{\';\n}\n',
    "src/base/a.h": C_HEAD + "/* A. */\nint samc_a(void);\n",
    "src/model/m.c": C_HEAD + '#include "base/a.h"\n#include "kernels/k.h"\n',
    "src/kernels/k.h": C_HEAD + "#if defined(__AVX2__)\n#endif\n",
    "src/image/png.c": C_HEAD + '#include "base/a.h"\n\n#include <png.h>\n',
}


def long_function(lines):
    """A function whose body spans `lines` lines, from brace to brace."""
    return "int samc_long(void)\n{\n" + "    samc_a();\n" * (lines - 2) + "}\n"


def note(*parts):
    return C_HEAD + "/* " + "".join(parts) + " */\n"


# rule -> (file that changes and is blamed, its new text)
A, M = "src/base/a.c", "src/model/m.c"
CASES = {
    "format": (A, C_HEAD + "int  samc_a( void );\n"),
    "spdx": (A, "/* A. */\n" + CLEAN[A]),
    "columns": (A, C_HEAD + "/* " + "a" * 100 + " */\n"),
    "file-size": (A, C_HEAD + "\n" * 799),
    "function-size": (A, C_HEAD + long_function(80)),
    "braces": (A, C_HEAD + "int samc_a(void)\n{\n"),
    "include": (A, C_HEAD + '#include "model/m.h"\n'),
    "core-include": (A, C_HEAD + "#include <jansson.h>\n"),
    "sam-name": (A, C_HEAD + "int sam_" + "open(void);\n"),
    "isa": (M, C_HEAD + "#ifdef __AVX2__\n#endif\n"),
    "path": (A, note("/ho", "me/someone/model")),
    "registry": (A, note("https://py", "pi.org/simple")),
    "unfinished": (A, note("TO", "DO: more")),
}
# More ways to break a rule, each named by what it shows.
VARIANTS = [
    ("core reaches a codec through a header", "core-include",
     {"src/base/a.h": C_HEAD + "#include <jpeglib.h>\n"}, "src/base/a.h"),
    ("core includes the header of libsamc_io", "core-include",
     {A: C_HEAD + "#include <samc_io.h>\n"}, A),
    ("a folder that is no layer", "include", {"src/attic/x.c": C_HEAD}, "src/attic/x.c"),
    ("an include without its folder", "include", {A: C_HEAD + '#include "b.h"\n'}, A),
    ("a function without a comment", "api-comment",
     {"include/samc.h": C_HEAD + "/* A. */\n\nSAMC_API int samc_a(void);\n"}, "include/samc.h"),
    ("the second of two functions", "api-comment",
     {"include/samc.h": C_HEAD + "/* A. */\nint a;\nSAMC_API int samc_a(void);\n"},
     "include/samc.h"),
    ("a struct without a word", "api-comment",
     {"include/samc.h": C_HEAD + "\ntypedef struct samc_s {\n    int a;\n} samc_s;\n"},
     "include/samc.h"),
    ("a folder without a row", "room", {"src/mask/m.c": C_HEAD}, "docs/ARCHITECTURE.md"),
    ("a long function after an inline brace", "function-size",
     {A: C_HEAD + "struct s {\n    int a;\n};\n" + long_function(80)}, A),
    ("a long function in extern C", "function-size",
     {A: C_HEAD + 'extern "C" {\n' + long_function(80) + "}\n"}, A),
    ("a long Python function", "function-size",
     {"docs/a.py": "# SPDX-License-Identifier: Apache-2.0\ndef f():\n" + "    pass\n" * 79},
     "docs/a.py"),
    ("a script without a licence", "spdx", {"docs/run": "#!/bin/sh\ntrue\n"}, "docs/run"),
]


class LintTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        shutil.copy(os.path.join(HERE, "..", "..", ".clang-format"), self.root)
        self.write(CLEAN)

    def write(self, files):
        for path, text in files.items():
            full = os.path.join(self.root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)

    def lint(self, *options, **environment):
        done = subprocess.run([sys.executable, LINT, "--root", self.root, *options],
                              capture_output=True, text=True, env={**os.environ, **environment})
        return done.returncode, done.stdout, done.stderr

    def assert_found(self, rule, path):
        code, out, err = self.lint()
        self.assertEqual(code, 1, out + err)
        self.assertRegex(out, rf"(?m)^{re.escape(path)}:\d+: \[{rule}\]")

    def test_clean_tree_passes(self):
        code, out, err = self.lint()
        self.assertEqual((code, err), (0, ""), out + err)
        self.assertIn("lint: no findings", out)

    def test_every_rule_has_a_case(self):
        rules = {line.split()[0] for line in self.lint("--list")[1].splitlines()}
        self.assertEqual(rules, set(CASES) | {rule for _, rule, _, _ in VARIANTS})

    def test_cases(self):
        for rule, (path, text) in CASES.items():
            with self.subTest(rule):
                self.write({**CLEAN, path: text})
                self.assert_found(rule, path)

    def test_variants(self):
        for what, rule, files, blamed in VARIANTS:
            with self.subTest(what):
                self.write({**CLEAN, **files})
                self.assert_found(rule, blamed)
                for path in set(files) - set(CLEAN):
                    os.remove(os.path.join(self.root, path))

    def test_limits_are_inclusive(self):
        self.write({A: C_HEAD + long_function(79)})
        self.assertEqual(self.lint()[0], 0)
        self.write({A: C_HEAD + "\n" * 798})
        self.assertNotIn("[file-size]", self.lint()[1])

    def test_missing_clang_format_says_how_to_install(self):
        code, _, err = self.lint(CLANG_FORMAT="clang-format-that-is-not-there")
        self.assertEqual(code, 2)
        self.assertIn("make setup", err)

    def test_format_wraps_wide_comments_only(self):
        word, table = "word " * 18, "| a |\n *   | b |"
        self.write({A: C_HEAD + f"/* {word}the fence\n * goes on.\n *\n *   {table}\n */\n"
                       f"/* {word}at the end */\nint samc_a(void);\n"})
        self.assert_found("columns", A)
        self.assertEqual(self.lint("--format")[0], 0)
        with open(os.path.join(self.root, A), encoding="utf-8") as file:
            text = file.read()
        self.assertIn(f"{word}the\n * fence goes on.\n *\n *   {table}\n */\n", text)
        self.assertIn(f"{word}at the\n * end */\nint", text)
        self.assertEqual(self.lint()[0], 0)

    def test_format_rewrites(self):
        path = os.path.join(self.root, A)
        self.write({A: C_HEAD + "int  samc_a( void );\n"})
        os.chmod(path, stat.S_IRUSR | stat.S_IWUSR)
        self.assertEqual(self.lint("--format")[0], 0)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), C_HEAD + "int samc_a(void);\n")


if __name__ == "__main__":
    if not shutil.which("clang-format"):
        print("skipped: clang-format is not there ('make setup' installs it)")
        sys.exit(77)
    unittest.main()
