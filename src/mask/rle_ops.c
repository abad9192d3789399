/* SPDX-License-Identifier: Apache-2.0
 *
 * Arithmetic of masks without pixels: two lists of runs are walked side by side, so that a call
 * costs what the runs are many and not what the picture is large.
 */
#include "mask/rle.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Where a walk stands: `left` pixels of the current run, which is of zeros or ones. */
typedef struct walker {
    const uint64_t *counts;
    size_t n, next;
    uint64_t left;
    unsigned value;
} walker;

/* Goes to the next run that is not empty; runs of files may be. */
static void settle(walker *w)
{
    while (w->left == 0 && w->next < w->n) {
        w->value = (unsigned)(w->next & 1);
        w->left = w->counts[w->next++];
    }
}

static walker begin(const samc_rle *rle)
{
    walker w = {rle->counts, rle->n_counts, 0, 0, 0};

    settle(&w);
    return w;
}

/* The longest piece over which neither mask changes; 0 at the end of both. */
static uint64_t step(walker *a, walker *b, unsigned *value_a, unsigned *value_b)
{
    uint64_t length = a->left < b->left ? a->left : b->left;

    *value_a = a->value;
    *value_b = b->value;
    a->left -= length;
    b->left -= length;
    settle(a);
    settle(b);
    return length;
}

/* Bit 2 * a + b says whether a pixel that is `a` in the first mask and `b` in the second is in the
 * result. */
static unsigned truth_table(samc_merge how)
{
    switch (how) {
    case SAMC_MERGE_UNION: return 0xE;
    case SAMC_MERGE_INTERSECTION: return 0x8;
    case SAMC_MERGE_DIFFERENCE: return 0x4;
    }
    return 0;
}

static samc_status merge_two(const samc_rle *a, const samc_rle *b, unsigned table, samc_rle *merged,
                             samc_error *error)
{
    samc_status status = SAMC_OK;
    walker wa = begin(a), wb = begin(b);
    unsigned value_a = 0, value_b = 0, value = 0;
    uint64_t *counts = NULL;
    uint64_t length, run = 0;
    size_t n = 0;

    /* a change of the result is one of a's or b's; the last run, and perhaps an empty first one */
    SAMC_TRY(samc_alloc(a->n_counts + b->n_counts + 1, sizeof *counts, &counts, error));
    while ((length = step(&wa, &wb, &value_a, &value_b)) != 0) {
        unsigned here = table >> (2 * value_a + value_b) & 1;

        if (here != value) {
            counts[n++] = run;
            run = 0;
            value = here;
        }
        run += length;
    }
    counts[n++] = run;
    SAMC_CHECK(samc_rle_from_counts(counts, n, a->height, a->width, merged, error));

cleanup:
    free(counts);
    return status;
}

static int same_size(const samc_rle *a, const samc_rle *b)
{
    return a->height == b->height && a->width == b->width;
}

samc_status samc_rle_merge(const samc_rle *rles, size_t n, samc_merge how, samc_rle *merged,
                           samc_error *error)
{
    samc_rle made = {0}, next = {0};
    unsigned table = truth_table(how);

    if (n == 0 || !table)
        return SAMC_FAIL(error, ARGUMENT,
                         n ? "there is no such way to merge masks" : "there is no mask to merge");
    for (size_t i = 1; i < n; i++)
        if (!same_size(&rles[0], &rles[i]))
            return SAMC_FAIL(error, ARGUMENT,
                             "mask %zu has %ld x %ld pixels, the first one %ld x %ld", i,
                             (long)rles[i].width, (long)rles[i].height, (long)rles[0].width,
                             (long)rles[0].height);
    SAMC_TRY(samc_rle_from_counts(rles[0].counts, rles[0].n_counts, rles[0].height, rles[0].width,
                                  &made, error));
    for (size_t i = 1; i < n; i++) {
        samc_status status = merge_two(&made, &rles[i], table, &next, error);

        samc_rle_free(&made);
        if (status != SAMC_OK)
            return status;
        made = next;
    }
    *merged = made;
    return SAMC_OK;
}

uint64_t samc_rle_intersection(const samc_rle *a, const samc_rle *b)
{
    walker wa = begin(a), wb = begin(b);
    unsigned value_a = 0, value_b = 0;
    uint64_t length, both = 0;

    if (!same_size(a, b))
        return 0;
    while ((length = step(&wa, &wb, &value_a, &value_b)) != 0)
        if (value_a & value_b)
            both += length;
    return both;
}

/* Boxes x, y, w, h that share no pixel. */
static int apart(const int32_t a[4], const int32_t b[4])
{
    return a[0] + a[2] <= b[0] || b[0] + b[2] <= a[0] || a[1] + a[3] <= b[1] || b[1] + b[3] <= a[1];
}

static double ratio(uint64_t both, uint64_t either)
{
    return both ? (double)both / (double)either : 0.0;
}

double samc_rle_iou(const samc_rle *a, const samc_rle *b, int crowd)
{
    uint64_t both, area;

    if (!same_size(a, b))
        return -1.0;
    both = samc_rle_intersection(a, b);
    area = samc_rle_area(a);
    return ratio(both, crowd ? area : area + samc_rle_area(b) - both);
}

/* A mask as NMS looks at it. */
typedef struct candidate {
    const samc_rle *rle;
    double score;
    size_t index;
    uint64_t area;
    int32_t box[4];
} candidate;

/* Descending score; equal ones, and those that are no number, in their order. */
static int compare(const void *x, const void *y)
{
    const candidate *a = x, *b = y;

    if (a->score > b->score || a->score < b->score)
        return a->score > b->score ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static int is_covered(const candidate *c, const candidate *by, double threshold)
{
    uint64_t both;

    if (apart(c->box, by->box))
        return 0.0 > threshold;
    both = samc_rle_intersection(by->rle, c->rle);
    return ratio(both, by->area + c->area - both) > threshold;
}

samc_status samc_rle_nms(const samc_rle *rles, const double *scores, size_t n, double threshold,
                         uint8_t *keep, samc_error *error)
{
    candidate *list = NULL;

    for (size_t i = 1; i < n; i++)
        if (!same_size(&rles[0], &rles[i]))
            return SAMC_FAIL(error, ARGUMENT, "mask %zu is not of the first one's size", i);
    SAMC_TRY(samc_alloc(n, sizeof *list, &list, error));
    for (size_t i = 0; i < n; i++) {
        double score = scores ? scores[i] : 0.0;

        list[i] = (candidate){
            &rles[i], score == score ? score : -1e300, i, samc_rle_area(&rles[i]), {0, 0, 0, 0}};
        samc_rle_box(&rles[i], list[i].box);
    }
    if (n)
        qsort(list, n, sizeof *list, compare);
    for (size_t i = 0; i < n; i++) {
        uint8_t kept = 1;

        for (size_t k = 0; k < i && kept; k++)
            if (keep[list[k].index])
                kept = (uint8_t)!is_covered(&list[i], &list[k], threshold);
        keep[list[i].index] = kept;
    }
    free(list);
    return SAMC_OK;
}
