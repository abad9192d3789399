/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sched_getaffinity, CPU_COUNT, clock_gettime */

#include "base/threads.h"

#include "base/memory.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 1024
/* How long a thread looks for what it waits for before it sleeps. Waking a sleeper takes 10 to 50
 * us, and the decoder has a dozen runs in a few milliseconds; between calls nobody spins. */
#define SPIN_NS 50000

struct samc_threads {
    int32_t count;
    pthread_mutex_t owner; /* held by the run that has the workers */
    pthread_mutex_t lock;  /* guards everything below */
    pthread_cond_t work;   /* a new job, or the end */
    pthread_cond_t done;   /* the last worker left the job */
    int64_t spin_ns;       /* 0 where threads outnumber cores */
    pid_t pid;             /* the process whose workers these are; 0: none yet */
    int32_t workers;       /* running */
    pthread_t *ids;
    _Atomic uint64_t job; /* counts up with every run; written under the lock */
    _Atomic int32_t busy; /* workers in the job; written under the lock */
    int open;             /* the job may be joined: who comes later has missed it */
    int stop;
    samc_tile_fn fn;
    void *arg;
    int64_t tiles;
    _Atomic int64_t next; /* the next tile to take */
};

typedef struct worker_start {
    samc_threads *threads;
    int32_t lane;
    uint64_t job; /* the last job that is not this worker's */
} worker_start;

static void take_tiles(samc_threads *t, int32_t lane)
{
    for (;;) {
        int64_t tile = atomic_fetch_add_explicit(&t->next, 1, memory_order_relaxed);
        if (tile >= t->tiles)
            break;
        t->fn(t->arg, tile, lane);
    }
}

static int64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Looks for a job other than `last`, for a while; called without the lock. */
static void await_job(const samc_threads *t, uint64_t last)
{
    const int64_t end = now_ns() + t->spin_ns;

    while (atomic_load_explicit(&t->job, memory_order_relaxed) == last && now_ns() < end)
        ;
}

/* Looks for the end of the workers' work. */
static void await_workers(const samc_threads *t)
{
    const int64_t end = now_ns() + t->spin_ns;

    while (atomic_load_explicit(&t->busy, memory_order_relaxed) > 0 && now_ns() < end)
        ;
}

static void *worker(void *arg)
{
    worker_start start = *(worker_start *)arg;
    samc_threads *t = start.threads;
    int may_spin = 0; /* after work only: another run may follow at once */

    free(arg);
    (void)pthread_mutex_lock(&t->lock);
    for (;;) {
        while ((!t->open || t->job == start.job) && !t->stop) {
            if (may_spin) {
                may_spin = 0;
                (void)pthread_mutex_unlock(&t->lock);
                await_job(t, start.job);
                (void)pthread_mutex_lock(&t->lock);
            } else {
                (void)pthread_cond_wait(&t->work, &t->lock);
            }
        }
        if (t->stop)
            break;
        start.job = t->job;
        t->busy++;
        (void)pthread_mutex_unlock(&t->lock);
        take_tiles(t, start.lane);
        (void)pthread_mutex_lock(&t->lock);
        if (--t->busy == 0)
            (void)pthread_cond_signal(&t->done);
        may_spin = t->spin_ns > 0;
    }
    (void)pthread_mutex_unlock(&t->lock);
    return NULL;
}

static void init_locks(samc_threads *t)
{
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_cond_init(&t->work, NULL);
    (void)pthread_cond_init(&t->done, NULL);
}

/* Cores that this process may run on. */
static int32_t usable_cores(void)
{
    cpu_set_t set;
    const int32_t count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

    return count < 1 ? 1 : count;
}

samc_status samc_threads_create(int32_t count, samc_threads **threads, samc_error *error)
{
    samc_threads *t;
    samc_status status;
    int32_t cores;

    if (count < 0 || count > MAX_THREADS)
        return SAMC_FAIL(error, ARGUMENT, "threads: %d is outside 0..%d (0: one a core)", count,
                         MAX_THREADS);
    cores = usable_cores();
    count = count ? count : cores < MAX_THREADS ? cores : MAX_THREADS;
    SAMC_TRY(samc_alloc_zero(1, sizeof *t, &t, error));
    status = samc_alloc_zero((size_t)count, sizeof *t->ids, &t->ids, error);
    if (status != SAMC_OK) {
        free(t);
        return status;
    }
    t->count = count;
    t->spin_ns = count <= cores ? SPIN_NS : 0;
    (void)pthread_mutex_init(&t->owner, NULL);
    init_locks(t);
    *threads = t;
    return SAMC_OK;
}

/* Starts what is missing of the workers. Called with `owner` held. A child of fork() finds the
 * parent's count but no threads, and locks that a parent's thread may have held: it begins anew. */
static void start_workers(samc_threads *t)
{
    sigset_t all, before;

    if (t->pid != getpid()) {
        init_locks(t);
        t->workers = 0;
        t->busy = 0;
        t->open = 0;
        t->stop = 0;
        t->pid = getpid();
    }
    if (t->workers == t->count - 1)
        return;
    /* signals are the program's business, on its own threads */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (t->workers < t->count - 1) {
        worker_start *start = malloc(sizeof *start);
        if (!start)
            break;
        *start = (worker_start){t, t->workers + 1, t->job};
        if (pthread_create(&t->ids[t->workers], NULL, worker, start) != 0) {
            free(start);
            break;
        }
        t->workers++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void samc_threads_free(samc_threads *t)
{
    if (!t)
        return;
    if (t->pid == getpid()) {
        (void)pthread_mutex_lock(&t->lock);
        t->stop = 1;
        (void)pthread_cond_broadcast(&t->work);
        (void)pthread_mutex_unlock(&t->lock);
        for (int32_t i = 0; i < t->workers; i++)
            (void)pthread_join(t->ids[i], NULL);
        (void)pthread_mutex_destroy(&t->lock);
        (void)pthread_cond_destroy(&t->work);
        (void)pthread_cond_destroy(&t->done);
    }
    (void)pthread_mutex_destroy(&t->owner);
    free(t->ids);
    free(t);
}

int32_t samc_threads_count(const samc_threads *t)
{
    return t ? t->count : 1;
}

void samc_threads_run(samc_threads *t, int64_t tiles, samc_tile_fn fn, void *arg)
{
    if (tiles <= 0)
        return;
    if (tiles == 1 || !t || t->count == 1 || pthread_mutex_trylock(&t->owner) != 0) {
        for (int64_t tile = 0; tile < tiles; tile++)
            fn(arg, tile, 0);
        return;
    }
    start_workers(t);
    (void)pthread_mutex_lock(&t->lock);
    t->fn = fn;
    t->arg = arg;
    t->tiles = tiles;
    atomic_store_explicit(&t->next, 0, memory_order_relaxed);
    t->open = 1;
    t->job++;
    (void)pthread_cond_broadcast(&t->work);
    (void)pthread_mutex_unlock(&t->lock);
    take_tiles(t, 0);
    (void)pthread_mutex_lock(&t->lock);
    t->open = 0; /* who has not woken up yet is not waited for */
    if (t->busy > 0 && t->spin_ns > 0) {
        (void)pthread_mutex_unlock(&t->lock);
        await_workers(t);
        (void)pthread_mutex_lock(&t->lock);
    }
    while (t->busy > 0)
        (void)pthread_cond_wait(&t->done, &t->lock);
    (void)pthread_mutex_unlock(&t->lock);
    (void)pthread_mutex_unlock(&t->owner);
}
