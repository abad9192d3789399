# SPDX-License-Identifier: Apache-2.0
"""ResizeLongestSide: photos and coordinates brought into the model's frame."""
from __future__ import annotations

from copy import deepcopy

import numpy as np

from .._resize import resize_photo


class ResizeLongestSide:
    """Resizes photos so that their longer side is `target_length`, and coordinates with them.

    Parameters
    ----------
    target_length : int
        Pixels.
    """

    def __init__(self, target_length: int) -> None:
        self.target_length = target_length

    def apply_image(self, image: np.ndarray) -> np.ndarray:
        """An H x W x C array of uint8, resized as Pillow does it (bilinear, antialiased)."""
        height, width = image.shape[:2]
        return resize_photo(image, self.get_preprocess_shape(height, width, self.target_length))

    def _factors(self, original_size) -> tuple[float, float]:
        old_h, old_w = original_size
        new_h, new_w = self.get_preprocess_shape(old_h, old_w, self.target_length)
        return new_w / old_w, new_h / old_h

    def apply_coords(self, coords: np.ndarray, original_size: tuple[int, ...]) -> np.ndarray:
        """Points (..., 2) of a photo of original_size (height, width); a new array of float64."""
        moved = deepcopy(coords).astype(float)
        moved[..., 0], moved[..., 1] = (moved[..., i] * factor for i, factor
                                        in enumerate(self._factors(original_size)))
        return moved

    def apply_boxes(self, boxes: np.ndarray, original_size: tuple[int, ...]) -> np.ndarray:
        """Boxes (B, 4), xyxy, of a photo of original_size (height, width)."""
        return self.apply_coords(boxes.reshape(-1, 2, 2), original_size).reshape(-1, 4)

    def apply_image_torch(self, image):
        """A tensor B x C x H x W of floats, resized by PyTorch. May differ a little from
        apply_image, which is what the model expects."""
        from torch.nn.functional import interpolate

        size = self.get_preprocess_shape(image.shape[2], image.shape[3], self.target_length)
        return interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)

    def apply_coords_torch(self, coords, original_size: tuple[int, ...]):
        """apply_coords for tensors; a new one of float32."""
        moved = deepcopy(coords).float()
        across, down = self._factors(original_size)
        moved[..., 0] *= across
        moved[..., 1] *= down
        return moved

    def apply_boxes_torch(self, boxes, original_size: tuple[int, ...]):
        """apply_boxes for tensors."""
        return self.apply_coords_torch(boxes.reshape(-1, 2, 2), original_size).reshape(-1, 4)

    @staticmethod
    def get_preprocess_shape(oldh: int, oldw: int, long_side_length: int) -> tuple[int, int]:
        """(height, width) of a photo of that size when its longer side is long_side_length."""
        scale = long_side_length * 1.0 / max(oldh, oldw)
        return int(oldh * scale + 0.5), int(oldw * scale + 0.5)
