/* SPDX-License-Identifier: Apache-2.0
 *
 * --thresholds: what a model that is written recommends for `samc auto` (model/thresholds.h).
 */
#ifndef SAMC_CLI_THRESHOLDS_H
#define SAMC_CLI_THRESHOLDS_H

#include "cli.h"
#include "model/thresholds.h"

#define CLI_OPTION_THRESHOLDS(key)                                                                 \
    {                                                                                              \
        "thresholds", key, "X,Y",                                                                  \
            "what the model recommends to `samc auto` for --pred-iou-thresh and\n"                 \
            "--stability-score-thresh, such as 0.6,0.7 (default: what the file has)"               \
    }

/* Reads parser->value, such as "0.6,0.7"; refuses anything else. */
void cli_thresholds_take(cli_parser *parser, samc_thresholds *thresholds);

#endif
