/* SPDX-License-Identifier: Apache-2.0
 *
 * A stack machine. Nothing here recurses, so that nesting costs no C stack; every value is taken
 * from the arena, so that failure needs no cleaning up.
 */
#include "weights/pickle.h"

#include "weights/bytes.h"
#include "weights/quote.h"

/* vit_h's pickle has 110 kB and about 6,000 memo entries. */
#define PICKLE_MAX ((size_t)8 << 20)
#define MEMO_MAX ((size_t)1 << 20)
#define STACK_MAX ((size_t)1 << 20)
#define MARKS_MAX ((size_t)256) /* open marks: how deep containers nest while they are built */
#define TENSORS_MAX ((size_t)65536)
#define GLOBAL_NAME_MAX ((size_t)256)
#define BLOCK ((size_t)64 << 10)

enum opcode {
    MARK = '(',
    STOP = '.',
    NONE = 'N',
    BININT = 'J',
    BININT1 = 'K',
    BININT2 = 'M',
    BINFLOAT = 'G',
    BINUNICODE = 'X',
    TUPLE = 't',
    EMPTY_TUPLE = ')',
    EMPTY_LIST = ']',
    EMPTY_DICT = '}',
    APPEND = 'a',
    APPENDS = 'e',
    SETITEM = 's',
    SETITEMS = 'u',
    GLOBAL = 'c',
    REDUCE = 'R',
    BUILD = 'b',
    BINPERSID = 'Q',
    BINPUT = 'q',
    LONG_BINPUT = 'r',
    BINGET = 'h',
    LONG_BINGET = 'j',
    PROTO = 0x80,
    TUPLE1 = 0x85,
    TUPLE2 = 0x86,
    TUPLE3 = 0x87,
    NEWTRUE = 0x88,
    NEWFALSE = 0x89,
    LONG1 = 0x8a,
    SHORT_BINUNICODE = 0x8c,
    STACK_GLOBAL = 0x93,
    MEMOIZE = 0x94,
    FRAME = 0x95,
};

enum global_kind { ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER, STORAGE };

/* Every name that a pickle may mention. */
static const struct {
    const char *module, *name;
    enum global_kind kind;
    samc_dtype dtype;
} globals[] = {
    {"collections", "OrderedDict", ORDERED_DICT, SAMC_DTYPE_U8},
    {"torch._utils", "_rebuild_tensor_v2", REBUILD_TENSOR, SAMC_DTYPE_U8},
    {"torch._utils", "_rebuild_parameter", REBUILD_PARAMETER, SAMC_DTYPE_U8},
    {"torch", "DoubleStorage", STORAGE, SAMC_DTYPE_F64},
    {"torch", "FloatStorage", STORAGE, SAMC_DTYPE_F32},
    {"torch", "HalfStorage", STORAGE, SAMC_DTYPE_F16},
    {"torch", "BFloat16Storage", STORAGE, SAMC_DTYPE_BF16},
    {"torch", "LongStorage", STORAGE, SAMC_DTYPE_I64},
    {"torch", "IntStorage", STORAGE, SAMC_DTYPE_I32},
    {"torch", "ShortStorage", STORAGE, SAMC_DTYPE_I16},
    {"torch", "CharStorage", STORAGE, SAMC_DTYPE_I8},
    {"torch", "ByteStorage", STORAGE, SAMC_DTYPE_U8},
    {"torch", "BoolStorage", STORAGE, SAMC_DTYPE_BOOL},
};

typedef struct machine {
    const uint8_t *at, *end;
    samc_arena *arena;
    uint8_t *room; /* the rest of the arena's last block */
    size_t room_left;
    samc_pickle_value **stack;
    size_t depth, stack_capacity;
    size_t marks[MARKS_MAX]; /* depths of the stack */
    size_t n_marks;
    samc_pickle_value **memo; /* NULL: unused */
    size_t memo_size, memo_capacity, memoized;
    size_t tensors;
    samc_error *error;
} machine;

/* ------------------------------------------------------------------------------------------------
 * Memory
 * --------------------------------------------------------------------------------------------- */

/* Takes bytes at 8-byte alignment; the arena's own 64 would let a pickle of tiny tuples cost much
 * more than its size. */
