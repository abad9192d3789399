# SPDX-License-Identifier: Apache-2.0
"""Compares samc with PyTorch's segment_anything, stage by stage and from photo to mask.

usage: parity.py [--build DIR] [--models LIST] [--kernels LIST] [--quick] [--sensitivity]

Each stage of samc gets the reference's own input of that stage; the largest |difference| over the
largest |value| must stay within 2e-5, from photo to logits within 1e-4, and masks must be equal
wherever |logit| > 1e-4 of the largest. Checkpoints (random numbers in every tensor, official shapes)
and the reference's outputs are kept in ~/.cache/samc/parity: 7 GB, made once in about an hour.
"""
from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image
from segment_anything.modeling import Sam

import examples
import layout
import make_checkpoints
import photos
import sensitivity
from cache import Cache, default_folder
from compare import END_LIMIT, STAGE_LIMIT, SUMMARY_HEAD, Table, wrong_pixels
from reference import Prompt
from stage_program import StageError, StageProgram

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("SAMC_SHARED", ROOT.parent / "shared"))
MODELS = ("tiny", "seed", *make_checkpoints.SEEDS)
SMALL = ("tiny", "seed")
PHOTO_FILES = ("truck.jpg", "dog.jpg", "dogs.jpg", "groceries.jpg")
# Width, height: portrait, square, one pixel, and strips of 16:1 both ways.
FORMULAS = {
    "portrait": (600, 900),
    "square": (512, 512),
    "dot": (1, 1),
    "strip": (1600, 100),
    "tower": (40, 640),
}


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def checkpoint_of(model: str) -> Path | None:
    """None, and a word to the user, where it is not there and cannot be made."""
    if model == "tiny":
        return ROOT / "tests/golden/tiny.pth"
    if model == "seed":
        path = SHARED / "seed/seed.pth"
        if not path.exists():
            say(f"skipping seed: there is no {path}")
            return None
        return path
    return make_checkpoints.ensure(default_folder() / "checkpoints", model)


def all_photos() -> dict[str, np.ndarray]:
    found = {}
    for name in PHOTO_FILES:
        path = SHARED / "photos" / name
        if path.exists():
            found[name] = np.array(Image.open(path).convert("RGB"))
        else:
            say(f"skipping {name}: there is no {path}")
    return found | {name: photos.formula(*size) for name, size in FORMULAS.items()}


def prompts_for(name: str, photo: np.ndarray) -> dict[str, Prompt]:
    if name == "truck.jpg":
        return examples.TRUCK
    return examples.anywhere(photo.shape[1], photo.shape[0])


def rows_of(grid: np.ndarray) -> np.ndarray:
    """[g][g][C] -> [T][C]."""
    return grid.reshape(-1, grid.shape[-1])


