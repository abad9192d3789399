/* SPDX-License-Identifier: Apache-2.0
 *
 * Thresholds: what a model recommends for finding everything in a photo. A model that is less sure
 * of itself than Meta's finds nothing with the reference's thresholds; its file says better ones.
 */
#ifndef SAMC_MODEL_THRESHOLDS_H
#define SAMC_MODEL_THRESHOLDS_H

#include "weights/safetensors.h"
#include "weights/tensors.h"

/* Keys of a safetensors file's __metadata__. A file has both or neither. */
#define SAMC_KEY_PRED_IOU "samc.pred_iou_thresh"
#define SAMC_KEY_STABILITY "samc.stability_score_thresh"
#define SAMC_N_THRESHOLDS 2

typedef struct samc_thresholds {
    int given; /* 0: the model recommends nothing, and what follows is empty */
    float pred_iou, stability_score;   /* 0..1 */
    char texts[SAMC_N_THRESHOLDS][16]; /* the same as metadata has them, "0.6" */
} samc_thresholds;

/* Takes two texts: 0 or 1, or that with a point and 1 to 9 digits, in 0..1; nothing else, whatever
 * the locale. Errors: MODEL (names the key and shows the text). */
samc_status samc_thresholds_parse(const char *pred_iou, const char *stability_score,
                                  samc_thresholds *thresholds, samc_error *error);
/* Reads them off a file's metadata. Errors: as above, and where one key is there without the
 * other. */
samc_status samc_thresholds_read(const samc_tensors *tensors, samc_thresholds *thresholds,
                                 samc_error *error);
/* Fills `metadata` with what to write of them and returns how many entries that is: 0 where none
 * are given. The strings live as long as `thresholds`. */
size_t samc_thresholds_list(const samc_thresholds *thresholds,
                            samc_metadata metadata[SAMC_N_THRESHOLDS]);

#endif
