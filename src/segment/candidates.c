/* SPDX-License-Identifier: Apache-2.0 */
#include "segment/candidates.h"

#include "base/memory.h"
#include "mask/rle_rows.h"
#include "segment/decode.h"
#include "segment/postprocess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Masks up-scaled before the threads go over them, a mask each: 32 low-res maps of the official
 * size are 8 MiB. */
#define POOL_MASKS 32

/* A mask is dropped if its box ends within so many pixels of its crop's edge, not the photo's. */
#define EDGE_PIXELS 20.0f

/* ------------------------------------------------------------------------- the list */

static samc_status append(samc_candidates *list, const samc_candidate *one, samc_error *error)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 64;
        samc_candidate *items = NULL;

        SAMC_TRY(samc_alloc(capacity, sizeof *items, &items, error));
        if (list->count)
            memcpy(items, list->items, list->count * sizeof *items);
        free(list->items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = *one;
    return SAMC_OK;
}

samc_status samc_candidates_keep(samc_candidates *list, size_t first, const size_t *keep,
                                 size_t count, samc_error *error)
{
    samc_candidate *kept = NULL;

    SAMC_TRY(samc_alloc(count, sizeof *kept, &kept, error));
    for (size_t i = 0; i < count; i++) {
        kept[i] = list->items[first + keep[i]];
        list->items[first + keep[i]].rle = NULL;
    }
    for (size_t i = first; i < list->count; i++)
        free(list->items[i].rle);
    if (count)
        memcpy(list->items + first, kept, count * sizeof *kept);
    list->count = first + count;
    free(kept);
    return SAMC_OK;
}

void samc_candidates_free(samc_candidates *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].rle);
    free(list->items);
    *list = (samc_candidates){NULL, 0, 0};
}

/* ------------------------------------------------------------------------- one mask, row by row */

/* A mask that has been up-scaled. */
typedef struct slot {
    samc_candidate mask;
    int failed; /* for want of memory */
} slot;

/* What a thread needs for the mask it is at. */
typedef struct lane {
    samc_rle_rows rows;
    uint8_t *bits;  /* [width of the crop] */
    float *scratch; /* of samc_post_rows */
} lane;

typedef struct pool {
    const samc_search *search;
    samc_post_plan plan;
    slot *slots;    /* [POOL_MASKS] */
    float *low_res; /* [POOL_MASKS][low_res][low_res] */
    size_t count;
    lane *lanes;
} pool;

typedef struct row_sink {
    const samc_search *search;
    lane *lane;
    samc_window window;
    int64_t high, low; /* pixels above threshold + offset, above threshold - offset */
} row_sink;

/* A row's pixels as the reference counts them. */
static int64_t row_sum(const samc_search *search, int32_t count)
{
    return search->options->exact && (count & 0x8000) ? (int64_t)(count & 0xFFFF) - 0x10000 : count;
}

static void take_row(void *arg, int32_t y, const float *row)
{
    row_sink *sink = arg;
    const samc_search *s = sink->search;
    const float threshold = s->options->mask_threshold;
    const float above = threshold + s->options->stability_score_offset;
    const float below = threshold - s->options->stability_score_offset;
    const int32_t n = sink->window.x1 - sink->window.x0;
    uint8_t *bits = sink->lane->bits;
    int32_t high = 0, low = 0;

    row += sink->window.x0;
    for (int32_t i = 0; i < n; i++) {
        high += row[i] > above;
        low += row[i] > below;
    }
    for (int32_t i = 0; i < n; i++)
        bits[i] = row[i] > threshold;
    sink->high += row_sum(s, high);
    sink->low += row_sum(s, low);
    samc_rle_rows_add(&sink->lane->rows, s->crop[1] + y, bits);
}

static float stability_of(const samc_search *search, int64_t high, int64_t low)
{
    if (low == 0 && !search->options->exact)
        return 0.0f;
    return (float)high / (float)low;
}

static int near(int32_t a, int32_t b)
{
    return fabsf((float)a - (float)b) <= EDGE_PIXELS;
}

/* 1: the box ends at an edge of the crop that is none of the photo's. */
static int cut_off(const samc_search *s, const int32_t box[4])
{
    const int32_t photo[4] = {0, 0, s->width, s->height};

    for (int i = 0; i < 4; i++)
        if (near(box[i], s->crop[i]) && !near(box[i], photo[i]))
            return 1;
    return 0;
}

