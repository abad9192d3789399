/* SPDX-License-Identifier: Apache-2.0
 *
 * samc train: trains a model; and the run that it shares with samc pretrain.
 */
#define _POSIX_C_SOURCE 200809L

#include "training.h"

#include "ranks.h"

#include "base/file.h"
#include "base/memory.h"
#include "train/run.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int run(const cli_command *command, int argc, char **argv);

static const cli_option options[] = {
    TRAINING_OPTION_OUTPUT,
    TRAINING_OPTION_FROM,
    TRAINING_OPTION_FRESH,
    {"encoder", TRAINING_ENCODER, "MODEL", "with the image encoder of this model or checkpoint"},
    TRAINING_OPTION_IMAGE_SIZE,
    TRAINING_OPTIONS_OF_A_RUN,
    {"embedding-memory", TRAINING_MEMORY, "MIB",
     "with --freeze-encoder 1: so much memory for embeddings of photos\n"
     "that come again as they are (default: 1024; 0: none)"},
    {"embedding-folder", TRAINING_FOLDER, "DIR", "and files in DIR, which later runs find there"},
    {"embedding-disk", TRAINING_DISK, "MIB",
     "as long as DIR has less than so much (default: 16384)"},
    CLI_OPTION_THREADS,
    CLI_OPTION_KERNELS,
    /* settings, in any order: train/settings.c knows their names, ranges and defaults */
    {"steps", TRAINING_SETTING + 0, "N", "stop after N steps of the run (default: never)"},
    {"batch", TRAINING_SETTING + 1, "N", "photos a step, shared among the ranks of mpirun (8)"},
    {"masks", TRAINING_SETTING + 2, "N", "masks a photo, at most (4)"},
    {"rounds", TRAINING_SETTING + 3, "N", "prompts a mask, one after the other (3; the paper: 11)"},
    {"both", TRAINING_SETTING + 4, "0|1",
     "the first prompt trains the three masks and the single one (1)"},
    {"box", TRAINING_SETTING + 5, "P", "share of first prompts that are boxes (0.5)"},
    {"box-noise", TRAINING_SETTING + 6, "X",
     "how careless boxes are, as a share of their side (0.1)"},
    {"centre", TRAINING_SETTING + 7, "P",
     "share of first clicks at the object's deepest pixel (0)"},
    {"rate", TRAINING_SETTING + 8, "X", "the learning rate (3e-4)"},
    {"schedule", TRAINING_SETTING + 9, "NAME",
     "constant, step or cosine, after the warm-up (constant)"},
    {"warmup", TRAINING_SETTING + 10, "N", "steps in which the rate grows (250)"},
    {"beta1", TRAINING_SETTING + 11, "X", "AdamW's memory of the gradient (0.9)"},
    {"beta2", TRAINING_SETTING + 12, "X", "and of its square (0.999)"},
    {"weight-decay", TRAINING_SETTING + 13, "X", "AdamW's decay (0.1)"},
    {"layer-decay", TRAINING_SETTING + 14, "X",
     "the rate of each layer over that of the one above (1)"},
    {"drop-path", TRAINING_SETTING + 15, "P", "how often the last block is left out (0)"},
    {"clip", TRAINING_SETTING + 16, "X", "the gradient's greatest norm; 0: any (1)"},
    {"ema", TRAINING_SETTING + 17, "X", "memory of the average of the weights (0.999)"},
    {"focal", TRAINING_SETTING + 18, "X", "weight of the focal loss (20)"},
    {"focal-alpha", TRAINING_SETTING + 26, "X", "its share for what is inside, 0..1 (0.5)"},
    {"dice", TRAINING_SETTING + 19, "X", "weight of the dice loss (1)"},
    {"iou", TRAINING_SETTING + 20, "X", "weight of the error of the predicted IoU (1)"},
    {"bce", TRAINING_SETTING + 21, "X", "weight of the cross-entropy (0) …"},
    {"bce-steps", TRAINING_SETTING + 22, "N", "… in the first N steps"},
    {"at-once", TRAINING_SETTING + 27, "N",
     "prompts that the decoder takes at a time: fewer need less memory\n"
     "(0: by the model's size)"},
    {"recompute", TRAINING_SETTING + 23, "0|1", "less memory, more time (0)"},
    {"freeze-encoder", TRAINING_SETTING + 24, "0|1",
     "train prompt encoder and mask decoder only (0)"},
    {"bf16", TRAINING_SETTING + 25, "0|1", "products in bf16: faster where the CPU has it (0)"},
    {NULL, 0, NULL, NULL},
};

