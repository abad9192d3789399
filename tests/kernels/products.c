/* SPDX-License-Identifier: Apache-2.0
 *
 * pack_a, gemm and gemm_rows.
 */
#include "check.h"

#include "kernels/paths.h"

#include <math.h>
#include <stdlib.h>

void samc_check_pack_a(samc_check *check)
{
    const int64_t mr = check->kernels->gemm_mr;
    const int64_t m = samc_check_size(check, 100), k = samc_check_size(check, 300);
    const int64_t lda = samc_check_stride(check, k), rows = (m + mr - 1) / mr * mr;
    const float *a = samc_check_input(check, m, k, lda);
    float *panels = samc_check_output(check, 1, rows * k, rows * k);
    float *expected = samc_check_scratch(rows * k, sizeof *expected);

    samc_check_shape(check, "m %lld, k %lld, lda %lld", (long long)m, (long long)k, (long long)lda);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < k; j++)
            expected[(i / mr * k + j) * mr + i % mr] = i < m ? a[i * lda + j] : 0.0f;
    samc_check_seal(check);
    check->kernels->pack_a(a, lda, m, k, panels);
    samc_check_same(check, "panels", panels, expected, rows * k);
    samc_check_result(check, panels, 1, rows * k, rows * k);
    free(expected);
}

/* A product of random matrices, and its answer. */
typedef struct product {
    int64_t m, n, k, lda, ldc;
    int accumulate;
    float *a;              /* [m][k], stride lda */
    float *b;              /* [k][n] dense */
    float *c;              /* [m][n], stride ldc */
    float *portable;       /* [m][n], stride ldc: begins as c */
    samc_panels panels;    /* b for check->kernels */
    samc_panels portables; /* b for the portable path */
    float *portable_memory;
    double *reference, *tolerance; /* [m][n] */
} product;

/* Room of B in panels; what lies between and beyond the matrix stays as it was. */
static int64_t panels_size(const product *p, int64_t nr, const samc_panels *panels)
{
    return p->n && p->k
               ? (p->n - 1) / nr * panels->panel_stride + (p->k - 1) * panels->row_stride + nr
               : 0;
}

static void fill_panels(const product *p, int64_t nr, const samc_panels *panels, float *data)
{
    for (int64_t i = 0; i < panels_size(p, nr, panels); i++)
        data[i] = NAN; /* of columns that the matrix does not have nothing may reach the others */
    for (int64_t i = 0; i < p->k; i++)
        for (int64_t j = 0; j < p->n; j++)
            data[j / nr * panels->panel_stride + i * panels->row_stride + j % nr] =
                p->b[i * p->n + j];
}

static void set_up(samc_check *check, product *p, int64_t most_k)
{
    const int64_t nr = check->kernels->gemm_nr, portable_nr = samc_kernels_portable.gemm_nr;
    float *panels;

    p->m = samc_check_size(check, 130);
    p->n = samc_check_size(check, 150);
    p->k = samc_check_size(check, most_k);
    p->lda = samc_check_stride(check, p->k);
    p->ldc = samc_check_stride(check, p->n);
    p->accumulate = (int)samc_check_whole(check, 0, 1);
    p->panels.row_stride = samc_check_stride(check, nr);
    p->panels.panel_stride = p->k * p->panels.row_stride + samc_check_whole(check, 0, 1) * 19;
    samc_check_shape(check,
                     "m %lld, n %lld, k %lld, lda %lld, ldc %lld, row_stride %lld, panel_stride "
                     "%lld, accumulate %d",
                     (long long)p->m, (long long)p->n, (long long)p->k, (long long)p->lda,
                     (long long)p->ldc, (long long)p->panels.row_stride,
                     (long long)p->panels.panel_stride, p->accumulate);
    p->b = samc_check_scratch(p->k * p->n, sizeof *p->b);
    for (int64_t i = 0; i < p->k * p->n; i++)
        p->b[i] = samc_check_real(check, -1.0, 1.0);
    p->a = samc_check_input(check, p->m, p->k, p->lda);
    panels = samc_check_input(check, 1, panels_size(p, nr, &p->panels),
                              panels_size(p, nr, &p->panels));
    fill_panels(p, nr, &p->panels, panels);
    p->panels.data = panels;
    p->portables = (samc_panels){NULL, portable_nr, p->k * portable_nr};
    p->portable_memory = samc_check_scratch(panels_size(p, portable_nr, &p->portables),
                                            sizeof(float));
    fill_panels(p, portable_nr, &p->portables, p->portable_memory);
    p->portables.data = p->portable_memory;
    p->c = p->accumulate ? samc_check_inout(check, p->m, p->n, p->ldc)
                         : samc_check_output(check, p->m, p->n, p->ldc);
    p->portable = samc_check_scratch(p->m * p->ldc, sizeof(float));
    for (int64_t i = 0; i < p->m * p->n && p->accumulate; i++)
        p->portable[i / p->n * p->ldc + i % p->n] = p->c[i / p->n * p->ldc + i % p->n];
}

