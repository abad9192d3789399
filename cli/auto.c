/* SPDX-License-Identifier: Apache-2.0
 *
 * samc auto: photos in, the masks of everything in them out.
 */
#define _POSIX_C_SOURCE 200809L

#include "auto_files.h"
#include "base/memory.h"
#include "bench.h"
#include "cli.h"
#include "coco_file.h"
#include "inputs.h"
#include "json_out.h"
#include "output_folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_INPUT = CLI_KEY_OWN,
    KEY_CHECKPOINT,
    KEY_MODEL_TYPE,
    KEY_DEVICE,
    KEY_CONVERT_TO_RLE,
    KEY_POINTS_PER_SIDE,
    KEY_POINTS_PER_BATCH,
    KEY_PRED_IOU,
    KEY_STABILITY,
    KEY_STABILITY_OFFSET,
    KEY_BOX_NMS,
    KEY_CROP_LAYERS,
    KEY_CROP_NMS,
    KEY_CROP_OVERLAP,
    KEY_CROP_DOWNSCALE,
    KEY_REGION_AREA,
    KEY_MASK_AREA,
    KEY_EXACT,
    KEY_FORMAT,
    KEY_SEED,
    KEY_RESUME,
    KEY_SHARD,
    KEY_EMBEDDING,
    KEY_TIMINGS
};

static int run(const cli_command *command, int argc, char **argv);

static const cli_option options[] = {
    CLI_OPTION_MODEL,
    {"output", 'o', "DIR", "write files into DIR (created if missing)"},
    {"format", KEY_FORMAT, "LIST",
     "what to write: amg, sa1b, coco, labelmap, overlay, sidebyside,\n"
     "grid, separated by commas (default: amg)"},
    {"convert-to-rle", KEY_CONVERT_TO_RLE, NULL, "write STEM.json instead of amg's folder"},
    {"points-per-side", KEY_POINTS_PER_SIDE, "N", "ask at a grid of N x N points (default: 32)"},
    {"points-per-batch", KEY_POINTS_PER_BATCH, "N",
     "points between two steps of the progress bar (default: 64);\n"
     "the masks do not depend on it"},
    {"pred-iou-thresh", KEY_PRED_IOU, "X",
     "keep masks of which the model says an IoU above X (default: what\n"
     "the model recommends, else 0.88)"},
    {"stability-score-thresh", KEY_STABILITY, "X",
     "keep masks that change little with the threshold (default: what\n"
     "the model recommends, else 0.95)"},
    {"stability-score-offset", KEY_STABILITY_OFFSET, "X",
     "by how much it is moved for that (default: 1.0)"},
    {"box-nms-thresh", KEY_BOX_NMS, "X",
     "two masks of one crop are the same if the IoU of their boxes is\n"
     "above X (default: 0.7)"},
    {"crop-n-layers", KEY_CROP_LAYERS, "N",
     "look again in 4 overlapping crops, in 16, ...: N layers\n"
     "(default: 0)"},
    {"crop-nms-thresh", KEY_CROP_NMS, "X", "the same for masks of different crops (default: 0.7)"},
    {"crop-overlap-ratio", KEY_CROP_OVERLAP, "X",
     "how much crops overlap, of the shorter side (default: 512/1500)"},
    {"crop-n-points-downscale-factor", KEY_CROP_DOWNSCALE, "N",
     "layer i has the points a side divided by N^i (default: 1)"},
    {"min-mask-region-area", KEY_REGION_AREA, "N",
     "fill holes and drop islands of less than N pixels (default: 0)"},
    {"min-mask-area", KEY_MASK_AREA, "N", "leave out masks of less than N pixels (default: 0)"},
    {"exact", KEY_EXACT, NULL, "make the reference's mistakes too (see below)"},
    {"seed", KEY_SEED, "N", "choose other colours for the pictures (default: 0)"},
    {"resume", KEY_RESUME, NULL, "pass over photos whose files are there"},
    {"shard", KEY_SHARD, "I/N", "take every N-th photo, from the I-th on (I from 1)"},
    {"embedding", KEY_EMBEDDING, "FILE",
     "take the photo's embedding from FILE (of `samc embed`) instead of\n"
     "computing it; for one photo, without crops"},
    {"timings", KEY_TIMINGS, NULL,
     "print a line of JSON a photo on standard output: masks, seconds,\n"
     "stages, memory"},
    {"input", KEY_INPUT, "PATH", "a photo or a folder of photos, as an operand is"},
    {"checkpoint", KEY_CHECKPOINT, "MODEL", "the same as -m"},
    {"model-type", KEY_MODEL_TYPE, "NAME",
     "the model must be NAME: default (vit_h), vit_h, vit_l or vit_b;\n"
     "the checkpoint itself tells which it is"},
    {"device", KEY_DEVICE, "NAME", "samc computes on the CPU, whatever NAME says"},
    CLI_OPTION_THREADS,
    CLI_OPTION_KERNELS,
    {NULL, 0, NULL, NULL},
};