static samc_status take(machine *m, size_t count, size_t size, void *memory)
{
    size_t bytes = (count * size + 7) / 8 * 8; /* counts come from stacks, so they are small */

    if (bytes > BLOCK / 8)
        return samc_arena_take(m->arena, count, size, memory, m->error);
    if (bytes > m->room_left) {
        SAMC_TRY(samc_arena_take(m->arena, BLOCK, 1, &m->room, m->error));
        m->room_left = BLOCK;
    }
    memcpy(memory, &m->room, sizeof m->room);
    m->room += bytes;
    m->room_left -= bytes;
    return SAMC_OK;
}

/* Moves an array of pointers into one with room for `need`. */
static samc_status grow(machine *m, samc_pickle_value ***items, size_t count, size_t need,
                        size_t *capacity)
{
    samc_pickle_value **grown;
    size_t next = *capacity ? *capacity : 4;

    if (need <= *capacity)
        return SAMC_OK;
    while (next < need)
        next *= 2;
    SAMC_TRY(take(m, next, sizeof *grown, &grown));
    if (count)
        memcpy(grown, *items, count * sizeof *grown);
    *items = grown;
    *capacity = next;
    return SAMC_OK;
}

static samc_status new_value(machine *m, samc_pickle_kind kind, samc_pickle_value **value)
{
    SAMC_TRY(take(m, 1, sizeof **value, value));
    **value = (samc_pickle_value){.kind = kind};
    return SAMC_OK;
}

/* ------------------------------------------------------------------------------------------------
 * Bytes, stack, memo
 * --------------------------------------------------------------------------------------------- */

static samc_status cut_short(machine *m)
{
    return SAMC_FAIL(m->error, FORMAT, "the pickle ends in the middle of a value");
}

/* The next `count` bytes. */
static samc_status next_bytes(machine *m, size_t count, const uint8_t **bytes)
{
    if ((size_t)(m->end - m->at) < count)
        return cut_short(m);
    *bytes = m->at;
    m->at += count;
    return SAMC_OK;
}

static samc_status push(machine *m, samc_pickle_value *value)
{
    if (m->depth >= STACK_MAX)
        return SAMC_FAIL(m->error, LIMIT, "the pickle piles up more than %zu values", STACK_MAX);
    SAMC_TRY(grow(m, &m->stack, m->depth, m->depth + 1, &m->stack_capacity));
    m->stack[m->depth++] = value;
    return SAMC_OK;
}

/* Where the values since the last mark begin: nothing below may be touched. */
static size_t floor_of(const machine *m)
{
    return m->n_marks ? m->marks[m->n_marks - 1] : 0;
}

static samc_status need(machine *m, size_t count)
{
    if (m->depth - floor_of(m) < count)
        return SAMC_FAIL(m->error, FORMAT, "the pickle takes a value that it never gave");
    return SAMC_OK;
}

static samc_status pop(machine *m, samc_pickle_value **value)
{
    SAMC_TRY(need(m, 1));
    *value = m->stack[--m->depth];
    return SAMC_OK;
}

static samc_status pop_mark(machine *m, size_t *first)
{
    if (m->n_marks == 0)
        return SAMC_FAIL(m->error, FORMAT, "the pickle closes a mark that it never set");
    *first = m->marks[--m->n_marks];
    return SAMC_OK;
}

static samc_status put_memo(machine *m, size_t slot)
{
    SAMC_TRY(need(m, 1));
    if (slot >= MEMO_MAX)
        return SAMC_FAIL(m->error, LIMIT, "the pickle uses memo slot %zu; the limit is %zu", slot,
                         MEMO_MAX);
    SAMC_TRY(grow(m, &m->memo, m->memo_size, slot + 1, &m->memo_capacity));
    while (m->memo_size <= slot)
        m->memo[m->memo_size++] = NULL;
    m->memoized += m->memo[slot] == NULL;
    m->memo[slot] = m->stack[m->depth - 1];
    return SAMC_OK;
}

static samc_status get_memo(machine *m, size_t slot)
{
    if (slot >= m->memo_size || !m->memo[slot])
        return SAMC_FAIL(m->error, FORMAT, "the pickle reads memo slot %zu, which is empty", slot);
    return push(m, m->memo[slot]);
}

static samc_status push_integer(machine *m, int64_t integer)
{
    samc_pickle_value *value;

    SAMC_TRY(new_value(m, SAMC_PICKLE_PLAIN, &value));
    value->is_integer = 1;
    value->as.integer = integer;
    return push(m, value);
}

