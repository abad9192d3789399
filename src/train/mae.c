/* SPDX-License-Identifier: Apache-2.0 */
#include "train/mae.h"

#include "base/memory.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The stream of hidden squares: no sample has this one. */
#define HIDE (UINT64_MAX - 1)
/* The standard deviation of fresh weights, and what keeps that of a flat patch from 0: the paper's.
 */
#define FRESH 0.02f
#define FLAT 1e-6f

/* ---------------------------------------------------------------------------- the head */

samc_status samc_mae_add(samc_params *params, uint64_t seed, samc_error *error)
{
    const samc_config *c = &params->config;
    const int64_t e = c->embed_dim, pixels = 3 * (int64_t)c->patch_size * c->patch_size;
    const samc_param_spec specs[] = {
        {SAMC_MAE "mask_token", 1, {c->encoder_dim}, SAMC_START_NORMAL, FRESH},
        {SAMC_MAE "head.0.weight", 2, {2 * e, e}, SAMC_START_NORMAL, FRESH},
        {SAMC_MAE "head.0.bias", 1, {2 * e}, SAMC_START_ALL, 0.0f},
        {SAMC_MAE "head.2.weight", 2, {pixels, 2 * e}, SAMC_START_NORMAL, FRESH},
        {SAMC_MAE "head.2.bias", 1, {pixels}, SAMC_START_ALL, 0.0f},
    };

    if (samc_params_find(params, specs[0].name))
        return SAMC_OK;
    return samc_params_add(params, specs, sizeof specs / sizeof specs[0], seed, error);
}

samc_status samc_mae_find(const samc_params *params, samc_mae *mae, samc_error *error)
{
    const samc_config *c = &params->config;
    const samc_param *token = samc_params_find(params, SAMC_MAE "mask_token");

    if (!token)
        return SAMC_FAIL(error, MODEL, "training: the model has no tensor " SAMC_MAE "mask_token");
    mae->mask_token = token->offset;
    SAMC_TRY(samc_dense_find(params, SAMC_MAE "head.0", &mae->wide, error));
    SAMC_TRY(samc_dense_find(params, SAMC_MAE "head.2", &mae->pixels, error));
    if (token->count != c->encoder_dim || mae->wide.k != c->embed_dim ||
        mae->pixels.k != mae->wide.n || mae->pixels.n != 3 * c->patch_size * c->patch_size ||
        mae->wide.bias < 0 || mae->pixels.bias < 0)
        return SAMC_FAIL(error, MODEL,
                         "training: the tensors " SAMC_MAE "… do not fit the image encoder");
    return SAMC_OK;
}

/* ---------------------------------------------------------------------------- hiding */

samc_status samc_mae_hide(const samc_config *config, const samc_mae_options *options, uint64_t seed,
                          uint64_t index, int32_t width, int32_t height, uint8_t *hidden,
                          samc_error *error)
{
    const int64_t p = config->patch_size, grid = config->grid, side = options->side;
    const int64_t columns = (width + p - 1) / p, rows = (height + p - 1) / p;
    const int64_t across = (columns + side - 1) / side, down = (rows + side - 1) / side;
    const int64_t squares = across * down;
    const int64_t wanted = (int64_t)floor(options->share * (double)squares + 0.5);
    samc_random random = samc_random_keyed(seed, index, HIDE);
    int32_t *order = NULL;

    SAMC_TRY(samc_alloc((size_t)squares, sizeof *order, &order, error));
    for (int64_t i = 0; i < squares; i++)
        order[i] = (int32_t)i;
    memset(hidden, 0, (size_t)(grid * grid));
    for (int64_t i = 0; i < (wanted > 0 ? wanted : 1); i++) {
        const int64_t other = i + (int64_t)samc_random_below(&random, (size_t)(squares - i));
        const int64_t x0 = order[other] % across * side, y0 = order[other] / across * side;

        order[other] = order[i];
        for (int64_t y = y0; y < y0 + side && y < rows; y++)
            for (int64_t x = x0; x < x0 + side && x < columns; x++)
                hidden[y * grid + x] = 1;
    }
    free(order);
    return SAMC_OK;
}

/* ---------------------------------------------------------------------------- loss */

/* The hidden rows of a batch, one after another: H of them. */
typedef struct mae_job {
    int64_t n, e;               /* numbers of a patch, of an embedding */
    const int64_t *row;         /* [H]: of the batch */
    const float *weight;        /* [H]: of a row's mean in the loss */
    const float *patches, *out; /* [B * T][n]; [H][n]: what the head says */
    float *dout;                /* [H][n] */
    double *loss;               /* [H] */
    float *painted;             /* [B * T][n], or NULL */
} mae_job;

/* Mean and standard deviation of a patch, as the paper's code has them: unbiased. */
static void patch_scale(const float *patch, int64_t n, float *mean, float *deviation)
{
    double sum = 0.0, squares = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)patch[i];
    sum /= (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += ((double)patch[i] - sum) * ((double)patch[i] - sum);
    *mean = (float)sum;
    *deviation = sqrtf((float)(squares / (double)(n - 1)) + FLAT);
}

