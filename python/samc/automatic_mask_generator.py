# SPDX-License-Identifier: Apache-2.0
"""SamAutomaticMaskGenerator as segment_anything has it."""
from __future__ import annotations

from typing import Any

import numpy as np

from . import _generate
from .build_sam import Sam
from .predictor import SamPredictor


class SamAutomaticMaskGenerator:
    """Masks of everything in a photo, from a grid of points.

    Parameters
    ----------
    model : Sam
        Of sam_model_registry.
    points_per_side : int or None
        Points along a side; None: point_grids says where.
    points_per_batch : int
        Prompts between two looks at Ctrl-C; the masks do not depend on it.
    pred_iou_thresh, stability_score_thresh : float or None
        Masks below are dropped. Not given, or None: 0.88 and 0.95, or what the model recommends
        (model.samc.recommended); of Meta's models these are the same.
    stability_score_offset : float
    box_nms_thresh : float
        Of two masks whose boxes have a higher IoU, the one with the lower score goes.
    crop_n_layers : int
        Layer i > 0 is asked in 4^i overlapping crops besides.
    crop_nms_thresh, crop_overlap_ratio : float
    crop_n_points_downscale_factor : int
        Layer i has points_per_side / factor^i a side.
    point_grids : list of (N, 2) arrays, or None
        Points in the unit square, a grid for each layer; instead of points_per_side.
    min_mask_region_area : int
        Smaller holes are filled, smaller islands dropped.
    output_mode : {"binary_mask", "uncompressed_rle", "coco_rle"}
        Neither needs pycocotools or OpenCV.
    min_mask_area : int
        samc's own: masks of fewer pixels are left out.
    exact : bool
        samc's own: the reference's mistakes too (samc_generate_options.exact in samc.h).
    """

    def __init__(
        self,
        model: Sam,
        points_per_side: int | None = 32,
        points_per_batch: int = 64,
        pred_iou_thresh: float | None = _generate.PRED_IOU_THRESH,
        stability_score_thresh: float | None = _generate.STABILITY_SCORE_THRESH,
        stability_score_offset: float = 1.0,
        box_nms_thresh: float = 0.7,
        crop_n_layers: int = 0,
        crop_nms_thresh: float = 0.7,
        crop_overlap_ratio: float = 512 / 1500,
        crop_n_points_downscale_factor: int = 1,
        point_grids: list[np.ndarray] | None = None,
        min_mask_region_area: int = 0,
        output_mode: str = "binary_mask",
        *,
        min_mask_area: int = 0,
        exact: bool = False,
    ) -> None:
        assert (points_per_side is None) != (point_grids is None), \
            "Exactly one of points_per_side or point_grid must be provided."
        assert output_mode in _generate.OUTPUTS, f"Unknown output_mode {output_mode}."
        self.predictor = SamPredictor(model)
        self.points_per_side = points_per_side
        self.points_per_batch = points_per_batch
        self.pred_iou_thresh = self._choose("pred_iou_thresh", pred_iou_thresh)
        self.stability_score_thresh = self._choose("stability_score_thresh",
                                                   stability_score_thresh)
        self.stability_score_offset = stability_score_offset
        self.box_nms_thresh = box_nms_thresh
        self.crop_n_layers = crop_n_layers
        self.crop_nms_thresh = crop_nms_thresh
        self.crop_overlap_ratio = crop_overlap_ratio
        self.crop_n_points_downscale_factor = crop_n_points_downscale_factor
        self.point_grids = point_grids
        self.min_mask_region_area = min_mask_region_area
        self.min_mask_area = min_mask_area
        self.exact = exact
        self.output_mode = output_mode
        self._settings()  # a wrong parameter is named here, not with the first photo

    def _choose(self, name: str, value: float | None) -> float:
        """The caller's threshold, else the model's."""
        if value is None or isinstance(value, _generate.Unset):
            return self.predictor.model.samc.recommended[name]
        return value

    def _settings(self) -> _generate.Settings:
        """The attributes as they are now: programs change them between photos."""
        names = [*_generate.PARAMETERS, "point_grids"]
        values = {name: getattr(self, name) for name in names if name != "mask_threshold"}
        values["mask_threshold"] = self.predictor.model.mask_threshold
        return _generate.Settings(values, self.predictor.model.samc)

    def generate(self, image: np.ndarray) -> list[dict[str, Any]]:
        """Masks of everything in a photo, best first.

        Parameters
        ----------
        image : (H, W, 3) array of uint8

        Returns
        -------
        list of dict
            segmentation (an (H, W) array of bool, or run lengths), area, bbox (xywh), predicted_iou,
            point_coords [[x, y]], stability_score, crop_box (xywh).
        """
        return _generate.generate(self.predictor.model.samc, image, self._settings(),
                                  self.output_mode, name="image")
