# SPDX-License-Identifier: Apache-2.0
"""Shows that the comparison can fail: the reference is made wrong in one way at a time, and the same
stages on the same input as in parity.py must then differ by more than the limit.

Ways: every tensor in turn rolled by one element; one element of it changed by 1e-2 of its value; the
tanh approximation of GELU; another epsilon in the layer norms. What is compared with is samc's own
output, of the right weights.
"""
from __future__ import annotations

from pathlib import Path
from typing import Callable, Iterator

import numpy as np
import torch

import layout
import models
import photos
from compare import STAGE_LIMIT, relative
from reference import Prompt, Reference
from stage_program import StageProgram

# The bias of the keys adds one number to all scores of a query, which softmax takes away again.
NO_EFFECT = "k_proj.bias"
# Stages whose weights are the encoder's own, by the beginning of their names.
PREFIXES = {
    "image_encoder.patch_embed": "patch_embed",
    "image_encoder.pos_embed": "patch_embed",
    "image_encoder.neck": "neck",
    "prompt_encoder": "prompt",
    "mask_decoder.transformer": "transformer",
    "mask_decoder.iou_token": "transformer",
    "mask_decoder.mask_tokens": "transformer",
    "mask_decoder.output_upscaling": "upscale",
    "mask_decoder.output_hypernetworks_mlps": "heads",
    "mask_decoder.iou_prediction_head": "heads",
}

Given = list[tuple[str, dict[str, np.ndarray]]]  # stages and their input


def stages_of(tensor: str) -> tuple[str, ...]:
    """The stages in which a tensor takes part."""
    if tensor.startswith("image_encoder.blocks."):
        return (f"block:{tensor.split('.')[2]}",)
    if "pe_layer" in tensor:
        return ("prompt", "dense_pe")
    return tuple(stage for prefix, stage in PREFIXES.items() if tensor.startswith(prefix))


def inputs(reference: Reference, patch: int) -> Given:
    """What the right reference hands to each stage: one photo, every kind of prompt."""
    encoded = reference.encode(photos.formula(240, 150))
    given: Given = [("dense_pe", {})]
    given.append(("patch_embed", {"patches": layout.patches(encoded["normalised"], patch)}))
    last = encoded["patch_embed"]
    for i in range(len(reference.sam.image_encoder.blocks)):
        given.append((f"block:{i}", {"in": last.reshape(-1, last.shape[-1])}))
        last = encoded[f"blocks.{i}"]
    given.append(("neck", {"in": last.reshape(-1, last.shape[-1])}))

    points = Prompt(points=[[[100, 60], [30, 120]]], labels=[[1, 0]])
    first = reference.predict(points)
    prompts = [points, Prompt(boxes=[[30, 20, 150, 110]])]
    prompts.append(Prompt(points.points, points.labels, mask_input=first["low_res"][:, 1]))
    for prompt in prompts:
        answer = reference.predict(prompt)
        frame = {k: answer[k] for k in ("points_model", "boxes_model") if k in answer}
        frame |= {k: v for k, v in prompt.arrays().items() if k in ("labels", "mask_input")}
        tokens = {"embedding": layout.tokens(encoded["neck"])}
        given.append(("prompt", frame))
        given.append(("transformer", tokens | reference.stage("prompt", frame)))
        given.append(("heads", {"hs": answer["hs"]}))
        given.append(("upscale", {"src": answer["src"], "hyper": answer["hyper"]}))
    return given


def rolled(tensor: torch.Tensor) -> None:
    tensor.copy_(tensor.flatten().roll(1).view_as(tensor))


def nudged(tensor: torch.Tensor) -> None:
    """The element of the largest value, and only counted: behind a ReLU that is shut, or one of
    thousands in a sum, it may be below what f32 can show."""
    flat = tensor.view(-1)
    flat[flat.abs().argmax()] *= 1.01


def rolled_keys_alone(tensor: torch.Tensor) -> None:
    """The third of an encoder's qkv bias that belongs to the keys: without effect, as above."""
    third = len(tensor) // 3
    tensor[third : 2 * third] = tensor[third : 2 * third].roll(1)


