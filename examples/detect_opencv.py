#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two detectors that come with OpenCV (Debian: python3-opencv, opencv-data), for `samc boxes`:

    samc boxes --detector 'python3 examples/detect_opencv.py hog {photo}' photos -o out
    samc boxes --detector 'python3 examples/detect_opencv.py haar {photo}' photos -o out

hog finds people who stand or walk, with its score; haar finds faces, or what another cascade of
opencv-data was made for (--cascade haarcascade_fullbody.xml), without one. Prints one line of JSON a
box. Copy this file for a detector of your own: it only has to print such lines.
"""
import argparse
import json
import os
import sys

import cv2

DATA = [os.path.join(getattr(getattr(cv2, "data", None), "haarcascades", ""), ""),
        "/usr/share/opencv4/haarcascades/", "/usr/share/opencv/haarcascades/"]


def people(gray):
    """Boxes x, y, w, h and scores. Source: Dalal & Triggs (2005), OpenCV's own coefficients."""
    hog = cv2.HOGDescriptor()
    hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
    boxes, scores = hog.detectMultiScale(gray, winStride=(8, 8), padding=(16, 16), scale=1.05)
    return [(box, float(score)) for box, score in zip(boxes, list(scores))]


def cascade(gray, name):
    """Boxes x, y, w, h. Source: Viola & Jones (2001)."""
    paths = [name] if os.path.dirname(name) else [folder + name for folder in DATA if folder]
    path = next((p for p in paths if os.path.exists(p)), None)
    if not path:
        sys.exit(f"the cascade {name} is not found; on Debian: apt-get install opencv-data")
    found = cv2.CascadeClassifier(path).detectMultiScale(gray, scaleFactor=1.05, minNeighbors=6,
                                                         minSize=(24, 24))
    return [(box, None) for box in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("detector", choices=["hog", "haar"])
    parser.add_argument("photo")
    parser.add_argument("--cascade", default="haarcascade_frontalface_default.xml")
    options = parser.parse_args()
    gray = cv2.imread(options.photo, cv2.IMREAD_GRAYSCALE)  # upright, as samc reads it
    if gray is None:
        sys.exit(f"cannot read {options.photo}")
    name = "person" if options.detector == "hog" else \
        os.path.basename(options.cascade).removeprefix("haarcascade_").removesuffix(".xml")
    found = people(gray) if options.detector == "hog" else cascade(gray, options.cascade)
    for (x, y, w, h), score in found:
        line = {"bbox": [int(x), int(y), int(w), int(h)], "class": name}
        print(json.dumps(line if score is None else {**line, "score": round(score, 6)}))


if __name__ == "__main__":
    main()
