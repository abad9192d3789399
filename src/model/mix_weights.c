/* SPDX-License-Identifier: Apache-2.0
 *
 * The weights of mix.h: products of the layers' own, made in double once a model.
 */
#include "model/mix.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* The layers' weights on their way into products: all [rows][E]. */
typedef struct parts {
    int64_t e, inner;
    float *o0, *o0_again, *o1; /* [I][E]: replies' outputs transposed and centred */
    float *c;                  /* [E]: what layer 1 adds to every token, centred */
    float *k1, *q1, *v1;       /* [I][E], times the first norm's weight */
    float *kf, *vf, *up;       /* [I][E], [I][E], [E][E], times the second's */
    float *v1_rows, *vf_rows;  /* [I][E] */
} parts;

/* Sums of four are what a compiler may turn into vectors by itself. */
static double dot(const float *a, const float *b, int64_t n)
{
    double sum[4] = {0.0, 0.0, 0.0, 0.0};
    int64_t i = 0;

    for (; i + 4 <= n; i += 4)
        for (int64_t j = 0; j < 4; j++)
            sum[j] += (double)a[i + j] * (double)b[i + j];
    for (; i < n; i++)
        sum[0] += (double)a[i] * (double)b[i];
    return sum[0] + sum[1] + (sum[2] + sum[3]);
}

static void centre(float *x, int64_t n)
{
    double mean = 0.0;

    for (int64_t i = 0; i < n; i++)
        mean += (double)x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)((double)x[i] - mean);
}

/* out [rows][e] = x [rows][e] times weight [e] down the columns. */
static samc_status weighed(const float *x, int64_t rows, int64_t e, const float *weight,
                           float **out, samc_error *error)
{
    SAMC_TRY(samc_alloc((size_t)(rows * e), sizeof **out, out, error));
    for (int64_t i = 0; i < rows * e; i++)
        (*out)[i] = x[i] * (weight ? weight[i % e] : 1.0f);
    return SAMC_OK;
}

/* out [m][n] = factor * a [m][e] b [n][e]^T, slack behind. */
static samc_status product(const parts *p, const float *a, int64_t m, const float *b, int64_t n,
                           double factor, float **out, samc_error *error)
{
    SAMC_TRY(samc_alloc_zero((size_t)(m * n + SAMC_LEFT_SLACK), sizeof **out, out, error));
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            (*out)[i * n + j] = (float)(factor * dot(a + i * p->e, b + j * p->e, p->e));
    return SAMC_OK;
}

static samc_status read_parts(const samc_mix_source *s, parts *p, samc_error *error)
{
    const int64_t e = p->e, inner = p->inner;
    const float *w0 = s->norm0->weight, *w1 = s->norm1->weight;

    SAMC_TRY(weighed(s->reply0->out_rows, inner, e, NULL, &p->o0, error));
    SAMC_TRY(weighed(s->reply1->out_rows, inner, e, NULL, &p->o1, error));
    for (int64_t i = 0; i < inner; i++) {
        centre(p->o0 + i * e, e);
        centre(p->o1 + i * e, e);
    }
    SAMC_TRY(weighed(p->o0, inner, e, w0, &p->o0_again, error));
    for (int64_t i = 0; i < inner; i++)
        centre(p->o0_again + i * e, e);
    SAMC_TRY(weighed(s->norm0->bias, 1, e, NULL, &p->c, error));
    for (int64_t i = 0; i < e; i++)
        p->c[i] += s->reply1->out_bias[i];
    centre(p->c, e);
    SAMC_TRY(weighed(s->look1->v_rows, e, inner, NULL, &p->v1_rows, error));
    SAMC_TRY(weighed(s->look2->v_rows, e, inner, NULL, &p->vf_rows, error));
    for (int64_t i = 0; i < e; i++)
        for (int64_t j = 0; j < inner; j++) {
            p->v1_rows[j * e + i] = s->look1->v_rows[i * inner + j];
            p->vf_rows[j * e + i] = s->look2->v_rows[i * inner + j];
        }
    SAMC_TRY(weighed(s->look1->k_rows, inner, e, w0, &p->k1, error));
    SAMC_TRY(weighed(s->reply1->q_rows, inner, e, w0, &p->q1, error));
    SAMC_TRY(weighed(p->v1_rows, inner, e, w0, &p->v1, error));
    SAMC_TRY(weighed(s->look2->k_rows, inner, e, w1, &p->kf, error));
    SAMC_TRY(weighed(p->vf_rows, inner, e, w1, &p->vf, error));
    return weighed(s->up, e, e, w1, &p->up, error);
}

