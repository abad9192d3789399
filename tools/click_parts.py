#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts how often one click on a part of a person (a shirt) yields the part and the whole person:
`make click-parts DIR=...`.

usage: click_parts.py --samc BINARY [--model M] [--part shirt] [--photos 100]
                      [--auto [--auto-options='--pred-iou-thresh 0.5 ...']] DIR

DIR holds photos ID.jpg with label maps ID.png and labels.txt (value k is line k + 1; 0 is nothing),
as those of Clothing Co-Parsing. Taken are the first photos in which the part covers 1% or more. The
click is where the part is deepest; the part's mask is its label, the person's the union of all
labels but things carried. A mask counts as found where one of the three masks of the click, or with
--auto also one of the list that `samc auto` makes, overlaps it with an IoU of 0.5, 0.6, 0.7 or 0.8.
Needs numpy, pillow and pycocotools (tools/setup_reference.sh masks).
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image
from pycocotools import mask as coco

CARRIED = ("bag", "purse", "wallet", "accessories")
LEVELS = (0.5, 0.6, 0.7, 0.8)


def deepest(mask: np.ndarray):
    """(x, y) of a pixel that lasts longest while the mask is eroded; the picture's edge erodes too."""
    mask = np.pad(mask, 1)
    while True:
        inner = mask.copy()
        for axis in (0, 1):
            for step in (-1, 1):
                inner &= np.roll(mask, step, axis)
        if not inner.any():
            y, x = np.argwhere(mask)[0]
            return int(x) - 1, int(y) - 1
        mask = inner


def choose(folder: str, part: str, n: int):
    """[(photo, part's mask, person's mask, click)]."""
    with open(os.path.join(folder, "labels.txt"), encoding="utf-8") as file:
        names = file.read().split("\n")
    value, carried = names.index(part), [names.index(c) for c in CARRIED if c in names]
    found = []
    for path in sorted(glob.glob(os.path.join(folder, "*.png"))):
        labels = np.asarray(Image.open(path))
        mask = labels == value
        if mask.mean() >= 0.01:
            person = (labels != 0) & ~np.isin(labels, carried)
            found.append((path[:-4] + ".jpg", mask, person, deepest(mask)))
        if len(found) == n:
            break
    return found


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))


def by_click(binary: str, model: list, photos: list) -> dict:
    """photo -> masks."""
    masks = {}
    with tempfile.TemporaryDirectory() as folder:
        prompts = os.path.join(folder, "prompts.json")
        with open(prompts, "w", encoding="utf-8") as file:
            json.dump({"photos": {path: {"objects": [{"points": [[x + 0.5, y + 0.5]]}]}
                                  for path, _, _, (x, y) in photos}}, file)
        done = subprocess.run([binary, "segment", *model, *[p[0] for p in photos], "--prompts",
                               prompts, "--multimask", "--json"], check=True, capture_output=True)
    for line in done.stdout.decode().splitlines():
        record = json.loads(line)
        masks.setdefault(record["photo"], []).append(
            coco.decode(record["segmentation"]).astype(bool))
    return masks


def by_auto(binary: str, model: list, photos: list, words: list) -> dict:
    masks = {}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([binary, "auto", *model, *[p[0] for p in photos], "-o", folder, "--format",
                        "sa1b", *words], check=True)
        for path, *_ in photos:
            stem = os.path.splitext(os.path.basename(path))[0]
            with open(os.path.join(folder, stem + ".json"), encoding="utf-8") as file:
                masks[path] = [coco.decode(record["segmentation"]).astype(bool)
                               for record in json.load(file)["annotations"]]
    return masks


def print_counts(title: str, photos: list, masks: dict, part: str) -> None:
    best = np.array([[max((iou(m, want) for m in masks.get(path, [])), default=0.0)
                      for want in (mask, person)] for path, mask, person, _ in photos])
    print(f"{title}: mean best IoU {part} {best[:, 0].mean():.3f}, person {best[:, 1].mean():.3f}")
    print(f"  {'IoU at least':14} {part:>8} {'person':>8} {'both':>8}")
    for level in LEVELS:
        hit = best >= level
        print(f"  {level:<14} {hit[:, 0].sum():8d} {hit[:, 1].sum():8d} {hit.all(1).sum():8d}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--samc", required=True)
    parser.add_argument("--model")
    parser.add_argument("--part", default="shirt")
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--auto", action="store_true")
    parser.add_argument("--auto-options", default="", help="more options of `samc auto`")
    options = parser.parse_args()
    model = ["-m", options.model] if options.model else []
    photos = choose(options.folder, options.part, options.photos)
    if not photos:
        print(f"click_parts.py: no photo of {options.folder} shows a {options.part}",
              file=sys.stderr)
        return 1
    print(f"{len(photos)} photos, one click on the {options.part} of each")
    clicks = by_click(options.samc, model, photos)
    print_counts("three masks", photos, clicks, options.part)
    if options.auto:
        everything = by_auto(options.samc, model, photos, options.auto_options.split())
        print(f"everything: {sum(map(len, everything.values()))} masks in all")
        print_counts("everything", photos, everything, options.part)
        print_counts("either", photos, {p[0]: clicks[p[0]] + everything[p[0]] for p in photos},
                     options.part)
    return 0


if __name__ == "__main__":
    sys.exit(main())
