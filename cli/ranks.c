/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding out that there are other ranks, and loading the module that knows MPI. The command does
 * not link MPI: it starts as fast where nobody needs it, and works where it is missing or broken.
 */
#define _POSIX_C_SOURCE 200809L

#include "ranks.h"

#include "base/threads.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE "samc_mpi.so"
/* Tenths of a second that rank 1 waits, told to stop, before it speaks for rank 0. */
#define PATIENCE 3

/* What is said when a signal asks to stop; signal handlers can only reach what is static. */
static char farewell[1200];
static int tenths;

/* The environment's number, or -1. */
static long number_of(const char *name)
{
    const char *text = getenv(name);

    return text && *text ? strtol(text, NULL, 10) : -1;
}

/* Open MPI's mpirun and MPICH's say how many there are; a resource manager that speaks PMIx only
 * which one this is. */
static bool is_one_of_several(void)
{
    long size = number_of("OMPI_COMM_WORLD_SIZE");

    if (size < 0)
        size = number_of("PMI_SIZE");
    return size < 0 ? getenv("PMIX_RANK") != NULL : size > 1;
}

/* Looks beside the binary, in the tree it lies in, and where the installation put it. */
static samc_status load(samc_ranks_begin_fn *begin, samc_error *error)
{
    static const char *const places[] = {MODULE, "../" SAMC_LIBDIR "/samc/" MODULE};
    char folder[1024];
    void *module = NULL, *symbol;

    cli_binary_folder(folder, sizeof folder);
    for (size_t i = 0; !module && i < sizeof places / sizeof places[0]; i++) {
        char *path;

        SAMC_TRY(cli_path_join(folder, places[i], &path, error));
        if (access(path, R_OK) == 0)
            module = dlopen(path, RTLD_NOW | RTLD_GLOBAL); /* MPI's own modules need its names */
        else
            module = NULL;
        free(path);
    }
    if (!module)
        module = dlopen(SAMC_FULL_LIBDIR "/samc/" MODULE, RTLD_NOW | RTLD_GLOBAL);
    symbol = module ? dlsym(module, SAMC_RANKS_BEGIN) : NULL;
    if (!symbol)
        return SAMC_FAIL(
            error, UNSUPPORTED,
            "mpirun started several ranks, but this samc cannot speak to the others: "
            "its module for MPI is missing or broken (%.200s). It is built where CMake "
            "finds MPI (Debian: libopenmpi-dev)",
            dlerror());
    memcpy(begin, &symbol, sizeof *begin);
    return SAMC_OK;
}

/* Rank 1, told to stop, waits for the others. */
static void on_wait(void *user)
{
    (void)user;
    if (cli_stop_signal() && ++tenths == PATIENCE)
        (void)fputs(farewell, stderr);
}

samc_status cli_ranks_join(const char *folder, samc_ranks **ranks, samc_error *error)
{
    samc_ranks_begin_fn begin;

    *ranks = NULL;
    if (!is_one_of_several())
        return SAMC_OK;
    SAMC_TRY(load(&begin, error));
    *ranks = begin();
    if (!*ranks)
        return SAMC_FAIL(error, UNSUPPORTED, "MPI does not start; see what it printed");
    if ((*ranks)->size == 1) {
        (*ranks)->leave(*ranks);
        *ranks = NULL;
        return SAMC_OK;
    }
    /* mpirun mixes what ranks write: let it be whole lines */
    (void)setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
    (void)snprintf(
        farewell, sizeof farewell,
        "samc: rank %d was told to stop. If there is no time to save after this step, or "
        "another rank is dead: what was saved last in %.900s stays, and --resume goes "
        "on from it\n",
        (int)(*ranks)->rank, folder);
    cli_stop_also(SIGUSR1, (*ranks)->rank == 0 ? farewell : NULL);
    if ((*ranks)->rank == 1)
        (*ranks)->waiting = on_wait;
    return SAMC_OK;
}

int32_t cli_ranks_threads(const samc_ranks *ranks)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const int32_t share = cores > ranks->local ? (int32_t)(cores / ranks->local) : 1;
    samc_threads *threads;
    int32_t count = 1;

    /* mpirun may have bound this process to fewer */
    if (samc_threads_create(0, &threads, NULL) == SAMC_OK) {
        count = samc_threads_count(threads);
        samc_threads_free(threads);
    }
    return count < share ? count : share;
}
