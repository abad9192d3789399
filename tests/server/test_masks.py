# SPDX-License-Identifier: Apache-2.0
"""Answers of predict and everything are those of `samc segment` and `samc auto`, bit by bit."""
import base64
import json
import struct
import unittest

from serve_test import MODEL, ServerCase, decode_rle, floats_text, photo_bytes, write_npy


class Masks(ServerCase):
    def setUp(self):
        super().setUp()
        self.client = self.serve()
        self.write("photo.png", photo_bytes())
        self.photo = self.client.encoded(photo_bytes())

    def same(self, masks, records):
        self.assertEqual(len(masks), len(records))
        for mask, record in zip(masks, records):
            self.assertEqual(mask["rle"], record["segmentation"])
            self.assertEqual(struct.pack("<f", mask["score"]),
                             struct.pack("<f", record["predicted_iou"]))
            self.assertEqual(struct.pack("<f", mask["stability"]),
                             struct.pack("<f", record["stability_score"]))
            self.assertEqual(mask["area"], record["area"])
            pixels = decode_rle(mask["rle"])
            self.assertEqual(sum(pixels), mask["area"])
            if mask["area"]:
                height, width = mask["rle"]["size"]
                xs = [i % width for i, inside in enumerate(pixels) if inside]
                ys = [i // width for i, inside in enumerate(pixels) if inside]
                self.assertEqual(mask["bbox"], [min(xs), min(ys), max(xs) - min(xs) + 1,
                                                max(ys) - min(ys) + 1])

    def predict(self, **ask):
        reply = self.client.predict(self.photo, **ask)
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json["masks"]

    def test_points_and_a_box(self):
        self.same(self.predict(points=[[24, 16, 1]]), self.records("photo.png", "-p", "24,16"))
        self.same(self.predict(points=[[24.5, 16, 1], [3, 30.25, 0]], multimask=True),
                  self.records("photo.png", "-p", "24.5,16", "-p", "3,30.25,-", "--multimask"))
        self.same(self.predict(points=[[24, 16, 1]], boxes=[[8, 4, 40, 28]]),
                  self.records("photo.png", "-p", "24,16", "-b", "8,4,40,28"))

    def test_several_boxes_are_several_objects(self):
        masks = self.predict(boxes=[[8, 4, 40, 28], [0, 0, 48, 32]], multimask=True)
        self.assertEqual([m["prompt"] for m in masks], [0, 0, 0, 1, 1, 1])
        self.same(masks, self.records("photo.png", "-b", "8,4,40,28", "--object", "-b", "0,0,48,32",
                                      "--multimask"))

    def test_logits_go_back(self):
        side = self.client.get("/api/config").json["model"]["lowResSize"]
        first = self.predict(points=[[24, 16, 1]], wantLowRes=True)[0]
        logits = struct.unpack(f"<{side * side}f", base64.b64decode(first["lowRes"]))
        write_npy(self.path("low.npy"), (1, side, side), logits)
        self.same(self.predict(points=[[24, 16, 1]], lowRes=first["lowRes"]),
                  self.records("photo.png", "-p", "24,16", "--mask", "low.npy"))
        self.same(self.predict(lowRes=floats_text(logits)),
                  self.records("photo.png", "--mask", "low.npy"))
        self.assertNotIn("lowRes", self.predict(points=[[24, 16, 1]])[0])

    def test_everything(self):
        options = ["--points-per-side", "4", "--pred-iou-thresh", "-1",
                   "--stability-score-thresh", "-1"]
        self.samc("auto", "-m", MODEL, "photo.png", "-o", "out", "--format", "sa1b", *options)
        with open(self.path("out", "photo.json"), encoding="utf-8") as file:
            expected = json.load(file)["annotations"]
        reply = self.client.post_json(f"/api/photos/{self.photo}/everything",
                                      {"pointsPerSide": 4, "predIouThresh": -1,
                                       "stabilityScoreThresh": -1})
        self.assertEqual((reply.status, reply.headers["content-type"]), (200, "application/jsonl"))
        self.assertGreater(len(expected), 1)
        self.assertEqual([line["id"] for line in reply.lines], list(range(len(expected))))
        self.assertEqual([line["rle"] for line in reply.lines],
                         [record["segmentation"] for record in expected])
        self.assertEqual([line["area"] for line in reply.lines],
                         [record["area"] for record in expected])
        defaults = self.client.ask("POST", f"/api/photos/{self.photo}/everything", None,
                                   {"Content-Type": "application/json"})
        self.assertEqual(defaults.status, 200)


class Thresholds(ServerCase):
    def test_the_models_own_hold_where_a_request_has_none(self):
        self.samc("convert", MODEL, "m.safetensors", "--thresholds", "0,0")
        client = self.serve(model="m.safetensors")
        photo = client.encoded(photo_bytes())
        def found(**ask):
            reply = client.post_json(f"/api/photos/{photo}/everything", {"pointsPerSide": 4, **ask})
            self.assertEqual(reply.status, 200)
            return [line["rle"] for line in reply.lines]
        own = found()
        self.assertGreater(len(own), 1)
        self.assertEqual(found(predIouThresh=0, stabilityScoreThresh=0), own)
        self.assertLess(len(found(predIouThresh=0.88)), len(own))
        self.assertLess(len(found(stabilityScoreThresh=0.95)), len(own))
        self.assertEqual(client.get("/api/config").json["model"]["everything"],
                         {"predIouThresh": 0.0, "stabilityScoreThresh": 0.0})


class Asks(ServerCase):
    def setUp(self):
        super().setUp()
        self.client = self.serve("--points", "3")
        self.photo = self.client.encoded(photo_bytes())

    def test_prompts_that_make_no_sense(self):
        for ask, status, code, says in (
                ({}, 400, "prompt", "prompt"),
                ({"points": [[100, 1, 1]]}, 400, "prompt", "point"),
                ({"points": [[1, 1, 2]]}, 400, "format", "points[0][2]"),
                ({"points": [[1, 1]]}, 400, "format", "points[0]"),
                ({"points": [[1, "1", 1]]}, 400, "format", "points[0][1]"),
                ({"points": 1}, 400, "format", "points"),
                ({"points": [[1, 1, 1]] * 4}, 413, "limit", "at most 3"),
                ({"boxes": [[1, 1, 2, 2]] * 4}, 413, "limit", "at most 3"),
                ({"boxes": [[9, 1, 2, 2]]}, 400, "prompt", "box"),
                ({"boxes": [[1, 1, 2, 2]] * 2, "points": [[1, 1, 1]]}, 400, "format", "several"),
                ({"point": [[1, 1, 1]]}, 400, "format", "\"point\""),
                ({"points": [[1, 1, 1]], "multimask": 1}, 400, "format", "multimask"),
                ({"points": [[1, 1, 1]], "lowRes": "AAAA"}, 400, "format", "lowRes"),
                ({"points": [[1, 1, 1]], "lowRes": 3}, 400, "format", "lowRes"),
                ([], 400, "format", "object")):
            with self.subTest(ask):
                reply = self.client.post_json(f"/api/photos/{self.photo}/predict", ask)
                self.refused(reply, status, code)
                self.assertIn(says, reply.json["error"])

    def test_bodies_that_are_no_json(self):
        for body in ("", "{", "{}x", '{"points": [[NaN, 1, 1]]}', '{"points": [[1e999, 1, 1]]}',
                     '{"a": 1, "a": 2}', "[" * 100000, '{"points": [[1, 1, 1]]}\0', "\ufffe"):
            reply = self.client.ask("POST", f"/api/photos/{self.photo}/predict",
                                    body.encode("utf-8"), {"Content-Type": "application/json"})
            self.refused(reply, 400, "format")
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""):
            reply = self.client.ask("POST", f"/api/photos/{self.photo}/predict", "{}",
                                    {"Content-Type": kind})
            self.refused(reply, 415, "content_type")

    def test_options_of_everything(self):
        for options, status in (({"pointsPerSide": 65}, 413), ({"pointsPerSide": 0}, 413),
                                ({"predIouThresh": "x"}, 413), ({"cropNLayers": 1}, 400)):
            reply = self.client.post_json(f"/api/photos/{self.photo}/everything", options)
            self.assertEqual(reply.status, status, reply.body)


if __name__ == "__main__":
    unittest.main()
