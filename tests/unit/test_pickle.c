/* SPDX-License-Identifier: Apache-2.0
 *
 * The pickle machine, on pickles written out opcode by opcode. Those of torch.save itself are read
 * in test_tensors.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/archive.h"
#include "weights/pickle.h"

/* A pickle of a string literal, without its NUL. */
#define PICKLE(text) (const uint8_t *)(text), sizeof(text) - 1

/* A storage of `n` floats under the key "0", and a tensor on it with sizes and strides `rest`. */
#define STORAGE(n)                                                                                 \
    "((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"                                            \
    "0X\3\0\0\0cpuK" n "tQ"
#define TENSOR(n, rest) "ctorch._utils\n_rebuild_tensor_v2\n" STORAGE(n) rest "\x89}tR"

static samc_arena arena;
static samc_error error;

static int setup(void **state)
{
    (void)state;
    memset(&arena, 0, sizeof arena);
    memset(&error, 0, sizeof error);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    samc_arena_free(&arena);
    return 0;
}

/* Reads a copy that is exactly as long, so that a sanitizer sees a byte too far. The copy lives in
 * the arena's place only as long as this call: `root` is for its kind and numbers. */
static samc_status try_read(const uint8_t *data, size_t size)
{
    const samc_pickle_value *root = NULL;
    uint8_t *copy = malloc(size ? size : 1);
    samc_status status;

    assert_non_null(copy);
    memcpy(copy, data, size);
    error.message[0] = '\0';
    status = samc_pickle_read(copy, size, &arena, &root, &error);
    free(copy);
    return status;
}

static void expect_refusal(const uint8_t *data, size_t size, samc_status wanted, const char *words)
{
    assert_int_equal(try_read(data, size), wanted);
    if (!strstr(error.message, words))
        fail_msg("\"%s\" does not say \"%s\"", error.message, words);
}

static const samc_pickle_value *read_fine(const uint8_t *data, size_t size)
{
    const samc_pickle_value *root = NULL;

    if (samc_pickle_read(data, size, &arena, &root, &error) != SAMC_OK)
        fail_msg("%s", error.message);
    return root;
}

static void test_plain_values(void **state)
{
    const samc_pickle_value *root = read_fine(
        PICKLE("\x80\2]q\0(K\7M\1\2J\xff\xff\xff\xff\x8a\0\x8a\1\x80\x8a\5\0\0\0\0\1"
               "G@\0\0\0\0\0\0\0N\x88\x89X\2\0\0\0hi)\x85\x86\x94h\1e."));
    static const int64_t integers[] = {7, 0x201, -1, 0, -128, 0x100000000};

    (void)state;
    assert_int_equal(root->kind, SAMC_PICKLE_LIST);
    assert_int_equal(root->size, 12);
    for (int i = 0; i < 6; i++) {
        assert_true(root->as.items[i]->is_integer);
        assert_int_equal(root->as.items[i]->as.integer, integers[i]);
    }
    assert_false(root->as.items[6]->is_integer); /* 2.0 */
    assert_int_equal(root->as.items[10]->kind, SAMC_PICKLE_TUPLE);
    assert_int_equal(root->as.items[10]->size, 2);
    assert_ptr_equal(root->as.items[10], root->as.items[11]); /* MEMOIZE took slot 1 */
}

static void test_tensor(void **state)
{
    const samc_pickle_value *root = read_fine(
        PICKLE("\x80\2}X\1\0\0\0w" TENSOR("\x0c", "K\2K\2K\5\x86K\5K\1\x86") "sX\1\0\0\0wK\1s."));
    const samc_pickle_tensor *t;

    (void)state;
    assert_int_equal(root->kind, SAMC_PICKLE_DICT);
    assert_int_equal(root->as.items[1]->kind, SAMC_PICKLE_TENSOR);
    t = root->as.items[1]->as.tensor;
    assert_int_equal(t->storage.dtype, SAMC_DTYPE_F32);
    assert_int_equal(t->storage.elements, 12);
    assert_memory_equal(t->storage.key, "0", t->storage.key_size);
    assert_int_equal(t->offset, 2);
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->shape[1], 5);
    assert_int_equal(t->strides[0], 5);
    /* the later of two equal keys counts, as in Python */
    assert_int_equal(samc_pickle_get(root, "w")->as.integer, 1);
    assert_null(samc_pickle_get(root, "v"));
}

/* guard: the list `globals`. With os.system on it REDUCE would still not call anything. */
static void test_os_system(void **state)
{
    (void)state;
    expect_refusal(PICKLE("\x80\2cos\nsystem\nX\2\0\0\0id\x85R."), SAMC_ERROR_UNSUPPORTED,
                   "os.system");
    expect_refusal(PICKLE("\x80\4\x8c\2os\x8c\6system\x93\x8c\2id\x85R."), SAMC_ERROR_UNSUPPORTED,
                   "os.system");
    /* the match is of whole names: no prefix, no suffix, no attribute */
    expect_refusal(PICKLE("ctorch\nFloatStorag\n."), SAMC_ERROR_UNSUPPORTED, "torch.FloatStorag");
    expect_refusal(PICKLE("ctorch\nFloatStorage2\n."), SAMC_ERROR_UNSUPPORTED, "FloatStorage2");
    expect_refusal(PICKLE("ctorch.\nFloatStorage\n."), SAMC_ERROR_UNSUPPORTED, "torch..Float");
    expect_refusal(PICKLE("\x80\2cnumpy.core.multiarray\n_reconstruct\n."), SAMC_ERROR_UNSUPPORTED,
                   "numpy.core.multiarray._reconstruct");
}

