/* SPDX-License-Identifier: Apache-2.0
 *
 * Text of a file that nobody vouches for, made fit for an error message.
 */
#ifndef SAMC_WEIGHTS_QUOTE_H
#define SAMC_WEIGHTS_QUOTE_H

#include <stddef.h>

typedef struct samc_quote {
    char text[84];
} samc_quote;

/* The first 80 bytes of `text`; what is not printable ASCII becomes '?', and "..." marks a cut. */
samc_quote samc_quote_text(const char *text, size_t size);

#endif
