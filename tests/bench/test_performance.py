# SPDX-License-Identifier: Apache-2.0
"""How measurements of several rounds become one, and what docs/PERFORMANCE.md makes of them."""
import copy
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools" / "bench"))
import bench_peers  # noqa: E402
import performance  # noqa: E402


def work(seconds, *stages):
    """As samc bench prints it; a stage is (name, seconds, GFLOP)."""
    return {"gflop": sum(s[2] for s in stages), "gflops": 0.0, "share": 0.0, "marker": seconds,
            "stages": [{"stage": n, "s": s, "gflop": g, "gflops": 0.0, "share": 0.0}
                       for n, s, g in stages]}


def samc(encode=4.0):
    return {"encode_s": encode, "decode1_s": 0.01, "decode64_s": 0.5, "load_s": 0.4,
            "encode_1thread_s": 7.6, "peak_gflops": 200.0, "weights_mib": 358.0, "threads": 2,
            "load_rss_mib": 500.0, "encode_rss_mib": 600.0, "peak_rss_mib": 700.0,
            "kernels": "avx512",
            "encode": work(encode, ("resize, patches", 0.5, 0.0), ("mlp", 3.0, 600.0)),
            "decode1": work(0.01, ("heads", 0.01, 1.0)),
            "decode64": work(0.5, ("heads", 0.4, 64.0))}


def measured():
    peer = {"encode_s": 6.0, "decode1_s": 0.04, "decode64_s": 1.0, "load_s": 1.0,
            "load_rss_mib": 1.0, "encode_rss_mib": 2.0, "peak_rss_mib": 3.0, "version": "1.2-abc"}
    return {"machine": {"cpu": "a CPU", "threads": 2, "memory_gib": 24, "system": "Linux",
                        "commit": "abc", "date": "2000-01-01"},
            "rounds": 3, "samc": {"vit_b": bench_peers.finish(samc())},
            "peers": {"openvino_f32": peer, "onnxruntime_f32": dict(peer)},
            "embedding_difference": {"openvino_f32": 1.5e-6}, "avx2": None, "yardsticks": None}


class KeepBest(unittest.TestCase):
    def test_every_figure_on_its_own(self):
        best = {}
        for encode, load, peak, kind in ((4.0, 0.9, 190.0, "a"), (3.0, 0.4, 200.0, "b"),
                                         (5.0, 0.5, 195.0, "c")):
            run = samc(encode)
            run.update(load_s=load, peak_gflops=peak, kernels=kind)
            bench_peers.keep_best(best, run)
        self.assertEqual((best["encode_s"], best["load_s"], best["peak_gflops"], best["kernels"]),
                         (3.0, 0.4, 200.0, "c"))
        # the stages are those of the fastest run, not of the last one
        self.assertEqual(best["encode"]["marker"], 3.0)

    def test_nothing_measured(self):
        best = {}
        bench_peers.keep_best(best, {})
        self.assertEqual(best, {})

    def test_shares(self):
        row = bench_peers.finish(samc())
        self.assertAlmostEqual(row["encode"]["share"], 600.0 / 4.0 / 200.0)
        self.assertAlmostEqual(row["encode"]["stages"][1]["share"], 600.0 / 3.0 / 200.0)
        self.assertEqual(row["encode"]["stages"][0]["share"], 0.0)


class Page(unittest.TestCase):
    def row(self, data, begin):
        lines = performance.Page(copy.deepcopy(data)).text().split("\n")
        found = [line for line in lines if line.startswith(f"| {begin}")]
        self.assertEqual(len(found), 1, begin)
        return [cell.strip() for cell in found[0].strip("|").split("|")]

    def test_verdicts(self):
        data = measured()
        for name, reached, word in (
                ("encode one photo, against", "1.50 ×", "goal"),
                ("encode, vit_b", "75.0 %", "yes, not the goal"),
                ("encode, vit_h", "–", "not measured"),
                ("decode one prompt, against", "4.00 ×", "yes, not the goal"),
                ("decode 64 prompts, against", "2.00 ×", "**no**"),
                ("two threads", "1.90 ×", "yes, not the goal"),
                ("load vit_b", "400.0 ms", "yes, not the goal"),
                ("memory of vit_b", "342 MiB", "yes")):
            row = self.row(data, name)
            self.assertEqual((row[1], row[-1]), (reached, word), name)
        data["samc"]["vit_b"]["encode_1thread_s"] = 7.196
        row = self.row(data, "two threads")  # 1.799, which is not 1.80
        self.assertEqual((row[1], row[-1]), ("1.79 ×", "**no**"))
        data["samc"]["vit_b"]["peak_rss_mib"] = 709.0
        self.assertEqual(self.row(data, "memory of vit_b")[-1], "**no**")

    def test_ceiling(self):
        # 600 GFLOP at 200 a second are 3 s; OpenVINO takes 6
        self.assertIn("take 3.00 s: nothing", performance.Page(measured()).text())
        self.assertIn("by more than 2.00 ×.", performance.Page(measured()).text())

    def test_a_peer_that_failed(self):
        data = measured()
        del data["peers"]["openvino_f32"]
        data["embedding_difference"] = {}
        self.assertEqual(self.row(data, "encode one photo, against")[-1], "not measured")

    def test_what_is_lost_adds_up(self):
        text = performance.Page(measured()).text()
        table = text[text.index("### vit_b: encode one photo"):text.index("### vit_b: decode one")]
        lost = [line.strip("|").split("|")[-1].strip() for line in table.split("\n")
                if line.startswith("| ")][1:]
        numbers = [float(cell.replace(" %", "")) for cell in lost]
        self.assertEqual(len(numbers), 4)  # two stages, the rest, all
        self.assertAlmostEqual(sum(numbers[:-1]), numbers[-1], delta=0.2)
        self.assertEqual(numbers[-1], 25.0)

    def test_without_vit_b(self):
        data = measured()
        data["samc"] = {"vit_h": data["samc"]["vit_b"]}
        data["peers"] = {}
        data["embedding_difference"] = {}
        self.assertIn("### vit_h: encode", performance.Page(data).text())


if __name__ == "__main__":
    unittest.main()
