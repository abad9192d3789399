/* SPDX-License-Identifier: Apache-2.0
 *
 * A photo decoder, the one that FUZZ_DECODE names (samc_jpeg_decode, ...: a target each), then the
 * turn that the photo's EXIF asks for. The pixel limit is small, so that a run is fast and a large
 * allocation is a finding.
 */
#include "image/orientation.h"
#include "image/photo.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    samc_photo_job job = {.data = data, .size = size, .max_pixels = 1 << 16, .orientation = 1};
    samc_error error;
    volatile unsigned seen = 0;

    if (FUZZ_DECODE(&job, &error) == SAMC_OK) {
        const samc_image *view = &job.photo.view;

        if (samc_orientation_apply(&job.photo, job.orientation, &error) != SAMC_OK ||
            view->pixels != job.photo.pixels || view->stride != 3 * (size_t)view->width ||
            (int64_t)view->width * view->height > job.max_pixels)
            abort();
        for (size_t i = 0; i < view->stride * (size_t)view->height; i++)
            seen += view->pixels[i]; /* memory that a sanitizer may look at */
    }
    (void)seen;
    samc_photo_free(&job.photo);
    return 0;
}
