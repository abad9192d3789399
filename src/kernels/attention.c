/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/attention.h"

#include "kernels/product.h"

#include <math.h>
#include <string.h>

/* Queries that meet a block of keys together: the panels of K and V of 256 keys (128 KiB for heads
 * of 64) come from L2 for each of them. A multiple of every path's register tile. */
#define TILE_QUERIES 84
/* Keys of a block: the scores of one register tile (14 x 256 floats, 14 KiB) stay in L1 from the
 * product that makes them to the one that uses them. */
#define BLOCK_KEYS 256

/* K^T and V of one head as second factors: k_panels is [head_dim][n_keys], v_panels is
 * [n_keys][head_dim]. */
typedef struct head_panels {
    samc_panels k;
    samc_panels v;
} head_panels;

/* The scratch of one lane. */
typedef struct lane_scratch {
    float *queries; /* [TILE_QUERIES][head_dim], gathered */
    float *packed;  /* the same in panels */
    float *scores;  /* [gemm_mr][key_block] */
    float *rel_h;   /* [TILE_QUERIES][2 * window - 1] */
    float *rel_w;
    float *rows; /* [gemm_nr][head_dim]: keys gathered for a panel */
    float *sums; /* [TILE_QUERIES][head_dim] */
    float *max;  /* [TILE_QUERIES] */
    float *total;
    float *correction;   /* [gemm_mr] */
    const float **down;  /* [gemm_mr]: where each row's biases begin */
    const float **along; /* [gemm_mr] */
    float *keys;         /* panels of one window's K and V */
    float *values;
} lane_scratch;

typedef struct attention_job {
    const samc_kernels *kernels;
    int64_t heads, head_dim, n_keys;
    float scale;
    int64_t key_block; /* keys of a block: whole rows of the window where there is a bias */
    int64_t rel_size;  /* 2 * window - 1, or 0: no bias */
    const samc_attention *plain;
    const samc_window_attention *windows;
    int64_t query_tiles;  /* a head, where heads share panels over tiles */
    float *keys, *values; /* panels of all heads, where they are shared */
    lane_scratch *lanes;
} attention_job;

static int64_t round_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b * b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t key_panel_floats(const attention_job *job)
{
    return round_up(job->n_keys, job->kernels->gemm_nr) * job->head_dim;
}

static int64_t value_panel_floats(const attention_job *job)
{
    return round_up(job->head_dim, job->kernels->gemm_nr) * job->n_keys;
}

static head_panels panels_at(const attention_job *job, const float *keys, const float *values)
{
    const int64_t nr = job->kernels->gemm_nr;

    return (head_panels){{keys, nr, job->head_dim * nr}, {values, nr, job->n_keys * nr}};
}

/* Puts key `index` into the panels, those of K once all rows of a panel are gathered: call it for
 * one key after the other. */
static void put_key(const attention_job *job, int64_t index, const float *k, const float *v,
                    float *rows, float *keys, float *values)
{
    const int64_t nr = job->kernels->gemm_nr, hd = job->head_dim, i = index % nr;

    for (int64_t d = 0; d < hd; d += nr)
        memcpy(values + (d / nr * job->n_keys + index) * nr, v + d,
               (size_t)smaller(nr, hd - d) * sizeof *v);
    memcpy(rows + i * hd, k, (size_t)hd * sizeof *k);
    if (i + 1 == nr || index + 1 == job->n_keys)
        samc_panel_of_rows(job->kernels, rows, hd, i + 1, hd, keys + (index - i) * hd);
}

/* What lies beyond the last dimension must be finite: it is multiplied, and the product dropped.
 * (Beyond the last key there are zeros.) */
static void clear_values(const attention_job *job, float *values)
{
    const int64_t nr = job->kernels->gemm_nr, hd = job->head_dim;

    if (hd % nr)
        memset(values + hd / nr * job->n_keys * nr, 0, (size_t)(job->n_keys * nr) * sizeof *values);
}

