/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/hf_names.h"

#include <stdio.h>
#include <string.h>

#define PE_NAME "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"

/* In `from` a '#' stands for a decimal number and a '*' at the end for any rest. In `to` a '#' is
 * the next number, a '+' the next number plus one, a '$' the number of the MLP's last layer, and a
 * '*' the rest. The first rule that fits counts. */
static const struct {
    const char *from, *to;
} rules[] = {
    {"shared_image_embedding.positional_embedding", PE_NAME},
    {"vision_encoder.patch_embed.projection.*", "image_encoder.patch_embed.proj.*"},
    {"vision_encoder.layers.#.layer_norm#.*", "image_encoder.blocks.#.norm#.*"},
    {"vision_encoder.layers.#.*", "image_encoder.blocks.#.*"},
    {"vision_encoder.neck.conv1.*", "image_encoder.neck.0.*"},
    {"vision_encoder.neck.layer_norm1.*", "image_encoder.neck.1.*"},
    {"vision_encoder.neck.conv2.*", "image_encoder.neck.2.*"},
    {"vision_encoder.neck.layer_norm2.*", "image_encoder.neck.3.*"},
    {"vision_encoder.*", "image_encoder.*"},
    {"prompt_encoder.shared_embedding.positional_embedding", PE_NAME},
    {"prompt_encoder.point_embed.*", "prompt_encoder.point_embeddings.*"},
    {"prompt_encoder.mask_embed.conv1.*", "prompt_encoder.mask_downscaling.0.*"},
    {"prompt_encoder.mask_embed.layer_norm1.*", "prompt_encoder.mask_downscaling.1.*"},
    {"prompt_encoder.mask_embed.conv2.*", "prompt_encoder.mask_downscaling.3.*"},
    {"prompt_encoder.mask_embed.layer_norm2.*", "prompt_encoder.mask_downscaling.4.*"},
    {"prompt_encoder.mask_embed.conv3.*", "prompt_encoder.mask_downscaling.6.*"},
    {"mask_decoder.transformer.layers.#.layer_norm#.*",
     "mask_decoder.transformer.layers.#.norm#.*"},
    {"mask_decoder.transformer.layer_norm_final_attn.*",
     "mask_decoder.transformer.norm_final_attn.*"},
    {"mask_decoder.upscale_conv1.*", "mask_decoder.output_upscaling.0.*"},
    {"mask_decoder.upscale_layer_norm.*", "mask_decoder.output_upscaling.1.*"},
    {"mask_decoder.upscale_conv2.*", "mask_decoder.output_upscaling.3.*"},
    {"mask_decoder.output_hypernetworks_mlps.#.proj_in.*",
     "mask_decoder.output_hypernetworks_mlps.#.layers.0.*"},
    {"mask_decoder.output_hypernetworks_mlps.#.layers.#.*",
     "mask_decoder.output_hypernetworks_mlps.#.layers.+.*"},
    {"mask_decoder.output_hypernetworks_mlps.#.proj_out.*",
     "mask_decoder.output_hypernetworks_mlps.#.layers.$.*"},
    {"mask_decoder.iou_prediction_head.proj_in.*", "mask_decoder.iou_prediction_head.layers.0.*"},
    {"mask_decoder.iou_prediction_head.layers.#.*", "mask_decoder.iou_prediction_head.layers.+.*"},
    {"mask_decoder.iou_prediction_head.proj_out.*", "mask_decoder.iou_prediction_head.layers.$.*"},
};

/* What a pattern's signs stood for. */
typedef struct match {
    unsigned numbers[2];
    const char *rest;
} match;

/* A number of at most four digits; 0: there is none. */
static size_t read_number(const char *text, unsigned *number)
{
    size_t digits = 0;

    *number = 0;
    while (digits < 4 && text[digits] >= '0' && text[digits] <= '9')
        *number = *number * 10 + (unsigned)(text[digits++] - '0');
    return digits;
}

static int fits(const char *name, const char *pattern, match *m)
{
    size_t n = 0;

    *m = (match){{0, 0}, ""};
    for (; *pattern; pattern++) {
        if (*pattern == '*') {
            m->rest = name;
            return 1;
        }
        if (*pattern == '#') {
            size_t digits = read_number(name, &m->numbers[n++]);

            if (digits == 0)
                return 0;
            name += digits;
        } else if (*name++ != *pattern) {
            return 0;
        }
    }
    return *name == '\0';
}

