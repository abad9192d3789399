# SPDX-License-Identifier: Apache-2.0
"""`samc serve DIR`: what is listed, who may ask, what becomes of files that change."""
import os
import unittest

from serve_test import Client, ServerCase, photo_bytes, png_bytes


def noise_png(side):
    return png_bytes(side, side, os.urandom(3 * side * side))


class Folder(ServerCase):
    def fill(self, count):
        for i in range(count):
            self.write(f"photos/{i:03}.png", photo_bytes(10 + i % 7, 12, i + 1))

    def listed(self, client):
        """All photos, page by page."""
        photos, path = [], "/api/photos"
        while path:
            page = client.get(path).json
            self.assertLessEqual(len(page["photos"]), 100)
            photos += page["photos"]
            path = page["next"] and f"/api/photos?after={page['next']}"
        self.assertEqual(page["count"], len(photos))
        return photos

    def ids(self, client):
        return [photo["id"] for photo in self.listed(client)]

    def test_a_list_in_pages(self):
        self.fill(203)
        photos = self.listed(self.serve("photos"))
        self.assertEqual([(p["name"], p["width"], p["height"]) for p in photos],
                         [(f"{i:03}.png", 10 + i % 7, 12) for i in range(203)])
        self.assertEqual(len({p["id"] for p in photos}), 203)

    def test_the_last_page_says_so(self):
        self.fill(100)
        page = self.serve("photos").get("/api/photos").json
        self.assertEqual((len(page["photos"]), page["next"]), (100, None))

    def test_after_what_is_not_there(self):
        self.fill(1)
        client = self.serve("photos")
        mine = client.upload(photo_bytes()).json["id"]
        for after in ("", "0" * 32, "x", mine, mine + "0"):
            self.refused(client.get(f"/api/photos?after={after}"), 404, "not_found")

    def test_only_photos_directly_in_it(self):
        self.fill(1)
        self.write("outside.png", photo_bytes())
        for name in ("notes.txt", ".hidden.png", "png", ".png", "below/deep.png", "dir.png/x.png"):
            self.write("photos/" + name, photo_bytes())
        os.symlink(self.path("outside.png"), self.path("photos", "link.png"))
        os.mkfifo(self.path("photos", "pipe.png"))
        self.write("photos/broken.JPG", b"no photo")
        photos = self.listed(self.serve("photos"))
        self.assertEqual([(p["name"], p["width"]) for p in photos],
                         [("000.png", 10), ("broken.JPG", 0)])

    def test_they_are_everybodys_and_stay(self):
        self.fill(2)
        client = self.serve("photos")
        photo = self.ids(client)[0]
        client.encode(photo)
        stranger = Client(client.port)
        self.assertEqual(stranger.predict(photo, points=[[1, 1, 1]]).status, 200)
        self.assertEqual(stranger.get(f"/api/photos/{photo}/thumbnail").status, 200)
        self.assertEqual(stranger.get(f"/api/photos/{photo}/image").body,
                         photo_bytes(10, 12, 1))
        self.refused(stranger.ask("DELETE", f"/api/photos/{photo}"), 403, "folder")
        self.assertEqual(self.files("photos"), ["000.png", "001.png"])
        uploaded = client.upload(photo_bytes()).json["id"]
        self.assertNotIn(uploaded, self.ids(client))

    def test_the_next_one_is_encoded_ahead_and_no_other(self):
        self.fill(4)
        client = self.serve("photos")
        photos = self.ids(client)
        client.encode(photos[1])
        while client.predict(photos[2], points=[[1, 1, 1]]).status != 200:
            pass
        again = client.ask("POST", f"/api/photos/{photos[2]}/encode")
        self.assertEqual(again.json, {"state": "ready"})
        for i in (0, 3):
            self.refused(client.predict(photos[i], points=[[1, 1, 1]]), 409, "not_encoded")
        self.assertEqual(client.metric('jobs_total{kind="encode"}'), 2)

    def test_the_last_one_has_none_after_it(self):
        self.fill(2)
        client = self.serve("photos")
        client.encode(self.ids(client)[1])
        self.assertEqual(client.metric('jobs_waiting{queue="ahead"}'), 0)

    def test_files_that_change(self):
        self.fill(4)
        self.write("secret.png", photo_bytes(20, 20))
        client = self.serve("photos")
        photos = self.ids(client)
        for i in range(4):
            os.remove(self.path("photos", f"{i:03}.png"))
        os.symlink(self.path("secret.png"), self.path("photos", "001.png"))
        os.mkfifo(self.path("photos", "002.png"))
        os.mkdir(self.path("photos", "003.png"))
        for photo in photos:
            for what in ("image", "thumbnail"):
                reply = client.get(f"/api/photos/{photo}/{what}")
                self.refused(reply, 410, "gone")
                self.assertNotIn(self.folder, reply.json["error"])
            self.assertEqual(client.ask("POST", f"/api/photos/{photo}/encode").status, 202)
            name, data = client.events(photo)[-1]
            self.assertEqual((name, data["code"]), ("error", "failed"))
            self.assertNotIn(self.folder, data["error"])
        self.write("photos/000.png", photo_bytes(10, 12, 1))
        client.encode(photos[0])

    def test_files_that_are_too_large(self):
        self.write("photos/large.png", noise_png(700))
        client = self.serve("photos", "--upload-mib", "1")
        photo = self.ids(client)[0]
        self.refused(client.get(f"/api/photos/{photo}/image"), 413, "limit")
        self.assertEqual(client.ask("POST", f"/api/photos/{photo}/encode").status, 202)
        self.assertEqual(client.events(photo)[-1][1]["code"], "failed")

    def test_folders_that_are_none(self):
        for name in ("nothing", self.write("a.png", photo_bytes())):
            done = self.samc("serve", "--port", "0", "-m", os.environ["SAMC_TINY_MODEL"], name, code=1)
            self.assertIn(name, done.err)
        os.mkdir(self.path("empty"))
        client = self.serve("empty")
        self.assertEqual(client.get("/api/photos").json["count"], 0)
        self.assertTrue(client.get("/api/config").json["folder"])


if __name__ == "__main__":
    unittest.main()
