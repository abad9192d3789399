/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* madvise */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

/* From this size on memory is asked for in huge pages: fewer faults to fill it, and streams through
 * weights that do not miss the TLB every 4 KiB. Two pages, so that rounding up wastes a third at
 * most. */
#define HUGE_PAGE ((size_t)2 << 20)
#define HUGE_FROM (2 * HUGE_PAGE)

/* `bytes` is a multiple of SAMC_ALIGNMENT and not 0. */
static void *take(size_t bytes)
{
#ifdef MADV_HUGEPAGE
    if (bytes >= HUGE_FROM && bytes <= SIZE_MAX - HUGE_PAGE) {
        const size_t rounded = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        void *p = aligned_alloc(HUGE_PAGE, rounded);

        if (p)
            (void)madvise(p, rounded, MADV_HUGEPAGE); /* advice: without it, it is slower */
        return p;
    }
#endif
    return aligned_alloc(SAMC_ALIGNMENT, bytes);
}

samc_status samc_alloc(size_t count, size_t size, void *memory, samc_error *error)
{
    void *p;
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - SAMC_ALIGNMENT)
        return SAMC_FAIL(error, MEMORY,
                         "out of memory: %zu x %zu bytes do not fit an address space", count, size);
    bytes = (bytes + SAMC_ALIGNMENT - 1) / SAMC_ALIGNMENT * SAMC_ALIGNMENT;
    p = take(bytes ? bytes : SAMC_ALIGNMENT);
    if (!p)
        return samc_error_memory(error, bytes);
    memcpy(memory, &p, sizeof p); /* `memory` is the address of a pointer of any type */
    return SAMC_OK;
}

void samc_bytes_free(void *bytes)
{
    free(bytes);
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
