# SPDX-License-Identifier: Apache-2.0
"""Model and Embedding: the comfortable way.

    model = samc.Model()
    embedding = model.encode("photo.jpg")                  # once a photo
    answer = embedding.predict(points=[[500, 375]])        # once a click
"""
from __future__ import annotations

import ctypes
import os
import threading
from ctypes import byref, c_void_p

import numpy as np

from . import _generate, _photo, _prompts
from . import _structs as s
from ._handle import Handle, Owner
from ._library import Progress, call, lib, model_path
from .masks import Masks
from .records import Records

_context_lock = threading.Lock()
_shared_context: Handle | None = None


def _new_lock() -> None:
    global _context_lock
    _context_lock = threading.Lock()


os.register_at_fork(after_in_child=_new_lock)


def _context(threads: int | None, kernels: str | None) -> Handle:
    """Worker threads: one context for all models that do not ask for their own."""
    global _shared_context
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int)):
        raise TypeError(f"threads must be a whole number or None, it is {threads!r}")
    if threads is not None and not 0 <= threads <= 1024:
        raise ValueError(f"threads must be 0 to 1024, it is {threads}")
    if threads is None and kernels is None:
        with _context_lock:
            if _shared_context is None:
                _shared_context = _new_context(0, None)
            return _shared_context
    return _new_context(threads or 0, kernels)


def _new_context(threads: int, kernels: str | None) -> Handle:
    options = s.ContextOptions(threads=threads, kernels=kernels.encode() if kernels else None)
    pointer = c_void_p()
    call("samc_context_create", byref(options), byref(pointer))
    return Handle(pointer, lib.samc_context_free, "context")


class ModelInfo:
    """What a model is, as include/samc.h explains it.

    Attributes
    ----------
    image_size, patch_size : int
        Pixels.
    embedding_size, embedding_dim, low_res_size : int
        An embedding is embedding_dim x embedding_size x embedding_size, low-res logits are square.
    encoder_dim, encoder_depth, encoder_heads, window_size, mask_tokens, parameters : int
    name : str
        "vit_b", "vit_l", "vit_h" or "custom".
    identity : str
        Of the weights, in 32 hexadecimal digits.
    """

    image_size: int
    patch_size: int
    embedding_size: int
    embedding_dim: int
    low_res_size: int
    encoder_dim: int
    encoder_depth: int
    encoder_heads: int
    window_size: int
    mask_tokens: int
    parameters: int
    name: str
    identity: str

    def __init__(self, info: s.ModelInfo) -> None:
        for field in s.ModelInfo._fields_[1:]:
            value = getattr(info, field[0])
            setattr(self, field[0], value.decode() if isinstance(value, bytes) else value)

    def __repr__(self) -> str:
        return (f"<samc.ModelInfo: {self.name}, {self.image_size} px, {self.parameters:,} "
                "parameters>")


def _load_again(path: str, asked: dict) -> Model:
    return Model(path, **asked)


