/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TILES 1000

static void count_tile(void *arg, int64_t tile, int32_t lane)
{
    _Atomic int *counts = arg;

    (void)lane;
    atomic_fetch_add(&counts[tile], 1);
}

static int every_tile_once(samc_threads *threads)
{
    static _Thread_local _Atomic int counts[TILES];

    for (int i = 0; i < TILES; i++)
        atomic_store(&counts[i], 0);
    samc_threads_run(threads, TILES, count_tile, counts);
    for (int i = 0; i < TILES; i++)
        if (counts[i] != 1)
            return 0;
    return 1;
}

static void test_every_tile_runs_once(void **state)
{
    (void)state;
    for (int32_t n = 1; n <= 5; n++) {
        samc_threads *threads = NULL;

        assert_int_equal(samc_threads_create(n, &threads, NULL), SAMC_OK);
        assert_int_equal(samc_threads_count(threads), n);
        for (int i = 0; i < 200; i++)
            assert_true(every_tile_once(threads));
        samc_threads_free(threads);
    }
}

static void lane_tile(void *arg, int64_t tile, int32_t lane)
{
    _Atomic int *in_use = arg;

    (void)tile;
    if (atomic_fetch_add(&in_use[lane], 1) != 0)
        atomic_store(&in_use[8], 1);
    for (volatile int i = 0; i < 200; i++)
        ;
    atomic_fetch_sub(&in_use[lane], 1);
}

static void test_lanes_are_distinct(void **state)
{
    _Atomic int in_use[9] = {0};
    samc_threads *threads = NULL;

    (void)state;
    assert_int_equal(samc_threads_create(8, &threads, NULL), SAMC_OK);
    samc_threads_run(threads, 20000, lane_tile, in_use);
    assert_int_equal(in_use[8], 0);
    samc_threads_free(threads);
}

static void *runner(void *arg)
{
    intptr_t good = 1;

    for (int i = 0; i < 200; i++)
        good &= every_tile_once(arg);
    return (void *)good;
}

static void test_callers_share_a_pool(void **state)
{
    samc_threads *threads = NULL;
    pthread_t ids[4];

    (void)state;
    assert_int_equal(samc_threads_create(2, &threads, NULL), SAMC_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, runner, threads), 0);
    for (int i = 0; i < 4; i++) {
        void *good = NULL;

        assert_int_equal(pthread_join(ids[i], &good), 0);
        assert_non_null(good);
    }
    samc_threads_free(threads);
}

static void test_child_of_fork_has_its_own(void **state)
{
    samc_threads *threads = NULL;
    int status = 0;
    pid_t child;

    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* the thread sanitizer cannot follow threads that start after fork() */
#endif
    assert_int_equal(samc_threads_create(3, &threads, NULL), SAMC_OK);
    assert_true(every_tile_once(threads));
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int good = every_tile_once(threads) && every_tile_once(threads);
        samc_threads_free(threads);
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(every_tile_once(threads));
    samc_threads_free(threads);
}

static void test_bad_counts_are_refused(void **state)
{
    samc_threads *threads = NULL;
    samc_error error = {SAMC_OK, ""};

    (void)state;
    assert_int_equal(samc_threads_create(-1, &threads, &error), SAMC_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "-1"));
    assert_int_equal(samc_threads_create(1025, &threads, NULL), SAMC_ERROR_ARGUMENT);
    assert_null(threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_tile_runs_once),
        cmocka_unit_test(test_lanes_are_distinct),
        cmocka_unit_test(test_callers_share_a_pool),
        cmocka_unit_test(test_bad_counts_are_refused),
        cmocka_unit_test(test_child_of_fork_has_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
