/* SPDX-License-Identifier: Apache-2.0
 *
 * samc convert: any checkpoint that loads -> one self-describing safetensors file.
 */
#include "cli.h"

#include "kernels/context.h"
#include "model/loader.h"
#include "model/sam.h"
#include "segment/decoder_part.h"
#include "thresholds.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_DTYPE = CLI_KEY_OWN, KEY_PART, KEY_THRESHOLDS };

static int run(const cli_command *command, int argc, char **argv);

static const cli_option options[] = {
    {"dtype", KEY_DTYPE, "TYPE",
     "f32 (default), f16 or bf16: half the size, nearly the same masks"},
    {"part", KEY_PART, "PART",
     "decoder: prompt encoder and mask decoder alone, for embeddings from\n"
     "elsewhere"},
    CLI_OPTION_THRESHOLDS(KEY_THRESHOLDS),
    {NULL, 0, NULL, NULL},
};

const cli_command cli_convert = {
    "convert",
    "turn a checkpoint into one safetensors file",
    "IN OUT.safetensors [--dtype f32|f16|bf16] [--part decoder] [--thresholds X,Y]",
    "Reads Meta's .pth, Hugging Face's SamModel or a file of samc's own, checks every\n"
    "tensor, and writes the model under Meta's names together with its configuration.\n"
    "A number that does not fit f16 is an error that names the tensor.\n"
    "Embeddings fit a model whose numbers are those of the model that made them: also the\n"
    "decoder alone, unless --dtype rounds its numbers.",
    "Examples:\n"
    "  samc convert sam_vit_b_01ec64.pth vit_b.safetensors --dtype f16\n"
    "  samc convert sam_vit_b_01ec64.pth decoder.safetensors --part decoder",
    options,
    run,
};

static samc_status write_whole(const samc_tensors *tensors, const samc_config *config,
                               const char *out, samc_dtype dtype, samc_error *error)
{
    samc_status status;
    const samc_tensor **list = NULL;
    char size[16], heads[16];
    samc_metadata metadata[5 + SAMC_N_THRESHOLDS] = {{"format", "samc model"},
                                                     {"format_version", "1"},
                                                     {"model", samc_config_name(config)},
                                                     {"image_size", size},
                                                     {"decoder_heads", heads}};
    const size_t n_metadata = 5 + samc_thresholds_list(&config->thresholds, metadata + 5);
    size_t count = samc_tensors_count(tensors);

    list = malloc(count * sizeof(const samc_tensor *));
    if (!list)
        return samc_error_memory(error, count * sizeof(const samc_tensor *));
    count = 0;
    for (size_t i = 0; i < samc_tensors_count(tensors); i++)
        if (!samc_loader_is_training_state(samc_tensors_at(tensors, i)->name))
            list[count++] = samc_tensors_at(tensors, i);
    (void)snprintf(size, sizeof size, "%d", (int)config->image_size);
    (void)snprintf(heads, sizeof heads, "%d", (int)config->decoder_heads);
    status = samc_safetensors_write(out, list, count, dtype, metadata, n_metadata, error);
    free(list);
    return status;
}

static samc_status write_decoder(const samc_tensors *tensors, const samc_config *config,
                                 const char *out, samc_dtype dtype, samc_error *error)
{
    samc_decoder_part part;
    samc_status status;

    SAMC_TRY(samc_decoder_part_list(tensors, config, &part, error));
    status = samc_safetensors_write(out, part.tensors, part.count, dtype, part.metadata,
                                    part.n_metadata, error);
    samc_decoder_part_free(&part);
    return status;
}

/* What is asked for. */
typedef struct wishes {
    const char *in, *out;
    samc_dtype dtype;
    bool decoder;
    samc_thresholds thresholds; /* none given: those of the file */
} wishes;

/* `writing` is set once what fails is the output's fault. */
static samc_status convert(const wishes *w, bool *writing, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_context *context = NULL;
    samc_tensors *tensors = NULL;
    samc_config config;

    SAMC_CHECK(samc_context_create(NULL, &context, error));
    SAMC_CHECK(samc_tensors_open(w->in, &tensors, error));
    SAMC_CHECK(samc_tensors_verify(tensors, context->threads, error));
    /* proves that nothing is missing, extra, misshapen or not finite */
    SAMC_CHECK(samc_sam_check(tensors, &config, error));
    if (w->thresholds.given)
        config.thresholds = w->thresholds;
    *writing = true;
    status = w->decoder || config.decoder_of
                 ? write_decoder(tensors, &config, w->out, w->dtype, error)
                 : write_whole(tensors, &config, w->out, w->dtype, error);

cleanup:
    samc_tensors_close(tensors);
    samc_context_free(context);
    return status;
}

static int run(const cli_command *command, int argc, char **argv)
{
    wishes w = {.dtype = SAMC_DTYPE_F32};
    samc_error error;
    cli_parser parser;
    samc_status status;
    bool writing = false;

    cli_parser_begin(&parser, command, argc, argv);
    while (cli_parser_next(&parser)) {
        if (parser.key == KEY_PART) {
            w.decoder = strcmp(parser.value, "decoder") == 0;
            if (!w.decoder)
                cli_parser_refuse(&parser, "--part %s: the only part is decoder", parser.value);
        } else if (parser.key == KEY_THRESHOLDS)
            cli_thresholds_take(&parser, &w.thresholds);
        else if (strcmp(parser.value, "f32") == 0)
            w.dtype = SAMC_DTYPE_F32;
        else if (strcmp(parser.value, "f16") == 0)
            w.dtype = SAMC_DTYPE_F16;
        else if (strcmp(parser.value, "bf16") == 0)
            w.dtype = SAMC_DTYPE_BF16;
        else
            cli_parser_refuse(&parser, "--dtype %s: it is f32, f16 or bf16", parser.value);
    }
    if (parser.finished)
        return parser.exit_code;
    if (parser.n_operands != 2)
        return cli_refuse(command, "give the checkpoint to read and the file to write");
    w.in = parser.operands[0];
    w.out = parser.operands[1];
    status = convert(&w, &writing, &error);
    if (status == SAMC_OK)
        return CLI_OK;
    cli_error("%s", error.message);
    if (writing && status == SAMC_ERROR_IO)
        return CLI_OUTPUT;
    return status == SAMC_ERROR_MEMORY ? CLI_FAILED : CLI_MODEL;
}
