/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/clean.h"

#include "base/file.h"
#include "base/memory.h"
#include "dataset/annotations.h"
#include "dataset/coco_write.h"
#include "dataset/json_stream.h"
#include "dataset/json_value.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* SA-1B's largest files have about 2 MB. */
#define PHOTO_MAX_BYTES ((size_t)256 << 20)

void samc_clean_report(samc_clean_job *job, const char *format, ...)
{
    char message[512];
    va_list args;

    job->bad++;
    if (!job->report)
        return;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    job->report(job->user, message);
}

static double score_of(const json_t *annotation)
{
    const json_t *score = json_object_get(annotation, "score");

    if (!json_is_number(score))
        score = json_object_get(annotation, "predicted_iou");
    return json_is_number(score) ? json_number_value(score) : NAN;
}

/* The outline as COCO's list of polygons. */
static samc_status polygons_of(const samc_rle *rle, double tolerance, json_t **list,
                               samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_polygons rings = SAMC_POLYGONS_INIT, joined = SAMC_POLYGONS_INIT;
    json_t *made = json_array();
    int failed = !made;

    SAMC_CHECK(samc_polygons_trace(rle, tolerance, &rings, error));
    SAMC_CHECK(samc_polygons_join(&rings, &joined, error));
    for (size_t i = 0; i < joined.n_rings && !failed; i++) {
        json_t *ring = json_array();

        for (size_t k = 2 * joined.starts[i]; k < 2 * joined.starts[i + 1] && !failed; k++)
            failed = json_array_append_new(ring, json_real(joined.xy[k])) != 0;
        failed |= json_array_append_new(made, ring) != 0;
    }
    if (failed) {
        status = samc_error_memory(error, 0);
        goto cleanup;
    }
    *list = made;
    made = NULL;

cleanup:
    json_decref(made);
    samc_polygons_free(&rings);
    samc_polygons_free(&joined);
    return status;
}

static samc_status counts_of(const samc_rle *rle, json_t **object, samc_error *error)
{
    json_t *counts = json_array();
    int failed = !counts;

    for (size_t i = 0; i < rle->n_counts && !failed; i++)
        failed = json_array_append_new(counts, json_integer((json_int_t)rle->counts[i])) != 0;
    if (failed) {
        json_decref(counts);
        return samc_error_memory(error, 0);
    }
    *object = json_pack("{s:[i,i], s:o}", "size", (int)rle->height, (int)rle->width, "counts",
                        counts);
    return *object ? SAMC_OK : samc_error_memory(error, 0);
}

/* Gives the annotation its new mask, in the form of the old one. */
static samc_status set_mask(json_t *annotation, const samc_rle *rle, double tolerance,
                            int inclusive, samc_error *error)
{
    const json_t *old = json_object_get(annotation, "segmentation");
    json_t *made = NULL;
    int failed = 0;

    if (json_is_array(old))
        SAMC_TRY(polygons_of(rle, tolerance, &made, error));
    else if (json_is_array(json_object_get(old, "counts")))
        SAMC_TRY(counts_of(rle, &made, error));
    else
        SAMC_TRY(samc_json_rle(rle, &made, error));
    failed |= json_object_set_new(annotation, "segmentation", made);
    failed |= json_object_set_new(annotation, "area", json_integer((json_int_t)samc_rle_area(rle)));
    failed |= json_object_set_new(annotation, "bbox", samc_json_mask_box(rle, inclusive));
    return failed ? samc_error_memory(error, 0) : SAMC_OK;
}

/* Reads what can be cleaned: items [size of the list], of which *n are used, and where each came
 * from. */
static samc_status read_items(samc_clean_job *job, const json_t *list, int32_t height,
                              int32_t width, const char *where, samc_clean_item *items,
                              size_t *from, size_t *n, samc_error *error)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *annotation = json_array_get(list, i);
        const json_t *segmentation = json_object_get(annotation, "segmentation");
        const json_t *crowd = json_object_get(annotation, "iscrowd");
        samc_error why = {SAMC_OK, ""};
        samc_status status;

        if (!segmentation || json_integer_value(crowd) != 0)
            continue;
        status = samc_segmentation_read(segmentation, height, width, &items[*n].rle, &why);
        if (status == SAMC_ERROR_MEMORY)
            return samc_error_set(error, status, "%s", why.message);
        if (status != SAMC_OK) {
            samc_clean_report(job, "%s: mask %zu stays as it is: %s", where, i, why.message);
            continue;
        }
        items[*n].score = score_of(annotation);
        from[(*n)++] = i;
    }
    return SAMC_OK;
}