/* Keeps the run lengths as a string without slack. */
static samc_status pack(samc_rle_rows *rows, char **text)
{
    samc_rle rle = {0};
    samc_status status = samc_rle_rows_end(rows, &rle, NULL);
    char *tight;

    if (status != SAMC_OK)
        return status;
    status = samc_rle_to_string(&rle, text, NULL);
    samc_rle_free(&rle);
    if (status != SAMC_OK)
        return status;
    tight = realloc(*text, strlen(*text) + 1);
    *text = tight ? tight : *text;
    return SAMC_OK;
}

/* One mask of the pool: leaves mask.rle NULL where it is dropped. */
static void look_at(void *arg, int64_t tile, int32_t index)
{
    const pool *p = arg;
    const samc_search *s = p->search;
    const samc_generate_options *o = s->options;
    const int64_t side = p->plan.post.low_res;
    const float *low_res = p->low_res + tile * side * side;
    slot *out = &p->slots[tile];
    row_sink sink = {.search = s, .lane = &p->lanes[index]};
    samc_rle_rows *rows = &sink.lane->rows;

    sink.window = samc_post_window(&p->plan, low_res,
                                   o->mask_threshold - fabsf(o->stability_score_offset));
    samc_rle_rows_begin(rows, s->height, s->width, s->crop[0] + sink.window.x0,
                        s->crop[0] + sink.window.x1);
    samc_post_rows(&p->plan, low_res, &sink.window, sink.lane->scratch, take_row, &sink);
    out->mask.stability = stability_of(s, sink.high, sink.low);
    if (o->stability_score_thresh > 0.0f && !(out->mask.stability >= o->stability_score_thresh))
        return;
    for (int i = 0; i < 4; i++)
        out->mask.box[i] = rows->area ? rows->box[i] : s->crop[i % 2];
    if (cut_off(s, out->mask.box))
        return;
    out->mask.area = rows->area;
    out->failed = pack(rows, &out->mask.rle) != SAMC_OK;
}

/* Looks at what is in the pool, and empties it into `found`. */
static samc_status drain(pool *p, samc_candidates *found, samc_error *error)
{
    samc_status status = SAMC_OK;

    samc_threads_run(p->search->call->threads, (int64_t)p->count, look_at, p);
    for (size_t i = 0; i < p->count; i++) {
        slot *s = &p->slots[i];

        if (status == SAMC_OK && s->failed)
            status = SAMC_FAIL(error, MEMORY, "out of memory for the run lengths of a mask");
        if (status == SAMC_OK && s->mask.rle)
            status = append(found, &s->mask, error);
        if (status != SAMC_OK)
            free(s->mask.rle);
    }
    p->count = 0;
    samc_stopwatch_lap(p->search->call->stopwatch, "masks of the photo's size", 0.0);
    return status;
}

/* ------------------------------------------------------------------------- points */

static samc_status begin_pool(pool *p, const samc_search *search, samc_error *error)
{
    const samc_config *c = &search->model->config;
    const size_t lanes = (size_t)samc_threads_count(search->call->threads);
    const samc_postprocess post = {search->embedding->frame, samc_config_low_res(c), c->image_size,
                                   search->options->mask_threshold, 0.0f};
    samc_arena *arena = search->call->arena;
    size_t side = (size_t)post.low_res;

    *p = (pool){.search = search};
    SAMC_TRY(samc_post_plan_make(search->call, &post, &p->plan, error));
    SAMC_TRY(samc_arena_take(arena, POOL_MASKS, sizeof *p->slots, &p->slots, error));
    SAMC_TRY(
        samc_arena_take(arena, POOL_MASKS * side, side * sizeof *p->low_res, &p->low_res, error));
    SAMC_TRY(samc_arena_take(arena, lanes, sizeof *p->lanes, &p->lanes, error));
    memset(p->lanes, 0, lanes * sizeof *p->lanes);
    for (size_t i = 0; i < lanes; i++) {
        SAMC_TRY(samc_arena_take(arena, (size_t)post.frame.width, 1, &p->lanes[i].bits, error));
        SAMC_TRY(samc_arena_take(arena, (size_t)samc_post_scratch(&p->plan), sizeof(float),
                                 &p->lanes[i].scratch, error));
    }
    return SAMC_OK;
}

static void end_pool(pool *p)
{
    const int32_t lanes = p->lanes ? samc_threads_count(p->search->call->threads) : 0;

    for (int32_t i = 0; i < lanes; i++)
        samc_rle_rows_free(&p->lanes[i].rows);
}

/* Chooses the masks of a decoded prompt whose predicted IoU is high enough: takes slots for them
 * and moves their hyper-networks' answers together. Returns how many. */
