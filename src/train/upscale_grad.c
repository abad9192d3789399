/* SPDX-License-Identifier: Apache-2.0 */
#include "train/upscale_grad.h"

#include "train/tiles.h"

#include <string.h>

#define NORM_EPS 1e-6f
#define PREFIX "mask_decoder.output_upscaling."
/* Tokens of a block: what they become fills half of an L2 cache. */
#define BLOCK 256

samc_status samc_train_upscale_find(const samc_params *params, samc_train_upscale *up,
                                    samc_error *error)
{
    const int64_t e = params->config.embed_dim;

    up->grid = params->config.grid;
    SAMC_TRY(samc_dense_find(params, PREFIX "0", &up->up0, error));
    SAMC_TRY(samc_row_norm_find(params, PREFIX "1", NORM_EPS, &up->up1, error));
    SAMC_TRY(samc_dense_find(params, PREFIX "3", &up->up3, error));
    /* [in][out][2][2]: what samc_dense_find took for outputs are the inputs */
    up->up0.k = up->up0.n;
    up->up0.n = e / 4;
    up->up3.k = up->up3.n;
    up->up3.n = e / 8;
    return SAMC_OK;
}

/* ---------------------------------------------------------------------------- tiles */

typedef struct upscale_job {
    const samc_train_call *t;
    const samc_train_upscale *up;
    const samc_upscale_pass *pass;
    int64_t tokens, blocks; /* of a prompt */
    float *logits;          /* forward */
    const float *dlogits;   /* backward */
    float *dordered; /* [N P][4 * E / 4]: the gradient of up0's rows before their reordering */
    float *dimage;
    float *parts;       /* [tiles][parts_size]: see below */
    int64_t parts_size; /* dW3 [k3][4 n3], bias 3 [4 n3], norm [2][n0], bias 0 [4 n0], dhyper
                           [count][n3] */
} upscale_job;

/* A block of one prompt's tokens. */
typedef struct token_block {
    int64_t prompt, first, m; /* tokens first … first + m - 1 of the prompt */
    int64_t row;              /* of the first in the image of all prompts */
} token_block;

static token_block block_of(const upscale_job *job, int64_t tile)
{
    token_block b = {.prompt = tile / job->blocks, .first = tile % job->blocks * BLOCK};

    b.m = job->tokens - b.first < BLOCK ? job->tokens - b.first : BLOCK;
    b.row = b.prompt * job->tokens + b.first;
    return b;
}

static samc_status take(const samc_train_call *t, int64_t rows, int64_t columns, float **array)
{
    return samc_arena_take(t->call->arena, (size_t)rows, (size_t)columns * sizeof(float), array,
                           t->error);
}

/* Rows [n][4] of a transposed convolution's answer to [4][n], with the bias. */
static void to_pixels(int64_t rows, int64_t n, const float *from, const float *bias, float *to)
{
    for (int64_t i = 0; i < rows; i++, from += 4 * n, to += 4 * n)
        for (int64_t tap = 0; tap < 4; tap++)
            for (int64_t c = 0; c < n; c++)
                to[tap * n + c] = from[c * 4 + tap] + bias[c];
}

/* The way back of to_pixels; sums [4 n] gets the sum of the rows. */
static void from_pixels(const samc_kernels *kernels, int64_t rows, int64_t n, const float *from,
                        float *to, float *sums)
{
    memset(sums, 0, (size_t)(4 * n) * sizeof *sums);
    for (int64_t i = 0; i < rows; i++, from += 4 * n, to += 4 * n) {
        for (int64_t c = 0; c < n; c++)
            for (int64_t tap = 0; tap < 4; tap++)
                to[c * 4 + tap] = from[tap * n + c];
        kernels->epilogue(sums, 4 * n, to, SAMC_ACT_NONE, NULL);
    }
}

/* y = gelu(x). */
static void gelu(const samc_kernels *kernels, int64_t n, const float *x, float *y)
{
    memcpy(y, x, (size_t)n * sizeof *y);
    kernels->epilogue(y, n, NULL, SAMC_ACT_GELU, NULL);
}

