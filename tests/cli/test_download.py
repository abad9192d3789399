# SPDX-License-Identifier: Apache-2.0
"""`samc download` against a server on the loopback address, with made-up files and their sums."""
import hashlib
import http.server
import os
import re
import shutil
import stat
import threading
import unittest

from samc_test import Case, MODEL, photo_bytes

FILE = "sam_vit_b_01ec64.pth"


class Server(http.server.BaseHTTPRequestHandler):
    """Serves FILE from server.content, whole or from a byte on; notes what was asked for."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        if self.path != "/models/" + FILE:
            self.send_error(404)
            return
        content = self.server.content
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        first = int(match.group(1)) if match else 0
        if first and first >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        self.wfile.write(content[first:first + self.server.cut])
        self.close_connection = True

    def log_message(self, *_):
        pass


@unittest.skipUnless(shutil.which("curl"), "curl is not installed")
class Download(Case):
    def setUp(self):
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        with open(MODEL, "rb") as file:
            self.content = file.read()
        self.server.content, self.server.cut, self.server.asked = self.content, 1 << 30, []
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_port}/models"
        self.sums = {"SAMC_DOWNLOAD_SUMS": "vit_b=" + hashlib.sha256(self.content).hexdigest()}

    def download(self, *words, environment=None, **more):
        variables = dict(self.sums if environment is None else environment)
        variables.update(http_proxy="", no_proxy="127.0.0.1")
        return self.samc("download", "vit_b", "--url", self.url, *words, environment=variables,
                         **more)

    def test_fetches_names_and_checks(self):
        done = self.download("-o", "models")
        self.assertEqual(self.files("models"), [FILE])
        with open(self.path("models", FILE), "rb") as file:
            self.assertEqual(file.read(), self.content)
        for words in (f"{self.url}/{FILE}", "358 MiB", f"-m models/{FILE}"):
            self.assertIn(words, done.err)
        self.assertEqual(done.out, "")

    def test_address_and_size_are_said_first(self):
        self.server.content = b""
        done = self.download("-o", "models", code=1)
        self.assertLess(done.err.index("358 MiB"), done.err.index("samc: "))

    def test_second_run_fetches_nothing(self):
        self.download("-o", "models")
        self.server.asked.clear()
        self.assertIn("here already", self.download("-o", "models").err)
        self.assertEqual(self.server.asked, [])

    def test_goes_on_with_a_part(self):
        self.write(f"models/{FILE}.part", self.content[:1000])
        self.download("-o", "models")
        self.assertEqual(self.server.asked, [(f"/models/{FILE}", "bytes=1000-")])
        with open(self.path("models", FILE), "rb") as file:
            self.assertEqual(file.read(), self.content)

    def test_whole_part_is_not_asked_for_again(self):
        self.write(f"models/{FILE}.part", self.content)
        self.download("-o", "models")
        self.assertEqual(self.files("models"), [FILE])
        self.assertEqual(self.server.asked, [])

    def test_broken_connection_keeps_the_part(self):
        self.server.cut = 5000
        done = self.download("-o", "models", code=1)
        self.assertIn("run the command again", done.err)
        self.assertEqual(self.files("models"), [FILE + ".part"])
        self.server.cut = 1 << 30
        self.download("-o", "models")
        self.assertEqual(self.files("models"), [FILE])

    def test_wrong_content_is_refused(self):
        self.server.content = b"something else" * 99
        done = self.download("-o", "models", code=1)
        self.assertIn("SHA-256", done.err)
        self.assertEqual(self.files("models"), [])

    def test_published_sum_is_the_default(self):
        done = self.download("-o", "models", environment={}, code=1)
        self.assertIn("ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912", done.err)
        self.assertEqual(self.files("models"), [])

    def test_missing_on_the_server(self):
        self.url = self.url.replace("models", "elsewhere")
        done = self.download("-o", "models", code=1)
        self.assertIn("the server has no", done.err)
        self.assertEqual(self.files("models"), [])

    def test_no_server(self):
        self.url = "http://127.0.0.1:1/models"
        self.assertIn("cannot reach", self.download("-o", "models", code=1).err)

    def test_folder_is_a_file(self):
        self.write("models", b"")
        self.assertIn("models", self.download("-o", "models", code=1).err)

    def test_no_curl(self):
        os.mkdir(self.path("bin"))
        done = self.download("-o", "models", code=1,
                             environment={**self.sums, "PATH": self.path("bin")})
        self.assertIn("curl is not installed", done.err)

    def test_no_checksum_program(self):
        os.mkdir(self.path("bin"))
        os.symlink(shutil.which("curl"), self.path("bin/curl"))
        done = self.download("-o", "models", code=1,
                             environment={**self.sums, "PATH": self.path("bin")})
        self.assertIn("sha256sum", done.err)
        self.assertEqual(self.files("models"), [FILE + ".part"])

    def test_shasum_will_do(self):
        os.mkdir(self.path("bin"))
        os.symlink(shutil.which("curl"), self.path("bin/curl"))
        digest = hashlib.sha256(self.content).hexdigest()
        self.write("bin/shasum", f"#!/bin/sh\necho \"{digest}  x\"\n".encode())
        os.chmod(self.path("bin/shasum"), stat.S_IRWXU)
        self.download("-o", "models", environment={**self.sums, "PATH": self.path("bin")})
        self.assertEqual(self.files("models"), [FILE])

    def test_default_folder_and_model_by_name(self):
        home = {"XDG_DATA_HOME": self.path("data")}
        done = self.download(environment={**self.sums, **home})
        self.assertEqual(self.files("data/samc"), [FILE])
        self.assertIn("-m vit_b", done.err)
        self.write("a.png", photo_bytes())
        done = self.samc("segment", "a.png", "-m", "vit_b", "-p", "9,9", "--json",
                         environment=home)
        self.assertEqual(done.out.count("\n"), 1)

    def test_home_is_the_default(self):
        self.download(environment={**self.sums, "XDG_DATA_HOME": "", "HOME": self.folder})
        self.assertEqual(self.files(".local/share/samc"), [FILE])


class Usage(Case):
    def test_names(self):
        self.assertIn("vit_b, vit_l or vit_h", self.samc("download", code=2).err)
        self.assertIn('"vit_x"', self.samc("download", "vit_x", code=2).err)


if __name__ == "__main__":
    unittest.main()
