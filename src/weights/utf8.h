/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether bytes are UTF-8.
 */
#ifndef SAMC_WEIGHTS_UTF8_H
#define SAMC_WEIGHTS_UTF8_H

#include <stddef.h>

/* 1 if `size` bytes at `text` are UTF-8: no broken sequence, no overlong form, no surrogate,
 * nothing past U+10FFFF. */
int samc_utf8_is_valid(const char *text, size_t size);

#endif
