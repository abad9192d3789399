/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "auto_files.h"

#include "auto_pictures.h"
#include "base/file.h"
#include "base/memory.h"
#include "image/png.h"
#include "inputs.h"
#include "json_out.h"
#include "output_folder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* SA-1B's annotations are numbered over all photos: those of photo n from n times this. */
#define SA1B_IDS 1000000

static const struct {
    const char *word;
    unsigned bit;
    const char *suffix; /* of STEM; NULL: none of its own */
} kinds[] = {
    {"amg", CLI_AUTO_AMG, ""},
    {"sa1b", CLI_AUTO_SA1B, ".json"},
    {"coco", CLI_AUTO_COCO, NULL},
    {"labelmap", CLI_AUTO_LABELMAP, "_labels.png"},
    {"overlay", CLI_AUTO_OVERLAY, "_overlay.png"},
    {"sidebyside", CLI_AUTO_SIDEBYSIDE, "_sidebyside.png"},
    {"grid", CLI_AUTO_GRID, "_grid.png"},
    {"", CLI_AUTO_RLE, ".json"}, /* has a flag instead of a word */
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

samc_status cli_auto_list_read(const char *text, unsigned *what, samc_error *error)
{
    *what = 0;
    for (;;) {
        const size_t length = strcspn(text, ",");
        size_t i = 0;

        while (i < N_KINDS && (length == 0 || strlen(kinds[i].word) != length ||
                               strncmp(kinds[i].word, text, length) != 0))
            i++;
        if (i == N_KINDS)
            return SAMC_FAIL(error, ARGUMENT,
                             "--format \"%.*s\": it can be amg, sa1b, coco, labelmap, overlay, "
                             "sidebyside or grid, separated by commas",
                             (int)length, text);
        *what |= kinds[i].bit;
        if (text[length] == '\0')
            return SAMC_OK;
        text += length + 1;
    }
}

static samc_status path_of(const char *folder, const char *stem, unsigned bit, char **path,
                           samc_error *error)
{
    size_t i = 0;

    while (kinds[i].bit != bit)
        i++;
    return cli_output_path(folder, stem, kinds[i].suffix, path, error);
}

bool cli_auto_files_done(const char *folder, const char *stem, unsigned what)
{
    bool done = true;

    for (size_t i = 0; i < N_KINDS && done; i++) {
        struct stat st;
        char *path = NULL;

        if (!(what & kinds[i].bit) || !kinds[i].suffix)
            continue;
        done = path_of(folder, stem, kinds[i].bit, &path, NULL) == SAMC_OK &&
               stat(path, &st) == 0 && !S_ISDIR(st.st_mode) == (kinds[i].bit != CLI_AUTO_AMG);
        free(path);
    }
    return done;
}

/* ------------------------------------------------------------------------- amg.py's folder */

static int is_ours(const char *name)
{
    const size_t digits = strspn(name, "0123456789");

    return strcmp(name, "metadata.csv") == 0 || (digits && strcmp(name + digits, ".png") == 0);
}

static samc_status write_masks(const cli_auto_files *f, const char *folder, samc_error *error)
{
    const size_t pixels = (size_t)f->found->width * (size_t)f->found->height;
    samc_status status = SAMC_OK;
    uint8_t *mask = NULL;
    char *path = NULL;

    SAMC_CHECK(samc_alloc(pixels, 1, &mask, error));
    for (size_t i = 0; i < f->found->count; i++) {
        char name[32];

        SAMC_CHECK(cli_found_draw(f->found, i, mask, error));
        for (size_t j = 0; j < pixels; j++)
            mask[j] = (uint8_t)(mask[j] * 255);
        (void)snprintf(name, sizeof name, "%zu.png", i);
        SAMC_CHECK(cli_path_join(folder, name, &path, error));
        SAMC_CHECK(samc_png_write(path, mask, f->found->width, f->found->height, 1,
                                  (size_t)f->found->width, error));
        free(path);
        path = NULL;
    }

cleanup:
    free(mask);
    free(path);
    return status;
}

/* The numbers as Python prints them, and no newline at the end, as the reference has it. */
static samc_status write_metadata(const cli_auto_files *f, const char *folder, samc_error *error)
{
    samc_file_writer writer = {NULL, NULL, NULL};
    samc_status status = SAMC_OK;
    char *path = NULL;

    SAMC_CHECK(cli_path_join(folder, "metadata.csv", &path, error));
    SAMC_CHECK(samc_file_begin(path, &writer, error));
    (void)fputs("id,area,bbox_x0,bbox_y0,bbox_w,bbox_h,point_input_x,point_input_y,predicted_iou,"
                "stability_score,crop_box_x0,crop_box_y0,crop_box_w,crop_box_h",
                writer.stream);
    for (size_t i = 0; i < f->found->count; i++) {
        const cli_mask *m = &f->found->masks[i];
        const double numbers[4] = {m->point[0], m->point[1], (double)m->predicted_iou,
                                   (double)m->stability_score};

        (void)fprintf(writer.stream, "\n%zu,%lld,%d,%d,%d,%d", i, (long long)m->area, m->box[0],
                      m->box[1], m->box[2], m->box[3]);
        for (int k = 0; k < 4; k++) {
            char text[CLI_NUMBER_SIZE];

            cli_number_text(numbers[k], text);
            (void)fprintf(writer.stream, ",%s", text);
        }
        (void)fprintf(writer.stream, ",%d,%d,%d,%d", m->crop_box[0], m->crop_box[1], m->crop_box[2],
                      m->crop_box[3]);
    }
    status = samc_file_commit(&writer, error);

cleanup:
    samc_file_abort(&writer);
    free(path);
    return status;
}

static samc_status write_amg(const cli_auto_files *f, const char *path, samc_error *error)
{
    cli_output_folder folder = {NULL, NULL};
    samc_status status = SAMC_OK;

    SAMC_CHECK(cli_output_folder_begin(path, &folder, error));
    SAMC_CHECK(write_masks(f, folder.temporary, error));
    SAMC_CHECK(write_metadata(f, folder.temporary, error));
    status = cli_output_folder_commit(&folder, is_ours, f->exact, error);

cleanup:
    cli_output_folder_abort(&folder);
    return status;
}

/* ------------------------------------------------------------------------- JSON */

static void print_rle(const cli_auto_files *f, FILE *stream)
{
    (void)fputs("[", stream);
    for (size_t i = 0; i < f->found->count; i++) {
        (void)fputs(i ? ", {" : "{", stream);
        cli_found_json(stream, f->found, &f->found->masks[i], f->found->masks[i].box);
        (void)fputs("}", stream);
    }
    (void)fputs("]", stream);
}

static void print_sa1b(const cli_auto_files *f, FILE *stream)
{
    (void)fprintf(stream,
                  "{\"image\": {\"image_id\": %zu, \"width\": %d, \"height\": %d, \"file_name\": ",
                  f->number, f->found->width, f->found->height);
    cli_json_string(stream, f->name);
    (void)fputs("}, \"annotations\": [", stream);
    for (size_t i = 0; i < f->found->count; i++) {
        (void)fprintf(stream, "%s{\"id\": %zu, ", i ? ", " : "", f->number * SA1B_IDS + i);
        cli_found_json(stream, f->found, &f->found->masks[i], f->found->masks[i].box);
        (void)fputs("}", stream);
    }
    (void)fputs("]}", stream);
}

static samc_status write_json(const cli_auto_files *f, const char *path,
                              void (*print)(const cli_auto_files *f, FILE *stream),
                              samc_error *error)
{
    samc_file_writer writer = {NULL, NULL, NULL};

    SAMC_TRY(samc_file_begin(path, &writer, error));
    print(f, writer.stream);
    return samc_file_commit(&writer, error);
}

static samc_status write_kind(const cli_auto_files *f, unsigned bit, const char *path,
                              samc_error *error)
{
    switch (bit) {
    case CLI_AUTO_AMG: return write_amg(f, path, error);
    case CLI_AUTO_RLE: return write_json(f, path, print_rle, error);
    case CLI_AUTO_SA1B: return write_json(f, path, print_sa1b, error);
    case CLI_AUTO_LABELMAP: return cli_labelmap_write(f->found, path, error);
    case CLI_AUTO_GRID: return cli_found_grid_write(f->found, f->photo, path, error);
    default:
        return cli_found_overlay_write(f->found, f->photo, f->seed, bit == CLI_AUTO_SIDEBYSIDE,
                                       path, error);
    }
}

samc_status cli_auto_files_write(const cli_auto_files *files, samc_error *error)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        samc_status status;
        char *path = NULL;

        if (!(files->what & kinds[i].bit) || !kinds[i].suffix)
            continue;
        SAMC_TRY(path_of(files->folder, files->stem, kinds[i].bit, &path, error));
        status = write_kind(files, kinds[i].bit, path, error);
        free(path);
        SAMC_TRY(status);
    }
    return SAMC_OK;
}
