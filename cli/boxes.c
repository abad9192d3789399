/* SPDX-License-Identifier: Apache-2.0
 *
 * samc boxes: any detector's boxes in, masks out.
 */
#define _POSIX_C_SOURCE 200809L

#include "base/memory.h"
#include "boxes_files.h"
#include "boxes_photos.h"
#include "cli.h"
#include "dataset/coco_write.h"
#include "detector.h"
#include "output_folder.h"
#include "predict.h"
#include "saver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    KEY_PHOTOS = CLI_KEY_OWN,
    KEY_NAMES,
    KEY_CLASS,
    KEY_MIN_SCORE,
    KEY_DETECTOR,
    KEY_SHELL,
    KEY_TIMEOUT,
    KEY_SAVE,
    KEY_RESUME
};

#define FOLDERS_MAX 64

static int run(const cli_command *command, int argc, char **argv);

static const cli_option options[] = {
    CLI_OPTION_MODEL,
    {"output", 'o', "DIR", "write into DIR (created if missing)"},
    {"photos", KEY_PHOTOS, "DIR",
     "look for the photos in DIR and below; may be given several times\n"
     "(default: beside the detections, and where their names lead)"},
    {"names", KEY_NAMES, "FILE",
     "what YOLO's classes are called: a line each, or YOLO's data.yaml"},
    {"class", KEY_CLASS, "NAME,...", "only boxes of these classes; may be given several times"},
    {"min-score", KEY_MIN_SCORE, "S", "only boxes with a score of S or more (or without any)"},
    {"detector", KEY_DETECTOR, "COMMAND",
     "run COMMAND for each photo, its path in place of {photo}, and take\n"
     "the boxes that it prints; then the operands are photos"},
    {"shell", KEY_SHELL, NULL, "run COMMAND by /bin/sh (default: no shell is involved)"},
    {"timeout", KEY_TIMEOUT, "S", "end COMMAND after S seconds (default: 60)"},
    {"save", KEY_SAVE, "LIST",
     "pictures too, as `samc segment` writes them: mask, overlay, cutout,\n"
     "grid, separated by commas"},
    {"resume", KEY_RESUME, NULL, "pass over photos that have their STEM.json in DIR already"},
    CLI_OPTION_THREADS,
    CLI_OPTION_KERNELS,
    {NULL, 0, NULL, NULL},
};

const cli_command cli_boxes = {
    "boxes",
    "turn a detector's boxes into masks",
    "DETECTIONS... -o DIR [--photos DIR] [OPTION]...\n"
    "--detector COMMAND PHOTO... -o DIR [OPTION]...",
    "Turns boxes that some detector found into masks. Each photo is encoded once and its boxes\n"
    "are decoded in one batch. DETECTIONS is, told by its content:\n"
    "  COCO JSON   a data set, or a list of results (image_id, category_id, bbox, score)\n"
    "  YOLO        STEM.txt a photo, or a folder of them (class, centre, size[, score])\n"
    "  Pascal VOC  an XML a photo, or a folder of them\n"
    "  JSON lines  {\"photo\": \"a.jpg\", \"box\": [x0, y0, x1, y1], \"class\": \"dog\", "
    "\"score\": "
    "0.9}",
    "A box may reach over the photo's edge and is cut there. One that lies outside, is turned\n"
    "round or not finite, and a photo that is missing or broken, are reported and passed over;\n"
    "the exit status is then 1.\n"
    "\n"
    "Files, for photo STEM.jpg:\n"
    "  STEM.json   SA-1B's form: image, and annotations with the fields of `samc segment\n"
    "              --json`, and category, category_id, score and input_box\n"
    "  coco.json   all photos, as a COCO data set; written at the end\n"
    "\n"
    "A detector prints JSON lines as above (\"photo\" may be left out), or a JSON list of them;\n"
    "docs/BOXES.md has programs for OpenCV, YOLO and YOLO-NAS.\n"
    "\n"
    "Examples:\n"
    "  samc boxes detections.json --photos photos -o out --class person,dog --min-score 0.5\n"
    "  samc boxes runs/detect/predict/labels --photos photos --names data.yaml -o out\n"
    "  samc boxes --detector 'python3 detect.py {photo}' photos -o out --save overlay",
    options,
    run,
};

