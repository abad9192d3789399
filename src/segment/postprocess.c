/* SPDX-License-Identifier: Apache-2.0 */
#include "segment/postprocess.h"

#include <math.h>
#include <string.h>

/* Rows of the photo a tile computes: each tile begins with two rows of its own, so that longer ones
 * waste less, and a small photo still has tiles for all threads. */
#define TILE_ROWS 64

/* Behind a row: its last number once more, and what the kernel may read. */
#define ROW_MORE (1 + SAMC_INTERPOLATE_SLACK)

/* Four interpolations one after the other exceed the largest of their inputs by less than this,
 * relative: each rounds three times, by 2^-24. */
#define ROUNDING 1e-5f

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

static samc_status take_taps(samc_arena *arena, int32_t in, int32_t out, samc_taps *t,
                             samc_error *error)
{
    *t = (samc_taps){in, out, NULL, NULL};
    SAMC_TRY(samc_arena_take(arena, (size_t)out, sizeof *t->low, &t->low, error));
    SAMC_TRY(samc_arena_take(arena, (size_t)out, sizeof *t->weight, &t->weight, error));
    for (int32_t i = 0; i < out; i++) {
        const tap one = tap_of(i, in, out);

        t->low[i] = one.low;
        t->weight[i] = one.weight;
    }
    return SAMC_OK;
}

samc_status samc_post_plan_make(const samc_call *call, const samc_postprocess *post,
                                samc_post_plan *plan, samc_error *error)
{
    const samc_frame *f = &post->frame;

    plan->kernels = call->kernels;
    plan->post = *post;
    SAMC_TRY(take_taps(call->arena, post->low_res, post->side, &plan->square, error));
    SAMC_TRY(take_taps(call->arena, f->resized_width, f->width, &plan->photo, error));
    plan->square.out = f->resized_width;
    return SAMC_OK;
}

int64_t samc_post_scratch(const samc_post_plan *plan)
{
    return (int64_t)plan->post.low_res + 3 * (int64_t)plan->post.frame.resized_width +
           plan->post.frame.width + 2 * (int64_t)ROW_MORE;
}

/* ------------------------------------------------------------------------- windows */

samc_window samc_post_whole(const samc_post_plan *plan)
{
    return (samc_window){0, 0, plan->post.frame.width, plan->post.frame.height};
}

/* The first i < count for which the two inputs that output i is made of lie beyond `low`: they are
 * those at low_of(i) and the next one. Outputs are in the order of their inputs. */
static int32_t first_output(int32_t count, int32_t in, int32_t out, int64_t low)
{
    int32_t from = 0, to = count;

    while (from < to) {
        const int32_t middle = from + (to - from) / 2;

        if (tap_of(middle, in, out).low > low)
            to = middle;
        else
            from = middle + 1;
    }
    return from;
}

/* The outputs [*begin, *end) along one axis that inputs [first, last] of the low-res map reach. An
 * input is used by the outputs whose lower tap it is, or the one before it. */
static void reach(const samc_postprocess *p, int32_t resized, int32_t size, int32_t first,
                  int32_t last, int32_t *begin, int32_t *end)
{
    const int32_t square_begin = first_output(resized, p->low_res, p->side, (int64_t)first - 2);
    const int32_t square_end = first_output(resized, p->low_res, p->side, last);

    *begin = first_output(size, resized, size, (int64_t)square_begin - 2);
    *end = first_output(size, resized, size, (int64_t)square_end - 1);
}

samc_window samc_post_window(const samc_post_plan *plan, const float *low_res, float floor)
{
    const samc_postprocess *p = &plan->post;
    const float bound = floor - fabsf(floor) * ROUNDING;
    int32_t x0 = p->low_res, x1 = -1, y0 = p->low_res, y1 = -1;
    samc_window w = {0, 0, 0, 0};

    for (int32_t y = 0; y < p->low_res; y++) {
        const float *row = low_res + (int64_t)y * p->low_res;
        int32_t first = 0, last = p->low_res - 1;

        while (first < p->low_res && row[first] <= bound)
            first++;
        if (first == p->low_res)
            continue;
        while (row[last] <= bound)
            last--;
        x0 = first < x0 ? first : x0;
        x1 = last > x1 ? last : x1;
        y0 = y < y0 ? y : y0;
        y1 = y;
    }
    if (y1 < 0)
        return w;
    reach(p, p->frame.resized_width, p->frame.width, x0, x1, &w.x0, &w.x1);
    reach(p, p->frame.resized_height, p->frame.height, y0, y1, &w.y0, &w.y1);
    return w.x0 < w.x1 && w.y0 < w.y1 ? w : (samc_window){0, 0, 0, 0};
}

/* ------------------------------------------------------------------------- rows */

static void mix_rows(const float *a, const float *b, float weight, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (1.0f - weight) * a[i] + weight * b[i];
}

/* Outputs begin..end-1. `row` has room for ROW_MORE numbers behind its end; its last number stands
 * there once more. */
static void mix_columns(const samc_kernels *kernels, const float *row, const samc_taps *t,
                        int64_t begin, int64_t end, float *out)
{
    kernels->interpolate(row, t->low + begin, t->weight + begin, end - begin, out + begin);
}

