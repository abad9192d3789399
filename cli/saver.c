/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "saver.h"

#include "base/file.h"
#include "base/memory.h"
#include "image/npy.h"
#include "inputs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

samc_status cli_save_list_read(const char *text, unsigned *what, samc_error *error)
{
    static const struct {
        const char *name;
        unsigned bit;
    } words[] = {
        {"mask", CLI_SAVE_MASK},     {"overlay", CLI_SAVE_OVERLAY}, {"cutout", CLI_SAVE_CUTOUT},
        {"logits", CLI_SAVE_LOGITS}, {"low_res", CLI_SAVE_LOW_RES}, {"grid", CLI_SAVE_GRID},
    };
    const size_t n_words = sizeof words / sizeof words[0];

    *what = 0;
    for (;;) {
        size_t length = strcspn(text, ",");
        size_t i = 0;

        while (i < n_words &&
               (strlen(words[i].name) != length || strncmp(words[i].name, text, length) != 0))
            i++;
        if (i == n_words)
            return SAMC_FAIL(error, ARGUMENT,
                             "--save \"%.*s\": it can be mask, overlay, cutout, logits, low_res or "
                             "grid, separated by commas",
                             (int)length, text);
        *what |= words[i].bit;
        if (text[length] == '\0')
            return SAMC_OK;
        text += length + 1;
    }
}

/* Where one file of a mask goes: `end` follows object and mask (no mask is named for m < 0). */
static samc_status name_file(const cli_saver *saver, size_t object, int32_t m, const char *end,
                             char **path, samc_error *error)
{
    char suffix[96];

    if (m < 0)
        (void)snprintf(suffix, sizeof suffix, "_object%zu%s", object, end);
    else
        (void)snprintf(suffix, sizeof suffix, "_object%zu_mask%d%s", object, m, end);
    return cli_output_path(saver->folder, saver->stem, suffix, path, error);
}

/* Copies a file to stdout. */
static samc_status copy_to_stdout(const char *path, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_mapping mapping = {NULL, 0};

    SAMC_TRY(samc_file_map(path, &mapping, error));
    if (fwrite(mapping.data, 1, mapping.size, stdout) != mapping.size || fflush(stdout) != 0)
        status = samc_error_io(error, "write to", "standard output");
    samc_file_unmap(&mapping);
    return status;
}

/* Writes a gray PNG to stdout, by way of a temporary file: a picture that fails half way must not
 * have begun to flow. */
static samc_status pipe_mask(const uint8_t *gray, int32_t width, int32_t height, samc_error *error)
{
    samc_status status = SAMC_OK;
    const char *folder = getenv("TMPDIR");
    char *path = NULL;
    int fd = -1;

    SAMC_TRY(cli_path_join(folder && folder[0] ? folder : "/tmp", "samc-XXXXXX", &path, error));
    fd = mkstemp(path);
    if (fd < 0) {
        status = samc_error_io(error, "write", path);
        goto cleanup;
    }
    SAMC_CHECK(samc_png_write(path, gray, width, height, 1, (size_t)width, error));
    SAMC_CHECK(copy_to_stdout(path, error));

cleanup:
    if (fd >= 0) {
        (void)close(fd);
        (void)unlink(path);
    }
    free(path);
    return status;
}

/* The mask as gray, 0 or 255; to a file, or to stdout. */
static samc_status save_mask(const cli_saver *saver, size_t object, int32_t m, const uint8_t *mask,
                             samc_error *error)
{
    samc_status status = SAMC_OK;
    const samc_image *view = &saver->photo->view;
    size_t pixels = (size_t)view->width * (size_t)view->height;
    uint8_t *gray = NULL;
    char *path = NULL;

    SAMC_CHECK(samc_alloc(pixels, 1, &gray, error));
    for (size_t i = 0; i < pixels; i++)
        gray[i] = mask[i] ? 255 : 0;
    if (strcmp(saver->folder, "-") == 0) {
        SAMC_CHECK(pipe_mask(gray, view->width, view->height, error));
    } else {
        SAMC_CHECK(name_file(saver, object, m, ".png", &path, error));
        SAMC_CHECK(
            samc_png_write(path, gray, view->width, view->height, 1, (size_t)view->width, error));
    }

cleanup:
    free(gray);
    free(path);
    return status;
}

/* The photo's pixels, opaque inside the mask and transparent outside. */
static samc_status save_cutout(const cli_saver *saver, size_t object, int32_t m,
                               const uint8_t *mask, samc_error *error)
{
    samc_status status = SAMC_OK;
    const samc_image *view = &saver->photo->view;
    size_t pixels = (size_t)view->width * (size_t)view->height;
    uint8_t *rgba = NULL;
    char *path = NULL;

    SAMC_CHECK(samc_alloc(pixels, 4, &rgba, error));
    for (size_t i = 0; i < pixels; i++) {
        memcpy(rgba + 4 * i, saver->photo->pixels + 3 * i, 3);
        rgba[4 * i + 3] = mask[i] ? 255 : 0;
    }
    SAMC_CHECK(name_file(saver, object, m, "_cutout.png", &path, error));
    SAMC_CHECK(
        samc_png_write(path, rgba, view->width, view->height, 4, (size_t)view->width * 4, error));

cleanup:
    free(rgba);
    free(path);
    return status;
}

