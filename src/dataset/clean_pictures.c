/* SPDX-License-Identifier: Apache-2.0
 *
 * Cleaning masks that are pictures: the folders of `amg.py`, and label maps.
 */
#include "dataset/clean.h"

#include "base/file.h"
#include "base/memory.h"
#include "dataset/files.h"
#include "image/label_png.h"

#include <samc_io.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* amg.py's columns; a generator's later version may have more behind them. */
enum { COLUMN_ID, COLUMN_AREA, COLUMN_BOX, COLUMN_IOU = 8, COLUMNS_MIN = 9, COLUMNS_MAX = 64 };

#define MAX_PIXELS ((int64_t)1 << 28)
#define MASKS_MAX 65536

/* A row of metadata.csv. */
typedef struct row {
    const char *text; /* of the whole row, not terminated */
    size_t length;
    size_t starts[COLUMNS_MAX + 1]; /* where each column begins in it */
    size_t n;
    int has_mask;
} row;

typedef struct table {
    samc_mapping file;
    row head;
    row *rows;
    size_t n;
} table;

/* Takes the row that begins at *at. */
static void read_row(const table *t, size_t *at, row *r)
{
    const char *text = (const char *)t->file.data + *at;
    const char *newline = memchr(text, '\n', t->file.size - *at);

    r->text = text;
    r->length = newline ? (size_t)(newline - text) : t->file.size - *at;
    *at += r->length + (newline != NULL);
    while (r->length && (text[r->length - 1] == '\r' || text[r->length - 1] == ' '))
        r->length--;
    r->n = 0;
    for (size_t i = 0; i <= r->length && r->n < COLUMNS_MAX; i++)
        if (i == 0 || text[i - 1] == ',')
            r->starts[r->n++] = i;
    r->starts[r->n] = r->length + 1;
}

static samc_status read_table(const char *path, table *t, samc_error *error)
{
    static const char head[] = "id,area,bbox_x0,bbox_y0,bbox_w,bbox_h,";
    size_t at = 0;

    SAMC_TRY(samc_file_map(path, &t->file, error));
    if (t->file.size)
        read_row(t, &at, &t->head);
    if (t->head.length < strlen(head) || memcmp(t->head.text, head, strlen(head)) != 0)
        return SAMC_FAIL(error, FORMAT, "cannot read %s: its first line is not %s...", path, head);
    SAMC_TRY(samc_alloc_zero(MASKS_MAX, sizeof *t->rows, &t->rows, error));
    while (at < t->file.size) {
        if (t->n == MASKS_MAX)
            return SAMC_FAIL(error, LIMIT, "%s has more than %d lines", path, MASKS_MAX);
        read_row(t, &at, &t->rows[t->n]);
        if (t->rows[t->n].length == 0)
            continue;
        if (t->rows[t->n].n < COLUMNS_MIN)
            return SAMC_FAIL(error, FORMAT, "cannot read %s: line %zu has %zu columns", path,
                             t->n + 2, t->rows[t->n].n);
        t->n++;
    }
    return SAMC_OK;
}

/* folder/ID.png of a row; an id that is no plain number names no file. */
static samc_status mask_path(const char *folder, const row *r, char **path, samc_error *error)
{
    char name[32];
    size_t length = r->starts[1] - 1, digits = 0;

    while (digits < length && r->text[digits] >= '0' && r->text[digits] <= '9')
        digits++;
    if (length == 0 || length > 20 || digits != length)
        return SAMC_FAIL(error, FORMAT, "the id %.*s of a mask is no number",
                         length < 20 ? (int)length : 20, r->text);
    (void)snprintf(name, sizeof name, "%.*s.png", (int)length, r->text);
    return samc_path_join(folder, name, path, error);
}

/* Reads a mask; any pixel that is not black is inside. */
static samc_status read_mask(const char *path, samc_rle *rle, samc_error *error)
{
    samc_photo photo = {0};
    samc_status status;
    size_t n;

    SAMC_TRY(samc_photo_read(path, NULL, &photo, error));
    n = (size_t)photo.view.width * (size_t)photo.view.height;
    for (size_t i = 0; i < n; i++) /* three bytes become one, in place */
        photo.pixels[i] = photo.pixels[3 * i] | photo.pixels[3 * i + 1] | photo.pixels[3 * i + 2];
    status = samc_rle_encode(photo.pixels, photo.view.height, photo.view.width,
                             (size_t)photo.view.width, rle, error);
    samc_photo_free(&photo);
    return status;
}

