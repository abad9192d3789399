/* SPDX-License-Identifier: Apache-2.0 */
#include "model/cross_attention.h"

#include <math.h>
#include <string.h>

/* Multiplications a token of the image: H n E against I E + I n. */
int samc_cross_few(const samc_cross *c, int64_t n)
{
    return c->heads * n * c->e <= c->inner * (c->e + n);
}

samc_status samc_cross_scratch_take(const samc_cross *c, int64_t n, samc_arena *arena,
                                    samc_cross_scratch *s, samc_error *error)
{
    const int64_t pitch = c->blocks.pitch, width = c->blocks.width, slack = SAMC_LEFT_SLACK;
    const int64_t rows = c->heads * n;

    SAMC_TRY(
        samc_arena_take(arena, (size_t)(c->e * pitch + slack), sizeof *s->sum, &s->sum, error));
    SAMC_TRY(samc_arena_take(arena, (size_t)(2 * rows * pitch + slack), sizeof *s->scores,
                             &s->scores, error));
    SAMC_TRY(samc_arena_take(arena, (size_t)(width * samc_cross_pitch(rows) + slack),
                             sizeof *s->columns, &s->columns, error));
    SAMC_TRY(samc_arena_take(arena, (size_t)(c->inner * pitch + slack), sizeof *s->inner, &s->inner,
                             error));
    SAMC_TRY(samc_arena_take(arena, (size_t)(width * c->inner + slack), sizeof *s->values,
                             &s->values, error));
    return samc_arena_take(arena, (size_t)samc_left_floats(c->kernels, width, c->e),
                           sizeof *s->packed, &s->packed, error);
}

static void image_with_position(const samc_cross *c, int64_t index, const float *x, float *sum)
{
    const int64_t pitch = c->blocks.pitch, columns = samc_blocks_columns(&c->blocks, index);
    const float *pe = c->pe + index * c->e * pitch;

    for (int64_t i = 0; i < c->e; i++)
        for (int64_t j = 0; j < columns; j++)
            sum[i * pitch + j] = x[i * pitch + j] + pe[i * pitch + j];
}

/* ------------------------------------------------------------------------- tokens -> image */

/* A block's part of a look: highest and total score of each row, then the weighted sums, which are
 * [E][pitch of H * n] where the tokens are few and [H * n][d] else. */
static int64_t part_floats(const samc_cross *c, const samc_look *look)
{
    const int64_t rows = c->heads * look->n;

    return 2 * rows + (look->few ? c->e * samc_cross_pitch(rows) : rows * samc_cross_head_dim(c));
}

samc_status samc_look_take(const samc_cross *c, const samc_look_weights *weights,
                           const samc_shared_projections *photo, int64_t n, samc_arena *arena,
                           samc_look *look, samc_error *error)
{
    const int64_t rows = c->heads * n;

    *look = (samc_look){.weights = weights, .photo = photo, .n = n};
    look->few = !photo && samc_cross_few(c, n);
    SAMC_TRY(samc_arena_take(arena, (size_t)(c->blocks.count * part_floats(c, look)),
                             sizeof *look->parts, &look->parts, error));
    SAMC_TRY(samc_arena_take(arena, (size_t)(look->few ? rows * c->e : 0), sizeof *look->scratch,
                             &look->scratch, error));
    if (look->few)
        return samc_cross_lefts(c, arena, 1, rows, c->e, &look->queries, error);
    return samc_cross_lefts(c, arena, c->heads, n, samc_cross_head_dim(c), &look->queries, error);
}

void samc_look_begin(const samc_cross *c, const samc_look *look, const float *q)
{
    if (look->few) {
        samc_cross_head_rows(c, look->n, q, look->weights->k_rows, c->e, look->scratch);
        samc_left_pack(c->kernels, look->queries, look->scratch, c->e, 1);
        return;
    }
    for (int64_t h = 0; h < c->heads; h++)
        samc_left_pack(c->kernels, &look->queries[h], q + h * samc_cross_head_dim(c), c->inner, 1);
}

/* The keys are the image itself, and so are the values. */
static void look_few(const samc_cross *c, const samc_look *look, int64_t index, const float *x,
                     const samc_cross_scratch *s, float *part)
{
    const int64_t rows = c->heads * look->n, pitch = c->blocks.pitch,
                  across = samc_cross_pitch(rows);
    const int64_t columns = samc_blocks_columns(&c->blocks, index);
    const samc_panels weights = {s->columns, across, c->kernels->gemm_nr};

    image_with_position(c, index, x, s->sum);
    samc_left_times(c->kernels, look->queries, columns, s->sum, pitch, s->scores, pitch, 0);
    samc_cross_weigh(c, rows, columns, s->scores, part, part + rows);
    c->kernels->transpose(s->scores, pitch, rows, columns, s->columns, across);
    c->kernels->gemm_rows(c->e, rows, columns, x, pitch, &weights, part + 2 * rows, across, 0);
}

