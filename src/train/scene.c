/* SPDX-License-Identifier: Apache-2.0 */
#include "train/scene.h"

#include "base/memory.h"
#include "image/resize.h"
#include "segment/transforms.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

samc_status samc_scene_begin(int32_t size, int32_t photo_width, int32_t photo_height,
                             int32_t max_masks, samc_sample *sample, samc_error *error)
{
    samc_frame frame = samc_frame_of(photo_width, photo_height, size);
    size_t n = (size_t)size * (size_t)size;

    sample->size = size;
    sample->width = frame.resized_width;
    sample->height = frame.resized_height;
    SAMC_TRY(samc_alloc_zero(n, 3, &sample->pixels, error));
    /* one more than asked for: the next mask is drawn before it is known whether it is taken */
    SAMC_TRY(samc_alloc_zero(n, (size_t)max_masks + 1, &sample->masks, error));
    return samc_alloc_zero((size_t)max_masks, sizeof *sample->labels, &sample->labels, error);
}

void samc_sample_free(samc_sample *sample)
{
    for (int32_t i = 0; i < sample->n_masks; i++)
        free(sample->labels[i]);
    free(sample->labels);
    free(sample->pixels);
    free(sample->masks);
    free(sample->caption);
    free(sample->identity);
    *sample = (samc_sample){0};
}

int samc_scene_fits(const samc_sample *sample, double min_area, int64_t area)
{
    double all = (double)sample->width * sample->height;

    return area >= SAMC_SCENE_MIN_PIXELS && (double)area >= min_area * all &&
           (double)area <= SAMC_SCENE_MAX_AREA * all;
}

uint8_t *samc_scene_next_mask(samc_sample *sample)
{
    return sample->masks + (size_t)sample->n_masks * (size_t)sample->size * (size_t)sample->size;
}

samc_status samc_scene_take_mask(samc_sample *sample, double min_area, const char *label,
                                 samc_error *error)
{
    const uint8_t *mask = samc_scene_next_mask(sample);
    size_t n = (size_t)sample->size * (size_t)sample->size;
    int64_t area = 0;

    for (size_t i = 0; i < n; i++)
        area += mask[i] == 1;
    if (!samc_scene_fits(sample, min_area, area))
        return SAMC_OK;
    sample->labels[sample->n_masks] = NULL;
    if (label)
        SAMC_TRY(samc_alloc_string(label, &sample->labels[sample->n_masks], error));
    sample->n_masks++;
    return SAMC_OK;
}

samc_status samc_choices_add(samc_choices *choices, const samc_choice *choice, const char *label,
                             samc_error *error)
{
    char *copy = NULL;

    if (choices->count == choices->capacity) {
        size_t capacity = choices->capacity ? 2 * choices->capacity : 32;
        samc_choice *more = NULL;

        SAMC_TRY(samc_alloc(capacity, sizeof *more, &more, error));
        if (choices->count)
            memcpy(more, choices->items, choices->count * sizeof *more);
        free(choices->items);
        choices->items = more;
        choices->capacity = capacity;
    }
    if (label)
        SAMC_TRY(samc_alloc_string(label, &copy, error));
    choices->items[choices->count] = *choice;
    choices->items[choices->count++].label = copy;
    return SAMC_OK;
}

/* Draws the mask of a choice. */
static void paint(const samc_choices *choices, const samc_choice *choice, const samc_sample *sample,
                  uint8_t *mask)
{
    size_t s = (size_t)sample->size;

    memset(mask, 0, s * s);
    for (size_t y = 0; y < (size_t)sample->height; y++)
        for (size_t x = 0; x < (size_t)sample->width; x++) {
            size_t i = y * s + x;
            uint8_t value = choices->map[i];

            if (choices->ignore && choices->ignore[value])
                mask[i] = SAMC_SAMPLE_IGNORE;
            else
                mask[i] = choice->values[value] &&
                          (!choice->piece || choices->pieces[i] == choice->piece);
        }
}

