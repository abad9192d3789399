/* SPDX-License-Identifier: Apache-2.0
 *
 * found.h - the masks of one photo that `samc auto` found: kept as run lengths, drawn one at a
 * time.
 */
#ifndef SAMC_CLI_FOUND_H
#define SAMC_CLI_FOUND_H

#include "cli.h"

typedef struct cli_mask {
    char *rle; /* COCO's string */
    int64_t area;
    int32_t box[4], crop_box[4]; /* as in samc_mask_record */
    float predicted_iou, stability_score;
    double point[2];
} cli_mask;

/* Begins as {0}; end with cli_found_free. */
typedef struct cli_found {
    int32_t width, height;
    cli_mask *masks; /* [count], in the order of the generator */
    size_t count;
    size_t *by_area;   /* [count]: indices from large to small, equal ones in order */
    samc_error *error; /* cli_found_take leaves here why it stopped */
} cli_found;

/* A samc_mask_fn; `user` is a cli_found. */
int cli_found_take(void *user, const samc_mask_record *record);
/* All are there: fills by_area. Errors: MEMORY. */
samc_status cli_found_sort(cli_found *found, samc_error *error);
/* Draws mask `index` into pixels [height][width], 0 or 1. Errors: MEMORY. */
samc_status cli_found_draw(const cli_found *found, size_t index, uint8_t *pixels,
                           samc_error *error);
void cli_found_free(cli_found *found);

/* The members of a record as the reference's JSON has them, without the braces; "bbox" from `box`,
 * xywh. */
void cli_found_json(FILE *stream, const cli_found *found, const cli_mask *mask,
                    const int32_t box[4]);

#endif
