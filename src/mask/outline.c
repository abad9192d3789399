/* SPDX-License-Identifier: Apache-2.0
 *
 * Outlines: a mask becomes rings of corner points. A ring follows the cracks between pixels with
 * the inside at its right hand, clockwise around a region and counter-clockwise around a hole (y
 * points down); its corners are whole numbers, so that filling it gives back the very pixels.
 */
#include "mask/polygon.h"

#include "base/memory.h"
#include "mask/components.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The mask within its box, one pixel of background around it. */
typedef struct frame {
    int32_t left, top;     /* where the frame's pixel (0, 0) lies in the picture */
    int32_t width, height; /* of the frame */
    uint8_t *pixels;       /* [height][width]: bit 0 inside, bit 1 the crack above was followed */
    int32_t *ids;          /* [height][width]: 1-based region of each pixel, 0 the background */
    int32_t regions;
} frame;

enum { INSIDE = 1, FOLLOWED = 2 };

/* Rings while they are made: one list of corners. */
typedef struct rings {
    double *xy; /* [points][2] */
    size_t points, room;
    size_t *ends; /* [n] */
    int32_t *ids; /* [n] region that the ring goes around or lies in */
    uint8_t *holes;
    size_t n, ring_room;
} rings;

static void rings_free(rings *r)
{
    free(r->xy);
    free(r->ends);
    free(r->ids);
    free(r->holes);
    *r = (rings){0};
}

/* Makes *list, of `used` elements of `size` bytes, hold `room`. */
static samc_status widen(void *list, size_t used, size_t room, size_t size, samc_error *error)
{
    void *old = NULL, *more = NULL;

    SAMC_TRY(samc_alloc(room, size, &more, error));
    memcpy(&old, list, sizeof old);
    if (used)
        memcpy(more, old, used * size);
    free(old);
    memcpy(list, &more, sizeof more); /* the address of a pointer of any type */
    return SAMC_OK;
}

static samc_status add_corner(rings *r, double x, double y, samc_error *error)
{
    if (r->points == r->room) {
        size_t room = r->room ? 2 * r->room : 256;

        SAMC_TRY(widen(&r->xy, r->points, room, 2 * sizeof *r->xy, error));
        r->room = room;
    }
    r->xy[2 * r->points] = x;
    r->xy[2 * r->points + 1] = y;
    r->points++;
    return SAMC_OK;
}

static samc_status end_ring(rings *r, int32_t id, int hole, samc_error *error)
{
    if (r->n == r->ring_room) {
        size_t room = r->ring_room ? 2 * r->ring_room : 16;

        SAMC_TRY(widen(&r->ends, r->n, room, sizeof *r->ends, error));
        SAMC_TRY(widen(&r->ids, r->n, room, sizeof *r->ids, error));
        SAMC_TRY(widen(&r->holes, r->n, room, 1, error));
        r->ring_room = room;
    }
    r->ends[r->n] = r->points;
    r->ids[r->n] = id;
    r->holes[r->n++] = (uint8_t)hole;
    return SAMC_OK;
}

static samc_status frame_make(const samc_rle *rle, frame *f, samc_error *error)
{
    const uint64_t height = (uint64_t)rle->height;
    int32_t box[4];
    uint64_t at = 0;
    size_t n;

    samc_rle_box(rle, box);
    f->left = box[0] - 1;
    f->top = box[1] - 1;
    f->width = box[2] + 2;
    f->height = box[3] + 2;
    n = (size_t)f->width * (size_t)f->height;
    SAMC_TRY(samc_alloc_zero(n, 1, &f->pixels, error));
    for (size_t i = 0; i < rle->n_counts; at += rle->counts[i], i++) {
        uint64_t end = at + rle->counts[i];

        for (uint64_t from = at; i % 2 == 1 && from < end;) { /* column by column */
            uint64_t x = from / height;
            uint64_t to = end < (x + 1) * height ? end : (x + 1) * height;
            uint8_t *pixel = f->pixels + (from - x * height - (uint64_t)f->top) * (size_t)f->width +
                             (x - (uint64_t)f->left);

            for (; from < to; from++, pixel += f->width)
                *pixel = INSIDE;
        }
    }
    SAMC_TRY(samc_alloc(n, sizeof *f->ids, &f->ids, error));
    return samc_components_find(f->pixels, f->height, f->width, f->ids, &f->regions, error);
}