const cli_command cli_train = {
    "train",
    "train a model on photos with masks, or on what a recipe makes of them",
    "RECIPE.json -o RUN --from MODEL|--fresh SIZE [OPTION]...\nRECIPE.json -o RUN --resume "
    "[OPTION]...",
    "Shows the model photos and prompts it as a person would: a click or a box first, then\n"
    "clicks where it is wrong. A recipe says where photos come from (docs/TRAINING.md;\n"
    "`samc samples` shows what it makes). RUN/checkpoint.safetensors holds everything a run needs\n"
    "to go on, bit by bit as if it had never stopped; `samc export` takes the model out of it.\n"
    "RUN/metrics.csv has a row for every 20 steps. Ctrl-C saves and ends.\n"
    "`mpirun -n N samc train ...` shares each step's photos among N ranks, on one machine or\n"
    "several, where samc was built with MPI; it is the same run as on one.",
    "Examples:\n"
    "  samc train tools/model/recipe.json -o run --from models/samc-default.safetensors\n"
    "  samc train tools/model/recipe.json -o run --resume --rate 1e-4\n"
    "  mpirun -n 4 samc train mine.json -o mine --from vit_b.pth --batch 16\n"
    "  samc train mine.json -o mine --from vit_b.pth --layer-decay 0.8\n"
    "  samc train plain.json -o mine --from vit_b.pth --freeze-encoder 1 --embedding-folder kept",
    options,
    run,
};

#define MAX_SETTINGS 64

typedef struct arguments {
    const cli_option *options; /* of the command */
    samc_run_options run;
    const char *recipe;
    cli_session_options session;
    char *settings[MAX_SETTINGS];
    int running; /* the command line and the recipe are done with */
    int live;    /* a line that is written over */
    int quiet;   /* notes: those that every rank has */
    time_t shown;
} arguments;

static void on_note(void *user, const char *message)
{
    arguments *a = user;

    if (a->quiet)
        return;
    if (a->live)
        (void)fputs("\r\033[K", stderr);
    if (samc_ranks_is_first(a->run.ranks))
        cli_note("%s", message);
    else
        cli_note("rank %d: %s", (int)a->run.ranks->rank, message);
}

static void print_left(char *text, size_t size, double seconds)
{
    if (seconds < 0)
        text[0] = '\0';
    else if (seconds < 5400)
        (void)snprintf(text, size, "  %.0f min left", ceil(seconds / 60));
    else
        (void)snprintf(text, size, "  %.1f h left", seconds / 3600);
}

/* The live line; where stderr is no terminal, a line for every row of metrics. */
static int on_tick(void *user, const samc_run_tick *tick)
{
    const samc_rounds_report *m = &tick->mean;
    arguments *a = user;
    char left[40];

    if (!samc_ranks_is_first(a->run.ranks))
        return cli_stop_signal() != 0;
    if (tick->skipped && tick->row)
        cli_note("%s%" PRId64 " steps had no finite gradient and changed nothing",
                 a->live ? "\r" : "", tick->skipped);
    if (a->live ? time(NULL) != a->shown : tick->row) {
        a->shown = time(NULL);
        print_left(left, sizeof left, tick->seconds_left);
        (void)fprintf(stderr, "%sstep %" PRId64 "  loss %.4f  ", a->live ? "\r" : "", tick->step,
                      m->loss);
        if (!a->run.pretrain)
            (void)fprintf(stderr, "IoU: box %.3f, click %.3f, last %.3f  ", m->box_iou,
                          m->click_iou, m->last_iou);
        (void)fprintf(stderr, "%.1f photos/s  %.2f h%s%s", tick->speed, tick->seconds / 3600, left,
                      a->live ? "\033[K" : "\n");
        (void)fflush(stderr);
    }
    return cli_stop_signal() != 0;
}

static samc_status read_text(const char *path, char **text, samc_error *error)
{
    samc_mapping file = {NULL, 0};

    SAMC_TRY(samc_file_map(path, &file, error));
    *text = malloc(file.size + 1);
    if (*text) {
        memcpy(*text, file.data, file.size);
        (*text)[file.size] = '\0';
    }
    samc_file_unmap(&file);
    return *text ? SAMC_OK : samc_error_memory(error, file.size + 1);
}

