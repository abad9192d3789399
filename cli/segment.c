/* SPDX-License-Identifier: Apache-2.0
 *
 * samc segment: photos and prompts in, masks out.
 */
#define _POSIX_C_SOURCE 200809L

#include "base/memory.h"
#include "cli.h"
#include "inputs.h"
#include "objects.h"
#include "predict.h"
#include "record.h"
#include "saver.h"

#include <stdlib.h>
#include <string.h>

enum {
    KEY_MULTIMASK = CLI_KEY_OWN,
    KEY_OBJECT,
    KEY_MASK,
    KEY_PROMPTS,
    KEY_EMBEDDING,
    KEY_PRECISION,
    KEY_JSON,
    KEY_SAVE
};

static int run(const cli_command *command, int argc, char **argv);

static const cli_option options[] = {
    CLI_OPTION_MODEL,
    {"point", 'p', "X,Y[,+|-]",
     "a point on the object (+, the default) or beside it (-); may be\n"
     "given many times"},
    {"box", 'b', "X0,Y0,X1,Y1", "a box around the object: top left and bottom right corner"},
    {"mask", KEY_MASK, "FILE",
     "a mask to start from: logits (.npy, as --save low_res writes them)\n"
     "or a drawn picture of the photo's size, bright inside"},
    {"object", KEY_OBJECT, NULL, "the prompts that follow are for the next object"},
    {"prompts", KEY_PROMPTS, "FILE", "read the prompts from a JSON file instead"},
    {"multimask", KEY_MULTIMASK, NULL,
     "three masks an object (whole, part, subpart) instead of one"},
    {"output", 'o', "DIR",
     "write files into DIR (created if missing); - writes the one mask\n"
     "as PNG to standard output"},
    {"save", KEY_SAVE, "LIST",
     "what to write: mask, overlay, cutout, logits, low_res, grid,\n"
     "separated by commas (default: mask,overlay)"},
    {"json", KEY_JSON, NULL, "print one line of JSON a mask on standard output"},
    {"embedding", KEY_EMBEDDING, "FILE",
     "take the photo's embedding from FILE (of `samc embed`) instead of\n"
     "computing it; for one photo"},
    {"precision", KEY_PRECISION, "TYPE",
     "compute in TYPE: f32, the default and so far the only one"},
    CLI_OPTION_THREADS,
    CLI_OPTION_KERNELS,
    {NULL, 0, NULL, NULL},
};

const cli_command cli_segment = {
    "segment",
    "find the masks of objects in photos, from points, boxes and masks",
    "PHOTO... PROMPT... [-o DIR] [--json] [OPTION]...",
    "Finds the masks of objects in photos. PHOTO is a JPEG, PNG, WebP or TIFF, a folder of\n"
    "them, or - for standard input. PROMPT is any of --point, --box and --mask, in pixels of\n"
    "the upright photo, (0, 0) at its top left corner; --object begins the next object.",
    "Files, for photo STEM.jpg, object K and mask M (both from 0):\n"
    "  STEM_objectK_maskM.png          mask: gray, 255 inside\n"
    "  STEM_objectK_maskM_overlay.png  overlay: the mask on the photo (of one object)\n"
    "  STEM_overlay.png                overlay: best masks on the photo (of several objects)\n"
    "  STEM_objectK_maskM_cutout.png   cutout: the object on transparent ground\n"
    "  STEM_objectK_logits.npy         logits: f32 [masks, height, width]\n"
    "  STEM_objectK_maskM_low_res.npy  low_res: f32 [1, S, S], to feed back with --mask\n"
    "  STEM_grid.png                   grid: all masks side by side, a row for each object\n"
    "A second photo of the same STEM in one run is written as STEM-2, with a note.\n"
    "\n"
    "JSON: photo, object, mask, predicted_iou, stability_score, area (pixels), bbox (x, y, w,\n"
    "h; w and h are the last column and row minus the first), segmentation (COCO RLE).\n"
    "\n"
    "Examples:\n"
    "  samc segment photo.jpg --point 500,375 --multimask -o out\n"
    "  samc segment photo.jpg -p 500,375 -p 1125,625,- --json\n"
    "  samc segment photo.jpg -b 425,600,700,875 --object -b 1360,525,1680,780 -o out\n"
    "  samc segment photo.jpg -p 500,375 --mask out/photo_object0_mask2_low_res.npy -o two\n"
    "  curl -s https://example.org/cat.jpg | samc segment - -p 90,80 -o - > mask.png",
    options,
    run,
};

