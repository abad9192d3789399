# SPDX-License-Identifier: Apache-2.0
"""Model, Embedding, Masks: shapes, the rank rule, files, and what is refused with which words."""
import importlib.util
import json
import tracemalloc
import unittest

from samc_python import SIDE, TINY, Case, np, picture  # first: skips where numpy is missing

import samc
from samc import _photo


class Encode(Case):
    def test_any_strides(self):
        """Views give what their copies give: a crop, BGR both ways, mirrored, transposed, alpha."""
        wide = picture(70, 120)
        alpha = np.dstack([wide, wide[..., 0]])
        views = {
            "crop": wide[5:65, 10:100],
            "reversed channels": wide[..., ::-1],
            "upside down": wide[::-1],
            "mirrored": wide[:, ::-1],
            "transposed": wide.swapaxes(0, 1),
            "every second": wide[::2, ::2],
            "channels first": np.ascontiguousarray(wide.transpose(2, 0, 1)).transpose(1, 2, 0),
            "first three of four": alpha[..., :3],
        }
        for name, view in views.items():
            with self.subTest(name):
                self.same(self.model.encode(view).numpy(),
                          self.model.encode(np.array(view, order="C")).numpy())
        plain = self.model.encode(wide).numpy()
        self.same(self.model.encode(wide[..., ::-1], format="BGR").numpy(), plain)
        self.same(self.model.encode(alpha).numpy(), plain)
        grey = wide[..., 0]
        self.same(self.model.encode(grey).numpy(), self.model.encode(np.dstack([grey] * 3)).numpy())
        self.assertFalse(np.array_equal(self.model.encode(wide[..., ::-1]).numpy(), plain))

    def test_no_copy(self):
        """The library gets the address of the caller's own pixels, for RGB, BGR and crops."""
        wide = picture(70, 120)
        for view in (wide, wide[..., ::-1], wide[3:50, 7:90], wide[..., 0].copy()):
            image, _ = samc.model._photo.view(view)
            low, high = np.lib.array_utils.byte_bounds(view) if hasattr(np.lib, "array_utils") \
                else np.byte_bounds(view)
            self.assertEqual(image.pixels, low)
            self.assertLess(image.pixels, high)

    def test_refused(self):
        encode = self.model.encode
        cases = [
            (TypeError, "photo must be of dtype uint8, it is float64", lambda: encode(self.photo / 255)),
            (ValueError, r"photo must be of shape .*\(60, 90, 5\)",
             lambda: encode(np.zeros((60, 90, 5), np.uint8))),
            (ValueError, r"photo must be of shape .*\(9,\)", lambda: encode(np.zeros(9, np.uint8))),
            (ValueError, "photo: height and width must be 1 to 65535",
             lambda: encode(np.zeros((0, 4, 3), np.uint8))),
            (TypeError, "photo must be a path.*NoneType", lambda: encode(None)),
            (ValueError, "format must be 'RGB' or 'BGR', it is 'HSV'",
             lambda: encode(self.photo, format="HSV")),
        ]
        for kind, words, act in cases:
            with self.subTest(words), self.assertRaisesRegex(kind, words):
                act()

    def test_progress(self):
        shares = []
        self.model.encode(self.photo, progress=shares.append)
        self.assertEqual(shares, sorted(shares))
        self.assertTrue(shares and shares[-1] <= 1)
        with self.assertRaises(samc.errors.CancelledError):
            self.model.encode(self.photo, progress=lambda done: True)

        def breaks(done):
            raise KeyError("mine")
        with self.assertRaises(KeyError):
            self.model.encode(self.photo, progress=breaks)


