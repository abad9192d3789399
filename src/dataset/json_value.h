/* SPDX-License-Identifier: Apache-2.0
 *
 * One JSON value of a text, and whether a failure was the text's or for want of memory.
 */
#ifndef SAMC_DATASET_JSON_VALUE_H
#define SAMC_DATASET_JSON_VALUE_H

#include "base/status.h"

#include <jansson.h>

/* Parses; NULL in *value: it is no JSON, and `why` says more (its line, its text). `flags` are
 * json_loadb's. Errors: MEMORY. */
samc_status samc_json_parse(const char *text, size_t size, size_t flags, json_t **value,
                            json_error_t *why, samc_error *error);
/* Parses an object. Errors: FORMAT (it is none; the message shows its beginning), MEMORY. */
samc_status samc_json_parse_object(const char *text, size_t size, json_t **object,
                                   samc_error *error);

#endif
