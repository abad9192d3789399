# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/HTTP.md, run as they stand: only the address is that of the test's server."""
import json
import os
import re
import shutil
import subprocess
import unittest

from serve_test import SOURCE, ServerCase


class Docs(ServerCase):
    def examples(self):
        with open(os.path.join(SOURCE, "docs", "HTTP.md"), encoding="utf-8") as file:
            blocks = re.findall(r"^```sh\n(.*?)^```$", file.read(), re.M | re.S)
        self.assertEqual(blocks[0], "U=http://127.0.0.1:8080\n")
        return blocks

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_every_example_works(self):
        client = self.serve(os.path.join(SOURCE, "docs", "photos"),
                            model=os.path.join(SOURCE, "models", "samc-default.safetensors"))
        os.symlink(os.path.join(SOURCE, "docs"), self.path("docs"))
        blocks = self.examples()
        blocks[0] = f"U={client.address.rstrip('/')}\n"
        commands = [line for block in blocks for line in block.splitlines()]
        self.assertGreater(len(commands), 14)
        script = "".join(f"{command}\necho; echo =\n" for command in commands)
        done = subprocess.run(["sh", "-eu", "-c", script], cwd=self.folder, capture_output=True,
                              timeout=600, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        outputs = dict(zip(commands, done.stdout.decode().split("\n=\n")))
        for command, output in outputs.items():
            self.assertNotIn('"error"', output, command)
            if "/predict" in command:
                masks = json.loads(output)["masks"]
                self.assertEqual(len(masks), 3 if "multimask" in command else 2)
            if "/events" in command:
                self.assertIn("event: ready", output)
        with open(self.path("masks.jsonl"), encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        self.assertEqual([line["id"] for line in lines], list(range(len(lines))))
        self.assertEqual(sorted(self.files()),
                         ["astronaut.safetensors", "decoder.safetensors", "docs", "jar",
                          "masks.jsonl", "photo.json", "server.err", "thumbnail.jpg",
                          "upright.jpg"])
        self.decoder_and_embedding_fit(outputs)

    def decoder_and_embedding_fit(self, outputs):
        """What was fetched is a model and its embedding: the command gives the same masks."""
        command = next(c for c in outputs if "multimask" in c)
        shutil.copy(os.path.join(SOURCE, "docs", "photos", "astronaut.jpg"),
                    self.path("astronaut.jpg"))
        done = self.samc("segment", "-m", "decoder.safetensors", "--embedding",
                         "astronaut.safetensors", "astronaut.jpg", "-p", "230,120", "--multimask",
                         "--json")
        for line, mask in zip(done.out.splitlines(), json.loads(outputs[command])["masks"]):
            self.assertAlmostEqual(json.loads(line)["predicted_iou"], mask["score"], places=2)


if __name__ == "__main__":
    unittest.main()
