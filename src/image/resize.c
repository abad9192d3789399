/* SPDX-License-Identifier: Apache-2.0 */
#include "image/resize.h"

#include "base/memory.h"
#include "image/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A weight of 1 is 1 << 22: 8 bits of pixel and 22 of weight leave two of an int32 for the sign and
 * for a sum that rounding lifts a little above 255. */
#define PRECISION 22
#define HALF (1 << (PRECISION - 1))

/* The vertical pass sums this many bytes of a row at a time, so that the sums stay in L1. */
#define BLOCK 512

/* The weights of one axis. Output i is the sum over k < window of weights[i * window + k] times
 * input first[i] + k. All windows have the length of the longest, filled up with zeros: a loop of
 * the same length every time can be unrolled. first[] never falls. */
typedef struct axis {
    int32_t size;     /* outputs */
    int32_t window;   /* inputs that an output reads */
    int32_t *first;   /* [size] */
    int32_t *weights; /* [size][window], fixed point */
} axis;

static void axis_free(axis *a)
{
    free(a->first);
    free(a->weights);
}

/* The inputs [*first, *last) under the triangle of output `i`. */
static void axis_span(int32_t in_size, int32_t out_size, int32_t i, int32_t *first, int32_t *last)
{
    const double scale = (double)in_size / out_size;
    const double reach = scale < 1.0 ? 1.0 : scale;
    const double center = (i + 0.5) * scale;

    *first = (int32_t)(center - reach + 0.5);
    *last = (int32_t)(center + reach + 0.5);
    if (*first < 0)
        *first = 0;
    if (*last > in_size)
        *last = in_size;
}

/* The weights of output `i`. The order of the floating-point operations is Pillow's: another one
 * rounds a weight differently now and then, and the pixels with it. `row`: scratch, [window]. */
static void axis_weights(axis *a, int32_t in_size, int32_t i, double *row)
{
    const double scale = (double)in_size / a->size;
    const double narrow = 1.0 / (scale < 1.0 ? 1.0 : scale);
    const double center = (i + 0.5) * scale;
    int32_t *weights = a->weights + (size_t)i * (size_t)a->window;
    int32_t first;
    int32_t last;
    int32_t shift;
    double sum = 0.0;

    axis_span(in_size, a->size, i, &first, &last);
    for (int32_t k = 0; k < last - first; k++) {
        const double distance = fabs((k + first - center + 0.5) * narrow);

        row[k] = distance < 1.0 ? 1.0 - distance : 0.0;
        sum += row[k];
    }
    a->first[i] = first < in_size - a->window ? first : in_size - a->window;
    shift = first - a->first[i];
    memset(weights, 0, (size_t)a->window * sizeof *weights);
    for (int32_t k = 0; k < last - first; k++) {
        const double weight = sum != 0.0 ? row[k] / sum : row[k];

        weights[shift + k] = (int32_t)(0.5 + weight * (1 << PRECISION));
    }
}

static samc_status axis_make(int32_t in_size, int32_t out_size, axis *a, samc_error *error)
{
    samc_status status = SAMC_OK;
    double *row = NULL;

    a->size = out_size;
    a->window = 1;
    for (int32_t i = 0; i < out_size; i++) {
        int32_t first;
        int32_t last;

        axis_span(in_size, out_size, i, &first, &last);
        if (a->window < last - first)
            a->window = last - first;
    }
    SAMC_CHECK(samc_alloc((size_t)out_size, sizeof *a->first, &a->first, error));
    SAMC_CHECK(
        samc_alloc((size_t)out_size * (size_t)a->window, sizeof *a->weights, &a->weights, error));
    SAMC_CHECK(samc_alloc((size_t)a->window, sizeof *row, &row, error));
    for (int32_t i = 0; i < out_size; i++)
        axis_weights(a, in_size, i, row);

cleanup:
    free(row);
    return status;
}