/* What the command line asks for, and what became of it. */
typedef struct work {
    cli_session_options session_options;
    cli_session session;
    cli_detector detector;
    const char *output;
    const char *names;
    const char *folders[FOLDERS_MAX]; /* of --photos */
    size_t n_folders;
    char **classes; /* of --class; NULL: all */
    size_t n_classes;
    double min_score;
    unsigned save;
    bool resume;

    samc_detections detections;
    cli_photos photos;
    size_t *of_photo; /* [photos.count] its index in detections.photos */
    size_t failed, n_masks, n_done, n_resumed;
} work;

static void report(void *user, const char *message)
{
    (void)user;
    cli_error("%s", message);
}

/* Adds the names of a list; on failure the walk ends. */
static void take_classes(work *w, cli_parser *parser)
{
    const char *text = parser->value;
    samc_error error;

    while (*text) {
        size_t length = strcspn(text, ",");
        char **more = realloc(w->classes, (w->n_classes + 1) * sizeof *more);

        if (more)
            w->classes = more;
        if (!more || samc_alloc_zero(length + 1, 1, &more[w->n_classes], &error) != SAMC_OK) {
            cli_error("out of memory");
            parser->finished = true;
            parser->exit_code = CLI_FAILED;
            return;
        }
        memcpy(w->classes[w->n_classes++], text, length);
        text += length + (text[length] == ',');
    }
}

static void take_option(work *w, cli_parser *parser)
{
    samc_error error;
    char *end;

    switch (parser->key) {
    case 'o': w->output = parser->value; break;
    case KEY_PHOTOS:
        if (w->n_folders == FOLDERS_MAX)
            cli_parser_refuse(parser, "more than %d times --photos", FOLDERS_MAX);
        else
            w->folders[w->n_folders++] = parser->value;
        break;
    case KEY_NAMES: w->names = parser->value; break;
    case KEY_CLASS: take_classes(w, parser); break;
    case KEY_MIN_SCORE:
        w->min_score = strtod(parser->value, &end);
        if (end == parser->value || *end || !isfinite(w->min_score))
            cli_parser_refuse(parser, "--min-score %s: it must be a number", parser->value);
        break;
    case KEY_DETECTOR: w->detector.command = parser->value; break;
    case KEY_SHELL: w->detector.shell = true; break;
    case KEY_TIMEOUT: (void)cli_parser_integer(parser, 1, 86400, &w->detector.timeout); break;
    case KEY_SAVE:
        if (cli_save_list_read(parser->value, &w->save, &error) != SAMC_OK)
            cli_parser_refuse(parser, "%s", error.message);
        break;
    case KEY_RESUME: w->resume = true; break;
    }
}

static int check_wishes(const cli_command *command, work *w, int n_operands)
{
    samc_error error;

    if (!w->output || !w->output[0])
        return cli_refuse(command, "say where the masks go: -o DIR");
    if (n_operands == 0)
        return cli_refuse(command, w->detector.command ? "say which photos: files or folders"
                                                       : "say which detections: files or folders");
    if (w->save & CLI_SAVE_LOGITS)
        return cli_refuse(command, "--save logits is for `samc segment`");
    if (!w->detector.command && w->detector.shell)
        return cli_refuse(command, "--shell goes with --detector");
    if (w->detector.command && w->n_folders)
        return cli_refuse(command, "with --detector the photos are the operands, not --photos");
    if (w->detector.command && cli_detector_check(&w->detector, &error) != SAMC_OK)
        return cli_refuse(command, "%s", error.message);
    return CLI_OK;
}

