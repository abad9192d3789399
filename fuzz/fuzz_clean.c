/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of masks to be cleaned: the first byte chooses the options and whether the rest is a JSON
 * file or the metadata.csv of a folder (with masks 0 and 1 beside it), or the names of YOLO's
 * classes. What was cleaned can be read again.
 */
#define _POSIX_C_SOURCE 200809L

#include "dataset/clean.h"
#include "dataset/detections.h"

#include <samc_io.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64];

static const char *path_of(const char *name)
{
    static char path[2][128];
    static int turn;

    turn = !turn;
    (void)snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void clean_up(void)
{
    static const char *const names[] = {
        "in/0.png",  "in/1.png",  "in/metadata.csv",  "in/names.yaml", "in/x.json",
        "out/0.png", "out/1.png", "out/metadata.csv", "out/x.json",    "out/y.json"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(path_of(names[i]));
    (void)rmdir(path_of("in"));
    (void)rmdir(path_of("out"));
    (void)rmdir(folder);
}

static void set_up(void)
{
    const uint8_t masks[2][9] = {{255, 255, 255, 255, 0, 255, 255, 255, 255}, {0, 0, 0, 0, 255}};

    if (folder[0])
        return;
    (void)strcpy(folder, "/tmp/samc-fuzz-XXXXXX");
    if (!mkdtemp(folder) || mkdir(path_of("in"), 0700) != 0 || mkdir(path_of("out"), 0700) != 0 ||
        samc_png_write(path_of("in/0.png"), masks[0], 3, 3, 1, 3, NULL) != SAMC_OK ||
        samc_png_write(path_of("in/1.png"), masks[1], 3, 3, 1, 3, NULL) != SAMC_OK)
        abort();
    (void)atexit(clean_up);
}

static const char *write_input(const char *name, const uint8_t *data, size_t size)
{
    const char *path = path_of(name);
    FILE *file = fopen(path, "wb");

    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    samc_clean_job job = {.options = {.duplicates = 0.8, .share = 0.7}};
    samc_detections d = {0};
    samc_error error;
    unsigned how;

    if (size < 1)
        return 0;
    set_up();
    how = data[0];
    job.options.holes = how & 4 ? UINT64_MAX : 3;
    job.options.islands = how & 8 ? 2 : 0;
    job.options.nested = (samc_nested)(how >> 4 & 3);
    job.options.disjoint = (samc_disjoint)((how >> 6) % 4);
    if ((how & 3) == 3) {
        (void)samc_detections_names(&d, write_input("in/names.yaml", data + 1, size - 1), &error);
        samc_detections_free(&d);
    } else if ((how & 3) == 2) {
        (void)write_input("in/metadata.csv", data + 1, size - 1);
        (void)samc_clean_amg_folder(&job, path_of("in"), path_of("out"), &error);
    } else if (samc_clean_json_file(&job, write_input("in/x.json", data + 1, size - 1),
                                    path_of("out/x.json"), &error) == SAMC_OK) {
        samc_status again = samc_clean_json_file(&job, path_of("out/x.json"), path_of("out/y.json"),
                                                 &error);

        /* a list whose masks with a size all went does not say how large its photo is */
        if (again != SAMC_OK && again != SAMC_ERROR_FORMAT)
            abort();
    }
    return 0;
}
