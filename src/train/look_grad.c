/* SPDX-License-Identifier: Apache-2.0 */
#include "train/cross_products.h"

#include <math.h>
#include <string.h>

static samc_status take(const samc_train_call *t, int64_t rows, int64_t columns, float **array)
{
    return samc_arena_take(t->call->arena, (size_t)rows, (size_t)columns * sizeof(float), array,
                           t->error);
}

typedef struct look_job {
    const samc_train_call *t;
    samc_cross_sizes s;
    const samc_look_cache *cache;
    const float *pe;
    const float *dseen; /* [N n H][E] */
    float *dabsorbed;   /* [N n H][E] */
    float *dimage;
} look_job;

static samc_status look_prompt(void *arg, const samc_train_call *own, int64_t prompt)
{
    const look_job *job = arg;
    const samc_cross_sizes *s = &job->s;
    const samc_look_cache *c = job->cache;
    const float *image = c->image + prompt * s->image * s->e;
    const int64_t at = prompt * s->columns * s->e;
    float *weights = c->weights + prompt * 2 * s->columns * s->image, *sum;

    SAMC_TRY(samc_local_position(own, s, image, job->pe, &sum));
    SAMC_TRY(samc_local_score(own, s, c->absorbed + at, sum, weights));
    for (int64_t r = 0; r < s->columns; r++) {
        float max = -INFINITY, total = 0.0f;

        (void)own->call->kernels->softmax_step(weights + r * s->image, s->image, s->scale, NULL,
                                               &max, &total);
        own->call->kernels->scale(weights + r * s->image, s->image, 1.0f / total);
    }
    return samc_local_gather(own, s, weights, image, c->seen + at);
}

samc_status samc_train_look_forward(const samc_train_call *t, const samc_train_cross *cross,
                                    samc_look_cache *cache, float *out)
{
    const samc_train_projections *p = cross->projections;
    const float *values = t->params->values;
    look_job job = {.t = t, .s = samc_cross_sizes_of(cross), .cache = cache, .pe = cross->image_pe};
    const samc_cross_sizes *s = &job.s;

    SAMC_TRY(take(t, s->rows, s->inner, &cache->q));
    SAMC_TRY(take(t, s->rows * s->heads, s->e, &cache->absorbed));
    SAMC_TRY(take(t, cross->prompts * 2 * s->columns, s->image, &cache->weights));
    SAMC_TRY(take(t, s->rows * s->heads, s->e, &cache->seen));
    SAMC_TRY(take(t, s->rows, s->inner, &cache->attended));
    SAMC_TRY(samc_dense_forward(t, &p->q, s->rows, cache->q_in, cache->q));
    SAMC_TRY(samc_cross_absorb(t, s, cache->q, values + p->k.weight, s->e, 1, cache->absorbed));
    SAMC_TRY(samc_train_tiles(t, cross->prompts, look_prompt, &job));
    SAMC_TRY(samc_cross_release(t, s, cache->seen, values + p->v.weight, s->e, 1,
                                values + p->v.bias, cache->attended));
    return samc_dense_forward(t, &p->out, s->rows, cache->attended, out);
}

static samc_status look_prompt_back(void *arg, const samc_train_call *own, int64_t prompt)
{
    const look_job *job = arg;
    const samc_cross_sizes *s = &job->s;
    const samc_look_cache *c = job->cache;
    const float *image = c->image + prompt * s->image * s->e;
    const int64_t at = prompt * s->columns * s->e, wide = s->columns * s->e;
    float *weights = c->weights + prompt * 2 * s->columns * s->image;
    float *dscores = weights + s->columns * s->image, *sum, *both;

    SAMC_TRY(samc_local_position(own, s, image, job->pe, &sum));
    SAMC_TRY(take(own, 2 * s->columns, s->e, &both));
    SAMC_TRY(samc_local_score(own, s, job->dseen + at, image, dscores));
    for (int64_t r = 0; r < s->columns; r++) {
        const float *w = weights + r * s->image;
        /* the weighted mean of what the weights got is what their sum got */
        const float mean = samc_dot(job->dseen + at + r * s->e, c->seen + at + r * s->e, s->e);
        float *d = dscores + r * s->image;

        for (int64_t i = 0; i < s->image; i++)
            d[i] = w[i] * (d[i] - mean) * s->scale;
    }
    SAMC_TRY(samc_local_gather(own, s, dscores, sum, job->dabsorbed + at));
    /* dimage += weights^T dseen + dscores^T absorbed, in one product */
    memcpy(both, job->dseen + at, (size_t)wide * sizeof *both);
    memcpy(both + wide, c->absorbed + at, (size_t)wide * sizeof *both);
    return samc_local_spread(own, s, 2 * s->columns, weights, both, NULL, NULL,
                             job->dimage + prompt * s->image * s->e);
}

samc_status samc_train_look_backward(const samc_train_call *t, const samc_train_cross *cross,
                                     const samc_look_cache *cache, const float *dout, float *dq_in,
                                     float *dimage)
{
    const samc_train_projections *p = cross->projections;
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    const float *values = t->params->values;
    float *g = t->params->gradients, *dattended, *dq, *dseen;
    look_job job = {.t = t,
                    .s = samc_cross_sizes_of(cross),
                    .cache = cache,
                    .pe = cross->image_pe,
                    .dimage = dimage};
    const samc_cross_sizes *s = &job.s;
    samc_status status = SAMC_OK;

    SAMC_CHECK(take(t, s->rows, s->inner, &dattended));
    SAMC_CHECK(take(t, s->rows, s->inner, &dq));
    SAMC_CHECK(take(t, s->rows * s->heads, s->e, &dseen));
    SAMC_CHECK(take(t, s->rows * s->heads, s->e, &job.dabsorbed));
    SAMC_CHECK(samc_dense_backward(t, &p->out, s->rows, cache->attended, dout, dattended, 0));
    SAMC_CHECK(samc_cross_absorb(t, s, dattended, values + p->v.weight, s->e, 1, dseen));
    SAMC_CHECK(samc_cross_weights(t, s, dattended, cache->seen, g + p->v.weight));
    SAMC_CHECK(samc_column_sums(t, s->rows, s->inner, dattended, s->inner, g + p->v.bias));
    job.dseen = dseen;
    SAMC_CHECK(samc_train_tiles(t, cross->prompts, look_prompt_back, &job));
    SAMC_CHECK(samc_cross_release(t, s, job.dabsorbed, values + p->k.weight, s->e, 1, NULL, dq));
    SAMC_CHECK(samc_cross_weights(t, s, cache->q, job.dabsorbed, g + p->k.weight));
    status = samc_dense_backward(t, &p->q, s->rows, cache->q_in, dq, dq_in, 1);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}
