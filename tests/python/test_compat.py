# SPDX-License-Identifier: Apache-2.0
"""segment_anything's names without PyTorch: registry, predictor, generator, helpers; shapes, dtypes,
exceptions. That the numbers are the reference's is shown by `make parity-python`."""
import inspect
import subprocess
import sys
import unittest
import warnings

from samc_python import SIDE, TINY, Case, np, picture, tiny_with  # first: skips where numpy is missing

import samc
from samc import SamAutomaticMaskGenerator, SamPredictor, sam_model_registry
from samc.utils import amg
from samc.utils.transforms import ResizeLongestSide


class Registry(Case):
    def test_default(self):
        sam = sam_model_registry["default"](checkpoint=TINY)
        self.assertEqual(sam.samc.info.identity, self.model.info.identity)
        self.assertEqual((sam.image_encoder.img_size, sam.mask_threshold, sam.image_format),
                         (160, 0.0, "RGB"))
        with open(TINY, "rb") as file:
            self.assertEqual(samc.build_sam(file).image_encoder.img_size, 160)
        self.assertEqual(sam_model_registry["default"]().samc.info.image_size, 512)

    def test_wrong_size(self):
        for kind in ("vit_b", "vit_l", "vit_h"):
            with self.assertRaisesRegex(ValueError, r"a model of its own size \(160 px.*'default'"):
                sam_model_registry[kind](checkpoint=TINY)
            with self.assertRaisesRegex(ValueError, "needs checkpoint="):
                sam_model_registry[kind]()

    def test_device(self):
        sam = sam_model_registry["default"](checkpoint=TINY)
        samc._tensor._warned = False
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.assertIs(sam.to(device="cpu"), sam)
            self.assertEqual(len(caught), 0)
            self.assertIs(sam.to(device="cuda"), sam)
            self.assertIs(sam.to("cuda:0").cuda().eval(), sam)
        self.assertEqual(len(caught), 1)
        self.assertIn("'cuda'", str(caught[0].message))
        self.assertEqual((str(sam.device), sam.device.type), ("cpu", "cpu"))


