/* SPDX-License-Identifier: Apache-2.0 */
#include "train/prompt_sampler.h"

#include "base/memory.h"
#include "base/random.h"
#include "mask/regions.h"

#include <math.h>
#include <stdlib.h>

/* The stream of a mask's plan; rounds have those from 0 on. */
#define PLAN UINT64_MAX

static samc_random random_of(const samc_prompt_key *key, uint64_t stream)
{
    samc_random sample = samc_random_keyed(key->seed, key->step, key->sample);

    return samc_random_keyed(samc_random_next(&sample), key->mask, stream);
}

/* ------------------------------------------------------------------------------------------------
 * Pixels drawn evenly
 * --------------------------------------------------------------------------------------------- */

/* Columns x0..x1-1 of rows y0..y1-1. */
typedef struct window {
    int32_t x0, y0, x1, y1;
} window;

/* Draws one of the pixels of the mask in the window that are `value`; 0: there is none. Counts,
 * draws a number, counts again up to it. */
static int draw_pixel(const samc_prompt_object *object, window in, uint8_t value,
                      samc_random *random, float point[2])
{
    size_t count = 0, which;

    for (int32_t y = in.y0; y < in.y1; y++)
        for (int32_t x = in.x0; x < in.x1; x++)
            count += object->mask[(int64_t)y * object->size + x] == value;
    if (count == 0)
        return 0;
    which = samc_random_below(random, count);
    for (int32_t y = in.y0; y < in.y1; y++)
        for (int32_t x = in.x0; x < in.x1; x++)
            if (object->mask[(int64_t)y * object->size + x] == value && which-- == 0) {
                point[0] = (float)x;
                point[1] = (float)y;
                return 1;
            }
    return 0;
}

static samc_status draw_inside(const samc_prompt_object *object, samc_random *random,
                               float point[2], samc_error *error)
{
    const window photo = {0, 0, object->width, object->height};

    if (draw_pixel(object, photo, 1, random, point))
        return SAMC_OK;
    return SAMC_FAIL(error, ARGUMENT, "a mask to train on has no pixel of its object");
}

/* ------------------------------------------------------------------------------------------------
 * The first prompt
 * --------------------------------------------------------------------------------------------- */

/* The tight box, x1 and y1 one past the last pixel; 0: the object has no pixel. */
static int find_box(const samc_prompt_object *object, window *box)
{
    *box = (window){object->width, object->height, 0, 0};
    for (int32_t y = 0; y < object->height; y++)
        for (int32_t x = 0; x < object->width; x++) {
            if (object->mask[(int64_t)y * object->size + x] != 1)
                continue;
            box->x0 = x < box->x0 ? x : box->x0;
            box->x1 = x >= box->x1 ? x + 1 : box->x1;
            box->y0 = y < box->y0 ? y : box->y0;
            box->y1 = y + 1;
        }
    return box->x1 > 0;
}

/* Moves one side of the box, of extent `extent`, and keeps it within 0..most. */
static float move_side(const samc_prompt_options *options, int32_t at, int32_t extent, int32_t most,
                       float limit, samc_random *random)
{
    const float noise = samc_random_normal(random) * options->box_noise * (float)extent;
    const float moved = (float)at + fminf(fmaxf(noise, -limit), limit);

    return fminf(fmaxf(moved, 0.0f), (float)most);
}

static void draw_box(const samc_prompt_options *options, const samc_prompt_object *object,
                     window tight, samc_random *random, float box[4])
{
    const float limit = options->box_noise_limit * (float)object->size;
    const int32_t w = tight.x1 - tight.x0, h = tight.y1 - tight.y0;

    box[0] = move_side(options, tight.x0, w, object->width, limit, random);
    box[1] = move_side(options, tight.y0, h, object->height, limit, random);
    box[2] = move_side(options, tight.x1, w, object->width, limit, random);
    box[3] = move_side(options, tight.y1, h, object->height, limit, random);
    if (!(box[0] + 1.0f <= box[2])) { /* noise turned the box inside out: no noise on this axis */
        box[0] = (float)tight.x0;
        box[2] = (float)tight.x1;
    }
    if (!(box[1] + 1.0f <= box[3])) {
        box[1] = (float)tight.y0;
        box[3] = (float)tight.y1;
    }
}

/* The deepest pixel. The object is cut out along its box, beyond which there is nothing of it: the
 * peak is that of the whole picture. */
