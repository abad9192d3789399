/* SPDX-License-Identifier: Apache-2.0
 *
 * Status and error text: how a function says what went wrong.
 *
 *     samc_status f(..., samc_error *error)
 *     {
 *         SAMC_TRY(g(error));                                     returns g's status at once
 *         if (n > MAX)
 *             return SAMC_FAIL(error, LIMIT, "%zu is too many", n);
 *
 * A function that holds resources uses `status` and one `cleanup:` label:
 *
 *         SAMC_CHECK(g(error));                                   status = g(); goto cleanup
 */
#ifndef SAMC_BASE_STATUS_H
#define SAMC_BASE_STATUS_H

#include <samc.h>

/* Writes the message (printf-like) where `error` is not NULL, and returns `status`. An error that
 * was set before is replaced. */
samc_status samc_error_set(samc_error *error, samc_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define SAMC_FAIL(error, name, ...) samc_error_set((error), SAMC_ERROR_##name, __VA_ARGS__)

/* The one message for an allocation of `bytes` that failed. */
samc_status samc_error_memory(samc_error *error, size_t bytes);

/* The one message for a system call on a file: "cannot <verb> <path>: <strerror(errno)>". */
samc_status samc_error_io(samc_error *error, const char *verb, const char *path);

#define SAMC_TRY(call)                                                                             \
    do {                                                                                           \
        samc_status samc_try_status_ = (call);                                                     \
        if (samc_try_status_ != SAMC_OK)                                                           \
            return samc_try_status_;                                                               \
    } while (0)

#define SAMC_CHECK(call)                                                                           \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != SAMC_OK)                                                                     \
            goto cleanup;                                                                          \
    } while (0)

#endif
