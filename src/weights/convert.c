/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/convert.h"

#include "weights/half.h"

#include <math.h>
#include <string.h>

/* Elements that are converted at a time. */
#define CHUNK ((int64_t)1024)

samc_status samc_convert_check(samc_dtype dtype, samc_error *error)
{
    if (dtype == SAMC_DTYPE_F32 || dtype == SAMC_DTYPE_F16 || dtype == SAMC_DTYPE_BF16)
        return SAMC_OK;
    return SAMC_FAIL(error, ARGUMENT, "tensors can be written as f32, f16 or bf16, not as %s",
                     samc_dtype_name(dtype));
}

samc_dtype samc_convert_dtype(const samc_tensor *tensor, samc_dtype dtype)
{
    return samc_dtype_is_float(tensor->dtype) ? dtype : tensor->dtype;
}

/* Largest finite numbers that still round to a finite one: half a unit past the dtype's largest is
 * where infinity begins (65504 + 16 for f16; for bf16 0x7f7f8000 as f32). */
static float overflow_of(samc_dtype dtype)
{
    return dtype == SAMC_DTYPE_F16 ? 65520.0f : dtype == SAMC_DTYPE_BF16 ? 0x1.ffp127f : INFINITY;
}

static samc_status check_range(const samc_tensor *tensor, samc_dtype dtype, int64_t first,
                               int64_t count, const float *values, samc_error *error)
{
    const float limit = overflow_of(dtype);

    for (int64_t i = 0; i < count; i++) {
        const float magnitude = fabsf(values[i]);

        /* an infinity was one before, unless it comes of a double */
        if (magnitude >= limit && (!isinf(magnitude) || tensor->dtype == SAMC_DTYPE_F64))
            return SAMC_FAIL(error, MODEL,
                             "the tensor %s has the value %g at index %lld, which does not fit %s: "
                             "use bf16 or f32",
                             tensor->name, (double)values[i], (long long)(first + i),
                             samc_dtype_name(dtype));
    }
    return SAMC_OK;
}

samc_status samc_convert_elements(const samc_tensor *tensor, samc_dtype dtype, int64_t first,
                                  int64_t count, uint8_t *out, samc_error *error)
{
    const samc_dtype stored = samc_convert_dtype(tensor, dtype);
    const size_t size = samc_dtype_size(stored);
    float values[CHUNK];

    if (stored == tensor->dtype) {
        samc_tensor_copy(tensor, first, count, out);
        return SAMC_OK;
    }
    for (int64_t at = 0; at < count; at += CHUNK, out += (size_t)CHUNK * size) {
        const int64_t n = count - at < CHUNK ? count - at : CHUNK;

        samc_tensor_to_f32(tensor, first + at, n, values);
        SAMC_TRY(check_range(tensor, stored, first + at, n, values, error));
        if (stored == SAMC_DTYPE_F16)
            samc_f16_array_from_f32(values, (size_t)n, out);
        else if (stored == SAMC_DTYPE_BF16)
            samc_bf16_array_from_f32(values, (size_t)n, out);
        else
            memcpy(out, values, (size_t)n * sizeof *values);
    }
    return SAMC_OK;
}
