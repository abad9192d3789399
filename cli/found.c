/* SPDX-License-Identifier: Apache-2.0 */
#include "found.h"

#include "base/memory.h"
#include "json_out.h"

#include <stdlib.h>
#include <string.h>

int cli_found_take(void *user, const samc_mask_record *record)
{
    cli_found *found = user;
    cli_mask *mask;

    if (!found->masks && samc_alloc_zero(record->count, sizeof *found->masks, &found->masks,
                                         found->error) != SAMC_OK)
        return 1;
    mask = &found->masks[found->count];
    *mask = (cli_mask){.area = record->area,
                       .predicted_iou = record->predicted_iou,
                       .stability_score = record->stability_score,
                       .point = {record->point[0], record->point[1]}};
    memcpy(mask->box, record->box, sizeof mask->box);
    memcpy(mask->crop_box, record->crop_box, sizeof mask->crop_box);
    if (samc_alloc_string(record->rle, &mask->rle, found->error) != SAMC_OK)
        return 1;
    found->count++;
    return 0;
}

/* Larger first; of equal ones the first. */
static int compare(const cli_found *found, size_t a, size_t b)
{
    const int64_t x = found->masks[a].area, y = found->masks[b].area;

    return x != y ? (x > y ? -1 : 1) : a < b ? -1 : a > b;
}

/* Heap sort: qsort has no room for `found`. */
static void sift(const cli_found *found, size_t *heap, size_t root, size_t count)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        const size_t top = heap[root];

        if (child + 1 < count && compare(found, heap[child], heap[child + 1]) < 0)
            child++;
        if (compare(found, top, heap[child]) >= 0)
            return;
        heap[root] = heap[child];
        heap[child] = top;
    }
}

samc_status cli_found_sort(cli_found *found, samc_error *error)
{
    size_t *heap = NULL;

    SAMC_TRY(samc_alloc(found->count, sizeof *heap, &heap, error));
    for (size_t i = 0; i < found->count; i++)
        heap[i] = i;
    for (size_t i = found->count / 2; i-- > 0;)
        sift(found, heap, i, found->count);
    for (size_t n = found->count; n > 1;) {
        const size_t last = heap[0];

        heap[0] = heap[--n];
        heap[n] = last;
        sift(found, heap, 0, n);
    }
    found->by_area = heap;
    return SAMC_OK;
}

samc_status cli_found_draw(const cli_found *found, size_t index, uint8_t *pixels, samc_error *error)
{
    const char *text = found->masks[index].rle;
    samc_rle rle = SAMC_RLE_INIT;

    SAMC_TRY(samc_rle_from_string(text, strlen(text), found->height, found->width, &rle, error));
    samc_rle_decode(&rle, pixels, (size_t)found->width);
    samc_rle_free(&rle);
    return SAMC_OK;
}

void cli_found_free(cli_found *found)
{
    for (size_t i = 0; i < found->count; i++)
        free(found->masks[i].rle);
    free(found->masks);
    free(found->by_area);
    *found = (cli_found){0};
}

void cli_found_json(FILE *stream, const cli_found *found, const cli_mask *mask,
                    const int32_t box[4])
{
    (void)fprintf(stream, "\"segmentation\": {\"size\": [%d, %d], \"counts\": ", found->height,
                  found->width);
    cli_json_string(stream, mask->rle);
    (void)fprintf(stream, "}, \"area\": %lld, \"bbox\": [%d, %d, %d, %d], \"predicted_iou\": ",
                  (long long)mask->area, box[0], box[1], box[2], box[3]);
    cli_json_number(stream, (double)mask->predicted_iou);
    (void)fputs(", \"point_coords\": [[", stream);
    cli_json_number(stream, mask->point[0]);
    (void)fputs(", ", stream);
    cli_json_number(stream, mask->point[1]);
    (void)fputs("]], \"stability_score\": ", stream);
    cli_json_number(stream, (double)mask->stability_score);
    (void)fprintf(stream, ", \"crop_box\": [%d, %d, %d, %d]", mask->crop_box[0], mask->crop_box[1],
                  mask->crop_box[2], mask->crop_box[3]);
}