/* Opens the recipe, or a folder of photos as one, and keeps its text. */
static samc_status open_recipe(arguments *a, char **text, samc_samples **samples, samc_error *error)
{
    static const char photos[] = "{\"sources\": [{\"type\": \"photos\", \"folder\": \".\"}]}";
    struct stat info;

    if (a->run.pretrain && stat(a->recipe, &info) == 0 && S_ISDIR(info.st_mode)) {
        SAMC_TRY(samc_alloc_string(photos, text, error));
        return samc_samples_open_text(photos, a->recipe, a->recipe, on_note, a, samples, error);
    }
    SAMC_TRY(read_text(a->recipe, text, error));
    return samc_samples_open(a->recipe, on_note, a, samples, error);
}

/* What a run needs, all owned. */
typedef struct needs {
    samc_context *context;
    samc_samples *samples;
    char *text, *from;
} needs;

static samc_status gather(arguments *a, needs *n, samc_error *error)
{
    samc_context_options context_options = SAMC_CONTEXT_OPTIONS_INIT;

    context_options.threads = (int32_t)a->session.threads;
    context_options.kernels = a->session.kernels;
    if (a->run.ranks && context_options.threads == 0)
        context_options.threads = cli_ranks_threads(a->run.ranks);
    SAMC_TRY(samc_context_create(&context_options, &n->context, error));
    a->quiet = !samc_ranks_is_first(a->run.ranks);
    SAMC_TRY(open_recipe(a, &n->text, &n->samples, error));
    a->quiet = 0;
    if (a->run.from) {
        if (cli_model_find(a->run.from, &n->from, error) != SAMC_OK)
            return error->status = SAMC_ERROR_MODEL;
        a->run.from = n->from;
    }
    a->run.recipe = n->text;
    a->run.samples = n->samples;
    if (a->run.ranks && a->run.ranks->rank == 0)
        cli_note("%d ranks with %d thread%s each", (int)a->run.ranks->size,
                 (int)context_options.threads, context_options.threads == 1 ? "" : "s");
    return SAMC_OK;
}

/* Prints why a rank has stopped: what all ranks agree on says the first of them, and a rank that
 * they cannot hear any more speaks for itself. */
static int report(const arguments *a, samc_error *error)
{
    const samc_ranks *ranks = a->run.ranks;
    samc_error own = *error;
    int code;

    if (ranks && ranks->apart)
        (void)samc_error_set(&own, error->status,
                             "rank %d: %.250s. What was saved last in %.180s stays: go on with "
                             "--resume",
                             (int)ranks->rank, error->message, a->run.folder);
    code = samc_ranks_is_first(ranks) || ranks->apart ? cli_report(&own) : CLI_FAILED;
    if (error->status == SAMC_ERROR_ARGUMENT || error->status == SAMC_ERROR_UNSUPPORTED)
        code = CLI_USAGE;
    else if (error->status == SAMC_ERROR_IO && a->running && !(ranks && ranks->apart))
        code = CLI_OUTPUT; /* a run reads nothing but its model, and that would be MODEL */
    return code;
}

static int train(arguments *a)
{
    needs n = {NULL, NULL, NULL, NULL};
    samc_status status;
    int code = CLI_OK;
    samc_error error;

    status = cli_ranks_join(a->run.folder, &a->run.ranks, &error);
    if (status == SAMC_OK)
        status = samc_ranks_meet(a->run.ranks, gather(a, &n, &error), NULL, 0, &error);
    if (status == SAMC_OK) {
        a->live = samc_ranks_is_first(a->run.ranks) && isatty(STDERR_FILENO);
        a->running = 1;
        status = samc_run(n.context, &a->run, &error);
        if (a->live)
            (void)fputc('\n', stderr);
    }
    if (status == SAMC_OK && a->run.ranks && a->run.ranks->rank == 0)
        cli_note("saved in %s; --resume goes on", a->run.folder);
    if (status != SAMC_OK)
        code = report(a, &error);
    samc_samples_free(n.samples);
    samc_context_free(n.context);
    free(n.text);
    free(n.from);
    if (a->run.ranks)
        a->run.ranks->leave(a->run.ranks);
    return code;
}

/* Keeps "name=value" of an option that is a setting, which is checked at once. */
static void take_setting(arguments *a, cli_parser *parser, const char *name)
{
    const size_t size = strlen(name) + strlen(parser->value) + 2;
    samc_train_settings scratch;
    samc_error error;
    char *text;

    samc_train_settings_begin(&scratch, a->run.pretrain);
    if (samc_train_settings_set(&scratch, name, parser->value, &error) != SAMC_OK) {
        cli_parser_refuse(parser, "--%s", error.message);
        return;
    }
    text = a->run.n_settings < MAX_SETTINGS ? malloc(size) : NULL;
    if (!text) {
        cli_parser_refuse(parser, "too many settings");
        return;
    }
    (void)snprintf(text, size, "%s=%s", name, parser->value);
    a->settings[a->run.n_settings++] = text;
}