static int inside(const frame *f, int32_t x, int32_t y)
{
    return f->pixels[(size_t)y * (size_t)f->width + (size_t)x] & INSIDE;
}

/* Follows the ring whose crack above pixel (x, y) was not followed yet. Pixels that touch by a
 * corner are of one region, so where there is a choice the ring turns left. */
static samc_status follow(frame *f, int32_t x, int32_t y, rings *r, samc_error *error)
{
    static const int32_t dx[4] = {1, 0, -1, 0}, dy[4] = {0, 1, 0, -1}; /* right down left up */
    /* the pixels ahead of corner (x, y), left and right of the way, for each direction */
    static const int32_t left_x[4] = {0, 0, -1, -1}, left_y[4] = {-1, 0, 0, -1};
    static const int32_t right_x[4] = {0, -1, -1, 0}, right_y[4] = {0, 0, -1, -1};
    const int32_t id = f->ids[(size_t)y * (size_t)f->width + (size_t)x];
    const int32_t start_x = x, start_y = y;
    int64_t twice_area = 0;
    unsigned way = 0;

    do {
        unsigned next;

        if (way == 0)
            f->pixels[(size_t)y * (size_t)f->width + (size_t)x] |= FOLLOWED;
        x += dx[way];
        y += dy[way];
        twice_area += (int64_t)x * dy[way] - (int64_t)y * dx[way];
        next = inside(f, x + left_x[way], y + left_y[way])     ? (way + 3) % 4
               : inside(f, x + right_x[way], y + right_y[way]) ? way
                                                               : (way + 1) % 4;
        if (next != way)
            SAMC_TRY(add_corner(r, x + f->left, y + f->top, error));
        way = next;
    } while (x != start_x || y != start_y || way != 0);
    return end_ring(r, id, twice_area < 0, error);
}

static samc_status follow_all(frame *f, rings *r, samc_error *error)
{
    for (int32_t y = 1; y < f->height; y++)
        for (int32_t x = 1; x < f->width; x++)
            if (f->pixels[(size_t)y * (size_t)f->width + (size_t)x] == INSIDE &&
                !inside(f, x, y - 1))
                SAMC_TRY(follow(f, x, y, r, error));
    return SAMC_OK;
}

/* The distance from p to the segment a b, squared. */
static double distance_squared(const double *p, const double *a, const double *b)
{
    double ux = b[0] - a[0], uy = b[1] - a[1];
    double vx = p[0] - a[0], vy = p[1] - a[1];
    double length = ux * ux + uy * uy;
    double t = length > 0 ? (ux * vx + uy * vy) / length : 0;

    t = t < 0 ? 0 : t > 1 ? 1 : t;
    vx -= t * ux;
    vy -= t * uy;
    return vx * vx + vy * vy;
}

/* Marks in keep [n + 1] the points of the closed ring xy [n] that stay: first the two ends of a
 * piece, then the farthest point between them, as long as it is farther than the tolerance.
 * stack [n + 1][2]. Source: Douglas & Peucker (1973), started from point 0 and the one farthest
 * from it. */