/* What the command line asks for. */
typedef struct wishes {
    cli_session_options session;
    samc_prompts prompts;
    const char *prompts_path; /* where they came from, or NULL: from options */
    char *prompts_folder;     /* of prompts_path; masks are named from there */
    cli_photos photos;
    const char *output;
    const char *embedding;
    unsigned save;
    bool json;
    bool multimask;
} wishes;

static void take_option(wishes *w, cli_parser *parser)
{
    samc_status status = SAMC_OK;
    samc_error error;

    switch (parser->key) {
    case 'p': status = cli_objects_add_point(&w->prompts, parser->value, &error); break;
    case 'b': status = cli_objects_add_box(&w->prompts, parser->value, &error); break;
    case 'o': w->output = parser->value; break;
    case KEY_MASK: status = cli_objects_add_mask(&w->prompts, parser->value, &error); break;
    case KEY_OBJECT: status = cli_objects_next(&w->prompts, &error); break;
    case KEY_PROMPTS: w->prompts_path = parser->value; break;
    case KEY_MULTIMASK: w->multimask = true; break;
    case KEY_JSON: w->json = true; break;
    case KEY_SAVE: status = cli_save_list_read(parser->value, &w->save, &error); break;
    case KEY_EMBEDDING: w->embedding = parser->value; break;
    case KEY_PRECISION:
        if (strcmp(parser->value, "f32") != 0)
            cli_parser_refuse(parser, "--precision %s: samc %s computes in f32 only", parser->value,
                              samc_version());
        break;
    }
    if (status == SAMC_ERROR_MEMORY) {
        parser->finished = true;
        parser->exit_code = cli_report(&error);
    } else if (status != SAMC_OK) {
        cli_parser_refuse(parser, "%s", error.message);
    }
}

/* Checks what options can contradict each other in. Returns an exit code. */
static int check_wishes(const cli_command *command, wishes *w, int n_operands)
{
    bool piped = w->output && strcmp(w->output, "-") == 0;

    if (n_operands == 0)
        return cli_refuse(command, "say which photo: a file, a folder, or - for standard input");
    if (w->prompts_path && w->prompts.n_photos)
        return cli_refuse(command, "prompts come from --prompts or from --point, --box and --mask, "
                                   "not from both");
    if (w->output && !w->output[0])
        return cli_refuse(command, "-o needs the name of a folder");
    if (!w->output && !w->json)
        return cli_refuse(command, "say where the masks go: -o DIR, -o - or --json");
    if (w->save && (!w->output || piped))
        return cli_refuse(command, "--save needs a folder: -o DIR");
    if (piped && w->json)
        return cli_refuse(command, "-o - and --json both want standard output");
    if (piped && w->multimask)
        return cli_refuse(command, "-o - writes one mask, --multimask makes three: give -o DIR");
    if (w->output && !piped && !w->save)
        w->save = CLI_SAVE_MASK | CLI_SAVE_OVERLAY;
    if (piped)
        w->save = CLI_SAVE_MASK;
    return CLI_OK;
}

