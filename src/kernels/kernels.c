/* SPDX-License-Identifier: Apache-2.0
 *
 * The one file that names instruction sets.
 */
#include "kernels/kernels.h"

#include "kernels/paths.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#ifdef SAMC_HAVE_X86
static int cpu_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int cpu_has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
}
#endif

static int cpu_has_all(void)
{
    return 1;
}

static const struct path {
    const samc_kernels *kernels;
    int (*usable)(void);
} paths[] = {
    {&samc_kernels_portable, cpu_has_all},
#ifdef SAMC_HAVE_X86
    {&samc_kernels_avx2, cpu_has_avx2},
    {&samc_kernels_avx512, cpu_has_avx512},
#endif
#ifdef SAMC_HAVE_SIMD128
    {&samc_kernels_simd128, cpu_has_all},
#endif
};
#define N_PATHS (sizeof paths / sizeof paths[0])

const samc_kernels *samc_kernels_at(size_t index)
{
    for (size_t i = 0; i < N_PATHS; i++)
        if (paths[i].usable() && index-- == 0)
            return paths[i].kernels;
    return NULL;
}

/* Every function of the table, in its order. One that is added to the struct and not here stops the
 * build: the functions are the struct's end, without holes. */
#define ENTRY(name) #name, offsetof(samc_kernels, name)
static const struct entry {
    const char *name;
    size_t offset;
} entries[] = {
    {ENTRY(pack_a)},          {ENTRY(gemm)},          {ENTRY(gemm_rows)},
    {ENTRY(epilogue)},        {ENTRY(layer_norm)},    {ENTRY(softmax_step)},
    {ENTRY(softmax_grid)},    {ENTRY(scale)},         {ENTRY(fma_loop)},
    {ENTRY(softmax_columns)}, {ENTRY(norm_columns)},  {ENTRY(gelu_product)},
    {ENTRY(dot_columns)},     {ENTRY(scale_columns)}, {ENTRY(blend_columns)},
    {ENTRY(transpose)},       {ENTRY(interpolate)},   {ENTRY(slope)},
    {ENTRY(layer_norm_grad)},
};
#define N_ENTRIES (sizeof entries / sizeof entries[0])
_Static_assert(sizeof(samc_kernels) ==
                   offsetof(samc_kernels, pack_a) + N_ENTRIES * sizeof(void (*)(void)),
               "entries[] names every function of samc_kernels");

static int same_function(const samc_kernels *a, const samc_kernels *b, size_t offset)
{
    return memcmp((const char *)a + offset, (const char *)b + offset, sizeof(void (*)(void))) == 0;
}

const char *samc_kernels_entry(const samc_kernels *kernels, size_t index, const char **path)
{
    if (index >= N_ENTRIES)
        return NULL;
    if (path) {
        *path = kernels->name;
        for (size_t i = N_PATHS; i-- > 0;)
            if (same_function(paths[i].kernels, kernels, entries[index].offset))
                *path = paths[i].kernels->name;
    }
    return entries[index].name;
}

samc_status samc_kernels_select(const char *name, const samc_kernels **kernels, samc_error *error)
{
    const samc_kernels *found = NULL, *k;
    char list[128] = "";
    size_t length = 0;

    for (size_t i = 0; (k = samc_kernels_at(i)) != NULL; i++) {
        if (!name || strcmp(name, k->name) == 0)
            found = k;
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", i ? ", " : "",
                                   k->name);
    }
    if (!found)
        return SAMC_FAIL(error, UNSUPPORTED, "kernels \"%s\" are not to be had here; there are: %s",
                         name, list);
    *kernels = found;
    return SAMC_OK;
}

const samc_bf16_kernels *samc_bf16_select(const samc_kernels *kernels)
{
#ifdef SAMC_HAVE_X86
    if (kernels == &samc_kernels_avx512 && __builtin_cpu_supports("avx512bf16"))
        return &samc_bf16_avx512;
#endif
    (void)kernels;
    return &samc_bf16_portable;
}

int samc_bf16_is_native(const samc_kernels *kernels)
{
    return samc_bf16_select(kernels) != &samc_bf16_portable;
}
