# SPDX-License-Identifier: Apache-2.0
"""The predictor's notebook: points, a mask fed back, boxes, several boxes, several photos."""
import cv2
import numpy as np
import torch
from segment_anything import SamPredictor, sam_model_registry
from segment_anything.utils.transforms import ResizeLongestSide

sam_checkpoint = "seed.pth"
model_type = "default"
device = "cpu"

sam = sam_model_registry[model_type](checkpoint=sam_checkpoint)
sam.to(device=device)
predictor = SamPredictor(sam)

image = cv2.cvtColor(cv2.imread("truck.jpg"), cv2.COLOR_BGR2RGB)
predictor.set_image(image)
embedding = predictor.get_image_embedding().cpu().numpy()
sizes = np.array([*predictor.original_size, *predictor.input_size])

input_point = np.array([[500, 375]])
input_label = np.array([1])
masks, scores, logits = predictor.predict(
    point_coords=input_point, point_labels=input_label, multimask_output=True)

input_point = np.array([[500, 375], [1125, 625]])
input_label = np.array([1, 1])
mask_input = logits[np.argmax(scores), :, :]
again_masks, again_scores, again_logits = predictor.predict(
    point_coords=input_point, point_labels=input_label, mask_input=mask_input[None, :, :],
    multimask_output=False)

excluding_masks, excluding_scores, _ = predictor.predict(
    point_coords=input_point, point_labels=np.array([1, 0]), mask_input=mask_input[None, :, :],
    multimask_output=False)

input_box = np.array([425, 600, 700, 875])
box_masks, box_scores, _ = predictor.predict(
    point_coords=None, point_labels=None, box=input_box[None, :], multimask_output=False)
box_three_masks, box_three_scores, _ = predictor.predict(box=input_box, multimask_output=True)

both_masks, both_scores, _ = predictor.predict(
    point_coords=np.array([[575, 750]]), point_labels=np.array([0]), box=input_box,
    multimask_output=False)
raw, _, _ = predictor.predict(box=input_box, multimask_output=False, return_logits=True)

input_boxes = torch.tensor([
    [75, 275, 1725, 850], [425, 600, 700, 875], [1375, 550, 1650, 800], [1240, 675, 1400, 750],
], device=predictor.device)
transformed_boxes = predictor.transform.apply_boxes_torch(input_boxes, image.shape[:2])
four_masks, four_scores, four_logits = predictor.predict_torch(
    point_coords=None, point_labels=None, boxes=transformed_boxes, multimask_output=False)

image1 = image
image2 = cv2.cvtColor(cv2.imread("groceries.jpg"), cv2.COLOR_BGR2RGB)
image1_boxes = input_boxes
image2_boxes = torch.tensor([
    [450, 170, 520, 350], [350, 190, 450, 350], [500, 170, 580, 350], [580, 170, 640, 350],
], device=sam.device)
resize_transform = ResizeLongestSide(sam.image_encoder.img_size)


def prepare_image(image, transform, device):
    image = transform.apply_image(image)
    image = torch.as_tensor(image, device=device.device)
    return image.permute(2, 0, 1).contiguous()


batched_input = [
    {
        "image": prepare_image(image1, resize_transform, sam),
        "boxes": resize_transform.apply_boxes_torch(image1_boxes, image1.shape[:2]),
        "original_size": image1.shape[:2],
    },
    {
        "image": prepare_image(image2, resize_transform, sam),
        "boxes": resize_transform.apply_boxes_torch(image2_boxes, image2.shape[:2]),
        "original_size": image2.shape[:2],
    },
]
batched_output = sam(batched_input, multimask_output=False)
