/* SPDX-License-Identifier: Apache-2.0
 *
 * samc info: what is in a checkpoint, and what this CPU computes with.
 */
#include "cli.h"

#include "model/config.h"
#include "weights/tensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

enum { KEY_JSON = CLI_KEY_OWN, KEY_CPU };

static int run(const cli_command *command, int argc, char **argv);

static const cli_option options[] = {
    {"json", KEY_JSON, NULL, "print one JSON object"},
    {"cpu", KEY_CPU, NULL, "print which code path stands behind every kernel, and no file"},
    CLI_OPTION_KERNELS,
    {NULL, 0, NULL, NULL},
};

const cli_command cli_info = {
    "info",
    "show a checkpoint's configuration and tensors",
    "FILE [--json]\n--cpu [--kernels NAME]",
    "Reads a .pth or .safetensors file and prints the model's configuration as its\n"
    "tensors' shapes give it, the number of parameters by type, and every tensor. Nothing\n"
    "in the file is executed.",
    "Examples:\n"
    "  samc info sam_vit_b_01ec64.pth\n"
    "  samc info --cpu",
    options,
    run,
};

/* What is said of a file besides its tensors. */
typedef struct summary {
    bool is_sam;
    samc_config config;
    char why_not[sizeof((samc_error *)0)->message]; /* where it is no SAM */
    int64_t parameters; /* elements of floating tensors without the positional matrix */
} summary;

/* The matrix is a buffer in the reference: drawn once, never trained, not counted. */
static bool is_buffer(const samc_tensor *t)
{
    return strcmp(t->name, "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix") == 0;
}

static void summarize(const samc_tensors *tensors, summary *s)
{
    samc_error error = {SAMC_OK, ""};

    s->is_sam = samc_config_read(tensors, &s->config, &error) == SAMC_OK;
    (void)snprintf(s->why_not, sizeof s->why_not, "%s", error.message);
    s->parameters = 0;
    for (size_t i = 0; i < samc_tensors_count(tensors); i++)
        if (!is_buffer(samc_tensors_at(tensors, i)))
            s->parameters += samc_tensor_elements(samc_tensors_at(tensors, i));
}

static const char *format_name(const samc_tensors *tensors)
{
    if (samc_tensors_file_format(tensors) == SAMC_FORMAT_PTH)
        return "PyTorch .pth";
    return samc_tensors_has_hf_names(tensors) ? "safetensors, Hugging Face's names" : "safetensors";
}

/* "0,1,2": the indices of the blocks with global attention. */
static void list_global(const samc_config *c, char *text, size_t size)
{
    size_t length = 0;

    text[0] = '\0';
    for (int32_t i = 0; i < c->depth && length < size; i++)
        if (c->global[i])
            length += (size_t)snprintf(text + length, size - length, "%s%d", length ? " " : "", i);
}

static void print_config(const samc_config *c)
{
    char global[512];

    list_global(c, global, sizeof global);
    (void)printf("model           %s\n"
                 "image           %d x %d pixels, patches of %d, %d x %d tokens\n",
                 samc_config_name(c), c->image_size, c->image_size, c->patch_size, c->grid,
                 c->grid);
    if (c->decoder_of)
        (void)printf("image encoder   none: the decoder alone\n");
    else
        (void)printf("image encoder   width %d, depth %d, %d heads of %d, MLP %d\n"
                     "attention       windows of %d; global in blocks %s\n",
                     c->encoder_dim, c->depth, c->heads, c->head_dim, c->encoder_mlp, c->window,
                     global);
    (void)printf("embedding       %d channels\n"
                 "mask decoder    depth %d, %d heads, MLP %d, %d mask tokens\n"
                 "low-res logits  %d x %d\n",
                 c->embed_dim, c->decoder_depth, c->decoder_heads, c->decoder_mlp, c->mask_tokens,
                 samc_config_low_res(c), samc_config_low_res(c));
    if (c->thresholds.given)
        (void)printf("recommends      pred-iou-thresh %s, stability-score-thresh %s\n",
                     c->thresholds.texts[0], c->thresholds.texts[1]);
}

/* How many tensors and elements there are of each dtype. */
static void print_dtypes(const samc_tensors *tensors)
{
    for (int dtype = SAMC_DTYPE_F64; dtype <= SAMC_DTYPE_BOOL; dtype++) {
        size_t count = 0;
        int64_t elements = 0;

        for (size_t i = 0; i < samc_tensors_count(tensors); i++) {
            const samc_tensor *t = samc_tensors_at(tensors, i);

            if ((int)t->dtype != dtype)
                continue;
            count++;
            elements += samc_tensor_elements(t);
        }
        if (count)
            (void)printf("%-15s %zu tensors, %" PRId64 " numbers\n",
                         samc_dtype_name((samc_dtype)dtype), count, elements);
    }
}

