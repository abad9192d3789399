# SPDX-License-Identifier: Apache-2.0
"""Compares `samc auto` with the reference's SamAutomaticMaskGenerator: the four photos of its
documents, each with every set of parameters in SETTINGS.

usage: parity_auto.py --build DIR [--output DIR] [--only TEXT] [--cached]

The masks must be as many, in the same order, each with an IoU of at least 0.99 to its counterpart and
with fields within 1e-3 (relative where they are larger than 1). What differs is explained in the
output: how close the score that decided was to its threshold. Checkpoints: the seed
($SAMC_SHARED/seed/seed.pth) and the model that samc ships with. What the reference says is kept in
~/.cache/samc/parity/auto: all of it takes more than an hour, once. --output gets overlays.
"""
from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from pycocotools import mask as coco
from segment_anything import SamAutomaticMaskGenerator

import models
from cache import default_folder

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("SAMC_SHARED", ROOT.parent / "shared"))
PHOTOS = ("truck", "dog", "dogs", "groceries")
# Small models are less sure of themselves than the official ones: "low" and "layers" ask for less, so
# that there is something to compare.
SETTINGS = {
    "defaults": {},
    "notebook": dict(points_per_side=32, pred_iou_thresh=0.86, stability_score_thresh=0.92,
                     crop_n_layers=1, crop_n_points_downscale_factor=2, min_mask_region_area=100),
    "microscope": dict(points_per_side=32, points_per_batch=64, pred_iou_thresh=0.6,
                       stability_score_thresh=0.75, crop_n_layers=1,
                       crop_n_points_downscale_factor=2, min_mask_region_area=100),
    "layers": dict(points_per_side=16, pred_iou_thresh=0.4, stability_score_thresh=0.5,
                   crop_n_layers=2, crop_n_points_downscale_factor=2, min_mask_region_area=50),
    "low": dict(points_per_side=16, pred_iou_thresh=0.3, stability_score_thresh=0.3),
}
CHECKPOINTS = {
    "seed": SHARED / "seed/seed.pth",
    "default": ROOT / "models/samc-default.safetensors",
}
FAILS = "fails"  # what the reference says to a photo without masks, cut into crops
FIELD_LIMIT, IOU_LIMIT = 1e-3, 0.99


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Reference:
    """What the reference finds, from the cache or computed."""

    def __init__(self, cached: bool) -> None:
        self.loaded: dict[str, object] = {}
        self.cached = cached

    def model(self, name: str):
        if name not in self.loaded:
            self.loaded = {name: models.load(str(CHECKPOINTS[name]))}
        return self.loaded[name]

    def records(self, model: str, photo: Path, settings: dict) -> list[dict] | str | None:
        """FAILS where it does; None: only what is cached is wanted, and this is not."""
        key = hashlib.sha256()
        for part in (CHECKPOINTS[model].read_bytes(), photo.read_bytes(),
                     json.dumps(settings, sort_keys=True).encode(), torch.__version__.encode()):
            key.update(hashlib.sha256(part).digest())
        path = default_folder() / "auto" / f"{model}-{photo.stem}-{key.hexdigest()[:16]}.json"
        if not path.exists() and self.cached:
            return None
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            begin = time.monotonic()
            generator = SamAutomaticMaskGenerator(self.model(model), output_mode="coco_rle",
                                                  **settings)
            try:
                found = generator.generate(np.array(Image.open(photo).convert("RGB")))
            except IndexError:  # its mistake where crops have no mask at all
                found = FAILS
            count = "fails" if found == FAILS else f"{len(found)} masks"
            say(f"reference: {model}, {photo.stem}, {settings}: {count} in "
                f"{time.monotonic() - begin:.0f} s")
            part = path.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps(found))
            part.rename(path)
        return json.loads(path.read_text())


def flags(settings: dict) -> list[str]:
    # the reference's thresholds, where the shipped model would recommend its own
    given = {"pred_iou_thresh": 0.88, "stability_score_thresh": 0.95, **settings}
    return [word for key, value in given.items()
            for word in (f"--{key.replace('_', '-')}", str(value))]


