# SPDX-License-Identifier: Apache-2.0
"""Gradients of samc against PyTorch's autograd on the reference's own modules.

usage: parity_train.py --build BUILD [--models tiny,seed]        (run by `make parity-train`)

For each model and each kind of prompt the same batch goes through both: several photos, several
prompts a photo, random weights on every logit and predicted IoU (so that the "loss" is their weighted
sum and its gradient reaches everything), drop-path factors of 0 and 1 / (1 - p). Compared per tensor:
|g - r| / |r| must be <= 1e-3; kept and recomputed activations must give the same bits, and so must
one and two threads. Then a pass of `samc pretrain`: the reference's encoder with hidden tokens, and a
head and loss of torch's own functions.
"""
from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

import models

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 1e-3


def encoder_forward(encoder, photos: torch.Tensor, keep: torch.Tensor, hidden=None, mask_token=None) -> torch.Tensor:
    """ImageEncoderViT.forward with every residual branch multiplied by its factor [depth][2][B].

    Tokens that are hidden [B][grid][grid] have the mask token in place of their patch.
    """
    from segment_anything.modeling.image_encoder import window_partition, window_unpartition

    x = encoder.patch_embed(photos)
    if hidden is not None:
        x = torch.where(hidden[..., None], mask_token, x)
    x = x + encoder.pos_embed
    for index, block in enumerate(encoder.blocks):
        shape = (-1, 1, 1, 1)
        y = block.norm1(x)
        if block.window_size > 0:
            h, w = y.shape[1:3]
            y, padded = window_partition(y, block.window_size)
            y = window_unpartition(block.attn(y), block.window_size, padded, (h, w))
        else:
            y = block.attn(y)
        x = x + keep[index, 0].view(shape) * y
        x = x + keep[index, 1].view(shape) * block.mlp(block.norm2(x))
    return encoder.neck(x.permute(0, 3, 1, 2))


def decode(sam, embedding, points, labels, masks, first, count):
    """The reference's predict_masks for prompts of several photos: embedding is one a prompt."""
    encoder, decoder = sam.prompt_encoder, sam.mask_decoder
    n, grid = points.shape[0], embedding.shape[-1]
    sparse = encoder._embed_points(points, labels, pad=False)
    corners = (labels == 2)[..., None], (labels == 3)[..., None]
    # the class embeds corners apart from points: here a label decides, as samc's trainer has it
    position = encoder.pe_layer.forward_with_coords(points + 0.5, encoder.input_image_size)
    for where, index in zip(corners, (2, 3)):
        sparse = torch.where(where, position + encoder.point_embeddings[index].weight, sparse)
    if masks is None:
        dense = encoder.no_mask_embed.weight.reshape(1, -1, 1, 1).expand(n, -1, grid, grid)
    else:
        dense = encoder._embed_masks(masks[:, None])
    tokens = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])[None].expand(n, -1, -1)
    source = embedding + dense
    position = encoder.get_dense_pe().expand(n, -1, -1, -1)
    hs, source = decoder.transformer(source, position, torch.cat([tokens, sparse], 1))
    up = decoder.output_upscaling(source.transpose(1, 2).reshape(embedding.shape))
    hyper = torch.stack([net(hs[:, 1 + i]) for i, net in enumerate(decoder.output_hypernetworks_mlps)], 1)
    logits = (hyper @ up.flatten(2)).reshape(n, -1, 4 * grid, 4 * grid)
    return logits[:, first : first + count], decoder.iou_prediction_head(hs[:, 0])[:, first : first + count]


CASES = {
    # name: labels of every prompt, mask input, masks wanted
    "point, three masks": ([[1, -1]], False, 3),
    "box, one mask": ([[2, 3]], False, 1),
    "points and box with a mask input": ([[1, 0, 2, 3], [0, 1, 2, 3]], True, 1),
    "mask input only": ([[]], True, 3),
}


