# SPDX-License-Identifier: Apache-2.0
"""What a Python object holds of the library: freed once, and only when nothing uses it any more.

An embedding must not outlive its model, nor a model its context, and none may be freed while a call
runs. A handle therefore counts who holds it: its Python object, each call under way, and the handles
that depend on it.
"""
from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import Callable

from .errors import ClosedError

_lock = threading.Lock()


def _new_lock() -> None:
    global _lock
    _lock = threading.Lock()


# Another thread may have held it at the moment of the fork; it is not there in the child.
os.register_at_fork(after_in_child=_new_lock)


class Handle:
    """A pointer of the library with its count of holders.

    Parameters
    ----------
    pointer : ctypes.c_void_p
    free : callable
        The library's function that frees it.
    what : str
        "model", "embedding" or "context", for messages.
    needs : Handle or None
        What must live as long; the caller is using it.
    """

    def __init__(self, pointer, free: Callable, what: str, needs: Handle | None = None) -> None:
        self.pointer, self.what = pointer, what
        self._free, self._needs = free, needs
        self._holders, self._closed = 1, False
        if needs is not None:
            needs.hold(even_closed=True)  # closed since the call began: the pointer is still good

    @property
    def closed(self) -> bool:
        return self._closed

    def hold(self, even_closed: bool = False) -> None:
        with _lock:
            if self._closed and not even_closed:
                raise ClosedError(f"the {self.what} is closed")
            self._holders += 1

    def release(self) -> None:
        with _lock:
            self._holders -= 1
            last = self._holders == 0
        if last:
            self._free(self.pointer)
            if self._needs is not None:
                self._needs.release()

    def close(self) -> None:
        """Nobody may use it from now on; it is freed as soon as nobody does."""
        with _lock:
            if self._closed:
                return
            self._closed = True
        self.release()

    @contextmanager
    def use(self):
        """The pointer, which stays valid within the with block."""
        self.hold()
        try:
            yield self.pointer
        finally:
            self.release()


class Owner:
    """A Python object with one handle: close(), `with`, and freeing when it is collected."""

    _handle: Handle

    def close(self) -> None:
        """Frees what the object holds; using it afterwards raises ClosedError. Closing twice is
        fine."""
        self._handle.close()

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._handle.closed

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # What the library holds never changes, so that a copy can be the same object.
    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __del__(self):
        handle = getattr(self, "_handle", None)
        if handle is not None:  # None where the constructor raised
            handle.close()
