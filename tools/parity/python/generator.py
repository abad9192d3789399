# SPDX-License-Identifier: Apache-2.0
"""The generator with each of its parameters moved, on every photo of the documents."""
import cv2
import numpy as np
from segment_anything import SamAutomaticMaskGenerator, sam_model_registry
from segment_anything.utils.amg import build_all_layer_point_grids

sam = sam_model_registry["default"](checkpoint="seed.pth")
sam.to(device="cpu")


def everything(photo, **parameters):
    settings = dict(points_per_side=8, pred_iou_thresh=0.15, stability_score_thresh=0.15)
    image = cv2.cvtColor(cv2.imread(photo), cv2.COLOR_BGR2RGB)
    try:
        return SamAutomaticMaskGenerator(sam, **{**settings, **parameters}).generate(image)
    except IndexError:  # the reference, where it looked at crops and found nothing
        return []


truck = everything("truck.jpg", output_mode="coco_rle")
groceries = everything("groceries.jpg", output_mode="coco_rle")
dog = everything("dog.jpg", output_mode="uncompressed_rle")
batch = everything("dogs.jpg", points_per_batch=7, output_mode="coco_rle")
offset = everything("dogs.jpg", stability_score_offset=0.5, output_mode="coco_rle")
strict = everything("dogs.jpg", box_nms_thresh=0.3, output_mode="coco_rle")
mended = everything("dogs.jpg", min_mask_region_area=400, output_mode="coco_rle")
overlap = everything("dogs.jpg", points_per_side=4, crop_n_layers=1, crop_overlap_ratio=0.5,
                     crop_nms_thresh=0.5, output_mode="coco_rle")
layers = everything("groceries.jpg", points_per_side=4, crop_n_layers=2,
                    crop_n_points_downscale_factor=2, output_mode="coco_rle")
grids = build_all_layer_point_grids(4, 1, 2)
by_grids = everything("dogs.jpg", points_per_side=None, point_grids=grids, crop_n_layers=1,
                      output_mode="coco_rle")
by_own_points = everything("truck.jpg", points_per_side=None,
                           point_grids=[np.array([[0.28, 0.31], [0.63, 0.52], [0.5, 0.5]])])
microscope = everything("groceries.jpg", points_per_side=32, points_per_batch=64,
                        pred_iou_thresh=0.6, stability_score_thresh=0.75, crop_n_layers=1,
                        crop_n_points_downscale_factor=2, min_mask_region_area=100,
                        output_mode="coco_rle")
microscope_loose = everything("groceries.jpg", points_per_side=16, points_per_batch=64,
                              pred_iou_thresh=0.4, stability_score_thresh=0.4, crop_n_layers=1,
                              crop_n_points_downscale_factor=2, min_mask_region_area=100,
                              output_mode="coco_rle")
grey = cv2.cvtColor(cv2.cvtColor(cv2.imread("dogs.jpg"), cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2RGB)
generator = SamAutomaticMaskGenerator(sam, 6, pred_iou_thresh=0.2, stability_score_thresh=0.2)
of_grey = generator.generate(grey)
generator.pred_iou_thresh = 0.4
changed = generator.generate(grey)
