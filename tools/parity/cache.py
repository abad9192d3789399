# SPDX-License-Identifier: Apache-2.0
"""What the reference gives for one checkpoint, kept on disk so that a re-run needs no PyTorch model.

A folder a checkpoint, named by its SHA-256, VERSION and PyTorch's version; a file's name carries a
hash of what went in, photo and prompts. Of each photo: PHOTO.stages (every stage) or PHOTO.encode
(the embedding alone), and PHOTO.prompts (PROMPT/NAME).
"""
from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Callable, Optional

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

import examples
import models
from reference import Prompt, Reference

# Raise it when reference.py keeps other arrays, or the same ones otherwise.
VERSION = 1


def default_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "samc" / "parity"


def key_of(checkpoint: Path) -> str:
    with open(checkpoint, "rb") as file:
        weights = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{weights[:16]}-{VERSION}-{torch.__version__}"


def digest_of(photo: np.ndarray, prompts: dict[str, Prompt], *more: str) -> str:
    found = hashlib.sha256(repr((photo.shape, more)).encode() + photo.tobytes())
    for key, prompt in prompts.items():
        for name, value in prompt.arrays().items():
            found.update(repr((key, name, value.shape)).encode() + value.tobytes())
    return found.hexdigest()[:8]


def write(arrays: dict[str, np.ndarray], path: Path) -> None:
    """Whole or not at all."""
    temporary = path.with_suffix(".part")
    save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, temporary)
    os.replace(temporary, path)


class Cache:
    def __init__(self, folder: Path, checkpoint: Path, say: Callable[[str], None]) -> None:
        self.checkpoint, self.say = checkpoint, say
        self.folder = folder / "outputs" / f"{checkpoint.stem}-{key_of(checkpoint)}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.reference: Optional[Reference] = None

    def loaded(self) -> Reference:
        if self.reference is None:
            self.reference = Reference(models.load(str(self.checkpoint)))
        return self.reference

    def release(self) -> None:
        self.reference = None

    def file(self, name: str, make: Callable[[], dict[str, np.ndarray]]):
        """An open safetensors file of that name, made by `make` where it is missing."""
        path = self.folder / f"{name}.safetensors"
        if not path.exists():
            self.say(f"reference: {self.checkpoint.stem}, {name}")
            write(make(), path)
        return safe_open(path, framework="numpy")

    def constants(self):
        return self.file("constants", lambda: {"dense_pe": self.loaded().dense_pe()})

    def encoded(self, name: str, photo: np.ndarray, stages: bool):
        """Every stage of the encoder, or the resized photo and the embedding alone."""
        label = f"{name}.{'stages' if stages else 'encode'}-{digest_of(photo, {})}"
        return self.file(label, lambda: self.loaded().encode(photo, stages))

    def answered(self, name: str, photo: np.ndarray, encoded, prompts: dict[str, Prompt]):
        """The answers to `prompts`, and to the second round where its first is among them."""

        def make() -> dict[str, np.ndarray]:
            reference, out = self.loaded(), {}
            reference.features(encoded.get_tensor("neck"), photo.shape[:2])
            todo = dict(prompts)
            while todo:
                key, prompt = next(iter(todo.items()))
                del todo[key]
                answer = reference.predict(prompt, stages=key in examples.STAGED)
                if key in examples.STAGED:
                    out |= {f"{key}/{k}": v for k, v in prompt.arrays().items()}
                out |= {f"{key}/{k}": v for k, v in answer.items() if not k.startswith("logits.")}
                second, first, again = examples.SECOND_ROUND
                if key == first:
                    best = 1 + int(answer["iou"][0, 1:].argmax())
                    todo[second] = Prompt(
                        again.points, again.labels, mask_input=answer["low_res"][:, best]
                    )
            return {k: v for k, v in out.items() if v.size > 0}

        staged = [key for key in examples.STAGED if key in (*prompts, examples.SECOND_ROUND[0])]
        return self.file(f"{name}.prompts-{digest_of(photo, prompts, *staged)}", make)

    def batch(self, photos: dict[str, np.ndarray], prompts: dict[str, Prompt]):
        """Sam.forward with several photos at once: PHOTO/low_res, PHOTO/iou."""
        label = "batch-" + digest_of(np.concatenate([p.ravel() for p in photos.values()]), prompts)
        return self.file(label, lambda: self.loaded().forward(photos, prompts))