class Samc:
    """What the command finds."""

    def __init__(self, build: Path, folder: Path) -> None:
        self.binary, self.folder = build / "cli" / "samc", folder

    def run(self, model: str, photo: Path, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run([self.binary, "auto", photo, "-m", CHECKPOINTS[model], "-o",
                               self.folder, *words], capture_output=True, text=True)

    def records(self, model: str, photo: Path, settings: dict) -> list[dict]:
        done = self.run(model, photo, "--convert-to-rle", *flags(settings))
        if done.returncode:
            sys.exit(done.stderr)
        return json.loads((self.folder / f"{photo.stem}.json").read_text())

    def fails(self, model: str, photo: Path, settings: dict) -> bool:
        """Whether --exact says what the reference does."""
        done = self.run(model, photo, "--convert-to-rle", "--exact", *flags(settings))
        return done.returncode == 1 and "no crop of the photo has a mask" in done.stderr

    def overlay(self, model: str, photo: Path, settings: dict, path: Path) -> None:
        self.run(model, photo, "--format", "overlay", *flags(settings))
        (self.folder / f"{photo.stem}_overlay.png").rename(path)


def difference(ours: dict, theirs: dict) -> float:
    """The largest difference of a field, relative to the larger of it and 1."""
    worst = 0.0
    for key, value in theirs.items():
        if key != "segmentation":
            want, got = np.ravel(value).astype(float), np.ravel(ours[key]).astype(float)
            worst = max(worst, float((np.abs(got - want) / np.maximum(np.abs(want), 1)).max()))
    return worst


def iou_of(ours: dict, theirs: dict) -> float:
    if not theirs["area"] and not ours["area"]:
        return 1.0
    return float(coco.iou([ours["segmentation"]], [theirs["segmentation"]], [0])[0, 0])


def explain(ours: list[dict], theirs: list[dict], settings: dict) -> None:
    """Which masks only one of both has, and how far their scores are from a threshold."""
    for side, these, those in (("samc", ours, theirs), ("the reference", theirs, ours)):
        for i, record in enumerate(these):
            if any(r["point_coords"] == record["point_coords"] and iou_of(r, record) > IOU_LIMIT
                   for r in those):
                continue
            near = {f"{key}_thresh": record[key] - settings.get(f"{key}_thresh", default)
                    for key, default in (("predicted_iou", 0), ("stability_score", 0.95))}
            near["pred_iou_thresh"] = record["predicted_iou"] - settings.get("pred_iou_thresh", 0.88)
            del near["predicted_iou_thresh"]
            print(f"    only {side} has mask {i}: point {record['point_coords'][0]}, area "
                  f"{record['area']}; above its thresholds by "
                  + ", ".join(f"{value:.2e} ({key})" for key, value in near.items()))


def compare(case: str, ours: list[dict], theirs: list[dict], settings: dict) -> bool:
    pairs = list(zip(ours, theirs))
    ious = [iou_of(a, b) for a, b in pairs]
    fields = [difference(a, b) for a, b in pairs]
    same = sum(a["segmentation"] == b["segmentation"] for a, b in pairs)
    good = (len(ours) == len(theirs) and all(v >= IOU_LIMIT for v in ious)
            and all(v <= FIELD_LIMIT for v in fields))
    print(f"{'ok  ' if good else 'BAD '} {case:28s} {len(theirs):5d} masks, samc {len(ours):5d}; "
          f"least IoU {min(ious, default=1):.5f}, fields within {max(fields, default=0):.1e}, "
          f"{same} the same to the pixel", flush=True)
    if not good:
        explain(ours, theirs, settings)
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("build/parity-auto"))
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--cached", action="store_true",
                        help="pass over what the reference has not been asked yet")
    arguments = parser.parse_args()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    arguments.output.mkdir(parents=True, exist_ok=True)
    reference, samc = Reference(arguments.cached), Samc(arguments.build, arguments.output)
    bad = masks = cases = 0
    for model, name, stem in itertools.product(CHECKPOINTS, SETTINGS, PHOTOS):
        case, photo = f"{model} {name} {stem}", SHARED / "photos" / f"{stem}.jpg"
        if arguments.only not in case:
            continue
        theirs = reference.records(model, photo, SETTINGS[name])
        if theirs is None:
            print(f"     {case:28s} not asked yet")
            continue
        ours = samc.records(model, photo, SETTINGS[name])
        cases += 1
        if theirs == FAILS:
            good = not ours and samc.fails(model, photo, SETTINGS[name])
            print(f"{'ok  ' if good else 'BAD '} {case:28s} the reference fails (no crop has a "
                  f"mask), so does samc --exact; samc finds {len(ours)} masks", flush=True)
        else:
            good = compare(case, ours, theirs, SETTINGS[name])
            masks += len(theirs)
        bad += not good
        if ours:
            samc.overlay(model, photo, SETTINGS[name],
                         arguments.output / f"{model}_{name}_{stem}.png")
    print(f"{cases} cases, {masks} masks of the reference; {bad} cases differ; overlays in "
          f"{arguments.output}")
    if bad or not cases:
        sys.exit(1)


if __name__ == "__main__":
    main()