/* The row of `height` below row `low`, or the last one. */
static int32_t next_row(int32_t low, int32_t height)
{
    return low + (low < height - 1);
}

/* One run of samc_post_rows; a row of the square is cut to the photo's rectangle, and holds the
 * columns begin..end-1 that the window needs. */
typedef struct row_run {
    const samc_post_plan *plan;
    const float *low_res;
    float *mixed; /* scratch of low_res floats */
    int64_t begin, end;
} row_run;

/* Row `y` of the square. */
static void square_row(const row_run *run, int32_t y, float *out)
{
    const samc_postprocess *p = &run->plan->post;
    const tap t = tap_of(y, p->low_res, p->side);

    mix_rows(run->low_res + (int64_t)t.low * p->low_res,
             run->low_res + (int64_t)next_row(t.low, p->low_res) * p->low_res, t.weight, p->low_res,
             run->mixed);
    run->mixed[p->low_res] = run->mixed[p->low_res - 1];
    mix_columns(run->plan->kernels, run->mixed, &run->plan->square, run->begin, run->end, out);
}

void samc_post_rows(const samc_post_plan *plan, const float *low_res, const samc_window *window,
                    float *scratch, samc_post_row_fn fn, void *arg)
{
    const samc_frame *f = &plan->post.frame;
    const int64_t rw = f->resized_width;
    row_run run = {plan, low_res, scratch, 0, 0};
    float *rows[2] = {scratch + plan->post.low_res + ROW_MORE,
                      scratch + plan->post.low_res + ROW_MORE + rw};
    float *line = rows[1] + rw, *out = line + rw + ROW_MORE;
    int32_t held[2] = {-1, -1}; /* which rows of the square rows[] hold */

    if (window->x0 >= window->x1)
        return;
    run.begin = plan->photo.low[window->x0];
    run.end = plan->photo.low[window->x1 - 1] + 2;
    run.end = run.end < rw ? run.end : rw;
    for (int32_t y = window->y0; y < window->y1; y++) {
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
            square_row(&run, t.low, rows[0]);
            held[0] = t.low;
        }
        if (held[1] != high) {
            square_row(&run, high, rows[1]);
            held[1] = high;
        }
        mix_rows(rows[0] + run.begin, rows[1] + run.begin, t.weight, run.end - run.begin,
                 line + run.begin);
        line[run.end] = line[run.end - 1]; /* read where the window ends with the photo */
        mix_columns(plan->kernels, line, &plan->photo, window->x0, window->x1, out);
        fn(arg, y, out);
    }
}

/* ------------------------------------------------------------------------- one mask */

typedef struct post_job {
    samc_post_plan plan;
    const float *low_res;
    uint8_t *mask;
    float *logits;
    int64_t (*counts)[2]; /* [tiles]: pixels above threshold + offset, above threshold - offset */
    float *scratch;       /* [lanes][scratch_size] */
    int64_t scratch_size;
} post_job;

typedef struct row_sink {
    const post_job *job;
    int64_t *counts;
} row_sink;

static void finish_row(void *arg, int32_t y, const float *row)
{
    const row_sink *sink = arg;
    const post_job *job = sink->job;
    const int64_t width = job->plan.post.frame.width;
    const float threshold = job->plan.post.threshold, offset = job->plan.post.stability_offset;
    int32_t high = 0, low = 0;

    for (int64_t i = 0; i < width; i++) {
        high += row[i] > threshold + offset;
        low += row[i] > threshold - offset;
    }
    sink->counts[0] += high;
    sink->counts[1] += low;
    if (job->mask)
        for (int64_t i = 0; i < width; i++)
            job->mask[y * width + i] = row[i] > threshold;
    if (job->logits)
        memcpy(job->logits + y * width, row, (size_t)width * sizeof *row);
}

static void post_tile(void *arg, int64_t tile, int32_t lane)
{
    const post_job *job = arg;
    samc_window w = samc_post_whole(&job->plan);
    row_sink sink = {job, job->counts[tile]};

    w.y0 = (int32_t)tile * TILE_ROWS;
    w.y1 = w.y1 - w.y0 < TILE_ROWS ? w.y1 : w.y0 + TILE_ROWS;
    sink.counts[0] = sink.counts[1] = 0;
    samc_post_rows(&job->plan, job->low_res, &w, job->scratch + lane * job->scratch_size,
                   finish_row, &sink);
}

samc_status samc_postprocess_run(const samc_call *call, const samc_postprocess *post,
                                 const float *low_res, uint8_t *mask, float *logits,
                                 float *stability, samc_error *error)
{
    const int64_t tiles = ((int64_t)post->frame.height + TILE_ROWS - 1) / TILE_ROWS;
    const samc_arena_mark mark = samc_arena_here(call->arena);
    post_job job = {.low_res = low_res, .mask = mask, .logits = logits};
    samc_status status = SAMC_OK;
    int64_t high = 0, low = 0;

    SAMC_CHECK(samc_post_plan_make(call, post, &job.plan, error));
    job.scratch_size = samc_post_scratch(&job.plan);
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
