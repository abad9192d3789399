/* SPDX-License-Identifier: Apache-2.0 */
#include "model/mix.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* H n: a row for each token in each head. */
static int64_t rows_of(const samc_cross *c, int64_t n)
{
    return c->heads * n;
}

/* Rows of z that layer `layer` leaves: one vector a row of each layer, and the constant. */
static int64_t mixed_rows(const samc_cross *c, int32_t layer, int64_t n)
{
    return layer ? 2 * rows_of(c, n) + 1 : rows_of(c, n);
}

/* ------------------------------------------------------------------------- the photo */

/* Rows of a block of samc_mix_photo, I each but for the last four: products of the photo with what
 * the layers' replies, keys and queries are made of, the first up-scaling [E], and the squares. */
enum {
    PHOTO_REPLY0, /* 2 O0^T a, after layer 0 */
    PHOTO_KEYS1,
    PHOTO_QUERIES1,
    PHOTO_REPLY0_AGAIN, /* 2 O0^T a in its second form, after layer 1 */
    PHOTO_REPLY1,       /* 2 O1^T a */
    PHOTO_KEYS2,
    PHOTO_UP /* [E], then |a|^2 of layer 0, of layer 1, and 2 a . constant */
};

static int64_t photo_rows(const samc_cross *c)
{
    return PHOTO_UP * c->inner + c->e + 3;
}

/* Row `which` * I + `more` of block `index`. */
static const float *photo_at(const samc_cross *c, const samc_mix_photo *photo, int64_t index,
                             int64_t which, int64_t more)
{
    return photo->rows + (index * photo_rows(c) + which * c->inner + more) * c->blocks.pitch;
}

samc_status samc_mix_photo_new(const samc_cross *c, samc_mix_photo *photo, samc_error *error)
{
    const size_t rows = (size_t)samc_blocks_floats(&c->blocks, photo_rows(c));
    const size_t values = (size_t)(c->blocks.tokens * c->inner + SAMC_LEFT_SLACK);

    *photo = (samc_mix_photo){NULL, NULL, NULL};
    SAMC_TRY(samc_alloc_zero(rows, sizeof *photo->rows, &photo->rows, error));
    SAMC_TRY(samc_alloc_zero(values, sizeof *photo->values1, &photo->values1, error));
    return samc_alloc_zero(values, sizeof *photo->values2, &photo->values2, error);
}

void samc_mix_photo_free(samc_mix_photo *photo)
{
    free(photo->rows);
    free(photo->values1);
    free(photo->values2);
    *photo = (samc_mix_photo){NULL, NULL, NULL};
}

/* Takes the mean of its E numbers from each column. `mean` [columns] is scratch. */
static void centre_columns(const samc_cross *c, int64_t columns, float *x, float *mean)
{
    const int64_t pitch = c->blocks.pitch;

    memset(mean, 0, (size_t)columns * sizeof *mean);
    for (int64_t i = 0; i < c->e; i++)
        for (int64_t j = 0; j < columns; j++)
            mean[j] += x[i * pitch + j];
    for (int64_t j = 0; j < columns; j++)
        mean[j] /= (float)c->e;
    for (int64_t i = 0; i < c->e; i++)
        for (int64_t j = 0; j < columns; j++)
            x[i * pitch + j] -= mean[j];
}

