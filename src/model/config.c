/* SPDX-License-Identifier: Apache-2.0 */
#include "model/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Wider or finer than any SAM; keeps every product of sizes far from overflow. */
#define MAX_SIZE 16384
#define MAX_GRID 1024

#define ENCODER "image_encoder."
#define PROMPTS "prompt_encoder."
#define DECODER "mask_decoder."

int32_t samc_config_low_res(const samc_config *config)
{
    return 4 * config->grid;
}

static const struct {
    const char *name;
    int32_t dim, depth, heads;
} known[] = {{"vit_b", 768, 12, 12}, {"vit_l", 1024, 24, 16}, {"vit_h", 1280, 32, 16}};

const char *samc_config_name(const samc_config *config)
{
    if (config->decoder_of)
        return config->decoder_of;
    if (config->image_size == 1024 && config->patch_size == 16 && config->embed_dim == 256)
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            if (config->encoder_dim == known[i].dim && config->depth == known[i].depth &&
                config->heads == known[i].heads)
                return known[i].name;
    return "custom";
}

/* Reads axis `axis` of a tensor that must have `dims` axes, each of 1..MAX_SIZE. */
static samc_status read_size(const samc_tensors *tensors, const char *name, int32_t dims,
                             int32_t axis, int32_t *size, samc_error *error)
{
    const samc_tensor *t = samc_tensors_find(tensors, name);

    if (!t)
        return SAMC_FAIL(error, MODEL, "this is no SAM checkpoint: tensor %s is missing", name);
    if (t->n_dims != dims)
        return SAMC_FAIL(error, MODEL, "tensor %s has %d axes, a SAM has %d there", name, t->n_dims,
                         dims);
    if (t->shape[axis] < 1 || t->shape[axis] > MAX_SIZE)
        return SAMC_FAIL(error, MODEL, "tensor %s: size %lld of axis %d is outside 1..%d", name,
                         (long long)t->shape[axis], axis, MAX_SIZE);
    *size = (int32_t)t->shape[axis];
    return SAMC_OK;
}

/* How many of "<before><i><after>", i = 0, 1, …, exist. */
static int32_t count_numbered(const samc_tensors *tensors, const char *before, const char *after,
                              int32_t limit)
{
    int32_t n = 0;

    for (; n < limit; n++) {
        char name[160];
        (void)snprintf(name, sizeof name, "%s%d%s", before, (int)n, after);
        if (!samc_tensors_find(tensors, name))
            break;
    }
    return n;
}

static samc_status read_encoder(const samc_tensors *t, samc_config *c, samc_error *error)
{
    int32_t table = 0;

    SAMC_TRY(read_size(t, ENCODER "patch_embed.proj.weight", 4, 0, &c->encoder_dim, error));
    SAMC_TRY(read_size(t, ENCODER "patch_embed.proj.weight", 4, 3, &c->patch_size, error));
    SAMC_TRY(read_size(t, ENCODER "pos_embed", 4, 1, &c->grid, error));
    SAMC_TRY(read_size(t, ENCODER "blocks.0.mlp.lin1.weight", 2, 0, &c->encoder_mlp, error));
    SAMC_TRY(read_size(t, ENCODER "neck.0.weight", 4, 0, &c->embed_dim, error));
    if (c->grid > MAX_GRID || (int64_t)c->grid * c->patch_size > MAX_SIZE)
        return SAMC_FAIL(error, MODEL, "%d x %d tokens of %d pixels are more than samc's limits",
                         c->grid, c->grid, c->patch_size);
    c->image_size = c->grid * c->patch_size;
    c->depth = count_numbered(t, ENCODER "blocks.", ".norm1.weight", SAMC_MAX_DEPTH);
    SAMC_TRY(read_size(t, ENCODER "blocks.0.attn.rel_pos_h", 2, 1, &c->head_dim, error));
    if (c->encoder_dim % c->head_dim)
        return SAMC_FAIL(error, MODEL, "width %d is no multiple of the head size %d",
                         c->encoder_dim, c->head_dim);
    c->heads = c->encoder_dim / c->head_dim;
    c->window = c->grid;
    for (int32_t i = 0; i < c->depth; i++) {
        char name[160];
        int32_t side;

        (void)snprintf(name, sizeof name, ENCODER "blocks.%d.attn.rel_pos_h", (int)i);
        SAMC_TRY(read_size(t, name, 2, 0, &table, error));
        side = (table + 1) / 2;
        c->global[i] = side == c->grid;
        if (c->global[i])
            continue;
        if (table % 2 == 0 || side > c->grid || (c->window != c->grid && c->window != side))
            return SAMC_FAIL(error, MODEL,
                             "tensor %s: %d rows fit neither a window of %d nor a grid of %d", name,
                             table, c->window, c->grid);
        c->window = side;
    }
    return SAMC_OK;
}

/* A whole number of metadata, 1..MAX_SIZE. */
static samc_status read_number(const samc_tensors *tensors, const char *key, int32_t *number,
                               samc_error *error)
{
    const char *text = samc_tensors_metadata(tensors, key);
    char *end = NULL;
    const long value = text && *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : 0;

    if (value < 1 || value > MAX_SIZE || *end)
        return SAMC_FAIL(error, MODEL, "the decoder's metadata lacks %s, or it is no size in 1..%d",
                         key, MAX_SIZE);
    *number = (int32_t)value;
    return SAMC_OK;
}

