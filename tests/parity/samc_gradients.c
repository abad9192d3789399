/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients of a training pass, for the comparison with autograd (tools/parity/parity_train.py).
 *
 * usage: samc_gradients MODEL IN.safetensors OUT.safetensors [KERNELS [THREADS [RECOMPUTE]]]
 *
 * IN: patches [B * T][3 p p]; keep [depth][2][B]; points [N][n][2], labels [N][n], photo [N] (i32);
 * masks [N][L][L] where the prompts have mask inputs; dlogits [N][count][L][L], diou [N][count]:
 * what the sum of the answers is weighted with. OUT: embedding, logits, iou, and the gradient of
 * every tensor under its own name.
 *
 * With hidden [B * T] (i32) it is a pass of pre-training (train/mae.h): MODEL has the head's
 * tensors, IN needs patches and keep beside it; OUT: embedding, loss [1], and the gradients.
 */
#include "parity/stage_arrays.h"

#include "base/memory.h"
#include "kernels/context.h"
#include "train/image_encoder_grad.h"
#include "train/mae.h"
#include "train/mask_decoder_grad.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/safetensors.h"

typedef struct inputs {
    float *patches, *keep, *points, *masks, *dlogits, *diou;
    int32_t *labels, *photo;
    int64_t rows[2], point_shape[3], logit_shape[4];
} inputs;

static samc_status read_inputs(samc_stage_arrays *a, inputs *in, samc_error *error)
{
    SAMC_TRY(samc_stage_floats(a, "patches", 2, in->rows, &in->patches, error));
    SAMC_TRY(samc_stage_floats(a, "keep", 3, NULL, &in->keep, error));
    SAMC_TRY(samc_stage_floats(a, "points", 3, in->point_shape, &in->points, error));
    SAMC_TRY(samc_stage_ints(a, "labels", 2, NULL, &in->labels, error));
    SAMC_TRY(samc_stage_ints(a, "photo", 1, NULL, &in->photo, error));
    SAMC_TRY(samc_stage_floats(a, "dlogits", 4, in->logit_shape, &in->dlogits, error));
    SAMC_TRY(samc_stage_floats(a, "diou", 2, NULL, &in->diou, error));
    in->masks = NULL;
    if (samc_tensors_find(a->in, "masks"))
        SAMC_TRY(samc_stage_floats(a, "masks", 3, NULL, &in->masks, error));
    return SAMC_OK;
}

static samc_tensor array(const char *name, int32_t n_dims, const int64_t *shape, const float *data)
{
    samc_tensor t = {.name = name, .dtype = SAMC_DTYPE_F32, .n_dims = n_dims};
    int64_t stride = 1;

    for (int32_t i = n_dims - 1; i >= 0; i--) {
        t.shape[i] = shape[i];
        t.strides[i] = stride;
        stride *= shape[i];
    }
    t.data = (const uint8_t *)data;
    return t;
}

/* Writes the answers and every gradient. */
static samc_status write_outputs(const char *path, const samc_params *params,
                                 const samc_tensor *answers, size_t n_answers, samc_error *error)
{
    samc_tensor *tensors = NULL;
    const samc_tensor **list = NULL;
    samc_status status = SAMC_OK;
    size_t n = params->n_params + n_answers;

    SAMC_CHECK(samc_alloc(n, sizeof *tensors, &tensors, error));
    SAMC_CHECK(samc_alloc(n, sizeof(const samc_tensor *), &list, error));
    for (size_t i = 0; i < params->n_params; i++) {
        const samc_param *p = &params->list[i];
        tensors[i] = array(p->name, p->n_dims, p->shape, params->gradients + p->offset);
    }
    memcpy(tensors + params->n_params, answers, n_answers * sizeof *answers);
    for (size_t i = 0; i < n; i++)
        list[i] = &tensors[i];
    status = samc_safetensors_write(path, list, n, SAMC_DTYPE_F32, NULL, 0, error);

cleanup:
    free(tensors);
    free(list);
    return status;
}