const cli_command cli_auto = {
    "auto",
    "find the masks of everything in photos",
    "PHOTO... -o DIR [OPTION]...",
    "Finds the masks of everything in photos: asks the model at a grid of points and keeps what\n"
    "it is sure of, once. PHOTO is a JPEG, PNG, WebP or TIFF, or a folder of them. The options\n"
    "have the names and defaults of the reference's amg.py.",
    "Files, for photo STEM.jpg:\n"
    "  STEM/N.png, STEM/metadata.csv  amg: each mask, 255 inside, and their figures\n"
    "  STEM.json                      --convert-to-rle: a list of records with COCO RLE\n"
    "  STEM.json                      sa1b: {image, annotations} as in SA-1B\n"
    "  coco.json                      coco: one file for all photos\n"
    "  STEM_labels.png                labelmap: mask N as the value N + 1, smaller on top\n"
    "  STEM_overlay.png               overlay: all masks on the photo in random colours\n"
    "  STEM_sidebyside.png            sidebyside: the photo, and that beside it\n"
    "  STEM_grid.png                  grid: each mask on its own, from large to small\n"
    "Each appears whole or not at all. A second photo of the same STEM in one run is written\n"
    "as STEM-2, with a note. A bad photo is reported and passed over (exit status 1).\n"
    "\n"
    "Many photos: Ctrl-C keeps what is finished, --resume goes on. With coco the finished\n"
    "photos are in coco.json.partial until all are done; with --shard the file is\n"
    "coco-I-of-N.json, and its ids are those of no other shard.\n"
    "\n"
    "What --exact changes: --crop-overlap-ratio is a whole number; a folder that is there\n"
    "already is an error; a photo without masks fails if it was cut into crops, and so does one\n"
    "with crops of no pixels; an empty mask has no stability score; rows of more than 32767\n"
    "pixels inside a mask count as negative in it.\n"
    "\n"
    "Examples:\n"
    "  samc auto photo.jpg -o out\n"
    "  samc auto photo.jpg -o out --format overlay,labelmap --points-per-side 16\n"
    "  samc auto photos -o out --format coco --resume\n"
    "  samc auto photos -o out --convert-to-rle --shard $SLURM_ARRAY_TASK_ID/10 --resume",
    options,
    run,
};

/* What the command line asks for. */
typedef struct wishes {
    cli_session_options session;
    samc_generate_options generate;
    bool own_iou, own_stability; /* thresholds were given: the model's do not count */
    const char *overlap;         /* --crop-overlap-ratio as written, or NULL */
    char **inputs;               /* [n_inputs]: operands of --input; points into argv */
    int n_inputs;
    const char *output, *embedding, *model_type;
    unsigned what;
    long seed, shard, shards;
    bool rle, resume, timings;
    cli_photos photos;
} wishes;

/* ------------------------------------------------------------------------- options */

/* parser->value as a number; `name` is the option's. */
static double read_number(cli_parser *parser, const char *name)
{
    char *end;
    const double number = strtod(parser->value, &end);

    if (end == parser->value || *end || !isfinite(number))
        cli_parser_refuse(parser, "--%s %s: it must be a number", name, parser->value);
    return number;
}

static void take_shard(wishes *w, cli_parser *parser)
{
    int used = 0;

    if (sscanf(parser->value, "%6ld/%6ld%n", &w->shard, &w->shards, &used) != 2 ||
        parser->value[used] || w->shard < 1 || w->shard > w->shards)
        cli_parser_refuse(parser, "--shard %s: give I/N, such as 1/4, with I from 1 to N",
                          parser->value);
}

