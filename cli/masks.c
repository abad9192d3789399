/* SPDX-License-Identifier: Apache-2.0
 *
 * samc masks clean: files of masks in, the same files with cleaner masks out.
 */
#define _POSIX_C_SOURCE 200809L

#include "base/memory.h"
#include "cli.h"
#include "dataset/clean.h"
#include "dataset/files.h"
#include "inputs.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum {
    KEY_HOLES = CLI_KEY_OWN,
    KEY_ISLANDS,
    KEY_MIN_AREA,
    KEY_DUPLICATES,
    KEY_NESTED,
    KEY_SHARE,
    KEY_DISJOINT,
    KEY_TOLERANCE
};

static int run(const cli_command *command, int argc, char **argv);

static const cli_option options[] = {
    {"output", 'o', "OUT", "where it goes: a file for a file, a folder for a folder"},
    {"fill-holes", KEY_HOLES, "AREA",
     "fill holes of less than AREA pixels; all: every one. What reaches\n"
     "the picture's edge is no hole"},
    {"drop-islands", KEY_ISLANDS, "AREA",
     "drop islands of less than AREA pixels, but never the largest one;\n"
     "all: every one but the largest"},
    {"min-area", KEY_MIN_AREA, "AREA", "drop masks of less than AREA pixels"},
    {"duplicates", KEY_DUPLICATES, "IOU",
     "of two masks that overlap by more than IOU (0 to 1) drop the one\n"
     "with the lower score; without scores the smaller one"},
    {"nested", KEY_NESTED, "WHICH",
     "of masks within masks keep the smallest, keep the largest, or\n"
     "merge each into the one around it that it overlaps best"},
    {"nested-share", KEY_SHARE, "SHARE",
     "a mask lies within another one if this share of it does (default:\n"
     "0.9)"},
    {"disjoint", KEY_DISJOINT, "WHOSE",
     "give each pixel to one mask: the smallest, the largest, the one with\n"
     "the best score, or the first one of the file"},
    {"tolerance", KEY_TOLERANCE, "PIXELS",
     "how far a polygon that is drawn anew may be from the exact outline,\n"
     "to have fewer points (default: 0)"},
    {NULL, 0, NULL, NULL},
};

const cli_command cli_masks = {
    "masks",
    "clean files of masks",
    "clean IN -o OUT OPTION...",
    "Cleans masks: holes, islands, duplicates, masks within masks, overlap; in this order,\n"
    "that of the options below. IN is, told by its content:\n"
    "  SA-1B JSON   one photo; also the list of `amg.py --convert-to-rle`\n"
    "  COCO JSON    all photos; annotations of crowds stay as they are\n"
    "  a folder of `amg.py`: metadata.csv and N.png\n"
    "  a label map  PNG, gray of 8 or 16 bits or with a palette; each value but 0 is a mask,\n"
    "               and where masks come to overlap the smallest is on top\n"
    "  a folder     with any of these, at any depth\n"
    "OUT has the same form. A mask's area and box follow its pixels; everything else, and\n"
    "every mask that needs no change, goes over as it was. Polygons stay polygons: holes are\n"
    "joined to the outline by cuts without width. A mask that cannot be read is reported and\n"
    "stays, a file that cannot be read is reported and passed over; the exit status is then 1.",
    "Examples:\n"
    "  samc masks clean sa_1.json -o clean.json --fill-holes 100 --drop-islands 100\n"
    "  samc masks clean instances.json -o clean.json --duplicates 0.9 --nested largest\n"
    "  samc masks clean out/photo -o out/photo-parts --nested smallest --disjoint smallest",
    options,
    run,
};

typedef struct work {
    samc_clean_job job;
    const char *output;
    bool wishes; /* something is to be cleaned */
    size_t files, failed;
    int code;
} work;

static void report(void *user, const char *message)
{
    (void)user;
    cli_error("%s", message);
}

