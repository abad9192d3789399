# SPDX-License-Identifier: Apache-2.0
"""The helpers that scripts import: utils.amg, utils.transforms, preprocess and postprocess_masks."""
import cv2
import numpy as np
import torch
from segment_anything import sam_model_registry
from segment_anything.modeling import Sam
from segment_anything.utils.amg import (
    MaskData,
    area_from_rle,
    batch_iterator,
    batched_mask_to_box,
    box_xyxy_to_xywh,
    build_all_layer_point_grids,
    build_point_grid,
    calculate_stability_score,
    coco_encode_rle,
    generate_crop_boxes,
    is_box_near_crop_edge,
    mask_to_rle_pytorch,
    remove_small_regions,
    rle_to_mask,
    uncrop_boxes_xyxy,
    uncrop_masks,
    uncrop_points,
)
from segment_anything.utils.transforms import ResizeLongestSide

sam = sam_model_registry["default"](checkpoint="seed.pth")
is_sam = str(isinstance(sam, Sam))
image = cv2.cvtColor(cv2.imread("groceries.jpg"), cv2.COLOR_BGR2RGB)

y, x = np.mgrid[:60, :90]
logits = torch.from_numpy(np.stack([np.cos(x / 5) * 4 + np.sin(y / 7) * 3,
                                    10 - np.hypot(x - 40, y - 30)]).astype(np.float32))
masks = logits > 0
stability = calculate_stability_score(logits, 0.0, 1.0)
boxes = batched_mask_to_box(masks)
boxes_of_one = batched_mask_to_box(masks[0])
boxes_of_four = batched_mask_to_box(masks[None].repeat(2, 1, 1, 1))
box_of_nothing = batched_mask_to_box(masks & False)
xywh = box_xyxy_to_xywh(boxes[1])
runs = mask_to_rle_pytorch(masks)
areas = [area_from_rle(record) for record in runs]
strings = [coco_encode_rle(record) for record in runs]
again = np.stack([rle_to_mask(record) for record in runs])
filled, filled_changed = remove_small_regions(again[0], 60, "holes")
dropped, dropped_changed = remove_small_regions(again[0], 60, "islands")
kept, kept_changed = remove_small_regions(again[1], 10.5, "islands")
crop_boxes, layers = generate_crop_boxes(image.shape[:2], 2, 512 / 1500)
grid = build_point_grid(5)
grids = build_all_layer_point_grids(9, 2, 2)
crop = [20, 10, 110, 70]
uncropped = uncrop_boxes_xyxy(boxes, crop)
uncropped_floats = uncrop_boxes_xyxy(boxes.float(), crop)
points = uncrop_points(torch.tensor([[3.5, 4.0]]), crop)
whole = uncrop_masks(masks, crop, 100, 200)
near = is_box_near_crop_edge(boxes.float(), [100, 100, 190, 160], [0, 0, 300, 300])
batches = [part for part, in batch_iterator(2, [1, 2, 3, 4, 5])]

data = MaskData(logits=logits, names=["a", "b"], numbers=np.arange(2))
data.filter(stability > 0.5)
data.cat(MaskData(logits=logits, names=["c", "d"], numbers=np.arange(2)))
data.filter(torch.tensor([1, 0]))
data.to_numpy()
gathered = dict(data.items())

transform = ResizeLongestSide(sam.image_encoder.img_size)
resized = transform.apply_image(image)
of_torch = transform.apply_image_torch(torch.from_numpy(image).permute(2, 0, 1)[None].float())
shape = list(transform.get_preprocess_shape(*image.shape[:2], 1024))
coords = transform.apply_coords(np.array([[500, 375], [0, 0]]), image.shape[:2])
coords_torch = transform.apply_coords_torch(torch.tensor([[500, 375]]), image.shape[:2])
some_boxes = transform.apply_boxes(np.array([[1, 2, 300, 200]]), image.shape[:2])
square = sam.preprocess(torch.from_numpy(resized).permute(2, 0, 1)[None])
low = torch.from_numpy(np.cos(np.arange(64 * 64, dtype=np.float32)).reshape(1, 1, 64, 64))
enlarged = sam.postprocess_masks(low, (200, 256), (480, 614))
