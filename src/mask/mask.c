/* SPDX-License-Identifier: Apache-2.0 */
#include "mask/mask.h"

int64_t samc_mask_area(const uint8_t *mask, int32_t height, int32_t width, size_t stride)
{
    int64_t area = 0;

    for (int32_t y = 0; y < height; y++) {
        const uint8_t *row = mask + (size_t)y * stride;
        int32_t in_row = 0;

        for (int32_t x = 0; x < width; x++)
            in_row += row[x] != 0;
        area += in_row;
    }
    return area;
}

int samc_mask_box(const uint8_t *mask, int32_t height, int32_t width, size_t stride, int32_t box[4])
{
    int32_t x0 = width, y0 = height, x1 = -1, y1 = -1;

    for (int32_t y = 0; y < height; y++) {
        const uint8_t *row = mask + (size_t)y * stride;
        int32_t first = 0, last = width - 1;

        while (first < width && !row[first])
            first++;
        if (first == width)
            continue;
        while (!row[last])
            last--;
        x0 = first < x0 ? first : x0;
        x1 = last > x1 ? last : x1;
        y0 = y < y0 ? y : y0;
        y1 = y;
    }
    box[0] = box[1] = box[2] = box[3] = 0;
    if (y1 < 0)
        return 0;
    box[0] = x0;
    box[1] = y0;
    box[2] = x1;
    box[3] = y1;
    return 1;
}

double samc_mask_iou(const uint8_t *a, const uint8_t *b, const uint8_t *ignore, int32_t height,
                     int32_t width)
{
    size_t n = (size_t)height * (size_t)width;
    size_t both = 0, either = 0;

    for (size_t i = 0; i < n; i++) {
        int counts = !ignore || !ignore[i];

        both += (size_t)(counts && a[i] && b[i]);
        either += (size_t)(counts && (a[i] || b[i]));
    }
    return either ? (double)both / (double)either : 1.0;
}
