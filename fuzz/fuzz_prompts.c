/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of prompts JSON.
 */
#include "segment/prompts_json.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the header promises of an object. */
static int is_sound(const samc_prompts_object *object)
{
    if (!object->n_points && !object->has_box && !object->mask)
        return 0;
    if (object->n_points > SAMC_PROMPTS_MAX_POINTS)
        return 0;
    for (size_t i = 0; i < object->n_points; i++)
        if (!isfinite(object->points[2 * i]) || !isfinite(object->points[2 * i + 1]) ||
            (object->labels[i] != 0 && object->labels[i] != 1))
            return 0;
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    samc_prompts prompts;
    samc_error error;

    if (samc_prompts_read_memory(data, size, "fuzz.json", &prompts, &error) != SAMC_OK)
        return 0;
    for (size_t i = 0; i < prompts.n_photos; i++) {
        const samc_prompts_photo *photo = &prompts.photos[i];

        if (photo->name && samc_prompts_find(&prompts, photo->name) != photo)
            abort();
        for (size_t k = 0; k < photo->n_objects; k++)
            if (!is_sound(&photo->objects[k]))
                abort();
    }
    samc_prompts_free(&prompts);
    return 0;
}
