/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/utf8.h"

#include <stdint.h>

/* How many bytes the character at `p` has; 0: it is none. */
static size_t character_length(const uint8_t *p, size_t left)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t code;
    size_t length;

    if (p[0] < 0x80)
        return 1;
    length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < length)
        return 0;
    code = p[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3fu);
    }
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    return length;
}

int samc_utf8_is_valid(const char *text, size_t size)
{
    size_t at = 0;

    while (at < size) {
        size_t length = character_length((const uint8_t *)text + at, size - at);

        if (length == 0)
            return 0;
        at += length;
    }
    return 1;
}