class Predictor(Case):
    def setUp(self):
        super().setUp()
        self.sam = sam_model_registry["default"](checkpoint=TINY)
        self.predictor = SamPredictor(self.sam)
        self.predictor.set_image(self.photo)

    def test_shapes(self):
        self.assertEqual(self.predictor.original_size, (60, 90))
        self.assertEqual(self.predictor.input_size, (107, 160))
        self.assertEqual(self.predictor.get_image_embedding().cpu().numpy().shape, (1, 32, 10, 10))
        for multimask, count in ((True, 3), (False, 1)):
            masks, scores, low = self.predictor.predict(
                np.array([[45, 30]]), np.array([1]), multimask_output=multimask)
            self.assertEqual((masks.shape, masks.dtype), ((count, 60, 90), np.bool_))
            self.assertEqual((scores.shape, scores.dtype), ((count,), np.float32))
            self.assertEqual((low.shape, low.dtype), ((count, SIDE, SIDE), np.float32))
            logits = self.predictor.predict(
                np.array([[45, 30]]), np.array([1]), multimask_output=multimask,
                return_logits=True)[0]
            self.assertEqual(logits.dtype, np.float32)
            self.same(logits > 0, masks)

    def test_is_the_comfortable_way(self):
        low = self.predictor.predict(np.array([[45, 30]]), np.array([1]))[2]
        mine = self.predictor.predict(np.array([[45, 30]]), np.array([0]), np.array([9, 9, 50, 40]),
                                      low[:1], False)
        theirs = self.embedding.predict([[45, 30]], [0], [9, 9, 50, 40], low[:1])
        self.same(mine[0], theirs.masks[0])
        self.same(mine[2], theirs.low_res[0])
        self.predictor.set_image(self.photo[..., ::-1].copy(), "BGR")
        self.same(self.predictor.get_image_embedding().numpy()[0], self.embedding.numpy())

    def test_batched(self):
        boxes = np.array([[9, 9, 50, 40], [20, 5, 80, 55]])
        moved = self.predictor.transform.apply_boxes(boxes, (60, 90))
        masks, scores, low = self.predictor.predict_torch(None, None, moved, None, False)
        self.assertEqual((masks.shape, scores.shape), ((2, 1, 60, 90), (2, 1)))
        want = self.embedding.predict(boxes=boxes)
        np.testing.assert_allclose(low, want.low_res, atol=1e-4)
        self.assertTrue((masks == want.masks).mean() > 0.999)

    def test_resized_photo(self):
        """set_torch_image and Sam.__call__ see what set_image sees."""
        resized = self.predictor.transform.apply_image(self.photo)
        tensor = resized.transpose(2, 0, 1)
        other = SamPredictor(self.sam)
        for tall in (picture(700, 300), picture(300, 700)):
            moved = other.transform.apply_image(tall).transpose(2, 0, 1)[None]
            other.set_torch_image(moved, tall.shape[:2])
            self.same(other.features.numpy()[0], self.model.encode(tall).numpy())
        other.set_torch_image(tensor[None], (60, 90))
        self.same(other.features.numpy(), self.predictor.features.numpy())
        points = np.array([[90., 60.]]), np.array([1])
        want = self.predictor.predict(*points)
        got = other.predict(*points)
        self.assertEqual(got[0].shape, (3, 60, 90))
        np.testing.assert_allclose(got[2], want[2], atol=1e-4)
        self.assertTrue((got[0] == want[0]).mean() > 0.999)
        moved = other.transform.apply_coords(points[0], (60, 90))
        answer, = self.sam([{"image": tensor, "original_size": (60, 90),
                             "point_coords": moved[None], "point_labels": points[1][None]}], True)
        self.same(np.asarray(answer["masks"])[0], got[0])
        self.assertEqual(sorted(answer), ["iou_predictions", "low_res_logits", "masks"])

    def test_preprocess(self):
        resized = self.predictor.transform.apply_image(self.photo).transpose(2, 0, 1)[None]
        square = self.sam.preprocess(resized)
        self.assertEqual((square.shape, square.dtype), ((1, 3, 160, 160), np.float32))
        self.assertAlmostEqual(float(square[0, 1, 5, 7]), (resized[0, 1, 5, 7] - 116.28) / 57.12, 5)
        self.assertFalse(np.asarray(square[0, :, 107:]).any())
        with self.assertRaisesRegex(ValueError, "x must be of shape 3 x h x w, h and w at most 160"):
            self.sam.preprocess(np.zeros((3, 20, 161), np.float32))

    def test_exceptions(self):
        photo, predictor = self.photo, self.predictor
        point = np.array([[1, 2]])
        cases = [
            (AssertionError, "image_format", lambda: predictor.set_image(photo, "HSV")),
            (TypeError, "image must be of dtype uint8", lambda: predictor.set_image(photo / 255)),
            (ValueError, "image must be of shape", lambda: predictor.set_image(photo[..., 0])),
            (AssertionError, "point_labels must be supplied", lambda: predictor.predict(point)),
            (ValueError, "point_coords must be of shape",
             lambda: predictor.predict(np.array([1, 2]), np.array([1]))),
            (ValueError, "box must be one box", lambda: predictor.predict(box=np.zeros((2, 4)))),
            (ValueError, "mask_input must be of shape",
             lambda: predictor.predict(mask_input=np.zeros((SIDE, SIDE)))),
            (AssertionError, "long side 160",
             lambda: predictor.set_torch_image(np.zeros((1, 3, 80, 90), np.uint8), (60, 90))),
        ]
        for kind, words, act in cases:
            with self.subTest(words), self.assertRaisesRegex(kind, words):
                act()
        predictor.reset_image()
        self.assertEqual((predictor.is_image_set, predictor.features), (False, None))
        for act in (lambda: predictor.predict(point, np.array([1])),
                    predictor.get_image_embedding):
            with self.assertRaisesRegex(RuntimeError, "An image must be set"):
                act()


