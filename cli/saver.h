/* SPDX-License-Identifier: Apache-2.0
 *
 * saver.h - the files that `samc segment` leaves of one photo:
 *
 *     STEM_objectK_maskM.png           mask      gray, 0 or 255
 *     STEM_objectK_maskM_overlay.png   overlay   mask on the photo, where there is one object
 *     STEM_overlay.png                 overlay   the best masks of all objects, where there are
 *                                                several
 *     STEM_objectK_maskM_cutout.png    cutout    RGBA: the photo, transparent outside the mask
 *     STEM_objectK_logits.npy          logits    f32 [n][H][W], the photo's size
 *     STEM_objectK_maskM_low_res.npy   low_res   f32 [1][S][S], to feed back with --mask
 *     STEM_grid.png                    grid      all masks side by side, one row an object
 */
#ifndef SAMC_CLI_SAVER_H
#define SAMC_CLI_SAVER_H

#include "cli.h"
#include "pictures.h"

enum {
    CLI_SAVE_MASK = 1,
    CLI_SAVE_OVERLAY = 2,
    CLI_SAVE_CUTOUT = 4,
    CLI_SAVE_LOGITS = 8,
    CLI_SAVE_LOW_RES = 16,
    CLI_SAVE_GRID = 32
};

/* Reads a list such as "mask,overlay" into CLI_SAVE_ bits. Errors: ARGUMENT (an unknown word). */
samc_status cli_save_list_read(const char *text, unsigned *what, samc_error *error);

/* The saving of one photo. Fill the first block, the rest begins as 0; end with cli_saver_free. */
typedef struct cli_saver {
    const char *folder; /* "-": the only mask goes to stdout */
    const char *stem;
    unsigned what; /* CLI_SAVE_ bits */
    const samc_photo *photo;
    const samc_prompts_photo *prompts;
    int32_t n_masks; /* a prompt: 1 or 3 */

    samc_canvas overlay; /* of all objects, where there are several */
    cli_grid grid;
} cli_saver;

/* Takes the memory that the pictures need. Errors: MEMORY, LIMIT (a grid without end). */
samc_status cli_saver_begin(cli_saver *saver, samc_error *error);
/* Saves what there is of object `object`, prompt `prompt` of `masks`. Errors: IO, MEMORY. */
samc_status cli_saver_add(cli_saver *saver, size_t object, const samc_masks *masks, int32_t prompt,
                          samc_error *error);
/* Saves the pictures of all objects. Errors: IO, MEMORY. */
samc_status cli_saver_end(cli_saver *saver, samc_error *error);
void cli_saver_free(cli_saver *saver);

#endif