/* The index of an MLP's last layer, for its "….proj_out.…": proj_in is the first, and each
 * "….layers.K.weight" lies between. */
static unsigned last_layer(const samc_tensors *table, const char *name)
{
    size_t prefix = (size_t)(strstr(name, "proj_out.") - name);
    unsigned last = 1;

    for (size_t i = 0; i < table->count; i++) {
        const char *other = table->items[i].name;
        match m;

        last += strncmp(other, name, prefix) == 0 && fits(other + prefix, "layers.#.weight", &m);
    }
    return last;
}

/* Writes the official name into `out`, of `size` bytes; 0: no rule fits, or it does not fit. */
static int translate(const samc_tensors *table, const char *name, char *out, size_t size)
{
    match m;
    size_t rule = 0, used = 0, n = 0;

    while (rule < sizeof rules / sizeof *rules && !fits(name, rules[rule].from, &m))
        rule++;
    if (rule == sizeof rules / sizeof *rules)
        return 0;
    for (const char *p = rules[rule].to; *p && used < size; p++) {
        char *at = out + used;
        size_t room = size - used;
        int length = *p == '#'   ? snprintf(at, room, "%u", m.numbers[n++])
                     : *p == '+' ? snprintf(at, room, "%u", m.numbers[n++] + 1)
                     : *p == '$' ? snprintf(at, room, "%u", last_layer(table, name))
                     : *p == '*' ? snprintf(at, room, "%s", m.rest)
                                 : snprintf(at, room, "%c", *p);
        used += (size_t)length;
    }
    return used < size;
}

static int are_equal(const samc_tensor *a, const samc_tensor *b)
{
    uint8_t left[256], right[256];
    int64_t elements = samc_tensor_elements(a);
    int64_t step = (int64_t)(sizeof left / samc_dtype_size(a->dtype));

    if (a->dtype != b->dtype || a->n_dims != b->n_dims ||
        memcmp(a->shape, b->shape, (size_t)a->n_dims * sizeof *a->shape) != 0)
        return 0;
    for (int64_t i = 0; i < elements; i += step) {
        int64_t count = elements - i < step ? elements - i : step;

        samc_tensor_copy(a, i, count, left);
        samc_tensor_copy(b, i, count, right);
        if (memcmp(left, right, (size_t)count * samc_dtype_size(a->dtype)) != 0)
            return 0;
    }
    return 1;
}

/* Removes the second of two equal positional matrices. */
static samc_status drop_duplicate(samc_tensors *table, samc_error *error)
{
    const samc_tensor *first = NULL;

    for (size_t i = 0; i < table->count; i++) {
        samc_tensor *t = &table->items[i];

        if (strcmp(t->name, PE_NAME) != 0)
            continue;
        if (!first) {
            first = t;
            continue;
        }
        if (!are_equal(first, t))
            return SAMC_FAIL(error, FORMAT,
                             "shared_image_embedding and prompt_encoder.shared_embedding differ; "
                             "they should be one matrix");
        table->count--;
        memmove(t, t + 1, (table->count - i) * sizeof *t);
        i--;
    }
    return SAMC_OK;
}

samc_status samc_hf_names_replace(samc_tensors *table, samc_error *error)
{
    const char **names;

    for (size_t i = 0; i < table->count && !table->hf_names; i++)
        table->hf_names = strncmp(table->items[i].name, "vision_encoder.", 15) == 0;
    if (!table->hf_names)
        return SAMC_OK;
    /* all are translated before any is replaced: a rule may have to count the old names */
    SAMC_TRY(samc_arena_take(&table->arena, table->count, sizeof *names, &names, error));
    for (size_t i = 0; i < table->count; i++) {
        char name[SAMC_TENSOR_NAME_MAX + 64];

        names[i] = table->items[i].name;
        if (translate(table, names[i], name, sizeof name))
            SAMC_TRY(samc_table_copy_text(table, name, strlen(name), &names[i], error));
    }
    for (size_t i = 0; i < table->count; i++)
        table->items[i].name = names[i];
    return drop_duplicate(table, error);
}
