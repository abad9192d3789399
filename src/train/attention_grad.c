/* SPDX-License-Identifier: Apache-2.0 */
#include "train/attention_grad.h"

#include "train/tiles.h"

#include <math.h>
#include <string.h>

/* Scores that exist at a time, in a lane; at least those of MIN_QUERIES queries. */
#define TILE_SCORES ((int64_t)65536)
#define MIN_QUERIES 64

/* The scratch of one tile; Q stands for the queries that it takes at a time. */
typedef struct scratch {
    float *q, *k, *v, *dout, *dk, *dv; /* gathered: [n][head_dim] */
    float *scores, *dscores;           /* [Q][n_keys] */
    float *rel_h, *rel_w;              /* [Q][2 * window - 1] */
    float *drel_h, *drel_w;
    float *bias;
    float *out;               /* [Q][head_dim] */
    const samc_train_call *t; /* the tile's own */
} scratch;

typedef struct batch_job {
    const samc_kernels *kernels;
    const samc_attention_batch *a;
    const samc_attention_gradients *g;
    const float *out, *dout, *lse_in;
    float *out_rows, *lse;
    int64_t out_stride;
    float *pad_parts;   /* [groups][heads][2][head_dim] */
    float *table_parts; /* [groups][heads][2][(2 * window - 1) * head_dim] */
} batch_job;

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t query_row(const samc_attention_batch *a, int64_t group, int64_t i)
{
    return a->q_rows ? a->q_rows[group * a->n_queries + i] : group * a->n_queries + i;
}

static int64_t key_row(const samc_attention_batch *a, int64_t group, int64_t i)
{
    return a->k_rows ? a->k_rows[group * a->n_keys + i] : group * a->n_keys + i;
}

/* Queries of a tile at a time. */
static int64_t queries_of(const samc_attention_batch *a)
{
    const int64_t fit = TILE_SCORES / a->n_keys;

    return smaller(fit > MIN_QUERIES ? fit : MIN_QUERIES, a->n_queries);
}

static samc_status take_scratch(const samc_attention_batch *a, const samc_train_call *own,
                                scratch *s)
{
    const int64_t hd = a->head_dim, size = a->window ? 2 * a->window - 1 : 1;
    const int64_t queries = queries_of(a);
    const struct {
        float **array;
        int64_t floats;
    } wanted[] = {
        {&s->q, queries * hd},
        {&s->k, a->n_keys * hd},
        {&s->v, a->n_keys * hd},
        {&s->dout, queries * hd},
        {&s->dk, a->n_keys * hd},
        {&s->dv, a->n_keys * hd},
        {&s->scores, queries * a->n_keys},
        {&s->dscores, queries * a->n_keys},
        {&s->rel_h, queries * size},
        {&s->rel_w, queries * size},
        {&s->drel_h, queries * size},
        {&s->drel_w, queries * size},
        {&s->bias, a->n_keys},
        {&s->out, queries * hd},
    };

    s->t = own;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        SAMC_TRY(samc_arena_take(own->call->arena, (size_t)wanted[i].floats, sizeof(float),
                                 wanted[i].array, NULL));
    return SAMC_OK;
}

/* ---------------------------------------------------------------------------- small products */

enum { SET, ADD };

/* C [m][n] = or += A [m][k] B [k][n], all in dense rows. */
static samc_status rows_by_rows(scratch *s, int64_t m, int64_t n, int64_t k, const float *a,
                                const float *b, float *c, int how)
{
    const samc_product p = {.m = m,
                            .n = n,
                            .k = k,
                            .a = a,
                            .a_row = k,
                            .a_column = 1,
                            .c = c,
                            .c_stride = n,
                            .accumulate = how};

    return samc_train_product(s->t, &p, b, n, 1);
}

/* C [m][n] = A [m][k] B^T, B [n][k]. */
static samc_status rows_by_columns(scratch *s, int64_t m, int64_t n, int64_t k, const float *a,
                                   const float *b, float *c)
{
    const samc_product p = {
        .m = m, .n = n, .k = k, .a = a, .a_row = k, .a_column = 1, .c = c, .c_stride = n};

    return samc_train_product(s->t, &p, b, 1, k);
}

/* C [m][n] += A^T B, A [k][m], B [k][n]. */
static samc_status columns_by_rows(scratch *s, int64_t m, int64_t n, int64_t k, const float *a,
                                   const float *b, float *c)
{
    const samc_product p = {.m = m,
                            .n = n,
                            .k = k,
                            .a = a,
                            .a_row = 1,
                            .a_column = m,
                            .c = c,
                            .c_stride = n,
                            .accumulate = ADD};

    return samc_train_product(s->t, &p, b, n, 1);
}

