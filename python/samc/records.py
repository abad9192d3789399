# SPDX-License-Identifier: Apache-2.0
"""What a generator found: the reference's list of records, and what people make of it."""
from __future__ import annotations

import numpy as np

from . import _html, rle


class Records(list):
    """A list of dicts, best first, each with segmentation, area, bbox (xywh), predicted_iou,
    point_coords, stability_score and crop_box (xywh). It is a list like any other; the methods are
    samc's."""

    def mask(self, i: int) -> np.ndarray:
        """Mask i, (H, W) of bool, in whatever form its record has it."""
        found = self[i]["segmentation"]
        return rle.decode(found) if isinstance(found, dict) else found

    def boxes(self) -> np.ndarray:
        """The box around each mask: (N, 4) of int32, [x0, y0, x1, y1] where x1 and y1 lie one past
        the last pixel (bbox ends on it, as the reference's does); zeros for an empty mask."""
        found = [rle.corners(self.mask(i)) for i in range(len(self))]
        return np.array(found, np.int32).reshape(-1, 4)

    def to_polygons(self, tolerance: float = 0.0, joined: bool = False
                    ) -> list[list[np.ndarray]]:
        """For each mask its outline: a list of rings (see samc.rle.polygons)."""
        return [rle.polygons(self.mask(i), tolerance, joined) for i in range(len(self))]

    def to_coco(self, image_id: int = 1, category_id: int = 1, first_id: int = 1,
                polygons: bool = False, tolerance: float = 0.0) -> list[dict]:
        """For each mask the annotation, ready for json.dump; see Masks.to_coco."""
        return [rle.annotation(self.mask(i), record["predicted_iou"], first_id + i, image_id,
                               category_id, polygons, tolerance)
                for i, record in enumerate(self)]

    def _repr_html_(self) -> str:
        return _html.records(self)
