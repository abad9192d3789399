/* SPDX-License-Identifier: Apache-2.0 */
#include "thresholds.h"

#include <string.h>

void cli_thresholds_take(cli_parser *parser, samc_thresholds *thresholds)
{
    const char *comma = strchr(parser->value, ',');
    char first[sizeof thresholds->texts[0]] = "";
    samc_error error;

    if (!comma || (size_t)(comma - parser->value) >= sizeof first) {
        cli_parser_refuse(parser, "--thresholds %s: give two numbers, such as 0.6,0.7",
                          parser->value);
        return;
    }
    memcpy(first, parser->value, (size_t)(comma - parser->value));
    if (samc_thresholds_parse(first, comma + 1, thresholds, &error) != SAMC_OK)
        cli_parser_refuse(parser, "--thresholds %s: %s", parser->value, error.message);
}
