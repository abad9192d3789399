#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The habits of the house, checked: `make lint`.

    lint.py             check everything; one line a finding, exit code 1 if there is one
    lint.py --report    the same, and a table of every source: lines, comment share, longest function
    lint.py --format    rewrite the C files instead: clang-format, and comments that are too wide
    lint.py --list      the rules

A finding reads "path:line: [rule] what is wrong". docs/ARCHITECTURE.md says why the rules are.
Only Python's standard library and clang-format are needed. tests/lint shows that each rule can fail.
"""
import argparse
import ast
import os
import re
import shutil
import statistics
import subprocess
import sys

MAX_FILE_LINES = 800
MAX_FUNCTION_LINES = 79
MAX_COLUMNS = 100

# A folder includes its own headers and those of the folders to its right.
LAYERS = ["cli", "server", "train", "segment", "model", "dataset", "weights", "image", "mask",
          "kernels", "base"]

# What libsamc may include of the system: C, POSIX, zlib, and the instruction sets for kernels.
CORE_HEADERS = set("""
    assert.h ctype.h errno.h fenv.h float.h inttypes.h limits.h math.h signal.h stdalign.h stdarg.h
    stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h time.h uchar.h
    dirent.h fcntl.h libgen.h pthread.h sched.h strings.h sys/mman.h sys/stat.h sys/types.h unistd.h
    zlib.h
    arm_neon.h cpuid.h immintrin.h simde/x86/avx512.h wasm_simd128.h samc.h
""".split())
IO_HEADERS = re.compile(r"(jpeglib|jerror|png|tiff|tiffio|jansson|samc_io)\.h$|^(webp|libexif)/")

RULES = {
    "format": "C files are as .clang-format says",
    "spdx": "the first line names the licence",
    "columns": f"C lines have at most {MAX_COLUMNS} columns",
    "file-size": f"files have at most {MAX_FILE_LINES} lines",
    "function-size": f"functions have at most {MAX_FUNCTION_LINES} lines, brace to brace",
    "braces": "braces balance, so that functions can be measured",
    "include": "a folder includes only folders below it: " + " > ".join(LAYERS),
    "core-include": "libsamc includes only C, POSIX, threads and zlib; codecs and JSON are libsamc_io's",
    "sam-name": "names begin with samc_, never with sam_",
    "isa": "only src/kernels asks for instruction sets",
    "api-comment": "a comment stands directly before every public declaration",
    "path": "no path of one machine",
    "registry": "no host of a package registry",
    "unfinished": "no notes of unfinished work",
    "room": "docs/ARCHITECTURE.md has a row for every folder",
}

# Written in two parts so that this file passes its own rules.
MACHINE_PATH = re.compile(r"(?<![\w.~$})-])/" + r"(work|root|home)(/|\b)")
REGISTRIES = re.compile(
    "|".join(a + r"\." + b for a, b in [
        ("py" + "pi", "org"), ("python" + "hosted", "org"), ("npm" + "js", "org"),
        ("npm" + "js", "com"), ("deb" + r"\.debian", "org"), ("security" + r"\.debian", "org"),
        ("crates", "io"), ("proxy" + r"\.golang", "org"), ("docker", "io"), ("ghcr", "io")]))
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + r")\b")
ISA = re.compile(r"AVX|SSE[234_]|SSSE|NEON|x86_64|i386|aarch64|__ARM|__arm|__wasm|_M_X64|_M_ARM"
                 r"|__FMA|__F16C|AMX")

C_FOLDERS = ("include/", "src/", "cli/", "server/", "tests/", "bench/", "fuzz/", "examples/")
TEXT_SUFFIXES = (".c", ".h", ".cc", ".cpp", ".py", ".sh", ".cmake", ".in", ".md", ".txt", ".json",
                 ".map", ".svg", ".yml", ".js", ".html", ".css")
SPDX_SUFFIXES = (".c", ".h", ".cc", ".cpp", ".py", ".sh", ".cmake", ".map", ".js")
SPDX_NAMES = ("Makefile", "CMakeLists.txt")


class Lint:
    """The tree under `root`, and what was found in it."""

    def __init__(self, root):
        self.root = root
        self.findings = []
        self.sizes = []  # (path, lines, comment share, longest function) of every C file
        self.paths = list_files(root)

    def report(self, path, line, rule, text):
        self.findings.append((path, line, rule, text))

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def c_paths(self):
        """The C files that people write; a *_golden.h is numbers that a script wrote."""
        return [p for p in self.paths if p.endswith((".c", ".h")) and p.startswith(C_FOLDERS)
                and not p.endswith("_golden.h")]


def list_files(root):
    """Paths that git knows or would add; all files where the tree is no repository of its own."""
    if os.path.exists(os.path.join(root, ".git")):
        out = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"],
                             check=True, capture_output=True).stdout.decode()
        found = [p for p in out.split("\0") if p]
    else:
        found = [os.path.relpath(os.path.join(folder, name), root)
                 for folder, _, names in os.walk(root) for name in names]
        found = [p for p in found if not p.startswith(("build/", "demo/"))]
    return sorted(p for p in set(found) if os.path.isfile(os.path.join(root, p)))


def split_comments(text):
    """Returns (code, comments): the text twice, in each the other part (and in code the insides of
    strings too) blanked by spaces; every line stays on its line."""
    code, comments = [], []
    pattern = re.compile(r"""/\*.*?(?:\*/|\Z)|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""",
                         re.S)

    def blank(piece):
        return re.sub(r"[^\n]", " ", piece)

    position = 0
    for match in pattern.finditer(text):
        plain, piece = text[position:match.start()], match.group()
        code.append(plain)
        comments.append(blank(plain))
        if piece.startswith("/"):
            code.append(blank(piece))
            comments.append(piece)
        else:
            code.append(piece[0] + blank(piece[1:-1]) + piece[-1])
            comments.append(blank(piece))
        position = match.end()
    code.append(text[position:])
    comments.append(blank(text[position:]))
    return "".join(code), "".join(comments)


def without_directives(code):
    """Blanks preprocessor lines and what they continue on."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
                  lambda match: re.sub(r"[^\n]", " ", match.group()), code, flags=re.M)


