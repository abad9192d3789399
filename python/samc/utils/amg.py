# SPDX-License-Identifier: Apache-2.0
"""The helpers of segment_anything.utils.amg that scripts import, on arrays; tensors are taken too.

Run lengths are uncompressed here, {"size": [h, w], "counts": [...]}, unless a name says coco.
"""
from __future__ import annotations

import math
from copy import deepcopy
from itertools import product
from typing import Any, Iterator

import numpy as np

from .. import _tensor, rle


def box_xyxy_to_xywh(box_xyxy):
    """[x0, y0, x1, y1] as [x, y, w, h]; a new one of the same kind."""
    box = deepcopy(box_xyxy)
    box[2] = box[2] - box[0]
    box[3] = box[3] - box[1]
    return box


def batch_iterator(batch_size: int, *args) -> Iterator[list[Any]]:
    """Slices of batch_size of several sequences of one length."""
    assert args and all(len(a) == len(args[0]) for a in args), \
        "Batched iteration must have inputs of all the same size."
    for start in range(0, len(args[0]), batch_size):
        yield [a[start:start + batch_size] for a in args]


def mask_to_rle(masks: np.ndarray) -> list[dict[str, Any]]:
    """Run lengths of masks (B, H, W) of bool."""
    return [rle.encode(mask, compressed=False) for mask in _tensor.array(masks)]


mask_to_rle_pytorch = mask_to_rle


def rle_to_mask(rle_record: dict[str, Any]) -> np.ndarray:
    """The mask, (H, W) of bool, of run lengths."""
    return rle.decode(rle_record)


def area_from_rle(rle_record: dict[str, Any]) -> int:
    """How many pixels are inside."""
    return sum(rle_record["counts"][1::2])


def coco_encode_rle(uncompressed_rle: dict[str, Any]) -> dict[str, Any]:
    """The same with COCO's string for counts."""
    with rle.of_record(uncompressed_rle) as runs:
        return {"size": list(uncompressed_rle["size"]), "counts": rle.string_of(runs)}


def calculate_stability_score(masks, mask_threshold: float, threshold_offset: float) -> np.ndarray:
    """The share of what is above threshold - offset that is above threshold + offset too, for
    logits (..., H, W); 0 where nothing is."""
    logits = _tensor.array(masks)
    inner = (logits > mask_threshold + threshold_offset).sum((-1, -2))
    outer = (logits > mask_threshold - threshold_offset).sum((-1, -2))
    return (inner / np.maximum(outer, 1)).astype(np.float32)


def build_point_grid(n_per_side: int) -> np.ndarray:
    """n x n points, evenly spaced in the unit square: (n * n, 2), x fastest."""
    offset = 1 / (2 * n_per_side)
    side = np.linspace(offset, 1 - offset, n_per_side)
    return np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)


def build_all_layer_point_grids(n_per_side: int, n_layers: int, scale_per_layer: int
                                ) -> list[np.ndarray]:
    """The grids of the photo and of each layer of crops."""
    return [build_point_grid(int(n_per_side / scale_per_layer**i)) for i in range(n_layers + 1)]


def generate_crop_boxes(im_size: tuple[int, ...], n_layers: int, overlap_ratio: float
                        ) -> tuple[list[list[int]], list[int]]:
    """The photo and its crops, xyxy, and the layer of each; im_size is (height, width)."""
    height, width = im_size
    boxes, layers = [[0, 0, width, height]], [0]
    for layer in range(1, n_layers + 1):
        side = 2**layer
        overlap = int(overlap_ratio * min(height, width) * (2 / side))
        crop_w, crop_h = (int(math.ceil((overlap * (side - 1) + length) / side))
                          for length in (width, height))
        lefts, tops = ([(length - overlap) * i for i in range(side)] for length in (crop_w, crop_h))
        for x, y in product(lefts, tops):
            boxes.append([x, y, min(x + crop_w, width), min(y + crop_h, height)])
            layers.append(layer)
    return boxes, layers


def uncrop_boxes_xyxy(boxes, crop_box: list[int]) -> np.ndarray:
    """Boxes (..., 4) of a crop in the photo's frame."""
    x, y = crop_box[:2]
    return _tensor.array(boxes) + np.array([x, y, x, y])


def uncrop_points(points, crop_box: list[int]) -> np.ndarray:
    """Points (..., 2) of a crop in the photo's frame."""
    return _tensor.array(points) + np.array(crop_box[:2])


def uncrop_masks(masks, crop_box: list[int], orig_h: int, orig_w: int) -> np.ndarray:
    """Masks (B, h, w) of a crop as masks (B, orig_h, orig_w)."""
    masks = _tensor.array(masks)
    x0, y0, x1, y1 = crop_box
    if (x0, y0, x1, y1) == (0, 0, orig_w, orig_h):
        return masks
    return np.pad(masks, ((0, 0), (y0, orig_h - y1), (x0, orig_w - x1)))


def is_box_near_crop_edge(boxes, crop_box: list[int], orig_box: list[int], atol: float = 20.0
                          ) -> np.ndarray:
    """Which boxes (B, 4) of a crop come within atol of its edge, but not of the photo's."""
    boxes = uncrop_boxes_xyxy(boxes, crop_box).astype(np.float32)
    near_crop = np.abs(boxes - np.array(crop_box, np.float32)) <= atol
    near_photo = np.abs(boxes - np.array(orig_box, np.float32)) <= atol
    return (near_crop & ~near_photo).any(1)


def remove_small_regions(mask: np.ndarray, area_thresh: float, mode: str
                         ) -> tuple[np.ndarray, bool]:
    """Fills holes, or drops islands, of less than area_thresh pixels.

    Returns
    -------
    (mask, changed)
    """
    assert mode in ["holes", "islands"]
    mended, changed = rle.mend(mask, max(0, math.ceil(area_thresh)), mode == "holes")
    return (mended, True) if changed else (mask, False)


def batched_mask_to_box(masks) -> np.ndarray:
    """Boxes (..., 4) around masks (..., H, W): inclusive [x0, y0, x1, y1], zeros where empty."""
    masks = _tensor.array(masks).astype(bool, copy=False)
    if not masks.size:
        return np.zeros((*masks.shape[:-2], 4), np.float32)
    height, width = masks.shape[-2:]
    rows, columns = masks.any(-1), masks.any(-2)
    edges = [columns.argmax(-1), rows.argmax(-1), width - 1 - columns[..., ::-1].argmax(-1),
             height - 1 - rows[..., ::-1].argmax(-1)]
    return np.stack(edges, -1) * rows.any(-1)[..., None]
