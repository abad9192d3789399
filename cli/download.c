/* SPDX-License-Identifier: Apache-2.0
 *
 * samc download: fetches one of Meta's checkpoints with the system's curl. The file arrives as
 * NAME.part, which a later run goes on with; only what has the right SHA-256 takes the name.
 */
#define _POSIX_C_SOURCE 200809L

#include "cli.h"
#include "inputs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define BASE_URL "https://dl.fbaipublicfiles.com/segment_anything"
#define SUM_DIGITS 64

enum { KEY_URL = CLI_KEY_OWN };

static int run(const cli_command *command, int argc, char **argv);

static const cli_option options[] = {
    {"output", 'o', "DIR",
     "put the file into DIR (default: $XDG_DATA_HOME/samc, or\n"
     "~/.local/share/samc, where -m vit_b finds it)"},
    {"url", KEY_URL, "BASE", "fetch BASE/FILE instead of " BASE_URL "/FILE"},
    {NULL, 0, NULL, NULL},
};

const cli_command cli_download = {
    "download",
    "fetch one of Meta's checkpoints",
    "vit_b|vit_l|vit_h [-o DIR] [--url BASE]",
    "Fetches a checkpoint that Meta published, with the system's curl: vit_b (358 MiB),\n"
    "vit_l (1.2 GiB) or vit_h (2.4 GiB). An interrupted download goes on where it\n"
    "stopped. The file takes its name only once its SHA-256 is the published one.",
    "Examples:\n"
    "  samc download vit_b\n"
    "  samc segment photo.jpg -m vit_b --point 500,375 -o out",
    options,
    run,
};

/* Becomes the program in the child of a fork; `output` takes its stdout where it is >= 0. */
static void become(char *const *words, int output)
{
    (void)signal(SIGPIPE, SIG_DFL); /* an ignored signal would stay ignored in the program */
    if (output >= 0)
        (void)dup2(output, STDOUT_FILENO);
    (void)execvp(words[0], words);
    _exit(errno == ENOENT ? 127 : 126);
}

