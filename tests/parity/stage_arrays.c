/* SPDX-License-Identifier: Apache-2.0 */
#include "parity/stage_arrays.h"

#include "weights/safetensors.h"

#include <string.h>

samc_status samc_stage_open(const char *path, samc_stage_arrays *arrays, samc_error *error)
{
    memset(arrays, 0, sizeof(*arrays));
    return samc_tensors_open(path, &arrays->in, error);
}

void samc_stage_close(samc_stage_arrays *arrays)
{
    samc_tensors_close(arrays->in);
    samc_arena_free(&arrays->arena);
    memset(arrays, 0, sizeof(*arrays));
}

samc_status samc_stage_input(const samc_stage_arrays *arrays, const char *name, int32_t n_dims,
                             const samc_tensor **tensor, samc_error *error)
{
    const samc_tensor *found = samc_tensors_find(arrays->in, name);
    if (!found)
        return SAMC_FAIL(error, ARGUMENT, "the stage wants an array \"%s\"", name);
    if (found->n_dims != n_dims)
        return SAMC_FAIL(error, ARGUMENT, "\"%s\" has %d axes, not %d", name, found->n_dims,
                         n_dims);
    *tensor = found;
    return SAMC_OK;
}

samc_status samc_stage_floats(samc_stage_arrays *arrays, const char *name, int32_t n_dims,
                              int64_t *shape, float **values, samc_error *error)
{
    const samc_tensor *tensor = NULL;
    SAMC_TRY(samc_stage_input(arrays, name, n_dims, &tensor, error));
    const int64_t n = samc_tensor_elements(tensor);
    float *copy = NULL;
    SAMC_TRY(samc_arena_take(&arrays->arena, (size_t)n, sizeof(float), &copy, error));
    samc_tensor_to_f32(tensor, 0, n, copy);
    if (shape)
        memcpy(shape, tensor->shape, (size_t)n_dims * sizeof(*shape));
    *values = copy;
    return SAMC_OK;
}

samc_status samc_stage_ints(samc_stage_arrays *arrays, const char *name, int32_t n_dims,
                            int64_t *shape, int32_t **values, samc_error *error)
{
    const samc_tensor *tensor = NULL;
    SAMC_TRY(samc_stage_input(arrays, name, n_dims, &tensor, error));
    if (tensor->dtype != SAMC_DTYPE_I32)
        return SAMC_FAIL(error, ARGUMENT, "\"%s\" is not i32", name);
    const size_t n = (size_t)samc_tensor_elements(tensor);
    int32_t *copy = NULL;
    SAMC_TRY(samc_arena_take(&arrays->arena, n, sizeof(int32_t), &copy, error));
    memcpy(copy, tensor->data, n * sizeof(int32_t));
    if (shape)
        memcpy(shape, tensor->shape, (size_t)n_dims * sizeof(*shape));
    *values = copy;
    return SAMC_OK;
}

samc_status samc_stage_output(samc_stage_arrays *arrays, const char *name, samc_dtype dtype,
                              int32_t n_dims, const int64_t *shape, void *memory, samc_error *error)
{
    if (arrays->n_out == SAMC_STAGE_OUTPUTS)
        return SAMC_FAIL(error, LIMIT, "a stage has at most %d outputs", SAMC_STAGE_OUTPUTS);
    samc_tensor *tensor = &arrays->out[arrays->n_out];
    *tensor = (samc_tensor){.name = name, .dtype = dtype, .n_dims = n_dims};
    int64_t stride = 1;
    for (int32_t i = n_dims - 1; i >= 0; i--) {
        tensor->shape[i] = shape[i];
        tensor->strides[i] = stride;
        stride *= shape[i];
    }
    void *taken = NULL;
    SAMC_TRY(
        samc_arena_take(&arrays->arena, (size_t)stride, samc_dtype_size(dtype), &taken, error));
    tensor->data = taken;
    memcpy(memory, &taken, sizeof(taken)); /* the address of a pointer of any type */
    arrays->n_out++;
    return SAMC_OK;
}

samc_status samc_stage_write(const samc_stage_arrays *arrays, const char *path, samc_error *error)
{
    const samc_tensor *list[SAMC_STAGE_OUTPUTS];
    for (size_t i = 0; i < arrays->n_out; i++)
        list[i] = &arrays->out[i];
    return samc_safetensors_write(path, list, arrays->n_out, SAMC_DTYPE_F32, NULL, 0, error);
}
