/* SPDX-License-Identifier: Apache-2.0
 *
 * samc pretrain: trains a model's image encoder on photos without masks.
 */
#include "training.h"

static int run(const cli_command *command, int argc, char **argv);

static const cli_option options[] = {
    TRAINING_OPTION_OUTPUT,
    TRAINING_OPTION_FROM,
    TRAINING_OPTION_FRESH,
    TRAINING_OPTION_IMAGE_SIZE,
    TRAINING_OPTIONS_OF_A_RUN,
    CLI_OPTION_THREADS,
    CLI_OPTION_KERNELS,
    /* settings, in any order: train/settings.c knows their names, ranges and defaults */
    {"steps", TRAINING_SETTING + 0, "N", "stop after N steps of the run (default: never)"},
    {"batch", TRAINING_SETTING + 1, "N", "photos a step (8)"},
    {"hide", TRAINING_SETTING + 2, "P", "share of the photo that is hidden (0.6)"},
    {"hide-side", TRAINING_SETTING + 3, "N", "in squares of N x N tokens (2)"},
    {"rate", TRAINING_SETTING + 4, "X", "the learning rate (3e-4)"},
    {"schedule", TRAINING_SETTING + 5, "NAME",
     "constant, step or cosine, after the warm-up (constant)"},
    {"warmup", TRAINING_SETTING + 6, "N", "steps in which the rate grows (250)"},
    {"beta1", TRAINING_SETTING + 7, "X", "AdamW's memory of the gradient (0.9)"},
    {"beta2", TRAINING_SETTING + 8, "X", "and of its square (0.95)"},
    {"weight-decay", TRAINING_SETTING + 9, "X", "AdamW's decay (0.05)"},
    {"layer-decay", TRAINING_SETTING + 10, "X",
     "the rate of each layer over that of the one above (1)"},
    {"drop-path", TRAINING_SETTING + 11, "P", "how often the last block is left out (0)"},
    {"clip", TRAINING_SETTING + 12, "X", "the gradient's greatest norm; 0: any (1)"},
    {"ema", TRAINING_SETTING + 13, "X", "memory of the average of the weights (0.999)"},
    {"recompute", TRAINING_SETTING + 14, "0|1", "less memory, more time (0)"},
    {"bf16", TRAINING_SETTING + 15, "0|1", "products in bf16: faster where the CPU has it (0)"},
    {NULL, 0, NULL, NULL},
};

const cli_command cli_pretrain = {
    "pretrain",
    "train a model's image encoder on photos without masks",
    "PHOTOS|RECIPE.json -o RUN --from MODEL|--fresh SIZE [OPTION]...\n"
    "PHOTOS|RECIPE.json -o RUN --resume [OPTION]...",
    "Hides most of each photo and has the image encoder say what is there (masked\n"
    "autoencoding). PHOTOS is a folder; a recipe (docs/TRAINING.md) may mix folders, labelled\n"
    "photos and composites, whose masks are not looked at. RUN is as of `samc train`, and\n"
    "RUN/checkpoint.safetensors is a whole model, prompt encoder and decoder being those of MODEL\n"
    "or new: `samc train --from` goes on with it. Ctrl-C saves and ends.",
    "Examples:\n"
    "  samc pretrain photos -o pre --fresh small --steps 20000 --schedule cosine\n"
    "  samc train mine.json -o run --from pre/checkpoint.safetensors\n"
    "  samc train mine.json -o run --from vit_b.pth --encoder pre/checkpoint.safetensors",
    options,
    run,
};

static int run(const cli_command *command, int argc, char **argv)
{
    return cli_training_run(command, argc, argv, true);
}
