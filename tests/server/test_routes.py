# SPDX-License-Identifier: Apache-2.0
"""Every route as its user meets it: what it answers, and what it answers where it cannot."""
import unittest

from serve_test import MODEL, SOURCE, ServerCase, photo_bytes

UNKNOWN = "0" * 32


class Site(ServerCase):
    def test_health_and_loading(self):
        client = self.serve(wait=False)
        first = client.get("/health")
        self.assertIn((first.status, first.json["status"]), [(503, "loading"), (200, "ok")])
        while client.get("/health").status != 200:
            pass
        self.assertEqual(client.get("/health").json, {"status": "ok"})

    def test_config(self):
        client = self.serve()
        config = client.get("/api/config").json
        self.assertEqual(set(config), {"version", "model", "folder", "wasm", "samples", "limits"})
        self.assertTrue(config["samples"])
        for path in config["samples"]:
            self.assertEqual(client.get(f"/{path}").headers["content-type"], "image/jpeg")
        self.assertEqual(config["version"], self.samc("--version").out.split()[1])
        self.assertEqual(set(config["model"]), {"name", "identity", "imageSize", "lowResSize",
                                                "everything"})
        self.assertEqual(config["model"]["everything"],
                         {"predIouThresh": 0.88, "stabilityScoreThresh": 0.95})
        self.assertFalse(config["folder"])
        self.assertEqual(config["limits"], {"bytes": 64 << 20, "pixels": 64 << 20, "points": 256})

    def test_metrics(self):
        client = self.serve()
        client.get("/nothing")
        text = client.get("/metrics").body.decode()
        self.assertRegex(text, r'samc_requests_total\{status="4xx"\} 1\n')
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) samc_\w+ .+|samc_\w+(\{\w+="\w+"\})? [\d.]+)$')

    def test_every_answer_carries_the_safety_headers(self):
        client = self.serve()
        for path in ("/health", "/api/config", "/metrics", "/nothing", "/samples/astronaut.jpg"):
            headers = client.get(path).headers
            policy = headers["content-security-policy"]
            self.assertIn("default-src 'none'", policy)
            self.assertIn("script-src 'self' 'wasm-unsafe-eval';", policy)
            self.assertIn("frame-ancestors 'none'", policy)
            self.assertNotIn("unsafe-inline", policy)
            self.assertEqual(headers["x-content-type-options"], "nosniff")
            self.assertEqual(headers["referrer-policy"], "no-referrer")
            self.assertNotIn("access-control-allow-origin", headers)

    def test_assets_by_their_tag(self):
        client = self.serve()
        reply = client.get("/samples/astronaut.jpg")
        self.assertEqual((reply.status, reply.headers["content-type"]), (200, "image/jpeg"))
        again = client.get("/samples/astronaut.jpg", If_None_Match=reply.headers["etag"])
        self.assertEqual((again.status, again.body), (304, b""))
        head = client.ask("HEAD", "/samples/astronaut.jpg")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(int(head.headers["content-length"]), len(reply.body))
        self.refused(client.ask("POST", "/samples/astronaut.jpg"), 405, "method")

    def test_the_decoder_alone_by_the_models_identity(self):
        client = self.serve()
        reply = client.get("/api/model/decoder")
        self.assertEqual(reply.status, 200)
        identity = client.get("/api/config").json["model"]["identity"]
        self.assertEqual(reply.headers["etag"], f'"{identity}"')
        self.write("decoder.safetensors", reply.body)
        self.assertIn(b"mask_decoder", reply.body[:1 << 20])
        self.assertNotIn(b"image_encoder.blocks", reply.body[:1 << 20])
        self.assertEqual(client.get("/api/model/decoder", If_None_Match=f'"{identity}"').status, 304)

    def test_paths_and_methods_that_are_not_there(self):
        client = self.serve()
        for path in ("/nothing", "/api", "/api/", "/api/photos/", "/api/photos/x", "/..",
                     "/../etc/passwd", "/%2e%2e/etc/passwd", f"/api/photos/{UNKNOWN}x/image",
                     f"/api/photos/{UNKNOWN}", f"/api/photos/{'A' * 32}/image", "/index.html/"):
            reply = client.get(path)
            if path == f"/api/photos/{UNKNOWN}":
                self.refused(reply, 405, "method")
                self.assertEqual(reply.headers["allow"], "DELETE")
            else:
                self.refused(reply, 404, "not_found")
        for method, path, allow in (("PUT", "/api/photos", "GET, HEAD, POST"),
                                    ("POST", "/health", "GET, HEAD"),
                                    ("GET", f"/api/photos/{UNKNOWN}/predict", "POST"),
                                    ("GET", f"/api/photos/{UNKNOWN}/encode", "POST, DELETE"),
                                    ("PATCH", "/api/config", "GET, HEAD")):
            reply = client.ask(method, path)
            self.refused(reply, 405, "method")
            self.assertEqual(reply.headers["allow"], allow)

    def test_photos_that_are_not_there(self):
        client = self.serve()
        for method, what in (("GET", "image"), ("GET", "thumbnail"), ("GET", "events"),
                             ("GET", "embedding"), ("POST", "encode"), ("DELETE", "encode"),
                             ("POST", "predict"), ("POST", "everything")):
            reply = client.ask(method, f"/api/photos/{UNKNOWN}/{what}", None,
                               {"Content-Type": "application/json"})
            self.refused(reply, 404, "not_found")
        self.refused(client.ask("DELETE", f"/api/photos/{UNKNOWN}"), 404, "not_found")


