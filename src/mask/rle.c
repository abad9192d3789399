/* SPDX-License-Identifier: Apache-2.0 */
#include "mask/rle.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* A count is below 2^32 (two sides of 16 bits), a difference needs 33 bits and a sign: 7 groups of
 * 5 bits. No encoder writes more. */
#define MAX_GROUPS 7
#define GROUP_BITS 5
#define GROUP_MASK 0x1f /* the bits of the value */
#define GROUP_MORE 0x20 /* another group follows */
#define GROUP_SIGN 0x10 /* in the last group: the value is negative */
#define GROUP_BASE 48   /* '0': the character of group 0 */

static samc_status check_size(int32_t height, int32_t width, samc_error *error)
{
    if (height < 1 || height > SAMC_RLE_MAX_SIDE || width < 1 || width > SAMC_RLE_MAX_SIDE)
        return SAMC_FAIL(error, ARGUMENT, "a mask of %ld x %ld pixels: each side must be 1 to %d",
                         (long)width, (long)height, SAMC_RLE_MAX_SIDE);
    return SAMC_OK;
}

/* Pixels compared at once: a cache line; the loop over its words becomes a few vector compares. */
#define BLOCK 64

/* 1: the BLOCK pixels at `a` and at `b` are the same bytes. */
static int block_equal(const uint8_t *a, const uint8_t *b)
{
    uint64_t differ = 0;

    for (size_t i = 0; i < BLOCK; i += sizeof differ) {
        uint64_t x, y;

        memcpy(&x, a + i, sizeof x);
        memcpy(&y, b + i, sizeof y);
        differ |= x ^ y;
    }
    return differ == 0;
}

/* What is done with a pixel that differs from the one before it in column order. */
typedef struct edges {
    uint64_t *starts; /* [edges in all] column-order position of each, sorted; NULL: only count */
    size_t *next;     /* [width] counting: edges of a column; else where its next one goes */
    uint64_t height;
} edges;

static void take_edge(const edges *e, size_t x, uint64_t y)
{
    if (e->starts)
        e->starts[e->next[x]] = (uint64_t)x * e->height + y;
    e->next[x]++;
}

/* Finds every edge. Rows are compared with the row above, a block at a time: a mask is mostly flat,
 * and the columns are never walked, which would miss the cache at each pixel. */
static void scan_edges(const uint8_t *mask, size_t height, size_t width, size_t stride,
                       const edges *e)
{
    const uint8_t *last = mask + (height - 1) * stride;

    for (size_t x = 0; x < width; x++) /* a column goes on from the foot of the one before */
        if ((mask[x] != 0) != (x > 0 && last[x - 1] != 0))
            take_edge(e, x, 0);
    for (size_t y = 1; y < height; y++) {
        const uint8_t *row = mask + y * stride;
        const uint8_t *above = row - stride;

        for (size_t block = 0; block < width; block += BLOCK) {
            size_t end = width - block > BLOCK ? block + BLOCK : width;

            if (end - block == BLOCK && block_equal(row + block, above + block))
                continue;
            for (size_t x = block; x < end; x++)
                if ((row[x] != 0) != (above[x] != 0))
                    take_edge(e, x, y);
        }
    }
}

samc_status samc_rle_encode(const uint8_t *mask, int32_t height, int32_t width, size_t stride,
                            samc_rle *rle, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_rle made = {height, width, 0, NULL};
    edges e = {NULL, NULL, (uint64_t)height};
    size_t total = 0;
    uint64_t before = 0;

    SAMC_TRY(check_size(height, width, error));
    if (stride < (size_t)width)
        return SAMC_FAIL(error, ARGUMENT, "a mask %ld pixels wide cannot have rows %zu bytes apart",
                         (long)width, stride);
    SAMC_CHECK(samc_alloc_zero((size_t)width, sizeof *e.next, &e.next, error));
    scan_edges(mask, (size_t)height, (size_t)width, stride, &e);
    for (size_t x = 0; x < (size_t)width; x++) { /* counts -> places, a counting sort by column */
        size_t count = e.next[x];

        e.next[x] = total;
        total += count;
    }
    SAMC_CHECK(samc_alloc(total + 1, sizeof *made.counts, &made.counts, error));
    e.starts = made.counts;
    scan_edges(mask, (size_t)height, (size_t)width, stride, &e);

    made.n_counts = total + 1;
    made.counts[total] = (uint64_t)height * (uint64_t)width;
    for (size_t i = 0; i <= total; i++) { /* positions -> lengths */
        uint64_t here = made.counts[i];

        made.counts[i] = here - before;
        before = here;
    }
    *rle = made;
    made.counts = NULL;

cleanup:
    free(e.next);
    free(made.counts);
    return status;
}

