/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of training runs share: two contexts, samples of shapes, a folder of their own,
 * and the tiny golden model. For a test program that has included cmocka.h and defined `recipe`.
 */
#ifndef SAMC_TEST_TRAINING_CASE_H
#define SAMC_TEST_TRAINING_CASE_H

#include "train/run.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static samc_context *contexts[2]; /* of one thread, of two */
static samc_samples *samples;
static char folder[64];

static int setup(void **state)
{
    samc_context_options options = SAMC_CONTEXT_OPTIONS_INIT;

    (void)state;
    (void)snprintf(folder, sizeof folder, "samc_test_run_%ld", (long)getpid());
    for (int i = 0; i < 2; i++) {
        options.threads = 1 + i;
        if (samc_context_create(&options, &contexts[i], NULL) != SAMC_OK)
            return -1;
    }
    return mkdir(folder, 0777) == 0 && samc_samples_open_text(recipe, "recipe", ".", NULL, NULL,
                                                              &samples, NULL) == SAMC_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    (void)state;
    samc_samples_free(samples);
    samc_context_free(contexts[0]);
    samc_context_free(contexts[1]);
    return rmdir(folder); /* fails where a file was left over */
}

static void load(samc_params *params)
{
    samc_tensors *tiny;

    assert_int_equal(samc_tensors_open(SAMC_TEST_GOLDEN "/tiny.pth", &tiny, NULL), SAMC_OK);
    assert_int_equal(samc_params_load(tiny, NULL, params, NULL), SAMC_OK);
    samc_tensors_close(tiny);
}

#endif