void samc_mix_photo_block(const samc_cross *c, const samc_mix_weights *w, int64_t index, float *x,
                          const samc_cross_scratch *s, const samc_mix_photo *photo)
{
    const int64_t pitch = c->blocks.pitch, columns = samc_blocks_columns(&c->blocks, index);
    const int64_t values = index * c->blocks.width * c->inner;
    float *rows = photo->rows + index * photo_rows(c) * pitch;
    float *up = rows + PHOTO_UP * c->inner * pitch, *square = up + c->e * pitch;

    for (int64_t i = 0; i < c->e; i++)
        for (int64_t j = 0; j < columns; j++)
            x[i * pitch + j] += w->shift[i];
    centre_columns(c, columns, x, s->sum);
    samc_left_times(c->kernels, &w->photo0, columns, x, pitch, rows, pitch, 0);
    samc_cross_values(c, &w->photo_values1, columns, x, s->packed, photo->values1 + values);
    c->kernels->dot_columns(x, x, pitch, c->e, columns, NULL, square, square);
    for (int64_t i = 0; i < c->e; i++)
        for (int64_t j = 0; j < columns; j++)
            x[i * pitch + j] *= w->scale[i];
    centre_columns(c, columns, x, s->sum);
    samc_left_times(c->kernels, &w->photo1, columns, x, pitch,
                    rows + PHOTO_REPLY0_AGAIN * c->inner * pitch, pitch, 0);
    samc_cross_values(c, &w->photo_values2, columns, x, s->packed, photo->values2 + values);
    c->kernels->dot_columns(x, x, pitch, c->e, columns, NULL, square + pitch, square + pitch);
    for (int64_t i = 0; i < c->e; i++)
        for (int64_t j = 0; j < columns; j++)
            square[2 * pitch + j] += 2.0f * w->constant[i] * x[i * pitch + j];
}

/* ------------------------------------------------------------------------- a prompt's image */

int samc_mix_pays(const samc_cross *c, int64_t n)
{
    const int64_t r = rows_of(c, n);
    /* multiplications a token of the image: what one pass after the other does in the rows of z and
     * with the photo's projections, and the first up-scaling, against these with the image */
    const int64_t mixed = 12 * r * r + 10 * n * c->inner + 2 * r * c->e;
    const int64_t image = 7 * r * c->e + 4 * n * c->inner + c->e * c->e;

    return samc_cross_few(c, n) && mixed < image;
}

int64_t samc_mix_floats(const samc_cross *c, int64_t n)
{
    return samc_blocks_floats(&c->blocks, mixed_rows(c, 1, n) + 1) + 2 * n * c->inner;
}

samc_mix samc_mix_at(const samc_cross *c, int64_t n, float *floats)
{
    return (samc_mix){n, floats, floats + samc_blocks_floats(&c->blocks, mixed_rows(c, 1, n) + 1)};
}

static float *z_at(const samc_cross *c, const samc_mix *mix, int64_t index)
{
    return mix->z + index * (mixed_rows(c, 1, mix->n) + 1) * c->blocks.pitch;
}

/* The row of sigma in a block of z. */
static float *sigma_of(const samc_cross *c, const samc_mix *mix, float *z)
{
    return z + mixed_rows(c, 1, mix->n) * c->blocks.pitch;
}

/* ------------------------------------------------------------------------- a pass: its factors */

/* Floats of a block's part of the look: highest and total score of each row, the sums of z, and
 * those of the photo's values. */
static int64_t part_floats(const samc_cross *c, int32_t layer, int64_t n)
{
    const int64_t r = rows_of(c, n);

    return 2 * r + mixed_rows(c, layer, n) * samc_cross_pitch(r) + r * samc_cross_head_dim(c);
}

/* What begin and end need beside their results. */
typedef struct desk {
    float *turned[2]; /* [I][pitch of n]: values of both layers, transposed */
    float *half;      /* [R][I] */
    float *whole;     /* [R][2 R + 1], or [2 R + 1][I] with slack behind */
    float *first;     /* a head's sums as a first factor */
} desk;

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Floats of the desk's arrays, in their order. */
static int64_t turned_floats(const samc_cross *c, int64_t n)
{
    return c->inner * samc_cross_pitch(n) + SAMC_LEFT_SLACK;
}

static int64_t half_floats(const samc_cross *c, int64_t n)
{
    return rows_of(c, n) * c->inner;
}

static int64_t whole_floats(const samc_cross *c, int64_t n)
{
    return mixed_rows(c, 1, n) * larger(rows_of(c, n), c->inner) + SAMC_LEFT_SLACK;
}

