#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares samc's masks with pycocotools: `make parity-rle`.

usage: parity_rle.py --build DIR [--masks N] [--seed S]

Random masks (noise of every density, blocks, discs, empty and full ones, strips) go to pycocotools
and to samc_masks: strings, areas, boxes, IoU with and without iscrowd and the merges must be the
same, character by character, and the outline that samc traces must fill to the same mask in
pycocotools. Then pycocotools loads the COCO and SA-1B files of `samc boxes` and `samc masks clean`,
and supervision's from_sam takes their records (skipped with a message where supervision is not
installed). Exit code 1 on any difference.
"""
import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading

import numpy as np
from mask_report import report
from pycocotools import mask as coco
from pycocotools.coco import COCO

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GROUP = 10  # masks of one size that meet one another


def random_group(rng: np.random.Generator):
    """(masks [n][h][w] of 0 and 1, crowd [n])."""
    kind = rng.integers(6)
    h, w = (int(v) for v in rng.integers(1, 65, 2))
    if kind == 0:  # strips
        h, w = (1, int(rng.integers(1, 2000))) if rng.integers(2) else (int(rng.integers(1, 2000)), 1)
    shape = (GROUP, h, w)
    if kind in (0, 1):
        masks = rng.random(shape) < rng.random((GROUP, 1, 1))
    elif kind in (2, 3):  # blocks
        k = int(rng.integers(2, 9))
        small = rng.random((GROUP, -(-h // k), -(-w // k))) < rng.random((GROUP, 1, 1))
        masks = small.repeat(k, 1).repeat(k, 2)[:, :h, :w]
    else:  # rings and discs
        y, x = np.mgrid[0:h, 0:w]
        cy, cx = rng.uniform(0, h, (GROUP, 1, 1)), rng.uniform(0, w, (GROUP, 1, 1))
        d = np.hypot(y - cy, x - cx)
        outer = rng.uniform(0, 1.2 * max(h, w), (GROUP, 1, 1))
        masks = (d < outer) & (d >= outer * rng.choice([0.0, 0.6], (GROUP, 1, 1)))
    return masks.astype(np.uint8), rng.integers(0, 2, GROUP).astype(np.uint8)


def compare(binary: str, n_masks: int, seed: int) -> bool:
    rng = np.random.default_rng(seed)
    n_groups = -(-n_masks // GROUP)
    peer = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    waiting = []  # groups sent and not compared yet
    room = threading.Semaphore(256)

    def send():
        for _ in range(n_groups):
            masks, crowd = random_group(rng)
            room.acquire()
            waiting.append((masks, crowd))
            peer.stdin.write(np.array(masks.shape, np.int32).tobytes() + crowd.tobytes()
                             + masks.tobytes())
        peer.stdin.close()

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    for done in range(n_groups):
        lines = [peer.stdout.readline().decode() for _ in range(2 * GROUP + 2)]
        if not lines[-1]:
            print(f"parity-rle: samc_masks ended in group {done}")
            return False
        polygons = [peer.stdout.readline() for _ in range(int(peer.stdout.readline()))]
        masks, crowd = waiting.pop(0)
        room.release()
        if "".join(lines) != report(masks, crowd.tolist()):
            print(f"parity-rle: group {done} differs\nsamc\n{''.join(lines)}\npycocotools\n"
                  f"{report(masks, crowd.tolist())}")
            return False
        h, w = masks.shape[1:]
        filled = np.zeros((h, w), np.uint8)
        if polygons:
            filled = coco.decode(coco.merge(coco.frPyObjects(
                [[float(v) for v in line.split()] for line in polygons], h, w)))
        if (filled != masks[0]).any():
            print(f"parity-rle: group {done}: the outline fills to another mask")
            return False
    sender.join()
    if peer.wait() != 0:
        return False
    print(f"parity-rle: {n_groups * GROUP} masks round-trip; strings, areas, boxes, "
          f"{n_groups * GROUP * GROUP} IoUs (every second one with a crowd), {2 * n_groups} merges of "
          f"{GROUP} and {n_groups} outlines equal pycocotools' to the last bit")
    return True


def check_coco(path: str) -> int:
    """Loads a COCO file; every mask, area and box is what pycocotools makes of the segmentation."""
    with contextlib.redirect_stdout(sys.stderr):
        data = COCO(path)
        with open(path, encoding="utf-8") as file:
            results = [{k: a[k] for k in ("image_id", "category_id", "segmentation", "score")}
                       for a in json.load(file)["annotations"]]
        data.loadRes(results)
    for annotation in data.loadAnns(data.getAnnIds()):
        rle = data.annToRLE(annotation)
        image = data.imgs[annotation["image_id"]]
        assert data.annToMask(annotation).shape == (image["height"], image["width"])
        assert coco.area(rle) == annotation["area"]
        assert coco.toBbox(rle).tolist() == annotation["bbox"]
    return len(data.anns)


def records_of(path: str) -> list:
    """The records of an SA-1B file with masks as arrays, as the reference's generator gives them."""
    with open(path, encoding="utf-8") as file:
        records = json.load(file)["annotations"]
    for record in records:
        assert coco.area(record["segmentation"]) == record["area"]
        x, y, w, h = coco.toBbox(record["segmentation"])
        assert record["bbox"] == [x, y, w - 1, h - 1]
        record["segmentation"] = coco.decode(record["segmentation"]).astype(bool)
    return records


def check_supervision(records: list) -> None:
    try:
        import supervision
    except ImportError:
        print("parity-rle: supervision is not installed: from_sam is skipped")
        return
    found = supervision.Detections.from_sam(records)
    assert len(found) == len(records)
    assert sorted(int(m.sum()) for m in found.mask) == sorted(r["area"] for r in records)
    print(f"parity-rle: supervision {supervision.__version__}: from_sam takes {len(found)} records")


def check_files(samc: str) -> bool:
    """Makes files of masks and loads them with others' libraries."""
    photos = os.path.join(ROOT, "docs", "photos")
    boxes = [{"photo": "astronaut.jpg", "box": [165, 20, 300, 200], "class": "head", "score": 0.9},
             {"photo": "astronaut.jpg", "box": [20, 150, 500, 512], "class": "suit", "score": 0.8},
             {"photo": "rocket.jpg", "box": [300, 80, 350, 400], "class": "rocket", "score": 0.7}]
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/d.jsonl", "w", encoding="utf-8") as file:
            file.writelines(json.dumps(box) + "\n" for box in boxes)
        subprocess.run([samc, "boxes", f"{folder}/d.jsonl", "--photos", photos, "-o",
                        f"{folder}/out", "-m", os.path.join(ROOT, "tests", "golden", "tiny.pth")],
                       check=True)
        subprocess.run([samc, "masks", "clean", f"{folder}/out", "-o", f"{folder}/clean",
                        "--fill-holes", "all", "--drop-islands", "all"], check=True)
        n, records = 0, []
        for name in ("out", "clean"):
            n += check_coco(f"{folder}/{name}/coco.json")
            records += records_of(f"{folder}/{name}/rocket.json")
            records_of(f"{folder}/{name}/astronaut.json")
        print(f"parity-rle: pycocotools loads COCO and SA-1B files: {n} masks, areas and boxes agree")
        check_supervision(records)
    return n == 2 * len(boxes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--masks", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=6)
    options = parser.parse_args()
    good = check_files(os.path.join(options.build, "cli", "samc"))
    good &= compare(os.path.join(options.build, "tests", "samc_masks"), options.masks, options.seed)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
