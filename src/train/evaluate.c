/* SPDX-License-Identifier: Apache-2.0 */
#include "train/evaluate.h"

#include "base/memory.h"
#include "mask/mask.h"
#include "mask/regions.h"

#include <stdlib.h>
#include <string.h>

#define MASKS 3 /* the most that a prompt gives */

/* Everything about the photo at hand. */
typedef struct session {
    samc_context *context;
    const samc_model *model;
    const samc_embedding *embedding;
    int32_t height, width;
    size_t pixels;     /* height * width */
    size_t low_pixels; /* low_res_size squared */
    uint8_t *object;   /* [height][width] 1: the object */
    uint8_t *ignore;   /* [height][width] 1: counts for nothing */
    uint8_t *error;    /* [height][width] the region that a click is sought in */
    uint8_t *masks;    /* [MASKS][height][width] the model's answer */
    float *low;        /* [MASKS][low_pixels] its low-res logits */
    float *carried;    /* [low_pixels] logits to feed back */
    float predicted[MASKS];
    float stability[MASKS]; /* not looked at, but samc_predict fills it with the masks */
} session;

static samc_status session_open(session *s, const uint8_t *labels, samc_error *error)
{
    samc_model_info info = SAMC_MODEL_INFO_INIT;
    int64_t inside = 0;

    SAMC_TRY(samc_model_get_info(s->model, &info, error));
    samc_embedding_photo_size(s->embedding, &s->width, &s->height);
    s->pixels = (size_t)s->height * (size_t)s->width;
    s->low_pixels = (size_t)info.low_res_size * (size_t)info.low_res_size;
    SAMC_TRY(samc_alloc(s->pixels, 1, &s->object, error));
    SAMC_TRY(samc_alloc(s->pixels, 1, &s->ignore, error));
    SAMC_TRY(samc_alloc(s->pixels, 1, &s->error, error));
    SAMC_TRY(samc_alloc(s->pixels, MASKS, &s->masks, error));
    SAMC_TRY(samc_alloc(s->low_pixels, MASKS * sizeof *s->low, &s->low, error));
    SAMC_TRY(samc_alloc(s->low_pixels, sizeof *s->carried, &s->carried, error));
    for (size_t i = 0; i < s->pixels; i++) {
        if (labels[i] != SAMC_LABEL_BACKGROUND && labels[i] != SAMC_LABEL_IGNORE &&
            labels[i] != SAMC_LABEL_OBJECT)
            return SAMC_FAIL(error, FORMAT,
                             "the label map has the value %d at (%zu, %zu); 255 is the object, 128 "
                             "to be ignored, 0 the background",
                             labels[i], i % (size_t)s->width, i / (size_t)s->width);
        s->object[i] = labels[i] == SAMC_LABEL_OBJECT;
        s->ignore[i] = labels[i] == SAMC_LABEL_IGNORE;
        inside += s->object[i];
    }
    if (!inside)
        return SAMC_FAIL(error, FORMAT, "the label map has no object: no pixel is 255");
    return SAMC_OK;
}

static void session_close(session *s)
{
    free(s->object);
    free(s->ignore);
    free(s->error);
    free(s->masks);
    free(s->low);
    free(s->carried);
}

/* Predicts into masks, low and predicted: one mask, or three. */
static samc_status predict(session *s, const samc_prompt *prompt, int multimask, samc_error *error)
{
    samc_predict_options options = SAMC_PREDICT_OPTIONS_INIT;
    samc_masks answer = SAMC_MASKS_INIT;
    samc_status status;

    options.multimask = multimask;
    answer.predicted_iou = s->predicted;
    answer.stability_score = s->stability;
    answer.low_res_logits = s->low;
    answer.masks = s->masks;
    status = samc_predict(s->context, s->model, s->embedding, prompt, 1, &options, &answer, error);
    samc_masks_free(&answer);
    return status;
}

static double iou_of(const session *s, int mask)
{
    return samc_mask_iou(s->masks + (size_t)mask * s->pixels, s->object, s->ignore, s->height,
                         s->width);
}

/* Makes `mask` the one that is carried on: the first of masks, and its logits. */
static void carry(session *s, int mask)
{
    if (mask > 0)
        memcpy(s->masks, s->masks + (size_t)mask * s->pixels, s->pixels);
    memcpy(s->carried, s->low + (size_t)mask * s->low_pixels, s->low_pixels * sizeof *s->carried);
}

/* Peak of the pixels where the carried mask is `in_mask` and the object is not. */
static samc_status error_peak(session *s, int in_mask, int32_t *x, int32_t *y, int64_t *depth,
                              samc_error *error)
{
    for (size_t i = 0; i < s->pixels; i++)
        s->error[i] = s->masks[i] == in_mask && s->object[i] != in_mask && !s->ignore[i];
    return samc_region_peak(s->error, s->height, s->width, x, y, depth, error);
}

