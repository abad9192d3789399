/* SPDX-License-Identifier: Apache-2.0
 *
 * The module for MPI with its ears shut: gradients stay those of each rank. test_ranks.py must see
 * the difference.
 */
#define samc_ranks_mpi_begin hearing_begin
#include "train/ranks_mpi.c"
#undef samc_ranks_mpi_begin

static int start_nothing(samc_ranks *ranks, float *values, int32_t n)
{
    (void)ranks;
    (void)values;
    (void)n;
    return 0;
}

__attribute__((visibility("default"))) samc_ranks *samc_ranks_mpi_begin(void);

samc_ranks *samc_ranks_mpi_begin(void)
{
    samc_ranks *ranks = hearing_begin();

    if (ranks)
        ranks->start = start_nothing;
    return ranks;
}