static samc_status push_new(machine *m, samc_pickle_kind kind)
{
    samc_pickle_value *value;

    SAMC_TRY(new_value(m, kind, &value));
    return push(m, value);
}

static samc_status push_string(machine *m, size_t size)
{
    samc_pickle_value *value;
    const uint8_t *bytes = NULL;

    SAMC_TRY(next_bytes(m, size, &bytes));
    SAMC_TRY(new_value(m, SAMC_PICKLE_STRING, &value));
    value->as.text = (const char *)bytes;
    value->size = (uint32_t)size; /* the pickle is no larger than PICKLE_MAX */
    return push(m, value);
}

/* ------------------------------------------------------------------------------------------------
 * Containers
 * --------------------------------------------------------------------------------------------- */

/* Replaces the top `count` values by a tuple of them. */
static samc_status make_tuple(machine *m, size_t count)
{
    samc_pickle_value *tuple;

    SAMC_TRY(need(m, count));
    SAMC_TRY(new_value(m, SAMC_PICKLE_TUPLE, &tuple));
    SAMC_TRY(take(m, count, sizeof *tuple->as.items, &tuple->as.items));
    m->depth -= count;
    if (count)
        memcpy(tuple->as.items, m->stack + m->depth, count * sizeof *tuple->as.items);
    tuple->size = (uint32_t)count;
    return push(m, tuple);
}

/* Moves the values from `first` up into the list or dict below them. */
static samc_status extend(machine *m, size_t first, samc_pickle_kind kind)
{
    samc_pickle_value *target;
    size_t count = m->depth - first, capacity;

    m->depth = first;
    SAMC_TRY(need(m, 1));
    target = m->stack[first - 1];
    if (target->kind != kind)
        return SAMC_FAIL(m->error, FORMAT, "the pickle adds items to what is no list or dict");
    if (kind == SAMC_PICKLE_DICT && count % 2)
        return SAMC_FAIL(m->error, FORMAT, "the pickle gives a key without a value");
    if (count > UINT32_MAX / 2 - target->size)
        return SAMC_FAIL(m->error, LIMIT, "a list or dict of the pickle is too long");
    capacity = target->capacity;
    SAMC_TRY(grow(m, &target->as.items, target->size, target->size + count, &capacity));
    if (count)
        memcpy(target->as.items + target->size, m->stack + first, count * sizeof *target->as.items);
    target->capacity = (uint32_t)capacity;
    target->size += (uint32_t)count;
    return SAMC_OK;
}

/* SETITEM and APPEND: the values that belong together are the top two or one. */
static samc_status extend_by(machine *m, size_t count, samc_pickle_kind kind)
{
    SAMC_TRY(need(m, count + 1));
    return extend(m, m->depth - count, kind);
}

static samc_status extend_from_mark(machine *m, samc_pickle_kind kind)
{
    size_t first = 0;

    SAMC_TRY(pop_mark(m, &first));
    return extend(m, first, kind);
}

/* ------------------------------------------------------------------------------------------------
 * Names, and what "calling" them builds
 * --------------------------------------------------------------------------------------------- */

static int text_is(const char *text, size_t size, const char *word)
{
    return strlen(word) == size && memcmp(text, word, size) == 0;
}

static samc_status push_global(machine *m, const char *module, size_t module_size, const char *name,
                               size_t name_size)
{
    samc_pickle_value *value;

    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        if (!text_is(module, module_size, globals[i].module) ||
            !text_is(name, name_size, globals[i].name))
            continue;
        SAMC_TRY(new_value(m, SAMC_PICKLE_GLOBAL, &value));
        value->as.integer = (int64_t)i;
        return push(m, value);
    }
    return SAMC_FAIL(
        m->error, UNSUPPORTED,
        "the pickle asks for %s.%s, which no plain state dict needs (nothing was run): "
        "load it in PyTorch, if you trust it, and save model.state_dict() with "
        "torch.save",
        samc_quote_text(module, module_size).text, samc_quote_text(name, name_size).text);
}