/* Where pixel p (0..15) of a token's two up-scalings lies in the raster [L][L]. */
static int64_t raster(int64_t grid, int64_t token, int64_t p)
{
    const int64_t y = token / grid * 4 + p / 8 * 2 + p % 4 / 2;

    return y * 4 * grid + token % grid * 4 + p / 4 % 2 * 2 + p % 2;
}

static const float *kept_before(const upscale_job *job, const token_block *b)
{
    return job->pass->before + b->row * 4 * job->up->up0.n;
}

static const float *kept_wide(const upscale_job *job, const token_block *b)
{
    return job->pass->wide + b->row * 16 * job->up->up3.n;
}

/* ---------------------------------------------------------------------------- forward */

static samc_status upscale_block(void *arg, const samc_train_call *own, int64_t tile)
{
    const upscale_job *job = arg;
    const token_block block = block_of(job, tile), *b = &block;
    const samc_train_upscale *up = job->up;
    const samc_kernels *kernels = own->call->kernels;
    const float *values = own->params->values;
    const int64_t n0 = up->up0.n, n3 = up->up3.n, m = b->m;
    float *before = job->pass->before + b->row * 4 * n0;
    float *wide = job->pass->wide + b->row * 16 * n3, *ordered, *active;
    samc_product p = {.m = m,
                      .n = 4 * n0,
                      .k = up->up0.k,
                      .a = job->pass->image + b->row * up->up0.k,
                      .a_row = up->up0.k,
                      .a_column = 1,
                      .c_stride = 4 * n0};

    SAMC_TRY(take(own, 4 * m, 4 * n3 > n0 ? 4 * n3 : n0, &ordered));
    SAMC_TRY(take(own, 4 * m, n0, &active));
    p.c = ordered;
    SAMC_TRY(samc_train_product(own, &p, values + up->up0.weight, 4 * n0, 1));
    to_pixels(m, n0, ordered, values + up->up0.bias, before);
    for (int64_t i = 0; i < 4 * m; i++)
        kernels->layer_norm(before + i * n0, n0, values + up->up1.weight, values + up->up1.bias,
                            up->up1.eps, active + i * n0);
    kernels->epilogue(active, 4 * m * n0, NULL, SAMC_ACT_GELU, NULL);
    p = (samc_product){.m = 4 * m,
                       .n = 4 * n3,
                       .k = n0,
                       .a = active,
                       .a_row = n0,
                       .a_column = 1,
                       .c = ordered,
                       .c_stride = 4 * n3};
    SAMC_TRY(samc_train_product(own, &p, values + up->up3.weight, 4 * n3, 1));
    to_pixels(4 * m, n3, ordered, values + up->up3.bias, wide);
    gelu(kernels, 16 * m * n3, wide, ordered);
    for (int32_t k = 0; k < job->pass->count; k++) {
        const float *hyper = job->pass->hyper[k] + b->prompt * n3;
        float *logits = job->logits + (b->prompt * job->pass->count + k) * 16 * job->tokens;

        for (int64_t i = 0; i < 16 * m; i++)
            logits[raster(up->grid, b->first + i / 16, i % 16)] = samc_dot(ordered + i * n3, hyper,
                                                                           n3);
    }
    return SAMC_OK;
}

static upscale_job job_of(const samc_train_call *t, const samc_train_upscale *up,
                          const samc_upscale_pass *pass)
{
    const int64_t tokens = up->grid * up->grid;

    return (upscale_job){
        .t = t, .up = up, .pass = pass, .tokens = tokens, .blocks = (tokens + BLOCK - 1) / BLOCK};
}

samc_status samc_train_upscale_forward(const samc_train_call *t, const samc_train_upscale *up,
                                       samc_upscale_pass *pass, float *logits)
{
    upscale_job job = job_of(t, up, pass);
    const int64_t rows = pass->prompts * job.tokens;
    samc_arena_mark mark;
    samc_status status = SAMC_OK;

    SAMC_TRY(take(t, 4 * rows, up->up0.n, &pass->before));
    SAMC_TRY(take(t, 16 * rows, up->up3.n, &pass->wide));
    mark = samc_arena_here(t->call->arena);
    job.logits = logits;
    status = samc_train_tiles(t, pass->prompts * job.blocks, upscale_block, &job);
    samc_arena_give_back(t->call->arena, mark);
    return status;
}

