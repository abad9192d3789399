# SPDX-License-Identifier: Apache-2.0
"""Who may ask: addresses, Host, Origin, Sec-Fetch-Site, the token, owners."""
import re
import subprocess
import unittest

from serve_test import BINARY, MODEL, TOKEN, Client, ServerCase, photo_bytes


class Addresses(ServerCase):
    def refuses(self, *words, says, environment=None):
        done = self.samc("serve", "-m", MODEL, "--port", "0", *words, code=2,
                         environment=environment)
        self.assertIn(says, done.err)
        self.assertEqual(done.out, "")

    def test_others_need_a_token(self):
        for host in ("0.0.0.0", "::", "192.0.2.1", "example.org", ""):
            self.refuses("--host", host, says="--token")
        self.refuses("--host", "0.0.0.0", "--token", "short", says="16")
        self.refuses("--token", "sixteen characters with blanks", says="blanks")
        self.refuses("--host", "0.0.0.0", environment={"SAMC_TOKEN": "short"}, says="16")
        self.refuses("--host", "example.org", "--token", TOKEN, says="--host example.org")

    def test_all_addresses_with_a_token(self):
        client = self.serve("--host", "0.0.0.0", "--token", TOKEN)
        self.assertEqual(client.get("/api/config").status, 401)
        self.assertEqual(client.get("/api/config", Authorization="Bearer " + TOKEN).status, 200)
        for host, status in (("192.0.2.7:1", 200), ("evil.example", 403)):
            self.assertEqual(client.get("/health", Host=host).status, status)

    def test_a_port_that_is_taken(self):
        client = self.serve()
        done = subprocess.run([BINARY, "serve", "-m", MODEL, "--port", str(client.port)],
                              capture_output=True, check=False, timeout=120)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr.decode(), r"cannot listen on 127\.0\.0\.1, port \d+")

    def test_a_model_that_is_not_there(self):
        done = self.samc("serve", "-m", "nothing.pth", "--port", "0", code=3)
        self.assertRegex(done.out, r"^http://127\.0\.0\.1:\d+/\n$")


class Sites(ServerCase):
    def test_host_must_be_a_name_of_ours(self):
        client = self.serve()
        for host in ("127.0.0.1", f"127.0.0.1:{client.port}", "localhost:1", "LocalHost", "[::1]:80",
                     "127.9.9.9"):
            self.assertEqual(client.get("/health", Host=host).status, 200, host)
        for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil",
                     "192.0.2.1", "127.0.0.1:80:80", "127.0.0.1:x", "[::1", "[::1]x", ":80", "",
                     "a" * 300, "127.0.0.1@evil.example"):
            for path in ("/health", "/api/config", "/", "/samples/astronaut.jpg"):
                self.refused(client.get(path, Host=host), 403, "host")

    def test_without_host_nothing_is_answered(self):
        client = self.serve()
        got = self.raw(client, b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")
        self.assertRegex(got, rb"^HTTP/1\.[01] 4\d\d ")
        self.assertNotIn(b"\"ok\"", got)
        got = self.raw(client, b"GET /health HTTP/1.0\r\n\r\n")
        self.assertRegex(got, rb"^HTTP/1\.[01] 403 ")

    def test_pages_of_other_sites(self):
        client = self.serve()
        own = f"http://127.0.0.1:{client.port}"
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": ""},
                        {"Origin": "http://127.0.0.1:1"}, {"Origin": own + "/"},
                        {"Origin": own.replace("http", "ftp")},
                        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
                        {"Origin": own, "Sec-Fetch-Site": "cross-site"}):
            for method, path in (("POST", "/api/photos"), ("POST", "/api/login"),
                                 ("DELETE", "/api/photos/" + "0" * 32), ("GET", "/api/config")):
                reply = client.ask(method, path, None, headers)
                self.refused(reply, 403, "origin")
                self.assertNotIn("set-cookie", reply.headers)
                self.assertFalse([h for h in reply.headers if h.startswith("access-control")])
        self.assertEqual(client.metric("uploads"), 0)
        for headers in ({"Origin": own}, {"Origin": own, "Sec-Fetch-Site": "same-origin"},
                        {"Sec-Fetch-Site": "none"}, {"Origin": own.replace("http", "https")}):
            self.assertEqual(client.ask("POST", "/api/photos", photo_bytes(), headers).status, 201)

    def test_asking_for_leave_gets_none(self):
        client = self.serve()
        reply = client.ask("OPTIONS", "/api/photos", None,
                           {"Origin": "http://evil.example",
                            "Access-Control-Request-Method": "POST"})
        self.assertIn(reply.status, (403, 405))
        self.assertFalse([h for h in reply.headers if h.startswith("access-control")])

    def test_get_changes_nothing(self):
        """Every path with GET, by somebody who owns a photo: it stays, and stays unencoded."""
        client = self.serve()
        photo = client.upload(photo_bytes()).json["id"]
        for what in ("", "/encode", "/predict", "/everything", "/embedding", "/events", "/image",
                     "/thumbnail"):
            client.get(f"/api/photos/{photo}{what}")
        client.get("/api/login?token=x")
        self.assertEqual(client.metric("uploads"), 1)
        self.assertEqual(client.get(f"/api/photos/{photo}/embedding").status, 409)