/* guard: the default of `step`: INST, OBJ, NEWOBJ, EXT1, PERSID, DUP, POP and so on do not exist */
static void test_opcodes(void **state)
{
    static const char allowed[] = "(.NJKMGXt)]}aesucRbQqrhj\x80\x85\x86\x87\x88\x89\x8a\x8c\x93"
                                  "\x94\x95";
    int refused = 0;

    (void)state;
    for (int op = 0; op < 256; op++) {
        uint8_t pickle[16] = {0x80, 2, (uint8_t)op};

        if (memchr(allowed, op, sizeof allowed - 1))
            continue;
        expect_refusal(pickle, sizeof pickle, SAMC_ERROR_UNSUPPORTED, "opcode");
        refused++;
    }
    assert_int_equal(refused, 256 - (sizeof allowed - 1));
    expect_refusal(PICKLE("\x80\6."), SAMC_ERROR_UNSUPPORTED, "protocol 6");
}

/* guards: `need` (values below a mark may not be taken), pop_mark, get_memo, and the kinds that
 * APPEND, SETITEM, BUILD, REDUCE and STACK_GLOBAL ask for */
static void test_broken_stack(void **state)
{
    (void)state;
    expect_refusal(PICKLE("\x85."), SAMC_ERROR_FORMAT, "never gave");
    expect_refusal(PICKLE("K\1(\x85."), SAMC_ERROR_FORMAT, "never gave");
    expect_refusal(PICKLE("](K\1a."), SAMC_ERROR_FORMAT, "never gave");
    expect_refusal(PICKLE("(K\1e."), SAMC_ERROR_FORMAT, "never gave");
    expect_refusal(PICKLE("q\1."), SAMC_ERROR_FORMAT, "never gave");
    expect_refusal(PICKLE("t."), SAMC_ERROR_FORMAT, "mark");
    expect_refusal(PICKLE("K\1e."), SAMC_ERROR_FORMAT, "mark");
    expect_refusal(PICKLE("h\0."), SAMC_ERROR_FORMAT, "memo slot 0");
    expect_refusal(PICKLE("K\1q\5h\4."), SAMC_ERROR_FORMAT, "memo slot 4");
    expect_refusal(PICKLE(")K\1a."), SAMC_ERROR_FORMAT, "no list or dict");
    expect_refusal(PICKLE("]K\1K\1s."), SAMC_ERROR_FORMAT, "no list or dict");
    expect_refusal(PICKLE("}(K\1u."), SAMC_ERROR_FORMAT, "without a value");
    expect_refusal(PICKLE("]}b."), SAMC_ERROR_FORMAT, "attributes");
    expect_refusal(PICKLE("})b."), SAMC_ERROR_FORMAT, "attributes");
    expect_refusal(PICKLE("K\1)R."), SAMC_ERROR_FORMAT, "cannot be called");
    expect_refusal(PICKLE("K\1K\1\x93."), SAMC_ERROR_FORMAT, "not text");
    expect_refusal(PICKLE("."), SAMC_ERROR_FORMAT, "wrong place");
    expect_refusal(PICKLE("K\1K\1."), SAMC_ERROR_FORMAT, "wrong place");
    expect_refusal(PICKLE("(."), SAMC_ERROR_FORMAT, "wrong place");
    expect_refusal(PICKLE("K\1.K\1."), SAMC_ERROR_FORMAT, "wrong place");
    expect_refusal(PICKLE("\x8a\x09"
                          "123456789."),
                   SAMC_ERROR_UNSUPPORTED, "9 bytes");
}