/* ---------------------------------------------------------------------------- gathering */

static void gather_keys(const batch_job *job, int64_t group, int64_t head, scratch *s)
{
    const samc_attention_batch *a = job->a;
    const int64_t hd = a->head_dim;
    const size_t bytes = (size_t)hd * sizeof(float);

    for (int64_t i = 0; i < a->n_keys; i++) {
        const int64_t row = key_row(a, group, i);

        memcpy(s->k + i * hd, (row < 0 ? a->pad_k : a->k + row * a->k_stride) + head * hd, bytes);
        memcpy(s->v + i * hd, (row < 0 ? a->pad_v : a->v + row * a->v_stride) + head * hd, bytes);
    }
}

/* Rows first..first+m of the group's queries out of `x`; padding becomes zero. */
static void gather_queries(const batch_job *job, int64_t group, int64_t head, int64_t first,
                           int64_t m, const float *x, int64_t stride, float *out)
{
    const samc_attention_batch *a = job->a;
    const int64_t hd = a->head_dim;

    for (int64_t i = 0; i < m; i++) {
        const int64_t row = query_row(a, group, first + i);

        if (row < 0)
            memset(out + i * hd, 0, (size_t)hd * sizeof *out);
        else
            memcpy(out + i * hd, x + row * stride + head * hd, (size_t)hd * sizeof *out);
    }
}

/* The bias of query i of the tile (i-th of the group: `index`) over all keys. */
static void relative_bias(const batch_job *job, const scratch *s, int64_t i, int64_t index,
                          float *bias)
{
    const int64_t window = job->a->window, size = 2 * window - 1;
    const float *h = s->rel_h + i * size + index / window + window - 1;
    const float *w = s->rel_w + i * size + index % window + window - 1;

    for (int64_t ky = 0; ky < window; ky++)
        for (int64_t kx = 0; kx < window; kx++)
            bias[ky * window + kx] = h[-ky] + w[-kx];
}

/* Scores of a tile of queries, scaled and biased. */
static samc_status tile_scores(const batch_job *job, scratch *s, int64_t first, int64_t m)
{
    const samc_attention_batch *a = job->a;
    const int64_t hd = a->head_dim, size = 2 * a->window - 1;

    SAMC_TRY(rows_by_columns(s, m, a->n_keys, hd, s->q, s->k, s->scores));
    job->kernels->scale(s->scores, m * a->n_keys, 1.0f / sqrtf((float)hd));
    if (!a->window)
        return SAMC_OK;
    /* q . table rows for every distance, columns by distance (qy - ky + window - 1) */
    SAMC_TRY(rows_by_columns(s, m, size, hd, s->q, a->rel_h, s->rel_h));
    SAMC_TRY(rows_by_columns(s, m, size, hd, s->q, a->rel_w, s->rel_w));
    for (int64_t i = 0; i < m; i++) {
        relative_bias(job, s, i, first + i, s->bias);
        job->kernels->epilogue(s->scores + i * a->n_keys, a->n_keys, s->bias, SAMC_ACT_NONE, NULL);
    }
    return SAMC_OK;
}

/* ---------------------------------------------------------------------------- forward */

static samc_status forward_queries(const batch_job *job, scratch *s, int64_t task, int64_t first,
                                   int64_t m)
{
    const samc_attention_batch *a = job->a;
    const int64_t group = task / a->heads, head = task % a->heads, hd = a->head_dim;

    gather_queries(job, group, head, first, m, a->q, a->q_stride, s->q);
    SAMC_TRY(tile_scores(job, s, first, m));
    for (int64_t i = 0; i < m; i++) {
        float max = -INFINITY, sum = 0.0f, *row = s->scores + i * a->n_keys;

        (void)job->kernels->softmax_step(row, a->n_keys, 1.0f, NULL, &max, &sum);
        job->kernels->scale(row, a->n_keys, 1.0f / sum);
        job->lse[task * a->n_queries + first + i] = max + logf(sum);
    }
    SAMC_TRY(rows_by_rows(s, m, hd, a->n_keys, s->scores, s->v, s->out, SET));
    for (int64_t i = 0; i < m; i++) {
        const int64_t row = query_row(a, group, first + i);

        if (row >= 0)
            memcpy(job->out_rows + row * job->out_stride + head * hd, s->out + i * hd,
                   (size_t)hd * sizeof(float));
    }
    return SAMC_OK;
}

static samc_status forward_tile(void *arg, const samc_train_call *own, int64_t task)
{
    const batch_job *job = arg;
    const samc_attention_batch *a = job->a;
    const int64_t queries = queries_of(a);
    scratch s;

    SAMC_TRY(take_scratch(a, own, &s));
    gather_keys(job, task / a->heads, task % a->heads, &s);
    for (int64_t first = 0; first < a->n_queries; first += queries)
        SAMC_TRY(forward_queries(job, &s, task, first, smaller(queries, a->n_queries - first)));
    return SAMC_OK;
}

