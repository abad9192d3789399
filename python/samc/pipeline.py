# SPDX-License-Identifier: Apache-2.0
"""The pipeline call: one object that takes a dict of prompts, or a photo to segment whole.

    from samc.pipeline import pipeline

    task = pipeline("segment_anything", model="sam_vit_b_01ec64.pth")
    task.set_image("truck.jpg")
    outputs = task({"points": [[500, 375]], "labels": [1]}, multimask_output=True)
    records = task({"image": "dog.jpg"}, seg_image=True)
"""
from __future__ import annotations

import os

import numpy as np

from . import _prompts
from .build_sam import Sam
from .model import Embedding, Model
from .records import Records

_KEYS = ("image", "points", "labels", "boxes")


class SegmentAnythingPipeline:
    """Made by pipeline().

    Attributes
    ----------
    model : samc.Model
    embedding : samc.Embedding or None
        Of the photo that set_image looked at.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.embedding: Embedding | None = None

    def __repr__(self) -> str:
        return f"<samc.pipeline: {self.model!r}>"

    def set_image(self, image) -> None:
        """Looks at a photo, once for any number of calls.

        Parameters
        ----------
        image : path, bytes, PIL.Image.Image or (H, W, 3) array of uint8, RGB
        """
        self.embedding = self.model.encode(image)

    def __call__(self, inputs: dict, seg_image: bool = False, multimask_output: bool = False,
                 **parameters) -> dict | Records:
        """Masks of what the prompts show, or of everything.

        Parameters
        ----------
        inputs : dict
            image: a photo, as for set_image; without it, that of set_image.
            points: (N, 2), one object, or (P, N, 2), one object a row; labels: (N,) or (P, N).
            boxes: (4,), one object, or (P, 4), one object a row.
        seg_image : bool
            Everything in the photo: inputs has image and nothing else.
        multimask_output : bool
            Three masks an object instead of one.
        **parameters
            With seg_image those of SamAutomaticMaskGenerator, for this call.

        Returns
        -------
        dict
            masks (M, H, W) of bool, iou_predictions (M,) and low_res_masks (M, S, S) of one object;
            (P, M, H, W), (P, M) and (P, M, S, S) where the prompts are one object a row.
        Records
            With seg_image: a list of dicts, best first, segmentation (H, W) of bool.
        """
        if not isinstance(inputs, dict):
            raise TypeError(f"inputs must be a dict of {', '.join(_KEYS)}, it is "
                            f"{type(inputs).__name__}")
        given = {name: value for name, value in inputs.items() if value is not None}
        for name in given:
            if name not in _KEYS:
                raise ValueError(f"inputs has {name!r}; it may have {', '.join(_KEYS)}")
        if seg_image:
            return self._everything(given, parameters)
        if parameters:
            raise TypeError(f"{next(iter(parameters))} is for seg_image=True")
        if "image" in given:
            self.set_image(given.pop("image"))
        if self.embedding is None:
            raise RuntimeError("there is no photo: call set_image, or give inputs['image']")
        answer = self.embedding.predict(**given, multimask=multimask_output)
        found = {"masks": answer.masks, "iou_predictions": answer.scores,
                 "low_res_masks": answer.low_res}
        if self._is_one(given):
            found = {name: array[0] for name, array in found.items()}
        return found

    @staticmethod
    def _is_one(given: dict) -> bool:
        """The rank rule; predict has looked at the shapes."""
        ranks = [np.ndim(_prompts.numbers(given[name], name)) - extra
                 for name, extra in (("points", 1), ("boxes", 0)) if name in given]
        return max(ranks) == 1

    def _everything(self, given: dict, parameters: dict) -> Records:
        for name in given:
            if name != "image":
                raise ValueError(f"inputs has {name!r}, which means nothing with seg_image=True")
        if "image" not in given and self.embedding is None:
            raise RuntimeError("there is no photo: give inputs['image'], or call set_image")
        parameters.setdefault("output_mode", "binary_mask")
        return self.model.generate(given.get("image", self.embedding), **parameters)


def pipeline(task: str = "segment_anything", model=None) -> SegmentAnythingPipeline:
    """The pipeline of a model.

    Parameters
    ----------
    task : str
        "segment_anything".
    model : Model, Sam, or what Model takes
        "sam_vit_b", "sam_vit_l" and "sam_vit_h" are the files that `samc download` fetches; None is
        the model that samc ships with.
    """
    if task != "segment_anything":
        raise ValueError(f"task must be 'segment_anything', it is {task!r}")
    if isinstance(model, Sam):
        model = model.samc
    if not isinstance(model, Model):
        if isinstance(model, str) and model.startswith("sam_vit_") and not os.path.exists(model):
            model = model.removeprefix("sam_")
        model = Model(model)
    return SegmentAnythingPipeline(model)
