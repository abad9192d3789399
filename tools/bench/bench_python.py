#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times what a Python program calls: set_image, predict, generate, of segment_anything and of samc's
package, the same lines with the import changed.

usage: bench_python.py --library FILE [--photo FILE] [--models vit_b,seed] [--run-with COMMAND]
                                                                              (`make bench-python`)

In one run, in turns, on the same photo, threads and weights: vit_b with random weights, which take as
long as trained ones, and the seed that the shipped model was made from. generate asks fewer points
than by default (reference: minutes); both must find as many masks. set_image is the best of two, predict
(one click, three masks) the median of 15. At last: how much longer predict takes than the C call that
it makes, the median of 200 pairs. COMMAND runs each piece, of less than a minute on two cores.
"""
from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from bench_auto import ROOT, cache, default_photo, gap, peak_memory

POINT = [500, 375]
LOOSE = {"pred_iou_thresh": 0.3, "stability_score_thresh": 0.3}


def libraries(side: str):
    """(SamPredictor, SamAutomaticMaskGenerator, a function that loads a checkpoint)."""
    if side == "samc":
        import samc
        return samc.SamPredictor, samc.SamAutomaticMaskGenerator, samc.build_sam
    sys.path.insert(0, str(ROOT / "tools" / "parity"))
    import models
    import segment_anything
    import torch
    torch.set_num_threads(len(os.sched_getaffinity(0)))

    def load(checkpoint):
        if "vit_b" in checkpoint:
            return segment_anything.sam_model_registry["vit_b"](checkpoint)
        return models.load(checkpoint)
    return segment_anything.SamPredictor, segment_anything.SamAutomaticMaskGenerator, load


def timed(act) -> tuple[float, object]:
    begin = time.perf_counter()
    result = act()
    return time.perf_counter() - begin, result


def work(given: dict) -> dict:
    """One piece, in a process of its own."""
    import numpy as np
    from PIL import Image

    photo = np.array(Image.open(given["photo"]).convert("RGB"))
    predictor_class, generator_class, load = libraries(given["side"])
    load_s, sam = timed(lambda: load(given["checkpoint"]))
    if "settings" in given:
        generator = generator_class(sam, output_mode="uncompressed_rle", **given["settings"])
        seconds, found = timed(lambda: generator.generate(photo))
        return {"generate_s": seconds, "masks": len(found),
                "areas": sum(record["area"] for record in found),
                "scores": [record["predicted_iou"] for record in found]}
    predictor = predictor_class(sam)
    set_image = min(timed(lambda: predictor.set_image(photo))[0] for _ in range(2))

    def click():
        return predictor.predict(np.array([POINT]), np.array([1]))
    click()
    predict = median(timed(click)[0] for _ in range(15))
    answer = {"load_s": load_s, "set_image_s": set_image, "predict_s": predict,
              "score": float(click()[1].max()), "peak_rss_mib": peak_memory()}
    if given["side"] == "samc":
        answer["overhead_ms"] = overhead(predictor, click) * 1e3
    return answer


def overhead(predictor, click) -> float:
    """The median of predict minus the C call that it makes, measured in turns."""
    from samc import _library
    from samc import model as module
    inner = []

    def noted(*arguments):
        seconds, _ = timed(lambda: _library.call(*arguments))
        inner.append(seconds)
    module.call = noted
    try:
        return median(timed(click)[0] - inner.pop() for _ in range(200))
    finally:
        module.call = _library.call


class Bench:
    def __init__(self, options) -> None:
        self.before = shlex.split(options.run_with)
        self.photo = options.photo
        self.variables = {**os.environ, "SAMC_LIBRARY": str(options.library.resolve()),
                          "PYTHONPATH": str(ROOT / "python")}

    def piece(self, side: str, checkpoint: Path, **more) -> dict:
        given = {"side": side, "checkpoint": str(checkpoint), "photo": str(self.photo), **more}
        done = subprocess.run([*self.before, sys.executable, __file__, "--piece",
                               json.dumps(given)], capture_output=True, text=True,
                              env=self.variables)
        if done.returncode:
            sys.exit(done.stderr)
        return json.loads(done.stdout.strip().splitlines()[-1])

    def both(self, checkpoint: Path, settings: dict) -> dict:
        found = {}
        for side in ("samc", "reference", "samc"):
            for key, value in {**self.piece(side, checkpoint),
                               **self.piece(side, checkpoint, settings=settings)}.items():
                old = found.setdefault(side, {}).get(key)
                best = re.fullmatch(r".*_s", key) and old is not None
                found[side][key] = min(old, value) if best else value
        return found

    def settings(self, name: str, checkpoint: Path) -> dict:
        if name != "vit_b":
            return {"points_per_side": 16, **LOOSE}
        # Random weights: a threshold between two scores that lets a fifth of the masks pass.
        settings = {"points_per_side": 8, "pred_iou_thresh": -1e9, "stability_score_thresh": 0.0,
                    "box_nms_thresh": 1.0}
        scores = self.piece("samc", checkpoint, settings=settings)["scores"]
        return {**settings, "pred_iou_thresh": gap(scores, 0.78, 0.82)}


def table(name: str, settings: dict, found: dict) -> None:
    ours, theirs = found["samc"], found["reference"]
    side = settings["points_per_side"]
    rows = [("set_image, s", "set_image_s", 1), ("predict (one click, three masks), ms",
            "predict_s", 1e3), (f"generate ({side} x {side} points), s", "generate_s", 1),
            ("loading, s", "load_s", 1), ("memory, MiB", "peak_rss_mib", 1)]
    print(f"\n| {name} | segment_anything | samc | |\n|---|---|---|---|")
    for words, key, factor in rows:
        print(f"| {words} | {theirs[key] * factor:.3g} | {ours[key] * factor:.3g} | "
              f"{theirs[key] / ours[key]:.1f} × |")
    print(f"\nmasks generated: {theirs['masks']} and {ours['masks']}, of {theirs['areas']} and "
          f"{ours['areas']} pixels; best score of the click {theirs['score']:.4f} and "
          f"{ours['score']:.4f}; predict takes {ours['overhead_ms']:.3f} ms more than its C call")
    if theirs["masks"] != ours["masks"]:
        sys.exit("the numbers of masks differ: this is no comparison")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=Path, help="the built libsamc.so")
    parser.add_argument("--photo", type=Path, default=default_photo())
    parser.add_argument("--models", default="vit_b,seed")
    parser.add_argument("--run-with", default="", help="a command before every measurement")
    parser.add_argument("--piece", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.piece:
        print(json.dumps(work(json.loads(options.piece))))
        return
    if not options.library:
        parser.error("--library is needed")
    bench = Bench(options)
    shared = Path(os.environ.get("SAMC_SHARED", ROOT.parent / "shared"))
    files = {"vit_b": cache() / "parity/checkpoints/vit_b_random.pth",
             "seed": shared / "seed/seed.pth"}
    print(f"{options.photo.name}, {len(os.sched_getaffinity(0))} threads, f32")
    for name in options.models.split(","):
        if name == "vit_b" and not files[name].exists():
            subprocess.run([sys.executable, ROOT / "tools/parity/make_checkpoints.py",
                            files[name].parent, "vit_b"], check=True)
        settings = bench.settings(name, files[name])
        table(name, settings, bench.both(files[name], settings))


if __name__ == "__main__":
    main()