static int64_t desk_floats(const samc_cross *c, int64_t n)
{
    return 2 * turned_floats(c, n) + half_floats(c, n) + whole_floats(c, n) +
           samc_left_floats(c->kernels, n, mixed_rows(c, 1, n));
}

static desk desk_at(const samc_cross *c, int64_t n, float *floats)
{
    const int64_t across = turned_floats(c, n);
    desk d = {{floats, floats + across}, floats + 2 * across, NULL, NULL};

    d.whole = d.half + half_floats(c, n);
    d.first = d.whole + whole_floats(c, n);
    return d;
}

samc_status samc_mix_pass_take(const samc_cross *c, const samc_mix_weights *weights, int32_t layer,
                               int64_t n, samc_arena *arena, samc_mix_pass *pass, samc_error *error)
{
    const int64_t r = rows_of(c, n), d = samc_cross_head_dim(c);

    *pass = (samc_mix_pass){.weights = weights, .layer = layer};
    SAMC_TRY(samc_cross_lefts(c, arena, c->heads, n, d, &pass->keys, error));
    SAMC_TRY(samc_cross_lefts(c, arena, c->heads, n, d, &pass->queries, error));
    SAMC_TRY(samc_cross_lefts(c, arena, (layer + 1) * c->heads, n, d, &pass->products, error));
    SAMC_TRY(samc_cross_lefts(c, arena, 1, r, r, &pass->gram[0], error));
    if (layer) {
        SAMC_TRY(samc_cross_lefts(c, arena, 1, r, r, &pass->key_mix, error));
        SAMC_TRY(samc_cross_lefts(c, arena, 1, r, 2 * r, &pass->gram[1], error));
        SAMC_TRY(samc_arena_take(arena, (size_t)(2 * r), sizeof *pass->gram_bias, &pass->gram_bias,
                                 error));
    }
    SAMC_TRY(samc_cross_lefts(c, arena, 1, r, mixed_rows(c, layer, n), &pass->query_mix, error));
    SAMC_TRY(samc_arena_take(arena, (size_t)r, sizeof *pass->key_bias, &pass->key_bias, error));
    SAMC_TRY(samc_arena_take(arena, (size_t)(c->blocks.count * part_floats(c, layer, n)),
                             sizeof *pass->parts, &pass->parts, error));
    return samc_arena_take(arena, (size_t)desk_floats(c, n), sizeof *pass->scratch, &pass->scratch,
                           error);
}

static void pack_heads(const samc_cross *c, const samc_left *lefts, const float *x)
{
    for (int64_t h = 0; h < c->heads; h++)
        samc_left_pack(c->kernels, &lefts[h], x + h * samc_cross_head_dim(c), c->inner, 1);
}

/* out [R] = factor * x's rows, a head each, with `with` [I]; stride floats apart. */
static void dot_heads(const samc_cross *c, int64_t n, const float *x, const float *with,
                      float factor, float *out, int64_t stride)
{
    const int64_t d = samc_cross_head_dim(c);

    for (int64_t i = 0; i < rows_of(c, n); i++) {
        float sum = 0.0f;

        for (int64_t j = 0; j < d; j++)
            sum += x[i % n * c->inner + i / n * d + j] * with[i / n * d + j];
        out[i * stride] = factor * sum;
    }
}

/* out [R][stride]: x's rows times `form` [I][I] times those of the values that are `turned`. */
static void between(const samc_cross *c, int64_t n, const float *x, const float *form,
                    const float *turned, float *half, float *out, int64_t stride)
{
    const int64_t d = samc_cross_head_dim(c), pitch = samc_cross_pitch(n);

    samc_cross_head_rows(c, n, x, form, c->inner, half);
    for (int64_t h = 0; h < c->heads; h++) {
        const samc_panels second = {turned + h * d * pitch, pitch, c->kernels->gemm_nr};

        c->kernels->gemm_rows(rows_of(c, n), n, d, half + h * d, c->inner, &second, out + h * n,
                              stride, 0);
    }
}

