/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "train/trainer.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "kernels/context.h"
#include "train/reduce.h"

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
    samc_ranks *ranks; /* NULL: alone, and so is `reduce` */
    samc_reduce *reduce;
    int64_t photos; /* B: the step's, divided by the ranks */
    samc_train_encoder encoder;
    samc_train_decoder decoder;
    samc_arena arena, *lanes; /* one a thread */
    int32_t n_lanes;
    samc_embeddings *kept;         /* of a frozen encoder, or NULL */
    float *embedding, *dembedding; /* [B * P][E] */
    float *keep;                   /* [depth][2][B], or NULL: no drop path */
    samc_mae mae;                  /* pre-training: the head, … */
    uint8_t *hidden;               /* … [B * T] what it is to say … */
    float *painted;                /* … and [B * T][3 p p] what it says, or NULL: not wanted */
    samc_rounds_record_fn record;
    void *user;
};

static size_t embedding_count(const samc_trainer *trainer)
{
    const samc_config *c = &trainer->params->config;

    return (size_t)trainer->photos * (size_t)c->grid * (size_t)c->grid * (size_t)c->embed_dim;
}

static void choose_trained(samc_params *params, const samc_train_settings *set)
{
    for (size_t i = 0; i < params->n_params; i++) {
        samc_param *p = &params->list[i];
        const int encoder = strncmp(p->name, ENCODER, strlen(ENCODER)) == 0;

        if (set->pretrain ? !encoder && strncmp(p->name, SAMC_MAE, strlen(SAMC_MAE)) != 0
                          : set->freeze_encoder && encoder)
            p->trained = 0;
    }
}

static samc_status begin(samc_trainer *r, samc_error *error)
{
    const samc_train_settings *set = &r->settings;
    const int32_t recompute = set->recompute || set->freeze_encoder;

    if (set->batch % samc_ranks_size(r->ranks) != 0)
        return SAMC_FAIL(error, ARGUMENT,
                         "%lld photos a step cannot be shared evenly among %d ranks; set --batch "
                         "to a multiple of %d",
                         (long long)set->batch, (int)r->ranks->size, (int)r->ranks->size);
    r->photos = set->batch / samc_ranks_size(r->ranks);
    choose_trained(r->params, set);
    SAMC_TRY(samc_alloc_zero((size_t)r->n_lanes, sizeof *r->lanes, &r->lanes, error));
    if (set->pretrain)
        SAMC_TRY(samc_mae_find(r->params, &r->mae, error));
    else
        SAMC_TRY(samc_train_decoder_create(r->params, &r->decoder, error));
    SAMC_TRY(samc_train_encoder_create(r->params, set->freeze_encoder ? 1 : r->photos, recompute,
                                       &r->encoder, error));
    SAMC_TRY(samc_alloc(embedding_count(r), sizeof(float), &r->embedding, error));
    SAMC_TRY(samc_alloc(embedding_count(r), sizeof(float), &r->dembedding, error));
    if (set->pretrain) {
        SAMC_TRY(samc_alloc_zero(embedding_count(r) / (size_t)r->params->config.embed_dim, 1,
                                 &r->hidden, error));
        r->encoder.hidden = r->hidden;
        r->encoder.mask_token = r->mae.mask_token;
    }
    if (set->drop_path > 0.0 && !set->freeze_encoder)
        SAMC_TRY(samc_alloc((size_t)r->params->config.depth * 2, (size_t)r->photos * sizeof(float),
                            &r->keep, error));
    if (r->ranks) {
        SAMC_TRY(samc_reduce_create(r->params, r->ranks, &r->reduce, error));
        r->encoder.layer_done = samc_reduce_layer;
        r->encoder.user = r->reduce;
    }
    return SAMC_OK;
}

samc_status samc_trainer_create(samc_context *context, samc_params *params,
                                const samc_train_settings *settings, uint64_t seed,
                                samc_ranks *ranks, samc_trainer **trainer, samc_error *error)
{
    samc_trainer *made;
    samc_status status;

    *trainer = NULL;
    SAMC_TRY(samc_alloc_zero(1, sizeof *made, &made, error));
    made->context = context;
    made->n_lanes = samc_threads_count(context->threads);
    made->params = params;
    made->settings = *settings;
    made->seed = seed;
    made->ranks = ranks;
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
    samc_reduce_free(trainer->reduce);
    samc_train_encoder_free(&trainer->encoder);
    samc_train_decoder_free(&trainer->decoder);
    samc_arena_free(&trainer->arena);
    samc_embeddings_free(trainer->kept);
    for (int32_t i = 0; trainer->lanes && i < trainer->n_lanes; i++)
        samc_arena_free(&trainer->lanes[i]);
    free(trainer->lanes);
    free(trainer->embedding);
    free(trainer->dembedding);
    free(trainer->keep);
    free(trainer->hidden);
    free(trainer->painted);
    free(trainer);
}

