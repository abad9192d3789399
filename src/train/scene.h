/* SPDX-License-Identifier: Apache-2.0
 *
 * Scene: a sample in the making. Its photo is final once drawn; what its masks may be is a list of
 * choices, of which as many are drawn as are asked for.
 */
#ifndef SAMC_TRAIN_SCENE_H
#define SAMC_TRAIN_SCENE_H

#include "base/random.h"
#include "train/samples.h"

/* The largest share of the photo's rectangle that a mask may cover. Source: the paper. */
#define SAMC_SCENE_MAX_AREA 0.9
/* The fewest pixels of a mask, whatever the share. */
#define SAMC_SCENE_MIN_PIXELS 25

/* Begins `sample`: a black photo and no masks, with room for max_masks of them. The rectangle is
 * that of a photo of these proportions. Errors: MEMORY. */
samc_status samc_scene_begin(int32_t size, int32_t photo_width, int32_t photo_height,
                             int32_t max_masks, samc_sample *sample, samc_error *error);

/* 1: a mask of so many pixels is neither tiny nor (nearly) everything. */
int samc_scene_fits(const samc_sample *sample, double min_area, int64_t area);

/* Counts the next mask in, which the caller has drawn into samc_scene_next_mask, unless it does not
 * fit. `label` (may be NULL) is copied. Errors: MEMORY. */
uint8_t *samc_scene_next_mask(samc_sample *sample);
samc_status samc_scene_take_mask(samc_sample *sample, double min_area, const char *label,
                                 samc_error *error);

/* A map of what each pixel is, and which sets of values are masks. Begin with {0}; free with
 * samc_choices_free. */
typedef struct samc_choice {
    uint8_t values[256]; /* 1: pixels of this value are inside */
    int32_t piece;       /* 0, or only this connected piece */
    int64_t area;
    double weight; /* how gladly it is drawn */
    char *label;   /* or NULL */
} samc_choice;

typedef struct samc_choices {
    const uint8_t *map;    /* [S][S] */
    const int32_t *pieces; /* [S][S] connected pieces of the map; NULL: no choice has a piece */
    const uint8_t *ignore; /* [256] 1: pixels of this value are unknown in every mask; or NULL */
    size_t count, capacity;
    samc_choice *items;
} samc_choices;

/* Adds a choice; `label` is copied. Errors: MEMORY. */
samc_status samc_choices_add(samc_choices *choices, const samc_choice *choice, const char *label,
                             samc_error *error);
/* Draws up to max_masks of those that fit, by weight, each once, into `sample`. Errors: MEMORY. */
samc_status samc_choices_draw(samc_choices *choices, samc_random *random, double min_area,
                              int32_t max_masks, samc_sample *sample, samc_error *error);
void samc_choices_free(samc_choices *choices);

/* A part of a photo that becomes the sample's whole rectangle. */
typedef struct samc_crop {
    int32_t x, y, width, height; /* in pixels of the photo */
    int flip;                    /* left and right change places */
} samc_crop;

/* Draws a crop of a photo of width x height that holds the position (x, y): now and then all of it,
 * else at least `least` (0..1) of each side, of proportions that differ a little. */
samc_crop samc_crop_draw(samc_random *random, int32_t width, int32_t height, int32_t x, int32_t y,
                         float least);
/* Resizes the crop of `photo` (RGB) into the sample's rectangle. Errors: MEMORY. */
samc_status samc_crop_photo(const samc_crop *crop, const samc_image *photo, samc_sample *sample,
                            samc_error *error);
/* The same for a map [height of the photo][stride], by the nearest pixel, into `out` [S][S]; the
 * rest of `out` stays as it is. */
void samc_crop_map(const samc_crop *crop, const uint8_t *map, size_t stride,
                   const samc_sample *sample, uint8_t *out);

#endif