static void turn(const samc_cross *c, int64_t n, const float *values, float *turned)
{
    c->kernels->transpose(values, c->inner, n, c->inner, turned, samc_cross_pitch(n));
}

static void begin0(const samc_cross *c, const samc_mix_pass *pass, const samc_mix *mix,
                   const float *q, const desk *d)
{
    const int64_t n = mix->n, r = rows_of(c, n);
    const samc_mix_weights *w = pass->weights;

    between(c, n, mix->values, w->gram, d->turned[0], d->half, d->whole, r);
    samc_left_pack(c->kernels, pass->gram[0], d->whole, r, 1);
    between(c, n, q, w->keys1, d->turned[0], d->half, d->whole, r);
    samc_left_pack(c->kernels, pass->query_mix, d->whole, r, 1);
}

static void begin1(const samc_cross *c, const samc_mix_pass *pass, const samc_mix *mix,
                   const float *k, const float *q, const desk *d)
{
    const int64_t n = mix->n, r = rows_of(c, n), all = 2 * r + 1;
    const samc_mix_weights *w = pass->weights;
    const float *first = mix->values, *second = mix->values + n * c->inner;

    pack_heads(c, pass->products + c->heads, second);
    turn(c, n, second, d->turned[1]);
    between(c, n, k, w->queries, d->turned[0], d->half, d->whole, r);
    samc_left_pack(c->kernels, pass->key_mix, d->whole, r, 1);
    between(c, n, first, w->gram00, d->turned[0], d->half, d->whole, r);
    samc_left_pack(c->kernels, pass->gram[0], d->whole, r, 1);
    between(c, n, second, w->gram10, d->turned[0], d->half, d->whole, 2 * r);
    between(c, n, second, w->gram11, d->turned[1], d->half, d->whole + r, 2 * r);
    samc_left_pack(c->kernels, pass->gram[1], d->whole, 2 * r, 1);
    dot_heads(c, n, first, w->gram0c, 1.0f, pass->gram_bias, 1);
    dot_heads(c, n, second, w->gram1c, 1.0f, pass->gram_bias + r, 1);
    between(c, n, q, w->keys2[0], d->turned[0], d->half, d->whole, all);
    between(c, n, q, w->keys2[1], d->turned[1], d->half, d->whole + r, all);
    dot_heads(c, n, q, w->keys2c, 1.0f, d->whole + 2 * r, all);
    samc_left_pack(c->kernels, pass->query_mix, d->whole, all, 1);
}

void samc_mix_begin(const samc_cross *c, const samc_mix_pass *pass, const samc_mix *mix,
                    const float *k, const float *v, const float *q)
{
    const int64_t n = mix->n, size = n * c->inner;
    const desk d = desk_at(c, n, pass->scratch);

    memcpy(mix->values + pass->layer * size, v, (size_t)size * sizeof *v);
    pack_heads(c, pass->keys, k);
    pack_heads(c, pass->queries, q);
    pack_heads(c, pass->products, mix->values);
    turn(c, n, mix->values, d.turned[0]);
    dot_heads(c, n, k, pass->weights->q_bias[pass->layer], samc_cross_scale(c), pass->key_bias, 1);
    if (pass->layer)
        begin1(c, pass, mix, k, q, &d);
    else
        begin0(c, pass, mix, q, &d);
}

/* ------------------------------------------------------------------------- a pass: a block */

/* What the steps of a block share. */
typedef struct block {
    const samc_cross *c;
    const samc_mix_pass *pass;
    const samc_cross_scratch *scratch;
    int64_t n, r, columns, pitch, index;
    float *z, *sigma;
} block;

/* y [R] = each head's `lefts` [n][d] times its rows of x [I]. */
static void heads_times(const block *b, const samc_left *lefts, const float *x, float *y)
{
    const int64_t d = samc_cross_head_dim(b->c);

    for (int64_t h = 0; h < b->c->heads; h++)
        samc_left_times(b->c->kernels, &lefts[h], b->columns, x + h * d * b->pitch, b->pitch,
                        y + h * b->n * b->pitch, b->pitch, 0);
}

