/* SPDX-License-Identifier: Apache-2.0 */
#include "model/cross_parts.h"

#include <math.h>

int64_t samc_cross_pitch(int64_t columns)
{
    return (columns + 31) / 32 * 32 + 16;
}

int64_t samc_cross_head_dim(const samc_cross *c)
{
    return c->inner / c->heads;
}

float samc_cross_scale(const samc_cross *c)
{
    return 1.0f / sqrtf((float)samc_cross_head_dim(c));
}

samc_status samc_cross_lefts(const samc_cross *c, samc_arena *arena, int64_t count, int64_t m,
                             int64_t k, samc_left **lefts, samc_error *error)
{
    const int64_t size = samc_left_floats(c->kernels, m, k);
    float *panels;

    SAMC_TRY(samc_arena_take(arena, (size_t)count, sizeof **lefts, lefts, error));
    SAMC_TRY(samc_arena_take(arena, (size_t)(count * size), sizeof *panels, &panels, error));
    for (int64_t i = 0; i < count; i++)
        (*lefts)[i] = (samc_left){m, k, panels + i * size};
    return SAMC_OK;
}

void samc_cross_head_rows(const samc_cross *c, int64_t n, const float *x, const float *rows,
                          int64_t width, float *y)
{
    const int64_t d = samc_cross_head_dim(c);

    for (int64_t h = 0; h < c->heads; h++) {
        const samc_panels second = {rows + h * d * width, width, c->kernels->gemm_nr};

        c->kernels->gemm_rows(n, width, d, x + h * d, c->inner, &second, y + h * n * width, width,
                              0);
    }
}

void samc_cross_weigh(const samc_cross *c, int64_t rows, int64_t columns, float *scores,
                      float *highest, float *total)
{
    for (int64_t i = 0; i < rows; i++) {
        highest[i] = -INFINITY;
        total[i] = 0.0f;
        (void)c->kernels->softmax_step(scores + i * c->blocks.pitch, columns, samc_cross_scale(c),
                                       NULL, &highest[i], &total[i]);
    }
}

void samc_cross_join(const samc_cross *c, float *parts, int64_t rows, int64_t size)
{
    for (int64_t i = 0; i < rows; i++) {
        float highest = -INFINITY, total = 0.0f;

        for (int64_t b = 0; b < c->blocks.count; b++)
            highest = fmaxf(highest, parts[b * size + i]);
        for (int64_t b = 0; b < c->blocks.count; b++) {
            float *part = parts + b * size + i;

            *part = expf(*part - highest);
            total += *part * part[rows];
        }
        for (int64_t b = 0; b < c->blocks.count; b++)
            parts[b * size + i] /= total;
    }
}

void samc_cross_values(const samc_cross *c, const samc_linear *v, int64_t columns, const float *x,
                       float *packed, float *values)
{
    const samc_left left = {columns, c->e, packed};

    samc_left_pack(c->kernels, &left, x, 1, c->blocks.pitch);
    for (int64_t l = 0; l < c->e; l += SAMC_GEMM_MAX_K) {
        const int64_t depth = c->e - l < SAMC_GEMM_MAX_K ? c->e - l : SAMC_GEMM_MAX_K;
        const samc_panels second = samc_linear_panels(c->kernels, v, l);

        c->kernels->gemm(columns, c->inner, depth, packed, &second, values, c->inner, l > 0);
        packed += samc_left_floats(c->kernels, columns, depth);
    }
}
