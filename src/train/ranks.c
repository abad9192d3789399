/* SPDX-License-Identifier: Apache-2.0 */
#include "train/ranks.h"

#include <string.h>

int samc_ranks_is_first(const samc_ranks *ranks)
{
    return !ranks || ranks->rank == 0;
}

int32_t samc_ranks_size(const samc_ranks *ranks)
{
    return ranks ? ranks->size : 1;
}

samc_status samc_ranks_lost(samc_ranks *ranks, samc_error *error)
{
    ranks->apart = 1;
    return SAMC_FAIL(error, IO, "the other ranks cannot be reached any more: %s", ranks->why);
}

samc_status samc_ranks_sum(samc_ranks *ranks, double *values, int32_t n, samc_error *error)
{
    if (ranks && ranks->sum(ranks, values, n) != 0)
        return samc_ranks_lost(ranks, error);
    return SAMC_OK;
}

/* Somebody failed: all ranks get the status and the words of the first who did. */
static samc_status spread(samc_ranks *ranks, samc_status status, samc_error *error)
{
    double text[1 + sizeof error->message] = {0}, failed = 0.0;
    samc_error own = {SAMC_OK, ""};
    int32_t speaker = -1;

    while (failed == 0.0) {
        speaker++;
        failed = speaker == ranks->rank && status != SAMC_OK;
        SAMC_TRY(samc_ranks_sum(ranks, &failed, 1, error));
    }
    if (speaker == ranks->rank) {
        text[0] = (double)status;
        for (size_t i = 0; error && i < sizeof error->message && error->message[i]; i++)
            text[1 + i] = (double)(unsigned char)error->message[i];
    }
    SAMC_TRY(samc_ranks_sum(ranks, text, (int32_t)(sizeof text / sizeof text[0]), error));
    for (size_t i = 0; i + 1 < sizeof own.message; i++)
        own.message[i] = (char)(unsigned char)text[1 + i];
    own.status = (samc_status)text[0];
    if (speaker == 0)
        return samc_error_set(error, own.status, "%s", own.message);
    return samc_error_set(error, own.status, "rank %d: %.480s", (int)speaker, own.message);
}

samc_status samc_ranks_meet(samc_ranks *ranks, samc_status status, double *values, int32_t n,
                            samc_error *error)
{
    double all[8] = {0};

    if (!ranks)
        return status;
    if (n > (int32_t)(sizeof all / sizeof all[0]) - 1)
        return SAMC_FAIL(error, ARGUMENT, "too many values for one meeting: %d", (int)n);
    all[0] = status != SAMC_OK;
    for (int32_t i = 0; i < n; i++)
        all[1 + i] = values[i];
    if (ranks->sum(ranks, all, 1 + n) != 0)
        return samc_ranks_lost(ranks, error);
    if (all[0] > 0.0)
        return spread(ranks, status, error);
    for (int32_t i = 0; i < n; i++)
        values[i] = all[1 + i];
    return SAMC_OK;
}

samc_status samc_ranks_compare(samc_ranks *ranks, const uint64_t hash[2], int *same,
                               samc_error *error)
{
    /* a double holds 32 bits of a hash, and the sum with zeros, exactly */
    const double own[4] = {(double)(hash[0] >> 32), (double)(hash[0] & UINT32_MAX),
                           (double)(hash[1] >> 32), (double)(hash[1] & UINT32_MAX)};
    double first[4] = {0.0}, others = 0.0;

    *same = 1;
    if (!ranks)
        return SAMC_OK;
    if (ranks->rank == 0)
        memcpy(first, own, sizeof first);
    SAMC_TRY(samc_ranks_sum(ranks, first, 4, error));
    for (int i = 0; i < 4; i++)
        if (first[i] != own[i])
            others = 1.0;
    SAMC_TRY(samc_ranks_sum(ranks, &others, 1, error));
    *same = others == 0.0;
    return SAMC_OK;
}
