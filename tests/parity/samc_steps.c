/* SPDX-License-Identifier: Apache-2.0
 *
 * Optimiser steps on discs before noise: timed (tools/bench/bench_train.py), or recorded for the
 * comparison with PyTorch (tools/parity/parity_steps.py).
 *
 * usage: samc_steps MODEL STEPS OUT.safetensors|- [SETTINGS [KERNELS [THREADS]]]
 *
 * SETTINGS is a text as samc_train_settings_parse reads it. With "-" a line a step says how long
 * its parts took; else OUT holds, S being the step and R its round: S.patches [B * T][3 p p],
 * S.targets [N][L][L]; S.R.points [N][n][2], S.R.labels [N][n], S.R.photo, S.R.mask and S.R.carried
 * [N] (i32: the mask of those made that goes into the next round); loss [STEPS]; and the values of
 * every tensor after the last step under its own name.
 */
#define _POSIX_C_SOURCE 200809L

#include "base/memory.h"
#include "base/random.h"
#include "kernels/context.h"
#include "train/trainer.h"
#include "weights/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

typedef struct recording {
    samc_arena arena;
    samc_tensor *tensors;
    size_t count, capacity;
    int64_t step;
    const samc_train_batch *batch;
} recording;

static samc_status keep(recording *r, const char *name, samc_dtype dtype, int32_t n_dims,
                        const int64_t *shape, const void *data, samc_error *error)
{
    samc_tensor *t = &r->tensors[r->count];
    size_t count = 1, length = strlen(name) + 1;
    void *copy;
    char *own;

    if (r->count == r->capacity)
        return SAMC_FAIL(error, LIMIT, "too much to record");
    for (int32_t i = 0; i < n_dims; i++)
        count *= (size_t)shape[i];
    SAMC_TRY(samc_arena_take(&r->arena, count, 4, &copy, error));
    SAMC_TRY(samc_arena_take(&r->arena, length, 1, &own, error));
    memcpy(copy, data, 4 * count);
    memcpy(own, name, length);
    *t = (samc_tensor){.name = own, .dtype = dtype, .n_dims = n_dims, .data = copy};
    for (int64_t i = n_dims - 1, stride = 1; i >= 0; stride *= shape[i--]) {
        t->shape[i] = shape[i];
        t->strides[i] = stride;
    }
    r->count++;
    return SAMC_OK;
}

static samc_status record_round(void *user, const samc_rounds_record *round, samc_error *error)
{
    recording *r = user;
    const samc_prompt_batch *p = round->prompts;
    const int64_t shape[3] = {p->prompts, p->positions, 2};
    char name[64];
    int32_t *carried;

#define NAME(part) (snprintf(name, sizeof name, "%d.%d." part, (int)r->step, round->round), name)
    SAMC_TRY(samc_arena_take(&r->arena, (size_t)p->prompts, sizeof *carried, &carried, error));
    for (int64_t i = 0; i < p->prompts; i++) {
        const int is_box = p->labels[(i + 1) * p->positions - 1] == SAMC_POINT_BOTTOM_RIGHT;

        carried[i] = p->count == 1 || is_box
                         ? 0
                         : 1 + samc_prompt_carried(round->iou + i * p->count + 1, p->count - 1);
    }
    SAMC_TRY(keep(r, NAME("points"), SAMC_DTYPE_F32, 3, shape, p->points, error));
    SAMC_TRY(keep(r, NAME("labels"), SAMC_DTYPE_I32, 2, shape, p->labels, error));
    SAMC_TRY(keep(r, NAME("photo"), SAMC_DTYPE_I32, 1, shape, p->photo, error));
    SAMC_TRY(keep(r, NAME("mask"), SAMC_DTYPE_I32, 1, shape, round->mask, error));
    return keep(r, NAME("carried"), SAMC_DTYPE_I32, 1, shape, carried, error);
#undef NAME
}

