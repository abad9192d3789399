# SPDX-License-Identifier: Apache-2.0
"""What the tests of `samc serve` share: a server of its own for each test, and a client of it.

Each server runs on loopback with a port that the system chose and that it prints. Nothing is timed:
where a test waits it waits for an event, and ctest's time limit is the only clock.
"""
import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "cli"))
from samc_test import BINARY, Case, MODEL, decode_rle, photo_bytes, png_bytes, write_npy  # noqa: E402,F401

SOURCE = os.environ["SAMC_SOURCE_DIR"]
TOKEN = "a-token-that-nobody-guesses"


class Reply:
    """Status, headers (names in lower case) and body of an answer."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def lines(self):
        return [json.loads(line) for line in self.body.decode().splitlines()]


class Client:
    """Somebody with a cookie jar."""

    def __init__(self, port):
        self.port = port
        self.cookie = None

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def send(self, method, path, body=None, headers=None):
        """Sends and returns the open (connection, response)."""
        headers = dict(headers or {})
        if self.cookie and "Cookie" not in headers:
            headers["Cookie"] = self.cookie
        connection = self.connect()
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        if response.getheader("Set-Cookie"):
            self.cookie = response.getheader("Set-Cookie").split(";")[0]
        return connection, response

    def ask(self, method, path, body=None, headers=None):
        connection, response = self.send(method, path, body, headers)
        reply = Reply(response)
        connection.close()
        return reply

    def get(self, path, **headers):
        return self.ask("GET", path, None, {k.replace("_", "-"): v for k, v in headers.items()})

    def post_json(self, path, value, headers=None):
        return self.ask("POST", path, json.dumps(value),
                        {"Content-Type": "application/json", **(headers or {})})

    def upload(self, data, name="photo.png"):
        return self.ask("POST", "/api/photos", data, {"X-Samc-Name": urllib.parse.quote(name)})

    def events(self, photo):
        """The events of a photo's encoding up to the last: [(name, data)]."""
        reply = self.get(f"/api/photos/{photo}/events")
        assert reply.status == 200, reply.body
        found = []
        for block in reply.body.decode().split("\n\n"):
            lines = [line for line in block.split("\n") if line and not line.startswith(":")]
            if lines:
                found.append((lines[0][len("event: "):], json.loads(lines[1][len("data: "):])))
        return found

    def encode(self, photo):
        """Asks for it and waits until it is there; returns the events."""
        reply = self.ask("POST", f"/api/photos/{photo}/encode")
        assert reply.status == 202, reply.body
        events = self.events(photo)
        assert events[-1] == ("ready", {}), events
        return events

    def encoded(self, data):
        """Uploads and encodes; returns the id."""
        photo = self.upload(data).json["id"]
        self.encode(photo)
        return photo

    def predict(self, photo, **ask):
        return self.post_json(f"/api/photos/{photo}/predict", ask)

    def metric(self, name):
        for line in self.get("/metrics").body.decode().splitlines():
            if line.startswith(f"samc_{name} "):
                return float(line.split()[-1])
        raise AssertionError(f"no metric {name}")


class ServerCase(Case):
    """A test that starts servers; they end with it, and must end well."""

    def serve(self, *words, model=MODEL, environment=None, wait=True):
        """Starts `samc serve --port 0 ...`; returns a client of it."""
        variables = {k: v for k, v in os.environ.items() if k not in ("SAMC_MODEL", "SAMC_TOKEN")}
        variables.update(environment or {})
        errors = open(self.path("server.err"), "w+b")
        self.addCleanup(errors.close)
        process = subprocess.Popen([BINARY, "serve", "--port", "0", "-m", model, *words],
                                   cwd=self.folder, env=variables, stdout=subprocess.PIPE,
                                   stderr=errors)
        self.addCleanup(self.stop, process, errors)
        address = process.stdout.readline().decode()
        if not address:
            process.wait()
            errors.seek(0)
            self.fail("the server did not start: " + errors.read().decode())
        client = Client(int(address.rstrip("/\n").rsplit(":", 1)[1]))
        client.address, client.process = address.strip(), process
        while wait and client.get("/health").status != 200:
            pass
        return client

    def stop(self, process, errors):
        """SIGTERM ends it in order; a crash or a sanitizer's report would show in its code."""
        if process.poll() is None:
            process.terminate()
        code = process.wait(timeout=120)
        process.stdout.close()
        errors.seek(0)
        self.assertEqual(code, 143, errors.read().decode(errors="replace"))

    def raw(self, client, data):
        """Sends bytes on a connection of its own and returns all that comes."""
        with socket.create_connection(("127.0.0.1", client.port), timeout=120) as connection:
            connection.sendall(data)
            got = b""
            while True:
                piece = connection.recv(65536)
                if not piece:
                    return got
                got += piece

    def refused(self, reply, status, code):
        self.assertEqual((reply.status, reply.json["code"]), (status, code), reply.body)
        self.assertIsInstance(reply.json["error"], str)


def floats_text(values):
    """Base64 of little-endian f32."""
    import struct
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
