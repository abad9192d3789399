# SPDX-License-Identifier: Apache-2.0
"""200 hostile names and labels: of uploads, of files in the folder, of JSON keys, in paths and
queries. They come back as text in JSON, cleaned, and nowhere else."""
import os
import unicodedata
import unittest
import urllib.parse

from serve_test import ServerCase, photo_bytes

TEXTS = [
    "<script>alert(1)</script>", "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>", "' onmouseover='alert(1)", "javascript:alert(1)", "<!--", "-->", "]]>",
    "<a href=\"javascript:alert(1)\">x</a>", "&lt;script&gt;", "&#x3c;b&#x3e;", "<iframe srcdoc='x'>",
    "{{7*7}}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{% include 'x' %}", "`id`", "$(id)", "; id", "| id",
    "&& id", "' OR 1=1 --", "\"; DROP TABLE photos; --", "%s%s%s%n", "%x%x%x", "%00", "%2e%2e%2f",
    "../../etc/passwd", "..\\..\\windows\\system32", "/etc/passwd", "C:\\boot.ini", "\\\\host\\share",
    "file:///etc/passwd", "http://example.org/x", "//example.org/x", "~root", "-rf", "--help", ".", "..",
    "...", " ", "  leading and trailing  ", "con", "nul", "aux.png", "a\r\nSet-Cookie: x=1",
    "a\nX-Evil: 1\n\n<html>", "a\rb", "a\tb", "a\x01b", "a\x1b[31mred", "a\x7fb", "a\x85b", "a\x9bb",
    "a\u2028b", "a\u2029b", "a\u202egnp.exe", "a\u2066b\u2069", "a\u200eb\u200f", "a\u061cb", "a\ufeffb",
    "\u0000".replace("\u0000", "zero"), "\ufffd", "\uffff", "\U0010ffff", "\ue000", "é", "e\u0301" * 30,
    "Zalgo" + "\u0335" * 60, "日本語", "עברית", "العربية", "🙂" * 40, "👩‍👩‍👧‍👦", "ﬀ", "ⅸ", "İ", "ß",
    "\"", "'", "\\", "\\\"", "\\u0000", "\\x00", "\"}]}", "{\"a\": 1}", "[1, 2]", "null", "true", "0",
    "-1", "1e999", "NaN", "undefined", "__proto__", "constructor", "toString", "hasOwnProperty",
    "x" * 200, "a;b=c", "a,b", "a=b&c=d", "a?b", "a#b", "a%b", "a+b", "a:b", "a@b", "a*b", "a|b",
    "filename*=UTF-8''x", "\"; filename=\"y", "=cmd|' /C calc'!A0", "@SUM(1)", "+1", "=1+1",
    "data:text/html,<b>", "<style>*{x:expression(1)}</style>", "<base href=//x>", "<meta http-equiv=x>",
    "<object data=x>", "<math><mi//xlink:href=\"data:x\">", "onload=", "';alert(1);//", "*/alert(1)/*",
]
TEXTS += [f"<x{chr(33 + i)}y=\"{i}\">" for i in range(200 - len(TEXTS))]

# Bytes of file names that are no UTF-8.
BYTES = [b"\xff\xfe", b"\x80", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xc3",
         b"\xf0\x9f\x98", b"\xfe<b>", b"ok\xe9.x", b"\xc0\x80", b"\xf8\x88\x80\x80\x80"]


def is_control(c):
    return (unicodedata.category(c) == "Cc" or c in "\u061c\u200e\u200f\u2028\u2029\ufeff"
            or "\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069")


def cleaned(text):
    return "".join("\ufffd" if is_control(c) else c for c in text)


