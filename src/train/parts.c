/* SPDX-License-Identifier: Apache-2.0 */
#include "train/parts.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUES SAMC_LABELMAP_VALUES
#define UNIONS 4 /* that are drawn */
/* A connected piece is a choice of its own from this share of its label on. */
#define PIECE_SHARE 0.15

enum { PART_WEIGHT = 2, UNION_WEIGHT = 1, PIECE_WEIGHT = 1 };

typedef struct survey {
    int64_t area[VALUES];
    int64_t total;         /* of all that are there */
    uint8_t there[VALUES]; /* labels, in order */
    size_t n_there;
    uint8_t touch[VALUES][VALUES]; /* 1: somewhere a pixel of one is beside one of the other */
} survey;

static void look(const samc_choices *choices, const samc_sample *sample, survey *s)
{
    size_t side = (size_t)sample->size;

    memset(s, 0, sizeof *s);
    for (size_t y = 0; y < (size_t)sample->height; y++)
        for (size_t x = 0; x < (size_t)sample->width; x++) {
            const uint8_t *p = choices->map + y * side + x;

            s->area[*p]++;
            if (x > 0)
                s->touch[*p][p[-1]] = s->touch[p[-1]][*p] = 1;
            if (y > 0)
                s->touch[*p][p[0 - side]] = s->touch[p[0 - side]][*p] = 1;
        }
    for (size_t v = 1; v < VALUES; v++)
        if (s->area[v] && !(choices->ignore && choices->ignore[v])) {
            s->there[s->n_there++] = (uint8_t)v;
            s->total += s->area[v];
        }
}

/* A union grows from one label, each next one touching one that is in. */
static samc_status add_union(samc_choices *choices, samc_random *random, const survey *s,
                             const samc_label_names *names, samc_error *error)
{
    samc_choice choice = {.weight = UNION_WEIGHT};
    size_t wanted = 2 + samc_random_below(random, 3), n = 0;
    uint8_t at = s->there[samc_random_below(random, s->n_there)];
    char label[256] = "";
    size_t used = 0;

    for (;;) {
        uint8_t next[VALUES];
        size_t n_next = 0;

        choice.values[at] = 1;
        choice.area += s->area[at];
        n++;
        if (names->names[at] && used < sizeof label - 1)
            used += (size_t)snprintf(label + used, sizeof label - used, "%s%s", used ? " and " : "",
                                     names->names[at]);
        for (size_t i = 0; i < s->n_there; i++)
            for (size_t j = 0; j < s->n_there; j++)
                if (!choice.values[s->there[i]] && choice.values[s->there[j]] &&
                    s->touch[s->there[i]][s->there[j]]) {
                    next[n_next++] = s->there[i];
                    break;
                }
        if (n == wanted || n_next == 0)
            break;
        at = next[samc_random_below(random, n_next)];
    }
    /* one label is no union, all of them are the whole; a name that was cut off is none */
    if (n < 2 || n == s->n_there)
        return SAMC_OK;
    return samc_choices_add(choices, &choice, used && used < sizeof label ? label : NULL, error);
}

/* The pieces of the labels that have several large ones. */
static samc_status add_pieces(samc_choices *choices, const samc_sample *sample, const survey *s,
                              const samc_label_names *names, int32_t n_pieces, samc_error *error)
{
    size_t side = (size_t)sample->size;
    int64_t *areas = NULL;
    uint8_t *values = NULL;
    samc_status status = SAMC_OK;

    SAMC_CHECK(samc_alloc_zero((size_t)n_pieces + 1, sizeof *areas, &areas, error));
    SAMC_CHECK(samc_alloc_zero((size_t)n_pieces + 1, 1, &values, error));
    for (size_t y = 0; y < (size_t)sample->height; y++)
        for (size_t x = 0; x < (size_t)sample->width; x++) {
            size_t i = y * side + x;

            areas[choices->pieces[i]]++;
            values[choices->pieces[i]] = choices->map[i];
        }
    for (int32_t k = 1; k <= n_pieces; k++) {
        uint8_t v = values[k];
        samc_choice choice = {.piece = k, .area = areas[k], .weight = PIECE_WEIGHT};

        if ((choices->ignore && choices->ignore[v]) ||
            areas[k] > (1 - PIECE_SHARE) * (double)s->area[v] ||
            areas[k] < PIECE_SHARE * (double)s->area[v])
            continue;
        choice.values[v] = 1;
        SAMC_CHECK(samc_choices_add(choices, &choice, names->names[v], error));
    }

cleanup:
    free(areas);
    free(values);
    return status;
}

samc_status samc_parts_add(samc_choices *choices, samc_random *random, const samc_sample *sample,
                           const samc_label_names *names, const char *whole, double whole_weight,
                           int32_t n_pieces, samc_error *error)
{
    survey *s = NULL;
    samc_status status = SAMC_OK;

    SAMC_TRY(samc_alloc(1, sizeof *s, &s, error));
    look(choices, sample, s);
    for (size_t i = 0; i < s->n_there; i++) {
        uint8_t v = s->there[i];
        samc_choice choice = {.area = s->area[v], .weight = PART_WEIGHT};

        choice.values[v] = 1;
        SAMC_CHECK(samc_choices_add(choices, &choice, names->names[v], error));
    }
    if (whole && s->n_there > 1) {
        samc_choice choice = {.area = s->total, .weight = whole_weight};

        for (size_t i = 0; i < s->n_there; i++)
            choice.values[s->there[i]] = 1;
        SAMC_CHECK(samc_choices_add(choices, &choice, whole, error));
    }
    for (int i = 0; i < UNIONS && s->n_there > 2; i++)
        SAMC_CHECK(add_union(choices, random, s, names, error));
    SAMC_CHECK(add_pieces(choices, sample, s, names, n_pieces, error));

cleanup:
    free(s);
    return status;
}
