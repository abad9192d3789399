/* SPDX-License-Identifier: Apache-2.0
 *
 * cli.h - what every subcommand of `samc` shares.
 *
 * A subcommand is one file cli/NAME.c with one `const cli_command cli_NAME`: its options are a
 * table, so that the help text (and the man page made from it) cannot drift from the code.
 *
 * Manners: data on stdout, words on stderr; every error is one sentence that begins with "samc:";
 * colour and progress bars only where stderr is a terminal; Ctrl-C keeps finished work.
 */
#ifndef SAMC_CLI_H
#define SAMC_CLI_H

#include "base/status.h"

#include <stdbool.h>
#include <stdio.h>

/* Exit codes; `samc --help` lists them. */
enum {
    CLI_OK = 0,
    CLI_FAILED = 1, /* a photo, or the one thing the command was for, failed; the rest is done */
    CLI_USAGE = 2,  /* the command line makes no sense; nothing was done */
    CLI_MODEL = 3,  /* no model was found, or it cannot be used */
    CLI_OUTPUT = 4  /* output could not be written: full disk, no permission, closed pipe */
    /* 130 (SIGINT) and 143 (SIGTERM): stopped by a signal; finished files are whole */
};

/* ------------------------------------------------------------------------------------------------
 * Subcommands and their options (options.c)
 * --------------------------------------------------------------------------------------------- */

/* One option. A table of them ends with {NULL, 0, NULL, NULL}. */
typedef struct cli_option {
    const char *name;     /* long name without dashes; NULL ends the table */
    int key;              /* the short letter, or any value > 255 where there is none */
    const char *argument; /* what the help calls the argument; NULL where there is none */
    const char *help;     /* text; '\n' begins a new aligned line */
} cli_option;

typedef struct cli_command cli_command;
struct cli_command {
    const char *name;
    const char *summary;       /* a few words for the list of commands */
    const char *usage;         /* what follows "samc NAME " in the usage line; '\n' begins another
                                  form of it */
    const char *about;         /* paragraphs under the usage line, wrapped by hand at 78 columns */
    const char *notes;         /* text after the options, or NULL: sections such as "Examples:" */
    const cli_option *options; /* --help and --version are added to every table */
    int (*run)(const cli_command *command, int argc, char **argv); /* argv[0] is the name */
};

extern const cli_command cli_auto, cli_bench, cli_boxes, cli_convert, cli_download, cli_embed,
    cli_eval, cli_export, cli_info, cli_masks, cli_pretrain, cli_samples, cli_segment, cli_serve,
    cli_train;

/* Walks the options of a command line:
 *
 *     cli_parser parser;
 *     cli_parser_begin(&parser, command, argc, argv);
 *     while (cli_parser_next(&parser))
 *         switch (parser.key) { ... parser.value ... }
 *     if (parser.finished)
 *         return parser.exit_code;          --help was printed, or an error was
 *     ... parser.operands[0 .. parser.n_operands) ...
 *
 * Operands may stand between options; "--" ends the options. */
typedef struct cli_parser {
    const cli_command *command;
    int argc;
    char **argv;
    int key;           /* of the option just read */
    const char *value; /* its argument, or NULL */
    bool finished;     /* the command has nothing left to do but return exit_code */
    int exit_code;
    char **operands; /* after the last option: what is no option; points into argv */
    int n_operands;
} cli_parser;