static void print_text(const char *path, const samc_tensors *tensors)
{
    summary s;

    summarize(tensors, &s);
    (void)printf("file            %s\nformat          %s\n", path, format_name(tensors));
    if (s.is_sam)
        print_config(&s.config);
    else
        (void)printf("model           none that samc knows: %s\n", s.why_not);
    (void)printf("parameters      %" PRId64 "\n", s.parameters);
    print_dtypes(tensors);
    (void)putchar('\n');
    for (size_t i = 0; i < samc_tensors_count(tensors); i++) {
        const samc_tensor *t = samc_tensors_at(tensors, i);

        (void)printf("%-70s %-5s [", t->name, samc_dtype_name(t->dtype));
        for (int32_t d = 0; d < t->n_dims; d++)
            (void)printf("%s%" PRId64, d ? ", " : "", t->shape[d]);
        (void)puts("]");
    }
}

static json_t *recommended_json(const samc_thresholds *t)
{
    return t->given ? json_pack("{s:f, s:f}", "pred_iou_thresh", strtod(t->texts[0], NULL),
                                "stability_score_thresh", strtod(t->texts[1], NULL))
                    : json_null();
}

static json_t *config_json(const samc_config *c)
{
    json_t *global = json_array();

    for (int32_t i = 0; i < c->depth; i++)
        if (c->global[i])
            (void)json_array_append_new(global, json_integer(i));
    return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:i, s:i, s:i, s:i, s:o}",
                     "model", samc_config_name(c), "image_size", c->image_size, "patch_size",
                     c->patch_size, "embedding_size", c->grid, "encoder_dim", c->encoder_dim,
                     "encoder_depth", c->depth, "encoder_heads", c->heads, "window_size", c->window,
                     "global_blocks", global, "embedding_dim", c->embed_dim, "mask_tokens",
                     c->mask_tokens, "decoder_heads", c->decoder_heads, "low_res_size",
                     samc_config_low_res(c), "recommended", recommended_json(&c->thresholds));
}

static json_t *tensors_json(const samc_tensors *tensors)
{
    json_t *list = json_array();

    for (size_t i = 0; i < samc_tensors_count(tensors); i++) {
        const samc_tensor *t = samc_tensors_at(tensors, i);
        json_t *shape = json_array();

        for (int32_t d = 0; d < t->n_dims; d++)
            (void)json_array_append_new(shape, json_integer(t->shape[d]));
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "name", t->name, "dtype",
                                                    samc_dtype_name(t->dtype), "shape", shape));
    }
    return list;
}

static int print_json(const char *path, const samc_tensors *tensors)
{
    summary s;
    json_t *root;
    int failed;

    summarize(tensors, &s);
    root = json_pack("{s:s, s:s, s:o, s:I, s:o}", "file", path, "format", format_name(tensors),
                     "config", s.is_sam ? config_json(&s.config) : json_null(), "parameters",
                     (json_int_t)s.parameters, "tensors", tensors_json(tensors));
    failed = !root || json_dumpf(root, stdout, JSON_COMPACT) != 0;
    json_decref(root);
    if (failed) {
        cli_error("cannot print the JSON: standard output takes nothing, memory ran out, or the "
                  "file's name is no UTF-8");
        return CLI_OUTPUT;
    }
    (void)putchar('\n');
    return CLI_OK;
}

static int run(const cli_command *command, int argc, char **argv)
{
    cli_session_options session = {NULL, 0, NULL};
    samc_tensors *tensors = NULL;
    bool json = false, cpu = false;
    cli_parser parser;
    samc_error error;
    int code = CLI_OK;

    cli_parser_begin(&parser, command, argc, argv);
    while (cli_parser_next(&parser)) {
        if (cli_session_option(&session, &parser))
            continue;
        json = json || parser.key == KEY_JSON;
        cpu = cpu || parser.key == KEY_CPU;
    }
    if (parser.finished)
        return parser.exit_code;
    if (cpu)
        return parser.n_operands || json ? cli_refuse(command, "--cpu stands alone")
                                         : cli_cpu_print(session.kernels);
    if (parser.n_operands != 1)
        return cli_refuse(command, "say which file: one .pth or .safetensors");
    if (samc_tensors_open(parser.operands[0], &tensors, &error) != SAMC_OK) {
        cli_error("%s", error.message);
        return CLI_MODEL;
    }
    if (json)
        code = print_json(parser.operands[0], tensors);
    else
        print_text(parser.operands[0], tensors);
    samc_tensors_close(tensors);
    return code;
}
