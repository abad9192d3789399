/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "train/labelled.h"

#include "base/file.h"
#include "base/memory.h"
#include "mask/components.h"
#include "train/colour.h"
#include "train/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CROPS 4       /* that are tried until one holds a mask; the last one is the whole photo */
#define LEAST 0.35f   /* of a side that a crop has */
#define STRENGTH 0.7f /* of the colours' change */
#define CAPTION_BYTES 2000

/* What a sample is to be. */
typedef struct job {
    samc_supply *supply;
    int32_t size, max_masks;
    samc_sample *sample;
    samc_cutout *cutout; /* samc_labelmap_cutout */
    const char *path;
} job;

static samc_status finish(const samc_source *source, const char *file, samc_random *random,
                          samc_sample *sample, samc_error *error)
{
    size_t size = strlen(source->name) + strlen(file) + 3;

    if (source->plain)
        sample->repeats = 1;
    else
        SAMC_TRY(samc_degrade(random, STRENGTH, sample->pixels, sample->width, sample->height,
                              3 * (size_t)sample->size, error));
    SAMC_TRY(samc_alloc(size, 1, &sample->identity, error));
    (void)snprintf(sample->identity, size, "%s: %s", source->name, file);
    return SAMC_OK;
}

/* Of the crops that are tried: a plain source has only the last one. */
static int first_try(const samc_source *source)
{
    return source->plain ? CROPS - 1 : 0;
}

/* The text ID.txt beside a photo, if there is one. */
static samc_status read_caption(const char *photo_path, char **caption, samc_error *error)
{
    samc_mapping file = {NULL, 0};
    char *path = NULL;
    samc_status status = SAMC_OK;
    size_t n;

    SAMC_TRY(samc_path_replace(photo_path, strlen(".jpg"), ".txt", &path, error));
    if (access(path, R_OK) != 0)
        goto cleanup;
    SAMC_CHECK(samc_file_map(path, &file, error));
    n = file.size < CAPTION_BYTES ? file.size : CAPTION_BYTES;
    while (n > 0 && file.data[n - 1] <= ' ')
        n--;
    if (n == 0)
        goto cleanup;
    SAMC_CHECK(samc_alloc_zero(n + 1, 1, caption, error));
    memcpy(*caption, file.data, n);

cleanup:
    samc_file_unmap(&file);
    free(path);
    return status;
}

/* A random pixel that some label has, for the crop to hold; the middle where tries find none. */
static void draw_focus(samc_random *random, const samc_labelmap *map, int32_t focus[2])
{
    size_t w = (size_t)map->photo.view.width, h = (size_t)map->photo.view.height;

    for (int i = 0; i < 32; i++) {
        size_t at = samc_random_below(random, w * h);

        focus[0] = (int32_t)(at % w);
        focus[1] = (int32_t)(at / w);
        if (map->labels[at])
            return;
    }
    focus[0] = (int32_t)(w / 2);
    focus[1] = (int32_t)(h / 2);
}

static samc_status draw_parts(const job *j, const samc_source *source, const samc_crop *crop,
                              const samc_labelmap *map, samc_random *random, samc_error *error)
{
    samc_sample *sample = j->sample;
    size_t n = (size_t)sample->size * (size_t)sample->size;
    samc_choices choices = {.ignore = source->ignore};
    uint8_t *values = NULL;
    int32_t *pieces = NULL, n_pieces = 0;
    samc_status status = SAMC_OK;

    SAMC_CHECK(samc_alloc_zero(n, 1, &values, error));
    SAMC_CHECK(samc_alloc(n, sizeof *pieces, &pieces, error));
    samc_crop_map(crop, map->labels, (size_t)map->photo.view.width, sample, values);
    SAMC_CHECK(samc_components_find(values, sample->size, sample->size, pieces, &n_pieces, error));
    choices.map = values;
    choices.pieces = pieces;
    SAMC_CHECK(samc_parts_add(&choices, random, sample, &source->names, source->whole,
                              source->whole_weight, n_pieces, error));
    SAMC_CHECK(
        samc_choices_draw(&choices, random, j->supply->min_area, j->max_masks, sample, error));

cleanup:
    samc_choices_free(&choices);
    free(values);
    free(pieces);
    return status;
}

