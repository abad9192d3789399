/* SPDX-License-Identifier: Apache-2.0 */
#include "train/attention_grad.h"

#include <math.h>
#include <string.h>

/* Queries whose scores exist at a time. */
#define TILE_QUERIES 64

/* The scratch of one lane; P stands for the panels of a second factor. */
typedef struct lane_scratch {
    float *q, *k, *v, *dout, *dk, *dv; /* gathered: [n][head_dim] */
    float *scores, *dscores;           /* [TILE_QUERIES][n_keys] */
    float *rel_h, *rel_w;              /* [TILE_QUERIES][2 * window - 1] */
    float *drel_h, *drel_w;
    float *bias;
    float *out;       /* [TILE_QUERIES][head_dim] */
    float *packed;    /* a block of A */
    float *panels[4]; /* K^T; V (forward) or V^T; K; Q or dout of a tile */
    float *table[2];  /* panels of the tables' transposes */
} lane_scratch;

typedef struct batch_job {
    const samc_kernels *kernels;
    const samc_attention_batch *a;
    const samc_attention_gradients *g;
    const float *out, *dout, *lse_in;
    float *out_rows, *lse;
    int64_t out_stride;
    lane_scratch *lanes;
    float *pad_parts;   /* [groups][heads][2][head_dim] */
    float *table_parts; /* [groups][heads][2][(2 * window - 1) * head_dim] */
} batch_job;

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t round_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b * b;
}

static int64_t query_row(const samc_attention_batch *a, int64_t group, int64_t i)
{
    return a->q_rows ? a->q_rows[group * a->n_queries + i] : group * a->n_queries + i;
}

static int64_t key_row(const samc_attention_batch *a, int64_t group, int64_t i)
{
    return a->k_rows ? a->k_rows[group * a->n_keys + i] : group * a->n_keys + i;
}

/* ---------------------------------------------------------------------------- small products */

/* Panels of B [k][n] = x [k][n] (row stride ldx). */
static samc_panels pack_rows(const batch_job *job, const float *x, int64_t ldx, int64_t k,
                             int64_t n, float *panels)
{
    const int64_t nr = job->kernels->gemm_nr;

    for (int64_t j = 0; j < n; j += nr)
        for (int64_t l = 0; l < k; l++) {
            float *row = panels + (j / nr * k + l) * nr;
            const int64_t count = smaller(nr, n - j);

            memcpy(row, x + l * ldx + j, (size_t)count * sizeof *row);
            memset(row + count, 0, (size_t)(nr - count) * sizeof *row);
        }
    return (samc_panels){panels, nr, k * nr};
}

/* Panels of B [k][n] = x^T, x [n][k] (row stride ldx). */
static samc_panels pack_transposed(const batch_job *job, const float *x, int64_t ldx, int64_t k,
                                   int64_t n, float *panels)
{
    const int64_t nr = job->kernels->gemm_nr;

    for (int64_t j = 0; j < round_up(n, nr); j++) {
        float *column = panels + j / nr * k * nr + j % nr;

        for (int64_t l = 0; l < k; l++)
            column[l * nr] = j < n ? x[j * ldx + l] : 0.0f;
    }
    return (samc_panels){panels, nr, k * nr};
}

/* C [m][n] += A^T B with A [k][m] in rows (stride lda); k <= TILE_QUERIES. */
static void product_transposed(const batch_job *job, lane_scratch *s, int64_t m, int64_t n,
                               int64_t k, const float *a, int64_t lda, const samc_panels *b,
                               float *c, int64_t ldc)
{
    const int64_t mr = job->kernels->gemm_mr;
    float *packed = s->packed;

    for (int64_t i = 0; i < m; i += mr, packed += mr * k)
        for (int64_t l = 0; l < k; l++) {
            const int64_t rows = smaller(mr, m - i);

            memcpy(packed + l * mr, a + l * lda + i, (size_t)rows * sizeof *a);
            memset(packed + l * mr + rows, 0, (size_t)(mr - rows) * sizeof *a);
        }
    job->kernels->gemm(m, n, k, s->packed, b, c, ldc, 1);
}

