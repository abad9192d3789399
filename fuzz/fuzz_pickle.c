/* SPDX-License-Identifier: Apache-2.0
 *
 * The pickle reader, within a .pth made around the input: four storages of 64 bytes, and every
 * element of every tensor that is accepted is read.
 */
#include "../tests/unit/archive.h"

#include "weights/tensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const samc_tensors *tensors)
{
    for (size_t i = 0; i < samc_tensors_count(tensors); i++) {
        const samc_tensor *t = samc_tensors_at(tensors, i);
        int64_t elements = samc_tensor_elements(t);
        float values[64]; /* more indices than stored elements are refused */

        if (elements > 64 || samc_tensors_find(tensors, t->name) != t)
            abort();
        samc_tensor_to_f32(t, 0, elements, values);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {"a/data/0", "a/data/1", "a/data/2", "a/data/3"};
    static const uint8_t storage[64] = {1};
    samc_tensors *tensors;
    samc_error error;
    archive a = {.count = 0};

    archive_add(&a, "a/data.pkl", data, size, NULL);
    for (size_t i = 0; i < 4; i++)
        archive_add(&a, keys[i], storage, sizeof storage, NULL);
    archive_end(&a, 0);
    if (samc_tensors_open_memory(a.file.data, a.file.size, &tensors, &error) == SAMC_OK) {
        read_all(tensors);
        samc_tensors_close(tensors);
    }
    archive_free(&a);
    return 0;
}
