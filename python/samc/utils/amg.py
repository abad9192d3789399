# SPDX-License-Identifier: Apache-2.0
"""The helpers of segment_anything.utils.amg that scripts import, on arrays; of tensors tensors come back.

Run lengths are uncompressed here, {"size": [h, w], "counts": [...]}, unless a name says coco.
"""
from __future__ import annotations

import math
from copy import deepcopy
from itertools import product
from typing import Any, ItemsView, Iterator

import numpy as np

from .. import _tensor, rle


class MaskData:
    """Lists, arrays and tensors of one length under names, which are filtered and joined together.

    Parameters
    ----------
    **kwargs : list, array or tensor
    """

    def __init__(self, **kwargs) -> None:
        self._stats: dict[str, Any] = {}
        for name, values in kwargs.items():
            self[name] = values

    def __setitem__(self, key: str, item: Any) -> None:
        assert isinstance(item, (list, np.ndarray)) or _tensor.is_tensor(item), \
            "MaskData only supports list, numpy arrays, and torch tensors."
        self._stats[key] = item

    def __delitem__(self, key: str) -> None:
        del self._stats[key]

    def __getitem__(self, key: str) -> Any:
        return self._stats[key]

    def items(self) -> ItemsView[str, Any]:
        return self._stats.items()

    def filter(self, keep) -> None:
        """Keeps what `keep` says, marks (bool) or positions."""
        places = _tensor.array(keep)
        places = np.flatnonzero(places) if places.dtype == np.bool_ else places
        for name, values in self._stats.items():
            if isinstance(values, list):
                self._stats[name] = [values[i] for i in places]
            elif values is not None:
                self._stats[name] = values[_tensor.like(values, places)]

    def cat(self, new_stats: MaskData) -> None:
        """Appends what another has under each name; a name that is new here comes with it."""
        for name, values in new_stats.items():
            old = self._stats.get(name)
            if old is None:
                self._stats[name] = deepcopy(values)
            elif isinstance(values, list):
                self._stats[name] = old + deepcopy(values)
            elif isinstance(values, np.ndarray):
                self._stats[name] = np.concatenate([old, values])
            else:
                self._stats[name] = _tensor.torch_module().cat([old, values])

    def to_numpy(self) -> None:
        """Tensors become arrays."""
        for name, values in self._stats.items():
            if not isinstance(values, list):
                self._stats[name] = _tensor.array(values)


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


def calculate_stability_score(masks, mask_threshold: float, threshold_offset: float):
    """The share of what is above threshold - offset that is above threshold + offset too, for
    logits (..., H, W); 0 where nothing is."""
    logits = _tensor.array(masks)
    inner = (logits > mask_threshold + threshold_offset).sum((-1, -2))
    outer = (logits > mask_threshold - threshold_offset).sum((-1, -2))
    return _tensor.like(masks, (inner / np.maximum(outer, 1)).astype(np.float32))


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


def _moved(values, offset: list[int]):
    """values + offset; floats keep their width, as PyTorch's do."""
    array = _tensor.array(values)
    by = np.array(offset)
    return _tensor.like(values, array + (by.astype(array.dtype) if array.dtype.kind == "f" else by))


def uncrop_boxes_xyxy(boxes, crop_box: list[int]):
    """Boxes (..., 4) of a crop in the photo's frame."""
    return _moved(boxes, [*crop_box[:2], *crop_box[:2]])


def uncrop_points(points, crop_box: list[int]):
    """Points (..., 2) of a crop in the photo's frame."""
    return _moved(points, list(crop_box[:2]))


def uncrop_masks(masks, crop_box: list[int], orig_h: int, orig_w: int):
    """Masks (..., h, w) of a crop as masks (..., orig_h, orig_w)."""
    x0, y0, x1, y1 = crop_box
    if (x0, y0, x1, y1) == (0, 0, orig_w, orig_h):
        return masks
    array = _tensor.array(masks)
    rim = [(0, 0)] * (array.ndim - 2) + [(y0, orig_h - y1), (x0, orig_w - x1)]
    return _tensor.like(masks, np.pad(array, rim))


def is_box_near_crop_edge(boxes, crop_box: list[int], orig_box: list[int], atol: float = 20.0):
    """Which boxes (B, 4) of a crop come within atol of its edge, but not of the photo's."""
    moved = _tensor.array(uncrop_boxes_xyxy(boxes, crop_box)).astype(np.float32)
    near_crop = np.abs(moved - np.array(crop_box, np.float32)) <= atol
    near_photo = np.abs(moved - np.array(orig_box, np.float32)) <= atol
    return _tensor.like(boxes, np.any(near_crop & ~near_photo, axis=1))


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


def batched_mask_to_box(masks):
    """Boxes (..., 4) around masks (..., H, W): inclusive [x0, y0, x1, y1], zeros where empty."""
    inside = _tensor.array(masks).astype(bool, copy=False)
    if not inside.size:
        return _tensor.like(masks, np.zeros((*inside.shape[:-2], 4), np.float32))
    height, width = inside.shape[-2:]
    rows, columns = inside.any(-1), inside.any(-2)
    edges = [columns.argmax(-1), rows.argmax(-1), width - 1 - columns[..., ::-1].argmax(-1),
             height - 1 - rows[..., ::-1].argmax(-1)]
    return _tensor.like(masks, np.stack(edges, -1) * rows.any(-1)[..., None])
