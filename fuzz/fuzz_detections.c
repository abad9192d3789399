/* SPDX-License-Identifier: Apache-2.0
 *
 * Detections of every kind: the first byte says which reader gets the rest. What is read is sorted,
 * and its boxes are cut to a photo: those that pass lie inside it.
 */
#include "dataset/detections.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_boxes(const samc_detections *d)
{
    for (size_t i = 0; i < d->n_boxes; i++) {
        const samc_detection *box = &d->boxes[i];
        float out[4];

        if (box->photo >= d->n_photos || (box->class != -1 && (size_t)box->class >= d->n_classes))
            abort();
        if (samc_detection_clip(box, 640, 480, out, NULL) == SAMC_OK &&
            !(out[0] >= 0 && out[0] <= out[2] && out[2] <= 640 && out[1] >= 0 && out[1] <= out[3] &&
              out[3] <= 480))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    samc_detections d = {0};
    samc_error error;
    const char *text = (const char *)data + 1;
    char *copy;

    if (size < 1)
        return 0;
    copy = malloc(size > 1 ? size - 1 : 1); /* as long as the text: no byte behind it is read */
    if (!copy)
        return 0;
    memcpy(copy, text, size - 1);
    d.source = "a/labels/x.txt";
    switch (data[0] % 4) {
    case 0: (void)samc_detections_json(&d, NULL, copy, size - 1, &error); break;
    case 1: (void)samc_detections_json(&d, "photo.jpg", copy, size - 1, &error); break;
    case 2: (void)samc_detections_yolo(&d, copy, size - 1, &error); break;
    case 3: (void)samc_detections_voc(&d, copy, size - 1, &error); break;
    }
    d.source = NULL;
    if (samc_detections_sort(&d, &error) == SAMC_OK)
        check_boxes(&d);
    samc_detections_free(&d);
    free(copy);
    return 0;
}
