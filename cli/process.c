/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700

#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stop_signal;
static const char *volatile stop_text;
static volatile size_t stop_length;

static void note_stop(int number)
{
    const int saved = errno;

    if (!stop_signal && stop_text && write(STDERR_FILENO, stop_text, stop_length) < 0)
        stop_text = NULL; /* nobody listens */
    stop_signal = number;
    errno = saved;
}

/* Asks to stop at the first signal of this number; the second one does not wait. */
static void catch_stop(int number)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    (void)sigemptyset(&action.sa_mask);
    action.sa_handler = note_stop;
    action.sa_flags = (int)SA_RESETHAND;
    (void)sigaction(number, &action, NULL);
}

void cli_process_begin(void)
{
    struct sigaction action;

    /* A closed stdout would give its number to the next file opened, and JSON would land in a mask.
     * /dev/null is opened the wrong way round on purpose: using it must fail, not vanish. open()
     * gives the lowest free number, so the order matters. */
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);

    memset(&action, 0, sizeof action);
    (void)sigemptyset(&action.sa_mask);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
    (void)sigaction(SIGXFSZ, &action, NULL); /* a file over `ulimit -f`: a write error too */
    catch_stop(SIGINT);
    catch_stop(SIGTERM);
}

void cli_stop_also(int number, const char *text)
{
    stop_length = text ? strlen(text) : 0;
    stop_text = text;
    catch_stop(number);
}

int cli_stop_signal(void)
{
    return stop_signal;
}

int cli_process_end(int code)
{
    bool lost = ferror(stdout) != 0;

    if (fflush(stdout) != 0)
        lost = true;
    if (lost) {
        /* a command that lost a mask has said so already; of a reader that has seen enough
         * (`samc info FILE | head`) nothing is to be said */
        if (code != CLI_OUTPUT && errno != EPIPE)
            cli_error("cannot write to standard output: %s", errno ? strerror(errno) : "lost");
        return CLI_OUTPUT;
    }
    if (stop_signal && code <= CLI_FAILED)
        return 128 + stop_signal;
    return code;
}