static samc_status read_encoder_hash(const samc_tensors *tensors, uint64_t hash[2],
                                     samc_error *error)
{
    const char *text = samc_tensors_metadata(tensors, SAMC_KEY_ENCODER);

    if (!text || strlen(text) != 32 || strspn(text, "0123456789abcdef") != 32)
        return SAMC_FAIL(error, MODEL,
                         "the decoder's metadata lacks " SAMC_KEY_ENCODER
                         ", or it is not 32 hex digits");
    for (int i = 0; i < 2; i++) {
        char half[17] = "";

        memcpy(half, text + 16 * i, 16);
        hash[i] = strtoull(half, NULL, 16);
    }
    return SAMC_OK;
}

/* What the image encoder's shapes would say. */
static samc_status read_decoder_alone(const samc_tensors *t, samc_config *c, samc_error *error)
{
    const char *version = samc_tensors_metadata(t, "format_version");
    const char *name = samc_tensors_metadata(t, "model");

    if (!version || strcmp(version, SAMC_DECODER_VERSION) != 0)
        return SAMC_FAIL(error, UNSUPPORTED,
                         "version %.20s of the decoder's format, this samc reads version %s",
                         version ? version : "(none)", SAMC_DECODER_VERSION);
    SAMC_TRY(read_number(t, "image_size", &c->image_size, error));
    SAMC_TRY(read_number(t, "patch_size", &c->patch_size, error));
    SAMC_TRY(read_encoder_hash(t, c->encoder_hash, error));
    SAMC_TRY(read_size(t, PROMPTS "no_mask_embed.weight", 2, 1, &c->embed_dim, error));
    if (c->image_size % c->patch_size || c->image_size / c->patch_size > MAX_GRID)
        return SAMC_FAIL(error, MODEL,
                         "an image of %d pixels does not make 1..%d tokens of %d a side",
                         c->image_size, MAX_GRID, c->patch_size);
    c->grid = c->image_size / c->patch_size;
    c->decoder_of = "custom";
    for (size_t i = 0; name && i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].name) == 0)
            c->decoder_of = known[i].name;
    return SAMC_OK;
}

static int is_decoder_alone(const samc_tensors *tensors)
{
    const char *format = samc_tensors_metadata(tensors, "format");

    return format && strcmp(format, SAMC_DECODER_FORMAT) == 0;
}

static samc_status read_decoder(const samc_tensors *t, samc_config *c, samc_error *error)
{
    const char *heads = samc_tensors_metadata(t, "decoder_heads");

    SAMC_TRY(read_size(t, PROMPTS "mask_downscaling.3.weight", 4, 0, &c->mask_channels, error));
    SAMC_TRY(read_size(t, DECODER "mask_tokens.weight", 2, 0, &c->mask_tokens, error));
    SAMC_TRY(
        read_size(t, DECODER "transformer.layers.0.mlp.lin1.weight", 2, 0, &c->decoder_mlp, error));
    SAMC_TRY(read_size(t, DECODER "transformer.layers.0.cross_attn_token_to_image.q_proj.weight", 2,
                       0, &c->cross_dim, error));
    SAMC_TRY(
        read_size(t, DECODER "iou_prediction_head.layers.0.weight", 2, 0, &c->iou_hidden, error));
    c->decoder_depth = count_numbered(t, DECODER "transformer.layers.", ".norm1.weight", 64);
    c->hyper_layers = count_numbered(t, DECODER "output_hypernetworks_mlps.0.layers.", ".weight",
                                     SAMC_MAX_MLP_LAYERS + 1);
    c->iou_layers = count_numbered(t, DECODER "iou_prediction_head.layers.", ".weight",
                                   SAMC_MAX_MLP_LAYERS + 1);
    c->decoder_heads = heads ? atoi(heads) : 8;
    if (c->mask_tokens > SAMC_MAX_MASK_TOKENS || c->hyper_layers > SAMC_MAX_MLP_LAYERS ||
        c->iou_layers > SAMC_MAX_MLP_LAYERS)
        return SAMC_FAIL(error, MODEL,
                         "%d mask tokens, %d and %d head layers: samc has room for %d "
                         "and %d",
                         c->mask_tokens, c->hyper_layers, c->iou_layers, SAMC_MAX_MASK_TOKENS,
                         SAMC_MAX_MLP_LAYERS);
    if (c->decoder_heads < 1 || c->embed_dim % c->decoder_heads || c->cross_dim % c->decoder_heads)
        return SAMC_FAIL(error, MODEL, "the decoder's widths %d and %d do not divide into %d heads",
                         c->embed_dim, c->cross_dim, c->decoder_heads);
    if (c->embed_dim % 8 || c->mask_channels % 4)
        return SAMC_FAIL(error, MODEL,
                         "embedding channels %d and mask channels %d must be "
                         "multiples of 8 and 4",
                         c->embed_dim, c->mask_channels);
    return SAMC_OK;
}

samc_status samc_config_read(const samc_tensors *tensors, samc_config *config, samc_error *error)
{
    samc_config c;

    memset(&c, 0, sizeof c);
    SAMC_TRY(is_decoder_alone(tensors) ? read_decoder_alone(tensors, &c, error)
                                       : read_encoder(tensors, &c, error));
    SAMC_TRY(read_decoder(tensors, &c, error));
    SAMC_TRY(samc_thresholds_read(tensors, &c.thresholds, error));
    *config = c;
    return SAMC_OK;
}