/* Reads a number of at least `least`, at most `most`. */
static double take_number(cli_parser *parser, const char *name, double least, double most)
{
    char *end;
    double number = strtod(parser->value, &end);

    if (end == parser->value || *end || !(number >= least && number <= most))
        cli_parser_refuse(parser, "--%s %s: it must be a number from %g to %g", name, parser->value,
                          least, most);
    return number;
}

static uint64_t take_area(cli_parser *parser, const char *name)
{
    if (strcmp(parser->value, "all") == 0)
        return UINT64_MAX;
    return (uint64_t)take_number(parser, name, 1, 1e15);
}

/* Which of the words it is: 1, 2, ...; the list ends with NULL. */
static int take_word(cli_parser *parser, const char *name, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(parser->value, words[i]) == 0)
            return i + 1;
    cli_parser_refuse(parser, "--%s %s: see the help for what it can be", name, parser->value);
    return 0;
}

static void take_option(work *w, cli_parser *parser)
{
    static const char *const nested[] = {"smallest", "largest", "merge", NULL};
    static const char *const disjoint[] = {"smallest", "largest", "score", "first", NULL};
    samc_clean_options *o = &w->job.options;

    w->wishes |= parser->key != 'o' && parser->key != KEY_SHARE && parser->key != KEY_TOLERANCE;
    switch (parser->key) {
    case 'o': w->output = parser->value; break;
    case KEY_HOLES: o->holes = take_area(parser, "fill-holes"); break;
    case KEY_ISLANDS: o->islands = take_area(parser, "drop-islands"); break;
    case KEY_MIN_AREA: o->min_area = (uint64_t)take_number(parser, "min-area", 0, 1e15); break;
    case KEY_DUPLICATES: o->duplicates = take_number(parser, "duplicates", 0, 1); break;
    case KEY_NESTED: o->nested = (samc_nested)take_word(parser, "nested", nested); break;
    case KEY_SHARE: o->share = take_number(parser, "nested-share", 0.01, 1); break;
    case KEY_DISJOINT: o->disjoint = (samc_disjoint)take_word(parser, "disjoint", disjoint); break;
    case KEY_TOLERANCE: w->job.tolerance = take_number(parser, "tolerance", 0, 1e6); break;
    }
}

