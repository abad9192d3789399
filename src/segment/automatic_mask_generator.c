/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything in a photo: samc_generate. Candidates of every crop (candidates.c), duplicates out,
 * small regions mended, records handed over.
 * Source: automatic_mask_generator.py.
 */
#include "base/memory.h"
#include "image/image.h"
#include "kernels/context.h"
#include "mask/box_nms.h"
#include "mask/rle.h"
#include "segment/candidates.h"
#include "segment/crops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_POINTS_PER_SIDE 1024
#define MAX_POINTS ((size_t)1 << 20) /* of a grid, and of a batch */

/* What encoding a crop counts for in the progress, in prompts: about what it takes with vit_b. */
#define ENCODING_PROMPTS 500.0

typedef struct generator {
    samc_context *context;
    const samc_model *model;
    const samc_generate_options *options;
    const samc_image *image;         /* or NULL: there is only */
    const samc_embedding *embedding; /* of the photo */
    int32_t width, height;           /* of the photo */
    samc_crop *crops;
    size_t n_crops;
    double **grids; /* [layers + 1] of points; made here unless the options have them */
    size_t *n_points;
    samc_candidates found;
    double done, all; /* progress, in prompts */
    int stopped;      /* the caller wants no more; encoding does not heed it at its very end */
} generator;

/* ------------------------------------------------------------------------- what was asked for */

static samc_status refuse(samc_error *error, const char *what)
{
    return SAMC_FAIL(error, ARGUMENT, "samc_generate: %s", what);
}

static samc_status check_grids(const samc_generate_options *o, samc_error *error)
{
    if (o->point_grids && o->points_per_side)
        return refuse(error, "give points_per_side or point_grids, not both");
    if (!o->point_grids && (o->points_per_side < 1 || o->points_per_side > MAX_POINTS_PER_SIDE))
        return SAMC_FAIL(error, ARGUMENT,
                         "points_per_side is %d: it must be 1 to %d, or 0 with "
                         "point_grids",
                         o->points_per_side, MAX_POINTS_PER_SIDE);
    if (o->point_grids && o->n_point_grids < (size_t)o->crop_n_layers + 1)
        return SAMC_FAIL(error, ARGUMENT,
                         "%zu point grids are too few for %d crop layers and the "
                         "photo itself",
                         o->n_point_grids, o->crop_n_layers);
    for (size_t i = 0; o->point_grids && i < o->n_point_grids; i++) {
        const samc_point_grid *grid = &o->point_grids[i];

        if (!grid->points || grid->n < 1 || grid->n > MAX_POINTS)
            return SAMC_FAIL(error, ARGUMENT, "point grid %zu must have 1 to %zu points", i,
                             MAX_POINTS);
        for (size_t j = 0; j < 2 * grid->n; j++)
            if (!(grid->points[j] >= 0.0 && grid->points[j] <= 1.0))
                return SAMC_FAIL(error, ARGUMENT, "point grid %zu, point %zu: %g is outside 0..1",
                                 i, j / 2, grid->points[j]);
    }
    return SAMC_OK;
}

static samc_status check_options(const samc_generate_options *o, samc_error *error)
{
    if (o->crop_n_layers < 0 || o->crop_n_layers > SAMC_CROPS_MAX_LAYERS)
        return SAMC_FAIL(error, ARGUMENT, "crop_n_layers is %d: it must be 0 to %d",
                         o->crop_n_layers, SAMC_CROPS_MAX_LAYERS);
    if (o->points_per_batch < 1 || (size_t)o->points_per_batch > MAX_POINTS)
        return SAMC_FAIL(error, ARGUMENT, "points_per_batch is %d: it must be 1 to %zu",
                         o->points_per_batch, MAX_POINTS);
    if (o->crop_n_points_downscale_factor < 1)
        return SAMC_FAIL(error, ARGUMENT,
                         "crop_n_points_downscale_factor is %d: it must be at least 1",
                         o->crop_n_points_downscale_factor);
    if (!(o->crop_overlap_ratio >= 0.0 && o->crop_overlap_ratio <= 1.0))
        return SAMC_FAIL(error, ARGUMENT, "crop_overlap_ratio is %g: it must be 0 to 1",
                         o->crop_overlap_ratio);
    if (isnan(o->pred_iou_thresh) || isnan(o->stability_score_thresh) || isnan(o->box_nms_thresh) ||
        isnan(o->crop_nms_thresh) || !isfinite(o->stability_score_offset) ||
        !isfinite(o->mask_threshold))
        return refuse(error, "a threshold or offset is not a number");
    return check_grids(o, error);
}

