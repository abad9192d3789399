/* SPDX-License-Identifier: Apache-2.0
 *
 * record.h - one line of JSON a mask, on stdout.
 */
#ifndef SAMC_CLI_RECORD_H
#define SAMC_CLI_RECORD_H

#include "cli.h"

typedef struct cli_record {
    const char *photo; /* path as given */
    size_t object;
    int32_t mask; /* 0-based, within the object */
    float predicted_iou;
    float stability_score;
    const uint8_t *pixels; /* [height][width], 0 or 1 */
    int32_t height;
    int32_t width;
} cli_record;

/* Prints {"photo","object","mask","predicted_iou","stability_score","area","bbox","segmentation"}
 * in this order and a newline. bbox is x, y, w, h as in the reference's mask generator: w and h are
 * the last column and row minus the first. Numbers read back as the same floats; a number that is
 * not finite becomes null. In a name, bytes that are no UTF-8 become U+FFFD. Whether stdout took it
 * is for cli_process_end to see, or for ferror. Errors: MEMORY. */
samc_status cli_record_print(const cli_record *record, samc_error *error);

#endif