static samc_status write_mask(const char *path, const samc_rle *rle, samc_error *error)
{
    size_t n = (size_t)rle->height * (size_t)rle->width;
    uint8_t *gray = NULL;
    samc_status status;

    SAMC_TRY(samc_alloc(n, 1, &gray, error));
    samc_rle_decode(rle, gray, (size_t)rle->width);
    for (size_t i = 0; i < n; i++)
        gray[i] = gray[i] ? 255 : 0;
    status = samc_png_write(path, gray, rle->width, rle->height, 1, (size_t)rle->width, error);
    free(gray);
    return status;
}

/* A column as a number; NAN: it is none. */
static double number_of(const row *r, size_t column)
{
    size_t length = r->starts[column + 1] - 1 - r->starts[column];
    char text[40] = "", *end;
    double number;

    if (length < sizeof text)
        memcpy(text, r->text + r->starts[column], length);
    number = strtod(text, &end);
    return end != text && !*end ? number : NAN;
}

/* Reads the masks of a folder: items [t->n]; a bad one stops all, since its size is needed. */
static samc_status read_masks(const char *in, table *t, samc_clean_item *items, samc_error *error)
{
    for (size_t i = 0; i < t->n; i++) {
        const row *r = &t->rows[i];
        char *path = NULL;
        samc_status status;

        SAMC_TRY(mask_path(in, r, &path, error));
        status = read_mask(path, &items[i].rle, error);
        if (status == SAMC_OK && (items[i].rle.height != items[0].rle.height ||
                                  items[i].rle.width != items[0].rle.width))
            status = SAMC_FAIL(error, FORMAT, "%s is not of the size of the other masks", path);
        free(path);
        SAMC_TRY(status);
        items[i].score = number_of(r, COLUMN_IOU);
    }
    return SAMC_OK;
}

/* Whether the stream took it shows when it is committed. */
static void write_row(FILE *stream, const row *r, const samc_clean_item *item)
{
    int32_t box[4];
    int more;

    samc_rle_box(&item->rle, box);
    more = box[2] > 0;
    if (!item->changed)
        (void)fprintf(stream, "%.*s\n", (int)r->length, r->text);
    else
        (void)fprintf(stream, "%.*s%llu,%d,%d,%d,%d,%.*s\n", (int)r->starts[COLUMN_AREA], r->text,
                      (unsigned long long)samc_rle_area(&item->rle), box[0], box[1], box[2] - more,
                      box[3] - more, (int)(r->length - r->starts[COLUMN_BOX + 4]),
                      r->text + r->starts[COLUMN_BOX + 4]);
}

/* Masks first, the table last; a mask of an earlier run that is no more goes. */
static samc_status write_folder(const char *out, const table *t, const samc_clean_item *items,
                                samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_file_writer writer = {NULL, NULL, NULL};
    char *path = NULL;

    for (size_t i = 0; i < t->n; i++) {
        SAMC_CHECK(mask_path(out, &t->rows[i], &path, error));
        if (items[i].dropped)
            (void)unlink(path);
        else
            SAMC_CHECK(write_mask(path, &items[i].rle, error));
        free(path);
        path = NULL;
    }
    SAMC_CHECK(samc_path_join(out, "metadata.csv", &path, error));
    SAMC_CHECK(samc_file_begin(path, &writer, error));
    (void)fprintf(writer.stream, "%.*s\n", (int)t->head.length, t->head.text);
    for (size_t i = 0; i < t->n; i++)
        if (!items[i].dropped)
            write_row(writer.stream, &t->rows[i], &items[i]);
    SAMC_CHECK(samc_file_commit(&writer, error));

cleanup:
    samc_file_abort(&writer);
    free(path);
    return status;
}

