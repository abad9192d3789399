# SPDX-License-Identifier: Apache-2.0
"""Photos in all the ways a command line can name them, and the bad ones among them."""
import json
import os
import unittest

from samc_test import Case, MODEL, photo_bytes, read_png

POINT = ("-p", "24,16")


class Inputs(Case):
    def setUp(self):
        super().setUp()
        self.write("a.png", photo_bytes())

    def names(self, *words, **more):
        done = self.segment("--json", *POINT, *words, **more)
        return [json.loads(line)["photo"] for line in done.out.splitlines()], done.err

    def test_several(self):
        self.write("b.png", photo_bytes(seed=2))
        self.assertEqual(self.names("b.png", "a.png"), (["b.png", "a.png"], ""))

    def test_folder_is_sorted_and_sifted(self):
        for name in ("z.png", "B.PNG", "a.png", ".hidden.png", "notes.txt", "deeper/c.png"):
            self.write("in/" + name, photo_bytes())
        os.mkdir(self.path("in/folder.png"))
        self.assertEqual(self.names("in")[0], ["in/B.PNG", "in/a.png", "in/z.png"])
        self.assertEqual(self.names("in/")[0], ["in/B.PNG", "in/a.png", "in/z.png"])

    def test_folder_without_photos(self):
        self.write("in/notes.txt", b"")
        names, words = self.names("in", "a.png", code=1)
        self.assertEqual(names, ["a.png"])
        self.assertIn("no photo in the folder in", words)

    def test_stdin(self):
        self.assertEqual(self.names("-", stdin=photo_bytes())[0], ["-"])
        self.segment("-", *POINT, "-o", "out", stdin=photo_bytes())
        self.assertEqual(self.files("out"),
                         ["stdin_object0_mask0.png", "stdin_object0_mask0_overlay.png"])

    def test_stdin_is_empty_or_no_photo(self):
        self.assertIn("empty", self.names("-", code=1)[1])
        self.assertIn("standard input", self.names("-", stdin=b"hello" * 99, code=1)[1])

    def test_pipe_to_pipe(self):
        done = self.segment("-", *POINT, "-o", "-", stdin=photo_bytes())
        self.segment("a.png", *POINT, "-o", "out", "--save", "mask")
        with open(self.path("out", "a_object0_mask0.png"), "rb") as file:
            self.assertEqual(read_png(done.bytes), read_png(file.read()))

    def test_bad_photo_among_good_ones(self):
        self.write("broken.png", photo_bytes()[:200])
        self.write("text.jpg", b"I am no photo")
        self.write("z.png", photo_bytes())
        names, words = self.names("a.png", "broken.png", "gone.png", "text.jpg", "z.png", code=1)
        self.assertEqual(names, ["a.png", "z.png"])
        for name in ("broken.png", "gone.png", "text.jpg"):
            self.assertIn(name, words)
        self.assertEqual(words.count("samc: "), 3)

    def test_only_bad_photos(self):
        self.assertEqual(self.names("gone.png", code=1)[0], [])

    def test_same_stems(self):
        self.write("one/x.png", photo_bytes())
        self.write("two/x.png", photo_bytes(seed=2))
        self.write("x-2.png", photo_bytes(seed=3))
        done = self.segment("one/x.png", "two/x.png", "x-2.png", *POINT, "-o", "out", "--save",
                            "cutout")
        self.assertEqual(self.files("out"), sorted(f"{stem}_object0_mask0_cutout.png"
                                                   for stem in ("x", "x-2", "x-2-2")))
        self.assertIn("two/x.png are called x-2", done.err)
        self.assertIn("x-2.png are called x-2-2", done.err)

    def test_names_that_need_escapes(self):
        name = 'q"\\\n\u00e9.png'
        self.write(name, photo_bytes())
        self.assertEqual(self.names(name)[0], [name])

    def test_name_that_is_no_utf8(self):
        raw = os.fsencode(self.folder) + b"/b\xff.png"
        with open(raw, "wb") as file:
            file.write(photo_bytes())
        self.assertEqual(self.names(b"b\xff.png".decode(errors="surrogateescape"))[0],
                         ["b\ufffd.png"])

    def test_dashes_end_the_options(self):
        self.write("-p.png", photo_bytes())
        self.assertEqual(self.names("--", "-p.png")[0], ["-p.png"])

    def test_extreme_shapes(self):
        for width, height in ((1, 1), (1, 300), (300, 1), (160, 10)):
            with self.subTest((width, height)):
                self.write("s.png", photo_bytes(width, height))
                self.segment("s.png", "-p", "0,0", "-o", "out", "--multimask", "--save",
                             "mask,overlay,cutout,logits,low_res,grid")
                with open(self.path("out", "s_object0_mask0.png"), "rb") as file:
                    self.assertEqual(read_png(file.read())[:2], (width, height))

    def test_embed_goes_on_too(self):
        self.write("text.jpg", b"I am no photo")
        done = self.samc("embed", "text.jpg", "a.png", "-m", MODEL, "-o", "out", code=1)
        self.assertIn("text.jpg", done.err)
        self.assertEqual(self.files("out"), ["a.safetensors"])

    def test_embed_refuses(self):
        for words, says in (((), "say which photo"), (("a.png",), "-o"), (("a.png", "-o", ""), "-o"),
                            (("a.png", "-o", "x", "--dtype", "f8"), "f8")):
            with self.subTest(words):
                self.assertIn(says, self.samc("embed", "-m", MODEL, *words, code=2).err)


if __name__ == "__main__":
    unittest.main()
