/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "boxes_files.h"

#include "base/memory.h"
#include "dataset/coco_write.h"
#include "dataset/files.h"
#include "mask/rle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

samc_status cli_boxes_record_begin(const char *path, size_t id, int32_t width, int32_t height,
                                   json_t **record, samc_error *error)
{
    *record = json_pack("{s:{s:I, s:i, s:i, s:o}, s:[]}", "image", "image_id", (json_int_t)id,
                        "width", (int)width, "height", (int)height, "file_name",
                        samc_json_text(samc_path_name(path)), "annotations");
    return *record ? SAMC_OK : samc_error_memory(error, 0);
}

samc_status cli_boxes_record_add(json_t *record, const cli_boxes_mask *mask, samc_error *error)
{
    samc_status status = SAMC_OK;
    json_t *list = json_object_get(record, "annotations");
    json_t *made = json_object(), *segmentation = NULL;
    samc_rle rle = SAMC_RLE_INIT;
    int failed = 0;

    SAMC_CHECK(
        samc_rle_encode(mask->pixels, mask->height, mask->width, (size_t)mask->width, &rle, error));
    SAMC_CHECK(samc_json_rle(&rle, &segmentation, error));
    failed |= json_object_set_new(made, "id", json_integer((json_int_t)json_array_size(list) + 1));
    if (mask->class_name) {
        failed |= json_object_set_new(made, "category_id", json_integer(mask->class_id));
        failed |= json_object_set_new(made, "category", samc_json_text(mask->class_name));
    }
    if (!isnan(mask->score))
        failed |= json_object_set_new(made, "score", json_real(mask->score));
    failed |= json_object_set_new(made, "area", json_integer((json_int_t)samc_rle_area(&rle)));
    failed |= json_object_set_new(made, "bbox", samc_json_mask_box(&rle, 1));
    failed |= json_object_set_new(made, "predicted_iou", samc_json_float(mask->predicted_iou));
    failed |= json_object_set_new(made, "stability_score", samc_json_float(mask->stability_score));
    failed |= json_object_set_new(made, "point_coords", json_array());
    failed |= json_object_set_new(made, "input_box",
                                  json_pack("[o,o,o,o]", samc_json_float(mask->box[0]),
                                            samc_json_float(mask->box[1]),
                                            samc_json_float(mask->box[2] - mask->box[0]),
                                            samc_json_float(mask->box[3] - mask->box[1])));
    failed |= json_object_set_new(
        made, "crop_box", json_pack("[i,i,i,i]", 0, 0, (int)mask->width, (int)mask->height));
    failed |= json_object_set(made, "segmentation", segmentation);
    if (failed || json_array_append(list, made) != 0)
        status = samc_error_memory(error, 0);

cleanup:
    samc_rle_free(&rle);
    json_decref(segmentation);
    json_decref(made);
    return status;
}

/* Goes over the records that are there. */
typedef samc_status (*record_fn)(void *user, size_t index, json_t *record, samc_error *error);

static samc_status each_record(const char *folder, const cli_photos *photos, record_fn fn,
                               void *user, samc_error *error)
{
    for (size_t i = 0; i < photos->count; i++) {
        json_error_t why;
        json_t *record;
        char *path = NULL;
        samc_status status = SAMC_OK;

        if (cli_stop_signal())
            return SAMC_FAIL(error, CANCELLED, "stopped");
        SAMC_TRY(cli_output_path(folder, photos->items[i].stem, ".json", &path, error));
        if (access(path, F_OK) == 0) {
            record = json_load_file(path, 0, &why);
            if (!json_is_object(json_object_get(record, "image")) ||
                !json_is_array(json_object_get(record, "annotations")))
                status = SAMC_FAIL(error, FORMAT, "%s is no record of `samc boxes`: remove it",
                                   path);
            else
                status = fn(user, i, record, error);
            json_decref(record);
        }
        free(path);
        SAMC_TRY(status);
    }
    return SAMC_OK;
}

/* What is known while coco.json is written. */
typedef struct composer {
    samc_coco_writer writer;
    json_t *ids;        /* category's name -> id */
    json_t *categories; /* as they are written */
    json_int_t next_annotation;
} composer;

static samc_status add_image(void *user, size_t index, json_t *record, samc_error *error)
{
    composer *c = user;
    json_t *image = json_object_get(record, "image");

    if (json_object_set_new(image, "id", json_integer((json_int_t)index + 1)) != 0)
        return samc_error_memory(error, 0);
    (void)json_object_del(image, "image_id");
    return samc_coco_writer_add(&c->writer, "images", image, error);
}

