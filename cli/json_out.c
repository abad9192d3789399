/* SPDX-License-Identifier: Apache-2.0 */
#include "json_out.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How many bytes the UTF-8 character at `text` has; 0 if it is none (RFC 3629: no overlong forms,
 * no surrogates, nothing above U+10FFFF). */
static int utf8_length(const unsigned char *text)
{
    unsigned char c = text[0];
    int length = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;

    for (int i = 1; i < length; i++) /* stops at the NUL: it is no continuation */
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    if ((c == 0xE0 && text[1] < 0xA0) || (c == 0xED && text[1] > 0x9F) ||
        (c == 0xF0 && text[1] < 0x90) || (c == 0xF4 && text[1] > 0x8F))
        return 0;
    return length;
}

/* Bytes at `text` that stand in JSON as they are. */
static size_t plain_length(const unsigned char *text)
{
    size_t n = 0;

    for (;;) {
        const int length = utf8_length(text + n);

        if (length == 0 || text[n] < 0x20 || text[n] == '"' || text[n] == '\\')
            return n;
        n += (size_t)length;
    }
}

void cli_json_string(FILE *stream, const char *string)
{
    const unsigned char *text = (const unsigned char *)string;

    (void)fputc('"', stream);
    for (;;) {
        const size_t plain = plain_length(text);

        (void)fwrite(text, 1, plain, stream);
        text += plain;
        if (!*text)
            break;
        if (*text >= 0x80)
            (void)fputs("\\ufffd", stream);
        else if (*text < 0x20)
            (void)fprintf(stream, "\\u%04x", *text);
        else
            (void)fwrite((const char[]){'\\', (char)*text}, 1, 2, stream);
        text++;
    }
    (void)fputc('"', stream);
}

void cli_number_text(double number, char text[CLI_NUMBER_SIZE])
{
    int digits = 1, exponent;
    const char *e;

    if (!isfinite(number)) {
        (void)snprintf(text, CLI_NUMBER_SIZE, "%s",
                       isnan(number) ? "nan"
                       : number > 0  ? "inf"
                                     : "-inf");
        return;
    }
    do
        (void)snprintf(text, CLI_NUMBER_SIZE, "%.*e", digits - 1, number);
    while (digits++ < 17 && strtod(text, NULL) != number);
    digits--;
    e = strchr(text, 'e');
    exponent = atoi(e + 1);
    if (exponent < -4 || exponent >= 16)
        (void)snprintf(text, CLI_NUMBER_SIZE, "%.*g", digits, number);
    else
        (void)snprintf(text, CLI_NUMBER_SIZE, "%.*f",
                       digits - 1 > exponent ? digits - 1 - exponent : 1, number);
}

void cli_json_number(FILE *stream, double number)
{
    char text[CLI_NUMBER_SIZE];

    cli_number_text(number, text);
    (void)fputs(isfinite(number) ? text : "null", stream);
}
