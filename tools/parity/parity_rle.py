#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares samc's masks with pycocotools: `make parity-rle`.

usage: parity_rle.py --build DIR [--masks N] [--seed S]

Random masks (noise of every density, blocks, discs, empty and full ones, strips) go to pycocotools
and to samc_masks: strings, areas, boxes, IoU with and without iscrowd and the merges must be the
same, character by character, and the outline that samc traces must fill to the same mask in
pycocotools. Exit code 1 on any difference.
"""
import argparse
import os
import subprocess
import sys
import threading

import numpy as np
from mask_report import report
from pycocotools import mask as coco

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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--masks", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=6)
    options = parser.parse_args()
    return 0 if compare(os.path.join(options.build, "tests", "samc_masks"), options.masks,
                        options.seed) else 1


if __name__ == "__main__":
    sys.exit(main())