/* One register tile of queries, rows [i0, i0 + m) of the tile, meets n keys from `first` on. */
static void attend_block(const attention_job *job, lane_scratch *s, const head_panels *panels,
                         int64_t i0, int64_t m, int64_t first, int64_t n, const int64_t (*where)[2])
{
    const samc_kernels *k = job->kernels;
    const int64_t hd = job->head_dim, nr = k->gemm_nr, rel = job->rel_size, lds = job->key_block;
    const int64_t window = (rel + 1) / 2;
    samc_panels keys = panels->k, values = panels->v;
    float *sums = s->sums + i0 * hd;

    /* a block starts in the middle of a panel only if key_block is not a multiple of nr; then one
     * block holds all keys */
    keys.data += first / nr * keys.panel_stride;
    values.data += first * nr;
    k->gemm(m, n, hd, s->packed + i0 * hd, &keys, s->scores, lds, 0);
    if (rel) {
        for (int64_t i = 0; i < m; i++) {
            const int64_t *at = where[i0 + i];

            s->down[i] = s->rel_h + (i0 + i) * rel + window - 1 - at[0] + first / window;
            s->along[i] = s->rel_w + (i0 + i) * rel + window - 1 - at[1];
        }
        k->softmax_grid(s->scores, lds, m, n / window, window, job->scale, s->down, s->along,
                        s->max + i0, s->total + i0, s->correction);
    } else {
        for (int64_t i = 0; i < m; i++)
            s->correction[i] = k->softmax_step(s->scores + i * lds, n, job->scale, NULL,
                                               &s->max[i0 + i], &s->total[i0 + i]);
    }
    for (int64_t i = 0; i < m && first > 0; i++)
        if (s->correction[i] != 1.0f)
            k->scale(sums + i * hd, hd, s->correction[i]);
    k->gemm_rows(m, hd, n, s->scores, lds, &values, sums, hd, first > 0);
}

/* Part `part` of `parts` of the keys' and values' panels from key `first` on comes towards L2:
 * those of a head are larger than it (2 MiB for 4096 keys), and what is in work leaves the bus
 * idle. */
static void fetch_ahead(const attention_job *job, const head_panels *panels, int64_t first,
                        int64_t part, int64_t parts)
{
    const int64_t nr = job->kernels->gemm_nr, hd = job->head_dim, line = 64 / sizeof(float);
    const int64_t n = smaller(job->key_block, job->n_keys - first);

    if (n <= 0)
        return;
    for (int64_t i = n * hd * part / parts; i < n * hd * (part + 1) / parts; i += line)
        __builtin_prefetch(panels->k.data + first * hd + i, 0, 2);
    for (int64_t d = 0; d < hd; d += nr)
        for (int64_t i = n * nr * part / parts; i < n * nr * (part + 1) / parts; i += line)
            __builtin_prefetch(panels->v.data + (d / nr * job->n_keys + first) * nr + i, 0, 2);
}

/* The attention of `m` gathered queries over all keys; leaves scratch->sums and ->total. `where`
 * holds each query's (y, x) in the window; unused without a bias. */
static void attend(const attention_job *job, lane_scratch *s, const head_panels *panels, int64_t m,
                   const int64_t (*where)[2])
{
    const samc_kernels *k = job->kernels;
    const int64_t hd = job->head_dim, mr = k->gemm_mr, rel = job->rel_size;

    k->pack_a(s->queries, hd, m, hd, s->packed);
    if (rel) {
        const samc_panels h = samc_linear_panels(k, job->windows->rel_h, 0);
        const samc_panels w = samc_linear_panels(k, job->windows->rel_w, 0);

        k->gemm(m, rel, hd, s->packed, &h, s->rel_h, rel, 0);
        k->gemm(m, rel, hd, s->packed, &w, s->rel_w, rel, 0);
    }
    for (int64_t i = 0; i < m; i++) {
        s->max[i] = -INFINITY;
        s->total[i] = 0.0f;
    }
    for (int64_t first = 0; first < job->n_keys; first += job->key_block)
        for (int64_t i = 0; i < m; i += mr) {
            fetch_ahead(job, panels, first + job->key_block, i / mr, (m + mr - 1) / mr);
            attend_block(job, s, panels, i, smaller(mr, m - i), first,
                         smaller(job->key_block, job->n_keys - first), where);
        }
}

static void write_row(const attention_job *job, const lane_scratch *s, int64_t i, float *out)
{
    memcpy(out, s->sums + i * job->head_dim, (size_t)job->head_dim * sizeof *out);
    job->kernels->scale(out, job->head_dim, 1.0f / s->total[i]);
}