/* y += left z. */
static void add_mixed(const block *b, const samc_left *left, float *y)
{
    samc_left_times(b->c->kernels, left, b->columns, b->z, b->pitch, y, b->pitch, 1);
}

/* inner = sigma * the photo's rows `which` + the position's rows `position`. */
static const float *image_rows(const block *b, const samc_mix_photo *photo, int64_t which,
                               int64_t position)
{
    const samc_cross *c = b->c;
    const float *pe = b->pass->weights->pe + (b->index * 3 + position) * c->inner * b->pitch;

    c->kernels->blend_columns(photo_at(c, photo, b->index, which, 0), pe, b->pitch, c->inner,
                              b->columns, b->sigma, b->scratch->inner, b->pitch);
    return b->scratch->inner;
}

/* z's rows of this layer: how much of each token's value the image takes. */
static void reply(const block *b, const float *queries)
{
    const samc_cross *c = b->c;
    float *z = b->z + b->pass->layer * b->r * b->pitch;

    heads_times(b, b->pass->keys, queries, z);
    if (b->pass->layer)
        add_mixed(b, b->pass->key_mix, z);
    for (int64_t h = 0; h < c->heads; h++)
        c->kernels->softmax_columns(z + h * b->n * b->pitch, b->pitch, b->n, b->columns,
                                    samc_cross_scale(c), b->pass->key_bias + h * b->n);
}

/* x [columns] from the sum of squares to the norm's factor. A sum that ought to be 0 may have been
 * rounded below it. */
static void norm_factor(const block *b, float eps, float *x)
{
    for (int64_t j = 0; j < b->columns; j++)
        x[j] = 1.0f / sqrtf(fmaxf(x[j], 0.0f) / (float)b->c->e + eps);
}

static void norm0(const block *b, const samc_mix_photo *photo, float eps)
{
    const samc_cross *c = b->c;
    float *products = b->scratch->scores;

    heads_times(b, b->pass->products, photo_at(c, photo, b->index, PHOTO_REPLY0, 0), products);
    add_mixed(b, b->pass->gram[0], products);
    c->kernels->dot_columns(b->z, products, b->pitch, b->r, b->columns, NULL,
                            photo_at(c, photo, b->index, PHOTO_UP, c->e), b->sigma);
    norm_factor(b, eps, b->sigma);
    c->kernels->scale_columns(b->z, b->pitch, b->r, b->columns, b->sigma);
}

static void norm1(const block *b, const samc_mix_photo *photo, float eps)
{
    const samc_cross *c = b->c;
    const samc_mix_pass *p = b->pass;
    const float *square = photo_at(c, photo, b->index, PHOTO_UP, c->e + 1);
    float *products = b->scratch->scores, *second = products + b->r * b->pitch;
    float *factor = b->z + 2 * b->r * b->pitch;

    heads_times(b, p->products, photo_at(c, photo, b->index, PHOTO_REPLY0_AGAIN, 0), products);
    heads_times(b, p->products + c->heads, photo_at(c, photo, b->index, PHOTO_REPLY1, 0), second);
    c->kernels->scale_columns(products, b->pitch, 2 * b->r, b->columns, b->sigma);
    add_mixed(b, p->gram[0], products);
    add_mixed(b, p->gram[1], second);
    for (int64_t j = 0; j < b->columns; j++)
        factor[j] = b->sigma[j] * (b->sigma[j] * square[j] + square[b->pitch + j]) +
                    p->weights->gramcc;
    c->kernels->dot_columns(b->z, products, b->pitch, 2 * b->r, b->columns, p->gram_bias, factor,
                            factor);
    norm_factor(b, eps, factor);
    c->kernels->scale_columns(b->z, b->pitch, 2 * b->r, b->columns, factor);
    c->kernels->scale_columns(b->sigma, b->pitch, 1, b->columns, factor);
}

