/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "server/guard.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define NAME_SIZE 256

/* The host of "host:port", "[v6]:port" or "host", without brackets. False where it is none. */
static bool split_host(const char *header, char host[NAME_SIZE])
{
    const char *begin = header, *end, *rest;

    if (*header == '[') {
        begin = header + 1;
        end = strchr(begin, ']');
        rest = end ? end + 1 : NULL;
    } else {
        end = begin + strcspn(begin, ":");
        rest = end;
    }
    if (!end || end == begin || end - begin >= NAME_SIZE)
        return false;
    if (*rest && (*rest != ':' || rest[1 + strspn(rest + 1, "0123456789")] != '\0'))
        return false;
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = '\0';
    return true;
}

static bool is_number(const char *host)
{
    uint8_t address[16];

    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

bool samc_guard_is_loopback(const char *host)
{
    uint8_t address[4];

    if (inet_pton(AF_INET, host, address) == 1)
        return address[0] == 127;
    return strcmp(host, "::1") == 0 || strcasecmp(host, "localhost") == 0;
}

static bool is_any(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static bool is_own_name(const char *host)
{
    char name[NAME_SIZE];

    return gethostname(name, sizeof name) == 0 && memchr(name, '\0', sizeof name) &&
           strcasecmp(host, name) == 0;
}

bool samc_guard_host(const char *header, const char *bound)
{
    char host[NAME_SIZE];

    if (!header || !split_host(header, host))
        return false;
    if (samc_guard_is_loopback(host) || strcasecmp(host, bound) == 0)
        return true;
    return is_any(bound) && (is_number(host) || is_own_name(host));
}

bool samc_guard_same_site(const samc_http_request *request)
{
    const char *host = samc_http_header(request, "Host");
    const char *origin = samc_http_header(request, "Origin");
    const char *site = samc_http_header(request, "Sec-Fetch-Site");

    if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
        return false;
    if (!origin)
        return true;
    if (!host)
        return false;
    /* https: a proxy that speaks TLS may stand before us */
    return (strncasecmp(origin, "http://", 7) == 0 && strcasecmp(origin + 7, host) == 0) ||
           (strncasecmp(origin, "https://", 8) == 0 && strcasecmp(origin + 8, host) == 0);
}

void samc_guard_cookie_name(int32_t port, char name[SAMC_GUARD_COOKIE_SIZE])
{
    (void)snprintf(name, SAMC_GUARD_COOKIE_SIZE, "samc_session_%d", (int)port);
}

const samc_session *samc_guard_session(const samc_http_request *request, int32_t port,
                                       const samc_sessions *sessions)
{
    char name[SAMC_GUARD_COOKIE_SIZE], value[SAMC_ID_DIGITS + 2];
    samc_id id;

    samc_guard_cookie_name(port, name);
    if (!samc_http_cookie(request, name, value, sizeof value) || strlen(value) != SAMC_ID_DIGITS ||
        !samc_id_read(value, &id))
        return NULL;
    return samc_session_find(sessions, &id);
}

bool samc_guard_token(const samc_http_request *request, const char *token,
                      const samc_session *session)
{
    const char *given = samc_http_header(request, "Authorization");

    if (session && session->trusted)
        return true;
    return given && strncasecmp(given, "Bearer ", 7) == 0 &&
           samc_http_same_secret(given + 7, token);
}
