/* SPDX-License-Identifier: Apache-2.0
 *
 * COCO's RLE strings: two bytes of height, two of width, the string. What is read and drawn is
 * encoded again to the same pixels; its exact outline fills to them, and its regions together are
 * the mask.
 */
#include "mask/rle.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const samc_rle *rle)
{
    size_t width = (size_t)rle->width;
    size_t pixels = (size_t)rle->height * width;
    uint8_t *mask = malloc(pixels), *again = malloc(pixels);
    samc_rle back = {0};
    int32_t box[4], back_box[4];

    if (!mask || !again)
        abort();
    samc_rle_decode(rle, mask, width);
    if (samc_rle_encode(mask, rle->height, rle->width, width, &back, NULL) != SAMC_OK)
        abort();
    samc_rle_decode(&back, again, width);
    samc_rle_box(rle, box);
    samc_rle_box(&back, back_box);
    if (memcmp(mask, again, pixels) != 0 || memcmp(box, back_box, sizeof box) != 0 ||
        samc_rle_area(rle) != samc_rle_area(&back))
        abort();
    samc_rle_free(&back);
    free(mask);
    free(again);
}

static void check_outline(const samc_rle *rle)
{
    samc_polygons rings = SAMC_POLYGONS_INIT, joined = SAMC_POLYGONS_INIT;
    samc_rle filled = SAMC_RLE_INIT, merged = SAMC_RLE_INIT;
    samc_rle *regions = NULL;
    size_t n = 0;

    if (samc_polygons_trace(rle, 0, &rings, NULL) != SAMC_OK ||
        samc_polygons_join(&rings, &joined, NULL) != SAMC_OK ||
        samc_polygons_fill(&joined, rle->height, rle->width, &filled, NULL) != SAMC_OK ||
        samc_rle_regions(rle, &regions, &n, NULL) != SAMC_OK ||
        samc_rle_area(rle) != samc_rle_area(&filled) ||
        samc_rle_intersection(rle, &filled) != samc_rle_area(rle))
        abort();
    if (n && (samc_rle_merge(regions, n, SAMC_MERGE_UNION, &merged, NULL) != SAMC_OK ||
              samc_rle_intersection(rle, &merged) != samc_rle_area(rle)))
        abort();
    samc_polygons_free(&rings);
    samc_polygons_free(&joined);
    samc_rle_free(&filled);
    samc_rle_free(&merged);
    samc_rle_list_free(regions, n);
    if (samc_polygons_trace(rle, 1.5, &rings, NULL) != SAMC_OK)
        abort();
    samc_polygons_free(&rings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int32_t height, width;
    samc_rle rle;
    samc_error error;

    if (size < 4)
        return 0;
    height = data[0] | data[1] << 8;
    width = data[2] | data[3] << 8;
    if (samc_rle_from_string((const char *)data + 4, size - 4, height, width, &rle, &error) !=
        SAMC_OK)
        return 0;
    if ((int64_t)height * width <= 1 << 16) /* larger ones take too long to draw */
        check_round_trip(&rle);
    if ((int64_t)height * width <= 1 << 12)
        check_outline(&rle);
    samc_rle_free(&rle);
    return 0;
}