static samc_status make_labelmap(void *user, samc_source *source, size_t index, samc_random *random,
                                 samc_error *error)
{
    const job *j = user;
    const char *path = source->files.paths[index];
    samc_labelmap map = {0};
    samc_status status = SAMC_OK;

    SAMC_TRY(samc_labelmap_read(path, source->max_pixels, &map, error));
    for (int i = first_try(source); i < CROPS && j->sample->n_masks == 0; i++) {
        samc_crop crop = {0, 0, map.photo.view.width, map.photo.view.height, 0};
        int32_t focus[2];

        draw_focus(random, &map, focus);
        if (i + 1 < CROPS)
            crop = samc_crop_draw(random, crop.width, crop.height, focus[0], focus[1], LEAST);
        samc_sample_free(j->sample);
        SAMC_CHECK(
            samc_scene_begin(j->size, crop.width, crop.height, j->max_masks, j->sample, error));
        SAMC_CHECK(draw_parts(j, source, &crop, &map, random, error));
        if (j->sample->n_masks > 0)
            SAMC_CHECK(samc_crop_photo(&crop, &map.photo.view, j->sample, error));
    }
    if (j->sample->n_masks == 0) {
        status = SAMC_FAIL(error, FORMAT,
                           "cannot use %s: its label map has no region of a fit size", path);
        goto cleanup;
    }
    SAMC_CHECK(read_caption(path, &j->sample->caption, error));
    SAMC_CHECK(finish(source, samc_path_name(path), random, j->sample, error));

cleanup:
    samc_labelmap_free(&map);
    if (status != SAMC_OK)
        samc_sample_free(j->sample);
    return status;
}

samc_status samc_labelmap_sample(samc_supply *supply, samc_source *source, samc_random *random,
                                 int32_t size, int32_t max_masks, samc_sample *sample,
                                 samc_error *error)
{
    job j = {supply, size, max_masks, sample, NULL, NULL};

    return samc_supply_draw(supply, source, random, make_labelmap, &j, error);
}

/* ---- cut-outs ---- */

/* The photo with what is not in `values` transparent. The edge is the mean of 3 x 3 pixels: a map's
 * steps would show. */
static samc_status cut(const samc_labelmap *map, const uint8_t values[SAMC_LABELMAP_VALUES],
                       int32_t side, samc_cutout *cutout, samc_error *error)
{
    int32_t w = map->photo.view.width, h = map->photo.view.height;
    size_t n = (size_t)w * (size_t)h;
    samc_rgba picture = {w, h, NULL};
    uint8_t *alpha = NULL;
    samc_status status = SAMC_OK;

    SAMC_CHECK(samc_alloc(n, 4, &picture.pixels, error));
    SAMC_CHECK(samc_alloc(n, 1, &alpha, error));
    for (size_t i = 0; i < n; i++)
        alpha[i] = values[map->labels[i]] ? 255 : 0;
    SAMC_CHECK(samc_box_blur(alpha, w, h, (size_t)w, 1, 1, 1, error));
    for (size_t i = 0; i < n; i++) {
        memcpy(picture.pixels + 4 * i, map->photo.pixels + 3 * i, 3);
        picture.pixels[4 * i + 3] = alpha[i];
    }
    status = samc_cutout_make(&picture, side, cutout, error);

cleanup:
    free(picture.pixels);
    free(alpha);
    return status;
}

static samc_status make_cutout(void *user, samc_source *source, size_t index, samc_random *random,
                               samc_error *error)
{
    job *j = user;
    const char *path = source->files.paths[index];
    int whole = source->whole && samc_random_chance(random, 0.7f);
    uint8_t values[SAMC_LABELMAP_VALUES];
    const char *label = source->whole;
    samc_labelmap map = {0};
    samc_error why = {SAMC_OK, ""};
    samc_cutout made = {0};
    int32_t focus[2];
    samc_status status;

    SAMC_TRY(samc_labelmap_read(path, source->max_pixels, &map, error));
    for (size_t v = 0; v < SAMC_LABELMAP_VALUES; v++)
        values[v] = v > 0 && !source->ignore[v];
    if (!whole) {
        uint8_t value;

        draw_focus(random, &map, focus);
        value = map.labels[(size_t)focus[1] * (size_t)map.photo.view.width + (size_t)focus[0]];
        if (values[value]) { /* else there is hardly anything of a label: take what there is */
            memset(values, 0, sizeof values);
            values[value] = 1;
            label = source->names.names[value];
        }
    }
    status = cut(&map, values, j->size, &made, &why);
    samc_labelmap_free(&map);
    if (status == SAMC_OK && label)
        status = samc_alloc_string(label, &made.label, &why);
    if (status != SAMC_OK) {
        samc_cutout_free(&made);
        return samc_error_set(error, status, "cannot use %s: %s", path, why.message);
    }
    *j->cutout = made;
    j->path = path;
    return SAMC_OK;
}

