/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads tests/golden/auto_golden.safetensors; tools/parity/make_auto_golden.py says what is in it.
 */
#ifndef SAMC_TESTS_UNIT_AUTO_GOLDEN_H
#define SAMC_TESTS_UNIT_AUTO_GOLDEN_H

#include "weights/tensors.h"

#include <stdio.h>
#include <stdlib.h>

static samc_tensors *golden;

static int auto_golden_open(void **state)
{
    (void)state;
    return samc_tensors_open(SAMC_TEST_GOLDEN "/auto_golden.safetensors", &golden, NULL) != SAMC_OK;
}

static int auto_golden_close(void **state)
{
    (void)state;
    samc_tensors_close(golden);
    return 0;
}

/* How many elements `prefix/name` has; 0: it is not there, as empty arrays are not. */
static int64_t golden_size(const char *prefix, const char *name)
{
    char full[96];
    const samc_tensor *tensor;

    (void)snprintf(full, sizeof full, "%s%s%s", prefix, *name ? "/" : "", name);
    tensor = samc_tensors_find(golden, full);
    return tensor ? samc_tensor_elements(tensor) : 0;
}

/* Its elements as they are stored, for the caller to free; one more than there are. */
static void *golden_values(const char *prefix, const char *name, samc_dtype dtype)
{
    char full[96];
    const samc_tensor *tensor;
    int64_t count = golden_size(prefix, name);
    void *values = malloc((size_t)(count + 1) * samc_dtype_size(dtype));

    assert_non_null(values);
    (void)snprintf(full, sizeof full, "%s%s%s", prefix, *name ? "/" : "", name);
    tensor = samc_tensors_find(golden, full);
    if (!tensor)
        return values;
    assert_int_equal(tensor->dtype, dtype);
    samc_tensor_copy(tensor, 0, count, values);
    return values;
}

#endif