/* A weighted sum back to 8 bits. Weights are never negative, so only the top needs clipping. */
static inline uint8_t to_byte(int32_t sum)
{
    sum >>= PRECISION;
    return (uint8_t)(sum > 255 ? 255 : sum);
}

/* u8 [in_w][3] -> u8 [columns->size][3]; `window` is columns->window. Two channels share a 64-bit
 * product: a sum is below 2^31, so nothing carries from the lower half into the upper one. */
static inline void resize_row_window(const axis *columns, const int32_t window, const uint8_t *in,
                                     uint8_t *out)
{
    const int32_t *weights = columns->weights;

    for (int32_t x = 0; x < columns->size; x++, out += 3, weights += window) {
        const uint8_t *pixel = in + 3 * (size_t)columns->first[x];
        uint64_t red_green = (uint64_t)HALF << 32 | HALF;
        int32_t blue = HALF;

        for (int32_t k = 0; k < window; k++, pixel += 3) {
            red_green += ((uint64_t)pixel[1] << 32 | pixel[0]) * (uint32_t)weights[k];
            blue += pixel[2] * weights[k];
        }
        out[0] = to_byte((int32_t)(red_green & 0x7fffffff));
        out[1] = to_byte((int32_t)(red_green >> 32));
        out[2] = to_byte(blue);
    }
}

/* The usual windows get a loop that the compiler unrolls; it is where the time goes. */
static void resize_row(const axis *columns, const uint8_t *in, uint8_t *out)
{
    switch (columns->window) {
    case 2: resize_row_window(columns, 2, in, out); break;
    case 3: resize_row_window(columns, 3, in, out); break;
    case 4: resize_row_window(columns, 4, in, out); break;
    case 5: resize_row_window(columns, 5, in, out); break;
    case 6: resize_row_window(columns, 6, in, out); break;
    default: resize_row_window(columns, columns->window, in, out); break;
    }
}

/* Rows of `width` bytes; row i is at base + (i % modulo) * stride: a ring, or the photo itself. */
typedef struct row_source {
    const uint8_t *base;
    size_t width;
    size_t stride;
    int32_t modulo;
} row_source;

/* The weighted sum of the rows that output row `y` reads: `width` bytes. */
static void mix_rows(const axis *rows, int32_t y, const row_source *source, uint8_t *out)
{
    const int32_t *weights = rows->weights + (size_t)y * (size_t)rows->window;
    const int32_t first = rows->first[y];
    int32_t sums[BLOCK];

    for (size_t x = 0; x < source->width; x += BLOCK) {
        const size_t n = source->width - x < BLOCK ? source->width - x : BLOCK;

        for (size_t i = 0; i < n; i++)
            sums[i] = HALF;
        for (int32_t k = 0; k < rows->window; k++) {
            const size_t row = (size_t)((first + k) % source->modulo);
            const uint8_t *in = source->base + row * source->stride + x;
            const int32_t weight = weights[k];

            for (size_t i = 0; i < n; i++)
                sums[i] += in[i] * weight;
        }
        for (size_t i = 0; i < n; i++)
            out[x + i] = to_byte(sums[i]);
    }
}

/* What both orders share. An axis that keeps its size has none. */
typedef struct resizer {
    const samc_image *in;
    const axis *columns; /* NULL: the width stays */
    const axis *rows;    /* NULL: the height stays */
    uint8_t *scratch;    /* u8 [in_w][3] */
    uint8_t *ring;       /* u8 [rows->window][in_w or out_w][3] */
    int32_t next;        /* the first input row that the ring has not seen */
} resizer;

/* Row `y` of the input, its columns resized if `columns`, into `out`. */
static void take_row(const resizer *r, int32_t y, const axis *columns, uint8_t *out)
{
    if (columns) {
        resize_row(columns, samc_image_row_rgb(r->in, y, r->scratch), out);
    } else {
        const uint8_t *row = samc_image_row_rgb(r->in, y, out);

        if (row != out)
            memcpy(out, row, 3 * (size_t)r->in->width);
    }
}