class Generator(Case):
    def setUp(self):
        super().setUp()
        self.sam = sam_model_registry["default"](checkpoint=TINY)
        self.loose = dict(points_per_side=4, pred_iou_thresh=-9, stability_score_thresh=0.0,
                          box_nms_thresh=1.0)

    def test_modes(self):
        found = {mode: SamAutomaticMaskGenerator(self.sam, output_mode=mode, **self.loose)
                 .generate(self.photo) for mode in ("binary_mask", "uncompressed_rle", "coco_rle")}
        self.assertGreater(len(found["binary_mask"]), 1)
        for binary, plain, coco in zip(*found.values()):
            self.assertEqual(list(binary), ["segmentation", "area", "bbox", "predicted_iou",
                                            "point_coords", "stability_score", "crop_box"])
            mask = binary["segmentation"]
            self.assertEqual((mask.shape, mask.dtype), ((60, 90), np.bool_))
            self.assertEqual(binary["area"], mask.sum())
            self.same(amg.rle_to_mask(plain["segmentation"]), mask)
            self.same(samc.rle.decode(coco["segmentation"]), mask)
            self.assertEqual([type(n) for n in binary["bbox"] + binary["crop_box"]], [int] * 8)
            self.assertEqual(amg.coco_encode_rle(plain["segmentation"]), coco["segmentation"])
            del binary["segmentation"], plain["segmentation"]
            self.assertEqual(binary, plain)
        embedding = self.sam.samc.encode(self.photo)
        self.assertEqual(self.sam.samc.generate(embedding, **self.loose), found["coco_rle"])

    def test_parameters(self):
        """Each reaches the library: changing it changes what is found, or is refused."""
        wide = picture(120, 200)
        def count(**more):
            return len(SamAutomaticMaskGenerator(self.sam, **{**self.loose, **more}).generate(wide))
        base = count()
        self.assertLess(count(pred_iou_thresh=0.2), base)
        self.assertLess(count(stability_score_thresh=0.9), base)
        self.assertNotEqual(count(box_nms_thresh=0.3), base)
        grid = np.array([[0.5, 0.5]])
        self.assertLessEqual(count(points_per_side=None, point_grids=[grid]), 3)
        self.assertEqual(count(min_mask_area=10**6), 0)
        for name, value in dict(points_per_side=-1, points_per_batch=0, crop_n_layers=9,
                                crop_overlap_ratio=2.0, crop_n_points_downscale_factor=0).items():
            with self.subTest(name), self.assertRaisesRegex(ValueError, name):
                count(**{name: value})

    def test_a_models_own_thresholds(self):
        """A model that recommends some gets them where none are given; any other has the
        reference's, and so says the signature."""
        defaults = {"pred_iou_thresh": 0.88, "stability_score_thresh": 0.95}
        parameters = inspect.signature(SamAutomaticMaskGenerator).parameters
        self.assertEqual({name: parameters[name].default for name in defaults}, defaults)
        self.assertEqual(str(parameters["pred_iou_thresh"]), "pred_iou_thresh: 'float | None' = 0.88")
        names = tuple(defaults)

        def of(model, **given):
            generator = SamAutomaticMaskGenerator(model, **given)
            return tuple(getattr(generator, name) for name in names)

        own = samc.Sam(samc.Model(tiny_with({"samc.pred_iou_thresh": "0.6",
                                             "samc.stability_score_thresh": "0.0"})))
        self.assertEqual(own.samc.info.identity, self.sam.samc.info.identity)
        self.assertEqual(self.sam.samc.recommended, defaults)
        self.assertEqual(of(self.sam), (0.88, 0.95))
        self.assertEqual(own.samc.recommended, dict(zip(names, (0.6, 0.0))))
        self.assertEqual(of(own), (0.6, 0.0))
        self.assertEqual(of(own, pred_iou_thresh=None, stability_score_thresh=None), (0.6, 0.0))
        self.assertEqual(of(own, pred_iou_thresh=0.88), (0.88, 0.0))
        self.assertEqual(of(own, stability_score_thresh=0.95), (0.6, 0.95))
        with self.assertRaisesRegex(samc.Error, "samc.pred_iou_thresh is 6"):
            samc.Model(tiny_with({"samc.pred_iou_thresh": "6",
                                  "samc.stability_score_thresh": "0"}))
        given = dict(zip(names, (0.6, 0.0)))
        found = own.samc.generate(self.photo, **given)
        self.assertEqual(own.samc.generate(self.photo), found)
        self.assertEqual(own.samc.generate(self.photo, pred_iou_thresh=None), found)
        self.assertEqual(SamAutomaticMaskGenerator(own, output_mode="coco_rle").generate(self.photo),
                         found)
        self.assertEqual(len(samc.pipeline(model=own)({"image": self.photo}, seg_image=True)),
                         len(found))
        self.assertGreater(len(found), len(self.sam.samc.generate(self.photo)))

    def test_refused(self):
        def make(**more):
            return SamAutomaticMaskGenerator(self.sam, **more)
        cases = [
            (AssertionError, "Exactly one of", dict(points_per_side=None)),
            (AssertionError, "Unknown output_mode png", dict(output_mode="png")),
            (TypeError, "points_per_side must be a whole number", dict(points_per_side=2.5)),
            (TypeError, "pred_iou_thresh must be a number", dict(pred_iou_thresh="high")),
            (ValueError, "box_nms_thresh must be finite", dict(box_nms_thresh=float("nan"))),
            (ValueError, r"point_grids\[0\] must be of shape N x 2",
             dict(points_per_side=None, point_grids=[np.zeros(3)])),
        ]
        for kind, words, given in cases:
            with self.subTest(words), self.assertRaisesRegex(kind, words):
                make(**given)
        with self.assertRaisesRegex(TypeError, "points is no parameter"):
            self.model.generate(self.photo, points=3)

    def test_interrupted(self):
        def stop(done):
            raise KeyboardInterrupt
        with self.assertRaises(KeyboardInterrupt):
            self.model.generate(self.photo, progress=stop)


