/* SPDX-License-Identifier: Apache-2.0 */
#include "mask/regions.h"

#include "base/memory.h"
#include "mask/rle.h"

#include <stdlib.h>

/* Stands for "no background in this column". Its square, 2^34, exceeds every true squared distance
 * (below 2 * 2^32), so that it never wins against one. */
#define FAR ((int32_t)1 << 17)

/* steps [height][width]: how many rows it is to the nearest background pixel of the same column.
 * Two sweeps over whole rows, so that memory is read in order. */
static void columns(const uint8_t *mask, int32_t height, int32_t width, samc_border border,
                    int64_t *steps)
{
    int64_t beyond = border == SAMC_BORDER_OUTSIDE ? 0 : FAR;
    size_t w = (size_t)width;

    for (size_t y = 0; y < (size_t)height; y++)
        for (size_t x = 0; x < w; x++) {
            int64_t above = y ? steps[(y - 1) * w + x] : beyond;

            steps[y * w + x] = !mask[y * w + x] ? 0 : above < FAR ? above + 1 : FAR;
        }
    for (size_t y = (size_t)height; y-- > 0;)
        for (size_t x = 0; x < w; x++) {
            int64_t below = y + 1 < (size_t)height ? steps[(y + 1) * w + x] : beyond;
            int64_t *here = &steps[y * w + x];

            *here = below + 1 < *here ? below + 1 : *here;
        }
}

static int64_t floor_divide(int64_t a, int64_t b) /* b > 0 */
{
    return a / b - (a % b < 0);
}

/* One row: row[x] = min over x' of (x - x')^2 + row[x']^2, in place. The parabolas of the lower
 * envelope are kept on a stack: parabola k has its vertex at at[k], height height[k], and is the
 * lowest from from[k] on. */
static void lower_envelope(int64_t *row, int32_t width, int64_t *at, int64_t *height, int64_t *from)
{
    int32_t top = -1;

    for (int64_t x = 0; x < width; x++) {
        int64_t f = row[x] * row[x];
        int64_t start = 0;

        while (top >= 0) { /* the first x where the new parabola lies below the top one */
            start = floor_divide(x * x + f - at[top] * at[top] - height[top], 2 * (x - at[top])) +
                    1;
            if (start > from[top])
                break;
            start = 0;
            top--;
        }
        if (start >= width)
            continue;
        top++;
        at[top] = x;
        height[top] = f;
        from[top] = start;
    }
    for (int64_t x = width - 1; x >= 0; x--) {
        while (from[top] > x)
            top--;
        row[x] = (x - at[top]) * (x - at[top]) + height[top];
    }
}

samc_status samc_distance_squared(const uint8_t *mask, int32_t height, int32_t width,
                                  samc_border border, int64_t *squared, samc_error *error)
{
    size_t w = (size_t)width;
    int64_t *scratch = NULL; /* the stack of lower_envelope: three rows */

    if (height < 1 || height > SAMC_RLE_MAX_SIDE || width < 1 || width > SAMC_RLE_MAX_SIDE)
        return SAMC_FAIL(error, ARGUMENT, "a mask of %ld x %ld pixels: each side must be 1 to %d",
                         (long)width, (long)height, SAMC_RLE_MAX_SIDE);
    SAMC_TRY(samc_alloc(3 * w, sizeof *scratch, &scratch, error));
    columns(mask, height, width, border, squared);
    for (int32_t y = 0; y < height; y++) {
        int64_t *row = squared + (size_t)y * w;

        lower_envelope(row, width, scratch, scratch + w, scratch + 2 * w);
        for (int64_t x = 0; x < width; x++) {
            if (border == SAMC_BORDER_OUTSIDE) { /* the columns -1 and width are background */
                int64_t side = x + 1 < width - x ? x + 1 : width - x;

                row[x] = side * side < row[x] ? side * side : row[x];
            }
            if (row[x] >= (int64_t)FAR * FAR)
                row[x] = SAMC_DISTANCE_NONE;
        }
    }
    free(scratch);
    return SAMC_OK;
}

samc_status samc_region_peak(const uint8_t *mask, int32_t height, int32_t width, int32_t *x,
                             int32_t *y, int64_t *squared, samc_error *error)
{
    samc_status status = SAMC_OK;
    size_t n = (size_t)height * (size_t)width;
    size_t best = 0;
    int64_t *distance = NULL;

    SAMC_CHECK(samc_alloc(n, sizeof *distance, &distance, error));
    SAMC_CHECK(samc_distance_squared(mask, height, width, SAMC_BORDER_OUTSIDE, distance, error));
    for (size_t i = 1; i < n; i++)
        if (distance[i] > distance[best])
            best = i;
    *x = (int32_t)(best % (size_t)width);
    *y = (int32_t)(best / (size_t)width);
    *squared = distance[best];

cleanup:
    free(distance);
    return status;
}