static samc_status record_batch(recording *r, const samc_config *c, samc_error *error)
{
    const int64_t patches[2] = {r->batch->photos * c->grid * c->grid,
                                3 * (int64_t)c->patch_size * c->patch_size};
    const int64_t targets[3] = {r->batch->masks, samc_config_low_res(c), samc_config_low_res(c)};
    char name[64];

    (void)snprintf(name, sizeof name, "%d.patches", (int)r->step);
    SAMC_TRY(keep(r, name, SAMC_DTYPE_F32, 2, patches, r->batch->patches, error));
    (void)snprintf(name, sizeof name, "%d.targets", (int)r->step);
    return keep(r, name, SAMC_DTYPE_F32, 3, targets, r->batch->targets, error);
}

/* A photo of noise with bright discs, whose masks are the discs. */
static samc_status make_sample(int32_t size, int32_t masks, uint64_t index, samc_sample *sample,
                               samc_error *error)
{
    samc_random random = samc_random_keyed(5, index, 0);
    const size_t area = (size_t)size * (size_t)size;

    *sample = (samc_sample){.size = size, .width = size, .height = size, .n_masks = masks};
    SAMC_TRY(samc_alloc(area, 3, &sample->pixels, error));
    SAMC_TRY(samc_alloc_zero(area, (size_t)masks, &sample->masks, error));
    SAMC_TRY(samc_alloc_zero((size_t)masks, sizeof *sample->labels, &sample->labels, error));
    SAMC_TRY(samc_alloc_string("discs", &sample->identity, error));
    for (size_t i = 0; i < 3 * area; i++)
        sample->pixels[i] = (uint8_t)(samc_random_next(&random) & 127);
    for (int32_t k = 0; k < masks; k++) {
        const float side = (float)size;
        const float x = samc_random_range(&random, 0.19f * side, 0.8f * side);
        const float y = samc_random_range(&random, 0.19f * side, 0.8f * side);
        const float r = samc_random_range(&random, 0.04f * side, 0.16f * side);

        for (size_t i = 0; i < area; i++) {
            const float u = (float)(i % (size_t)size) - x, v = (float)(i / (size_t)size) - y;

            if (u * u + v * v < r * r) {
                sample->masks[(size_t)k * area + i] = 1;
                sample->pixels[3 * i] |= 128;
            }
        }
    }
    return SAMC_OK;
}

static samc_status make_batch(const samc_config *c, const samc_train_settings *settings,
                              int64_t step, samc_train_batch *batch, samc_error *error)
{
    const uint64_t first = (uint64_t)(step * settings->batch);
    samc_sample *samples;

    SAMC_TRY(samc_alloc_zero((size_t)settings->batch, sizeof *samples, &samples, error));
    for (int64_t i = 0; i < settings->batch; i++)
        SAMC_TRY(make_sample(c->image_size, (int32_t)settings->masks, first + (uint64_t)i,
                             &samples[i], error));
    return samc_train_batch_of(c, samples, settings->batch, first, batch, error);
}

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static samc_status take_steps(samc_trainer *trainer, const samc_params *params,
                              const samc_train_settings *settings, int64_t steps, recording *r,
                              float *losses, samc_error *error)
{
    samc_train_batch batch = {0};
    samc_status status = SAMC_OK;
    samc_step_report report;

    for (int64_t step = 0; step < steps; step++) {
        double at;

        SAMC_CHECK(make_batch(&params->config, settings, step, &batch, error));
        r->step = step;
        r->batch = &batch;
        if (r->tensors)
            SAMC_CHECK(record_batch(r, &params->config, error));
        at = now();
        SAMC_CHECK(samc_trainer_step(trainer, step, &batch, &report, error));
        at = now() - at;
        losses[step] = (float)report.rounds.loss;
        if (!r->tensors)
            (void)printf("%.2f photos/s  encode %.1f  rounds %.1f  back %.1f  update %.1f ms  loss "
                         "%.5f\n",
                         (double)settings->batch / at, 1e3 * report.encode, 1e3 * report.talk,
                         1e3 * report.back, 1e3 * report.update, report.rounds.loss);
    }

cleanup:
    samc_train_batch_free(&batch);
    return status;
}

