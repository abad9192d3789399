/* SPDX-License-Identifier: Apache-2.0 */
#include "mask/box_nms.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct ranked {
    float score;
    size_t index;
} ranked;

static int by_score(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    const int x_nan = isnan(x->score), y_nan = isnan(y->score);

    if (x_nan != y_nan)
        return x_nan ? -1 : 1;
    if (!x_nan && x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static float area_of(const float box[4])
{
    return (box[2] - box[0]) * (box[3] - box[1]);
}

static float iou(const float a[4], const float b[4])
{
    const float x0 = a[0] > b[0] ? a[0] : b[0], y0 = a[1] > b[1] ? a[1] : b[1];
    const float x1 = a[2] < b[2] ? a[2] : b[2], y1 = a[3] < b[3] ? a[3] : b[3];
    const float w = x1 > x0 ? x1 - x0 : 0.0f, h = y1 > y0 ? y1 - y0 : 0.0f;
    const float both = w * h;

    return both / (area_of(a) + area_of(b) - both);
}

samc_status samc_box_nms(const float (*boxes)[4], const float *scores, size_t n, double threshold,
                         size_t *keep, size_t *kept, samc_error *error)
{
    ranked *order = NULL;

    SAMC_TRY(samc_alloc(n, sizeof *order, &order, error));
    for (size_t i = 0; i < n; i++)
        order[i] = (ranked){scores[i], i};
    qsort(order, n, sizeof *order, by_score);
    *kept = 0;
    for (size_t i = 0; i < n; i++) {
        size_t j = 0;

        while (j < *kept && !((double)iou(boxes[keep[j]], boxes[order[i].index]) > threshold))
            j++;
        if (j == *kept)
            keep[(*kept)++] = order[i].index;
    }
    free(order);
    return SAMC_OK;
}