static void choose(const double *xy, size_t n, double tolerance, uint8_t *keep, size_t (*stack)[2])
{
    size_t top = 0, far = 0;
    double farthest = -1;

    memset(keep, 0, n + 1);
    for (size_t i = 1; i < n; i++) {
        double d = distance_squared(xy + 2 * i, xy, xy);

        if (d > farthest) {
            farthest = d;
            far = i;
        }
    }
    keep[0] = keep[far] = 1;
    stack[top][0] = 0;
    stack[top++][1] = far;
    stack[top][0] = far;
    stack[top++][1] = n; /* point 0 again */
    while (top) {
        size_t from = stack[--top][0], to = stack[top][1], at = 0;
        double most = tolerance * tolerance;

        for (size_t i = from + 1; i < to; i++) {
            double d = distance_squared(xy + 2 * i, xy + 2 * from, xy + 2 * (to % n));

            if (d > most) {
                most = d;
                at = i;
            }
        }
        if (!at)
            continue;
        keep[at] = 1;
        stack[top][0] = from;
        stack[top++][1] = at;
        stack[top][0] = at;
        stack[top++][1] = to;
    }
}

/* Whether the kept points enclose anything. */
static int encloses(const double *xy, size_t n, const uint8_t *keep)
{
    double twice_area = 0;
    size_t before = 0; /* point 0 is always kept */

    for (size_t i = 1; i <= n; i++)
        if (i == n || keep[i]) {
            const double *a = xy + 2 * before, *b = xy + 2 * (i % n);

            twice_area += a[0] * b[1] - a[1] * b[0];
            before = i;
        }
    return twice_area != 0;
}

/* Thins every ring in place. An outer ring that would vanish stays as it is, a hole goes. */
static samc_status simplify(rings *r, double tolerance, samc_error *error)
{
    samc_status status = SAMC_OK;
    uint8_t *keep = NULL;
    size_t(*stack)[2] = NULL;
    size_t out = 0, first = 0, kept_rings = 0;

    SAMC_CHECK(samc_alloc(r->points + 1, 1, &keep, error));
    SAMC_CHECK(samc_alloc(r->points + 1, sizeof *stack, &stack, error));
    for (size_t k = 0; k < r->n; k++) {
        size_t n = r->ends[k] - first;
        const double *xy = r->xy + 2 * first;

        choose(xy, n, tolerance, keep, stack);
        if (!encloses(xy, n, keep))
            memset(keep, !r->holes[k], n);
        first = r->ends[k];
        if (!keep[0])
            continue;
        for (size_t i = 0; i < n; i++)
            if (keep[i])
                memmove(r->xy + 2 * out++, xy + 2 * i, 2 * sizeof *xy);
        r->ends[kept_rings] = out;
        r->ids[kept_rings] = r->ids[k];
        r->holes[kept_rings++] = r->holes[k];
    }
    r->n = kept_rings;
    r->points = out;

cleanup:
    free(keep);
    free(stack);
    return status;
}

/* Orders the rings by region, each outer one before its holes. It comes first already: the scan
 * meets a region at its topmost row, and a hole lies below. */
static samc_status collect(const rings *r, int32_t regions, samc_polygons *polygons,
                           samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_polygons made = {0};
    size_t *places = NULL; /* [regions + 2]: where the next ring of each region goes */
    size_t *order = NULL;
    size_t at = 0;

    SAMC_CHECK(samc_alloc_zero((size_t)regions + 2, sizeof *places, &places, error));
    SAMC_CHECK(samc_alloc(r->n, sizeof *order, &order, error));
    SAMC_CHECK(samc_alloc_zero(r->n + 1, sizeof *made.starts, &made.starts, error));
    SAMC_CHECK(samc_alloc(r->n, sizeof *made.outer, &made.outer, error));
    SAMC_CHECK(samc_alloc(r->points, 2 * sizeof *made.xy, &made.xy, error));
    for (size_t k = 0; k < r->n; k++)
        places[r->ids[k] + 1]++;
    for (int32_t i = 1; i <= regions + 1; i++)
        places[i] += places[i - 1];
    for (size_t k = 0; k < r->n; k++)
        order[places[r->ids[k]]++] = k;
    for (size_t i = 0; i < r->n; i++) {
        size_t k = order[i], first = k ? r->ends[k - 1] : 0, n = r->ends[k] - first;

        memcpy(made.xy + 2 * at, r->xy + 2 * first, 2 * n * sizeof *made.xy);
        at += n;
        made.starts[i + 1] = at;
        made.outer[i] = r->holes[k] ? made.outer[i - 1] : i;
    }
    made.n_rings = r->n;
    *polygons = made;
    made = (samc_polygons){0};

cleanup:
    samc_polygons_free(&made);
    free(places);
    free(order);
    return status;
}

