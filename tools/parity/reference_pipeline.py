# SPDX-License-Identifier: Apache-2.0
"""The pipeline call on top of the reference: what parity_python.py gives to scripts that import
mindformers.pipeline, so that samc's pipeline is compared with segment_anything's own predictor.
"""
from __future__ import annotations

import cv2
import models
import torch
from segment_anything import SamAutomaticMaskGenerator, SamPredictor


class Task:
    def __init__(self, checkpoint: str) -> None:
        self.sam = models.load(checkpoint)
        self.predictor = SamPredictor(self.sam)

    @staticmethod
    def read(image):
        if isinstance(image, str):
            image = cv2.cvtColor(cv2.imread(image), cv2.COLOR_BGR2RGB)
        return image

    def set_image(self, image) -> None:
        self.predictor.set_image(self.read(image))

    def __call__(self, inputs: dict, seg_image: bool = False, multimask_output: bool = False,
                 **parameters):
        if seg_image:
            generator = SamAutomaticMaskGenerator(self.sam, **parameters)
            return generator.generate(self.read(inputs["image"]))
        points, labels, boxes = (inputs.get(name) for name in ("points", "labels", "boxes"))
        if (points is None or points.ndim == 2) and (boxes is None or boxes.ndim == 1):
            answer = self.predictor.predict(points, labels, boxes, None, multimask_output)
        else:
            size, transform = self.predictor.original_size, self.predictor.transform
            if points is not None:
                points = transform.apply_coords_torch(torch.from_numpy(points), size)
                labels = torch.from_numpy(labels)
            if boxes is not None:
                boxes = transform.apply_boxes_torch(torch.from_numpy(boxes), size)
            answer = self.predictor.predict_torch(points, labels, boxes, None, multimask_output)
            answer = [part.numpy() for part in answer]
        return dict(zip(("masks", "iou_predictions", "low_res_masks"), answer))


def pipeline(task: str, model: str) -> Task:
    return Task(model)
