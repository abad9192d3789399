/* SPDX-License-Identifier: Apache-2.0
 *
 * Ask: the JSON bodies of predict and everything, read and checked for form. Whether points lie in
 * the photo is the library's to check.
 */
#ifndef SAMC_SERVER_ASK_H
#define SAMC_SERVER_ASK_H

#include "base/status.h"

#include <stdbool.h>

/* A request for masks. Begin with {0}; free with samc_ask_free. */
typedef struct samc_ask {
    bool multimask;
    bool want_low_res; /* low-res logits come with each mask */
    size_t n_points;   /* of the one prompt that has points */
    float *points;     /* [n_points][2] */
    int32_t *labels;   /* [n_points] */
    size_t n_boxes;    /* without points each is a prompt of its own */
    float *boxes;      /* [n_boxes][4] */
    float *mask;       /* [low_res_size][low_res_size], or NULL */
    size_t n_prompts;
    samc_prompt *prompts; /* [n_prompts], pointing into the above */
} samc_ask;

/* {"points": [[x, y, label]...], "boxes": [[x0, y0, x1, y1]...], "multimask": false, "lowRes":
 * base64 of f32 logits, "wantLowRes": false}; unknown keys are refused. `most` bounds points and
 * boxes. Errors: FORMAT (no such JSON; the message says where), LIMIT, MEMORY. */
samc_status samc_ask_read(const char *body, size_t size, int32_t low_res_size, int32_t most,
                          samc_ask *ask, samc_error *error);
void samc_ask_free(samc_ask *ask);

/* The options of everything mode: {"pointsPerSide", "predIouThresh", "stabilityScoreThresh",
 * "boxNmsThresh", "minMaskRegionArea", "minMaskArea"}, each as in samc_generate_options and each
 * optional; an empty body is {}. Errors: FORMAT, LIMIT (more than 64 points a side). */
samc_status samc_ask_read_everything(const char *body, size_t size, samc_generate_options *options,
                                     samc_error *error);

/* {"token": "..."}; *token is the caller's to free(). Errors: FORMAT, MEMORY. */
samc_status samc_ask_read_login(const char *body, size_t size, char **token, samc_error *error);

#endif
