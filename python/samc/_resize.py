# SPDX-License-Identifier: Apache-2.0
"""Pillow's bilinear resize with antialias in numpy, bit by bit (src/image/resize.c is the library's
own, which is not public); and the plain bilinear one that logits are enlarged with.
"""
from __future__ import annotations

import numpy as np

_BITS = 32 - 8 - 2  # of the fixed-point weights


def _weights(old: int, new: int) -> list[tuple[int, np.ndarray]]:
    """For each new pixel the first old one that counts, and the weights from there on: a triangle
    that is as wide as the step from pixel to pixel, at least one old pixel to each side."""
    scale = old / new
    support = max(scale, 1.0)
    rows = []
    for i in range(new):
        centre = (i + 0.5) * scale
        first = max(int(centre - support + 0.5), 0)
        last = min(int(centre + support + 0.5), old)
        at = (np.arange(first, last) - centre + 0.5) * (1.0 / support)
        weights = np.clip(1 - np.abs(at), 0, None)
        total = sum(weights.tolist())  # in order, as Pillow adds
        weights = np.array([w / total for w in weights.tolist()])
        rows.append((first, np.floor(weights * (1 << _BITS) + 0.5).astype(np.int32)))
    return rows


def _resize_rows(pixels: np.ndarray, new: int) -> np.ndarray:
    """The first axis becomes `new` long; uint8 in and out."""
    if pixels.shape[0] == new:
        return pixels
    out = np.empty((new, *pixels.shape[1:]), np.uint8)
    for i, (first, weights) in enumerate(_weights(pixels.shape[0], new)):
        part = pixels[first:first + len(weights)].astype(np.int32)
        total = np.tensordot(weights, part, 1) + (1 << (_BITS - 1))
        out[i] = np.clip(total >> _BITS, 0, 255)
    return out


def resize_photo(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An H x W or H x W x C array of uint8 as one of `size` (height, width)."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        raise TypeError("image must be an array of uint8, it is "
                        f"{getattr(image, 'dtype', type(image).__name__)}")
    if image.ndim not in (2, 3):
        raise ValueError(f"image must be of shape H x W x C, it is {image.shape}")
    rows_gone, columns_gone = (old - new for old, new in zip(image.shape, size))
    # Pillow 13's rule; earlier ones always began with the columns.
    steps = (0, 1) if rows_gone > 0 and rows_gone > 2 * columns_gone else (1, 0)
    for axis in steps:
        image = _resize_rows(image.swapaxes(0, axis), size[axis]).swapaxes(0, axis)
    return np.array(image, order="C")


def _axis(values: np.ndarray, new: int, axis: int) -> np.ndarray:
    """Bilinear along one axis; pixel centres, edges held (align_corners false)."""
    old = values.shape[axis]
    if old == new:
        return values
    at = np.maximum((np.arange(new, dtype=np.float32) + np.float32(0.5))
                    * np.float32(old / new) - np.float32(0.5), 0)
    low = np.minimum(at.astype(np.intp), old - 1)
    high = np.minimum(low + 1, old - 1)
    shape = [1] * values.ndim
    shape[axis] = new
    share = (at - low).astype(np.float32).reshape(shape)
    return values.take(low, axis) * (1 - share) + values.take(high, axis) * share


def enlarge_logits(logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(..., h, w) of f32 as (..., *size), as torch.nn.functional.interpolate makes it."""
    return _axis(_axis(logits, size[1], -1), size[0], -2)
