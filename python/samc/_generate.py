# SPDX-License-Identifier: Apache-2.0
"""Everything in a photo: samc_generate, with its parameters looked at by name."""
from __future__ import annotations

import math
from ctypes import byref, c_void_p

import numpy as np

from . import _photo, rle
from . import _structs as s
from ._library import Progress, call
from .records import Records


class Unset(float):
    """A threshold that the caller did not give. In a signature it is the reference's number; a model
    whose file recommends another one gets that."""


PRED_IOU_THRESH, STABILITY_SCORE_THRESH = Unset(0.88), Unset(0.95)
RECOMMENDED = ("pred_iou_thresh", "stability_score_thresh")

# Parameter: (its default, which is the reference's, and whether it is a whole number).
PARAMETERS = {
    "points_per_side": (32, True),
    "points_per_batch": (64, True),
    "pred_iou_thresh": (PRED_IOU_THRESH, False),
    "stability_score_thresh": (STABILITY_SCORE_THRESH, False),
    "stability_score_offset": (1.0, False),
    "box_nms_thresh": (0.7, False),
    "crop_n_layers": (0, True),
    "crop_nms_thresh": (0.7, False),
    "crop_overlap_ratio": (512 / 1500, False),
    "crop_n_points_downscale_factor": (1, True),
    "min_mask_region_area": (0, True),
    "min_mask_area": (0, True),
    "mask_threshold": (0.0, False),
    "exact": (False, True),
}


def recommended(model: c_void_p) -> dict[str, float]:
    """The thresholds of a model where nobody gives any: its file's, else the reference's."""
    options = s.GenerateOptions(**{name: PARAMETERS[name][0] for name in RECOMMENDED})
    call("samc_model_recommend", model, byref(options))
    # the shortest number that makes this float: 0.6, not 0.6000000238
    return {name: float(str(np.float32(getattr(options, name)))) for name in RECOMMENDED}


class Settings:
    """The parameters of a generator: defaults, what the model recommends, what `given` changes.

    Raises
    ------
    TypeError, ValueError
        They name the parameter.
    """

    def __init__(self, given: dict, model) -> None:
        values = {name: default for name, (default, _) in PARAMETERS.items()}
        values.update(model.recommended)
        grids = given.get("point_grids")
        for name, value in given.items():
            if name == "point_grids":
                continue
            if name not in values:
                raise TypeError(f"{name} is no parameter of the generator; it knows "
                                f"point_grids, {', '.join(PARAMETERS)}")
            if name == "points_per_side" and value is None and grids is not None:
                continue
            if name in RECOMMENDED and value is None:
                continue
            values[name] = self._number(name, value)
        self.grids = None
        if grids is not None:
            values["points_per_side"] = 0
            self.grids = [self._grid(i, grid) for i, grid in enumerate(grids)]
        self.values = values

    @staticmethod
    def _number(name: str, value):
        if not isinstance(value, (int, float, np.integer, np.floating, np.bool_)):
            raise TypeError(f"{name} must be a number, it is {value!r}")
        if not math.isfinite(value):
            raise ValueError(f"{name} must be finite, it is {value}")
        if PARAMETERS[name][1]:
            if value != int(value):
                raise TypeError(f"{name} must be a whole number, it is {value!r}")
            if abs(int(value)) >= 2**31:
                raise ValueError(f"{name} is out of range: {value}")
            return int(value)
        return float(value)

    @staticmethod
    def _grid(i: int, grid) -> np.ndarray:
        points = np.ascontiguousarray(grid, np.float64)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"point_grids[{i}] must be of shape N x 2, it is {points.shape}")
        return points

    def options(self, ticks: Progress) -> s.GenerateOptions:
        options = s.GenerateOptions(progress=ticks.c, **self.values)
        if self.grids is not None:
            grids = (s.PointGrid * len(self.grids))()
            for grid, points in zip(grids, self.grids):
                grid.points, grid.n = points.ctypes.data, len(points)
            options.point_grids, options.n_point_grids = grids, len(self.grids)
        return options


def segmentation_of(record: s.MaskRecord, output: str):
    """The mask of a record as `output` says."""
    runs = record.mask.contents
    if output == "binary_mask":
        return rle.pixels_of(runs)
    counts = record.rle.decode() if output == "coco_rle" else rle.counts_of(runs)
    return {"size": [runs.height, runs.width], "counts": counts}


OUTPUTS = ("binary_mask", "uncompressed_rle", "coco_rle")


def generate(model, photo, settings: Settings, output: str, format: str = "RGB",
             progress=None, name: str = "photo") -> Records:
    """The records of everything in a photo or in an embedding, best first; messages call it
    `name`."""
    records = Records()
    ticks = Progress(progress)

    def take(_user, pointer) -> int:
        try:
            record = pointer.contents
            records.append({
                "segmentation": segmentation_of(record, output),
                "area": record.area,
                "bbox": list(record.box),
                "predicted_iou": record.predicted_iou,
                "point_coords": [list(record.point)],
                "stability_score": record.stability_score,
                "crop_box": list(record.crop_box),
            })
            return 0
        except BaseException as error:
            ticks.raised = error
            return 1

    options = settings.options(ticks)
    callback = s.TAKE_MASK(take)
    with model._handle.use() as weights, model._context.use() as context:
        if hasattr(photo, "_handle"):
            if photo.model is not model:
                raise ValueError(f"{name}: this embedding was made by another model")
            with photo._handle.use() as embedding:
                ticks.call("samc_generate_from_embedding", context, weights, embedding,
                           byref(options), callback, None)
        else:
            image, keep = _photo.view(photo, format, name)
            ticks.call("samc_generate", context, weights, byref(image), byref(options), callback,
                       None)
            del keep
    return records
