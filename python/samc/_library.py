# SPDX-License-Identifier: Apache-2.0
"""libsamc.so by ctypes: found, loaded, its functions with their types; and calls that raise.

ctypes releases the GIL while a function of the library runs, so that other Python threads go on.
"""
from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_char_p, c_double, c_int, c_int32, c_size_t, c_uint64, c_void_p
from pathlib import Path

from . import _structs as s
from .errors import BY_STATUS, Error, FileError

_FOLDER = Path(__file__).resolve().parent

_ERROR = POINTER(s.Error)
_HANDLE = POINTER(c_void_p)
_RLE = POINTER(s.Rle)
# Functions that return samc_status and take a samc_error * last, which is left out here.
_CALLS: dict[str, list] = {
    "samc_context_create": [POINTER(s.ContextOptions), _HANDLE],
    "samc_model_load": [c_void_p, c_char_p, POINTER(s.ModelOptions), _HANDLE],
    "samc_model_load_memory": [c_void_p, c_void_p, c_size_t, POINTER(s.ModelOptions), _HANDLE],
    "samc_model_get_info": [c_void_p, POINTER(s.ModelInfo)],
    "samc_model_recommend": [c_void_p, POINTER(s.GenerateOptions)],
    "samc_encode": [c_void_p, c_void_p, POINTER(s.Image), POINTER(s.EncodeOptions), _HANDLE],
    "samc_embedding_save": [c_void_p, c_char_p, c_int],
    "samc_embedding_load": [c_void_p, c_char_p, _HANDLE],
    "samc_predict": [c_void_p, c_void_p, c_void_p, POINTER(s.Prompt), c_size_t,
                     POINTER(s.PredictOptions), POINTER(s.Masks)],
    "samc_mask_to_logits": [c_void_p, c_void_p, c_int32, c_int32, c_size_t, c_void_p],
    "samc_generate": [c_void_p, c_void_p, POINTER(s.Image), POINTER(s.GenerateOptions),
                      s.TAKE_MASK, c_void_p],
    "samc_generate_from_embedding": [c_void_p, c_void_p, c_void_p, POINTER(s.GenerateOptions),
                                     s.TAKE_MASK, c_void_p],
    "samc_rle_encode": [c_void_p, c_int32, c_int32, c_size_t, _RLE],
    "samc_rle_from_counts": [c_void_p, c_size_t, c_int32, c_int32, _RLE],
    "samc_rle_from_string": [c_char_p, c_size_t, c_int32, c_int32, _RLE],
    "samc_rle_to_string": [_RLE, POINTER(c_void_p)],
    "samc_rle_fill_holes": [_RLE, c_uint64, c_int, _RLE, POINTER(c_size_t)],
    "samc_rle_drop_islands": [_RLE, c_uint64, _RLE, POINTER(c_size_t)],
    "samc_polygons_trace": [_RLE, c_double, POINTER(s.Polygons)],
    "samc_polygons_join": [POINTER(s.Polygons), POINTER(s.Polygons)],
}
# The others: result type and parameters.
_PLAIN: dict[str, tuple] = {
    "samc_version": (c_char_p, []),
    "samc_context_free": (None, [c_void_p]),
    "samc_context_threads": (c_int32, [c_void_p]),
    "samc_context_kernels": (c_char_p, [c_void_p]),
    "samc_model_free": (None, [c_void_p]),
    "samc_embedding_free": (None, [c_void_p]),
    "samc_embedding_photo_size": (None, [c_void_p, POINTER(c_int32), POINTER(c_int32)]),
    "samc_embedding_data": (c_void_p, [c_void_p]),
    "samc_rle_decode": (None, [_RLE, c_void_p, c_size_t]),
    "samc_rle_free": (None, [_RLE]),
    "samc_rle_area": (c_uint64, [_RLE]),
    "samc_rle_box": (None, [_RLE, POINTER(c_int32)]),
    "samc_rle_iou": (c_double, [_RLE, _RLE, c_int]),
    "samc_polygons_free": (None, [POINTER(s.Polygons)]),
}


def _load() -> ctypes.CDLL:
    """The library named by $SAMC_LIBRARY, else the one that lies in the package."""
    path = os.environ.get("SAMC_LIBRARY") or str(_FOLDER / "libsamc.so")
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(
            f"samc cannot load its library ({error}). Install the package with 'pip install .' "
            "from the repository, or name a built libsamc.so in the variable SAMC_LIBRARY."
        ) from None
    for name, parameters in _CALLS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = c_int, [*parameters, _ERROR]
    for name, (result, parameters) in _PLAIN.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, parameters
    return library


lib = _load()
# What samc_rle_to_string returns is the caller's, to be given back by free().
free = ctypes.CDLL(None).free
free.restype, free.argtypes = None, [c_void_p]


def call(name: str, *arguments) -> None:
    """Calls a function that returns a status; raises the exception that belongs to it."""
    error = s.Error()
    status = getattr(lib, name)(*arguments, ctypes.byref(error))
    if status:
        raise BY_STATUS.get(status, Error)(error.message.decode("utf-8", "replace"))


class Progress:
    """A progress callback for one call: passes on to the caller's own function and lets Ctrl-C
    end the call. What is raised inside is raised again when the call has returned.

    Parameters
    ----------
    function : callable or None
        Gets the share done, 0..1; True (or any true value) stops the call.
    """

    def __init__(self, function=None) -> None:
        self.function = function
        self.raised: BaseException | None = None
        self.c = s.PROGRESS(self._run)

    def _run(self, _user, done: float) -> int:
        # Python looks for signals between the byte codes of this function.
        try:
            return int(bool(self.function(done))) if self.function else 0
        except BaseException as error:
            self.raised = error
            return 1

    def call(self, name: str, *arguments) -> None:
        try:
            call(name, *arguments)
        except Error:
            if self.raised is None:
                raise
        if self.raised is not None:
            raise self.raised


# What `samc download` fetches (cli/model_path.c).
PUBLISHED = {
    "vit_b": "sam_vit_b_01ec64.pth",
    "vit_l": "sam_vit_l_0b3195.pth",
    "vit_h": "sam_vit_h_4b8939.pth",
}
_PUBLISHED_AT = "https://dl.fbaipublicfiles.com/segment_anything/"


def model_path(named=None):
    """Where a model is: a path, one of the names of PUBLISHED, or None for $SAMC_MODEL, else the one
    that samc ships with."""
    if named is None:
        named = os.environ.get("SAMC_MODEL") or None
    if named is None:
        shipped = _FOLDER / "samc-default.safetensors"
        if not shipped.exists():  # in the repository
            shipped = _FOLDER.parents[1] / "models" / "samc-default.safetensors"
        return str(shipped)
    file = PUBLISHED.get(os.fspath(named))
    if file is None or os.path.exists(named):
        return named
    data = os.environ.get("XDG_DATA_HOME", "")
    folder = Path(data) if data.startswith("/") else Path.home() / ".local/share"
    found = folder / "samc" / file
    if not found.exists():
        raise FileError(f"{named} is not here yet (no file {found}): fetch it with `samc download "
                        f"{named}`, or put {_PUBLISHED_AT}{file} there")
    return str(found)