/* ---------------------------------------------------------------------------- gathering */

static void gather_keys(const batch_job *job, int64_t group, int64_t head, lane_scratch *s)
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

/* q . table rows for every distance, columns by distance (qy - ky + window - 1). */
static void relative_products(const batch_job *job, lane_scratch *s, int64_t m)
{
    const samc_attention_batch *a = job->a;
    const int64_t hd = a->head_dim, size = 2 * a->window - 1, nr = job->kernels->gemm_nr;
    const samc_panels h = {s->table[0], nr, hd * nr}, w = {s->table[1], nr, hd * nr};

    job->kernels->gemm_rows(m, size, hd, s->q, hd, &h, s->rel_h, size, 0);
    job->kernels->gemm_rows(m, size, hd, s->q, hd, &w, s->rel_w, size, 0);
}

/* The bias of query i of the tile (i-th of the group: `index`) over all keys. */
static void relative_bias(const batch_job *job, const lane_scratch *s, int64_t i, int64_t index,
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
static void tile_scores(const batch_job *job, lane_scratch *s, const samc_panels *keys,
                        int64_t first, int64_t m)
{
    const samc_attention_batch *a = job->a;
    const float scale = 1.0f / sqrtf((float)a->head_dim);

    job->kernels->gemm_rows(m, a->n_keys, a->head_dim, s->q, a->head_dim, keys, s->scores,
                            a->n_keys, 0);
    job->kernels->scale(s->scores, m * a->n_keys, scale);
    if (!a->window)
        return;
    relative_products(job, s, m);
    for (int64_t i = 0; i < m; i++) {
        relative_bias(job, s, i, first + i, s->bias);
        job->kernels->epilogue(s->scores + i * a->n_keys, a->n_keys, s->bias, SAMC_ACT_NONE, NULL);
    }
}

static void pack_tables(const batch_job *job, lane_scratch *s)
{
    const samc_attention_batch *a = job->a;

    if (!a->window)
        return;
    (void)pack_transposed(job, a->rel_h, a->head_dim, a->head_dim, 2 * a->window - 1, s->table[0]);
    (void)pack_transposed(job, a->rel_w, a->head_dim, a->head_dim, 2 * a->window - 1, s->table[1]);
}

/* ---------------------------------------------------------------------------- forward */

static void forward_tile(void *arg, int64_t task, int32_t lane)
{
    const batch_job *job = arg;
    const samc_attention_batch *a = job->a;
    const int64_t group = task / a->heads, head = task % a->heads, hd = a->head_dim;
    lane_scratch *s = &job->lanes[lane];
    samc_panels keys, values;

    gather_keys(job, group, head, s);
    pack_tables(job, s);
    keys = pack_transposed(job, s->k, hd, hd, a->n_keys, s->panels[0]);
    values = pack_rows(job, s->v, hd, a->n_keys, hd, s->panels[1]);
    for (int64_t first = 0; first < a->n_queries; first += TILE_QUERIES) {
        const int64_t m = smaller(TILE_QUERIES, a->n_queries - first);

        gather_queries(job, group, head, first, m, a->q, a->q_stride, s->q);
        tile_scores(job, s, &keys, first, m);
        for (int64_t i = 0; i < m; i++) {
            float max = -INFINITY, sum = 0.0f, *row = s->scores + i * a->n_keys;

            (void)job->kernels->softmax_step(row, a->n_keys, 1.0f, NULL, &max, &sum);
            job->kernels->scale(row, a->n_keys, 1.0f / sum);
            job->lse[(group * a->heads + head) * a->n_queries + first + i] = max + logf(sum);
        }
        job->kernels->gemm_rows(m, hd, a->n_keys, s->scores, a->n_keys, &values, s->out, hd, 0);
        for (int64_t i = 0; i < m; i++) {
            const int64_t row = query_row(a, group, first + i);

            if (row >= 0)
                memcpy(job->out_rows + row * job->out_stride + head * hd, s->out + i * hd,
                       (size_t)hd * sizeof(float));
        }
    }
}

/* ---------------------------------------------------------------------------- backward */

/* scores become probabilities, dscores (holding dout V^T) become the gradient of the scores. */
static void tile_dscores(const batch_job *job, lane_scratch *s, int64_t group, int64_t head,
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
static void tile_relative(const batch_job *job, lane_scratch *s, int64_t task, int64_t first,
                          int64_t m, float *dq)
{
    const samc_attention_batch *a = job->a;
    const int64_t window = a->window, size = 2 * window - 1, hd = a->head_dim;
    float *tables = job->table_parts + task * 2 * size * hd;
    samc_panels b;

    memset(s->drel_h, 0, (size_t)(m * size) * sizeof *s->drel_h);
    memset(s->drel_w, 0, (size_t)(m * size) * sizeof *s->drel_w);
    for (int64_t i = 0; i < m; i++) {
        const float *d = s->dscores + i * a->n_keys;
        float *h = s->drel_h + i * size + (first + i) / window + window - 1;
        float *w = s->drel_w + i * size + (first + i) % window + window - 1;

        for (int64_t ky = 0; ky < window; ky++)
            for (int64_t kx = 0; kx < window; kx++) {
                h[-ky] += d[ky * window + kx];
                w[-kx] += d[ky * window + kx];
            }
    }
    /* dq += drel table; dtable += drel^T q */
    b = pack_rows(job, a->rel_h, hd, size, hd, s->panels[3]);
    job->kernels->gemm_rows(m, hd, size, s->drel_h, size, &b, dq, hd, 1);
    b = pack_rows(job, a->rel_w, hd, size, hd, s->panels[3]);
    job->kernels->gemm_rows(m, hd, size, s->drel_w, size, &b, dq, hd, 1);
    b = pack_rows(job, s->q, hd, m, hd, s->panels[3]);
    product_transposed(job, s, size, hd, m, s->drel_h, size, &b, tables, hd);
    product_transposed(job, s, size, hd, m, s->drel_w, size, &b, tables + size * hd, hd);
}

static void scatter_keys(const batch_job *job, int64_t group, int64_t head, const lane_scratch *s)
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

static void backward_queries(const batch_job *job, lane_scratch *s, const samc_panels panels[3],
                             int64_t task, int64_t first, int64_t m)
{
    const samc_attention_batch *a = job->a;
    const int64_t group = task / a->heads, head = task % a->heads, hd = a->head_dim;
    const float scale = 1.0f / sqrtf((float)hd);
    float *dq = s->out;
    samc_panels b;

    gather_queries(job, group, head, first, m, a->q, a->q_stride, s->q);
    gather_queries(job, group, head, first, m, job->out, job->out_stride, s->out);
    gather_queries(job, group, head, first, m, job->dout, job->out_stride, s->dout);
    tile_scores(job, s, &panels[0], first, m);
    job->kernels->gemm_rows(m, a->n_keys, hd, s->dout, hd, &panels[1], s->dscores, a->n_keys, 0);
    tile_dscores(job, s, group, head, first, m);
    b = pack_rows(job, s->dout, hd, m, hd, s->panels[3]);
    product_transposed(job, s, a->n_keys, hd, m, s->scores, a->n_keys, &b, s->dv, hd);
    job->kernels->gemm_rows(m, hd, a->n_keys, s->dscores, a->n_keys, &panels[2], dq, hd, 0);
    job->kernels->scale(dq, m * hd, scale);
    if (a->window)
        tile_relative(job, s, task, first, m, dq);
    b = pack_rows(job, s->q, hd, m, hd, s->panels[3]);
    job->kernels->scale(s->dscores, m * a->n_keys, scale);
    product_transposed(job, s, a->n_keys, hd, m, s->dscores, a->n_keys, &b, s->dk, hd);
    for (int64_t i = 0; i < m; i++) {
        const int64_t row = query_row(a, group, first + i);

        if (row >= 0)
            memcpy(job->g->dq + row * a->q_stride + head * hd, dq + i * hd,
                   (size_t)hd * sizeof(float));
    }
}

static void backward_tile(void *arg, int64_t task, int32_t lane)
{
    const batch_job *job = arg;
    const samc_attention_batch *a = job->a;
    const int64_t hd = a->head_dim;
    lane_scratch *s = &job->lanes[lane];
    samc_panels panels[3];

    gather_keys(job, task / a->heads, task % a->heads, s);
    pack_tables(job, s);
    panels[0] = pack_transposed(job, s->k, hd, hd, a->n_keys, s->panels[0]);
    panels[1] = pack_transposed(job, s->v, hd, hd, a->n_keys, s->panels[1]);
    panels[2] = pack_rows(job, s->k, hd, a->n_keys, hd, s->panels[2]);
    memset(s->dk, 0, (size_t)(a->n_keys * hd) * sizeof *s->dk);
    memset(s->dv, 0, (size_t)(a->n_keys * hd) * sizeof *s->dv);
    for (int64_t first = 0; first < a->n_queries; first += TILE_QUERIES)
        backward_queries(job, s, panels, task, first, smaller(TILE_QUERIES, a->n_queries - first));
    scatter_keys(job, task / a->heads, task % a->heads, s);
}

/* ---------------------------------------------------------------------------- entry points */

static samc_status take_lanes(const samc_train_call *t, batch_job *job)
{
    const samc_attention_batch *a = job->a;
    const int64_t hd = a->head_dim, size = a->window ? 2 * a->window - 1 : 1;
    const int64_t nr = job->kernels->gemm_nr, mr = job->kernels->gemm_mr;
    const int64_t tall = round_up(a->n_keys > size ? a->n_keys : size, mr) * TILE_QUERIES;
    const int64_t panel = (round_up(a->n_keys, nr) + nr) * round_up(hd, nr);
    const int64_t small = round_up(hd, nr) * (size > TILE_QUERIES ? size : TILE_QUERIES);
    const int32_t lanes = samc_threads_count(t->call->threads);
    samc_arena *arena = t->call->arena;

    SAMC_TRY(samc_arena_take(arena, (size_t)lanes, sizeof *job->lanes, &job->lanes, t->error));
    for (int32_t lane = 0; lane < lanes; lane++) {
        lane_scratch *s = &job->lanes[lane];
        const struct {
            float **array;
            int64_t floats;
        } wanted[] = {
            {&s->q, TILE_QUERIES * hd},
            {&s->k, a->n_keys * hd},
            {&s->v, a->n_keys * hd},
            {&s->dout, TILE_QUERIES * hd},
            {&s->dk, a->n_keys * hd},
            {&s->dv, a->n_keys * hd},
            {&s->scores, TILE_QUERIES * a->n_keys},
            {&s->dscores, TILE_QUERIES * a->n_keys},
            {&s->rel_h, TILE_QUERIES * size},
            {&s->rel_w, TILE_QUERIES * size},
            {&s->drel_h, TILE_QUERIES * size},
            {&s->drel_w, TILE_QUERIES * size},
            {&s->bias, a->n_keys},
            {&s->out, TILE_QUERIES * hd},
            {&s->packed, tall},
            {&s->panels[0], panel},
            {&s->panels[1], panel},
            {&s->panels[2], panel},
            {&s->panels[3], small},
            {&s->table[0], round_up(size, nr) * hd},
            {&s->table[1], round_up(size, nr) * hd},
        };

        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
            SAMC_TRY(samc_arena_take(arena, (size_t)wanted[i].floats, sizeof(float),
                                     wanted[i].array, t->error));
    }
    return SAMC_OK;
}

samc_status samc_attention_batch_forward(const samc_train_call *t,
                                         const samc_attention_batch *attention, float *out,
                                         int64_t out_stride, float *lse)
{
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    batch_job job = {.kernels = t->call->kernels,
                     .a = attention,
                     .out_rows = out,
                     .out_stride = out_stride,
                     .lse = lse};
    samc_status status = SAMC_OK;

    SAMC_CHECK(take_lanes(t, &job));
    samc_threads_run(t->call->threads, attention->groups * attention->heads, forward_tile, &job);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
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

    SAMC_CHECK(take_lanes(t, &job));
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
    samc_threads_run(t->call->threads, tasks, backward_tile, &job);
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