/* A line without its end, as GLOBAL has two. */
static samc_status next_line(machine *m, const char **text, size_t *size)
{
    size_t left = (size_t)(m->end - m->at);
    const uint8_t *newline;

    if (left == 0)
        return cut_short(m);
    newline = memchr(m->at, '\n', left < GLOBAL_NAME_MAX ? left : GLOBAL_NAME_MAX);
    if (!newline)
        return SAMC_FAIL(m->error, FORMAT, "the pickle has a name without an end");
    *text = (const char *)m->at;
    *size = (size_t)(newline - m->at);
    m->at = newline + 1;
    return SAMC_OK;
}

static samc_status do_global(machine *m)
{
    const char *module = NULL, *name = NULL;
    size_t module_size = 0, name_size = 0;

    SAMC_TRY(next_line(m, &module, &module_size));
    SAMC_TRY(next_line(m, &name, &name_size));
    return push_global(m, module, module_size, name, name_size);
}

static samc_status do_stack_global(machine *m)
{
    samc_pickle_value *module = NULL, *name = NULL;

    SAMC_TRY(pop(m, &name));
    SAMC_TRY(pop(m, &module));
    if (module->kind != SAMC_PICKLE_STRING || name->kind != SAMC_PICKLE_STRING)
        return SAMC_FAIL(m->error, FORMAT, "the pickle has a name that is not text");
    return push_global(m, module->as.text, module->size, name->as.text, name->size);
}

/* ("storage", torch.FloatStorage, key, location, elements) -> a storage */
static samc_status do_persistent_id(machine *m)
{
    samc_pickle_value *id = NULL, *value, **part;
    samc_pickle_storage *storage;

    SAMC_TRY(pop(m, &id));
    part = id->as.items;
    if (id->kind != SAMC_PICKLE_TUPLE || id->size != 5 || part[0]->kind != SAMC_PICKLE_STRING ||
        !text_is(part[0]->as.text, part[0]->size, "storage") ||
        part[1]->kind != SAMC_PICKLE_GLOBAL || globals[part[1]->as.integer].kind != STORAGE ||
        part[2]->kind != SAMC_PICKLE_STRING || part[3]->kind != SAMC_PICKLE_STRING ||
        !part[4]->is_integer || part[4]->as.integer < 0)
        return SAMC_FAIL(m->error, FORMAT, "the pickle has a storage of a form torch never writes");
    SAMC_TRY(take(m, 1, sizeof *storage, &storage));
    *storage = (samc_pickle_storage){globals[part[1]->as.integer].dtype, part[2]->as.text,
                                     part[2]->size, part[4]->as.integer};
    SAMC_TRY(new_value(m, SAMC_PICKLE_STORAGE, &value));
    value->as.storage = storage;
    return push(m, value);
}

/* A tuple of at most SAMC_TENSOR_MAX_DIMS integers. */
static samc_status read_integers(machine *m, const samc_pickle_value *tuple, int64_t *numbers)
{
    if (tuple->kind != SAMC_PICKLE_TUPLE)
        return SAMC_FAIL(m->error, FORMAT, "a tensor's sizes or strides are no tuple");
    if (tuple->size > SAMC_TENSOR_MAX_DIMS)
        return SAMC_FAIL(m->error, UNSUPPORTED, "a tensor of %u dimensions; the limit is %d",
                         tuple->size, SAMC_TENSOR_MAX_DIMS);
    for (uint32_t i = 0; i < tuple->size; i++) {
        if (!tuple->as.items[i]->is_integer)
            return SAMC_FAIL(m->error, FORMAT, "a tensor's sizes or strides are no integers");
        numbers[i] = tuple->as.items[i]->as.integer;
    }
    return SAMC_OK;
}

/* (storage, offset, sizes, strides, requires_grad, hooks[, metadata]) -> a tensor */
static samc_status rebuild_tensor(machine *m, const samc_pickle_value *args)
{
    samc_pickle_value *value, **part = args->as.items;
    samc_pickle_tensor *tensor;

    if ((args->size != 6 && args->size != 7) || part[0]->kind != SAMC_PICKLE_STORAGE ||
        !part[1]->is_integer)
        return SAMC_FAIL(m->error, FORMAT, "the pickle has a tensor of a form torch never writes");
    if (m->tensors++ >= TENSORS_MAX)
        return SAMC_FAIL(m->error, LIMIT, "the pickle has more than %zu tensors", TENSORS_MAX);
    SAMC_TRY(take(m, 1, sizeof *tensor, &tensor));
    *tensor = (samc_pickle_tensor){.storage = *part[0]->as.storage, .offset = part[1]->as.integer};
    SAMC_TRY(read_integers(m, part[2], tensor->shape));
    SAMC_TRY(read_integers(m, part[3], tensor->strides));
    if (part[2]->size != part[3]->size)
        return SAMC_FAIL(m->error, FORMAT, "a tensor has %u sizes and %u strides", part[2]->size,
                         part[3]->size);
    tensor->n_dims = (int32_t)part[2]->size;
    SAMC_TRY(new_value(m, SAMC_PICKLE_TENSOR, &value));
    value->as.tensor = tensor;
    return push(m, value);
}