static samc_status take_lanes(const samc_call *call, attention_job *job, int shared,
                              samc_error *error)
{
    const int64_t hd = job->head_dim, rel = job->rel_size ? job->rel_size : 1;
    const int32_t lanes = samc_threads_count(call->threads);
    samc_arena *a = call->arena;

    SAMC_TRY(samc_arena_take(a, (size_t)lanes, sizeof *job->lanes, &job->lanes, error));
    for (int32_t i = 0; i < lanes; i++) {
        lane_scratch *s = &job->lanes[i];
        const size_t rows = TILE_QUERIES, mr = (size_t)job->kernels->gemm_mr;
        const size_t f = sizeof(float);

        SAMC_TRY(samc_arena_take(a, rows, (size_t)hd * f, &s->queries, error));
        SAMC_TRY(samc_arena_take(a, rows, (size_t)hd * f, &s->packed, error));
        SAMC_TRY(samc_arena_take(a, mr, (size_t)job->key_block * f, &s->scores, error));
        SAMC_TRY(samc_arena_take(a, mr, f, &s->correction, error));
        SAMC_TRY(samc_arena_take(a, mr, sizeof *s->down, &s->down, error));
        SAMC_TRY(samc_arena_take(a, mr, sizeof *s->along, &s->along, error));
        SAMC_TRY(samc_arena_take(a, rows, (size_t)rel * f, &s->rel_h, error));
        SAMC_TRY(samc_arena_take(a, rows, (size_t)rel * f, &s->rel_w, error));
        SAMC_TRY(
            samc_arena_take(a, (size_t)job->kernels->gemm_nr, (size_t)hd * f, &s->rows, error));
        SAMC_TRY(samc_arena_take(a, rows, (size_t)hd * f, &s->sums, error));
        SAMC_TRY(samc_arena_take(a, rows, f, &s->max, error));
        SAMC_TRY(samc_arena_take(a, rows, f, &s->total, error));
        s->keys = s->values = NULL;
        if (!shared) {
            SAMC_TRY(samc_arena_take(a, (size_t)key_panel_floats(job), f, &s->keys, error));
            SAMC_TRY(samc_arena_take(a, (size_t)value_panel_floats(job), f, &s->values, error));
        }
    }
    if (shared) {
        const size_t heads = (size_t)job->heads * sizeof(float);

        SAMC_TRY(samc_arena_take(a, (size_t)key_panel_floats(job), heads, &job->keys, error));
        SAMC_TRY(samc_arena_take(a, (size_t)value_panel_floats(job), heads, &job->values, error));
    }
    return SAMC_OK;
}

/* ------------------------------------------------------------------------- plain attention */

static void plain_pack_tile(void *arg, int64_t tile, int32_t lane)
{
    const attention_job *job = arg;
    const samc_attention *p = job->plain;
    float *keys = job->keys + tile * key_panel_floats(job);
    float *values = job->values + tile * value_panel_floats(job);

    clear_values(job, values);
    for (int64_t i = 0; i < job->n_keys; i++)
        put_key(job, i, p->k + i * p->k_stride + tile * job->head_dim,
                p->v + i * p->v_stride + tile * job->head_dim, job->lanes[lane].rows, keys, values);
}

static void plain_tile(void *arg, int64_t tile, int32_t lane)
{
    const attention_job *job = arg;
    const samc_attention *p = job->plain;
    const int64_t head = tile / job->query_tiles, first = tile % job->query_tiles * TILE_QUERIES;
    const int64_t m = smaller(TILE_QUERIES, p->n_queries - first), hd = job->head_dim;
    lane_scratch *s = &job->lanes[lane];
    const head_panels panels = panels_at(job, job->keys + head * key_panel_floats(job),
                                         job->values + head * value_panel_floats(job));

    for (int64_t i = 0; i < m; i++)
        memcpy(s->queries + i * hd, p->q + (first + i) * p->q_stride + head * hd,
               (size_t)hd * sizeof(float));
    attend(job, s, &panels, m, NULL);
    for (int64_t i = 0; i < m; i++)
        write_row(job, s, i, p->out + (first + i) * p->out_stride + head * hd);
}

samc_status samc_attention_run(const samc_call *call, const samc_attention *attention,
                               samc_error *error)
{
    const samc_arena_mark mark = samc_arena_here(call->arena);
    attention_job job = {.kernels = call->kernels,
                         .scale = 1.0f / sqrtf((float)attention->head_dim),
                         .heads = attention->heads,
                         .head_dim = attention->head_dim,
                         .n_keys = attention->n_keys,
                         .key_block = BLOCK_KEYS,
                         .plain = attention};
    samc_status status = SAMC_OK;

    job.query_tiles = (attention->n_queries + TILE_QUERIES - 1) / TILE_QUERIES;
    SAMC_CHECK(take_lanes(call, &job, 1, error));
    samc_threads_run(call->threads, job.heads, plain_pack_tile, &job);
    samc_threads_run(call->threads, job.heads * job.query_tiles, plain_tile, &job);

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}

/* ------------------------------------------------------------------------- window attention */

