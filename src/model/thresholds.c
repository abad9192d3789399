/* SPDX-License-Identifier: Apache-2.0 */
#include "model/thresholds.h"

#include "weights/quote.h"

#include <string.h>

#define MOST_DIGITS 9 /* after the point: as an integer they are exact in a double */

/* strtod would read a point by the locale of the program around the library. */
static int read_share(const char *text, float *share)
{
    double digits = 0.0, unit = 1.0;
    size_t n = 0;

    if (text[0] != '0' && text[0] != '1')
        return 0;
    if (text[1] == '.') {
        for (; text[2 + n] >= '0' && text[2 + n] <= '9' && n < MOST_DIGITS; n++, unit *= 10.0)
            digits = 10.0 * digits + (text[2 + n] - '0');
        if (n == 0 || text[2 + n] != '\0')
            return 0;
    } else if (text[1] != '\0') {
        return 0;
    }
    if (text[0] == '1' && digits > 0.0)
        return 0;
    *share = (float)((text[0] - '0') + digits / unit);
    return 1;
}

static samc_status parse_one(const char *key, const char *text, float *share, char *copy,
                             samc_error *error)
{
    if (!read_share(text, share))
        return SAMC_FAIL(error, MODEL, "%s is %s: it must be a number in 0..1, such as 0.6", key,
                         samc_quote_text(text, strlen(text)).text);
    memcpy(copy, text, strlen(text) + 1); /* at most 2 + MOST_DIGITS */
    return SAMC_OK;
}

samc_status samc_thresholds_parse(const char *pred_iou, const char *stability_score,
                                  samc_thresholds *thresholds, samc_error *error)
{
    samc_thresholds t = {.given = 1};

    SAMC_TRY(parse_one(SAMC_KEY_PRED_IOU, pred_iou, &t.pred_iou, t.texts[0], error));
    SAMC_TRY(parse_one(SAMC_KEY_STABILITY, stability_score, &t.stability_score, t.texts[1], error));
    *thresholds = t;
    return SAMC_OK;
}

samc_status samc_thresholds_read(const samc_tensors *tensors, samc_thresholds *thresholds,
                                 samc_error *error)
{
    const char *iou = samc_tensors_metadata(tensors, SAMC_KEY_PRED_IOU);
    const char *stability = samc_tensors_metadata(tensors, SAMC_KEY_STABILITY);

    if (iou && stability)
        return samc_thresholds_parse(iou, stability, thresholds, error);
    if (iou || stability)
        return SAMC_FAIL(error, MODEL, "the metadata has %s without %s",
                         iou ? SAMC_KEY_PRED_IOU : SAMC_KEY_STABILITY,
                         iou ? SAMC_KEY_STABILITY : SAMC_KEY_PRED_IOU);
    *thresholds = (samc_thresholds){.given = 0};
    return SAMC_OK;
}

size_t samc_thresholds_list(const samc_thresholds *thresholds,
                            samc_metadata metadata[SAMC_N_THRESHOLDS])
{
    if (!thresholds->given)
        return 0;
    metadata[0] = (samc_metadata){SAMC_KEY_PRED_IOU, thresholds->texts[0]};
    metadata[1] = (samc_metadata){SAMC_KEY_STABILITY, thresholds->texts[1]};
    return SAMC_N_THRESHOLDS;
}