samc_status samc_rle_from_counts(const uint64_t *counts, size_t n_counts, int32_t height,
                                 int32_t width, samc_rle *rle, samc_error *error)
{
    uint64_t left;
    uint64_t *copy = NULL;

    SAMC_TRY(check_size(height, width, error));
    left = (uint64_t)height * (uint64_t)width;
    for (size_t i = 0; i < n_counts; i++) {
        if (counts[i] > left)
            return SAMC_FAIL(error, FORMAT,
                             "RLE: the counts exceed %ld x %ld pixels at count %zu (%llu)",
                             (long)width, (long)height, i, (unsigned long long)counts[i]);
        left -= counts[i];
    }
    if (left)
        return SAMC_FAIL(error, FORMAT, "RLE: the counts end %llu pixels short of %ld x %ld",
                         (unsigned long long)left, (long)width, (long)height);
    SAMC_TRY(samc_alloc(n_counts, sizeof *copy, &copy, error));
    memcpy(copy, counts, n_counts * sizeof *copy);
    *rle = (samc_rle){height, width, n_counts, copy};
    return SAMC_OK;
}

/* Reads the count that begins at text[*at] and moves *at behind it. */
static samc_status read_group(const char *text, size_t length, size_t *at, int64_t *value,
                              samc_error *error)
{
    uint64_t bits = 0;

    for (unsigned group = 0; group < MAX_GROUPS; group++) {
        unsigned code;

        if (*at == length)
            return SAMC_FAIL(error, FORMAT, "RLE: the string ends within a count");
        code = (unsigned)(unsigned char)text[*at] - GROUP_BASE;
        if (code > (GROUP_MASK | GROUP_MORE))
            return SAMC_FAIL(error, FORMAT, "RLE: byte 0x%02x at %zu is not of a COCO string",
                             (unsigned)(unsigned char)text[*at], *at);
        (*at)++;
        bits |= (uint64_t)(code & GROUP_MASK) << (GROUP_BITS * group);
        if (code & GROUP_MORE)
            continue;
        *value = (int64_t)bits;
        if (code & GROUP_SIGN)
            *value -= (int64_t)1 << (GROUP_BITS * (group + 1));
        return SAMC_OK;
    }
    return SAMC_FAIL(error, FORMAT, "RLE: the count that ends at %zu is longer than %d characters",
                     *at, MAX_GROUPS);
}

samc_status samc_rle_from_string(const char *text, size_t length, int32_t height, int32_t width,
                                 samc_rle *rle, samc_error *error)
{
    samc_status status = SAMC_OK;
    uint64_t *counts = NULL;
    size_t n = 0;

    SAMC_CHECK(check_size(height, width, error));
    /* a count has at least one character, so that `length` bounds them */
    SAMC_CHECK(samc_alloc(length, sizeof *counts, &counts, error));
    for (size_t at = 0; at < length; n++) {
        int64_t value = 0;

        SAMC_CHECK(read_group(text, length, &at, &value, error));
        if (n > 2)
            value += (int64_t)counts[n - 2]; /* below 2^34 and 2^32: no overflow */
        if (value < 0 || value > (int64_t)height * width) {
            status = SAMC_FAIL(error, FORMAT, "RLE: count %zu is %lld, outside 0 to %ld x %ld", n,
                               (long long)value, (long)width, (long)height);
            goto cleanup;
        }
        counts[n] = (uint64_t)value;
    }
    SAMC_CHECK(samc_rle_from_counts(counts, n, height, width, rle, error));

cleanup:
    free(counts);
    return status;
}

