/* SPDX-License-Identifier: Apache-2.0 */
#include "mask/clean.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A mask's place in an order. */
typedef struct place {
    size_t item;
    double key; /* ascending; equal ones in the order of the items */
    int32_t box[4];
} place;

static int compare(const void *x, const void *y)
{
    const place *a = x, *b = y;

    if (a->key < b->key || a->key > b->key)
        return a->key < b->key ? -1 : 1;
    return a->item < b->item ? -1 : a->item > b->item;
}

static double area_of(const samc_clean_item *item)
{
    return (double)samc_rle_area(&item->rle);
}

/* What is better has more of it. */
static double score_of(const samc_clean_item *item)
{
    return isnan(item->score) ? area_of(item) : item->score;
}

static void replace(samc_clean_item *item, samc_rle *rle)
{
    samc_rle_free(&item->rle);
    item->rle = *rle;
    item->changed = 1;
}

/* The items that are left, ordered; list [n]. */
static size_t order(const samc_clean_item *items, size_t n, samc_disjoint by, place *list)
{
    size_t left = 0;

    for (size_t i = 0; i < n; i++) {
        const samc_clean_item *item = &items[i];

        if (item->dropped)
            continue;
        list[left] = (place){.item = i,
                             .key = by == SAMC_DISJOINT_SMALLEST  ? area_of(item)
                                    : by == SAMC_DISJOINT_LARGEST ? -area_of(item)
                                    : by == SAMC_DISJOINT_SCORE   ? -score_of(item)
                                                                  : 0};
        samc_rle_box(&item->rle, list[left++].box);
    }
    if (left)
        qsort(list, left, sizeof *list, compare);
    return left;
}

/* Holes, islands, and masks that are too small. */
static samc_status mend(samc_clean_item *item, const samc_clean_options *options,
                        samc_clean_counts *counts, samc_error *error)
{
    samc_rle made = SAMC_RLE_INIT;
    size_t changed = 0;
    uint64_t area;

    if (options->holes) {
        SAMC_TRY(samc_rle_fill_holes(&item->rle, options->holes, 0, &made, &changed, error));
        if (changed)
            replace(item, &made);
        else
            samc_rle_free(&made);
        counts->holes += changed;
    }
    if (options->islands) {
        SAMC_TRY(samc_rle_drop_islands(&item->rle, options->islands, &made, &changed, error));
        if (changed)
            replace(item, &made);
        else
            samc_rle_free(&made);
        counts->islands += changed;
    }
    area = samc_rle_area(&item->rle);
    item->dropped = area == 0 || area < options->min_area;
    counts->small += (size_t)item->dropped;
    return SAMC_OK;
}

static samc_status drop_duplicates(samc_clean_item *items, const place *list, size_t n,
                                   double threshold, samc_clean_counts *counts, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_rle *rles = NULL; /* views: nothing of them is freed */
    double *scores = NULL;
    uint8_t *keep = NULL;

    SAMC_CHECK(samc_alloc(n, sizeof *rles, &rles, error));
    SAMC_CHECK(samc_alloc(n, sizeof *scores, &scores, error));
    SAMC_CHECK(samc_alloc(n, 1, &keep, error));
    for (size_t i = 0; i < n; i++) {
        rles[i] = items[list[i].item].rle;
        scores[i] = score_of(&items[list[i].item]);
    }
    SAMC_CHECK(samc_rle_nms(rles, scores, n, threshold, keep, error));
    for (size_t i = 0; i < n; i++) {
        items[list[i].item].dropped = !keep[i];
        counts->duplicates += !keep[i];
    }

cleanup:
    free(rles);
    free(scores);
    free(keep);
    return status;
}

static int boxes_meet(const int32_t a[4], const int32_t b[4])
{
    return a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3];
}

/* Whether `inner` lies within `outer`. */
static int lies_within(const samc_clean_item *items, const place *inner, const place *outer,
                       double share)
{
    const samc_clean_item *a = &items[inner->item], *b = &items[outer->item];

    return boxes_meet(inner->box, outer->box) &&
           (double)samc_rle_intersection(&a->rle, &b->rle) >= share * area_of(a);
}