static samc_status find_centre(const samc_prompt_object *object, window tight, float point[2],
                               samc_error *error)
{
    const int32_t w = tight.x1 - tight.x0, h = tight.y1 - tight.y0;
    samc_status status;
    uint8_t *cut;
    int32_t x, y;
    int64_t squared;

    SAMC_TRY(samc_alloc((size_t)w, (size_t)h, &cut, error));
    for (int32_t v = 0; v < h; v++)
        for (int32_t u = 0; u < w; u++)
            cut[(int64_t)v * w + u] =
                object->mask[(int64_t)(tight.y0 + v) * object->size + tight.x0 + u] == 1;
    status = samc_region_peak(cut, h, w, &x, &y, &squared, error);
    free(cut);
    if (status != SAMC_OK)
        return status;
    point[0] = (float)(tight.x0 + x);
    point[1] = (float)(tight.y0 + y);
    return SAMC_OK;
}

samc_status samc_prompt_first_draw(const samc_prompt_options *options, const samc_prompt_key *key,
                                   const samc_prompt_object *object, samc_prompt_first *prompt,
                                   samc_error *error)
{
    samc_random random = random_of(key, 0);
    window tight;

    *prompt = (samc_prompt_first){.is_box = samc_random_chance(&random, options->box)};
    if (!find_box(object, &tight))
        return SAMC_FAIL(error, ARGUMENT, "a mask to train on has no pixel of its object");
    if (prompt->is_box)
        draw_box(options, object, tight, &random, prompt->box);
    else if (samc_random_chance(&random, options->centre))
        return find_centre(object, tight, prompt->point, error);
    else
        return draw_inside(object, &random, prompt->point, error);
    return SAMC_OK;
}

/* ------------------------------------------------------------------------------------------------
 * Later rounds
 * --------------------------------------------------------------------------------------------- */

int samc_prompt_round_is_new(const samc_prompt_options *options, const samc_prompt_key *key,
                             int32_t round)
{
    const int32_t between = options->rounds - 2; /* rounds 1..between */
    samc_random random;

    if (round == 0 || options->rounds < options->quiet_from || between < 1)
        return 1;
    if (round == options->rounds - 1)
        return 0;
    random = random_of(key, PLAN);
    return round != 1 + (int32_t)samc_random_below(&random, (size_t)between);
}

/* 1 a false negative, 2 a false positive, 0 neither. */
static int error_of(float target, float logit)
{
    if (target < 0.0f)
        return 0;
    if (target > 0.5f)
        return logit > 0.0f ? 0 : 1;
    return logit > 0.0f ? 2 : 0;
}

/* Draws one of the wrong low-res pixels; -1: there is none. */
static int64_t draw_error(const float *target, const float *logits, int64_t n, samc_random *random)
{
    size_t count = 0, which;

    for (int64_t i = 0; i < n; i++)
        count += error_of(target[i], logits[i]) != 0;
    if (count == 0)
        return -1;
    which = samc_random_below(random, count);
    for (int64_t i = 0; i < n; i++)
        if (error_of(target[i], logits[i]) && which-- == 0)
            return i;
    return -1;
}

samc_status samc_prompt_click_draw(const samc_prompt_key *key, int32_t round,
                                   const samc_prompt_object *object, const float *target,
                                   const float *logits, int32_t side, float point[2],
                                   int32_t *label, samc_error *error)
{
    samc_random random = random_of(key, (uint64_t)round);
    const int32_t step = object->size / side;
    const int64_t at = draw_error(target, logits, (int64_t)side * side, &random);

    *label = 1;
    if (at >= 0) {
        const int32_t x = (int32_t)(at % side) * step, y = (int32_t)(at / side) * step;
        const window in = {x, y, x + step < object->width ? x + step : object->width,
                           y + step < object->height ? y + step : object->height};
        const int wrong = error_of(target[at], logits[at]);

        *label = wrong == 1;
        /* a target of this mask has such a pixel; one of another mask need not */
        if (draw_pixel(object, in, wrong == 1, &random, point))
            return SAMC_OK;
        *label = 1;
    }
    return draw_inside(object, &random, point, error);
}

int32_t samc_prompt_carried(const float *iou, int32_t count)
{
    int32_t best = 0;

    for (int32_t i = 1; i < count; i++)
        if (iou[i] > iou[best])
            best = i;
    return best;
}
