/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <string.h>

/* Two lanes, each multiplied by an odd constant a word. The constants are the fractional bits of
 * the golden ratio and of the square root of 2. */
static void mix(uint64_t hash[2], uint64_t word)
{
    hash[0] = (hash[0] ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    hash[0] ^= hash[0] >> 29;
    hash[1] = (hash[1] + word) * UINT64_C(0x6A09E667F3BCC909);
    hash[1] ^= hash[1] >> 31;
}

void samc_hash_bytes(uint64_t hash[2], const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint64_t word;

    for (; size >= sizeof word; size -= sizeof word, bytes += sizeof word) {
        memcpy(&word, bytes, sizeof word);
        mix(hash, word);
    }
    word = size;
    memcpy(&word, bytes, size);
    mix(hash, word);
}
