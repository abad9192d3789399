# SPDX-License-Identifier: Apache-2.0
"""What stands where the reference has tensors: PyTorch's, where the program itself imported it;
else arrays that answer to the few methods by which notebooks come back to numpy.
"""
from __future__ import annotations

import sys
import warnings

import numpy as np


class HostArray(np.ndarray):
    """An array with the methods cpu, detach, numpy, to, float and clone of a tensor."""

    def cpu(self):
        return self

    def detach(self):
        return self

    def numpy(self) -> np.ndarray:
        return self.view(np.ndarray)

    def to(self, *_, **__):
        return self

    def float(self):
        return self.astype(np.float32)

    def clone(self):
        return self.copy()


class Device(str):
    """The name of a device, as torch.device has it."""

    index = None  # type: ignore[assignment]  # str has a method of that name

    @property
    def type(self) -> str:
        return str(self)


def torch_module():
    """PyTorch, if the program has imported it; samc never does by itself."""
    return sys.modules.get("torch")


def device():
    torch = torch_module()
    return torch.device("cpu") if torch is not None else Device("cpu")


def tensor(array: np.ndarray):
    """The array as a tensor; no copy."""
    torch = torch_module()
    return torch.from_numpy(array) if torch is not None else array.view(HostArray)


def is_tensor(value) -> bool:
    """Whether it is PyTorch's; HostArray has the same methods and is an array all the same."""
    return hasattr(value, "detach") and not isinstance(value, np.ndarray)


def array(value) -> np.ndarray:
    """An array of what may be a tensor; no copy."""
    if is_tensor(value):
        return value.detach().cpu().numpy()
    return np.asarray(value)


def like(value, result: np.ndarray):
    """`result` as a tensor where `value` is one."""
    return tensor(result) if is_tensor(value) else result


_warned = False


def check_device(*arguments, **named) -> None:
    """For .to(): says once that there is only a CPU."""
    global _warned
    wanted = [str(a) for a in (*arguments, named.get("device", ""))]
    other = [w for w in wanted if w.split(":")[0] in ("cuda", "mps", "xpu", "hip", "npu")]
    if other and not _warned:
        _warned = True
        warnings.warn(f"samc computes on the CPU; device {other[0]!r} is taken as 'cpu'",
                      stacklevel=3)
