/* SPDX-License-Identifier: Apache-2.0
 *
 * json_out.h - text and numbers of JSON, and of CSV as Python prints it. Whether the stream took
 * them is for its owner to see.
 */
#ifndef SAMC_CLI_JSON_OUT_H
#define SAMC_CLI_JSON_OUT_H

#include <stdio.h>

/* A quoted string. Bytes that are no UTF-8 become U+FFFD. */
void cli_json_string(FILE *stream, const char *text);

/* Room for any number that cli_number_text writes. */
#define CLI_NUMBER_SIZE 352
/* The shortest decimal that reads back as the same f64, as Python's repr has it ("0.1", "3.0",
 * "1e-05"); "nan", "inf" and "-inf" where it is not finite. */
void cli_number_text(double number, char text[CLI_NUMBER_SIZE]);
/* The same as JSON: null where it is not finite. */
void cli_json_number(FILE *stream, double number);

#endif
