/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "objects.h"

#include "base/memory.h"
#include "image/npy.h"

#include <samc_io.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_empty(const samc_prompts_object *object)
{
    return object->n_points == 0 && !object->has_box && !object->mask;
}

/* Makes room for one more element where `count` fills the block at *memory: blocks hold a power of
 * two of elements, so the count alone says when one is full. */
static samc_status grow(void *memory, size_t count, size_t size, samc_error *error)
{
    void *old;
    void *more = NULL;

    if (count & (count - 1)) /* neither 0 nor a power of two: room is left */
        return SAMC_OK;
    memcpy(&old, memory, sizeof old);
    SAMC_TRY(samc_alloc(count ? 2 * count : 1, size, &more, error));
    if (count)
        memcpy(more, old, count * size);
    free(old);
    memcpy(memory, &more, sizeof more); /* the address of a pointer of any type */
    return SAMC_OK;
}

samc_status cli_objects_next(samc_prompts *prompts, samc_error *error)
{
    samc_prompts_photo *photo;

    if (prompts->n_photos == 0) {
        SAMC_TRY(samc_alloc_zero(1, sizeof *prompts->photos, &prompts->photos, error));
        prompts->n_photos = 1;
    }
    photo = &prompts->photos[0];
    if (photo->n_objects && is_empty(&photo->objects[photo->n_objects - 1]))
        return SAMC_OK;
    SAMC_TRY(grow(&photo->objects, photo->n_objects, sizeof *photo->objects, error));
    memset(&photo->objects[photo->n_objects++], 0, sizeof *photo->objects);
    return SAMC_OK;
}

/* The object last begun. */
static samc_status current(samc_prompts *prompts, samc_prompts_object **object, samc_error *error)
{
    if (prompts->n_photos == 0)
        SAMC_TRY(cli_objects_next(prompts, error));
    *object = &prompts->photos[0].objects[prompts->photos[0].n_objects - 1];
    return SAMC_OK;
}

/* Its number, for messages. */
static size_t current_number(const samc_prompts *prompts)
{
    return prompts->photos[0].n_objects - 1;
}

samc_status cli_objects_add_point(samc_prompts *prompts, const char *text, samc_error *error)
{
    samc_prompts_object *object;
    const char *sign;
    float xy[2];
    int32_t label;

    if (!cli_numbers_read(text, 2, xy, &sign))
        return SAMC_FAIL(error, PROMPT,
                         "--point %s: X,Y must be two finite numbers, as in 500,375 or 500,375,-",
                         text);
    if (*sign == '\0' || strcmp(sign, ",+") == 0 || strcmp(sign, ",1") == 0)
        label = 1;
    else if (strcmp(sign, ",-") == 0 || strcmp(sign, ",0") == 0)
        label = 0;
    else if (strcmp(sign, ",2") == 0 || strcmp(sign, ",3") == 0)
        return SAMC_FAIL(error, PROMPT,
                         "--point %s: the label %s is the model's own mark for a corner of a box "
                         "and is not taken; use + or 1 (object), - or 0 (background), or --box",
                         text, sign + 1);
    else
        return SAMC_FAIL(error, PROMPT,
                         "--point %s: the label is \"%s\", it can be + or 1 (object), - or 0 "
                         "(background)",
                         text, sign + 1);
    SAMC_TRY(current(prompts, &object, error));
    if (object->n_points == SAMC_PROMPTS_MAX_POINTS)
        return SAMC_FAIL(error, LIMIT, "--point %s: object %zu has %d points already", text,
                         current_number(prompts), SAMC_PROMPTS_MAX_POINTS);
    SAMC_TRY(grow(&object->points, object->n_points, 2 * sizeof *object->points, error));
    SAMC_TRY(grow(&object->labels, object->n_points, sizeof *object->labels, error));
    object->points[2 * object->n_points] = xy[0];
    object->points[2 * object->n_points + 1] = xy[1];
    object->labels[object->n_points++] = label;
    return SAMC_OK;
}

samc_status cli_objects_add_box(samc_prompts *prompts, const char *text, samc_error *error)
{
    samc_prompts_object *object;
    float box[4];

    if (!cli_numbers_read(text, 4, box, NULL))
        return SAMC_FAIL(error, PROMPT,
                         "--box %s: X0,Y0,X1,Y1 must be four finite numbers, as in 425,600,700,875",
                         text);
    if (box[0] > box[2] || box[1] > box[3])
        return SAMC_FAIL(error, PROMPT,
                         "--box %s: the top left corner comes first, so X0 <= X1 and Y0 <= Y1",
                         text);
    SAMC_TRY(current(prompts, &object, error));
    if (object->has_box)
        return SAMC_FAIL(error, PROMPT,
                         "--box %s: object %zu has a box already; put --object between the boxes "
                         "of two objects",
                         text, current_number(prompts));
    memcpy(object->box, box, sizeof box);
    object->has_box = 1;
    return SAMC_OK;
}

samc_status cli_objects_add_mask(samc_prompts *prompts, const char *path, samc_error *error)
{
    samc_prompts_object *object;

    SAMC_TRY(current(prompts, &object, error));
    if (object->mask)
        return SAMC_FAIL(error, PROMPT,
                         "--mask %s: object %zu has a mask already; put --object between the masks "
                         "of two objects",
                         path, current_number(prompts));
    return samc_alloc_string(path, &object->mask, error);
}