/* Reads the detections and finds their photos. */
static samc_status find_photos(work *w, const cli_parser *parser, samc_error *error)
{
    samc_status status = SAMC_OK;
    cli_photo_index index = {{0}, NULL, NULL, NULL};
    char *path = NULL;

    for (size_t i = 0; i < w->n_folders; i++)
        SAMC_CHECK(cli_photo_index_add(&index, w->folders[i], error));
    SAMC_CHECK(cli_photo_index_sort(&index, error));
    for (int i = 0; i < parser->n_operands; i++)
        SAMC_CHECK(samc_detections_read(&w->detections, parser->operands[i], error));
    SAMC_CHECK(samc_detections_sort(&w->detections, error));
    SAMC_CHECK(samc_alloc(w->detections.n_photos, sizeof *w->of_photo, &w->of_photo, error));
    for (size_t i = 0; i < w->detections.n_photos; i++) {
        status = cli_photo_find(&index, &w->detections.photos[i], &path, error);
        if (status == SAMC_ERROR_IO) {
            cli_error("%s", error->message);
            w->failed++;
            continue;
        }
        if (status == SAMC_OK)
            status = cli_photos_find(&path, 1, &w->photos, error);
        free(path);
        path = NULL;
        if (status != SAMC_OK)
            goto cleanup;
        w->of_photo[w->photos.count - 1] = i;
    }
    status = SAMC_OK;

cleanup:
    cli_photo_index_free(&index);
    return status;
}

/* One photo on its way. */
typedef struct photo_job {
    work *w;
    const cli_photo *item;
    samc_photo photo;
    samc_embedding *embedding;
    cli_saver saver;
    samc_prompts_photo prompts;      /* a box an object */
    samc_prompt *list;               /* [prompts.n_objects] the same for the library */
    const samc_detection **accepted; /* [prompts.n_objects] where they came from */
    json_t *record;
    bool writing; /* an IO error is one of the output's */
} photo_job;

static bool is_wanted(const work *w, const samc_detection *box)
{
    const char *name = box->class >= 0 ? w->detections.classes[box->class].name : "";
    bool wanted = !w->classes;

    for (size_t i = 0; i < w->n_classes; i++)
        wanted |= strcmp(w->classes[i], name) == 0;
    return wanted && !(box->score < w->min_score);
}

/* Chooses the boxes [first, first + count) that are wanted and good; reports the bad ones. */
static samc_status accept_boxes(photo_job *job, size_t first, size_t count, samc_error *error)
{
    work *w = job->w;
    size_t n = 0;

    SAMC_TRY(samc_alloc_zero(count, sizeof *job->prompts.objects, &job->prompts.objects, error));
    SAMC_TRY(samc_alloc_zero(count, sizeof *job->list, &job->list, error));
    SAMC_TRY(samc_alloc_zero(count, sizeof *job->accepted, &job->accepted, error));
    for (size_t i = first; i < first + count; i++) {
        const samc_detection *box = &w->detections.boxes[i];
        samc_prompts_object *object = &job->prompts.objects[n];
        samc_error why;

        if (!is_wanted(w, box))
            continue;
        if (samc_detection_clip(box, job->photo.view.width, job->photo.view.height, object->box,
                                &why) != SAMC_OK) {
            samc_detections_skip(&w->detections, "%s: box %zu is passed over: %s", job->item->path,
                                 box->number, why.message);
            continue;
        }
        object->has_box = 1;
        job->list[n] = (samc_prompt)SAMC_PROMPT_INIT;
        job->list[n].box = object->box;
        job->accepted[n++] = box;
    }
    job->prompts.n_objects = n;
    return SAMC_OK;
}

/* Takes the masks of a group into the record and the pictures. */
static samc_status deliver(void *user, const samc_masks *masks, size_t first, samc_error *error)
{
    photo_job *job = user;
    size_t pixels = (size_t)masks->height * (size_t)masks->width;

    for (int32_t p = 0; p < masks->n_prompts; p++) {
        const samc_detection *from = job->accepted[first + (size_t)p];
        cli_boxes_mask mask = {.pixels = masks->masks + (size_t)p * pixels,
                               .height = masks->height,
                               .width = masks->width,
                               .score = from->score,
                               .predicted_iou = masks->predicted_iou[p],
                               .stability_score = masks->stability_score[p]};

        memcpy(mask.box, job->prompts.objects[first + (size_t)p].box, sizeof mask.box);
        if (from->class >= 0) {
            mask.class_id = job->w->detections.classes[from->class].id;
            mask.class_name = job->w->detections.classes[from->class].name;
        }
        SAMC_TRY(cli_boxes_record_add(job->record, &mask, error));
        job->writing = true;
        if (job->w->save)
            SAMC_TRY(cli_saver_add(&job->saver, first + (size_t)p, masks, p, error));
        job->writing = false;
    }
    job->w->n_masks += (size_t)masks->n_prompts;
    return SAMC_OK;
}

