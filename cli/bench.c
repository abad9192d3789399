/* SPDX-License-Identifier: Apache-2.0
 *
 * samc bench: how long loading, encoding and decoding take here, and where the time goes.
 */
#include "bench.h"

#include "base/memory.h"

#include <samc_io.h>
#include <string.h>

enum { KEY_PRECISION = CLI_KEY_OWN, KEY_RUNS, KEY_SCALING, KEY_JSON };

static int run(const cli_command *command, int argc, char **argv);

static const cli_option options[] = {
    CLI_OPTION_MODEL,
    {"precision", KEY_PRECISION, "TYPE", "f32, the only one so far"},
    {"runs", KEY_RUNS, "N", "time everything N times and keep the fastest (default: 3)"},
    {"scaling", KEY_SCALING, NULL, "encode on one thread too, in turns"},
    {"json", KEY_JSON, NULL, "print one JSON object instead of a table"},
    CLI_OPTION_THREADS,
    CLI_OPTION_KERNELS,
    {NULL, 0, NULL, NULL},
};

const cli_command cli_bench = {
    "bench",
    "time loading, encoding and decoding",
    "[OPTION]... [PHOTO]",
    "Times the model on a photo, or on a made-up one of its own size: encoding the\n"
    "photo, decoding one and 64 prompts of one point with three masks each (predicted\n"
    "IoU and low-res logits), and loading the model from files that the system has in\n"
    "memory. Other work on the machine disturbs: the fastest run counts.\n"
    "\n"
    "Each stage is shown with its rate of arithmetic and the share that this is of the\n"
    "peak: what the CPU's multiply-add units do in registers alone, on the same threads,\n"
    "measured in the same run. Memory is the largest resident size, mapped pages\n"
    "included.",
    "Examples:\n"
    "  samc bench -m vit_b\n"
    "  samc bench -m sam_vit_b_01ec64.pth --json truck.jpg",
    options,
    run,
};

/* A photo of side x side: noise, as what is in a photo does not change the work. */
static samc_status make_photo(int32_t side, samc_photo *photo, samc_error *error)
{
    const size_t stride = (size_t)side * 3, size = stride * (size_t)side;
    uint32_t state = 1;

    SAMC_TRY(samc_alloc(stride, (size_t)side, &photo->pixels, error));
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525u + 1013904223u;
        photo->pixels[i] = (uint8_t)(state >> 24);
    }
    photo->view = (samc_image){photo->pixels, side, side, stride, SAMC_PIXELS_RGB};
    return SAMC_OK;
}

static samc_status time_decoding(const cli_session *session, const samc_embedding *embedding,
                                 size_t n, bench_work *best, samc_error *error)
{
    float points[64][2];
    const int32_t label = 1;
    samc_prompt prompts[64];
    samc_predict_options predict = SAMC_PREDICT_OPTIONS_INIT;
    samc_masks masks = SAMC_MASKS_INIT;
    bench_clock clock;
    int32_t width, height;

    samc_embedding_photo_size(embedding, &width, &height);
    predict.multimask = 1;
    predict.want_masks = 0;
    for (size_t i = 0; i < n; i++) {
        points[i][0] = ((float)(i * 37 % 64) + 0.5f) / 64.0f * (float)width;
        points[i][1] = ((float)(i * 11 % 64) + 0.5f) / 64.0f * (float)height;
        prompts[i] = (samc_prompt)SAMC_PROMPT_INIT;
        prompts[i].points = points[i];
        prompts[i].labels = &label;
        prompts[i].n_points = 1;
    }
    bench_clock_begin(&clock, session->context);
    SAMC_TRY(samc_predict(session->context, session->model, embedding, prompts, n, &predict, &masks,
                          error));
    bench_clock_end(&clock, best);
    samc_masks_free(&masks);
    return SAMC_OK;
}

static samc_status time_encoding(samc_context *context, const samc_model *model,
                                 const samc_image *photo, bench_work *best,
                                 samc_embedding **embedding, samc_error *error)
{
    bench_clock clock;

    samc_embedding_free(*embedding);
    *embedding = NULL;
    bench_clock_begin(&clock, context);
    SAMC_TRY(samc_encode(context, model, photo, NULL, embedding, error));
    bench_clock_end(&clock, best);
    return SAMC_OK;
}

