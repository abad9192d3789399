/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
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

    *progress = (cli_progress){.label = label, .percent = -1};
    progress->shown = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

double cli_progress_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void cli_progress_begin_one_of(cli_progress *progress, const char *label, size_t index,
                               size_t total, double started)
{
    cli_progress_begin(progress, label);
    progress->index = index;
    progress->total = total;
    progress->started = started;
}

/* " 3/300 12:05 left" behind the bar, as far as it can be told. */
static void print_left(const cli_progress *progress, double done, double now)
{
    const double all = ((double)progress->index + done) / (double)progress->total;
    const double gone = now - progress->started, left = all > 0 ? gone * (1 - all) / all : 0;
    const long seconds = left < 359999 ? (long)(left + 0.5) : 359999;

    (void)fprintf(stderr, "  %zu/%zu", progress->index + 1, progress->total);
    if (gone < 1 || all <= 0)
        (void)fputs("            ", stderr); /* over what an earlier one left */
    else if (seconds >= 3600)
        (void)fprintf(stderr, " %2ld h %02ld left", seconds / 3600, seconds / 60 % 60);
    else
        (void)fprintf(stderr, " %2ld:%02ld left ", seconds / 60, seconds % 60);
}

int cli_progress_step(void *user, double done)
{
    enum { CELLS = 30 };
    static const char full[] = "##############################";
    static const char empty[] = "..............................";
    cli_progress *progress = user;
    const int percent = (int)(done * 100.0);
    const double now = progress->shown && progress->total ? cli_progress_now() : 0;

    if (progress->shown && (percent != progress->percent || now - progress->last >= 1)) {
        int cells = percent * CELLS / 100;

        (void)fprintf(stderr, "\r%s [%.*s%.*s] %3d%%", progress->label, cells, full, CELLS - cells,
                      empty, percent);
        if (progress->total)
            print_left(progress, done, now);
        (void)fflush(stderr);
        progress->percent = percent;
        progress->last = now;
    }
    return cli_stop_signal() != 0;
}

void cli_progress_end(cli_progress *progress)
{
    if (progress->shown && progress->percent >= 0)
        (void)fputs("\r\033[K", stderr); /* wipe the line */
    progress->shown = false;
}
