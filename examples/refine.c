/* SPDX-License-Identifier: Apache-2.0
 *
 * Two rounds on one photo. The first click gives three masks; the one that the model likes best
 * goes back in as logits, beside both clicks, and the second round gives one better mask:
 *
 *     refine MODEL PHOTO X0 Y0 X1 Y1 MASK.png
 *
 * A coordinate pair with a minus before X1 is a background click: "not this". Only the cheap half
 * of the network runs twice; the photo is encoded once.
 */
#include <samc.h>
#include <samc_io.h>
#include <stdio.h>
#include <stdlib.h>

/* Which of a prompt's masks the model expects to be the best. */
static size_t best_mask(const samc_masks *masks)
{
    size_t best = 0;

    for (size_t m = 1; m < (size_t)masks->n_masks; m++)
        if (masks->predicted_iou[m] > masks->predicted_iou[best])
            best = m;
    return best;
}

static samc_status write_mask(const char *path, samc_masks *masks, samc_error *error)
{
    for (size_t i = 0; i < (size_t)masks->width * (size_t)masks->height; i++)
        masks->masks[i] = masks->masks[i] ? 255 : 0;
    return samc_png_write(path, masks->masks, masks->width, masks->height, 1, (size_t)masks->width,
                          error);
}

/* Both rounds. `points` [2][2] and `labels` [2]; the first round sees the first of each. */
static samc_status refine(samc_context *context, const samc_model *model,
                          const samc_embedding *embedding, const float *points,
                          const int32_t *labels, const char *path, samc_error *error)
{
    samc_predict_options options = SAMC_PREDICT_OPTIONS_INIT;
    samc_prompt prompt = SAMC_PROMPT_INIT;
    samc_masks first = SAMC_MASKS_INIT;
    samc_masks second = SAMC_MASKS_INIT;
    samc_status status;

    prompt.points = points;
    prompt.labels = labels;
    prompt.n_points = 1;
    options.multimask = 1;
    options.want_masks = 0; /* of this round only logits and scores are used */
    status = samc_predict(context, model, embedding, &prompt, 1, &options, &first, error);
    if (status == SAMC_OK) {
        const size_t best = best_mask(&first);
        const size_t size = (size_t)first.low_res_size;

        printf("round 1: mask %zu of %d, predicted IoU %.3f\n", best + 1, (int)first.n_masks,
               (double)first.predicted_iou[best]);
        prompt.n_points = 2;
        prompt.mask_input = first.low_res_logits + best * size * size;
        status = samc_predict(context, model, embedding, &prompt, 1, NULL, &second, error);
    }
    if (status == SAMC_OK) {
        printf("round 2: predicted IoU %.3f\n", (double)second.predicted_iou[0]);
        status = write_mask(path, &second, error);
    }
    samc_masks_free(&first);
    samc_masks_free(&second);
    return status;
}

int main(int argc, char **argv)
{
    samc_context *context = NULL;
    samc_model *model = NULL;
    samc_embedding *embedding = NULL;
    samc_photo photo = {0};
    samc_error error = {0};

    if (argc != 8) {
        fprintf(stderr, "usage: refine MODEL PHOTO X0 Y0 [-]X1 Y1 MASK.png\n");
        return 2;
    }
    const int background = argv[5][0] == '-';
    const float points[4] = {strtof(argv[3], NULL), strtof(argv[4], NULL),
                             strtof(argv[5] + background, NULL), strtof(argv[6], NULL)};
    const int32_t labels[2] = {1, !background};

    if (samc_context_create(NULL, &context, &error) ||
        samc_model_load(context, argv[1], NULL, &model, &error) ||
        samc_photo_read(argv[2], NULL, &photo, &error) ||
        samc_encode(context, model, &photo.view, NULL, &embedding, &error) ||
        refine(context, model, embedding, points, labels, argv[7], &error))
        fprintf(stderr, "refine: %s\n", error.message);
    samc_embedding_free(embedding);
    samc_photo_free(&photo);
    samc_model_free(model);
    samc_context_free(context);
    return error.status != SAMC_OK;
}
