/* SPDX-License-Identifier: Apache-2.0 */
#include "train/composite.h"

#include "base/memory.h"
#include "train/colour.h"
#include "train/labelled.h"
#include "train/paste.h"
#include "train/shapes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OBJECTS 32
#define VISIBLE 0.25    /* the share of an object that must stay visible */
#define MAX_GROWTH 2.5f /* a cut-out is not enlarged more: it would be a blur with sharp edges */
#define NAMES_BYTES 1024
#define PI 3.1415927f

/* One thing to paste, wherever it came from. */
typedef struct thing {
    samc_cache_entry *held; /* a cut-out of the cache */
    samc_cutout own;        /* or one made for this sample */
    const samc_cutout *cutout;
} thing;

/* The sample in the making. */
typedef struct work {
    samc_supply *supply;
    samc_source *source;
    int32_t size;
    samc_sample *sample;
    samc_table table;
    samc_cache_entry *background; /* NULL: painted */
    char names[NAMES_BYTES];      /* of the files */
    int64_t areas[MAX_OBJECTS];   /* of each object when it was pasted */
    char *labels[MAX_OBJECTS];
    int32_t n_objects;
} work;

static void add_name(work *w, const char *path)
{
    size_t used = strlen(w->names);

    (void)snprintf(w->names + used, sizeof w->names - used, "%s%s", used ? " + " : "",
                   samc_path_name(path));
}

/* ---- the background ---- */

static samc_status hold_background(void *user, samc_source *source, size_t index,
                                   samc_random *random, samc_error *error)
{
    work *w = user;

    (void)random;
    SAMC_TRY(samc_supply_photo(w->supply, source, index, w->size, &w->background, error));
    add_name(w, source->files.paths[index]);
    return SAMC_OK;
}

/* A crop of the photo, of the scene's proportions. */
static samc_status paint_background(work *w, samc_random *random, samc_error *error)
{
    samc_sample *sample = w->sample;
    size_t stride = 3 * (size_t)sample->size;
    const samc_image *photo;
    samc_crop crop = {0};
    float fit, zoom;

    if (!w->background || samc_random_chance(random, 0.06f)) {
        samc_texture_paint(random, sample->pixels, sample->width, sample->height, stride, 3, NULL);
        return SAMC_OK;
    }
    photo = &((const samc_stock *)samc_cache_item(w->background))->photo.view;
    /* the largest crop of these proportions is `fit` times the scene */
    fit = (float)photo->width / (float)sample->width;
    if (fit > (float)photo->height / (float)sample->height)
        fit = (float)photo->height / (float)sample->height;
    zoom = samc_random_log_range(random, 0.4f, 1);
    crop.width = (int32_t)((float)sample->width * fit * zoom);
    crop.height = (int32_t)((float)sample->height * fit * zoom);
    crop.width = crop.width < 1 ? 1 : crop.width > photo->width ? photo->width : crop.width;
    crop.height = crop.height < 1 ? 1 : crop.height > photo->height ? photo->height : crop.height;
    crop.x = (int32_t)samc_random_below(random, (size_t)(photo->width - crop.width) + 1);
    crop.y = (int32_t)samc_random_below(random, (size_t)(photo->height - crop.height) + 1);
    crop.flip = samc_random_chance(random, 0.5f);
    SAMC_TRY(samc_crop_photo(&crop, photo, sample, error));
    if (samc_random_chance(random, 0.15f)) /* out of focus */
        SAMC_TRY(samc_box_blur(sample->pixels, sample->width, sample->height, stride, 3,
                               1 + (int32_t)samc_random_below(random, 3), 2, error));
    return SAMC_OK;
}

/* ---- the things ---- */

typedef struct hold_job {
    work *w;
    thing *t;
} hold_job;

static samc_status hold_cutout(void *user, samc_source *source, size_t index, samc_random *random,
                               samc_error *error)
{
    const hold_job *job = user;

    (void)random;
    SAMC_TRY(samc_supply_cutout(job->w->supply, source, index, job->w->size, &job->t->held, error));
    job->t->cutout = &((const samc_stock *)samc_cache_item(job->t->held))->cutout;
    add_name(job->w, source->files.paths[index]);
    return SAMC_OK;
}

static samc_status make_shape(work *w, samc_random *random, samc_cutout *cutout, samc_error *error)
{
    int32_t side = (int32_t)((float)w->size * samc_random_range(random, 0.25f, 0.7f));
    const samc_image *photo = NULL;
    samc_status status = SAMC_ERROR_FORMAT;

    if (w->background)
        photo = &((const samc_stock *)samc_cache_item(w->background))->photo.view;
    for (int i = 0; i < 8 && status == SAMC_ERROR_FORMAT; i++)
        status = samc_shape_make(random, side, photo, cutout, error);
    return status;
}

