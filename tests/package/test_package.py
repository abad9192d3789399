#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installs the build into a folder of its own and uses it as a stranger would: through pkg-config,
through find_package, from C and from C++, shared and static; looks at what the libraries export."""
import argparse
import glob
import os
import re
import shutil
import struct
import subprocess
import sys
import unittest
import zlib

OPTIONS = None
EXAMPLES = ("ten_lines", "refine")


def run(*command, code=0, **environment):
    """Runs a command; returns what it printed. Any other exit code than `code` fails the test."""
    done = subprocess.run(command, capture_output=True, text=True,
                          env={**os.environ, **environment}, timeout=300)
    if done.returncode != code:
        raise AssertionError(f"{' '.join(command)}\nexit code {done.returncode}, not {code}\n"
                             f"{done.stdout}{done.stderr}")
    return done.stdout + done.stderr if code else done.stdout


def write_photo(path, width=96, height=64):
    """A PNG of a bright disc on dark ground, made here so that nothing of ours is trusted."""
    rows = b""
    for y in range(height):
        rows += b"\0"
        for x in range(width):
            inside = (x - 48) ** 2 + (y - 32) ** 2 < 20 ** 2
            rows += bytes((230, 200, 60) if inside else (30, 40 + y // 4, 60 + x // 4))

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" +
                   chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def png_size(path):
    with open(path, "rb") as file:
        head = file.read(26)
    if head[:8] != b"\x89PNG\r\n\x1a\n":
        raise AssertionError(f"{path} is no PNG")
    return struct.unpack(">IIBB", head[16:26])


def declared(header):
    """The SAMC_API functions of an installed header."""
    with open(header, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.S)
    text = re.sub(r"^\s*#(?:[^\n]*\\\n)*[^\n]*", " ", text, flags=re.M)
    return set(re.findall(r"\bSAMC_API\b[^;()]*?\b(samc_\w+)\s*\(", text))


class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = os.path.join(OPTIONS.build, "tests", "package", "work")
        shutil.rmtree(cls.work, ignore_errors=True)
        os.makedirs(cls.work)
        # `cmake --install` notes what it wrote; what a user installed must stay known to uninstall.
        cls.manifest = os.path.join(OPTIONS.build, "install_manifest.txt")
        cls.addClassCleanup(cls.restore_manifest, cls.manifest + ".user")
        if os.path.exists(cls.manifest):
            os.replace(cls.manifest, cls.manifest + ".user")
        cls.stage = os.path.join(cls.work, "stage")
        run("cmake", "--install", OPTIONS.build, "--prefix", cls.stage)
        cls.lib = os.path.join(cls.stage, OPTIONS.libdir)
        cls.environment = {"PKG_CONFIG_PATH": os.path.join(cls.lib, "pkgconfig"),
                           "LD_LIBRARY_PATH": cls.lib}
        cls.photo = os.path.join(cls.work, "disc.png")
        write_photo(cls.photo)
        default = os.path.join(cls.stage, "share", "samc", "samc-default.safetensors")
        tiny = os.path.join(OPTIONS.source, "tests", "golden", "tiny.pth")
        cls.model = default if os.path.exists(default) else tiny

    @classmethod
    def restore_manifest(cls, saved):
        if os.path.exists(cls.manifest):
            os.remove(cls.manifest)
        if os.path.exists(saved):
            os.replace(saved, cls.manifest)

    def pkg_config(self, *arguments):
        return run("pkg-config", *arguments, **self.environment).split()

    def run_examples(self, folder):
        """Runs both programs: a mask of the photo's size, and a sentence where something is wrong."""
        mask = os.path.join(folder, "mask.png")
        for name, points in (("ten_lines", ["48", "32"]), ("refine", ["48", "32", "-5", "5"])):
            program = os.path.join(folder, name)
            if os.path.exists(mask):
                os.remove(mask)
            out = run(program, self.model, self.photo, *points, mask, **self.environment)
            self.assertEqual(png_size(mask), (96, 64, 8, 0))
            if name == "refine":
                self.assertRegex(out, r"round 1: mask [123] of 3, .*\nround 2: predicted IoU")
            complaint = run(program, "no-such-model", self.photo, *points, mask, code=1,
                            **self.environment)
            self.assertIn("no-such-model", complaint)
            complaint = run(program, self.model, self.photo, "4800", *points[1:], mask, code=1,
                            **self.environment)
            self.assertRegex(complaint, f"{name}: .*4800")

    def build_by_pkg_config(self, folder, *flags):
        os.makedirs(folder)
        for name in EXAMPLES:
            source = os.path.join(OPTIONS.source, "examples", name + ".c")
            run(OPTIONS.cc, "-std=c11", "-Wall", "-Wextra", "-Werror", source, "-o",
                os.path.join(folder, name), *flags)

    def test_pkg_config_shared(self):
        folder = os.path.join(self.work, "pkg-config-shared")
        self.build_by_pkg_config(folder, *self.pkg_config("--cflags", "--libs", "samc_io"))
        used = run("ldd", os.path.join(folder, "refine"), **self.environment)
        self.assertIn(os.path.join(self.lib, "libsamc.so.0"), used)
        self.run_examples(folder)

    def test_pkg_config_static(self):
        folder = os.path.join(self.work, "pkg-config-static")
        flags = self.pkg_config("--static", "--cflags", "--libs", "samc_io")
        flags = [f"-l:lib{f[2:]}.a" if f in ("-lsamc", "-lsamc_io") else f for f in flags]
        self.build_by_pkg_config(folder, *flags)
        self.assertNotIn("libsamc", run("ldd", os.path.join(folder, "refine")))
        self.run_examples(folder)

    def find_package(self, static):
        folder = os.path.join(self.work, "find-package-" + ("static" if static else "shared"))
        run("cmake", "-G", "Ninja", "-S", os.path.join(OPTIONS.source, "examples"), "-B", folder,
            "-DCMAKE_PREFIX_PATH=" + self.stage, "-DCMAKE_C_COMPILER=" + OPTIONS.cc,
            "-DSAMC_EXAMPLES_STATIC=" + ("ON" if static else "OFF"))
        run("cmake", "--build", folder)
        self.run_examples(folder)
        return run("ldd", os.path.join(folder, "ten_lines"))

    def test_find_package_shared(self):
        self.assertIn(os.path.join(self.lib, "libsamc.so.0"), self.find_package(False))

    def test_find_package_static(self):
        self.assertNotIn("libsamc", self.find_package(True))

    def test_cplusplus(self):
        program = os.path.join(self.work, "header")
        run("c++", "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
            os.path.join(OPTIONS.source, "tests", "package", "header.cpp"), "-o", program,
            *self.pkg_config("--cflags", "--libs", "samc_io"))
        run(program, **self.environment)

    def test_each_header_stands_alone(self):
        for header in ("samc.h", "samc_io.h"):
            source = os.path.join(self.work, "alone.c")
            with open(source, "w", encoding="utf-8") as file:
                file.write(f"#include <{header}>\nint main(void) {{ return 0; }}\n")
            run(OPTIONS.cc, "-std=c11", "-Wall", "-Wextra", "-Wstrict-prototypes", "-Werror",
                "-fsyntax-only", "-I" + os.path.join(self.stage, "include"), source)

    def test_symbols(self):
        """Exactly what the headers declare is exported, under its version; SONAMEs are stable."""
        for name, header, node in (("samc", "samc.h", "SAMC_0.1"),
                                   ("samc_io", "samc_io.h", "SAMC_IO_0.1")):
            library = os.path.join(self.lib, f"lib{name}.so")
            table = run("nm", "-D", "--defined-only", "--with-symbol-versions", library)
            symbols = {line.split()[-1] for line in table.splitlines()} - {node}
            wanted = {f"{function}@@{node}"
                      for function in declared(os.path.join(self.stage, "include", header))}
            self.assertTrue(wanted)
            self.assertEqual(sorted(symbols - wanted), [], f"lib{name}.so exports too much")
            self.assertEqual(sorted(wanted - symbols), [],
                             f"declared in {header}, but not in lib{name}.so; see src/lib{name}.map")
            self.assertIn(f"Library soname: [lib{name}.so.0]", run("readelf", "-d", library))

    def test_libsamc_needs_no_codec(self):
        needed = re.findall(r"NEEDED.*\[(\S+)\]",
                            run("readelf", "-d", os.path.join(self.lib, "libsamc.so")))
        allowed = re.compile(r"lib(c|m|z|pthread|gcc_s)\.so|ld-linux")
        self.assertEqual([name for name in needed if not allowed.match(name)], [])

    def test_installed_files(self):
        found = {os.path.relpath(path, self.stage)
                 for path in glob.glob(self.stage + "/**", recursive=True)}
        for path in ("bin/samc", "include/samc.h", "include/samc_io.h", "share/doc/samc/LICENSE",
                     "share/doc/samc/NOTICE", f"{OPTIONS.libdir}/libsamc.a",
                     f"{OPTIONS.libdir}/libsamc_io.a", f"{OPTIONS.libdir}/pkgconfig/samc.pc",
                     f"{OPTIONS.libdir}/cmake/samc/samcConfig.cmake"):
            self.assertIn(path, found)
        for path in found:
            full = os.path.join(self.stage, path)
            if os.path.isfile(full) and path.endswith((".cmake", ".pc", ".h")):
                with open(full, encoding="utf-8") as file:
                    self.assertNotIn(OPTIONS.source, file.read(), f"{path} names the build's folder")
        if shutil.which("help2man"):
            for path in ("share/man/man1/samc.1", "share/man/man1/samc-segment.1"):
                self.assertIn(path, found)

    def test_installed_command(self):
        command = os.path.join(self.stage, "bin", "samc")
        version = self.pkg_config("--modversion", "samc")[0]
        self.assertEqual(run(command, "--version").split()[:2], ["samc", version])
        out = os.path.join(self.work, "command")
        run(command, "segment", self.photo, "-m", self.model, "--point", "48,32", "-o", out)
        self.assertTrue(glob.glob(out + "/*.png"))

    def test_destdir_and_uninstall(self):
        root = os.path.join(self.work, "root")
        run("cmake", "--install", OPTIONS.build, "--prefix", "/opt/samc", DESTDIR=root)
        self.assertTrue(os.path.exists(root + "/opt/samc/bin/samc"))
        run("sh", os.path.join(OPTIONS.source, "tools", "uninstall.sh"), self.manifest,
            DESTDIR=root)
        left = [path for path in glob.glob(root + "/**", recursive=True)
                if not os.path.isdir(path) or "samc" in os.path.relpath(path, root + "/opt/samc")]
        self.assertEqual(left, [])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for option in ("build", "source", "libdir", "cc"):
        parser.add_argument("--" + option, required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])
