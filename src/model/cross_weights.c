/* SPDX-License-Identifier: Apache-2.0
 *
 * The weights of the cross attentions, in the forms that cross_attention.c uses.
 */
#include "model/cross_attention.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A copy of w [n][k], or of its transpose, with slack behind. */
static samc_status copy_rows(samc_loader *loader, const float *w, int64_t n, int64_t k,
                             int transposed, float **rows)
{
    SAMC_TRY(
        samc_alloc_zero((size_t)(n * k + SAMC_LEFT_SLACK), sizeof **rows, rows, loader->error));
    if (transposed)
        loader->kernels->transpose(w, k, n, k, *rows, n);
    else
        memcpy(*rows, w, (size_t)(n * k) * sizeof *w);
    return SAMC_OK;
}

/* One projection of the image: `left` is its weight [n][k], `rows` the same or its transpose,
 * `linear` the weight as a second factor; what is NULL is not wanted. */
static samc_status load_image_side(samc_loader *loader, const char *prefix, int64_t n, int64_t k,
                                   samc_left *left, samc_linear *linear, int transposed,
                                   float **rows, float **bias)
{
    samc_status status = SAMC_OK;
    float *w = NULL, *b = NULL;

    SAMC_CHECK(samc_loader_values(loader, prefix, ".weight", (const int64_t[4]){n, k}, &w));
    SAMC_CHECK(samc_loader_values(loader, prefix, ".bias", (const int64_t[4]){n}, &b));
    if (!w || !b)
        goto cleanup;
    SAMC_CHECK(copy_rows(loader, w, n, k, transposed, rows));
    if (linear)
        SAMC_CHECK(samc_linear_pack(loader->kernels, w, n, k, k, 1, b, linear, loader->error));
    if (left)
        SAMC_CHECK(samc_left_new(loader->kernels, n, k, w, k, 1, left, loader->error));
    if (bias) {
        *bias = b;
        b = NULL;
    }

cleanup:
    free(w);
    free(b);
    return status;
}

#define NAME(part) ((void)snprintf(name, sizeof name, "%s.%s", prefix, part), name)

samc_status samc_look_load(samc_loader *loader, const char *prefix, int64_t e, int64_t inner,
                           samc_look_weights *w)
{
    char name[176];

    SAMC_TRY(samc_loader_linear(loader, NAME("q_proj"), inner, e, 1, &w->q));
    SAMC_TRY(load_image_side(loader, NAME("k_proj"), inner, e, &w->k, NULL, 0, &w->k_rows, NULL));
    SAMC_TRY(load_image_side(loader, NAME("v_proj"), inner, e, NULL, &w->v, 1, &w->v_rows, NULL));
    return samc_loader_linear(loader, NAME("out_proj"), e, inner, 1, &w->out);
}

samc_status samc_reply_load(samc_loader *loader, const char *prefix, int64_t e, int64_t inner,
                            samc_reply_weights *w)
{
    char name[176];

    SAMC_TRY(
        load_image_side(loader, NAME("q_proj"), inner, e, &w->q, NULL, 0, &w->q_rows, &w->q_bias));
    SAMC_TRY(samc_loader_linear(loader, NAME("k_proj"), inner, e, 1, &w->k));
    SAMC_TRY(samc_loader_linear(loader, NAME("v_proj"), inner, e, 1, &w->v));
    return load_image_side(loader, NAME("out_proj"), e, inner, &w->out, NULL, 1, &w->out_rows,
                           &w->out_bias);
}

void samc_look_free(samc_look_weights *w)
{
    samc_linear_free(&w->q);
    samc_linear_free(&w->out);
    samc_left_free(&w->k);
    samc_linear_free(&w->v);
    free(w->k_rows);
    free(w->v_rows);
}

void samc_reply_free(samc_reply_weights *w)
{
    samc_linear_free(&w->k);
    samc_linear_free(&w->v);
    samc_left_free(&w->q);
    samc_left_free(&w->out);
    free(w->q_rows);
    free(w->out_rows);
    free(w->q_bias);
    free(w->out_bias);
}