static samc_status get_thing(work *w, samc_random *random, thing *t, samc_error *error)
{
    samc_source *source = samc_source_draw(w->source->objects, w->source->n_objects, random);
    hold_job job = {w, t};
    const char *path;

    if (source->type == SAMC_SOURCE_CUTOUTS)
        return samc_supply_draw(w->supply, source, random, hold_cutout, &job, error);
    t->cutout = &t->own;
    if (source->type == SAMC_SOURCE_SHAPES)
        return make_shape(w, random, &t->own, error);
    SAMC_TRY(samc_labelmap_cutout(w->supply, source, random, w->size, &t->own, &path, error));
    add_name(w, path);
    return SAMC_OK;
}

static void let_go(work *w, thing *t)
{
    samc_cache_release(w->supply->cache, t->held);
    samc_cutout_free(&t->own);
    *t = (thing){0};
}

/* The first thing is the largest one, mostly: photos are taken of something. */
static samc_pose draw_pose(const work *w, samc_random *random, const samc_cutout *cutout, int first)
{
    float width = (float)w->sample->width, height = (float)w->sample->height;
    float shorter = width < height ? width : height;
    int32_t cw = cutout->levels[0].width, ch = cutout->levels[0].height;
    float longest = MAX_GROWTH * (float)(cw > ch ? cw : ch);
    float margin = first ? 0.2f : 0;
    samc_pose pose = {0};

    pose.side = shorter * (first ? samc_random_log_range(random, 0.35f, 1.2f)
                                 : samc_random_log_range(random, 0.1f, 0.8f));
    pose.side = pose.side > longest ? longest : pose.side < 8 ? 8 : pose.side;
    pose.x = width * samc_random_range(random, margin, 1 - margin);
    pose.y = height * samc_random_range(random, margin, 1 - margin);
    pose.angle = samc_random_chance(random, 0.2f) ? samc_random_range(random, -PI, PI)
                                                  : 0.15f * samc_random_normal(random);
    pose.stretch = samc_random_log_range(random, 0.8f, 1.25f);
    pose.shear = 0.08f * samc_random_normal(random);
    pose.shear = pose.shear < -0.3f ? -0.3f : pose.shear > 0.3f ? 0.3f : pose.shear;
    if (samc_random_chance(random, 0.5f)) {
        pose.tilt_x = samc_random_range(random, -0.3f, 0.3f);
        pose.tilt_y = samc_random_range(random, -0.3f, 0.3f);
    }
    pose.flip = samc_random_chance(random, 0.5f);
    return pose;
}

/* Things that stand side by side: upright, of about one size, their feet on one line. */
typedef struct row {
    int32_t n;
    float side, feet, middle, step; /* in pixels; middle of the row and from one to the next */
} row;

static row draw_row(const work *w, samc_random *random, int32_t n)
{
    float width = (float)w->sample->width, height = (float)w->sample->height;
    row r = {.n = n};

    r.side = height * samc_random_log_range(random, 0.45f, 1.3f);
    r.feet = height * samc_random_range(random, 0.75f, 1.0f) +
             (r.side > 0.8f * height ? r.side - 0.8f * height : 0);
    r.middle = width * samc_random_range(random, 0.35f, 0.65f);
    r.step = r.side * samc_random_range(random, 0.2f, 0.45f);
    r.step = r.step * (float)n > width ? width / (float)n : r.step;
    return r;
}

static samc_pose draw_standing(const row *r, samc_random *random, int32_t index)
{
    samc_pose pose = {.stretch = 1};

    pose.side = r->side * samc_random_range(random, 0.85f, 1.1f);
    pose.x = r->middle + r->step * ((float)index - 0.5f * (float)(r->n - 1) +
                                    0.2f * samc_random_normal(random));
    pose.y = r->feet - 0.5f * pose.side;
    pose.angle = 0.04f * samc_random_normal(random);
    pose.flip = samc_random_chance(random, 0.5f);
    return pose;
}

static samc_status paste_all(work *w, samc_random *random, samc_error *error)
{
    int32_t range = w->source->count[1] - w->source->count[0] + 1;
    /* the smaller of two draws: few things are more common than many */
    size_t a = samc_random_below(random, (size_t)range),
           b = samc_random_below(random, (size_t)range);
    int32_t wanted = w->source->count[0] + (int32_t)(a < b ? a : b);
    int in_row = w->source->side_by_side > 0 &&
                 samc_random_chance(random, (float)w->source->side_by_side);
    row line = {0};
    samc_status status = SAMC_OK;
    thing t = {0};

    if (in_row)
        line = draw_row(w, random, wanted);
    for (int32_t i = 0; i < wanted; i++) {
        samc_pose pose;

        /* now and then the same thing again: two of a kind are still two */
        if (i == 0 || !samc_random_chance(random, 0.15f)) {
            let_go(w, &t);
            SAMC_CHECK(get_thing(w, random, &t, error));
        }
        pose = in_row ? draw_standing(&line, random, i) : draw_pose(w, random, t.cutout, i == 0);
        if (t.cutout->label)
            SAMC_CHECK(samc_alloc_string(t.cutout->label, &w->labels[i], error));
        w->n_objects = i + 1;
        SAMC_CHECK(samc_table_paste(&w->table, random, t.cutout, &pose, (uint8_t)(i + 1),
                                    &w->areas[i], error));
    }

cleanup:
    let_go(w, &t);
    return status;
}

