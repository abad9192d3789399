/* SPDX-License-Identifier: Apache-2.0
 *
 * samc embed: runs the image encoder and saves what it makes of each photo.
 */
#include "cli.h"
#include "inputs.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_DTYPE = CLI_KEY_OWN };

static int run(const cli_command *command, int argc, char **argv);

static const cli_option options[] = {
    CLI_OPTION_MODEL,
    {"output", 'o', "DIR", "write DIR/STEM.safetensors for each photo (created if missing)"},
    {"dtype", KEY_DTYPE, "TYPE", "f32 (default) or f16: half the size, masks differ a little"},
    CLI_OPTION_THREADS,
    CLI_OPTION_KERNELS,
    {NULL, 0, NULL, NULL},
};

const cli_command cli_embed = {
    "embed",
    "save the image embeddings of photos, to segment them later",
    "PHOTO... -o DIR [OPTION]...",
    "Runs the image encoder, which takes nearly all of the time, and saves its result.\n"
    "`samc segment PHOTO --embedding FILE` then answers prompts at once. PHOTO is a JPEG,\n"
    "PNG, WebP or TIFF, a folder of them, or - for standard input. An embedding fits the\n"
    "model that made it and no other.",
    "Examples:\n"
    "  samc embed photo.jpg -o out\n"
    "  samc segment photo.jpg --embedding out/photo.safetensors --point 500,375 -o out",
    options,
    run,
};

/* Encodes one photo into folder/STEM.safetensors; prints what fails and returns the exit code. */
static int embed_photo(const cli_session *session, const cli_photo *item, const char *folder,
                       samc_float type)
{
    samc_status status = SAMC_OK;
    samc_encode_options encode_options = SAMC_ENCODE_OPTIONS_INIT;
    samc_error error;
    samc_photo photo = {{0}, NULL};
    samc_embedding *embedding = NULL;
    cli_progress progress;
    char *path = NULL;
    bool writing = false;

    cli_progress_begin(&progress, item->stem);
    encode_options.progress = cli_progress_step;
    encode_options.user = &progress;
    SAMC_CHECK(cli_photo_load(item, &photo, &error));
    SAMC_CHECK(samc_encode(session->context, session->model, &photo.view, &encode_options,
                           &embedding, &error));
    SAMC_CHECK(cli_output_path(folder, item->stem, ".safetensors", &path, &error));
    writing = true;
    SAMC_CHECK(samc_embedding_save(embedding, path, type, &error));

cleanup:
    cli_progress_end(&progress);
    samc_photo_free(&photo);
    samc_embedding_free(embedding);
    free(path);
    if (status == SAMC_OK)
        return CLI_OK;
    cli_photo_report(item, &error);
    return writing && status == SAMC_ERROR_IO ? CLI_OUTPUT : CLI_FAILED;
}

/* Embeds every photo; a bad photo does not stop the others, a full disk does. */
static int embed_all(const cli_session_options *session_options, const cli_photos *photos,
                     const char *folder, samc_float type)
{
    cli_session session = {NULL, NULL};
    int code = cli_session_open(session_options, &session);

    for (size_t i = 0; code <= CLI_FAILED && i < photos->count && !cli_stop_signal(); i++) {
        int photo_code = embed_photo(&session, &photos->items[i], folder, type);

        if (photo_code > code)
            code = photo_code;
    }
    cli_session_close(&session);
    return code;
}

static int run(const cli_command *command, int argc, char **argv)
{
    cli_session_options session_options = {NULL, 0, NULL};
    cli_photos photos = {NULL, 0, 0, 0};
    const char *folder = NULL;
    samc_float type = SAMC_F32;
    samc_error error;
    cli_parser parser;
    int code;

    cli_parser_begin(&parser, command, argc, argv);
    while (cli_parser_next(&parser)) {
        if (cli_session_option(&session_options, &parser))
            continue;
        if (parser.key == 'o')
            folder = parser.value;
        else if (strcmp(parser.value, "f16") == 0)
            type = SAMC_F16;
        else if (strcmp(parser.value, "f32") == 0)
            type = SAMC_F32;
        else
            cli_parser_refuse(&parser, "--dtype %s: it is f32 or f16", parser.value);
    }
    if (parser.finished)
        return parser.exit_code;
    if (parser.n_operands == 0)
        return cli_refuse(command, "say which photo: a file, a folder, or - for standard input");
    if (!folder || !folder[0] || strcmp(folder, "-") == 0)
        return cli_refuse(command, "say with -o into which folder the embeddings go");
    if (cli_photos_find(parser.operands, parser.n_operands, &photos, &error) != SAMC_OK) {
        code = cli_report(&error);
    } else if (cli_folder_create(folder, &error) != SAMC_OK) {
        cli_error("%s", error.message);
        code = CLI_OUTPUT;
    } else {
        code = photos.count ? embed_all(&session_options, &photos, folder, type) : CLI_FAILED;
        if (code == CLI_OK && photos.failed)
            code = CLI_FAILED;
    }
    cli_photos_free(&photos);
    return code;
}
