/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* More options than any command has; cli_parser_begin checks it. */
#define OPTIONS_MAX 64

enum { KEY_HELP = 0x7000, KEY_VERSION };

static const cli_option common_options[] = {
    {"help", KEY_HELP, NULL, "display this help and exit"},
    {"version", KEY_VERSION, NULL, "output version information and exit"},
    {NULL, 0, NULL, NULL},
};

void cli_parser_begin(cli_parser *parser, const cli_command *command, int argc, char **argv)
{
    memset(parser, 0, sizeof *parser);
    parser->command = command;
    parser->argc = argc;
    parser->argv = argv;
    optind = 1;
    opterr = 0; /* the messages are ours */
}

/* Fills getopt's two descriptions of the options from ours. */
static void describe(const cli_command *command, char *letters, struct option *longs)
{
    const cli_option *tables[2] = {command->options, common_options};
    size_t n = 0;
    size_t n_letters = 0;

    letters[n_letters++] = ':'; /* tell a missing argument from an unknown option */
    for (int t = 0; t < 2; t++)
        for (const cli_option *o = tables[t]; o->name && n < OPTIONS_MAX; o++) {
            longs[n++] = (struct option){o->name, o->argument ? required_argument : no_argument,
                                         NULL, o->key};
            if (o->key < 256) {
                letters[n_letters++] = (char)o->key;
                if (o->argument)
                    letters[n_letters++] = ':';
            }
        }
    longs[n] = (struct option){NULL, 0, NULL, 0};
    letters[n_letters] = '\0';
}

bool cli_parser_next(cli_parser *parser)
{
    struct option longs[OPTIONS_MAX + 1];
    char letters[2 * OPTIONS_MAX + 2];

    if (parser->finished)
        return false;
    describe(parser->command, letters, longs);
    parser->key = getopt_long(parser->argc, parser->argv, letters, longs, NULL);
    parser->value = optarg;
    switch (parser->key) {
    case -1:
        parser->operands = parser->argv + optind;
        parser->n_operands = parser->argc - optind;
        return false;
    case KEY_HELP:
        cli_help_print(parser->command);
        parser->finished = true;
        return false;
    case KEY_VERSION:
        (void)printf("samc %s\n", samc_version());
        parser->finished = true;
        return false;
    case ':':
        cli_parser_refuse(parser, "the option %s needs an argument", parser->argv[optind - 1]);
        return false;
    case '?':
        /* a bad letter is in optopt; a bad long name leaves 0 there, and one that was given an
         * argument it does not take leaves its key */
        if (optopt > 0 && optopt < 256)
            cli_parser_refuse(parser, "there is no option -%c", optopt);
        else if (optopt)
            cli_parser_refuse(parser, "the option %s takes no argument", parser->argv[optind - 1]);
        else
            cli_parser_refuse(parser, "there is no option %s (or it is short for several)",
                              parser->argv[optind - 1]);
        return false;
    default: return true;
    }
}

static void print_refusal(const cli_command *command, const char *format, va_list args)
{
    char message[1024];

    (void)vsnprintf(message, sizeof message, format, args);
    cli_error("%s; see `samc %s --help`", message, command->name);
}

void cli_parser_refuse(cli_parser *parser, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_refusal(parser->command, format, args);
    va_end(args);
    parser->finished = true;
    parser->exit_code = CLI_USAGE;
}

int cli_refuse(const cli_command *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_refusal(command, format, args);
    va_end(args);
    return CLI_USAGE;
}

/* The long name of the option just read. */
static const char *option_name(const cli_parser *parser)
{
    const cli_option *o = parser->command->options;

    while (o->key != parser->key)
        o++;
    return o->name;
}

bool cli_parser_integer(cli_parser *parser, long least, long most, long *number)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(parser->value, &end, 10);
    if (end == parser->value || *end || errno || n < least || n > most) {
        cli_parser_refuse(parser, "--%s %s: it must be a whole number from %ld to %ld",
                          option_name(parser), parser->value, least, most);
        return false;
    }
    *number = n;
    return true;
}

bool cli_numbers_read(const char *text, int count, float *numbers, const char **rest)
{
    for (int i = 0; i < count; i++) {
        char *end;

        /* strtof would skip blanks: "1, 2" is more likely a quoting mistake than a wish */
        if (*text == ' ' || *text == '\t')
            return false;
        numbers[i] = strtof(text, &end);
        if (end == text || !isfinite(numbers[i]))
            return false;
        text = end;
        if (i + 1 < count) {
            if (*text != ',')
                return false;
            text++;
        }
    }
    if (rest && (*text == '\0' || *text == ',')) {
        *rest = text;
        return true;
    }
    return *text == '\0';
}

/* One option as help2man likes it: "  -m, --model=FILE   text", further lines aligned. */
static void print_option(const cli_option *option, int column)
{
    char head[80];
    const char *text = option->help;
    int used;

    used = snprintf(head, sizeof head, "  %c%c%c --%s%s%s", option->key < 256 ? '-' : ' ',
                    option->key < 256 ? option->key : ' ', option->key < 256 ? ',' : ' ',
                    option->name, option->argument ? "=" : "",
                    option->argument ? option->argument : "");
    (void)printf("%s", head);
    if (used + 2 > column) {
        (void)fputs("\n", stdout);
        used = 0;
    }
    while (text) {
        const char *end = strchr(text, '\n');
        int length = end ? (int)(end - text) : (int)strlen(text);

        (void)printf("%*s%.*s\n", column - used, "", length, text);
        used = 0;
        text = end ? end + 1 : NULL;
    }
}

/* Heads that are longer than this have a line of their own. */
#define HEAD_MOST 26

/* The column where the texts of all options begin: two blanks after the longest head that is not
 * too long. */
static int text_column(const cli_option *options)
{
    size_t widest = strlen("version");

    for (const cli_option *o = options; o->name; o++) {
        size_t width = strlen(o->name) + (o->argument ? 1 + strlen(o->argument) : 0);
        if (width > widest && width <= HEAD_MOST)
            widest = width;
    }
    return (int)widest + 10; /* "  -m, --" and two blanks */
}

void cli_help_print(const cli_command *command)
{
    const char *form = command->usage;
    const char *lead = "Usage:";
    int column = text_column(command->options);

    while (form) {
        const char *end = strchr(form, '\n');
        int length = end ? (int)(end - form) : (int)strlen(form);

        (void)printf("%s samc %s %.*s\n", lead, command->name, length, form);
        lead = "  or: ";
        form = end ? end + 1 : NULL;
    }
    (void)printf("%s\n\nOptions:\n", command->about);
    for (const cli_option *o = command->options; o->name; o++)
        print_option(o, column);
    for (const cli_option *o = common_options; o->name; o++)
        print_option(o, column);
    if (command->notes)
        (void)printf("\n%s\n", command->notes);
}