/* list [n]: the smallest first. Of two that are equally large the one that comes first is
 * within. */
static samc_status settle_nested(samc_clean_item *items, const place *list, size_t n,
                                 const samc_clean_options *options, samc_clean_counts *counts,
                                 samc_error *error)
{
    for (size_t k = 0; k < n; k++) {
        /* outer ones go from the smallest up, inner ones from the largest down: what was dropped
         * drops nothing any more */
        size_t i = options->nested == SAMC_NESTED_LARGEST ? n - 1 - k : k;
        samc_clean_item *item = &items[list[i].item];
        double best = -1;
        size_t found = n;

        if (options->nested == SAMC_NESTED_SMALLEST) {
            for (size_t j = 0; j < i && !item->dropped; j++)
                item->dropped = !items[list[j].item].dropped &&
                                lies_within(items, &list[j], &list[i], options->share);
            counts->nested += (size_t)item->dropped;
            continue;
        }
        for (size_t j = i + 1; j < n; j++) {
            double iou;

            if (items[list[j].item].dropped ||
                !lies_within(items, &list[i], &list[j], options->share))
                continue;
            iou = samc_rle_iou(&item->rle, &items[list[j].item].rle, 0);
            found = iou > best ? j : found;
            best = iou > best ? iou : best;
        }
        if (found == n)
            continue;
        if (options->nested == SAMC_NESTED_MERGE) {
            samc_rle pair[2] = {items[list[found].item].rle, item->rle}, made = SAMC_RLE_INIT;

            SAMC_TRY(samc_rle_merge(pair, 2, SAMC_MERGE_UNION, &made, error));
            replace(&items[list[found].item], &made);
        }
        item->dropped = 1;
        counts->nested++;
    }
    return SAMC_OK;
}

/* list [n]: whoever comes first has the pixel. */
static samc_status make_disjoint(samc_clean_item *items, const place *list, size_t n,
                                 samc_clean_counts *counts, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_rle taken = SAMC_RLE_INIT, made = SAMC_RLE_INIT;

    for (size_t i = 0; i < n; i++) {
        samc_clean_item *item = &items[list[i].item];
        samc_rle pair[2] = {item->rle, taken};

        if (i && samc_rle_intersection(&item->rle, &taken)) {
            SAMC_CHECK(samc_rle_merge(pair, 2, SAMC_MERGE_DIFFERENCE, &made, error));
            replace(item, &made);
            pair[0] = item->rle;
            made = (samc_rle)SAMC_RLE_INIT;
            item->dropped = samc_rle_area(&item->rle) == 0;
            counts->vanished += (size_t)item->dropped;
        }
        SAMC_CHECK(samc_rle_merge(pair, i ? 2 : 1, SAMC_MERGE_UNION, &made, error));
        samc_rle_free(&taken);
        taken = made;
        made = (samc_rle)SAMC_RLE_INIT;
    }

cleanup:
    samc_rle_free(&taken);
    return status;
}

samc_status samc_clean_masks(samc_clean_item *items, size_t n, const samc_clean_options *options,
                             samc_clean_counts *counts, samc_error *error)
{
    samc_status status = SAMC_OK;
    place *list = NULL;
    size_t left;

    SAMC_CHECK(samc_alloc(n, sizeof *list, &list, error));
    for (size_t i = 0; i < n; i++)
        SAMC_CHECK(mend(&items[i], options, counts, error));
    left = order(items, n, SAMC_DISJOINT_FIRST, list);
    if (options->duplicates < 1)
        SAMC_CHECK(drop_duplicates(items, list, left, options->duplicates, counts, error));
    if (options->nested != SAMC_NESTED_KEEP) {
        left = order(items, n, SAMC_DISJOINT_SMALLEST, list);
        SAMC_CHECK(settle_nested(items, list, left, options, counts, error));
    }
    if (options->disjoint != SAMC_DISJOINT_NONE) {
        left = order(items, n, options->disjoint, list);
        SAMC_CHECK(make_disjoint(items, list, left, counts, error));
    }
    counts->masks += n;
    for (size_t i = 0; i < n; i++)
        counts->kept += !items[i].dropped;

cleanup:
    free(list);
    return status;
}
