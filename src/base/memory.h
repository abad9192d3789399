/* SPDX-License-Identifier: Apache-2.0
 *
 * Allocation: sizes are products checked for overflow, memory is aligned for every kernel.
 */
#ifndef SAMC_BASE_MEMORY_H
#define SAMC_BASE_MEMORY_H

#include "base/status.h"

/* 64: a cache line, and the widest vector (AVX-512). */
#define SAMC_ALIGNMENT ((size_t)64)

/* Allocates count * size bytes aligned to SAMC_ALIGNMENT, contents undefined, into *memory. A zero
 * product gives a valid pointer of one byte. Free with free(). Errors: MEMORY. */
samc_status samc_alloc(size_t count, size_t size, void *memory, samc_error *error);
/* The same, filled with zero bytes. */
samc_status samc_alloc_zero(size_t count, size_t size, void *memory, samc_error *error);
/* A copy of a C string. Errors: MEMORY. */
samc_status samc_alloc_string(const char *text, char **copy, samc_error *error);

#endif
