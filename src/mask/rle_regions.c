/* SPDX-License-Identifier: Apache-2.0
 *
 * The connected regions of a mask, found among its runs: each run is cut at the feet of columns
 * into spans, and spans of neighbouring columns that touch, by a side or a corner, are one region.
 * The cost is the number of runs and columns; no pixel is drawn.
 */
#include "mask/rle.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Rows [top, foot) of one column. */
typedef struct span {
    int32_t x, top, foot;
    size_t parent; /* an earlier span of its region; itself for the first */
} span;

/* All spans of one value, by column and row, and what is known of each region. */
typedef struct regions {
    size_t n_spans, count;
    span *spans;
    size_t *of;      /* [n_spans] region of each, 0-based, in the order of the first spans */
    uint64_t *areas; /* [count] */
    uint8_t *edge;   /* [count] 1: touches the edge of the picture */
} regions;

static void regions_free(regions *r)
{
    free(r->spans);
    free(r->of);
    free(r->areas);
    free(r->edge);
    *r = (regions){0};
}

/* Cuts the runs of `value` into spans; with spans NULL it only counts them. */
static size_t cut(const samc_rle *rle, unsigned value, span *spans)
{
    const uint64_t height = (uint64_t)rle->height;
    uint64_t at = 0;
    size_t n = 0;

    for (size_t i = 0; i < rle->n_counts; at += rle->counts[i], i++) {
        uint64_t end = at + rle->counts[i];

        for (uint64_t from = at; (i & 1) == value && from < end;) {
            uint64_t x = from / height;
            uint64_t to = end < (x + 1) * height ? end : (x + 1) * height;

            if (spans)
                spans[n] = (span){(int32_t)x, (int32_t)(from - x * height),
                                  (int32_t)(to - x * height), n};
            n++;
            from = to;
        }
    }
    return n;
}

static size_t root_of(span *spans, size_t i)
{
    while (spans[i].parent != i) {
        spans[i].parent = spans[spans[i].parent].parent; /* halves the way for the next one */
        i = spans[i].parent;
    }
    return i;
}

static void join(span *spans, size_t a, size_t b)
{
    a = root_of(spans, a);
    b = root_of(spans, b);
    if (a < b)
        spans[b].parent = a;
    else
        spans[a].parent = b;
}

/* Joins spans of neighbouring columns. Both columns are walked from the top; `back` is the first
 * span of the column before that may still touch. */
static void link_columns(span *spans, size_t n)
{
    size_t back = 0;

    for (size_t i = 0; i < n; i++) {
        while (back < i && (spans[back].x < spans[i].x - 1 ||
                            (spans[back].x == spans[i].x - 1 && spans[back].foot < spans[i].top)))
            back++;
        for (size_t k = back;
             k < i && spans[k].x == spans[i].x - 1 && spans[k].top <= spans[i].foot; k++)
            join(spans, i, k);
    }
}

static samc_status find(const samc_rle *rle, unsigned value, regions *r, samc_error *error)
{
    samc_status status = SAMC_OK;
    regions made = {0};

    made.n_spans = cut(rle, value, NULL);
    SAMC_CHECK(samc_alloc(made.n_spans, sizeof *made.spans, &made.spans, error));
    SAMC_CHECK(samc_alloc(made.n_spans, sizeof *made.of, &made.of, error));
    (void)cut(rle, value, made.spans);
    link_columns(made.spans, made.n_spans);
    for (size_t i = 0; i < made.n_spans; i++) { /* roots come before their regions */
        size_t root = root_of(made.spans, i);

        made.of[i] = root == i ? made.count++ : made.of[root];
    }
    SAMC_CHECK(samc_alloc_zero(made.count, sizeof *made.areas, &made.areas, error));
    SAMC_CHECK(samc_alloc_zero(made.count, 1, &made.edge, error));
    for (size_t i = 0; i < made.n_spans; i++) {
        const span *s = &made.spans[i];

        made.areas[made.of[i]] += (uint64_t)(s->foot - s->top);
        if (s->top == 0 || s->foot == rle->height || s->x == 0 || s->x == rle->width - 1)
            made.edge[made.of[i]] = 1;
    }
    *r = made;
    made = (regions){0};

cleanup:
    regions_free(&made);
    return status;
}

/* The mask of `n` spans, given by their indices (NULL: those whose region is `chosen`). `counts`
 * has room for 2 * n + 1. */
static samc_status draw(const samc_rle *rle, const regions *r, const size_t *indices, size_t n,
                        const uint8_t *chosen, uint64_t *counts, samc_rle *mask, samc_error *error)
{
    uint64_t at = 0; /* the end of what is written */
    size_t n_counts = 1;

    counts[0] = 0;
    for (size_t k = 0; k < n; k++) {
        size_t i = indices ? indices[k] : k;
        const span *s = &r->spans[i];
        uint64_t start = (uint64_t)s->x * (uint64_t)rle->height + (uint64_t)s->top;
        uint64_t length = (uint64_t)(s->foot - s->top);

        if (chosen && !chosen[r->of[i]])
            continue;
        if (start > at || at == 0) {
            counts[n_counts - 1] += start - at;
            counts[n_counts++] = length;
            counts[n_counts++] = 0;
        } else { /* goes on from the foot of the column before */
            counts[n_counts - 2] += length;
        }
        at = start + length;
    }
    counts[n_counts - 1] += (uint64_t)rle->height * (uint64_t)rle->width - at;
    if (n_counts > 1 && counts[n_counts - 1] == 0)
        n_counts--;
    return samc_rle_from_counts(counts, n_counts, rle->height, rle->width, mask, error);
}

