# SPDX-License-Identifier: Apache-2.0
"""Masks as data: COCO's run lengths and outlines, by the C library.

Run lengths are dicts as COCO has them: {"size": [height, width], "counts": ...}, where counts are
the compressed string or a list of numbers. A mask is an H x W array; any number but 0 is inside.
"""
from __future__ import annotations

import ctypes
from contextlib import contextmanager

import numpy as np

from . import _structs as s
from ._library import call, free, lib


@contextmanager
def owned():
    """An empty samc_rle that is freed at the end of the block."""
    rle = s.Rle()
    try:
        yield rle
    finally:
        lib.samc_rle_free(rle)


def _bytes(mask) -> np.ndarray:
    """A mask as C-ordered bytes, 0 where it is 0."""
    array = np.asarray(mask)
    if array.ndim != 2:
        raise ValueError(f"mask must be of shape H x W, it is {array.shape}")
    if array.dtype not in (np.bool_, np.uint8):
        array = array != 0
    return np.ascontiguousarray(array).view(np.uint8)


@contextmanager
def of_mask(mask):
    array = _bytes(mask)
    with owned() as rle:
        call("samc_rle_encode", array.ctypes.data, *array.shape, array.strides[0], rle)
        yield rle


@contextmanager
def of_record(segmentation: dict):
    """The samc_rle of a dict, whichever form its counts have."""
    try:
        height, width = (int(side) for side in segmentation["size"])
        counts = segmentation["counts"]
    except (KeyError, TypeError, ValueError):
        raise ValueError("segmentation must be a dict with size [height, width] and counts"
                         ) from None
    with owned() as rle:
        if isinstance(counts, (str, bytes)):
            text = counts.encode() if isinstance(counts, str) else counts
            call("samc_rle_from_string", text, len(text), height, width, rle)
        else:
            lengths = np.asarray(counts)
            if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 0).any():
                raise ValueError("counts must be a string or a list of whole numbers from 0 on")
            lengths = lengths.astype(np.uint64)
            call("samc_rle_from_counts", lengths.ctypes.data, len(lengths), height, width, rle)
        yield rle


def counts_of(rle: s.Rle) -> list[int]:
    return rle.counts[:rle.n_counts]


def string_of(rle: s.Rle) -> str:
    text = ctypes.c_void_p()
    call("samc_rle_to_string", rle, text)
    try:
        return ctypes.string_at(text).decode("ascii")
    finally:
        free(text)


def pixels_of(rle: s.Rle) -> np.ndarray:
    mask = np.empty((rle.height, rle.width), np.bool_)
    lib.samc_rle_decode(rle, mask.ctypes.data, mask.strides[0])
    return mask


def box_of(rle: s.Rle) -> list[int]:
    box = (ctypes.c_int32 * 4)()
    lib.samc_rle_box(rle, box)
    return list(box)


def encode(mask, compressed: bool = True) -> dict:
    """Run lengths of a mask.

    Parameters
    ----------
    mask : (H, W) array
    compressed : bool
        Counts as COCO's string, or as a list of numbers.

    Returns
    -------
    dict
        {"size": [H, W], "counts": str or list of int}
    """
    with of_mask(mask) as rle:
        return {"size": [rle.height, rle.width],
                "counts": string_of(rle) if compressed else counts_of(rle)}


def decode(segmentation: dict) -> np.ndarray:
    """The mask, H x W of bool, of run lengths in either form."""
    with of_record(segmentation) as rle:
        return pixels_of(rle)


def area(segmentation: dict) -> int:
    """How many pixels are inside."""
    with of_record(segmentation) as rle:
        return lib.samc_rle_area(rle)


def box(segmentation: dict) -> list[int]:
    """The bounding box [x, y, width, height] in pixels; zeros for an empty mask."""
    with of_record(segmentation) as rle:
        return box_of(rle)


def iou(a: dict, b: dict) -> float:
    """Intersection over union of two masks of one size."""
    with of_record(a) as first, of_record(b) as second:
        value = lib.samc_rle_iou(first, second, 0)
    if value < 0:
        raise ValueError(f"the masks must be of one size, they are {a['size']} and {b['size']}")
    return value


def polygons_of(rle: s.Rle, tolerance: float, joined: bool) -> list[np.ndarray]:
    """The rings of an outline, each N x 2 of f64; with `joined` without holes of their own."""
    traced, single = s.Polygons(), s.Polygons()
    try:
        call("samc_polygons_trace", rle, float(tolerance), traced)
        if joined:
            call("samc_polygons_join", traced, single)
        rings = single if joined else traced
        ends = rings.starts[:rings.n_rings + 1] if rings.n_rings else [0]
        if not ends[-1]:
            return []
        xy = np.ctypeslib.as_array(rings.xy, (ends[-1], 2))
        return [xy[a:b].copy() for a, b in zip(ends, ends[1:])]
    finally:
        lib.samc_polygons_free(traced)
        lib.samc_polygons_free(single)


def polygons(mask, tolerance: float = 0.0, joined: bool = False) -> list[np.ndarray]:
    """The outline of a mask, along the edges of its pixels.

    Parameters
    ----------
    mask : (H, W) array
    tolerance : float
        0 keeps every corner; with more, no part of the exact outline is farther away, in pixels.
    joined : bool
        Holes become part of the ring around them, by cuts without width (COCO knows no holes).

    Returns
    -------
    list of (N, 2) arrays
        Closed rings of (x, y); an outer ring goes clockwise, its holes follow it and go the other
        way.
    """
    with of_mask(mask) as rle:
        return polygons_of(rle, tolerance, joined)


def corners(mask) -> list[int]:
    """The box around a mask, [x0, y0, x1, y1] where x1 and y1 lie one past the last pixel; zeros for
    an empty one."""
    with of_mask(mask) as rle:
        x, y, w, h = box_of(rle)
    return [x, y, x + w, y + h]


def annotation(mask, score: float, number: int, image_id: int, category_id: int, polygons: bool,
               tolerance: float) -> dict:
    """COCO's annotation of a mask."""
    with of_mask(mask) as rle:
        drawn: list | dict
        if polygons:
            drawn = [ring.ravel().tolist() for ring in polygons_of(rle, tolerance, joined=True)]
        else:
            drawn = {"size": [rle.height, rle.width], "counts": string_of(rle)}
        return {
            "id": number,
            "image_id": image_id,
            "category_id": category_id,
            "segmentation": drawn,
            "area": int(lib.samc_rle_area(rle)),
            "bbox": box_of(rle),
            "iscrowd": 0,
            "score": float(score),
        }


def mend(mask, area: int, holes: bool) -> tuple[np.ndarray, bool]:
    """Fills the holes of less than `area` pixels, or drops such islands (the largest stays).

    Returns
    -------
    (mask, changed)
        H x W of bool, and whether anything was done.
    """
    changed = ctypes.c_size_t()
    with of_mask(mask) as rle, owned() as after:
        if holes:
            call("samc_rle_fill_holes", rle, area, 1, after, changed)
        else:
            call("samc_rle_drop_islands", rle, area, after, changed)
        return pixels_of(after), changed.value > 0
