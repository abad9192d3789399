/* SPDX-License-Identifier: Apache-2.0
 *
 * Loader: hands a model's tensors out by name, checks each, and remembers what was wrong, so that
 * one message names every tensor that is missing, extra, misshapen or not finite.
 */
#ifndef SAMC_MODEL_LOADER_H
#define SAMC_MODEL_LOADER_H

#include "kernels/linear.h"
#include "weights/tensors.h"

typedef struct samc_loader {
    const samc_tensors *tensors;
    const samc_kernels *kernels;
    samc_error *error;
    uint8_t *used;      /* [count of tensors] */
    int look_only;      /* 1: tensors are checked and hashed, none is handed out */
    int64_t parameters; /* elements handed out */
    uint64_t hash[2];   /* over names, shapes and values */
    size_t n_problems;
    char problems[320]; /* the first few, one after another */
} samc_loader;

samc_status samc_loader_begin(const samc_tensors *tensors, const samc_kernels *kernels,
                              samc_loader *loader, samc_error *error);
/* Frees the loader's own memory. */
void samc_loader_free(samc_loader *loader);
/* Names what was wrong, tensors that nobody asked for included (training's own excepted). Errors:
 * MODEL. */
samc_status samc_loader_finish(samc_loader *loader);
/* 1 for what a training checkpoint keeps beside the model: "optimizer.…", "ema.…" and the head of
 * pre-training, "pretrain.…". */
int samc_loader_is_training_state(const char *name);

/* Where a tensor is not as it should be these note the problem, leave *out NULL and return SAMC_OK;
 * samc_loader_finish then fails. A loader that only looks leaves it NULL always. They return MEMORY
 * errors at once. */

/* Tensor "<prefix><name>" of that shape (unused axes 0) as f32 in C order; free with free(). */
samc_status samc_loader_values(samc_loader *loader, const char *prefix, const char *name,
                               const int64_t shape[4], float **out);
/* A linear layer "<prefix>.weight" [n][k] with "<prefix>.bias" [n] where `bias`. */
samc_status samc_loader_linear(samc_loader *loader, const char *prefix, int64_t n, int64_t k,
                               int bias, samc_linear *linear);

/* The weight and bias of a norm. */
typedef struct samc_norm {
    float *weight;
    float *bias;
} samc_norm;
samc_status samc_loader_norm(samc_loader *loader, const char *prefix, int64_t n, samc_norm *norm);
void samc_norm_free(samc_norm *norm);

/* A chain of linear layers: "<prefix>.layers.0" … */
typedef struct samc_mlp {
    int32_t count;
    samc_linear *layers;
} samc_mlp;
samc_status samc_loader_mlp(samc_loader *loader, const char *prefix, int32_t count, int64_t in,
                            int64_t hidden, int64_t out, samc_mlp *mlp);
void samc_mlp_free(samc_mlp *mlp);

#endif
