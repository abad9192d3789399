/* SPDX-License-Identifier: Apache-2.0 */
#include "server/ask.h"

#include "base/memory.h"
#include "server/http.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_POINTS_PER_SIDE 64

static samc_status parse(const char *body, size_t size, json_t **root, samc_error *error)
{
    json_error_t reason;

    *root = json_loadb(body, size, JSON_REJECT_DUPLICATES, &reason);
    if (!*root)
        return SAMC_FAIL(error, FORMAT, "the body is no JSON: line %d, column %d: %.200s",
                         reason.line, reason.column, reason.text);
    if (json_is_object(*root))
        return SAMC_OK;
    json_decref(*root);
    *root = NULL;
    return SAMC_FAIL(error, FORMAT, "the body is no JSON object");
}

/* `known` ends with NULL. */
static samc_status refuse_unknown(json_t *root, const char *const *known, samc_error *error)
{
    const char *key;
    json_t *value;

    json_object_foreach(root, key, value)
    {
        size_t i = 0;

        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (!known[i])
            return SAMC_FAIL(error, FORMAT, "\"%.64s\" is not known here", key);
    }
    return SAMC_OK;
}

static samc_status read_bool(json_t *root, const char *key, bool *value, samc_error *error)
{
    json_t *v = json_object_get(root, key);

    if (v && !json_is_boolean(v))
        return SAMC_FAIL(error, FORMAT, "\"%s\" is neither true nor false", key);
    *value = json_is_true(v);
    return SAMC_OK;
}

/* A list of rows of `columns` numbers into [n][columns]; none where the key is not there. */
static samc_status read_rows(json_t *root, const char *key, size_t columns, int32_t most,
                             size_t *count, float **rows, samc_error *error)
{
    json_t *list = json_object_get(root, key);
    const size_t n = json_array_size(list);

    *count = 0;
    if (!list || json_is_null(list))
        return SAMC_OK;
    if (!json_is_array(list))
        return SAMC_FAIL(error, FORMAT, "\"%s\" is no list", key);
    if (n > (size_t)most)
        return SAMC_FAIL(error, LIMIT, "%zu %s; at most %d are taken", n, key, (int)most);
    SAMC_TRY(samc_alloc(n * columns, sizeof **rows, rows, error));
    for (size_t i = 0; i < n; i++) {
        json_t *row = json_array_get(list, i);

        if (!json_is_array(row) || json_array_size(row) != columns)
            return SAMC_FAIL(error, FORMAT, "%s[%zu] is no list of %zu numbers", key, i, columns);
        for (size_t k = 0; k < columns; k++) {
            json_t *number = json_array_get(row, k);

            if (!json_is_number(number))
                return SAMC_FAIL(error, FORMAT, "%s[%zu][%zu] is no number", key, i, k);
            (*rows)[i * columns + k] = (float)json_number_value(number);
        }
    }
    *count = n;
    return SAMC_OK;
}

static samc_status read_points(json_t *root, int32_t most, samc_ask *ask, samc_error *error)
{
    samc_status status = SAMC_OK;
    float *rows = NULL;
    size_t n = 0;

    SAMC_CHECK(read_rows(root, "points", 3, most, &n, &rows, error));
    SAMC_CHECK(samc_alloc(n, 2 * sizeof *ask->points, &ask->points, error));
    SAMC_CHECK(samc_alloc(n, sizeof *ask->labels, &ask->labels, error));
    for (size_t i = 0; i < n; i++) {
        const float label = rows[3 * i + 2];

        memcpy(ask->points + 2 * i, rows + 3 * i, 2 * sizeof *rows);
        ask->labels[i] = label == 1.0f ? 1 : 0;
        if (label != 1.0f && label != 0.0f)
            SAMC_CHECK(SAMC_FAIL(error, FORMAT,
                                 "points[%zu][2] is a label: 1 (on the object) or 0 "
                                 "(beside it)",
                                 i));
    }
    ask->n_points = n;

cleanup:
    free(rows);
    return status;
}

static samc_status read_mask(json_t *root, int32_t side, samc_ask *ask, samc_error *error)
{
    json_t *text = json_object_get(root, "lowRes");
    const size_t count = (size_t)side * (size_t)side;

    if (!text || json_is_null(text))
        return SAMC_OK;
    if (!json_is_string(text))
        return SAMC_FAIL(error, FORMAT, "\"lowRes\" is no text");
    SAMC_TRY(samc_alloc(count, sizeof *ask->mask, &ask->mask, error));
    if (!samc_http_base64_decode(json_string_value(text), json_string_length(text), ask->mask,
                                 count * sizeof *ask->mask))
        return SAMC_FAIL(error, FORMAT,
                         "\"lowRes\" is not the base64 of %d x %d little-endian f32 logits",
                         (int)side, (int)side);
    return SAMC_OK;
}

