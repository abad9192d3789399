/* SPDX-License-Identifier: Apache-2.0
 *
 * Context: what samc_context is, a pool of threads and a path of kernels.
 */
#ifndef SAMC_KERNELS_CONTEXT_H
#define SAMC_KERNELS_CONTEXT_H

#include "kernels/kernels.h"

struct samc_context {
    samc_threads *threads;
    const samc_kernels *kernels;
    const samc_stopwatch *stopwatch; /* handed to every call; NULL unless a program measures */
};

#endif
