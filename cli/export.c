/* SPDX-License-Identifier: Apache-2.0
 *
 * samc export: the model of a training run, for samc or for PyTorch.
 */
#include "cli.h"
#include "thresholds.h"

#include "train/checkpoint.h"

#include <string.h>
#include <strings.h>

enum { KEY_EMA = CLI_KEY_OWN, KEY_RAW, KEY_DTYPE, KEY_THRESHOLDS };

static int run(const cli_command *command, int argc, char **argv);

static const cli_option options[] = {
    {"ema", KEY_EMA, NULL, "the moving average of the weights (default where there is one)"},
    {"raw", KEY_RAW, NULL, "the weights as the last step left them"},
    {"dtype", KEY_DTYPE, "TYPE",
     "f32 (default), f16 or bf16: half the size, nearly the same masks"},
    CLI_OPTION_THRESHOLDS(KEY_THRESHOLDS),
    {NULL, 0, NULL, NULL},
};

const cli_command cli_export = {
    "export",
    "take the model out of a training checkpoint",
    "CHECKPOINT OUT.safetensors|OUT.pth [OPTION]...",
    "Writes the weights of a run of `samc train` without what only training needs. A .pth\n"
    "has the layout of Meta's checkpoints: torch.load(weights_only=True) reads it, and\n"
    "segment_anything's load_state_dict takes it. If CHECKPOINT is damaged, CHECKPOINT.previous\n"
    "is taken, with a note. A plain model can be given too.",
    "Examples:\n"
    "  samc export run/checkpoint.safetensors model.safetensors --dtype f16\n"
    "  samc export run/checkpoint.safetensors model.pth --raw",
    options,
    run,
};

/* By the name's ending; 0: it has neither. */
static int format_of(const char *path, samc_checkpoint_format *format)
{
    const char *dot = strrchr(path, '.');

    *format = dot && strcasecmp(dot, ".pth") == 0 ? SAMC_CHECKPOINT_PTH
                                                  : SAMC_CHECKPOINT_SAFETENSORS;
    return dot && (strcasecmp(dot, ".pth") == 0 || strcasecmp(dot, ".safetensors") == 0);
}

static int export_model(const char *in, samc_checkpoint_weights weights,
                        const samc_checkpoint_output *output)
{
    samc_tensors *tensors = NULL;
    samc_error error, note;
    samc_status status = samc_checkpoint_open(in, &tensors, &note, &error);

    if (status != SAMC_OK) {
        cli_error("%s", error.message);
        return CLI_MODEL;
    }
    if (note.status != SAMC_OK)
        cli_note("samc: %s", note.message);
    status = samc_tensors_verify(tensors, NULL, &error);
    if (status == SAMC_OK)
        status = samc_checkpoint_export(tensors, weights, output, &error);
    samc_tensors_close(tensors);
    if (status == SAMC_OK)
        return CLI_OK;
    cli_error("%s", error.message);
    return status == SAMC_ERROR_IO       ? CLI_OUTPUT
           : status == SAMC_ERROR_MEMORY ? CLI_FAILED
                                         : CLI_MODEL;
}

static int run(const cli_command *command, int argc, char **argv)
{
    samc_checkpoint_weights weights = SAMC_CHECKPOINT_BEST;
    samc_checkpoint_output output = {.dtype = SAMC_DTYPE_F32};
    samc_thresholds thresholds;
    cli_parser parser;

    cli_parser_begin(&parser, command, argc, argv);
    while (cli_parser_next(&parser)) {
        if (parser.key == KEY_EMA || parser.key == KEY_RAW) {
            const samc_checkpoint_weights asked = parser.key == KEY_EMA ? SAMC_CHECKPOINT_EMA
                                                                        : SAMC_CHECKPOINT_RAW;

            if (weights != SAMC_CHECKPOINT_BEST && weights != asked)
                cli_parser_refuse(&parser, "--ema or --raw, not both");
            weights = asked;
        } else if (parser.key == KEY_THRESHOLDS) {
            cli_thresholds_take(&parser, &thresholds);
            output.thresholds = &thresholds;
        } else if (strcmp(parser.value, "f32") == 0) {
            output.dtype = SAMC_DTYPE_F32;
        } else if (strcmp(parser.value, "f16") == 0) {
            output.dtype = SAMC_DTYPE_F16;
        } else if (strcmp(parser.value, "bf16") == 0) {
            output.dtype = SAMC_DTYPE_BF16;
        } else {
            cli_parser_refuse(&parser, "--dtype %s: it is f32, f16 or bf16", parser.value);
        }
    }
    if (parser.finished)
        return parser.exit_code;
    if (parser.n_operands != 2)
        return cli_refuse(command, "give the checkpoint to read and the file to write");
    output.path = parser.operands[1];
    if (!format_of(output.path, &output.format))
        return cli_refuse(command, "%s: the file to write ends in .safetensors or .pth",
                          output.path);
    if (output.thresholds && output.format == SAMC_CHECKPOINT_PTH)
        return cli_refuse(command, "a .pth has no place for --thresholds: write .safetensors");
    return export_model(parser.operands[0], weights, &output);
}