class Hostile(ServerCase):
    def setUp(self):
        super().setUp()
        self.assertEqual(len(TEXTS), 200)

    def plain(self, reply):
        """Nothing of a name is in the headers, and a browser reads the body as JSON only."""
        self.assertEqual(set(reply.headers) - {"set-cookie", "retry-after", "allow"},
                         {"cache-control", "connection", "content-length", "content-security-policy",
                          "content-type", "cross-origin-opener-policy",
                          "cross-origin-resource-policy", "date", "referrer-policy",
                          "x-content-type-options"} - ({"connection"} - set(reply.headers)))
        self.assertEqual(reply.headers["content-type"], "application/json")
        self.assertEqual(reply.headers["x-content-type-options"], "nosniff")
        self.assertFalse([c for c in reply.body.decode() if is_control(c) and c != "\n"])
        return reply.json

    def test_names_of_uploads(self):
        client = self.serve()
        before = self.files()
        for text in TEXTS:
            with self.subTest(text):
                reply = client.upload(photo_bytes(4, 4), text)
                self.assertEqual(reply.status, 201)
                found = self.plain(reply)
                self.assertEqual(found["name"], cleaned(text))
                self.assertEqual(client.get(f"/api/photos/{found['id']}/image").status, 200)
                self.assertEqual(client.ask("DELETE", f"/api/photos/{found['id']}").status, 204)
        for raw in BYTES:
            reply = client.ask("POST", "/api/photos", photo_bytes(4, 4),
                               {"X-Samc-Name": urllib.parse.quote(raw)})
            self.refused(reply, 400, "format")
            self.plain(reply)
        self.assertEqual(self.files(), before)

    def test_names_of_files(self):
        names = {text.replace("/", "\u2044").encode() for text in TEXTS} | set(BYTES)
        os.mkdir(self.path("photos"))
        written = []
        for name in names:
            name = name[:240] + b".png"
            if not name.startswith(b"."):
                with open(os.path.join(os.fsencode(self.path("photos")), name), "wb") as file:
                    file.write(photo_bytes(4, 4))
                written.append(name)
        self.assertGreater(len(written), 200)
        client = self.serve("photos")
        photos, path = [], "/api/photos"
        while path:
            page = self.plain(client.get(path))
            photos += page["photos"]
            path = page["next"] and f"/api/photos?after={page['next']}"
        self.assertEqual(len(photos), len(written))
        for photo, name in zip(photos, sorted(written)):
            try:
                self.assertEqual(photo["name"], cleaned(name.decode()))
            except UnicodeDecodeError:
                self.assertIn("\ufffd", photo["name"])
            self.assertEqual((photo["width"], photo["height"]), (4, 4))
        for photo in photos[::10]:
            self.assertEqual(client.get(f"/api/photos/{photo['id']}/thumbnail").status, 200)
        for name in written:
            os.remove(os.path.join(os.fsencode(self.path("photos")), name))
        for photo in photos[::10]:
            reply = client.get(f"/api/photos/{photo['id']}/image")
            self.refused(reply, 410, "gone")
            self.plain(reply)
            client.ask("POST", f"/api/photos/{photo['id']}/encode")
            self.assertFalse([c for c in client.events(photo["id"])[-1][1]["error"] if is_control(c)])

    def test_labels_in_json(self):
        client = self.serve()
        photo = client.encoded(photo_bytes())
        for text in TEXTS:
            with self.subTest(text):
                for ask in ({text: 1}, {"points": [[1, 1, text]]}, {"lowRes": text},
                            {"points": text}, {"multimask": text, "points": [[1, 1, 1]]}):
                    reply = client.predict(photo, **ask)
                    self.refused(reply, 400, "format")
                    self.plain(reply)

    def test_paths_queries_and_headers(self):
        client = self.serve()
        for text in TEXTS:
            with self.subTest(text):
                quoted = urllib.parse.quote(text, safe="")
                for path in ("/" + quoted, "/api/photos/" + quoted, "/api/photos?after=" + quoted,
                             "/samples/" + quoted):
                    reply = client.get(path)
                    self.assertIn(reply.status, (200, 404) if path.startswith("/.") or
                                  path == "/%20" else (404,))
                    self.assertNotIn(b"alert", reply.body)
                    self.plain(reply)
                if "\r" in text or "\n" in text:
                    continue
                for name in ("X-Samc-Name", "Cookie", "If-None-Match", "Accept"):
                    reply = client.ask("GET", "/api/config", None,
                                       {name: text.encode("utf-8")})
                    if reply.status == 200:
                        self.plain(reply)
                    else:
                        self.assertEqual(reply.status, 400)


if __name__ == "__main__":
    unittest.main()
