/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/context.h"

#include "base/memory.h"

#include <stdlib.h>

samc_status samc_context_create(const samc_context_options *options, samc_context **context,
                                samc_error *error)
{
    const samc_context_options defaults = SAMC_CONTEXT_OPTIONS_INIT;
    samc_status status = SAMC_OK;
    samc_context *c = NULL;

    if (!options)
        options = &defaults;
    if (!context || options->struct_size < sizeof *options)
        return SAMC_FAIL(error, ARGUMENT,
                         "samc_context_create: give a place for the context and "
                         "options that began with SAMC_CONTEXT_OPTIONS_INIT");
    SAMC_CHECK(samc_alloc_zero(1, sizeof *c, &c, error));
    atomic_flag_clear(&c->scratch_taken);
    SAMC_CHECK(samc_kernels_select(options->kernels, &c->kernels, error));
    SAMC_CHECK(samc_threads_create(options->threads, &c->threads, error));
    *context = c;

cleanup:
    if (status != SAMC_OK)
        samc_context_free(c);
    return status;
}

void samc_context_free(samc_context *context)
{
    if (!context)
        return;
    samc_threads_free(context->threads);
    samc_arena_free(&context->scratch);
    free(context);
}

/* Scratch kept between calls; a group of prompts of the official size takes about 25 MiB. */
#define SCRATCH_KEPT ((size_t)64 << 20)

samc_arena *samc_context_take_arena(samc_context *context, samc_arena *own)
{
    return atomic_flag_test_and_set(&context->scratch_taken) ? own : &context->scratch;
}

void samc_context_return_arena(samc_context *context, samc_arena *arena)
{
    if (arena != &context->scratch) {
        samc_arena_free(arena);
        return;
    }
    samc_arena_give_back(arena, (samc_arena_mark){NULL, 0});
    if (samc_arena_spare(arena) > SCRATCH_KEPT)
        samc_arena_free(arena);
    atomic_flag_clear(&context->scratch_taken);
}

int32_t samc_context_threads(const samc_context *context)
{
    return samc_threads_count(context->threads);
}

const char *samc_context_kernels(const samc_context *context)
{
    return context->kernels->name;
}
