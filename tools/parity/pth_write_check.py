#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `samc export` writes as .pth, read by PyTorch: torch.load(weights_only=True), mapped and not, and
the reference's own load_state_dict.

usage: pth_write_check.py --samc BINARY [CHECKPOINT]     needs torch and segment_anything

CHECKPOINT is a .pth (default: the tiny model of tests/golden). Exit code 1 if anything differs.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import models  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def differences(source, path, dtype):
    """Yields what is wrong with the file at `path`."""
    if zipfile.ZipFile(path).testzip() is not None:
        yield "a checksum is wrong"
    for mmap in (False, True):
        state = torch.load(path, weights_only=True, map_location="cpu", mmap=mmap)
        if list(state) != list(source):
            yield "other names, or another order"
        for name, tensor in source.items():
            if state[name].dtype != dtype or not torch.equal(state[name], tensor.to(dtype)):
                yield f"{name} differs"
    sam = models.load(str(path))
    for name, tensor in sam.state_dict().items():
        if name in source and not torch.equal(tensor, source[name].to(dtype).float()):
            yield f"{name} differs in the model"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samc", required=True)
    parser.add_argument("checkpoint", nargs="?", default=ROOT / "tests/golden/tiny.pth")
    options = parser.parse_args()
    source = torch.load(options.checkpoint, weights_only=True, map_location="cpu")
    wrong = 0
    for name, dtype in DTYPES.items():
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / f"{name}.pth"
            subprocess.run([options.samc, "export", str(options.checkpoint), str(path),
                            "--dtype", name], check=True)
            found = list(differences(source, path, dtype))
            print(f"{name}: {len(source)} tensors, {path.stat().st_size} bytes:",
                  "; ".join(found) or "PyTorch reads the same")
            wrong += len(found)
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
