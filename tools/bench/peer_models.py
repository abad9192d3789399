#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes what the peers of bench_peers.py run: ONNX models and their inputs, once.

usage: peer_models.py FOLDER CHECKPOINT KIND PHOTO

FOLDER gets encode.onnx, decode1.onnx, decode64.onnx (static shapes, which every engine optimises
best), checkpoint (a link) and inputs.npz: the photo as the reference prepares it, an embedding, the
points. Existing files are left alone, and each appears whole or not at all. A process of its own,
so that PyTorch's memory is given back before anything is timed.
"""
from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from segment_anything.utils.transforms import ResizeLongestSide

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "parity"))
import make_checkpoints  # noqa: E402
import models  # noqa: E402

COUNTS = {"decode1": 1, "decode64": 64}


class Decoder(torch.nn.Module):
    """Prompt encoder and mask decoder: what a click costs."""

    def __init__(self, sam):
        super().__init__()
        self.sam = sam

    def forward(self, embedding, points, labels):
        sparse, dense = self.sam.prompt_encoder(points=(points, labels), boxes=None, masks=None)
        return self.sam.mask_decoder(
            image_embeddings=embedding,
            image_pe=self.sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )


def load(kind: str, checkpoint: Path):
    sam = models.official(kind, make_checkpoints.SEEDS[kind])
    sam.load_state_dict(torch.load(checkpoint))
    return sam.eval()


def prepare_photo(sam, path: str) -> torch.Tensor:
    """[1][3][1024][1024]: resized, normalised, padded."""
    resized = ResizeLongestSide(1024).apply_image(np.asarray(Image.open(path).convert("RGB")))
    return sam.preprocess(torch.as_tensor(resized).permute(2, 0, 1)[None].float())


def inputs_of(photo: torch.Tensor) -> dict[str, dict[str, np.ndarray]]:
    """The inputs of each piece of work by their names in the ONNX files."""
    generator = np.random.default_rng(1)
    embedding = generator.standard_normal((1, 256, 64, 64), dtype=np.float32)
    work = {"encode": {"photo": photo.numpy()}}
    for name, count in COUNTS.items():
        work[name] = {
            "embedding": embedding,
            "points": (generator.random((count, 1, 2)) * 1024).astype(np.float32),
            "labels": np.ones((count, 1), np.float32),
        }
    return work


def export(module: torch.nn.Module, inputs: dict[str, np.ndarray], path: Path) -> None:
    temporary = path.with_suffix(".part")
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, tuple(torch.from_numpy(v) for v in inputs.values()),
                          str(temporary), input_names=list(inputs), opset_version=17, dynamo=False)
    os.replace(temporary, path)


def main() -> None:
    folder, checkpoint, kind, photo = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in ("encode", *COUNTS) if not (folder / f"{name}.onnx").exists()]
    if not names and (folder / "inputs.npz").exists():
        return
    sam = load(kind, checkpoint)
    work = inputs_of(prepare_photo(sam, photo))
    for name in names:
        print(f"exporting {name} of {kind} to ONNX", file=sys.stderr, flush=True)
        module = sam.image_encoder if name == "encode" else Decoder(sam)
        export(module, work[name], folder / f"{name}.onnx")
    temporary = folder / "inputs.part.npz"
    np.savez(temporary, **{f"{w}.{k}": v for w, names in work.items() for k, v in names.items()})
    os.replace(temporary, folder / "inputs.npz")


if __name__ == "__main__":
    main()
