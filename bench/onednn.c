/* SPDX-License-Identifier: Apache-2.0
 *
 * oneDNN's inner product for inference, with the weights in the layout that it asks for: what its
 * own documentation recommends.
 */
#include "yardstick.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>

typedef struct product {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t description, order_description;
    dnnl_primitive_t inner_product, order;
    dnnl_memory_t x, plain, weights, bias, y; /* plain: the weights as they came */
} product;

static void finish(void *state)
{
    product *p = state;
    const dnnl_memory_t memories[] = {p->x, p->plain, p->weights, p->bias, p->y};

    for (size_t i = 0; i < sizeof memories / sizeof memories[0]; i++)
        if (memories[i])
            (void)dnnl_memory_destroy(memories[i]);
    if (p->inner_product)
        (void)dnnl_primitive_destroy(p->inner_product);
    if (p->order)
        (void)dnnl_primitive_destroy(p->order);
    if (p->description)
        (void)dnnl_primitive_desc_destroy(p->description);
    if (p->order_description)
        (void)dnnl_primitive_desc_destroy(p->order_description);
    if (p->stream)
        (void)dnnl_stream_destroy(p->stream);
    if (p->engine)
        (void)dnnl_engine_destroy(p->engine);
    free(p);
}

static int describe(product *p, const yardstick_shape *s)
{
    const dnnl_dims_t x = {s->m, s->k}, w = {s->n, s->k}, bias = {s->n}, y = {s->m, s->n};
    dnnl_memory_desc_t mx, mw, mb, my;
    dnnl_inner_product_desc_t d;

    return dnnl_engine_create(&p->engine, dnnl_cpu, 0) == dnnl_success &&
           dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags) == dnnl_success &&
           dnnl_memory_desc_init_by_tag(&mx, 2, x, dnnl_f32, dnnl_ab) == dnnl_success &&
           dnnl_memory_desc_init_by_tag(&mw, 2, w, dnnl_f32, dnnl_format_tag_any) == dnnl_success &&
           dnnl_memory_desc_init_by_tag(&mb, 1, bias, dnnl_f32, dnnl_a) == dnnl_success &&
           dnnl_memory_desc_init_by_tag(&my, 2, y, dnnl_f32, dnnl_ab) == dnnl_success &&
           dnnl_inner_product_forward_desc_init(&d, dnnl_forward_inference, &mx, &mw, &mb, &my) ==
               dnnl_success &&
           dnnl_primitive_desc_create(&p->description, &d, NULL, p->engine, NULL) == dnnl_success &&
           dnnl_primitive_create(&p->inner_product, p->description) == dnnl_success;
}

/* The library takes every pointer as one that it may write through; it does not with these. */
static void *writable(const float *values)
{
    const union {
        const float *given;
        void *wanted;
    } data = {values};

    return data.wanted;
}

/* The index-th memory of that kind of the inner product, over `values`. */
static int wrap(product *p, dnnl_query_t what, int index, const float *values,
                dnnl_memory_t *memory)
{
    const dnnl_memory_desc_t *d = dnnl_primitive_desc_query_md(p->description, what, index);

    return d && dnnl_memory_create(memory, d, p->engine, writable(values)) == dnnl_success;
}

/* The weights in the layout that the inner product chose. */
static int order_weights(product *p, const yardstick_shape *s, const float *w)
{
    const dnnl_memory_desc_t *wanted = dnnl_primitive_desc_query_md(p->description,
                                                                    dnnl_query_weights_md, 0);
    const dnnl_dims_t dims = {s->n, s->k};
    dnnl_memory_desc_t plain;
    dnnl_exec_arg_t args[2];

    if (!wanted ||
        dnnl_memory_desc_init_by_tag(&plain, 2, dims, dnnl_f32, dnnl_ab) != dnnl_success ||
        dnnl_memory_create(&p->plain, &plain, p->engine, writable(w)) != dnnl_success ||
        dnnl_memory_create(&p->weights, wanted, p->engine, DNNL_MEMORY_ALLOCATE) != dnnl_success ||
        dnnl_reorder_primitive_desc_create(&p->order_description, &plain, p->engine, wanted,
                                           p->engine, NULL) != dnnl_success ||
        dnnl_primitive_create(&p->order, p->order_description) != dnnl_success)
        return 0;
    args[0] = (dnnl_exec_arg_t){DNNL_ARG_FROM, p->plain};
    args[1] = (dnnl_exec_arg_t){DNNL_ARG_TO, p->weights};
    return dnnl_primitive_execute(p->order, p->stream, 2, args) == dnnl_success &&
           dnnl_stream_wait(p->stream) == dnnl_success;
}

static void *prepare(const yardstick_shape *shape, const float *x, const float *w,
                     const float *bias, float *y)
{
    product *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    if (describe(p, shape) && order_weights(p, shape, w) &&
        wrap(p, dnnl_query_src_md, 0, x, &p->x) &&
        wrap(p, dnnl_query_weights_md, 1, bias, &p->bias) &&
        wrap(p, dnnl_query_dst_md, 0, y, &p->y))
        return p;
    finish(p);
    return NULL;
}

static int run(void *state)
{
    const product *p = state;
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, p->x},
                                    {DNNL_ARG_WEIGHTS, p->weights},
                                    {DNNL_ARG_BIAS, p->bias},
                                    {DNNL_ARG_DST, p->y}};

    return dnnl_primitive_execute(p->inner_product, p->stream, 4, args) == dnnl_success &&
           dnnl_stream_wait(p->stream) == dnnl_success;
}

const yardstick yardstick_onednn = {"oneDNN", prepare, run, finish};
