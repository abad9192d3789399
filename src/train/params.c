/* SPDX-License-Identifier: Apache-2.0 */
#include "train/params.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "model/loader.h"
#include "model/sam.h"

#include <stdlib.h>
#include <string.h>

/* The positional matrix is drawn once, before training, and is a buffer in the reference. */
#define FIXED "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"

/* The stream of first values. */
#define START UINT64_C(0x7374617274)

static int begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static int ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);

    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* Decay shrinks what multiplies activations. A vector (bias, norm) is none of these, nor is an
 * array whose rows are added as they are: positions and learned tokens. */
static int is_decaying(const samc_param *p)
{
    static const char *const added[] = {
        "image_encoder.pos_embed",       "prompt_encoder.pe_layer.",
        "prompt_encoder.no_mask_embed.", "prompt_encoder.point_embeddings.",
        "mask_decoder.iou_token.",       "prompt_encoder.not_a_point_embed.",
        "mask_decoder.mask_tokens.",
    };

    if (p->n_dims < 2 || ends_with(p->name, ".rel_pos_h") || ends_with(p->name, ".rel_pos_w"))
        return 0;
    for (size_t i = 0; i < sizeof added / sizeof added[0]; i++)
        if (begins_with(p->name, added[i]))
            return 0;
    return 1;
}

static int32_t layer_of(const char *name, int32_t depth)
{
    static const char blocks[] = "image_encoder.blocks.";

    if (begins_with(name, "image_encoder.patch_embed.") ||
        begins_with(name, "image_encoder.pos_embed") || begins_with(name, "pretrain.mask_token"))
        return 0;
    if (begins_with(name, blocks))
        return 1 + (int32_t)strtol(name + strlen(blocks), NULL, 10);
    return depth + 1;
}

/* What a model takes is what training takes, and whatever is wrong is named as it is when one is
 * loaded. */
static samc_status check(const samc_tensors *tensors, samc_config *config, samc_error *error)
{
    SAMC_TRY(samc_sam_check(tensors, config, error));
    if (config->decoder_of)
        return SAMC_FAIL(error, MODEL,
                         "this checkpoint is a decoder alone; training takes a whole model");
    return SAMC_OK;
}

/* Fills one entry of the list; a tensor that is trained has at most four axes. */
static samc_status describe(const char *name, int32_t n_dims, const int64_t *shape, int32_t depth,
                            int64_t offset, samc_param *p, samc_error *error)
{
    SAMC_TRY(samc_alloc_string(name, &p->name, error));
    p->n_dims = n_dims;
    p->offset = offset;
    p->count = 1;
    for (int32_t i = 0; i < n_dims; i++) {
        p->shape[i] = shape[i];
        p->count *= shape[i];
    }
    p->layer = layer_of(p->name, depth);
    p->decays = (uint8_t)is_decaying(p);
    p->trained = strcmp(p->name, FIXED) != 0;
    return SAMC_OK;
}

/* 1: a tensor that belongs to what is trained. */
static int is_wanted(const samc_tensor *tensor, const char *more)
{
    return !samc_loader_is_training_state(tensor->name) ||
           (more && begins_with(tensor->name, more) && tensor->n_dims <= 4);
}

static samc_status alloc_arrays(samc_params *params, samc_error *error)
{
    const size_t total = (size_t)params->total;

    SAMC_TRY(samc_alloc(total, sizeof(float), &params->values, error));
    SAMC_TRY(samc_alloc_zero(total, sizeof(float), &params->gradients, error));
    SAMC_TRY(samc_alloc_zero(total, sizeof(float), &params->moment1, error));
    SAMC_TRY(samc_alloc_zero(total, sizeof(float), &params->moment2, error));
    return samc_alloc(total, sizeof(float), &params->ema, error);
}

