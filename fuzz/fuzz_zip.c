/* SPDX-License-Identifier: Apache-2.0
 *
 * The zip reader, and what stands on it: a .pth whole.
 */
#include "weights/tensors.h"
#include "weights/zip.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    samc_zip zip;
    samc_tensors *tensors;
    samc_error error;

    if (samc_zip_open(data, size, &zip, &error) == SAMC_OK) {
        for (size_t i = 0; i < zip.count; i++) {
            const samc_zip_member *m = &zip.members[i];

            if (samc_zip_find(&zip, m->name, m->name_size) != m)
                abort();
            (void)samc_zip_verify(&zip, m, &error);
        }
        samc_zip_close(&zip);
    }
    if (samc_tensors_open_memory(data, size, &tensors, &error) == SAMC_OK) {
        (void)samc_tensors_verify(tensors, NULL, &error);
        samc_tensors_close(tensors);
    }
    return 0;
}
