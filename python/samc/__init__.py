# SPDX-License-Identifier: Apache-2.0
"""Segment Anything on a CPU: a photo and a prompt in, masks out. Needs numpy; no PyTorch.

    import samc
    embedding = samc.Model().encode("photo.jpg")
    answer = embedding.predict(points=[[500, 375]], multimask=True)

And segment_anything's own names: sam_model_registry, SamPredictor, SamAutomaticMaskGenerator.
"""
from . import errors, rle
from ._library import lib
from .automatic_mask_generator import SamAutomaticMaskGenerator
from .build_sam import (
    Sam,
    build_sam,
    build_sam_vit_b,
    build_sam_vit_h,
    build_sam_vit_l,
    sam_model_registry,
)
from .errors import Error
from .masks import Masks
from .model import Embedding, Model, ModelInfo
from .pipeline import SegmentAnythingPipeline, pipeline
from .predictor import SamPredictor
from .records import Records

__version__ = lib.samc_version().decode()

__all__ = [
    "Embedding",
    "Error",
    "Masks",
    "Model",
    "ModelInfo",
    "Records",
    "Sam",
    "SamAutomaticMaskGenerator",
    "SamPredictor",
    "SegmentAnythingPipeline",
    "build_sam",
    "build_sam_vit_b",
    "build_sam_vit_h",
    "build_sam_vit_l",
    "errors",
    "pipeline",
    "rle",
    "sam_model_registry",
]