void samc_look_block(const samc_cross *c, const samc_look *look, int64_t index, const float *x,
                     const samc_cross_scratch *s)
{
    const int64_t n = look->n, d = samc_cross_head_dim(c), pitch = c->blocks.pitch,
                  rows = c->heads * n;
    const int64_t columns = samc_blocks_columns(&c->blocks, index);
    float *part = look->parts + index * part_floats(c, look);
    const float *keys = s->inner, *values = s->values;

    if (look->few) {
        look_few(c, look, index, x, s, part);
        return;
    }
    if (look->photo) {
        keys = look->photo->keys + index * c->inner * pitch;
        values = look->photo->values + index * c->blocks.width * c->inner;
    } else {
        image_with_position(c, index, x, s->sum);
        samc_left_times(c->kernels, &look->weights->k, columns, s->sum, pitch, s->inner, pitch, 0);
        samc_cross_values(c, &look->weights->v, columns, x, s->packed, s->values);
    }
    for (int64_t h = 0; h < c->heads; h++) {
        const samc_panels second = {values + h * d, c->inner, c->kernels->gemm_nr};

        samc_left_times(c->kernels, &look->queries[h], columns, keys + h * d * pitch, pitch,
                        s->scores, pitch, 0);
        samc_cross_weigh(c, n, columns, s->scores, part + h * n, part + rows + h * n);
        c->kernels->gemm_rows(n, d, columns, s->scores, pitch, &second, part + 2 * rows + h * n * d,
                              d, 0);
    }
}

static void end_few(const samc_cross *c, const samc_look *look, int64_t size, float *out)
{
    const int64_t n = look->n, rows = c->heads * n, across = samc_cross_pitch(rows),
                  d = samc_cross_head_dim(c);
    float *sums = look->parts + 2 * rows; /* of the first block, then of all */
    const samc_left first = {n, c->e, look->scratch};

    for (int64_t b = 0; b < c->blocks.count; b++) {
        const float *factor = look->parts + b * size, *part = factor + 2 * rows;

        for (int64_t i = 0; i < c->e; i++)
            for (int64_t j = 0; j < rows; j++)
                sums[i * across + j] = (b ? sums[i * across + j] : 0.0f) +
                                       factor[j] * part[i * across + j];
    }
    for (int64_t h = 0; h < c->heads; h++) {
        samc_left_pack(c->kernels, &first, sums + h * n, 1, across);
        samc_left_times(c->kernels, &first, d, look->weights->v_rows + h * d, c->inner, out + h * d,
                        c->inner, 0);
    }
}

void samc_look_end(const samc_cross *c, const samc_look *look, float *out)
{
    const int64_t n = look->n, rows = c->heads * n, d = samc_cross_head_dim(c);
    const int64_t size = part_floats(c, look);

    samc_cross_join(c, look->parts, rows, size);
    if (look->few) {
        end_few(c, look, size, out);
    } else {
        memset(out, 0, (size_t)(n * c->inner) * sizeof *out);
        for (int64_t b = 0; b < c->blocks.count; b++) {
            const float *factor = look->parts + b * size, *part = factor + 2 * rows;

            for (int64_t i = 0; i < rows; i++, part += d)
                for (int64_t j = 0; j < d; j++)
                    out[i % n * c->inner + i / n * d + j] += factor[i] * part[j];
        }
    }
    for (int64_t i = 0; i < n; i++)
        c->kernels->epilogue(out + i * c->inner, c->inner, look->weights->v.bias, SAMC_ACT_NONE,
                             NULL);
}

double samc_look_flops(const samc_cross *c, const samc_look *look, double *ends)
{
    const double tokens = (double)c->blocks.tokens, n = (double)look->n, e = (double)c->e;
    const double wide = (double)(c->heads * look->n), inner = (double)c->inner;

    *ends = look->few ? 4.0 * n * inner * e : 0.0;
    if (look->few)
        return 4.0 * tokens * wide * e;
    return 4.0 * tokens * inner * (n + (look->photo ? 0.0 : e));
}

/* ------------------------------------------------------------------------- image -> tokens */

samc_status samc_reply_take(const samc_cross *c, const samc_reply_weights *weights,
                            const samc_shared_projections *photo, int64_t n, samc_arena *arena,
                            samc_reply *reply, samc_error *error)
{
    const int64_t rows = c->heads * n, d = samc_cross_head_dim(c);

    *reply = (samc_reply){.weights = weights, .photo = photo, .n = n};
    reply->few = samc_cross_few(c, n);
    SAMC_TRY(samc_arena_take(arena, (size_t)rows, sizeof *reply->bias, &reply->bias, error));
    SAMC_TRY(samc_arena_take(arena, (size_t)(reply->few ? rows * c->e : 0), sizeof *reply->scratch,
                             &reply->scratch, error));
    if (reply->few && !photo)
        SAMC_TRY(samc_cross_lefts(c, arena, 1, rows, c->e, &reply->keys, error));
    else
        SAMC_TRY(samc_cross_lefts(c, arena, c->heads, n, d, &reply->keys, error));
    if (reply->few)
        return samc_cross_lefts(c, arena, 1, c->e, rows, &reply->values, error);
    return samc_cross_lefts(c, arena, c->heads, d, n, &reply->values, error);
}

