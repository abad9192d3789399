# SPDX-License-Identifier: Apache-2.0
"""Writes the golden data of tests/unit/test_generate.c: what the reference's mask generator finds
with the tiny model, and what its parts (crops, box suppression, mending) answer.

usage: make_auto_golden.py DIR                                  writes DIR/auto_golden.safetensors

CASE/size is width and height of a photo by photos.formula, CASE/settings the parameters in the order
of SETTINGS, CASE/grid.N custom points; then the records: area, bbox, iou, stability, point, crop, and
the run lengths of all masks one after the other in counts, n_counts of each. Thresholds lie in gaps
of what they are compared with, wide enough for another order of summation; the tool checks it.
"""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from segment_anything import SamAutomaticMaskGenerator
from segment_anything import automatic_mask_generator as generator_module
from segment_anything.utils import amg
from torchvision.ops.boxes import batched_nms

import models
import photos

SETTINGS = ("points_per_side", "pred_iou_thresh", "stability_score_thresh",
            "stability_score_offset", "box_nms_thresh", "crop_n_layers", "crop_nms_thresh",
            "crop_overlap_ratio", "crop_n_points_downscale_factor", "min_mask_region_area",
            "mask_threshold")
DEFAULTS = dict(points_per_side=6, pred_iou_thresh=-1.0, stability_score_thresh=0.0,
                stability_score_offset=0.02, box_nms_thresh=0.7, crop_n_layers=0,
                crop_nms_thresh=0.7, crop_overlap_ratio=512 / 1500,
                crop_n_points_downscale_factor=1, min_mask_region_area=0, mask_threshold=0.0)
# The tiny model's logits are noise, and its masks as large as the photo: a higher threshold leaves
# spots of several sizes, and some masks empty.
CASES = {
    "plain": ((240, 150), dict(pred_iou_thresh=0.0)),
    "all": ((240, 150), dict(box_nms_thresh=1.0, points_per_side=3)),
    "spots": ((240, 150), dict(mask_threshold=0.5)),
    "stable": ((240, 150), dict(box_nms_thresh=0.95, stability_score_thresh=0.6,
                                mask_threshold=0.3)),
    "crops": ((200, 232), dict(crop_n_layers=1, points_per_side=4, mask_threshold=0.6)),
    "layers": ((160, 160), dict(crop_n_layers=2, points_per_side=8, mask_threshold=0.5,
                                crop_n_points_downscale_factor=2, crop_overlap_ratio=0.25)),
    "mended": ((240, 150), dict(min_mask_region_area=40, mask_threshold=0.4, points_per_side=4)),
    "mended_crops": ((180, 120), dict(min_mask_region_area=60, crop_n_layers=1, points_per_side=3,
                                      mask_threshold=0.55, box_nms_thresh=0.9)),
    "strip": ((320, 20), dict(points_per_side=4, box_nms_thresh=0.9, mask_threshold=0.2)),
    "grid": ((240, 150), dict(box_nms_thresh=0.9, mask_threshold=0.3)),
}
GRIDS = {"grid": [np.array([[0.0, 0.0], [1.0, 1.0], [0.25, 0.75], [0.5, 0.1]])]}
# What a score must keep away from its threshold.
IOU_GAP, STABILITY_GAP = 1e-4, 1e-3


class Watched(SamAutomaticMaskGenerator):
    """Notes how close scores come to their thresholds."""

    closest = 1.0

    def note(self, values: torch.Tensor, threshold: float, gap: float) -> None:
        if threshold > 0 and values.numel():
            self.closest = min(self.closest, float((values - threshold).abs().min()) / gap)

    def _process_batch(self, *arguments):
        original = generator_module.calculate_stability_score

        def stability(masks, threshold, offset):
            scores = original(masks, threshold, offset)
            self.note(scores, self.stability_score_thresh, STABILITY_GAP)
            return scores

        generator_module.calculate_stability_score = stability
        predict = self.predictor.predict_torch

        def watched(*given, **more):
            masks, scores, low = predict(*given, **more)
            self.note(scores, self.pred_iou_thresh, IOU_GAP)
            return masks, scores, low

        self.predictor.predict_torch = watched
        try:
            return super()._process_batch(*arguments)
        finally:
            generator_module.calculate_stability_score = original
            self.predictor.predict_torch = predict


def records(found: list[dict]) -> dict[str, np.ndarray]:
    counts = [np.array(r["segmentation"]["counts"], np.int32) for r in found]
    return {
        "area": np.array([r["area"] for r in found], np.int32),
        "bbox": np.array([r["bbox"] for r in found], np.int32).reshape(-1, 4),
        "iou": np.array([r["predicted_iou"] for r in found], np.float32),
        "stability": np.array([r["stability_score"] for r in found], np.float32),
        "point": np.array([r["point_coords"][0] for r in found], np.float64).reshape(-1, 2),
        "crop": np.array([r["crop_box"] for r in found], np.int32).reshape(-1, 4),
        "n_counts": np.array([len(c) for c in counts], np.int32),
        "counts": np.concatenate(counts) if counts else np.zeros(0, np.int32),
    }


