/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of `samc bench` share: bench.c runs the work, bench_clock.c takes times, and
 * bench_report.c prints them.
 */
#ifndef SAMC_CLI_BENCH_H
#define SAMC_CLI_BENCH_H

#include "cli.h"

#include "base/stopwatch.h"
#include "kernels/context.h"

/* A stage, all of its laps in one piece of work together. */
typedef struct bench_stage {
    const char *name;
    double seconds, flops;
} bench_stage;

/* One piece of work and where its time went. */
enum { BENCH_STAGES = 24 };
typedef struct bench_work {
    double seconds; /* 0: not done yet */
    int n_stages;
    bench_stage stages[BENCH_STAGES]; /* in the order in which they first ended */
} bench_work;

/* A clock for the work of one context: bench_clock_begin, the work, bench_clock_end. */
typedef struct bench_clock {
    samc_stopwatch stopwatch;
    samc_context *context;
    double begin, lap; /* when the work, and when its running stage began */
    bench_work work;
} bench_clock;

double bench_now(void);
void bench_clock_begin(bench_clock *clock, samc_context *context);
/* Keeps what was measured in `best` if it is the first or the fastest. */
void bench_clock_end(bench_clock *clock, bench_work *best);
double bench_work_flops(const bench_work *work);

/* Floating-point operations a second that the context's kernels could do at best: the register-only
 * loop of its path on all of its threads, for about a quarter of a second, the fastest piece. */
double bench_peak(samc_context *context);

/* The largest resident size of this process so far, mapped pages included, in MiB. */
double bench_memory(void);

typedef struct bench_result {
    const char *kernels;
    int32_t threads;
    double peak;                           /* floating-point operations a second */
    double load;                           /* seconds */
    double weights, after_load, peak_size; /* MiB */
    double after_encode;
    bench_work encode, decode1, decode64;
    bench_work encode_alone; /* on one thread; seconds == 0: was not asked for */
} bench_result;

void bench_print(const bench_result *result);
void bench_print_json(const bench_result *result);

#endif