/* The options of amg.py beside its parameters. */
static bool take_their_option(wishes *w, cli_parser *parser)
{
    switch (parser->key) {
    case KEY_INPUT: w->inputs[w->n_inputs++] = (char *)(uintptr_t)parser->value; return true;
    case KEY_CHECKPOINT: w->session.model = parser->value; return true;
    case KEY_MODEL_TYPE:
        w->model_type = strcmp(parser->value, "default") == 0 ? "vit_h" : parser->value;
        if (!cli_checkpoint_find(w->model_type))
            cli_parser_refuse(parser, "--model-type %s: it can be default, " CLI_CHECKPOINT_NAMES,
                              parser->value);
        return true;
    case KEY_DEVICE:
        if (strcmp(parser->value, "cpu") != 0)
            cli_note("samc: note: --device %s: samc computes on the CPU", parser->value);
        return true;
    case KEY_CONVERT_TO_RLE: w->rle = true; return true;
    default: return false;
    }
}

static bool take_parameter(wishes *w, cli_parser *parser)
{
    samc_generate_options *g = &w->generate;
    long whole = 0;

    switch (parser->key) {
    case KEY_POINTS_PER_SIDE:
        if (cli_parser_integer(parser, 1, 1024, &whole))
            g->points_per_side = (int32_t)whole;
        return true;
    case KEY_POINTS_PER_BATCH:
        if (cli_parser_integer(parser, 1, 1L << 20, &whole))
            g->points_per_batch = (int32_t)whole;
        return true;
    case KEY_PRED_IOU:
        g->pred_iou_thresh = (float)read_number(parser, "pred-iou-thresh");
        w->own_iou = true;
        return true;
    case KEY_STABILITY:
        g->stability_score_thresh = (float)read_number(parser, "stability-score-thresh");
        w->own_stability = true;
        return true;
    case KEY_STABILITY_OFFSET:
        g->stability_score_offset = (float)read_number(parser, "stability-score-offset");
        return true;
    case KEY_BOX_NMS: g->box_nms_thresh = read_number(parser, "box-nms-thresh"); return true;
    case KEY_CROP_LAYERS:
        if (cli_parser_integer(parser, 0, 8, &whole))
            g->crop_n_layers = (int32_t)whole;
        return true;
    case KEY_CROP_NMS: g->crop_nms_thresh = read_number(parser, "crop-nms-thresh"); return true;
    case KEY_CROP_OVERLAP:
        w->overlap = parser->value;
        g->crop_overlap_ratio = read_number(parser, "crop-overlap-ratio");
        if (!(g->crop_overlap_ratio >= 0 && g->crop_overlap_ratio <= 1))
            cli_parser_refuse(parser, "--crop-overlap-ratio %s: it must be 0 to 1", parser->value);
        return true;
    case KEY_CROP_DOWNSCALE:
        if (cli_parser_integer(parser, 1, 1024, &whole))
            g->crop_n_points_downscale_factor = (int32_t)whole;
        return true;
    case KEY_REGION_AREA:
        if (cli_parser_integer(parser, 0, INT32_MAX, &whole))
            g->min_mask_region_area = whole;
        return true;
    case KEY_MASK_AREA:
        if (cli_parser_integer(parser, 0, INT32_MAX, &whole))
            g->min_mask_area = whole;
        return true;
    default: return false;
    }
}

static void take_option(wishes *w, cli_parser *parser)
{
    samc_error error;

    if (cli_session_option(&w->session, parser) || take_their_option(w, parser) ||
        take_parameter(w, parser))
        return;
    switch (parser->key) {
    case 'o': w->output = parser->value; break;
    case KEY_FORMAT:
        if (cli_auto_list_read(parser->value, &w->what, &error) != SAMC_OK)
            cli_parser_refuse(parser, "%s", error.message);
        break;
    case KEY_EXACT: w->generate.exact = 1; break;
    case KEY_SEED: (void)cli_parser_integer(parser, 0, INT32_MAX, &w->seed); break;
    case KEY_RESUME: w->resume = true; break;
    case KEY_SHARD: take_shard(w, parser); break;
    case KEY_EMBEDDING: w->embedding = parser->value; break;
    case KEY_TIMINGS: w->timings = true; break;
    }
}

