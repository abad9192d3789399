/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/annotations.h"

#include "base/file.h"
#include "base/memory.h"
#include "mask/polygon.h"
#include "mask/rle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* SA-1B's largest files have about 2 MB. */
#define SA1B_MAX_BYTES ((size_t)256 << 20)

samc_status samc_annotations_add(samc_annotations *annotations, json_t *object, const char *label,
                                 samc_error *error)
{
    const json_t *box = json_object_get(object, "bbox");
    const json_t *area = json_object_get(object, "area");
    samc_annotation made = {.label = label};

    if (json_integer_value(json_object_get(object, "iscrowd")) != 0 ||
        !json_object_get(object, "segmentation") || json_array_size(box) != 4)
        return SAMC_OK;
    for (size_t i = 0; i < 4; i++) {
        made.box[i] = json_number_value(json_array_get(box, i));
        if (!isfinite(made.box[i]))
            return SAMC_OK;
    }
    made.area = json_is_number(area) ? json_number_value(area) : made.box[2] * made.box[3];
    if (annotations->count == annotations->capacity) {
        size_t capacity = annotations->capacity ? 2 * annotations->capacity : 32;
        samc_annotation *more = NULL;

        if (capacity > SAMC_ANNOTATIONS_MAX)
            return SAMC_FAIL(error, LIMIT, "more than %d annotations of one photo",
                             SAMC_ANNOTATIONS_MAX / 2);
        SAMC_TRY(samc_alloc(capacity, sizeof *more, &more, error));
        if (annotations->count)
            memcpy(more, annotations->items, annotations->count * sizeof *more);
        free(annotations->items);
        annotations->items = more;
        annotations->capacity = capacity;
    }
    made.object = json_incref(object);
    annotations->items[annotations->count++] = made;
    return SAMC_OK;
}

void samc_annotations_free(samc_annotations *annotations)
{
    for (size_t i = 0; i < annotations->count; i++)
        json_decref(annotations->items[i].object);
    free(annotations->items);
    free(annotations->file);
    *annotations = (samc_annotations){0};
}

/* A list of polygons, each x0, y0, x1, y1, ...; the mask is their union. */
static samc_status draw_polygons(const json_t *list, int32_t height, int32_t width, samc_rle *rle,
                                 samc_error *error)
{
    samc_status status = SAMC_OK;
    uint8_t *mask = NULL;
    double *xy = NULL;

    SAMC_TRY(samc_alloc_zero((size_t)height * (size_t)width, 1, &mask, error));
    for (size_t p = 0; p < json_array_size(list); p++) {
        const json_t *polygon = json_array_get(list, p);
        size_t n = json_array_size(polygon);

        SAMC_CHECK(samc_alloc(n, sizeof *xy, &xy, error));
        for (size_t i = 0; i < n; i++) {
            const json_t *number = json_array_get(polygon, i);

            xy[i] = json_is_number(number) ? json_number_value(number) : NAN;
        }
        SAMC_CHECK(samc_polygon_fill(xy, n / 2, height, width, mask, error));
        free(xy);
        xy = NULL;
    }
    SAMC_CHECK(samc_rle_encode(mask, height, width, (size_t)width, rle, error));

cleanup:
    free(mask);
    free(xy);
    return status;
}

static samc_status counts_of(const json_t *list, int32_t height, int32_t width, samc_rle *rle,
                             samc_error *error)
{
    size_t n = json_array_size(list);
    uint64_t *counts = NULL;
    samc_status status;

    SAMC_TRY(samc_alloc(n, sizeof *counts, &counts, error));
    for (size_t i = 0; i < n; i++) {
        const json_t *number = json_array_get(list, i);

        /* no count is negative or no number: this one makes the sum wrong, which is refused */
        counts[i] = json_integer_value(number) >= 0 && json_is_integer(number)
                        ? (uint64_t)json_integer_value(number)
                        : UINT64_MAX;
    }
    status = samc_rle_from_counts(counts, n, height, width, rle, error);
    free(counts);
    return status;
}

