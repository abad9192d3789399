#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`samc serve` under load (make load-test).

64 clients ask for masks of 32 photos for LOAD_SECONDS, with a cache that holds about half of the
photos. Every answer must be, byte for byte, the one that a lone client got from a server of its own.
Memory must stay within a budget: what a server takes beside its cache with a lone client, and the
cache; it must not grow from one third of the time to the end. Then 1,000 connections that send or
take next to nothing stay for a while, and a good client must get every answer.

The photos are those of docs/photos: cut to 16 heights by the number in the file's header, and turned
by EXIF, so that no more than Python's standard library is needed.
"""
import argparse
import hashlib
import http.client
import json
import os
import random
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
CLIENTS = 64
PHOTOS = 32
SLOW = 1000
CACHE_MIB = 64
CONNECTIONS = 512
MIB = 1 << 20


# ------------------------------------------------------------------------------------ photos

def crop_and_turn(data, height, orientation):
    """A JPEG whose first `height` rows remain, with an EXIF orientation."""
    at = 2
    while True:
        marker, length = data[at + 1], int.from_bytes(data[at + 2:at + 4], "big")
        if 0xC0 <= marker <= 0xC2:
            break
        at += 2 + length
    cut = data[:at + 5] + height.to_bytes(2, "big") + data[at + 7:]
    tiff = (b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + orientation.to_bytes(2, "big") + bytes(6))
    exif = b"Exif\0\0" + tiff
    return cut[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + cut[2:]


def make_photos(folder):
    for i in range(PHOTOS):
        with open(os.path.join(ROOT, "docs", "photos", ("astronaut", "rocket")[i % 2] + ".jpg"), "rb") as f:
            data = crop_and_turn(f.read(), 424 - 10 * (i // 2), i // 2 % 8 + 1)
        with open(os.path.join(folder, f"{i:02}.jpg"), "wb") as f:
            f.write(data)


# ------------------------------------------------------------------------------------ server

class Server:
    """A `samc serve` that this test started."""

    def __init__(self, binary, model, folder, cache_mib):
        self.process = subprocess.Popen(
            [binary, "serve", folder, "--port", "0", "-m", model, "--cache-mib", str(cache_mib),
             "--connections", str(CONNECTIONS), "--patience", "5"], stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline().decode().rstrip("/\n").rsplit(":", 1)[1])
        while Client(self.port).ask("GET", "/health")[0] != 200:
            time.sleep(0.05)

    def memory(self, key):
        """VmRSS or VmHWM in bytes."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith(key))

    def metric(self, name):
        body = Client(self.port).ask("GET", "/metrics")[1].decode()
        return sum(float(line.split()[-1]) for line in body.splitlines()
                   if line.startswith(f"samc_{name}"))

    def stop(self):
        self.process.terminate()
        return self.process.wait(120)


class Client:
    """Keeps its connection and its cookie."""

    def __init__(self, port):
        self.port, self.connection, self.cookie = port, None, None

    def ask(self, method, path, body=None, headers=None):
        """(status, body); a kept connection that the server closed meanwhile is opened again."""
        headers = {**({"Cookie": self.cookie} if self.cookie else {}), **(headers or {})}
        for attempt in range(3):
            try:
                if not self.connection:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
                self.connection.request(method, path, body, headers)
                response = self.connection.getresponse()
                if response.getheader("Set-Cookie"):
                    self.cookie = response.getheader("Set-Cookie").split(";")[0]
                return response.status, response.read()
            except (ConnectionError, http.client.BadStatusLine):
                self.close()
                if attempt == 2:
                    raise
        raise AssertionError

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def patient(self, method, path, body=None, headers=None):
        """The same, asked again while the server is busy; returns also how often it was."""
        busy = 0
        while True:
            status, answer = self.ask(method, path, body, headers)
            if status != 503:
                return status, answer, busy
            busy += 1
            time.sleep(0.05)

    def encode(self, photo):
        """Until it is there; the embedding may have to make room again before it is used."""
        self.patient("POST", f"/api/photos/{photo}/encode")
        self.patient("GET", f"/api/photos/{photo}/events")

    def photos(self):
        return json.loads(self.ask("GET", "/api/photos")[1])["photos"]


# ------------------------------------------------------------------------------------ questions

JSON = {"Content-Type": "application/json"}


def questions(width, height):
    """(method, what, body) of one photo."""
    def predict(**ask):
        return "POST", "predict", json.dumps(ask)
    w, h = width, height
    everything = {"pointsPerSide": 3, "predIouThresh": 0.2, "stabilityScoreThresh": 0.2}
    return [predict(points=[[w / 2, h / 2, 1]]), predict(points=[[w / 3, h / 3, 1]], multimask=True),
            predict(points=[[w / 2, h / 3, 1], [w / 9, h / 9, 0]], wantLowRes=True),
            predict(boxes=[[w / 4, h / 4, w / 2, h / 2]], points=[[w / 3, h / 3, 1]]),
            predict(boxes=[[1, 1, w / 2, h / 2], [w / 2, 1, w - 1, h - 1]], multimask=True),
            ("POST", "everything", json.dumps(everything)),
            ("GET", "embedding?dtype=f16", None), ("GET", "embedding", None),
            ("GET", "image", None), ("GET", "thumbnail", None)]


