/* SPDX-License-Identifier: Apache-2.0
 *
 * training.h - what `samc train` and `samc pretrain` share: one run, two things to learn from.
 */
#ifndef SAMC_CLI_TRAINING_H
#define SAMC_CLI_TRAINING_H

#include "cli.h"

/* The keys of options that either command has; both spell them alike. */
enum {
    TRAINING_RESUME = CLI_KEY_OWN,
    TRAINING_RAW,
    TRAINING_NEW_RECIPE,
    TRAINING_SEED,
    TRAINING_SAVE,
    TRAINING_SAVE_STEPS,
    TRAINING_ROWS,
    TRAINING_MINUTES,
    TRAINING_FRESH,
    TRAINING_ENCODER,
    TRAINING_IMAGE_SIZE,
    TRAINING_MEMORY,
    TRAINING_FOLDER,
    TRAINING_DISK,
    TRAINING_SETTING = CLI_KEY_OWN + 0x100 /* and beyond: options that are settings by their name */
};

#define TRAINING_OPTION_OUTPUT                                                                     \
    {                                                                                              \
        "output", 'o', "RUN", "the run's folder (created if missing)"                              \
    }
#define TRAINING_OPTION_FROM                                                                       \
    {                                                                                              \
        "from", 'm', "MODEL", "start from this model, or from the average of a checkpoint"         \
    }
#define TRAINING_OPTION_FRESH                                                                      \
    {                                                                                              \
        "fresh", TRAINING_FRESH, "SIZE",                                                           \
            "start from new weights: small (the shape of samc's own model),\n"                     \
            "vit_b, vit_l or vit_h"                                                                \
    }
#define TRAINING_OPTION_IMAGE_SIZE                                                                 \
    {                                                                                              \
        "image-size", TRAINING_IMAGE_SIZE, "PIXELS",                                               \
            "what is started from sees photos of PIXELS x PIXELS from now on"                      \
    }
/* What both have between where they start from and their settings. */
#define TRAINING_OPTIONS_OF_A_RUN                                                                  \
    {"raw", TRAINING_RAW, NULL, "start from a checkpoint's values, not their average"},            \
        {"resume", TRAINING_RESUME, NULL,                                                          \
         "go on where the run in RUN stopped, with its settings; those\n"                          \
         "that the command line names are changed"},                                               \
        {"new-recipe", TRAINING_NEW_RECIPE, NULL, "resume although the recipe is another one"},    \
        {"seed", TRAINING_SEED, "N", "of all random numbers (default: 0)"},                        \
        {"minutes", TRAINING_MINUTES, "N", "stop after N minutes"},                                \
        {"save-minutes", TRAINING_SAVE, "N", "write a checkpoint every N minutes (default: 5)"},   \
        {"save-steps", TRAINING_SAVE_STEPS, "N", "and every N steps"},                             \
    {                                                                                              \
        "log-steps", TRAINING_ROWS, "N", "write a row of metrics every N steps (default: 20)"      \
    }

/* Reads the command line by command->options and does what it says; returns an exit code. */
int cli_training_run(const cli_command *command, int argc, char **argv, bool pretrain);

#endif