/* One prompt of all, or one a box. */
static samc_status make_prompts(samc_ask *ask, samc_error *error)
{
    const bool apart = ask->n_boxes > 1;

    if (apart && (ask->n_points || ask->mask))
        return SAMC_FAIL(error, FORMAT,
                         "several boxes are several objects: no points and no "
                         "lowRes go with them");
    ask->n_prompts = apart ? ask->n_boxes : 1;
    SAMC_TRY(samc_alloc_zero(ask->n_prompts, sizeof *ask->prompts, &ask->prompts, error));
    for (size_t i = 0; i < ask->n_prompts; i++)
        ask->prompts[i] = (samc_prompt){.struct_size = sizeof *ask->prompts,
                                        .points = ask->n_points ? ask->points : NULL,
                                        .labels = ask->n_points ? ask->labels : NULL,
                                        .n_points = ask->n_points,
                                        .box = ask->n_boxes ? ask->boxes + 4 * i : NULL,
                                        .mask_input = ask->mask};
    return SAMC_OK;
}

samc_status samc_ask_read(const char *body, size_t size, int32_t low_res_size, int32_t most,
                          samc_ask *ask, samc_error *error)
{
    static const char *const known[] = {"points", "boxes",      "multimask",
                                        "lowRes", "wantLowRes", NULL};
    samc_status status = SAMC_OK;
    json_t *root = NULL;

    SAMC_CHECK(parse(body, size, &root, error));
    SAMC_CHECK(refuse_unknown(root, known, error));
    SAMC_CHECK(read_bool(root, "multimask", &ask->multimask, error));
    SAMC_CHECK(read_bool(root, "wantLowRes", &ask->want_low_res, error));
    SAMC_CHECK(read_points(root, most, ask, error));
    SAMC_CHECK(read_rows(root, "boxes", 4, most, &ask->n_boxes, &ask->boxes, error));
    SAMC_CHECK(read_mask(root, low_res_size, ask, error));
    SAMC_CHECK(make_prompts(ask, error));

cleanup:
    json_decref(root);
    return status;
}

void samc_ask_free(samc_ask *ask)
{
    free(ask->points);
    free(ask->labels);
    free(ask->boxes);
    free(ask->mask);
    free(ask->prompts);
    *ask = (samc_ask){0};
}

/* A number within least..most, if the key is there. */
static samc_status read_number(json_t *root, const char *key, double least, double most,
                               double *value, samc_error *error)
{
    json_t *v = json_object_get(root, key);

    if (!v || json_is_null(v))
        return SAMC_OK;
    if (!json_is_number(v) || !(json_number_value(v) >= least && json_number_value(v) <= most))
        return SAMC_FAIL(error, LIMIT, "\"%s\" is no number in %g..%g", key, least, most);
    *value = json_number_value(v);
    return SAMC_OK;
}

samc_status samc_ask_read_everything(const char *body, size_t size, samc_generate_options *options,
                                     samc_error *error)
{
    static const char *const known[] = {"pointsPerSide",
                                        "predIouThresh",
                                        "stabilityScoreThresh",
                                        "boxNmsThresh",
                                        "minMaskRegionArea",
                                        "minMaskArea",
                                        NULL};
    double side = options->points_per_side, iou = (double)options->pred_iou_thresh;
    double stability = (double)options->stability_score_thresh, nms = options->box_nms_thresh;
    double region = 0.0, area = 0.0;
    samc_status status = SAMC_OK;
    json_t *root = NULL;

    SAMC_CHECK(parse(size ? body : "{}", size ? size : 2, &root, error));
    SAMC_CHECK(refuse_unknown(root, known, error));
    SAMC_CHECK(read_number(root, known[0], 1, MOST_POINTS_PER_SIDE, &side, error));
    SAMC_CHECK(read_number(root, known[1], -1, 2, &iou, error));
    SAMC_CHECK(read_number(root, known[2], -1, 2, &stability, error));
    SAMC_CHECK(read_number(root, known[3], 0, 1, &nms, error));
    SAMC_CHECK(read_number(root, known[4], 0, 1e9, &region, error));
    SAMC_CHECK(read_number(root, known[5], 0, 1e9, &area, error));
    options->points_per_side = (int32_t)side;
    options->pred_iou_thresh = (float)iou;
    options->stability_score_thresh = (float)stability;
    options->box_nms_thresh = nms;
    options->min_mask_region_area = (int64_t)region;
    options->min_mask_area = (int64_t)area;

cleanup:
    json_decref(root);
    return status;
}

samc_status samc_ask_read_login(const char *body, size_t size, char **token, samc_error *error)
{
    static const char *const known[] = {"token", NULL};
    samc_status status = SAMC_OK;
    json_t *root = NULL;

    SAMC_CHECK(parse(body, size, &root, error));
    SAMC_CHECK(refuse_unknown(root, known, error));
    if (!json_is_string(json_object_get(root, "token")))
        SAMC_CHECK(SAMC_FAIL(error, FORMAT, "\"token\" is no text"));
    SAMC_CHECK(samc_alloc_string(json_string_value(json_object_get(root, "token")), token, error));

cleanup:
    json_decref(root);
    return status;
}
