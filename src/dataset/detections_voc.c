/* SPDX-License-Identifier: Apache-2.0
 *
 * Detections in Pascal VOC's XML: filename, size, and for each object a name, a bndbox and perhaps
 * a score. The XML is read by expat; a document with entities of its own is refused.
 */
#include "dataset/detections.h"

#ifdef SAMC_HAVE_EXPAT

#include "base/memory.h"

#include <expat.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The largest text of one element; a file name is at most this long. */
#define TEXT_MAX_BYTES 4096
/* VOC's files have a few KiB. */
#define VOC_MAX_BYTES ((size_t)64 << 20)
#define DEPTH_MAX 16

typedef struct reader {
    samc_detections *d;
    samc_status status;
    samc_error *error;
    XML_Parser parser;
    char text[TEXT_MAX_BYTES]; /* of the element that is open */
    size_t length;
    int depth, in_object, in_box, is_voc;
    char *file; /* <filename> */
    double width, height;
    size_t n_objects;
    char *name; /* of the object that is open */
    double box[4], score;
    unsigned sides; /* bit i: box[i] was there, and a number */
} reader;

static const char *source_of(const reader *r)
{
    return r->d->source ? r->d->source : "annotation.xml";
}

static void stop(reader *r, samc_status status)
{
    r->status = status;
    (void)XML_StopParser(r->parser, XML_FALSE);
}

static void XMLCALL begin_element(void *user, const XML_Char *name, const XML_Char **attributes)
{
    reader *r = user;

    (void)attributes;
    r->length = 0;
    if (++r->depth > DEPTH_MAX) {
        stop(r, SAMC_FAIL(r->error, LIMIT, "more than %d elements within one another", DEPTH_MAX));
        return;
    }
    if (r->depth == 1)
        r->is_voc = strcmp(name, "annotation") == 0;
    if (r->depth == 2 && strcmp(name, "object") == 0) {
        r->in_object = 1;
        r->sides = 0;
        r->score = NAN;
        r->n_objects++;
    }
    if (r->depth == 3 && r->in_object && strcmp(name, "bndbox") == 0)
        r->in_box = 1;
}

static void XMLCALL take_text(void *user, const XML_Char *text, int length)
{
    reader *r = user;
    size_t n = (size_t)length;

    if (n > TEXT_MAX_BYTES - 1 - r->length)
        n = TEXT_MAX_BYTES - 1 - r->length;
    memcpy(r->text + r->length, text, n);
    r->length += n;
}

/* VOC numbers pixels from 1 and names the first and last one: a box of edges begins one earlier. */
static samc_status end_object(reader *r)
{
    samc_detection box = {.score = r->score, .class = -1, .number = r->n_objects};

    if (r->sides != 0xF) {
        samc_detections_skip(r->d, "%s: object %zu has no bndbox of four numbers", source_of(r),
                             r->n_objects);
        return SAMC_OK;
    }
    if (!r->file) {
        samc_detections_skip(r->d, "%s: object %zu comes before the <filename>", source_of(r),
                             r->n_objects);
        return SAMC_OK;
    }
    SAMC_TRY(samc_detections_photo(r->d, r->file, r->file, &box.photo, r->error));
    if (r->width >= 1 && r->width <= 65535 && r->height >= 1 && r->height <= 65535) {
        r->d->photos[box.photo].width = (int32_t)r->width;
        r->d->photos[box.photo].height = (int32_t)r->height;
    }
    if (r->name)
        SAMC_TRY(samc_detections_class(r->d, r->name, -1, &box.class, r->error));
    memcpy(box.box, (double[4]){r->box[0] - 1, r->box[1] - 1, r->box[2], r->box[3]},
           sizeof box.box);
    return samc_detections_add(r->d, &box, r->error);
}

/* The text of the element that ends, without blanks around it. */
static char *trimmed(reader *r)
{
    char *text = r->text;

    while (r->length && strchr(" \t\r\n", r->text[r->length - 1]))
        r->length--;
    r->text[r->length] = '\0';
    return text + strspn(text, " \t\r\n");
}

static double number_of(const char *text, int *good)
{
    char *end;
    double number = strtod(text, &end);

    *good = end != text && !*end;
    return *good ? number : NAN;
}

