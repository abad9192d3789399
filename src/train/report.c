/* SPDX-License-Identifier: Apache-2.0 */
#include "train/report.h"

#include "base/file.h"
#include "base/memory.h"
#include "train/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* ---------------------------------------------------------------------------- pictures */

static void print_base64(FILE *stream, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < n; i += 3) {
        const uint32_t b = (uint32_t)bytes[i] << 16 |
                           (i + 1 < n ? (uint32_t)bytes[i + 1] << 8 : 0u) |
                           (i + 2 < n ? (uint32_t)bytes[i + 2] : 0u);

        (void)fputc(digits[b >> 18], stream);
        (void)fputc(digits[b >> 12 & 63u], stream);
        (void)fputc(i + 1 < n ? digits[b >> 6 & 63u] : '=', stream);
        (void)fputc(i + 2 < n ? digits[b & 63u] : '=', stream);
    }
}

static uint8_t *put32(uint8_t *to, uint32_t value)
{
    for (int i = 3; i >= 0; i--)
        *to++ = (uint8_t)(value >> (8 * i));
    return to;
}

/* A chunk of a PNG whose data lies at to + 8 already; returns its end. */
static uint8_t *close_chunk(uint8_t *to, const char *name, size_t size)
{
    (void)put32(to, (uint32_t)size);
    memcpy(to + 4, name, 4);
    return put32(to + 8 + size, (uint32_t)crc32(0, to + 4, (uInt)(size + 4)));
}

/* Prints an <img> of `side` x `side` RGB pixels as a PNG within the page. */
static samc_status print_picture(FILE *stream, const uint8_t *pixels, int32_t side,
                                 samc_error *error)
{
    static const uint8_t signature[] = {137, 'P', 'N', 'G', 13, 10, 26, 10};
    static const uint8_t kind[] = {8, 2, 0, 0, 0}; /* 8 bits, RGB */
    const size_t row = 3 * (size_t)side, raw_size = (size_t)side * (row + 1);
    uLongf packed = compressBound((uLong)raw_size);
    uint8_t *raw = NULL, *png = NULL, *at;
    samc_status status = SAMC_OK;

    SAMC_CHECK(samc_alloc(raw_size, 1, &raw, error));
    SAMC_CHECK(samc_alloc(packed + 64, 1, &png, error));
    for (size_t y = 0; y < (size_t)side; y++) {
        raw[y * (row + 1)] = 0; /* no filter */
        memcpy(raw + y * (row + 1) + 1, pixels + y * row, row);
    }
    memcpy(png, signature, sizeof signature);
    at = put32(put32(png + sizeof signature + 8, (uint32_t)side), (uint32_t)side);
    memcpy(at, kind, sizeof kind);
    at = close_chunk(png + sizeof signature, "IHDR", 13);
    if (compress(at + 8, &packed, raw, (uLong)raw_size) != Z_OK) {
        status = samc_error_memory(error, raw_size);
        goto cleanup;
    }
    at = close_chunk(close_chunk(at, "IDAT", packed), "IEND", 0);
    (void)fputs("<img alt=\"\" src=\"data:image/png;base64,", stream);
    print_base64(stream, png, (size_t)(at - png));
    (void)fputs("\">", stream);

cleanup:
    free(raw);
    free(png);
    return status;
}

/* The photo with the pixels of the object tinted blue, by the mask or by the logits. */
static void tint(const samc_report_mask *m, int answer, uint8_t *pixels)
{
    static const int blue[3] = {30, 144, 255};
    const size_t side = (size_t)m->photo->size, step = side / (size_t)m->side;
    const uint8_t *mask = m->photo->masks + (size_t)m->number * side * side;

    memcpy(pixels, m->photo->pixels, 3 * side * side);
    for (size_t i = 0; i < side * side; i++) {
        const size_t low = i / side / step * (size_t)m->side + i % side / step;

        if (answer ? m->logits[low] > 0.0f : mask[i] == 1)
            for (int c = 0; c < 3; c++)
                pixels[3 * i + (size_t)c] =
                    (uint8_t)((2 * pixels[3 * i + (size_t)c] + 3 * blue[c]) / 5);
    }
}

static samc_status print_mask(FILE *stream, const samc_report_mask *m, samc_error *error)
{
    const size_t side = (size_t)m->photo->size;
    samc_status status = SAMC_OK;
    uint8_t *pixels;

    SAMC_TRY(samc_alloc(3 * side, side, &pixels, error));
    (void)fputs("<figure>", stream);
    for (int answer = 0; answer < 2 && status == SAMC_OK; answer++) {
        tint(m, answer, pixels);
        status = print_picture(stream, pixels, m->photo->size, error);
    }
    (void)fputs("<figcaption>wanted, and answered after the last round</figcaption></figure>\n",
                stream);
    free(pixels);
    return status;
}

static samc_status print_pair(FILE *stream, const samc_report_pair *pair, samc_error *error)
{
    (void)fputs("<figure>", stream);
    SAMC_TRY(print_picture(stream, pair->seen, pair->side, error));
    SAMC_TRY(print_picture(stream, pair->made, pair->side, error));
    (void)fputs("<figcaption>what was seen, and what was made of it</figcaption></figure>\n",
                stream);
    return SAMC_OK;
}

/* ---------------------------------------------------------------------------- curves */

typedef struct column {
    const char *name, *colour;
    size_t index; /* in a row of metrics.csv */
} column;

#define COLUMNS 16 /* that a row has */

typedef struct table {
    size_t n;
    double (*rows)[COLUMNS]; /* NaN: an empty field */
} table;

