/* SPDX-License-Identifier: Apache-2.0
 *
 * detector.h - somebody else's program, which is given a photo and prints boxes.
 */
#ifndef SAMC_CLI_DETECTOR_H
#define SAMC_CLI_DETECTOR_H

#include "cli.h"

typedef struct cli_detector {
    const char *command; /* as given; {photo} in it is where the photo's path goes */
    bool shell;          /* through /bin/sh -c, {photo} being "$1" */
    long timeout;        /* seconds */
} cli_detector;

/* Whether the command can be split into words, and names {photo}. Errors: ARGUMENT, MEMORY. */
samc_status cli_detector_check(const cli_detector *detector, samc_error *error);

/* Runs the command on a photo and gives what it printed on its standard output (not terminated; the
 * caller's to free()). Its standard input is empty, its standard error is ours. Without a shell the
 * command is split at blanks; quotes and backslashes hold words together as in a shell, nothing
 * else has a meaning. The program and what it started are ended after the time limit, after 64 MiB
 * of output, and by Ctrl-C. Errors: IO (it cannot be started, or ended with another status than 0),
 * LIMIT (time, output), CANCELLED, MEMORY. */
samc_status cli_detector_run(const cli_detector *detector, const char *photo, char **output,
                             size_t *size, samc_error *error);

#endif
