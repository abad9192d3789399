/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings: how a model is trained, apart from the data. Every setting has a name and a text form,
 * so that the command line, the checkpoint and the report all speak of the same things.
 */
#ifndef SAMC_TRAIN_SETTINGS_H
#define SAMC_TRAIN_SETTINGS_H

#include "train/loss.h"
#include "train/mae.h"
#include "train/optimizer.h"
#include "train/prompt_sampler.h"

typedef struct samc_train_settings {
    int64_t pretrain; /* 1: the encoder learns to see what is hidden (mae.h); of the settings below,
                         those of masks, prompts and their losses then mean nothing */
    samc_mae_options hide;
    int64_t batch; /* photos a step */
    int64_t masks; /* of a photo, at most */
    int64_t both;  /* 1: the first prompt trains the three masks and the single one, whatever it is;
                      0: a click trains the three, a box the single one, as in the paper */
    int64_t at_once;   /* prompts that the decoder takes at a time: their activations are kept until
                        the way back; 0: by the model's size (rounds.c). Another number adds the
                        same gradients in another order */
    int64_t recompute; /* 1: the encoder's activations are computed again on the way back */
    int64_t bf16;      /* 1: products in bf16 (kernels/bf16.h) */
    int64_t freeze_encoder; /* 1: only prompt encoder and mask decoder learn */
    int64_t bce_steps;      /* the cross-entropy's weight is `loss.bce` for so many steps, then 0 */
    double drop_path;       /* of the last block; growing evenly from 0 at the first */
    samc_loss_weights loss;
    samc_prompt_options prompts;
    samc_optimizer_options optimizer;
} samc_train_settings;

/* For pre-training where `pretrain`: 60 % of the tokens hidden in squares of 2 x 2, and AdamW as in
 * the paper (beta2 0.95, decay 0.05). Else 8 photos of 4 masks and 3 rounds at a constant rate of
 * 3e-4: what two cores can do. */
void samc_train_settings_begin(samc_train_settings *settings, int pretrain);

/* Sets one by name ("batch", "rate" …). Errors: ARGUMENT (there is none of that name, or the value
 * is out of its range; the message says what the range is). */
samc_status samc_train_settings_set(samc_train_settings *settings, const char *name,
                                    const char *value, samc_error *error);
/* The name of the i-th setting, NULL beyond the last. */
const char *samc_train_settings_name(size_t index);

/* All settings that mean something to the run (by `pretrain`) as "name=value name=value …", in a
 * fixed order and exactly: what
 * samc_train_settings_parse reads back to the same bits. *text is the caller's to free().
 * Errors: MEMORY. */
samc_status samc_train_settings_text(const samc_train_settings *settings, char **text,
                                     samc_error *error);
/* Sets what `text` names; the rest stays. Errors: ARGUMENT, MEMORY. */
samc_status samc_train_settings_parse(samc_train_settings *settings, const char *text,
                                      samc_error *error);

#endif
