/* SPDX-License-Identifier: Apache-2.0 */
#include "train/cross_products.h"

#include <string.h>

static samc_status take(const samc_train_call *t, int64_t rows, int64_t columns, float **array)
{
    return samc_arena_take(t->call->arena, (size_t)rows, (size_t)columns * sizeof(float), array,
                           t->error);
}

typedef struct reply_job {
    const samc_train_call *t;
    samc_cross_sizes s;
    const samc_row_norm *norm;
    const samc_train_projections *p;
    const samc_reply_cache *cache;
    const float *pe;
    float *biases;          /* [N n H]: the queries' bias by the keys, scaled (forward);
                               the sums of dscores (backward) */
    float *dkeys, *dvalues; /* [N n H][E] */
    float *dimage;
    float *parts; /* [N][3][E]: of the norm's weight and bias, of the answer's bias */
} reply_job;

/* The softmax of an image token is over a head's n keys: rows h, h + H, … of the scores. */
static void softmax_heads(const samc_train_call *own, const samc_cross_sizes *s,
                          const float *biases, float *bias, float *weights)
{

    for (int64_t h = 0; h < s->heads; h++) {
        for (int64_t j = 0; j < s->n; j++)
            bias[j] = biases[j * s->heads + h];
        own->call->kernels->softmax_columns(weights + h * s->image, s->heads * s->image, s->n,
                                            s->image, s->scale, bias);
    }
}

static samc_status reply_prompt(void *arg, const samc_train_call *own, int64_t prompt)
{
    const reply_job *job = arg;
    const samc_cross_sizes *s = &job->s;
    const samc_reply_cache *c = job->cache;
    const float *values = job->t->params->values;
    const int64_t at = prompt * s->columns * s->e, image_at = prompt * s->image * s->e;
    float *weights = c->weights + prompt * s->columns * s->image, *sum, *bias;

    SAMC_TRY(samc_local_position(own, s, c->image + image_at, job->pe, &sum));
    SAMC_TRY(take(own, s->n, 1, &bias));
    SAMC_TRY(samc_local_score(own, s, c->keys + at, sum, weights));
    softmax_heads(own, s, job->biases + prompt * s->columns, bias, weights);
    SAMC_TRY(samc_local_spread(own, s, s->columns, weights, c->values + at,
                               values + job->p->out.bias, c->image + image_at,
                               c->before + image_at));
    for (int64_t i = 0; i < s->image; i++)
        own->call->kernels->layer_norm(c->before + image_at + i * s->e, s->e,
                                       values + job->norm->weight, values + job->norm->bias,
                                       job->norm->eps, c->after + image_at + i * s->e);
    return SAMC_OK;
}

samc_status samc_train_reply_forward(const samc_train_call *t, const samc_train_cross *cross,
                                     const samc_row_norm *norm, samc_reply_cache *cache)
{
    const samc_train_projections *p = cross->projections;
    const float *values = t->params->values;
    reply_job job = {.t = t,
                     .s = samc_cross_sizes_of(cross),
                     .norm = norm,
                     .p = p,
                     .cache = cache,
                     .pe = cross->image_pe};
    const samc_cross_sizes *s = &job.s;
    const int64_t image_rows = cross->prompts * s->image;

    SAMC_TRY(take(t, s->rows, s->inner, &cache->k));
    SAMC_TRY(take(t, s->rows, s->inner, &cache->v));
    SAMC_TRY(take(t, s->rows * s->heads, s->e, &cache->keys));
    SAMC_TRY(take(t, s->rows * s->heads, s->e, &cache->values));
    SAMC_TRY(take(t, cross->prompts * s->columns, s->image, &cache->weights));
    SAMC_TRY(take(t, image_rows, s->e, &cache->before));
    SAMC_TRY(take(t, image_rows, s->e, &cache->after));
    SAMC_TRY(take(t, s->rows, s->heads, &job.biases));
    SAMC_TRY(samc_dense_forward(t, &p->k, s->rows, cache->k_in, cache->k));
    SAMC_TRY(samc_dense_forward(t, &p->v, s->rows, cache->v_in, cache->v));
    SAMC_TRY(samc_cross_absorb(t, s, cache->k, values + p->q.weight, s->e, 1, cache->keys));
    SAMC_TRY(samc_cross_absorb(t, s, cache->v, values + p->out.weight, 1, s->inner, cache->values));
    for (int64_t r = 0; r < s->rows; r++)
        for (int64_t h = 0; h < s->heads; h++)
            job.biases[r * s->heads + h] = s->scale * samc_dot(values + p->q.bias + h * s->d,
                                                               cache->k + r * s->inner + h * s->d,
                                                               s->d);
    return samc_train_tiles(t, cross->prompts, reply_prompt, &job);
}

/* dweights [n H][P] becomes dscores; sums [n H] theirs over the image, unscaled. */
static void dsoftmax_heads(const samc_cross_sizes *s, const float *weights, float *mean, float *d,
                           float *sums)
{
    const int64_t width = s->heads * s->image;

    memset(mean, 0, (size_t)width * sizeof *mean);
    for (int64_t j = 0; j < s->n; j++)
        for (int64_t i = 0; i < width; i++)
            mean[i] += weights[j * width + i] * d[j * width + i];
    for (int64_t j = 0; j < s->n; j++)
        for (int64_t i = 0; i < width; i++)
            d[j * width + i] = weights[j * width + i] * (d[j * width + i] - mean[i]) * s->scale;
    for (int64_t r = 0; r < s->columns; r++)
        sums[r] = samc_sum(d + r * s->image, s->image);
}

