/* SPDX-License-Identifier: Apache-2.0
 *
 * Stopwatch: how a program that measures learns where the time of a call goes. The code that
 * computes says which stage has just ended; what is done with that (reading a clock, adding up) is
 * the program's own. Normal calls have none.
 */
#ifndef SAMC_BASE_STOPWATCH_H
#define SAMC_BASE_STOPWATCH_H

#include <stddef.h>

typedef struct samc_stopwatch {
    /* `stage` (a literal, which lives for ever) has ended; it took `flops` floating-point
     * operations. Comes from the thread that made the call, one at a time. */
    void (*lap)(void *user, const char *stage, double flops);
    void *user;
} samc_stopwatch;

/* Marks the end of a stage that began where the last one ended. To be called between parallel
 * regions, never within a tile. `flops` are those of the matrix products that the answer needs in
 * the form that was computed, two a multiply-add; what is padding or computed twice does not count,
 * nor do LayerNorm, softmax and activations. */
static inline void samc_stopwatch_lap(const samc_stopwatch *stopwatch, const char *stage,
                                      double flops)
{
    if (stopwatch)
        stopwatch->lap(stopwatch->user, stage, flops);
}

#endif
