/* SPDX-License-Identifier: Apache-2.0
 *
 * One click on one photo, and the mask as a PNG:
 *
 *     ten_lines MODEL PHOTO X Y MASK.png
 *
 *     cc ten_lines.c -o ten_lines $(pkg-config --cflags --libs samc_io)
 */
#include <samc.h>
#include <samc_io.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    samc_context *context = NULL;
    samc_model *model = NULL;
    samc_embedding *embedding = NULL;
    samc_photo photo = {0};
    samc_prompt click = SAMC_PROMPT_INIT;
    samc_masks answer = SAMC_MASKS_INIT;
    samc_error error = {0};

    if (argc != 6) {
        fprintf(stderr, "usage: ten_lines MODEL PHOTO X Y MASK.png\n");
        return 2;
    }
    const float point[2] = {strtof(argv[3], NULL), strtof(argv[4], NULL)};
    const int32_t label = 1; /* this point belongs to the object; 0: it does not */
    click.points = point;
    click.labels = &label;
    click.n_points = 1;

    /* SAMC_OK is 0, so the chain stops at the first call that fails, and `error` says why. */
    if (samc_context_create(NULL, &context, &error) ||
        samc_model_load(context, argv[1], NULL, &model, &error) ||
        samc_photo_read(argv[2], NULL, &photo, &error) ||
        samc_encode(context, model, &photo.view, NULL, &embedding, &error) ||
        samc_predict(context, model, embedding, &click, 1, NULL, &answer, &error)) {
        fprintf(stderr, "ten_lines: %s\n", error.message);
    } else {
        for (size_t i = 0; i < (size_t)answer.width * (size_t)answer.height; i++)
            answer.masks[i] = answer.masks[i] ? 255 : 0;
        if (samc_png_write(argv[5], answer.masks, answer.width, answer.height, 1,
                           (size_t)answer.width, &error))
            fprintf(stderr, "ten_lines: %s\n", error.message);
    }
    samc_masks_free(&answer);
    samc_embedding_free(embedding);
    samc_photo_free(&photo);
    samc_model_free(model);
    samc_context_free(context);
    return error.status != SAMC_OK;
}