/* ---------------------------------------------------------------------------- backward */

/* What a tile sums up for itself. */
typedef struct tile_part {
    float *weight3, *bias3, *norm, *bias0, *hyper;
} tile_part;

static tile_part part_of(const upscale_job *job, int64_t tile)
{
    const samc_train_upscale *up = job->up;
    tile_part p;

    p.weight3 = job->parts + tile * job->parts_size;
    p.bias3 = p.weight3 + up->up3.k * 4 * up->up3.n;
    p.norm = p.bias3 + 4 * up->up3.n;
    p.bias0 = p.norm + 2 * up->up0.n;
    p.hyper = p.bias0 + 4 * up->up0.n;
    return p;
}

/* dpixels [16 m][n3] is set, the sums of hyper too. */
static void dot_back(const upscale_job *job, const token_block *b, const tile_part *part,
                     const float *pixels, float *dpixels)
{
    const int64_t n3 = job->up->up3.n, n = 16 * b->m;

    memset(dpixels, 0, (size_t)(n * n3) * sizeof *dpixels);
    memset(part->hyper, 0, (size_t)(job->pass->count * n3) * sizeof *part->hyper);
    for (int32_t k = 0; k < job->pass->count; k++) {
        const float *hyper = job->pass->hyper[k] + b->prompt * n3;
        const float *dlogits = job->dlogits + (b->prompt * job->pass->count + k) * 16 * job->tokens;
        float *dhyper = part->hyper + k * n3;

        for (int64_t i = 0; i < n; i++) {
            const float d = dlogits[raster(job->up->grid, b->first + i / 16, i % 16)];

            for (int64_t c = 0; c < n3; c++) {
                dpixels[i * n3 + c] += d * hyper[c];
                dhyper[c] += d * pixels[i * n3 + c];
            }
        }
    }
}

/* From dwide [4 m][4 n3], ordered: the gradient of what was normed, dbefore [4 m][n0]. */
static samc_status norm_back(const upscale_job *job, const samc_train_call *own,
                             const token_block *b, const tile_part *part, const float *dwide,
                             float *dbefore)
{
    const samc_train_upscale *up = job->up;
    const samc_kernels *kernels = own->call->kernels;
    const float *values = own->params->values, *before = kept_before(job, b);
    const int64_t n0 = up->up0.n, n3 = up->up3.n, rows = 4 * b->m;
    float *normed, *active;
    samc_product p = {.m = n0, .n = 4 * n3, .k = rows, .a_row = 1, .a_column = n0};

    SAMC_TRY(take(own, rows, n0, &normed));
    SAMC_TRY(take(own, rows, n0, &active));
    for (int64_t i = 0; i < rows; i++)
        kernels->layer_norm(before + i * n0, n0, values + up->up1.weight, values + up->up1.bias,
                            up->up1.eps, normed + i * n0);
    gelu(kernels, rows * n0, normed, active);
    p.a = active;
    p.c = part->weight3;
    p.c_stride = 4 * n3;
    SAMC_TRY(samc_train_product(own, &p, dwide, 4 * n3, 1));
    p = (samc_product){.m = rows,
                       .n = n0,
                       .k = 4 * n3,
                       .a = dwide,
                       .a_row = 4 * n3,
                       .a_column = 1,
                       .c = dbefore,
                       .c_stride = n0};
    SAMC_TRY(samc_train_product(own, &p, values + up->up3.weight, 1, 4 * n3));
    kernels->slope(SAMC_ACT_GELU, normed, dbefore, rows * n0, dbefore);
    memset(part->norm, 0, (size_t)(2 * n0) * sizeof *part->norm);
    for (int64_t i = 0; i < rows; i++)
        kernels->layer_norm_grad(before + i * n0, dbefore + i * n0, n0, values + up->up1.weight,
                                 up->up1.eps, dbefore + i * n0, 0, part->norm, part->norm + n0);
    return SAMC_OK;
}

