/* SPDX-License-Identifier: Apache-2.0
 *
 * samc eval: how well a model finds objects that people have outlined.
 */
#define _POSIX_C_SOURCE 200809L

#include "cli.h"

#include "base/memory.h"
#include "train/evaluate.h"

#include <samc_io.h>

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_JSON = CLI_KEY_OWN, KEY_LIMIT, KEY_MAX_CLICKS };

static const cli_option options[] = {
    CLI_OPTION_MODEL,
    {"limit", KEY_LIMIT, "N", "evaluate the first N photos only"},
    {"max-clicks", KEY_MAX_CLICKS, "N", "stop at N clicks, 1 to 20 (default: 20)"},
    {"json", KEY_JSON, NULL, "print JSON, with the figures of each photo, not a table"},
    CLI_OPTION_THREADS,
    CLI_OPTION_KERNELS,
    {NULL, 0, NULL, NULL},
};

typedef struct settings {
    cli_session_options session;
    long limit; /* 0: none */
    long max_clicks;
    bool json;
} settings;

/* The photos, and the figures of those that are done. */
typedef struct work {
    const char *folder;
    char **ids; /* [n] file names without ".jpg", in natural order */
    size_t n;
    size_t capacity;
    samc_evaluation *done; /* [n_done], of the photos done_ids */
    size_t *done_ids;
    size_t n_done;
    size_t failed;
} work;

/* 2 before 10: digits are compared by their number, everything else by its bytes. */
static int compare_natural(const void *a, const void *b)
{
    const char *x = *(char *const *)a;
    const char *y = *(char *const *)b;

    while (*x && *y) {
        size_t nx = strspn(x, "0123456789");
        size_t ny = strspn(y, "0123456789");

        if (nx && ny) {
            size_t zx = strspn(x, "0"), zy = strspn(y, "0");
            int order;

            if (nx - zx != ny - zy)
                return nx - zx < ny - zy ? -1 : 1;
            order = strncmp(x + zx, y + zy, nx - zx);
            if (order)
                return order;
            x += nx;
            y += ny;
        } else if (*x != *y) {
            return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
        } else {
            x++;
            y++;
        }
    }
    if (*x || *y)
        return *x ? 1 : -1;
    return strcmp(*(char *const *)a, *(char *const *)b); /* 01 and 1 */
}

static samc_status add_id(work *w, const char *name, size_t length, samc_error *error)
{
    if (w->n == w->capacity) {
        size_t capacity = w->capacity ? 2 * w->capacity : 64;
        char **more = NULL;

        SAMC_TRY(samc_alloc(capacity, sizeof *more, &more, error));
        if (w->n)
            memcpy(more, w->ids, w->n * sizeof *more);
        free(w->ids);
        w->ids = more;
        w->capacity = capacity;
    }
    SAMC_TRY(samc_alloc_zero(length + 1, 1, &w->ids[w->n], error));
    memcpy(w->ids[w->n++], name, length);
    return SAMC_OK;
}

static samc_status find_photos(work *w, samc_error *error)
{
    samc_status status = SAMC_OK;
    struct dirent *entry;
    DIR *dir = opendir(w->folder);

    if (!dir)
        return samc_error_io(error, "read the folder", w->folder);
    while (errno = 0, (entry = readdir(dir)) != NULL) {
        size_t length = strlen(entry->d_name);

        if (length > 4 && entry->d_name[0] != '.' &&
            strcmp(entry->d_name + length - 4, ".jpg") == 0)
            SAMC_CHECK(add_id(w, entry->d_name, length - 4, error));
    }
    if (errno)
        status = samc_error_io(error, "read the folder", w->folder);
    else if (w->n == 0)
        status = SAMC_FAIL(error, IO, "there is no photo ID.jpg in the folder %s", w->folder);
    else
        qsort(w->ids, w->n, sizeof *w->ids, compare_natural);

cleanup:
    (void)closedir(dir);
    return status;
}

/* folder/id + suffix */
static samc_status make_path(const work *w, const char *id, const char *suffix, char **path,
                             samc_error *error)
{
    samc_status status;
    size_t size = strlen(id) + strlen(suffix) + 1;
    char *name = NULL;

    SAMC_TRY(samc_alloc(size, 1, &name, error));
    (void)snprintf(name, size, "%s%s", id, suffix);
    status = cli_path_join(w->folder, name, path, error);
    free(name);
    return status;
}

