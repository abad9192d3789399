# SPDX-License-Identifier: Apache-2.0
"""Differences, their limits, and the table that shows them."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

STAGE_LIMIT = 2e-5  # a stage on the reference's own input
END_LIMIT = 1e-4  # from the photo on
# A logit this small against the largest may fall on either side of the threshold.
MASK_MARGIN = 1e-4


def relative(ours: np.ndarray, reference: np.ndarray) -> float:
    """The largest |difference| over the largest |value| of the reference; infinite where shapes
    differ or a number is not finite."""
    if ours.shape != reference.shape:
        return float("inf")
    if reference.size == 0:
        return 0.0
    difference = np.abs(ours.astype(np.float64) - reference).max()
    largest = max(float(np.abs(reference).max()), np.finfo(np.float32).tiny)
    return float(difference / largest) if np.isfinite(difference) else float("inf")


def wrong_pixels(mask: np.ndarray, logits: np.ndarray) -> int:
    """Pixels of our mask that differ from the reference's where its logit is clear of zero."""
    if mask.shape != logits.shape:
        return mask.size
    clear = np.abs(logits) > MASK_MARGIN * np.abs(logits).max()
    return int(np.count_nonzero(((logits > 0) != (mask != 0)) & clear))


SUMMARY_HEAD = f"{'':28s} {'stage':>9s} {'end to end':>12s} {'pixels':>10s} {'comparisons':>12s}"


@dataclass
class Row:
    limit: float
    worst: float = 0.0
    where: str = ""
    count: int = 0


@dataclass
class Table:
    """One row a stage: the worst of everything compared under that name."""

    title: str
    rows: dict[str, Row] = field(default_factory=dict)

    def add(self, stage: str, where: str, value: float, limit: float) -> None:
        row = self.rows.setdefault(stage, Row(limit))
        row.count += 1
        if row.count == 1 or not value <= row.worst:
            row.worst, row.where = value, where

    def arrays(
        self, stage: str, where: str, ours: np.ndarray, reference: np.ndarray, limit: float
    ) -> None:
        self.add(stage, where, relative(ours, reference), limit)

    def failures(self) -> int:
        return sum(not row.worst <= row.limit for row in self.rows.values())

    def worst(self, limit: float) -> float:
        """Of the rows with this limit."""
        return max((row.worst for row in self.rows.values() if row.limit == limit), default=0.0)

    def summary(self) -> str:
        """One line: the worst of all stages, from photo to mask, and pixels or bytes that differ."""
        count = sum(row.count for row in self.rows.values())
        return (
            f"{self.title:28s} {self.worst(STAGE_LIMIT):9.2g} {self.worst(END_LIMIT):12.2g} "
            f"{self.worst(0):10.0f} {count:12d}"
        )

    def show(self) -> None:
        print(f"\n{self.title}")
        print(f"{'stage':34s} {'worst':>9s} {'limit':>9s} {'':4s} {'n':>4s}  worst at")
        for stage, row in self.rows.items():
            verdict = "PASS" if row.worst <= row.limit else "FAIL"
            worst, limit = f"{row.worst:9.2g}", f"{row.limit:9.2g}"
            print(f"{stage:34s} {worst} {limit} {verdict} {row.count:4d}  {row.where}", flush=True)
