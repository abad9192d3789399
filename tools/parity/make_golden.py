# SPDX-License-Identifier: Apache-2.0
"""Writes the golden data of tests/golden/test_golden.c: the tiny model and what the reference makes
of it.

usage: make_golden.py DIR [--model-only]       writes DIR/tiny.pth and DIR/tiny_golden.safetensors

Names are PHOTO/STAGE and PHOTO/PROMPT/STAGE; the stages are those of reference.py. The photos are
made by photos.formula, on both sides. To stay small, the file holds of full-resolution logits every
eighth row and column, of masks one bit a pixel (highest bit first), of resized photos the CRC-32, and
but for the prompts in DETAILED every second row and column of low-res logits.
"""
from __future__ import annotations

import sys
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

import models
import photos
from reference import Prompt, Reference

# Width, height: shrunk, enlarged, as it is, one pixel, and strips of 16:1 both ways.
PHOTOS = {
    "landscape": (240, 150),
    "portrait": (70, 112),
    "square": (160, 160),
    "dot": (1, 1),
    "strip": (320, 20),
    "tower": (10, 160),
}
# The photo whose every stage is kept, and the prompts of which the decoder's large arrays are kept.
MAIN, DETAILED = "landscape", ("point", "point_mask")
SAMPLE = 8


def prompts(mask_input: np.ndarray) -> dict[str, Prompt]:
    """On the main photo, one of each kind; mask_input: low-res logits [S][S]."""
    return {
        "point": Prompt(points=[[[100, 60]]], labels=[[1]]),
        "two_points": Prompt(points=[[[100, 60], [31.5, 120.25]]], labels=[[1, 0]]),
        "box": Prompt(boxes=[[30, 20, 150.5, 110]]),
        "box_points": Prompt(
            points=[[[70, 70], [140, 100]]], labels=[[1, 0]], boxes=[[30, 20, 150, 110]]
        ),
        "boxes": Prompt(boxes=[[0, 0, 240, 150], [60, 30, 100, 90], [200, 5, 239, 149]]),
        "objects": Prompt(points=[[[20, 20]], [[180, 140]]], labels=[[1], [1]]),
        "mask": Prompt(mask_input=mask_input[None]),
        "point_mask": Prompt(points=[[[240, 150]]], labels=[[1]], mask_input=mask_input[None]),
    }


def keep_prompt(out: dict, prefix: str, prompt: Prompt, found: dict, detailed: bool) -> None:
    out |= {f"{prefix}/{name}": value for name, value in prompt.arrays().items()}
    large = ("src", "upscaled")
    for name, value in found.items():
        if name.startswith("logits."):
            kind = name.removeprefix("logits.")
            out[f"{prefix}/logits.{kind}"] = value[..., ::SAMPLE, ::SAMPLE]
            out[f"{prefix}/masks.{kind}"] = np.packbits(value > 0)
            out[f"{prefix}/largest.{kind}"] = np.abs(value).max(keepdims=True).reshape(1)
        elif name == "low_res" and not detailed:
            out[f"{prefix}/low_res"] = value[..., ::2, ::2]
            out[f"{prefix}/largest.low_res"] = np.abs(value).max(keepdims=True).reshape(1)
        elif detailed or name not in large:
            out[f"{prefix}/{name}"] = value


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    state = models.tiny().state_dict()
    torch.save(state, folder / "tiny.pth")
    if "--model-only" in sys.argv:
        return
    sam = models.load(str(folder / "tiny.pth"))
    reference = Reference(sam)

    levels = torch.arange(256, dtype=torch.uint8)[None, None, :].expand(3, 1, 256)
    table = (levels - sam.pixel_mean) / sam.pixel_std
    out = {"normalised.table": table[:, 0].numpy().copy(), "dense_pe": reference.dense_pe()}
    for name, (width, height) in PHOTOS.items():
        photo = photos.formula(width, height)
        found = reference.encode(photo)
        resized = found["resized"]
        out[f"{name}/size"] = np.array([width, height], dtype=np.int32)
        out[f"{name}/resized.size"] = np.array(resized.shape[1::-1], dtype=np.int32)
        out[f"{name}/resized.crc32"] = np.array([zlib.crc32(resized.tobytes())], dtype=np.int64)
        out[f"{name}/neck"] = found["neck"]
        if name == MAIN:
            stages = [key for key in found if key == "patch_embed" or key.startswith("blocks.")]
            out |= {f"{name}/{key}": found[key] for key in stages}
            first = reference.predict(Prompt(points=[[[100, 60]]], labels=[[1]]))
            best = 1 + int(first["iou"][0, 1:].argmax())
            for key, prompt in prompts(first["low_res"][0, best]).items():
                answer = reference.predict(prompt)
                keep_prompt(out, f"{name}/{key}", prompt, answer, key in DETAILED)
        else:
            middle = [[width * 0.4, height * 0.6]]
            prompt = Prompt(points=[middle], labels=[[1]])
            answer = reference.predict(prompt)
            keep_prompt(out, f"{name}/point", prompt, answer, False)
    # An object without points or box has no sparse embedding: nothing to compare.
    arrays = {k: np.ascontiguousarray(v) for k, v in sorted(out.items()) if v.size > 0}
    path = folder / "tiny_golden.safetensors"
    save_file(arrays, path)
    path.chmod(0o644)
    total = sum(value.nbytes for value in arrays.values())
    print(f"{len(arrays)} arrays, {total} bytes; torch {torch.__version__}")


if __name__ == "__main__":
    main()