samc_status cli_objects_check(const samc_prompts *prompts, samc_error *error)
{
    const samc_prompts_photo *photo = prompts->photos;

    if (prompts->n_photos == 0)
        return SAMC_FAIL(error, PROMPT,
                         "no prompt: say what to segment with --point, --box, --mask or --prompts");
    /* only the last one can be empty: cli_objects_next uses an empty one again */
    if (is_empty(&photo->objects[photo->n_objects - 1]))
        return SAMC_FAIL(error, PROMPT,
                         "object %zu has no prompt: --object must be followed by a --point, "
                         "--box or --mask",
                         photo->n_objects - 1);
    return SAMC_OK;
}

/* Copies logits out of a .npy into f32 [side][side]. */
static samc_status logits_of_npy(const char *path, size_t side, float *logits, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_npy array;
    int32_t d;

    SAMC_TRY(samc_npy_read(path, &array, error));
    d = array.n_dims;
    if (array.type != SAMC_NPY_F32 && array.type != SAMC_NPY_F64)
        status = SAMC_FAIL(error, PROMPT,
                           "--mask %s: logits must be f32 or f64; give a drawn mask as a PNG",
                           path);
    else if (d < 2 || array.n_elements != side * side || array.shape[d - 1] != (int64_t)side)
        status = SAMC_FAIL(error, PROMPT,
                           "--mask %s: this model takes one mask of %zu x %zu logits, shape [%zu, "
                           "%zu]; `samc segment --save low_res` writes such files",
                           path, side, side, side, side);
    for (size_t i = 0; status == SAMC_OK && i < side * side; i++)
        logits[i] = array.type == SAMC_NPY_F32 ? ((const float *)array.data)[i]
                                               : (float)((const double *)array.data)[i];
    samc_npy_free(&array);
    return status;
}

/* Turns a drawn mask into logits: a pixel is inside if its brightest channel is above 127. */
static samc_status logits_of_picture(const char *path, const samc_model *model, int32_t width,
                                     int32_t height, float *logits, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_photo picture;
    size_t pixels;

    SAMC_TRY(samc_photo_read(path, NULL, &picture, error));
    if (picture.view.width != width || picture.view.height != height) {
        status = SAMC_FAIL(error, PROMPT,
                           "--mask %s: a drawn mask must have the photo's size, %d x %d, not %d x "
                           "%d",
                           path, width, height, picture.view.width, picture.view.height);
        goto cleanup;
    }
    pixels = (size_t)width * (size_t)height;
    for (size_t i = 0; i < pixels; i++) { /* RGB to gray in place: byte i never lies behind 3i */
        const uint8_t *rgb = picture.pixels + 3 * i;
        uint8_t most = rgb[0] > rgb[1] ? rgb[0] : rgb[1];

        picture.pixels[i] = most > rgb[2] ? most : rgb[2];
    }
    SAMC_CHECK(
        samc_mask_to_logits(model, picture.pixels, width, height, (size_t)width, logits, error));

cleanup:
    samc_photo_free(&picture);
    return status;
}

/* Reads the mask of one object into f32 [side][side]. */
static samc_status read_mask(const char *name, const char *base, const samc_model *model,
                             int32_t width, int32_t height, size_t side, float *logits,
                             samc_error *error)
{
    samc_status status;
    const char *suffix = strrchr(name, '.');
    const char *path = name;
    char *joined = NULL;

    if (base && name[0] != '/') {
        SAMC_TRY(cli_path_join(base, name, &joined, error));
        path = joined;
    }
    if (suffix && strcasecmp(suffix, ".npy") == 0)
        status = logits_of_npy(path, side, logits, error);
    else
        status = logits_of_picture(path, model, width, height, logits, error);
    free(joined);
    return status;
}

samc_status cli_prompt_list_make(const samc_prompts_photo *photo, const char *base,
                                 const samc_model *model, int32_t width, int32_t height,
                                 cli_prompt_list *list, samc_error *error)
{
    samc_model_info info = SAMC_MODEL_INFO_INIT;
    size_t n_masks = 0;
    size_t side;
    float *next;

    SAMC_TRY(samc_model_get_info(model, &info, error));
    side = (size_t)info.low_res_size;
    for (size_t i = 0; i < photo->n_objects; i++)
        n_masks += photo->objects[i].mask != NULL;
    SAMC_TRY(samc_alloc(photo->n_objects, sizeof *list->prompts, &list->prompts, error));
    if (n_masks)
        SAMC_TRY(samc_alloc(n_masks, side * side * sizeof(float), &list->logits, error));
    next = list->logits;
    for (size_t i = 0; i < photo->n_objects; i++) {
        const samc_prompts_object *object = &photo->objects[i];
        samc_prompt *prompt = &list->prompts[i];

        *prompt = (samc_prompt)SAMC_PROMPT_INIT;
        prompt->points = object->points;
        prompt->labels = object->labels;
        prompt->n_points = object->n_points;
        prompt->box = object->has_box ? object->box : NULL;
        if (!object->mask)
            continue;
        SAMC_TRY(read_mask(object->mask, base, model, width, height, side, next, error));
        prompt->mask_input = next;
        next += side * side;
    }
    list->count = photo->n_objects;
    return SAMC_OK;
}

void cli_prompt_list_free(cli_prompt_list *list)
{
    free(list->prompts);
    free(list->logits);
    *list = (cli_prompt_list){NULL, NULL, 0};
}