def digest(body):
    return hashlib.sha256(body).digest()


def ask_until_answered(client, photo, question):
    """The answer's body, and how often the server had no room."""
    method, what, body = question
    busy = 0
    while True:
        status, answer, n = client.patient(method, f"/api/photos/{photo}/{what}", body,
                                           JSON if body else None)
        busy += n
        if status == 200 and not (what == "everything" and b'"error"' in answer[-200:]):
            return answer, busy
        if status not in (200, 409):
            raise AssertionError(f"{what}: {status} {answer[:200]}")
        client.encode(photo)


def serial_answers(binary, model, folder):
    """{(photo's name, question's index): digest}, and the memory that is not the cache's."""
    server = Server(binary, model, folder, CACHE_MIB)
    client, expected = Client(server.port), {}
    for photo in client.photos():
        for i, question in enumerate(questions(photo["width"], photo["height"])):
            answer, _ = ask_until_answered(client, photo["id"], question)
            expected[photo["name"], i] = digest(answer)
    with open(os.path.join(folder, "00.jpg"), "rb") as file:
        client.ask("POST", "/api/photos", file.read())
    fixed = server.memory("VmHWM") - int(server.metric("cache_peak_bytes"))
    server.stop()
    return expected, fixed


# ------------------------------------------------------------------------------------ load

