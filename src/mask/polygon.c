/* SPDX-License-Identifier: Apache-2.0
 *
 * Edges run on a grid five times as fine as the pixels. A pixel column x is decided on its middle
 * line, between the fine columns 5 x + 2 and 5 x + 3: where an edge steps over that line, inside
 * and outside change places from there on down. COCO's tools draw every edge point by point and
 * keep the crossings; here the crossings are computed, so that an edge costs what the picture is
 * wide and not what the edge is long.
 */
#include "mask/polygon.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FINE 5

typedef struct fine_point {
    int64_t x, y;
} fine_point;

/* The edge as COCO's tools see it: one step of the longer axis a point, the other axis rounded. */
typedef struct edge {
    fine_point from; /* the end where the longer axis is smaller */
    int64_t steps;   /* along the longer axis */
    double slope;    /* of the other axis, a step */
    int wide;        /* the longer axis is x */
} edge;

static edge edge_of(fine_point a, fine_point b)
{
    int64_t dx = llabs(b.x - a.x), dy = llabs(b.y - a.y);
    int wide = dx >= dy;

    if (wide ? a.x > b.x : a.y > b.y) {
        fine_point swap = a;

        a = b;
        b = swap;
    }
    return wide ? (edge){a, dx, dx ? (double)(b.y - a.y) / (double)dx : 0, 1}
                : (edge){a, dy, (double)(b.x - a.x) / (double)dy, 0};
}

/* The other axis at step t; rounding is C's towards zero after half was added, negative too. */
static int64_t other_at(const edge *e, int64_t t)
{
    return (int64_t)((double)(e->wide ? e->from.y : e->from.x) + e->slope * (double)t + 0.5);
}

/* A steep edge: the step after which its x has gone over the line (from `column` to the next, or
 * back). x never turns, so halving finds it. */
static int64_t steep_crossing(const edge *e, int64_t column)
{
    int64_t low = 0, high = e->steps; /* low is on the first side, high on the other */
    int begins_left = other_at(e, 0) <= column;

    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;

        if ((other_at(e, middle) <= column) == begins_left)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Where the edge goes over the line right of the fine column: the upper of the two points. */
static int64_t crossing(const edge *e, int64_t column)
{
    if (e->wide) {
        int64_t before = other_at(e, column - e->from.x);
        int64_t after = other_at(e, column + 1 - e->from.x);

        return before < after ? before : after;
    }
    return e->from.y + steep_crossing(e, column);
}

/* Marks [height][width], where a column changes sides. */
static void mark_edge(fine_point a, fine_point b, int32_t height, int32_t width, uint8_t *marks)
{
    edge e = edge_of(a, b);
    int64_t left = e.wide ? e.from.x : other_at(&e, 0);
    int64_t right = e.wide ? e.from.x + e.steps : other_at(&e, e.steps);
    int64_t first, last;

    if (left > right) {
        int64_t swap = left;

        left = right;
        right = swap;
    }
    /* pixel columns with left <= 5 x + 2 < right */
    first = left <= 2 ? 0 : (left - 2 + FINE - 1) / FINE;
    last = right < 3 ? -1 : (right - 3) / FINE;
    for (int64_t x = first; x <= last && x < width; x++) {
        double y = ((double)crossing(&e, FINE * x + 2) + 0.5) / FINE - 0.5;
        int64_t row = y < 0 ? 0 : (int64_t)ceil(y);

        if (row < height)
            marks[row * width + x] ^= 1;
    }
}

/* Turns rings of points into what lies inside by the even-odd rule, in marks [height][width]. */
static samc_status fill_rings(const double *xy, const size_t *starts, size_t n_rings,
                              int32_t height, int32_t width, uint8_t **marks, samc_error *error)
{
    samc_status status = SAMC_OK;
    fine_point *points = NULL;
    uint8_t *made = NULL;
    size_t n = (size_t)height * (size_t)width;
    size_t total = starts[n_rings];

    if (height < 1 || width < 1 || height > 65535 || width > 65535)
        return SAMC_FAIL(error, ARGUMENT, "a mask of %ld x %ld pixels: a side is not 1 to 65535",
                         (long)width, (long)height);
    for (size_t k = 0; k < n_rings; k++)
        if (starts[k + 1] - starts[k] < 3)
            return SAMC_FAIL(error, FORMAT, "a polygon of %zu points; at least three are needed",
                             starts[k + 1] - starts[k]);
    SAMC_CHECK(samc_alloc(total, sizeof *points, &points, error));
    for (size_t i = 0; i < total; i++) {
        double x = xy[2 * i], y = xy[2 * i + 1];

        if (!(fabs(x) <= SAMC_POLYGON_MAX_COORDINATE && fabs(y) <= SAMC_POLYGON_MAX_COORDINATE)) {
            status = SAMC_FAIL(error, FORMAT, "point %zu of a polygon is at (%g, %g)", i, x, y);
            goto cleanup;
        }
        points[i] = (fine_point){(int64_t)(FINE * x + 0.5), (int64_t)(FINE * y + 0.5)};
    }
    SAMC_CHECK(samc_alloc_zero(n, 1, &made, error));
    for (size_t k = 0; k < n_rings; k++)
        for (size_t i = starts[k]; i < starts[k + 1]; i++)
            mark_edge(points[i], points[i + 1 < starts[k + 1] ? i + 1 : starts[k]], height, width,
                      made);
    for (size_t i = (size_t)width; i < n; i++) /* the sum, modulo 2, of the marks at and above */
        made[i] ^= made[i - (size_t)width];
    *marks = made;
    made = NULL;

cleanup:
    free(points);
    free(made);
    return status;
}

samc_status samc_polygon_fill(const double *xy, size_t n_points, int32_t height, int32_t width,
                              uint8_t *mask, samc_error *error)
{
    const size_t starts[2] = {0, n_points};
    uint8_t *marks = NULL;

    SAMC_TRY(fill_rings(xy, starts, 1, height, width, &marks, error));
    for (size_t i = 0; i < (size_t)height * (size_t)width; i++)
        mask[i] |= marks[i];
    free(marks);
    return SAMC_OK;
}

samc_status samc_polygons_fill(const samc_polygons *polygons, int32_t height, int32_t width,
                               samc_rle *rle, samc_error *error)
{
    static const size_t none = 0;
    const size_t *starts = polygons->n_rings ? polygons->starts : &none;
    uint8_t *marks = NULL;
    samc_status status;

    SAMC_TRY(fill_rings(polygons->xy, starts, polygons->n_rings, height, width, &marks, error));
    status = samc_rle_encode(marks, height, width, (size_t)width, rle, error);
    free(marks);
    return status;
}