/* Checks what options can contradict each other in. Returns an exit code. */
static int check_wishes(const cli_command *command, wishes *w)
{
    if (w->n_inputs == 0)
        return cli_refuse(command, "say which photo: a file or a folder");
    if (!w->output || !w->output[0])
        return cli_refuse(command, "say where the masks go: -o DIR");
    if (w->rle && w->what & (CLI_AUTO_AMG | CLI_AUTO_SA1B))
        return cli_refuse(command,
                          "--convert-to-rle stands for amg and has sa1b's file name: leave "
                          "one of them out");
    if (w->rle)
        w->what |= CLI_AUTO_RLE;
    if (!w->what)
        w->what = CLI_AUTO_AMG;
    if (w->embedding && w->generate.crop_n_layers)
        return cli_refuse(command, "--embedding has no pixels to cut crops from: leave "
                                   "--crop-n-layers out");
    if (w->generate.exact && w->overlap && strspn(w->overlap, "0123456789") != strlen(w->overlap))
        return cli_refuse(command,
                          "--crop-overlap-ratio %s: with --exact, as in the reference, it "
                          "must be a whole number",
                          w->overlap);
    return CLI_OK;
}

/* ------------------------------------------------------------------------- one photo */

/* The run. */
typedef struct auto_run {
    const wishes *w;
    samc_generate_options generate; /* those of the wishes and what the model recommends */
    cli_session session;
    cli_coco coco;
    double started;
    size_t todo, begun; /* photos of this shard that are not there yet */
    size_t finished, masks;
} auto_run;

typedef struct photo_job {
    const auto_run *run;
    const cli_photo *item;
    size_t number; /* in the whole list, from 1 */
    samc_photo photo;
    samc_embedding *embedding;
    cli_found found;
    bool writing; /* an IO error is one of the output's */
} photo_job;

static samc_status load_embedding(photo_job *job, samc_error *error)
{
    const char *path = job->run->w->embedding;
    int32_t width, height;

    SAMC_TRY(samc_embedding_load(job->run->session.model, path, &job->embedding, error));
    samc_embedding_photo_size(job->embedding, &width, &height);
    if (width != job->photo.view.width || height != job->photo.view.height)
        return SAMC_FAIL(error, PROMPT,
                         "the embedding %s is of another photo: %d x %d pixels, not %d x %d", path,
                         width, height, job->photo.view.width, job->photo.view.height);
    return SAMC_OK;
}

/* What a photo took: until its masks were found, and with its files written. */
static void print_timings(const photo_job *job, const bench_work *work, double whole)
{
    (void)fputs("{\"photo\": ", stdout);
    cli_json_string(stdout, job->item->path);
    (void)printf(", \"masks\": %zu, \"seconds\": %.4f, \"with_files\": %.4f, \"peak_rss_mib\": "
                 "%.1f, \"stages\": {",
                 job->found.count, work->seconds, whole, bench_memory());
    for (int i = 0; i < work->n_stages; i++)
        (void)printf("%s\"%s\": %.4f", i ? ", " : "", work->stages[i].name,
                     work->stages[i].seconds);
    (void)fputs("}}\n", stdout);
}

static samc_status find_masks(photo_job *job, samc_error *error)
{
    const auto_run *r = job->run;
    samc_generate_options o = r->generate;
    cli_progress progress;
    samc_error inner = {SAMC_OK, ""};
    samc_status status;

    cli_progress_begin_one_of(&progress, job->item->stem, r->begun - 1, r->todo, r->started);
    o.progress = cli_progress_step;
    o.user = &progress;
    job->found.width = job->photo.view.width;
    job->found.height = job->photo.view.height;
    job->found.error = &inner;
    if (job->embedding)
        status = samc_generate_from_embedding(r->session.context, r->session.model, job->embedding,
                                              &o, cli_found_take, &job->found, error);
    else
        status = samc_generate(r->session.context, r->session.model, &job->photo.view, &o,
                               cli_found_take, &job->found, error);
    cli_progress_end(&progress);
    if (inner.status != SAMC_OK) { /* it was not the user who stopped the call */
        *error = inner;
        status = inner.status;
    }
    return status;
}

static samc_status work(photo_job *job, auto_run *r, samc_error *error)
{
    const wishes *w = r->w;
    const char *slash = strrchr(job->item->path, '/');
    cli_auto_files files = {.folder = w->output,
                            .stem = job->item->stem,
                            .name = slash ? slash + 1 : job->item->path,
                            .number = job->number,
                            .what = w->what,
                            .seed = (uint64_t)w->seed,
                            .exact = w->generate.exact != 0,
                            .photo = &job->photo,
                            .found = &job->found};

    const double begin = bench_now();
    bench_work times = {.seconds = 0};
    bench_clock clock;
    samc_status status;

    SAMC_TRY(cli_photo_load(job->item, &job->photo, error));
    if (w->embedding)
        SAMC_TRY(load_embedding(job, error));
    bench_clock_begin(&clock, r->session.context);
    status = find_masks(job, error);
    bench_clock_end(&clock, &times); /* in every case: the context holds on to the clock */
    SAMC_TRY(status);
    SAMC_TRY(cli_found_sort(&job->found, error));
    job->writing = true;
    SAMC_TRY(cli_auto_files_write(&files, error));
    /* last: a photo is in the journal once all its files are there */
    if (w->what & CLI_AUTO_COCO)
        SAMC_TRY(cli_coco_add(&r->coco, job->item->path, &job->found, error));
    if (w->timings)
        print_timings(job, &times, bench_now() - begin);
    return SAMC_OK;
}

