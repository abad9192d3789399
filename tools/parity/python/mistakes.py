# SPDX-License-Identifier: Apache-2.0
"""What both refuse, and by which exception."""
import numpy as np
from segment_anything import SamAutomaticMaskGenerator, SamPredictor, sam_model_registry

sam = sam_model_registry["default"](checkpoint="seed.pth")
predictor = SamPredictor(sam)
photo = np.zeros((40, 60, 3), np.uint8)
point = np.array([[3, 4]])


def kind(act):
    try:
        act()
    except Exception as error:
        return type(error).__name__
    return "nothing"


no_photo = kind(lambda: predictor.predict(point, np.array([1])))
no_embedding = kind(predictor.get_image_embedding)
predictor.set_image(photo)
image_is_set = str(predictor.is_image_set)
no_labels = kind(lambda: predictor.predict(point))
bad_format = kind(lambda: predictor.set_image(photo, "HSV"))
small_tensor = kind(lambda: predictor.set_torch_image(np.zeros((1, 3, 5, 5)), (5, 5)))
no_grid = kind(lambda: SamAutomaticMaskGenerator(sam, points_per_side=None))
bad_mode = kind(lambda: SamAutomaticMaskGenerator(sam, output_mode="png"))
predictor.reset_image()
forgotten = kind(lambda: predictor.predict(point, np.array([1])))