static samc_status do_reduce(machine *m)
{
    samc_pickle_value *args = NULL, *callee = NULL;

    SAMC_TRY(pop(m, &args));
    SAMC_TRY(pop(m, &callee));
    if (callee->kind != SAMC_PICKLE_GLOBAL || args->kind != SAMC_PICKLE_TUPLE)
        return SAMC_FAIL(m->error, FORMAT, "the pickle calls what cannot be called");
    switch (globals[callee->as.integer].kind) {
    case ORDERED_DICT:
        if (args->size == 0)
            return push_new(m, SAMC_PICKLE_DICT);
        break;
    case REBUILD_TENSOR: return rebuild_tensor(m, args);
    case REBUILD_PARAMETER: /* (tensor, requires_grad, hooks) */
        if (args->size == 3 && args->as.items[0]->kind == SAMC_PICKLE_TENSOR)
            return push(m, args->as.items[0]);
        break;
    case STORAGE: break;
    }
    return SAMC_FAIL(m->error, FORMAT, "the pickle calls %s with arguments torch never writes",
                     globals[callee->as.integer].name);
}

/* Sets attributes; a state dict has one, _metadata, which says nothing about the tensors. */
static samc_status do_build(machine *m)
{
    samc_pickle_value *state = NULL;

    SAMC_TRY(pop(m, &state));
    SAMC_TRY(need(m, 1));
    if (state->kind != SAMC_PICKLE_DICT || m->stack[m->depth - 1]->kind != SAMC_PICKLE_DICT)
        return SAMC_FAIL(m->error, FORMAT, "the pickle sets attributes of what has none");
    return SAMC_OK;
}

/* ------------------------------------------------------------------------------------------------
 * The machine
 * --------------------------------------------------------------------------------------------- */

/* LONG1: a count, then that many bytes of two's complement. */
static samc_status do_long(machine *m)
{
    const uint8_t *p = NULL;
    uint64_t bits = 0;
    size_t count;

    SAMC_TRY(next_bytes(m, 1, &p));
    count = p[0];
    SAMC_TRY(next_bytes(m, count, &p));
    if (count > 8)
        return SAMC_FAIL(m->error, UNSUPPORTED, "the pickle has an integer of %zu bytes", count);
    for (size_t i = 0; i < count; i++)
        bits |= (uint64_t)p[i] << 8 * i;
    if (count > 0 && count < 8 && p[count - 1] & 0x80)
        bits |= UINT64_MAX << 8 * count;
    return push_integer(m, (int64_t)bits);
}

/* The opcodes that carry a number of `bytes` bytes. */
static samc_status do_with_number(machine *m, uint8_t op, size_t bytes)
{
    const uint8_t *p = NULL;
    uint32_t number = 0;

    SAMC_TRY(next_bytes(m, bytes, &p));
    for (size_t i = 0; i < bytes; i++)
        number |= (uint32_t)p[i] << 8 * i;
    switch (op) {
    case BININT: return push_integer(m, (int32_t)number);
    case BINPUT:
    case LONG_BINPUT: return put_memo(m, number);
    case BINGET:
    case LONG_BINGET: return get_memo(m, number);
    case BINUNICODE:
    case SHORT_BINUNICODE: return push_string(m, number);
    default: return push_integer(m, number); /* BININT1, BININT2 */
    }
}

static samc_status do_mark(machine *m)
{
    if (m->n_marks == MARKS_MAX)
        return SAMC_FAIL(m->error, LIMIT, "the pickle nests deeper than %zu", MARKS_MAX);
    m->marks[m->n_marks++] = m->depth;
    return SAMC_OK;
}