static void window_pack(const attention_job *job, int64_t wy, int64_t wx, int64_t head, float *rows,
                        float *keys, float *values)
{
    const samc_window_attention *w = job->windows;
    const int64_t hd = job->head_dim, dim = job->heads * hd;

    clear_values(job, values);
    for (int64_t i = 0; i < job->n_keys; i++) {
        const int64_t y = wy * w->window + i / w->window, x = wx * w->window + i % w->window;
        const float *token = y < w->grid && x < w->grid ? w->qkv + (y * w->grid + x) * 3 * dim
                                                        : w->padding;

        put_key(job, i, token + dim + head * hd, token + 2 * dim + head * hd, rows, keys, values);
    }
}

/* Queries [first, first + m) among those of the window that lie on the grid, `columns` a row. */
static void window_attend(const attention_job *job, lane_scratch *s, const head_panels *panels,
                          int64_t wy, int64_t wx, int64_t head, int64_t columns, int64_t first,
                          int64_t m)
{
    const samc_window_attention *w = job->windows;
    const int64_t hd = job->head_dim, dim = job->heads * hd;
    int64_t where[TILE_QUERIES][2], token[TILE_QUERIES];

    for (int64_t i = 0; i < m; i++) {
        where[i][0] = (first + i) / columns;
        where[i][1] = (first + i) % columns;
        token[i] = (wy * w->window + where[i][0]) * w->grid + wx * w->window + where[i][1];
        memcpy(s->queries + i * hd, w->qkv + token[i] * 3 * dim + head * hd,
               (size_t)hd * sizeof(float));
    }
    attend(job, s, panels, m, (const int64_t(*)[2])where);
    for (int64_t i = 0; i < m; i++)
        write_row(job, s, i, w->out + token[i] * dim + head * hd);
}

static void global_pack_tile(void *arg, int64_t tile, int32_t lane)
{
    const attention_job *job = arg;

    window_pack(job, 0, 0, tile, job->lanes[lane].rows, job->keys + tile * key_panel_floats(job),
                job->values + tile * value_panel_floats(job));
}

static void global_tile(void *arg, int64_t tile, int32_t lane)
{
    const attention_job *job = arg;
    const int64_t head = tile / job->query_tiles, first = tile % job->query_tiles * TILE_QUERIES;
    const head_panels panels = panels_at(job, job->keys + head * key_panel_floats(job),
                                         job->values + head * value_panel_floats(job));

    window_attend(job, &job->lanes[lane], &panels, 0, 0, head, job->windows->grid, first,
                  smaller(TILE_QUERIES, job->n_keys - first));
}

static void window_tile(void *arg, int64_t tile, int32_t lane)
{
    const attention_job *job = arg;
    const samc_window_attention *w = job->windows;
    const int64_t side = (w->grid + w->window - 1) / w->window, head = tile % job->heads;
    const int64_t wy = tile / job->heads / side, wx = tile / job->heads % side;
    const int64_t rows = smaller(w->window, w->grid - wy * w->window);
    const int64_t columns = smaller(w->window, w->grid - wx * w->window);
    lane_scratch *s = &job->lanes[lane];
    const head_panels panels = panels_at(job, s->keys, s->values);

    window_pack(job, wy, wx, head, s->rows, s->keys, s->values);
    for (int64_t first = 0; first < rows * columns; first += TILE_QUERIES)
        window_attend(job, s, &panels, wy, wx, head, columns, first,
                      smaller(TILE_QUERIES, rows * columns - first));
}

samc_status samc_window_attention_run(const samc_call *call, const samc_window_attention *attention,
                                      samc_error *error)
{
    const samc_arena_mark mark = samc_arena_here(call->arena);
    const int64_t window = attention->window, nr = call->kernels->gemm_nr;
    const int64_t side = (attention->grid + window - 1) / window;
    const int global = side == 1 && window == attention->grid;
    int64_t rows = BLOCK_KEYS / window > 0 ? BLOCK_KEYS / window : 1;
    attention_job job = {.kernels = call->kernels,
                         .scale = 1.0f / sqrtf((float)attention->head_dim),
                         .heads = attention->heads,
                         .head_dim = attention->head_dim,
                         .n_keys = window * window,
                         .rel_size = 2 * window - 1,
                         .windows = attention};
    samc_status status = SAMC_OK;

    /* a block is whole rows of the window and whole panels; else it is everything */
    while (rows > 1 && rows * window % nr)
        rows--;
    job.key_block = rows * window % nr || rows >= window ? job.n_keys : rows * window;
    job.query_tiles = (job.n_keys + TILE_QUERIES - 1) / TILE_QUERIES;
    SAMC_CHECK(take_lanes(call, &job, global, error));
    if (global) {
        samc_threads_run(call->threads, job.heads, global_pack_tile, &job);
        samc_threads_run(call->threads, job.heads * job.query_tiles, global_tile, &job);
    } else {
        samc_threads_run(call->threads, side * side * job.heads, window_tile, &job);
    }

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}