/* merged = rle with, or without, the chosen regions. */
static samc_status apply(const samc_rle *rle, const regions *r, const uint8_t *chosen,
                         samc_merge how, samc_rle *merged, samc_error *error)
{
    samc_rle pair[2] = {*rle, {0}};
    uint64_t *counts = NULL;
    samc_status status;

    SAMC_TRY(samc_alloc(2 * r->n_spans + 1, sizeof *counts, &counts, error));
    status = draw(rle, r, NULL, r->n_spans, chosen, counts, &pair[1], error);
    free(counts);
    SAMC_TRY(status);
    status = samc_rle_merge(pair, 2, how, merged, error);
    samc_rle_free(&pair[1]);
    return status;
}

samc_status samc_rle_fill_holes(const samc_rle *rle, uint64_t area, int at_edge, samc_rle *filled,
                                size_t *changed, samc_error *error)
{
    samc_status status = SAMC_OK;
    regions r = {0};
    uint8_t *chosen = NULL;
    size_t n = 0;

    SAMC_CHECK(find(rle, 0, &r, error));
    SAMC_CHECK(samc_alloc_zero(r.count, 1, &chosen, error));
    for (size_t i = 0; i < r.count; i++) {
        chosen[i] = r.areas[i] < area && (at_edge || !r.edge[i]);
        n += chosen[i];
    }
    SAMC_CHECK(apply(rle, &r, chosen, SAMC_MERGE_UNION, filled, error));
    if (changed)
        *changed = n;

cleanup:
    regions_free(&r);
    free(chosen);
    return status;
}

/* The largest region; of several the one that comes first by blocks of 2 x 2 pixels, row by row:
 * OpenCV numbers regions so, and the reference takes the lowest number. */
static samc_status largest_region(const samc_rle *rle, const regions *r, size_t *largest,
                                  samc_error *error)
{
    uint64_t *first = NULL;

    SAMC_TRY(samc_alloc(r->count, sizeof *first, &first, error));
    for (size_t i = 0; i < r->count; i++)
        first[i] = UINT64_MAX;
    for (size_t i = 0; i < r->n_spans; i++) {
        const span *s = &r->spans[i];
        const uint64_t block = (uint64_t)(s->top / 2) * (uint64_t)rle->width + (uint64_t)(s->x / 2);

        first[r->of[i]] = block < first[r->of[i]] ? block : first[r->of[i]];
    }
    *largest = 0;
    for (size_t i = 1; i < r->count; i++)
        if (r->areas[i] > r->areas[*largest] ||
            (r->areas[i] == r->areas[*largest] && first[i] < first[*largest]))
            *largest = i;
    free(first);
    return SAMC_OK;
}

samc_status samc_rle_drop_islands(const samc_rle *rle, uint64_t area, samc_rle *left,
                                  size_t *changed, samc_error *error)
{
    samc_status status = SAMC_OK;
    regions r = {0};
    uint8_t *chosen = NULL;
    size_t n = 0, largest = 0;

    SAMC_CHECK(find(rle, 1, &r, error));
    SAMC_CHECK(samc_alloc_zero(r.count, 1, &chosen, error));
    for (size_t i = 0; i < r.count; i++) {
        chosen[i] = r.areas[i] < area;
        n += chosen[i];
    }
    if (n && n == r.count) { /* something of a mask stays */
        SAMC_CHECK(largest_region(rle, &r, &largest, error));
        chosen[largest] = 0;
        n--;
    }
    SAMC_CHECK(apply(rle, &r, chosen, SAMC_MERGE_DIFFERENCE, left, error));
    if (changed)
        *changed = n;

cleanup:
    regions_free(&r);
    free(chosen);
    return status;
}

/* indices [n_spans]: spans region by region; ends [count]: where each region's end. */
static samc_status by_region(const regions *r, size_t **indices, size_t **ends, samc_error *error)
{
    size_t total = 0;

    SAMC_TRY(samc_alloc(r->n_spans, sizeof **indices, indices, error));
    SAMC_TRY(samc_alloc_zero(r->count, sizeof **ends, ends, error));
    for (size_t i = 0; i < r->n_spans; i++)
        (*ends)[r->of[i]]++;
    for (size_t i = 0; i < r->count; i++) { /* counts -> places, a counting sort */
        size_t n = (*ends)[i];

        (*ends)[i] = total;
        total += n;
    }
    for (size_t i = 0; i < r->n_spans; i++)
        (*indices)[(*ends)[r->of[i]]++] = i;
    return SAMC_OK;
}

samc_status samc_rle_regions(const samc_rle *rle, samc_rle **list, size_t *count, samc_error *error)
{
    samc_status status = SAMC_OK;
    regions r = {0};
    samc_rle *made = NULL;
    size_t *indices = NULL, *ends = NULL;
    uint64_t *counts = NULL;
    size_t n = 0;

    SAMC_CHECK(find(rle, 1, &r, error));
    SAMC_CHECK(by_region(&r, &indices, &ends, error));
    SAMC_CHECK(samc_alloc(2 * r.n_spans + 1, sizeof *counts, &counts, error));
    SAMC_CHECK(samc_alloc_zero(r.count, sizeof *made, &made, error));
    for (; n < r.count; n++) {
        size_t first = n ? ends[n - 1] : 0;

        SAMC_CHECK(draw(rle, &r, indices + first, ends[n] - first, NULL, counts, &made[n], error));
    }
    *list = made;
    *count = n;
    made = NULL;

cleanup:
    if (made)
        samc_rle_list_free(made, n);
    free(indices);
    free(ends);
    free(counts);
    regions_free(&r);
    return status;
}

void samc_rle_list_free(samc_rle *list, size_t count)
{
    for (size_t i = 0; list && i < count; i++)
        samc_rle_free(&list[i]);
    free(list);
}
