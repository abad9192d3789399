/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "detector.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PLACE "{photo}"
#define WORDS_MAX 256
#define OUTPUT_MAX ((size_t)64 << 20)
#define READ_BYTES ((size_t)1 << 16)

extern char **environ;

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* `text` with every {photo} replaced; the caller's to free(). */
static samc_status put_photo(const char *text, const char *photo, char **made, samc_error *error)
{
    size_t n = 0, length = strlen(photo);
    char *out;

    for (const char *p = text; (p = strstr(p, PLACE)) != NULL; p += strlen(PLACE))
        n++;
    SAMC_TRY(samc_alloc(strlen(text) + n * length + 1, 1, made, error));
    for (out = *made; *text;) {
        if (strncmp(text, PLACE, strlen(PLACE)) == 0) {
            memcpy(out, photo, length);
            out += length;
            text += strlen(PLACE);
        } else {
            *out++ = *text++;
        }
    }
    *out = '\0';
    return SAMC_OK;
}

/* Takes the next word off *text into `word`, which has room for all of it; 0: there is none, -1: a
 * quote is not closed. */
static int next_word(const char **text, char *word)
{
    const char *p = *text + strspn(*text, " \t\n");
    char quote = '\0';

    if (!*p)
        return 0;
    for (; *p && (quote || !strchr(" \t\n", *p)); p++) {
        if (quote ? *p == quote : *p == '"' || *p == '\'') {
            quote = quote ? '\0' : *p;
        } else {
            if (*p == '\\' && quote != '\'' && p[1])
                p++;
            *word++ = *p;
        }
    }
    *word = '\0';
    *text = p;
    return quote ? -1 : 1;
}

static void free_words(char **words)
{
    for (size_t i = 0; words && words[i]; i++)
        free(words[i]);
    free(words);
}

/* The words of the command with the photo in its place, a NULL after them. */
static samc_status split(const cli_detector *detector, const char *photo, char ***words,
                         samc_error *error)
{
    samc_status status = SAMC_OK;
    const char *text = detector->command;
    char **made = NULL;
    char *word = NULL;
    size_t n = 0;
    int found = 1;

    if (!strstr(text, PLACE))
        return SAMC_FAIL(error, ARGUMENT,
                         "--detector \"%s\": say where the photo goes, as in \"detect {photo}\"",
                         text);
    SAMC_CHECK(samc_alloc_zero(WORDS_MAX + 1, sizeof *made, &made, error));
    SAMC_CHECK(samc_alloc(strlen(text) + 1, 1, &word, error));
    if (detector->shell) {
        SAMC_CHECK(samc_alloc_string("/bin/sh", &made[n++], error));
        SAMC_CHECK(samc_alloc_string("-c", &made[n++], error));
        SAMC_CHECK(put_photo(text, "\"$1\"", &made[n++], error));
        SAMC_CHECK(samc_alloc_string("sh", &made[n++], error));
        SAMC_CHECK(samc_alloc_string(photo, &made[n++], error));
    }
    while (!detector->shell && n < WORDS_MAX && (found = next_word(&text, word)) == 1)
        SAMC_CHECK(put_photo(word, photo, &made[n++], error));
    if (found == -1 || n == WORDS_MAX)
        status = SAMC_FAIL(error, ARGUMENT, "--detector \"%s\": %s", detector->command,
                           found == -1 ? "a quote is not closed" : "too many words");

cleanup:
    free(word);
    if (status == SAMC_OK)
        *words = made;
    else
        free_words(made);
    return status;
}

samc_status cli_detector_check(const cli_detector *detector, samc_error *error)
{
    char **words = NULL;

    SAMC_TRY(split(detector, "photo.jpg", &words, error));
    free_words(words);
    return SAMC_OK;
}

/* Starts the program in a process group of its own, writing into `out`. */
static samc_status start(char **words, int out, pid_t *pid, samc_error *error)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    int failed;

    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGPIPE);
    (void)sigaddset(&defaults, SIGXFSZ);
    (void)sigaddset(&defaults, SIGINT);
    (void)sigaddset(&defaults, SIGTERM);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return samc_error_memory(error, sizeof actions);
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return samc_error_memory(error, sizeof attributes);
    }
    failed = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    failed |= posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    failed |= posix_spawnattr_setsigdefault(&attributes, &defaults);
    failed |= posix_spawnattr_setpgroup(&attributes, 0);
    failed |= posix_spawnattr_setflags(&attributes,
                                       (short)(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF));
    errno = failed ? ENOMEM : posix_spawnp(pid, words[0], &actions, &attributes, words, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return errno ? samc_error_io(error, "run the detector", words[0]) : SAMC_OK;
}

