#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`samc eval` done again with PyTorch's segment_anything and SciPy: the figures must agree.

The protocol is that of src/train/evaluate.h, written a second time. With --samc the command is run
on the same photos, both means are printed, and a difference above --tolerance is an error: masks may
differ in single pixels where a logit is next to nothing, and a click may follow.

    eval_reference.py DIR -m seed.pth [--limit N] [--max-clicks N] [--samc build/release/cli/samc]
"""
from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import models
import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt
from segment_anything import SamPredictor


def depth(region: np.ndarray) -> np.ndarray:
    """Distance to the outside; beyond the picture is outside."""
    return distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]


def peak(distance: np.ndarray) -> tuple[int, int]:
    y, x = np.unravel_index(distance.argmax(), distance.shape)
    return int(x), int(y)


def iou(mask: np.ndarray, truth: np.ndarray, ignore: np.ndarray) -> float:
    both, either = ((mask & truth) & ~ignore).sum(), ((mask | truth) & ~ignore).sum()
    return float(both / either) if either else 1.0


def evaluate(predictor: SamPredictor, labels: np.ndarray, max_clicks: int) -> dict:
    """The figures of the photo that the predictor has encoded."""
    truth, ignore = labels == 255, labels == 128

    def predict(multimask: bool, **prompt):
        masks, scores, low = predictor.predict(multimask_output=multimask, **prompt)
        first = int(scores.argmax())
        ious = [iou(mask, truth, ignore) for mask in masks]
        return masks[first], low[first : first + 1], ious[first], max(ious)

    points, signs = [peak(depth(truth))], [1]
    mask, low, here, best = predict(
        True, point_coords=np.array(points, float), point_labels=np.array(signs)
    )
    clicks = [here]
    while len(clicks) < max_clicks:
        negative = depth(truth & ~mask & ~ignore)
        positive = depth(mask & ~truth & ~ignore)
        if negative.max() == 0 and positive.max() == 0:
            clicks.append(clicks[-1])
            continue
        sign = int(negative.max() >= positive.max())
        points.append(peak(negative if sign else positive))
        signs.append(sign)
        mask, low, here, _ = predict(
            False,
            point_coords=np.array(points, float),
            point_labels=np.array(signs),
            mask_input=low,
        )
        clicks.append(here)
    ys, xs = np.nonzero(truth)
    box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    return {"clicks": clicks, "best_of_three": best, "box": predict(False, box=box)[2]}


def natural(path: Path) -> list:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.stem)]


def summary(photos: list[dict]) -> dict[str, float]:
    """Names and means, as `samc eval --json` gives them."""
    clicks = np.array([photo["clicks"] for photo in photos])
    out = {f"clicks[{i}]": float(mean) for i, mean in enumerate(clicks.mean(axis=0))}
    for name in ("best_of_three", "box"):
        out[name] = float(np.mean([photo[name] for photo in photos]))
    for percent in (85, 90):
        reached = np.pad(clicks >= percent / 100, ((0, 0), (0, 1)), constant_values=True)
        needed = np.minimum(reached.argmax(axis=1) + 1, clicks.shape[1])
        out[f"noc{percent}"] = float(needed.mean())
    return out


def run_samc(args: argparse.Namespace, limit: int) -> dict:
    command = [args.samc, "eval", args.dir, "-m", args.model, "--json"]
    command += ["--limit", str(limit), "--max-clicks", str(args.max_clicks)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dir", type=Path)
    parser.add_argument("-m", "--model", required=True, help="a .pth under the official names")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--max-clicks", type=int, default=5)
    parser.add_argument("--samc", help="the command to compare with")
    parser.add_argument("--tolerance", type=float, default=0.005)
    args = parser.parse_args()

    predictor = SamPredictor(models.load(args.model))
    paths = sorted(args.dir.glob("*.jpg"), key=natural)[: args.limit]
    photos = []
    for path in paths:
        predictor.set_image(np.array(Image.open(path).convert("RGB")))
        labels = np.array(Image.open(path.with_suffix(".png")))
        photos.append(evaluate(predictor, labels, args.max_clicks))
        print(f"\r{len(photos)} of {len(paths)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    want = summary(photos)
    if not args.samc:
        print("\n".join(f"{name:16s} {value:.4f}" for name, value in want.items()))
        return 0

    answer = run_samc(args, len(paths))
    got = summary(answer["each"])
    alike = sum(
        np.allclose(photo["clicks"], mine["clicks"], atol=1e-3)
        for photo, mine in zip(photos, answer["each"])
    )
    bad = 0
    for name, value in want.items():
        limit = args.tolerance * (args.max_clicks if name.startswith("noc") else 1)
        bad += abs(got[name] - value) > limit
        print(f"{name:16s} reference {value:.4f}   samc {got[name]:.4f}")
    for name in ("best_of_three", "box", "noc85", "noc90"):  # samc's own means
        bad += abs(answer[name] - got[name]) > 1e-6
    print(f"{alike} of {len(photos)} photos have the same IoU after every click")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