/* Reads the prompts file, or checks the prompts of the options. Returns an exit code. */
static int settle_prompts(const cli_command *command, wishes *w)
{
    samc_error error;
    samc_status status;

    if (w->prompts_path) {
        char *slash;

        status = samc_prompts_read(w->prompts_path, &w->prompts, &error);
        if (status == SAMC_OK)
            status = samc_alloc_string(w->prompts_path, &w->prompts_folder, &error);
        slash = status == SAMC_OK ? strrchr(w->prompts_folder, '/') : NULL;
        if (slash) {
            slash[slash == w->prompts_folder] = '\0'; /* "/p.json" is in "/" */
        } else {
            free(w->prompts_folder); /* the current folder */
            w->prompts_folder = NULL;
        }
    } else {
        status = cli_objects_check(&w->prompts, &error);
    }
    if (status == SAMC_ERROR_MEMORY)
        return cli_report(&error);
    return status == SAMC_OK ? CLI_OK : cli_refuse(command, "%s", error.message);
}

/* One photo on its way. */
typedef struct photo_job {
    const wishes *w;
    const cli_session *session;
    const cli_photo *item;
    const samc_prompts_photo *prompts;
    cli_prompt_list list;
    samc_photo photo;
    samc_embedding *embedding;
    cli_saver saver;
    bool writing; /* an IO error is one of the output's */
} photo_job;

/* Reads the photo's embedding, or makes it. */
static samc_status embed(photo_job *job, samc_error *error)
{
    int32_t width;
    int32_t height;

    if (job->w->embedding) {
        SAMC_TRY(
            samc_embedding_load(job->session->model, job->w->embedding, &job->embedding, error));
        samc_embedding_photo_size(job->embedding, &width, &height);
        if (width != job->photo.view.width || height != job->photo.view.height)
            return SAMC_FAIL(
                error, PROMPT, "the embedding %s is of another photo: %d x %d pixels, not %d x %d",
                job->w->embedding, width, height, job->photo.view.width, job->photo.view.height);
        return SAMC_OK;
    }
    return cli_encode(job->session, &job->photo.view, job->item->stem, &job->embedding, error);
}

/* Writes and prints what `masks` holds of the objects from `first` on. */
static samc_status deliver(void *user, const samc_masks *masks, size_t first, samc_error *error)
{
    photo_job *job = user;
    size_t pixels = (size_t)masks->height * (size_t)masks->width;

    job->writing = true;
    for (int32_t p = 0; p < masks->n_prompts; p++) {
        if (job->w->save)
            SAMC_TRY(cli_saver_add(&job->saver, first + (size_t)p, masks, p, error));
        for (int32_t m = 0; m < masks->n_masks && job->w->json; m++) {
            size_t at = (size_t)p * (size_t)masks->n_masks + (size_t)m;
            cli_record record = {job->item->path,
                                 first + (size_t)p,
                                 m,
                                 masks->predicted_iou[at],
                                 masks->stability_score[at],
                                 masks->masks + at * pixels,
                                 masks->height,
                                 masks->width};

            SAMC_TRY(cli_record_print(&record, error));
        }
    }
    if (job->w->json && (fflush(stdout) != 0 || ferror(stdout)))
        return samc_error_io(error, "write to", "standard output");
    job->writing = false;
    return SAMC_OK;
}

static samc_status predict_all(photo_job *job, samc_error *error)
{
    const cli_prediction prediction = {.session = job->session,
                                       .embedding = job->embedding,
                                       .label = job->item->stem,
                                       .multimask = job->w->multimask,
                                       .want_logits = (job->w->save & CLI_SAVE_LOGITS) != 0,
                                       .deliver = deliver,
                                       .user = job};

    return cli_predict(&prediction, job->list.prompts, job->list.count, error);
}

