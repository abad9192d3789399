/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

samc_status samc_alloc(size_t count, size_t size, void *memory, samc_error *error)
{
    void *p;
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - SAMC_ALIGNMENT)
        return SAMC_FAIL(error, MEMORY,
                         "out of memory: %zu x %zu bytes do not fit an address space", count, size);
    bytes = (bytes + SAMC_ALIGNMENT - 1) / SAMC_ALIGNMENT * SAMC_ALIGNMENT;
    p = aligned_alloc(SAMC_ALIGNMENT, bytes ? bytes : SAMC_ALIGNMENT);
    if (!p)
        return samc_error_memory(error, bytes);
    memcpy(memory, &p, sizeof p); /* `memory` is the address of a pointer of any type */
    return SAMC_OK;
}

samc_status samc_alloc_zero(size_t count, size_t size, void *memory, samc_error *error)
{
    void *p;

    SAMC_TRY(samc_alloc(count, size, memory, error));
    memcpy(&p, memory, sizeof p);
    memset(p, 0, count * size);
    return SAMC_OK;
}

samc_status samc_alloc_string(const char *text, char **copy, samc_error *error)
{
    size_t size = strlen(text) + 1;

    SAMC_TRY(samc_alloc(size, 1, copy, error));
    memcpy(*copy, text, size);
    return SAMC_OK;
}
