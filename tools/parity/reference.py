# SPDX-License-Identifier: Apache-2.0
"""Runs the reference and notes what each stage took and gave.

Everything is computed by the reference's own classes, called as SamPredictor calls them; hooks look
on. Names of stages are those of src/model; batches of one are dropped from the photo's side, so that
arrays have the shapes that the headers there state.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np
import torch
from segment_anything import SamPredictor
from segment_anything.modeling import Sam

import layout


@dataclass
class Prompt:
    """P objects of one photo, in pixels of the photo; what is None is not given.
    points [P][N][2], labels [P][N], boxes [P][4] xyxy, mask_input [P][S][S] logits."""

    points: Optional[np.ndarray] = None
    labels: Optional[np.ndarray] = None
    boxes: Optional[np.ndarray] = None
    mask_input: Optional[np.ndarray] = None

    def __post_init__(self) -> None:
        for name in ("points", "boxes", "mask_input"):
            value = getattr(self, name)
            if value is not None:
                setattr(self, name, np.asarray(value, dtype=np.float32))
        if self.labels is not None:
            self.labels = np.asarray(self.labels, dtype=np.int32)

    def count(self) -> int:
        given = (self.points, self.boxes, self.mask_input)
        return next(len(value) for value in given if value is not None)

    def arrays(self) -> dict[str, np.ndarray]:
        names = ("points", "labels", "boxes", "mask_input")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


class Watch:
    """Keeps the outputs of named modules while it is open."""

    def __init__(self, modules: dict[str, torch.nn.Module]) -> None:
        self.modules, self.seen, self.handles = modules, {}, []

    def __enter__(self) -> dict[str, list]:
        for name, module in self.modules.items():

            def note(_module, _inputs, output, name=name):
                self.seen.setdefault(name, []).append(output)

            self.handles.append(module.register_forward_hook(note))
        return self.seen

    def __exit__(self, *_exception) -> None:
        for handle in self.handles:
            handle.remove()


def numbers(tensor: torch.Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().numpy())


class Reference:
    def __init__(self, sam: Sam) -> None:
        self.sam = sam
        self.predictor = SamPredictor(sam)

    @torch.no_grad()
    def encode(self, photo: np.ndarray, stages: bool = True) -> dict[str, np.ndarray]:
        """photo: uint8 [height][width][3]. Afterwards prompts can be given.
        resized u8 [h][w][3] · normalised [3][S][S] · patch_embed (with positions) and blocks.N
        [g][g][C] · neck [D][g][g]: the image embedding."""
        encoder = self.sam.image_encoder
        watched = {"patch_embed": encoder.patch_embed} if stages else {}
        if stages:
            watched |= {f"blocks.{i}": block for i, block in enumerate(encoder.blocks)}
        resized = self.predictor.transform.apply_image(photo)
        pixels = torch.as_tensor(resized).permute(2, 0, 1).contiguous()
        with Watch(watched) as seen:
            self.predictor.set_image(photo)
        out = {"resized": resized}
        if stages:
            out["normalised"] = numbers(self.sam.preprocess(pixels))
            patches = seen.pop("patch_embed")[0] + encoder.pos_embed
            out["patch_embed"] = numbers(patches[0])
            out |= {name: numbers(outputs[0][0]) for name, outputs in seen.items()}
        out["neck"] = numbers(self.predictor.features[0])
        return out

    def features(self, embedding: np.ndarray, photo_size: tuple[int, int]) -> None:
        """Sets an image embedding that encode made before; photo_size is (height, width)."""
        predictor, side = self.predictor, self.sam.image_encoder.img_size
        predictor.features = torch.from_numpy(embedding)[None]
        predictor.original_size = photo_size
        predictor.input_size = predictor.transform.get_preprocess_shape(*photo_size, side)
        predictor.is_image_set = True

    def model_frame(self, prompt: Prompt) -> dict[str, Optional[torch.Tensor]]:
        """The prompt as SamPredictor.predict hands it to predict_torch."""
        transform, size = self.predictor.transform, self.predictor.original_size
        given = dict.fromkeys(("points", "labels", "boxes", "mask_input"))
        if prompt.points is not None:
            points = transform.apply_coords(prompt.points, size)
            given["points"] = torch.as_tensor(points, dtype=torch.float)
            given["labels"] = torch.as_tensor(prompt.labels, dtype=torch.int)
        if prompt.boxes is not None:
            given["boxes"] = torch.as_tensor(
                transform.apply_boxes(prompt.boxes, size), dtype=torch.float
            )
        if prompt.mask_input is not None:
            given["mask_input"] = torch.from_numpy(prompt.mask_input)[:, None]
        return given

    @torch.no_grad()
    def predict(
        self, prompt: Prompt, stages: bool = True, single: bool = True, multi: bool = True
    ) -> dict[str, np.ndarray]:
        """The answer to a prompt, P objects at once; T tokens = 5 + points + padding + corners.
        points_model, boxes_model (the padded square's frame) · sparse [P][T - 5][D] · dense
        [P][D][g][g], or [D] where no mask is given · hs [P][T][D] · src [P][g*g][D] · upscaled [P][D/8][4g][4g] · hyper [P][4][D/8] ·
        low_res [P][4][4g][4g] · iou [P][4] · logits.single [P][1][H][W], logits.multi [P][3][H][W].
        """
        given = self.model_frame(prompt)
        decoder = self.sam.mask_decoder
        watched = {
            "prompt": self.sam.prompt_encoder,
            "transformer": decoder.transformer,
            "upscaled": decoder.output_upscaling,
        }
        watched |= {f"hyper.{i}": mlp for i, mlp in enumerate(decoder.output_hypernetworks_mlps)}
        out, low_res, iou = {}, [], []
        kinds = [("single", False)] * single + [("multi", True)] * multi
        for kind, multimask in kinds:
            with Watch(watched) as seen:
                logits, scores, low = self.predictor.predict_torch(
                    given["points"],
                    given["labels"],
                    given["boxes"],
                    given["mask_input"],
                    multimask_output=multimask,
                    return_logits=True,
                )
            out[f"logits.{kind}"] = numbers(logits)
            low_res.append(low)
            iou.append(scores)
        out["low_res"] = numbers(torch.cat(low_res, dim=1))
        out["iou"] = numbers(torch.cat(iou, dim=1))
        if not stages:
            return out
        for name in ("points", "boxes"):
            if given[name] is not None:
                out[f"{name}_model"] = numbers(given[name])
        sparse, dense = seen["prompt"][0]
        out["sparse"] = numbers(sparse)
        out["dense"] = numbers(dense if prompt.mask_input is not None else dense[0, :, 0, 0])
        out["hs"], out["src"] = (numbers(tensor) for tensor in seen["transformer"][0])
        out["upscaled"] = numbers(seen["upscaled"][0])
        hyper = [seen[f"hyper.{i}"][0] for i in range(decoder.num_mask_tokens)]
        out["hyper"] = numbers(torch.stack(hyper, dim=1))
        return out

    @torch.no_grad()
    def forward(
        self, photos: dict[str, np.ndarray], prompts: dict[str, Prompt]
    ) -> dict[str, np.ndarray]:
        """Sam.forward: all photos in one call, three masks each. NAME/low_res, NAME/iou."""
        records = []
        for name, photo in photos.items():
            resized = self.predictor.transform.apply_image(photo)
            self.predictor.original_size = photo.shape[:2]
            given = self.model_frame(prompts[name])
            records.append(
                {
                    "image": torch.as_tensor(resized).permute(2, 0, 1).contiguous(),
                    "original_size": photo.shape[:2],
                    "boxes": given["boxes"],
                }
            )
        out = {}
        for name, answer in zip(photos, self.sam(records, multimask_output=True)):
            out[f"{name}/low_res"] = numbers(answer["low_res_logits"])
            out[f"{name}/iou"] = numbers(answer["iou_predictions"])
        return out

    @torch.no_grad()
    def stage(self, name: str, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One stage on given input: names, arrays and layouts of tests/parity/samc_stage.c."""
        kind, _, index = name.partition(":")
        if kind == "patch_embed":
            encoder = self.sam.image_encoder
            pixels = layout.square(given["patches"], encoder.patch_embed.proj.kernel_size[0])
            patches = encoder.patch_embed(torch.from_numpy(pixels)[None]) + encoder.pos_embed
            return {"out": numbers(patches[0].flatten(0, 1))}
        if kind in ("block", "neck"):
            rows = torch.from_numpy(layout.grid(given["in"]))[None]
            if kind == "block":
                block = self.sam.image_encoder.blocks[int(index)]
                return {"out": numbers(block(rows)[0].flatten(0, 1))}
            neck = self.sam.image_encoder.neck(rows.permute(0, 3, 1, 2))
            return {"out": layout.tokens(numbers(neck[0]))}
        if kind == "dense_pe":
            return {"out": layout.tokens(self.dense_pe())}
        return getattr(self, f"_stage_{kind}")({k: torch.from_numpy(v) for k, v in given.items()})

    def _stage_prompt(self, given: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
        points = (given["points_model"], given["labels"]) if "points_model" in given else None
        masks = given["mask_input"][:, None] if "mask_input" in given else None
        sparse, dense = self.sam.prompt_encoder(points, given.get("boxes_model"), masks)
        whole = layout.tokens(numbers(dense)) if masks is not None else numbers(dense[0, :, 0, 0])
        found = {"sparse": numbers(sparse), "dense": whole}
        return {name: value for name, value in found.items() if value.size > 0}

    def _stage_transformer(self, given: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
        decoder, sparse, dense = self.sam.mask_decoder, given["sparse"], given["dense"].numpy()
        if dense.ndim == 1:
            dense = np.broadcast_to(dense, (len(sparse), len(given["embedding"]), len(dense)))
        with Watch({"transformer": decoder.transformer}) as seen:
            decoder.predict_masks(
                torch.from_numpy(layout.planes(given["embedding"].numpy()))[None],
                self.sam.prompt_encoder.get_dense_pe(),
                sparse,
                torch.from_numpy(layout.planes(dense)),
            )
        hs, src = seen["transformer"][0]
        return {"hs": numbers(hs), "src": numbers(src)}

    def _stage_heads(self, given: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
        decoder, hs = self.sam.mask_decoder, given["hs"]
        mlps = decoder.output_hypernetworks_mlps
        hyper = torch.stack([mlp(hs[:, 1 + i]) for i, mlp in enumerate(mlps)], dim=1)
        return {"hyper": numbers(hyper), "iou": numbers(decoder.iou_prediction_head(hs[:, 0]))}

    def _stage_upscale(self, given: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
        image = torch.from_numpy(layout.planes(given["src"].numpy()))
        upscaled = self.sam.mask_decoder.output_upscaling(image)
        low_res = given["hyper"] @ upscaled.flatten(2)
        return {"low_res": numbers(low_res.unflatten(2, upscaled.shape[2:]))}

    @torch.no_grad()
    def dense_pe(self) -> np.ndarray:
        """The positions of the image's tokens, [D][g][g]."""
        return numbers(self.sam.prompt_encoder.get_dense_pe()[0])
