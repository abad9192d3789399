/* SPDX-License-Identifier: Apache-2.0
 *
 * ranks.h - a command whose processes mpirun started side by side (train/ranks.h).
 */
#ifndef SAMC_CLI_RANKS_H
#define SAMC_CLI_RANKS_H

#include "cli.h"
#include "train/ranks.h"

/* Joins the other ranks where a starter of MPI programs made this process one of several; leaves
 * *ranks NULL, and MPI alone, where it did not. A signal that asks to stop (SIGUSR1 is now one of
 * them: mpirun hands it on) makes rank 0 say that `folder` holds the last checkpoint, and rank 1
 * too where it waits in vain: rank 0 may be dead. `folder` must live as long. End with
 * ranks->leave. Errors: UNSUPPORTED (MPI's module is missing or broken), MEMORY. */
samc_status cli_ranks_join(const char *folder, samc_ranks **ranks, samc_error *error);
/* How many threads this rank takes where the user does not say: its part of the cores. */
int32_t cli_ranks_threads(const samc_ranks *ranks);

#endif