static void take_option(arguments *a, cli_parser *parser)
{
    long number = 0;

    if (parser->key >= TRAINING_SETTING) {
        const cli_option *o = a->options;

        while (o->key != parser->key)
            o++;
        take_setting(a, parser, o->name);
        return;
    }
    switch (parser->key) {
    case 'o': a->run.folder = parser->value; break;
    case 'm': a->run.from = parser->value; break;
    case TRAINING_RESUME: a->run.resume = 1; break;
    case TRAINING_RAW: a->run.ema = 0; break;
    case TRAINING_FRESH: a->run.fresh = parser->value; break;
    case TRAINING_ENCODER: a->run.encoder = parser->value; break;
    case TRAINING_IMAGE_SIZE:
        if (cli_parser_integer(parser, 1, 4096, &number))
            a->run.image_size = (int32_t)number;
        break;
    case TRAINING_NEW_RECIPE: a->run.other_recipe = 1; break;
    case TRAINING_SEED:
        if (cli_parser_integer(parser, 0, INT32_MAX, &number))
            a->run.seed = (uint64_t)number;
        break;
    case TRAINING_SAVE:
        if (cli_parser_integer(parser, 0, 100000, &number))
            a->run.save_minutes = (double)number;
        break;
    case TRAINING_SAVE_STEPS:
        if (cli_parser_integer(parser, 1, INT32_MAX, &number))
            a->run.save_steps = number;
        break;
    case TRAINING_ROWS:
        if (cli_parser_integer(parser, 1, INT32_MAX, &number))
            a->run.row_steps = number;
        break;
    case TRAINING_MINUTES:
        if (cli_parser_integer(parser, 1, 10000000, &number))
            a->run.minutes = (double)number;
        break;
    case TRAINING_MEMORY:
        if (cli_parser_integer(parser, 0, 100000000, &number))
            a->run.keep.memory_bytes = (size_t)number << 20;
        break;
    case TRAINING_FOLDER: a->run.keep.folder = parser->value; break;
    case TRAINING_DISK:
        if (cli_parser_integer(parser, 1, 1000000000, &number))
            a->run.keep.folder_bytes = (size_t)number << 20;
        break;
    default: (void)cli_session_option(&a->session, parser); break;
    }
}

/* Says what the command line lacks, or NULL. */
static const char *find_lack(const arguments *a)
{
    const int starts = (a->run.resume != 0) + (a->run.from != NULL) + (a->run.fresh != NULL);

    if (!a->run.folder)
        return "say where the run shall live: -o RUN";
    if (starts != 1)
        return "one of --from MODEL, --fresh SIZE and --resume";
    if (a->run.resume && a->run.encoder)
        return "--encoder is for a new run: this one has its weights";
    if (a->run.resume && a->run.image_size)
        return "--image-size is for a new run: this one has its size";
    return NULL;
}

int cli_training_run(const cli_command *command, int argc, char **argv, bool pretrain)
{
    arguments a = {.options = command->options,
                   .run = {.ema = 1, .save_minutes = 5, .row_steps = 20, .tick = on_tick}};
    cli_parser parser;
    int code;

    a.run.pretrain = pretrain;
    a.run.keep.memory_bytes = (size_t)1024 << 20;
    a.run.keep.folder_bytes = (size_t)16384 << 20;
    a.run.note = on_note;
    a.run.user = &a;
    a.run.settings = (const char *const *)a.settings;
    cli_parser_begin(&parser, command, argc, argv);
    while (cli_parser_next(&parser))
        take_option(&a, &parser);
    if (parser.finished) {
        code = parser.exit_code;
    } else if (parser.n_operands != 1) {
        code = cli_refuse(command, parser.n_operands ? "one recipe, please" : "which recipe?");
    } else if (find_lack(&a)) {
        code = cli_refuse(command, "%s", find_lack(&a));
    } else {
        a.recipe = parser.operands[0];
        code = train(&a);
    }
    for (size_t i = 0; i < a.run.n_settings; i++)
        free(a.settings[i]);
    return code;
}

static int run(const cli_command *command, int argc, char **argv)
{
    return cli_training_run(command, argc, argv, false);
}
