/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/cutout.h"

#include "base/file.h"
#include "base/memory.h"
#include "dataset/files.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOLID 128 /* alpha from which a pixel belongs to the thing */
/* A cut-out that fills its own box to this share is a picture with straight sides, or a frame. */
#define MAX_FILL 0.985
#define LABEL_BYTES 200

/* The box x0, y0, x1, y1 (ends excluded) of what is at least faintly visible, and how many pixels
 * are solid. */
static int64_t visible_box(const samc_rgba *p, int32_t box[4])
{
    int64_t solid = 0;

    box[0] = p->width;
    box[1] = p->height;
    box[2] = box[3] = 0;
    for (int32_t y = 0; y < p->height; y++)
        for (int32_t x = 0; x < p->width; x++) {
            uint8_t alpha = p->pixels[4 * ((size_t)y * (size_t)p->width + (size_t)x) + 3];

            if (alpha < SOLID / 8)
                continue;
            solid += alpha >= SOLID;
            box[0] = x < box[0] ? x : box[0];
            box[1] = y < box[1] ? y : box[1];
            box[2] = x + 1 > box[2] ? x + 1 : box[2];
            box[3] = y + 1 > box[3] ? y + 1 : box[3];
        }
    return solid;
}

/* Means over the pixels of `from` that each pixel of `to` covers, whole pixels each: no filter is
 * needed that is better, warping filters once more. `box` is the part of the source. */
static void shrink(const samc_rgba *from, const int32_t box[4], struct samc_cutout_level *to)
{
    int64_t bw = box[2] - box[0], bh = box[3] - box[1];

    for (int64_t y = 0; y < to->height; y++)
        for (int64_t x = 0; x < to->width; x++) {
            int64_t y0 = box[1] + y * bh / to->height, y1 = box[1] + (y + 1) * bh / to->height;
            int64_t x0 = box[0] + x * bw / to->width, x1 = box[0] + (x + 1) * bw / to->width;
            uint64_t sum[4] = {0}, n = (uint64_t)((y1 - y0) * (x1 - x0));

            for (int64_t sy = y0; sy < y1; sy++)
                for (int64_t sx = x0; sx < x1; sx++) {
                    const uint8_t *p = from->pixels + 4 * (sy * from->width + sx);

                    for (int c = 0; c < 3; c++)
                        sum[c] += (uint64_t)p[c] * p[3];
                    sum[3] += p[3];
                }
            for (int c = 0; c < 3; c++)
                to->pixels[4 * (y * to->width + x) + c] = (uint8_t)((sum[c] + 255 * n / 2) /
                                                                    (255 * n));
            to->pixels[4 * (y * to->width + x) + 3] = (uint8_t)((sum[3] + n / 2) / n);
        }
}

/* The next level of a pyramid: means of two by two. An odd side's last pixel is used twice. */
static void halve(const struct samc_cutout_level *from, struct samc_cutout_level *to)
{
    for (int32_t y = 0; y < to->height; y++) {
        int32_t y1 = 2 * y + 1 < from->height ? 2 * y + 1 : 2 * y;
        const uint8_t *upper = from->pixels + 8 * (size_t)y * (size_t)from->width;
        const uint8_t *lower = from->pixels + 4 * (size_t)y1 * (size_t)from->width;
        uint8_t *out = to->pixels + 4 * (size_t)y * (size_t)to->width;

        for (int32_t x = 0; x < to->width; x++) {
            size_t a = 8 * (size_t)x, b = 2 * x + 1 < from->width ? a + 4 : a;

            for (size_t c = 0; c < 4; c++)
                out[4 * (size_t)x + c] =
                    (uint8_t)((upper[a + c] + upper[b + c] + lower[a + c] + lower[b + c] + 2) / 4);
        }
    }
}

/* Lays out the levels from the first one's size, and takes the memory for all. */
static samc_status plan(int32_t width, int32_t height, samc_cutout *cutout, samc_error *error)
{
    size_t total = 0;
    int32_t n = 0;

    while (n < SAMC_CUTOUT_LEVELS) {
        cutout->levels[n].width = width;
        cutout->levels[n].height = height;
        total += 4 * (size_t)width * (size_t)height;
        n++;
        if (width == 1 && height == 1)
            break;
        width = (width + 1) / 2;
        height = (height + 1) / 2;
    }
    cutout->n_levels = n;
    cutout->bytes = total;
    SAMC_TRY(samc_alloc(total, 1, &cutout->memory, error));
    for (size_t i = 0, at = 0; i < (size_t)n; i++) {
        cutout->levels[i].pixels = cutout->memory + at;
        at += 4 * (size_t)cutout->levels[i].width * (size_t)cutout->levels[i].height;
    }
    return SAMC_OK;
}

samc_status samc_cutout_make(const samc_rgba *picture, int32_t max_side, samc_cutout *cutout,
                             samc_error *error)
{
    samc_cutout made = {0};
    int32_t box[4];
    int64_t solid = visible_box(picture, box);
    int64_t width = box[2] - box[0], height = box[3] - box[1];
    int64_t longer = width > height ? width : height;

    if (solid < 16)
        return SAMC_FAIL(error, FORMAT, "nothing in it is opaque");
    if ((double)solid > MAX_FILL * (double)width * (double)height)
        return SAMC_FAIL(error, FORMAT, "it fills its rectangle: nothing was cut out");
    if (longer > max_side) {
        width = width * max_side / longer;
        height = height * max_side / longer;
    }
    SAMC_TRY(
        plan((int32_t)(width > 0 ? width : 1), (int32_t)(height > 0 ? height : 1), &made, error));
    shrink(picture, box, &made.levels[0]);
    for (int32_t i = 1; i < made.n_levels; i++)
        halve(&made.levels[i - 1], &made.levels[i]);
    *cutout = made;
    return SAMC_OK;
}

/* The first line of the text beside the picture. */
static samc_status read_label(const char *path, char **label, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_mapping file = {NULL, 0};
    char *text_path = NULL;
    size_t length = 0;

    SAMC_TRY(samc_path_replace(path, strlen(".png"), ".txt", &text_path, error));
    if (access(text_path, R_OK) != 0)
        goto cleanup;
    SAMC_CHECK(samc_file_map(text_path, &file, error));
    while (length < file.size && length < LABEL_BYTES && file.data[length] >= ' ')
        length++;
    if (length == 0 || length == LABEL_BYTES) /* none, or no caption but some other text */
        goto cleanup;
    SAMC_CHECK(samc_alloc_zero(length + 1, 1, label, error));
    memcpy(*label, file.data, length);

cleanup:
    samc_file_unmap(&file);
    free(text_path);
    return status;
}

samc_status samc_cutout_read(const char *path, int64_t max_pixels, int32_t max_side,
                             samc_cutout *cutout, samc_error *error)
{
    samc_rgba picture = {0};
    samc_cutout made = {0};
    samc_error why = {SAMC_OK, ""};
    samc_status status;

    SAMC_TRY(samc_rgba_read(path, max_pixels, &picture, error));
    status = samc_cutout_make(&picture, max_side, &made, &why);
    free(picture.pixels);
    if (status != SAMC_OK)
        return samc_error_set(error, status, "cannot use %s: %s", path, why.message);
    status = read_label(path, &made.label, error);
    if (status != SAMC_OK)
        samc_cutout_free(&made);
    else
        *cutout = made;
    return status;
}

void samc_cutout_free(samc_cutout *cutout)
{
    free(cutout->memory);
    free(cutout->label);
    *cutout = (samc_cutout){0};
}
