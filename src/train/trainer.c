/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "train/trainer.h"

#include "base/memory.h"
#include "base/random.h"
#include "kernels/context.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENCODER "image_encoder."
/* The stream of drop path's numbers: no sample has this one. */
#define DROP_PATH UINT64_MAX

struct samc_trainer {
    samc_context *context;
    samc_params *params;
    samc_train_settings settings;
    uint64_t seed;
    samc_train_encoder encoder;
    samc_train_decoder decoder;
    samc_arena arena;
    float *embedding, *dembedding; /* [B * P][E] */
    float *keep;                   /* [depth][2][B], or NULL: no drop path */
    samc_rounds_record_fn record;
    void *user;
};

static size_t embedding_count(const samc_trainer *trainer)
{
    const samc_config *c = &trainer->params->config;

    return (size_t)trainer->settings.batch * (size_t)c->grid * (size_t)c->grid *
           (size_t)c->embed_dim;
}

static samc_status begin(samc_trainer *r, samc_error *error)
{
    const samc_train_settings *set = &r->settings;
    const int32_t recompute = set->recompute || set->freeze_encoder;

    for (size_t i = 0; set->freeze_encoder && i < r->params->n_params; i++)
        if (strncmp(r->params->list[i].name, ENCODER, strlen(ENCODER)) == 0)
            r->params->list[i].trained = 0;
    SAMC_TRY(samc_train_decoder_create(r->params, &r->decoder, error));
    SAMC_TRY(samc_train_encoder_create(r->params, set->batch, recompute, &r->encoder, error));
    SAMC_TRY(samc_alloc(embedding_count(r), sizeof(float), &r->embedding, error));
    SAMC_TRY(samc_alloc(embedding_count(r), sizeof(float), &r->dembedding, error));
    if (set->drop_path > 0.0 && !set->freeze_encoder)
        SAMC_TRY(samc_alloc((size_t)r->params->config.depth * 2, (size_t)set->batch * sizeof(float),
                            &r->keep, error));
    return SAMC_OK;
}

samc_status samc_trainer_create(samc_context *context, samc_params *params,
                                const samc_train_settings *settings, uint64_t seed,
                                samc_trainer **trainer, samc_error *error)
{
    samc_trainer *made;
    samc_status status;

    *trainer = NULL;
    SAMC_TRY(samc_alloc_zero(1, sizeof *made, &made, error));
    made->context = context;
    made->params = params;
    made->settings = *settings;
    made->seed = seed;
    status = begin(made, error);
    if (status == SAMC_OK)
        *trainer = made;
    else
        samc_trainer_free(made);
    return status;
}

void samc_trainer_free(samc_trainer *trainer)
{
    if (!trainer)
        return;
    samc_train_encoder_free(&trainer->encoder);
    samc_train_decoder_free(&trainer->decoder);
    samc_arena_free(&trainer->arena);
    free(trainer->embedding);
    free(trainer->dembedding);
    free(trainer->keep);
    free(trainer);
}

void samc_trainer_record(samc_trainer *trainer, samc_rounds_record_fn record, void *user)
{
    trainer->record = record;
    trainer->user = user;
}

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Stochastic depth: a branch of block i is left out with a probability that grows evenly up to the
 * last block's; what stays is scaled up, so that its mean stays. */
static void draw_keep(samc_trainer *r, uint64_t step)
{
    const int32_t depth = r->params->config.depth;
    samc_random random = samc_random_keyed(r->seed, step, DROP_PATH);

    for (int64_t i = 0; r->keep && i < depth; i++) {
        const float rate = depth > 1 ? (float)r->settings.drop_path * (float)i / (float)(depth - 1)
                                     : 0.0f;

        for (int64_t j = 0; j < 2 * r->settings.batch; j++)
            r->keep[i * 2 * r->settings.batch + j] = samc_random_chance(&random, rate)
                                                         ? 0.0f
                                                         : 1.0f / (1.0f - rate);
    }
}

/* Forward, rounds and the way back: the gradients of the step. */
static samc_status find_gradients(const samc_train_call *t, samc_trainer *r, int64_t step,
                                  const samc_train_batch *batch, samc_step_report *report)
{
    const samc_rounds rounds = {&r->settings, r->seed,       (uint64_t)step, batch,
                                r->embedding, r->dembedding, r->record,      r->user};
    double at = now();

    draw_keep(r, (uint64_t)step);
    memset(r->params->gradients, 0, (size_t)r->params->total * sizeof *r->params->gradients);
    memset(r->dembedding, 0, embedding_count(r) * sizeof *r->dembedding);
    SAMC_TRY(samc_train_encoder_forward(t, &r->encoder, batch->patches, r->keep, r->embedding));
    report->encode = now() - at;
    at = now();
    SAMC_TRY(samc_train_rounds(t, &r->decoder, &rounds, &report->rounds));
    report->talk = now() - at;
    at = now();
    if (!r->settings.freeze_encoder)
        SAMC_TRY(
            samc_train_encoder_backward(t, &r->encoder, batch->patches, r->keep, r->dembedding));
    report->back = now() - at;
    return SAMC_OK;
}

samc_status samc_trainer_step(samc_trainer *r, int64_t step, const samc_train_batch *batch,
                              samc_step_report *report, samc_error *error)
{
    const samc_call call = {
        .kernels = r->context->kernels, .threads = r->context->threads, .arena = &r->arena};
    const samc_train_call t = {&call, r->params, error, r->settings.bf16 != 0};
    const samc_arena_mark mark = samc_arena_here(&r->arena);
    samc_status status = SAMC_OK;
    double at;

    memset(report, 0, sizeof *report);
    if (batch->photos != r->settings.batch)
        return SAMC_FAIL(error, ARGUMENT, "a batch of %lld photos for steps of %lld",
                         (long long)batch->photos, (long long)r->settings.batch);
    SAMC_CHECK(find_gradients(&t, r, step, batch, report));
    at = now();
    SAMC_CHECK(samc_optimizer_step(&call, &r->settings.optimizer, step, r->params,
                                   &report->optimizer, error));
    report->update = now() - at;

cleanup:
    samc_arena_give_back(&r->arena, mark);
    return status;
}