class Photos(ServerCase):
    def test_upload_look_remove(self):
        client = self.serve()
        data = photo_bytes(300, 200)
        reply = client.upload(data, "Zürich & <b>.png")
        self.assertEqual(reply.status, 201)
        self.assertRegex(reply.json["id"], r"^[0-9a-f]{32}$")
        self.assertEqual({k: v for k, v in reply.json.items() if k != "id"},
                         {"name": "Zürich & <b>.png", "width": 300, "height": 200})
        cookie = reply.headers["set-cookie"]
        self.assertRegex(cookie, rf"^samc_session_{client.port}=[0-9a-f]{{32}}; Path=/; HttpOnly; "
                                 r"SameSite=Strict$")
        photo = reply.json["id"]
        image = client.get(f"/api/photos/{photo}/image")
        self.assertEqual((image.headers["content-type"], image.body), ("image/png", data))
        thumbnail = client.get(f"/api/photos/{photo}/thumbnail")
        self.assertEqual(thumbnail.headers["content-type"], "image/jpeg")
        self.assertEqual(thumbnail.body[:3], b"\xff\xd8\xff")
        self.assertEqual(client.upload(photo_bytes(8, 8, 5)).headers.get("set-cookie"), None)
        self.assertEqual(client.ask("DELETE", f"/api/photos/{photo}").status, 204)
        self.refused(client.get(f"/api/photos/{photo}/image"), 404, "not_found")
        self.assertEqual(client.metric("uploads"), 1)

    def test_a_turned_photo_is_shown_upright(self):
        client = self.serve()
        with open(f"{SOURCE}/tests/data/photos/turned_6.jpg", "rb") as file:
            turned = file.read()
        with open(f"{SOURCE}/tests/data/photos/turned_1.jpg", "rb") as file:
            upright = file.read()
        one, six = client.upload(upright).json, client.upload(turned).json
        image = client.get(f"/api/photos/{six['id']}/image")
        self.assertEqual(image.headers["content-type"], "image/jpeg")
        self.assertNotEqual(image.body, turned)
        again = client.upload(image.body).json
        self.assertEqual((again["width"], again["height"]), (six["width"], six["height"]))
        self.assertEqual((one["width"], one["height"]), (six["height"], six["width"]))
        self.assertEqual(client.get(f"/api/photos/{one['id']}/image").body, upright)

    def test_a_tiff_is_shown_as_jpeg(self):
        client = self.serve()
        with open(f"{SOURCE}/tests/data/photos/rgb_lzw.tif", "rb") as file:
            photo = client.upload(file.read()).json["id"]
        image = client.get(f"/api/photos/{photo}/image")
        self.assertEqual((image.headers["content-type"], image.body[:3]),
                         ("image/jpeg", b"\xff\xd8\xff"))

    def test_files_that_are_no_photo(self):
        client = self.serve()
        self.refused(client.upload(b"<html>"), 400, "format")
        self.refused(client.upload(b""), 400, "format")
        self.refused(client.upload(photo_bytes()[:200]), 400, "format")
        self.refused(client.upload(b"GIF89a" + bytes(100)), 415, "unsupported")
        self.assertEqual(client.metric("uploads"), 0)

    def test_names_are_checked_and_cleaned(self):
        client = self.serve()
        for bad in ("%", "%zz", "%00", "%ff", "a" * 2000):
            reply = client.ask("POST", "/api/photos", photo_bytes(), {"X-Samc-Name": bad})
            self.refused(reply, 400, "format")
        self.assertEqual(client.upload(photo_bytes(), "a\nb\u202ec\x7f").json["name"],
                         "a\ufffdb\ufffdc\ufffd")
        self.assertEqual(client.ask("POST", "/api/photos", photo_bytes()).json["name"], "photo")

    def test_without_a_folder_the_list_is_empty(self):
        self.assertEqual(self.serve().get("/api/photos").json,
                         {"photos": [], "next": None, "count": 0})


class Encoding(ServerCase):
    def test_events_and_embedding(self):
        client = self.serve()
        photo = client.upload(photo_bytes()).json["id"]
        self.assertEqual(client.events(photo)[-1][1]["code"], "not_encoding")
        self.refused(client.get(f"/api/photos/{photo}/embedding"), 409, "not_encoded")
        self.refused(client.predict(photo, points=[[1, 1, 1]]), 409, "not_encoded")
        self.refused(client.post_json(f"/api/photos/{photo}/everything", {}), 409, "not_encoded")
        for name, data in client.encode(photo)[:-1]:
            self.assertEqual(name, "progress")
            self.assertEqual(set(data), {"done", "queue"})
        again = client.ask("POST", f"/api/photos/{photo}/encode")
        self.assertEqual((again.status, again.json), (202, {"state": "ready"}))
        self.write("photo.png", photo_bytes())
        self.samc("embed", "-m", MODEL, "photo.png", "-o", ".")
        with open(self.path("photo.safetensors"), "rb") as file:
            expected = file.read()
        self.assertEqual(client.get(f"/api/photos/{photo}/embedding").body, expected)
        self.assertEqual(client.get(f"/api/photos/{photo}/embedding?dtype=f32").body, expected)
        self.samc("embed", "-m", MODEL, "photo.png", "-o", "half", "--dtype", "f16")
        with open(self.path("half", "photo.safetensors"), "rb") as file:
            self.assertEqual(client.get(f"/api/photos/{photo}/embedding?dtype=f16").body, file.read())
        self.refused(client.get(f"/api/photos/{photo}/embedding?dtype=f8"), 400, "dtype")


if __name__ == "__main__":
    unittest.main()
