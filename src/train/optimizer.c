/* SPDX-License-Identifier: Apache-2.0 */
#include "train/optimizer.h"

#include <math.h>

/* Numbers of one tile: five arrays of 64 KiB each. */
#define TILE ((int64_t)16384)
/* Sums side by side in a norm, which the compiler turns into vector additions. */
#define LANES 8

#define PI 3.14159265358979323846

/* A stretch of one param. */
typedef struct tile {
    const samc_param *param;
    int64_t first, count; /* in the flat arrays */
    double squares;       /* the sum of its gradients' squares */
} tile;

typedef struct step_job {
    const samc_optimizer_options *options;
    samc_params *params;
    tile *tiles;
    int64_t n_tiles;
    int64_t step;
    double rate, factor; /* of the gradient: what clipping leaves of it */
} step_job;

double samc_optimizer_rate(const samc_optimizer_options *options, int64_t step)
{
    const double done = options->steps > 0 ? (double)step / (double)options->steps : 0.0;
    double turn;

    if (step < options->warmup)
        return options->rate * (double)(step + 1) / (double)options->warmup;
    switch (options->schedule) {
    case SAMC_SCHEDULE_CONSTANT: break;
    case SAMC_SCHEDULE_STEP:
        return options->rate * (done < 2.0 / 3.0 ? 1.0 : done < 0.95 ? 0.1 : 0.01);
    case SAMC_SCHEDULE_COSINE:
        if (step >= options->steps)
            return 0.0;
        turn = (double)(step - options->warmup) / (double)(options->steps - options->warmup);
        return options->rate * 0.5 * (1.0 + cos(PI * turn));
    }
    return options->rate;
}

double samc_optimizer_layer_scale(const samc_optimizer_options *options, const samc_params *params,
                                  const samc_param *param)
{
    return pow(options->layer_decay, params->config.depth + 1 - param->layer);
}

static samc_status cut_tiles(const samc_call *call, step_job *job, samc_error *error)
{
    const samc_params *params = job->params;
    int64_t most = 0;

    for (size_t i = 0; i < params->n_params; i++)
        if (params->list[i].trained)
            most += (params->list[i].count + TILE - 1) / TILE;
    SAMC_TRY(samc_arena_take(call->arena, (size_t)most, sizeof *job->tiles, &job->tiles, error));
    for (size_t i = 0; i < params->n_params; i++) {
        const samc_param *p = &params->list[i];

        for (int64_t at = 0; p->trained && at < p->count; at += TILE)
            job->tiles[job->n_tiles++] = (tile){p, p->offset + at,
                                                p->count - at < TILE ? p->count - at : TILE, 0.0};
    }
    return SAMC_OK;
}

static void norm_tile(void *arg, int64_t index, int32_t lane)
{
    const step_job *job = arg;
    tile *t = &job->tiles[index];
    const float *g = job->params->gradients + t->first;
    double sums[LANES] = {0};
    int64_t i = 0;

    (void)lane;
    for (; i + LANES <= t->count; i += LANES)
        for (int k = 0; k < LANES; k++)
            sums[k] += (double)g[i + k] * (double)g[i + k];
    for (; i < t->count; i++)
        sums[0] += (double)g[i] * (double)g[i];
    t->squares = 0.0;
    for (int k = 0; k < LANES; k++)
        t->squares += sums[k];
}

/* What one number's update needs, in f32 as PyTorch has it. */
typedef struct factors {
    float gradient;               /* clipping */
    float beta1, beta2;           /* what joins the means: 1 - b1, 1 - b2 */
    float keep2;                  /* b2 */
    float shrink;                 /* 1 - r weight_decay */
    float root;                   /* 1 / sqrt(1 - b2^t) */
    float epsilon, rate, average; /* rate: r / (1 - b1^t); average: 1 - d */
} factors;

static void update(const factors *f, int64_t n, const float *restrict gradients,
                   float *restrict values, float *restrict m, float *restrict v,
                   float *restrict ema)
{
    const factors c = *f;

    for (int64_t i = 0; i < n; i++) {
        const float g = gradients[i] * c.gradient;
        const float mean = m[i] + c.beta1 * (g - m[i]);
        const float square = v[i] * c.keep2 + c.beta2 * (g * g);
        const float value = values[i] * c.shrink -
                            c.rate * (mean / (sqrtf(square) * c.root + c.epsilon));

        m[i] = mean;
        v[i] = square;
        values[i] = value;
        ema[i] += c.average * (value - ema[i]);
    }
}

static void update_tile(void *arg, int64_t index, int32_t lane)
{
    const step_job *job = arg;
    const samc_optimizer_options *o = job->options;
    const tile *t = &job->tiles[index];
    samc_params *p = job->params;
    const double time = (double)job->step + 1.0;
    const double rate = job->rate * samc_optimizer_layer_scale(o, p, t->param);
    const double d = fmin(o->ema, (1.0 + (double)job->step) / (10.0 + (double)job->step));
    const factors f = {
        .gradient = (float)job->factor,
        .beta1 = (float)(1.0 - o->beta1),
        .beta2 = (float)(1.0 - o->beta2),
        .keep2 = (float)o->beta2,
        .shrink = (float)(1.0 - rate * (t->param->decays ? o->weight_decay : 0.0)),
        .root = (float)(1.0 / sqrt(1.0 - pow(o->beta2, time))),
        .epsilon = (float)o->epsilon,
        .rate = (float)(rate / (1.0 - pow(o->beta1, time))),
        .average = (float)(1.0 - d),
    };

    (void)lane;
    update(&f, t->count, p->gradients + t->first, p->values + t->first, p->moment1 + t->first,
           p->moment2 + t->first, p->ema + t->first);
}

samc_status samc_optimizer_step(const samc_call *call, const samc_optimizer_options *options,
                                int64_t step, samc_params *params, samc_optimizer_report *report,
                                samc_error *error)
{
    const samc_arena_mark mark = samc_arena_here(call->arena);
    step_job job = {.options = options, .params = params, .step = step, .factor = 1.0};
    samc_status status = SAMC_OK;
    double squares = 0.0;

    SAMC_CHECK(cut_tiles(call, &job, error));
    samc_threads_run(call->threads, job.n_tiles, norm_tile, &job);
    for (int64_t i = 0; i < job.n_tiles; i++)
        squares += job.tiles[i].squares;
    job.rate = samc_optimizer_rate(options, step);
    *report = (samc_optimizer_report){sqrt(squares), job.rate, !isfinite(squares)};
    if (report->skipped)
        goto cleanup;
    if (options->clip > 0.0)
        job.factor = fmin(1.0, options->clip / (report->norm + 1e-6));
    samc_threads_run(call->threads, job.n_tiles, update_tile, &job);

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}
