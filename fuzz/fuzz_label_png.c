/* SPDX-License-Identifier: Apache-2.0
 *
 * Label maps as PNG: every number that was read is looked at.
 */
#include "image/label_png.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    samc_label_png png = {0};
    samc_error error;

    if (samc_label_png_decode(data, size, 1 << 20, &png, &error) != SAMC_OK)
        return 0;
    for (size_t i = 0; i < (size_t)png.width * (size_t)png.height; i++)
        if (png.bits == 8 && png.labels[i] > 255)
            abort();
    free(png.labels);
    return 0;
}
