# SPDX-License-Identifier: Apache-2.0
"""What a notebook shows of masks and records: small pictures (PNG by zlib, no Pillow) and numbers."""
from __future__ import annotations

import base64
import colorsys
import struct
import zlib

import numpy as np

SIDE = 200  # of a picture at most
MOST = 24  # objects that are drawn one by one
BLUE = np.array([30, 144, 255], np.uint8)
GROUND = np.array([238, 238, 238], np.uint8)


def png_of(header: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of IHDR's content and further chunks (kind, content)."""
    data = b"\x89PNG\r\n\x1a\n"
    for kind, content in ((b"IHDR", header), *chunks, (b"IEND", b"")):
        body = kind + content
        data += struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
    return data


def png(pixels: np.ndarray) -> bytes:
    """A PNG of an H x W x 3 array of uint8."""
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + width * 3), np.uint8)  # each row begins with its filter, none
    rows[:, 1:] = pixels.reshape(height, -1)
    return png_of(struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
                  (b"IDAT", zlib.compress(rows.tobytes())))


def data_url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64," + base64.b64encode(data).decode("ascii")


def _image(pixels: np.ndarray, title: str) -> str:
    return f'<img src="{data_url(png(pixels))}" title="{title}" alt="{title}">'


def _small(mask: np.ndarray) -> np.ndarray:
    """Every n-th pixel, so that the picture is at most SIDE wide and high."""
    step = -(-max(mask.shape) // SIDE)
    return mask[::step, ::step]


def colours(count: int) -> np.ndarray:
    """`count` colours that differ, (count, 3) of uint8, the same ones each time."""
    found = [colorsys.hsv_to_rgb(i * 0.618034 % 1, 0.65, 0.95) for i in range(count)]
    return (np.array(found).reshape(-1, 3) * 255).astype(np.uint8)


def masks(answer) -> str:
    """The masks of samc.Masks, a row an object, each with its score."""
    rows = []
    for object_, scores in zip(answer.masks[:MOST], answer.scores):
        cells = []
        for mask, score in zip(object_, scores):
            small = _small(mask)
            pixels = np.where(small[..., None], BLUE, GROUND)
            title = f"score {score:.3f}, {int(mask.sum())} pixels"
            cells.append(f"<td>{_image(pixels, title)}<br>{title}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    more = len(answer) - MOST
    return (f"<table>{''.join(rows)}</table>"
            + (f"<p>and {more} objects more</p>" if more > 0 else ""))


def records(found) -> str:
    """All masks of a generator in one picture, the larger ones below, and how many there are."""
    count = f"{len(found)} mask{'s' * (len(found) != 1)}"
    if not found:
        return f"<p>{count}</p>"
    order = sorted(range(len(found)), key=lambda i: -found[i]["area"])
    palette = colours(len(found))
    pixels = np.empty((*_small(found.mask(0)).shape, 3), np.uint8)
    pixels[:] = GROUND
    for i in order:
        pixels[_small(found.mask(i))] = palette[i]
    best = ", ".join(f"{record['predicted_iou']:.3f}" for record in found[:3])
    return f"{_image(pixels, count)}<p>{count}; best predicted IoU {best}</p>"