/* Prints what fails and returns the exit code. */
static int work_on(auto_run *r, size_t index)
{
    photo_job job = {.run = r, .item = &r->w->photos.items[index], .number = index + 1};
    samc_error error = {SAMC_OK, ""};
    samc_status status;

    r->begun++;
    status = work(&job, r, &error);
    if (status == SAMC_OK) {
        r->finished++;
        r->masks += job.found.count;
    }
    cli_found_free(&job.found);
    samc_embedding_free(job.embedding);
    samc_photo_free(&job.photo);
    if (status == SAMC_OK)
        return CLI_OK;
    cli_photo_report(job.item, &error);
    return job.writing && status == SAMC_ERROR_IO && !r->w->generate.exact ? CLI_OUTPUT
                                                                           : CLI_FAILED;
}

/* ------------------------------------------------------------------------- all photos */

static bool is_mine(const wishes *w, size_t index)
{
    return index % (size_t)w->shards == (size_t)(w->shard - 1);
}

static bool is_done(auto_run *r, size_t index)
{
    const wishes *w = r->w;
    const cli_photo *item = &w->photos.items[index];

    return w->resume && cli_auto_files_done(w->output, item->stem, w->what) &&
           (!(w->what & CLI_AUTO_COCO) || cli_coco_has(&r->coco, item->path));
}

/* Whether a name begins like the outputs of a photo of this run. */
static bool is_output(void *user, const char *name, size_t length)
{
    const wishes *w = user;

    for (size_t i = 0; i < w->photos.count; i++) {
        const char *stem = w->photos.items[i].stem;
        const size_t n = strlen(stem);

        if (is_mine(w, i) && n <= length && strncmp(name, stem, n) == 0 &&
            (n == length || name[n] == '.' || name[n] == '_'))
            return true;
    }
    return false;
}

static samc_status coco_path(const wishes *w, char **path, samc_error *error)
{
    char name[64] = "coco.json";

    if (w->shards > 1)
        (void)snprintf(name, sizeof name, "coco-%ld-of-%ld.json", w->shard, w->shards);
    return cli_path_join(w->output, name, path, error);
}

/* `*complete`: an earlier run has written the file with every photo in it. */
static samc_status open_coco(auto_run *r, bool *complete, samc_error *error)
{
    char *path = NULL;
    samc_status status;

    SAMC_TRY(coco_path(r->w, &path, error));
    *complete = r->w->resume && cli_coco_is_complete(path);
    status = *complete ? SAMC_OK : cli_coco_open(&r->coco, path, r->w->resume, error);
    free(path);
    return status;
}

/* Makes the COCO file of what there is. */
static samc_status write_coco(auto_run *r, samc_error *error)
{
    const cli_photos *photos = &r->w->photos;
    cli_coco_photo *list = NULL;
    samc_status status;

    SAMC_TRY(samc_alloc(photos->count, sizeof *list, &list, error));
    for (size_t i = 0; i < photos->count; i++) {
        const char *slash = strrchr(photos->items[i].path, '/');

        list[i] = (cli_coco_photo){photos->items[i].path, slash ? slash + 1 : photos->items[i].path,
                                   i + 1};
    }
    status = cli_coco_write(&r->coco, list, photos->count, (size_t)r->w->shard,
                            (size_t)r->w->shards, error);
    free(list);
    return status;
}

/* A bad photo does not stop the others, an output that takes nothing does. */
static int work_on_all(auto_run *r)
{
    const size_t count = r->w->photos.count;
    int code = CLI_OK;

    for (size_t i = 0; i < count; i++)
        r->todo += is_mine(r->w, i) && !is_done(r, i);
    r->started = cli_progress_now();
    for (size_t i = 0; code <= CLI_FAILED && i < count && !cli_stop_signal(); i++)
        if (is_mine(r->w, i) && !is_done(r, i)) {
            const int photo_code = work_on(r, i);

            code = photo_code > code ? photo_code : code;
        }
    return code;
}

