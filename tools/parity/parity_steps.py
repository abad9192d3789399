# SPDX-License-Identifier: Apache-2.0
"""Ten optimiser steps of samc against PyTorch: the same batches, prompts and choices of masks.

usage: parity_steps.py --build BUILD [--models tiny,seed] [--steps 10]      (run by `make parity-train`)

samc_steps records what it prompted in every round and which mask went into the next one. PyTorch
goes through the same with the reference's modules, autograd, clip_grad_norm_ and torch.optim.AdamW,
on logits of its own. The losses of all steps must agree within 1e-4.
"""
from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file

import models
from parity_train import ROOT, decode

LIMIT = 1e-4
ROUNDS, RATE, WARMUP, DECAY, CLIP = 3, 3e-4, 4, 0.1, 1.0
ADDED = (
    "image_encoder.pos_embed",
    "prompt_encoder.pe_layer.",
    "prompt_encoder.no_mask_embed.",
    "prompt_encoder.point_embeddings.",
    "prompt_encoder.not_a_point_embed.",
    "mask_decoder.iou_token.",
    "mask_decoder.mask_tokens.",
)


def decays(name: str, parameter: torch.Tensor) -> bool:
    return parameter.dim() >= 2 and "rel_pos" not in name and not name.startswith(ADDED)


def loss_of(logits: torch.Tensor, iou: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Sum over prompts of the lowest mask loss and the mean error of the predicted IoUs."""
    g = target[:, None].expand_as(logits)
    p = logits.sigmoid()
    ce = F.binary_cross_entropy_with_logits(logits, g, reduction="none")
    wrong = 1 - (p * g + (1 - p) * (1 - g))
    focal = (0.5 * wrong**2 * ce).mean((2, 3))
    dice = 1 - (2 * (p * g).sum((2, 3)) + 1) / (p.sum((2, 3)) + g.sum((2, 3)) + 1)
    with torch.no_grad():
        a, b = logits > 0, g > 0.5
        true = (a & b).sum((2, 3)) / ((a | b).sum((2, 3)) + 1e-6)
    return (20 * focal + dice).min(1)[0].sum() + ((iou - true) ** 2).mean(1).sum()


def step_loss(sam, recorded: dict[str, torch.Tensor], step: int) -> torch.Tensor:
    encoder = sam.image_encoder
    size, patch = encoder.img_size, encoder.patch_embed.proj.kernel_size[0]
    grid = size // patch
    rows = recorded[f"{step}.patches"]
    photos = rows.reshape(-1, grid, grid, 3, patch, patch).permute(0, 3, 1, 4, 2, 5).reshape(-1, 3, size, size)
    target = recorded[f"{step}.targets"]
    embedding = encoder(photos)
    total, logits = 0.0, None
    for index in range(ROUNDS):
        def of(part: str) -> torch.Tensor:
            return recorded[f"{step}.{index}.{part}"]

        assert torch.equal(of("mask").long(), torch.arange(len(target)))
        count = 4 if index == 0 else 1
        answer, iou = decode(
            sam, embedding[of("photo").long()], of("points"), of("labels"), logits, 0, count
        )
        total = total + loss_of(answer[:, :1], iou[:, :1], target)
        if index == 0:
            total = total + loss_of(answer[:, 1:], iou[:, 1:], target)
        logits = answer[torch.arange(len(target)), of("carried").long()].detach()
    return total / (len(target) * (ROUNDS + 1))


def reference_losses(sam, recorded: dict[str, torch.Tensor], steps: int) -> np.ndarray:
    named = [(n, p.requires_grad_(True)) for n, p in sam.named_parameters()]
    groups = [
        {"params": [p for n, p in named if decays(n, p)], "weight_decay": DECAY},
        {"params": [p for n, p in named if not decays(n, p)], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=RATE)
    losses = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / WARMUP)
        optimizer.zero_grad()
        loss = step_loss(sam, recorded, step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for _, p in named], CLIP)
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--models", default="tiny,seed")
    parser.add_argument("--steps", type=int, default=10)
    arguments = parser.parse_args()
    paths = {"tiny": ROOT / "tests/golden/tiny.pth", "seed": ROOT.parent / "shared/seed/seed.pth"}
    program = arguments.build.resolve() / "tests/samc_steps"
    settings = f"batch=2 masks=3 rounds={ROUNDS} rate={RATE} warmup={WARMUP} weight-decay={DECAY} clip={CLIP}"
    good = True
    for name in arguments.models.split(","):
        if not paths[name].exists():
            print(f"{name}: skipped, there is no {paths[name]}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            out = f"{folder}/steps.safetensors"
            subprocess.run([program, paths[name], str(arguments.steps), out, settings], check=True)
            recorded = load_file(out)
        tensors = {k: torch.from_numpy(v) for k, v in recorded.items()}
        reference = reference_losses(models.load(str(paths[name])), tensors, arguments.steps)
        difference = np.abs(reference - recorded["loss"])
        for step, (r, o) in enumerate(zip(reference, recorded["loss"])):
            print(f"{name:6s} step {step}: loss {o:.6f}, PyTorch's {r:.6f}")
        passed = bool(difference.max() <= LIMIT)
        good &= passed
        print(f"{name:6s} {arguments.steps} steps: largest difference {difference.max():.2e} {'PASS' if passed else 'FAIL'}")
    print("parity-steps:", "PASS" if good else "FAIL")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
