/* SPDX-License-Identifier: Apache-2.0
 *
 * Ranks: the processes that train one model together, as a table of functions that adds numbers
 * over all of them. ranks_mpi.c fills it by MPI, in a module that the command loads only where
 * mpirun started it; everything else knows this header alone. Where a `samc_ranks *` is NULL this
 * process trains alone: nothing is sent and nothing is rounded differently.
 *
 * Every rank calls the same functions in the same order ("together"). Only the thread that began
 * calls them.
 */
#ifndef SAMC_TRAIN_RANKS_H
#define SAMC_TRAIN_RANKS_H

#include "base/status.h"

typedef struct samc_ranks samc_ranks;
struct samc_ranks {
    int32_t rank, size; /* 0 <= rank < size; size > 1 */
    int32_t local;      /* ranks on this machine, this one included */
    int apart;          /* 1: this rank failed where the others could not hear of it */
    char why[256];      /* what the table's last failure was */
    /* Called some ten times a second while this rank waits for others; may be NULL. */
    void (*waiting)(void *user);
    void *user;

    /* The table; each returns 0, or something else on failure. */
    /* Together: every value becomes the sum of all ranks' values, with the same bits everywhere. */
    int (*sum)(samc_ranks *ranks, double *values, int32_t n);
    /* Together: begins the same over floats, which nobody touches until `finish`. */
    int (*start)(samc_ranks *ranks, float *values, int32_t n);
    /* Lets what was started go on: it moves only within calls of the table. */
    int (*poll)(samc_ranks *ranks);
    /* Waits for everything that was started. */
    int (*finish)(samc_ranks *ranks);
    /* Ends and frees the table: together, or (`apart`) by taking the other ranks down as well. */
    void (*leave)(samc_ranks *ranks);
};

/* What ranks_mpi.c exports under the name SAMC_RANKS_BEGIN: joins the other ranks. NULL: that
 * failed, and why was printed by MPI. */
typedef samc_ranks *(*samc_ranks_begin_fn)(void);
#define SAMC_RANKS_BEGIN "samc_ranks_mpi_begin"

/* 1 for the rank that writes files and speaks; a process alone is one. */
int samc_ranks_is_first(const samc_ranks *ranks);
/* How many there are; 1 where `ranks` is NULL. */
int32_t samc_ranks_size(const samc_ranks *ranks);

/* Marks this rank as apart and says so. Always the status IO. */
samc_status samc_ranks_lost(samc_ranks *ranks, samc_error *error);
/* Together: adds n values. Errors: IO (the ranks have lost each other). */
samc_status samc_ranks_sum(samc_ranks *ranks, double *values, int32_t n, samc_error *error);
/* The same, and every rank brings a status, with `error` set where that is a failure: if one
 * failed, all return what the first of these said, and the sums are not to be used. */
samc_status samc_ranks_meet(samc_ranks *ranks, samc_status status, double *values, int32_t n,
                            samc_error *error);
/* Together: 1 in *same if all ranks have the hash (base/hash.h) of rank 0. Errors: IO. */
samc_status samc_ranks_compare(samc_ranks *ranks, const uint64_t hash[2], int *same,
                               samc_error *error);

#endif
