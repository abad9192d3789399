/* SPDX-License-Identifier: Apache-2.0
 *
 * Training checkpoints: what is saved comes back bit by bit, whatever happens in between; and the
 * model that is taken out of one. (With the tiny golden model.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "train/checkpoint.h"
#include "weights/half.h"
#include "weights/pth_write.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KILLS = 16 };

static char folder[64], path[96], previous[112], out[96];
static samc_params params; /* of the tiny model, every array with numbers of its own */

static void fill(uint32_t seed)
{
    float *const arrays[] = {params.values, params.ema, params.moment1, params.moment2};
    uint32_t bits = seed;

    for (size_t k = 0; k < 4; k++)
        for (int64_t i = 0; i < params.total; i++) {
            uint32_t number;

            bits = bits * 1664525u + 1013904223u;
            number = bits & ~UINT32_C(0x40000000); /* any finite number below 2: tiny ones too */
            memcpy(&arrays[k][i], &number, sizeof number);
        }
}

static int setup(void **state)
{
    samc_tensors *tiny;
    samc_status status;

    (void)state;
    (void)snprintf(folder, sizeof folder, "samc_test_checkpoint_%ld", (long)getpid());
    (void)snprintf(path, sizeof path, "%s/run.safetensors", folder);
    (void)snprintf(previous, sizeof previous, "%s.previous", path);
    (void)snprintf(out, sizeof out, "%s/model", folder);
    if (mkdir(folder, 0777) != 0 ||
        samc_tensors_open(SAMC_TEST_GOLDEN "/tiny.pth", &tiny, NULL) != SAMC_OK)
        return -1;
    status = samc_params_load(tiny, NULL, &params, NULL);
    samc_tensors_close(tiny);
    fill(1);
    return status == SAMC_OK ? 0 : -1;
}

static int begin(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(previous);
    return 0;
}

static int teardown(void **state)
{
    (void)begin(state);
    (void)unlink(out);
    samc_params_free(&params);
    return rmdir(folder); /* fails where a file was left over */
}

static void save(int64_t step)
{
    const samc_checkpoint_state at = {step, UINT64_MAX - 3, "a recipe"};
    samc_error error = {SAMC_OK, ""};

    if (samc_checkpoint_save(path, &params, &at, NULL, 0, &error) != SAMC_OK)
        fail_msg("%s", error.message);
}

/* The step of what opens; `from_previous` says whether the note tells of the previous file. */
static int64_t saved_step(int from_previous)
{
    samc_tensors *tensors;
    samc_error note, error = {SAMC_OK, ""};
    samc_checkpoint_state at;
    samc_params back;

    if (samc_checkpoint_open(path, &tensors, &note, &error) != SAMC_OK ||
        samc_checkpoint_restore(tensors, NULL, &back, &at, &error) != SAMC_OK)
        fail_msg("%s", error.message);
    samc_tensors_close(tensors);
    samc_params_free(&back);
    assert_int_equal(note.status != SAMC_OK, from_previous);
    if (from_previous)
        assert_non_null(strstr(note.message, ".previous"));
    return at.step;
}

static void test_everything_comes_back(void **state)
{
    const samc_checkpoint_state at = {123456789012, 17, "0123456789abcdef"};
    const samc_metadata more[] = {{"hours", "6.25"}, {"note", "\"quoted\""}};
    const size_t bytes = (size_t)params.total * sizeof(float);
    samc_tensors *tensors;
    samc_checkpoint_state back_at;
    samc_params back;
    samc_error note;

    (void)state;
    assert_int_equal(samc_checkpoint_save(path, &params, &at, more, 2, NULL), SAMC_OK);
    assert_int_equal(samc_checkpoint_open(path, &tensors, &note, NULL), SAMC_OK);
    assert_int_equal(note.status, SAMC_OK);
    assert_true(samc_checkpoint_is_training(tensors));
    assert_string_equal(samc_tensors_metadata(tensors, "hours"), "6.25");
    assert_string_equal(samc_tensors_metadata(tensors, "note"), "\"quoted\"");
    assert_string_equal(samc_tensors_metadata(tensors, "samc_version"), samc_version());
    assert_int_equal(samc_checkpoint_restore(tensors, NULL, &back, &back_at, NULL), SAMC_OK);
    samc_tensors_close(tensors);
    assert_int_equal(back_at.step, at.step);
    assert_int_equal(back_at.seed, at.seed);
    assert_string_equal(back_at.recipe, at.recipe);
    assert_int_equal(back.n_params, params.n_params);
    for (size_t i = 0; i < back.n_params; i++)
        assert_string_equal(back.list[i].name, params.list[i].name);
    assert_memory_equal(back.values, params.values, bytes);
    assert_memory_equal(back.ema, params.ema, bytes);
    assert_memory_equal(back.moment1, params.moment1, bytes);
    assert_memory_equal(back.moment2, params.moment2, bytes);
    samc_params_free(&back);
}

