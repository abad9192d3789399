/* SPDX-License-Identifier: Apache-2.0
 *
 * samc bench: how long loading, encoding and decoding take here.
 */
#define _POSIX_C_SOURCE 200809L

#include "cli.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { KEY_PRECISION = CLI_KEY_OWN, KEY_RUNS, KEY_JSON };

static int run(const cli_command *command, int argc, char **argv);

static const cli_option options[] = {
    CLI_OPTION_MODEL,
    {"precision", KEY_PRECISION, "TYPE", "f32, the only one so far"},
    {"runs", KEY_RUNS, "N", "time everything N times and keep the fastest (default: 3)"},
    {"json", KEY_JSON, NULL, "print one JSON object instead of a table"},
    CLI_OPTION_THREADS,
    CLI_OPTION_KERNELS,
    {NULL, 0, NULL, NULL},
};

const cli_command cli_bench = {
    "bench",
    "time loading, encoding and decoding",
    "[OPTION]...",
    "Times the model on a made-up photo of its own size: loading it, encoding the photo,\n"
    "and decoding one and 64 prompts of one point with three masks each (predicted IoU\n"
    "and low-res logits). Other work on the machine disturbs: the fastest run counts.",
    "Examples:\n"
    "  samc bench -m vit_b\n"
    "  samc bench -m sam_vit_b_01ec64.pth --json",
    options,
    run,
};

/* What was measured; seconds. */
typedef struct timings {
    double load, encode, decode1, decode64;
    double peak_rss_mib; /* VmHWM */
} timings;

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void keep_fastest(double *best, double begin)
{
    const double taken = now() - begin;

    if (*best == 0.0 || taken < *best)
        *best = taken;
}

/* Noise: what is in the photo does not change the work. */
static void fill_photo(uint8_t *pixels, size_t size)
{
    uint32_t state = 1;

    for (size_t i = 0; i < size; i++) {
        state = state * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)(state >> 24);
    }
}

static samc_status time_decoding(const cli_session *session, const samc_embedding *embedding,
                                 int32_t side, size_t n, double *best, samc_error *error)
{
    float points[64][2];
    const int32_t label = 1;
    samc_prompt prompts[64];
    samc_predict_options predict = SAMC_PREDICT_OPTIONS_INIT;
    samc_masks masks = SAMC_MASKS_INIT;
    double begin;

    predict.multimask = 1;
    predict.want_masks = 0;
    for (size_t i = 0; i < n; i++) {
        points[i][0] = ((float)(i * 37 % 64) + 0.5f) / 64.0f * (float)side;
        points[i][1] = ((float)(i * 11 % 64) + 0.5f) / 64.0f * (float)side;
        prompts[i] = (samc_prompt)SAMC_PROMPT_INIT;
        prompts[i].points = points[i];
        prompts[i].labels = &label;
        prompts[i].n_points = 1;
    }
    begin = now();
    SAMC_TRY(samc_predict(session->context, session->model, embedding, prompts, n, &predict, &masks,
                          error));
    keep_fastest(best, begin);
    samc_masks_free(&masks);
    return SAMC_OK;
}

static samc_status time_model(const cli_session *session, long runs, timings *t, samc_error *error)
{
    samc_model_info info = SAMC_MODEL_INFO_INIT;
    samc_embedding *embedding = NULL;
    samc_status status = SAMC_OK;
    uint8_t *pixels = NULL;
    samc_image photo;

    SAMC_CHECK(samc_model_get_info(session->model, &info, error));
    SAMC_CHECK(samc_alloc((size_t)info.image_size * 3, (size_t)info.image_size, &pixels, error));
    fill_photo(pixels, (size_t)info.image_size * (size_t)info.image_size * 3);
    photo = (samc_image){pixels, info.image_size, info.image_size, (size_t)info.image_size * 3,
                         SAMC_PIXELS_RGB};
    for (long i = 0; i < runs; i++) {
        const double begin = now();

        samc_embedding_free(embedding);
        embedding = NULL;
        SAMC_CHECK(samc_encode(session->context, session->model, &photo, NULL, &embedding, error));
        keep_fastest(&t->encode, begin);
    }
    for (long i = 0; i < runs; i++) {
        SAMC_CHECK(time_decoding(session, embedding, info.image_size, 1, &t->decode1, error));
        SAMC_CHECK(time_decoding(session, embedding, info.image_size, 64, &t->decode64, error));
    }

cleanup:
    samc_embedding_free(embedding);
    free(pixels);
    return status;
}

static void print(const cli_session *session, const timings *t, bool json)
{
    const int32_t threads = samc_context_threads(session->context);
    const char *kernels = samc_context_kernels(session->context);

    if (json) {
        (void)printf("{\"encode_s\":%.6f,\"decode1_s\":%.6f,\"decode64_s\":%.6f,\"load_s\":%.6f,"
                     "\"peak_rss_mib\":%.1f,\"threads\":%d,\"kernels\":\"%s\","
                     "\"precision\":\"f32\"}\n",
                     t->encode, t->decode1, t->decode64, t->load, t->peak_rss_mib, threads,
                     kernels);
        return;
    }
    (void)printf("load the model      %9.3f s\n"
                 "encode one photo    %9.3f s\n"
                 "decode one prompt   %9.1f ms\n"
                 "decode 64 prompts   %9.1f ms\n"
                 "peak memory         %9.1f MiB\n"
                 "(f32, %s, threads: %d)\n",
                 t->load, t->encode, 1e3 * t->decode1, 1e3 * t->decode64, t->peak_rss_mib, kernels,
                 threads);
}

static int run(const cli_command *command, int argc, char **argv)
{
    cli_session_options session_options = {NULL, 0, NULL};
    cli_session session = {NULL, NULL};
    timings t = {0.0, 0.0, 0.0, 0.0, 0.0};
    struct rusage usage;
    samc_error error;
    cli_parser parser;
    long runs = 3;
    bool json = false;
    double begin;
    int code;

    cli_parser_begin(&parser, command, argc, argv);
    while (cli_parser_next(&parser)) {
        if (cli_session_option(&session_options, &parser))
            continue;
        if (parser.key == KEY_JSON)
            json = true;
        else if (parser.key == KEY_RUNS)
            (void)cli_parser_integer(&parser, 1, 1000, &runs);
        else if (strcmp(parser.value, "f32") != 0)
            cli_parser_refuse(&parser, "--precision %s: only f32 can be had so far", parser.value);
    }
    if (parser.finished)
        return parser.exit_code;
    if (parser.n_operands)
        return cli_refuse(command, "%s: bench takes no file", parser.operands[0]);
    begin = now();
    code = cli_session_open(&session_options, &session);
    keep_fastest(&t.load, begin);
    if (code == CLI_OK && time_model(&session, runs, &t, &error) != SAMC_OK)
        code = cli_report(&error);
    if (code == CLI_OK) {
        (void)getrusage(RUSAGE_SELF, &usage);
        t.peak_rss_mib = (double)usage.ru_maxrss / 1024.0;
        print(&session, &t, json);
    }
    cli_session_close(&session);
    return code;
}