static samc_status make_grids(generator *g, samc_error *error)
{
    const samc_generate_options *o = g->options;
    const size_t layers = (size_t)o->crop_n_layers + 1;
    double divisor = 1.0;

    SAMC_TRY(samc_alloc_zero(layers, sizeof *g->grids, &g->grids, error));
    SAMC_TRY(samc_alloc_zero(layers, sizeof *g->n_points, &g->n_points, error));
    for (size_t i = 0; i < layers; i++, divisor *= o->crop_n_points_downscale_factor) {
        const int32_t side = (int32_t)(o->points_per_side / divisor);

        if (o->point_grids) {
            g->n_points[i] = o->point_grids[i].n;
            continue;
        }
        if (side < 1)
            return SAMC_FAIL(error, ARGUMENT,
                             "%d points a side, divided by %d in every crop layer, are none in "
                             "layer %zu: ask at more points or cut fewer layers",
                             o->points_per_side, o->crop_n_points_downscale_factor, i);
        g->n_points[i] = (size_t)side * (size_t)side;
        SAMC_TRY(samc_point_grid_make(side, &g->grids[i], error));
    }
    return SAMC_OK;
}

static int crop_is_empty(const samc_crop *crop)
{
    return crop->box[0] >= crop->box[2] || crop->box[1] >= crop->box[3];
}

static samc_status plan_crops(generator *g, samc_error *error)
{
    SAMC_TRY(samc_crops_make(g->width, g->height, g->options->crop_n_layers,
                             g->options->crop_overlap_ratio, &g->crops, &g->n_crops, error));
    for (size_t i = 0; i < g->n_crops; i++) {
        const samc_crop *crop = &g->crops[i];

        if (!crop_is_empty(crop))
            g->all += (double)g->n_points[crop->layer] + (g->embedding ? 0 : ENCODING_PROMPTS);
        else if (g->options->exact)
            return SAMC_FAIL(error, UNSUPPORTED,
                             "crop layer %d of a photo of %d x %d pixels has crops without pixels, "
                             "where the reference fails",
                             crop->layer, g->width, g->height);
    }
    return SAMC_OK;
}

/* ------------------------------------------------------------------------- progress */

static samc_status tell(generator *g, double done, samc_error *error)
{
    const samc_generate_options *o = g->options;

    /* `<` and not a rounded share decides what the end is: the last one is exactly 1 */
    if (!g->stopped && o->progress)
        g->stopped = o->progress(o->user, done < g->all ? done / g->all : 1.0) != 0;
    if (g->stopped)
        return SAMC_FAIL(error, CANCELLED, "the search for masks was cancelled");
    return SAMC_OK;
}

static int tell_encoding(void *user, double done)
{
    generator *g = user;

    return tell(g, g->done + done * ENCODING_PROMPTS, NULL) != SAMC_OK;
}

static samc_status tell_search(void *user, size_t done, samc_error *error)
{
    generator *g = user;

    return tell(g, g->done + (double)done, error);
}

/* ------------------------------------------------------------------------- crops */

static size_t bytes_a_pixel(samc_pixel_format format)
{
    return format == SAMC_PIXELS_RGBA ? 4 : format == SAMC_PIXELS_GRAY ? 1 : 3;
}