static void free_parts(parts *p)
{
    float *const all[] = {p->o0, p->o0_again, p->o1, p->c,  p->k1,      p->q1,
                          p->v1, p->kf,       p->vf, p->up, p->v1_rows, p->vf_rows};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

/* out [m] += a [m][e] b [e]. */
static void add_products(const parts *p, const float *a, int64_t m, const float *b, float *out)
{
    for (int64_t i = 0; i < m; i++)
        out[i] = (float)((double)out[i] + dot(a + i * p->e, b, p->e));
}

static samc_status make_products(const samc_mix_source *s, const parts *p, samc_mix_weights *w,
                                 samc_error *error)
{
    const int64_t e = p->e, i = p->inner;

    SAMC_TRY(product(p, p->o0, i, p->o0, i, 1.0, &w->gram, error));
    SAMC_TRY(product(p, p->k1, i, p->o0, i, 1.0, &w->keys1, error));
    SAMC_TRY(product(p, p->o0, i, p->v1, i, 1.0, &w->values1, error));
    SAMC_TRY(product(p, p->q1, i, p->o0, i, 1.0, &w->queries, error));
    SAMC_TRY(product(p, p->o0_again, i, p->o0_again, i, 1.0, &w->gram00, error));
    SAMC_TRY(product(p, p->o1, i, p->o0_again, i, 2.0, &w->gram10, error));
    SAMC_TRY(product(p, p->o1, i, p->o1, i, 1.0, &w->gram11, error));
    SAMC_TRY(product(p, p->o0_again, i, p->c, 1, 2.0, &w->gram0c, error));
    SAMC_TRY(product(p, p->o1, i, p->c, 1, 2.0, &w->gram1c, error));
    w->gramcc = (float)dot(p->c, p->c, e);
    SAMC_TRY(product(p, p->kf, i, p->o0_again, i, 1.0, &w->keys2[0], error));
    SAMC_TRY(product(p, p->kf, i, p->o1, i, 1.0, &w->keys2[1], error));
    SAMC_TRY(product(p, p->kf, i, p->c, 1, 1.0, &w->keys2c, error));
    SAMC_TRY(product(p, p->o0_again, i, p->vf, i, 1.0, &w->values2[0], error));
    SAMC_TRY(product(p, p->o1, i, p->vf, i, 1.0, &w->values2[1], error));
    SAMC_TRY(product(p, p->vf, i, p->c, 1, 1.0, &w->values2c, error));
    SAMC_TRY(product(p, p->o0_again, i, p->up, e, 1.0, &w->up[0], error));
    SAMC_TRY(product(p, p->o1, i, p->up, e, 1.0, &w->up[1], error));
    SAMC_TRY(product(p, p->up, e, p->c, 1, 1.0, &w->upc, error));
    SAMC_TRY(weighed(s->look1->v.bias, 1, i, NULL, &w->v_bias1, error));
    SAMC_TRY(weighed(s->look2->v.bias, 1, i, NULL, &w->v_bias2, error));
    SAMC_TRY(weighed(s->reply0->q_bias, 1, i, NULL, &w->q_bias[0], error));
    SAMC_TRY(weighed(s->reply1->q_bias, 1, i, NULL, &w->q_bias[1], error));
    SAMC_TRY(samc_alloc((size_t)e, sizeof *w->up_bias, &w->up_bias, error));
    for (int64_t j = 0; j < e; j++)
        w->up_bias[j] = s->up_bias[j % (e / 4)];
    add_products(p, p->v1_rows, i, s->norm0->bias, w->v_bias1);
    add_products(p, p->vf_rows, i, s->norm1->bias, w->v_bias2);
    add_products(p, s->reply1->q_rows, i, s->norm0->bias, w->q_bias[1]);
    add_products(p, s->up, e, s->norm1->bias, w->up_bias);
    return SAMC_OK;
}

/* Rows [m][E], each with the factor before it, as one first factor. */
typedef struct stack {
    const float *rows;
    int64_t m;
    float factor;
} stack;

static samc_status pack_stack(const samc_cross *c, const stack *stacks, size_t count,
                              samc_left *left, samc_error *error)
{
    samc_status status = SAMC_OK;
    float *all = NULL;
    int64_t m = 0, at = 0;

    for (size_t i = 0; i < count; i++)
        m += stacks[i].m;
    SAMC_CHECK(samc_alloc((size_t)(m * c->e), sizeof *all, &all, error));
    for (size_t i = 0; i < count; i++)
        for (int64_t j = 0; j < stacks[i].m * c->e; j++)
            all[at++] = stacks[i].factor * stacks[i].rows[j];
    status = samc_left_new(c->kernels, m, c->e, all, c->e, 1, left, error);

cleanup:
    free(all);
    return status;
}

/* K1, Q1 and Kf of the position encoding. */
static samc_status project_position(const samc_cross *c, const samc_mix_source *s,
                                    samc_mix_weights *w, samc_error *error)
{
    const stack stacks[] = {{s->look1->k_rows, c->inner, 1.0f},
                            {s->reply1->q_rows, c->inner, 1.0f},
                            {s->look2->k_rows, c->inner, 1.0f}};
    const int64_t pitch = c->blocks.pitch;
    samc_status status = SAMC_OK;
    samc_left left = {0, 0, NULL};

    SAMC_CHECK(samc_alloc_zero((size_t)samc_blocks_floats(&c->blocks, 3 * c->inner), sizeof *w->pe,
                               &w->pe, error));
    SAMC_CHECK(pack_stack(c, stacks, 3, &left, error));
    for (int64_t b = 0; b < c->blocks.count; b++)
        samc_left_times(c->kernels, &left, samc_blocks_columns(&c->blocks, b),
                        c->pe + b * c->e * pitch, pitch, w->pe + b * 3 * c->inner * pitch, pitch,
                        0);

cleanup:
    samc_left_free(&left);
    return status;
}

samc_status samc_mix_weights_make(const samc_cross *c, const samc_mix_source *s,
                                  samc_mix_weights *w, samc_error *error)
{
    const int64_t e = c->e, inner = c->inner;
    samc_status status = SAMC_OK;
    parts p = {.e = e, .inner = inner};

    memset(w, 0, sizeof *w);
    SAMC_CHECK(read_parts(s, &p, error));
    SAMC_CHECK(make_products(s, &p, w, error));
    SAMC_CHECK(weighed(s->reply0->out_bias, 1, e, NULL, &w->shift, error));
    SAMC_CHECK(weighed(s->norm0->weight, 1, e, NULL, &w->scale, error));
    SAMC_CHECK(weighed(p.c, 1, e, NULL, &w->constant, error));
    /* as samc_mix_photo_block lays the rows out */
    SAMC_CHECK(pack_stack(
        c, (const stack[]){{p.o0, inner, 2.0f}, {p.k1, inner, 1.0f}, {p.q1, inner, 1.0f}}, 3,
        &w->photo0, error));
    SAMC_CHECK(pack_stack(
        c,
        (const stack[]){
            {p.o0_again, inner, 2.0f}, {p.o1, inner, 2.0f}, {p.kf, inner, 1.0f}, {p.up, e, 1.0f}},
        4, &w->photo1, error));
    SAMC_CHECK(samc_linear_pack(c->kernels, p.v1, inner, e, e, 1, NULL, &w->photo_values1, error));
    SAMC_CHECK(samc_linear_pack(c->kernels, p.vf, inner, e, e, 1, NULL, &w->photo_values2, error));
    SAMC_CHECK(project_position(c, s, w, error));

cleanup:
    free_parts(&p);
    return status;
}

void samc_mix_weights_free(samc_mix_weights *w)
{
    float *const all[] = {w->gram,       w->keys1,      w->values1,  w->v_bias1,  w->queries,
                          w->q_bias[0],  w->q_bias[1],  w->gram00,   w->gram10,   w->gram11,
                          w->gram0c,     w->gram1c,     w->keys2[0], w->keys2[1], w->keys2c,
                          w->values2[0], w->values2[1], w->values2c, w->v_bias2,  w->up[0],
                          w->up[1],      w->upc,        w->up_bias,  w->shift,    w->scale,
                          w->constant,   w->pe};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
    samc_left_free(&w->photo0);
    samc_left_free(&w->photo1);
    samc_linear_free(&w->photo_values1);
    samc_linear_free(&w->photo_values2);
}
