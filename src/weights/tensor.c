/* SPDX-License-Identifier: Apache-2.0
 *
 * One tensor's numbers: any dtype, any strides, to f32 or as they are.
 */
#include "weights/half.h"
#include "weights/tensors.h"

#include <string.h>

int64_t samc_tensor_elements(const samc_tensor *tensor)
{
    int64_t elements = 1;

    for (int32_t i = 0; i < tensor->n_dims; i++)
        elements *= tensor->shape[i];
    return elements;
}

int samc_tensor_is_contiguous(const samc_tensor *tensor)
{
    int64_t stride = 1;

    for (int32_t i = tensor->n_dims - 1; i >= 0; i--) {
        /* a side of one element is never stepped along: its stride says nothing */
        if (tensor->shape[i] > 1 && tensor->strides[i] != stride)
            return 0;
        stride *= tensor->shape[i];
    }
    return 1;
}

/* One loop a dtype over `count` elements that follow one another. */
#define CONVERT(type)                                                                              \
    for (size_t i = 0; i < count; i++) {                                                           \
        type value;                                                                                \
        memcpy(&value, data + i * sizeof value, sizeof value);                                     \
        out[i] = (float)value;                                                                     \
    }

static void convert_run(samc_dtype dtype, const uint8_t *restrict data, size_t count,
                        float *restrict out)
{
    switch (dtype) {
    case SAMC_DTYPE_F64: CONVERT(double) break;
    case SAMC_DTYPE_F32: memcpy(out, data, count * sizeof *out); break;
    case SAMC_DTYPE_F16: samc_f16_array_to_f32(data, count, out); break;
    case SAMC_DTYPE_BF16: samc_bf16_array_to_f32(data, count, out); break;
    case SAMC_DTYPE_I64: CONVERT(int64_t) break;
    case SAMC_DTYPE_I32: CONVERT(int32_t) break;
    case SAMC_DTYPE_I16: CONVERT(int16_t) break;
    case SAMC_DTYPE_I8: CONVERT(int8_t) break;
    case SAMC_DTYPE_U8: CONVERT(uint8_t) break;
    case SAMC_DTYPE_BOOL:
        for (size_t i = 0; i < count; i++)
            out[i] = data[i] ? 1.0f : 0.0f;
        break;
    }
}

/* Calls back for runs of elements that follow one another in the file: the whole range where the
 * tensor is contiguous, else rows of the last side, or single elements where that has a stride. */
typedef void (*run_fn)(const samc_tensor *tensor, const uint8_t *data, size_t count, void *out,
                       size_t done);

static void for_each_run(const samc_tensor *tensor, int64_t first, int64_t count, run_fn fn,
                         void *out)
{
    size_t size = samc_dtype_size(tensor->dtype);
    int32_t last = tensor->n_dims - 1;
    int64_t index[SAMC_TENSOR_MAX_DIMS] = {0};
    int64_t rest = first, row, done = 0;

    if (count <= 0)
        return;
    if (samc_tensor_is_contiguous(tensor)) {
        fn(tensor, tensor->data + (size_t)first * size, (size_t)count, out, 0);
        return;
    }
    for (int32_t i = last; i >= 0; i--) {
        index[i] = rest % tensor->shape[i];
        rest /= tensor->shape[i];
    }
    while (done < count) {
        size_t offset = 0;

        for (int32_t i = 0; i <= last; i++)
            offset += (size_t)(index[i] * tensor->strides[i]);
        row = tensor->strides[last] == 1 ? tensor->shape[last] - index[last] : 1;
        row = row < count - done ? row : count - done;
        fn(tensor, tensor->data + offset * size, (size_t)row, out, (size_t)done);
        done += row;
        index[last] += row;
        for (int32_t i = last; i > 0 && index[i] == tensor->shape[i]; i--) {
            index[i] = 0;
            index[i - 1]++;
        }
    }
}

static void run_to_f32(const samc_tensor *tensor, const uint8_t *data, size_t count, void *out,
                       size_t done)
{
    convert_run(tensor->dtype, data, count, (float *)out + done);
}

static void run_copy(const samc_tensor *tensor, const uint8_t *data, size_t count, void *out,
                     size_t done)
{
    size_t size = samc_dtype_size(tensor->dtype);

    memcpy((uint8_t *)out + done * size, data, count * size);
}

void samc_tensor_to_f32(const samc_tensor *tensor, int64_t first, int64_t count, float *out)
{
    for_each_run(tensor, first, count, run_to_f32, out);
}

void samc_tensor_copy(const samc_tensor *tensor, int64_t first, int64_t count, uint8_t *out)
{
    for_each_run(tensor, first, count, run_copy, out);
}