/* Forward and backward over everything. */
static samc_status run(const samc_train_call *t, const inputs *in, int32_t recompute,
                       const char *out)
{
    const samc_call *call = t->call;
    samc_params *params = t->params;
    samc_error *error = t->error;
    const samc_config *c = &params->config;
    const int64_t tokens = (int64_t)c->grid * c->grid, batch = in->rows[0] / tokens;
    const samc_prompt_batch prompts = {in->point_shape[0],
                                       in->point_shape[1],
                                       in->points,
                                       in->labels,
                                       in->photo,
                                       in->masks,
                                       in->logit_shape[1] == 1 ? 0 : 1,
                                       (int32_t)in->logit_shape[1]};
    const size_t answers = (size_t)(in->logit_shape[0] * in->logit_shape[1]);
    const size_t low = (size_t)(in->logit_shape[2] * in->logit_shape[3]);
    const size_t floats = (size_t)(in->rows[0] * c->embed_dim);
    const int64_t shape[2] = {in->rows[0], c->embed_dim};
    float *embedding, *dembedding, *logits, *iou;
    samc_train_encoder encoder;
    samc_train_decoder decoder;
    samc_decoder_pass pass;
    samc_status status = SAMC_OK;

    SAMC_TRY(samc_train_encoder_create(params, batch, recompute, &encoder, error));
    SAMC_TRY(samc_train_decoder_create(params, &decoder, error));
    SAMC_CHECK(samc_arena_take(call->arena, floats, sizeof *embedding, &embedding, error));
    SAMC_CHECK(samc_arena_take(call->arena, floats, sizeof *dembedding, &dembedding, error));
    SAMC_CHECK(samc_arena_take(call->arena, answers, low * sizeof *logits, &logits, error));
    SAMC_CHECK(samc_arena_take(call->arena, answers, sizeof *iou, &iou, error));
    memset(params->gradients, 0, (size_t)params->total * sizeof *params->gradients);
    memset(dembedding, 0, floats * sizeof *dembedding);
    SAMC_CHECK(samc_train_encoder_forward(t, &encoder, in->patches, in->keep, embedding));
    SAMC_CHECK(samc_train_decoder_forward(t, &decoder, &prompts, embedding, &pass, logits, iou));
    SAMC_CHECK(samc_train_decoder_backward(t, &decoder, &pass, in->dlogits, in->diou, dembedding));
    SAMC_CHECK(samc_train_encoder_backward(t, &encoder, in->patches, in->keep, dembedding));
    {
        const samc_tensor all[] = {array("embedding", 2, shape, embedding),
                                   array("logits", 4, in->logit_shape, logits),
                                   array("iou", 2, in->logit_shape, iou)};

        status = write_outputs(out, params, all, 3, error);
    }

cleanup:
    samc_train_encoder_free(&encoder);
    samc_train_decoder_free(&decoder);
    return status;
}

