/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http.h"

#include "weights/utf8.h"

#include <string.h>

const char *samc_http_header(const samc_http_request *request, const char *name)
{
    return request->find(request->user, SAMC_HTTP_HEADER, name);
}

const char *samc_http_query(const samc_http_request *request, const char *name)
{
    return request->find(request->user, SAMC_HTTP_QUERY, name);
}

bool samc_http_is_get(const samc_http_request *request)
{
    return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
}

bool samc_http_cookie(const samc_http_request *request, const char *name, char *value, size_t size)
{
    const char *at = samc_http_header(request, "Cookie");
    const size_t length = strlen(name);

    while (at && *at) {
        const size_t pair = strcspn(at, ";");

        if (pair > length && strncmp(at, name, length) == 0 && at[length] == '=') {
            const size_t n = pair - length - 1;

            if (n >= size)
                return false;
            memcpy(value, at + length + 1, n);
            value[n] = '\0';
            return true;
        }
        at += pair;
        at += strspn(at, "; ");
    }
    return false;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool samc_http_percent_decode(const char *text, char *bytes, size_t size)
{
    size_t n = 0;

    for (; *text; text++) {
        int c = (unsigned char)*text;

        if (n + 1 >= size)
            return false;
        if (c == '%') {
            const int high = hex_digit(text[1]);
            const int low = high < 0 ? -1 : hex_digit(text[2]);

            if (low < 0 || (high == 0 && low == 0))
                return false;
            c = 16 * high + low;
            text += 2;
        }
        bytes[n++] = (char)c;
    }
    bytes[n] = '\0';
    return samc_utf8_is_valid(bytes, n) != 0;
}

/* The length of the character of UTF-8 that begins here, or 0. */
static size_t character_length(const char *bytes, size_t left)
{
    for (size_t n = 1; n <= 4 && n <= left; n++)
        if (samc_utf8_is_valid(bytes, n))
            return n;
    return 0;
}

/* C0, DEL, C1; U+061C, U+200E, U+200F, U+2028..202E and U+2066..2069, which break or turn lines;
 * U+FEFF, which is not seen. */
static bool is_control(const char *bytes, size_t length)
{
    const unsigned char *c = (const unsigned char *)bytes;

    if (length == 1)
        return c[0] < 0x20 || c[0] == 0x7f;
    if (length == 2)
        return (c[0] == 0xc2 && c[1] < 0xa0) || (c[0] == 0xd8 && c[1] == 0x9c);
    if (length == 3 && c[0] == 0xef)
        return c[1] == 0xbb && c[2] == 0xbf;
    if (length != 3 || c[0] != 0xe2)
        return false;
    return (c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xa8 && c[2] <= 0xae))) ||
           (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9);
}

void samc_http_clean_text(const char *bytes, char *text, size_t size)
{
    const size_t all = strlen(bytes);
    size_t n = 0;

    for (size_t i = 0; i < all;) {
        const size_t length = character_length(bytes + i, all - i);
        const bool bad = length == 0 || is_control(bytes + i, length);
        const size_t out = bad ? 3 : length;

        if (n + out >= size)
            break;
        memcpy(text + n, bad ? "\xef\xbf\xbd" : bytes + i, out);
        n += out;
        i += length ? length : 1;
    }
    text[n] = '\0';
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool samc_http_base64_decode(const char *text, size_t length, void *bytes, size_t size)
{
    uint8_t digits[256];
    uint8_t *out = bytes;
    size_t n = 0;

    if (length != SAMC_HTTP_BASE64_SIZE(size) - 1)
        return false;
    memset(digits, 255, sizeof digits);
    for (uint8_t i = 0; i < 64; i++)
        digits[(uint8_t)alphabet[i]] = i;
    for (size_t i = 0; i < length; i += 4) {
        const size_t want = size - n < 3 ? size - n : 3; /* bytes of this group */
        uint32_t group = 0;

        for (size_t k = 0; k < 4; k++) {
            const uint8_t digit = digits[(uint8_t)text[i + k]];

            if (k <= want ? digit == 255 : text[i + k] != '=')
                return false;
            group = group << 6 | (k <= want ? digit : 0);
        }
        for (size_t k = 0; k < want; k++)
            out[n++] = (uint8_t)(group >> (16 - 8 * k));
    }
    return true;
}

void samc_http_base64_encode(const void *bytes, size_t size, char *text)
{
    const uint8_t *in = bytes;

    for (size_t i = 0; i < size; i += 3) {
        const size_t n = size - i < 3 ? size - i : 3;
        const uint32_t group = (uint32_t)in[i] << 16 | (n > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                               (n > 2 ? in[i + 2] : 0);

        for (size_t k = 0; k < 4; k++)
            *text++ = k <= n ? alphabet[group >> (18 - 6 * k) & 63] : '=';
    }
    *text = '\0';
}

bool samc_http_same_secret(const char *given, const char *secret)
{
    const size_t n = strlen(given), m = strlen(secret);
    volatile uint8_t different = n == m && m > 0 ? 0 : 1;

    for (size_t i = 0; i < n; i++)
        different = (uint8_t)(different | (given[i] ^ secret[m ? i % m : 0]));
    return different == 0;
}
