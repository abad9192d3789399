# SPDX-License-Identifier: Apache-2.0
"""Pictures that C and Python make by one formula, and the prompts that the reference's documents show."""
from __future__ import annotations

import numpy as np


def formula(width: int, height: int) -> np.ndarray:
    """A picture of slopes, curves and hard edges, uint8 [height][width][3]; integers only, so that
    tests/golden/test_golden.c computes the same bytes."""
    y, x, c = np.ogrid[:height, :width, :3]
    x, y, c = (v.astype(np.int64) for v in (x, y, c))
    value = x * (3 + c) + y * (5 - c) + ((x * y * (c + 3)) >> 4) + ((x * x) >> (5 + c))
    return (value & 255).astype(np.uint8)
