/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Red for the word "samc:", where somebody sees it and has not asked for plain text
 * (https://no-color.org: any non-empty NO_COLOR). */
static bool colour_wanted(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(STDERR_FILENO) && !(no_color && no_color[0]) && term && strcmp(term, "dumb") != 0;
}

void cli_error(const char *format, ...)
{
    va_list args;

    (void)fputs(colour_wanted() ? "\033[31msamc:\033[0m " : "samc: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

void cli_note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

int cli_report(const samc_error *error)
{
    cli_error("%s", error->message);
    switch (error->status) {
    case SAMC_ERROR_MODEL: return CLI_MODEL;
    default: return CLI_FAILED;
    }
}

void cli_progress_begin(cli_progress *progress, const char *label)
{
    const char *term = getenv("TERM");

    progress->label = label;
    progress->percent = -1;
    progress->shown = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

int cli_progress_step(void *user, double done)
{
    enum { CELLS = 30 };
    static const char full[] = "##############################";
    static const char empty[] = "..............................";
    cli_progress *progress = user;
    int percent = (int)(done * 100.0);

    if (progress->shown && percent != progress->percent) {
        int cells = percent * CELLS / 100;

        (void)fprintf(stderr, "\r%s [%.*s%.*s] %3d%%", progress->label, cells, full, CELLS - cells,
                      empty, percent);
        (void)fflush(stderr);
        progress->percent = percent;
    }
    return cli_stop_signal() != 0;
}

void cli_progress_end(cli_progress *progress)
{
    if (progress->shown && progress->percent >= 0)
        (void)fputs("\r\033[K", stderr); /* wipe the line */
    progress->shown = false;
}
