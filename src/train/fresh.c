/* SPDX-License-Identifier: Apache-2.0 */
#include "train/fresh.h"

#include "base/memory.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENCODER "image_encoder."
#define PROMPTS "prompt_encoder."
#define DECODER "mask_decoder."
#define TRANSFORMER DECODER "transformer."

/* What all published sizes share, and the small one but for `patches` of its grid and windows. */
static const struct {
    const char *name;
    int32_t grid, dim, depth, heads, window;
    int32_t global[5]; /* blocks, then -1 */
} sizes[] = {
    {"small", 16, 192, 8, 4, 8, {1, 3, 5, 7, -1}},
    {"vit_b", 64, 768, 12, 12, 14, {2, 5, 8, 11, -1}},
    {"vit_l", 64, 1024, 24, 16, 14, {5, 11, 17, 23, -1}},
    {"vit_h", 64, 1280, 32, 16, 14, {7, 15, 23, 31, -1}},
};
#define N_SIZES (sizeof sizes / sizeof sizes[0])

static int find_size(const char *name, samc_config *c)
{
    for (size_t i = 0; i < N_SIZES; i++) {
        if (strcmp(name, sizes[i].name) != 0)
            continue;
        *c = (samc_config){.image_size = 16 * sizes[i].grid,
                           .patch_size = 16,
                           .grid = sizes[i].grid,
                           .encoder_dim = sizes[i].dim,
                           .depth = sizes[i].depth,
                           .heads = sizes[i].heads,
                           .head_dim = sizes[i].dim / sizes[i].heads,
                           .encoder_mlp = 4 * sizes[i].dim,
                           .window = sizes[i].window,
                           .embed_dim = 256,
                           .mask_channels = 16,
                           .mask_tokens = 4,
                           .decoder_depth = 2,
                           .decoder_heads = 8,
                           .decoder_mlp = 2048,
                           .cross_dim = 128,
                           .hyper_layers = 3,
                           .iou_layers = 3,
                           .iou_hidden = 256};
        for (const int32_t *g = sizes[i].global; *g >= 0; g++)
            c->global[*g] = 1;
        return 1;
    }
    return 0;
}

/* The tensors so far. */
typedef struct list {
    samc_param_spec *specs;
    size_t n;
} list;

#define MOST_SPECS 1024 /* vit_h has 594 */

/* Adds one of up to four axes (a size of 0 ends them); its name is printed. */
static void add(list *l, samc_param_start start, double size, const int64_t shape[4],
                const char *format, ...) __attribute__((format(printf, 5, 6)));

static void add(list *l, samc_param_start start, double size, const int64_t shape[4],
                const char *format, ...)
{
    samc_param_spec *s = &l->specs[l->n++];
    va_list args;

    *s = (samc_param_spec){.start = start, .size = (float)size};
    while (s->n_dims < 4 && shape[s->n_dims]) {
        s->shape[s->n_dims] = shape[s->n_dims];
        s->n_dims++;
    }
    va_start(args, format);
    (void)vsnprintf(s->name, sizeof s->name, format, args);
    va_end(args);
}

#define SHAPE(...) ((const int64_t[4]){__VA_ARGS__})

static void add_norm(list *l, const char *prefix, int64_t n)
{
    add(l, SAMC_START_ALL, 1.0, SHAPE(n), "%s.weight", prefix);
    add(l, SAMC_START_ALL, 0.0, SHAPE(n), "%s.bias", prefix);
}

/* The encoder's way. */
static void add_matrix(list *l, const char *prefix, const int64_t shape[4])
{
    add(l, SAMC_START_NORMAL, 0.02, shape, "%s.weight", prefix);
    add(l, SAMC_START_ALL, 0.0, SHAPE(shape[0]), "%s.bias", prefix);
}