samc_status samc_segmentation_read(const json_t *segmentation, int32_t height, int32_t width,
                                   samc_rle *rle, samc_error *error)
{
    const json_t *counts = json_object_get(segmentation, "counts");
    const json_t *size = json_object_get(segmentation, "size");

    if (json_is_array(segmentation))
        return draw_polygons(segmentation, height, width, rle, error);
    if (json_integer_value(json_array_get(size, 0)) != height ||
        json_integer_value(json_array_get(size, 1)) != width)
        return SAMC_FAIL(error, FORMAT, "it is not of the photo's size, %ld x %ld", (long)width,
                         (long)height);
    if (json_is_string(counts))
        return samc_rle_from_string(json_string_value(counts), json_string_length(counts), height,
                                    width, rle, error);
    if (json_is_array(counts))
        return counts_of(counts, height, width, rle, error);
    return SAMC_FAIL(error, FORMAT, "it has neither polygons nor counts");
}

samc_status samc_annotations_mask(const samc_annotations *annotations, size_t index, uint8_t *mask,
                                  samc_error *error)
{
    const json_t *s = json_object_get(annotations->items[index].object, "segmentation");
    samc_error why = {SAMC_OK, ""};
    samc_rle rle = SAMC_RLE_INIT;
    samc_status status = samc_segmentation_read(s, annotations->height, annotations->width, &rle,
                                                &why);

    if (status != SAMC_OK)
        return samc_error_set(error, status, "annotation %zu: %s", index, why.message);
    samc_rle_decode(&rle, mask, (size_t)annotations->width);
    samc_rle_free(&rle);
    return SAMC_OK;
}

samc_status samc_annotations_image(samc_annotations *annotations, const json_t *image,
                                   samc_error *error)
{
    const char *file = json_string_value(json_object_get(image, "file_name"));
    json_int_t width = json_integer_value(json_object_get(image, "width"));
    json_int_t height = json_integer_value(json_object_get(image, "height"));

    if (!file || !*file)
        return SAMC_FAIL(error, FORMAT, "an image has no file_name");
    if (width < 1 || width > 65535 || height < 1 || height > 65535)
        return SAMC_FAIL(error, FORMAT, "the image %.200s has no width and height of 1 to 65535",
                         file);
    annotations->width = (int32_t)width;
    annotations->height = (int32_t)height;
    return samc_alloc_string(file, &annotations->file, error);
}

static samc_status read_sa1b(const json_t *root, samc_annotations *annotations, samc_error *error)
{
    const json_t *list = json_object_get(root, "annotations");

    SAMC_TRY(samc_annotations_image(annotations, json_object_get(root, "image"), error));
    for (size_t i = 0; i < json_array_size(list); i++)
        SAMC_TRY(samc_annotations_add(annotations, json_array_get(list, i), NULL, error));
    return SAMC_OK;
}

samc_status samc_sa1b_read(const char *path, samc_annotations *annotations, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_mapping file = {NULL, 0};
    samc_annotations made = {0};
    samc_error why = {SAMC_OK, ""};
    json_error_t json_error;
    json_t *root = NULL;

    SAMC_TRY(samc_file_map(path, &file, error));
    if (file.size > SA1B_MAX_BYTES) {
        status = SAMC_FAIL(error, LIMIT, "%s has more than %zu bytes", path, SA1B_MAX_BYTES);
        goto cleanup;
    }
    root = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, &json_error);
    if (!root) {
        status = SAMC_FAIL(error, FORMAT, "cannot read %s: line %d: %s", path, json_error.line,
                           json_error.text);
        goto cleanup;
    }
    status = read_sa1b(root, &made, &why);
    if (status != SAMC_OK) {
        (void)samc_error_set(error, status, "cannot read %s: %s", path, why.message);
        goto cleanup;
    }
    *annotations = made;
    made = (samc_annotations){0};

cleanup:
    samc_annotations_free(&made);
    json_decref(root);
    samc_file_unmap(&file);
    return status;
}
