# SPDX-License-Identifier: Apache-2.0
"""The drawing helpers of segment_anything's notebooks, for axes of matplotlib; without `ax`, for the
current ones. matplotlib is imported only then.
"""
from __future__ import annotations

import numpy as np

from . import rle

BLUE = (30 / 255, 144 / 255, 1.0, 0.6)


def _axes(ax):
    if ax is None:
        from matplotlib import pyplot
        ax = pyplot.gca()
    return ax


def show_mask(mask: np.ndarray, ax=None, random_color: bool = False) -> None:
    """Tints a mask (H, W) or (1, H, W): blue, or a colour by chance."""
    colour = np.array(BLUE)
    if random_color:
        colour[:3] = np.random.random(3)
    _axes(ax).imshow(np.asarray(mask).reshape(*np.shape(mask)[-2:], 1) * colour)


def show_points(coords: np.ndarray, labels: np.ndarray, ax=None, marker_size: int = 375) -> None:
    """Stars at points (N, 2): green where the label is 1, red where it is 0."""
    ax, coords, labels = _axes(ax), np.asarray(coords), np.asarray(labels)
    for label, colour in ((1, "green"), (0, "red")):
        chosen = coords[labels == label]
        ax.scatter(chosen[:, 0], chosen[:, 1], color=colour, marker="*", s=marker_size,
                   edgecolor="white", linewidth=1.25)


def show_box(box: np.ndarray, ax=None) -> None:
    """A green frame around [x0, y0, x1, y1]."""
    x0, y0, x1, y1 = box
    _axes(ax).plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color="green", linewidth=2)


def show_anns(anns: list[dict], ax=None) -> None:
    """The generator's records of any output_mode, each in a colour of its own, the larger ones
    below."""
    if not anns:
        return
    picture = None
    for record in sorted(anns, key=lambda r: r["area"], reverse=True):
        mask = record["segmentation"]
        if isinstance(mask, dict):
            mask = rle.decode(mask)
        if picture is None:
            picture = np.zeros((*mask.shape, 4))
        picture[mask] = [*np.random.random(3), 0.35]
    ax = _axes(ax)
    ax.set_autoscale_on(False)
    ax.imshow(picture)