static void test_the_previous_one_is_kept(void **state)
{
    samc_tensors *tensors;
    samc_error error;

    (void)state;
    assert_int_equal(samc_checkpoint_open(path, &tensors, NULL, &error), SAMC_ERROR_IO);
    save(1);
    assert_int_equal(access(previous, F_OK), -1);
    save(2);
    save(3);
    assert_int_equal(saved_step(0), 3);
    assert_int_equal(truncate(path, 1000), 0);
    assert_int_equal(saved_step(1), 2);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(saved_step(1), 2);
    save(4); /* over a rotation that was cut short */
    assert_int_equal(saved_step(0), 4);
    assert_int_equal(unlink(previous), 0);
    assert_int_equal(link(path, previous), 0);
    save(5);
    assert_int_equal(saved_step(0), 5);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(saved_step(1), 4);
}

static void test_bad_numbers_are_not_saved(void **state)
{
    const samc_checkpoint_state at = {9, 9, ""};
    const float kept = params.moment2[7];
    const uint32_t nan = UINT32_C(0xFFC00001);
    samc_error error;

    (void)state;
    save(1);
    memcpy(&params.moment2[7], &nan, sizeof nan);
    assert_int_equal(samc_checkpoint_save(path, &params, &at, NULL, 0, &error), SAMC_ERROR_MODEL);
    assert_non_null(strstr(error.message, "optimizer.v."));
    params.moment2[7] = kept;
    assert_int_equal(saved_step(0), 1);
    assert_int_equal(access(previous, F_OK), -1);
}

static void touch(const char *name, int is_left)
{
    char full[256];

    (void)snprintf(full, sizeof full, "%s.new%s", path, name);
    if (is_left) {
        assert_int_equal(unlink(full), 0);
    } else {
        FILE *file = fopen(full, "wb");

        assert_non_null(file);
        (void)fclose(file);
    }
}

static void test_leftovers_of_the_dead_go(void **state)
{
    char alive[64], dead[64], full[256];
    pid_t child = fork();

    (void)state;
    if (child == 0)
        _exit(0);
    assert_true(child > 0);
    assert_int_equal(waitpid(child, NULL, 0), child); /* now nobody has this number */
    (void)snprintf(alive, sizeof alive, ".%ld-7.tmp", (long)getppid());
    (void)snprintf(dead, sizeof dead, ".%ld-0.tmp", (long)child);
    touch(alive, 0);
    touch(".mine.tmp", 0);
    touch(dead, 0);
    save(1);
    touch(alive, 1);
    touch(".mine.tmp", 1);
    (void)snprintf(full, sizeof full, "%s.new%s", path, dead);
    assert_int_equal(access(full, F_OK), -1);
}

/* Saves one checkpoint after the other, every number of step n made of n; tells of the first. */
static void save_for_ever(int64_t step, int told)
{
    for (;; step++) {
        const samc_checkpoint_state at = {step, 0, ""};

        fill((uint32_t)step);
        if (samc_checkpoint_save(path, &params, &at, NULL, 0, NULL) != SAMC_OK ||
            (told >= 0 && write(told, "!", 1) != 1))
            _exit(1);
        told = -1;
    }
}

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Lets a child save once, and kills it at this share of the time that its next save takes. */
static void kill_child(int64_t step, double share)
{
    struct timespec wait = {0, 0};
    const double start = now();
    int ends[2];
    char byte;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0)
        save_for_ever(step, ends[1]);
    assert_true(child > 0);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    wait.tv_nsec = (long)(1e9 * share * (now() - start)) % 999999999L;
    (void)nanosleep(&wait, NULL);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void test_kills_at_any_moment(void **state)
{
    int64_t last = 0;

    (void)state;
    save(0);
    for (int k = 0; k < KILLS; k++) {
        samc_checkpoint_state at;
        samc_tensors *tensors;
        samc_params back;
        samc_error note;

        kill_child(last + 1, 1.25 * k / KILLS);
        assert_int_equal(samc_checkpoint_open(path, &tensors, &note, NULL), SAMC_OK);
        assert_int_equal(note.status, SAMC_OK);
        assert_int_equal(samc_checkpoint_restore(tensors, NULL, &back, &at, NULL), SAMC_OK);
        samc_tensors_close(tensors);
        assert_true(at.step > last);
        last = at.step;
        fill((uint32_t)last);
        assert_memory_equal(back.moment2, params.moment2, (size_t)params.total * sizeof(float));
        samc_params_free(&back);
    }
    touch("", 0); /* PATH.new, from a rotation that was cut short, is in nobody's way */
    save(last + 1);
    assert_int_equal(saved_step(0), last + 1);
    fill(1);
}

