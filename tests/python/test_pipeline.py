# SPDX-License-Identifier: Apache-2.0
"""The pipeline call, the generator's records, and what a notebook shows of an answer."""
import base64
import importlib.util
import io
import os
import re
import struct
import unittest
import zlib

from samc_python import SIDE, TINY, Case, np  # first: skips where numpy is missing

import samc
from samc.pipeline import pipeline

LOOSE = dict(points_per_side=4, pred_iou_thresh=-9, stability_score_thresh=0.0, box_nms_thresh=1.0)


class Pipeline(Case):
    def setUp(self):
        super().setUp()
        self.task = pipeline("segment_anything", model=self.model)
        self.task.set_image(self.photo)

    def test_rank_rule(self):
        """2-D points or a 1-D box are one object, one rank more is one object a row."""
        points, label = np.array([[45, 30]]), np.array([1])
        box = np.array([9, 9, 50, 40])
        cases = [
            (dict(points=points, labels=label), ()),
            (dict(points=points[None], labels=label[None]), (1,)),
            (dict(points=[[[45, 30]], [[9, 9]]], labels=[[1], [0]]), (2,)),
            (dict(boxes=box), ()),
            (dict(boxes=box[None]), (1,)),
            (dict(boxes=[box, box]), (2,)),
            (dict(points=points, labels=label, boxes=box), ()),
            (dict(points=points[None], labels=label[None], boxes=box[None]), (1,)),
        ]
        for given, rows in cases:
            for multimask, count in ((False, 1), (True, 3)):
                with self.subTest(str(given), multimask=multimask):
                    got = self.task(given, multimask_output=multimask)
                    self.assertEqual(list(got), ["masks", "iou_predictions", "low_res_masks"])
                    self.assertEqual(got["masks"].shape, (*rows, count, 60, 90))
                    self.assertEqual(got["masks"].dtype, np.bool_)
                    self.assertEqual(got["iou_predictions"].shape, (*rows, count))
                    self.assertEqual(got["low_res_masks"].shape, (*rows, count, SIDE, SIDE))
                    want = self.embedding.predict(**given, multimask=multimask)
                    self.same(got["masks"].reshape(want.masks.shape), want.masks)

    def test_photos(self):
        """inputs["image"] is looked at and kept; a path works where Pillow is."""
        other = np.ascontiguousarray(self.photo[::-1])
        got = self.task({"image": other, "points": [[45, 30]], "labels": [1]})
        want = self.model.encode(other).predict([[45, 30]])
        self.same(got["low_res_masks"], want.low_res[0])
        self.same(self.task({"points": [[45, 30]], "labels": [1]})["masks"], want.masks[0])
        if importlib.util.find_spec("PIL") is not None:
            from PIL import Image
            Image.fromarray(self.photo).save(self.path("photo.png"))
            self.task.set_image(self.path("photo.png"))
            self.same(self.task.embedding.numpy(), self.embedding.numpy())

    def test_everything(self):
        found = self.task({"image": self.photo}, seg_image=True, **LOOSE)
        want = samc.SamAutomaticMaskGenerator(samc.Sam(self.model), **LOOSE).generate(self.photo)
        self.assertGreater(len(found), 1)
        self.assertEqual(len(found), len(want))
        for mine, theirs in zip(found, want):
            self.same(mine.pop("segmentation"), theirs.pop("segmentation"))
            self.assertEqual(mine, theirs)
        self.assertLess(len(self.task({}, seg_image=True, **{**LOOSE, "points_per_side": 1})),
                        len(found))

    def test_model(self):
        """A model by path, by Sam and by the name of what `samc download` fetches."""
        self.assertIs(pipeline(model=samc.Sam(self.model)).model, self.model)
        self.assertEqual(pipeline(model=TINY).model.info.identity, self.model.info.identity)
        os.makedirs(self.path("samc"))
        old = os.environ.get("XDG_DATA_HOME")
        os.environ["XDG_DATA_HOME"] = self.folder
        try:
            with self.assertRaisesRegex(samc.errors.FileError,
                                        r"samc download vit_h.*https:.*sam_vit_h_4b8939\.pth there"):
                pipeline(model="sam_vit_h")
            os.symlink(TINY, self.path("samc/sam_vit_h_4b8939.pth"))
            for name in ("sam_vit_h", "vit_h"):
                self.assertEqual(pipeline(model=name).model.info.identity, self.model.info.identity)
        finally:
            del os.environ["XDG_DATA_HOME"]
            if old is not None:
                os.environ["XDG_DATA_HOME"] = old

    def test_refused(self):
        task, new = self.task, pipeline(model=self.model)
        cases = [
            (ValueError, "task must be", lambda: pipeline("text-generation")),
            (TypeError, "inputs must be a dict", lambda: task([[1, 2]])),
            (ValueError, "inputs has 'point'", lambda: task({"point": [[1, 2]]})),
            (ValueError, "there is no prompt", lambda: task({})),
            (ValueError, "labels are given, but no points", lambda: task({"labels": [1]})),
            (ValueError, r"labels must be of shape \(1,\)",
             lambda: task({"points": [[1, 2]], "labels": [1, 1]})),
            (ValueError, r"the background is 0", lambda: task({"points": [[1, 2]], "labels": [2]})),
            (ValueError, "prompts must be for as many objects",
             lambda: task({"points": [[[1, 2]], [[3, 4]]], "boxes": [1, 2, 3, 4]})),
            (TypeError, "points_per_side is for seg_image",
             lambda: task({"points": [[1, 2]]}, points_per_side=3)),
            (ValueError, "inputs has 'boxes', which means nothing",
             lambda: task({"boxes": [1, 2, 3, 4]}, seg_image=True)),
            (TypeError, "points is no parameter", lambda: task({}, seg_image=True, points=3)),
            (RuntimeError, "there is no photo", lambda: new({"points": [[1, 2]]})),
            (RuntimeError, "there is no photo", lambda: new({}, seg_image=True)),
        ]
        for kind, words, act in cases:
            with self.subTest(words), self.assertRaisesRegex(kind, words):
                act()


