/* SPDX-License-Identifier: Apache-2.0
 *
 * auto_files.h - what `samc auto` leaves of one photo. Every name appears whole or not at all.
 *
 *     STEM/N.png, STEM/metadata.csv   amg          as the reference's amg.py: masks and their
 *     figures STEM.json                       rle          as its --convert-to-rle: a list of
 *     records STEM.json                       sa1b         as in SA-1B: image and annotations
 *     STEM_labels.png                 labelmap     mask N as the value N + 1, smaller masks on top
 *     STEM_overlay.png                overlay      the masks in random colours on the photo
 *     STEM_sidebyside.png             sidebyside   the photo, and that beside it
 *     STEM_grid.png                   grid         each mask on its own, from large to small
 */
#ifndef SAMC_CLI_AUTO_FILES_H
#define SAMC_CLI_AUTO_FILES_H

#include "found.h"

#include <samc_io.h>

enum {
    CLI_AUTO_AMG = 1,
    CLI_AUTO_RLE = 2,
    CLI_AUTO_SA1B = 4,
    CLI_AUTO_LABELMAP = 8,
    CLI_AUTO_OVERLAY = 16,
    CLI_AUTO_SIDEBYSIDE = 32,
    CLI_AUTO_GRID = 64,
    CLI_AUTO_COCO = 128 /* one file for all photos: coco_file.h */
};

/* Reads a list such as "amg,overlay" into CLI_AUTO_ bits. Errors: ARGUMENT (an unknown word). */
samc_status cli_auto_list_read(const char *text, unsigned *what, samc_error *error);

typedef struct cli_auto_files {
    const char *folder;
    const char *stem;
    const char *name; /* the photo's file name */
    size_t number;    /* of the photo in the whole list, from 1 */
    unsigned what;    /* CLI_AUTO_ bits; COCO's is passed over */
    uint64_t seed;    /* of the colours */
    bool exact;       /* as the reference, refuse a folder that is there */
    const samc_photo *photo;
    const cli_found *found;
} cli_auto_files;

/* Writes all of them. Errors: IO, MEMORY, LIMIT (a grid without end, a label map of more than 65535
 * masks). */
samc_status cli_auto_files_write(const cli_auto_files *files, samc_error *error);
/* Whether all of them are there. */
bool cli_auto_files_done(const char *folder, const char *stem, unsigned what);

#endif