class Comparison:
    """One checkpoint under one kernel path."""

    def __init__(self, table: Table, program: StageProgram, cache: Cache) -> None:
        self.table, self.program, self.cache = table, program, cache
        self.side = self.patch = 0  # of the padded square and of a patch, pixels

    def stage(self, row: str, where: str, ours: np.ndarray, reference: np.ndarray) -> None:
        self.table.arrays(row, where, ours, reference, STAGE_LIMIT)

    def end(self, row: str, where: str, ours: np.ndarray, reference: np.ndarray) -> None:
        self.table.arrays(row, where, ours, reference, END_LIMIT)

    def logits(self, low_res: np.ndarray, photo: np.ndarray, resized: tuple[int, int]):
        """The reference's full-resolution logits."""
        shape = SimpleNamespace(image_encoder=SimpleNamespace(img_size=self.side))
        full = Sam.postprocess_masks(shape, torch.from_numpy(low_res), resized, photo.shape[:2])
        return full.numpy()

    def encoder(self, name: str, photo: np.ndarray, encoded, staged: bool) -> None:
        """The photo's way to the embedding."""
        ours = self.program.run("preprocess", photo=photo)
        different = np.count_nonzero(ours["resized"] != encoded.get_tensor("resized"))
        self.table.add("resized (bytes that differ)", name, different, 0)
        if not staged:
            return
        patches = layout.patches(encoded.get_tensor("normalised"), self.patch)
        self.stage("normalised", name, ours["patches"], patches)
        ours = self.program.run("patch_embed", patches=patches)
        last = rows_of(encoded.get_tensor("patch_embed"))
        self.stage("patch_embed + positions", name, ours["out"], last)
        for i in range(sum(key.startswith("blocks.") for key in encoded.keys())):
            ours = self.program.run(f"block:{i}", **{"in": last})
            last = rows_of(encoded.get_tensor(f"blocks.{i}"))
            self.stage(f"block {i}", name, ours["out"], last)
        ours = self.program.run("neck", **{"in": last})
        self.stage("neck", name, ours["out"], layout.tokens(encoded.get_tensor("neck")))

    def decoder(self, where: str, found: dict, embedding: np.ndarray) -> None:
        """Prompt encoder, transformer and heads, each on the reference's input."""
        given = {key: found[key] for key in ("points_model", "boxes_model") if key in found}
        given |= {key: found[key] for key in ("labels", "mask_input") if key in found}
        dense = found["dense"] if found["dense"].ndim == 1 else layout.tokens(found["dense"])
        ours = self.program.run("prompt", **given)
        kinds = "+".join(key.partition("_")[0] for key in given if key.endswith("_model"))
        self.stage(f"sparse ({kinds})", where, ours["sparse"], found["sparse"])
        dense_kind = "no mask" if dense.ndim == 1 else "mask input"
        self.stage(f"dense ({dense_kind})", where, ours["dense"], dense)
        tokens = {"embedding": layout.tokens(embedding), "sparse": found["sparse"], "dense": dense}
        ours = self.program.run("transformer", **tokens)
        self.stage("transformer: tokens", where, ours["hs"], found["hs"])
        self.stage("transformer: image", where, ours["src"], found["src"])
        ours = self.program.run("heads", hs=found["hs"])
        self.stage("hyper-networks", where, ours["hyper"], found["hyper"])
        self.stage("IoU head", where, ours["iou"], found["iou"])
        # The identity in place of what the hyper-networks say gives the upscaled map itself.
        count, _, width = found["hyper"].shape
        identity = np.broadcast_to(np.eye(width, dtype=np.float32), (count, width, width))
        ours = self.program.run("upscale", src=found["src"], hyper=identity)
        self.stage("upscaled", where, ours["low_res"], found["upscaled"])
        ours = self.program.run("upscale", src=found["src"], hyper=found["hyper"])
        self.stage("masks from upscaled", where, ours["low_res"], found["low_res"])
        ours = self.program.run("decoder", **tokens)
        self.stage("decoder: low-res logits", where, ours["low_res"], found["low_res"])
        self.stage("decoder: predicted IoU", where, ours["iou"], found["iou"])

    def answers(self, where: str, photo: np.ndarray, resized, ours: dict, found: dict) -> None:
        """A whole prediction from the photo on, single and multi as channels 0 and 1..3."""
        self.end("end to end: low-res logits", where, ours["low_res"], found["low_res"])
        self.end("end to end: predicted IoU", where, ours["iou"], found["iou"])
        if "masks" not in ours:
            return
        logits = self.logits(found["low_res"], photo, resized)
        self.end("end to end: logits", where, ours["logits"], logits)
        wrong = sum(
            wrong_pixels(ours["masks"][p, m], logits[p, m]) for p, m in np.ndindex(logits.shape[:2])
        )
        self.table.add("end to end: masks (pixels)", where, wrong, 0)

    def post(self, where: str, photo: np.ndarray, resized, low_res: np.ndarray) -> None:
        size = np.array(photo.shape[1::-1], np.int32)
        ours = self.program.run("postprocess", low_res=low_res, size=size)
        self.stage("postprocess", where, ours["logits"], self.logits(low_res, photo, resized))

    def photo(self, name: str, photo: np.ndarray, staged: bool) -> np.ndarray:
        """Everything about one photo; returns our own embedding of it."""
        cache = self.cache
        encoded = cache.encoded(name, photo, staged)
        prompts = prompts_for(name, photo)
        answered = cache.answered(name, photo, encoded, prompts)
        answers: dict[str, dict[str, np.ndarray]] = {}
        for key in answered.keys():
            prompt, _, array = key.rpartition("/")
            answers.setdefault(prompt, {})[array] = answered.get_tensor(key)
        embedding = encoded.get_tensor("neck")
        resized = encoded.get_slice("resized").get_shape()[:2]

        self.encoder(name, photo, encoded, staged)
        own = self.program.run("encode", photo=photo)["embedding"]
        self.end("end to end: image embedding", name, own, embedding)
        todo = dict(prompts)
        while todo:
            key, prompt = next(iter(todo.items()))
            del todo[key]
            found, where = answers[key], f"{name}, {key}"
            if key in examples.STAGED and staged:
                self.decoder(where, found, embedding)
                self.post(where, photo, resized, found["low_res"])
            ours = self.predict(photo, own, prompt)
            self.answers(where, photo, resized, ours, found)
            second, first, again = examples.SECOND_ROUND
            if key == first:  # our own logits go in, of the mask that the reference ranks first
                best = 1 + int(found["iou"][0, 1:].argmax())
                todo[second] = Prompt(
                    again.points, again.labels, mask_input=ours["low_res"][:, best]
                )
        return own

    def predict(self, photo: np.ndarray, embedding: np.ndarray, prompt: Prompt):
        """Through the public API: one mask, then three."""
        size = np.array(photo.shape[1::-1], np.int32)
        return self.program.run("predict", embedding=embedding, size=size, **prompt.arrays())

    def batch(self, photos_: dict[str, np.ndarray], own: dict[str, np.ndarray]) -> None:
        """Several photos in one call of the reference, each with its own prompts."""
        chosen = {name: photos_[name] for name in examples.BATCH if name in photos_}
        if not chosen:
            return
        found = self.cache.batch(chosen, examples.BATCH)
        for name, photo in chosen.items():
            ours = self.predict(photo, own[name], examples.BATCH[name])
            for key in ("low_res", "iou"):
                reference = found.get_tensor(f"{name}/{key}")
                self.end(f"several photos: {key}", name, ours[key][:, 1:], reference)

    def run(self, photos_: dict[str, np.ndarray], small: bool) -> None:
        constants = self.cache.constants()
        pe = constants.get_tensor("dense_pe")
        ours = self.program.run("dense_pe")["out"]
        self.stage("dense positions", "", ours, layout.tokens(pe))
        self.side = int(self.program.run("config")["image_size"][0])
        self.patch = self.side // pe.shape[1]
        own = {}
        for index, (name, photo) in enumerate(photos_.items()):
            # Every block of the large models fills 20 MB a photo: one photo is enough there.
            own[name] = self.photo(name, photo, staged=small or index == 0)
        self.batch(photos_, own)