static samc_status fill(const samc_tensors *tensors, const char *more, samc_params *params,
                        samc_error *error)
{
    const size_t count = samc_tensors_count(tensors);

    SAMC_TRY(samc_alloc_zero(count, sizeof *params->list, &params->list, error));
    for (size_t i = 0; i < count; i++) {
        const samc_tensor *tensor = samc_tensors_at(tensors, i);
        samc_param *p = &params->list[params->n_params];

        if (!is_wanted(tensor, more))
            continue;
        params->n_params++;
        SAMC_TRY(describe(tensor->name, tensor->n_dims, tensor->shape, params->config.depth,
                          params->total, p, error));
        params->total += p->count;
    }
    SAMC_TRY(alloc_arrays(params, error));
    for (size_t i = 0; i < params->n_params; i++) {
        const samc_param *p = &params->list[i];

        samc_tensor_to_f32(samc_tensors_find(tensors, p->name), 0, p->count,
                           params->values + p->offset);
    }
    memcpy(params->ema, params->values, (size_t)params->total * sizeof(float));
    return SAMC_OK;
}

samc_status samc_params_load(const samc_tensors *tensors, const char *more, samc_params *params,
                             samc_error *error)
{
    samc_status status;

    memset(params, 0, sizeof *params);
    SAMC_TRY(check(tensors, &params->config, error));
    status = fill(tensors, more, params, error);
    if (status != SAMC_OK)
        samc_params_free(params);
    return status;
}

/* ---------------------------------------------------------------------------- new tensors */

static uint64_t name_hash(const char *name)
{
    uint64_t hash[2] = {0, 0};

    samc_hash_bytes(hash, name, strlen(name));
    return hash[0];
}

static void draw(const samc_param_spec *spec, uint64_t seed, int64_t count, float *values)
{
    samc_random random = samc_random_keyed(seed, name_hash(spec->name), START);

    for (int64_t i = 0; i < count; i++)
        switch (spec->start) {
        case SAMC_START_ALL: values[i] = spec->size; break;
        case SAMC_START_NORMAL: values[i] = spec->size * samc_random_normal(&random); break;
        case SAMC_START_UNIFORM:
            values[i] = samc_random_range(&random, -spec->size, spec->size);
            break;
        }
}

/* Copies the flat arrays that are there to the front of the new ones. */
static void take_over(const samc_params *old, samc_params *made)
{
    const size_t bytes = (size_t)old->total * sizeof(float);

    if (bytes == 0)
        return;
    memcpy(made->values, old->values, bytes);
    memcpy(made->ema, old->ema, bytes);
    memcpy(made->moment1, old->moment1, bytes);
    memcpy(made->moment2, old->moment2, bytes);
}

samc_status samc_params_add(samc_params *params, const samc_param_spec *specs, size_t count,
                            uint64_t seed, samc_error *error)
{
    const size_t old = params->n_params;
    samc_params made = {.config = params->config, .total = params->total};
    samc_status status = SAMC_OK;

    SAMC_CHECK(samc_alloc_zero(old + count, sizeof *made.list, &made.list, error));
    for (size_t i = 0; i < old + count; i++) {
        const samc_param *p = &params->list[i];
        const samc_param_spec *s = i < old ? NULL : &specs[i - old];

        made.n_params = i + 1;
        SAMC_CHECK(describe(s ? s->name : p->name, s ? s->n_dims : p->n_dims,
                            s ? s->shape : p->shape, made.config.depth, s ? made.total : p->offset,
                            &made.list[i], error));
        made.total += s ? made.list[i].count : 0;
    }
    SAMC_CHECK(alloc_arrays(&made, error));
    take_over(params, &made);
    for (size_t i = 0; i < count; i++) {
        const samc_param *p = &made.list[old + i];

        draw(&specs[i], seed, p->count, made.values + p->offset);
        memcpy(made.ema + p->offset, made.values + p->offset, (size_t)p->count * sizeof(float));
    }
    samc_params_free(params);
    *params = made;
    return SAMC_OK;

cleanup:
    samc_params_free(&made);
    return status;
}

void samc_params_free(samc_params *params)
{
    for (size_t i = 0; i < params->n_params; i++)
        free(params->list[i].name);
    free(params->list);
    free(params->values);
    free(params->gradients);
    free(params->moment1);
    free(params->moment2);
    free(params->ema);
    memset(params, 0, sizeof *params);
}

const samc_param *samc_params_find(const samc_params *params, const char *name)
{
    for (size_t i = 0; i < params->n_params; i++)
        if (strcmp(params->list[i].name, name) == 0)
            return &params->list[i];
    return NULL;
}