samc_status samc_polygons_trace(const samc_rle *rle, double tolerance, samc_polygons *polygons,
                                samc_error *error)
{
    samc_status status = SAMC_OK;
    frame f = {0};
    rings r = {0};

    if (!(tolerance >= 0 && tolerance <= SAMC_POLYGON_MAX_COORDINATE))
        return SAMC_FAIL(error, ARGUMENT, "a tolerance of %g pixels", tolerance);
    SAMC_CHECK(frame_make(rle, &f, error));
    SAMC_CHECK(follow_all(&f, &r, error));
    if (tolerance > 0)
        SAMC_CHECK(simplify(&r, tolerance, error));
    SAMC_CHECK(collect(&r, f.regions, polygons, error));

cleanup:
    rings_free(&r);
    free(f.pixels);
    free(f.ids);
    return status;
}

/* The point of xy [n] nearest to p. */
static size_t nearest(const double *xy, size_t n, const double *p)
{
    double best = INFINITY;
    size_t found = 0;

    for (size_t i = 0; i < n; i++) {
        double d = distance_squared(p, xy + 2 * i, xy + 2 * i);

        if (d < best) {
            best = d;
            found = i;
        }
    }
    return found;
}

/* Puts ring hole [n] into ring [*points]: from its point nearest to the hole's first one over to
 * the hole, around it, and back. `ring` has room. */
static void put_in(double *ring, size_t *points, const double *hole, size_t n)
{
    size_t at = nearest(ring, *points, hole);
    double *gap = ring + 2 * (at + 1);

    memmove(gap + 2 * (n + 2), gap, 2 * (*points - at - 1) * sizeof *ring);
    memcpy(gap, hole, 2 * n * sizeof *ring);
    memcpy(gap + 2 * n, hole, 2 * sizeof *ring);
    memmove(gap + 2 * (n + 1), ring + 2 * at, 2 * sizeof *ring);
    *points += n + 2;
}

samc_status samc_polygons_join(const samc_polygons *polygons, samc_polygons *joined,
                               samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_polygons made = {0};
    size_t total = polygons->n_rings ? polygons->starts[polygons->n_rings] : 0;

    SAMC_CHECK(samc_alloc_zero(polygons->n_rings + 1, sizeof *made.starts, &made.starts, error));
    SAMC_CHECK(samc_alloc(polygons->n_rings, sizeof *made.outer, &made.outer, error));
    SAMC_CHECK(samc_alloc(total + 2 * polygons->n_rings, 2 * sizeof *made.xy, &made.xy, error));
    for (size_t i = 0, at = 0; i < polygons->n_rings; i++) {
        const double *xy = polygons->xy + 2 * polygons->starts[i];
        size_t n = polygons->starts[i + 1] - polygons->starts[i];
        size_t first = made.n_rings ? made.starts[made.n_rings - 1] : 0;
        size_t points = at - first;

        if (polygons->outer[i] == i) {
            memcpy(made.xy + 2 * at, xy, 2 * n * sizeof *xy);
            made.outer[made.n_rings] = made.n_rings;
            made.n_rings++;
            at += n;
        } else {
            put_in(made.xy + 2 * first, &points, xy, n);
            at = first + points;
        }
        made.starts[made.n_rings] = at;
    }
    *joined = made;
    made = (samc_polygons){0};

cleanup:
    samc_polygons_free(&made);
    return status;
}

void samc_polygons_free(samc_polygons *polygons)
{
    free(polygons->starts);
    free(polygons->outer);
    free(polygons->xy);
    *polygons = (samc_polygons){0};
}
