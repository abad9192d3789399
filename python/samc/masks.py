# SPDX-License-Identifier: Apache-2.0
"""The answer to prompts: masks of one photo, and what people make of them."""
from __future__ import annotations

import numpy as np

from . import _html, rle


class Masks:
    """Masks of P objects, M for each (1, or 3 with multimask).

    Attributes
    ----------
    masks : (P, M, H, W) array of bool
        Of the photo's size.
    scores : (P, M) array of float32
        The model's own estimate of each mask's IoU with the object.
    stability : (P, M) array of float32
        How little a mask changes when its threshold does, 0..1.
    low_res : (P, M, S, S) array of float32
        Logits in the model's square frame: ``mask=`` of the next prediction.
    logits : (P, M, H, W) array of float32, or None
        Before the threshold, where they were asked for.
    """

    def __init__(self, masks, scores, stability, low_res, logits=None) -> None:
        self.masks, self.scores, self.stability = masks, scores, stability
        self.low_res, self.logits = low_res, logits

    def __len__(self) -> int:
        """How many objects."""
        return len(self.masks)

    def __repr__(self) -> str:
        objects, each, height, width = self.masks.shape
        return (f"<samc.Masks: {objects} object{'s' * (objects != 1)}, {each} mask"
                f"{'s' * (each != 1)} each, {width} x {height} pixels, best score "
                f"{self.scores.max():.3f}>")

    def _best(self) -> np.ndarray:
        return self.scores.argmax(axis=1)

    @property
    def best(self) -> np.ndarray:
        """For each object the mask with the highest score: (P, H, W) of bool."""
        return self.masks[np.arange(len(self)), self._best()]

    @property
    def best_low_res(self) -> np.ndarray:
        """The low-res logits of these: (P, S, S), as ``mask=`` takes them."""
        return self.low_res[np.arange(len(self)), self._best()]

    def boxes(self) -> np.ndarray:
        """The box around each mask: (P, M, 4) of int32, [x0, y0, x1, y1] where x1 and y1 lie one
        past the last pixel; zeros for an empty mask."""
        objects, each = self.masks.shape[:2]
        found = np.zeros((objects, each, 4), np.int32)
        for index in np.ndindex(objects, each):
            found[index] = rle.corners(self.masks[index])
        return found

    def to_polygons(self, tolerance: float = 0.0, joined: bool = False
                    ) -> list[list[np.ndarray]]:
        """For each object the outline of its best mask: a list of rings (see samc.rle.polygons)."""
        return [rle.polygons(mask, tolerance, joined) for mask in self.best]

    def to_coco(self, image_id: int = 1, category_id: int = 1, first_id: int = 1,
                polygons: bool = False, tolerance: float = 0.0) -> list[dict]:
        """For each object the annotation of its best mask, ready for json.dump.

        Parameters
        ----------
        image_id, category_id : int
        first_id : int
            The id of the first annotation; the others count on.
        polygons : bool
            Outlines ([[x0, y0, x1, y1, ...], ...]) instead of compressed run lengths.
        tolerance : float
            For outlines: see to_polygons.
        """
        return [rle.annotation(mask, score, first_id + i, image_id, category_id, polygons, tolerance)
                for i, (mask, score) in enumerate(zip(self.best, self.scores.max(axis=1)))]

    def _repr_html_(self) -> str:
        return _html.masks(self)