/* Reads a label map, a gray picture of the photo's size, as one byte a pixel. */
static samc_status read_labels(const char *path, const samc_image *photo, uint8_t **labels,
                               samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_photo map = {0};
    uint8_t *made = NULL;
    size_t n;

    SAMC_TRY(samc_photo_read(path, NULL, &map, error));
    n = (size_t)map.view.width * (size_t)map.view.height;
    if (map.view.width != photo->width || map.view.height != photo->height) {
        status = SAMC_FAIL(error, FORMAT, "%s has %ld x %ld pixels, its photo has %ld x %ld", path,
                           (long)map.view.width, (long)map.view.height, (long)photo->width,
                           (long)photo->height);
        goto cleanup;
    }
    SAMC_CHECK(samc_alloc(n, 1, &made, error));
    for (size_t i = 0; i < n; i++) {
        const uint8_t *rgb = map.pixels + 3 * i;

        if (rgb[0] != rgb[1] || rgb[0] != rgb[2]) {
            status = SAMC_FAIL(error, FORMAT,
                               "%s is a picture in colour; a label map is gray: 255 is the object, "
                               "128 to be ignored, 0 the background",
                               path);
            goto cleanup;
        }
        made[i] = rgb[0];
    }
    *labels = made;
    made = NULL;

cleanup:
    free(made);
    samc_photo_free(&map);
    return status;
}

/* The share of one photo in the progress of all. */
typedef struct share {
    cli_progress *progress;
    size_t at, n;
} share;

static int share_step(void *user, double done)
{
    const share *part = user;

    return cli_progress_step(part->progress, ((double)part->at + done) / (double)part->n);
}

static samc_status evaluate(const work *w, const settings *set, const cli_session *session,
                            const char *id, share *part, samc_evaluation *evaluation,
                            samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_encode_options encode = SAMC_ENCODE_OPTIONS_INIT;
    samc_embedding *embedding = NULL;
    samc_photo photo = {0};
    samc_error why;
    uint8_t *labels = NULL;
    char *photo_path = NULL, *labels_path = NULL;

    encode.progress = share_step;
    encode.user = part;
    SAMC_CHECK(make_path(w, id, ".jpg", &photo_path, error));
    SAMC_CHECK(make_path(w, id, ".png", &labels_path, error));
    SAMC_CHECK(samc_photo_read(photo_path, NULL, &photo, error));
    SAMC_CHECK(read_labels(labels_path, &photo.view, &labels, error));
    SAMC_CHECK(
        samc_encode(session->context, session->model, &photo.view, &encode, &embedding, error));
    status = samc_evaluate_photo(session->context, session->model, embedding, labels,
                                 (int32_t)set->max_clicks, evaluation, &why);
    if (status != SAMC_OK)
        (void)samc_error_set(error, status, "%s: %s", labels_path, why.message);

cleanup:
    samc_embedding_free(embedding);
    free(labels);
    samc_photo_free(&photo);
    free(photo_path);
    free(labels_path);
    return status;
}

static void evaluate_all(work *w, const settings *set, const cli_session *session)
{
    cli_progress progress;
    size_t n = set->limit && (size_t)set->limit < w->n ? (size_t)set->limit : w->n;

    cli_progress_begin(&progress, "eval");
    for (size_t i = 0; i < n && !cli_stop_signal(); i++) {
        share part = {&progress, i, n};
        samc_error error;

        if (evaluate(w, set, session, w->ids[i], &part, &w->done[w->n_done], &error) == SAMC_OK) {
            w->done_ids[w->n_done++] = i;
        } else if (!cli_stop_signal()) {
            cli_progress_end(&progress);
            (void)cli_report(&error);
            cli_progress_begin(&progress, "eval");
            w->failed++;
        }
    }
    cli_progress_end(&progress);
}

/* After which clicks the table shows the mean IoU. */
static const int32_t shown_clicks[] = {1, 3, 5};
#define N_SHOWN (sizeof shown_clicks / sizeof shown_clicks[0])

static void print_table(const samc_evaluation_summary *sum)
{
    (void)printf("%-16s %ld\n", "photos", (long)sum->n_photos);
    for (size_t i = 0; i < N_SHOWN && shown_clicks[i] <= sum->n_clicks; i++) {
        char label[32];

        (void)snprintf(label, sizeof label, "IoU, %ld click%s", (long)shown_clicks[i],
                       i ? "s" : "");
        (void)printf("%-16s %.3f\n", label, sum->clicks[shown_clicks[i] - 1]);
        if (i == 0)
            (void)printf("%-16s %.3f\n", "IoU, best of 3", sum->best_of_three);
    }
    (void)printf("%-16s %.3f\n", "IoU, box", sum->box);
    (void)printf("%-16s %.2f   (%ld not within %ld)\n", "NoC@85", sum->noc85, (long)sum->missed85,
                 (long)sum->n_clicks);
    (void)printf("%-16s %.2f   (%ld not within %ld)\n", "NoC@90", sum->noc90, (long)sum->missed90,
                 (long)sum->n_clicks);
}

