/* SPDX-License-Identifier: Apache-2.0
 *
 * pictures.h - the pictures that show masks on their photo, in the look of the reference's
 * notebooks: tinted masks, stars for points, green boxes, a title with the score.
 */
#ifndef SAMC_CLI_PICTURES_H
#define SAMC_CLI_PICTURES_H

#include "cli.h"
#include "image/draw.h"
#include "segment/prompts_json.h"

/* A canvas begins as {NULL, 0, 0}; this makes it a copy of the photo. Errors: MEMORY. */
samc_status cli_canvas_begin(samc_canvas *canvas, const samc_photo *photo, samc_error *error);
void cli_canvas_free(samc_canvas *canvas);
/* Writes it as a PNG, with a title above it where there is one and room for it (no side of a
 * picture is over 65535 pixels). Errors: IO, MEMORY. */
samc_status cli_canvas_write(const samc_canvas *canvas, const char *title, const char *path,
                             samc_error *error);

/* Lays the mask u8 [height][width] over the canvas, in the colour of object `object`. */
void cli_canvas_tint(const samc_canvas *canvas, const uint8_t *mask, size_t object);
/* Draws the points and the box of an object's prompt. */
void cli_canvas_prompt(const samc_canvas *canvas, const samc_prompts_object *prompt);

/* Room for "Mask i, Score: 0.xxx", the object's number before it where there are several. */
#define CLI_TITLE_SIZE 64
void cli_title_make(size_t n_objects, size_t object, int32_t mask, float score,
                    char title[CLI_TITLE_SIZE]);

/* All masks of a photo side by side, shrunk where the whole would be very large. Begins as {0}. */
typedef struct cli_grid {
    samc_panel *panels; /* [count], each with a picture and a title of its own */
    char (*titles)[CLI_TITLE_SIZE];
    size_t count;
    size_t used;
    int32_t columns;
    int32_t width; /* of every picture */
    int32_t height;
} cli_grid;

/* For `count` pictures of width x height: `columns` a row, or as many as make it about square if
 * that is 1. Errors: LIMIT, MEMORY. */
samc_status cli_grid_begin(cli_grid *grid, size_t count, int32_t columns, int32_t width,
                           int32_t height, samc_error *error);
/* Adds the next picture. Errors: MEMORY. */
samc_status cli_grid_add(cli_grid *grid, const samc_canvas *picture, const char *title,
                         samc_error *error);
/* Writes the sheet of all as a PNG. Errors: IO, MEMORY. */
samc_status cli_grid_write(const cli_grid *grid, const char *path, samc_error *error);
void cli_grid_free(cli_grid *grid);

#endif
