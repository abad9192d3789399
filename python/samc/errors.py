# SPDX-License-Identifier: Apache-2.0
"""The exceptions of samc: one for each status of the C library that a caller may want to tell apart.

Each is also the built-in exception that Python programs expect there.
"""
from __future__ import annotations


class Error(Exception):
    """What all exceptions of the C library have in common."""


class ArgumentError(Error, ValueError):
    """A parameter breaks its contract."""


class PromptError(Error, ValueError):
    """A prompt that means nothing: empty, outside the photo, an unknown label."""


class OutOfMemoryError(Error, MemoryError):
    """An allocation failed."""


class FileError(Error, OSError):
    """A file could not be opened, read, written or renamed."""


class FormatError(Error, ValueError):
    """A file is damaged, or not of the kind it claims to be."""


class UnsupportedError(Error, ValueError):
    """Well-formed, but something that samc does not do."""


class LimitError(Error, ValueError):
    """Larger than a stated limit."""


class CancelledError(Error):
    """A progress callback asked to stop."""


class ModelError(Error, ValueError):
    """Tensors missing, extra, misshapen or not finite; or an embedding of another model."""


class ClosedError(Error, RuntimeError):
    """A model, embedding or context is used after it was closed."""


# By samc_status (include/samc.h).
BY_STATUS = {
    1: ArgumentError,
    2: PromptError,
    3: OutOfMemoryError,
    4: FileError,
    5: FormatError,
    6: UnsupportedError,
    7: LimitError,
    8: CancelledError,
    9: ModelError,
}
