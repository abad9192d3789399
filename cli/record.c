/* SPDX-License-Identifier: Apache-2.0 */
#include "record.h"

#include "mask/mask.h"
#include "mask/rle.h"

#include <math.h>
#include <stdlib.h>

/* How many bytes the UTF-8 character at `text` has; 0 if it is none (RFC 3629: no overlong forms,
 * no surrogates, nothing above U+10FFFF). */
static int utf8_length(const unsigned char *text)
{
    unsigned char c = text[0];
    int length = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;

    for (int i = 1; i < length; i++) /* stops at the NUL: it is no continuation */
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    if ((c == 0xE0 && text[1] < 0xA0) || (c == 0xED && text[1] > 0x9F) ||
        (c == 0xF0 && text[1] < 0x90) || (c == 0xF4 && text[1] > 0x8F))
        return 0;
    return length;
}

static void print_string(const char *string)
{
    const unsigned char *text = (const unsigned char *)string;

    (void)putchar('"');
    while (*text) {
        int length = utf8_length(text);

        if (length == 0) {
            (void)fputs("\\ufffd", stdout);
            length = 1;
        } else if (*text == '"' || *text == '\\') {
            (void)printf("\\%c", *text);
        } else if (*text < 0x20) {
            (void)printf("\\u%04x", *text);
        } else {
            (void)fwrite(text, 1, (size_t)length, stdout);
        }
        text += length;
    }
    (void)putchar('"');
}

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
    print_string(record->photo);
    (void)printf(", \"object\": %zu, \"mask\": %d", record->object, record->mask);
    print_number("predicted_iou", record->predicted_iou);
    print_number("stability_score", record->stability_score);
    (void)printf(", \"area\": %llu, \"bbox\": [%d, %d, %d, %d]",
                 (unsigned long long)samc_rle_area(&rle), box[0], box[1], box[2] - box[0],
                 box[3] - box[1]);
    (void)printf(", \"segmentation\": {\"size\": [%d, %d], \"counts\": ", record->height,
                 record->width);
    print_string(counts); /* COCO's alphabet has a backslash */
    (void)fputs("}}\n", stdout);

cleanup:
    samc_rle_free(&rle);
    free(counts);
    return status;
}
