#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finds everything in a photo and has supervision draw it.

    supervision_masks.py PHOTO -o OUT.jpg [--threshold X] [--model FILE]

Needs supervision and Pillow. The records are what sv.Detections.from_sam takes, as masks or as run
lengths.
"""
import argparse

import numpy as np
import samc
import supervision as sv
from PIL import Image


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo")
    parser.add_argument("-o", "--output", default="masks.jpg")
    parser.add_argument("--threshold", type=float,
                        help="of predicted IoU and stability (default: what the model recommends)")
    parser.add_argument("--model", help="a checkpoint (default: the model that samc ships with)")
    options = parser.parse_args()

    photo = Image.open(options.photo).convert("RGB")
    records = samc.Model(options.model).generate(
        photo, output_mode="binary_mask", pred_iou_thresh=options.threshold,
        stability_score_thresh=options.threshold)
    detections = sv.Detections.from_sam(records)
    annotator = sv.MaskAnnotator(opacity=0.5, color_lookup=sv.ColorLookup.INDEX)
    scene = annotator.annotate(np.asarray(photo)[..., ::-1].copy(), detections)  # BGR, as OpenCV
    Image.fromarray(np.ascontiguousarray(scene[..., ::-1])).save(options.output, quality=88)
    print(f"{options.output}: {len(detections)} masks, {int(detections.area.sum())} pixels")


if __name__ == "__main__":
    main()