def kernels_for(model: str, wanted: str | None, program: Path) -> list[str]:
    """Names of kernel paths; an empty one stands for the best of this CPU."""
    if wanted:
        return wanted.split(",")
    if model not in SMALL:
        return [""]
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    return listed.stdout.split()


def compare(
    model: str, program: Path, kernels: list[str], summaries: list[str]
) -> tuple[int, int]:
    """Failing rows and rows of one model; a line a kernel path goes to `summaries`."""
    checkpoint = checkpoint_of(model)
    if checkpoint is None:
        return 0, 0
    cache = Cache(default_folder(), checkpoint, say)
    found = all_photos()
    failures = rows = 0
    for path in kernels:
        with StageProgram(program, checkpoint, path or None) as stages:
            table = Table(f"{model}, kernels {stages.kernels}")
            Comparison(table, stages, cache).run(found, model in SMALL)
        table.show()
        summaries.append(table.summary())
        failures, rows = failures + table.failures(), rows + len(table.rows)
        cache.release()
    return failures, rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--models", help=f"of {','.join(MODELS)}; default: all")
    parser.add_argument(
        "--kernels", help="such as portable,avx2; default: all for tiny and seed, else the best"
    )
    parser.add_argument("--quick", action="store_true", help="tiny and seed only")
    parser.add_argument(
        "--sensitivity",
        action="store_true",
        help="instead, perturb the reference and show that the comparison fails",
    )
    options = parser.parse_args()
    default = ",".join(SMALL if options.quick or options.sensitivity else MODELS)
    chosen = (options.models or default).split(",")
    if any(model not in MODELS for model in chosen):
        parser.error(f"models are {', '.join(MODELS)}")
    program = options.build / "tests" / "samc_stage"
    if not program.exists():
        parser.error(f"there is no {program}: build it first (make build)")

    failures = rows = 0
    summaries: list[str] = []
    try:
        for model in chosen:
            if options.sensitivity:
                checkpoint = checkpoint_of(model)
                result = sensitivity.run(model, checkpoint, program) if checkpoint else (0, 0)
            else:
                kernels = kernels_for(model, options.kernels, program)
                result = compare(model, program, kernels, summaries)
            failures, rows = failures + result[0], rows + result[1]
    except StageError as error:
        say(f"samc_stage: {error}")
        return 1
    if summaries:
        print(f"\nthe worst of each\n{SUMMARY_HEAD}", *summaries, sep="\n")
    print(f"\n{rows - failures} of {rows} rows pass: {'FAIL' if failures or not rows else 'PASS'}")
    return 1 if failures or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