samc_status samc_rle_to_string(const samc_rle *rle, char **text, samc_error *error)
{
    char *out = NULL;
    size_t n = 0;

    SAMC_TRY(samc_alloc(rle->n_counts * MAX_GROUPS + 1, 1, &out, error));
    for (size_t i = 0; i < rle->n_counts; i++) {
        int64_t left = (int64_t)rle->counts[i];
        int more = 1;

        if (i > 2)
            left -= (int64_t)rle->counts[i - 2];
        while (more) {
            uint64_t group = (uint64_t)left & GROUP_MASK;

            /* shifts towards minus infinity, without shifting a negative number */
            left = (left - (int64_t)group) / (GROUP_MASK + 1);
            more = left != ((group & GROUP_SIGN) ? -1 : 0);
            out[n++] = (char)(GROUP_BASE + group + (more ? GROUP_MORE : 0));
        }
    }
    out[n] = '\0';
    *text = out;
    return SAMC_OK;
}

/* Each run of ones leaves a mark where it begins in a column and one below its end there; the marks
 * summed (modulo 2) down the rows are the mask. As in the encoder, rows are what is walked. */
void samc_rle_decode(const samc_rle *rle, uint8_t *mask, size_t stride)
{
    uint64_t height = (uint64_t)rle->height;
    size_t width = (size_t)rle->width;
    uint64_t at = 0;

    for (size_t y = 0; y < height; y++)
        memset(mask + y * stride, 0, width);
    for (size_t i = 0; i < rle->n_counts; at += rle->counts[i], i++) {
        uint64_t end = at + rle->counts[i];

        for (uint64_t from = at; i % 2 == 1 && from < end;) { /* column by column */
            uint64_t x = from / height;
            uint64_t to = end < (x + 1) * height ? end : (x + 1) * height;

            mask[(from - x * height) * stride + x] ^= 1;
            if (to < (x + 1) * height)
                mask[(to - x * height) * stride + x] ^= 1;
            from = to;
        }
    }
    for (size_t y = 1; y < height; y++) {
        uint8_t *row = mask + y * stride;
        const uint8_t *above = row - stride;

        for (size_t x = 0; x < width; x++)
            row[x] = row[x] ^ above[x];
    }
}

uint64_t samc_rle_area(const samc_rle *rle)
{
    uint64_t area = 0;

    for (size_t i = 1; i < rle->n_counts; i += 2)
        area += rle->counts[i];
    return area;
}

void samc_rle_box(const samc_rle *rle, int32_t box[4])
{
    uint64_t height = (uint64_t)rle->height;
    uint64_t at = 0, x0 = UINT64_MAX, y0 = UINT64_MAX, x1 = 0, y1 = 0;

    for (size_t i = 0; i < rle->n_counts; at += rle->counts[i], i++) {
        uint64_t last, top, foot;

        if (i % 2 == 0 || rle->counts[i] == 0)
            continue;
        last = at + rle->counts[i] - 1;
        top = at % height;
        foot = last % height;
        if (at / height != last / height) { /* goes round a column's foot: touches both ends */
            top = 0;
            foot = height - 1;
        }
        x0 = at / height < x0 ? at / height : x0;
        x1 = last / height;
        y0 = top < y0 ? top : y0;
        y1 = foot > y1 ? foot : y1;
    }
    box[0] = box[1] = box[2] = box[3] = 0;
    if (x0 == UINT64_MAX)
        return;
    box[0] = (int32_t)x0;
    box[1] = (int32_t)y0;
    box[2] = (int32_t)(x1 - x0 + 1);
    box[3] = (int32_t)(y1 - y0 + 1);
}

void samc_rle_free(samc_rle *rle)
{
    free(rle->counts);
    *rle = (samc_rle){0};
}
