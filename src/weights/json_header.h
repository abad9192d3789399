/* SPDX-License-Identifier: Apache-2.0
 *
 * As much JSON (RFC 8259) as the header of a safetensors file needs: objects, arrays, strings and
 * counts, taken one after another by a caller that knows what must come. Strict, no recursion.
 */
#ifndef SAMC_WEIGHTS_JSON_HEADER_H
#define SAMC_WEIGHTS_JSON_HEADER_H

#include "base/arena.h"

typedef struct samc_json {
    const char *at, *end;
} samc_json;

/* Skips white space, and then `c` if that comes next: 1 if it did. */
int samc_json_accept(samc_json *json, char c);
/* The same; anything else is FORMAT. */
samc_status samc_json_expect(samc_json *json, char c, samc_error *error);

/* A string: escapes decoded, UTF-8 proved, no NUL within, terminated, from `arena`. Errors: FORMAT,
 * MEMORY. */
samc_status samc_json_string(samc_json *json, samc_arena *arena, const char **text,
                             samc_error *error);

/* A whole number from 0 to 2^63 - 1, without sign, fraction or leading zero. Errors: FORMAT. */
samc_status samc_json_count(samc_json *json, int64_t *count, samc_error *error);

/* 1 if nothing but white space is left. */
int samc_json_at_end(samc_json *json);

#endif