static samc_status write_recording(const char *path, recording *r, const samc_params *params,
                                   samc_error *error)
{
    const samc_tensor **list;
    samc_status status = SAMC_OK;

    SAMC_TRY(samc_alloc(r->count + params->n_params, sizeof(const samc_tensor *), &list, error));
    for (size_t i = 0; i < params->n_params; i++) {
        const samc_param *p = &params->list[i];

        SAMC_CHECK(keep(r, p->name, SAMC_DTYPE_F32, p->n_dims, p->shape, params->values + p->offset,
                        error));
    }
    for (size_t i = 0; i < r->count; i++)
        list[i] = &r->tensors[i];
    status = samc_safetensors_write(path, list, r->count, SAMC_DTYPE_F32, NULL, 0, error);

cleanup:
    free(list);
    return status;
}

static samc_status run(samc_context *context, samc_params *params, int argc, char **argv,
                       recording *r, samc_error *error)
{
    const int64_t steps = atoi(argv[2]);
    samc_trainer *trainer = NULL;
    samc_train_settings settings;
    samc_status status = SAMC_OK;
    struct rusage usage;
    float *losses = NULL;

    samc_train_settings_begin(&settings, 0);
    if (argc > 4)
        SAMC_TRY(samc_train_settings_parse(&settings, argv[4], error));
    r->capacity = (size_t)steps * (size_t)(3 + 5 * settings.prompts.rounds) + params->n_params;
    if (strcmp(argv[3], "-") != 0)
        SAMC_CHECK(samc_alloc_zero(r->capacity, sizeof *r->tensors, &r->tensors, error));
    SAMC_CHECK(samc_alloc_zero((size_t)steps, sizeof *losses, &losses, error));
    SAMC_CHECK(samc_trainer_create(context, params, &settings, 3, NULL, &trainer, error));
    if (r->tensors)
        samc_trainer_record(trainer, record_round, r);
    SAMC_CHECK(take_steps(trainer, params, &settings, steps, r, losses, error));
    if (r->tensors) {
        SAMC_CHECK(keep(r, "loss", SAMC_DTYPE_F32, 1, &steps, losses, error));
        SAMC_CHECK(write_recording(argv[3], r, params, error));
    } else if (getrusage(RUSAGE_SELF, &usage) == 0) {
        (void)printf("memory %ld MiB\n", usage.ru_maxrss / 1024);
    }

cleanup:
    samc_trainer_free(trainer);
    free(losses);
    return status;
}

int main(int argc, char **argv)
{
    samc_context_options options = SAMC_CONTEXT_OPTIONS_INIT;
    samc_context *context = NULL;
    samc_tensors *tensors = NULL;
    samc_params params = {.list = NULL};
    samc_error error = {SAMC_OK, ""};
    samc_status status = SAMC_OK;
    recording r = {.tensors = NULL};

    if (argc < 4) {
        (void)fputs("usage: samc_steps MODEL STEPS OUT|- [SETTINGS [KERNELS [THREADS]]]\n", stderr);
        return 2;
    }
    options.kernels = argc > 5 && argv[5][0] ? argv[5] : NULL;
    options.threads = argc > 6 ? atoi(argv[6]) : 0;
    SAMC_CHECK(samc_context_create(&options, &context, &error));
    SAMC_CHECK(samc_tensors_open(argv[1], &tensors, &error));
    SAMC_CHECK(samc_params_load(tensors, NULL, &params, &error));
    status = run(context, &params, argc, argv, &r, &error);

cleanup:
    free(r.tensors);
    samc_arena_free(&r.arena);
    samc_params_free(&params);
    samc_tensors_close(tensors);
    samc_context_free(context);
    if (status != SAMC_OK)
        (void)fprintf(stderr, "samc_steps: %s\n", error.message);
    return status == SAMC_OK ? 0 : 1;
}