def functions(code):
    """Yields (first line, last line, name) of every function body, from the line of its opening
    brace to that of its closing one; a last element (line, None, None) tells that braces do not
    balance. `code` is free of comments, strings and directives."""
    depth, line, start, head = 0, 1, 0, 0
    name = None
    for index, char in enumerate(code):
        if char == "\n":
            line += 1
        elif char == "{":
            before = code[head:index]
            if re.search(r'extern\s*"\s*"\s*$', before):
                head = index + 1
                continue  # its closing brace is the one that may be left over at depth 0
            if depth == 0:
                start, name = line, function_name(before)
            depth += 1
        elif char == "}":
            head = index + 1 if depth <= 1 else head
            if depth == 0:
                if 'extern "' in code[:index]:
                    continue
                yield line, None, None
                return
            depth -= 1
            if depth == 0 and name:
                yield start, line, name
        elif char == ";" and depth == 0:
            head = index + 1
    if depth:
        yield start, None, None


def function_name(head):
    """The name that a definition's head declares, or None where the brace opens a struct, an enum
    or an initialiser."""
    head = re.sub(r"__attribute__\s*\(\(.*?\)\)", " ", head, flags=re.S).strip()
    if not head.endswith(")"):
        return None
    depth = 0
    for index in range(len(head) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(head[index], 0)
        if depth == 0:
            match = re.search(r"(\w+)\s*$", head[:index])
            return match.group(1) if match else "?"
    return "?"


def check_c(lint, path):
    text = lint.read(path)
    code, comments = split_comments(text)
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_COLUMNS:
            lint.report(path, number, "columns", f"{len(line)} columns")
    longest = 0
    for first, last, name in functions(without_directives(code)):
        if last is None:
            lint.report(path, first, "braces", "the braces around here do not balance")
            continue
        longest = max(longest, last - first + 1)
        if last - first + 1 > MAX_FUNCTION_LINES:
            lint.report(path, first, "function-size", f"{name} has {last - first + 1} lines")
    for number, line in enumerate(code.splitlines(), 1):
        for match in re.finditer(r"\bsam_\w+", line):
            lint.report(path, number, "sam-name", f"{match.group()}: names begin with samc_")
        if re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b", line) and ISA.search(line):
            if path.startswith(("src/", "cli/", "include/", "server/")):
                if not path.startswith("src/kernels/"):
                    lint.report(path, number, "isa", "an instruction set is asked for here")
    said = sum(1 for line in comments.splitlines() if re.search(r"\w", line))
    share = said / max(1, sum(1 for line in lines if line.strip()))
    lint.sizes.append((path, len(lines), share, longest))


def check_python_functions(lint, path):
    try:
        tree = ast.parse(lint.read(path))
    except SyntaxError as error:
        lint.report(path, error.lineno or 1, "braces", f"Python cannot read it: {error.msg}")
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            size = node.end_lineno - node.lineno + 1
            if size > MAX_FUNCTION_LINES:
                lint.report(path, node.lineno, "function-size", f"{node.name} has {size} lines")


def includes(text):
    """Yields (line, name, quoted) of every #include."""
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if match:
            yield number, match.group(2), match.group(1) == '"'


def check_layers(lint):
    """A quoted include names a folder; that folder must be the file's own or one below."""
    for path in lint.c_paths():
        parts = path.split("/")
        layer = parts[1] if parts[0] == "src" else parts[0]
        if layer not in LAYERS:
            if parts[0] == "src":
                lint.report(path, 1, "include", f"src/{layer} is none of " + ", ".join(LAYERS))
            continue
        for number, name, quoted in includes(lint.read(path)):
            if not quoted:
                continue
            if f"{os.path.dirname(path)}/{name}" in lint.paths and "/" not in name:
                continue  # beside the file itself
            if "/" not in name or name.startswith("."):
                lint.report(path, number, "include", f'"{name}": say the folder: "folder/file.h"')
                continue
            target = name.split("/")[0]
            if target not in LAYERS:
                lint.report(path, number, "include", f'"{name}": {target} is not a folder of ours')
            elif LAYERS.index(target) < LAYERS.index(layer):
                lint.report(path, number, "include", f'{layer} may not use {target} ("{name}")')


def cmake_list(lint, name):
    """The entries of set(NAME ...) in src/CMakeLists.txt, as paths; None where there is none."""
    if "src/CMakeLists.txt" not in lint.paths:
        return None
    text = re.sub(r"#[^\n]*", "", lint.read("src/CMakeLists.txt"))
    match = re.search(r"set\(" + name + r"\b([^)]*)\)", text)
    return ["src/" + entry for entry in match.group(1).split()] if match else None


def check_core(lint):
    """Follows the includes of libsamc's sources: nothing they reach may need a codec or JSON."""
    core = cmake_list(lint, "samc_sources")
    waiting = list(core or []) + [p for p in lint.paths if p.startswith("src/kernels/")]
    seen = set()
    while waiting:
        path = waiting.pop()
        if path in seen or path not in lint.paths:
            continue
        seen.add(path)
        for number, name, quoted in includes(lint.read(path)):
            if quoted:
                waiting.append("src/" + name)
            elif IO_HEADERS.search(name) or name not in CORE_HEADERS:
                lint.report(path, number, "core-include",
                            f"<{name}> is not for libsamc, which this file is part of")


def check_public_header(lint, path):
    """Before every declaration of a public header stands a comment: directly, or (in a struct or
    an enum) beside its members."""
    text = lint.read(path)
    code, comments = split_comments(text)
    lines, comment_lines = text.splitlines(), comments.splitlines()
    plain = without_directives(code).splitlines()
    depth, fresh = 0, True
    for index, line in enumerate(plain):
        stripped = line.strip()
        if re.match(r'extern\s*"', stripped) or (stripped == "}" and depth == 0):
            continue
        if depth == 0 and fresh and re.match(r"(SAMC_API|typedef|struct|enum|extern)\b", stripped):
            before = comment_lines[index - 1].rstrip() if index else ""
            end, open_braces = index, stripped.count("{") - stripped.count("}")
            while open_braces and end + 1 < len(plain):
                end += 1
                open_braces += plain[end].count("{") - plain[end].count("}")
            inside = any(c.strip() for c in comment_lines[index:end + 1])
            if not before.endswith("*/") and not (end > index and inside):
                lint.report(path, index + 1, "api-comment", "no comment before: " + lines[index])
        if stripped:
            depth += stripped.count("{") - stripped.count("}")
            fresh = depth == 0 and stripped.endswith((";", "}"))


def check_text(lint, path):
    """What holds for every file that people read."""
    text = lint.read(path)
    lines = text.splitlines()
    base = os.path.basename(path)
    script = text.startswith("#!")
    if (path.endswith(SPDX_SUFFIXES) or base in SPDX_NAMES or script) and lines:
        first = "\n".join(lines[:2]) if script else lines[0]
        if "SPDX-License-Identifier: Apache-2.0" not in first:
            lint.report(path, 1, "spdx", "the first line is not SPDX-License-Identifier: Apache-2.0")
    if path.endswith(SPDX_SUFFIXES + (".md",)) and len(lines) > MAX_FILE_LINES:
        lint.report(path, MAX_FILE_LINES + 1, "file-size", f"{len(lines)} lines")
    for number, line in enumerate(lines, 1):
        for rule, pattern in (("path", MACHINE_PATH), ("registry", REGISTRIES),
                              ("unfinished", UNFINISHED)):
            match = pattern.search(line)
            if match:
                lint.report(path, number, rule, f"{match.group()!r}: {RULES[rule]}")


def check_rooms(lint):
    """Every folder that holds files has a row "| `folder/` | ..." in docs/ARCHITECTURE.md."""
    page = "docs/ARCHITECTURE.md"
    text = lint.read(page) if page in lint.paths else ""
    rows = set(re.findall(r"^\|\s*`([^`]+?)/?`", text, re.M))
    rooms = set()
    for path in lint.paths:
        parts = path.split("/")[:-1]
        if parts and not parts[0].startswith("."):
            rooms.add(parts[0])
            if parts[0] == "src":
                rooms.update("/".join(parts[:n]) for n in range(2, len(parts) + 1))
    for room in sorted(rooms - rows - {"src"}):
        lint.report(page, 1, "room", f"no row for `{room}/`")


def clang_format(lint, rewrite):
    """Returns whether clang-format is there."""
    tool = os.environ.get("CLANG_FORMAT", "clang-format")
    paths = lint.c_paths()
    if not shutil.which(tool):
        print(f"lint: {tool} is missing; install it with 'make setup' (Debian: apt-get install "
              "clang-format)", file=sys.stderr)
        return False
    mode = ["-i"] if rewrite else ["--dry-run", "-Werror"]
    if paths:
        done = subprocess.run([tool, *mode, *paths], cwd=lint.root, capture_output=True, text=True)
        for match in re.finditer(r"^(\S+?):(\d+):\d+: error: (.*)", done.stderr, re.M):
            lint.report(match.group(1), int(match.group(2)), "format", "run 'make format'")
        if done.returncode and not lint.findings:
            lint.report(paths[0], 1, "format", done.stderr.strip())
    return True


def wrap_comments(lint, path):
    """Breaks the lines of block comments that are too wide; what no longer fits joins the next line
    of the same paragraph. clang-format is told to leave comments alone, since it would also join
    the rows of tables."""
    text = lint.read(path)
    lines = text.split("\n")
    code = split_comments(text)[0].split("\n")
    index = 0
    while index < len(lines):
        match = re.match(r"(\s*)(/\*|\*)(\s+)\S", lines[index])
        cut = lines[index].rfind(" ", 0, MAX_COLUMNS + 1)
        if len(lines[index]) <= MAX_COLUMNS or not match or code[index].strip() or \
                cut < match.end():
            index += 1
            continue
        indent, star, gap = match.groups()
        prefix = indent + " * " if star == "/*" else indent + "*" + gap
        tail = lines[index][cut + 1:]
        following = lines[index + 1] if index + 1 < len(lines) else ""
        same = following.startswith(prefix) and re.match(r"[^\s*]", following[len(prefix):])
        if tail == "*/":  # would stand alone: takes the last word along
            cut = lines[index].rfind(" ", 0, cut)
            tail = lines[index][cut + 1:]
        lines[index] = lines[index][:cut]
        if same and not tail.endswith("*/"):
            lines[index + 1] = prefix + tail + " " + following[len(prefix):]
        else:
            lines.insert(index + 1, prefix + tail)
            code.insert(index + 1, "")
        index += 1
    wrapped = "\n".join(lines)
    if wrapped != text:
        with open(os.path.join(lint.root, path), "w", encoding="utf-8") as file:
            file.write(wrapped)


def print_summary(lint, table):
    sources = [s for s in lint.sizes if s[0].startswith(("src/", "cli/", "include/", "server/"))]
    if table:
        print(f"{'lines':>6} {'comment':>8} {'longest':>8}  file")
        for path, lines, share, longest in sorted(lint.sizes):
            print(f"{lines:6d} {share:8.0%} {longest:8d}  {path}")
    if not sources:
        return
    sizes = [s[1] for s in sources]
    total = sum(s[1] for s in sources)
    share = sum(s[2] * s[1] for s in sources) / max(1, total)
    print(f"lint: {len(sources)} sources, median {statistics.median(sizes):.0f} lines, largest "
          f"{max(sizes)}, longest function {max(s[3] for s in sources)}, comments {share:.0%}")
    thin = [s[0] for s in sources if s[2] < 0.08 and s[1] > 60]
    if thin:
        print(f"lint: {len(thin)} sources have few comments (no error; --report shows which)")


def main():
    parser = argparse.ArgumentParser(description="Checks the habits of the house.")
    parser.add_argument("--root", default=os.path.join(os.path.dirname(__file__), ".."),
                        help="the tree to check (default: the one this script is in)")
    parser.add_argument("--report", action="store_true", help="print a row for every C file")
    parser.add_argument("--format", action="store_true", help="rewrite the C files instead")
    parser.add_argument("--list", action="store_true", help="print the rules")
    options = parser.parse_args()
    if options.list:
        for rule, text in RULES.items():
            print(f"{rule:14} {text}")
        return 0
    lint = Lint(os.path.abspath(options.root))
    if not clang_format(lint, options.format):
        return 2
    if options.format:
        for path in lint.c_paths():
            wrap_comments(lint, path)
        return 0
    for path in lint.c_paths():
        check_c(lint, path)
    for path in lint.paths:
        if path.endswith(".py"):
            check_python_functions(lint, path)
        if path.startswith("include/") and path.endswith(".h"):
            check_public_header(lint, path)
        if path.endswith(TEXT_SUFFIXES) or "." not in os.path.basename(path):
            check_text(lint, path)
    check_layers(lint)
    check_core(lint)
    check_rooms(lint)
    for path, line, rule, text in sorted(set(lint.findings)):
        print(f"{path}:{line}: [{rule}] {text}")
    print_summary(lint, options.report)
    print(f"lint: {len(set(lint.findings))} findings" if lint.findings else "lint: no findings")
    return 1 if lint.findings else 0


if __name__ == "__main__":
    sys.exit(main())