/* `alone` is a context of one thread, or NULL; so is `path`, of a photo. */
static samc_status time_model(const cli_session *session, samc_context *alone, const char *path,
                              long runs, bench_result *r, samc_error *error)
{
    samc_model_info info = SAMC_MODEL_INFO_INIT;
    samc_embedding *embedding = NULL;
    samc_status status = SAMC_OK;
    samc_photo photo = {.pixels = NULL};

    SAMC_CHECK(samc_model_get_info(session->model, &info, error));
    r->weights = (double)info.parameters * sizeof(float) / (1024.0 * 1024.0);
    SAMC_CHECK(path ? samc_photo_read(path, NULL, &photo, error)
                    : make_photo(info.image_size, &photo, error));
    for (long i = 0; i < runs; i++) {
        const double peak = bench_peak(session->context);

        r->peak = peak > r->peak ? peak : r->peak;
        if (alone)
            SAMC_CHECK(time_encoding(alone, session->model, &photo.view, &r->encode_alone,
                                     &embedding, error));
        SAMC_CHECK(time_encoding(session->context, session->model, &photo.view, &r->encode,
                                 &embedding, error));
        if (i == 0)
            r->after_encode = bench_memory();
    }
    for (long i = 0; i < runs; i++) {
        for (int j = 0; j < 5; j++) /* it is short: a disturbance hits all of it */
            SAMC_CHECK(time_decoding(session, embedding, 1, &r->decode1, error));
        SAMC_CHECK(time_decoding(session, embedding, 64, &r->decode64, error));
    }
    r->peak_size = bench_memory();

cleanup:
    samc_embedding_free(embedding);
    samc_photo_free(&photo);
    return status;
}

/* Opens the session once more, as often as asked: the file is in memory now. */
static int time_loading(const cli_session_options *with, long runs, cli_session *session,
                        double *best)
{
    int code = CLI_OK;

    for (long i = 0; i < runs && code == CLI_OK; i++) {
        double begin;

        cli_session_close(session);
        begin = bench_now();
        code = cli_session_open(with, session);
        if (*best == 0.0 || bench_now() - begin < *best)
            *best = bench_now() - begin;
    }
    return code;
}

/* Everything; r->kernels points into the session's context. */
static int measure(const cli_session_options *with, const char *photo, long runs, bool scaling,
                   cli_session *session, bench_result *r)
{
    samc_context_options one = SAMC_CONTEXT_OPTIONS_INIT;
    samc_context *alone = NULL;
    samc_error error;
    int code = cli_session_open(with, session);

    if (code != CLI_OK)
        return code;
    r->after_load = bench_memory();
    r->threads = samc_context_threads(session->context);
    one.threads = 1;
    one.kernels = with->kernels;
    if ((scaling && samc_context_create(&one, &alone, &error) != SAMC_OK) ||
        time_model(session, alone, photo, runs, r, &error) != SAMC_OK)
        code = cli_report(&error);
    samc_context_free(alone);
    if (code == CLI_OK)
        code = time_loading(with, runs, session, &r->load);
    if (code == CLI_OK)
        r->kernels = samc_context_kernels(session->context);
    return code;
}

static int run(const cli_command *command, int argc, char **argv)
{
    cli_session_options session_options = {NULL, 0, NULL};
    cli_session session = {NULL, NULL};
    bench_result result = {.kernels = NULL};
    cli_parser parser;
    long runs = 3;
    bool json = false, scaling = false;
    int code;

    cli_parser_begin(&parser, command, argc, argv);
    while (cli_parser_next(&parser)) {
        if (cli_session_option(&session_options, &parser))
            continue;
        if (parser.key == KEY_JSON)
            json = true;
        else if (parser.key == KEY_SCALING)
            scaling = true;
        else if (parser.key == KEY_RUNS)
            (void)cli_parser_integer(&parser, 1, 1000, &runs);
        else if (strcmp(parser.value, "f32") != 0)
            cli_parser_refuse(&parser, "--precision %s: only f32 can be had so far", parser.value);
    }
    if (parser.finished)
        return parser.exit_code;
    if (parser.n_operands > 1)
        return cli_refuse(command, "%s: bench takes one photo", parser.operands[1]);
    code = measure(&session_options, parser.n_operands ? parser.operands[0] : NULL, runs, scaling,
                   &session, &result);
    if (code == CLI_OK)
        (json ? bench_print_json : bench_print)(&result);
    cli_session_close(&session);
    return code;
}
