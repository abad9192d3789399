# SPDX-License-Identifier: Apache-2.0
"""The prompts that the reference's documents and notebooks show, and prompts for any other photo."""
from __future__ import annotations

from reference import Prompt

# On truck.jpg, 1800x1200. Every prompt is answered with one mask and with three.
TRUCK: dict[str, Prompt] = {
    "1 point": Prompt(points=[[[500, 375]]], labels=[[1]]),
    "2 two points": Prompt(points=[[[500, 375], [1125, 625]]], labels=[[1, 1]]),
    "3 two objects": Prompt(points=[[[500, 375]], [[1125, 625]]], labels=[[1], [1]]),
    "4 background": Prompt(points=[[[500, 375], [1125, 625]]], labels=[[1, 0]]),
    "5 box": Prompt(boxes=[[425, 600, 700, 875]]),
    "6 box, background": Prompt(
        points=[[[575, 750]]], labels=[[0]], boxes=[[425, 600, 700, 875]]
    ),
    "7 boxes, points": Prompt(
        points=[[[575, 750]], [[1525, 670]]],
        labels=[[1], [1]],
        boxes=[[425, 600, 700, 875], [1360, 525, 1680, 780]],
    ),
    "8 four boxes": Prompt(
        boxes=[
            [75, 275, 1725, 850],
            [425, 600, 700, 875],
            [1375, 550, 1650, 800],
            [1240, 675, 1400, 750],
        ]
    ),
    "point (500,500)": Prompt(points=[[[500, 500]]], labels=[[1]]),
}

# The notebooks' second round: these points with the logits of example 1's best mask.
SECOND_ROUND = ("logits fed back", "1 point", Prompt([[[500, 375], [1125, 625]]], [[1, 1]]))

# Of these the decoder is compared stage by stage: padding point, box with point, mask input.
STAGED = ("1 point", "6 box, background", "logits fed back", "point", "box and points")

# Several photos in one call, each with its own prompts (Sam.forward); the photo's name is the key.
BATCH: dict[str, Prompt] = {
    "truck.jpg": Prompt(
        boxes=[[75, 275, 1725, 850], [425, 600, 700, 875], [1375, 550, 1650, 800]]
    ),
    "groceries.jpg": Prompt(boxes=[[450, 170, 520, 350], [350, 190, 450, 350]]),
}


def anywhere(width: int, height: int) -> dict[str, Prompt]:
    """Prompts for a photo of any size, one pixel included."""
    inside = [[0.4 * width, 0.6 * height], [0.75 * width, 0.2 * height]]
    box = [0.2 * width, 0.1 * height, 0.8 * width, 0.9 * height]
    return {
        "point": Prompt(points=[inside[:1]], labels=[[1]]),
        "box and points": Prompt(points=[inside], labels=[[1, 0]], boxes=[box]),
    }
