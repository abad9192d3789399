/* SPDX-License-Identifier: Apache-2.0 */
#include "pictures.h"

#include "base/memory.h"
#include "image/resize.h"

#include <stdlib.h>
#include <string.h>

/* A grid of more pixels than this is made of shrunk pictures: 8192 x 4096. */
#define GRID_PIXELS (8192.0 * 4096.0)
/* Neither side of a sheet may pass 65535 pixels; margins and titles take the rest. */
#define GRID_SIDE 60000.0
/* What a title and the margins add to each side of a picture, about. */
#define GRID_FRAME 64.0
#define GRID_MAX 65535

samc_status cli_canvas_begin(samc_canvas *canvas, const samc_photo *photo, samc_error *error)
{
    size_t bytes = (size_t)photo->view.width * (size_t)photo->view.height * 3;

    SAMC_TRY(samc_alloc(bytes, 1, &canvas->pixels, error));
    memcpy(canvas->pixels, photo->pixels, bytes);
    canvas->width = photo->view.width;
    canvas->height = photo->view.height;
    return SAMC_OK;
}

void cli_canvas_free(samc_canvas *canvas)
{
    free(canvas->pixels);
    *canvas = (samc_canvas){NULL, 0, 0};
}

samc_status cli_canvas_write(const samc_canvas *canvas, const char *title, const char *path,
                             samc_error *error)
{
    samc_status status;
    samc_panel panel = {*canvas, title};
    samc_photo sheet;

    if (!title || canvas->width > GRID_SIDE || canvas->height > GRID_SIDE)
        return samc_png_write(path, canvas->pixels, canvas->width, canvas->height, 3,
                              (size_t)canvas->width * 3, error);
    SAMC_TRY(samc_draw_sheet(&panel, 1, 1, &sheet, error));
    status = samc_png_write(path, sheet.pixels, sheet.view.width, sheet.view.height, 3,
                            sheet.view.stride, error);
    samc_photo_free(&sheet);
    return status;
}

void cli_canvas_tint(const samc_canvas *canvas, const uint8_t *mask, size_t object)
{
    samc_draw_mask(canvas, mask, samc_draw_color((int32_t)object), SAMC_DRAW_ALPHA);
}

void cli_canvas_prompt(const samc_canvas *canvas, const samc_prompts_object *prompt)
{
    if (prompt->has_box)
        samc_draw_box(canvas, prompt->box);
    for (size_t i = 0; i < prompt->n_points; i++)
        samc_draw_point(canvas, prompt->points[2 * i], prompt->points[2 * i + 1],
                        prompt->labels[i]);
}

void cli_title_make(size_t n_objects, size_t object, int32_t mask, float score,
                    char title[CLI_TITLE_SIZE])
{
    char whose[32] = "";

    if (n_objects > 1)
        (void)snprintf(whose, sizeof whose, "Object %zu, ", object);
    (void)snprintf(title, CLI_TITLE_SIZE, "%sMask %d, Score: %.3f", whose, mask, (double)score);
}

samc_status cli_grid_begin(cli_grid *grid, size_t count, int32_t columns, int32_t width,
                           int32_t height, samc_error *error)
{
    size_t across = (size_t)columns;
    size_t down;
    double shrink = 1;
    double w = width;
    double h = height;

    while (columns == 1 && across * across < count)
        across++;
    down = (count + across - 1) / across;
    while ((double)count * w * h > GRID_PIXELS || (double)across * (w + GRID_FRAME) > GRID_SIDE ||
           (double)down * (h + GRID_FRAME) > GRID_SIDE) {
        shrink *= 0.9;
        w = width * shrink;
        h = height * shrink;
        if (shrink < 1.0 / 64 || count > GRID_MAX)
            return SAMC_FAIL(error, LIMIT,
                             "a grid of %zu masks is more than a picture can hold: leave the grid "
                             "out",
                             count);
    }
    grid->columns = (int32_t)across;
    grid->width = w < 1 ? 1 : (int32_t)w;
    grid->height = h < 1 ? 1 : (int32_t)h;
    SAMC_TRY(samc_alloc_zero(count, sizeof *grid->panels, &grid->panels, error));
    grid->count = count;
    return samc_alloc_zero(count, sizeof *grid->titles, &grid->titles, error);
}

samc_status cli_grid_add(cli_grid *grid, const samc_canvas *picture, const char *title,
                         samc_error *error)
{
    samc_panel *panel = &grid->panels[grid->used];
    samc_image view = {picture->pixels, picture->width, picture->height, (size_t)picture->width * 3,
                       SAMC_PIXELS_RGB};

    SAMC_TRY(
        samc_alloc((size_t)grid->width * (size_t)grid->height, 3, &panel->picture.pixels, error));
    panel->picture.width = grid->width;
    panel->picture.height = grid->height;
    (void)snprintf(grid->titles[grid->used], CLI_TITLE_SIZE, "%s", title);
    panel->title = grid->titles[grid->used];
    grid->used++;
    /* an axis that keeps its size is not filtered: without shrinking this is a copy */
    return samc_resize_rgb(&view, grid->width, grid->height, panel->picture.pixels, error);
}

samc_status cli_grid_write(const cli_grid *grid, const char *path, samc_error *error)
{
    samc_status status;
    samc_photo sheet;

    SAMC_TRY(samc_draw_sheet(grid->panels, (int32_t)grid->used, grid->columns, &sheet, error));
    status = samc_png_write(path, sheet.pixels, sheet.view.width, sheet.view.height, 3,
                            sheet.view.stride, error);
    samc_photo_free(&sheet);
    return status;
}

void cli_grid_free(cli_grid *grid)
{
    for (size_t i = 0; i < grid->count; i++)
        cli_canvas_free(&grid->panels[i].picture);
    free(grid->panels);
    free(grid->titles);
    memset(grid, 0, sizeof *grid);
}
