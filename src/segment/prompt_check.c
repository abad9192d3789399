/* SPDX-License-Identifier: Apache-2.0 */
#include "segment/prompt_check.h"

#include <math.h>

static samc_status check_points(const samc_prompt *p, size_t index, int32_t width, int32_t height,
                                samc_error *error)
{
    if (p->n_points > SAMC_PROMPT_MAX_POINTS)
        return SAMC_FAIL(error, LIMIT, "prompt %zu has %zu points, at most %d are possible", index,
                         p->n_points, SAMC_PROMPT_MAX_POINTS);
    if (p->n_points && (!p->points || !p->labels))
        return SAMC_FAIL(error, PROMPT,
                         "prompt %zu: %zu points need as many positions and labels; "
                         "%s are missing",
                         index, p->n_points, p->points ? "labels" : "positions");
    for (size_t i = 0; i < p->n_points; i++) {
        const float x = p->points[2 * i], y = p->points[2 * i + 1];

        if (!isfinite(x) || !isfinite(y))
            return SAMC_FAIL(error, PROMPT,
                             "prompt %zu, point %zu: the position is not a finite "
                             "number",
                             index, i);
        if (x < 0.0f || y < 0.0f || x > (float)width || y > (float)height)
            return SAMC_FAIL(error, PROMPT,
                             "prompt %zu, point %zu: (%g, %g) is outside the photo, "
                             "which is %d x %d pixels",
                             index, i, (double)x, (double)y, width, height);
        if (p->labels[i] == 2 || p->labels[i] == 3)
            return SAMC_FAIL(error, PROMPT,
                             "prompt %zu, point %zu: label %d stands for a box's "
                             "corner inside the model; give a box, or label 1 "
                             "(object) or 0 (background)",
                             index, i, p->labels[i]);
        if (p->labels[i] != 0 && p->labels[i] != 1)
            return SAMC_FAIL(error, PROMPT,
                             "prompt %zu, point %zu: label %d is neither 1 (object) "
                             "nor 0 (background)",
                             index, i, p->labels[i]);
    }
    return SAMC_OK;
}

static samc_status check_box(const samc_prompt *p, size_t index, int32_t width, int32_t height,
                             samc_error *error)
{
    const float *b = p->box;

    if (!isfinite(b[0]) || !isfinite(b[1]) || !isfinite(b[2]) || !isfinite(b[3]))
        return SAMC_FAIL(error, PROMPT,
                         "prompt %zu: the box has a corner that is not a finite "
                         "number",
                         index);
    if (b[0] > b[2] || b[1] > b[3])
        return SAMC_FAIL(error, PROMPT,
                         "prompt %zu: the box (%g, %g, %g, %g) is turned round; give "
                         "x0, y0, x1, y1 with x0 <= x1 and y0 <= y1",
                         index, (double)b[0], (double)b[1], (double)b[2], (double)b[3]);
    if (b[0] < 0.0f || b[1] < 0.0f || b[2] > (float)width || b[3] > (float)height)
        return SAMC_FAIL(error, PROMPT,
                         "prompt %zu: the box (%g, %g, %g, %g) reaches outside the "
                         "photo, which is %d x %d pixels",
                         index, (double)b[0], (double)b[1], (double)b[2], (double)b[3], width,
                         height);
    return SAMC_OK;
}

samc_status samc_prompt_check(const samc_prompt *prompts, size_t n_prompts, int32_t width,
                              int32_t height, int32_t low_res, samc_error *error)
{
    if (!prompts || !n_prompts)
        return SAMC_FAIL(error, PROMPT, "no prompt: give at least one point, box or mask");
    if (n_prompts > SAMC_PROMPT_MAX_PROMPTS)
        return SAMC_FAIL(error, LIMIT, "%zu prompts in one call, at most %d are possible",
                         n_prompts, SAMC_PROMPT_MAX_PROMPTS);
    for (size_t i = 0; i < n_prompts; i++) {
        const samc_prompt *p = samc_prompt_at(prompts, i);

        if (p->struct_size < sizeof *p || p->struct_size != prompts->struct_size)
            return SAMC_FAIL(error, ARGUMENT, "prompt %zu did not begin with SAMC_PROMPT_INIT", i);
        if (!p->n_points && !p->box && !p->mask_input)
            return SAMC_FAIL(error, PROMPT,
                             "prompt %zu is empty: give at least one point, a box or "
                             "a mask",
                             i);
        SAMC_TRY(check_points(p, i, width, height, error));
        if (p->box)
            SAMC_TRY(check_box(p, i, width, height, error));
        for (int64_t j = 0; p->mask_input && j < (int64_t)low_res * low_res; j++)
            if (!isfinite(p->mask_input[j]))
                return SAMC_FAIL(error, PROMPT,
                                 "prompt %zu: value %lld of the mask input is not a "
                                 "finite number",
                                 i, (long long)j);
    }
    return SAMC_OK;
}
