/* SPDX-License-Identifier: Apache-2.0
 *
 * The public headers as C++ sees them, with every initialiser used; linked and run, so that names
 * have C linkage.
 */
#include <samc.h>
#include <samc_io.h>

#include <cstdio>
#include <cstring>

int main()
{
    samc_context_options context_options = SAMC_CONTEXT_OPTIONS_INIT;
    samc_model_options model_options = SAMC_MODEL_OPTIONS_INIT;
    samc_model_info info = SAMC_MODEL_INFO_INIT;
    samc_encode_options encode_options = SAMC_ENCODE_OPTIONS_INIT;
    samc_prompt prompt = SAMC_PROMPT_INIT;
    samc_predict_options predict_options = SAMC_PREDICT_OPTIONS_INIT;
    samc_masks masks = SAMC_MASKS_INIT;
    samc_request request = SAMC_REQUEST_INIT;
    samc_read_options read_options = SAMC_READ_OPTIONS_INIT;
    const size_t sizes[] = {model_options.struct_size, info.struct_size, encode_options.struct_size,
                            prompt.struct_size, predict_options.struct_size, masks.struct_size,
                            request.struct_size};
    for (size_t size : sizes)
        if (size == 0)
            return 1;

    samc_context *context = nullptr;
    samc_error error = {};
    context_options.threads = 1;
    if (samc_context_create(&context_options, &context, &error) != SAMC_OK) {
        std::fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    const bool one = samc_context_threads(context) == 1;
    samc_context_free(context);

    samc_photo photo = {};
    const samc_status status = samc_photo_read_memory("no photo", 8, &read_options, &photo, &error);
    samc_photo_free(&photo);

    char version[32];
    std::snprintf(version, sizeof version, "%d.%d.%d", SAMC_VERSION_MAJOR, SAMC_VERSION_MINOR,
                  SAMC_VERSION_PATCH);
    return !(one && status == SAMC_ERROR_FORMAT && std::strcmp(version, samc_version()) == 0);
}
