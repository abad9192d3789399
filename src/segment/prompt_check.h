/* SPDX-License-Identifier: Apache-2.0
 *
 * Prompts checked before anything is computed: what is refused is named.
 */
#ifndef SAMC_SEGMENT_PROMPT_CHECK_H
#define SAMC_SEGMENT_PROMPT_CHECK_H

#include "base/status.h"

/* Points one prompt may have, and prompts one call may have. */
#define SAMC_PROMPT_MAX_POINTS 1024
#define SAMC_PROMPT_MAX_PROMPTS 1000000

/* The i-th of an array whose elements may be larger than this version's: struct_size is the
 * step. */
static inline const samc_prompt *samc_prompt_at(const samc_prompt *prompts, size_t i)
{
    return (const samc_prompt *)(const void *)((const char *)prompts + i * prompts->struct_size);
}

/* Prompts of a photo of width x height pixels; mask inputs are [low_res][low_res]. Errors: PROMPT,
 * ARGUMENT (struct_size, NULL), LIMIT; the message says which prompt and which point. */
samc_status samc_prompt_check(const samc_prompt *prompts, size_t n_prompts, int32_t width,
                              int32_t height, int32_t low_res, samc_error *error);

#endif
