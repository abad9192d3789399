# SPDX-License-Identifier: Apache-2.0
"""All ten examples of the pipeline's document on its photos, then 9 and 10 with thresholds that the seed
reaches."""
import cv2
import numpy as np
from mindformers.pipeline import pipeline

pipeline_task = pipeline("segment_anything", model="seed.pth")
image = cv2.cvtColor(cv2.imread("truck.jpg"), cv2.COLOR_BGR2RGB)
pipeline_task.set_image(image)

one_point = pipeline_task({"points": np.array([[500, 375]]), "labels": np.array([1])},
                          multimask_output=True)
titles = [f"Mask {i + 1}, Score: {score:.3f}"
          for i, (mask, score) in enumerate(zip(one_point["masks"], one_point["iou_predictions"]))]
one_object = pipeline_task({"points": np.array([[500, 375], [1125, 625]]),
                            "labels": np.array([1, 1])}, multimask_output=False)
two_objects = pipeline_task({"points": np.array([[[500, 375]], [[1125, 625]]]),
                             "labels": np.array([[1], [1]])}, multimask_output=False)
foreground_and_background = pipeline_task({"points": np.array([[500, 375], [1125, 625]]),
                                           "labels": np.array([1, 0])}, multimask_output=False)
box = pipeline_task({"boxes": np.array([425, 600, 700, 875])}, multimask_output=False)
box_and_background = pipeline_task({
    "points": np.array([[575, 750]]), "labels": np.array([0]),
    "boxes": np.array([425, 600, 700, 875])}, multimask_output=False)
boxes_and_points = pipeline_task({
    "points": np.array([[[575, 750]], [[1525, 670]]]), "labels": np.array([[1], [1]]),
    "boxes": np.array([[425, 600, 700, 875], [1360, 525, 1680, 780]])}, multimask_output=False)
four_boxes = pipeline_task({"boxes": np.array([
    [75, 275, 1725, 850], [425, 600, 700, 875], [1375, 550, 1650, 800], [1240, 675, 1400, 750],
])}, multimask_output=False)

pipeline_task.set_image("truck.jpg")
from_path = pipeline_task({"boxes": np.array([425, 600, 700, 875])}, multimask_output=True)

image = cv2.cvtColor(cv2.imread("dog.jpg"), cv2.COLOR_BGR2RGB)
everything = pipeline_task({"image": image}, seg_image=True)
everything_from_path = pipeline_task({"image": "dog.jpg"}, seg_image=True)
try:
    everything_tuned = pipeline_task({"image": image}, seg_image=True,
                                     points_per_side=32,
                                     pred_iou_thresh=0.86,
                                     stability_score_thresh=0.92,
                                     crop_n_layers=1,
                                     crop_n_points_downscale_factor=2,
                                     min_mask_region_area=100)
except IndexError:  # the reference, where it looked at crops and found nothing
    everything_tuned = []
loose = pipeline_task({"image": image}, seg_image=True, pred_iou_thresh=0.4,
                      stability_score_thresh=0.4)
loose_tuned = pipeline_task({"image": image}, seg_image=True, points_per_side=16,
                            pred_iou_thresh=0.4, stability_score_thresh=0.4, crop_n_layers=1,
                            crop_n_points_downscale_factor=2, min_mask_region_area=100)
