/* SPDX-License-Identifier: Apache-2.0
 *
 * Several photos in one call, each with prompts of its own: samc_segment. Source: Sam.forward.
 */
#include "base/memory.h"
#include "image/image.h"
#include "model/sam.h"
#include "segment/prompt_check.h"

#include <stdlib.h>

/* Of the time that a photo takes, the share that is gone once it is encoded. */
#define ENCODED 0.9

/* What the progress of one photo is of the whole call's. */
typedef struct share {
    const samc_predict_options *options;
    double begin; /* done before this step */
    double end;   /* done after it; exact, so that the last one is 1 */
} share;

static int pass_on(void *user, double done)
{
    const share *s = user;

    return s->options->progress(s->options->user,
                                done < 1.0 ? s->begin + (s->end - s->begin) * done : s->end);
}

/* The i-th of an array whose first element says how large they are. */
static const samc_request *request_at(const samc_request *requests, size_t i)
{
    return (const samc_request *)(const void *)((const char *)requests + i * requests->struct_size);
}

static samc_masks *masks_at(samc_masks *masks, size_t i)
{
    return (samc_masks *)(void *)((char *)masks + i * masks->struct_size);
}

/* Puts the photo's number before the message. */
static samc_status name_photo(size_t index, samc_status status, samc_error *error)
{
    samc_error inner;

    if (!error)
        return status;
    inner = *error;
    return samc_error_set(error, status, "photo %zu: %s", index, inner.message);
}

/* Looks at everything that can be refused before the first photo is encoded. */
static samc_status check_request(const samc_model *model, const samc_request *request,
                                 const samc_masks *masks, samc_error *error)
{
    if (request->struct_size < sizeof *request)
        return SAMC_FAIL(error, ARGUMENT, "the request did not begin with SAMC_REQUEST_INIT");
    if (masks->struct_size < sizeof *masks || masks->owned)
        return SAMC_FAIL(error, ARGUMENT,
                         "its masks did not begin with SAMC_MASKS_INIT, or still hold the answer "
                         "of another call; free them with samc_masks_free first");
    SAMC_TRY(samc_image_check(request->image, error));
    return samc_prompt_check(request->prompts, request->n_prompts, request->image->width,
                             request->image->height, samc_config_low_res(&model->config), error);
}

/* Encodes and predicts one photo, which takes the call from `begin` to `end`. */
static samc_status segment_one(samc_context *context, const samc_model *model,
                               const samc_request *request, const samc_predict_options *options,
                               double begin, double end, samc_masks *masks, samc_error *error)
{
    samc_encode_options encode_options = SAMC_ENCODE_OPTIONS_INIT;
    samc_predict_options predict_options = *options;
    share encoding = {options, begin, begin + ENCODED * (end - begin)};
    share predicting = {options, encoding.end, end};
    samc_embedding *embedding = NULL;
    samc_status status = SAMC_OK;

    if (options->progress) {
        encode_options.progress = predict_options.progress = pass_on;
        encode_options.user = &encoding;
        predict_options.user = &predicting;
    }
    SAMC_CHECK(samc_encode(context, model, request->image, &encode_options, &embedding, error));
    SAMC_CHECK(samc_predict(context, model, embedding, request->prompts, request->n_prompts,
                            &predict_options, masks, error));

cleanup:
    samc_embedding_free(embedding);
    return status;
}

samc_status samc_segment(samc_context *context, const samc_model *model,
                         const samc_request *requests, size_t n_requests,
                         const samc_predict_options *options, samc_masks *masks, samc_error *error)
{
    const samc_predict_options defaults = SAMC_PREDICT_OPTIONS_INIT;
    samc_status status = SAMC_OK;
    samc_masks *answers = NULL;
    size_t done = 0;

    options = options ? options : &defaults;
    if (!context || !model || !requests || !n_requests || !masks ||
        options->struct_size < sizeof *options)
        return SAMC_FAIL(error, ARGUMENT,
                         "samc_segment: give a context, a model, at least one request, masks for "
                         "each, and options that are NULL or began with SAMC_PREDICT_OPTIONS_INIT");
    for (size_t i = 0; i < n_requests; i++) {
        const samc_request *request = request_at(requests, i);
        const samc_masks *answer = masks_at(masks, i);

        status = request->struct_size != requests->struct_size ||
                         answer->struct_size != masks->struct_size
                     ? SAMC_FAIL(error, ARGUMENT, "its struct_size is not that of the first one")
                     : check_request(model, request, answer, error);
        if (status != SAMC_OK)
            return name_photo(i, status, error);
    }
    SAMC_TRY(samc_alloc(n_requests, sizeof *answers, &answers, error));
    for (size_t i = 0; i < n_requests; i++)
        answers[i] = *masks_at(masks, i);
    for (; done < n_requests && status == SAMC_OK; done++) {
        const double begin = (double)done / (double)n_requests;
        const double end = (double)(done + 1) / (double)n_requests;

        status = segment_one(context, model, request_at(requests, done), options, begin, end,
                             &answers[done], error);
        if (status == SAMC_OK && options->progress && done + 1 < n_requests &&
            options->progress(options->user, end))
            status = SAMC_FAIL(error, CANCELLED, "the call was cancelled");
        if (status != SAMC_OK)
            status = name_photo(done, status, error);
    }
    for (size_t i = 0; i < n_requests; i++)
        if (status == SAMC_OK)
            *masks_at(masks, i) = answers[i];
        else
            samc_masks_free(&answers[i]);
    free(answers);
    return status;
}