/* Nothing at all is rarely what somebody wanted, and easily mended where it was the thresholds. */
static void tell_of_nothing(const auto_run *r)
{
    const double iou = (double)r->generate.pred_iou_thresh;
    const double stability = (double)r->generate.stability_score_thresh;

    if (r->finished == 0 || r->masks > 0)
        return;
    cli_note("samc: note: no mask was kept with --pred-iou-thresh %g and --stability-score-thresh "
             "%g: lower ones keep more",
             iou, stability);
}

/* Where the command line has no thresholds the model's count, if its file has any. */
static void choose_thresholds(auto_run *r)
{
    const samc_generate_options *asked = &r->w->generate;

    r->generate = *asked;
    (void)samc_model_recommend(r->session.model, &r->generate, NULL);
    if (r->w->own_iou)
        r->generate.pred_iou_thresh = asked->pred_iou_thresh;
    if (r->w->own_stability)
        r->generate.stability_score_thresh = asked->stability_score_thresh;
}

static int check_model(const auto_run *r)
{
    samc_model_info info = SAMC_MODEL_INFO_INIT;

    if (!r->w->model_type)
        return CLI_OK;
    (void)samc_model_get_info(r->session.model, &info, NULL);
    if (strcmp(info.name, r->w->model_type) == 0)
        return CLI_OK;
    cli_error("the model is %s, not %s as --model-type says", info.name, r->w->model_type);
    return CLI_MODEL;
}

static int run_all(const wishes *w)
{
    auto_run r = {.w = w};
    samc_error error = {SAMC_OK, ""};
    const bool coco = w->what & CLI_AUTO_COCO;
    bool complete = false;
    int code = CLI_OK;

    if (coco && open_coco(&r, &complete, &error) != SAMC_OK) {
        cli_error("%s", error.message);
        code = CLI_OUTPUT;
    }
    if (complete) {
        cli_note("samc: note: the COCO file in %s is complete: nothing is done", w->output);
        return CLI_OK;
    }
    if (code == CLI_OK)
        code = cli_session_open(&w->session, &r.session);
    if (code == CLI_OK)
        code = check_model(&r);
    if (code == CLI_OK) {
        choose_thresholds(&r);
        code = work_on_all(&r);
        tell_of_nothing(&r);
        if (coco && code <= CLI_FAILED && write_coco(&r, &error) != SAMC_OK) {
            cli_error("%s", error.message);
            code = CLI_OUTPUT;
        }
    }
    /* as long as a photo is missing the next run may want to go on */
    cli_coco_close(&r.coco, code == CLI_OK && !cli_stop_signal());
    cli_session_close(&r.session);
    return code;
}

/* Everything between the command line and the model. */
static int prepare_and_run(const cli_command *command, wishes *w)
{
    samc_error error;
    int code = check_wishes(command, w);

    if (code != CLI_OK)
        return code;
    if (cli_photos_find(w->inputs, w->n_inputs, &w->photos, &error) != SAMC_OK)
        return cli_report(&error);
    if (w->photos.count == 0)
        return CLI_FAILED; /* said already */
    if (w->embedding && w->photos.count != 1)
        return cli_refuse(command, "--embedding is for one photo, not %zu", w->photos.count);
    if (cli_folder_create(w->output, &error) != SAMC_OK) {
        cli_error("%s", error.message);
        return CLI_OUTPUT;
    }
    cli_output_sweep(w->output, is_output, w);
    code = run_all(w);
    return code == CLI_OK && w->photos.failed ? CLI_FAILED : code;
}

static int run(const cli_command *command, int argc, char **argv)
{
    wishes w = {.generate = SAMC_GENERATE_OPTIONS_INIT, .shard = 1, .shards = 1};
    cli_parser parser;
    samc_error error;
    int code;

    if (samc_alloc((size_t)argc, sizeof *w.inputs, &w.inputs, &error) != SAMC_OK)
        return cli_report(&error);
    cli_parser_begin(&parser, command, argc, argv);
    while (cli_parser_next(&parser))
        take_option(&w, &parser);
    code = parser.exit_code;
    if (!parser.finished) {
        for (int i = 0; i < parser.n_operands; i++)
            w.inputs[w.n_inputs++] = parser.operands[i];
        code = prepare_and_run(command, &w);
    }
    cli_photos_free(&w.photos);
    free(w.inputs);
    return code;
}
