/* SPDX-License-Identifier: Apache-2.0
 *
 * Context: what samc_context is, a pool of threads, a path of kernels, and scratch memory that is
 * kept from call to call.
 */
#ifndef SAMC_KERNELS_CONTEXT_H
#define SAMC_KERNELS_CONTEXT_H

#include "kernels/kernels.h"

#include <stdatomic.h>

struct samc_context {
    samc_threads *threads;
    const samc_kernels *kernels;
    const samc_stopwatch *stopwatch; /* handed to every call; NULL unless a program measures */
    atomic_flag scratch_taken;
    samc_arena scratch; /* of the call that has taken it */
};

/* The context's arena, or `own` (empty) where another call has it: a decoder's few milliseconds
 * are not to be spent on fresh pages. Give back with samc_context_return_arena. */
samc_arena *samc_context_take_arena(samc_context *context, samc_arena *own);
/* Ends the life of all that was taken from the arena. The context keeps its memory for the next
 * call, unless it is more than 64 MiB. */
void samc_context_return_arena(samc_context *context, samc_arena *arena);

#endif
