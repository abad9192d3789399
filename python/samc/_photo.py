# SPDX-License-Identifier: Apache-2.0
"""What may be called a photo, as a view of pixels for the library: a path, the bytes of a file, a
Pillow image or an array. An array's pixels are read where they lie, if rows are rows.
"""
from __future__ import annotations

import io
import os

import numpy as np

from . import _structs as s

RGB, BGR, RGBA, GRAY = range(4)  # samc_pixel_format


def view(photo, order: str = "RGB", name: str = "photo") -> tuple[s.Image, np.ndarray]:
    """A samc_image of a photo, and the array that must live as long as it is used.

    Parameters
    ----------
    photo : str, os.PathLike, bytes, PIL.Image.Image or array
        Files and bytes are decoded by Pillow and turned upright (EXIF); a Pillow image and an array
        are taken as they are. An array is H x W (grey), H x W x 3 or H x W x 4 (alpha is ignored),
        uint8.
    order : {"RGB", "BGR"}
        The channels of an array.
    name : str
        How messages call the parameter.
    """
    if order not in ("RGB", "BGR"):
        raise ValueError(f"format must be 'RGB' or 'BGR', it is {order!r}")
    if isinstance(photo, (str, os.PathLike, bytes, bytearray, memoryview)):
        return _of_array(_decoded(photo), "RGB", name)
    if hasattr(photo, "convert") and hasattr(photo, "getbands"):  # Pillow's, without importing it
        return _of_array(np.asarray(photo.convert("RGB")), "RGB", name)
    if not isinstance(photo, np.ndarray):
        if not hasattr(photo, "__array__"):
            raise TypeError(f"{name} must be a path, bytes, a Pillow image or an array of uint8, it "
                            f"is {type(photo).__name__}")
        photo = np.asarray(photo)
    return _of_array(photo, order, name)


def _decoded(source) -> np.ndarray:
    """The pixels of a file, H x W x 3, upright."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ImportError("samc reads photos from files with Pillow, which is not installed: pip "
                          "install pillow (or pass the pixels as an array)") from None
    if not isinstance(source, (str, os.PathLike)):
        source = io.BytesIO(source)
    with Image.open(source) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def _of_array(pixels: np.ndarray, order: str, name: str) -> tuple[s.Image, np.ndarray]:
    if pixels.dtype != np.uint8:
        raise TypeError(f"{name} must be of dtype uint8, it is {pixels.dtype}")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2] if pixels.ndim == 3 else 0
    if channels not in (1, 3, 4):
        raise ValueError(f"{name} must be of shape H x W, H x W x 3 or H x W x 4, it is "
                         f"{pixels.shape}")
    height, width = pixels.shape[:2]
    if not (1 <= height <= 65535 and 1 <= width <= 65535):
        raise ValueError(f"{name}: height and width must be 1 to 65535, they are {height} and "
                         f"{width}")
    if channels == 4 and order == "BGR":
        raise ValueError(f"{name}: four channels are read as RGBA; pass three for format 'BGR'")
    kind = {1: GRAY, 3: RGB if order == "RGB" else BGR, 4: RGBA}[channels]
    strides = pixels.strides
    if channels == 3 and strides[1:] == (3, -1):  # image[..., ::-1]: read the other way
        kind = BGR if kind == RGB else RGB
        pixels = pixels[..., ::-1]
        strides = pixels.strides
    dense = strides[1] == channels if channels == 1 else strides[1:] == (channels, 1)
    if not dense or strides[0] < width * channels:
        pixels = np.ascontiguousarray(pixels)
    return s.Image(pixels.ctypes.data, width, height, pixels.strides[0], kind), pixels