static int32_t choose(pool *p, const samc_decoding *d, int32_t masks, const double point[2])
{
    const samc_search *s = p->search;
    const int64_t width = s->model->config.embed_dim / 8;
    int32_t n = 0;

    for (int32_t m = 0; m < masks; m++) {
        const float iou = d->iou[1 + m];

        if (s->options->pred_iou_thresh > 0.0f && !(iou > s->options->pred_iou_thresh))
            continue;
        if (n != m)
            memcpy(d->hyper + n * width, d->hyper + m * width, (size_t)width * sizeof *d->hyper);
        p->slots[p->count + (size_t)n] = (slot){
            .mask = {.crop = {s->crop[0], s->crop[1], s->crop[2], s->crop[3]},
                     .predicted_iou = iou,
                     .point = {point[0] + s->crop[0], point[1] + s->crop[1]}}};
        n++;
    }
    return n;
}

/* The points [count][2] of the unit square, computed together. */
static samc_status search_group(pool *p, const double *points, int64_t count,
                                samc_candidates *found, samc_error *error)
{
    static const int32_t foreground = 1;
    const samc_search *s = p->search;
    const samc_frame *f = &s->embedding->frame;
    const int32_t masks = s->model->config.mask_tokens - 1;
    const int64_t map = (int64_t)p->plan.post.low_res * p->plan.post.low_res;
    samc_prompt *prompts;
    samc_decoding *decodings = NULL;
    samc_upscaling *upscalings;
    float *xy;
    int64_t n = 0;

    SAMC_TRY(samc_arena_take(s->call->arena, (size_t)count, sizeof *prompts, &prompts, error));
    SAMC_TRY(samc_arena_take(s->call->arena, (size_t)count, 2 * sizeof *xy, &xy, error));
    SAMC_TRY(
        samc_arena_take(s->call->arena, (size_t)count, sizeof *upscalings, &upscalings, error));
    for (int64_t i = 0; i < count; i++) {
        xy[2 * i] = (float)(points[2 * i] * f->width);
        xy[2 * i + 1] = (float)(points[2 * i + 1] * f->height);
        prompts[i] = (samc_prompt)SAMC_PROMPT_INIT;
        prompts[i].points = xy + 2 * i;
        prompts[i].labels = &foreground;
        prompts[i].n_points = 1;
    }
    SAMC_TRY(
        samc_decode(s->call, s->model, s->embedding, prompts, count, 1, masks, &decodings, error));
    for (int64_t i = 0; i < count; i++) {
        const double point[2] = {points[2 * i] * f->width, points[2 * i + 1] * f->height};
        int32_t chosen;

        if (p->count + (size_t)masks > POOL_MASKS) {
            SAMC_TRY(samc_mask_decoder_upscale(s->call, &s->model->mask_decoder,
                                               &s->embedding->photo, n, upscalings, error));
            n = 0;
            SAMC_TRY(drain(p, found, error));
        }
        chosen = choose(p, &decodings[i], masks, point);
        if (!chosen)
            continue;
        upscalings[n++] = (samc_upscaling){chosen, &decodings[i], decodings[i].hyper,
                                           p->low_res + (int64_t)p->count * map};
        p->count += (size_t)chosen;
    }
    return samc_mask_decoder_upscale(s->call, &s->model->mask_decoder, &s->embedding->photo, n,
                                     upscalings, error);
}

samc_status samc_search_run(const samc_search *search, const double *points, size_t n,
                            samc_candidates *found, samc_error *error)
{
    const size_t batch = (size_t)search->options->points_per_batch;
    const size_t group = (size_t)samc_decode_group(search->model);
    const samc_arena_mark mark = samc_arena_here(search->call->arena);
    samc_status status = SAMC_OK;
    size_t told = 0;
    pool p;

    SAMC_CHECK(begin_pool(&p, search, error));
    for (size_t done = 0; done < n;) {
        const samc_arena_mark here = samc_arena_here(search->call->arena);
        const size_t count = n - done < group ? n - done : group;

        status = search_group(&p, points + 2 * done, (int64_t)count, found, error);
        samc_arena_give_back(search->call->arena, here);
        if (status != SAMC_OK)
            goto cleanup;
        done += count;
        if (done == n)
            SAMC_CHECK(drain(&p, found, error));
        if (done - told >= batch || done == n) {
            SAMC_CHECK(search->tell(search->user, done, error));
            told = done;
        }
    }

cleanup:
    end_pool(&p);
    samc_arena_give_back(search->call->arena, mark);
    return status;
}