/* NULL: out of memory. */
static json_t *json_clicks(const double *clicks, int32_t n)
{
    json_t *array = json_array();

    for (int32_t i = 0; array && i < n; i++)
        if (json_array_append_new(array, json_real(clicks[i])) != 0) {
            json_decref(array);
            array = NULL;
        }
    return array;
}

static int print_json(const work *w, const samc_evaluation_summary *sum)
{
    json_t *photos = json_array();
    json_t *root;
    int code = CLI_OK;

    for (size_t i = 0; photos && i < w->n_done; i++) {
        const samc_evaluation *e = &w->done[i];
        json_t *photo = json_pack("{s:s, s:o, s:f, s:f}", "id", w->ids[w->done_ids[i]], "clicks",
                                  json_clicks(e->clicks, e->n_clicks), "best_of_three",
                                  e->best_of_three, "box", e->box);

        if (json_array_append_new(photos, photo) != 0) {
            json_decref(photos);
            photos = NULL;
        }
    }
    root = json_pack("{s:i, s:o, s:f, s:f, s:f, s:f, s:i, s:i, s:o}", "photos", (int)sum->n_photos,
                     "clicks", json_clicks(sum->clicks, sum->n_clicks), "best_of_three",
                     sum->best_of_three, "box", sum->box, "noc85", sum->noc85, "noc90", sum->noc90,
                     "missed85", (int)sum->missed85, "missed90", (int)sum->missed90, "each",
                     photos);
    if (!root || json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9)) != 0 ||
        putchar('\n') == EOF) {
        if (!root)
            cli_error("out of memory while writing JSON");
        code = root ? CLI_OUTPUT : CLI_FAILED; /* what was lost of stdout is told at the end */
    }
    json_decref(root);
    return code;
}

static int print_results(const work *w, const settings *set)
{
    samc_evaluation_summary sum;

    if (w->n_done == 0)
        return CLI_FAILED;
    samc_evaluate_summarize(w->done, w->n_done, &sum);
    if (set->json) {
        int code = print_json(w, &sum);

        if (code != CLI_OK)
            return code;
    } else {
        print_table(&sum);
    }
    return w->failed ? CLI_FAILED : CLI_OK;
}

static void free_work(work *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->ids[i]);
    free(w->ids);
    free(w->done);
    free(w->done_ids);
}

static int run_with(const settings *set, const char *folder)
{
    samc_status status = SAMC_OK;
    cli_session session = {NULL, NULL};
    work w = {.folder = folder};
    samc_error error;
    int code;

    SAMC_CHECK(find_photos(&w, &error));
    SAMC_CHECK(samc_alloc(w.n, sizeof *w.done, &w.done, &error));
    SAMC_CHECK(samc_alloc(w.n, sizeof *w.done_ids, &w.done_ids, &error));

cleanup:
    if (status != SAMC_OK) {
        code = cli_report(&error);
    } else {
        code = cli_session_open(&set->session, &session);
        if (code == CLI_OK) {
            evaluate_all(&w, set, &session);
            code = print_results(&w, set);
        }
        cli_session_close(&session);
    }
    free_work(&w);
    return code;
}

static int run(const cli_command *command, int argc, char **argv)
{
    settings set = {{NULL, 0, NULL}, 0, SAMC_EVALUATE_MAX_CLICKS, false};
    cli_parser parser;

    cli_parser_begin(&parser, command, argc, argv);
    while (cli_parser_next(&parser)) {
        if (cli_session_option(&set.session, &parser))
            continue;
        switch (parser.key) {
        case KEY_LIMIT: (void)cli_parser_integer(&parser, 1, 1000000000, &set.limit); break;
        case KEY_MAX_CLICKS:
            (void)cli_parser_integer(&parser, 1, SAMC_EVALUATE_MAX_CLICKS, &set.max_clicks);
            break;
        case KEY_JSON: set.json = true; break;
        default: break;
        }
    }
    if (parser.finished)
        return parser.exit_code;
    if (parser.n_operands != 1)
        return cli_refuse(command, "give one folder with photos ID.jpg and their ID.png");
    return run_with(&set, parser.operands[0]);
}

const cli_command cli_eval = {
    .name = "eval",
    .summary = "measure a model on photos with outlined objects",
    .usage = "[OPTION]... DIR",
    .about =
        "Measures how well a model finds the objects that people have outlined in the photos\n"
        "DIR/ID.jpg. DIR/ID.png says where: 255 is the object, 128 to be ignored, 0 the rest.\n"
        "\n"
        "The first click is where the object is deepest, each next one where the larger error\n"
        "is. Shown are the mean IoU after 1, 3 and 5 clicks (of the mask ranked first, and of\n"
        "the best of the three that the first click gives) and from a tight box, and NoC@85\n"
        "and NoC@90: the mean number of clicks until the IoU is 0.85 and 0.90.",
    .notes = NULL,
    .options = options,
    .run = run,
};
