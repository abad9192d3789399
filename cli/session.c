/* SPDX-License-Identifier: Apache-2.0
 *
 * The context and the model that a command works with.
 */
#include "cli.h"

#include <stdlib.h>

bool cli_session_option(cli_session_options *options, cli_parser *parser)
{
    switch (parser->key) {
    case 'm': options->model = parser->value; return true;
    case CLI_KEY_THREADS: (void)cli_parser_integer(parser, 1, 1024, &options->threads); return true;
    case CLI_KEY_KERNELS: options->kernels = parser->value; return true;
    default: return false;
    }
}

int cli_session_open(const cli_session_options *options, cli_session *session)
{
    samc_context_options context_options = SAMC_CONTEXT_OPTIONS_INIT;
    samc_model_options model_options = SAMC_MODEL_OPTIONS_INIT;
    samc_error error;
    cli_progress progress;
    char *path = NULL;
    int code = CLI_OK;

    context_options.threads = (int32_t)options->threads;
    context_options.kernels = options->kernels;
    if (samc_context_create(&context_options, &session->context, &error) != SAMC_OK) {
        cli_error("%s", error.message);
        return error.status == SAMC_ERROR_UNSUPPORTED ? CLI_USAGE : CLI_FAILED;
    }
    if (cli_model_find(options->model, &path, &error) != SAMC_OK) {
        cli_error("%s", error.message);
        return CLI_MODEL;
    }
    cli_progress_begin(&progress, "model");
    model_options.progress = cli_progress_step;
    model_options.user = &progress;
    if (samc_model_load(session->context, path, &model_options, &session->model, &error) !=
        SAMC_OK) {
        cli_progress_end(&progress);
        code = CLI_MODEL;
        if (error.status == SAMC_ERROR_CANCELLED)
            code = CLI_FAILED; /* the exit code will be the signal's */
        else
            cli_error("%s", error.message);
    }
    cli_progress_end(&progress);
    free(path);
    return code;
}

void cli_session_close(cli_session *session)
{
    samc_model_free(session->model);
    samc_context_free(session->context);
    session->model = NULL;
    session->context = NULL;
}
