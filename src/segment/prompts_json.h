/* SPDX-License-Identifier: Apache-2.0
 *
 * Prompts from a JSON file: what to segment in one photo, or in each of several. docs/PROMPTS.md
 * describes the file.
 */
#ifndef SAMC_SEGMENT_PROMPTS_JSON_H
#define SAMC_SEGMENT_PROMPTS_JSON_H

#include "base/status.h"

#define SAMC_PROMPTS_MAX_BYTES ((size_t)64 << 20)
#define SAMC_PROMPTS_MAX_PHOTOS 65536
#define SAMC_PROMPTS_MAX_OBJECTS 65536 /* a photo */
#define SAMC_PROMPTS_MAX_POINTS 1024   /* an object: the limit of samc_prompt */

/* One object, in the terms of samc_prompt; at least one of points, box and mask is there. Positions
 * are finite, in pixels of the photo; whether they lie inside it is for samc_predict to check. */
typedef struct samc_prompts_object {
    size_t n_points;
    float *points;   /* [n_points][2] */
    int32_t *labels; /* [n_points], 0 or 1 */
    int has_box;
    float box[4]; /* xyxy */
    char *mask;   /* the mask's file as written, or NULL */
} samc_prompts_object;

typedef struct samc_prompts_photo {
    char *name; /* as written; NULL: the objects are for whichever photo is given */
    size_t n_objects;
    samc_prompts_object *objects;
} samc_prompts_photo;

/* Begin with {0}; owned, free with samc_prompts_free. */
typedef struct samc_prompts {
    size_t n_photos;
    samc_prompts_photo *photos;
} samc_prompts;

/* Reads a file. Messages name the file and the way to the value, such as
 * `photos["a.jpg"].objects[3].points[1]`. Errors: IO, FORMAT (not JSON; an unknown key, a wrong
 * type, unequal counts, a number that does not fit), PROMPT (an object without prompt, a label
 * other than 0 and 1), LIMIT, MEMORY. */
samc_status samc_prompts_read(const char *path, samc_prompts *prompts, samc_error *error);
/* The same from memory; `name` stands for the file in messages. */
samc_status samc_prompts_read_memory(const void *text, size_t size, const char *name,
                                     samc_prompts *prompts, samc_error *error);
/* The prompts for the photo at `path`: the entry of that very name, else the one of the path's last
 * part, else the one without a name; NULL: the file has none. */
const samc_prompts_photo *samc_prompts_find(const samc_prompts *prompts, const char *path);
void samc_prompts_free(samc_prompts *prompts);

#endif
