/* SPDX-License-Identifier: Apache-2.0
 *
 * samc samples: shows what a recipe teaches.
 */
#define _POSIX_C_SOURCE 200809L

#include "cli.h"
#include "inputs.h"
#include "pictures.h"

#include "train/samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KEY_SIZE = CLI_KEY_OWN, KEY_SEED, KEY_MAX_MASKS, KEY_FIRST, KEY_TIME };

static int run(const cli_command *command, int argc, char **argv);

static const cli_option options[] = {
    {"output", 'o', "DIR", "write DIR/sample-N.png for each sample (created if missing)"},
    {"count", 'n', "N", "make N samples (default: 16)"},
    {"first", KEY_FIRST, "N", "begin with sample N (default: 0)"},
    {"seed", KEY_SEED, "N", "the seed (default: 0)"},
    {"size", KEY_SIZE, "N", "for a model of N x N pixels, 32 to 2048 (default: 256)"},
    {"max-masks", KEY_MAX_MASKS, "N", "at most N masks a sample, 1 to 256 (default: 4)"},
    {"time", KEY_TIME, NULL, "print the CPU milliseconds that a sample takes"},
    {NULL, 0, NULL, NULL},
};

const cli_command cli_samples = {
    "samples",
    "show the photos and masks that a training recipe makes",
    "RECIPE.json [-o DIR] [OPTION]...",
    "Draws samples as training does and writes each as a picture: the photo, and the\n"
    "photo again for each mask, with the mask's label above. Standard output lists, a\n"
    "line a sample, the number, the count of masks, and which files it is made of.\n"
    "A file that cannot be used is named on standard error, once, and passed over.",
    "Examples:\n"
    "  samc samples tools/model/recipe.json -o out --count 60\n"
    "  samc samples tools/model/recipe.json --count 1000 --time",
    options,
    run,
};

typedef struct settings {
    const char *recipe;
    const char *folder; /* NULL: no pictures */
    long count, first, seed, size, max_masks;
    bool time;
} settings;

static void on_note(void *user, const char *message)
{
    (void)user;
    cli_note("%s", message);
}

/* Of this process on the CPU: what else the machine does is left out. */
static double seconds_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Adds the photo with mask `k` tinted to the grid, what is unknown in another colour. */
static samc_status add_mask(cli_grid *grid, samc_sample *sample, int32_t k, uint8_t *part,
                            samc_error *error)
{
    size_t n = (size_t)sample->size * (size_t)sample->size;
    const uint8_t *mask = sample->masks + (size_t)k * n;
    samc_photo photo = {
        {sample->pixels, sample->size, sample->size, 3 * (size_t)sample->size, SAMC_PIXELS_RGB},
        sample->pixels};
    samc_canvas canvas = {NULL, 0, 0};
    const char *label = sample->labels[k];
    char title[CLI_TITLE_SIZE];
    samc_status status = SAMC_OK;

    (void)snprintf(title, sizeof title, "%.40s", label ? label : "(no label)");
    SAMC_CHECK(cli_canvas_begin(&canvas, &photo, error));
    for (size_t i = 0; i < n; i++)
        part[i] = mask[i] == 1;
    cli_canvas_tint(&canvas, part, 0);
    for (size_t i = 0; i < n; i++)
        part[i] = mask[i] == SAMC_SAMPLE_IGNORE;
    cli_canvas_tint(&canvas, part, 1);
    SAMC_CHECK(cli_grid_add(grid, &canvas, title, error));

cleanup:
    cli_canvas_free(&canvas);
    return status;
}