class Tokens(ServerCase):
    ROUTES = (("GET", "/api/config"), ("GET", "/metrics"), ("GET", "/api/photos"),
              ("POST", "/api/photos"), ("GET", "/api/model/decoder"),
              ("GET", "/api/photos/" + "0" * 32 + "/image"))

    def test_every_route_but_health_and_files(self):
        client = self.serve("--token", TOKEN)
        wrong = (None, "Bearer", "Bearer ", "Bearer " + TOKEN[:-1], "Bearer " + TOKEN + "x",
                 "Bearer " + TOKEN.upper(), "Basic " + TOKEN, TOKEN)
        for given in wrong:
            for method, path in self.ROUTES:
                reply = client.ask(method, path, None, {"Authorization": given} if given else None)
                self.refused(reply, 401, "token")
                self.assertEqual(reply.headers["www-authenticate"], "Bearer")
        self.assertEqual(client.get("/health").status, 200)
        self.assertEqual(client.get("/samples/astronaut.jpg").status, 200)
        self.assertEqual(client.get("/api/config", Authorization="Bearer " + TOKEN).status, 200)

    def test_login(self):
        client = self.serve(environment={"SAMC_TOKEN": TOKEN})
        for body in ({"token": "no"}, {"token": ""}, {"token": TOKEN + "\0"}, {"token": TOKEN[:-1]}):
            reply = client.post_json("/api/login", body)
            self.assertIn(reply.status, (400, 403))
            self.assertNotIn("set-cookie", reply.headers)
        self.refused(client.post_json("/api/login", {"token": 1}), 400, "format")
        self.refused(client.ask("POST", "/api/login", "{}"), 415, "content_type")
        reply = client.post_json("/api/login", {"token": TOKEN})
        self.assertEqual(reply.status, 200)
        self.assertIn("HttpOnly; SameSite=Strict", reply.headers["set-cookie"])
        self.assertEqual(client.get("/api/config").status, 200)
        photo = client.encoded(photo_bytes())
        self.assertEqual(client.predict(photo, points=[[1, 1, 1]]).status, 200)
        self.assertNotIn(TOKEN.encode(), client.get("/metrics").body)

    def test_a_session_without_the_token_is_not_trusted(self):
        client = self.serve("--token", TOKEN)
        reply = client.ask("POST", "/api/photos", photo_bytes(),
                           {"Authorization": "Bearer " + TOKEN})
        self.assertEqual(reply.status, 201)
        self.assertTrue(client.cookie)
        self.refused(client.get("/api/config"), 401, "token")


class Owners(ServerCase):
    def test_photos_belong_to_their_session(self):
        owner = self.serve()
        photo = owner.encoded(photo_bytes())
        stranger = Client(owner.port)
        other = Client(owner.port)
        other.upload(photo_bytes(9, 9))
        forger = Client(owner.port)
        forger.cookie = re.sub(r"[0-9a-f]{32}", "0" * 32, owner.cookie)
        for client in (stranger, other, forger):
            for method, what in (("GET", "image"), ("GET", "thumbnail"), ("GET", "embedding"),
                                 ("GET", "events"), ("POST", "encode"), ("DELETE", "encode"),
                                 ("POST", "predict"), ("POST", "everything")):
                reply = client.ask(method, f"/api/photos/{photo}/{what}", None,
                                   {"Content-Type": "application/json"})
                self.refused(reply, 404, "not_found")
            self.refused(client.ask("DELETE", f"/api/photos/{photo}"), 404, "not_found")
        self.assertEqual(owner.predict(photo, points=[[1, 1, 1]]).status, 200)

    def test_a_session_is_given_out_never_taken(self):
        client = self.serve()
        chosen = f"samc_session_{client.port}={'ab' * 16}"
        reply = client.ask("POST", "/api/photos", photo_bytes(), {"Cookie": chosen})
        self.assertEqual(reply.status, 201)
        self.assertNotIn("ab" * 16, reply.headers["set-cookie"])
        self.assertNotEqual(client.cookie, chosen)

    def test_odd_cookies(self):
        client = self.serve()
        photo = client.upload(photo_bytes()).json["id"]
        mine = client.cookie
        path = f"/api/photos/{photo}/image"
        for cookie, status in ((f"a=b; {mine}; c=d", 200), (f"x{mine}", 404), (mine + "0", 404),
                               (mine[:-1], 404), (mine.upper(), 404), (";;;" + mine, 200),
                               ("=" * 500, 404), (mine.replace("=", "= "), 404)):
            self.assertEqual(client.get(path, Cookie=cookie).status, status, cookie)


if __name__ == "__main__":
    unittest.main()