/* A sum of k products rounds k times, each time by at most half an ulp of what has been summed,
 * which is no more than the sum of the absolute products; adding to C rounds once more (and the +
 * 1 pays for the squares of these). Whatever the order and whether fused: the bound holds. */
static void solve(product *p)
{
    const int64_t count = p->m * p->n;

    p->reference = samc_check_scratch(count, sizeof *p->reference);
    p->tolerance = samc_check_scratch(count, sizeof *p->tolerance);
    for (int64_t i = 0; i < count; i++) {
        const int64_t row = i / p->n, column = i % p->n;
        double sum = p->accumulate ? (double)p->c[row * p->ldc + column] : 0.0, size = fabs(sum);

        for (int64_t l = 0; l < p->k; l++) {
            const double term = (double)p->a[row * p->lda + l] * (double)p->b[l * p->n + column];

            sum += term;
            size += fabs(term);
        }
        p->reference[i] = sum;
        p->tolerance[i] = (double)(p->k + 2) * SAMC_CHECK_HALF_ULP * size;
    }
}

static void compare(samc_check *check, const product *p)
{
    const samc_check_values values = {"c",          p->c, p->reference, p->portable,
                                      p->tolerance, p->m, p->n,         p->ldc};

    samc_check_near(check, &values);
    samc_check_result(check, p->c, p->m, p->n, p->ldc);
}

static void free_product(product *p)
{
    free(p->b);
    free(p->portable_memory);
    free(p->portable);
    free(p->reference);
    free(p->tolerance);
}

/* A in panels of `mr` rows; rows that A does not have are zero. */
static void pack(const product *p, int64_t mr, float *panels)
{
    for (int64_t i = 0; i < (p->m + mr - 1) / mr * mr; i++)
        for (int64_t l = 0; l < p->k; l++)
            panels[(i / mr * p->k + l) * mr + i % mr] = i < p->m ? p->a[i * p->lda + l] : 0.0f;
}

void samc_check_gemm(samc_check *check)
{
    const int64_t mr = check->kernels->gemm_mr, portable_mr = samc_kernels_portable.gemm_mr;
    product p = {0};
    int64_t room;
    float *packed, *portable_packed;

    set_up(check, &p, SAMC_GEMM_MAX_K);
    room = (p.m + mr - 1) / mr * mr * p.k;
    packed = samc_check_input(check, 1, room, room);
    portable_packed = samc_check_scratch((p.m + portable_mr) * p.k, sizeof(float));
    pack(&p, mr, packed);
    pack(&p, portable_mr, portable_packed);
    solve(&p);
    samc_check_seal(check);
    check->kernels->gemm(p.m, p.n, p.k, packed, &p.panels, p.c, p.ldc, p.accumulate);
    samc_kernels_portable.gemm(p.m, p.n, p.k, portable_packed, &p.portables, p.portable, p.ldc,
                               p.accumulate);
    compare(check, &p);
    free(portable_packed);
    free_product(&p);
}

void samc_check_gemm_rows(samc_check *check)
{
    product p = {0};

    set_up(check, &p, 500);
    solve(&p);
    samc_check_seal(check);
    check->kernels->gemm_rows(p.m, p.n, p.k, p.a, p.lda, &p.panels, p.c, p.ldc, p.accumulate);
    samc_kernels_portable.gemm_rows(p.m, p.n, p.k, p.a, p.lda, &p.portables, p.portable, p.ldc,
                                    p.accumulate);
    compare(check, &p);
    free_product(&p);
}
