/* SPDX-License-Identifier: Apache-2.0
 *
 * What `samc info --cpu` prints: the paths of this CPU, and whose function each entry of the kernel
 * table in use is.
 */
#include "cli.h"

#include "kernels/kernels.h"

int cli_cpu_print(const char *name)
{
    const samc_kernels *kernels, *path;
    const char *entry, *owner;
    samc_error error;

    if (samc_kernels_select(name, &kernels, &error) != SAMC_OK) {
        cli_error("%s", error.message);
        return CLI_USAGE;
    }
    (void)fputs("paths of this CPU and build:", stdout);
    for (size_t i = 0; (path = samc_kernels_at(i)) != NULL; i++)
        (void)printf(" %s", path->name);
    (void)printf("\nused: %s, gemm tiles of %d x %d\n", kernels->name, kernels->gemm_mr,
                 kernels->gemm_nr);
    /* a path may leave entries of a simpler one in place: each is printed with its owner's name */
    for (size_t i = 0; (entry = samc_kernels_entry(kernels, i, &owner)) != NULL; i++)
        (void)printf("  %-13s %s.%s\n", entry, owner, entry);
    return CLI_OK;
}
