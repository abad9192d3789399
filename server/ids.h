/* SPDX-License-Identifier: Apache-2.0
 *
 * Ids: 128 random bits of the system, as 32 hex digits, so that nobody guesses one.
 */
#ifndef SAMC_SERVER_IDS_H
#define SAMC_SERVER_IDS_H

#include "base/status.h"

#include <stdbool.h>

#define SAMC_ID_DIGITS 32

typedef struct samc_id {
    char text[SAMC_ID_DIGITS + 1];
} samc_id;

/* A new one. Errors: IO (the system gives no random bytes). */
samc_status samc_id_make(samc_id *id, samc_error *error);
/* Whether the first 32 characters of `text` are lower-case hex digits; they become the id. */
bool samc_id_read(const char *text, samc_id *id);
bool samc_id_equal(const samc_id *a, const samc_id *b);
/* Some bits of it, for tables. */
size_t samc_id_hash(const samc_id *id);

#endif