samc_status samc_trainer_keep(samc_trainer *trainer, const samc_embeddings_options *options,
                              samc_error *error)
{
    const samc_config *c = &trainer->params->config;
    const char *path = trainer->context->kernels->name;
    uint64_t hash[2] = {0, 0};

    for (size_t i = 0; i < trainer->params->n_params; i++) {
        const samc_param *p = &trainer->params->list[i];

        if (strncmp(p->name, ENCODER, strlen(ENCODER)) != 0)
            continue;
        samc_hash_bytes(hash, p->name, strlen(p->name));
        samc_hash_bytes(hash, trainer->params->values + p->offset,
                        (size_t)p->count * sizeof(float));
    }
    samc_hash_bytes(hash, path, strlen(path));
    samc_hash_bytes(hash, &trainer->settings.bf16, sizeof trainer->settings.bf16);
    return samc_embeddings_create(options, hash, (int64_t)c->grid * c->grid, c->embed_dim,
                                  &trainer->kept, error);
}

samc_status samc_trainer_paint(samc_trainer *trainer, const float **painted, const uint8_t **hidden,
                               samc_error *error)
{
    const size_t tokens = embedding_count(trainer) / (size_t)trainer->params->config.embed_dim;

    SAMC_TRY(samc_alloc_zero(tokens, (size_t)trainer->mae.pixels.n * sizeof(float),
                             &trainer->painted, error));
    *painted = trainer->painted;
    *hidden = trainer->hidden;
    return SAMC_OK;
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
 * last block's; what stays is scaled up, so that its mean stays. Drawn for the whole step, kept for
 * this rank's photos. */
static void draw_keep(samc_trainer *r, uint64_t step)
{
    const int32_t depth = r->params->config.depth;
    const int64_t first = r->ranks ? r->ranks->rank * r->photos : 0;
    samc_random random = samc_random_keyed(r->seed, step, DROP_PATH);
    float *keep = r->keep;

    for (int64_t i = 0; r->keep && i < depth; i++) {
        const float rate = depth > 1 ? (float)r->settings.drop_path * (float)i / (float)(depth - 1)
                                     : 0.0f;

        for (int64_t j = 0; j < 2 * r->settings.batch; j++) {
            const float factor = samc_random_chance(&random, rate) ? 0.0f : 1.0f / (1.0f - rate);
            const int64_t photo = j % r->settings.batch - first;

            if (photo >= 0 && photo < r->photos)
                *keep++ = factor;
        }
    }
}

/* One photo that a frozen encoder is shown. */
typedef struct single {
    const samc_train_call *t;
    samc_trainer *trainer;
    const float *patches; /* [T][3 p p] */
    int64_t *encoded;
} single;

static samc_status encode_single(void *user, float *embedding, samc_error *error)
{
    const single *s = user;

    (void)error; /* the call's own is the same */
    ++*s->encoded;
    return samc_train_encoder_forward(s->t, &s->trainer->encoder, s->patches, NULL, embedding);
}

/* What the encoder sees: pixels, and where the photo ends. */
static void hash_photo(const samc_sample *sample, uint64_t hash[2])
{
    const int32_t sizes[3] = {sample->size, sample->width, sample->height};

    samc_hash_bytes(hash, sizes, sizeof sizes);
    samc_hash_bytes(hash, sample->pixels, 3 * (size_t)sample->size * (size_t)sample->size);
}

/* A frozen encoder takes one photo at a time: what it answers then cannot depend on which of the
 * batch's were kept, and it needs the memory of one. */
static samc_status encode_frozen(const samc_train_call *t, samc_trainer *r,
                                 const samc_train_batch *batch, int64_t *encoded)
{
    const samc_config *c = &r->params->config;
    const int64_t tokens = (int64_t)c->grid * c->grid;
    const int64_t patch = 3 * (int64_t)c->patch_size * c->patch_size;

    for (int64_t i = 0; i < batch->photos; i++) {
        single s = {t, r, batch->patches + i * tokens * patch, encoded};
        float *out = r->embedding + i * tokens * c->embed_dim;
        uint64_t hash[2] = {0, 0};

        if (!r->kept || !batch->samples[i].repeats) {
            SAMC_TRY(encode_single(&s, out, t->error));
            continue;
        }
        hash_photo(&batch->samples[i], hash);
        SAMC_TRY(samc_embeddings_get(r->kept, hash, encode_single, &s, out, t->error));
    }
    return SAMC_OK;
}

static samc_status encode(const samc_train_call *t, samc_trainer *r, const samc_train_batch *batch,
                          int64_t *encoded)
{
    if (r->settings.freeze_encoder)
        return encode_frozen(t, r, batch, encoded);
    *encoded = batch->photos;
    return samc_train_encoder_forward(t, &r->encoder, batch->patches, r->keep, r->embedding);
}

/* What is behind the encoder has its gradients: adds them over the ranks while the encoder gets its
 * own. */
static samc_status go_back(const samc_train_call *t, samc_trainer *r, const samc_train_batch *batch,
                           samc_step_report *report)
{
    const double at = now();

    if (r->reduce)
        samc_reduce_layer(r->reduce, r->params->config.depth + 2);
    if (!r->settings.freeze_encoder)
        SAMC_TRY(
            samc_train_encoder_backward(t, &r->encoder, batch->patches, r->keep, r->dembedding));
    if (r->reduce)
        SAMC_TRY(samc_reduce_finish(r->reduce, t->error));
    report->back = now() - at;
    return SAMC_OK;
}

/* Pre-training: hides, encodes, judges what the head says, and goes back. */
static samc_status find_gradients_of_pixels(const samc_train_call *t, samc_trainer *r,
                                            const samc_train_batch *batch, samc_step_report *report)
{
    const samc_config *c = &r->params->config;
    const int64_t tokens = (int64_t)c->grid * c->grid;
    double at = now();

    for (int64_t i = 0; i < batch->photos; i++)
        SAMC_TRY(samc_mae_hide(c, &r->settings.hide, r->seed, batch->first + (uint64_t)i,
                               batch->samples[i].width, batch->samples[i].height,
                               r->hidden + i * tokens, t->error));
    SAMC_TRY(encode(t, r, batch, &report->encoded));
    report->encode = now() - at;
    at = now();
    SAMC_TRY(samc_mae_run(t, &r->mae, batch->photos, r->settings.batch, batch->patches, r->hidden,
                          r->embedding, &report->rounds.loss, r->dembedding, r->painted));
    report->talk = now() - at;
    return go_back(t, r, batch, report);
}

/* Forward, rounds and the way back: the gradients of the step. */
static samc_status find_gradients(const samc_train_call *t, samc_trainer *r, int64_t step,
                                  const samc_train_batch *batch, samc_step_report *report)
{
    const samc_rounds rounds = {&r->settings, r->seed,       (uint64_t)step, batch,
                                r->embedding, r->dembedding, r->record,      r->user};
    double at = now();

    memset(r->dembedding, 0, embedding_count(r) * sizeof *r->dembedding);
    SAMC_TRY(encode(t, r, batch, &report->encoded));
    report->encode = now() - at;
    at = now();
    SAMC_TRY(samc_train_rounds(t, &r->decoder, &rounds, &report->rounds));
    report->talk = now() - at;
    return go_back(t, r, batch, report);
}

samc_status samc_trainer_step(samc_trainer *r, int64_t step, const samc_train_batch *batch,
                              samc_step_report *report, samc_error *error)
{
    const samc_call call = {
        .kernels = r->context->kernels, .threads = r->context->threads, .arena = &r->arena};
    const samc_train_call t = {&call, r->params, error, r->settings.bf16 != 0, r->lanes};
    const samc_arena_mark mark = samc_arena_here(&r->arena);
    samc_status status = SAMC_OK;
    double at;

    memset(report, 0, sizeof *report);
    if (batch->photos != r->photos)
        return SAMC_FAIL(error, ARGUMENT, "a batch of %lld photos for steps of %lld",
                         (long long)batch->photos, (long long)r->photos);
    draw_keep(r, (uint64_t)step);
    memset(r->params->gradients, 0, (size_t)r->params->total * sizeof *r->params->gradients);
    if (r->settings.pretrain)
        SAMC_CHECK(find_gradients_of_pixels(&t, r, batch, report));
    else
        SAMC_CHECK(find_gradients(&t, r, step, batch, report));
    at = now();
    SAMC_CHECK(samc_optimizer_step(&call, &r->settings.optimizer, step, r->params,
                                   &report->optimizer, error));
    report->update = now() - at;

cleanup:
    if (status != SAMC_OK && r->ranks)
        r->ranks->apart = 1; /* the others wait for gradients that will not come */
    samc_arena_give_back(&r->arena, mark);
    return status;
}
