# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command share: running it, and reading what it writes.

The formats are read by a few lines of our own, so that only Python's standard library is needed
and no code of samc judges itself. From the environment (set by ctest): SAMC_BINARY, the built
command, and SAMC_TINY_MODEL, the tiny random checkpoint of tests/golden.
"""
import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib

BINARY = os.environ["SAMC_BINARY"]
MODEL = os.environ["SAMC_TINY_MODEL"]


def png_bytes(width, height, pixels, channels=3):
    """A PNG of 8-bit channels; pixels is bytes, row after row."""
    def chunk(kind, body):
        return (struct.pack(">I", len(body)) + kind + body
                + struct.pack(">I", zlib.crc32(kind + body)))
    stride = width * channels
    rows = b"".join(b"\0" + pixels[y * stride:(y + 1) * stride] for y in range(height))
    colour = {1: 0, 3: 2, 4: 6}[channels]
    return (b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def photo_bytes(width=48, height=32, seed=1):
    """A small picture with some structure, as a PNG."""
    pixels = bytearray()
    for y in range(height):
        for x in range(width):
            inside = (x - width // 2) ** 2 + (y - height // 2) ** 2 < (height // 3) ** 2
            pixels += bytes([(200 if inside else 30) + (x * seed) % 20, (y * 5) % 256,
                             (x * 3 + y * seed) % 256])
    return png_bytes(width, height, bytes(pixels))


def read_png(data):
    """(width, height, channels, pixels) of a PNG of 8-bit channels without interlacing."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n", "not a PNG"
    at, body, header = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", data[at + 8:at + 8 + length])
        elif kind == b"IDAT":
            body += data[at + 8:at + 8 + length]
        at += length + 12
    width, height, depth, colour, _, _, interlace = header
    assert depth == 8 and interlace == 0
    channels = {0: 1, 2: 3, 6: 4}[colour]
    raw, stride = zlib.decompress(body), width * channels
    out, above = bytearray(), bytes(stride)
    for y in range(height):
        kind = raw[y * (stride + 1)]
        row = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for i in range(stride):
            a = row[i - channels] if i >= channels else 0
            b = above[i]
            c = above[i - channels] if i >= channels else 0
            if kind == 1:
                add = a
            elif kind == 2:
                add = b
            elif kind == 3:
                add = (a + b) // 2
            elif kind == 4:
                p = a + b - c
                add = min((a, b, c), key=lambda v: abs(p - v))
            else:
                add = 0
            row[i] = (row[i] + add) & 255
        out += row
        above = bytes(row)
    return width, height, channels, bytes(out)


def read_npy(path):
    """(shape, list of numbers) of a little-endian f32 .npy of version 1."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"\x93NUMPY\x01\x00"
    length = struct.unpack("<H", data[8:10])[0]
    header = eval(data[10:10 + length].decode(), {"__builtins__": {}})  # a dict of constants
    assert header["descr"] == "<f4" and not header["fortran_order"]
    values = struct.unpack(f"<{(len(data) - 10 - length) // 4}f", data[10 + length:])
    return header["shape"], values


def write_npy(path, shape, values):
    """A version 1.0 .npy of f32."""
    header = repr({"descr": "<f4", "fortran_order": False, "shape": tuple(shape)}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
        file.write(struct.pack(f"<{len(values)}f", *values))


def decode_rle(segmentation):
    """The mask, bytes of 0 and 1 row after row, of COCO's compressed RLE."""
    height, width = segmentation["size"]
    counts, text, at = [], segmentation["counts"], 0
    while at < len(text):
        value = shift = 0
        while True:
            c = ord(text[at]) - 48
            at += 1
            value |= (c & 31) << shift
            shift += 5
            if not c & 32:
                if c & 16:
                    value -= 1 << shift
                break
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
    column_major = b"".join(bytes([i % 2]) * n for i, n in enumerate(counts))
    assert len(column_major) == height * width, "the counts do not sum to the size"
    return bytes(column_major[x * height + y] for y in range(height) for x in range(width))


class Case(unittest.TestCase):
    """A test with a folder of its own, self.folder, which is the current one of each run."""

    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="samc-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(data)
        return name

    def files(self, name="."):
        return sorted(os.listdir(self.path(name)))

    def samc(self, *words, code=0, stdin=b"", environment=None, **more):
        """Runs the command and checks its exit code; .out and .err are text, .bytes raw."""
        variables = {k: v for k, v in os.environ.items() if k != "SAMC_MODEL"}
        variables.update(environment or {})
        more.setdefault("stdout", subprocess.PIPE)
        done = subprocess.run([BINARY, *words], cwd=self.folder, input=stdin, env=variables,
                              stderr=subprocess.PIPE, timeout=120, check=False, **more)
        done.err = done.stderr.decode(errors="replace")
        done.bytes = done.stdout or b""
        done.out = done.bytes.decode(errors="replace")
        self.assertEqual(done.returncode, code, f"samc {' '.join(words)}\n{done.err}")
        if code:
            self.assertIn("samc: ", done.err)
        return done

    def segment(self, *words, **more):
        return self.samc("segment", "-m", MODEL, *words, **more)

    def records(self, *words, **more):
        """The parsed lines of samc segment --json."""
        return [json.loads(line) for line in self.segment("--json", *words, **more).out.split("\n")
                if line]
