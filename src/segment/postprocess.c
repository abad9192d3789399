/* SPDX-License-Identifier: Apache-2.0 */
#include "segment/postprocess.h"

#include <string.h>

/* Rows of the photo a tile computes: each tile begins with two rows of its own, so that longer ones
 * waste less, and a small photo still has tiles for all threads. */
#define TILE_ROWS 64

/* Where output position i lies between two inputs: value = (1 - weight) * in[low] + weight *
 * in[low + 1], the last input being there twice. As torch's interpolate with align_corners = False.
 */
typedef struct tap {
    int32_t low;
    float weight;
} tap;

static tap tap_of(int32_t i, int32_t in, int32_t out)
{
    const float scale = (float)in / (float)out;
    float position = scale * ((float)i + 0.5f) - 0.5f;
    tap t;

    position = position < 0.0f ? 0.0f : position;
    t.low = (int32_t)position;
    t.low = t.low < in ? t.low : in - 1;
    t.weight = position - (float)t.low;
    return t;
}

/* The taps of a whole row of `out` from one of `in`. */
typedef struct taps {
    int64_t in, out;
    int32_t *low;  /* [out] */
    float *weight; /* [out] */
} taps;

static samc_status take_taps(samc_arena *arena, int32_t in, int32_t out, taps *t, samc_error *error)
{
    *t = (taps){in, out, NULL, NULL};
    SAMC_TRY(samc_arena_take(arena, (size_t)out, sizeof *t->low, &t->low, error));
    SAMC_TRY(samc_arena_take(arena, (size_t)out, sizeof *t->weight, &t->weight, error));
    for (int32_t i = 0; i < out; i++) {
        const tap one = tap_of(i, in, out);

        t->low[i] = one.low;
        t->weight[i] = one.weight;
    }
    return SAMC_OK;
}

typedef struct post_job {
    const samc_kernels *kernels;
    const samc_postprocess *post;
    const float *low_res;
    taps square; /* columns of the square from low-res columns, cut to the photo's rectangle */
    taps photo;  /* columns of the photo from columns of the rectangle */
    uint8_t *mask;
    float *logits;
    int64_t (*counts)[2]; /* [tiles]: pixels above threshold + offset, above threshold - offset */
    float *scratch;       /* [lanes][scratch_size] */
    int64_t scratch_size;
} post_job;

/* Behind a row: its last number once more, and what the kernel may read. */
#define ROW_MORE (1 + SAMC_INTERPOLATE_SLACK)

static void mix_rows(const float *a, const float *b, float weight, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (1.0f - weight) * a[i] + weight * b[i];
}

/* `row` has room for ROW_MORE numbers behind its end. */
static void mix_columns(const samc_kernels *kernels, float *row, const taps *t, float *out)
{
    row[t->in] = row[t->in - 1];
    kernels->interpolate(row, t->low, t->weight, t->out, out);
}

/* The row of `height` below row `low`, or the last one. */
static int32_t next_row(int32_t low, int32_t height)
{
    return low + (low < height - 1);
}

/* Row `y` of the square, cut to the photo's rectangle; `mixed` is scratch of low_res floats. */
static void square_row(const post_job *job, int32_t y, float *mixed, float *out)
{
    const samc_postprocess *p = job->post;
    const tap t = tap_of(y, p->low_res, p->side);

    mix_rows(job->low_res + (int64_t)t.low * p->low_res,
             job->low_res + (int64_t)next_row(t.low, p->low_res) * p->low_res, t.weight, p->low_res,
             mixed);
    mix_columns(job->kernels, mixed, &job->square, out);
}

static void finish_row(const post_job *job, int64_t y, const float *row, int64_t counts[2])
{
    const int64_t width = job->post->frame.width;
    const float threshold = job->post->threshold, offset = job->post->stability_offset;
    int32_t high = 0, low = 0;

    for (int64_t i = 0; i < width; i++) {
        high += row[i] > threshold + offset;
        low += row[i] > threshold - offset;
    }
    counts[0] += high;
    counts[1] += low;
    if (job->mask)
        for (int64_t i = 0; i < width; i++)
            job->mask[y * width + i] = row[i] > threshold;
    if (job->logits)
        memcpy(job->logits + y * width, row, (size_t)width * sizeof *row);
}

static void post_tile(void *arg, int64_t tile, int32_t lane)
{
    const post_job *job = arg;
    const samc_frame *f = &job->post->frame;
    const int64_t rw = f->resized_width;
    const int32_t first = (int32_t)tile * TILE_ROWS;
    const int32_t end = f->height - first < TILE_ROWS ? f->height : first + TILE_ROWS;
    float *mixed = job->scratch + lane * job->scratch_size;
    float *rows[2] = {mixed + job->post->low_res + ROW_MORE,
                      mixed + job->post->low_res + ROW_MORE + rw};
    float *line = rows[1] + rw, *out = line + rw + ROW_MORE;
    int32_t held[2] = {-1, -1}; /* which rows of the square rows[] hold */

    job->counts[tile][0] = job->counts[tile][1] = 0;
    for (int32_t y = first; y < end; y++) {
        const tap t = tap_of(y, f->resized_height, f->height);
        const int32_t high = next_row(t.low, f->resized_height);

        if (held[1] == t.low) {
            float *swap = rows[0];
            rows[0] = rows[1];
            rows[1] = swap;
            held[1] = held[0];
            held[0] = t.low;
        }
        if (held[0] != t.low) {
            square_row(job, t.low, mixed, rows[0]);
            held[0] = t.low;
        }
        if (held[1] != high) {
            square_row(job, high, mixed, rows[1]);
            held[1] = high;
        }
        mix_rows(rows[0], rows[1], t.weight, rw, line);
        mix_columns(job->kernels, line, &job->photo, out);
        finish_row(job, y, out, job->counts[tile]);
    }
}

samc_status samc_postprocess_run(const samc_call *call, const samc_postprocess *post,
                                 const float *low_res, uint8_t *mask, float *logits,
                                 float *stability, samc_error *error)
{
    const samc_frame *f = &post->frame;
    const int64_t tiles = ((int64_t)f->height + TILE_ROWS - 1) / TILE_ROWS;
    const samc_arena_mark mark = samc_arena_here(call->arena);
    post_job job = {
        .kernels = call->kernels, .post = post, .low_res = low_res, .mask = mask, .logits = logits};
    samc_status status = SAMC_OK;
    int64_t high = 0, low = 0;

    job.scratch_size = (int64_t)post->low_res + 3 * (int64_t)f->resized_width + f->width +
                       2 * (int64_t)ROW_MORE;
    SAMC_CHECK(take_taps(call->arena, post->low_res, post->side, &job.square, error));
    SAMC_CHECK(take_taps(call->arena, f->resized_width, f->width, &job.photo, error));
    job.square.out = f->resized_width;
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)tiles, sizeof *job.counts, &job.counts, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)samc_threads_count(call->threads),
                               (size_t)job.scratch_size * sizeof(float), &job.scratch, error));
    samc_threads_run(call->threads, tiles, post_tile, &job);
    for (int64_t i = 0; i < tiles; i++) {
        high += job.counts[i][0];
        low += job.counts[i][1];
    }
    if (stability)
        *stability = low ? (float)((double)high / (double)low) : 0.0f;

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}
