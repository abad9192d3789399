/* SPDX-License-Identifier: Apache-2.0 */
#include "auto_pictures.h"

#include "base/memory.h"
#include "base/random.h"
#include "image/png.h"
#include "pictures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of the notebooks' show_anns. */
#define ALPHA 0.35f

/* Paints mask after mask, larger first, into map [height][width]: where several lie, the smallest
 * stays. */
static samc_status paint(const cli_found *found, uint16_t *map, samc_error *error)
{
    const size_t pixels = (size_t)found->width * (size_t)found->height;
    samc_status status = SAMC_OK;
    uint8_t *mask = NULL;

    if (found->count > UINT16_MAX)
        return SAMC_FAIL(error, LIMIT,
                         "%zu masks are more than the 65535 that a picture can number",
                         found->count);
    memset(map, 0, pixels * sizeof *map);
    SAMC_CHECK(samc_alloc(pixels, 1, &mask, error));
    for (size_t i = 0; i < found->count; i++) {
        const uint16_t value = (uint16_t)(found->by_area[i] + 1);

        SAMC_CHECK(cli_found_draw(found, found->by_area[i], mask, error));
        for (size_t j = 0; j < pixels; j++)
            map[j] = mask[j] ? value : map[j];
    }

cleanup:
    free(mask);
    return status;
}

samc_status cli_labelmap_write(const cli_found *found, const char *path, samc_error *error)
{
    const size_t pixels = (size_t)found->width * (size_t)found->height;
    samc_status status = SAMC_OK;
    uint16_t *map = NULL;
    uint8_t *narrow = NULL;

    SAMC_CHECK(samc_alloc(pixels, sizeof *map, &map, error));
    SAMC_CHECK(paint(found, map, error));
    if (found->count > UINT8_MAX) {
        status = samc_png_write_gray16(path, map, found->width, found->height, error);
        goto cleanup;
    }
    SAMC_CHECK(samc_alloc(pixels, 1, &narrow, error));
    for (size_t i = 0; i < pixels; i++)
        narrow[i] = (uint8_t)map[i];
    status = samc_png_write(path, narrow, found->width, found->height, 1, (size_t)found->width,
                            error);

cleanup:
    free(map);
    free(narrow);
    return status;
}

/* The level of one channel of a hue (0..1, 0 red), fully saturated: 0..1. `shift` is the hue at
 * which the channel is highest. */
static float channel(float hue, float shift)
{
    float away = fabsf(hue - shift);

    away = away > 0.5f ? 1.0f - away : away;
    away = 2.0f - 6.0f * away;
    return away < 0.0f ? 0.0f : away > 1.0f ? 1.0f : away;
}

/* Colours in the order of painting: hues a golden section of the circle apart, so that each falls
 * into the largest gap of those before it; where they begin, saturation and brightness are
 * chance. */
static samc_status choose_colors(const cli_found *found, uint64_t seed, samc_color **colors,
                                 samc_error *error)
{
    samc_random random = samc_random_keyed(seed, 0, 0);
    float hue = samc_random_unit(&random);

    SAMC_TRY(samc_alloc(found->count, sizeof **colors, colors, error));
    for (size_t i = 0; i < found->count; i++) {
        const float grey = 1.0f - samc_random_range(&random, 0.65f, 1.0f);
        const float bright = 255.0f * samc_random_range(&random, 0.7f, 1.0f);
        const float shifts[3] = {0.0f, 1.0f / 3.0f, 2.0f / 3.0f};
        uint8_t rgb[3];

        for (int c = 0; c < 3; c++)
            rgb[c] = (uint8_t)(bright * (grey + (1.0f - grey) * channel(hue, shifts[c])));
        (*colors)[found->by_area[i]] = (samc_color){rgb[0], rgb[1], rgb[2]};
        hue += 0.618034f;
        hue -= floorf(hue);
    }
    return SAMC_OK;
}

static void blend(const samc_canvas *canvas, const uint16_t *map, const samc_color *colors)
{
    const size_t pixels = (size_t)canvas->width * (size_t)canvas->height;

    for (size_t i = 0; i < pixels; i++) {
        uint8_t *p = canvas->pixels + 3 * i;
        const samc_color *c = map[i] ? &colors[map[i] - 1] : NULL;

        if (!c)
            continue;
        p[0] = (uint8_t)((1.0f - ALPHA) * (float)p[0] + ALPHA * (float)c->r + 0.5f);
        p[1] = (uint8_t)((1.0f - ALPHA) * (float)p[1] + ALPHA * (float)c->g + 0.5f);
        p[2] = (uint8_t)((1.0f - ALPHA) * (float)p[2] + ALPHA * (float)c->b + 0.5f);
    }
}

samc_status cli_found_overlay_write(const cli_found *found, const samc_photo *photo, uint64_t seed,
                                    bool beside, const char *path, samc_error *error)
{
    const size_t pixels = (size_t)found->width * (size_t)found->height;
    samc_canvas canvas = {NULL, 0, 0};
    samc_status status = SAMC_OK;
    samc_color *colors = NULL;
    samc_photo sheet = {.pixels = NULL};
    uint16_t *map = NULL;

    SAMC_CHECK(samc_alloc(pixels, sizeof *map, &map, error));
    SAMC_CHECK(paint(found, map, error));
    SAMC_CHECK(choose_colors(found, seed, &colors, error));
    SAMC_CHECK(cli_canvas_begin(&canvas, photo, error));
    blend(&canvas, map, colors);
    if (beside) {
        const samc_panel panels[2] = {{{photo->pixels, found->width, found->height}, NULL},
                                      {canvas, NULL}};

        SAMC_CHECK(samc_draw_sheet(panels, 2, 2, &sheet, error));
        status = samc_png_write(path, sheet.pixels, sheet.view.width, sheet.view.height, 3,
                                sheet.view.stride, error);
    } else {
        status = cli_canvas_write(&canvas, NULL, path, error);
    }

cleanup:
    samc_photo_free(&sheet);
    cli_canvas_free(&canvas);
    free(colors);
    free(map);
    return status;
}

samc_status cli_found_grid_write(const cli_found *found, const samc_photo *photo, const char *path,
                                 samc_error *error)
{
    const size_t pixels = (size_t)found->width * (size_t)found->height;
    samc_canvas canvas = {NULL, 0, 0};
    samc_status status = SAMC_OK;
    cli_grid grid = {NULL, NULL, 0, 0, 0, 0, 0};
    uint8_t *mask = NULL;

    if (found->count == 0) /* a sheet has at least one picture: the photo without a mask */
        return samc_png_write(path, photo->pixels, found->width, found->height, 3,
                              (size_t)found->width * 3, error);
    SAMC_CHECK(cli_grid_begin(&grid, found->count, 1, found->width, found->height, error));
    SAMC_CHECK(samc_alloc(pixels, 1, &mask, error));
    for (size_t i = 0; i < found->count; i++) {
        const size_t index = found->by_area[i];
        char title[CLI_TITLE_SIZE];

        SAMC_CHECK(cli_canvas_begin(&canvas, photo, error));
        SAMC_CHECK(cli_found_draw(found, index, mask, error));
        cli_canvas_tint(&canvas, mask, 0);
        (void)snprintf(title, sizeof title, "Mask %zu, Area: %lld", index,
                       (long long)found->masks[index].area);
        SAMC_CHECK(cli_grid_add(&grid, &canvas, title, error));
        cli_canvas_free(&canvas);
    }
    status = cli_grid_write(&grid, path, error);

cleanup:
    cli_grid_free(&grid);
    cli_canvas_free(&canvas);
    free(mask);
    return status;
}