static samc_status keep_text(char **place, const char *text, samc_error *error)
{
    free(*place);
    *place = NULL;
    return *text ? samc_alloc_string(text, place, error) : SAMC_OK;
}

static samc_status take_element(reader *r, const char *name)
{
    static const char *const sides[4] = {"xmin", "ymin", "xmax", "ymax"};
    const char *text = trimmed(r);
    int good;
    double number = number_of(text, &good);

    if (r->depth == 2 && r->in_object) {
        samc_status status = end_object(r);

        r->in_object = 0;
        free(r->name);
        r->name = NULL;
        return status;
    }
    if (r->depth == 2 && strcmp(name, "filename") == 0)
        return keep_text(&r->file, text, r->error);
    if (r->depth == 3 && !r->in_object && strcmp(name, "width") == 0)
        r->width = number;
    if (r->depth == 3 && !r->in_object && strcmp(name, "height") == 0)
        r->height = number;
    if (r->depth == 3 && r->in_object && strcmp(name, "name") == 0)
        return keep_text(&r->name, text, r->error);
    if (r->depth == 3 && r->in_object &&
        (strcmp(name, "score") == 0 || strcmp(name, "confidence") == 0))
        r->score = number;
    if (r->depth == 3 && r->in_box)
        r->in_box = 0;
    for (unsigned i = 0; i < 4 && r->depth == 4 && r->in_box; i++)
        if (strcmp(name, sides[i]) == 0 && good) {
            r->box[i] = number;
            r->sides |= 1u << i;
        }
    return SAMC_OK;
}

static void XMLCALL end_element(void *user, const XML_Char *name)
{
    reader *r = user;
    samc_status status = take_element(r, name);

    r->depth--;
    r->length = 0;
    if (status != SAMC_OK)
        stop(r, status);
}

/* Entities are how a small file becomes a large one, or reads another: VOC has none. */
static void XMLCALL refuse_entity(void *user, const XML_Char *name, int is_parameter,
                                  const XML_Char *value, int value_length, const XML_Char *base,
                                  const XML_Char *system_id, const XML_Char *public_id,
                                  const XML_Char *notation)
{
    reader *r = user;

    (void)is_parameter;
    (void)value;
    (void)value_length;
    (void)base;
    (void)system_id;
    (void)public_id;
    (void)notation;
    stop(r, SAMC_FAIL(r->error, FORMAT, "it defines the entity %.60s, which is not taken", name));
}

samc_status samc_detections_voc(samc_detections *d, const char *text, size_t size,
                                samc_error *error)
{
    reader *r = NULL;
    samc_status status = SAMC_OK;

    if (size > VOC_MAX_BYTES)
        return SAMC_FAIL(error, LIMIT, "it has more than %zu bytes", VOC_MAX_BYTES);
    SAMC_TRY(samc_alloc_zero(1, sizeof *r, &r, error));
    r->d = d;
    r->error = error;
    r->parser = XML_ParserCreate(NULL);
    if (!r->parser) {
        status = samc_error_memory(error, 0);
        goto cleanup;
    }
    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, begin_element, end_element);
    XML_SetCharacterDataHandler(r->parser, take_text);
    XML_SetEntityDeclHandler(r->parser, refuse_entity);
    if (XML_Parse(r->parser, text, (int)size, 1) != XML_STATUS_OK) {
        status = r->status != SAMC_OK ? r->status
                 : XML_GetErrorCode(r->parser) == XML_ERROR_NO_MEMORY
                     ? samc_error_memory(error, 0)
                     : SAMC_FAIL(error, FORMAT, "line %lu: %s",
                                 (unsigned long)XML_GetCurrentLineNumber(r->parser),
                                 XML_ErrorString(XML_GetErrorCode(r->parser)));
        goto cleanup;
    }
    if (!r->is_voc)
        status = SAMC_FAIL(error, FORMAT, "it is no <annotation> of VOC's");

cleanup:
    if (r->parser)
        XML_ParserFree(r->parser);
    free(r->file);
    free(r->name);
    free(r);
    return status;
}

#else

samc_status samc_detections_voc(samc_detections *d, const char *text, size_t size,
                                samc_error *error)
{
    (void)d;
    (void)text;
    (void)size;
    return SAMC_FAIL(error, UNSUPPORTED,
                     "this samc was built without expat, which reads VOC's XML (Debian: "
                     "libexpat1-dev)");
}

#endif
