# SPDX-License-Identifier: Apache-2.0
"""A photo to click on in Jupyter and Colab: draw boxes or click, see the mask. Needs anywidget.

    from samc.widget import Segmenter

    widget = Segmenter("photo.jpg")
    widget                  # left click: it belongs to the object; right or Shift: it does not; drag: a box
    widget.masks            # (N, H, W) of bool, an object a row
    widget.bboxes           # [{"x": 425, "y": 600, "width": 275, "height": 275, "label": ""}]
"""
from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np

try:
    import anywidget
    import traitlets
except ImportError:
    raise ImportError("samc.widget needs anywidget: pip install anywidget") from None

from . import _html, _photo
from .model import Embedding, Model

_SIDE = 2000  # pixels of the photo that the browser gets, at most


def _for_browser(pixels: np.ndarray) -> tuple[bytes, str]:
    """The photo for the browser: JPEG where Pillow is there, else PNG; smaller if it is large."""
    step = -(-max(pixels.shape[:2]) // _SIDE)
    small = np.ascontiguousarray(pixels[::step, ::step])
    try:
        from PIL import Image
    except ImportError:
        return _html.png(small), "image/png"
    data = io.BytesIO()
    Image.fromarray(small).save(data, "JPEG", quality=90)
    return data.getvalue(), "image/jpeg"


def _mask_png(mask: np.ndarray, colour: np.ndarray) -> bytes:
    """A PNG of one bit a pixel: nothing outside of the mask, `colour` inside."""
    height, width = mask.shape
    packed = np.packbits(mask, axis=1)
    rows = np.zeros((height, 1 + packed.shape[1]), np.uint8)
    rows[:, 1:] = packed
    return _html.png_of(struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0),
                        (b"PLTE", bytes(3) + bytes(colour)), (b"tRNS", b"\x00\xff"),
                        (b"IDAT", zlib.compress(rows.tobytes(), 1)))


class Segmenter(anywidget.AnyWidget):
    """The widget.

    Parameters
    ----------
    photo : path, bytes, PIL.Image.Image or (H, W, 3) array of uint8
    model : samc.Model or None
        None: the model that samc ships with.

    Attributes
    ----------
    objects : list of dict
        What was asked: points [[x, y, label]] and box [x0, y0, x1, y1] or None, in pixels. May be
        set from Python too.
    bboxes : list of dict
        The objects' boxes as x, y, width, height and label (always ""), as jupyter_bbox_widget has
        them. Setting it replaces all objects.
    masks : (N, H, W) array of bool
    scores : list of float
        The model's own estimate of each mask's IoU with the object.
    embedding : samc.Embedding
    """

    _esm = Path(__file__).parent / "widget.js"
    _css = Path(__file__).parent / "widget.css"

    objects = traitlets.List(traitlets.Dict()).tag(sync=True)
    current = traitlets.Int(-1).tag(sync=True)
    scores = traitlets.List(traitlets.Float()).tag(sync=True)
    width = traitlets.Int(1).tag(sync=True)
    height = traitlets.Int(1).tag(sync=True)
    bboxes = traitlets.List(traitlets.Dict())
    _pixels = traitlets.Bytes(b"").tag(sync=True)
    _kind = traitlets.Unicode("").tag(sync=True)
    _masks = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _error = traitlets.Unicode("").tag(sync=True)

    def __init__(self, photo, model: Model | None = None, **traits) -> None:
        if model is not None and not isinstance(model, Model):
            raise TypeError(f"model must be a samc.Model or None, it is {type(model).__name__}")
        super().__init__(**traits)
        self.samc = model or Model()
        self.embedding: Embedding
        self._found: list[np.ndarray] = []
        self._asked: list[dict] = []
        self.set_image(photo)

    def __repr__(self) -> str:
        return f"<samc.widget.Segmenter: {self.width} x {self.height} pixels, " \
               f"{len(self.objects)} objects>"

    def set_image(self, photo) -> None:
        """Shows another photo; what was asked before is forgotten."""
        _, pixels = _photo.view(photo)
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[..., None], 3, axis=2)
        self.embedding = self.samc.encode(photo)
        data, kind = _for_browser(pixels[..., :3])
        height, width = self.embedding.size
        with self.hold_sync():
            self.objects, self.current = [], -1
            self.width, self.height, self._kind = width, height, kind
            self._pixels = data

    @property
    def masks(self) -> np.ndarray:
        height, width = self.embedding.size
        return np.stack(self._found) if self._found else np.zeros((0, height, width), bool)

    @traitlets.observe("objects")
    def _ask(self, _change) -> None:
        """Asks the model about what is new or changed; the other objects keep their masks."""
        old = {repr(asked): (mask, score, drawn) for asked, mask, score, drawn
               in zip(self._asked, self._found, self.scores, self._masks)}
        answers, error = [], ""
        palette = _html.colours(len(self.objects))
        for asked, colour in zip(self.objects, palette):
            key = {"asked": asked, "colour": colour.tolist()}
            try:
                answers.append((key, *(old.get(repr(key)) or self._answer(asked, colour))))
            except (ValueError, TypeError, KeyError) as wrong:
                error = f"object {len(answers) + 1}: {wrong}"
                empty = np.zeros(self.embedding.size, bool)
                answers.append((key, empty, 0.0, ""))
        self._asked, self._found = [a[0] for a in answers], [a[1] for a in answers]
        with self.hold_sync():
            self.scores, self._masks = [a[2] for a in answers], [a[3] for a in answers]
            self._error = error
        self.bboxes = [{"x": box[0], "y": box[1], "width": box[2] - box[0],
                        "height": box[3] - box[1], "label": ""}
                       for box in (asked.get("box") for asked in self.objects) if box]

    def _answer(self, asked: dict, colour: np.ndarray) -> tuple[np.ndarray, float, str]:
        points, box = asked.get("points") or [], asked.get("box")
        answer = self.embedding.predict(
            points=[point[:2] for point in points] or None,
            labels=[point[2] for point in points] or None,
            boxes=box, multimask=len(points) == 1 and not box)
        mask = answer.best[0]
        drawn = _html.data_url(_mask_png(mask, colour))
        return mask, float(answer.scores.max()), drawn

    @traitlets.observe("bboxes")
    def _set_boxes(self, _change) -> None:
        """bboxes set by the program becomes one object a box; set by _ask it says the same already."""
        corners = [[box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]]
                   for box in self.bboxes]
        if corners != [asked["box"] for asked in self.objects if asked.get("box")]:
            self.current = -1
            self.objects = [{"points": [], "box": box} for box in corners]