samc_status samc_choices_draw(samc_choices *choices, samc_random *random, double min_area,
                              int32_t max_masks, samc_sample *sample, samc_error *error)
{
    samc_status status = SAMC_OK;
    double *weights = NULL;
    size_t left = 0;

    SAMC_TRY(samc_alloc(choices->count, sizeof *weights, &weights, error));
    for (size_t i = 0; i < choices->count; i++) {
        weights[i] = samc_scene_fits(sample, min_area, choices->items[i].area)
                         ? choices->items[i].weight
                         : 0;
        left += weights[i] > 0;
    }
    for (; left > 0 && sample->n_masks < max_masks; left--) {
        size_t i = samc_random_weighted(random, weights, choices->count);

        weights[i] = 0;
        paint(choices, &choices->items[i], sample, samc_scene_next_mask(sample));
        SAMC_CHECK(samc_scene_take_mask(sample, min_area, choices->items[i].label, error));
    }

cleanup:
    free(weights);
    return status;
}

void samc_choices_free(samc_choices *choices)
{
    for (size_t i = 0; i < choices->count; i++)
        free(choices->items[i].label);
    free(choices->items);
    choices->items = NULL;
    choices->count = choices->capacity = 0;
}

/* A side of a crop, and where it begins so that it holds `at` and stays inside `side`. */
static void place(samc_random *random, int32_t side, float wanted, int32_t at, int32_t *from,
                  int32_t *length)
{
    int32_t n = (int32_t)wanted;
    int32_t low, high;

    n = n < 1 ? 1 : n > side ? side : n;
    low = at - n + 1 > 0 ? at - n + 1 : 0;
    high = at < side - n ? at : side - n;
    *from = low + (int32_t)samc_random_below(random, (size_t)(high - low) + 1);
    *length = n;
}

samc_crop samc_crop_draw(samc_random *random, int32_t width, int32_t height, int32_t x, int32_t y,
                         float least)
{
    samc_crop crop = {0, 0, width, height, 0};
    int whole = samc_random_chance(random, 0.25f);
    float zoom = samc_random_range(random, least, 1.0f);
    float stretch = sqrtf(samc_random_log_range(random, 0.75f, 1.333f));

    crop.flip = samc_random_chance(random, 0.5f);
    if (whole)
        return crop;
    place(random, width, (float)width * zoom * stretch, x, &crop.x, &crop.width);
    place(random, height, (float)height * zoom / stretch, y, &crop.y, &crop.height);
    return crop;
}

samc_status samc_crop_photo(const samc_crop *crop, const samc_image *photo, samc_sample *sample,
                            samc_error *error)
{
    size_t w = (size_t)sample->width, h = (size_t)sample->height, s = (size_t)sample->size;
    samc_image part = *photo;
    uint8_t *dense = NULL;
    samc_status status = SAMC_OK;

    part.pixels += (size_t)crop->y * photo->stride + 3 * (size_t)crop->x;
    part.width = crop->width;
    part.height = crop->height;
    SAMC_TRY(samc_alloc(w * h, 3, &dense, error));
    SAMC_CHECK(samc_resize_rgb(&part, sample->width, sample->height, dense, error));
    for (size_t y = 0; y < h; y++) {
        const uint8_t *in = dense + 3 * y * w;
        uint8_t *out = sample->pixels + 3 * y * s;

        if (!crop->flip) {
            memcpy(out, in, 3 * w);
            continue;
        }
        for (size_t x = 0; x < w; x++)
            memcpy(out + 3 * x, in + 3 * (w - 1 - x), 3);
    }

cleanup:
    free(dense);
    return status;
}

void samc_crop_map(const samc_crop *crop, const uint8_t *map, size_t stride,
                   const samc_sample *sample, uint8_t *out)
{
    for (int64_t y = 0; y < sample->height; y++) {
        int64_t from_y = crop->y + (2 * y + 1) * crop->height / (2 * sample->height);

        for (int64_t x = 0; x < sample->width; x++) {
            int64_t at = crop->flip ? sample->width - 1 - x : x;
            int64_t from_x = crop->x + (2 * at + 1) * crop->width / (2 * sample->width);

            out[y * sample->size + x] = map[(size_t)from_y * stride + (size_t)from_x];
        }
    }
}
