/* SPDX-License-Identifier: Apache-2.0
 *
 * To be preloaded (LD_PRELOAD): makes the SAMC_FAIL_AT-th allocation after main's start fail, once
 * (0: none), and writes "CALLS FAILED\n" into the file SAMC_FAIL_REPORT at exit: how many
 * allocations there were, and whether one failed. glibc only: it exports its own functions under
 * second names, so that no dlsym (which allocates) is needed on the way.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static atomic_long calls = -1; /* -1: main has not started */
static atomic_int failed;
static long fail_at;

static int refuse(void)
{
    if (atomic_load(&calls) < 0)
        return 0;
    if (atomic_fetch_add(&calls, 1) + 1 != fail_at)
        return 0;
    atomic_store(&failed, 1);
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return refuse() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return refuse() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return refuse() ? NULL : __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return refuse() ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *p = refuse() ? NULL : __libc_memalign(alignment, size);

    if (!p)
        return ENOMEM;
    *memory = p;
    return 0;
}

/* Runs on exit() and on a return from main; not after a crash, so no report means a crash. */
static void report(void)
{
    const char *path = getenv("SAMC_FAIL_REPORT");
    long n = atomic_exchange(&calls, -1);
    char text[64];
    int length = snprintf(text, sizeof text, "%ld %d\n", n, atomic_load(&failed));
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;

    if (fd >= 0) {
        if (write(fd, text, (size_t)length) != length)
            abort();
        (void)close(fd);
    }
}

typedef int main_fn(int argc, char **argv, char **envp);
typedef int start_fn(main_fn *program, int argc, char **argv, void (*init)(void),
                     void (*fini)(void), void (*rtld_fini)(void), void *stack_end);

static main_fn *real_main;

static int counted_main(int argc, char **argv, char **envp)
{
    const char *text = getenv("SAMC_FAIL_AT");

    fail_at = text ? atol(text) : 0;
    (void)atexit(report);
    atomic_store(&calls, 0);
    return real_main(argc, argv, envp);
}

/* The loader's own allocations before main are none of samc's business. */
int __libc_start_main(main_fn *program, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end);

int __libc_start_main(main_fn *program, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    void *symbol = dlsym(RTLD_NEXT, "__libc_start_main");
    start_fn *start;

    memcpy(&start, &symbol, sizeof start);
    real_main = program;
    return start(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}
