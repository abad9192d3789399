/* SPDX-License-Identifier: Apache-2.0
 *
 * ranks.h by MPI: the one file that includes its header. Built where CMake finds MPI, into a module
 * that uses nothing else of the house.
 */
#define _POSIX_C_SOURCE 200809L

#include "train/ranks.h"

#include <mpi.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct table {
    samc_ranks ranks;
    MPI_Request *requests; /* [capacity]: the first `count` were started and not waited for yet */
    int count, capacity;
} table;

/* Returns `code`, having kept its words. */
static int note(table *t, int code)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;

    if (code == MPI_SUCCESS)
        return 0;
    (void)MPI_Error_string(code, text, &length);
    (void)snprintf(t->ranks.why, sizeof t->ranks.why, "%s", text);
    return code;
}

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Waits in turns, not in MPI_Waitall: the caller hears that it takes long (a rank may be dead), and
 * ranks that share a core let one another work. */
static int wait_for(table *t, MPI_Request *requests, int count)
{
    double said = now();
    int done = 0;

    for (;;) {
        const int code = MPI_Testall(count, requests, &done, MPI_STATUSES_IGNORE);

        if (code != MPI_SUCCESS)
            return note(t, code);
        if (done)
            return 0;
        (void)sched_yield();
        if (t->ranks.waiting && now() - said > 0.1) {
            t->ranks.waiting(t->ranks.user);
            said = now();
        }
    }
}

static int sum(samc_ranks *ranks, double *values, int32_t n)
{
    table *t = (table *)ranks;
    MPI_Request request;
    const int code = MPI_Iallreduce(MPI_IN_PLACE, values, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD,
                                    &request);

    return code != MPI_SUCCESS ? note(t, code) : wait_for(t, &request, 1);
}

static int start(samc_ranks *ranks, float *values, int32_t n)
{
    table *t = (table *)ranks;

    if (t->count == t->capacity) {
        const int capacity = t->capacity ? 2 * t->capacity : 64;
        MPI_Request *more = realloc(t->requests, (size_t)capacity * sizeof *more);

        if (!more) {
            (void)snprintf(ranks->why, sizeof ranks->why, "no memory for %d requests", capacity);
            return -1;
        }
        t->requests = more;
        t->capacity = capacity;
    }
    return note(t, MPI_Iallreduce(MPI_IN_PLACE, values, n, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD,
                                  &t->requests[t->count++]));
}

static int poll_once(samc_ranks *ranks)
{
    table *t = (table *)ranks;
    int done;

    return note(t, MPI_Testall(t->count, t->requests, &done, MPI_STATUSES_IGNORE));
}

static int finish(samc_ranks *ranks)
{
    table *t = (table *)ranks;
    const int code = wait_for(t, t->requests, t->count);

    t->count = 0;
    return code;
}

static void leave(samc_ranks *ranks)
{
    table *t = (table *)ranks;

    if (ranks->apart)
        (void)MPI_Abort(MPI_COMM_WORLD, 1);
    else
        (void)MPI_Finalize();
    free(t->requests);
    free(t);
}

static int count_local(int *local)
{
    MPI_Comm machine;
    int code = MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL,
                                   &machine);

    if (code == MPI_SUCCESS)
        code = MPI_Comm_size(machine, local);
    if (code == MPI_SUCCESS)
        code = MPI_Comm_free(&machine);
    return code;
}

__attribute__((visibility("default"))) samc_ranks *samc_ranks_mpi_begin(void);

samc_ranks *samc_ranks_mpi_begin(void)
{
    table *t = calloc(1, sizeof *t);
    int provided, rank, size, local;

    if (!t)
        return NULL;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS ||
        MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN) != MPI_SUCCESS ||
        MPI_Comm_rank(MPI_COMM_WORLD, &rank) != MPI_SUCCESS ||
        MPI_Comm_size(MPI_COMM_WORLD, &size) != MPI_SUCCESS || count_local(&local) != MPI_SUCCESS) {
        free(t);
        return NULL;
    }
    t->ranks = (samc_ranks){.rank = rank,
                            .size = size,
                            .local = local,
                            .sum = sum,
                            .start = start,
                            .poll = poll_once,
                            .finish = finish,
                            .leave = leave};
    return &t->ranks;
}