samc_status samc_labelmap_cutout(samc_supply *supply, samc_source *source, samc_random *random,
                                 int32_t side, samc_cutout *cutout, const char **path,
                                 samc_error *error)
{
    job j = {supply, side, 0, NULL, cutout, NULL};

    SAMC_TRY(samc_supply_draw(supply, source, random, make_cutout, &j, error));
    *path = j.path;
    return SAMC_OK;
}

/* ---- SA-1B and COCO ---- */

/* Draws masks of the crop in random order until there are enough. Annotations that cannot be of a
 * fit size are not rasterised. */
static samc_status draw_annotations(const job *j, const samc_annotations *annotations,
                                    const samc_crop *crop, samc_random *random, uint8_t *full,
                                    size_t *order, samc_error *error)
{
    samc_sample *sample = j->sample;
    double scale = (double)sample->width * sample->height / ((double)crop->width * crop->height);

    for (size_t i = 0; i < annotations->count; i++)
        order[i] = i;
    for (size_t i = 0; i < annotations->count && sample->n_masks < j->max_masks; i++) {
        size_t other = i + samc_random_below(random, annotations->count - i);
        size_t k = order[other];
        const samc_annotation *a = &annotations->items[k];
        samc_error why;
        samc_status status;

        order[other] = order[i];
        if (a->area * scale < SAMC_SCENE_MIN_PIXELS || a->box[0] + a->box[2] < crop->x ||
            a->box[1] + a->box[3] < crop->y || a->box[0] > crop->x + crop->width ||
            a->box[1] > crop->y + crop->height)
            continue;
        status = samc_annotations_mask(annotations, k, full, &why);
        if (status == SAMC_ERROR_FORMAT)
            continue; /* the photo's other masks may be well */
        if (status != SAMC_OK)
            return samc_error_set(error, status, "%s", why.message);
        samc_crop_map(crop, full, (size_t)annotations->width, sample, samc_scene_next_mask(sample));
        SAMC_TRY(samc_scene_take_mask(sample, j->supply->min_area, a->label, error));
    }
    return SAMC_OK;
}

static samc_status crop_annotated(const job *j, const samc_source *source,
                                  const samc_annotations *annotations, const samc_photo *photo,
                                  samc_random *random, samc_error *error)
{
    int32_t w = annotations->width, h = annotations->height;
    uint8_t *full = NULL;
    size_t *order = NULL;
    samc_status status = SAMC_OK;

    SAMC_CHECK(samc_alloc((size_t)w * (size_t)h, 1, &full, error));
    SAMC_CHECK(samc_alloc(annotations->count, sizeof *order, &order, error));
    for (int i = first_try(source); i < CROPS && annotations->count > 0 && j->sample->n_masks == 0;
         i++) {
        const samc_annotation *a =
            &annotations->items[samc_random_below(random, annotations->count)];
        double x = a->box[0] + a->box[2] / 2, y = a->box[1] + a->box[3] / 2;
        samc_crop crop = {0, 0, w, h, 0};

        if (i + 1 < CROPS)
            crop = samc_crop_draw(random, w, h, x > 0 && x < w ? (int32_t)x : w / 2,
                                  y > 0 && y < h ? (int32_t)y : h / 2, LEAST);
        samc_sample_free(j->sample);
        SAMC_CHECK(
            samc_scene_begin(j->size, crop.width, crop.height, j->max_masks, j->sample, error));
        SAMC_CHECK(draw_annotations(j, annotations, &crop, random, full, order, error));
        if (j->sample->n_masks > 0)
            SAMC_CHECK(samc_crop_photo(&crop, &photo->view, j->sample, error));
    }
    if (j->sample->n_masks == 0)
        status = SAMC_FAIL(error, FORMAT, "cannot use %s: none of its %zu masks can be used",
                           annotations->file, annotations->count);

cleanup:
    free(full);
    free(order);
    return status;
}

