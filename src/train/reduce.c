/* SPDX-License-Identifier: Apache-2.0 */
#include "train/reduce.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define ENCODER "image_encoder."

typedef struct bucket {
    int32_t layer;
    int64_t first, count; /* in the flat arrays */
} bucket;

struct samc_reduce {
    samc_params *params;
    samc_ranks *ranks;
    bucket *buckets; /* in the order in which they set out */
    int64_t count;
    int64_t next; /* the first that has not */
    int failed;
};

static int32_t layer_of(const samc_params *params, const samc_param *p)
{
    const int is_behind = p->layer > params->config.depth &&
                          strncmp(p->name, ENCODER, strlen(ENCODER)) != 0;

    return is_behind ? params->config.depth + 2 : p->layer;
}

/* Adds a param's numbers to the last bucket as far as they are its neighbours and it has room, and
 * the rest to new ones. `buckets` NULL: counts only. */
static void add_param(samc_reduce *r, const samc_param *p, int32_t layer, bucket *last)
{
    int64_t at = p->offset;
    const int64_t end = p->offset + p->count;

    while (at < end) {
        int64_t room = SAMC_REDUCE_BUCKET - last->count;

        if (r->count == 0 || last->layer != layer || last->first + last->count != at || room == 0) {
            *last = (bucket){layer, at, 0};
            room = SAMC_REDUCE_BUCKET;
            r->count++;
        }
        if (room > end - at)
            room = end - at;
        last->count += room;
        at += room;
        if (r->buckets)
            r->buckets[r->count - 1] = *last;
    }
}

static void lay_out(samc_reduce *r)
{
    bucket last = {-1, 0, 0};

    r->count = 0;
    for (int32_t layer = r->params->config.depth + 2; layer >= 0; layer--)
        for (size_t i = 0; i < r->params->n_params; i++) {
            const samc_param *p = &r->params->list[i];

            if (p->trained && layer_of(r->params, p) == layer)
                add_param(r, p, layer, &last);
        }
}

samc_status samc_reduce_create(samc_params *params, samc_ranks *ranks, samc_reduce **reduce,
                               samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_reduce *made;

    *reduce = NULL;
    SAMC_TRY(samc_alloc_zero(1, sizeof *made, &made, error));
    made->params = params;
    made->ranks = ranks;
    lay_out(made);
    SAMC_CHECK(samc_alloc((size_t)made->count, sizeof *made->buckets, &made->buckets, error));
    lay_out(made);
    *reduce = made;
    made = NULL;

cleanup:
    samc_reduce_free(made);
    return status;
}

void samc_reduce_free(samc_reduce *reduce)
{
    if (!reduce)
        return;
    free(reduce->buckets);
    free(reduce);
}

void samc_reduce_layer(void *user, int32_t layer)
{
    samc_reduce *r = user;

    for (; !r->failed && r->next < r->count && r->buckets[r->next].layer >= layer; r->next++) {
        const bucket *b = &r->buckets[r->next];

        r->failed = r->ranks->start(r->ranks, r->params->gradients + b->first, (int32_t)b->count);
    }
    if (!r->failed)
        r->failed = r->ranks->poll(r->ranks);
}

samc_status samc_reduce_finish(samc_reduce *r, samc_error *error)
{
    samc_reduce_layer(r, 0);
    if (!r->failed)
        r->failed = r->ranks->finish(r->ranks);
    r->next = 0;
    return r->failed ? samc_ranks_lost(r->ranks, error) : SAMC_OK;
}