static samc_status save_array(const cli_saver *saver, size_t object, int32_t m, const char *end,
                              const float *data, const int64_t shape[3], samc_error *error)
{
    samc_status status;
    char *path = NULL;

    SAMC_TRY(name_file(saver, object, m, end, &path, error));
    status = samc_npy_write(path, SAMC_NPY_F32, data, 3, shape, error);
    free(path);
    return status;
}

/* The pictures of one mask: its overlay, and its place in the grid. */
static samc_status save_pictures(cli_saver *saver, size_t object, int32_t m, const uint8_t *mask,
                                 float score, samc_error *error)
{
    samc_status status = SAMC_OK;
    size_t n_objects = saver->prompts->n_objects;
    samc_canvas canvas = {NULL, 0, 0};
    char title[CLI_TITLE_SIZE];
    char *path = NULL;

    SAMC_CHECK(cli_canvas_begin(&canvas, saver->photo, error));
    cli_canvas_tint(&canvas, mask, object);
    cli_canvas_prompt(&canvas, &saver->prompts->objects[object]);
    cli_title_make(n_objects, object, m, score, title);
    if (saver->what & CLI_SAVE_GRID)
        SAMC_CHECK(cli_grid_add(&saver->grid, &canvas, title, error));
    if (saver->what & CLI_SAVE_OVERLAY && n_objects == 1) {
        SAMC_CHECK(name_file(saver, object, m, "_overlay.png", &path, error));
        SAMC_CHECK(cli_canvas_write(&canvas, title, path, error));
    }

cleanup:
    cli_canvas_free(&canvas);
    free(path);
    return status;
}

samc_status cli_saver_begin(cli_saver *saver, samc_error *error)
{
    const samc_image *view = &saver->photo->view;
    size_t n_objects = saver->prompts->n_objects;

    if (saver->what & CLI_SAVE_OVERLAY && n_objects > 1)
        SAMC_TRY(cli_canvas_begin(&saver->overlay, saver->photo, error));
    if (saver->what & CLI_SAVE_GRID)
        SAMC_TRY(cli_grid_begin(&saver->grid, n_objects * (size_t)saver->n_masks, saver->n_masks,
                                view->width, view->height, error));
    return SAMC_OK;
}

samc_status cli_saver_add(cli_saver *saver, size_t object, const samc_masks *masks, int32_t prompt,
                          samc_error *error)
{
    size_t first = (size_t)prompt * (size_t)masks->n_masks;
    size_t pixels = (size_t)masks->height * (size_t)masks->width;
    size_t side = (size_t)masks->low_res_size;
    int32_t best = 0;

    for (int32_t m = 0; m < masks->n_masks; m++) {
        size_t at = first + (size_t)m;
        const uint8_t *mask = masks->masks + at * pixels;
        float score = masks->predicted_iou[at];

        if (score > masks->predicted_iou[first + (size_t)best])
            best = m;
        if (saver->what & CLI_SAVE_MASK)
            SAMC_TRY(save_mask(saver, object, m, mask, error));
        if (saver->what & CLI_SAVE_CUTOUT)
            SAMC_TRY(save_cutout(saver, object, m, mask, error));
        if (saver->what & CLI_SAVE_LOW_RES)
            SAMC_TRY(save_array(
                saver, object, m, "_low_res.npy", masks->low_res_logits + at * side * side,
                (const int64_t[3]){1, masks->low_res_size, masks->low_res_size}, error));
        if (saver->grid.count || (saver->what & CLI_SAVE_OVERLAY && !saver->overlay.pixels))
            SAMC_TRY(save_pictures(saver, object, m, mask, score, error));
    }
    if (saver->what & CLI_SAVE_LOGITS)
        SAMC_TRY(save_array(saver, object, -1, "_logits.npy", masks->logits + first * pixels,
                            (const int64_t[3]){masks->n_masks, masks->height, masks->width},
                            error));
    if (saver->overlay.pixels)
        cli_canvas_tint(&saver->overlay, masks->masks + (first + (size_t)best) * pixels, object);
    return SAMC_OK;
}

samc_status cli_saver_end(cli_saver *saver, samc_error *error)
{
    samc_status status = SAMC_OK;
    char *path = NULL;

    if (saver->overlay.pixels) {
        for (size_t i = 0; i < saver->prompts->n_objects; i++)
            cli_canvas_prompt(&saver->overlay, &saver->prompts->objects[i]);
        SAMC_CHECK(cli_output_path(saver->folder, saver->stem, "_overlay.png", &path, error));
        SAMC_CHECK(cli_canvas_write(&saver->overlay, NULL, path, error));
    }
    if (saver->grid.count) {
        free(path);
        path = NULL;
        SAMC_CHECK(cli_output_path(saver->folder, saver->stem, "_grid.png", &path, error));
        SAMC_CHECK(cli_grid_write(&saver->grid, path, error));
    }

cleanup:
    free(path);
    return status;
}

void cli_saver_free(cli_saver *saver)
{
    cli_canvas_free(&saver->overlay);
    cli_grid_free(&saver->grid);
}