def make_batch(sam, case: str, photos: int, each: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    kinds, mask_input, count = CASES[case]
    encoder = sam.image_encoder
    size, patch, depth = encoder.img_size, encoder.patch_embed.proj.kernel_size[0], len(encoder.blocks)
    grid, n = size // patch, photos * each
    labels = np.array([kinds[i % len(kinds)] for i in range(n)], np.int32).reshape(n, -1)
    keep = np.where(generator.random((depth, 2, photos)) < 0.2, 0.0, 1.25).astype(np.float32)
    batch = {
        "photos": generator.standard_normal((photos, 3, size, size)).astype(np.float32),
        "keep": keep,
        "points": (generator.random((n, labels.shape[1], 2)) * size).astype(np.float32),
        "labels": labels,
        "photo": np.repeat(np.arange(photos, dtype=np.int32), each),
        "dlogits": generator.standard_normal((n, count, 4 * grid, 4 * grid)).astype(np.float32),
        "diou": generator.standard_normal((n, count)).astype(np.float32) * 4 * grid,
    }
    if mask_input:
        batch["masks"] = (generator.standard_normal((n, 4 * grid, 4 * grid)) * 4).astype(np.float32)
    return batch


def reference(sam, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    sam.zero_grad()
    t = {name: torch.from_numpy(value) for name, value in batch.items()}
    embedding = encoder_forward(sam.image_encoder, t["photos"], t["keep"])
    count = t["diou"].shape[1]
    logits, iou = decode(
        sam, embedding[t["photo"].long()], t["points"], t["labels"], t.get("masks"), 0 if count == 1 else 1, count
    )
    ((logits * t["dlogits"]).sum() + (iou * t["diou"]).sum()).backward()
    out = {
        name: (torch.zeros_like(p) if p.grad is None else p.grad).numpy() for name, p in sam.named_parameters()
    }
    out["embedding"] = embedding.detach().permute(0, 2, 3, 1).flatten(0, 2).numpy()
    out["logits"], out["iou"] = logits.detach().numpy(), iou.detach().numpy()
    return out


class Head(torch.nn.Module):
    """What pre-training adds to the encoder; names as in samc's checkpoints."""

    def __init__(self, width: int, channels: int, pixels: int):
        super().__init__()
        self.mask_token = torch.nn.Parameter(torch.randn(width))
        self.head = torch.nn.Sequential(
            torch.nn.Linear(channels, 2 * channels), torch.nn.GELU(), torch.nn.Linear(2 * channels, pixels)
        )


def patchify(photos: np.ndarray, patch: int) -> np.ndarray:
    b, _, size, _ = photos.shape
    g = size // patch
    return photos.reshape(b, 3, g, patch, g, patch).transpose(0, 2, 4, 1, 3, 5).reshape(b * g * g, -1)


def reference_mae(sam, head: Head, batch: dict[str, np.ndarray], patch: int) -> dict[str, np.ndarray]:
    sam.zero_grad()
    head.zero_grad()
    photos, keep = torch.from_numpy(batch["photos"]), torch.from_numpy(batch["keep"])
    b, grid = photos.shape[0], photos.shape[-1] // patch
    hidden = torch.from_numpy(batch["hidden"]).bool().reshape(b, grid, grid)
    embedding = encoder_forward(sam.image_encoder, photos, keep, hidden, head.mask_token)
    embedding = embedding.permute(0, 2, 3, 1).flatten(1, 2)
    wanted = torch.from_numpy(patchify(batch["photos"], patch)).reshape(b, grid * grid, -1)
    wanted = (wanted - wanted.mean(-1, keepdim=True)) / (wanted.var(-1, keepdim=True) + 1e-6).sqrt()
    error = ((head.head(embedding) - wanted) ** 2).mean(-1)
    hidden = hidden.flatten(1)
    loss = ((error * hidden).sum(1) / hidden.sum(1)).mean()
    loss.backward()
    out = {name: p.grad.numpy() for name, p in sam.named_parameters() if name.startswith("image_encoder.")}
    out |= {f"pretrain.{name}": p.grad.numpy() for name, p in head.named_parameters()}
    out["embedding"] = embedding.detach().flatten(0, 1).numpy()
    out["loss"] = loss.detach().reshape(1).numpy()
    return out


def check_mae(name: str, sam, path: Path, program: Path, patch: int, generator: np.random.Generator) -> bool:
    encoder = sam.image_encoder
    torch.manual_seed(7)
    head = Head(encoder.pos_embed.shape[-1], encoder.neck[0].weight.shape[0], 3 * patch * patch)
    batch = make_batch(sam, "mask input only", 3, 1, generator)
    batch = {key: batch[key] for key in ("photos", "keep")}
    grid = encoder.img_size // patch
    batch["hidden"] = (generator.random(3 * grid * grid) < np.repeat([0.6, 0.3, 0.9], grid * grid)).astype(np.int32)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.safetensors"
        state = sam.state_dict() | {f"pretrain.{key}": value for key, value in head.state_dict().items()}
        save_file({key: np.ascontiguousarray(value.numpy()) for key, value in state.items()}, model)
        g = ours(program, model, batch, patch, "", "2", "0")
        good = compare(name, "pre-training: hidden tokens", reference_mae(sam, head, batch, patch), g)
        for options in (("", "1", "0"), ("", "2", "1")):
            again = ours(program, model, batch, patch, *options)
            if any(again[k].tobytes() != g[k].tobytes() for k in g):
                print(f"{name} pre-training: other bits with threads {options[1]}, recompute {options[2]}: FAIL")
                good = False
    return good


def ours(program: Path, model: Path, batch: dict[str, np.ndarray], patch: int, *options: str) -> dict[str, np.ndarray]:
    given = {name: value for name, value in batch.items() if name != "photos"}
    given["patches"] = patchify(batch["photos"], patch)
    with tempfile.TemporaryDirectory() as folder:
        save_file({k: np.ascontiguousarray(v) for k, v in given.items()}, f"{folder}/in.safetensors")
        subprocess.run([program, model, f"{folder}/in.safetensors", f"{folder}/out.safetensors", *options], check=True)
        return load_file(f"{folder}/out.safetensors")


def is_zero_by_theory(tensor: str) -> bool:
    """A bias on the keys adds the same to every score of a query, which a softmax does not see."""
    return tensor.startswith("mask_decoder.transformer") and tensor.endswith("k_proj.bias")


def compare(name: str, case: str, r: dict[str, np.ndarray], g: dict[str, np.ndarray]) -> bool:
    worst, worst_name = 0.0, ""
    for tensor, value in r.items():
        size = np.linalg.norm(value)
        if is_zero_by_theory(tensor):  # rounding is all that both have: measure it by the weight's gradient
            size = np.linalg.norm(r[tensor.replace("bias", "weight")])
        difference = np.linalg.norm(g[tensor].reshape(value.shape).astype(np.float64) - value)
        error = difference / size if size > 0 else difference
        if error > worst:
            worst, worst_name = error, tensor
    good = worst <= LIMIT
    print(f"{name:6s} {case:34s} {len(r):4d} tensors   worst {worst:.2e} {worst_name:58s} {'PASS' if good else 'FAIL'}")
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--models", default="tiny,seed")
    arguments = parser.parse_args()
    paths = {"tiny": ROOT / "tests/golden/tiny.pth", "seed": ROOT.parent / "shared/seed/seed.pth"}
    program = arguments.build.resolve() / "tests/samc_gradients"
    good = True
    for name in arguments.models.split(","):
        path = paths[name]
        if not path.exists():
            print(f"{name}: skipped, there is no {path}")
            continue
        sam = models.load(str(path))
        for parameter in sam.parameters():
            parameter.requires_grad_(True)
        patch = sam.image_encoder.patch_embed.proj.kernel_size[0]
        generator = np.random.default_rng(7)
        for case in CASES:
            batch = make_batch(sam, case, 2, 3, generator)
            g = ours(program, path, batch, patch, "", "2", "0")
            good &= compare(name, case, reference(sam, batch), g)
            for options in (("", "1", "0"), ("", "2", "1")):
                again = ours(program, path, batch, patch, *options)
                if any(again[k].tobytes() != g[k].tobytes() for k in g):
                    print(f"{name} {case}: other bits with threads {options[1]}, recompute {options[2]}: FAIL")
                    good = False
        good &= check_mae(name, sam, path, program, patch, generator)
    print("parity-train:", "PASS" if good else "FAIL")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
