# SPDX-License-Identifier: Apache-2.0
"""SamPredictor as segment_anything has it."""
from __future__ import annotations

import numpy as np

from . import _prompts, _tensor
from ._resize import enlarge_logits
from .build_sam import Sam
from .model import Embedding
from .utils.transforms import ResizeLongestSide


class SamPredictor:
    """Looks at a photo once and answers any number of prompts.

    Parameters
    ----------
    sam_model : Sam
        Of sam_model_registry.

    Attributes
    ----------
    model : Sam
    transform : ResizeLongestSide
    is_image_set : bool
    original_size, input_size : (int, int)
        Height and width of the photo, and of what the model sees; after set_image.
    embedding : samc.Embedding or None
    """

    def __init__(self, sam_model: Sam) -> None:
        self.model = sam_model
        self.embedding: Embedding | None = None
        self.original_size: tuple[int, int]
        self.input_size: tuple[int, int]
        self.transform = ResizeLongestSide(sam_model.image_encoder.img_size)
        self.reset_image()

    @property
    def device(self):
        return self.model.device

    def set_image(self, image: np.ndarray, image_format: str = "RGB") -> None:
        """Looks at a photo.

        Parameters
        ----------
        image : (H, W, 3) array of uint8
            It is not copied if its rows are dense. A path works too (samc's own; needs Pillow).
        image_format : {"RGB", "BGR"}
        """
        assert image_format in ["RGB", "BGR"], \
            f"image_format must be in ['RGB', 'BGR'], is {image_format}."
        if isinstance(image, np.ndarray):
            if image.dtype != np.uint8:
                raise TypeError(f"image must be of dtype uint8, it is {image.dtype}")
            if image.ndim != 3 or image.shape[2] != 3:
                raise ValueError(f"image must be of shape H x W x 3, it is {image.shape}")
        if image_format != self.model.image_format and isinstance(image, np.ndarray):
            image = image[..., ::-1]
        self._set(self.model.samc.encode(image))

    def set_torch_image(self, transformed_image, original_image_size: tuple[int, ...]) -> None:
        """Looks at a photo that ResizeLongestSide has resized.

        Parameters
        ----------
        transformed_image : (1, 3, h, w) tensor or array
            Values 0..255, rounded to 8 bits; the longer side is the model's.
        original_image_size : (int, int)
            Height and width before.
        """
        side = self.model.image_encoder.img_size
        shape = tuple(transformed_image.shape)
        assert len(shape) == 4 and shape[1] == 3 and max(shape[2:]) == side, \
            f"set_torch_image input must be BCHW with long side {side}."
        if shape[0] != 1:
            raise ValueError(f"transformed_image must be one photo, it is {shape[0]}")
        self._set(self.model.samc.encode(pixels_of(transformed_image[0])))
        self.original_size = int(original_image_size[0]), int(original_image_size[1])

    def _set(self, embedding: Embedding) -> None:
        self.reset_image()
        self.embedding = embedding
        self.original_size = embedding.size
        self.input_size = self.transform.get_preprocess_shape(
            *embedding.size, self.transform.target_length)
        self.is_image_set = True

    def predict(self, point_coords: np.ndarray | None = None,
                point_labels: np.ndarray | None = None, box: np.ndarray | None = None,
                mask_input: np.ndarray | None = None, multimask_output: bool = True,
                return_logits: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Masks of one object.

        Parameters
        ----------
        point_coords : (N, 2) array or None
            (x, y) in pixels of the photo.
        point_labels : (N,) array or None
            1: it belongs to the object, 0: it does not.
        box : (4,) array or None
            xyxy.
        mask_input : (1, S, S) array or None
            Low-res logits of an earlier answer.
        multimask_output : bool
            Three masks instead of one.
        return_logits : bool
            What the masks are before the threshold.

        Returns
        -------
        masks : (C, H, W) array of bool, or of float32 with return_logits
        iou_predictions : (C,) array of float32
        low_res_masks : (C, S, S) array of float32
        """
        embedding = self._need_image(
            "An image must be set with .set_image(...) before mask prediction.")
        points = labels = boxes = logits = None
        if point_coords is not None:
            assert point_labels is not None, \
                "point_labels must be supplied if point_coords is supplied."
            if np.ndim(point_coords) != 2:
                raise ValueError("point_coords must be of shape N x 2, it is "
                                 f"{np.shape(point_coords)}")
            points, labels = _prompts.point_rows(point_coords, point_labels)
        if box is not None:
            boxes = _prompts.box_rows(box)
            if len(boxes) != 1:
                raise ValueError("box must be one box, of shape 4, it is "
                                 f"{np.shape(box)}; predict_torch takes several")
        if mask_input is not None:
            if np.ndim(mask_input) != 3:
                raise ValueError("mask_input must be of shape 1 x S x S, it is "
                                 f"{np.shape(mask_input)}")
            logits = _prompts.logit_rows(mask_input, self.model.samc.info.low_res_size)
        if embedding.size != self.original_size:  # set_torch_image
            points, boxes = (self._scaled(a, embedding.size, self.original_size)
                             for a in (points, boxes))
        answer = self._predict(embedding, points, labels, boxes, logits, multimask_output,
                               return_logits)
        return tuple(part[0] for part in answer)

    def predict_torch(self, point_coords, point_labels, boxes=None, mask_input=None,
                      multimask_output: bool = True, return_logits: bool = False):
        """Masks of B objects, from tensors (or arrays) in the model's frame.

        Parameters
        ----------
        point_coords : (B, N, 2) tensor or None
            As ResizeLongestSide.apply_coords gives them.
        point_labels : (B, N) tensor or None
        boxes : (B, 4) tensor or None
        mask_input : (B, 1, S, S) tensor or None
        multimask_output, return_logits : bool
            As for predict.

        Returns
        -------
        masks (B, C, H, W), iou_predictions (B, C), low_res_masks (B, C, S, S)
            Tensors where PyTorch is imported, else arrays.
        """
        embedding = self._need_image(
            "An image must be set with .set_image(...) before mask prediction.")
        points = labels = rows = logits = None
        if point_coords is not None:
            if len(point_coords.shape) != 3:
                raise ValueError("point_coords must be of shape B x N x 2, it is "
                                 f"{tuple(point_coords.shape)}")
            points, labels = _prompts.point_rows(point_coords, point_labels)
            points = self._scaled(points, embedding.size, self.input_size)
        if boxes is not None:
            rows = self._scaled(_prompts.box_rows(boxes), embedding.size, self.input_size)
        if mask_input is not None:
            logits = _prompts.logit_rows(mask_input, self.model.samc.info.low_res_size)
        answer = self._predict(embedding, points, labels, rows, logits, multimask_output,
                               return_logits)
        return tuple(_tensor.tensor(part) for part in answer)

    def get_image_embedding(self):
        """What the model saw: 1 x C x E x E, a tensor where PyTorch is imported, else an array."""
        embedding = self._need_image(
            "An image must be set with .set_image(...) to generate an embedding.")
        return _tensor.tensor(embedding.numpy()[None])

    @property
    def features(self):
        """get_image_embedding, or None before set_image."""
        return self.get_image_embedding() if self.is_image_set else None

    def reset_image(self) -> None:
        """Forgets the photo."""
        self.is_image_set = False
        self.embedding = None
        self.orig_h = self.orig_w = self.input_h = self.input_w = None

    def _need_image(self, message: str) -> Embedding:
        if self.embedding is None:
            raise RuntimeError(message)
        return self.embedding

    @staticmethod
    def _scaled(rows, to: tuple[int, int], old: tuple[int, int]):
        """(x, y) pairs of a picture of the size `old` (height, width) in one of the size `to`. What
        rounding puts a hair outside comes back in."""
        if rows is None or to == old:
            return rows
        pairs = rows.reshape(-1, 2).astype(np.float64)
        limits = np.array(to[::-1], np.float64)
        pairs *= limits / np.array(old[::-1], np.float64)
        slack = 1e-5 * limits
        pairs = np.where((pairs > limits) & (pairs < limits + slack), limits, pairs)
        return np.ascontiguousarray(pairs.reshape(rows.shape), np.float32)

    def _predict(self, embedding: Embedding, points, labels, boxes, logits, multimask: bool,
                 return_logits: bool):
        """(masks or logits, scores, low-res logits) of prompts in the embedding's frame."""
        other_size = embedding.size != self.original_size
        prompts = _prompts.Prompts(points, labels, boxes, logits)
        answer = embedding._run(
            prompts, multimask, want_masks=not (return_logits or other_size),
            want_logits=return_logits or other_size, threshold=self.model.mask_threshold)
        masks = answer.masks
        if masks is None:
            masks = answer.logits
            if other_size:
                masks = enlarge_logits(masks, self.original_size)
            if not return_logits:
                masks = masks > self.model.mask_threshold
        return masks, answer.scores, answer.low_res


def pixels_of(tensor) -> np.ndarray:
    """The h x w x 3 array of uint8 of a 3 x h x w tensor with values 0..255."""
    values = _tensor.array(tensor)
    if values.dtype != np.uint8:
        values = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(values.transpose(1, 2, 0))
