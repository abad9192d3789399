/* SPDX-License-Identifier: Apache-2.0 */
#include "model/loader.h"

#include "base/hash.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

samc_status samc_loader_begin(const samc_tensors *tensors, const samc_kernels *kernels,
                              samc_loader *loader, samc_error *error)
{
    *loader = (samc_loader){.tensors = tensors, .kernels = kernels, .error = error};
    return samc_alloc_zero(samc_tensors_count(tensors), 1, &loader->used, error);
}

void samc_loader_free(samc_loader *loader)
{
    free(loader->used);
    loader->used = NULL;
}

static void note_problem(samc_loader *loader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note_problem(samc_loader *loader, const char *format, ...)
{
    const size_t length = strlen(loader->problems);
    va_list args;

    if (loader->n_problems++ > 0 && length + 2 < sizeof loader->problems)
        (void)strcat(loader->problems, "; ");
    va_start(args, format);
    (void)vsnprintf(loader->problems + strlen(loader->problems),
                    sizeof loader->problems - strlen(loader->problems), format, args);
    va_end(args);
}

int samc_loader_is_training_state(const char *name)
{
    return strncmp(name, "optimizer.", 10) == 0 || strncmp(name, "ema.", 4) == 0 ||
           strncmp(name, "pretrain.", 9) == 0;
}

samc_status samc_loader_finish(samc_loader *loader)
{
    for (size_t i = 0; i < samc_tensors_count(loader->tensors); i++) {
        const char *name = samc_tensors_at(loader->tensors, i)->name;

        if (!loader->used[i] && !samc_loader_is_training_state(name))
            note_problem(loader, "%s is extra", name);
    }
    if (loader->n_problems)
        return SAMC_FAIL(loader->error, MODEL, "%zu tensor%s: %s%s", loader->n_problems,
                         loader->n_problems == 1 ? " does not fit" : "s do not fit",
                         loader->problems,
                         strlen(loader->problems) + 1 == sizeof loader->problems ? " …" : "");
    return SAMC_OK;
}

/* True where every value is finite; an exponent of all ones is an infinity or a NaN. */
static int all_finite(const float *values, int64_t n)
{
    uint32_t bad = 0;

    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;

        memcpy(&bits, &values[i], sizeof bits);
        bad |= (bits & 0x7F800000u) == 0x7F800000u;
    }
    return !bad;
}

/* Finds a tensor of that shape and marks it used; NULL: noted. */
static const samc_tensor *find(samc_loader *loader, const char *name, const int64_t shape[4])
{
    const samc_tensor *t = samc_tensors_find(loader->tensors, name);
    char have[96] = "", want[96] = "";
    int32_t dims = 0;
    int same;

    while (dims < 4 && shape[dims])
        dims++;
    if (!t) {
        note_problem(loader, "%s is missing", name);
        return NULL;
    }
    for (size_t i = 0; i < samc_tensors_count(loader->tensors); i++)
        if (samc_tensors_at(loader->tensors, i) == t)
            loader->used[i] = 1;
    same = t->n_dims == dims;
    for (int32_t i = 0; i < t->n_dims; i++) {
        const size_t used = strlen(have);
        same = same && t->shape[i] == shape[i];
        (void)snprintf(have + used, sizeof have - used, "[%lld]", (long long)t->shape[i]);
    }
    if (same)
        return t;
    for (int32_t i = 0; i < dims; i++) {
        const size_t used = strlen(want);
        (void)snprintf(want + used, sizeof want - used, "[%lld]", (long long)shape[i]);
    }
    note_problem(loader, "%s is %s instead of %s", name, have, want);
    return NULL;
}

samc_status samc_loader_values(samc_loader *loader, const char *prefix, const char *name,
                               const int64_t shape[4], float **out)
{
    char full[192];
    const samc_tensor *t;
    int64_t n;
    float *values;

    *out = NULL;
    (void)snprintf(full, sizeof full, "%s%s", prefix, name);
    t = find(loader, full, shape);
    if (!t)
        return SAMC_OK;
    n = samc_tensor_elements(t);
    SAMC_TRY(samc_alloc((size_t)n, sizeof *values, &values, loader->error));
    samc_tensor_to_f32(t, 0, n, values);
    samc_tensors_release(loader->tensors, t);
    if (!all_finite(values, n)) {
        note_problem(loader, "%s has infinite or NaN values", full);
        free(values);
        return SAMC_OK;
    }
    loader->parameters += n;
    samc_hash_bytes(loader->hash, full, strlen(full));
    samc_hash_bytes(loader->hash, values, (size_t)n * sizeof *values);
    if (loader->look_only)
        free(values);
    else
        *out = values;
    return SAMC_OK;
}

samc_status samc_loader_linear(samc_loader *loader, const char *prefix, int64_t n, int64_t k,
                               int bias, samc_linear *linear)
{
    float *weight = NULL, *b = NULL;
    samc_status status = SAMC_OK;

    *linear = (samc_linear){0, 0, NULL, NULL};
    SAMC_CHECK(samc_loader_values(loader, prefix, ".weight", (const int64_t[4]){n, k}, &weight));
    if (bias)
        SAMC_CHECK(samc_loader_values(loader, prefix, ".bias", (const int64_t[4]){n}, &b));
    if (weight && (b || !bias))
        status = samc_linear_pack(loader->kernels, weight, n, k, k, 1, b, linear, loader->error);

cleanup:
    free(weight);
    free(b);
    return status;
}

samc_status samc_loader_norm(samc_loader *loader, const char *prefix, int64_t n, samc_norm *norm)
{
    norm->bias = NULL;
    SAMC_TRY(samc_loader_values(loader, prefix, ".weight", (const int64_t[4]){n}, &norm->weight));
    return samc_loader_values(loader, prefix, ".bias", (const int64_t[4]){n}, &norm->bias);
}

void samc_norm_free(samc_norm *norm)
{
    free(norm->weight);
    free(norm->bias);
}

samc_status samc_loader_mlp(samc_loader *loader, const char *prefix, int32_t count, int64_t in,
                            int64_t hidden, int64_t out, samc_mlp *mlp)
{
    SAMC_TRY(samc_alloc_zero((size_t)count, sizeof *mlp->layers, &mlp->layers, loader->error));
    mlp->count = count;
    for (int32_t i = 0; i < count; i++) {
        char name[160];

        (void)snprintf(name, sizeof name, "%s.layers.%d", prefix, (int)i);
        SAMC_TRY(samc_loader_linear(loader, name, i + 1 == count ? out : hidden,
                                    i == 0 ? in : hidden, 1, &mlp->layers[i]));
    }
    return SAMC_OK;
}

void samc_mlp_free(samc_mlp *mlp)
{
    for (int32_t i = 0; i < mlp->count; i++)
        samc_linear_free(&mlp->layers[i]);
    free(mlp->layers);
}