/* PyTorch's way: evenly within 1 / sqrt(numbers that one output sums up). */
static void add_layer(list *l, const char *prefix, const int64_t shape[4], int64_t inputs,
                      int64_t outputs)
{
    const double bound = 1.0 / sqrt((double)inputs);

    add(l, SAMC_START_UNIFORM, bound, shape, "%s.weight", prefix);
    add(l, SAMC_START_UNIFORM, bound, SHAPE(outputs), "%s.bias", prefix);
}

static void add_linear(list *l, const char *prefix, int64_t n, int64_t k)
{
    add_layer(l, prefix, SHAPE(n, k), k, n);
}

static const char *join(char text[128], const char *prefix, const char *part)
{
    (void)snprintf(text, 128, "%.90s%.30s", prefix, part);
    return text;
}

static void add_encoder(list *l, const samc_config *c)
{
    const int64_t dim = c->encoder_dim, e = c->embed_dim, p = c->patch_size;
    char block[64], name[128];

    add(l, SAMC_START_NORMAL, 0.02, SHAPE(1, c->grid, c->grid, dim), ENCODER "pos_embed");
    add_matrix(l, ENCODER "patch_embed.proj", SHAPE(dim, 3, p, p));
    for (int32_t i = 0; i < c->depth; i++) {
        const int64_t table = 2 * (c->global[i] ? c->grid : c->window) - 1;

        (void)snprintf(block, sizeof block, ENCODER "blocks.%d.", (int)i);
        add_norm(l, join(name, block, "norm1"), dim);
        add(l, SAMC_START_ALL, 0.0, SHAPE(table, c->head_dim), "%sattn.rel_pos_h", block);
        add(l, SAMC_START_ALL, 0.0, SHAPE(table, c->head_dim), "%sattn.rel_pos_w", block);
        add_matrix(l, join(name, block, "attn.qkv"), SHAPE(3 * dim, dim));
        add_matrix(l, join(name, block, "attn.proj"), SHAPE(dim, dim));
        add_norm(l, join(name, block, "norm2"), dim);
        add_matrix(l, join(name, block, "mlp.lin1"), SHAPE(c->encoder_mlp, dim));
        add_matrix(l, join(name, block, "mlp.lin2"), SHAPE(dim, c->encoder_mlp));
    }
    add(l, SAMC_START_NORMAL, 0.02, SHAPE(e, dim, 1, 1), ENCODER "neck.0.weight");
    add_norm(l, ENCODER "neck.1", e);
    add(l, SAMC_START_NORMAL, 0.02, SHAPE(e, e, 3, 3), ENCODER "neck.2.weight");
    add_norm(l, ENCODER "neck.3", e);
}

static void add_prompts(list *l, const samc_config *c)
{
    const int64_t e = c->embed_dim, wide = c->mask_channels, thin = wide / 4;

    add(l, SAMC_START_NORMAL, 1.0, SHAPE(2, e / 2),
        PROMPTS "pe_layer.positional_encoding_gaussian_matrix");
    for (int i = 0; i < 4; i++)
        add(l, SAMC_START_NORMAL, 1.0, SHAPE(1, e), PROMPTS "point_embeddings.%d.weight", i);
    add(l, SAMC_START_NORMAL, 1.0, SHAPE(1, e), PROMPTS "not_a_point_embed.weight");
    add_layer(l, PROMPTS "mask_downscaling.0", SHAPE(thin, 1, 2, 2), 4, thin);
    add_norm(l, PROMPTS "mask_downscaling.1", thin);
    add_layer(l, PROMPTS "mask_downscaling.3", SHAPE(wide, thin, 2, 2), 4 * thin, wide);
    add_norm(l, PROMPTS "mask_downscaling.4", wide);
    add_layer(l, PROMPTS "mask_downscaling.6", SHAPE(e, wide, 1, 1), wide, e);
    add(l, SAMC_START_NORMAL, 1.0, SHAPE(1, e), PROMPTS "no_mask_embed.weight");
}