def generated(sam) -> dict[str, np.ndarray]:
    out = {}
    for name, ((width, height), changes) in CASES.items():
        settings = DEFAULTS | changes
        given = dict(settings)
        sam.mask_threshold = given.pop("mask_threshold")
        if name in GRIDS:
            given |= dict(points_per_side=None, point_grids=GRIDS[name])
            settings["points_per_side"] = 0
            for i, grid in enumerate(GRIDS[name]):
                out[f"{name}/grid.{i}"] = grid
        generator = Watched(sam, output_mode="uncompressed_rle", **given)
        found = generator.generate(photos.formula(width, height))
        if generator.closest < 1:
            sys.exit(f"{name}: a score is too close to its threshold ({generator.closest:.2f} gaps)")
        out[f"{name}/size"] = np.array([width, height], np.int32)
        out[f"{name}/settings"] = np.array([settings[key] for key in SETTINGS], np.float64)
        out |= {f"{name}/{key}": value for key, value in records(found).items()}
        print(f"{name}: {len(found)} masks of {[r['area'] for r in found]} pixels")
    return out


def crops() -> dict[str, np.ndarray]:
    out = {}
    sizes = ((1800, 1200, 2, 512 / 1500), (7, 3, 3, 0.9), (1, 1, 1, 0.5), (333, 1000, 4, 0.0),
             (65535, 41, 2, 1.0))
    for i, (width, height, layers, ratio) in enumerate(sizes):
        boxes, layer = amg.generate_crop_boxes((height, width), layers, ratio)
        out[f"crops.{i}/given"] = np.array([width, height, layers, ratio], np.float64)
        out[f"crops.{i}/boxes"] = np.c_[np.array(boxes), np.array(layer)].astype(np.int32)
    for n in (1, 2, 3, 32):
        out[f"points.{n}"] = amg.build_point_grid(n)
    return out


def suppression() -> dict[str, np.ndarray]:
    """Boxes that overlap a lot, many equal scores, some without area. Of more than 1000 boxes
    torchvision leaves the order of equal scores to chance (it sorts once more, not stably): here they
    stay in the order given, as with fewer."""
    out = {}
    random = np.random.default_rng(7)
    for i, (count, threshold) in enumerate(((0, 0.7), (1, 0.7), (200, 0.5), (1500, 0.7), (40, 1.0))):
        corners = random.integers(0, 60, (count, 4))
        boxes = np.concatenate([np.minimum(corners[:, :2], corners[:, 2:]),
                                np.maximum(corners[:, :2], corners[:, 2:])], 1)
        scores = (random.integers(0, 20, count) / 20).astype(np.float32)
        keep = batched_nms(torch.from_numpy(boxes).float(), torch.from_numpy(scores),
                           torch.zeros(count), threshold)
        keep = keep.sort()[0]
        keep = keep[torch.from_numpy(scores)[keep].sort(descending=True, stable=True)[1]]
        out[f"nms.{i}/threshold"] = np.array([threshold])
        out[f"nms.{i}/boxes"] = boxes.astype(np.float32)
        out[f"nms.{i}/scores"] = scores
        out[f"nms.{i}/keep"] = keep.numpy().astype(np.int32)
    return out


def mending() -> dict[str, np.ndarray]:
    """Noise of several densities and sizes, mended by the reference. mask and mended are bytes, row
    after row."""
    out = {}
    random = np.random.default_rng(8)
    cases = [(9, 13, d, a) for d in (0.05, 0.3, 0.5, 0.7, 0.95) for a in (2, 4, 20)]
    cases += [(1, 17, 0.5, 3), (17, 1, 0.5, 3), (40, 30, 0.4, 6), (6, 6, 0.0, 5), (6, 6, 1.0, 5),
              (6, 6, 0.0, 50), (6, 6, 1.0, 50), (12, 12, 0.08, 3), (12, 12, 0.08, 100)]
    for i, (height, width, density, area) in enumerate(cases):
        mask = random.random((height, width)) < density
        mended, _ = amg.remove_small_regions(mask, area, "holes")
        mended, _ = amg.remove_small_regions(mended, area, "islands")
        out[f"mend.{i}/area"] = np.array([area], np.int32)
        out[f"mend.{i}/mask"] = mask.astype(np.uint8)
        out[f"mend.{i}/mended"] = mended.astype(np.uint8)
    return out


def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    out = generated(models.load(str(folder / "tiny.pth"))) | crops() | suppression() | mending()
    arrays = {key: np.ascontiguousarray(value) for key, value in sorted(out.items()) if value.size}
    path = folder / "auto_golden.safetensors"
    save_file(arrays, path)
    path.chmod(0o644)
    total = sum(value.nbytes for value in arrays.values())
    print(f"{len(arrays)} arrays, {total} bytes; torch {torch.__version__}")


if __name__ == "__main__":
    main()