samc_status samc_clean_annotations(samc_clean_job *job, json_t *list, int32_t height, int32_t width,
                                   int inclusive, const char *where, uint8_t *changed,
                                   samc_error *error)
{
    samc_status status = SAMC_OK;
    size_t size = json_array_size(list), n = 0;
    samc_clean_item *items = NULL;
    size_t *from = NULL;

    SAMC_CHECK(samc_alloc_zero(size, sizeof *items, &items, error));
    SAMC_CHECK(samc_alloc(size, sizeof *from, &from, error));
    if (changed)
        memset(changed, 0, size);
    SAMC_CHECK(read_items(job, list, height, width, where, items, from, &n, error));
    SAMC_CHECK(samc_clean_masks(items, n, &job->options, &job->counts, error));
    job->photos++;
    for (size_t i = n; i-- > 0;) { /* from the end: indices before stay valid */
        if (items[i].dropped)
            (void)json_array_remove(list, from[i]);
        else if (items[i].changed)
            SAMC_CHECK(set_mask(json_array_get(list, from[i]), &items[i].rle, job->tolerance,
                                inclusive, error));
        if (changed)
            changed[from[i]] = (uint8_t)(items[i].dropped ? 2 : items[i].changed);
    }

cleanup:
    for (size_t i = 0; items && i < n; i++)
        samc_rle_free(&items[i].rle);
    free(items);
    free(from);
    return status;
}

/* Sides as the masks themselves say. */
static void size_of_first(const json_t *list, json_int_t *height, json_int_t *width)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *s = json_object_get(json_array_get(list, i), "segmentation");
        const json_t *size = json_object_get(s, "size");

        *height = json_integer_value(json_array_get(size, 0));
        *width = json_integer_value(json_array_get(size, 1));
        if (*height && *width)
            return;
    }
}

/* SA-1B's object, or the generator's list. */
static samc_status clean_photo(samc_clean_job *job, json_t *root, const char *in, samc_error *error)
{
    json_t *list = json_is_array(root) ? root : json_object_get(root, "annotations");
    const json_t *image = json_object_get(root, "image");
    json_int_t height = json_integer_value(json_object_get(image, "height"));
    json_int_t width = json_integer_value(json_object_get(image, "width"));

    if (!json_is_array(list) || (list != root && !json_is_object(image)))
        return SAMC_FAIL(error, FORMAT,
                         "it is neither SA-1B's JSON, nor COCO's, nor a list of masks");
    if (!image)
        size_of_first(list, &height, &width);
    if (json_array_size(list) == 0)
        return SAMC_OK;
    if (height < 1 || height > 65535 || width < 1 || width > 65535)
        return SAMC_FAIL(error, FORMAT, "it does not say how large the photo is");
    return samc_clean_annotations(job, list, (int32_t)height, (int32_t)width, 1, in, NULL, error);
}

samc_status samc_clean_json_file(samc_clean_job *job, const char *in, const char *out,
                                 samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_mapping file = {NULL, 0};
    samc_error why = {SAMC_OK, ""};
    json_error_t json_error;
    json_t *root = NULL;
    const char *text;

    SAMC_TRY(samc_file_map(in, &file, error));
    text = (const char *)file.data;
    if (samc_json_has_key(text, file.size, "images")) {
        status = samc_clean_coco(job, text, file.size, in, out, error);
        goto cleanup;
    }
    if (file.size > PHOTO_MAX_BYTES) {
        status = SAMC_FAIL(error, LIMIT, "%s has more than %zu bytes", in, PHOTO_MAX_BYTES);
        goto cleanup;
    }
    SAMC_CHECK(samc_json_parse(text, file.size, JSON_REJECT_DUPLICATES, &root, &json_error, error));
    if (!root) {
        status = SAMC_FAIL(error, FORMAT, "cannot read %s: line %d: %s", in, json_error.line,
                           json_error.text);
        goto cleanup;
    }
    status = clean_photo(job, root, in, &why);
    if (status != SAMC_OK)
        (void)samc_error_set(error, status, "cannot read %s: %s", in, why.message);
    else
        status = samc_json_write(out, root, error);

cleanup:
    json_decref(root);
    samc_file_unmap(&file);
    return status;
}
