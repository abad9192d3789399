# SPDX-License-Identifier: Apache-2.0
"""Prompts and options that mean nothing: exit code 2, one sentence, nothing done."""
import json
import os
import shutil
import unittest

from samc_test import BINARY, MODEL, Case, photo_bytes


class Usage(Case):
    def setUp(self):
        super().setUp()
        self.write("a.png", photo_bytes())

    def refused(self, *words, says, output=("-o", "out")):
        done = self.segment("a.png", *output, *words, code=2)
        self.assertIn(says, done.err)
        self.assertEqual(done.out, "")
        self.assertEqual([f for f in self.files() if f == "out"], [], "nothing is to be done")

    def test_no_prompt(self):
        self.refused(says="no prompt")

    def test_no_photo(self):
        self.assertIn("say which photo", self.segment("-p", "1,1", "--json", code=2).err)

    def test_nowhere_to_go(self):
        self.refused("-p", "1,1", output=(), says="-o DIR")
        self.refused("-p", "1,1", output=("-o", ""), says="-o needs the name of a folder")

    def test_points_that_are_none(self):
        for text in ("", "5", "5,", ",5", "5;6", "5, 6", "a,b", "1,2,3,4", "1,2,", "nan,5", "5,inf",
                     "1e99,5", "-nan,0"):
            with self.subTest(text):
                self.refused("--point", text, says=f"--point {text}")

    def test_labels_other_than_0_and_1(self):
        for label in ("2", "3"):
            with self.subTest(label):
                self.refused("--point", f"5,6,{label}", says="corner of a box")
        for label in ("-1", "4", "1.0", "yes", "++"):
            with self.subTest(label):
                self.refused("--point", f"5,6,{label}", says=f'label is "{label}"')

    def test_boxes_that_are_none(self):
        for text in ("", "1,2,3", "1,2,3,4,5", "1,2,3,nan", "a,b,c,d"):
            with self.subTest(text):
                self.refused("--box", text, says="four finite numbers")
        self.refused("--box", "9,1,5,5", says="X0 <= X1")
        self.refused("--box", "1,9,5,5", says="Y0 <= Y1")

    def test_two_boxes_need_object_between(self):
        self.refused("--box", "1,1,9,9", "--box", "2,2,8,8", says="--object")

    def test_two_masks_need_object_between(self):
        self.refused("--mask", "a.npy", "--mask", "b.npy", says="--object")

    def test_object_without_prompt(self):
        self.refused("-p", "1,1", "--object", says="object 1 has no prompt")
        self.refused("--object", says="object 0 has no prompt")

    def test_too_many_points(self):
        self.refused(*(["-p", "1,1"] * 1025), says="1024 points")

    def test_precision(self):
        self.refused("-p", "1,1", "--precision", "bf16", says="f32")

    def test_save(self):
        self.refused("-p", "1,1", "--save", "mask,poster", says='"poster"')
        self.refused("-p", "1,1", "--save", "", says="--save")
        self.refused("-p", "1,1", "--json", "--save", "mask", output=(), says="-o DIR")
        self.refused("-p", "1,1", "--save", "mask", output=("-o", "-"), says="-o DIR")

    def test_stdout_is_wanted_twice(self):
        self.refused("-p", "1,1", "--json", output=("-o", "-"), says="standard output")
        self.refused("-p", "1,1", "--multimask", output=("-o", "-"), says="--multimask")

    def test_one_photo_options(self):
        self.write("b.png", photo_bytes())
        self.refused("b.png", "-p", "1,1", output=("-o", "-"), says="for one photo")
        self.refused("b.png", "-p", "1,1", "--embedding", "x.safetensors", says="for one photo")

    def prompts(self, value, says):
        self.write("p.json", value if isinstance(value, bytes) else json.dumps(value).encode())
        self.refused("--prompts", "p.json", says=says)

    def test_prompt_files(self):
        def one(**keys):
            return {"objects": [keys]}
        self.prompts(one(points=[[1, 1]], labels=[1, 0]), "labels")
        self.prompts(one(points=[[1, 1]], labels=[2]), "2")
        self.prompts(one(), "objects[0]")
        self.prompts({"objects": []}, "objects")
        self.prompts(b'{"objects": [{"points": [[NaN, 1]], "labels": [1]}]}', "p.json")
        self.prompts(b'{"objects": [', "p.json")
        self.prompts(one(points=[[1, 1]], labels=[1], frob=1), "frob")

    def test_prompt_file_and_options(self):
        self.write("p.json", b'{"objects": [{"points": [[1, 1]], "labels": [1]}]}')
        self.refused("--prompts", "p.json", "-p", "1,1", says="not from both")

    def test_prompt_file_is_missing(self):
        self.refused("--prompts", "nothing.json", says="nothing.json")


class Models(Case):
    def setUp(self):
        super().setUp()
        self.write("a.png", photo_bytes())
        self.words = ("segment", "a.png", "-p", "9,9", "--json")

    def test_missing_file(self):
        self.assertIn("no.pth", self.samc(*self.words, "-m", "no.pth", code=3).err)

    def test_not_a_model(self):
        self.assertIn("a.png", self.samc(*self.words, "-m", "a.png", code=3).err)

    def test_published_name_that_was_not_fetched(self):
        done = self.samc(*self.words, "-m", "vit_b", code=3,
                         environment={"XDG_DATA_HOME": self.folder})
        self.assertIn("samc download vit_b", done.err)

    def test_environment_names_it(self):
        self.samc(*self.words, environment={"SAMC_MODEL": MODEL})
        self.assertIn("no.pth", self.samc(*self.words, environment={"SAMC_MODEL": "no.pth"},
                                          code=3).err)

    def test_option_goes_before_environment(self):
        self.segment("a.png", "-p", "9,9", "--json", environment={"SAMC_MODEL": "no.pth"})

    def moved_binary(self, *where):
        """The command, copied into a folder of the test's."""
        os.makedirs(self.path(*where), exist_ok=True)
        return shutil.copy(BINARY, self.path(*where, "samc"))

    def test_model_beside_the_binary(self):
        for model in ("models", "bin/models", "bin", "share/samc"):
            with self.subTest(model):
                binary = self.moved_binary("bin")
                os.makedirs(self.path(model), exist_ok=True)
                place = self.path(model, "samc-default.safetensors")
                shutil.copy(MODEL, place)  # what it is, is told by its content
                self.samc(*self.words, executable=binary)
                os.unlink(place)

    @unittest.skipIf(os.path.exists(os.path.join(os.environ.get("SAMC_DATADIR", ""),
                                                 "samc-default.safetensors")),
                     "a model is installed on this machine")
    def test_no_model_anywhere(self):
        done = self.samc(*self.words, executable=self.moved_binary("bin"), code=3)
        for words in (self.path("bin/../models"), "SAMC_MODEL", "share/samc",
                      "samc download vit_b"):
            self.assertIn(words, done.err)

    def test_unknown_kernels(self):
        done = self.segment("a.png", "-p", "9,9", "--json", "--kernels", "abacus", code=2)
        self.assertIn("portable", done.err)


if __name__ == "__main__":
    unittest.main()
