/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the model is: -m, $SAMC_MODEL, beside the binary, PREFIX/share/samc.
 */
#define _POSIX_C_SOURCE 200809L

#include "base/memory.h"
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_MODEL "samc-default.safetensors"

/* Sizes and sums: of the files under https://dl.fbaipublicfiles.com/segment_anything/. */
static const cli_checkpoint checkpoints[] = {
    {"vit_b", "sam_vit_b_01ec64.pth", "358 MiB", 358,
     "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912"},
    {"vit_l", "sam_vit_l_0b3195.pth", "1.2 GiB", 1192,
     "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622"},
    {"vit_h", "sam_vit_h_4b8939.pth", "2.4 GiB", 2446,
     "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e"},
};

const cli_checkpoint *cli_checkpoint_find(const char *name)
{
    for (size_t i = 0; i < sizeof checkpoints / sizeof checkpoints[0]; i++)
        if (strcmp(checkpoints[i].name, name) == 0)
            return &checkpoints[i];
    return NULL;
}

samc_status cli_path_join(const char *folder, const char *name, char **path, samc_error *error)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    size_t length = strlen(folder);

    SAMC_TRY(samc_alloc(size, 1, path, error));
    (void)snprintf(*path, size, "%s%s%s", folder,
                   length && folder[length - 1] != '/' && *name ? "/" : "", name);
    return SAMC_OK;
}

samc_status cli_data_folder(char **path, samc_error *error)
{
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");

    /* the XDG base directory specification: a relative path is to be ignored */
    if (data && data[0] == '/')
        return cli_path_join(data, "samc", path, error);
    if (!home || !home[0])
        return SAMC_FAIL(error, IO,
                         "neither XDG_DATA_HOME nor HOME is set: say where models are with -o");
    return cli_path_join(home, ".local/share/samc", path, error);
}

static bool is_file(const char *path)
{
    return access(path, F_OK) == 0;
}

/* A model that was named: a file, or one of the published names in the data folder. */
static samc_status find_named(const char *name, char **path, samc_error *error)
{
    samc_status status = SAMC_OK;
    const cli_checkpoint *checkpoint = cli_checkpoint_find(name);
    char *folder = NULL;
    char *found = NULL;

    if (!checkpoint || is_file(name))
        return samc_alloc_string(name, path, error); /* opening it says what is wrong with it */
    SAMC_CHECK(cli_data_folder(&folder, error));
    SAMC_CHECK(cli_path_join(folder, checkpoint->file, &found, error));
    if (!is_file(found)) {
        status = SAMC_FAIL(error, IO,
                           "%s is not here yet (no file %s): fetch it with `samc download %s` (%s)",
                           name, found, name, checkpoint->size);
        goto cleanup;
    }
    *path = found;
    found = NULL;

cleanup:
    free(folder);
    free(found);
    return status;
}

void cli_binary_folder(char *folder, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", folder, size - 1);
    char *slash;

    folder[length > 0 ? length : 0] = '\0';
    slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
}

samc_status cli_model_find(const char *name, char **path, samc_error *error)
{
    static const char *const beside[] = {
        "../models/" DEFAULT_MODEL, "models/" DEFAULT_MODEL, DEFAULT_MODEL,
        "../share/samc/" DEFAULT_MODEL, /* an installed tree that was moved */
    };
    char folder[1024];
    char *candidate = NULL;

    if (!name)
        name = getenv("SAMC_MODEL");
    if (name && name[0])
        return find_named(name, path, error);
    cli_binary_folder(folder, sizeof folder);
    for (size_t i = 0; folder[0] && i < sizeof beside / sizeof beside[0]; i++) {
        SAMC_TRY(cli_path_join(folder, beside[i], &candidate, error));
        if (is_file(candidate)) {
            *path = candidate;
            return SAMC_OK;
        }
        free(candidate);
    }
    if (is_file(SAMC_DATADIR "/" DEFAULT_MODEL))
        return samc_alloc_string(SAMC_DATADIR "/" DEFAULT_MODEL, path, error);
    return SAMC_FAIL(error, IO,
                     "no model was found: -m names none, SAMC_MODEL is not set, and there is no "
                     "%s in %s/../models, %s/models, %s, %s/../share/samc or %s; "
                     "`samc download vit_b` fetches one",
                     DEFAULT_MODEL, folder, folder, folder, folder, SAMC_DATADIR);
}