static samc_status upscale_block_back(void *arg, const samc_train_call *own, int64_t tile)
{
    const upscale_job *job = arg;
    const token_block block = block_of(job, tile), *b = &block;
    const tile_part sums = part_of(job, tile), *part = &sums;
    const samc_train_upscale *up = job->up;
    const samc_kernels *kernels = own->call->kernels;
    const int64_t n0 = up->up0.n, n3 = up->up3.n, m = b->m, e = up->up0.k;
    float *dordered = job->dordered + b->row * 4 * n0, *pixels, *dpixels, *dbefore;
    const samc_product p = {.m = m,
                            .n = e,
                            .k = 4 * n0,
                            .a = dordered,
                            .a_row = 4 * n0,
                            .a_column = 1,
                            .c = job->dimage + b->row * e,
                            .c_stride = e};

    SAMC_TRY(take(own, 16 * m, n3, &pixels));
    SAMC_TRY(take(own, 16 * m, n3, &dpixels));
    SAMC_TRY(take(own, 4 * m, n0, &dbefore));
    gelu(kernels, 16 * m * n3, kept_wide(job, b), pixels);
    dot_back(job, b, part, pixels, dpixels);
    kernels->slope(SAMC_ACT_GELU, kept_wide(job, b), dpixels, 16 * m * n3, dpixels);
    from_pixels(kernels, 4 * m, n3, dpixels, pixels, part->bias3);
    SAMC_TRY(norm_back(job, own, b, part, pixels, dbefore));
    from_pixels(kernels, m, n0, dbefore, dordered, part->bias0);
    return samc_train_product(own, &p, own->params->values + up->up0.weight, 1, 4 * n0);
}

static void add(float *sum, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        sum[i] += x[i];
}

/* The tiles' sums, in their order. */
static void add_parts(const upscale_job *job, float *const *dhyper)
{
    const samc_train_upscale *up = job->up;
    const int64_t n0 = up->up0.n, n3 = up->up3.n;
    float *g = job->t->params->gradients;

    for (int32_t k = 0; k < job->pass->count; k++)
        memset(dhyper[k], 0, (size_t)(job->pass->prompts * n3) * sizeof **dhyper);
    for (int64_t tile = 0; tile < job->pass->prompts * job->blocks; tile++) {
        const tile_part p = part_of(job, tile);

        add(g + up->up3.weight, p.weight3, up->up3.k * 4 * n3);
        add(g + up->up1.weight, p.norm, n0);
        add(g + up->up1.bias, p.norm + n0, n0);
        for (int64_t i = 0; i < 4 * n3; i++)
            g[up->up3.bias + i / 4] += p.bias3[i];
        for (int64_t i = 0; i < 4 * n0; i++)
            g[up->up0.bias + i / 4] += p.bias0[i];
        for (int32_t k = 0; k < job->pass->count; k++)
            add(dhyper[k] + tile / job->blocks * n3, p.hyper + k * n3, n3);
    }
}

samc_status samc_train_upscale_backward(const samc_train_call *t, const samc_train_upscale *up,
                                        const samc_upscale_pass *pass, const float *dlogits,
                                        float *dimage, float *const *dhyper)
{
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    const int64_t n0 = up->up0.n, n3 = up->up3.n, e = up->up0.k;
    upscale_job job = job_of(t, up, pass);
    const int64_t rows = pass->prompts * job.tokens;
    samc_product dw = {.m = e,
                       .n = 4 * n0,
                       .k = rows,
                       .a = pass->image,
                       .a_row = 1,
                       .a_column = e,
                       .c = t->params->gradients + up->up0.weight,
                       .c_stride = 4 * n0,
                       .accumulate = 1};
    samc_status status = SAMC_OK;

    job.dlogits = dlogits;
    job.dimage = dimage;
    job.parts_size = up->up3.k * 4 * n3 + 4 * n3 + 2 * n0 + 4 * n0 + pass->count * n3;
    SAMC_CHECK(take(t, pass->prompts * job.blocks, job.parts_size, &job.parts));
    SAMC_CHECK(take(t, rows, 4 * n0, &job.dordered));
    SAMC_CHECK(samc_train_tiles(t, pass->prompts * job.blocks, upscale_block_back, &job));
    add_parts(&job, dhyper);
    status = samc_train_product(t, &dw, job.dordered, 4 * n0, 1);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}
