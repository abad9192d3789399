/* SPDX-License-Identifier: Apache-2.0
 *
 * Config: the sizes of a SAM, read off its tensors' shapes.
 */
#ifndef SAMC_MODEL_CONFIG_H
#define SAMC_MODEL_CONFIG_H

#include "model/thresholds.h"
#include "weights/tensors.h"

#define SAMC_MAX_DEPTH 128
#define SAMC_MAX_MASK_TOKENS 8
#define SAMC_MAX_MLP_LAYERS 8

/* Names as in the reference's build_sam.py; sizes in pixels, tokens or channels. */
typedef struct samc_config {
    int32_t image_size;             /* 1024: side of the padded square */
    int32_t patch_size;             /* 16 */
    int32_t grid;                   /* 64: tokens a side */
    int32_t encoder_dim;            /* 768 */
    int32_t depth;                  /* 12 */
    int32_t heads;                  /* 12 */
    int32_t head_dim;               /* 64 */
    int32_t encoder_mlp;            /* 3072 */
    int32_t window;                 /* 14; equal to grid where every block is global */
    uint8_t global[SAMC_MAX_DEPTH]; /* 1: block i attends over the whole grid */
    int32_t embed_dim;     /* 256: channels of the image embedding and of the prompt's tokens */
    int32_t mask_channels; /* 16: mask_in_chans, the widest layer of the mask path */
    int32_t mask_tokens;   /* 4 */
    int32_t decoder_depth; /* 2 */
    int32_t decoder_heads; /* 8: not in any shape; metadata may say otherwise */
    int32_t decoder_mlp;   /* 2048 */
    int32_t cross_dim;     /* 128: inner width of the cross-attention */
    int32_t hyper_layers;  /* 3: layers of a hyper-network */
    int32_t iou_layers;    /* 3 */
    int32_t iou_hidden;    /* 256 */
    /* A checkpoint of prompt encoder and mask decoder alone: the name of the model that they are
     * of; NULL where the image encoder is there. Without it the encoder's widths, depth, heads and
     * window are 0. */
    const char *decoder_of;
    /* The loader's hash once it has seen the image encoder: part of the model's identity. Known
     * where decoder_of is, and in a model that is built. */
    uint64_t encoder_hash[2];
    samc_thresholds thresholds; /* of the metadata */
} samc_config;

/* The metadata of a checkpoint that is a decoder alone; the shapes do not say these. */
#define SAMC_DECODER_FORMAT "samc decoder"  /* key "format" */
#define SAMC_DECODER_VERSION "1"            /* key "format_version" */
#define SAMC_KEY_ENCODER "encoder_identity" /* encoder_hash, two numbers of 16 hex digits */

/* 4 * grid: the side of low-res logits and of the mask input. */
int32_t samc_config_low_res(const samc_config *config);
/* "vit_b", "vit_l", "vit_h" or "custom". */
const char *samc_config_name(const samc_config *config);

/* Reads the configuration off tensors under the official names. Metadata "decoder_heads" is used
 * where a file has it. Where there is no image encoder, metadata must say that the file is a
 * decoder alone (SAMC_DECODER_FORMAT), and give "image_size", "patch_size" and SAMC_KEY_ENCODER;
 * "model" may name the model. Thresholds are those of thresholds.h, which a file may have. Errors:
 * MODEL (says which tensor is missing or does not fit, or which key is wrong),
 * UNSUPPORTED (a later version of the decoder's format). */
samc_status samc_config_read(const samc_tensors *tensors, samc_config *config, samc_error *error);

#endif
