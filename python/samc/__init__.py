# SPDX-License-Identifier: Apache-2.0
"""Segment Anything on a CPU: a photo and a prompt in, masks out. Needs numpy; no PyTorch.

    import samc
    embedding = samc.Model().encode("photo.jpg")
    answer = embedding.predict(points=[[500, 375]], multimask=True)
"""
from . import errors, rle
from ._library import lib
from .errors import Error
from .masks import Masks
from .model import Embedding, Model, ModelInfo

__version__ = lib.samc_version().decode()

__all__ = [
    "Embedding",
    "Error",
    "Masks",
    "Model",
    "ModelInfo",
    "errors",
    "rle",
]
