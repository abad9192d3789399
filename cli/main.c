/* SPDX-License-Identifier: Apache-2.0
 *
 * samc - Segment Anything on the command line: picks the subcommand.
 */
#include "cli.h"

#include <string.h>

static const cli_command *const commands[] = {
    &cli_segment, &cli_auto,     &cli_boxes, &cli_masks, &cli_embed,   &cli_info,  &cli_convert,
    &cli_export,  &cli_download, &cli_eval,  &cli_bench, &cli_samples, &cli_train, &cli_pretrain,
#ifdef SAMC_HAVE_SERVER
    &cli_serve,
#endif
};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

static const cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static void print_help(void)
{
    (void)fputs("Usage: samc COMMAND [OPTION]... [FILE]...\n"
                "Segment Anything: give it a photo and a point or a box, get the object's mask.\n"
                "\n"
                "Commands:\n",
                stdout);
    for (size_t i = 0; i < N_COMMANDS; i++)
        (void)printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    (void)fputs("  help       display the help of a command: samc help segment\n"
                "\n"
                "Options:\n"
                "      --help     display this help and exit\n"
                "      --version  output version information and exit\n"
                "\n"
                "Environment:\n"
                "  SAMC_MODEL     the model to use where -m names none\n"
                "  XDG_DATA_HOME  `samc download` puts models into $XDG_DATA_HOME/samc\n"
                "                 (default: ~/.local/share/samc)\n"
                "  NO_COLOR       set to anything: no colour in messages\n"
                "\n"
                "Exit status:\n"
                "  0    everything was done\n"
                "  1    a photo or another file failed; what could be done is done\n"
                "  2    the command line makes no sense; nothing was done\n"
                "  3    no model was found, or it cannot be used\n"
                "  4    output could not be written\n"
                "  130  stopped by Ctrl-C (143: by SIGTERM); finished files are whole\n"
                "\n"
                "Data goes to standard output, words to standard error.\n"
                "Try: samc segment photo.jpg --point 500,375 --multimask -o out\n",
                stdout);
}

static int run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    const cli_command *command;

    if (!name) {
        cli_error("which command? See `samc --help`");
        return CLI_USAGE;
    }
    if (strcmp(name, "--version") == 0) {
        (void)printf("samc %s\n", samc_version());
        return CLI_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
        (strcmp(name, "help") == 0 && argc == 2)) {
        print_help();
        return CLI_OK;
    }
    if (strcmp(name, "help") == 0) {
        command = find_command(argv[2]);
        if (command) {
            cli_help_print(command);
            return CLI_OK;
        }
        name = argv[2];
    }
    command = find_command(name);
    if (!command) {
        cli_error("there is no command \"%s\"; see `samc --help`", name);
        return CLI_USAGE;
    }
    return command->run(command, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    /* No setlocale: numbers are read and written with a point, whatever the user's language. */
    cli_process_begin();
    return cli_process_end(run(argc, argv));
}