/* Runs the detector on the photo: boxes from *first on. */
static samc_status detect(photo_job *job, size_t *first, size_t *count, samc_error *error)
{
    work *w = job->w;
    samc_error why = {SAMC_OK, ""};
    char *output = NULL;
    size_t size = 0;
    samc_status status;

    *first = w->detections.n_boxes;
    SAMC_TRY(cli_detector_run(&w->detector, job->item->path, &output, &size, error));
    status = samc_detections_json(&w->detections, job->item->path, output, size, &why);
    free(output);
    if (status != SAMC_OK)
        return samc_error_set(error, status, "what the detector printed about %s: %s",
                              job->item->path, why.message);
    *count = w->detections.n_boxes - *first;
    return SAMC_OK;
}

/* Whether the detections were made on pixels of this size. */
static samc_status check_size(const samc_detected_photo *said, const samc_image *view,
                              samc_error *error)
{
    if (!said->width || (said->width == view->width && said->height == view->height))
        return SAMC_OK;
    return SAMC_FAIL(error, PROMPT, "it has %ld x %ld pixels, the detections are of %ld x %ld%s",
                     (long)view->width, (long)view->height, (long)said->width, (long)said->height,
                     said->width == view->height && said->height == view->width
                         ? ": as it lies in the file, before EXIF turns it upright"
                         : "");
}

static samc_status segment(photo_job *job, size_t number, const char *record_path,
                           samc_error *error)
{
    work *w = job->w;
    size_t first = 0, count = 0;

    SAMC_TRY(cli_photo_load(job->item, &job->photo, error));
    if (w->detector.command) {
        SAMC_TRY(detect(job, &first, &count, error));
    } else {
        const samc_detected_photo *said = &w->detections.photos[w->of_photo[number]];

        SAMC_TRY(check_size(said, &job->photo.view, error));
        first = said->first;
        count = said->count;
    }
    SAMC_TRY(accept_boxes(job, first, count, error));
    SAMC_TRY(cli_boxes_record_begin(job->item->path, number + 1, job->photo.view.width,
                                    job->photo.view.height, &job->record, error));
    if (job->prompts.n_objects) {
        const cli_prediction prediction = {
            .session = &w->session, .label = job->item->stem, .deliver = deliver, .user = job};
        cli_prediction with = prediction;

        SAMC_TRY(
            cli_encode(&w->session, &job->photo.view, job->item->stem, &job->embedding, error));
        with.embedding = job->embedding;
        job->saver = (cli_saver){.folder = w->output,
                                 .stem = job->item->stem,
                                 .what = w->save,
                                 .photo = &job->photo,
                                 .prompts = &job->prompts,
                                 .n_masks = 1};
        SAMC_TRY(cli_saver_begin(&job->saver, error));
        SAMC_TRY(cli_predict(&with, job->list, job->prompts.n_objects, error));
        job->writing = true;
        SAMC_TRY(cli_saver_end(&job->saver, error));
    }
    job->writing = true;
    return samc_json_write(record_path, job->record, error); /* last: --resume looks for it */
}