static samc_status read_table(const char *path, table *t, samc_error *error)
{
    samc_mapping file = {NULL, 0};
    const char *at, *end;
    size_t lines = 0;
    samc_status status = SAMC_OK;

    SAMC_TRY(samc_file_map(path, &file, error));
    at = (const char *)file.data;
    end = at + file.size;
    for (const char *p = at; p < end; p++)
        lines += *p == '\n';
    SAMC_CHECK(samc_alloc(lines, sizeof *t->rows, &t->rows, error));
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        char line[512] = "", *field = line;

        if (!line_end)
            break;
        if (at != (const char *)file.data && (size_t)(line_end - at) < sizeof line) {
            memcpy(line, at, (size_t)(line_end - at));
            for (size_t i = 0; i < COLUMNS; i++) {
                char *next;

                t->rows[t->n][i] = strtod(field, &next);
                if (next == field)
                    t->rows[t->n][i] = (double)NAN;
                field = next + (*next == ',');
            }
            t->n++;
        }
        at = line_end + 1;
    }

cleanup:
    samc_file_unmap(&file);
    return status;
}

/* One graph: means over 200 stretches of the run at most, so that it shows a trend. */
static void print_graph(FILE *stream, const char *title, const table *t, const column *columns,
                        size_t n_columns)
{
    enum { WIDTH = 640, HEIGHT = 200, POINTS = 200 };
    const size_t points = t->n < POINTS ? t->n : POINTS;
    double most = 0.0;

    for (size_t c = 0; c < n_columns; c++)
        for (size_t i = 0; i < t->n; i++)
            most = t->rows[i][columns[c].index] > most ? t->rows[i][columns[c].index] : most;
    if (most == 0.0) /* a run of the other kind */
        return;
    (void)fprintf(stream, "<h2>%s</h2><p>", title);
    for (size_t c = 0; c < n_columns; c++)
        (void)fprintf(stream, "<span style=\"color:%s\">%s</span> ", columns[c].colour,
                      columns[c].name);
    (void)fprintf(stream,
                  "&middot; top line %.4g, step %.0f to %.0f</p><svg viewBox=\"0 0 %d %d\">"
                  "<path d=\"M0 0H%dV%dH0Z\" fill=\"none\" stroke=\"#ccc\"/>",
                  most, t->n ? t->rows[0][0] : 0.0, t->n ? t->rows[t->n - 1][0] : 0.0, WIDTH,
                  HEIGHT, WIDTH, HEIGHT);
    for (size_t c = 0; c < n_columns; c++) {
        (void)fprintf(stream, "<polyline fill=\"none\" stroke=\"%s\" points=\"", columns[c].colour);
        for (size_t p = 0; p < points; p++) {
            double sum = 0.0, count = 0.0;

            for (size_t i = p * t->n / points; i < (p + 1) * t->n / points; i++)
                if (!isnan(t->rows[i][columns[c].index])) {
                    sum += t->rows[i][columns[c].index];
                    count += 1.0;
                }
            if (count > 0.0 && most > 0.0)
                (void)fprintf(stream, "%.1f,%.1f ", WIDTH * ((double)p + 0.5) / (double)points,
                              HEIGHT * (1.0 - sum / count / most));
        }
        (void)fputs("\"/>", stream);
    }
    (void)fputs("</svg>\n", stream);
}

static void print_graphs(FILE *stream, const table *t)
{
    static const column losses[] = {{"loss", "#000", 4}, {"dice", "#06c", 6}, {"IoU", "#c60", 8}};
    static const column shares[] = {{"box", "#06c", 9},
                                    {"click", "#c60", 10},
                                    {"best of three", "#999", 11},
                                    {"after the last round", "#080", 12}};
    static const column norms[] = {{"norm of the gradient", "#000", 13}};
    static const column speeds[] = {{"photos a second", "#000", 15}};

    print_graph(stream, "Losses", t, losses, 3);
    print_graph(stream, "True IoU", t, shares, 4);
    print_graph(stream, "Gradient", t, norms, 1);
    print_graph(stream, "Speed", t, speeds, 1);
}

samc_status samc_report_write(const char *path, const char *metrics, const char *settings,
                              const samc_report_mask *masks, size_t n_masks,
                              const samc_report_pair *pairs, size_t n_pairs, samc_error *error)
{
    samc_file_writer writer = {NULL, NULL, NULL};
    samc_status status = SAMC_OK;
    table t = {0, NULL};

    samc_file_sweep(path);
    SAMC_CHECK(read_table(metrics, &t, error));
    SAMC_CHECK(samc_file_begin(path, &writer, error));
    (void)fputs("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>samc: a training "
                "run</title>"
                "<style>body{font:16px sans-serif;max-width:700px;margin:2em auto}svg{width:100%}"
                "figure{display:inline-block;margin:4px}img{width:48%}</style>"
                "<h1>Training run</h1>\n",
                writer.stream);
    if (t.n)
        (void)fprintf(writer.stream,
                      "<p>Step %.0f, %.0f photos, %.2f hours in steps (%.2f of all threads).</p>\n",
                      t.rows[t.n - 1][0], t.rows[t.n - 1][1], t.rows[t.n - 1][2] / 3600.0,
                      t.rows[t.n - 1][3] / 3600.0);
    (void)fprintf(writer.stream, "<p><code>%s</code></p>\n", settings);
    print_graphs(writer.stream, &t);
    (void)fprintf(writer.stream, "<h2>%s of the last step</h2>\n", n_pairs ? "Photos" : "Masks");
    for (size_t i = 0; i < n_masks; i++)
        SAMC_CHECK(print_mask(writer.stream, &masks[i], error));
    for (size_t i = 0; i < n_pairs; i++)
        SAMC_CHECK(print_pair(writer.stream, &pairs[i], error));
    (void)fputs("</html>\n", writer.stream);
    status = samc_file_commit(&writer, error);

cleanup:
    samc_file_abort(&writer);
    free(t.rows);
    return status;
}