/* Writes some of a checkpoint's tensors, all but one whose name ends so. */
static void save_without(const char *name, const samc_metadata *metadata, size_t n)
{
    samc_tensors *tensors;
    const samc_tensor *list[2048];
    size_t count = 0;

    save(1);
    assert_int_equal(samc_tensors_open(path, &tensors, NULL), SAMC_OK);
    assert_in_range(samc_tensors_count(tensors), 1, 2048);
    for (size_t i = 0; i < samc_tensors_count(tensors); i++)
        if (strcmp(samc_tensors_at(tensors, i)->name, name) != 0)
            list[count++] = samc_tensors_at(tensors, i);
    assert_int_equal(samc_safetensors_write(out, list, count, SAMC_DTYPE_F32, metadata, n, NULL),
                     SAMC_OK);
    samc_tensors_close(tensors);
}

static samc_status restore_out(samc_error *error)
{
    samc_checkpoint_state at;
    samc_tensors *tensors;
    samc_params back;
    samc_status status;

    assert_int_equal(samc_tensors_open(out, &tensors, NULL), SAMC_OK);
    status = samc_checkpoint_restore(tensors, NULL, &back, &at, error);
    samc_tensors_close(tensors);
    samc_params_free(&back);
    return status;
}

static void test_what_is_no_checkpoint_is_refused(void **state)
{
    static const char gone[] = "optimizer.m.mask_decoder.iou_token.weight";
    samc_metadata metadata[] = {{"format", "samc training"},
                                {"format_version", "1"},
                                {"step", "5"},
                                {"seed", "6"},
                                {"recipe", ""}};
    samc_error error;

    (void)state;
    save_without("", metadata, 5);
    assert_int_equal(restore_out(&error), SAMC_OK);
    save_without(gone, metadata, 5);
    assert_int_equal(restore_out(&error), SAMC_ERROR_MODEL);
    assert_non_null(strstr(error.message, gone));
    save_without("", metadata, 4);
    assert_int_equal(restore_out(&error), SAMC_ERROR_FORMAT);
    metadata[2].value = "9223372036854775808";
    save_without("", metadata, 5);
    assert_int_equal(restore_out(&error), SAMC_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "step"));
    metadata[1].value = "2";
    save_without("", metadata, 5);
    assert_int_equal(restore_out(&error), SAMC_ERROR_UNSUPPORTED);
    save_without("", NULL, 0);
    assert_int_equal(restore_out(&error), SAMC_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "nothing to resume"));
}

/* `values` as the file must hold them. */
static float rounded(float value, samc_dtype dtype)
{
    return dtype == SAMC_DTYPE_F16    ? samc_f16_to_f32(samc_f16_from_f32(value))
           : dtype == SAMC_DTYPE_BF16 ? samc_bf16_to_f32(samc_bf16_from_f32(value))
                                      : value;
}

static void check_export(samc_checkpoint_weights weights, samc_checkpoint_format format,
                         samc_dtype dtype, const float *want)
{
    samc_tensors *tensors;
    samc_error error = {SAMC_OK, ""};
    samc_params back;
    const samc_checkpoint_output output = {out, format, dtype, NULL};

    assert_int_equal(samc_tensors_open(path, &tensors, NULL), SAMC_OK);
    if (samc_checkpoint_export(tensors, weights, &output, &error) != SAMC_OK)
        fail_msg("%s", error.message);
    samc_tensors_close(tensors);
    assert_int_equal(samc_tensors_open(out, &tensors, NULL), SAMC_OK);
    assert_int_equal(samc_tensors_file_format(tensors),
                     format == SAMC_CHECKPOINT_PTH ? SAMC_FORMAT_PTH : SAMC_FORMAT_SAFETENSORS);
    assert_int_equal(samc_tensors_verify(tensors, NULL, NULL), SAMC_OK);
    assert_int_equal(samc_tensors_count(tensors), params.n_params);
    for (size_t i = 0; i < params.n_params; i++) {
        assert_string_equal(samc_tensors_at(tensors, i)->name, params.list[i].name);
        assert_int_equal(samc_tensors_at(tensors, i)->dtype, dtype);
    }
    assert_int_equal(samc_params_load(tensors, NULL, &back, NULL), SAMC_OK);
    for (int64_t i = 0; i < params.total; i++)
        assert_true(back.values[i] == rounded(want[i], dtype));
    samc_params_free(&back);
    samc_tensors_close(tensors);
}

