/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/quote.h"

#include <string.h>

#define SHOWN ((size_t)80)

samc_quote samc_quote_text(const char *text, size_t size)
{
    samc_quote quote;
    size_t shown = size < SHOWN ? size : SHOWN;

    for (size_t i = 0; i < shown; i++)
        quote.text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    memcpy(quote.text + shown, size > SHOWN ? "..." : "", size > SHOWN ? 4 : 1);
    return quote;
}
