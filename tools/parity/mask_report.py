# SPDX-License-Identifier: Apache-2.0
"""What pycocotools says about a group of masks of one size, in the words of tests/mask_report.h."""
import numpy as np
from pycocotools import mask as coco


def report(masks: np.ndarray, crowd: list) -> str:
    """masks [n][height][width] of 0 and 1."""
    rles = coco.encode(np.asfortranarray(masks.transpose(1, 2, 0)))
    assert (coco.decode(rles).transpose(2, 0, 1) == masks).all()
    lines = [f"{rle['counts'].decode()} {int(area)} {' '.join(str(int(v)) for v in box)}"
             for rle, area, box in zip(rles, coco.area(rles), coco.toBbox(rles))]
    lines += [" ".join("%.17g" % v for v in row) for row in coco.iou(rles, rles, crowd)]
    lines += [coco.merge(rles, intersect=intersect)["counts"].decode() for intersect in (0, 1)]
    return "\n".join(lines) + "\n"
