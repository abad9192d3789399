# SPDX-License-Identifier: Apache-2.0
"""Prompts from arrays of any kind: shapes looked at, one samc_prompt an object made.

The rank rule: points with 2 dimensions are one object, with 3 one object a row; a box with 1
dimension is one object, with 2 one object a row.
"""
from __future__ import annotations

import numpy as np

from . import _structs as s


def numbers(value, name: str) -> np.ndarray:
    """`value` as f32; what is not numbers is refused by the parameter's name."""
    if hasattr(value, "detach"):  # a tensor of PyTorch
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
        uneven = array.dtype == object and any(np.ndim(row) for row in array.flat)  # numpy < 1.24
    except ValueError:
        uneven = True
    if uneven:
        raise ValueError(f"{name} must be an array of numbers; its rows are not of one length")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be numbers, it is of dtype {array.dtype}")
    return np.ascontiguousarray(array, np.float32)


def point_rows(points, labels) -> tuple[np.ndarray, np.ndarray]:
    """(points P x N x 2 of f32, labels P x N of int32)."""
    rows = numbers(points, "points")
    if rows.ndim not in (2, 3) or rows.shape[-1] != 2:
        raise ValueError("points must be of shape N x 2 (one object) or P x N x 2 (P objects), it "
                         f"is {rows.shape}")
    if labels is None:
        marks = np.ones(rows.shape[:-1], np.float32)
    else:
        marks = numbers(labels, "labels")
    if marks.shape != rows.shape[:-1]:
        raise ValueError(f"labels must be of shape {rows.shape[:-1]}, one for each of points, it is "
                         f"{marks.shape}")
    if not np.isin(marks, (0, 1)).all():
        wrong = marks[~np.isin(marks, (0, 1))].flat[0]
        raise ValueError(f"labels must be 1 (it belongs to the object) or 0 (it does not), one is "
                         f"{wrong:g}" + ("; 2 and 3 are the corners of a box, which boxes= takes "
                                         "(the background is 0)" if wrong in (2, 3) else ""))
    if rows.ndim == 2:
        rows, marks = rows[None], marks[None]
    return rows, np.ascontiguousarray(marks, np.int32)


def box_rows(boxes) -> np.ndarray:
    """P x 4 of f32."""
    rows = numbers(boxes, "boxes")
    if rows.ndim not in (1, 2) or rows.shape[-1] != 4:
        raise ValueError("boxes must be of shape 4 (one object) or P x 4 (P objects), xyxy, it is "
                         f"{rows.shape}")
    return np.atleast_2d(rows)


def logit_rows(mask, side: int) -> np.ndarray:
    """P x side x side of f32."""
    rows = numbers(mask, "mask")
    if rows.ndim == 4 and rows.shape[1] == 1:
        rows = rows[:, 0]
    if rows.ndim == 2:
        rows = rows[None]
    if rows.ndim != 3 or rows.shape[1:] != (side, side):
        raise ValueError(f"mask must be logits of shape {side} x {side}, or P of them, or a drawn "
                         f"mask of the photo's size (bool or uint8); it is {np.shape(mask)}")
    return rows


class Prompts:
    """An array of samc_prompt and the numbers that it points to.

    Parameters
    ----------
    points, labels : (P, N, 2) and (P, N) arrays or None, None
    boxes : (P, 4) array or None
    logits : (P, S, S) array or None
    """

    def __init__(self, points=None, labels=None, boxes=None, logits=None) -> None:
        given = {"points": points, "boxes": boxes, "mask": logits}
        counts = {name: len(rows) for name, rows in given.items() if rows is not None}
        if not counts:
            raise ValueError("there is no prompt: give points, boxes or mask")
        if len(set(counts.values())) > 1:
            said = ", ".join(f"{name} for {n}" for name, n in counts.items())
            raise ValueError(f"prompts must be for as many objects: {said}")
        self.count = next(iter(counts.values()))
        if not self.count:
            raise ValueError(f"there is no prompt: {next(iter(counts))} is empty")
        self.kept = points, labels, boxes, logits
        self.array = (s.Prompt * self.count)()
        for i, prompt in enumerate(self.array):
            prompt.struct_size = s.ctypes.sizeof(s.Prompt)
            if points is not None:
                prompt.points, prompt.labels = address(points, i), address(labels, i)
                prompt.n_points = points.shape[1]
            if boxes is not None:
                prompt.box = address(boxes, i)
            if logits is not None:
                prompt.mask_input = address(logits, i)


def address(array: np.ndarray, i: int) -> int:
    """Where row i of a C-ordered array lies."""
    return array.ctypes.data + i * array.strides[0]
