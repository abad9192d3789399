# SPDX-License-Identifier: Apache-2.0
"""The other examples of the documents: two objects from two points, each box with a point of its own,
BGR, a dog's middle, a portrait photo."""
import cv2
import numpy as np
import torch
from segment_anything import SamPredictor, build_sam

predictor = SamPredictor(build_sam(checkpoint="seed.pth"))

bgr = cv2.imread("truck.jpg")
predictor.set_image(bgr, image_format="BGR")
features = predictor.get_image_embedding()


def ask(points=None, labels=None, boxes=None, multimask=False):
    size = predictor.original_size
    if points is not None:
        points = predictor.transform.apply_coords_torch(torch.tensor(points), size)
        labels = torch.tensor(labels)
    if boxes is not None:
        boxes = predictor.transform.apply_boxes_torch(torch.tensor(boxes), size)
    return predictor.predict_torch(points, labels, boxes, multimask_output=multimask)


one_object = ask([[[500, 375], [1125, 625]]], [[1, 1]])
two_objects = ask([[[500, 375]], [[1125, 625]]], [[1], [1]])
foreground_and_background = ask([[[500, 375], [1125, 625]]], [[1, 0]])
box = ask(boxes=[[425, 600, 700, 875]])
box_with_background = ask([[[575, 750]]], [[0]], [[425, 600, 700, 875]])
boxes_with_points = ask([[[575, 750]], [[1525, 670]]], [[1], [1]],
                        [[425, 600, 700, 875], [1360, 525, 1680, 780]])
four_boxes = ask(boxes=[[75, 275, 1725, 850], [425, 600, 700, 875], [1375, 550, 1650, 800],
                        [1240, 675, 1400, 750]])
four_boxes_three_masks = ask(boxes=[[75, 275, 1725, 850], [425, 600, 700, 875]], multimask=True)

dog = cv2.cvtColor(cv2.imread("dog.jpg"), cv2.COLOR_BGR2RGB)
predictor.set_image(dog)
middle = predictor.predict(np.array([[500, 500]]), np.array([1]))

portrait = np.ascontiguousarray(np.rot90(dog))
predictor.set_image(portrait)
portrait_answer = predictor.predict(np.array([[200, 300]]), np.array([1]), return_logits=True)

strip = portrait[:, 40:43]
predictor.set_image(strip)
strip_answer = predictor.predict(np.array([[1, 200]]), np.array([1]))
