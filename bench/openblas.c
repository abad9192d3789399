/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenBLAS's sgemm. It has no bias: its rows are filled with it first, as part of the work.
 */
#include "yardstick.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

typedef struct product {
    yardstick_shape shape;
    const float *x, *w, *bias;
    float *y;
} product;

static void *prepare(const yardstick_shape *shape, const float *x, const float *w,
                     const float *bias, float *y)
{
    product *p = malloc(sizeof *p);

    if (p)
        *p = (product){*shape, x, w, bias, y};
    return p;
}

static int run(void *state)
{
    const product *p = state;
    const blasint m = (blasint)p->shape.m, n = (blasint)p->shape.n, k = (blasint)p->shape.k;

    for (int64_t i = 0; i < m; i++)
        memcpy(p->y + i * n, p->bias, (size_t)n * sizeof *p->y);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1.0f, p->x, k, p->w, k, 1.0f,
                p->y, n);
    return 1;
}

const yardstick yardstick_openblas = {"OpenBLAS", prepare, run, free};
