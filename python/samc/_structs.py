# SPDX-License-Identifier: Apache-2.0
"""The structs of include/samc.h as ctypes sees them, field by field in the header's order.

tests/python/test_header.py compares this file with the header.
"""
from __future__ import annotations

import ctypes
from ctypes import c_char, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_void_p

PROGRESS = ctypes.CFUNCTYPE(ctypes.c_int, c_void_p, c_double)


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("message", c_char * 508)]


class Sized(ctypes.Structure):
    """A struct that begins with its own size."""

    def __init__(self, **values):
        super().__init__(struct_size=ctypes.sizeof(type(self)), **values)


class ContextOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("threads", c_int32), ("kernels", c_char_p)]


class ModelOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("progress", PROGRESS), ("user", c_void_p)]


class ModelInfo(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("image_size", c_int32),
        ("patch_size", c_int32),
        ("embedding_size", c_int32),
        ("embedding_dim", c_int32),
        ("low_res_size", c_int32),
        ("encoder_dim", c_int32),
        ("encoder_depth", c_int32),
        ("encoder_heads", c_int32),
        ("window_size", c_int32),
        ("mask_tokens", c_int32),
        ("parameters", c_int64),
        ("name", c_char_p),
        ("identity", c_char * 33),
    ]


class Image(ctypes.Structure):
    _fields_ = [
        ("pixels", c_void_p),
        ("width", c_int32),
        ("height", c_int32),
        ("stride", c_size_t),
        ("format", ctypes.c_int),
    ]


class EncodeOptions(Sized):
    _fields_ = [("struct_size", c_size_t), ("progress", PROGRESS), ("user", c_void_p)]


class Prompt(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("points", c_void_p),
        ("labels", c_void_p),
        ("n_points", c_size_t),
        ("box", c_void_p),
        ("mask_input", c_void_p),
    ]


class PredictOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("multimask", c_int32),
        ("want_masks", c_int32),
        ("want_logits", c_int32),
        ("mask_threshold", c_float),
        ("stability_offset", c_float),
        ("progress", PROGRESS),
        ("user", c_void_p),
    ]


class Masks(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("n_prompts", c_int32),
        ("n_masks", c_int32),
        ("height", c_int32),
        ("width", c_int32),
        ("low_res_size", c_int32),
        ("predicted_iou", c_void_p),
        ("stability_score", c_void_p),
        ("low_res_logits", c_void_p),
        ("masks", c_void_p),
        ("logits", c_void_p),
        ("owned", ctypes.c_uint32),
    ]


class Rle(ctypes.Structure):
    _fields_ = [
        ("height", c_int32),
        ("width", c_int32),
        ("n_counts", c_size_t),
        ("counts", ctypes.POINTER(ctypes.c_uint64)),
    ]


class Polygons(ctypes.Structure):
    _fields_ = [
        ("n_rings", c_size_t),
        ("starts", ctypes.POINTER(c_size_t)),
        ("outer", ctypes.POINTER(c_size_t)),
        ("xy", ctypes.POINTER(c_double)),
    ]


class MaskRecord(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("index", c_size_t),
        ("count", c_size_t),
        ("width", c_int32),
        ("height", c_int32),
        ("mask", ctypes.POINTER(Rle)),
        ("rle", c_char_p),
        ("area", c_int64),
        ("box", c_int32 * 4),
        ("predicted_iou", c_float),
        ("stability_score", c_float),
        ("point", c_double * 2),
        ("crop_box", c_int32 * 4),
    ]


TAKE_MASK = ctypes.CFUNCTYPE(ctypes.c_int, c_void_p, ctypes.POINTER(MaskRecord))


class PointGrid(ctypes.Structure):
    _fields_ = [("points", c_void_p), ("n", c_size_t)]


class GenerateOptions(Sized):
    _fields_ = [
        ("struct_size", c_size_t),
        ("points_per_side", c_int32),
        ("points_per_batch", c_int32),
        ("pred_iou_thresh", c_float),
        ("stability_score_thresh", c_float),
        ("stability_score_offset", c_float),
        ("box_nms_thresh", c_double),
        ("crop_n_layers", c_int32),
        ("crop_nms_thresh", c_double),
        ("crop_overlap_ratio", c_double),
        ("crop_n_points_downscale_factor", c_int32),
        ("point_grids", ctypes.POINTER(PointGrid)),
        ("n_point_grids", c_size_t),
        ("min_mask_region_area", c_int64),
        ("min_mask_area", c_int64),
        ("mask_threshold", c_float),
        ("exact", c_int32),
        ("progress", PROGRESS),
        ("user", c_void_p),
    ]