/* Objects of one label that are seen at the same time are a choice as well: several people may be
 * meant by one box. */
static samc_status add_group(const work *w, const int64_t visible[256], int32_t first,
                             samc_choices *choices, samc_error *error)
{
    samc_choice choice = {.weight = w->source->groups};
    char label[256];
    int n = 0;

    for (int32_t i = first; i < w->n_objects; i++) {
        if (!w->labels[i] || strcmp(w->labels[i], w->labels[first]) != 0 || visible[i + 1] == 0)
            continue;
        choice.values[i + 1] = 1;
        choice.area += visible[i + 1];
        n++;
    }
    if (n < 2)
        return SAMC_OK;
    (void)snprintf(label, sizeof label, "several: %.200s", w->labels[first]);
    return samc_choices_add(choices, &choice, label, error);
}

/* 1: no object before this one has its label. */
static int is_first_of_label(const work *w, int32_t index)
{
    for (int32_t i = 0; i < index; i++)
        if (w->labels[i] && w->labels[index] && strcmp(w->labels[i], w->labels[index]) == 0)
            return 0;
    return w->labels[index] != NULL;
}

/* Each object that is still visible is a choice. */
static samc_status draw_masks(work *w, samc_random *random, int32_t max_masks, samc_error *error)
{
    size_t s = (size_t)w->sample->size;
    samc_choices choices = {.map = w->table.owner};
    int64_t visible[256] = {0};
    samc_status status = SAMC_OK;

    for (size_t i = 0; i < s * s; i++)
        visible[w->table.owner[i]]++;
    for (int32_t i = 0; i < w->n_objects; i++) {
        samc_choice choice = {.area = visible[i + 1], .weight = 1};

        if ((double)choice.area < VISIBLE * (double)w->areas[i])
            continue;
        choice.values[i + 1] = 1;
        SAMC_CHECK(samc_choices_add(&choices, &choice, w->labels[i], error));
    }
    for (int32_t i = 0; i < w->n_objects && w->source->groups > 0; i++)
        if (is_first_of_label(w, i))
            SAMC_CHECK(add_group(w, visible, i, &choices, error));
    SAMC_CHECK(
        samc_choices_draw(&choices, random, w->supply->min_area, max_masks, w->sample, error));

cleanup:
    samc_choices_free(&choices);
    return status;
}

static samc_status name_sample(const work *w, samc_error *error)
{
    size_t size = strlen(w->source->name) + strlen(w->names) + 3;

    SAMC_TRY(samc_alloc(size, 1, &w->sample->identity, error));
    (void)snprintf(w->sample->identity, size, "%s: %s", w->source->name,
                   *w->names ? w->names : "no file");
    return SAMC_OK;
}

samc_status samc_composite_sample(samc_supply *supply, samc_source *source, samc_random *scene,
                                  samc_random *masks, int32_t size, int32_t max_masks,
                                  samc_sample *sample, samc_error *error)
{
    /* half of the scenes are square, the others up to 5 : 3 either way */
    float shape = samc_random_chance(scene, 0.5f) ? 1 : samc_random_range(scene, 0.6f, 1);
    int32_t longer = 1000, shorter = (int32_t)(1000 * shape);
    int wide = samc_random_chance(scene, 0.6f);
    samc_status status = SAMC_OK;
    work *w = NULL;

    SAMC_TRY(samc_alloc_zero(1, sizeof *w, &w, error));
    w->supply = supply;
    w->source = source;
    w->size = size;
    w->sample = sample;
    SAMC_CHECK(samc_scene_begin(size, wide ? longer : shorter, wide ? shorter : longer, max_masks,
                                sample, error));
    SAMC_CHECK(samc_table_begin(sample, &w->table, error));
    if (source->n_backgrounds)
        SAMC_CHECK(samc_supply_draw(
            supply, samc_source_draw(source->backgrounds, source->n_backgrounds, scene), scene,
            hold_background, w, error));
    SAMC_CHECK(paint_background(w, scene, error));
    SAMC_CHECK(paste_all(w, scene, error));
    SAMC_CHECK(draw_masks(w, masks, max_masks, error));
    if (sample->n_masks > 0)
        SAMC_CHECK(samc_degrade(scene, 1, sample->pixels, sample->width, sample->height,
                                3 * (size_t)size, error));
    SAMC_CHECK(name_sample(w, error));

cleanup:
    samc_cache_release(supply->cache, w->background);
    for (int32_t i = 0; i < MAX_OBJECTS; i++)
        free(w->labels[i]);
    samc_table_free(&w->table);
    free(w);
    return status;
}
