/* SPDX-License-Identifier: Apache-2.0
 *
 * Draw: masks, points, boxes and titles on a photo, with the look of SAM's notebooks.
 *
 * Sizes follow the photo: they are those of the notebooks' figure of 10 inches (1000 pixels),
 * scaled by the photo's longer side and never below half. Positions are pixels of the photo, origin
 * at the top left corner of the top left pixel. Edges are antialiased; what lies outside the canvas
 * is clipped.
 */
#ifndef SAMC_IMAGE_DRAW_H
#define SAMC_IMAGE_DRAW_H

#include "base/status.h"

#include <samc_io.h>

/* RGB pixels to draw on, u8 [height][width][3]; it owns nothing. */
typedef struct samc_canvas {
    uint8_t *pixels;
    int32_t width;
    int32_t height;
} samc_canvas;

typedef struct samc_color {
    uint8_t r, g, b;
} samc_color;

/* Opacity of a mask on a photo. Source: show_mask. */
#define SAMC_DRAW_ALPHA 0.6f

/* The colour of object `index`: 0 is the notebooks' blue, (30, 144, 255); the others differ from it
 * and from one another as much as their number allows. Source of the blue: show_mask. */
samc_color samc_draw_color(int32_t index);

/* Lays `color` over the pixels where `mask`, u8 [height][width], is not 0. */
void samc_draw_mask(const samc_canvas *canvas, const uint8_t *mask, samc_color color, float alpha);

/* A point: a star with a white edge, green if `label` is 1, else red. Source: show_points. */
void samc_draw_point(const samc_canvas *canvas, float x, float y, int32_t label);

/* A box, hollow and green. Source: show_box. */
void samc_draw_box(const samc_canvas *canvas, const float xyxy[4]);

/* Text in one line, its capitals' tops at `y`, starting at `x`. `size` in pixels: capitals are 0.7
 * of it. UTF-8; a character outside ASCII is drawn as '?'. */
void samc_draw_text(const samc_canvas *canvas, float x, float y, float size, samc_color color,
                    const char *text);
/* The width of that line, in pixels. */
float samc_draw_text_width(float size, const char *text);

/* A picture in a sheet, with a title above it; NULL: none. */
typedef struct samc_panel {
    samc_canvas picture;
    const char *title;
} samc_panel;

/* Lays `count` pictures of one size on a white sheet, `columns` side by side, row after row; free
 * `sheet` with samc_photo_free. There is room for titles if any panel has one.
 * Errors: ARGUMENT (no panel, pictures of different sizes), LIMIT (a side over 65535), MEMORY. */
samc_status samc_draw_sheet(const samc_panel *panels, int32_t count, int32_t columns,
                            samc_photo *sheet, samc_error *error);

#endif