class Helpers(unittest.TestCase):
    def test_resize(self):
        transform = ResizeLongestSide(160)
        self.assertEqual(transform.apply_image(picture(60, 90)).shape, (107, 160, 3))
        self.assertEqual(transform.get_preprocess_shape(1200, 1800, 1024), (683, 1024))
        self.assertEqual(transform.apply_coords(np.array([[90, 60]]), (60, 90)).tolist(),
                         [[160, 107]])
        self.assertEqual(transform.apply_boxes(np.array([0, 0, 45, 30]), (60, 90)).tolist(),
                         [[0, 0, 80, 53.5]])

    def test_resize_is_pillows(self):
        try:
            import PIL
            from PIL import Image
        except ImportError:
            self.skipTest("Pillow is not there (pip install pillow)")
        if int(PIL.__version__.split(".")[0]) < 13:
            self.skipTest(f"Pillow {PIL.__version__} rounds otherwise; 13 is the reference")
        for size in ((60, 90), (700, 300), (1, 9), (333, 160)):
            pixels = picture(*size)
            got = ResizeLongestSide(160).apply_image(pixels)
            want = Image.fromarray(pixels).resize(got.shape[1::-1], Image.BILINEAR)
            np.testing.assert_array_equal(got, np.asarray(want))

    def test_masks(self):
        mask = np.zeros((6, 8), bool)
        mask[1:5, 1:7] = True
        mask[2, 3] = False
        mask[5, 7] = True  # touches by a corner only: one region
        filled, changed = amg.remove_small_regions(mask, 2, "holes")
        self.assertTrue(changed and filled[2, 3])
        self.assertEqual(amg.remove_small_regions(mask, 2, "islands")[1], False)
        self.assertEqual(amg.batched_mask_to_box(np.stack([mask, mask & False])).tolist(),
                         [[1, 1, 7, 5], [0, 0, 0, 0]])
        record, = amg.mask_to_rle(mask[None])
        self.assertEqual(amg.area_from_rle(record), mask.sum())
        np.testing.assert_array_equal(amg.rle_to_mask(record), mask)
        boxes, layers = amg.generate_crop_boxes((600, 900), 1, 512 / 1500)
        self.assertEqual((len(boxes), layers), (5, [0, 1, 1, 1, 1]))
        self.assertEqual(boxes[4], [348, 198, 900, 600])
        np.testing.assert_allclose(amg.build_point_grid(2),
                                   [[.25, .25], [.75, .25], [.25, .75], [.75, .75]])


    def test_mask_data(self):
        data = amg.MaskData(scores=np.array([.1, .5, .3]), names=["a", "b", "c"])
        data.filter(np.array([False, True, True]))
        data.filter(np.array([1, 0]))
        self.assertEqual((data["scores"].tolist(), data["names"]), ([.3, .5], ["c", "b"]))
        all_ = amg.MaskData()
        for _ in range(2):
            all_.cat(data)
        self.assertEqual((all_["scores"].tolist(), all_["names"]),
                         ([.3, .5, .3, .5], ["c", "b", "c", "b"]))
        data["names"].append("later")
        self.assertEqual(len(all_["names"]), 4)
        del all_["names"]
        self.assertEqual([name for name, _ in all_.items()], ["scores"])
        with self.assertRaises(AssertionError):
            amg.MaskData(scores=3)

    def test_dtypes(self):
        """As PyTorch's: floats keep their width, a crop's corner does not widen them."""
        boxes = np.array([[1, 2, 3, 4]], np.float32)
        moved = amg.uncrop_boxes_xyxy(boxes, [10, 20, 50, 60])
        self.assertEqual((moved.dtype, moved.tolist()), (np.float32, [[11, 22, 13, 24]]))
        self.assertEqual(amg.uncrop_points(boxes[:, :2], [10, 20, 50, 60]).dtype, np.float32)
        self.assertEqual(amg.uncrop_masks(np.ones((2, 3, 4), bool), [1, 2, 5, 5], 9, 8).sum((1, 2))
                         .tolist(), [12, 12])
        self.assertEqual(amg.is_box_near_crop_edge(boxes, [0, 0, 50, 60], [0, 0, 500, 600])
                         .tolist(), [False])
        self.assertEqual(amg.is_box_near_crop_edge(boxes, [90, 90, 150, 160], [0, 0, 500, 600])
                         .tolist(), [True])


class AsSegmentAnything(unittest.TestCase):
    def run_python(self, text):
        return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)

    def test_registers(self):
        done = self.run_python(
            "import samc.as_segment_anything\n"
            "from segment_anything import SamPredictor, build_sam, sam_model_registry\n"
            "from segment_anything.utils.transforms import ResizeLongestSide\n"
            "from segment_anything.utils.amg import rle_to_mask\n"
            "from segment_anything.modeling import Sam\n"
            "import segment_anything.build_sam, segment_anything.automatic_mask_generator\n"
            "import sys; assert 'torch' not in sys.modules; print(SamPredictor.__module__)")
        self.assertEqual(done.stdout.strip(), "samc.predictor", done.stderr)

    def test_refuses(self):
        done = self.run_python(
            "import sys, types\n"
            "sys.modules['segment_anything'] = types.ModuleType('segment_anything')\n"
            "import samc.as_segment_anything")
        self.assertIn("segment_anything itself is already imported", done.stderr)
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
