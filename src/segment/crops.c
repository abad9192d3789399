/* SPDX-License-Identifier: Apache-2.0 */
#include "segment/crops.h"

#include "base/memory.h"

#include <math.h>

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* The length of each of n pieces that cover `side` and overlap. */
static int32_t piece(int32_t side, int32_t n, int32_t overlap)
{
    return (int32_t)ceil((double)((int64_t)overlap * (n - 1) + side) / n);
}

samc_status samc_crops_make(int32_t width, int32_t height, int32_t layers, double overlap_ratio,
                            samc_crop **crops, size_t *count, samc_error *error)
{
    const int32_t shorter = least(width, height);
    samc_crop *all = NULL;
    size_t n = 0, room = 1;

    for (int32_t i = 1; i <= layers; i++)
        room += (size_t)1 << (2 * i);
    SAMC_TRY(samc_alloc(room, sizeof *all, &all, error));
    all[n++] = (samc_crop){{0, 0, width, height}, 0};
    for (int32_t layer = 1; layer <= layers; layer++) {
        const int32_t side = 1 << layer;
        const int32_t overlap = (int32_t)(overlap_ratio * shorter * (2.0 / side));
        const int32_t w = piece(width, side, overlap), h = piece(height, side, overlap);

        for (int32_t i = 0; i < side; i++)
            for (int32_t j = 0; j < side; j++) {
                const int32_t x = (w - overlap) * i, y = (h - overlap) * j;

                all[n++] = (samc_crop){{x, y, least(x + w, width), least(y + h, height)}, layer};
            }
    }
    *crops = all;
    *count = n;
    return SAMC_OK;
}

samc_status samc_point_grid_make(int32_t n, double **points, samc_error *error)
{
    const double first = 1.0 / (2.0 * n), last = 1.0 - first;
    const double step = n > 1 ? (last - first) / (n - 1) : 0.0;
    double *all = NULL;

    SAMC_TRY(samc_alloc((size_t)n * (size_t)n, 2 * sizeof *all, &all, error));
    for (size_t i = 0; i < (size_t)n * (size_t)n; i++) {
        const size_t at[2] = {i % (size_t)n, i / (size_t)n};

        for (int k = 0; k < 2; k++) /* as numpy's linspace: the last one is exact */
            all[2 * i + (size_t)k] = n > 1 && at[k] + 1 == (size_t)n ? last
                                                                     : first + (double)at[k] * step;
    }
    *points = all;
    return SAMC_OK;
}