class NoCopy(unittest.TestCase):
    """Pixels are read where they lie: by address, and by what Python allocates meanwhile."""

    def test_address(self):
        photo = np.zeros((80, 120, 3), np.uint8)
        for pixels in (photo, photo[10:70, 20:90], photo[..., 0].copy(), np.zeros((9, 9, 4), np.uint8)):
            image, keep = _photo.view(pixels)
            self.assertEqual((image.pixels, image.stride),
                             (pixels.__array_interface__["data"][0], pixels.strides[0]))
        for reversed_, order in ((photo[..., ::-1], "RGB"), (photo[..., ::-1], "BGR")):
            image, keep = _photo.view(reversed_, order)
            self.assertEqual(image.pixels, photo.ctypes.data)
            self.assertEqual(image.format, _photo.BGR if order == "RGB" else _photo.RGB)
        for copied in (photo[:, ::2], photo.transpose(1, 0, 2), photo[::-1]):
            image, keep = _photo.view(copied)
            np.testing.assert_array_equal(keep, copied)

    def test_memory(self):
        """set_image and generate of 12 million pixels take less than a hundredth of them."""
        photo = np.zeros((3000, 4000, 3), np.uint8)
        photo[1000:2000, 1000:3000] = 200
        sam = samc.Sam(samc.Model(TINY, threads=1))
        predictor = samc.SamPredictor(sam)
        tracemalloc.start()
        try:
            predictor.set_image(photo)
            predictor.set_image(photo, image_format="BGR")
            sam.samc.generate(photo, points_per_side=1, pred_iou_thresh=9)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertLess(peak, photo.nbytes // 100)


class Predict(Case):
    def test_rank_rule(self):
        """2-D points are one object, 3-D one a row; boxes 1-D and 2-D likewise."""
        predict = self.embedding.predict
        one = predict([[30, 20], [50, 40]], [1, 0])
        self.assertEqual(one.masks.shape, (1, 1, 60, 90))
        self.assertEqual((one.masks.dtype, one.scores.dtype, one.low_res.dtype),
                         (np.bool_, np.float32, np.float32))
        two = predict([[[30, 20]], [[50, 40]]], [[1], [1]], multimask=True)
        self.assertEqual(two.masks.shape, (2, 3, 60, 90))
        self.assertEqual(two.low_res.shape, (2, 3, SIDE, SIDE))
        self.assertEqual(len(two), 2)
        alone = predict([[50, 40]], multimask=True)
        self.same(two.masks[1], alone.masks[0])
        self.assertEqual(predict(boxes=[10, 10, 50, 50]).masks.shape, (1, 1, 60, 90))
        self.assertEqual(predict(boxes=[[10, 10, 50, 50]] * 4).masks.shape, (4, 1, 60, 90))
        both = predict([[[30, 20]], [[40, 40]]], [[1], [0]], [[10, 10, 50, 50], [20, 20, 60, 50]])
        self.same(both.masks[1], predict([[40, 40]], [0], [20, 20, 60, 50]).masks[0])

    def test_any_numbers(self):
        """Lists, integers, doubles, strided views: the same answer."""
        want = self.embedding.predict([[30, 20], [50, 40]]).low_res
        points = np.array([[30, 0, 20, 0], [50, 0, 40, 0]], np.float64)[:, ::2]
        self.same(self.embedding.predict(points).low_res, want)
        self.same(self.embedding.predict(points.astype(np.int16), [True, True]).low_res, want)

    def test_feedback(self):
        first = self.embedding.predict([[45, 30]], multimask=True)
        again = self.embedding.predict([[45, 30]], mask=first.best_low_res)
        self.assertFalse(np.array_equal(again.low_res, self.embedding.predict([[45, 30]]).low_res))
        self.same(self.embedding.predict([[45, 30]], mask=first.best_low_res[0]).low_res,
                  again.low_res)
        drawn = np.zeros((60, 90), bool)
        drawn[20:40, 30:60] = True
        self.same(self.embedding.predict(mask=drawn).low_res,
                  self.embedding.predict(mask=drawn.astype(np.uint8) * 255).low_res)

    def test_logits(self):
        answer = self.embedding.predict([[45, 30]], multimask=True, logits=True)
        self.same(answer.logits > 0, answer.masks)
        self.same(self.embedding.predict([[45, 30]], multimask=True, mask_threshold=0.5).masks,
                  answer.logits > 0.5)

    def test_refused(self):
        predict = self.embedding.predict
        nan = float("nan")
        cases = [
            (ValueError, "no prompt: give points, boxes or mask", dict()),
            (ValueError, r"points must be of shape .*\(1, 3\)", dict(points=[[1, 2, 3]])),
            (ValueError, r"points must be of shape .*\(2,\)", dict(points=[1, 2])),
            (ValueError, "points.* rows are not of one length", dict(points=[[1, 2], [3]])),
            (TypeError, "points must be numbers", dict(points=[["1", "2"]])),
            (TypeError, "points must be numbers", dict(points=[[1j, 2]])),
            (ValueError, r"labels must be of shape \(1,\)", dict(points=[[1, 2]], labels=[1, 1])),
            (ValueError, "labels must be 1 .* one is 2; 2 and 3 are the corners",
             dict(points=[[1, 2]], labels=[2])),
            (ValueError, "labels must be 1 .* one is 0.5", dict(points=[[1, 2]], labels=[.5])),
            (ValueError, "labels are given, but no points", dict(labels=[1])),
            (ValueError, r"boxes must be of shape 4 .*\(3,\)", dict(boxes=[1, 2, 3])),
            (ValueError, r"mask must be logits of shape 40 x 40", dict(mask=np.zeros((3, 3)))),
            (ValueError, "mask: a drawn mask must be of the photo's size, 60 x 90",
             dict(mask=np.zeros((90, 60), bool))),
            (ValueError, "as many objects: points for 1, boxes for 2",
             dict(points=[[1, 2]], boxes=[[1, 1, 5, 5]] * 2)),
            (ValueError, "points is empty", dict(points=np.zeros((0, 1, 2)))),
            (samc.errors.PromptError, "point", dict(points=[[1, 61]])),
            (samc.errors.PromptError, "point", dict(points=[[nan, 1]])),
            (samc.errors.PromptError, "box", dict(boxes=[50, 1, 10, 5])),
            (samc.errors.PromptError, "", dict(points=np.zeros((0, 2)))),
        ]
        for kind, words, given in cases:
            with self.subTest(words), self.assertRaisesRegex(kind, words):
                predict(**given)


class Results(Case):
    def setUp(self):
        super().setUp()
        masks = np.zeros((2, 2, 8, 10), bool)
        masks[0, 0, 1:5, 2:9] = True
        masks[0, 1, 3, 3] = True
        masks[1, 0] = True
        masks[1, 0, 2:4, 2:4] = False
        self.answer = samc.Masks(masks, np.array([[.9, .5], [.8, .1]], np.float32),
                                 None, np.zeros((2, 2, 4, 4), np.float32))

    def test_boxes(self):
        self.assertEqual(self.answer.boxes().tolist(),
                         [[[2, 1, 9, 5], [3, 3, 4, 4]], [[0, 0, 10, 8], [0, 0, 0, 0]]])

    def test_polygons(self):
        first, second = self.answer.to_polygons()
        self.assertEqual(first[0].tolist(), [[9, 1], [9, 5], [2, 5], [2, 1]])
        self.assertEqual(len(second), 2)  # the hole
        self.assertEqual(len(self.answer.to_polygons(joined=True)[1]), 1)

    def test_coco(self):
        annotations = json.loads(json.dumps(self.answer.to_coco(image_id=7, first_id=3)))
        self.assertEqual([a["id"] for a in annotations], [3, 4])
        self.assertEqual(annotations[0]["bbox"], [2, 1, 7, 4])
        self.assertEqual([a["area"] for a in annotations], [28, 76])
        self.assertAlmostEqual(annotations[1]["score"], 0.8, 6)
        for annotation, mask in zip(annotations, self.answer.best):
            self.same(samc.rle.decode(annotation["segmentation"]), mask)
        outlines = self.answer.to_coco(polygons=True)
        self.assertEqual(outlines[0]["segmentation"], [[9, 1, 9, 5, 2, 5, 2, 1]])

    def test_run_lengths(self):
        mask = self.answer.masks[1, 0]
        plain = samc.rle.encode(mask, compressed=False)
        self.assertEqual(plain["counts"][:2], [0, 18])
        for record in (plain, samc.rle.encode(mask)):
            self.same(samc.rle.decode(record), mask)
            self.assertEqual(samc.rle.area(record), 76)
            self.assertEqual(samc.rle.box(record), [0, 0, 10, 8])
        self.assertAlmostEqual(samc.rle.iou(plain, samc.rle.encode(self.answer.masks[0, 0])), 24 / 80)
        for wrong in ({"size": [8, 10], "counts": [1]}, {"size": [8, 10], "counts": [-1, 81]},
                      {"size": [8, 10], "counts": "~"}, {"counts": [80]}, {"size": [0, 1], "counts": []}):
            with self.subTest(wrong), self.assertRaises(ValueError):
                samc.rle.decode(wrong)


class Files(Case):
    def test_save_and_load(self):
        path = self.path("e.safetensors")
        self.embedding.save(path)
        again = samc.Embedding.load(path, self.model)
        self.assertEqual(again.size, (60, 90))
        self.same(again.numpy(), self.embedding.numpy())
        self.same(again.predict([[45, 30]]).masks, self.embedding.predict([[45, 30]]).masks)
        self.embedding.save(path, dtype="f16")
        self.assertLess(np.abs(self.model.load_embedding(path).numpy() - again.numpy()).max(), 1e-2)
        with self.assertRaisesRegex(samc.errors.FileError, "missing"):
            self.model.load_embedding(self.path("missing"))
        with self.assertRaisesRegex(ValueError, "dtype must be 'f32' or 'f16'"):
            self.embedding.save(path, dtype="f8")

    def test_model_from_bytes(self):
        with open(TINY, "rb") as file, samc.Model(file.read()) as model:
            self.assertEqual(model.info.identity, self.model.info.identity)
        with self.assertRaisesRegex(samc.errors.FileError, "none.pth"):
            samc.Model(self.path("none.pth"))
        with self.assertRaises(samc.errors.FormatError):
            samc.Model(b"not a checkpoint")
        with self.assertRaisesRegex(TypeError, "path must be"):
            samc.Model(7)
        with self.assertRaisesRegex(ValueError, "threads must be 0 to 1024"):
            samc.Model(TINY, threads=-1)

    def test_photo_files(self):
        if importlib.util.find_spec("PIL") is None:
            with self.assertRaisesRegex(ImportError, "pip install pillow"):
                self.model.encode("photo.png")
            return
        from PIL import Image
        path = self.path("photo.png")
        image = Image.fromarray(self.photo)
        image.save(path)
        with open(path, "rb") as file:
            data = file.read()
        for photo in (path, data, image):
            self.same(self.model.encode(photo).numpy(), self.embedding.numpy())
        exif = Image.Exif()
        exif[0x0112] = 6  # turned by a quarter
        image.save(path, exif=exif)
        self.assertEqual(self.model.encode(path).size, (90, 60))


class Life(Case):
    def test_closed(self):
        model = samc.Model(TINY, threads=1)
        embedding = model.encode(self.photo)
        other = model.encode(self.photo)
        embedding.close()
        embedding.close()
        self.assertTrue(embedding.closed)
        for act in (lambda: embedding.predict([[1, 1]]), embedding.numpy,
                    lambda: embedding.save(self.path("e"))):
            with self.assertRaisesRegex(samc.errors.ClosedError, "the embedding is closed"):
                act()
        model.close()  # before its other embedding
        with self.assertRaisesRegex(samc.errors.ClosedError, "the model is closed"):
            other.predict([[1, 1]])
        with self.assertRaisesRegex(samc.errors.ClosedError, "the model is closed"):
            model.encode(self.photo)
        self.assertEqual(other.numpy().shape[0], 32)

    def test_embedding_keeps_its_model(self):
        embedding = samc.Model(TINY, threads=1).encode(self.photo)
        self.assertEqual(embedding.predict([[45, 30]]).masks.shape, (1, 1, 60, 90))


if __name__ == "__main__":
    unittest.main()