/* Works on one photo; prints what fails and returns the exit code. */
static int take_photo(work *w, size_t number)
{
    photo_job job = {.w = w, .item = &w->photos.items[number]};
    samc_error error;
    char *path = NULL;
    samc_status status = cli_output_path(w->output, job.item->stem, ".json", &path, &error);

    if (status == SAMC_OK && w->resume && access(path, F_OK) == 0) {
        w->n_resumed++;
    } else if (status == SAMC_OK) {
        status = segment(&job, number, path, &error);
        w->n_done += status == SAMC_OK;
    }
    cli_saver_free(&job.saver);
    json_decref(job.record);
    free(job.prompts.objects);
    free(job.list);
    free(job.accepted);
    samc_embedding_free(job.embedding);
    samc_photo_free(&job.photo);
    free(path);
    if (status == SAMC_OK)
        return CLI_OK;
    w->failed++;
    cli_photo_report(job.item, &error);
    return job.writing && status == SAMC_ERROR_IO ? CLI_OUTPUT : CLI_FAILED;
}

/* Whether a name is that of an output of this run: its beginning, since pictures have more. */
static bool is_ours(void *user, const char *name, size_t length)
{
    const work *w = user;

    if (length == strlen("coco.json") && strncmp(name, "coco.json", length) == 0)
        return true;
    for (size_t i = 0; i < w->photos.count; i++) {
        size_t n = strlen(w->photos.items[i].stem);

        if (n < length && strncmp(name, w->photos.items[i].stem, n) == 0 &&
            (name[n] == '.' || name[n] == '_'))
            return true;
    }
    return false;
}

static int segment_all(work *w)
{
    samc_error error;
    int code = cli_session_open(&w->session_options, &w->session);

    if (code != CLI_OK) {
        cli_session_close(&w->session);
        return code;
    }
    for (size_t i = 0; code <= CLI_FAILED && i < w->photos.count && !cli_stop_signal(); i++) {
        int photo_code = take_photo(w, i);

        code = photo_code > code ? photo_code : code;
    }
    cli_session_close(&w->session);
    if (code > CLI_FAILED || cli_stop_signal())
        return code;
    if (cli_boxes_compose(w->output, &w->photos, &error) != SAMC_OK &&
        error.status != SAMC_ERROR_CANCELLED) {
        cli_error("%s", error.message);
        return error.status == SAMC_ERROR_IO ? CLI_OUTPUT : CLI_FAILED;
    }
    cli_note("samc: %zu masks of %zu photos in %s%s", w->n_masks, w->photos.count - w->n_resumed,
             w->output, w->n_resumed ? "; the others were there" : "");
    return w->failed || w->detections.bad || w->photos.failed ? CLI_FAILED : code;
}

/* Everything between the command line and the first photo. */
static int prepare(const cli_command *command, work *w, const cli_parser *parser)
{
    samc_error error;
    samc_status status = SAMC_OK;
    int code = check_wishes(command, w, parser->n_operands);

    if (code != CLI_OK)
        return code;
    w->detections.report = report;
    if (w->names)
        status = samc_detections_names(&w->detections, w->names, &error);
    if (status == SAMC_OK && w->detector.command)
        status = cli_photos_find(parser->operands, parser->n_operands, &w->photos, &error);
    else if (status == SAMC_OK)
        status = find_photos(w, parser, &error);
    if (status != SAMC_OK)
        return cli_report(&error);
    if (w->photos.count == 0) {
        if (!w->failed && !w->photos.failed && !w->detections.bad)
            cli_error("there is no box in the detections");
        return CLI_FAILED;
    }
    if (cli_folder_create(w->output, &error) != SAMC_OK) {
        cli_error("%s", error.message);
        return CLI_OUTPUT;
    }
    cli_output_sweep(w->output, is_ours, w);
    return segment_all(w);
}

static int run(const cli_command *command, int argc, char **argv)
{
    work w = {.detector = {.timeout = 60}, .min_score = -INFINITY};
    cli_parser parser;
    int code;

    cli_parser_begin(&parser, command, argc, argv);
    while (cli_parser_next(&parser))
        if (!cli_session_option(&w.session_options, &parser))
            take_option(&w, &parser);
    code = parser.finished ? parser.exit_code : prepare(command, &w, &parser);
    for (size_t i = 0; i < w.n_classes; i++)
        free(w.classes[i]);
    free(w.classes);
    free(w.of_photo);
    samc_detections_free(&w.detections);
    cli_photos_free(&w.photos);
    return code;
}