static void look(const block *b, const float *keys, const float *values)
{
    const samc_cross *c = b->c;
    const int64_t d = samc_cross_head_dim(c), across = samc_cross_pitch(b->r);
    const int64_t mixed = mixed_rows(c, b->pass->layer, b->n);
    const samc_panels weights = {b->scratch->columns, across, c->kernels->gemm_nr};
    float *scores = b->scratch->scores;
    float *part = b->pass->parts + b->index * part_floats(c, b->pass->layer, b->n);
    float *sums = part + 2 * b->r, *of_photo = sums + mixed * across;

    heads_times(b, b->pass->queries, keys, scores);
    add_mixed(b, b->pass->query_mix, scores);
    samc_cross_weigh(c, b->r, b->columns, scores, part, part + b->r);
    c->kernels->transpose(scores, b->pitch, b->r, b->columns, b->scratch->columns, across);
    c->kernels->gemm_rows(mixed, b->r, b->columns, b->z, b->pitch, &weights, sums, across, 0);
    c->kernels->scale_columns(scores, b->pitch, b->r, b->columns, b->sigma);
    for (int64_t h = 0; h < c->heads; h++) {
        const samc_panels second = {values + h * d, c->inner, c->kernels->gemm_nr};

        c->kernels->gemm_rows(b->n, d, b->columns, scores + h * b->n * b->pitch, b->pitch, &second,
                              of_photo + h * b->n * d, d, 0);
    }
}

void samc_mix_block(const samc_cross *c, const samc_mix_pass *pass, const samc_mix *mix,
                    const samc_shared_projections *first, const samc_mix_photo *photo, float eps,
                    int64_t index, const samc_cross_scratch *scratch)
{
    const int64_t values = index * c->blocks.width * c->inner;
    block b = {.c = c,
               .pass = pass,
               .scratch = scratch,
               .n = mix->n,
               .r = rows_of(c, mix->n),
               .columns = samc_blocks_columns(&c->blocks, index),
               .pitch = c->blocks.pitch,
               .index = index,
               .z = z_at(c, mix, index)};

    b.sigma = sigma_of(c, mix, b.z);
    if (pass->layer == 0) {
        reply(&b, first->queries + index * c->inner * b.pitch);
        norm0(&b, photo, eps);
        look(&b, image_rows(&b, photo, PHOTO_KEYS1, 0), photo->values1 + values);
    } else {
        reply(&b, image_rows(&b, photo, PHOTO_QUERIES1, 1));
        norm1(&b, photo, eps);
        look(&b, image_rows(&b, photo, PHOTO_KEYS2, 2), photo->values2 + values);
    }
}

/* ------------------------------------------------------------------------- a pass: its end */

/* Adds the blocks' sums up, the first of them becoming those of all; out = the photo's. */
static void join(const samc_cross *c, const samc_mix_pass *pass, int64_t n, float *out)
{
    const int64_t r = rows_of(c, n), d = samc_cross_head_dim(c), across = samc_cross_pitch(r);
    const int64_t size = part_floats(c, pass->layer, n), mixed = mixed_rows(c, pass->layer, n);
    float *sums = pass->parts + 2 * r;

    samc_cross_join(c, pass->parts, r, size);
    memset(out, 0, (size_t)(n * c->inner) * sizeof *out);
    for (int64_t b = 0; b < c->blocks.count; b++) {
        const float *factor = pass->parts + b * size, *part = factor + 2 * r;
        const float *of_photo = part + mixed * across;

        for (int64_t i = 0; i < mixed; i++)
            for (int64_t j = 0; j < r; j++)
                sums[i * across + j] = (b ? sums[i * across + j] : 0.0f) +
                                       factor[j] * part[i * across + j];
        for (int64_t i = 0; i < r; i++, of_photo += d)
            for (int64_t j = 0; j < d; j++)
                out[i % n * c->inner + i / n * d + j] += factor[i] * of_photo[j];
    }
}