/* Where the next click goes; *label -1: there is no error left. */
static samc_status next_click(session *s, float *point, int32_t *label, samc_error *error)
{
    int32_t x[2], y[2];
    int64_t depth[2];
    int positive;

    for (int in_mask = 0; in_mask < 2; in_mask++)
        SAMC_TRY(error_peak(s, in_mask, &x[in_mask], &y[in_mask], &depth[in_mask], error));
    positive = depth[1] > depth[0];
    point[0] = (float)x[positive];
    point[1] = (float)y[positive];
    *label = depth[positive] == 0 ? -1 : !positive;
    return SAMC_OK;
}

static samc_status first_click(session *s, float *point, samc_evaluation *out, samc_error *error)
{
    const int32_t label = 1;
    samc_prompt prompt = SAMC_PROMPT_INIT;
    int32_t x, y;
    int64_t depth;
    int first = 0;

    SAMC_TRY(samc_region_peak(s->object, s->height, s->width, &x, &y, &depth, error));
    point[0] = (float)x;
    point[1] = (float)y;
    prompt.points = point;
    prompt.labels = &label;
    prompt.n_points = 1;
    SAMC_TRY(predict(s, &prompt, 1, error));
    for (int i = 0; i < MASKS; i++) {
        double iou = iou_of(s, i);

        if (s->predicted[i] > s->predicted[first])
            first = i;
        if (i == 0 || iou > out->best_of_three)
            out->best_of_three = iou;
    }
    out->clicks[0] = iou_of(s, first);
    carry(s, first);
    return SAMC_OK;
}

static samc_status click(session *s, samc_evaluation *out, samc_error *error)
{
    float points[SAMC_EVALUATE_MAX_CLICKS][2];
    int32_t labels[SAMC_EVALUATE_MAX_CLICKS] = {1};
    samc_prompt prompt = SAMC_PROMPT_INIT;

    SAMC_TRY(first_click(s, points[0], out, error));
    prompt.points = points[0];
    prompt.labels = labels;
    prompt.mask_input = s->carried;
    for (int32_t i = 1; i < out->n_clicks; i++) {
        SAMC_TRY(next_click(s, points[i], &labels[i], error));
        if (labels[i] < 0) { /* perfect: a person would stop here */
            for (; i < out->n_clicks; i++)
                out->clicks[i] = out->clicks[i - 1];
            break;
        }
        prompt.n_points = (size_t)i + 1;
        SAMC_TRY(predict(s, &prompt, 0, error));
        out->clicks[i] = iou_of(s, 0);
        carry(s, 0);
    }
    return SAMC_OK;
}

static samc_status draw_box(session *s, samc_evaluation *out, samc_error *error)
{
    samc_prompt prompt = SAMC_PROMPT_INIT;
    int32_t tight[4];
    float box[4];

    (void)samc_mask_box(s->object, s->height, s->width, (size_t)s->width, tight);
    for (int i = 0; i < 4; i++)
        box[i] = (float)(tight[i] + (i >= 2));
    prompt.box = box;
    SAMC_TRY(predict(s, &prompt, 0, error));
    out->box = iou_of(s, 0);
    return SAMC_OK;
}

samc_status samc_evaluate_photo(samc_context *context, const samc_model *model,
                                const samc_embedding *embedding, const uint8_t *labels,
                                int32_t max_clicks, samc_evaluation *evaluation, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_evaluation made = {.n_clicks = max_clicks};
    session s = {.context = context, .model = model, .embedding = embedding};

    if (max_clicks < 1 || max_clicks > SAMC_EVALUATE_MAX_CLICKS)
        return SAMC_FAIL(error, ARGUMENT, "%ld clicks: 1 to %d can be evaluated", (long)max_clicks,
                         SAMC_EVALUATE_MAX_CLICKS);
    SAMC_CHECK(session_open(&s, labels, error));
    SAMC_CHECK(click(&s, &made, error));
    SAMC_CHECK(draw_box(&s, &made, error));
    *evaluation = made;

cleanup:
    session_close(&s);
    return status;
}

/* The first click that reaches `iou`; n_clicks where none does, and *missed grows. */
static int32_t clicks_to_reach(const samc_evaluation *e, double iou, int32_t *missed)
{
    for (int32_t i = 0; i < e->n_clicks; i++)
        if (e->clicks[i] >= iou)
            return i + 1;
    (*missed)++;
    return e->n_clicks;
}

void samc_evaluate_summarize(const samc_evaluation *evaluations, size_t n,
                             samc_evaluation_summary *summary)
{
    samc_evaluation_summary sum = {.n_photos = (int32_t)n, .n_clicks = evaluations[0].n_clicks};
    double count = (double)n;

    for (size_t i = 0; i < n; i++) {
        const samc_evaluation *e = &evaluations[i];

        for (int32_t c = 0; c < sum.n_clicks; c++)
            sum.clicks[c] += e->clicks[c] / count;
        sum.best_of_three += e->best_of_three / count;
        sum.box += e->box / count;
        sum.noc85 += clicks_to_reach(e, 0.85, &sum.missed85) / count;
        sum.noc90 += clicks_to_reach(e, 0.90, &sum.missed90) / count;
    }
    *summary = sum;
}
