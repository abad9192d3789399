#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finds everything in photos; writes PHOTO.json (records with COCO run lengths) beside each.

    segment_everything.py PHOTO... [--points-per-side 32] [--pred-iou-thresh X]
                          [--stability-score-thresh X] [--model FILE]

Thresholds that are not given are those that the model recommends, else the reference's, 0.88 and
0.95. Needs Pillow.
"""
import argparse
import json
import os

import samc


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--points-per-side", type=int, default=32)
    parser.add_argument("--pred-iou-thresh", type=float)
    parser.add_argument("--stability-score-thresh", type=float)
    parser.add_argument("--model", help="a checkpoint (default: the model that samc ships with)")
    options = parser.parse_args()

    model = samc.Model(options.model)
    for photo in options.photos:
        records = model.generate(photo, points_per_side=options.points_per_side,
                                 pred_iou_thresh=options.pred_iou_thresh,
                                 stability_score_thresh=options.stability_score_thresh)
        name = os.path.splitext(photo)[0] + ".json"
        with open(name, "w", encoding="utf-8") as file:
            json.dump(records, file)
        print(f"{name}: {len(records)} masks")


if __name__ == "__main__":
    main()
