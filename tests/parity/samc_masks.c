/* SPDX-License-Identifier: Apache-2.0
 *
 * samc_masks - what samc makes of masks, for tools/parity/parity_rle.py. Reads groups from stdin:
 * three int32 (n, height, width), n bytes of iscrowd, n masks of height * width bytes. Each goes to
 * run lengths, to a string and back to pixels, or the program ends. Prints the group's report
 * (mask_report.h), then the outline of the first mask as COCO polygons: their number, and a line of
 * coordinates for each.
 */
#include "mask_report.h"

static void print_outline(const samc_rle *rle)
{
    samc_polygons rings = SAMC_POLYGONS_INIT, joined = SAMC_POLYGONS_INIT;
    samc_rle filled = SAMC_RLE_INIT;
    samc_error error;

    mask_must(samc_polygons_trace(rle, 0, &rings, &error), &error);
    mask_must(samc_polygons_join(&rings, &joined, &error), &error);
    mask_must(samc_polygons_fill(&rings, rle->height, rle->width, &filled, &error), &error);
    if (filled.n_counts != rle->n_counts ||
        memcmp(filled.counts, rle->counts, rle->n_counts * sizeof *rle->counts))
        abort();
    printf("%zu\n", joined.n_rings);
    for (size_t i = 0; i < joined.n_rings; i++)
        for (size_t k = joined.starts[i]; k < joined.starts[i + 1]; k++)
            printf("%g %g%c", joined.xy[2 * k], joined.xy[2 * k + 1],
                   k + 1 < joined.starts[i + 1] ? ' ' : '\n');
    samc_polygons_free(&rings);
    samc_polygons_free(&joined);
    samc_rle_free(&filled);
}

int main(void)
{
    int32_t head[3];

    while (fread(head, sizeof *head, 3, stdin) == 3) {
        size_t n = (size_t)head[0], pixels = (size_t)head[1] * (size_t)head[2];
        uint8_t *crowd = malloc(n), *masks = malloc(n * pixels);
        samc_rle *rles = calloc(n, sizeof *rles);

        if (!crowd || !masks || !rles || fread(crowd, 1, n, stdin) != n ||
            fread(masks, pixels, n, stdin) != n)
            return 1;
        mask_round_trip(masks, n, head[1], head[2], rles);
        mask_report(stdout, rles, n, crowd);
        print_outline(&rles[0]);
        samc_rle_list_free(rles, n);
        free(crowd);
        free(masks);
    }
    return fflush(stdout) ? 1 : 0;
}