static bool ends_with(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);

    return n >= m && strcasecmp(path + n - m, suffix) == 0;
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_same(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The folder that `path` lies in; the caller's to free(). */
static samc_status folder_of(const char *path, char **folder, samc_error *error)
{
    SAMC_TRY(samc_alloc_string(path, folder, error));
    (*folder)[samc_path_name(path) - path] = '\0';
    return SAMC_OK;
}

/* One file, or folder of amg.py's, into `out`; the folder that it goes into is made. */
static samc_status clean_one(work *w, const char *in, const char *out, bool is_amg,
                             samc_error *error)
{
    samc_status status = SAMC_OK;
    char *folder = NULL;

    if (is_amg)
        SAMC_CHECK(samc_alloc_string(out, &folder, error));
    else
        SAMC_CHECK(folder_of(out, &folder, error));
    if (folder[0] && cli_folder_create(folder, error) != SAMC_OK) {
        status = SAMC_FAIL(error, IO, "cannot create the folder of %s", out);
        goto cleanup;
    }
    status = is_amg                  ? samc_clean_amg_folder(&w->job, in, out, error)
             : ends_with(in, ".png") ? samc_clean_label_file(&w->job, in, out, error)
                                     : samc_clean_json_file(&w->job, in, out, error);

cleanup:
    free(folder);
    return status;
}

/* Whether an error was one of the output's: the message names it, and not (only) the input. */
static bool is_of_output(const samc_error *error, const char *in, const char *out)
{
    return error->status == SAMC_ERROR_IO && strstr(error->message, out) &&
           (!strstr(error->message, in) || strlen(out) > strlen(in));
}

/* Does it; what fails is printed, and remembered. */
static void clean(work *w, const char *in, const char *out, bool is_amg)
{
    samc_error error;
    samc_status status = clean_one(w, in, out, is_amg, &error);

    w->files++;
    if (status == SAMC_OK)
        return;
    cli_error("%s", error.message);
    w->failed++;
    w->code = is_of_output(&error, in, out) ? CLI_OUTPUT : CLI_FAILED;
}

/* Whether a file lies in a folder of amg.py's, which stands for it. */
static samc_status is_within_amg(const char *path, bool *within, samc_error *error)
{
    struct stat st;
    char *folder = NULL, *table = NULL;
    samc_status status = SAMC_OK;

    SAMC_CHECK(folder_of(path, &folder, error));
    SAMC_CHECK(cli_path_join(folder, "metadata.csv", &table, error));
    *within = stat(table, &st) == 0;

cleanup:
    free(folder);
    free(table);
    return status;
}

/* Everything below a folder, each to the same place below the output. */
static samc_status clean_folder(work *w, const char *in, samc_error *error)
{
    static const char *const suffixes[] = {".json", ".png", "metadata.csv", NULL};
    const samc_files_filter filter = {suffixes, NULL};
    samc_status status = SAMC_OK;
    samc_files files = {0};
    char *out = NULL, *folder = NULL;

    SAMC_CHECK(samc_files_add(&files, in, &filter, error));
    for (size_t i = 0; i < files.count && w->code <= CLI_FAILED && !cli_stop_signal(); i++) {
        const char *path = files.paths[i];
        const char *rest = path + strlen(in);
        bool is_amg = strcmp(samc_path_name(path), "metadata.csv") == 0, within = false;

        free(out);
        free(folder);
        out = folder = NULL;
        if (!is_amg)
            SAMC_CHECK(is_within_amg(path, &within, error));
        if (within)
            continue;
        SAMC_CHECK(cli_path_join(w->output, rest + strspn(rest, "/"), &out, error));
        SAMC_CHECK(folder_of(path, &folder, error));
        if (is_amg)
            out[strlen(out) - strlen("metadata.csv")] = '\0';
        clean(w, is_amg ? folder : path, out, is_amg);
    }
    if (files.count == 0)
        status = SAMC_FAIL(error, IO, "there are no masks (.json, .png, metadata.csv) in %s", in);

cleanup:
    free(out);
    free(folder);
    samc_files_free(&files);
    return status;
}

static int clean_all(const cli_command *command, work *w, const char *in)
{
    const samc_clean_counts *c = &w->job.counts;
    samc_error error;

    if (!is_folder(in)) {
        if (is_folder(w->output))
            return cli_refuse(command, "%s is a folder, and %s a file", w->output, in);
        clean(w, in, w->output, false);
    } else {
        if (is_same(in, w->output))
            return cli_refuse(command, "%s cannot go into itself: give another folder", in);
        if (clean_folder(w, in, &error) != SAMC_OK) {
            (void)cli_report(&error);
            return CLI_FAILED;
        }
    }
    if (w->failed < w->files)
        cli_note("samc: %zu of %zu masks are left: %zu too small or empty, %zu duplicates, %zu "
                 "nested, %zu covered; %zu holes filled, %zu islands dropped",
                 c->kept, c->masks, c->small, c->duplicates, c->nested, c->vanished, c->holes,
                 c->islands);
    return w->code != CLI_OK ? w->code : w->job.bad ? CLI_FAILED : CLI_OK;
}

static int run(const cli_command *command, int argc, char **argv)
{
    work w = {.job = {.options = {.duplicates = 1, .share = 0.9}, .report = report}};
    cli_parser parser;

    cli_parser_begin(&parser, command, argc, argv);
    while (cli_parser_next(&parser))
        take_option(&w, &parser);
    if (parser.finished)
        return parser.exit_code;
    if (parser.n_operands == 0 || strcmp(parser.operands[0], "clean") != 0)
        return cli_refuse(command, "say what to do with the masks: `samc masks clean`");
    if (parser.n_operands != 2)
        return cli_refuse(command, "give one file or folder of masks");
    if (!w.output || !w.output[0])
        return cli_refuse(command, "say where the masks go: -o OUT");
    if (!w.wishes)
        return cli_refuse(command, "say what to clean, such as --fill-holes 100");
    return clean_all(command, &w, parser.operands[1]);
}
