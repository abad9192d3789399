# SPDX-License-Identifier: Apache-2.0
"""Between the reference's layouts (channels first) and those of src/model (tokens, channels last)."""
from __future__ import annotations

import numpy as np


def patches(normalised: np.ndarray, patch: int) -> np.ndarray:
    """[3][S][S] -> [T][3 * p * p], the pixels of a patch in the order of the weight."""
    grid = normalised.shape[1] // patch
    cut = normalised.reshape(3, grid, patch, grid, patch).transpose(1, 3, 0, 2, 4)
    return np.ascontiguousarray(cut.reshape(grid * grid, -1))


def square(rows: np.ndarray, patch: int) -> np.ndarray:
    """The inverse of patches."""
    grid = round(len(rows) ** 0.5)
    cut = rows.reshape(grid, grid, 3, patch, patch).transpose(2, 0, 3, 1, 4)
    return np.ascontiguousarray(cut.reshape(3, grid * patch, grid * patch))


def tokens(planes: np.ndarray) -> np.ndarray:
    """[..., C, g, g] -> [..., T, C]."""
    *batch, channels, side, _ = planes.shape
    flat = planes.reshape(*batch, channels, side * side)
    return np.ascontiguousarray(np.swapaxes(flat, -1, -2))


def planes(rows: np.ndarray) -> np.ndarray:
    """The inverse of tokens."""
    *batch, count, channels = rows.shape
    side = round(count**0.5)
    return np.ascontiguousarray(np.swapaxes(rows, -1, -2).reshape(*batch, channels, side, side))


def grid(rows: np.ndarray) -> np.ndarray:
    """[T][C] -> [g][g][C]."""
    side = round(len(rows) ** 0.5)
    return rows.reshape(side, side, -1)
