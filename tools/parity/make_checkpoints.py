# SPDX-License-Identifier: Apache-2.0
"""Writes vit_b, vit_l and vit_h checkpoints of the official shape with every tensor random.

usage: make_checkpoints.py DIR [vit_b|vit_l|vit_h ...]       existing files are left alone

The seeds are fixed. vit_b is 375 MB, vit_l 1.2 GB, vit_h 2.6 GB.
"""
from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

import models

SEEDS = {"vit_b": 2301, "vit_l": 2302, "vit_h": 2303}


def ensure(folder: Path, kind: str) -> Path:
    """The checkpoint's path; it is made where it is missing, whole or not at all."""
    path = folder / f"{kind}_random.pth"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"making {path}", file=sys.stderr, flush=True)
        temporary = path.with_suffix(".part")
        torch.save(models.official(kind, SEEDS[kind]).state_dict(), temporary)
        os.replace(temporary, path)
    return path


def main() -> None:
    if len(sys.argv) < 2 or any(kind not in SEEDS for kind in sys.argv[2:]):
        sys.exit(__doc__)
    for kind in sys.argv[2:] or SEEDS:
        ensure(Path(sys.argv[1]), kind)


if __name__ == "__main__":
    main()