/* ---------------------------------------------------------------------------- backward */

/* scores become probabilities, dscores (holding dout V^T) become the gradient of the scores. */
static void tile_dscores(const batch_job *job, scratch *s, int64_t group, int64_t head,
                         int64_t first, int64_t m)
{
    const samc_attention_batch *a = job->a;
    const int64_t hd = a->head_dim;

    for (int64_t i = 0; i < m; i++) {
        float max = job->lse_in[(group * a->heads + head) * a->n_queries + first + i], sum = 0.0f;
        float *p = s->scores + i * a->n_keys, *d = s->dscores + i * a->n_keys, dot = 0.0f;

        /* the maximum stays what it is: all scores lie below their log-sum */
        (void)job->kernels->softmax_step(p, a->n_keys, 1.0f, NULL, &max, &sum);
        for (int64_t c = 0; c < hd; c++)
            dot += s->out[i * hd + c] * s->dout[i * hd + c];
        for (int64_t j = 0; j < a->n_keys; j++)
            d[j] = p[j] * (d[j] - dot);
    }
}

/* The tables' part: sums of dscores over key rows and columns, by distance. */
static samc_status tile_relative(const batch_job *job, scratch *s, int64_t task, int64_t first,
                                 int64_t m, float *dq)
{
    const samc_attention_batch *a = job->a;
    const int64_t window = a->window, size = 2 * window - 1, hd = a->head_dim;
    float *tables = job->table_parts + task * 2 * size * hd;

    memset(s->drel_h, 0, (size_t)(m * size) * sizeof *s->drel_h);
    memset(s->drel_w, 0, (size_t)(m * size) * sizeof *s->drel_w);
    for (int64_t i = 0; i < m; i++) {
        const float *d = s->dscores + i * a->n_keys;
        float *h = s->drel_h + i * size + (first + i) / window + window - 1;
        float *w = s->drel_w + i * size + (first + i) % window + window - 1;

        memcpy(s->bias, d, (size_t)window * sizeof *d);
        for (int64_t ky = 1; ky < window; ky++)
            for (int64_t kx = 0; kx < window; kx++)
                s->bias[kx] += d[ky * window + kx];
        for (int64_t k = 0; k < window; k++) {
            h[-k] = samc_sum(d + k * window, window);
            w[-k] = s->bias[k];
        }
    }
    /* dq += drel table; dtable += drel^T q */
    SAMC_TRY(rows_by_rows(s, m, hd, size, s->drel_h, a->rel_h, dq, ADD));
    SAMC_TRY(rows_by_rows(s, m, hd, size, s->drel_w, a->rel_w, dq, ADD));
    SAMC_TRY(columns_by_rows(s, size, hd, m, s->drel_h, s->q, tables));
    return columns_by_rows(s, size, hd, m, s->drel_w, s->q, tables + size * hd);
}

static void scatter_keys(const batch_job *job, int64_t group, int64_t head, const scratch *s)
{
    const samc_attention_batch *a = job->a;
    const int64_t hd = a->head_dim;
    float *pad = job->pad_parts ? job->pad_parts + (group * a->heads + head) * 2 * hd : NULL;

    for (int64_t i = 0; i < a->n_keys; i++) {
        const int64_t row = key_row(a, group, i);

        if (row >= 0) {
            memcpy(job->g->dk + row * a->k_stride + head * hd, s->dk + i * hd,
                   (size_t)hd * sizeof(float));
            memcpy(job->g->dv + row * a->v_stride + head * hd, s->dv + i * hd,
                   (size_t)hd * sizeof(float));
            continue;
        }
        for (int64_t c = 0; c < hd; c++) {
            pad[c] += s->dk[i * hd + c];
            pad[hd + c] += s->dv[i * hd + c];
        }
    }
}

