/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)

const char *samc_version(void)
{
    return STRINGIFY(SAMC_VERSION_MAJOR) "." STRINGIFY(SAMC_VERSION_MINOR) "." STRINGIFY(
        SAMC_VERSION_PATCH);
}

const char *samc_status_name(samc_status status)
{
    switch (status) {
    case SAMC_OK: return "ok";
    case SAMC_ERROR_ARGUMENT: return "argument error";
    case SAMC_ERROR_PROMPT: return "prompt error";
    case SAMC_ERROR_MEMORY: return "out of memory";
    case SAMC_ERROR_IO: return "file error";
    case SAMC_ERROR_FORMAT: return "format error";
    case SAMC_ERROR_UNSUPPORTED: return "unsupported";
    case SAMC_ERROR_LIMIT: return "limit exceeded";
    case SAMC_ERROR_CANCELLED: return "cancelled";
    case SAMC_ERROR_MODEL: return "model error";
    }
    return "unknown status";
}

samc_status samc_error_set(samc_error *error, samc_status status, const char *format, ...)
{
    if (error) {
        va_list args;
        error->status = status;
        va_start(args, format);
        (void)vsnprintf(error->message, sizeof error->message, format, args);
        va_end(args);
    }
    return status;
}

samc_status samc_error_memory(samc_error *error, size_t bytes)
{
    return SAMC_FAIL(error, MEMORY, "out of memory: %zu bytes could not be allocated", bytes);
}

samc_status samc_error_io(samc_error *error, const char *verb, const char *path)
{
    char reason[128];
    /* XSI strerror_r differs from GNU's; strerror is thread-safe in glibc >= 2.32 and musl. */
    (void)snprintf(reason, sizeof reason, "%s", strerror(errno));
    return SAMC_FAIL(error, IO, "cannot %s %s: %s", verb, path, reason);
}
