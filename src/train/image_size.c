/* SPDX-License-Identifier: Apache-2.0 */
#include "train/image_size.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_GRID 256 /* tokens along a side: photos of 4096 pixels in patches of 16 */

/* One axis of `in` rows of `width` numbers to `out` rows. */
static void stretch(const float *from, int64_t in, int64_t width, int64_t out, float *to)
{
    for (int64_t i = 0; i < out; i++) {
        const float scale = (float)in / (float)out;
        float position = scale * ((float)i + 0.5f) - 0.5f;
        int64_t low, high;

        position = position < 0.0f ? 0.0f : position;
        low = (int64_t)position;
        low = low < in ? low : in - 1;
        high = low + (low < in - 1);
        position -= (float)low;
        for (int64_t k = 0; k < width; k++)
            to[i * width + k] = (1.0f - position) * from[low * width + k] +
                                position * from[high * width + k];
    }
}

/* One tensor, from the shape of p to that of q; `scratch` has room for q's grid with p's
 * columns. */
static void fit(const samc_param *p, const float *from, const samc_param *q, float *scratch,
                float *to)
{
    if (memcmp(p->shape, q->shape, sizeof p->shape) == 0) {
        memcpy(to, from, (size_t)p->count * sizeof *to);
    } else if (p->n_dims == 2) {
        stretch(from, p->shape[0], p->shape[1], q->shape[0], to);
    } else {
        const int64_t in = p->shape[1], out = q->shape[1], width = p->shape[3];

        stretch(from, in, in * width, out, scratch);
        for (int64_t y = 0; y < out; y++)
            stretch(scratch + y * in * width, in, width, out, to + y * out * width);
    }
}

/* The tensors of the new size, all zero. */
static samc_status make(const samc_params *params, int32_t grid, samc_params *made,
                        samc_error *error)
{
    const int64_t table = 2 * (int64_t)params->config.grid - 1;
    samc_param_spec *specs = NULL;
    samc_status status;

    *made = (samc_params){.config = params->config};
    made->config.grid = grid;
    made->config.image_size = grid * params->config.patch_size;
    if (params->config.window == params->config.grid)
        made->config.window = grid;
    SAMC_TRY(samc_alloc_zero(params->n_params, sizeof *specs, &specs, error));
    for (size_t i = 0; i < params->n_params; i++) {
        const samc_param *p = &params->list[i];
        samc_param_spec *s = &specs[i];

        (void)snprintf(s->name, sizeof s->name, "%s", p->name);
        s->n_dims = p->n_dims;
        memcpy(s->shape, p->shape, sizeof s->shape);
        if (strcmp(p->name, "image_encoder.pos_embed") == 0)
            s->shape[1] = s->shape[2] = grid;
        else if (strstr(p->name, ".rel_pos_") && p->shape[0] == table)
            s->shape[0] = 2 * (int64_t)grid - 1;
    }
    status = samc_params_add(made, specs, params->n_params, 0, error);
    free(specs);
    return status;
}

samc_status samc_params_set_image_size(samc_params *params, int32_t image_size, samc_error *error)
{
    const samc_config *c = &params->config;
    const int32_t grid = image_size / c->patch_size;
    const samc_param *positions = samc_params_find(params, "image_encoder.pos_embed");
    samc_params made;
    float *scratch = NULL;
    samc_status status;

    if (image_size % c->patch_size || grid < 1 || grid > MOST_GRID)
        return SAMC_FAIL(error, ARGUMENT,
                         "this model cannot see photos of %d pixels: take a multiple of its patch, "
                         "%d, up to %d",
                         image_size, c->patch_size, MOST_GRID * c->patch_size);
    if (c->window != c->grid && grid <= c->window)
        return SAMC_FAIL(error, ARGUMENT,
                         "this model cannot see photos of %d pixels: it has windows of %d pixels, "
                         "which must be smaller",
                         image_size, c->window * c->patch_size);
    if (grid == c->grid)
        return SAMC_OK;
    SAMC_TRY(make(params, grid, &made, error));
    status = samc_alloc((size_t)grid * (size_t)c->grid * (size_t)positions->shape[3],
                        sizeof *scratch, &scratch, error);
    if (status != SAMC_OK) {
        samc_params_free(&made);
        return status;
    }
    for (size_t i = 0; i < params->n_params; i++) {
        const samc_param *p = &params->list[i], *q = &made.list[i];

        fit(p, params->values + p->offset, q, scratch, made.values + q->offset);
        fit(p, params->ema + p->offset, q, scratch, made.ema + q->offset);
    }
    free(scratch);
    samc_params_free(params);
    *params = made;
    return SAMC_OK;
}