static samc_status write_picture(samc_sample *sample, const char *path, samc_error *error)
{
    samc_canvas plain = {sample->pixels, sample->size, sample->size};
    cli_grid grid = {0};
    uint8_t *part = NULL;
    samc_status status = SAMC_OK;

    part = malloc((size_t)sample->size * (size_t)sample->size);
    if (!part)
        return samc_error_memory(error, (size_t)sample->size * (size_t)sample->size);
    SAMC_CHECK(cli_grid_begin(&grid, (size_t)sample->n_masks + 1,
                              sample->n_masks < 6 ? sample->n_masks + 1 : 1, sample->size,
                              sample->size, error));
    SAMC_CHECK(cli_grid_add(&grid, &plain, sample->caption ? sample->caption : "", error));
    for (int32_t k = 0; k < sample->n_masks; k++)
        SAMC_CHECK(add_mask(&grid, sample, k, part, error));
    SAMC_CHECK(cli_grid_write(&grid, path, error));

cleanup:
    cli_grid_free(&grid);
    free(part);
    return status;
}

static int show(samc_samples *samples, const settings *set, long index, double *taken)
{
    samc_sample sample = {0};
    double begin = seconds_now();
    char *path = NULL, stem[40];
    samc_error error;
    samc_status status = samc_samples_get(samples, (uint64_t)set->seed, (uint64_t)index,
                                          (int32_t)set->size, (int32_t)set->max_masks, &sample,
                                          &error);
    int code = CLI_OK;

    *taken += seconds_now() - begin;
    if (status != SAMC_OK)
        return cli_report(&error);
    (void)printf("%ld\t%ld\t%s\n", index, (long)sample.n_masks, sample.identity);
    if (set->folder) {
        (void)snprintf(stem, sizeof stem, "sample-%05ld", index);
        status = cli_output_path(set->folder, stem, ".png", &path, &error);
        if (status == SAMC_OK)
            status = write_picture(&sample, path, &error);
        free(path);
        if (status != SAMC_OK) {
            (void)cli_report(&error);
            code = status == SAMC_ERROR_IO ? CLI_OUTPUT : CLI_FAILED;
        }
    }
    samc_sample_free(&sample);
    return code;
}

static int show_all(const settings *set)
{
    samc_samples *samples = NULL;
    samc_error error;
    double taken = 0;
    int code = CLI_OK;
    long done = 0;

    if (samc_samples_open(set->recipe, on_note, NULL, &samples, &error) != SAMC_OK)
        return cli_report(&error);
    if (set->folder && cli_folder_create(set->folder, &error) != SAMC_OK) {
        cli_error("%s", error.message);
        code = CLI_OUTPUT;
    }
    for (; done < set->count && code == CLI_OK && !cli_stop_signal(); done++)
        code = show(samples, set, set->first + done, &taken);
    if (set->time && done > 0)
        (void)printf("%.2f ms a sample\n", 1e3 * taken / (double)done);
    samc_samples_free(samples);
    return code;
}

static int run(const cli_command *command, int argc, char **argv)
{
    settings set = {.count = 16, .size = 256, .max_masks = 4};
    cli_parser parser;

    cli_parser_begin(&parser, command, argc, argv);
    while (cli_parser_next(&parser))
        switch (parser.key) {
        case 'o': set.folder = parser.value; break;
        case 'n': (void)cli_parser_integer(&parser, 1, 1000000000, &set.count); break;
        case KEY_FIRST: (void)cli_parser_integer(&parser, 0, 1000000000, &set.first); break;
        case KEY_SEED: (void)cli_parser_integer(&parser, 0, 1000000000, &set.seed); break;
        case KEY_SIZE:
            (void)cli_parser_integer(&parser, SAMC_SAMPLE_MIN_SIZE, SAMC_SAMPLE_MAX_SIZE,
                                     &set.size);
            break;
        case KEY_MAX_MASKS:
            (void)cli_parser_integer(&parser, 1, SAMC_SAMPLE_MAX_MASKS, &set.max_masks);
            break;
        default: set.time = true; break;
        }
    if (parser.finished)
        return parser.exit_code;
    if (parser.n_operands != 1)
        return cli_refuse(command, parser.n_operands ? "one recipe, please" : "which recipe?");
    set.recipe = parser.operands[0];
    return show_all(&set);
}
