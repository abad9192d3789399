/* SPDX-License-Identifier: Apache-2.0
 *
 * Assets: the files of web/, compiled in. The table is written when samc is built
 * (cmake/samc_assets.cmake).
 */
#ifndef SAMC_SERVER_ASSETS_H
#define SAMC_SERVER_ASSETS_H

#include "server/http.h"

#include <stdbool.h>

typedef struct samc_asset {
    const char *path; /* "index.html", "samples/a.jpg" */
    const uint8_t *data;
    size_t size;
} samc_asset;

/* Ends with a path of NULL. */
extern const samc_asset samc_assets[];

/* The file at the request's path, "/" being index.html; NULL where there is none. */
const samc_asset *samc_asset_find(const char *path);
/* How the web names its type; a literal. */
const char *samc_asset_type(const char *path);
/* A tag of its content, with quotes. */
void samc_asset_etag(const samc_asset *asset, char etag[SAMC_HTTP_ETAG_SIZE]);

#endif
