/* SPDX-License-Identifier: Apache-2.0
 *
 * auto_pictures.h - pictures of all masks of a photo. Each is a PNG that appears whole or not at
 * all.
 */
#ifndef SAMC_CLI_AUTO_PICTURES_H
#define SAMC_CLI_AUTO_PICTURES_H

#include "found.h"

#include <samc_io.h>

/* Mask N as the value N + 1, 0 where there is none, larger masks below smaller ones; 8 bits, or 16
 * if there are more than 255 masks. Errors: IO, MEMORY, LIMIT (more than 65535 masks). */
samc_status cli_labelmap_write(const cli_found *found, const char *path, samc_error *error);
/* The masks on the photo, each in a colour of its own (a matter of `seed`), opacity 0.35, larger
 * ones below; with `beside`, the photo as it is to the left. Source: the notebooks' show_anns.
 * Errors: IO, MEMORY, LIMIT. */
samc_status cli_found_overlay_write(const cli_found *found, const samc_photo *photo, uint64_t seed,
                                    bool beside, const char *path, samc_error *error);
/* Each mask on the photo by itself, from large to small, with its number and area above it.
 * Errors: IO, MEMORY, LIMIT. */
samc_status cli_found_grid_write(const cli_found *found, const samc_photo *photo, const char *path,
                                 samc_error *error);

#endif