static samc_status reply_prompt_back(void *arg, const samc_train_call *own, int64_t prompt)
{
    const reply_job *job = arg;
    const samc_cross_sizes *s = &job->s;
    const samc_kernels *kernels = own->call->kernels;
    const samc_reply_cache *c = job->cache;
    const int64_t at = prompt * s->columns * s->e, image_at = prompt * s->image * s->e, e = s->e;
    const float *weights = c->weights + prompt * s->columns * s->image;
    float *parts = job->parts + prompt * 3 * e, *dimage = job->dimage + image_at;
    float *sum, *dbefore, *dscores, *mean;

    SAMC_TRY(samc_local_position(own, s, c->image + image_at, job->pe, &sum));
    SAMC_TRY(take(own, s->image, e, &dbefore));
    SAMC_TRY(take(own, s->columns, s->image, &dscores));
    SAMC_TRY(take(own, s->heads, s->image, &mean));
    memset(parts, 0, (size_t)(3 * e) * sizeof *parts);
    for (int64_t i = 0; i < s->image; i++) {
        kernels->layer_norm_grad(c->before + image_at + i * e, dimage + i * e, e,
                                 job->t->params->values + job->norm->weight, job->norm->eps,
                                 dbefore + i * e, 0, parts, parts + e);
        kernels->epilogue(parts + 2 * e, e, dbefore + i * e, SAMC_ACT_NONE, NULL);
    }
    SAMC_TRY(samc_local_gather(own, s, weights, dbefore, job->dvalues + at));
    SAMC_TRY(samc_local_score(own, s, c->values + at, dbefore, dscores));
    dsoftmax_heads(s, weights, mean, dscores, job->biases + prompt * s->columns);
    SAMC_TRY(samc_local_gather(own, s, dscores, sum, job->dkeys + at));
    return samc_local_spread(own, s, s->columns, dscores, c->keys + at, NULL, dbefore, dimage);
}

/* What the prompts' tiles summed up apart. */
static void add_reply_parts(const reply_job *job, int64_t prompts)
{
    const int64_t e = job->s.e, offsets[3] = {job->norm->weight, job->norm->bias, job->p->out.bias};

    for (int64_t prompt = 0; prompt < prompts; prompt++)
        for (int part = 0; part < 3; part++)
            for (int64_t i = 0; i < e; i++)
                job->t->params->gradients[offsets[part] + i] +=
                    job->parts[(prompt * 3 + part) * e + i];
}

/* The queries' bias met the keys as one number a key and head. */
static void bias_backward(const reply_job *job, float *dk)
{
    const samc_cross_sizes *s = &job->s;
    const float *bias = job->t->params->values + job->p->q.bias;
    float *dbias = job->t->params->gradients + job->p->q.bias;

    for (int64_t r = 0; r < s->rows; r++)
        for (int64_t i = 0; i < s->inner; i++) {
            const float d = job->biases[r * s->heads + i / s->d];

            dk[r * s->inner + i] += d * bias[i];
            dbias[i] += d * job->cache->k[r * s->inner + i];
        }
}

samc_status samc_train_reply_backward(const samc_train_call *t, const samc_train_cross *cross,
                                      const samc_row_norm *norm, const samc_reply_cache *cache,
                                      float *dimage, float *dk_in, float *dv_in)
{
    const samc_train_projections *p = cross->projections;
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    const float *values = t->params->values;
    float *g = t->params->gradients, *dk, *dv;
    reply_job job = {.t = t,
                     .s = samc_cross_sizes_of(cross),
                     .norm = norm,
                     .p = p,
                     .cache = cache,
                     .pe = cross->image_pe,
                     .dimage = dimage};
    const samc_cross_sizes *s = &job.s;
    samc_status status = SAMC_OK;

    SAMC_CHECK(take(t, s->rows, s->inner, &dk));
    SAMC_CHECK(take(t, s->rows, s->inner, &dv));
    SAMC_CHECK(take(t, s->rows * s->heads, s->e, &job.dkeys));
    SAMC_CHECK(take(t, s->rows * s->heads, s->e, &job.dvalues));
    SAMC_CHECK(take(t, s->rows, s->heads, &job.biases));
    SAMC_CHECK(take(t, cross->prompts * 3, s->e, &job.parts));
    SAMC_CHECK(samc_train_tiles(t, cross->prompts, reply_prompt_back, &job));
    add_reply_parts(&job, cross->prompts);
    SAMC_CHECK(samc_cross_release(t, s, job.dkeys, values + p->q.weight, s->e, 1, NULL, dk));
    SAMC_CHECK(samc_cross_weights(t, s, cache->k, job.dkeys, g + p->q.weight));
    bias_backward(&job, dk);
    SAMC_CHECK(
        samc_cross_release(t, s, job.dvalues, values + p->out.weight, 1, s->inner, NULL, dv));
    SAMC_CHECK(samc_cross_answer_weights(t, s, job.dvalues, cache->v, g + p->out.weight));
    SAMC_CHECK(samc_dense_backward(t, &p->k, s->rows, cache->k_in, dk, dk_in, 1));
    status = samc_dense_backward(t, &p->v, s->rows, cache->v_in, dv, dv_in, 1);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}