static samc_status segment(photo_job *job, samc_error *error)
{
    const wishes *w = job->w;

    job->prompts = samc_prompts_find(&w->prompts, job->item->path);
    if (!job->prompts)
        return SAMC_FAIL(error, PROMPT, "%s has no prompts for %s", w->prompts_path,
                         job->item->path);
    if (strcmp(w->output ? w->output : "", "-") == 0 && job->prompts->n_objects != 1)
        return SAMC_FAIL(error, PROMPT, "-o - writes one mask, there are %zu objects: give -o DIR",
                         job->prompts->n_objects);
    SAMC_TRY(cli_photo_load(job->item, &job->photo, error));
    SAMC_TRY(cli_prompt_list_make(job->prompts, w->prompts_folder, job->session->model,
                                  job->photo.view.width, job->photo.view.height, &job->list,
                                  error));
    SAMC_TRY(embed(job, error));
    job->saver = (cli_saver){.folder = w->output,
                             .stem = job->item->stem,
                             .what = w->save,
                             .photo = &job->photo,
                             .prompts = job->prompts,
                             .n_masks = w->multimask ? 3 : 1};
    SAMC_TRY(cli_saver_begin(&job->saver, error));
    SAMC_TRY(predict_all(job, error));
    job->writing = true;
    return cli_saver_end(&job->saver, error);
}

/* Segments one photo; prints what fails and returns the exit code. */
static int segment_photo(const wishes *w, const cli_session *session, const cli_photo *item)
{
    photo_job job = {.w = w, .session = session, .item = item};
    samc_error error;
    samc_status status = segment(&job, &error);

    cli_saver_free(&job.saver);
    cli_prompt_list_free(&job.list);
    samc_embedding_free(job.embedding);
    samc_photo_free(&job.photo);
    if (status == SAMC_OK)
        return CLI_OK;
    cli_photo_report(item, &error);
    return job.writing && status == SAMC_ERROR_IO ? CLI_OUTPUT : CLI_FAILED;
}

/* Segments every photo; a bad photo does not stop the others, an output that takes nothing does. */
static int segment_all(const wishes *w)
{
    cli_session session = {NULL, NULL};
    int code = cli_session_open(&w->session, &session);

    if (code != CLI_OK) {
        cli_session_close(&session);
        return code;
    }
    for (size_t i = 0; code <= CLI_FAILED && i < w->photos.count && !cli_stop_signal(); i++) {
        int photo_code = segment_photo(w, &session, &w->photos.items[i]);

        if (photo_code > code)
            code = photo_code;
    }
    cli_session_close(&session);
    return code;
}

/* Everything between the command line and the first photo. */
static int prepare_and_segment(const cli_command *command, wishes *w, const cli_parser *parser)
{
    samc_error error;
    int code = check_wishes(command, w, parser->n_operands);

    if (code == CLI_OK)
        code = settle_prompts(command, w);
    if (code != CLI_OK)
        return code;
    if (cli_photos_find(parser->operands, parser->n_operands, &w->photos, &error) != SAMC_OK)
        return cli_report(&error);
    if (w->photos.count == 0)
        return CLI_FAILED; /* said already */
    if (w->photos.count != 1 && (w->embedding || (w->output && strcmp(w->output, "-") == 0)))
        return cli_refuse(command, "%s is for one photo, not %zu",
                          w->embedding ? "--embedding" : "-o -", w->photos.count);
    if (w->output && strcmp(w->output, "-") != 0 && cli_folder_create(w->output, &error)) {
        cli_error("%s", error.message);
        return CLI_OUTPUT;
    }
    code = segment_all(w);
    return code == CLI_OK && w->photos.failed ? CLI_FAILED : code;
}

static int run(const cli_command *command, int argc, char **argv)
{
    wishes w = {.prompts = {0}};
    cli_parser parser;
    int code;

    cli_parser_begin(&parser, command, argc, argv);
    while (cli_parser_next(&parser))
        if (!cli_session_option(&w.session, &parser))
            take_option(&w, &parser);
    code = parser.finished ? parser.exit_code : prepare_and_segment(command, &w, &parser);
    samc_prompts_free(&w.prompts);
    cli_photos_free(&w.photos);
    free(w.prompts_folder);
    return code;
}