class Load:
    """64 threads that ask; counts of what they got."""

    def __init__(self, server, expected, folder):
        self.server, self.expected, self.folder = server, expected, folder
        self.list = Client(server.port).photos()
        self.lock = threading.Lock()
        self.counts = {"answers": 0, "different": 0, "busy": 0, "uploads": 0}
        self.errors = []
        self.stop = threading.Event()

    def count(self, name, n=1):
        with self.lock:
            self.counts[name] += n

    def upload(self, client, chosen):
        """Somebody's own photo, which is the folder's: the same masks. Then it goes, or is left."""
        name = chosen.choice(self.list)["name"]
        with open(os.path.join(self.folder, name), "rb") as file:
            status, body, busy = client.patient("POST", "/api/photos", file.read())
        if status != 201:
            raise AssertionError(f"upload: {status} {body[:200]}")
        self.count("busy", busy)
        self.count("uploads")
        photo = json.loads(body)
        try:
            self.compare(client, photo["id"], name, 0, photo["width"], photo["height"])
        except AssertionError as error:
            if " 404 " not in str(error):  # it had to make room
                raise
        if chosen.random() < 0.5:
            client.ask("DELETE", f"/api/photos/{photo['id']}")

    def compare(self, client, photo, name, i, width, height):
        answer, busy = ask_until_answered(client, photo, questions(width, height)[i])
        self.count("busy", busy)
        self.count("answers")
        if digest(answer) != self.expected[name, i]:
            self.count("different")

    def work(self, seed):
        chosen, client = random.Random(seed), Client(self.server.port)
        try:
            while not self.stop.is_set():
                photo = chosen.choice(self.list)
                if chosen.random() < 0.1:
                    self.upload(client, chosen)
                for _ in range(8):
                    i = chosen.choice((0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9))
                    self.compare(client, photo["id"], photo["name"], i, photo["width"],
                                 photo["height"])
                    if self.stop.is_set():
                        break
        except Exception as error:  # pylint: disable=broad-except
            with self.lock:
                self.errors.append(repr(error))
        client.close()

    def run(self, seconds, seed):
        self.stop.clear()
        threads = [threading.Thread(target=self.work, args=(seed + i,)) for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.stop.set()
        for thread in threads:
            thread.join()


# ------------------------------------------------------------------------------------ slow ones

class SlowOnes:
    """1,000 connections: a third sends half a head, a third a body byte by byte, a third asks for
    embeddings and takes them byte by byte. One that the server closed comes again."""

    def __init__(self, server, photo):
        self.port, self.selector, self.again = server.port, selectors.DefaultSelector(), 0
        host = f"Host: 127.0.0.1:{self.port}\r\n".encode()
        self.openings = [b"GET /api/config HTTP/1.1\r\n" + host,
                         b"POST /api/photos HTTP/1.1\r\n" + host + b"Content-Length: 60000\r\n\r\n",
                         f"GET /api/photos/{photo}/embedding HTTP/1.1\r\n".encode() + host + b"\r\n"]
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def open(self, kind):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        try:
            connection.connect(("127.0.0.1", self.port))
            connection.sendall(self.openings[kind])
        except OSError:
            connection.close()
            return None
        connection.setblocking(False)
        return connection

    def tick(self, connection, kind):
        """A byte; whether the connection still stands."""
        try:
            if kind == 2:
                return connection.recv(1) != b""
            connection.send(b"X")
            return connection.recv(1, socket.MSG_PEEK) != b"" or kind != 0
        except BlockingIOError:
            return True
        except OSError:
            return False

    def run(self):
        slow = [(self.open(i % 3), i % 3) for i in range(SLOW)]
        while not self.stop.wait(1):
            for i, (connection, kind) in enumerate(slow):
                if connection is None or not self.tick(connection, kind):
                    if connection:
                        connection.close()
                    slow[i] = (self.open(kind), kind)
                    self.again += 1
        for connection, _ in slow:
            if connection:
                connection.close()


def good_client(server, expected, photo, seconds):
    """Predictions on new connections; (answers, different or refused, slowest in ms)."""
    answers = wrong = 0
    slowest = 0.0
    question = questions(photo["width"], photo["height"])[0]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        client, began = Client(server.port), time.monotonic()
        try:
            answer, _ = ask_until_answered(client, photo["id"], question)
            wrong += digest(answer) != expected[photo["name"], 0]
        except (OSError, AssertionError, http.client.HTTPException) as error:
            print(f"good client: {error!r}", file=sys.stderr)
            wrong += 1
        client.close()
        answers += 1
        slowest = max(slowest, 1000 * (time.monotonic() - began))
        time.sleep(0.02)
    return answers, wrong, slowest


# ------------------------------------------------------------------------------------ the whole

def mib(n):
    return f"{n / MIB:.1f} MiB"


def under_load(server, load, seconds, budget):
    """Returns what is wrong."""
    rest = []
    load.run(seconds / 3, 1000)
    rest.append(server.memory("VmRSS") - int(server.metric("cache_bytes")))
    load.run(seconds * 2 / 3, 2000)
    rest.append(server.memory("VmRSS") - int(server.metric("cache_bytes")))
    peak, counts = server.memory("VmHWM"), load.counts
    encodings = server.metric('jobs_total{kind="encode"}')
    print(f"load: {CLIENTS} clients, {PHOTOS} photos, {seconds:.0f} s: {counts['answers']} answers, "
          f"{counts['different']} differ from serial ones, {counts['uploads']} uploads, "
          f"{counts['busy']} times asked to try again, {len(load.errors)} errors")
    print(f"load: encodings {encodings:.0f}, cache peak "
          f"{mib(server.metric('cache_peak_bytes'))} of {CACHE_MIB} MiB, "
          f"dropped {server.metric('cache_drops_total'):.0f} blocks")
    print(f"load: memory peak {mib(peak)}, budget {mib(budget)} ({100 * peak / budget:.1f} %)")
    print(f"load: beside the cache {mib(rest[0])} after a third of the time, {mib(rest[1])} at the end")
    for error in load.errors[:5]:
        print(f"load: {error}", file=sys.stderr)
    return [what for what, wrong in (
        ("errors", load.errors), ("answers differ", counts["different"]),
        ("nothing was answered", not counts["answers"]),
        ("memory above the budget + 5 %", peak > 1.05 * budget),
        ("the cache above its budget", server.metric("cache_peak_bytes") > CACHE_MIB * MIB),
        ("memory grows", rest[1] - rest[0] > 0.05 * budget)) if wrong]


def with_slow_ones(server, load, seconds, budget):
    photo = load.list[0]
    Client(server.port).encode(photo["id"])
    slow = SlowOnes(server, photo["id"])
    slow.thread.start()
    while server.metric("connections ") < CONNECTIONS / 2:
        time.sleep(0.1)
    answers, wrong, slowest = good_client(server, load.expected, photo, seconds)
    peak = server.memory("VmHWM")
    print(f"slow: {SLOW} slow connections for {seconds:.0f} s, {slow.again} came again, "
          f"{server.metric('connections_dropped_total'):.0f} closed by the server")
    print(f"slow: a good client beside them: {answers} answers, {wrong} wrong or refused, slowest "
          f"{slowest:.0f} ms; memory peak {mib(peak)} ({100 * peak / budget:.1f} % of the budget)")
    slow.stop.set()
    slow.thread.join()
    return [what for what, bad in (("the good client was refused", wrong or not answers),
                                   ("memory above the budget + 5 %", peak > 1.05 * budget)) if bad]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samc", required=True)
    parser.add_argument("--model", default=os.path.join(ROOT, "models", "samc-default.safetensors"))
    parser.add_argument("--seconds", type=float, default=300)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    with tempfile.TemporaryDirectory(prefix="samc-load-") as folder:
        make_photos(folder)
        expected, fixed = serial_answers(options.samc, options.model, folder)
        budget = fixed + CACHE_MIB * MIB + 2 * CONNECTIONS * (32 << 10)
        print(f"load: {len(expected)} serial answers; budget: {mib(fixed)} with one client beside "
              f"the cache, {CACHE_MIB} MiB cache, 32 KiB for each of {2 * CONNECTIONS} connections",
              flush=True)
        server = Server(options.samc, options.model, folder, CACHE_MIB)
        try:
            load = Load(server, expected, folder)
            wrong = under_load(server, load, options.seconds, budget)
            wrong += with_slow_ones(server, load, max(10, options.seconds / 5), budget)
        finally:
            code = server.stop()
    if code != 143:
        wrong.append(f"the server ended with {code}")
    print("load: " + ("; ".join(wrong) if wrong else "nothing is wrong"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
