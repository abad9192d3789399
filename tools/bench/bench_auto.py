#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times everything in a photo: `samc auto` beside the reference's SamAutomaticMaskGenerator.

usage: bench_auto.py --build DIR [--photo FILE] [--pieces N] [--run-with COMMAND] [--output FILE]
                                                     (part of `make bench-peers`; alone: `make bench-auto`)

Both run vit_b with the same random weights on the same photo, threads and grid of 32 x 32 points,
and must give the same number of masks. Random weights give masks that are noise, all of one box, and
predicted IoUs of no meaning, so the thresholds are chosen: a fifth of the 3072 masks passes the
predicted IoU, 100 to 300 of these the stability score, and boxes suppress nothing (threshold 1). Both
thresholds lie in gaps between scores, so that rounding decides nothing. Noise has fifty times the runs
of real masks: what comes after the decoder is dearer here than on photos that mean something.

The reference takes minutes and is run once; --pieces N asks it in N processes (each with a part of
the points; encoding counts once), so that COMMAND can be one that keeps the machine quiet for a
minute at most. Its photo is read before the clock starts; samc's time includes reading it and writing
the run lengths as JSON.
"""
from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SIDE = 32
OFFSET = 0.01  # the logits of random weights are small
AFTER_DECODER = ("masks of the photo's size", "duplicates, small regions")


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "samc"


def default_photo() -> Path:
    shared = Path(os.environ.get("SAMC_SHARED", ROOT.parent / "shared")) / "photos" / "truck.jpg"
    return shared if shared.exists() else ROOT / "docs" / "photos" / "astronaut.jpg"


def peak_memory() -> float:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))


def reference(given: dict) -> dict:
    """In a process of its own: the points first..first+count-1 of the grid."""
    import numpy as np
    import torch
    from PIL import Image
    from segment_anything import SamAutomaticMaskGenerator, sam_model_registry
    from segment_anything.utils.amg import build_point_grid

    torch.set_num_threads(given["threads"])
    sam = sam_model_registry["vit_b"](given["checkpoint"])
    photo = np.array(Image.open(given["photo"]).convert("RGB"))
    grid = build_point_grid(SIDE)[given["first"]:given["first"] + given["count"]]
    generator = SamAutomaticMaskGenerator(sam, points_per_side=None, point_grids=[grid],
                                          output_mode="uncompressed_rle", **given["settings"])
    encoded = []
    encode = generator.predictor.set_image

    def timed(image):
        begin = time.perf_counter()
        encode(image)
        encoded.append(time.perf_counter() - begin)

    generator.predictor.set_image = timed
    begin = time.perf_counter()
    found = generator.generate(photo)
    whole = time.perf_counter() - begin
    return {"encode_s": encoded[0], "rest_s": whole - encoded[0], "masks": len(found),
            "peak_rss_mib": peak_memory(), "version": torch.__version__,
            "areas": sum(record["area"] for record in found)}


def gap(values: list[float], low: float, high: float) -> float:
    """The middle of the widest gap between neighbours whose ranks are in [low, high] of all."""
    ranked = sorted(values)
    first, last = int(low * (len(ranked) - 1)), int(high * (len(ranked) - 1))
    i = max(range(first, last), key=lambda k: ranked[k + 1] - ranked[k])
    return (ranked[i] + ranked[i + 1]) / 2


class Bench:
    def __init__(self, build: Path, photo: Path, run_with: str, pieces: int) -> None:
        self.samc, self.photo = build / "cli" / "samc", photo
        self.before, self.pieces = shlex.split(run_with), pieces
        self.threads = len(os.sched_getaffinity(0))
        self.checkpoint = cache() / "parity" / "checkpoints" / "vit_b_random.pth"
        if not self.checkpoint.exists():
            subprocess.run([sys.executable, HERE.parent / "parity" / "make_checkpoints.py",
                            self.checkpoint.parent, "vit_b"], check=True)

    def run_samc(self, settings: dict, side: int = SIDE) -> tuple[dict, list[dict]]:
        flags = [word for key, value in settings.items()
                 for word in (f"--{key.replace('_', '-')}", repr(value))]
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            done = subprocess.run([*self.before, self.samc, "auto", self.photo, "-m",
                                   self.checkpoint, "-o", folder, "--convert-to-rle", "--timings",
                                   "--points-per-side", str(side), "--threads", str(self.threads),
                                   *flags], capture_output=True, text=True, check=True)
            answer = json.loads(done.stdout.strip().splitlines()[-1])
            answer["process_s"] = time.perf_counter() - begin
            records = json.loads((Path(folder) / f"{self.photo.stem}.json").read_text())
        answer["areas"] = sum(record["area"] for record in records)
        return answer, records

    def choose(self) -> dict:
        """Thresholds, from what samc finds with none."""
        settings = {"pred_iou_thresh": -1e9, "stability_score_thresh": 0.0,
                    "stability_score_offset": OFFSET, "box_nms_thresh": 1.0}
        _, records = self.run_samc(settings, side=8)
        settings["pred_iou_thresh"] = gap([r["predicted_iou"] for r in records], 0.78, 0.82)
        _, records = self.run_samc(settings)
        settings["pred_iou_thresh"] = gap([r["predicted_iou"] for r in records], 0.0, 0.1)
        above = [r["stability_score"] for r in records
                 if r["predicted_iou"] > settings["pred_iou_thresh"]]
        wanted = min(1.0, 240 / len(above))
        settings["stability_score_thresh"] = gap(above, max(0.0, 0.97 - wanted), 1.03 - wanted)
        self.passed = len(above)
        return settings

    def run_reference(self, settings: dict) -> dict:
        total: dict = {}
        for piece in range(self.pieces):
            first, end = (SIDE * SIDE * (piece + i) // self.pieces for i in (0, 1))
            given = {"first": first, "count": end - first, "threads": self.threads,
                     "checkpoint": str(self.checkpoint), "photo": str(self.photo),
                     "settings": settings}
            done = subprocess.run([*self.before, sys.executable, __file__, "--reference",
                                   json.dumps(given)], capture_output=True, text=True)
            if done.returncode:
                sys.exit(done.stderr)
            answer = json.loads(done.stdout.strip().splitlines()[-1])
            print(f"reference, points {first}..{end - 1}: {answer['rest_s']:.1f} s beside "
                  f"{answer['encode_s']:.1f} s of encoding", file=sys.stderr, flush=True)
            for key, value in answer.items():
                if key in ("rest_s", "masks", "areas"):
                    total[key] = total.get(key, 0) + value
                elif key == "encode_s":
                    total[key] = min(value, total.get(key, value))
                else:
                    total[key] = max(value, total.get(key, value))
        total["seconds"] = total["encode_s"] + total["rest_s"]
        return total

    def measure(self, rounds: int) -> dict:
        settings = self.choose()
        runs = [self.run_samc(settings)[0] for _ in range(rounds)]
        theirs = self.run_reference(settings)
        runs += [self.run_samc(settings)[0] for _ in range(rounds)]
        ours = min(runs, key=lambda run: run["with_files"])
        after = sum(ours["stages"].get(name, 0.0) for name in AFTER_DECODER)
        return {"photo": self.photo.name, "threads": self.threads, "settings": settings,
                "passed_iou": self.passed, "samc": ours, "reference": theirs,
                "ratio": theirs["seconds"] / ours["with_files"],
                "after_decoder": (after + ours["with_files"] - ours["seconds"])
                / ours["with_files"]}


def print_row(result: dict) -> None:
    ours, theirs = result["samc"], result["reference"]
    print(f"everything in {result['photo']} (vit_b, {SIDE} x {SIDE} points, {result['threads']} "
          f"threads): {result['passed_iou']} masks pass the predicted IoU")
    print(f"  samc f32      {ours['with_files']:8.2f} s  {ours['masks']:4d} masks of "
          f"{ours['areas']} pixels, {ours['peak_rss_mib']:.0f} MiB")
    print(f"  PyTorch f32   {theirs['seconds']:8.2f} s  {theirs['masks']:4d} masks of "
          f"{theirs['areas']} pixels, {theirs['peak_rss_mib']:.0f} MiB")
    print(f"  {result['ratio']:.2f} times; {result['after_decoder']:.1%} of samc's time come after "
          "the decoder, files included")
    if ours["masks"] != theirs["masks"]:
        sys.exit("  the numbers of masks differ: this is no comparison")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path)
    parser.add_argument("--photo", type=Path, default=default_photo())
    parser.add_argument("--rounds", type=int, default=1, help="of samc, before and after the peer")
    parser.add_argument("--pieces", type=int, default=1)
    parser.add_argument("--run-with", default="", help="a command before every measurement")
    parser.add_argument("--output", type=Path, help="write what was measured (JSON)")
    parser.add_argument("--reference", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.reference:
        print(json.dumps(reference(json.loads(arguments.reference))))
        return
    if not arguments.build:
        parser.error("--build is needed")
    bench = Bench(arguments.build, arguments.photo, arguments.run_with, arguments.pieces)
    result = bench.measure(arguments.rounds)
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    print_row(result)


if __name__ == "__main__":
    main()
