/* SPDX-License-Identifier: Apache-2.0 */
#include "server/ids.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sys/random.h>

samc_status samc_id_make(samc_id *id, samc_error *error)
{
    uint8_t bytes[SAMC_ID_DIGITS / 2];
    size_t got = 0;

    while (got < sizeof bytes) {
        const ssize_t n = getrandom(bytes + got, sizeof bytes - got, 0);

        if (n < 0 && errno != EINTR)
            return samc_error_io(error, "get", "random bytes from the system");
        got += n > 0 ? (size_t)n : 0;
    }
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(id->text + 2 * i, 3, "%02x", bytes[i]);
    return SAMC_OK;
}

bool samc_id_read(const char *text, samc_id *id)
{
    if (strspn(text, "0123456789abcdef") < SAMC_ID_DIGITS)
        return false;
    memcpy(id->text, text, SAMC_ID_DIGITS);
    id->text[SAMC_ID_DIGITS] = '\0';
    return true;
}

bool samc_id_equal(const samc_id *a, const samc_id *b)
{
    uint8_t different = 0;

    for (size_t i = 0; i < SAMC_ID_DIGITS; i++)
        different = (uint8_t)(different | (a->text[i] ^ b->text[i]));
    return different == 0;
}

size_t samc_id_hash(const samc_id *id)
{
    size_t hash = 0;

    for (size_t i = 0; i < 8; i++)
        hash = hash << 4 |
               (size_t)(id->text[i] <= '9' ? id->text[i] - '0' : id->text[i] - 'a' + 10);
    return hash;
}
