/* SPDX-License-Identifier: Apache-2.0
 *
 * Hash: 128 bits that tell contents apart; not against somebody who looks for two that collide.
 */
#ifndef SAMC_BASE_HASH_H
#define SAMC_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Mixes `size` bytes into a hash that began as {0, 0}. The same bytes in other pieces give another
 * hash. */
void samc_hash_bytes(uint64_t hash[2], const void *data, size_t size);

#endif
