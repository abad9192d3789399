/* SPDX-License-Identifier: Apache-2.0
 *
 * What samc says about a group of masks of one size, as text; tools/parity/mask_report.py writes
 * the same text with pycocotools:
 *
 *     COUNTS AREA X Y W H                 a line a mask
 *     IOU IOU ...                         a line a mask: with every mask, those of `crowd` as
 *     crowds COUNTS                              the union of all
 *     COUNTS                              the intersection of all
 */
#ifndef SAMC_TEST_MASK_REPORT_H
#define SAMC_TEST_MASK_REPORT_H

#include <samc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a call must not fail. */
static inline void mask_must(samc_status status, const samc_error *error)
{
    if (status == SAMC_OK)
        return;
    fprintf(stderr, "%s\n", error->message);
    abort();
}

/* Encodes masks [n][h][w], to strings and back and to pixels and back; any difference aborts. */
static inline void mask_round_trip(const uint8_t *masks, size_t n, int32_t h, int32_t w,
                                   samc_rle *rles)
{
    size_t pixels = (size_t)h * (size_t)w;
    uint8_t *drawn = malloc(pixels);
    samc_error error;

    for (size_t i = 0; i < n && drawn; i++) {
        samc_rle encoded = SAMC_RLE_INIT;
        char *text = NULL;

        mask_must(samc_rle_encode(masks + i * pixels, h, w, (size_t)w, &encoded, &error), &error);
        mask_must(samc_rle_to_string(&encoded, &text, &error), &error);
        mask_must(samc_rle_from_string(text, strlen(text), h, w, &rles[i], &error), &error);
        samc_rle_decode(&rles[i], drawn, (size_t)w);
        if (encoded.n_counts != rles[i].n_counts ||
            memcmp(encoded.counts, rles[i].counts, encoded.n_counts * sizeof *encoded.counts) ||
            memcmp(drawn, masks + i * pixels, pixels))
            abort();
        samc_rle_free(&encoded);
        free(text);
    }
    if (!drawn)
        abort();
    free(drawn);
}

static inline void mask_report(FILE *out, const samc_rle *rles, size_t n, const uint8_t *crowd)
{
    static const samc_merge ways[2] = {SAMC_MERGE_UNION, SAMC_MERGE_INTERSECTION};
    samc_error error;
    char *text = NULL;

    for (size_t i = 0; i < n; i++) {
        int32_t box[4];

        mask_must(samc_rle_to_string(&rles[i], &text, &error), &error);
        samc_rle_box(&rles[i], box);
        fprintf(out, "%s %llu %d %d %d %d\n", text, (unsigned long long)samc_rle_area(&rles[i]),
                box[0], box[1], box[2], box[3]);
        free(text);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            fprintf(out, "%.17g%c", samc_rle_iou(&rles[i], &rles[k], crowd[k]),
                    k + 1 < n ? ' ' : '\n');
    for (int i = 0; i < 2; i++) {
        samc_rle merged = SAMC_RLE_INIT;

        mask_must(samc_rle_merge(rles, n, ways[i], &merged, &error), &error);
        mask_must(samc_rle_to_string(&merged, &text, &error), &error);
        fprintf(out, "%s\n", text);
        free(text);
        samc_rle_free(&merged);
    }
}

#endif