void cli_parser_begin(cli_parser *parser, const cli_command *command, int argc, char **argv);
bool cli_parser_next(cli_parser *parser);
/* Prints a usage error (printf-like) with a pointer to --help, and ends the walk with CLI_USAGE. */
void cli_parser_refuse(cli_parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same after the walk: prints, and returns CLI_USAGE. */
int cli_refuse(const cli_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Reads parser->value as a whole number in least..most; refuses anything else. */
bool cli_parser_integer(cli_parser *parser, long least, long most, long *number);
/* Reads `count` finite numbers separated by commas from `text`, and nothing after them unless
 * `rest` is given: it is then set to what follows (an empty text, or one that begins with a comma).
 * False where the text is anything else. */
bool cli_numbers_read(const char *text, int count, float *numbers, const char **rest);

/* Prints the help of one command to stdout. */
void cli_help_print(const cli_command *command);

/* ------------------------------------------------------------------------------------------------
 * Context and model (session.c, model_path.c)
 * --------------------------------------------------------------------------------------------- */

/* The options that every command with a model has. */
typedef struct cli_session_options {
    const char *model;   /* -m, --model; NULL: search */
    long threads;        /* --threads; 0: one a core */
    const char *kernels; /* --kernels; NULL: the best */
} cli_session_options;

enum {
    CLI_KEY_THREADS = 0x100,
    CLI_KEY_KERNELS,
    CLI_KEY_OWN = 0x200 /* a command's own: from here */
};

#define CLI_OPTION_MODEL                                                                           \
    {                                                                                              \
        "model", 'm', "MODEL",                                                                     \
            "checkpoint: a .pth or .safetensors file, or vit_b, vit_l, vit_h\n"                    \
            "for one that `samc download` fetched"                                                 \
    }
#define CLI_OPTION_THREADS                                                                         \
    {                                                                                              \
        "threads", CLI_KEY_THREADS, "N", "compute with N threads (default: one a core)"            \
    }
#define CLI_OPTION_KERNELS                                                                         \
    {                                                                                              \
        "kernels", CLI_KEY_KERNELS, "NAME",                                                        \
            "compute with the code path NAME, such as portable or avx2\n"                          \
            "(default: the best this CPU has)"                                                     \
    }

/* Takes the option just read if it is one of the three above; false if it is none of them. */
bool cli_session_option(cli_session_options *options, cli_parser *parser);

/* A context and a model. Begin with {NULL, NULL}. */
typedef struct cli_session {
    samc_context *context;
    samc_model *model;
} cli_session;

/* Makes the context, finds and loads the model (with a progress bar). Prints what went wrong and
 * returns the exit code, CLI_OK on success. Close in both cases. */
int cli_session_open(const cli_session_options *options, cli_session *session);
void cli_session_close(cli_session *session);

/* Finds the model's file: `name` (of -m), else $SAMC_MODEL, else samc-default.safetensors beside
 * the binary and in PREFIX/share/samc. A name without a slash that is no file but one of vit_b,
 * vit_l, vit_h is looked for where `samc download` puts it. *path is the caller's to free().
 * Errors: IO (nothing found: the message lists the places), MEMORY. */
samc_status cli_model_find(const char *name, char **path, samc_error *error);
/* The folder of the running binary, or an empty string where the system does not say. */
void cli_binary_folder(char *folder, size_t size);
/* folder/name; *path is the caller's to free(). Errors: MEMORY. */
samc_status cli_path_join(const char *folder, const char *name, char **path, samc_error *error);
/* ${XDG_DATA_HOME:-~/.local/share}/samc; *path is the caller's to free(). Errors: IO, MEMORY. */
samc_status cli_data_folder(char **path, samc_error *error);

/* The checkpoints that Meta published. */
typedef struct cli_checkpoint {
    const char *name;   /* vit_b */
    const char *file;   /* sam_vit_b_01ec64.pth */
    const char *size;   /* in words */
    int32_t mebibytes;  /* the same, rounded up */
    const char *sha256; /* 64 hex digits */
} cli_checkpoint;
/* The one called `name`, or NULL. */
const cli_checkpoint *cli_checkpoint_find(const char *name);
/* "vit_b, vit_l or vit_h", for messages. */
#define CLI_CHECKPOINT_NAMES "vit_b, vit_l or vit_h"

/* Prints to stdout which kernel paths this CPU has, and whose function stands behind each entry of
 * the table of path `name` (NULL: the best). Returns an exit code. (cpu.c) */
int cli_cpu_print(const char *name);

/* ------------------------------------------------------------------------------------------------
 * Words (report.c)
 * --------------------------------------------------------------------------------------------- */

/* Prints "samc: " and the message on stderr; one line. */
void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints a note on stderr, as it is; one line. */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints an error of the library's, and says which exit code it makes. */
int cli_report(const samc_error *error);

/* A progress bar on stderr, where that is a terminal. */
typedef struct cli_progress {
    const char *label;
    bool shown;
    int percent;
    size_t index, total; /* of things each of which has a bar; total 0: there is only one */
    double started;      /* when the first of them began, in seconds of a clock of our own */
    double last;         /* when the bar was drawn last */
} cli_progress;
/* `label` must live as long as the bar. */
void cli_progress_begin(cli_progress *progress, const char *label);
/* The same for the index-th (from 0) of `total` that began at `started` (of cli_progress_now): the
 * bar shows how many are done and how much time is left for all. */
void cli_progress_begin_one_of(cli_progress *progress, const char *label, size_t index,
                               size_t total, double started);
/* Seconds of a clock that only goes forward. */
double cli_progress_now(void);
/* A samc_progress_fn; `user` is a cli_progress. Asks to stop once Ctrl-C was pressed. */
int cli_progress_step(void *user, double done);
/* Wipes the bar. */
void cli_progress_end(cli_progress *progress);

/* ------------------------------------------------------------------------------------------------
 * The process (process.c)
 * --------------------------------------------------------------------------------------------- */

/* To be called first in main: opens what of stdin, stdout and stderr is closed (so that no file of
 * ours gets their number), turns SIGPIPE and SIGXFSZ into write errors, and catches SIGINT and
 * SIGTERM: the first asks to stop, the second one ends the process. */
void cli_process_begin(void);
/* Makes one more signal ask to stop. `text` (may be NULL) is printed on stderr when the first one
 * comes, and must live on. */
void cli_stop_also(int number, const char *text);
/* The number of the signal that asked to stop, or 0. */
int cli_stop_signal(void);
/* Flushes stdout; turns `code` into CLI_OUTPUT if anything written there was lost, and into
 * 128 + signal if one asked to stop and nothing worse is to be said. */
int cli_process_end(int code);

#endif