class Model(Owner):
    """The weights of a checkpoint.

    Any number of threads may use one at once; each answer is the one that a thread alone gets. A
    pickled model is the file's name: it is loaded again where it is unpickled.

    Parameters
    ----------
    path : str, os.PathLike, bytes or None
        A checkpoint (Meta's .pth, safetensors of samc or Hugging Face), or the bytes of one; "vit_b",
        "vit_l" and "vit_h" are the files that `samc download` fetches. None: the model named by the
        environment variable SAMC_MODEL, else the one that samc ships with.
    threads : int or None
        How many threads compute; 0 is one a core. None: the same threads for all such models.
    kernels : str or None
        The kernel path, such as "avx2"; None: the best this CPU has.
    progress : callable or None
        Gets the share loaded, 0..1; a true result stops.

    Attributes
    ----------
    info : ModelInfo
    recommended : dict of str: float
        pred_iou_thresh and stability_score_thresh where generate gets none: what the model's file
        says, else the reference's 0.88 and 0.95.
    """

    def __init__(self, path=None, *, threads: int | None = None, kernels: str | None = None,
                 progress=None) -> None:
        if path is not None and not isinstance(path, (str, os.PathLike, bytes)):
            raise TypeError("path must be a path, the bytes of a checkpoint or None, it is "
                            f"{type(path).__name__}")
        self._path = None if isinstance(path, bytes) else os.path.abspath(model_path(path))
        self._asked = {"threads": threads, "kernels": kernels}
        context = _context(threads, kernels)
        ticks = Progress(progress)
        options = s.ModelOptions(progress=ticks.c)
        pointer = c_void_p()
        with context.use() as threads_pointer:
            if isinstance(path, bytes):
                ticks.call("samc_model_load_memory", threads_pointer, path, len(path),
                           byref(options), byref(pointer))
            else:
                ticks.call("samc_model_load", threads_pointer, os.fsencode(str(self._path)),
                           byref(options), byref(pointer))
            self._context = context
            self._handle = Handle(pointer, lib.samc_model_free, "model", context)
        info = s.ModelInfo()
        call("samc_model_get_info", pointer, byref(info))
        self.info = ModelInfo(info)
        self.recommended = _generate.recommended(pointer)

    def __reduce__(self):
        if self._path is None:
            raise TypeError("a model that was loaded from bytes cannot be pickled: give it a file")
        return _load_again, (self._path, self._asked)

    def __repr__(self) -> str:
        return f"<samc.Model: {'closed' if self.closed else repr(self.info)[17:-1]}>"

    @property
    def threads(self) -> int:
        """How many threads compute."""
        with self._context.use() as context:
            return lib.samc_context_threads(context)

    @property
    def kernels(self) -> str:
        """The kernel path in use, such as "avx2"."""
        with self._context.use() as context:
            return lib.samc_context_kernels(context).decode()

    def encode(self, photo, format: str = "RGB", progress=None) -> Embedding:
        """Looks at a photo, once for any number of prompts.

        Parameters
        ----------
        photo : str, os.PathLike, bytes, PIL.Image.Image or array
            Files and bytes are decoded by Pillow and turned upright (EXIF). An array is uint8,
            H x W, H x W x 3 or H x W x 4; it is not copied if its rows are dense.
        format : {"RGB", "BGR"}
            The channels of an array with three.
        progress : callable or None
            Gets the share done, 0..1; a true result stops.
        """
        image, keep = _photo.view(photo, format)
        ticks = Progress(progress)
        options = s.EncodeOptions(progress=ticks.c)
        pointer = c_void_p()
        with self._handle.use() as model, self._context.use() as context:
            ticks.call("samc_encode", context, model, byref(image), byref(options), byref(pointer))
            del keep
            return Embedding(self, pointer)

    def generate(self, photo, *, format: str = "RGB", output_mode: str = "coco_rle",
                 progress=None, **parameters) -> Records:
        """Masks of everything in a photo, best first.

        Parameters
        ----------
        photo : as for encode, or an Embedding
            An embedding has no pixels, so that there can be no crops.
        output_mode : {"coco_rle", "uncompressed_rle", "binary_mask"}
        progress : callable or None
            Gets the share done, 0..1; a true result stops.
        **parameters
            Those of SamAutomaticMaskGenerator (points_per_side, pred_iou_thresh, ...), and
            min_mask_area: masks of fewer pixels are left out. Without thresholds, or
            where they are None, those of `recommended` hold.

        Returns
        -------
        Records
            A list of dicts: segmentation, area, bbox (xywh), predicted_iou, point_coords,
            stability_score, crop_box.
        """
        if output_mode not in _generate.OUTPUTS:
            raise ValueError(f"output_mode must be one of {_generate.OUTPUTS}, it is "
                             f"{output_mode!r}")
        return _generate.generate(self, photo, _generate.Settings(parameters, self), output_mode, format,
                                  progress)

    def load_embedding(self, path) -> Embedding:
        """Loads what Embedding.save wrote; it must be of this model."""
        pointer = c_void_p()
        with self._handle.use() as model:
            call("samc_embedding_load", model, os.fsencode(path), byref(pointer))
            return Embedding(self, pointer)


