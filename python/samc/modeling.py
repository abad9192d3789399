# SPDX-License-Identifier: Apache-2.0
"""Sam under the reference's name for it, for programs that name the type."""
from .build_sam import Sam

__all__ = ["Sam"]
