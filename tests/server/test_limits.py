# SPDX-License-Identifier: Apache-2.0
"""Caps on bodies, pixels, connections, time and memory. (Those on prompts: test_masks.py.)"""
import os
import socket
import struct
import unittest
import zlib

from serve_test import SOURCE, ServerCase, photo_bytes, png_bytes

MIB = 1 << 20


def noise_png(side):
    """A PNG of about 3 * side * side bytes."""
    return png_bytes(side, side, os.urandom(3 * side * side))


def huge_png(width, height):
    """A few bytes that claim to be a large photo."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = png_bytes(1, 1, b"abc")
    return data[:12] + body + struct.pack(">I", zlib.crc32(body)) + data[33:]


class Bodies(ServerCase):
    def head(self, client, *lines):
        return "\r\n".join((*lines, f"Host: 127.0.0.1:{client.port}", "", "")).encode()

    def test_a_length_that_is_too_much_is_answered_at_once(self):
        client = self.serve("--upload-mib", "1")
        for length in (MIB + 1, 1 << 40, (1 << 64) - 1):
            got = self.raw(client, self.head(client, "POST /api/photos HTTP/1.1",
                                             f"Content-Length: {length}"))
            self.assertRegex(got, rb"^HTTP/1\.1 413 ")
        got = self.raw(client, self.head(client, "POST /api/photos HTTP/1.1", "Connection: close",
                                         f"Content-Length: {1 << 80}"))
        self.assertRegex(got, rb"^HTTP/1\.[01] 4\d\d ")

    def test_a_body_without_a_length_is_cut(self):
        client = self.serve("--upload-mib", "1")
        reply = client.ask("POST", "/api/photos", iter([bytes(65536)] * 40))
        self.refused(reply, 413, "limit")
        data = noise_png(100)
        reply = client.ask("POST", "/api/photos", iter([data[:100], data[100:]]))
        self.assertEqual(reply.status, 201)

    def test_bodies_where_none_is_wanted(self):
        client = self.serve()
        for method, path in (("GET", "/api/config"), ("GET", "/health"),
                             ("DELETE", "/api/photos/" + "0" * 32)):
            self.refused(client.ask(method, path, b"x"), 413, "limit")

    def test_json(self):
        client = self.serve()
        photo = client.encoded(photo_bytes())
        body = b'{"points": [[1, 1, 1]]' + b" " * MIB + b"}"
        reply = client.ask("POST", f"/api/photos/{photo}/predict", iter([body]),
                           {"Content-Type": "application/json"})
        self.refused(reply, 413, "limit")

    def test_half_of_the_cache_is_for_bodies(self):
        client = self.serve("--cache-mib", "2")
        self.assertEqual(client.get("/api/config").json["limits"]["bytes"], MIB)
        self.refused(client.ask("POST", "/api/photos", iter([bytes(MIB + 1)])), 413, "limit")
        self.assertEqual(client.upload(noise_png(500)).status, 201)

    def test_a_head_that_is_too_long(self):
        client = self.serve()
        got = self.raw(client, self.head(client, "GET /health HTTP/1.1", "X: " + "x" * 40000))
        self.assertRegex(got, rb"^HTTP/1\.[01] 431 ")
        got = self.raw(client, b"GET /" + b"x" * 40000 + b" HTTP/1.1\r\n\r\n")
        self.assertRegex(got, rb"^HTTP/1\.[01] 4\d\d ")
        self.assertEqual(client.get("/health").status, 200)


class Pixels(ServerCase):
    def test_large_photos(self):
        client = self.serve("--megapixels", "1")
        self.assertEqual(client.get("/api/config").json["limits"]["pixels"], 1000000)
        self.refused(client.upload(png_bytes(1001, 1000, bytes(3003000))), 413, "limit")
        self.refused(client.upload(huge_png(65535, 65535)), 413, "limit")
        self.assertEqual(client.upload(png_bytes(1000, 1000, bytes(3000000))).status, 201)


class Connections(ServerCase):
    def connect(self, client, data=b"", size=None):
        connection = socket.socket()
        self.addCleanup(connection.close)
        connection.settimeout(120)
        if size:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        connection.connect(("127.0.0.1", client.port))
        connection.sendall(data)
        return connection

    def head(self, client, *lines):
        return "\r\n".join((*lines, f"Host: 127.0.0.1:{client.port}", "")).encode()

    def closed(self, connection):
        """Waits for its end, which is what the test is about."""
        try:
            while connection.recv(65536):
                pass
        except ConnectionResetError:
            pass

    def test_the_silent_one_makes_room(self):
        client = self.serve("--connections", "4", "--patience", "3600")
        silent = [self.connect(client, b"GET") for _ in range(4)]
        self.assertEqual(client.get("/health").status, 200)
        self.closed(silent[0])
        for _ in range(8):
            self.assertEqual(client.get("/health").status, 200)
        self.assertGreaterEqual(client.metric("connections_dropped_total"), 1)

    def test_who_works_is_not_dropped_for_room(self):
        client = self.serve("--connections", "2", "--patience", "3600")
        photo = client.encoded(photo_bytes(640, 480))
        connection, response = client.send(
            "POST", f"/api/photos/{photo}/everything",
            b'{"pointsPerSide": 16, "predIouThresh": -1, "stabilityScoreThresh": -1,'
            b' "boxNmsThresh": 1}',
            {"Content-Type": "application/json"})
        for _ in range(8):
            self.connect(client, b"GET")
        lines = response.read().splitlines()
        connection.close()
        self.assertGreater(len(lines), 10)
        self.assertNotIn(b'"error"', lines[-1])

    def test_half_a_head(self):
        client = self.serve("--patience", "1")
        for data in (b"", b"GET /health HTT", self.head(client, "GET /health HTTP/1.1")):
            self.closed(self.connect(client, data))
        self.assertGreaterEqual(client.metric("connections_dropped_total"), 3)

    def test_a_second_request_that_does_not_come(self):
        client = self.serve("--patience", "1")
        connection = self.connect(client, self.head(client, "GET /health HTTP/1.1") + b"\r\n")
        self.closed(connection)

    def test_half_a_body(self):
        client = self.serve("--patience", "1")
        self.closed(self.connect(client, self.head(client, "POST /api/photos HTTP/1.1",
                                                   "Content-Length: 1000") + b"\r\nhalf"))
        self.assertGreaterEqual(client.metric("connections_dropped_total"), 1)
        self.assertEqual(client.metric("cache_bytes") // MIB, 0)

    def test_an_answer_that_is_not_taken(self):
        client = self.serve("--patience", "1")
        photo = client.upload(noise_png(1600)).json["id"]
        head = self.head(client, f"GET /api/photos/{photo}/image HTTP/1.1",
                         f"Cookie: {client.cookie}") + b"\r\n"
        slow = self.connect(client, head, size=4096)
        self.assertTrue(slow.recv(1))
        while client.metric("connections_dropped_total") < 1:
            pass
        self.assertEqual(client.get(f"/api/photos/{photo}/image").status, 200)


class Memory(ServerCase):
    def test_uploads_make_room_for_each_other(self):
        """In a cache of 1 MiB the least recently used of many go; who clicks on one keeps it."""
        client = self.serve("--cache-mib", "1")
        kept = client.encoded(noise_png(100))
        first = client.upload(noise_png(100)).json["id"]
        for _ in range(60):
            last = client.upload(noise_png(100)).json["id"]
            self.assertEqual(client.predict(kept, points=[[1, 1, 1]]).status, 200)
        self.refused(client.get(f"/api/photos/{first}/image"), 404, "not_found")
        for photo in (kept, last):
            self.assertEqual(client.get(f"/api/photos/{photo}/image").status, 200)
        self.assertLessEqual(client.metric("cache_peak_bytes"), MIB)
        self.assertGreater(client.metric("cache_peak_bytes"), MIB // 2)
        self.assertGreater(client.metric("cache_drops_total"), 20)
        self.assertLess(client.metric("uploads"), 40)

    def test_embeddings_make_room_for_each_other(self):
        for i in range(180):
            self.write(f"photos/{i:03}.png", photo_bytes(8, 8, i + 1))
        client = self.serve("photos", "--cache-mib", "1")
        photos, page = [], client.get("/api/photos").json
        while page:
            photos += [p["id"] for p in page["photos"]]
            page = page["next"] and client.get(f"/api/photos?after={page['next']}").json
        self.assertEqual(len(photos), 180)
        for photo in photos:
            client.encode(photo)
        self.refused(client.predict(photos[0], points=[[1, 1, 1]]), 409, "not_encoded")
        self.assertEqual(client.predict(photos[-1], points=[[1, 1, 1]]).status, 200)
        client.encode(photos[0])
        self.assertEqual(client.predict(photos[0], points=[[1, 1, 1]]).status, 200)
        self.assertLessEqual(client.metric("cache_peak_bytes"), MIB)

    def test_an_answer_of_many_masks_counts(self):
        """256 boxes with the logits of three masks each are more than the cache holds."""
        client = self.serve("--cache-mib", "1")
        photo = client.encoded(photo_bytes())
        ask = {"boxes": [[1, 1, 20, 20]] * 256, "multimask": True, "wantLowRes": True}
        self.refused(client.predict(photo, **ask), 503, "busy")
        self.assertLessEqual(client.metric("cache_peak_bytes"), MIB)
        self.assertEqual(client.predict(photo, points=[[1, 1, 1]]).status, 200)

    def test_a_cache_that_is_too_small_for_the_model(self):
        done = self.samc("serve", "--port", "0", "--cache-mib", "1", "-m",
                         os.path.join(SOURCE, "models", "samc-default.safetensors"), code=2)
        self.assertIn("--cache-mib", done.err)


if __name__ == "__main__":
    unittest.main()
