/* SPDX-License-Identifier: Apache-2.0
 *
 * bytes MODEL OUT: the decoder of MODEL and an embedding as bytes in memory, loaded again and asked
 * once; the decoder's bytes go to OUT, what it answers to stdout.
 */
#include <samc.h>

#include <stdio.h>

/* What is freed at the end, whatever fails. */
typedef struct objects {
    samc_context *context;
    samc_model *whole, *decoder;
    samc_embedding *made, *loaded;
    void *decoder_bytes, *embedding_bytes;
    size_t decoder_size, embedding_size;
    samc_masks masks;
} objects;

#define TRY(call)                                                                                  \
    do {                                                                                           \
        const samc_status status_ = (call);                                                        \
        if (status_ != SAMC_OK)                                                                    \
            return status_;                                                                        \
    } while (0)

static samc_status make(const char *path, objects *o, samc_error *error)
{
    static const uint8_t pixels[3 * 8 * 6] = {200, 10, 90};
    static const float point[] = {3.0f, 2.0f};
    static const int32_t label = 1;
    const samc_image image = {pixels, 8, 6, 24, SAMC_PIXELS_RGB};
    samc_context_options options = SAMC_CONTEXT_OPTIONS_INIT;
    samc_prompt prompt = SAMC_PROMPT_INIT;

    options.threads = 1;
    prompt.points = point;
    prompt.labels = &label;
    prompt.n_points = 1;
    TRY(samc_context_create(&options, &o->context, error));
    TRY(samc_model_load(o->context, path, NULL, &o->whole, error));
    TRY(samc_encode(o->context, o->whole, &image, NULL, &o->made, error));
    TRY(samc_embedding_save_memory(o->made, SAMC_F16, &o->embedding_bytes, &o->embedding_size,
                                   error));
    TRY(samc_decoder_extract(path, &o->decoder_bytes, &o->decoder_size, error));
    TRY(samc_model_load_memory(o->context, o->decoder_bytes, o->decoder_size, NULL, &o->decoder,
                               error));
    TRY(samc_embedding_load_memory(o->decoder, o->embedding_bytes, o->embedding_size, &o->loaded,
                                   error));
    return samc_predict(o->context, o->decoder, o->loaded, &prompt, 1, NULL, &o->masks, error);
}

static int save(const char *path, const objects *o)
{
    FILE *file = fopen(path, "wb");
    size_t written;

    if (!file)
        return 0;
    (void)setvbuf(file, NULL, _IONBF, 0);
    written = fwrite(o->decoder_bytes, 1, o->decoder_size, file);
    return fclose(file) == 0 && written == o->decoder_size;
}

int main(int argc, char **argv)
{
    objects o = {.masks = SAMC_MASKS_INIT};
    samc_error error = {SAMC_OK, "cannot write"};
    const int done = argc == 3 && make(argv[1], &o, &error) == SAMC_OK && save(argv[2], &o);

    if (done)
        (void)printf("%d mask %zu bytes %zu bytes %.5f\n", (int)o.masks.n_masks, o.decoder_size,
                     o.embedding_size, (double)o.masks.predicted_iou[0]);
    else
        (void)fprintf(stderr, "samc: %s\n", error.message);
    samc_masks_free(&o.masks);
    samc_embedding_free(o.made);
    samc_embedding_free(o.loaded);
    samc_model_free(o.whole);
    samc_model_free(o.decoder);
    samc_context_free(o.context);
    samc_bytes_free(o.decoder_bytes);
    samc_bytes_free(o.embedding_bytes);
    return done ? 0 : 1;
}