static void judge_row(void *arg, int64_t h, int32_t lane)
{
    const mae_job *job = arg;
    const int64_t n = job->n;
    const float *patch = job->patches + job->row[h] * n, *out = job->out + h * n;
    float *dout = job->dout + h * n, mean, deviation;
    double sum = 0.0;

    (void)lane;
    patch_scale(patch, n, &mean, &deviation);
    for (int64_t i = 0; i < n; i++) {
        const float error = out[i] - (patch[i] - mean) / deviation;

        sum += (double)error * (double)error;
        dout[i] = 2.0f * job->weight[h] / (float)n * error;
        if (job->painted)
            job->painted[job->row[h] * n + i] = out[i] * deviation + mean;
    }
    job->loss[h] = (double)job->weight[h] * sum / (double)n;
}

/* Lists the hidden rows, and what each weighs: photos count alike, however much of them is hidden.
 */
static int64_t list_rows(int64_t photos, int64_t step_photos, int64_t tokens, const uint8_t *hidden,
                         int64_t *row, float *weight)
{
    int64_t n = 0;

    for (int64_t b = 0; b < photos; b++) {
        const int64_t first = n;

        for (int64_t i = b * tokens; i < (b + 1) * tokens; i++)
            if (hidden[i])
                row[n++] = i;
        for (int64_t i = first; i < n; i++)
            weight[i] = 1.0f / ((float)step_photos * (float)(n - first));
    }
    return n;
}

samc_status samc_mae_run(const samc_train_call *t, const samc_mae *mae, int64_t photos,
                         int64_t step_photos, const float *patches, const uint8_t *hidden,
                         const float *embedding, double *loss, float *dembedding, float *painted)
{
    const samc_config *c = &t->params->config;
    const int64_t tokens = (int64_t)c->grid * c->grid, all = photos * tokens, e = c->embed_dim;
    const int64_t n = mae->pixels.n, w = mae->wide.n;
    samc_arena *arena = t->call->arena;
    const samc_arena_mark mark = samc_arena_here(arena);
    float *seen, *wide, *active, *out, *weight;
    mae_job job = {.n = n, .e = e, .patches = patches, .painted = painted};
    samc_status status = SAMC_OK;
    int64_t h, *row;

    SAMC_CHECK(samc_arena_take(arena, (size_t)all, sizeof *row, &row, t->error));
    SAMC_CHECK(samc_arena_take(arena, (size_t)all, sizeof *weight, &weight, t->error));
    h = list_rows(photos, step_photos, tokens, hidden, row, weight);
    SAMC_CHECK(samc_arena_take(arena, (size_t)(h * e), sizeof *seen, &seen, t->error));
    SAMC_CHECK(samc_arena_take(arena, (size_t)(h * w), sizeof *wide, &wide, t->error));
    SAMC_CHECK(samc_arena_take(arena, (size_t)(h * w), sizeof *active, &active, t->error));
    SAMC_CHECK(samc_arena_take(arena, (size_t)(h * n), sizeof *out, &out, t->error));
    SAMC_CHECK(samc_arena_take(arena, (size_t)(h * n), sizeof *out, &job.dout, t->error));
    SAMC_CHECK(samc_arena_take(arena, (size_t)h, sizeof *job.loss, &job.loss, t->error));
    for (int64_t i = 0; i < h; i++)
        memcpy(seen + i * e, embedding + row[i] * e, (size_t)e * sizeof *seen);
    SAMC_CHECK(samc_dense_forward(t, &mae->wide, h, seen, wide));
    samc_activation_forward(t, SAMC_ACT_GELU, h * w, wide, active);
    SAMC_CHECK(samc_dense_forward(t, &mae->pixels, h, active, out));
    if (painted)
        memcpy(painted, patches, (size_t)(all * n) * sizeof *painted);
    job.row = row;
    job.weight = weight;
    job.out = out;
    samc_threads_run(t->call->threads, h, judge_row, &job);
    *loss = 0.0;
    for (int64_t i = 0; i < h; i++)
        *loss += job.loss[i];
    /* a layer's gradient is the last that its input is needed for: it takes the input's memory */
    SAMC_CHECK(samc_dense_backward(t, &mae->pixels, h, active, job.dout, active, 0));
    samc_activation_backward(t, SAMC_ACT_GELU, h * w, wide, active, active);
    SAMC_CHECK(samc_dense_backward(t, &mae->wide, h, seen, active, seen, 0));
    memset(dembedding, 0, (size_t)(all * e) * sizeof *dembedding);
    for (int64_t i = 0; i < h; i++)
        memcpy(dembedding + row[i] * e, seen + i * e, (size_t)e * sizeof *seen);

cleanup:
    samc_arena_give_back(arena, mark);
    return status;
}