class Sensitivity:
    def __init__(self, model: str, checkpoint: Path, program: Path) -> None:
        self.model = model
        self.reference = Reference(models.load(str(checkpoint)))
        self.given = inputs(self.reference, models.sizes_of(self.reference.sam.state_dict()).patch)
        with StageProgram(program, checkpoint) as stages:
            self.ours = [stages.run(stage, **arrays) for stage, arrays in self.given]

    def difference(self, stages: tuple[str, ...]) -> float:
        """The largest difference between samc and the reference as it is now, in these stages."""
        worst = 0.0
        for (stage, arrays), ours in zip(self.given, self.ours):
            if stage in stages or not stages:
                reference = self.reference.stage(stage, arrays)
                worst = max(worst, *(relative(ours[k], reference[k]) for k in ours))
        return worst

    @torch.no_grad()
    def tensors(self, change: Callable[[torch.Tensor], None]) -> Iterator[tuple[str, float]]:
        """Each tensor in turn changed: its name and the difference that shows."""
        for name, tensor in self.reference.sam.state_dict().items():
            right = tensor.clone()
            change(tensor)
            yield name, self.difference(stages_of(name))
            tensor.copy_(right)

    def key_biases(self) -> Iterator[tuple[str, float]]:
        for name, tensor in self.reference.sam.state_dict().items():
            if name.endswith("qkv.bias"):
                right = tensor.clone()
                rolled_keys_alone(tensor)
                yield name, self.difference(stages_of(name))
                tensor.copy_(right)

    def modules(self, kind: str) -> dict[str, torch.nn.Module]:
        every = self.reference.sam.named_modules()
        return {name: module for name, module in every if kind in type(module).__name__}

    def attributes(self, kind: str, attribute: str, wrong) -> Iterator[tuple[str, float]]:
        """Each module of a kind in turn with another attribute."""
        for name, module in self.modules(kind).items():
            right = getattr(module, attribute)
            setattr(module, attribute, wrong(right))
            yield name, self.difference(stages_of(name))
            setattr(module, attribute, right)


def tell(what: str, found: list[tuple[str, float]], must: bool) -> tuple[int, int]:
    """Prints how many were caught; returns (failures, rows) for the summary."""
    missed = [(name, value) for name, value in found if not value > STAGE_LIMIT]
    least = min(found, key=lambda pair: pair[1])
    verdict = "" if not must else "  PASS" if not missed else "  FAIL"
    print(f"{what:46s} {len(found) - len(missed):4d} of {len(found):4d} caught{verdict}")
    print(f"{'':46s} the least: {least[1]:.2g}, {least[0]}")
    for name, value in missed if must else ():
        print(f"    not caught: {name} ({value:.2g})")
    return int(must and bool(missed)), int(must)


def run(model: str, checkpoint: Path, program: Path) -> tuple[int, int]:
    torch.set_num_threads(1)  # thousands of small stages
    study = Sensitivity(model, checkpoint, program)
    print(f"\n{model}: one stage at a time on the same input, limit {STAGE_LIMIT:g}")
    right = study.difference(())
    print(f"{'nothing wrong':46s} {right:.2g}{'  PASS' if right <= STAGE_LIMIT else '  FAIL'}")
    results = [(int(right > STAGE_LIMIT), 1)]

    every = list(study.tensors(rolled))
    effective = [pair for pair in every if not pair[0].endswith(NO_EFFECT)]
    results.append(tell("a tensor rolled by one", effective, True))
    without = [pair for pair in every if pair[0].endswith(NO_EFFECT)] + list(study.key_biases())
    print(f"without effect, provably: a bias of all keys shifts all scores of a query alike, and")
    print(f"softmax takes the shift away: {len(without)}, the most {max(v for _, v in without):.2g}")
    nudges = [pair for pair in study.tensors(nudged) if not pair[0].endswith(NO_EFFECT)]
    results.append(tell("its largest element times 1.01", nudges, False))
    gelu = list(study.attributes("GELU", "approximate", lambda _: "tanh"))
    results.append(tell("tanh GELU in one place", gelu, True))
    norms = list(study.attributes("LayerNorm", "eps", lambda eps: 1e-5 if eps < 5e-6 else 1e-6))
    # Trained norms see variances near one, where 9e-6 more cannot show in a single place.
    results.append(tell("another eps in one layer norm", norms, model == "tiny"))
    results.append(tell("another eps in every layer norm", [("all", every_eps(study))], True))
    return sum(f for f, _ in results), sum(n for _, n in results)


def every_eps(study: Sensitivity) -> float:
    norms = study.modules("LayerNorm").values()
    right = [norm.eps for norm in norms]
    for norm in norms:
        norm.eps = 1e-5 if norm.eps < 5e-6 else 1e-6
    found = study.difference(())
    for norm, eps in zip(norms, right):
        norm.eps = eps
    return found
