# SPDX-License-Identifier: Apache-2.0
"""Models of the reference (Meta's segment_anything): of any size, and filled with random numbers.

The reference builds vit_b, vit_l and vit_h only; here the sizes are read off a state dict, as samc
reads them, so that the seed and the tiny golden model are built from the reference's own classes.
"""
from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

import torch
from safetensors.torch import load_file
from segment_anything import sam_model_registry
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)

PIXEL_MEAN = [123.675, 116.28, 103.53]
PIXEL_STD = [58.395, 57.12, 57.375]


@dataclass(frozen=True)
class Sizes:
    """What distinguishes one model of the family from another."""

    image: int
    patch: int
    dim: int
    depth: int
    heads: int
    window: int
    global_blocks: tuple[int, ...]
    embedding: int  # channels of the image embedding and of the tokens
    mask_channels: int
    decoder_mlp: int
    decoder_depth: int
    downsample: int
    iou_hidden: int
    iou_depth: int


# Ten tokens a side and windows of four: padding to twelve. Head sizes 20 (encoder), 4 and 2
# (decoder) are multiples of no vector width.
TINY = Sizes(
    image=160,
    patch=16,
    dim=40,
    depth=3,
    heads=2,
    window=4,
    global_blocks=(1,),
    embedding=32,
    mask_channels=16,
    decoder_mlp=64,
    decoder_depth=2,
    downsample=2,
    iou_hidden=32,
    iou_depth=3,
)


def sizes_of(state: dict[str, torch.Tensor]) -> Sizes:
    """Reads the sizes off a state dict under the official names."""
    grid, dim = state["image_encoder.pos_embed"].shape[1::2]
    patch = state["image_encoder.patch_embed.proj.weight"].shape[-1]

    def count(pattern: str) -> int:
        found = (re.match(pattern, name) for name in state)
        return 1 + max(int(m.group(1)) for m in found if m)

    depth = count(r"image_encoder\.blocks\.(\d+)\.")
    spans = [
        (state[f"image_encoder.blocks.{i}.attn.rel_pos_h"].shape[0] + 1) // 2 for i in range(depth)
    ]
    windows = [span for span in spans if span != grid]
    two_way = "mask_decoder.transformer"
    embedding = state["mask_decoder.iou_token.weight"].shape[1]
    cross = state[f"{two_way}.final_attn_token_to_image.q_proj.weight"].shape[0]
    return Sizes(
        image=grid * patch,
        patch=patch,
        dim=dim,
        depth=depth,
        heads=dim // state["image_encoder.blocks.0.attn.rel_pos_h"].shape[1],
        window=windows[0] if windows else 0,
        global_blocks=tuple(i for i, span in enumerate(spans) if span == grid),
        embedding=embedding,
        mask_channels=state["prompt_encoder.mask_downscaling.3.weight"].shape[0],
        decoder_mlp=state[f"{two_way}.layers.0.mlp.lin1.weight"].shape[0],
        decoder_depth=count(r"mask_decoder\.transformer\.layers\.(\d+)\."),
        downsample=embedding // cross,
        iou_hidden=state["mask_decoder.iou_prediction_head.layers.0.weight"].shape[0],
        iou_depth=count(r"mask_decoder\.iou_prediction_head\.layers\.(\d+)\."),
    )


def build(sizes: Sizes) -> Sam:
    """The reference's model of these sizes, as its constructors leave it."""
    grid = sizes.image // sizes.patch
    sam = Sam(
        image_encoder=ImageEncoderViT(
            depth=sizes.depth,
            embed_dim=sizes.dim,
            img_size=sizes.image,
            mlp_ratio=4,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            num_heads=sizes.heads,
            patch_size=sizes.patch,
            qkv_bias=True,
            use_rel_pos=True,
            global_attn_indexes=list(sizes.global_blocks),
            window_size=sizes.window,
            out_chans=sizes.embedding,
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=sizes.embedding,
            image_embedding_size=(grid, grid),
            input_image_size=(sizes.image, sizes.image),
            mask_in_chans=sizes.mask_channels,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(
                depth=sizes.decoder_depth,
                embedding_dim=sizes.embedding,
                mlp_dim=sizes.decoder_mlp,
                num_heads=8,
                attention_downsample_rate=sizes.downsample,
            ),
            transformer_dim=sizes.embedding,
            iou_head_depth=sizes.iou_depth,
            iou_head_hidden_dim=sizes.iou_hidden,
        ),
        pixel_mean=PIXEL_MEAN,
        pixel_std=PIXEL_STD,
    )
    return sam.eval()