/* The same of pre-training. */
static samc_status run_mae(const samc_train_call *t, samc_stage_arrays *a, int32_t recompute,
                           const char *out)
{
    const samc_call *call = t->call;
    samc_params *params = t->params;
    samc_error *error = t->error;
    const samc_config *c = &params->config;
    const int64_t tokens = (int64_t)c->grid * c->grid, one = 1;
    float *patches, *keep, *embedding, *dembedding, loss;
    samc_train_encoder encoder;
    int32_t *hidden;
    uint8_t *marks;
    int64_t rows[2];
    samc_mae mae;
    samc_status status = SAMC_OK;
    double sum;

    SAMC_TRY(samc_stage_floats(a, "patches", 2, rows, &patches, error));
    SAMC_TRY(samc_stage_floats(a, "keep", 3, NULL, &keep, error));
    SAMC_TRY(samc_stage_ints(a, "hidden", 1, NULL, &hidden, error));
    SAMC_TRY(samc_mae_find(params, &mae, error));
    SAMC_TRY(samc_train_encoder_create(params, rows[0] / tokens, recompute, &encoder, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)rows[0], 1, &marks, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(rows[0] * c->embed_dim), sizeof *embedding,
                               &embedding, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(rows[0] * c->embed_dim), sizeof *dembedding,
                               &dembedding, error));
    for (int64_t i = 0; i < rows[0]; i++)
        marks[i] = hidden[i] != 0;
    encoder.hidden = marks;
    encoder.mask_token = mae.mask_token;
    memset(params->gradients, 0, (size_t)params->total * sizeof *params->gradients);
    SAMC_CHECK(samc_train_encoder_forward(t, &encoder, patches, keep, embedding));
    SAMC_CHECK(samc_mae_run(t, &mae, rows[0] / tokens, rows[0] / tokens, patches, marks, embedding,
                            &sum, dembedding, NULL));
    SAMC_CHECK(samc_train_encoder_backward(t, &encoder, patches, keep, dembedding));
    loss = (float)sum;
    rows[1] = c->embed_dim;
    {
        const samc_tensor answers[] = {array("embedding", 2, rows, embedding),
                                       array("loss", 1, &one, &loss)};

        status = write_outputs(out, params, answers, 2, error);
    }

cleanup:
    samc_train_encoder_free(&encoder);
    return status;
}

int main(int argc, char **argv)
{
    samc_context_options options = SAMC_CONTEXT_OPTIONS_INIT;
    samc_stage_arrays arrays = {.in = NULL};
    samc_arena arena = {NULL, NULL};
    samc_context *context = NULL;
    samc_tensors *tensors = NULL;
    samc_params params = {.list = NULL};
    samc_error error = {SAMC_OK, ""};
    samc_status status = SAMC_OK;
    samc_train_call t = {NULL, &params, &error, 0, NULL};
    int32_t recompute, threads = 0;
    samc_call call;
    inputs in;

    if (argc < 4) {
        (void)fputs("usage: samc_gradients MODEL IN OUT [KERNELS [THREADS [RECOMPUTE]]]\n", stderr);
        return 2;
    }
    options.kernels = argc > 4 && argv[4][0] ? argv[4] : NULL;
    options.threads = argc > 5 ? atoi(argv[5]) : 0;
    SAMC_CHECK(samc_context_create(&options, &context, &error));
    SAMC_CHECK(samc_tensors_open(argv[1], &tensors, &error));
    SAMC_CHECK(samc_params_load(tensors, SAMC_MAE, &params, &error));
    SAMC_CHECK(samc_stage_open(argv[2], &arrays, &error));
    call = (samc_call){context->kernels, context->threads, &arena, NULL};
    t.call = &call;
    recompute = argc > 6 ? atoi(argv[6]) : 0;
    SAMC_CHECK(samc_alloc_zero((size_t)samc_threads_count(call.threads), sizeof *t.lanes, &t.lanes,
                               &error));
    threads = samc_threads_count(call.threads);
    if (samc_tensors_find(arrays.in, "hidden")) {
        status = run_mae(&t, &arrays, recompute, argv[3]);
        goto cleanup;
    }
    SAMC_CHECK(read_inputs(&arrays, &in, &error));
    status = run(&t, &in, recompute, argv[3]);

cleanup:
    for (int32_t i = 0; i < threads; i++)
        samc_arena_free(&t.lanes[i]);
    free(t.lanes);
    samc_stage_close(&arrays);
    samc_params_free(&params);
    samc_tensors_close(tensors);
    samc_context_free(context);
    samc_arena_free(&arena);
    if (status != SAMC_OK)
        (void)fprintf(stderr, "samc_gradients: %s\n", error.message);
    return status == SAMC_OK ? 0 : 1;
}