static void add_attention(list *l, const char *prefix, int64_t e, int64_t inner)
{
    char name[128];

    add_linear(l, join(name, prefix, ".q_proj"), inner, e);
    add_linear(l, join(name, prefix, ".k_proj"), inner, e);
    add_linear(l, join(name, prefix, ".v_proj"), inner, e);
    add_linear(l, join(name, prefix, ".out_proj"), e, inner);
}

static void add_transformer(list *l, const samc_config *c)
{
    const int64_t e = c->embed_dim, cross = c->cross_dim;
    char layer[64], name[128];

    for (int32_t i = 0; i < c->decoder_depth; i++) {
        (void)snprintf(layer, sizeof layer, TRANSFORMER "layers.%d.", (int)i);
        add_attention(l, join(name, layer, "self_attn"), e, e);
        add_norm(l, join(name, layer, "norm1"), e);
        add_attention(l, join(name, layer, "cross_attn_token_to_image"), e, cross);
        add_norm(l, join(name, layer, "norm2"), e);
        add_linear(l, join(name, layer, "mlp.lin1"), c->decoder_mlp, e);
        add_linear(l, join(name, layer, "mlp.lin2"), e, c->decoder_mlp);
        add_norm(l, join(name, layer, "norm3"), e);
        add_norm(l, join(name, layer, "norm4"), e);
        add_attention(l, join(name, layer, "cross_attn_image_to_token"), e, cross);
    }
    add_attention(l, TRANSFORMER "final_attn_token_to_image", e, cross);
    add_norm(l, TRANSFORMER "norm_final_attn", e);
}

/* A chain of linear layers, `hidden` wide between its ends. */
static void add_chain(list *l, const char *prefix, int32_t count, int64_t in, int64_t hidden,
                      int64_t out)
{
    char name[96];

    for (int32_t i = 0; i < count; i++) {
        (void)snprintf(name, sizeof name, "%s.layers.%d", prefix, (int)i);
        add_linear(l, name, i + 1 == count ? out : hidden, i == 0 ? in : hidden);
    }
}

static void add_decoder(list *l, const samc_config *c)
{
    const int64_t e = c->embed_dim;
    char name[64];

    add_transformer(l, c);
    add(l, SAMC_START_NORMAL, 1.0, SHAPE(1, e), DECODER "iou_token.weight");
    add(l, SAMC_START_NORMAL, 1.0, SHAPE(c->mask_tokens, e), DECODER "mask_tokens.weight");
    /* of a transposed convolution PyTorch counts the outputs of one input as inputs */
    add_layer(l, DECODER "output_upscaling.0", SHAPE(e, e / 4, 2, 2), e, e / 4);
    add_norm(l, DECODER "output_upscaling.1", e / 4);
    add_layer(l, DECODER "output_upscaling.3", SHAPE(e / 4, e / 8, 2, 2), e / 2, e / 8);
    for (int32_t i = 0; i < c->mask_tokens; i++) {
        (void)snprintf(name, sizeof name, DECODER "output_hypernetworks_mlps.%d", (int)i);
        add_chain(l, name, c->hyper_layers, e, e, e / 8);
    }
    add_chain(l, DECODER "iou_prediction_head", c->iou_layers, e, c->iou_hidden, c->mask_tokens);
}

samc_status samc_params_fresh(const char *name, uint64_t seed, samc_params *params,
                              samc_error *error)
{
    list l = {NULL, 0};
    samc_status status;

    memset(params, 0, sizeof *params);
    if (!find_size(name, &params->config))
        return SAMC_FAIL(error, ARGUMENT, "there is no size \"%s\": it is " SAMC_FRESH_NAMES, name);
    SAMC_TRY(samc_alloc(MOST_SPECS, sizeof *l.specs, &l.specs, error));
    add_encoder(&l, &params->config);
    add_prompts(&l, &params->config);
    add_decoder(&l, &params->config);
    status = samc_params_add(params, l.specs, l.n, seed, error);
    free(l.specs);
    return status;
}
