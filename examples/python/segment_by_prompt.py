#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cuts one object out of a photo: by points, a box, or both.

    segment_by_prompt.py PHOTO --point 500,375 --point 1125,625,- --box 425,600,700,875 [-o OUT.png]
                         [--model FILE] [--multimask]

A point that ends in ",-" does not belong to the object. OUT.png is the photo with the mask tinted; with
--multimask there are three. Needs Pillow.
"""
import argparse
import os

import numpy as np
import samc
from PIL import Image, ImageOps

BLUE = np.array([30, 144, 255])


def point(text):
    parts = text.split(",")
    label = 0 if parts[2:] == ["-"] else 1
    return [float(parts[0]), float(parts[1])], label


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo")
    parser.add_argument("--point", type=point, action="append", default=[], metavar="X,Y[,-]")
    parser.add_argument("--box", help="X0,Y0,X1,Y1")
    parser.add_argument("--model", help="a checkpoint (default: the model that samc ships with)")
    parser.add_argument("--multimask", action="store_true")
    parser.add_argument("-o", "--output", default="mask.png")
    options = parser.parse_args()
    if not options.point and not options.box:
        parser.error("say what to segment: --point or --box")

    upright = ImageOps.exif_transpose(Image.open(options.photo))
    pixels = np.asarray(upright.convert("RGB"))
    embedding = samc.Model(options.model).encode(pixels)
    answer = embedding.predict(
        points=[p for p, _ in options.point] or None,
        labels=[label for _, label in options.point] or None,
        boxes=[float(n) for n in options.box.split(",")] if options.box else None,
        multimask=options.multimask)

    stem, suffix = os.path.splitext(options.output)
    for i, (mask, score) in enumerate(zip(answer.masks[0], answer.scores[0])):
        tinted = pixels.copy()
        tinted[mask] = pixels[mask] * 0.4 + BLUE * 0.6
        name = f"{stem}_{i}{suffix}" if options.multimask else options.output
        Image.fromarray(tinted).save(name)
        print(f"{name}: {mask.sum()} pixels, score {score:.3f}")


if __name__ == "__main__":
    main()
