/* SPDX-License-Identifier: Apache-2.0 */
#include "predict.h"

#define GROUP_BYTES ((size_t)256 << 20)
#define GROUP_MAX 64

samc_status cli_encode(const cli_session *session, const samc_image *photo, const char *label,
                       samc_embedding **embedding, samc_error *error)
{
    samc_encode_options options = SAMC_ENCODE_OPTIONS_INIT;
    cli_progress progress;
    samc_status status;

    cli_progress_begin(&progress, label);
    options.progress = cli_progress_step;
    options.user = &progress;
    status = samc_encode(session->context, session->model, photo, &options, embedding, error);
    cli_progress_end(&progress);
    return status;
}

/* How many prompts to predict at once. */
static size_t group_size(const cli_prediction *p)
{
    int32_t width, height;
    size_t bytes, fits;

    samc_embedding_photo_size(p->embedding, &width, &height);
    bytes = (size_t)width * (size_t)height * (p->multimask ? 3 : 1) * (p->want_logits ? 5 : 1);
    fits = GROUP_BYTES / bytes;
    return fits < 1 ? 1 : fits > GROUP_MAX ? GROUP_MAX : fits;
}

samc_status cli_predict(const cli_prediction *prediction, const samc_prompt *prompts, size_t count,
                        samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_predict_options options = SAMC_PREDICT_OPTIONS_INIT;
    samc_masks masks = SAMC_MASKS_INIT;
    const size_t group = group_size(prediction);
    cli_progress progress;

    cli_progress_begin(&progress, prediction->label);
    options.multimask = prediction->multimask;
    options.want_logits = prediction->want_logits;
    options.progress = cli_progress_step;
    options.user = &progress;
    for (size_t first = 0; first < count; first += group) {
        SAMC_CHECK(samc_predict(prediction->session->context, prediction->session->model,
                                prediction->embedding, prompts + first,
                                count - first < group ? count - first : group, &options, &masks,
                                error));
        SAMC_CHECK(prediction->deliver(prediction->user, &masks, first, error));
        samc_masks_free(&masks);
    }

cleanup:
    cli_progress_end(&progress);
    samc_masks_free(&masks);
    return status;
}
