# SPDX-License-Identifier: Apache-2.0
"""What the tests of the Python package share. From the environment (set by ctest): SAMC_LIBRARY, the
built libsamc.so, SAMC_TINY_MODEL, the tiny random checkpoint of tests/golden, and PYTHONPATH with the
package in it. Where numpy is missing a test is skipped (exit code 77).
"""
import collections
import json
import math
import os
import pickle
import shutil
import struct
import sys
import tempfile
import unittest
import zipfile

try:
    import numpy as np
except ImportError:
    print(f"skipped: {sys.executable} has no numpy (Debian: apt-get install python3-numpy, which "
          "'make setup' does; or configure with -DPython3_EXECUTABLE=path of one that has it)")
    sys.exit(77)

import samc

TINY = os.environ["SAMC_TINY_MODEL"]
SIDE = 40  # of the tiny model's low-res logits


def picture(height=60, width=90, seed=1):
    """A bright disc on noise, H x W x 3."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 60, (height, width, 3), dtype=np.uint8)
    y, x = np.mgrid[:height, :width]
    pixels[(y - height / 2) ** 2 + (x - width / 2) ** 2 < (height / 3) ** 2] += 150
    return pixels


class Unpickler(pickle.Unpickler):
    """Of a state dict of f32 tensors that are contiguous, as tiny.pth is."""

    def find_class(self, module, name):
        if name == "OrderedDict":
            return collections.OrderedDict
        if name == "_rebuild_tensor_v2":
            return lambda storage, offset, shape, *_: (storage, offset, shape)
        return name

    def persistent_load(self, saved):
        return saved[2]


def tiny_with(metadata):
    """The tiny model as the bytes of a safetensors file with that metadata."""
    header, body = {"__metadata__": metadata}, b""
    with zipfile.ZipFile(TINY) as archive:
        root = archive.namelist()[0].split("/")[0]
        for name, (storage, offset, shape) in Unpickler(archive.open(root + "/data.pkl")).load().items():
            data = archive.read(f"{root}/data/{storage}")[4 * offset:][:4 * math.prod(shape)]
            header[name] = {"dtype": "F32", "shape": list(shape),
                            "data_offsets": [len(body), len(body) + len(data)]}
            body += data
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


class Case(unittest.TestCase):
    """A test with the tiny model, an embedding of picture(), and a folder."""

    @classmethod
    def setUpClass(cls):
        cls.model = samc.Model(TINY, threads=1)
        cls.photo = picture()
        cls.embedding = cls.model.encode(cls.photo)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="samc-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def same(self, a, b):
        self.assertEqual(a.dtype, b.dtype)
        np.testing.assert_array_equal(a, b)