/* Waits for a child: its exit code; 128 + the signal that ended it. */
static int wait_for(pid_t pid)
{
    int state;

    while (waitpid(pid, &state, 0) < 0)
        if (errno != EINTR)
            return 126;
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

/* Runs a program (words end with NULL; no shell) and returns its exit code. Where `text` is given
 * it takes the first size - 1 bytes that the program prints. Ctrl-C reaches the program too: it is
 * in our group. */
static int run_program(char *const *words, char *text, size_t size)
{
    int pipes[2] = {-1, -1};
    size_t used = 0;
    pid_t pid;

    if (text && pipe(pipes) != 0)
        return 126;
    (void)fflush(NULL); /* or the child would print what is buffered here again */
    pid = fork();
    if (pid == 0) {
        if (pipes[0] >= 0)
            (void)close(pipes[0]);
        become(words, pipes[1]);
    }
    if (pipes[1] >= 0)
        (void)close(pipes[1]);
    while (text && pid > 0) {
        char spill[256];
        bool full = used + 1 >= size;
        ssize_t n = full ? read(pipes[0], spill, sizeof spill)
                         : read(pipes[0], text + used, size - 1 - used);

        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        if (n > 0 && !full)
            used += (size_t)n;
    }
    if (text)
        text[used] = '\0';
    if (pipes[0] >= 0)
        (void)close(pipes[0]);
    return pid < 0 ? 126 : wait_for(pid);
}

/* The file's SHA-256 in lower-case hex, by sha256sum or shasum. Errors: IO, UNSUPPORTED. */
static samc_status sum_file(char *path, char sum[SUM_DIGITS + 1], samc_error *error)
{
    static char sha256sum[] = "sha256sum";
    static char shasum[] = "shasum", dash_a[] = "-a", bits[] = "256", dashes[] = "--";
    char *const first[] = {sha256sum, dashes, path, NULL};
    char *const second[] = {shasum, dash_a, bits, dashes, path, NULL};
    char text[256];
    const char *digits = text;
    int code = run_program(first, text, sizeof text);

    if (code == 127)
        code = run_program(second, text, sizeof text);
    if (code == 127)
        return SAMC_FAIL(error, UNSUPPORTED,
                         "neither sha256sum nor shasum is installed: %s cannot be checked", path);
    if (code != 0)
        return SAMC_FAIL(error, IO, "cannot read %s: the checksum program failed (exit code %d)",
                         path, code);
    if (*digits == '\\') /* sha256sum marks a name with odd characters */
        digits++;
    for (int i = 0; i < SUM_DIGITS; i++) {
        if (!isxdigit((unsigned char)digits[i]))
            return SAMC_FAIL(error, IO, "cannot check %s: the checksum program printed no sum",
                             path);
        sum[i] = (char)tolower((unsigned char)digits[i]);
    }
    sum[SUM_DIGITS] = '\0';
    return SAMC_OK;
}

/* The sum the file must have: the published one. The tests, which have no such file, set
 * SAMC_DOWNLOAD_SUMS to "NAME=SUM,NAME=SUM"; it is in no help text on purpose. */
static void expected_sum(const cli_checkpoint *checkpoint, char sum[SUM_DIGITS + 1])
{
    const char *text = getenv("SAMC_DOWNLOAD_SUMS");
    size_t length = strlen(checkpoint->name);

    (void)snprintf(sum, SUM_DIGITS + 1, "%s", checkpoint->sha256);
    while (text && *text) {
        const char *end = strchr(text, ',');

        if (strncmp(text, checkpoint->name, length) == 0 && text[length] == '=')
            (void)snprintf(sum, SUM_DIGITS + 1, "%.64s", text + length + 1);
        text = end ? end + 1 : NULL;
    }
}

/* What curl's exit codes mean for the user; the part stays in every case. */
static samc_status explain_curl(int code, const char *url, const char *part, samc_error *error)
{
    switch (code) {
    case 0: return SAMC_OK;
    case 127:
        return SAMC_FAIL(error, UNSUPPORTED,
                         "curl is not installed: fetch %s by other means, or install curl", url);
    case 6:
    case 7:
        return SAMC_FAIL(error, IO,
                         "cannot reach the server of %s (curl exit code %d): is there a "
                         "network?",
                         url, code);
    case 22: return SAMC_FAIL(error, IO, "the server has no %s (curl exit code 22)", url);
    case 23:
        return SAMC_FAIL(error, IO,
                         "cannot write %s: is the disk full? What was fetched is kept; "
                         "run the command again to go on",
                         part);
    case 33:
        return SAMC_FAIL(error, IO, "the server cannot go on with a part: remove %s and try again",
                         part);
    default:
        return SAMC_FAIL(error, IO,
                         "the download stopped (curl exit code %d): what was fetched is "
                         "kept in %s; run the command again to go on",
                         code, part);
    }
}

/* Fetches url into `part`, from where it ends. Errors: IO, UNSUPPORTED, CANCELLED. */
static samc_status fetch(char *url, char *part, samc_error *error)
{
    static char curl[] = "curl", fail[] = "--fail", follow[] = "--location",
                resume[] = "--continue-at", dash[] = "-", retry[] = "--retry", three[] = "3",
                bar[] = "--progress-bar", silent[] = "--silent", show[] = "--show-error",
                out[] = "--output", dashes[] = "--";
    bool terminal = isatty(STDERR_FILENO);
    char *const words[] = {curl, fail, follow, resume, dash, retry, three, terminal ? bar : silent,
                           show, out,  part,   dashes, url,  NULL};
    int code = run_program(words, NULL, 0);

    if (cli_stop_signal())
        return SAMC_FAIL(error, CANCELLED, "stopped: %s is kept, the next run goes on with it",
                         part);
    return explain_curl(code, url, part, error);
}

/* Makes what curl wrote durable before it takes the name. */
static samc_status settle(const char *part, const char *path, samc_error *error)
{
    samc_status status = SAMC_OK;
    int fd = open(part, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return samc_error_io(error, "open", part);
    if (fsync(fd) != 0)
        status = samc_error_io(error, "write", part);
    if (close(fd) != 0 && status == SAMC_OK)
        status = samc_error_io(error, "write", part);
    if (status == SAMC_OK && rename(part, path) != 0)
        status = samc_error_io(error, "rename to", path);
    return status;
}

/* Fetches, checks and names the file. A part that is complete already (an earlier run was stopped
 * between fetching and checking) is not asked for again: the server could only refuse. */
static samc_status obtain(const cli_checkpoint *checkpoint, char *url, char *part, const char *path,
                          samc_error *error)
{
    char expected[SUM_DIGITS + 1];
    char sum[SUM_DIGITS + 1] = "";

    expected_sum(checkpoint, expected);
    if (access(part, F_OK) == 0)
        SAMC_TRY(sum_file(part, sum, error));
    if (strcmp(sum, expected) != 0) {
        SAMC_TRY(fetch(url, part, error));
        SAMC_TRY(sum_file(part, sum, error));
    }
    if (strcmp(sum, expected) != 0) {
        (void)unlink(part); /* going on with it would never end well */
        return SAMC_FAIL(error, FORMAT,
                         "what %s sent is not %s: its SHA-256 is %s, not %s; it was removed", url,
                         checkpoint->file, sum, expected);
    }
    return settle(part, path, error);
}

/* Refuses to begin what cannot end: better now than an hour later. Errors: LIMIT. */
static samc_status check_space(const cli_checkpoint *checkpoint, const char *folder,
                               samc_error *error)
{
    struct statvfs vfs;
    uint64_t free_mebibytes;

    if (statvfs(folder, &vfs) != 0)
        return SAMC_OK; /* a file system that does not say */
    free_mebibytes = (uint64_t)vfs.f_bavail * vfs.f_frsize >> 20;
    if (free_mebibytes < (uint64_t)checkpoint->mebibytes)
        return SAMC_FAIL(error, LIMIT,
                         "%s has %llu MiB left, %s needs %d: make room, or choose "
                         "another folder with -o",
                         folder, (unsigned long long)free_mebibytes, checkpoint->name,
                         checkpoint->mebibytes);
    return SAMC_OK;
}

/* Makes the three names of a download; each is the caller's to free(), on failure too. */
static samc_status make_names(const cli_checkpoint *checkpoint, const char *base,
                              const char *folder, char **url, char **path, char **part,
                              samc_error *error)
{
    char name[128];

    (void)snprintf(name, sizeof name, "%s.part", checkpoint->file);
    SAMC_TRY(cli_path_join(base, checkpoint->file, url, error));
    SAMC_TRY(cli_path_join(folder, checkpoint->file, path, error));
    return cli_path_join(folder, name, part, error);
}

static samc_status download(const cli_checkpoint *checkpoint, const char *base, const char *folder,
                            samc_error *error)
{
    samc_status status = SAMC_OK;
    char *standard = NULL;
    char *url = NULL;
    char *path = NULL;
    char *part = NULL;

    if (!folder) {
        SAMC_CHECK(cli_data_folder(&standard, error));
        folder = standard;
    }
    SAMC_CHECK(make_names(checkpoint, base, folder, &url, &path, &part, error));
    if (access(path, F_OK) == 0) {
        cli_note("%s is here already: %s", checkpoint->name, path);
    } else {
        cli_note("fetching %s\n    size %s\n    into %s", url, checkpoint->size, path);
        SAMC_CHECK(cli_folder_create(folder, error));
        if (access(part, F_OK) != 0) /* a part has part of its room already */
            SAMC_CHECK(check_space(checkpoint, folder, error));
        SAMC_CHECK(obtain(checkpoint, url, part, path, error));
        cli_note("done: the SHA-256 is the published one");
    }
    cli_note("use it with: samc segment PHOTO -m %s ...", standard ? checkpoint->name : path);

cleanup:
    free(standard);
    free(url);
    free(path);
    free(part);
    return status;
}

static int run(const cli_command *command, int argc, char **argv)
{
    const cli_checkpoint *checkpoint;
    const char *folder = NULL;
    const char *base = BASE_URL;
    cli_parser parser;
    samc_error error;

    cli_parser_begin(&parser, command, argc, argv);
    while (cli_parser_next(&parser))
        switch (parser.key) {
        case 'o': folder = parser.value; break;
        case KEY_URL: base = parser.value; break;
        }
    if (parser.finished)
        return parser.exit_code;
    if (parser.n_operands != 1)
        return cli_refuse(command, "name one checkpoint: " CLI_CHECKPOINT_NAMES);
    checkpoint = cli_checkpoint_find(parser.operands[0]);
    if (!checkpoint)
        return cli_refuse(command, "there is no checkpoint \"%s\": it is " CLI_CHECKPOINT_NAMES,
                          parser.operands[0]);
    if (download(checkpoint, base, folder, &error) != SAMC_OK)
        return cli_report(&error);
    return CLI_OK;
}
