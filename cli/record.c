/* SPDX-License-Identifier: Apache-2.0 */
#include "record.h"

#include "json_out.h"
#include "mask/mask.h"
#include "mask/rle.h"

#include <math.h>
#include <stdlib.h>

static void print_number(const char *key, float number)
{
    if (isfinite(number))
        (void)printf(", \"%s\": %.9g", key, (double)number); /* 9 digits tell all floats apart */
    else
        (void)printf(", \"%s\": null", key);
}

samc_status cli_record_print(const cli_record *record, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_rle rle = {0};
    char *counts = NULL;
    int32_t box[4];
    size_t stride = (size_t)record->width;

    SAMC_CHECK(samc_rle_encode(record->pixels, record->height, record->width, stride, &rle, error));
    SAMC_CHECK(samc_rle_to_string(&rle, &counts, error));
    (void)samc_mask_box(record->pixels, record->height, record->width, stride, box);
    (void)fputs("{\"photo\": ", stdout);
    cli_json_string(stdout, record->photo);
    (void)printf(", \"object\": %zu, \"mask\": %d", record->object, record->mask);
    print_number("predicted_iou", record->predicted_iou);
    print_number("stability_score", record->stability_score);
    (void)printf(", \"area\": %llu, \"bbox\": [%d, %d, %d, %d]",
                 (unsigned long long)samc_rle_area(&rle), box[0], box[1], box[2] - box[0],
                 box[3] - box[1]);
    (void)printf(", \"segmentation\": {\"size\": [%d, %d], \"counts\": ", record->height,
                 record->width);
    cli_json_string(stdout, counts); /* COCO's alphabet has a backslash */
    (void)fputs("}}\n", stdout);

cleanup:
    samc_rle_free(&rle);
    free(counts);
    return status;
}