/* Makes the rows that output row `y` reads. Windows only move down, and none is longer than the
 * ring: a row is made once, and is still there when the last output that needs it comes. */
static void fill_ring(resizer *r, int32_t y, const axis *columns, size_t width)
{
    const int32_t end = r->rows->first[y] + r->rows->window;

    if (r->next < r->rows->first[y])
        r->next = r->rows->first[y];
    for (; r->next < end; r->next++)
        take_row(r, r->next, columns, r->ring + (size_t)(r->next % r->rows->window) * width);
}

/* Columns, then rows. */
static void columns_first(resizer *r, int32_t out_w, int32_t out_h, uint8_t *out)
{
    const size_t width = 3 * (size_t)out_w;

    for (int32_t y = 0; y < out_h; y++, out += width) {
        if (r->rows) {
            const row_source ring = {r->ring, width, width, r->rows->window};

            fill_ring(r, y, r->columns, width);
            mix_rows(r->rows, y, &ring, out);
        } else {
            take_row(r, y, r->columns, out);
        }
    }
}

/* Rows, then columns; rows that are packed RGB in the photo are read there. */
static void rows_first(resizer *r, int32_t out_w, int32_t out_h, uint8_t *out)
{
    const size_t width = 3 * (size_t)r->in->width;
    const int packed = r->in->format == SAMC_PIXELS_RGB;
    const row_source source = {packed ? r->in->pixels : r->ring, width,
                               packed ? r->in->stride : width,
                               packed ? r->in->height : r->rows->window};

    for (int32_t y = 0; y < out_h; y++, out += 3 * (size_t)out_w) {
        uint8_t *mixed = r->columns ? r->scratch : out;

        if (!packed)
            fill_ring(r, y, NULL, width);
        mix_rows(r->rows, y, &source, mixed);
        if (r->columns)
            resize_row(r->columns, mixed, out);
    }
}

samc_status samc_resize_rgb(const samc_image *in, int32_t out_w, int32_t out_h, uint8_t *out,
                            samc_error *error)
{
    samc_status status = SAMC_OK;
    axis columns = {0, 0, NULL, NULL};
    axis rows = {0, 0, NULL, NULL};
    resizer r = {in, NULL, NULL, NULL, NULL, 0};
    int vertical_first = 0;

    SAMC_TRY(samc_image_check(in, error));
    if (!out)
        return SAMC_FAIL(error, ARGUMENT, "there is no memory to resize into: out is NULL");
    if (out_w < 1 || out_w > SAMC_IMAGE_MAX_SIDE || out_h < 1 || out_h > SAMC_IMAGE_MAX_SIDE)
        return SAMC_FAIL(error, ARGUMENT, "cannot resize to %d x %d: each side must be 1 to %d",
                         out_w, out_h, SAMC_IMAGE_MAX_SIDE);

    /* Pillow 13's rule. Earlier ones always began with the columns; the two orders round
     * differently, by one level here and there. */
    vertical_first = out_h < in->height && in->height - out_h > 2 * (in->width - out_w);
    SAMC_CHECK(samc_alloc((size_t)in->width, 3, &r.scratch, error));
    if (out_w != in->width) {
        SAMC_CHECK(axis_make(in->width, out_w, &columns, error));
        r.columns = &columns;
    }
    if (out_h != in->height) {
        const int32_t width = vertical_first ? in->width : out_w;

        SAMC_CHECK(axis_make(in->height, out_h, &rows, error));
        r.rows = &rows;
        if (!vertical_first || in->format != SAMC_PIXELS_RGB)
            SAMC_CHECK(samc_alloc((size_t)rows.window * 3, (size_t)width, &r.ring, error));
    }
    if (vertical_first)
        rows_first(&r, out_w, out_h, out);
    else
        columns_first(&r, out_w, out_h, out);

cleanup:
    axis_free(&columns);
    axis_free(&rows);
    free(r.scratch);
    free(r.ring);
    return status;
}