static samc_status do_tuple(machine *m)
{
    size_t first = 0;

    SAMC_TRY(pop_mark(m, &first));
    return make_tuple(m, m->depth - first);
}

static samc_status do_proto(machine *m)
{
    const uint8_t *p = NULL;

    SAMC_TRY(next_bytes(m, 1, &p));
    if (p[0] > 5)
        return SAMC_FAIL(m->error, UNSUPPORTED, "pickle protocol %d is not known", p[0]);
    return SAMC_OK;
}

static samc_status do_float(machine *m)
{
    const uint8_t *skipped;

    SAMC_TRY(next_bytes(m, 8, &skipped));
    return push_new(m, SAMC_PICKLE_PLAIN);
}

static samc_status step(machine *m, uint8_t op)
{
    const uint8_t *skipped;

    switch (op) {
    case PROTO: return do_proto(m);
    case FRAME: return next_bytes(m, 8, &skipped);
    case MARK: return do_mark(m);
    case NONE: return push_new(m, SAMC_PICKLE_PLAIN);
    case NEWTRUE: return push_integer(m, 1);
    case NEWFALSE: return push_integer(m, 0);
    case BINFLOAT: return do_float(m);
    case LONG1: return do_long(m);
    case BININT1:
    case BINPUT:
    case BINGET:
    case SHORT_BINUNICODE: return do_with_number(m, op, 1);
    case BININT2: return do_with_number(m, op, 2);
    case BININT:
    case LONG_BINPUT:
    case LONG_BINGET:
    case BINUNICODE: return do_with_number(m, op, 4);
    case MEMOIZE: return put_memo(m, m->memoized);
    case EMPTY_TUPLE: return make_tuple(m, 0);
    case TUPLE1: return make_tuple(m, 1);
    case TUPLE2: return make_tuple(m, 2);
    case TUPLE3: return make_tuple(m, 3);
    case TUPLE: return do_tuple(m);
    case EMPTY_LIST: return push_new(m, SAMC_PICKLE_LIST);
    case APPEND: return extend_by(m, 1, SAMC_PICKLE_LIST);
    case APPENDS: return extend_from_mark(m, SAMC_PICKLE_LIST);
    case EMPTY_DICT: return push_new(m, SAMC_PICKLE_DICT);
    case SETITEM: return extend_by(m, 2, SAMC_PICKLE_DICT);
    case SETITEMS: return extend_from_mark(m, SAMC_PICKLE_DICT);
    case GLOBAL: return do_global(m);
    case STACK_GLOBAL: return do_stack_global(m);
    case BINPERSID: return do_persistent_id(m);
    case REDUCE: return do_reduce(m);
    case BUILD: return do_build(m);
    default:
        return SAMC_FAIL(m->error, UNSUPPORTED,
                         "the pickle has the opcode 0x%02x, which torch.save does not write for a "
                         "state dict (nothing was run)",
                         op);
    }
}

samc_status samc_pickle_read(const uint8_t *data, size_t size, samc_arena *arena,
                             const samc_pickle_value **root, samc_error *error)
{
    machine m = {.at = data, .arena = arena, .error = error};

    if (size > PICKLE_MAX)
        return SAMC_FAIL(error, LIMIT, "the pickle has %zu bytes; the limit is %zu", size,
                         PICKLE_MAX);
    m.end = data + size;
    while (m.at < m.end) {
        uint8_t op = *m.at++;

        if (op != STOP) {
            SAMC_TRY(step(&m, op));
            continue;
        }
        if (m.depth != 1 || m.n_marks != 0 || m.at != m.end)
            return SAMC_FAIL(error, FORMAT, "the pickle stops at the wrong place");
        *root = m.stack[0];
        return SAMC_OK;
    }
    return cut_short(&m);
}

const samc_pickle_value *samc_pickle_get(const samc_pickle_value *value, const char *key)
{
    const samc_pickle_value *found = NULL;

    if (value->kind != SAMC_PICKLE_DICT)
        return NULL;
    /* a later item replaces an earlier one, as in Python */
    for (uint32_t i = 0; i < value->size; i += 2) {
        const samc_pickle_value *name = value->as.items[i];

        if (name->kind == SAMC_PICKLE_STRING && text_is(name->as.text, name->size, key))
            found = value->as.items[i + 1];
    }
    return found;
}