static samc_status backward_queries(const batch_job *job, scratch *s, int64_t task, int64_t first,
                                    int64_t m)
{
    const samc_attention_batch *a = job->a;
    const int64_t group = task / a->heads, head = task % a->heads, hd = a->head_dim;
    const float scale = 1.0f / sqrtf((float)hd);
    float *dq = s->out;

    gather_queries(job, group, head, first, m, a->q, a->q_stride, s->q);
    gather_queries(job, group, head, first, m, job->out, job->out_stride, s->out);
    gather_queries(job, group, head, first, m, job->dout, job->out_stride, s->dout);
    SAMC_TRY(tile_scores(job, s, first, m));
    SAMC_TRY(rows_by_columns(s, m, a->n_keys, hd, s->dout, s->v, s->dscores));
    tile_dscores(job, s, group, head, first, m);
    SAMC_TRY(columns_by_rows(s, a->n_keys, hd, m, s->scores, s->dout, s->dv));
    SAMC_TRY(rows_by_rows(s, m, hd, a->n_keys, s->dscores, s->k, dq, SET));
    job->kernels->scale(dq, m * hd, scale);
    if (a->window)
        SAMC_TRY(tile_relative(job, s, task, first, m, dq));
    job->kernels->scale(s->dscores, m * a->n_keys, scale);
    SAMC_TRY(columns_by_rows(s, a->n_keys, hd, m, s->dscores, s->q, s->dk));
    for (int64_t i = 0; i < m; i++) {
        const int64_t row = query_row(a, group, first + i);

        if (row >= 0)
            memcpy(job->g->dq + row * a->q_stride + head * hd, dq + i * hd,
                   (size_t)hd * sizeof(float));
    }
    return SAMC_OK;
}

static samc_status backward_tile(void *arg, const samc_train_call *own, int64_t task)
{
    const batch_job *job = arg;
    const samc_attention_batch *a = job->a;
    const size_t keys = (size_t)(a->n_keys * a->head_dim);
    const int64_t queries = queries_of(a);
    scratch s;

    SAMC_TRY(take_scratch(a, own, &s));
    gather_keys(job, task / a->heads, task % a->heads, &s);
    memset(s.dk, 0, keys * sizeof *s.dk);
    memset(s.dv, 0, keys * sizeof *s.dv);
    for (int64_t first = 0; first < a->n_queries; first += queries)
        SAMC_TRY(backward_queries(job, &s, task, first, smaller(queries, a->n_queries - first)));
    scatter_keys(job, task / a->heads, task % a->heads, &s);
    return SAMC_OK;
}

/* ---------------------------------------------------------------------------- entry points */

samc_status samc_attention_batch_forward(const samc_train_call *t,
                                         const samc_attention_batch *attention, float *out,
                                         int64_t out_stride, float *lse)
{
    batch_job job = {.kernels = t->call->kernels,
                     .a = attention,
                     .out_rows = out,
                     .out_stride = out_stride,
                     .lse = lse};

    return samc_train_tiles(t, attention->groups * attention->heads, forward_tile, &job);
}

/* Adds the groups' parts [groups][heads][count] of head h to sum[h * head_step ...], in order. */
static void add_parts(const samc_attention_batch *a, const float *parts, int64_t part_stride,
                      int64_t count, int64_t head_step, float *sum)
{
    for (int64_t group = 0; group < a->groups; group++)
        for (int64_t head = 0; head < a->heads; head++)
            for (int64_t i = 0; i < count; i++)
                sum[head * head_step + i] += parts[(group * a->heads + head) * part_stride + i];
}

samc_status samc_attention_batch_backward(const samc_train_call *t, const samc_attention_batch *a,
                                          const float *out, const float *dout, int64_t out_stride,
                                          const float *lse,
                                          const samc_attention_gradients *gradients)
{
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    const int64_t tasks = a->groups * a->heads, hd = a->head_dim;
    const int64_t table = a->window ? (2 * a->window - 1) * hd : 0;
    batch_job job = {.kernels = t->call->kernels,
                     .a = a,
                     .g = gradients,
                     .out = out,
                     .dout = dout,
                     .out_stride = out_stride,
                     .lse_in = lse};
    samc_status status = SAMC_OK;

    if (gradients->dpad_k) {
        SAMC_CHECK(samc_arena_take(t->call->arena, (size_t)(tasks * 2 * hd), sizeof(float),
                                   &job.pad_parts, t->error));
        memset(job.pad_parts, 0, (size_t)(tasks * 2 * hd) * sizeof(float));
    }
    if (table) {
        SAMC_CHECK(samc_arena_take(t->call->arena, (size_t)(tasks * 2 * table), sizeof(float),
                                   &job.table_parts, t->error));
        memset(job.table_parts, 0, (size_t)(tasks * 2 * table) * sizeof(float));
    }
    SAMC_CHECK(samc_train_tiles(t, tasks, backward_tile, &job));
    if (gradients->dpad_k) {
        add_parts(a, job.pad_parts, 2 * hd, hd, hd, gradients->dpad_k);
        add_parts(a, job.pad_parts + hd, 2 * hd, hd, hd, gradients->dpad_v);
    }
    if (table) {
        add_parts(a, job.table_parts, 2 * table, table, 0, gradients->drel_h);
        add_parts(a, job.table_parts + table, 2 * table, table, 0, gradients->drel_w);
    }

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}
