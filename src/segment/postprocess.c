/* SPDX-License-Identifier: Apache-2.0 */
#include "segment/postprocess.h"

#include <string.h>

/* Rows of the photo a tile computes: each tile begins with two rows of its own, so that longer ones
 * waste less, and a small photo still has tiles for all threads. */
#define TILE_ROWS 64

/* Where output position i lies between two inputs: value = (1 - weight) * in[low] + weight *
 * in[high]. As torch's interpolate with align_corners = False. */
typedef struct tap {
    int32_t low, high;
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
    t.high = t.low + (t.low < in - 1);
    t.weight = position - (float)t.low;
    return t;
}

typedef struct post_job {
    const samc_postprocess *post;
    const float *low_res;
    const tap *columns_square; /* [resized_width]: column of the square from low-res columns */
    const tap *columns_photo;  /* [width]: column of the photo from columns of the square */
    uint8_t *mask;
    float *logits;
    int64_t (*counts)[2]; /* [tiles]: pixels above threshold + offset, above threshold - offset */
    float *scratch;       /* [lanes][scratch_size] */
    int64_t scratch_size;
} post_job;

static void mix_rows(const float *a, const float *b, float weight, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (1.0f - weight) * a[i] + weight * b[i];
}

static void mix_columns(const float *row, const tap *taps, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (1.0f - taps[i].weight) * row[taps[i].low] + taps[i].weight * row[taps[i].high];
}

/* Row `y` of the square, cut to the photo's rectangle; `mixed` is scratch of low_res floats. */
static void square_row(const post_job *job, int32_t y, float *mixed, float *out)
{
    const samc_postprocess *p = job->post;
    const tap t = tap_of(y, p->low_res, p->side);

    mix_rows(job->low_res + (int64_t)t.low * p->low_res,
             job->low_res + (int64_t)t.high * p->low_res, t.weight, p->low_res, mixed);
    mix_columns(mixed, job->columns_square, p->frame.resized_width, out);
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
    float *rows[2] = {mixed + job->post->side, mixed + job->post->side + rw};
    float *line = rows[1] + rw, *out = line + rw;
    int32_t held[2] = {-1, -1}; /* which rows of the square rows[] hold */

    job->counts[tile][0] = job->counts[tile][1] = 0;
    for (int32_t y = first; y < end; y++) {
        const tap t = tap_of(y, f->resized_height, f->height);

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
        if (held[1] != t.high) {
            square_row(job, t.high, mixed, rows[1]);
            held[1] = t.high;
        }
        mix_rows(rows[0], rows[1], t.weight, rw, line);
        mix_columns(line, job->columns_photo, f->width, out);
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
    post_job job = {.post = post, .low_res = low_res, .mask = mask, .logits = logits};
    samc_status status = SAMC_OK;
    int64_t high = 0, low = 0;
    tap *square, *photo;

    job.scratch_size = (int64_t)post->side + 3 * (int64_t)f->resized_width + f->width;
    SAMC_CHECK(
        samc_arena_take(call->arena, (size_t)f->resized_width, sizeof *square, &square, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)f->width, sizeof *photo, &photo, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)tiles, sizeof *job.counts, &job.counts, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)samc_threads_count(call->threads),
                               (size_t)job.scratch_size * sizeof(float), &job.scratch, error));
    for (int32_t i = 0; i < f->resized_width; i++)
        square[i] = tap_of(i, post->low_res, post->side);
    for (int32_t i = 0; i < f->width; i++)
        photo[i] = tap_of(i, f->resized_width, f->width);
    job.columns_square = square;
    job.columns_photo = photo;
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
