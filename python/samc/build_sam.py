# SPDX-License-Identifier: Apache-2.0
"""sam_model_registry and the builders, under the reference's names; and the model they give."""
from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import numpy as np

from . import _tensor
from ._resize import enlarge_logits
from .model import Model


class Sam:
    """A samc.Model (its attribute `samc`) with the attributes that programs for segment_anything
    look at.

    Attributes
    ----------
    samc : Model
    mask_threshold : float
        A pixel is in the mask if its logit is higher.
    image_format : str
        "RGB".
    image_encoder, prompt_encoder, mask_decoder
        Their sizes: img_size; embed_dim, image_embedding_size, input_image_size, mask_input_size;
        num_multimask_outputs, num_mask_tokens.
    pixel_mean, pixel_std : tensors 3 x 1 x 1
    """

    mask_threshold: float = 0.0
    image_format: str = "RGB"

    def __init__(self, model: Model) -> None:
        self.samc = model
        info = model.info
        side, grid, low = info.image_size, info.embedding_size, info.low_res_size
        self.image_encoder = SimpleNamespace(img_size=side)
        self.prompt_encoder = SimpleNamespace(
            embed_dim=info.embedding_dim, image_embedding_size=(grid, grid),
            input_image_size=(side, side), mask_input_size=(low, low))
        self.mask_decoder = SimpleNamespace(
            num_multimask_outputs=info.mask_tokens - 1, num_mask_tokens=info.mask_tokens)
        self.training = False

    def __repr__(self) -> str:
        return f"<samc.Sam: {self.samc!r}>"

    @property
    def device(self):
        return _tensor.device()

    @property
    def pixel_mean(self):
        return _tensor.tensor(np.array([123.675, 116.28, 103.53], np.float32).reshape(3, 1, 1))

    @property
    def pixel_std(self):
        return _tensor.tensor(np.array([58.395, 57.12, 57.375], np.float32).reshape(3, 1, 1))

    def to(self, *arguments, **named) -> Sam:
        """Accepted as PyTorch's; the model stays on the CPU, which is said once."""
        _tensor.check_device(*arguments, **named)
        return self

    def cuda(self, device=None) -> Sam:
        return self.to("cuda" if device is None else f"cuda:{device}")

    def cpu(self) -> Sam:
        return self

    def eval(self) -> Sam:
        return self

    def float(self) -> Sam:
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Sam:
        return self

    def __call__(self, batched_input: list[dict[str, Any]], multimask_output: bool
                 ) -> list[dict[str, Any]]:
        """Masks of several photos, each with its own prompts.

        Parameters
        ----------
        batched_input : list of dict
            image (3, h, w), resized by ResizeLongestSide; original_size (height, width); and, in the
            frame of that image, point_coords (B, N, 2), point_labels (B, N), boxes (B, 4),
            mask_inputs (B, 1, S, S), as far as there are any.
        multimask_output : bool
            Three masks an object instead of one.

        Returns
        -------
        list of dict
            masks (B, C, H, W), iou_predictions (B, C), low_res_logits (B, C, S, S).
        """
        from .predictor import SamPredictor  # which needs this file

        predictor = SamPredictor(self)
        answers = []
        for record in batched_input:
            predictor.set_torch_image(record["image"][None], record["original_size"])
            answer = predictor.predict_torch(
                record.get("point_coords"), record.get("point_labels"), record.get("boxes"),
                record.get("mask_inputs"), multimask_output)
            answers.append(dict(zip(("masks", "iou_predictions", "low_res_logits"), answer)))
        return answers

    forward = __call__

    def preprocess(self, x):
        """A photo (..., 3, h, w) with values 0..255, as ResizeLongestSide gives it, brought to mean 0
        and deviation 1 and padded to the model's square by zeros: (..., 3, S, S) of float32."""
        pixels = _tensor.array(x)
        side = self.image_encoder.img_size
        if pixels.ndim < 3 or pixels.shape[-3] != 3 or max(pixels.shape[-2:]) > side:
            raise ValueError(f"x must be of shape 3 x h x w, h and w at most {side}, it is "
                             f"{pixels.shape}")
        square = np.zeros((*pixels.shape[:-2], side, side), np.float32)
        mean, std = _tensor.array(self.pixel_mean), _tensor.array(self.pixel_std)
        square[..., :pixels.shape[-2], :pixels.shape[-1]] = (pixels - mean) / std
        return _tensor.tensor(square)

    def postprocess_masks(self, masks, input_size: tuple[int, ...],
                          original_size: tuple[int, ...]):
        """Low-res logits (B, C, S, S) as logits of the photo's size: (B, C, *original_size)."""
        side = self.image_encoder.img_size
        square = enlarge_logits(_tensor.array(masks), (side, side))
        inside = square[..., :input_size[0], :input_size[1]]
        return _tensor.tensor(enlarge_logits(inside, (original_size[0], original_size[1])))


def _build(kind: str, checkpoint) -> Sam:
    """The model of a checkpoint, which must be of `kind`."""
    if checkpoint is None:
        raise ValueError(
            f"build_sam_{kind} needs checkpoint=: samc has no use for untrained weights. The model "
            "that samc ships with is sam_model_registry['default']()")
    model = _load(checkpoint)
    if model.info.name != kind:
        name, info = model.info.name, model.info
        model.close()
        what = name if name != "custom" else (
            f"a model of its own size ({info.image_size} px, width {info.encoder_dim}, "
            f"{info.encoder_depth} blocks)")
        key = name if name != "custom" else "default"
        raise ValueError(f"checkpoint is {what}, not {kind}: use sam_model_registry[{key!r}]")
    return Sam(model)


def _load(checkpoint) -> Model:
    if hasattr(checkpoint, "read"):
        checkpoint = checkpoint.read()
    if checkpoint is not None and not isinstance(checkpoint, bytes):
        checkpoint = os.fspath(checkpoint)
    return Model(checkpoint)


def build_sam_vit_h(checkpoint=None) -> Sam:
    """The model of a vit_h checkpoint; ValueError if it is of another size."""
    return _build("vit_h", checkpoint)


def build_sam_vit_l(checkpoint=None) -> Sam:
    """The model of a vit_l checkpoint; ValueError if it is of another size."""
    return _build("vit_l", checkpoint)


def build_sam_vit_b(checkpoint=None) -> Sam:
    """The model of a vit_b checkpoint; ValueError if it is of another size."""
    return _build("vit_b", checkpoint)


def build_sam(checkpoint=None) -> Sam:
    """The model of a checkpoint of any size; without one, the model that samc ships with."""
    return Sam(_load(checkpoint))


sam_model_registry = {
    "default": build_sam,
    "vit_h": build_sam_vit_h,
    "vit_l": build_sam_vit_l,
    "vit_b": build_sam_vit_b,
}
