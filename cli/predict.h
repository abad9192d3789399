/* SPDX-License-Identifier: Apache-2.0
 *
 * predict.h - a photo and its prompts on their way to masks: what `samc segment` and `samc boxes`
 * share.
 */
#ifndef SAMC_CLI_PREDICT_H
#define SAMC_CLI_PREDICT_H

#include "cli.h"

/* Encodes a photo, with a progress bar called `label`. Errors: samc_encode's. */
samc_status cli_encode(const cli_session *session, const samc_image *photo, const char *label,
                       samc_embedding **embedding, samc_error *error);

typedef struct cli_prediction {
    const cli_session *session;
    const samc_embedding *embedding;
    const char *label; /* of the progress bar */
    bool multimask;
    bool want_logits;
    /* Takes the masks of a group: those of the prompts from `first` on. */
    samc_status (*deliver)(void *user, const samc_masks *masks, size_t first, samc_error *error);
    void *user;
} cli_prediction;

/* Predicts `count` prompts, all in one batch where memory allows: in groups whose masks and logits
 * stay below 256 MiB. Groups cost little, since a prompt's answer does not depend on the others.
 * Errors: samc_predict's, and those of `deliver`. */
samc_status cli_predict(const cli_prediction *prediction, const samc_prompt *prompts, size_t count,
                        samc_error *error);

#endif
