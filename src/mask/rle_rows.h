/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows to RLE: encodes a mask that comes row by row and is never there as a whole. Memory grows
 * with the number of its runs alone.
 */
#ifndef SAMC_MASK_RLE_ROWS_H
#define SAMC_MASK_RLE_ROWS_H

#include "mask/rle.h"

/* A mask on its way; begins as {0}, is used for one mask after the other, and keeps its memory. */
typedef struct samc_rle_rows {
    int32_t height, width; /* of the whole mask */
    int32_t x0, x1;        /* rows hold the columns x0..x1-1; the others are empty */
    int32_t y;             /* the last row given; -1: none yet */
    int32_t box[4];        /* x0, y0, x1, y1, ends included, of the pixels inside; x0 > x1: none */
    int64_t area;
    int failed;       /* an allocation did: samc_rle_rows_end says so */
    uint8_t *above;   /* [x1 - x0]: the last row */
    uint32_t *edges;  /* [n]: x << 16 | y of each pixel that differs from the one above it */
    uint32_t *starts; /* [starts_capacity]: scratch of samc_rle_rows_end */
    size_t n, capacity, above_capacity, starts_capacity;
} samc_rle_rows;

/* Begins a mask of height x width pixels (sides 1..SAMC_RLE_MAX_SIDE) whose rows will hold the
 * columns x0..x1-1. Rows that are not given are empty. */
void samc_rle_rows_begin(samc_rle_rows *rows, int32_t height, int32_t width, int32_t x0,
                         int32_t x1);
/* Row y, below those given before: row[x - x0] is 0 or 1. */
void samc_rle_rows_add(samc_rle_rows *rows, int32_t y, const uint8_t *row);
/* The mask, what samc_rle_encode would make of it. Errors: MEMORY (of an earlier row too). */
samc_status samc_rle_rows_end(samc_rle_rows *rows, samc_rle *rle, samc_error *error);
void samc_rle_rows_free(samc_rle_rows *rows);

#endif
