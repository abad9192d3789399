# SPDX-License-Identifier: Apache-2.0
"""What `samc bench` prints: its keys, and that the stages add up. No time is judged."""
import json
import unittest

from samc_test import MODEL, Case, photo_bytes

# The sizes of tests/golden/tiny.pth (tools/parity/models.py: TINY).
TOKENS, DIM, MLP, PATCH, DEPTH, GLOBALS, WINDOW, GRID = 100, 40, 160, 768, 3, 1, 4, 10
EMBED, INNER = 32, 16


def encoder_products():
    """Multiply-adds of each stage of the image encoder, as the reference writes them."""
    def attention(window):
        return TOKENS * 2 * DIM * (window * window + window)
    return {
        "resize, patches": 0,
        "patch embed": TOKENS * DIM * PATCH,
        "norm1, qkv": DEPTH * TOKENS * 3 * DIM * DIM,
        "window attention": (DEPTH - GLOBALS) * attention(WINDOW),
        "global attention": GLOBALS * attention(GRID),
        "proj": DEPTH * TOKENS * DIM * DIM,
        "norm2, mlp": DEPTH * TOKENS * 2 * DIM * MLP,
        "neck": TOKENS * EMBED * (DIM + 9 * EMBED),
        "transpose": 0,
        "decoder's share of the photo": TOKENS * EMBED * (11 * INNER + EMBED),
    }


class Bench(Case):
    def bench(self, *words):
        return self.samc("bench", "-m", MODEL, "--runs", "1", "--threads", "2", *words)

    def test_json(self):
        answer = json.loads(self.bench("--json", "--precision", "f32").out)
        for key in ("encode_s", "decode1_s", "decode64_s", "load_s", "peak_rss_mib", "peak_gflops",
                    "weights_mib", "load_rss_mib", "encode_rss_mib"):
            self.assertGreater(answer[key], 0, key)
        self.assertEqual(answer["threads"], 2)
        self.assertEqual(answer["precision"], "f32")
        self.assertNotIn("encode_1thread_s", answer)
        self.assertLessEqual(answer["load_rss_mib"], answer["encode_rss_mib"])
        self.assertLessEqual(answer["encode_rss_mib"], answer["peak_rss_mib"])

    def test_stages(self):
        answer = json.loads(self.bench("--json").out)
        for work in ("encode", "decode1", "decode64"):
            stages, seconds = answer[work]["stages"], answer[f"{work}_s"]
            names = [stage["stage"] for stage in stages]
            self.assertEqual(len(set(names)), len(names), names)
            self.assertGreater(len(names), 3)
            # each is rounded to a microsecond
            self.assertLessEqual(sum(s["s"] for s in stages), seconds + 1e-6 * len(stages), work)
            self.assertAlmostEqual(sum(s["gflop"] for s in stages), answer[work]["gflop"], 4)
            self.assertAlmostEqual(answer[work]["gflop"] / seconds / answer["peak_gflops"],
                                   answer[work]["share"], delta=0.02 * answer[work]["share"] + 1e-3)

    def test_operations(self):
        answer = json.loads(self.bench("--json").out)
        counted = {s["stage"]: s["gflop"] for s in answer["encode"]["stages"]}
        expected = {name: 2e-9 * n for name, n in encoder_products().items()}
        self.assertEqual(set(counted), set(expected))
        for name, gflop in expected.items():
            self.assertAlmostEqual(counted[name], gflop, delta=1e-6, msg=name)
        # what 64 prompts share may make them cheaper than 64 single ones, not dearer
        self.assertGreater(answer["decode64"]["gflop"], answer["decode1"]["gflop"])
        self.assertLessEqual(answer["decode64"]["gflop"], 64 * answer["decode1"]["gflop"] * 1.001)

    def test_scaling(self):
        answer = json.loads(self.bench("--json", "--scaling").out)
        self.assertGreater(answer["encode_1thread_s"], 0)
        self.assertIn("on one thread", self.bench("--scaling").out)

    def test_photo(self):
        self.write("photo.png", photo_bytes(48, 32))
        self.assertGreater(json.loads(self.bench("--json", "photo.png").out)["decode64_s"], 0)
        self.samc("bench", "-m", MODEL, "missing.png", code=1)

    def test_every_path(self):
        for kernels in ("portable", json.loads(self.bench("--json").out)["kernels"]):
            answer = json.loads(self.bench("--json", "--kernels", kernels).out)
            self.assertEqual(answer["kernels"], kernels)

    def test_table(self):
        out = self.bench().out
        for words in ("encode one photo", "global attention", "decode 64 prompts", "the peak",
                      "load the model", "peak memory"):
            self.assertIn(words, out)

    def test_refusals(self):
        for words in (("--precision", "f64"), ("--runs", "0"), ("a.png", "b.png")):
            self.samc("bench", *words, code=2)


if __name__ == "__main__":
    unittest.main()