/* The photo of an SA-1B JSON lies beside it, COCO's in a folder of their own. */
static samc_status photo_path_of(const samc_source *source, size_t index, const char *file,
                                 char **path, samc_error *error)
{
    const char *json;
    size_t length;
    char *folder = NULL;
    samc_status status;

    if (strstr(file, "..") || file[0] == '/')
        return SAMC_FAIL(error, FORMAT, "the photo \"%.200s\" of %s lies outside its folder", file,
                         source->name);
    if (source->type == SAMC_SOURCE_COCO)
        return samc_path_join(source->folder, file, path, error);
    json = source->files.paths[index];
    length = strlen(samc_path_name(json));
    SAMC_TRY(samc_path_replace(json, length + 1, "", &folder, error));
    status = samc_path_join(folder, file, path, error);
    free(folder);
    return status;
}

static samc_status make_annotated(void *user, samc_source *source, size_t index,
                                  samc_random *random, samc_error *error)
{
    const job *j = user;
    samc_read_options options = SAMC_READ_OPTIONS_INIT;
    samc_annotations annotations = {0};
    samc_photo photo = {0};
    char *path = NULL;
    samc_status status = SAMC_OK;

    options.max_pixels = source->max_pixels;
    options.ignore_orientation = 1; /* masks are drawn on the pixels as stored */
    if (source->type == SAMC_SOURCE_COCO)
        SAMC_CHECK(samc_coco_read(&source->coco, index, &annotations, error));
    else
        SAMC_CHECK(samc_sa1b_read(source->files.paths[index], &annotations, error));
    SAMC_CHECK(photo_path_of(source, index, annotations.file, &path, error));
    SAMC_CHECK(samc_photo_read(path, &options, &photo, error));
    if (photo.view.width != annotations.width || photo.view.height != annotations.height) {
        status = SAMC_FAIL(error, FORMAT, "%s has %ld x %ld pixels, its annotations say %ld x %ld",
                           path, (long)photo.view.width, (long)photo.view.height,
                           (long)annotations.width, (long)annotations.height);
        goto cleanup;
    }
    SAMC_CHECK(crop_annotated(j, source, &annotations, &photo, random, error));
    SAMC_CHECK(finish(source, annotations.file, random, j->sample, error));

cleanup:
    samc_annotations_free(&annotations);
    samc_photo_free(&photo);
    free(path);
    if (status != SAMC_OK)
        samc_sample_free(j->sample);
    return status;
}

samc_status samc_annotated_sample(samc_supply *supply, samc_source *source, samc_random *random,
                                  int32_t size, int32_t max_masks, samc_sample *sample,
                                  samc_error *error)
{
    job j = {supply, size, max_masks, sample, NULL, NULL};

    return samc_supply_draw(supply, source, random, make_annotated, &j, error);
}

/* ---- photos without masks ---- */

static samc_status make_photo(void *user, samc_source *source, size_t index, samc_random *random,
                              samc_error *error)
{
    const job *j = user;
    const char *name = samc_path_name(source->files.paths[index]);
    const size_t size = strlen(source->name) + strlen(name) + 3;
    samc_cache_entry *held = NULL;
    const samc_image *photo;
    samc_status status = SAMC_OK;
    samc_crop crop = {0};

    SAMC_TRY(samc_supply_photo(j->supply, source, index, j->size, &held, error));
    photo = &((const samc_stock *)samc_cache_item(held))->photo.view;
    crop.width = photo->width;
    crop.height = photo->height;
    if (!source->plain) {
        const int32_t x = (int32_t)samc_random_below(random, (size_t)crop.width);
        const int32_t y = (int32_t)samc_random_below(random, (size_t)crop.height);

        crop = samc_crop_draw(random, crop.width, crop.height, x, y, LEAST);
    }
    SAMC_CHECK(samc_scene_begin(j->size, crop.width, crop.height, 0, j->sample, error));
    SAMC_CHECK(samc_crop_photo(&crop, photo, j->sample, error));
    SAMC_CHECK(samc_alloc(size, 1, &j->sample->identity, error));
    (void)snprintf(j->sample->identity, size, "%s: %s", source->name, name);
    j->sample->repeats = source->plain;

cleanup:
    samc_cache_release(j->supply->cache, held);
    if (status != SAMC_OK)
        samc_sample_free(j->sample);
    return status;
}

samc_status samc_photo_sample(samc_supply *supply, samc_source *source, samc_random *random,
                              int32_t size, samc_sample *sample, samc_error *error)
{
    job j = {supply, size, 0, sample, NULL, NULL};

    return samc_supply_draw(supply, source, random, make_photo, &j, error);
}