void samc_mix_end(const samc_cross *c, const samc_mix_pass *pass, const samc_mix *mix, float *out)
{
    const int64_t n = mix->n, r = rows_of(c, n), across = samc_cross_pitch(r);
    const int64_t d = samc_cross_head_dim(c);
    const samc_mix_weights *w = pass->weights;
    const float *sums = pass->parts + 2 * r;
    const desk k = desk_at(c, n, pass->scratch);
    const samc_left first = {n, mixed_rows(c, pass->layer, n), k.first};

    join(c, pass, n, out);
    samc_cross_head_rows(c, n, mix->values, pass->layer ? w->values2[0] : w->values1, c->inner,
                         k.whole);
    if (pass->layer) {
        samc_cross_head_rows(c, n, mix->values + n * c->inner, w->values2[1], c->inner,
                             k.whole + r * c->inner);
        memcpy(k.whole + 2 * r * c->inner, w->values2c, (size_t)c->inner * sizeof *k.whole);
    }
    for (int64_t h = 0; h < c->heads; h++) {
        samc_left_pack(c->kernels, &first, sums + h * n, 1, across);
        samc_left_times(c->kernels, &first, d, k.whole + h * d, c->inner, out + h * d, c->inner, 1);
    }
    for (int64_t i = 0; i < n; i++)
        c->kernels->epilogue(out + i * c->inner, c->inner, pass->layer ? w->v_bias2 : w->v_bias1,
                             SAMC_ACT_NONE, NULL);
}

double samc_mix_flops(const samc_cross *c, const samc_mix_pass *pass, int64_t n, double *ends)
{
    const double r = (double)rows_of(c, n), of_photo = (double)(n * c->inner);
    const double inner = (double)c->inner, mixed = (double)mixed_rows(c, pass->layer, n);
    const double forms = pass->layer ? 6.0 : 2.0;

    *ends = 2.0 * (forms * (of_photo * inner + r * of_photo) + mixed * inner * (double)n * 2.0);
    return 2.0 * (double)c->blocks.tokens *
           (of_photo * (pass->layer ? 5.0 : 4.0) + r * r * (pass->layer ? 4.0 : 1.0) +
            2.0 * r * mixed);
}

/* ------------------------------------------------------------------------- up-scaling */

samc_status samc_mix_upscaling_take(const samc_cross *c, int64_t n, samc_arena *arena,
                                    samc_left **left, float **scratch, samc_error *error)
{
    const int64_t mixed = mixed_rows(c, 1, n);

    SAMC_TRY(samc_cross_lefts(c, arena, 1, c->e, mixed, left, error));
    return samc_arena_take(arena, (size_t)(mixed * c->e), sizeof **scratch, scratch, error);
}

void samc_mix_upscaling_begin(const samc_cross *c, const samc_mix_weights *w, const samc_mix *mix,
                              const samc_left *left, float *scratch)
{
    const int64_t n = mix->n, r = rows_of(c, n);

    samc_cross_head_rows(c, n, mix->values, w->up[0], c->e, scratch);
    samc_cross_head_rows(c, n, mix->values + n * c->inner, w->up[1], c->e, scratch + r * c->e);
    memcpy(scratch + 2 * r * c->e, w->upc, (size_t)c->e * sizeof *scratch);
    samc_left_pack(c->kernels, left, scratch, 1, c->e);
}

void samc_mix_upscale(const samc_cross *c, const samc_mix *mix, const samc_mix_photo *photo,
                      const samc_left *left, int64_t index, int64_t first, int64_t columns,
                      float *out, int64_t out_stride)
{
    float *z = z_at(c, mix, index);

    c->kernels->blend_columns(photo_at(c, photo, index, PHOTO_UP, 0) + first, NULL, c->blocks.pitch,
                              c->e, columns, sigma_of(c, mix, z) + first, out, out_stride);
    samc_left_times(c->kernels, left, columns, z + first, c->blocks.pitch, out, out_stride, 1);
}