static int id_is_taken(const composer *c, json_int_t id)
{
    for (size_t i = 0; i < json_array_size(c->categories); i++)
        if (json_integer_value(json_object_get(json_array_get(c->categories, i), "id")) == id)
            return 1;
    return 0;
}

/* The category's id: what the first record with its name says, if that is free. */
static samc_status category_of(composer *c, json_t *annotation, json_int_t *id, samc_error *error)
{
    const char *name = json_string_value(json_object_get(annotation, "category"));
    const json_t *known;

    name = name ? name : "object";
    known = json_object_get(c->ids, name);
    if (known) {
        *id = json_integer_value(known);
        return SAMC_OK;
    }
    *id = json_integer_value(json_object_get(annotation, "category_id"));
    if (!json_object_get(annotation, "category_id") || id_is_taken(c, *id))
        for (*id = 1; id_is_taken(c, *id);)
            ++*id;
    if (json_object_set_new(c->ids, name, json_integer(*id)) != 0 ||
        json_array_append_new(c->categories, json_pack("{s:I, s:s}", "id", *id, "name", name)) != 0)
        return samc_error_memory(error, 0);
    return SAMC_OK;
}

/* COCO's box counts pixels. */
static samc_status set_box(json_t *annotation, samc_error *error)
{
    const json_t *s = json_object_get(annotation, "segmentation");
    const json_t *counts = json_object_get(s, "counts");
    const json_t *size = json_object_get(s, "size");
    samc_rle rle = SAMC_RLE_INIT;
    int failed;

    SAMC_TRY(samc_rle_from_string(
        json_is_string(counts) ? json_string_value(counts) : "", json_string_length(counts),
        (int32_t)json_integer_value(json_array_get(size, 0)),
        (int32_t)json_integer_value(json_array_get(size, 1)), &rle, error));
    failed = json_object_set_new(annotation, "bbox", samc_json_mask_box(&rle, 0));
    samc_rle_free(&rle);
    return failed ? samc_error_memory(error, 0) : SAMC_OK;
}

static samc_status add_annotations(void *user, size_t index, json_t *record, samc_error *error)
{
    composer *c = user;
    json_t *list = json_object_get(record, "annotations");

    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *a = json_array_get(list, i);
        json_int_t category;
        int failed = 0;

        SAMC_TRY(category_of(c, a, &category, error));
        SAMC_TRY(set_box(a, error));
        failed |= json_object_set_new(a, "id", json_integer(c->next_annotation++));
        failed |= json_object_set_new(a, "image_id", json_integer((json_int_t)index + 1));
        failed |= json_object_set_new(a, "category_id", json_integer(category));
        failed |= json_object_set_new(a, "iscrowd", json_integer(0));
        if (failed)
            return samc_error_memory(error, 0);
        (void)json_object_del(a, "category");
        SAMC_TRY(samc_coco_writer_add(&c->writer, "annotations", a, error));
    }
    return SAMC_OK;
}

samc_status cli_boxes_compose(const char *folder, const cli_photos *photos, samc_error *error)
{
    samc_status status = SAMC_OK;
    composer c = {.ids = json_object(), .categories = json_array(), .next_annotation = 1};
    char *path = NULL;

    if (!c.ids || !c.categories) {
        status = samc_error_memory(error, 0);
        goto cleanup;
    }
    SAMC_CHECK(cli_path_join(folder, "coco.json", &path, error));
    SAMC_CHECK(samc_coco_writer_begin(path, &c.writer, error));
    SAMC_CHECK(samc_coco_writer_open(&c.writer, "images", error));
    SAMC_CHECK(each_record(folder, photos, add_image, &c, error));
    SAMC_CHECK(samc_coco_writer_open(&c.writer, "annotations", error));
    SAMC_CHECK(each_record(folder, photos, add_annotations, &c, error));
    SAMC_CHECK(samc_coco_writer_open(&c.writer, "categories", error));
    for (size_t i = 0; i < json_array_size(c.categories); i++)
        SAMC_CHECK(
            samc_coco_writer_add(&c.writer, "categories", json_array_get(c.categories, i), error));
    SAMC_CHECK(samc_coco_writer_commit(&c.writer, error));

cleanup:
    samc_coco_writer_abort(&c.writer);
    json_decref(c.ids);
    json_decref(c.categories);
    free(path);
    return status;
}