class FoundRecords(Case):
    def test_methods(self):
        binary = self.model.generate(self.photo, output_mode="binary_mask", **LOOSE)
        coco = self.model.generate(self.photo, **LOOSE)
        self.assertIsInstance(binary, list)
        self.same(binary.boxes(), coco.boxes())
        for found in (binary, coco):
            self.same(found.mask(1), binary[1]["segmentation"])
            for annotation, record, box in zip(found.to_coco(image_id=7), coco, found.boxes()):
                self.assertEqual(annotation["segmentation"], record["segmentation"])
                self.assertEqual((annotation["image_id"], annotation["area"]), (7, record["area"]))
                x, y, w, h = annotation["bbox"]
                self.assertEqual([x, y, x + w, y + h], box.tolist())
                self.assertEqual(record["bbox"], [x, y, w - 1, h - 1])
            self.assertEqual(len(found.to_polygons(1.0)), len(coco))
        self.assertEqual([a["id"] for a in coco.to_coco(first_id=5)][:2], [5, 6])
        self.same(samc.Records().boxes(), np.zeros((0, 4), np.int32))


def pixels_of(html):
    """The pictures of a page, each H x W x 3, read by a decoder of this test's own."""
    found = []
    for text in re.findall(r'src="data:image/png;base64,([^"]*)"', html):
        data = io.BytesIO(base64.b64decode(text))
        assert data.read(8) == b"\x89PNG\r\n\x1a\n"
        parts = {}
        while head := data.read(8):
            length, kind = struct.unpack(">I4s", head)
            parts[kind] = data.read(length)
            assert struct.unpack(">I", data.read(4))[0] == zlib.crc32(kind + parts[kind])
        width, height = struct.unpack(">II", parts[b"IHDR"][:8])
        rows = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, -1)
        assert not rows[:, 0].any()
        found.append(rows[:, 1:].reshape(height, width, 3))
    return found


class Html(Case):
    def test_masks(self):
        answer = self.embedding.predict([[[45, 30]], [[9, 9]]], multimask=True)
        html = answer._repr_html_()
        pictures = pixels_of(html)
        self.assertEqual((len(pictures), html.count("<tr>")), (6, 2))
        self.same((pictures[4] == (30, 144, 255)).all(-1), answer.masks[1, 1])
        self.assertIn(f"score {answer.scores[1, 1]:.3f}, {answer.masks[1, 1].sum()} pixels", html)
        large = samc.Masks(np.ones((30, 1, 900, 300), bool), np.ones((30, 1), np.float32), None, None)
        self.assertEqual(pixels_of(large._repr_html_())[0].shape, (180, 60, 3))
        self.assertIn("and 6 objects more", large._repr_html_())

    def test_records(self):
        found = self.model.generate(self.photo, **LOOSE)
        picture, = pixels_of(found._repr_html_())
        self.assertEqual(picture.shape, self.photo.shape)
        self.assertIn(f"{len(found)} masks; best predicted IoU", found._repr_html_())
        smallest = min(range(len(found)), key=lambda i: found[i]["area"])
        tint = picture[found.mask(smallest)]
        self.assertEqual(len(np.unique(tint, axis=0)), 1)  # it lies on top, in one colour
        self.assertEqual(samc.Records()._repr_html_(), "<p>0 masks</p>")


if __name__ == "__main__":
    unittest.main()
