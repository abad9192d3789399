# SPDX-License-Identifier: Apache-2.0
"""The generator's notebook with settings that the seed finds something with, and fewer points."""
import cv2
from segment_anything import SamAutomaticMaskGenerator, sam_model_registry

sam = sam_model_registry["default"](checkpoint="seed.pth")
image = cv2.cvtColor(cv2.imread("dogs.jpg"), cv2.COLOR_BGR2RGB)

loose = dict(points_per_side=8, pred_iou_thresh=0.3, stability_score_thresh=0.3)
masks = SamAutomaticMaskGenerator(sam, **loose).generate(image)
plain = SamAutomaticMaskGenerator(sam, output_mode="uncompressed_rle", **loose).generate(image)
mask_generator_2 = SamAutomaticMaskGenerator(
    model=sam,
    points_per_side=6,
    pred_iou_thresh=0.3,
    stability_score_thresh=0.3,
    crop_n_layers=1,
    crop_n_points_downscale_factor=2,
    min_mask_region_area=100,
    output_mode="coco_rle",
)
masks2 = mask_generator_2.generate(image)