/* The embedding of a crop, for the caller to free, on failure too. */
static samc_status encode_crop(generator *g, const samc_crop *crop, samc_embedding **embedding,
                               samc_error *error)
{
    samc_encode_options options = SAMC_ENCODE_OPTIONS_INIT;
    samc_image view = *g->image;

    view.pixels += (size_t)crop->box[1] * view.stride +
                   (size_t)crop->box[0] * bytes_a_pixel(view.format);
    view.width = crop->box[2] - crop->box[0];
    view.height = crop->box[3] - crop->box[1];
    options.progress = tell_encoding;
    options.user = g;
    SAMC_TRY(samc_encode(g->context, g->model, &view, &options, embedding, error));
    g->done += ENCODING_PROMPTS;
    return g->stopped ? tell(g, g->done, error) : SAMC_OK;
}

/* Drops duplicates among the candidates from `first` on: by scores [count - first]. */
static samc_status drop_duplicates(generator *g, size_t first, const float *scores,
                                   double threshold, samc_error *error)
{
    const size_t n = g->found.count - first;
    float(*boxes)[4] = NULL;
    size_t *keep = NULL, kept = 0;
    samc_status status = SAMC_OK;

    SAMC_CHECK(samc_alloc(n, sizeof *boxes, &boxes, error));
    SAMC_CHECK(samc_alloc(n, sizeof *keep, &keep, error));
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 4; k++)
            boxes[i][k] = (float)g->found.items[first + i].box[k];
    SAMC_CHECK(samc_box_nms((const float(*)[4])boxes, scores, n, threshold, keep, &kept, error));
    SAMC_CHECK(samc_candidates_keep(&g->found, first, keep, kept, error));

cleanup:
    free(boxes);
    free(keep);
    return status;
}

/* What a mask is worth beside its duplicates. */
typedef float (*score_fn)(const samc_candidate *mask);

static float score_by_iou(const samc_candidate *mask)
{
    return mask->predicted_iou;
}

/* Masks of smaller crops are preferred. The area is rounded to f32 first, as the reference's is. */
static float score_by_crop(const samc_candidate *mask)
{
    return 1.0f /
           (float)((int64_t)(mask->crop[2] - mask->crop[0]) * (mask->crop[3] - mask->crop[1]));
}

static samc_status drop_by(generator *g, size_t first, score_fn score, double threshold,
                           samc_error *error)
{
    const size_t n = g->found.count - first;
    float *scores = NULL;
    samc_status status;

    SAMC_TRY(samc_alloc(n, sizeof *scores, &scores, error));
    for (size_t i = 0; i < n; i++)
        scores[i] = score(&g->found.items[first + i]);
    status = drop_duplicates(g, first, scores, threshold, error);
    free(scores);
    return status;
}

static samc_status search_crop(generator *g, const samc_crop *crop, samc_error *error)
{
    const size_t first = g->found.count, n = g->n_points[crop->layer];
    const double *points = g->options->point_grids ? g->options->point_grids[crop->layer].points
                                                   : g->grids[crop->layer];
    samc_embedding *own = NULL;
    samc_arena spare = {NULL, NULL}, *arena = NULL;
    samc_search search = {.model = g->model,
                          .embedding = g->embedding,
                          .options = g->options,
                          .width = g->width,
                          .height = g->height,
                          .tell = tell_search,
                          .user = g};
    samc_call call;
    samc_status status = SAMC_OK;

    memcpy(search.crop, crop->box, sizeof search.crop);
    if (!g->embedding) {
        SAMC_CHECK(encode_crop(g, crop, &own, error));
        search.embedding = own;
    }
    arena = samc_context_take_arena(g->context, &spare);
    call = (samc_call){g->model->kernels, g->context->threads, arena, g->context->stopwatch};
    search.call = &call;
    SAMC_CHECK(samc_search_run(&search, points, n, &g->found, error));
    g->done += (double)n;
    SAMC_CHECK(drop_by(g, first, score_by_iou, g->options->box_nms_thresh, error));

cleanup:
    if (arena)
        samc_context_return_arena(g->context, arena);
    samc_embedding_free(own);
    return status;
}

