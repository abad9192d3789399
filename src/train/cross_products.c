/* SPDX-License-Identifier: Apache-2.0 */
#include "train/cross_products.h"

#include <math.h>
#include <string.h>

samc_cross_sizes samc_cross_sizes_of(const samc_train_cross *cross)
{
    const samc_train_projections *p = cross->projections;
    samc_cross_sizes s = {.n = cross->n,
                          .heads = cross->heads,
                          .d = p->q.n / cross->heads,
                          .inner = p->q.n,
                          .e = p->q.k,
                          .image = cross->image_tokens,
                          .rows = cross->prompts * cross->n,
                          .columns = cross->n * cross->heads};

    s.scale = 1.0f / sqrtf((float)s.d);
    return s;
}

static samc_status take(const samc_train_call *t, int64_t rows, int64_t columns, float **array)
{
    return samc_arena_take(t->call->arena, (size_t)rows, (size_t)columns * sizeof(float), array,
                           t->error);
}

/* ---------------------------------------------------------------------------- products of heads */

/* A product a head: head h's A, B, bias and C begin so many floats behind head 0's. */
typedef struct head_products {
    samc_product product;
    const float *b;
    int64_t b_row, b_column;
    int64_t a_step, b_step, c_step, bias_step;
} head_products;

static samc_status head_tile(void *job, const samc_train_call *own, int64_t h)
{
    const head_products *p = job;
    samc_product product = p->product;

    product.a += h * p->a_step;
    product.c += h * p->c_step;
    if (product.bias)
        product.bias += h * p->bias_step;
    return samc_train_product(own, &product, p->b + h * p->b_step, p->b_row, p->b_column);
}

/* absorbed [N n H][E] = x [N n][I], head by head, by W: element (c, j) of head 0's [d][E] at
 * w[c * w_row + j * w_column], the next head's w_step behind. */
samc_status samc_cross_absorb(const samc_train_call *t, const samc_cross_sizes *s, const float *x,
                              const float *w, int64_t w_row, int64_t w_column, float *absorbed)
{
    head_products p = {.product = {.m = s->rows,
                                   .n = s->e,
                                   .k = s->d,
                                   .a = x,
                                   .a_row = s->inner,
                                   .a_column = 1,
                                   .c = absorbed,
                                   .c_stride = s->heads * s->e},
                       .b = w,
                       .b_row = w_row,
                       .b_column = w_column,
                       .a_step = s->d,
                       .b_step = s->d * w_row,
                       .c_step = s->e};

    return samc_train_tiles(t, s->heads, head_tile, &p);
}

/* The other way: x [N n][I] = wide [N n H][E] by W^T (+ bias [I], or NULL). */
samc_status samc_cross_release(const samc_train_call *t, const samc_cross_sizes *s,
                               const float *wide, const float *w, int64_t w_row, int64_t w_column,
                               const float *bias, float *x)
{
    head_products p = {.product = {.m = s->rows,
                                   .n = s->d,
                                   .k = s->e,
                                   .a = wide,
                                   .a_row = s->heads * s->e,
                                   .a_column = 1,
                                   .bias = bias,
                                   .c = x,
                                   .c_stride = s->inner},
                       .b = w,
                       .b_row = w_column,
                       .b_column = w_row,
                       .a_step = s->e,
                       .b_step = s->d * w_row,
                       .c_step = s->d,
                       .bias_step = s->d};

    return samc_train_tiles(t, s->heads, head_tile, &p);
}

/* dW [I][E] += x^T wide, head by head. */
samc_status samc_cross_weights(const samc_train_call *t, const samc_cross_sizes *s, const float *x,
                               const float *wide, float *dw)
{
    head_products p = {.product = {.m = s->d,
                                   .n = s->e,
                                   .k = s->rows,
                                   .a = x,
                                   .a_row = 1,
                                   .a_column = s->inner,
                                   .c = dw,
                                   .c_stride = s->e,
                                   .accumulate = 1},
                       .b = wide,
                       .b_row = s->heads * s->e,
                       .b_column = 1,
                       .a_step = s->d,
                       .b_step = s->e,
                       .c_step = s->d * s->e};

    return samc_train_tiles(t, s->heads, head_tile, &p);
}

/* dWo [E][I] += values^T, head by head: from dvalues [N n H][E] and v [N n][I]. */
samc_status samc_cross_answer_weights(const samc_train_call *t, const samc_cross_sizes *s,
                                      const float *dvalues, const float *v, float *dw)
{
    head_products p = {.product = {.m = s->e,
                                   .n = s->d,
                                   .k = s->rows,
                                   .a = dvalues,
                                   .a_row = 1,
                                   .a_column = s->heads * s->e,
                                   .c = dw,
                                   .c_stride = s->inner,
                                   .accumulate = 1},
                       .b = v,
                       .b_row = s->inner,
                       .b_column = 1,
                       .a_step = s->e,
                       .b_step = s->d,
                       .c_step = s->d};

    return samc_train_tiles(t, s->heads, head_tile, &p);
}

/* ---------------------------------------------------------------------------- tiles: one prompt */

samc_status samc_local_position(const samc_train_call *own, const samc_cross_sizes *s,
                                const float *image, const float *pe, float **sum)
{
    const int64_t e = s->e;

    SAMC_TRY(take(own, s->image, e, sum));
    for (int64_t i = 0; i < s->image; i++) {
        memcpy(*sum + i * e, image + i * e, (size_t)e * sizeof **sum);
        own->call->kernels->epilogue(*sum + i * e, e, pe + i * e, SAMC_ACT_NONE, NULL);
    }
    return SAMC_OK;
}

/* scores [n H][P] = wide [n H][E] image^T. */
samc_status samc_local_score(const samc_train_call *own, const samc_cross_sizes *s,
                             const float *wide, const float *image, float *scores)
{
    const samc_product p = {.m = s->columns,
                            .n = s->image,
                            .k = s->e,
                            .a = wide,
                            .a_row = s->e,
                            .a_column = 1,
                            .c = scores,
                            .c_stride = s->image};

    return samc_train_product(own, &p, image, 1, s->e);
}

/* wide [n H][E] = weights [n H][P] image. */
samc_status samc_local_gather(const samc_train_call *own, const samc_cross_sizes *s,
                              const float *weights, const float *image, float *wide)
{
    const samc_product p = {.m = s->columns,
                            .n = s->e,
                            .k = s->image,
                            .a = weights,
                            .a_row = s->image,
                            .a_column = 1,
                            .c = wide,
                            .c_stride = s->e};

    return samc_train_product(own, &p, image, s->e, 1);
}

/* image [P][E] = weights^T [P][count] wide [count][E] + bias + residual; without a residual it is
 * added to. */
samc_status samc_local_spread(const samc_train_call *own, const samc_cross_sizes *s, int64_t count,
                              const float *weights, const float *wide, const float *bias,
                              const float *residual, float *image)
{
    const samc_product p = {.m = s->image,
                            .n = s->e,
                            .k = count,
                            .a = weights,
                            .a_row = 1,
                            .a_column = s->image,
                            .bias = bias,
                            .residual = residual,
                            .residual_stride = s->e,
                            .c = image,
                            .c_stride = s->e,
                            .accumulate = residual == NULL};

    return samc_train_product(own, &p, wide, s->e, 1);
}
