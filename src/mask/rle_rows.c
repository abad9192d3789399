/* SPDX-License-Identifier: Apache-2.0 */
#include "mask/rle_rows.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Makes room for `count` elements; what was there is kept where `used` says how much. */
static int reserve(void *array, size_t *capacity, size_t used, size_t count, size_t size)
{
    void *old, *grown = NULL;
    size_t more = *capacity + *capacity / 2;

    if (count <= *capacity)
        return 1;
    more = more < count ? count : more;
    if (samc_alloc(more, size, &grown, NULL) != SAMC_OK)
        return 0;
    memcpy(&old, array, sizeof old);
    if (used)
        memcpy(grown, old, used * size);
    free(old);
    memcpy(array, &grown, sizeof grown);
    *capacity = more;
    return 1;
}

void samc_rle_rows_begin(samc_rle_rows *rows, int32_t height, int32_t width, int32_t x0, int32_t x1)
{
    const size_t columns = (size_t)(x1 - x0);

    rows->height = height;
    rows->width = width;
    rows->x0 = x0;
    rows->x1 = x1;
    rows->y = -1;
    rows->box[0] = width;
    rows->box[1] = height;
    rows->box[2] = rows->box[3] = -1;
    rows->area = 0;
    rows->n = 0;
    rows->failed = !reserve(&rows->above, &rows->above_capacity, 0, columns + 1, 1);
    if (!rows->failed)
        memset(rows->above, 0, columns);
}

/* Notes the pixels x of row y that differ from the one above. There is room for a whole row. */
static void note_edges(samc_rle_rows *rows, int32_t y, const uint8_t *row, size_t from, size_t to)
{
    size_t n = rows->n;

    for (size_t x = from; x < to; x++) {
        rows->edges[n] = (uint32_t)(x + (size_t)rows->x0) << 16 | (uint32_t)y;
        n += row[x] != rows->above[x];
    }
    rows->n = n;
}

/* Compares the row with the one above, eight pixels at a time. */
static void compare(samc_rle_rows *rows, int32_t y, const uint8_t *row)
{
    const size_t columns = (size_t)(rows->x1 - rows->x0);
    size_t x = 0;

    if (!reserve(&rows->edges, &rows->capacity, rows->n, rows->n + columns + 1,
                 sizeof *rows->edges)) {
        rows->failed = 1;
        return;
    }
    for (; x + 8 <= columns; x += 8) {
        uint64_t a, b;

        memcpy(&a, row + x, sizeof a);
        memcpy(&b, rows->above + x, sizeof b);
        if (a != b)
            note_edges(rows, y, row, x, x + 8);
    }
    note_edges(rows, y, row, x, columns);
}

/* The last row given was not the one above y: everything ended below it. */
static void end_above(samc_rle_rows *rows, int32_t y)
{
    const size_t columns = (size_t)(rows->x1 - rows->x0);

    if (rows->y < 0 || rows->y + 1 >= y)
        return;
    for (size_t x = 0; x < columns && !rows->failed; x++) /* rare: one pass for all of them */
        if (rows->above[x]) {
            if (!reserve(&rows->edges, &rows->capacity, rows->n, rows->n + 1,
                         sizeof *rows->edges)) {
                rows->failed = 1;
                return;
            }
            rows->edges[rows->n++] = (uint32_t)(x + (size_t)rows->x0) << 16 |
                                     (uint32_t)(rows->y + 1);
        }
    memset(rows->above, 0, columns);
}

void samc_rle_rows_add(samc_rle_rows *rows, int32_t y, const uint8_t *row)
{
    const size_t columns = (size_t)(rows->x1 - rows->x0);
    int32_t inside = 0;

    if (rows->failed)
        return;
    end_above(rows, y);
    compare(rows, y, row);
    if (rows->failed)
        return;
    for (size_t x = 0; x < columns; x++)
        inside += row[x];
    if (inside) {
        int32_t first = 0, last = (int32_t)columns - 1;

        while (!row[first])
            first++;
        while (!row[last])
            last--;
        rows->box[0] = rows->x0 + first < rows->box[0] ? rows->x0 + first : rows->box[0];
        rows->box[2] = rows->x0 + last > rows->box[2] ? rows->x0 + last : rows->box[2];
        rows->box[1] = y < rows->box[1] ? y : rows->box[1];
        rows->box[3] = y;
        rows->area += inside;
    }
    memcpy(rows->above, row, columns);
    rows->y = y;
}

/* Sorts the edges by column into `starts` (within a column they come from the top): positions in
 * column order. A column that is inside at its foot ends at position (x + 1) * height, and where
 * the next one begins inside, both edges stand there. */
static void sort_edges(const samc_rle_rows *rows, size_t *next, uint32_t *starts)
{
    const size_t columns = (size_t)(rows->x1 - rows->x0);
    size_t total = 0;

    for (size_t i = 0; i < rows->n; i++)
        next[(rows->edges[i] >> 16) - (uint32_t)rows->x0]++;
    for (size_t x = 0; x < columns; x++) {
        const size_t count = next[x];

        next[x] = total;
        total += count;
    }
    for (size_t i = 0; i < rows->n; i++) {
        const uint32_t x = rows->edges[i] >> 16, y = rows->edges[i] & 0xFFFF;

        starts[next[x - (uint32_t)rows->x0]++] = x * (uint32_t)rows->height + y;
    }
}

samc_status samc_rle_rows_end(samc_rle_rows *rows, samc_rle *rle, samc_error *error)
{
    const uint64_t pixels = (uint64_t)rows->height * (uint64_t)rows->width;
    const size_t columns = (size_t)(rows->x1 - rows->x0);
    samc_rle made = {rows->height, rows->width, 0, NULL};
    size_t *next = NULL, n = 0;
    samc_status status = SAMC_OK;
    uint64_t before = 0;

    if (!rows->failed)
        end_above(rows, INT32_MAX);
    if (rows->failed ||
        !reserve(&rows->starts, &rows->starts_capacity, 0, rows->n + 1, sizeof *rows->starts))
        return samc_error_memory(error, rows->n * sizeof *rows->edges);
    SAMC_CHECK(samc_alloc_zero(columns + 1, sizeof *next, &next, error));
    SAMC_CHECK(samc_alloc(rows->n + 1, sizeof *made.counts, &made.counts, error));
    sort_edges(rows, next, rows->starts);
    for (size_t i = 0; i < rows->n; i++) {
        if (i + 1 < rows->n && rows->starts[i] == rows->starts[i + 1]) {
            i++; /* the run goes on into the next column */
            continue;
        }
        made.counts[n++] = rows->starts[i] - before;
        before = rows->starts[i];
    }
    if (before != pixels || n == 0)
        made.counts[n++] = pixels - before;
    made.n_counts = n;
    *rle = made;
    made.counts = NULL;

cleanup:
    free(next);
    free(made.counts);
    return status;
}

void samc_rle_rows_free(samc_rle_rows *rows)
{
    free(rows->above);
    free(rows->edges);
    free(rows->starts);
    *rows = (samc_rle_rows){0};
}
