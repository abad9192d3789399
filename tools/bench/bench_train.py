#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times a training step of samc beside PyTorch's: same model, batch, number of prompts and threads, in turns.

usage: bench_train.py --build BUILD [--model MODEL] [--steps 4] [--turns 2] [--threads N]    (run by `make bench-train`)

A step: 8 photos, 4 masks each, 3 rounds; half of the first prompts boxes, half clicks; focal + dice +
IoU loss, backward, clipping, AdamW. samc makes the four masks of round 0 in one pass for both kinds;
PyTorch, as its users do, makes what each kind asks for, the two kinds one after the other. Each
program's fastest step counts, in f32 and with bf16 products (PyTorch: bf16 autocast). Memory is the
process's peak.

Then samc on two ranks of one thread each beside one rank of one thread: the same steps by `samc train`
on shapes, under mpirun, which gives each rank a core for everything it does, making its samples
included. The fastest step of each counts.
"""
from __future__ import annotations

import argparse
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PHOTOS, MASKS, ROUNDS = 8, 4, 3


def torch_steps(model: str, steps: int, threads: int, bf16: bool) -> None:
    """The child process: prints its fastest step in photos/s and its memory."""
    import resource
    import time

    import torch

    sys.path.insert(0, str(ROOT / "tools/parity"))
    import models
    from parity_steps import loss_of
    from parity_train import decode

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    sam = models.load(model)
    sam.train()
    parameters = [p.requires_grad_(True) for p in sam.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4)
    size = sam.image_encoder.img_size
    low = 4 * size // sam.image_encoder.patch_embed.proj.kernel_size[0]
    n, best = PHOTOS * MASKS, 1e9
    for _ in range(steps):
        photos = torch.randn(PHOTOS, 3, size, size)
        middle = torch.rand(n, 2) * 0.6 * size + 0.2 * size
        radius = torch.rand(n) * 0.1 * size + 0.05 * size
        cell = (torch.arange(low) + 0.5) * size / low
        inside = (cell[None, :, None] - middle[:, 1, None, None]) ** 2 + (cell[None, None] - middle[:, 0, None, None]) ** 2
        target = (inside < radius[:, None, None] ** 2).float()
        begin, total = time.perf_counter(), 0.0
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            embedding = sam.image_encoder(photos).repeat_interleave(MASKS, 0)
            for box in (0, 1):
                which = torch.arange(box, n, 2)
                tail = torch.stack([middle - radius[:, None], middle + radius[:, None]], 1)[which]
                clicks, logits = middle[which][:, None], None
                for index in range(ROUNDS):
                    if box:
                        points = tail if index == 0 else torch.cat([clicks[:, 1:], tail], 1)
                        labels = torch.tensor([1] * index + [2, 3]).expand(len(which), -1)
                    else:
                        points = torch.cat([clicks, torch.zeros(len(which), 1, 2)], 1)
                        labels = torch.tensor([1] * (index + 1) + [-1]).expand(len(which), -1)
                    first, count = (1, 3) if index == 0 and not box else (0, 1)
                    masks, iou = decode(sam, embedding[which], points, labels, logits, first, count)
                    total = total + loss_of(masks.float(), iou.float(), target[which]) / n
                    logits = masks[:, 0].float().detach()
                    clicks = torch.cat([clicks, middle[which][:, None] + torch.randn(len(which), 1, 2)], 1)
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        best = min(best, time.perf_counter() - begin)
    print(f"{PHOTOS / best:.2f} photos/s\nmemory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


def measure(command: list[str]) -> tuple[float, int]:
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return (
        max(float(x) for x in re.findall(r"([\d.]+) photos/s", text)),
        int(re.search(r"memory (\d+) MiB", text).group(1)),
    )


def compare(arguments: argparse.Namespace, model: str) -> None:
    settings = f"batch={PHOTOS} masks={MASKS} rounds={ROUNDS} bf16="
    contestants = {}
    for bf16 in "01":
        steps = [arguments.build.resolve() / "tests/samc_steps", model, str(arguments.steps), "-"]
        contestants["samc", bf16] = [*steps, settings + bf16, "", str(arguments.threads)]
        contestants["PyTorch", bf16] = [
            sys.executable, __file__, "--model", model, "--steps", str(arguments.steps),
            "--threads", str(arguments.threads), "--torch", bf16,
        ]
    speed = {who: 0.0 for who in contestants}
    memory = {who: 0 for who in contestants}
    for _ in range(arguments.turns):
        for who, command in contestants.items():
            photos, mebibytes = measure([str(word) for word in command])
            speed[who] = max(speed[who], photos)
            memory[who] = max(memory[who], mebibytes)
    for (name, bf16), photos in speed.items():
        print(f"{name:8s} {'bf16' if bf16 == '1' else 'f32 '} {photos:6.2f} photos/s  {memory[name, bf16]:5d} MiB")
    best = {name: max(v for (n, _), v in speed.items() if n == name) for name in ("samc", "PyTorch")}
    print(f"samc is {best['samc'] / best['PyTorch']:.2f} times as fast as the faster PyTorch")


def rank_speed(samc: Path, model: str, ranks: int, steps: int, folder: Path) -> float:
    """Photos a second of the fastest step; the first is the warm-up of everything."""
    recipe, run = folder / "recipe.json", folder / "run"
    recipe.write_text('{"sources": [{"type": "shapes"}]}')
    shutil.rmtree(run, ignore_errors=True)
    command = ["mpirun", "-n", str(ranks), samc, "train", recipe, "-o", run, "--from", model, "--threads", "1", "--log-steps", "1"]
    settings = ["--batch", PHOTOS, "--masks", MASKS, "--rounds", ROUNDS, "--steps", steps + 1]
    as_root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    subprocess.run([str(word) for word in command + settings], check=True, stderr=subprocess.DEVNULL, env={**os.environ, **as_root})
    with open(run / "metrics.csv", encoding="utf-8") as file:
        return max(float(row["photos_per_second"]) for row in list(csv.DictReader(file))[1:])


def compare_ranks(arguments: argparse.Namespace, model: str, folder: Path) -> None:
    samc = arguments.build.resolve() / "cli/samc"
    if not shutil.which("mpirun") or not samc.with_name("samc_mpi.so").exists():
        print("this samc was built without MPI: ranks are not measured")
        return
    speed = {1: 0.0, 2: 0.0}
    for _ in range(arguments.turns):
        for ranks in speed:
            speed[ranks] = max(speed[ranks], rank_speed(samc, model, ranks, arguments.steps, folder))
    print(f"one rank of one thread {speed[1]:.2f} photos/s, two {speed[2]:.2f}: {speed[2] / speed[1]:.2f} times (f32)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path)
    parser.add_argument("--model", default=str(ROOT / "models/samc-default.safetensors"))
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--torch", choices=["0", "1"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.torch:
        torch_steps(arguments.model, arguments.steps, arguments.threads, arguments.torch == "1")
        return
    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/model.pth"
        samc = arguments.build.resolve() / "cli/samc"
        subprocess.run([samc, "export", arguments.model, model], check=True)
        compare(arguments, model)
        compare_ranks(arguments, model, Path(folder))


if __name__ == "__main__":
    main()