static void test_export(void **state)
{
    (void)state;
    save(4);
    check_export(SAMC_CHECKPOINT_BEST, SAMC_CHECKPOINT_PTH, SAMC_DTYPE_F32, params.ema);
    check_export(SAMC_CHECKPOINT_RAW, SAMC_CHECKPOINT_PTH, SAMC_DTYPE_F32, params.values);
    check_export(SAMC_CHECKPOINT_EMA, SAMC_CHECKPOINT_PTH, SAMC_DTYPE_F16, params.ema);
    check_export(SAMC_CHECKPOINT_RAW, SAMC_CHECKPOINT_PTH, SAMC_DTYPE_BF16, params.values);
    check_export(SAMC_CHECKPOINT_BEST, SAMC_CHECKPOINT_SAFETENSORS, SAMC_DTYPE_F16, params.ema);
    check_export(SAMC_CHECKPOINT_RAW, SAMC_CHECKPOINT_SAFETENSORS, SAMC_DTYPE_F32, params.values);
}

/* A plain model is exported as it is, and has no average. */
static void test_export_of_a_model(void **state)
{
    samc_checkpoint_output output = {out, SAMC_CHECKPOINT_SAFETENSORS, SAMC_DTYPE_F32, NULL};
    samc_tensors *tensors;
    samc_error error;

    (void)state;
    assert_int_equal(samc_tensors_open(SAMC_TEST_GOLDEN "/tiny.pth", &tensors, NULL), SAMC_OK);
    assert_int_equal(samc_checkpoint_export(tensors, SAMC_CHECKPOINT_BEST, &output, &error),
                     SAMC_OK);
    output.format = SAMC_CHECKPOINT_PTH;
    assert_int_equal(samc_checkpoint_export(tensors, SAMC_CHECKPOINT_EMA, &output, &error),
                     SAMC_ERROR_MODEL);
    assert_non_null(strstr(error.message, "no moving average"));
    output.dtype = SAMC_DTYPE_I8;
    assert_int_equal(samc_checkpoint_export(tensors, SAMC_CHECKPOINT_RAW, &output, &error),
                     SAMC_ERROR_ARGUMENT);
    samc_tensors_close(tensors);
}

/* A .pth of everything a state dict may hold: dtypes, views, a scalar, nothing at all. */
static void test_pth_of_every_dtype(void **state)
{
    samc_tensors *in, *back;
    const samc_tensor *list[64];
    samc_error error = {SAMC_OK, ""};

    (void)state;
    assert_int_equal(samc_tensors_open(SAMC_TEST_DATA "/weights/state.pth", &in, NULL), SAMC_OK);
    assert_in_range(samc_tensors_count(in), 10, 64);
    for (size_t i = 0; i < samc_tensors_count(in); i++)
        list[i] = samc_tensors_at(in, i);
    if (samc_pth_write(out, list, samc_tensors_count(in), SAMC_DTYPE_F32, &error) != SAMC_OK)
        fail_msg("%s", error.message);
    assert_int_equal(samc_tensors_open(out, &back, NULL), SAMC_OK);
    assert_int_equal(samc_tensors_verify(back, NULL, NULL), SAMC_OK);
    assert_int_equal(samc_tensors_count(back), samc_tensors_count(in));
    for (size_t i = 0; i < samc_tensors_count(in); i++) {
        const samc_tensor *have = samc_tensors_at(back, i), *want = list[i];
        float a[64], b[64];

        assert_string_equal(have->name, want->name);
        assert_int_equal(have->dtype,
                         samc_dtype_is_float(want->dtype) ? SAMC_DTYPE_F32 : want->dtype);
        assert_int_equal(have->n_dims, want->n_dims);
        assert_memory_equal(have->shape, want->shape, (size_t)want->n_dims * sizeof(int64_t));
        assert_true(samc_tensor_elements(want) <= 64);
        samc_tensor_to_f32(have, 0, samc_tensor_elements(have), a);
        samc_tensor_to_f32(want, 0, samc_tensor_elements(want), b);
        assert_memory_equal(a, b, (size_t)samc_tensor_elements(want) * sizeof(float));
    }
    list[1] = list[0];
    assert_int_equal(samc_pth_write(out, list, 2, SAMC_DTYPE_F32, &error), SAMC_ERROR_ARGUMENT);
    samc_tensors_close(back);
    samc_tensors_close(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_everything_comes_back, begin),
        cmocka_unit_test_setup(test_the_previous_one_is_kept, begin),
        cmocka_unit_test_setup(test_bad_numbers_are_not_saved, begin),
        cmocka_unit_test_setup(test_leftovers_of_the_dead_go, begin),
        cmocka_unit_test_setup(test_kills_at_any_moment, begin),
        cmocka_unit_test_setup(test_what_is_no_checkpoint_is_refused, begin),
        cmocka_unit_test_setup(test_export, begin),
        cmocka_unit_test_setup(test_export_of_a_model, begin),
        cmocka_unit_test_setup(test_pth_of_every_dtype, begin),
    };

    return cmocka_run_group_tests_name("checkpoint", tests, setup, teardown);
}
