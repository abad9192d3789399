/* SPDX-License-Identifier: Apache-2.0
 *
 * objects.h - the prompts of a run: those of the command line's options, or of a --prompts file.
 * Both become a samc_prompts; the options fill the one entry that is for every photo.
 */
#ifndef SAMC_CLI_OBJECTS_H
#define SAMC_CLI_OBJECTS_H

#include "cli.h"
#include "segment/prompts_json.h"

/* Begins the next object (--object). An object without any prompt is used again, so that --object
 * may stand before the first one too. `prompts` begins as {0}; samc_prompts_free frees it.
 * Errors: MEMORY. */
samc_status cli_objects_next(samc_prompts *prompts, samc_error *error);

/* Each adds the argument of --point, --box or --mask to the object last begun (the first one begins
 * by itself). Errors: PROMPT (the text means nothing, or the object has one already), LIMIT (too
 * many points), MEMORY. */
samc_status cli_objects_add_point(samc_prompts *prompts, const char *text, samc_error *error);
samc_status cli_objects_add_box(samc_prompts *prompts, const char *text, samc_error *error);
samc_status cli_objects_add_mask(samc_prompts *prompts, const char *path, samc_error *error);

/* Refuses options that name no object, or end with an empty one. Errors: PROMPT. */
samc_status cli_objects_check(const samc_prompts *prompts, samc_error *error);

/* The prompts of one photo as the library wants them. Begin with {NULL, NULL, 0}. */
typedef struct cli_prompt_list {
    samc_prompt *prompts; /* [count]; points and boxes still belong to the samc_prompts */
    float *logits;        /* [masks][low_res][low_res]: what mask_input of some of them points at */
    size_t count;
} cli_prompt_list;

/* Makes the list for a photo of width x height, reading the objects' masks: a .npy holds f32 or f64
 * logits [S][S] or [1][S][S] (S: the model's low_res_size), any other file is a drawn mask of the
 * photo's size, bright pixels inside. A relative path in a --prompts file is taken from the folder
 * `base` (NULL: the current one). Errors: IO, FORMAT, UNSUPPORTED, PROMPT (a size that does not
 * fit), MEMORY. */
samc_status cli_prompt_list_make(const samc_prompts_photo *photo, const char *base,
                                 const samc_model *model, int32_t width, int32_t height,
                                 cli_prompt_list *list, samc_error *error);
void cli_prompt_list_free(cli_prompt_list *list);

#endif