/* What keeps the reading from going on: time, and Ctrl-C. */
static samc_status check_limits(const cli_detector *detector, double deadline, samc_error *error)
{
    if (cli_stop_signal())
        return SAMC_FAIL(error, CANCELLED, "stopped");
    if (now() > deadline)
        return SAMC_FAIL(error, LIMIT,
                         "the detector was not done after %ld s (--timeout) and was ended",
                         detector->timeout);
    return SAMC_OK;
}

/* Reads until the program closes its output. */
static samc_status read_all(const cli_detector *detector, int in, double deadline, char **output,
                            size_t *size, samc_error *error)
{
    size_t room = 0;
    ssize_t n = 1;

    while (n > 0) {
        struct pollfd poller = {.fd = in, .events = POLLIN};

        SAMC_TRY(check_limits(detector, deadline, error));
        if (poll(&poller, 1, 100) <= 0)
            continue;
        if (room - *size < READ_BYTES) {
            char *more;

            room = room ? 2 * room : 2 * READ_BYTES;
            if (room > 2 * OUTPUT_MAX)
                return SAMC_FAIL(error, LIMIT, "the detector printed more than %zu MiB",
                                 OUTPUT_MAX >> 20);
            more = realloc(*output, room);
            if (!more)
                return samc_error_memory(error, room);
            *output = more;
        }
        n = read(in, *output + *size, READ_BYTES);
        if (n < 0 && errno != EINTR)
            return samc_error_io(error, "read from", "the detector");
        *size += n > 0 ? (size_t)n : 0;
        n = n < 0 ? 1 : n;
    }
    return SAMC_OK;
}

/* Waits for its end, which may come after that of its output; *ended says whether it came. */
static samc_status wait_for(const cli_detector *detector, pid_t pid, double deadline, bool *ended,
                            samc_error *error)
{
    const struct timespec pause = {0, 5000000};
    int how = 0;
    pid_t done;

    while ((done = waitpid(pid, &how, WNOHANG)) == 0) {
        SAMC_TRY(check_limits(detector, deadline, error));
        (void)nanosleep(&pause, NULL);
    }
    *ended = true;
    if (done < 0)
        return samc_error_io(error, "wait for", "the detector");
    if (WIFSIGNALED(how))
        return SAMC_FAIL(error, IO, "the detector was ended by signal %d", WTERMSIG(how));
    if (WEXITSTATUS(how) != 0)
        return SAMC_FAIL(error, IO, "the detector ended with status %d", WEXITSTATUS(how));
    return SAMC_OK;
}

samc_status cli_detector_run(const cli_detector *detector, const char *photo, char **output,
                             size_t *size, samc_error *error)
{
    const double deadline = now() + (double)detector->timeout;
    samc_status status = SAMC_OK;
    int pipes[2] = {-1, -1};
    char **words = NULL;
    char *path = NULL, *text = NULL;
    size_t used = 0;
    bool ended = false;
    pid_t pid = -1;

    /* a photo called -x must not become an option */
    if (photo[0] == '-')
        SAMC_CHECK(cli_path_join(".", photo, &path, error));
    SAMC_CHECK(split(detector, path ? path : photo, &words, error));
    if (pipe(pipes) != 0 || fcntl(pipes[0], F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(pipes[1], F_SETFD, FD_CLOEXEC) != 0) {
        status = samc_error_io(error, "open", "a pipe");
        goto cleanup;
    }
    SAMC_CHECK(start(words, pipes[1], &pid, error));
    (void)close(pipes[1]);
    pipes[1] = -1;
    status = read_all(detector, pipes[0], deadline, &text, &used, error);
    if (status == SAMC_OK)
        status = wait_for(detector, pid, deadline, &ended, error);
    if (!ended) {
        (void)kill(-pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }

cleanup:
    for (int i = 0; i < 2; i++)
        if (pipes[i] >= 0)
            (void)close(pipes[i]);
    free_words(words);
    free(path);
    if (status == SAMC_OK) {
        *output = text;
        *size = used;
    } else {
        free(text);
    }
    return status;
}
