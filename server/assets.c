/* SPDX-License-Identifier: Apache-2.0 */
#include "server/assets.h"

#include "base/hash.h"

#include <stdio.h>
#include <string.h>

const samc_asset *samc_asset_find(const char *path)
{
    const char *name = strcmp(path, "/") == 0 ? "index.html" : path + (*path == '/');

    for (const samc_asset *asset = samc_assets; asset->path; asset++)
        if (strcmp(asset->path, name) == 0)
            return asset;
    return NULL;
}

const char *samc_asset_type(const char *path)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".wasm", "application/wasm"},
        {".svg", "image/svg+xml"},
        {".jpg", "image/jpeg"},
        {".png", "image/png"},
    };
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

void samc_asset_etag(const samc_asset *asset, char etag[SAMC_HTTP_ETAG_SIZE])
{
    uint64_t hash[2] = {0, 0};

    samc_hash_bytes(hash, asset->data, asset->size);
    (void)snprintf(etag, SAMC_HTTP_ETAG_SIZE, "\"%016llx%016llx\"", (unsigned long long)hash[0],
                   (unsigned long long)hash[1]);
}