def load(path: str) -> Sam:
    """The reference's model with the weights of a checkpoint: .pth, or safetensors of any type under
    the official names."""
    if path.endswith(".safetensors"):
        state = {name: tensor.float() for name, tensor in load_file(path).items()}
    else:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    sizes = sizes_of(state)
    with torch.device("meta"):
        sam = build(sizes)
    sam.load_state_dict(state, assign=True)
    # Buffers outside the state dict are on "meta" too.
    sam.pixel_mean = torch.tensor(PIXEL_MEAN).view(-1, 1, 1)
    sam.pixel_std = torch.tensor(PIXEL_STD).view(-1, 1, 1)
    return sam.eval().requires_grad_(False)


def is_norm(name: str, tensor: torch.Tensor) -> bool:
    """The weight of a layer norm: the only weights with one dimension."""
    return tensor.ndim == 1 and name.endswith(".weight")


@torch.no_grad()
def fill(sam: Sam) -> Sam:
    """Makes every tensor random: the constructors leave positions at zero and norms at the identity,
    which would hide errors. What they make random stays as they made it."""
    for name, parameter in sam.named_parameters():
        if "rel_pos" in name or "pos_embed" in name:
            parameter.normal_(0, 0.1)
        elif is_norm(name, parameter):
            parameter.uniform_(0.8, 1.2)
        elif name.endswith(".bias"):
            parameter.normal_(0, 0.05)
    return sam


def official(kind: str, seed: int) -> Sam:
    """vit_b, vit_l or vit_h of the official shape, random everywhere."""
    torch.manual_seed(seed)
    return fill(sam_model_registry[kind]())


@torch.no_grad()
def tiny(seed: int = 160) -> Sam:
    """The golden model. Its numbers are scaled so that a mistake shows at 1e-5: the layer norms see
    variances near 0.01 (a wrong eps shows), attention is far from uniform, logits take both signs.
    """
    torch.manual_seed(seed)
    sam = fill(build(TINY))
    encoder, prompt, decoder = sam.image_encoder, sam.prompt_encoder, sam.mask_decoder

    # A small residual stream: patches, positions and what each branch adds are about 0.1.
    encoder.patch_embed.proj.weight.mul_(0.25)
    for block in encoder.blocks:
        block.attn.qkv.weight.mul_(2.5)
        block.attn.rel_pos_h.mul_(4)
        block.attn.rel_pos_w.mul_(4)
        block.attn.proj.weight.mul_(0.2)
        block.mlp.lin1.weight.mul_(2)
        block.mlp.lin2.weight.mul_(0.15)
    encoder.neck[2].weight.mul_(0.3)
    encoder.neck[3].weight.mul_(0.2)
    prompt.no_mask_embed.weight.mul_(0.2)

    prompt.mask_downscaling[0].weight.mul_(0.1)
    prompt.mask_downscaling[3].weight.mul_(0.3)
    prompt.mask_downscaling[6].weight.mul_(0.5)

    two_way = decoder.transformer
    attentions = [two_way.final_attn_token_to_image]
    for layer in two_way.layers:
        attentions += [
            layer.self_attn,
            layer.cross_attn_token_to_image,
            layer.cross_attn_image_to_token,
        ]
        for norm in (layer.norm1, layer.norm2, layer.norm3, layer.norm4):
            norm.weight.mul_(0.15)
        layer.self_attn.out_proj.weight.mul_(0.5)
        layer.cross_attn_image_to_token.out_proj.weight.mul_(2)
        layer.mlp.lin1.weight.mul_(4)
    for attention in attentions:
        attention.q_proj.weight.mul_(2)
        attention.k_proj.weight.mul_(2)
    decoder.output_upscaling[0].weight.mul_(4)
    decoder.output_upscaling[3].weight.mul_(3)
    for mlp in decoder.output_hypernetworks_mlps:
        for linear in mlp.layers:
            linear.weight.mul_(2)
    for linear in decoder.iou_prediction_head.layers:
        linear.weight.mul_(2)
    return sam