/* guards: the kinds and counts that rebuild_tensor, do_reduce and do_persistent_id ask for */
static void test_broken_calls(void **state)
{
    (void)state;
    expect_refusal(PICKLE("ctorch\nFloatStorage\n)R."), SAMC_ERROR_FORMAT, "FloatStorage");
    expect_refusal(PICKLE("ccollections\nOrderedDict\n]\x85R."), SAMC_ERROR_FORMAT, "OrderedDict");
    expect_refusal(PICKLE("ctorch._utils\n_rebuild_parameter\nNNN\x87R."), SAMC_ERROR_FORMAT,
                   "_rebuild_parameter");
    expect_refusal(PICKLE("ctorch._utils\n_rebuild_tensor_v2\n(NNNNNNtR."), SAMC_ERROR_FORMAT,
                   "tensor of a form");
    expect_refusal(PICKLE("ctorch._utils\n_rebuild_tensor_v2\n(tR."), SAMC_ERROR_FORMAT,
                   "tensor of a form");
    expect_refusal(PICKLE("(X\7\0\0\0storageccollections\nOrderedDict\nX\1\0\0\0"
                          "0X\3\0\0\0cpu"
                          "K\1tQ."),
                   SAMC_ERROR_FORMAT, "storage of a form");
    expect_refusal(PICKLE("(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
                          "0X\3\0\0\0cpu"
                          "J\xff\xff\xff\xfftQ."),
                   SAMC_ERROR_FORMAT, "storage of a form");
    expect_refusal(PICKLE(")Q."), SAMC_ERROR_FORMAT, "storage of a form");
    expect_refusal(PICKLE("K\1Q."), SAMC_ERROR_FORMAT, "storage of a form");
    expect_refusal(PICKLE(TENSOR("\1", "K\0K\1\x85)") "."), SAMC_ERROR_FORMAT,
                   "1 sizes and 0 strides");
    expect_refusal(PICKLE(TENSOR("\1", "K\0N\x85K\1\x85") "."), SAMC_ERROR_FORMAT, "no integers");
    expect_refusal(PICKLE(TENSOR("\1", "K\0]K\1\x85") "."), SAMC_ERROR_FORMAT, "no tuple");
    expect_refusal(PICKLE(TENSOR("\1", "K\0(K\1K\1K\1K\1K\1K\1K\1K\1K\1t)") "."),
                   SAMC_ERROR_UNSUPPORTED, "9 dimensions");
}

/* guard: MEMO_MAX. Without it one opcode asks for 32 GB. */
static void test_memo_bomb(void **state)
{
    (void)state;
    expect_refusal(PICKLE("K\1r\xff\xff\xff\xff."), SAMC_ERROR_LIMIT, "memo slot 4294967295");
    assert_int_equal(try_read(PICKLE("K\1r\xff\xff\x0f\0.")), SAMC_OK);
    expect_refusal(PICKLE("K\1r\0\0\x10\0."), SAMC_ERROR_LIMIT, "memo slot 1048576");
}

/* Reads `count` times `unit`, after `start`. */
static samc_status read_repeated(const char *start, const char *unit, size_t unit_size,
                                 size_t count)
{
    const size_t begin = strlen(start), size = begin + count * unit_size;
    uint8_t *pickle = malloc(size);
    samc_status status;

    assert_non_null(pickle);
    memcpy(pickle, start, begin);
    for (size_t at = begin; at < size; at += unit_size)
        memcpy(pickle + at, unit, unit_size);
    status = try_read(pickle, size);
    free(pickle);
    return status;
}

/* guards: MARKS_MAX, STACK_MAX, PICKLE_MAX */
static void test_limits(void **state)
{
    uint8_t *large = calloc(1, ((size_t)8 << 20) + 1);

    (void)state;
    assert_int_equal(read_repeated("", "(", 1, 257), SAMC_ERROR_LIMIT);
    assert_non_null(strstr(error.message, "nests deeper"));
    assert_int_equal(read_repeated("K\1q\1", "h\1h\1h\1h\1h\1h\1h\1h\1", 16, (1 << 17) + 1),
                     SAMC_ERROR_LIMIT);
    assert_non_null(strstr(error.message, "piles up"));
    assert_non_null(large);
    assert_int_equal(try_read(large, ((size_t)8 << 20) + 1), SAMC_ERROR_LIMIT);
    free(large);
}

/* Nesting costs no C stack: a tuple in a tuple in a tuple, 100,000 times. (A reader that recursed
 * would overflow it.) */
static void test_deep_values(void **state)
{
    (void)state;
    assert_int_equal(read_repeated(")", "\x85", 1, 100000), SAMC_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "ends in the middle"));
}

/* A list may hold itself, which is harmless as long as nobody walks it. */
static void test_cycle(void **state)
{
    (void)state;
    assert_int_equal(try_read(PICKLE("]q\0h\0a.")), SAMC_OK);
}

/* guard: next_bytes and next_line look at what is left (run under ASan) */
static void test_truncated(void **state)
{
    static const char pickle[] = "\x80\4\x95\0\0\0\0\0\0\0\0}(X\1\0\0\0w" TENSOR(
        "\x0c", "K\2K\2K\5\x86K\5K\1\x86") "\x8c\2hiG@"
                                           "\0\0\0\0\0\0\0\x8c\1jJ\1\0\0\0X\1\0\0\0kM\1\0r\1\0\0\0"
                                           "\x8c\1lj\1\0\0\0u.";

    (void)state;
    assert_int_equal(try_read(PICKLE(pickle)), SAMC_OK);
    for (size_t size = 0; size < sizeof pickle - 1; size++)
        assert_int_not_equal(try_read((const uint8_t *)pickle, size), SAMC_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_plain_values), TEST(test_tensor),       TEST(test_os_system), TEST(test_opcodes),
        TEST(test_broken_stack), TEST(test_broken_calls), TEST(test_memo_bomb), TEST(test_limits),
        TEST(test_deep_values),  TEST(test_cycle),        TEST(test_truncated),
    };
    return cmocka_run_group_tests_name("pickle", tests, NULL, NULL);
}