samc_status samc_clean_amg_folder(samc_clean_job *job, const char *in, const char *out,
                                  samc_error *error)
{
    samc_status status = SAMC_OK;
    table t = {0};
    samc_clean_item *items = NULL;
    char *path = NULL;

    SAMC_CHECK(samc_path_join(in, "metadata.csv", &path, error));
    SAMC_CHECK(read_table(path, &t, error));
    SAMC_CHECK(samc_alloc_zero(t.n, sizeof *items, &items, error));
    SAMC_CHECK(read_masks(in, &t, items, error));
    SAMC_CHECK(samc_clean_masks(items, t.n, &job->options, &job->counts, error));
    job->photos++;
    SAMC_CHECK(write_folder(out, &t, items, error));

cleanup:
    for (size_t i = 0; items && i < t.n; i++)
        samc_rle_free(&items[i].rle);
    free(items);
    free(t.rows);
    samc_file_unmap(&t.file);
    free(path);
    return status;
}

/* One mask for each value that there is: values [n] and items [n]. */
static samc_status masks_of_labels(const samc_label_png *png, uint16_t *values,
                                   samc_clean_item *items, size_t *n, samc_error *error)
{
    samc_status status = SAMC_OK;
    size_t pixels = (size_t)png->width * (size_t)png->height;
    uint8_t *seen = NULL, *mask = NULL;

    SAMC_CHECK(samc_alloc_zero(MASKS_MAX, 1, &seen, error));
    SAMC_CHECK(samc_alloc(pixels, 1, &mask, error));
    for (size_t i = 0; i < pixels; i++)
        seen[png->labels[i]] = 1;
    for (size_t v = 1; v < MASKS_MAX; v++) {
        if (!seen[v])
            continue;
        for (size_t i = 0; i < pixels; i++)
            mask[i] = png->labels[i] == v;
        SAMC_CHECK(samc_rle_encode(mask, png->height, png->width, (size_t)png->width,
                                   &items[*n].rle, error));
        items[*n].score = NAN;
        values[(*n)++] = (uint16_t)v;
    }

cleanup:
    free(seen);
    free(mask);
    return status;
}

/* Draws the masks that are left; they are disjoint. */
static void draw_labels(samc_label_png *png, const uint16_t *values, const samc_clean_item *items,
                        size_t n, uint8_t *mask)
{
    size_t pixels = (size_t)png->width * (size_t)png->height;

    memset(png->labels, 0, pixels * sizeof *png->labels);
    for (size_t k = 0; k < n; k++) {
        if (items[k].dropped)
            continue;
        samc_rle_decode(&items[k].rle, mask, (size_t)png->width);
        for (size_t i = 0; i < pixels; i++)
            png->labels[i] = mask[i] ? values[k] : png->labels[i];
    }
}

samc_status samc_clean_label_file(samc_clean_job *job, const char *in, const char *out,
                                  samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_clean_options options = job->options;
    samc_label_png png = {0};
    samc_clean_item *items = NULL;
    uint16_t *values = NULL;
    uint8_t *mask = NULL;
    size_t n = 0;

    if (options.disjoint == SAMC_DISJOINT_NONE)
        options.disjoint = SAMC_DISJOINT_SMALLEST;
    SAMC_CHECK(samc_label_png_read(in, MAX_PIXELS, &png, error));
    SAMC_CHECK(samc_alloc_zero(MASKS_MAX, sizeof *items, &items, error));
    SAMC_CHECK(samc_alloc(MASKS_MAX, sizeof *values, &values, error));
    SAMC_CHECK(samc_alloc((size_t)png.width * (size_t)png.height, 1, &mask, error));
    SAMC_CHECK(masks_of_labels(&png, values, items, &n, error));
    SAMC_CHECK(samc_clean_masks(items, n, &options, &job->counts, error));
    job->photos++;
    draw_labels(&png, values, items, n, mask);
    SAMC_CHECK(samc_label_png_write(out, &png, error));

cleanup:
    for (size_t i = 0; items && i < n; i++)
        samc_rle_free(&items[i].rle);
    free(items);
    free(values);
    free(mask);
    free(png.labels);
    return status;
}
