/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON stream: the elements of one array of a large JSON file, without a tree of the whole; and its
 * top-level keys.
 */
#ifndef SAMC_DATASET_JSON_STREAM_H
#define SAMC_DATASET_JSON_STREAM_H

#include "base/status.h"

/* One element: `length` bytes of the file, white space around it cut off. */
typedef samc_status (*samc_json_element_fn)(void *user, const char *element, size_t length,
                                            samc_error *error);

/* Calls `fn` for every element of the array that the top-level object of `text` has under `key`, in
 * order. Only what finds the elements' ends is checked (strings and brackets); each element is for
 * `fn` to parse. The array may be missing: then nothing is called. A status of fn's other than
 * SAMC_OK ends the walk and is returned. Errors: FORMAT (no object, or cut off). */
samc_status samc_json_array_walk(const char *text, size_t size, const char *key,
                                 samc_json_element_fn fn, void *user, samc_error *error);
/* The same for a text that is an array. */
samc_status samc_json_list_walk(const char *text, size_t size, samc_json_element_fn fn, void *user,
                                samc_error *error);
/* One key of the top-level object, without its quotes, and the text of its value. */
typedef samc_status (*samc_json_key_fn)(void *user, const char *key, size_t key_length,
                                        const char *value, size_t length, samc_error *error);
/* Calls `fn` for every key of the top-level object, in order; as samc_json_array_walk. */
samc_status samc_json_keys_walk(const char *text, size_t size, samc_json_key_fn fn, void *user,
                                samc_error *error);
/* Whether the top-level object of `text` (the first one, if several follow) has that key. */
int samc_json_has_key(const char *text, size_t size, const char *key);

#endif