/* ------------------------------------------------------------------------- after all crops */

static samc_status unpack(const generator *g, const samc_candidate *mask, samc_rle *rle,
                          samc_error *error)
{
    return samc_rle_from_string(mask->rle, strlen(mask->rle), g->height, g->width, rle, error);
}

/* Mends one mask; box and area are those of what it becomes. `changed` as the reference has it: a
 * single region that is too small counts as mended though it stays. */
static samc_status mend_one(const generator *g, samc_candidate *mask, int *changed,
                            samc_error *error)
{
    const uint64_t least = (uint64_t)g->options->min_mask_region_area;
    samc_rle before = SAMC_RLE_INIT, filled = SAMC_RLE_INIT, after = SAMC_RLE_INIT;
    samc_status status = SAMC_OK;
    size_t holes = 0, islands = 0;
    char *text = NULL;
    int32_t box[4];

    SAMC_CHECK(unpack(g, mask, &before, error));
    SAMC_CHECK(samc_rle_fill_holes(&before, least, 1, &filled, &holes, error));
    SAMC_CHECK(samc_rle_drop_islands(&filled, least, &after, &islands, error));
    mask->area = (int64_t)samc_rle_area(&after);
    *changed = holes || islands || (mask->area > 0 && (uint64_t)mask->area < least);
    if (!*changed)
        goto cleanup;
    SAMC_CHECK(samc_rle_to_string(&after, &text, error));
    free(mask->rle);
    mask->rle = text;
    samc_rle_box(&after, box);
    for (int i = 0; i < 4; i++) /* an empty mask has four zeros, its size included */
        mask->box[i] = i < 2 || !mask->area ? box[i] : box[i - 2] + box[i] - 1;

cleanup:
    samc_rle_free(&before);
    samc_rle_free(&filled);
    samc_rle_free(&after);
    return status;
}

/* Mends all masks and drops those that have become duplicates, the mended ones rather. */
static samc_status mend_all(generator *g, samc_error *error)
{
    const samc_generate_options *o = g->options;
    float *scores = NULL;
    samc_status status = SAMC_OK;

    SAMC_CHECK(samc_alloc(g->found.count, sizeof *scores, &scores, error));
    for (size_t i = 0; i < g->found.count; i++) {
        int changed = 0;

        SAMC_CHECK(mend_one(g, &g->found.items[i], &changed, error));
        scores[i] = changed ? 0.0f : 1.0f;
    }
    SAMC_CHECK(drop_duplicates(
        g, 0, scores,
        o->box_nms_thresh > o->crop_nms_thresh ? o->box_nms_thresh : o->crop_nms_thresh, error));

cleanup:
    free(scores);
    return status;
}

static samc_status drop_small(generator *g, samc_error *error)
{
    size_t *keep = NULL, kept = 0;
    samc_status status;

    SAMC_TRY(samc_alloc(g->found.count, sizeof *keep, &keep, error));
    for (size_t i = 0; i < g->found.count; i++)
        if (g->found.items[i].area >= g->options->min_mask_area)
            keep[kept++] = i;
    status = samc_candidates_keep(&g->found, 0, keep, kept, error);
    free(keep);
    return status;
}

static samc_status hand_over(const generator *g, samc_mask_fn take, void *user, samc_error *error)
{
    for (size_t i = 0; i < g->found.count; i++) {
        const samc_candidate *m = &g->found.items[i];
        samc_mask_record record = {.struct_size = sizeof record,
                                   .index = i,
                                   .count = g->found.count,
                                   .width = g->width,
                                   .height = g->height,
                                   .rle = m->rle,
                                   .area = m->area,
                                   .predicted_iou = m->predicted_iou,
                                   .stability_score = m->stability,
                                   .point = {m->point[0], m->point[1]}};
        samc_rle rle = {0};
        int stop;

        for (int k = 0; k < 4; k++) {
            record.box[k] = m->box[k] - (k < 2 ? 0 : m->box[k - 2]);
            record.crop_box[k] = m->crop[k] - (k < 2 ? 0 : m->crop[k - 2]);
        }
        SAMC_TRY(unpack(g, m, &rle, error));
        record.mask = &rle;
        stop = take(user, &record);
        samc_rle_free(&rle);
        if (stop)
            return SAMC_FAIL(error, CANCELLED, "cancelled after mask %zu of %zu", i + 1,
                             g->found.count);
    }
    return SAMC_OK;
}

