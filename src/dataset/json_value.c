/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/json_value.h"

samc_status samc_json_parse(const char *text, size_t size, size_t flags, json_t **value,
                            json_error_t *why, samc_error *error)
{
    json_t *again;

    text = text ? text : "";
    *value = json_loadb(text, size, flags, why);
    if (*value)
        return SAMC_OK;
    /* without memory jansson says nothing, or that the text is wrong: one that can be read the
     * second time was not */
    again = why->text[0] ? json_loadb(text, size, flags, NULL) : NULL;
    if (!again && why->text[0])
        return SAMC_OK;
    json_decref(again);
    return samc_error_memory(error, size);
}

samc_status samc_json_parse_object(const char *text, size_t size, json_t **object,
                                   samc_error *error)
{
    json_error_t why;
    json_t *made = NULL;

    SAMC_TRY(samc_json_parse(text, size, 0, &made, &why, error));
    if (!json_is_object(made)) {
        json_decref(made);
        return SAMC_FAIL(error, FORMAT, "an element is no JSON object: %.*s",
                         size < 60 ? (int)size : 60, text);
    }
    *object = made;
    return SAMC_OK;
}
