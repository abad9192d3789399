/* SPDX-License-Identifier: Apache-2.0
 *
 * The safetensors reader; every element of every tensor that is accepted is read, and so are the
 * thresholds that a file's metadata may have.
 */
#include "model/thresholds.h"
#include "weights/safetensors.h"
#include "weights/table.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted is what is written again, and lies in 0..1. */
static void check_thresholds(const samc_tensors *tensors)
{
    samc_thresholds t, again;
    samc_metadata list[SAMC_N_THRESHOLDS];

    if (samc_thresholds_read(tensors, &t, NULL) != SAMC_OK || !t.given)
        return;
    if (!(t.pred_iou >= 0.0f && t.pred_iou <= 1.0f && t.stability_score >= 0.0f &&
          t.stability_score <= 1.0f) ||
        samc_thresholds_list(&t, list) != SAMC_N_THRESHOLDS ||
        samc_thresholds_parse(list[0].value, list[1].value, &again, NULL) != SAMC_OK ||
        memcmp(&again.pred_iou, &t.pred_iou, sizeof t.pred_iou) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    samc_tensors table = {.count = 0};
    samc_error error;
    samc_status status = samc_safetensors_read(data, size, &table, &error);

    if (status == SAMC_OK)
        status = samc_table_finish(&table, &error);
    if (status == SAMC_OK)
        check_thresholds(&table);
    for (size_t i = 0; status == SAMC_OK && i < table.count; i++) {
        const samc_tensor *t = samc_tensors_at(&table, i);
        int64_t elements = samc_tensor_elements(t);
        float values[256];

        if ((uint64_t)elements > size || samc_tensors_find(&table, t->name) != t)
            abort();
        for (int64_t k = 0; k < elements; k += 256)
            samc_tensor_to_f32(t, k, elements - k < 256 ? elements - k : 256, values);
    }
    samc_arena_free(&table.arena);
    return 0;
}