void samc_reply_begin(const samc_cross *c, const samc_reply *reply, const float *k, const float *v)
{
    const int64_t n = reply->n, d = samc_cross_head_dim(c);

    for (int64_t i = 0; i < c->heads * n; i++) {
        const float *key = k + i % n * c->inner + i / n * d;
        const float *bias = reply->weights->q_bias + i / n * d;
        float sum = 0.0f;

        for (int64_t j = 0; j < d; j++)
            sum += bias[j] * key[j];
        reply->bias[i] = samc_cross_scale(c) * sum;
    }
    if (reply->few && !reply->photo) {
        samc_cross_head_rows(c, n, k, reply->weights->q_rows, c->e, reply->scratch);
        samc_left_pack(c->kernels, reply->keys, reply->scratch, c->e, 1);
    } else {
        for (int64_t h = 0; h < c->heads; h++)
            samc_left_pack(c->kernels, &reply->keys[h], k + h * d, c->inner, 1);
    }
    if (reply->few) {
        samc_cross_head_rows(c, n, v, reply->weights->out_rows, c->e, reply->scratch);
        samc_left_pack(c->kernels, reply->values, reply->scratch, 1, c->e);
    } else {
        for (int64_t h = 0; h < c->heads; h++)
            samc_left_pack(c->kernels, &reply->values[h], v + h * d, 1, c->inner);
    }
}

void samc_reply_block(const samc_cross *c, const samc_reply *reply, int64_t index, float *x,
                      const samc_cross_scratch *s)
{
    const int64_t n = reply->n, d = samc_cross_head_dim(c), pitch = c->blocks.pitch;
    const int64_t columns = samc_blocks_columns(&c->blocks, index);
    const float *queries = s->inner;
    float *answer = s->inner; /* of a head where its queries were */

    if (reply->photo) {
        queries = reply->photo->queries + index * c->inner * pitch;
    } else {
        image_with_position(c, index, x, s->sum);
        samc_left_times(c->kernels, reply->few ? reply->keys : &reply->weights->q, columns, s->sum,
                        pitch, reply->few ? s->scores : s->inner, pitch, 0);
    }
    for (int64_t h = 0; h < c->heads; h++) {
        float *scores = s->scores + (reply->few ? h * n * pitch : 0);

        if (!reply->few || reply->photo)
            samc_left_times(c->kernels, &reply->keys[h], columns, queries + h * d * pitch, pitch,
                            scores, pitch, 0);
        c->kernels->softmax_columns(scores, pitch, n, columns, samc_cross_scale(c),
                                    reply->bias + h * n);
        if (!reply->few)
            samc_left_times(c->kernels, &reply->values[h], columns, scores, pitch,
                            answer + h * d * pitch, pitch, 0);
    }
    samc_left_times(c->kernels, reply->few ? reply->values : &reply->weights->out, columns,
                    reply->few ? s->scores : answer, pitch, x, pitch, 1);
}

double samc_reply_flops(const samc_cross *c, const samc_reply *reply, double *ends)
{
    const double tokens = (double)c->blocks.tokens, n = (double)reply->n, e = (double)c->e;
    const double wide = (double)(c->heads * reply->n), inner = (double)c->inner;
    const double few = 2.0 * tokens * wide * e, projected = 2.0 * tokens * inner * (n + e);
    const double keys = reply->photo ? 2.0 * tokens * inner * n : reply->few ? few : projected;

    *ends = reply->few ? (reply->photo ? 2.0 : 4.0) * n * inner * e : 0.0;
    return keys + (reply->few ? few : projected);
}

void samc_shared_block(const samc_cross *c, const samc_look_weights *look,
                       const samc_reply_weights *reply, int64_t index, const float *x,
                       const samc_cross_scratch *s, const samc_shared_projections *photo)
{
    const int64_t pitch = c->blocks.pitch, columns = samc_blocks_columns(&c->blocks, index);

    image_with_position(c, index, x, s->sum);
    samc_left_times(c->kernels, &look->k, columns, s->sum, pitch,
                    photo->keys + index * c->inner * pitch, pitch, 0);
    samc_left_times(c->kernels, &reply->q, columns, s->sum, pitch,
                    photo->queries + index * c->inner * pitch, pitch, 0);
    samc_cross_values(c, &look->v, columns, x, s->packed,
                      photo->values + index * c->blocks.width * c->inner);
}
