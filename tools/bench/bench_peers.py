#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times samc beside PyTorch on the same model, work and threads, in turns.

usage: bench_peers.py --samc PATH [--rounds N] [--model vit_b]      (run by `make bench-peers`)

The model is vit_b of the official shape with random weights (the time does not depend on them). Every
round times each engine once, so that a disturbance of the machine hits all of them alike; the
fastest of the rounds counts, and the ratio is between the fastest ones.

  encode    ImageEncoderViT on one photo of 1024 x 1024; samc's figure includes resize and padding
  decode1   prompt encoder and mask decoder, one point, three low-res masks and predicted IoU
  decode64  the same for 64 points of one photo
"""
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "parity"))
import make_checkpoints  # noqa: E402
import models  # noqa: E402

WORK = ("encode", "decode1", "decode64")


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "samc" / "parity" / "checkpoints"


def seconds(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


class Torch:
    """The reference itself."""

    name = "PyTorch f32"

    def __init__(self, kind: str, checkpoint: Path):
        self.sam = models.official(kind, make_checkpoints.SEEDS[kind])
        self.sam.load_state_dict(torch.load(checkpoint))
        self.sam.eval()
        self.photo = torch.randn(1, 3, 1024, 1024)
        self.embedding = torch.randn(1, 256, 64, 64)

    def decode(self, count: int):
        points = (torch.rand(count, 1, 2) * 1024, torch.ones(count, 1))
        sparse, dense = self.sam.prompt_encoder(points=points, boxes=None, masks=None)
        self.sam.mask_decoder(
            image_embeddings=self.embedding,
            image_pe=self.sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )

    def measure(self) -> dict[str, float]:
        with torch.inference_mode():
            return {
                "encode": seconds(lambda: self.sam.image_encoder(self.photo)),
                "decode1": min(seconds(lambda: self.decode(1)) for _ in range(5)),
                "decode64": seconds(lambda: self.decode(64)),
            }


class Samc:
    name = "samc f32"

    def __init__(self, program: Path, checkpoint: Path, threads: int):
        self.command = [str(program), "bench", "-m", str(checkpoint), "--threads", str(threads), "--runs", "2", "--json"]
        self.kernels = "?"

    def measure(self) -> dict[str, float]:
        out = json.loads(subprocess.run(self.command, check=True, capture_output=True, text=True).stdout)
        self.kernels = out["kernels"]
        return {work: out[f"{work}_s"] for work in WORK}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samc", type=Path, required=True, help="the samc program")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", choices=sorted(make_checkpoints.SEEDS), default="vit_b")
    arguments = parser.parse_args()

    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    checkpoint = make_checkpoints.ensure(cache_folder(), arguments.model)
    ours = Samc(arguments.samc, checkpoint, threads)
    engines = [Torch(arguments.model, checkpoint), ours]
    best: dict[str, dict[str, float]] = {engine.name: {} for engine in engines}
    for number in range(arguments.rounds):
        for engine in engines:
            for work, taken in engine.measure().items():
                best[engine.name][work] = min(taken, best[engine.name].get(work, taken))
        print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr, flush=True)

    print(f"{arguments.model}, {threads} threads, kernels {ours.kernels}, fastest of {arguments.rounds} rounds")
    print(f"{'work':10s} {'engine':14s} {'seconds':>9s}   {'samc is faster by':>17s}")
    for work in WORK:
        for engine in engines:
            ratio = best[engine.name][work] / best[ours.name][work]
            print(f"{work:10s} {engine.name:14s} {best[engine.name][work]:9.3f}   {ratio:15.2f} x")


if __name__ == "__main__":
    main()
