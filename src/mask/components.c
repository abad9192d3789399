/* SPDX-License-Identifier: Apache-2.0 */
#include "mask/components.h"

#include "base/memory.h"

#include <stdlib.h>

/* The first pixel's number of a piece stands for it; parent leads there. */
static int32_t root_of(int32_t *parent, int32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]]; /* halves the way for the next one */
        i = parent[i];
    }
    return i;
}

static void join(int32_t *parent, int32_t a, int32_t b)
{
    a = root_of(parent, a);
    b = root_of(parent, b);
    if (a < b)
        parent[b] = a;
    else
        parent[a] = b;
}

samc_status samc_components_find(const uint8_t *map, int32_t height, int32_t width, int32_t *ids,
                                 int32_t *count, samc_error *error)
{
    int64_t n = (int64_t)height * width;
    int32_t *parent = NULL; /* [pixels]: of each, an earlier one of its piece */
    int32_t found = 0;

    if (n > INT32_MAX)
        return SAMC_FAIL(error, LIMIT, "%lld pixels are too many to find the pieces of a mask",
                         (long long)n);
    SAMC_TRY(samc_alloc((size_t)n, sizeof *parent, &parent, error));
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            int32_t i = y * width + x;
            uint8_t value = map[i];

            parent[i] = i;
            if (!value)
                continue;
            if (x > 0 && map[i - 1] == value)
                join(parent, i, i - 1);
            for (int32_t dx = -1; dx <= 1 && y > 0; dx++)
                if (x + dx >= 0 && x + dx < width && map[i - width + dx] == value)
                    join(parent, i, i - width + dx);
        }
    for (int32_t i = 0; i < (int32_t)n; i++) { /* roots come before their pieces */
        int32_t root = root_of(parent, i);

        ids[i] = !map[i] ? 0 : root == i ? ++found : ids[root];
    }
    *count = found;
    free(parent);
    return SAMC_OK;
}
