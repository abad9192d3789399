/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/json_header.h"

#include "weights/quote.h"
#include "weights/utf8.h"

#include <string.h>

static void skip_space(samc_json *json)
{
    while (json->at < json->end &&
           (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r'))
        json->at++;
}

/* Says what stands where `wanted` should. */
static samc_status fail_at(const samc_json *json, const char *wanted, samc_error *error)
{
    size_t left = (size_t)(json->end - json->at);

    if (left == 0)
        return SAMC_FAIL(error, FORMAT, "the JSON header ends where %s should follow", wanted);
    return SAMC_FAIL(error, FORMAT, "the JSON header has \"%s\" where %s should follow",
                     samc_quote_text(json->at, left < 12 ? left : 12).text, wanted);
}

int samc_json_accept(samc_json *json, char c)
{
    skip_space(json);
    if (json->at == json->end || *json->at != c)
        return 0;
    json->at++;
    return 1;
}

samc_status samc_json_expect(samc_json *json, char c, samc_error *error)
{
    char wanted[4] = {'\'', c, '\'', '\0'};

    if (!samc_json_accept(json, c))
        return fail_at(json, wanted, error);
    return SAMC_OK;
}

int samc_json_at_end(samc_json *json)
{
    skip_space(json);
    return json->at == json->end;
}

/* Four hexadecimal digits; -1: they are not there. */
static int32_t read_hex4(const char *p, const char *end)
{
    int32_t code = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        code = code * 16 + digit;
    }
    return code;
}

static size_t write_utf8(int32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* \uXXXX, or two of them for a character beyond U+FFFF; `p` is after the 'u'. 0: it is neither. */
static size_t read_unicode_escape(const char **p, const char *end, char *out)
{
    int32_t code = read_hex4(*p, end), low;

    if (code <= 0) /* a NUL would cut the string short */
        return 0;
    *p += 4;
    if (code >= 0xd800 && code <= 0xdbff) {
        if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
            return 0;
        low = read_hex4(*p + 2, end);
        if (low < 0xdc00 || low > 0xdfff)
            return 0;
        *p += 6;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code <= 0xdfff) {
        return 0;
    }
    return write_utf8(code, out);
}

/* What stands between the quotes, decoded into `out`, which has room for as many bytes. */
static int decode(const char *p, const char *end, char *out, size_t *size)
{
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char *start = out;

    while (p < end) {
        char c = *p++;

        if (c == '\\') {
            const char *escape = memchr(escapes, *p, sizeof escapes - 1);
            char kind = *p++; /* the end is an unescaped quote, so a backslash is never last */

            if (escape) {
                *out++ = meanings[escape - escapes];
            } else {
                size_t length = kind == 'u' ? read_unicode_escape(&p, end, out) : 0;

                if (length == 0)
                    return 0;
                out += length;
            }
        } else {
            if ((unsigned char)c < 0x20)
                return 0;
            *out++ = c;
        }
    }
    *out = '\0';
    *size = (size_t)(out - start);
    return 1;
}

samc_status samc_json_string(samc_json *json, samc_arena *arena, const char **text,
                             samc_error *error)
{
    const char *start, *p;
    char *out;
    size_t size;

    SAMC_TRY(samc_json_expect(json, '"', error));
    start = p = json->at;
    while (p < json->end && *p != '"')
        p += *p == '\\' && json->end - p > 1 ? 2 : 1;
    if (p >= json->end)
        return SAMC_FAIL(error, FORMAT, "the JSON header ends within a string");
    SAMC_TRY(samc_arena_take(arena, (size_t)(p - start) + 1, 1, &out, error));
    if (!decode(start, p, out, &size) || !samc_utf8_is_valid(out, size))
        return SAMC_FAIL(error, FORMAT, "the JSON header has a broken string: \"%s\"",
                         samc_quote_text(start, (size_t)(p - start)).text);
    json->at = p + 1;
    *text = out;
    return SAMC_OK;
}

samc_status samc_json_count(samc_json *json, int64_t *count, samc_error *error)
{
    int64_t value = 0;
    const char *start;

    skip_space(json);
    start = json->at;
    while (json->at < json->end && *json->at >= '0' && *json->at <= '9') {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *json->at - '0', &value))
            return SAMC_FAIL(error, FORMAT, "the JSON header has a number of more than 63 bits");
        json->at++;
    }
    /* what follows must be what the caller expects next: '.', 'e' and digits after a 0 are not */
    if (json->at == start || (*start == '0' && json->at - start > 1)) {
        json->at = start;
        return fail_at(json, "a whole number", error);
    }
    *count = value;
    return SAMC_OK;
}
