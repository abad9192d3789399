/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of .npy files.
 */
#include "image/npy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    samc_npy array;
    samc_error error;
    size_t n = 1;

    if (samc_npy_read_memory(data, size, "fuzz.npy", &array, &error) != SAMC_OK)
        return 0;
    for (int32_t i = 0; i < array.n_dims; i++)
        n *= (size_t)array.shape[i];
    if (n != array.n_elements || n > size)
        abort();
    if (array.type == SAMC_NPY_BOOL)
        for (size_t i = 0; i < n; i++)
            if (((const uint8_t *)array.data)[i] > 1)
                abort();
    samc_npy_free(&array);
    return 0;
}