static samc_status generate(generator *g, samc_mask_fn take, void *user, samc_error *error)
{
    SAMC_TRY(make_grids(g, error));
    SAMC_TRY(plan_crops(g, error));
    for (size_t i = 0; i < g->n_crops; i++)
        if (!crop_is_empty(&g->crops[i]))
            SAMC_TRY(search_crop(g, &g->crops[i], error));
    if (g->n_crops > 1 && g->options->exact && !g->found.count)
        return SAMC_FAIL(error, UNSUPPORTED,
                         "no crop of the photo has a mask, where the reference fails");
    if (g->n_crops > 1)
        SAMC_TRY(drop_by(g, 0, score_by_crop, g->options->crop_nms_thresh, error));
    if (g->options->min_mask_region_area > 0)
        SAMC_TRY(mend_all(g, error));
    if (g->options->min_mask_area > 0)
        SAMC_TRY(drop_small(g, error));
    samc_stopwatch_lap(g->context->stopwatch, "duplicates, small regions", 0.0);
    return hand_over(g, take, user, error);
}

/* ------------------------------------------------------------------------- the public calls */

static samc_status run(samc_context *context, const samc_model *model, const samc_image *image,
                       const samc_embedding *embedding, const samc_generate_options *options,
                       samc_mask_fn take, void *user, samc_error *error)
{
    samc_generate_options defaults = SAMC_GENERATE_OPTIONS_INIT;
    generator g = {.context = context,
                   .model = model,
                   .options = options ? options : &defaults,
                   .image = image,
                   .embedding = embedding};
    samc_status status;

    if (!context || !model || !take || g.options->struct_size < sizeof defaults)
        return refuse(error,
                      "give a context, a model, a function that takes the masks, and options "
                      "that are NULL or began with SAMC_GENERATE_OPTIONS_INIT");
    if (!options)
        SAMC_TRY(samc_model_recommend(model, &defaults, error));
    SAMC_TRY(check_options(g.options, error));
    if (model->config.mask_tokens < 2)
        return SAMC_FAIL(error, UNSUPPORTED, "this model has one mask a prompt, not three");
    g.width = embedding ? embedding->frame.width : image->width;
    g.height = embedding ? embedding->frame.height : image->height;
    status = generate(&g, take, user, error);
    samc_candidates_free(&g.found);
    for (size_t i = 0; g.grids && i <= (size_t)g.options->crop_n_layers; i++)
        free(g.grids[i]);
    free(g.grids);
    free(g.n_points);
    free(g.crops);
    return status;
}

samc_status samc_generate(samc_context *context, const samc_model *model, const samc_image *image,
                          const samc_generate_options *options, samc_mask_fn take, void *take_user,
                          samc_error *error)
{
    SAMC_TRY(samc_image_check(image, error));
    return run(context, model, image, NULL, options, take, take_user, error);
}

samc_status samc_generate_from_embedding(samc_context *context, const samc_model *model,
                                         const samc_embedding *embedding,
                                         const samc_generate_options *options, samc_mask_fn take,
                                         void *take_user, samc_error *error)
{
    if (!embedding)
        return refuse(error, "the embedding is NULL");
    if (model && strcmp(embedding->identity, model->identity) != 0)
        return SAMC_FAIL(error, MODEL, "the embedding was made by another model");
    if (options && options->crop_n_layers != 0)
        return refuse(error,
                      "an embedding has no pixels to cut crops from: crop_n_layers must be 0");
    return run(context, model, NULL, embedding, options, take, take_user, error);
}
