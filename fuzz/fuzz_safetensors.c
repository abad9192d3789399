/* SPDX-License-Identifier: Apache-2.0
 *
 * The safetensors reader; every element of every tensor that is accepted is read.
 */
#include "weights/safetensors.h"
#include "weights/table.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    samc_tensors table = {.count = 0};
    samc_error error;
    samc_status status = samc_safetensors_read(data, size, &table, &error);

    if (status == SAMC_OK)
        status = samc_table_finish(&table, &error);
    for (size_t i = 0; status == SAMC_OK && i < table.count; i++) {
        const samc_tensor *t = samc_tensors_at(&table, i);
        int64_t elements = samc_tensor_elements(t);
        float values[256];

        if ((uint64_t)elements > size || samc_tensors_find(&table, t->name) != t)
            abort();
        for (int64_t k = 0; k < elements; k += 256)
            samc_tensor_to_f32(t, k, elements - k < 256 ? elements - k : 256, values);
    }
    samc_arena_free(&table.arena);
    return 0;
}
