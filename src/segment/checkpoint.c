/* SPDX-License-Identifier: Apache-2.0
 *
 * A model from a checkpoint in a file or in memory: samc_model_load.
 */
#include "kernels/context.h"
#include "model/sam.h"

static samc_status build(samc_context *context, samc_tensors *tensors,
                         const samc_model_options *options, samc_model **model, samc_error *error)
{
    samc_model *m = NULL;
    samc_status status = SAMC_OK;

    SAMC_CHECK(samc_tensors_verify(tensors, context->threads, error));
    if (options && options->progress && options->progress(options->user, 0.25)) {
        status = SAMC_FAIL(error, CANCELLED, "loading the model was cancelled");
        goto cleanup;
    }
    SAMC_CHECK(samc_sam_build(context->kernels, tensors, &m, error));
    if (options && options->progress)
        (void)options->progress(options->user, 1.0);
    *model = m;

cleanup:
    return status;
}

static samc_status check_arguments(const char *function, const samc_context *context,
                                   const void *source, const samc_model_options *options,
                                   samc_model **model, samc_error *error)
{
    if (!context || !source || !model || (options && options->struct_size < sizeof *options))
        return SAMC_FAIL(error, ARGUMENT,
                         "%s: give a context, a checkpoint, a place for the model, and options "
                         "that are NULL or began with SAMC_MODEL_OPTIONS_INIT",
                         function);
    return SAMC_OK;
}

samc_status samc_model_load(samc_context *context, const char *path,
                            const samc_model_options *options, samc_model **model,
                            samc_error *error)
{
    samc_tensors *tensors = NULL;
    samc_error reason = {SAMC_OK, ""};
    samc_status status;

    SAMC_TRY(check_arguments("samc_model_load", context, path, options, model, error));
    SAMC_TRY(samc_tensors_open(path, &tensors, error)); /* its messages name the file */
    status = build(context, tensors, options, model, &reason);
    samc_tensors_close(tensors);
    if (status != SAMC_OK)
        return samc_error_set(error, status, "%s: %s", path, reason.message);
    return SAMC_OK;
}

samc_status samc_model_load_memory(samc_context *context, const void *data, size_t size,
                                   const samc_model_options *options, samc_model **model,
                                   samc_error *error)
{
    samc_tensors *tensors = NULL;
    samc_status status = SAMC_OK;

    SAMC_TRY(check_arguments("samc_model_load_memory", context, data, options, model, error));
    SAMC_CHECK(samc_tensors_open_memory(data, size, &tensors, error));
    status = build(context, tensors, options, model, error);

cleanup:
    samc_tensors_close(tensors);
    return status;
}
