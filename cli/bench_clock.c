/* SPDX-License-Identifier: Apache-2.0
 *
 * The clock of `samc bench`: times of stages, the peak of the arithmetic, memory.
 */
#define _POSIX_C_SOURCE 200809L

#include "bench.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>

double bench_now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void take_lap(void *user, const char *name, double flops)
{
    bench_clock *clock = user;
    bench_work *work = &clock->work;
    const double now = bench_now();
    int i = 0;

    while (i < work->n_stages && strcmp(work->stages[i].name, name) != 0)
        i++;
    if (i == BENCH_STAGES)
        return; /* what is not listed shows in the rest */
    if (i == work->n_stages)
        work->stages[work->n_stages++] = (bench_stage){name, 0.0, 0.0};
    work->stages[i].seconds += now - clock->lap;
    work->stages[i].flops += flops;
    clock->lap = bench_now();
}

void bench_clock_begin(bench_clock *clock, samc_context *context)
{
    memset(clock, 0, sizeof *clock);
    clock->stopwatch = (samc_stopwatch){take_lap, clock};
    clock->context = context;
    context->stopwatch = &clock->stopwatch;
    clock->begin = clock->lap = bench_now();
}

void bench_clock_end(bench_clock *clock, bench_work *best)
{
    clock->work.seconds = bench_now() - clock->begin;
    clock->context->stopwatch = NULL;
    if (best->seconds == 0.0 || clock->work.seconds < best->seconds)
        *best = clock->work;
}

double bench_work_flops(const bench_work *work)
{
    double flops = 0.0;

    for (int i = 0; i < work->n_stages; i++)
        flops += work->stages[i].flops;
    return flops;
}

/* ------------------------------------------------------------------------------------ the peak */

typedef struct peak_job {
    const samc_kernels *kernels;
    int64_t rounds;
} peak_job;

static void peak_tile(void *arg, int64_t tile, int32_t lane)
{
    const peak_job *job = arg;

    (void)tile;
    (void)lane;
    (void)job->kernels->fma_loop(job->rounds);
}

/* Pieces of about 5 ms a tile: long against waking a thread (10 us), short against what else the
 * machine does now and then. Four tiles a thread: one that starts late matters less. */
double bench_peak(samc_context *context)
{
    enum { TILES = 4, PIECES = 12 };
    const int32_t threads = samc_threads_count(context->threads);
    peak_job job = {context->kernels, 1 << 16};
    double begin = bench_now(), best = 0.0;

    (void)context->kernels->fma_loop(job.rounds);
    job.rounds = (int64_t)((double)job.rounds * 5e-3 / (bench_now() - begin + 1e-9)) + 1;
    for (int i = 0; i < PIECES; i++) {
        double rate;

        begin = bench_now();
        samc_threads_run(context->threads, TILES * threads, peak_tile, &job);
        rate = (double)(TILES * threads * job.rounds) / (bench_now() - begin);
        best = rate > best ? rate : best;
    }
    return best * (double)context->kernels->fma_loop(1);
}

/* -------------------------------------------------------------------------------------- memory */

double bench_memory(void)
{
    /* getrusage remembers the program that started this one too: it is only the second choice */
    FILE *file = fopen("/proc/self/status", "r");
    struct rusage usage;
    char line[128];
    double kib = 0.0;

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %lf kB", &kib) == 1)
            break;
    if (file)
        (void)fclose(file);
    if (kib == 0.0) {
        (void)getrusage(RUSAGE_SELF, &usage);
        kib = (double)usage.ru_maxrss;
    }
    return kib / 1024.0;
}
