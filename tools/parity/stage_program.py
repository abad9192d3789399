# SPDX-License-Identifier: Apache-2.0
"""Runs single stages of samc through build/.../samc_stage (tests/parity/samc_stage.c)."""
from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Optional

import numpy as np
from safetensors.numpy import load_file, save_file

# Input and output of the largest stage: four objects' logits of a photo of two megapixels.
ROOM = 1 << 30


class StageError(RuntimeError):
    """samc refused the stage; the message is samc's."""


class StageProgram:
    """One model in one process. Arrays go to it and come back as safetensors files."""

    def __init__(
        self, program: Path, model: Path, kernels: Optional[str] = None, threads: int = 0
    ) -> None:
        options = ["--threads", str(threads)] + (["--kernels", kernels] if kernels else [])
        # Every file is synced to its disk, which memory has none of.
        memory = Path("/dev/shm")
        place = memory if memory.is_dir() and shutil.disk_usage(memory).free > ROOM else None
        self.folder = tempfile.TemporaryDirectory(prefix="samc-parity-", dir=place)
        self.process = subprocess.Popen(
            [program, *options, model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.kernels = self._answer()

    def __enter__(self) -> "StageProgram":
        return self

    def __exit__(self, *_exception) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()

    def _answer(self) -> str:
        line = self.process.stdout.readline().strip()
        word, _, rest = line.partition(" ")
        if word != "ok":
            raise StageError(rest or "samc_stage ended without an answer")
        return rest

    def run(self, stage: str, **arrays: np.ndarray) -> dict[str, np.ndarray]:
        """Names of stages, their inputs and outputs: tests/parity/samc_stage.c."""
        given = Path(self.folder.name) / "in.safetensors"
        gives = Path(self.folder.name) / "out.safetensors"
        save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, given)
        self.process.stdin.write(f"{stage} {given} {gives}\n")
        self.process.stdin.flush()
        self._answer()
        return load_file(gives)
