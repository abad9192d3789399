/* SPDX-License-Identifier: Apache-2.0 */
#include "train/params.h"

#include "base/memory.h"
#include "model/loader.h"
#include "model/sam.h"

#include <stdlib.h>
#include <string.h>

/* The positional matrix is drawn once, before training, and is a buffer in the reference. */
#define FIXED "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"

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
        begins_with(name, "image_encoder.pos_embed"))
        return 0;
    if (begins_with(name, blocks))
        return 1 + (int32_t)strtol(name + strlen(blocks), NULL, 10);
    return depth + 1;
}

/* Builds the model and throws it away: what a model takes is what training takes, and whatever is
 * wrong is named as it is when one is loaded. */
static samc_status check(const samc_tensors *tensors, samc_config *config, samc_error *error)
{
    const samc_kernels *kernels;
    samc_model *model;

    SAMC_TRY(samc_kernels_select(NULL, &kernels, error));
    SAMC_TRY(samc_sam_build(kernels, tensors, &model, error));
    *config = model->config;
    samc_model_free(model);
    return SAMC_OK;
}

/* Fills one entry of the list from a tensor that the model takes: at most four axes. */
static samc_status describe(const samc_tensor *tensor, int32_t depth, int64_t offset, samc_param *p,
                            samc_error *error)
{
    SAMC_TRY(samc_alloc_string(tensor->name, &p->name, error));
    p->n_dims = tensor->n_dims;
    for (int32_t i = 0; i < tensor->n_dims; i++)
        p->shape[i] = tensor->shape[i];
    p->offset = offset;
    p->count = samc_tensor_elements(tensor);
    p->layer = layer_of(p->name, depth);
    p->decays = (uint8_t)is_decaying(p);
    p->trained = strcmp(p->name, FIXED) != 0;
    return SAMC_OK;
}

static samc_status fill(const samc_tensors *tensors, samc_params *params, samc_error *error)
{
    const size_t count = samc_tensors_count(tensors);
    size_t total;

    SAMC_TRY(samc_alloc_zero(count, sizeof *params->list, &params->list, error));
    for (size_t i = 0; i < count; i++) {
        const samc_tensor *tensor = samc_tensors_at(tensors, i);
        samc_param *p = &params->list[params->n_params];

        if (samc_loader_is_training_state(tensor->name))
            continue;
        params->n_params++;
        SAMC_TRY(describe(tensor, params->config.depth, params->total, p, error));
        params->total += p->count;
    }
    total = (size_t)params->total;
    SAMC_TRY(samc_alloc(total, sizeof(float), &params->values, error));
    SAMC_TRY(samc_alloc_zero(total, sizeof(float), &params->gradients, error));
    SAMC_TRY(samc_alloc_zero(total, sizeof(float), &params->moment1, error));
    SAMC_TRY(samc_alloc_zero(total, sizeof(float), &params->moment2, error));
    SAMC_TRY(samc_alloc(total, sizeof(float), &params->ema, error));
    for (size_t i = 0; i < params->n_params; i++) {
        const samc_param *p = &params->list[i];

        samc_tensor_to_f32(samc_tensors_find(tensors, p->name), 0, p->count,
                           params->values + p->offset);
    }
    memcpy(params->ema, params->values, total * sizeof(float));
    return SAMC_OK;
}

samc_status samc_params_load(const samc_tensors *tensors, samc_params *params, samc_error *error)
{
    samc_status status;

    memset(params, 0, sizeof *params);
    SAMC_TRY(check(tensors, &params->config, error));
    status = fill(tensors, params, error);
    if (status != SAMC_OK)
        samc_params_free(params);
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