class Embedding(Owner):
    """What a model saw in one photo; made by Model.encode or load.

    Attributes
    ----------
    model : Model
    size : (int, int)
        Height and width of the photo.
    """

    def __init__(self, model: Model, pointer: c_void_p) -> None:
        self._handle = Handle(pointer, lib.samc_embedding_free, "embedding", model._handle)
        self.model = model
        width, height = ctypes.c_int32(), ctypes.c_int32()
        lib.samc_embedding_photo_size(pointer, byref(width), byref(height))
        self.size = height.value, width.value

    def __reduce__(self):
        raise TypeError("an embedding cannot be pickled: save() it, and load it with "
                        "Embedding.load where it is wanted")

    def __repr__(self) -> str:
        height, width = self.size
        closed = ", closed" if self.closed else ""
        return f"<samc.Embedding: photo of {width} x {height} pixels{closed}>"

    @staticmethod
    def load(path, model: Model) -> Embedding:
        """Loads what save() wrote, for the same model."""
        return model.load_embedding(path)

    def save(self, path, dtype: str = "f32") -> None:
        """Writes a safetensors file, whole or not at all.

        Parameters
        ----------
        path : str or os.PathLike
        dtype : {"f32", "f16"}
            f16 takes half the room and is a little less exact.
        """
        if dtype not in ("f32", "f16"):
            raise ValueError(f"dtype must be 'f32' or 'f16', it is {dtype!r}")
        with self._handle.use() as embedding:
            call("samc_embedding_save", embedding, os.fsencode(path), int(dtype == "f16"))

    def numpy(self) -> np.ndarray:
        """A copy of the image embedding: (C, E, E) of f32."""
        info = self.model.info
        shape = info.embedding_dim, info.embedding_size, info.embedding_size
        with self._handle.use() as embedding:
            data = ctypes.cast(lib.samc_embedding_data(embedding), ctypes.POINTER(ctypes.c_float))
            return np.ctypeslib.as_array(data, shape).copy()

    def predict(self, points=None, labels=None, boxes=None, mask=None, multimask: bool = False, *,
                logits: bool = False, mask_threshold: float = 0.0) -> Masks:
        """Masks of what the prompts show.

        Parameters
        ----------
        points : (N, 2) or (P, N, 2) array or None
            (x, y) in pixels of the photo: N of one object, or N of each of P objects.
        labels : (N,) or (P, N) array or None
            1: it belongs to the object, 0: it does not. None: all do.
        boxes : (4,) or (P, 4) array or None
            [x0, y0, x1, y1]: of one object, or one of each of P objects.
        mask : array or None
            Numbers (S, S) or (P, S, S): low-res logits of an earlier answer (Masks.best_low_res);
            bool or uint8 (H, W) or (P, H, W) of the photo's size: drawn masks, pixels over 127 or
            True are inside.
        multimask : bool
            Three masks an object instead of one; good where one click could mean several things.
        logits : bool
            Fill Masks.logits too.
        mask_threshold : float
            A pixel is in the mask if its logit is higher.

        Returns
        -------
        Masks
        """
        marks = None
        if points is not None:
            points, marks = _prompts.point_rows(points, labels)
        elif labels is not None:
            raise ValueError("labels are given, but no points")
        if boxes is not None:
            boxes = _prompts.box_rows(boxes)
        if mask is not None:
            mask = self._mask_logits(mask)
        return self._run(_prompts.Prompts(points, marks, boxes, mask), multimask,
                         want_logits=logits, threshold=mask_threshold)

    def _mask_logits(self, mask) -> np.ndarray:
        """(P, S, S) logits of what mask= may be."""
        side = self.model.info.low_res_size
        drawn = np.asarray(mask) if not hasattr(mask, "detach") else mask.detach().cpu().numpy()
        if drawn.dtype not in (np.bool_, np.uint8):
            return _prompts.logit_rows(drawn, side)
        if drawn.ndim == 2:
            drawn = drawn[None]
        if drawn.ndim != 3 or drawn.shape[1:] != self.size:
            height, width = self.size
            raise ValueError(f"mask: a drawn mask must be of the photo's size, {height} x {width}, "
                             f"it is {np.shape(mask)}")
        pixels = np.ascontiguousarray(drawn).view(np.uint8)
        if drawn.dtype == np.bool_:
            pixels = pixels * np.uint8(255)
        rows = np.empty((len(pixels), side, side), np.float32)
        with self.model._handle.use() as model:
            for i in range(len(pixels)):
                call("samc_mask_to_logits", model, _prompts.address(pixels, i), self.size[1],
                     self.size[0], pixels.strides[1], _prompts.address(rows, i))
        return rows

    def _run(self, prompts: _prompts.Prompts, multimask: bool, want_masks: bool = True,
             want_logits: bool = False, threshold: float = 0.0) -> Masks:
        """samc_predict into arrays of our own: masks are bytes 0 and 1, which are numpy's bool."""
        info = self.model.info
        each = info.mask_tokens - 1 if multimask else 1
        shape = prompts.count, each
        side = info.low_res_size
        scores = np.empty(shape, np.float32)
        low_res = np.empty((*shape, side, side), np.float32)
        stability = masks = logits = None
        answer = s.Masks(predicted_iou=scores.ctypes.data, low_res_logits=low_res.ctypes.data)
        if want_masks:
            stability = np.empty(shape, np.float32)
            masks = np.empty((*shape, *self.size), np.bool_)
            answer.stability_score, answer.masks = stability.ctypes.data, masks.ctypes.data
        if want_logits:
            logits = np.empty((*shape, *self.size), np.float32)
            answer.logits = logits.ctypes.data
        options = s.PredictOptions(multimask=bool(multimask), want_masks=want_masks,
                                   want_logits=want_logits, mask_threshold=threshold,
                                   stability_offset=1.0)
        model = self.model
        with self._handle.use() as embedding, model._handle.use() as weights, \
                model._context.use() as context:
            call("samc_predict", context, weights, embedding, prompts.array, prompts.count,
                 byref(options), byref(answer))
        return Masks(masks, scores, stability, low_res, logits)
