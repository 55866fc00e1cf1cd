/*
 * Stacks: see stack.h.
 *
 * State, for each thread: a list of free stacks for each size class, last used first, and the list of the slabs that
 * they were cut from. Invariants: a slab's stacks are all of one class; a slab is unmapped only when all of its stacks
 * are free.
 */

#define _GNU_SOURCE
#include "scheduler/stack.h"
#include "scheduler/overflow.h"
#include "scheduler/thread.h"
#include <quipu/runtime.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum {
    CLASSES = 15, /* 16 KiB << 0 up to 256 MiB */
    COLOURS = 20, /* 128 bytes apart: up to 2432 bytes, which leaves most of a page for frames */
    COLOUR_STEP = 128,
    SLAB_BYTES = 2 << 20, /* about, for small stacks */
    MOST_MAPPED_GUARDS = 8000
};

struct slab {
    struct slab *next;
    char *memory;
    size_t bytes, stride, size, count;
    size_t in_use;
    size_t mapped_guards;
    unsigned valgrind[64]; /* one for each stack */
};

struct pool {
    struct qp_stack *free[CLASSES];
    struct slab *slabs;
    unsigned colour;
    size_t mapped_guards;
};

static _Thread_local struct pool pool;

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static inline unsigned rank_of(size_t size)
{
    size_t units = (size - 1) / QP_STACK_LEAST;
    return units ? 64 - (unsigned)__builtin_clzll(units) : 0;
}

/* Guards a page, one way or the other. */
static void guard(struct slab *slab, char *page)
{
    if (madvise(page, page_size(), MADV_GUARD_INSTALL) == 0)
        return;
    if (pool.mapped_guards >= MOST_MAPPED_GUARDS || mprotect(page, page_size(), PROT_NONE) != 0)
        return;
    pool.mapped_guards++;
    slab->mapped_guards++;
}

/* Cuts the index-th stack out of a slab: a guard page, `size` bytes, and its head at the top of these. */
static struct qp_stack *cut(struct slab *slab, size_t index)
{
    char *low = slab->memory + index * slab->stride, *end = low + page_size() + slab->size;
    size_t offset = (size_t)(pool.colour++ % COLOURS) * COLOUR_STEP;
    struct qp_stack *stack = (struct qp_stack *)(void *)(end - offset - sizeof(struct qp_stack));
    guard(slab, low);
    slab->valgrind[index] = (unsigned)VALGRIND_STACK_REGISTER(low + page_size(), end);
    stack->bottom = low + page_size();
    stack->top = (char *)((uintptr_t)stack & ~(uintptr_t)63);
    stack->size = slab->size;
    return stack;
}

static struct slab *slab_of(const struct qp_stack *stack)
{
    struct slab *slab = pool.slabs;
    const char *at = (const char *)stack;
    while (slab && !(at >= slab->memory && at < slab->memory + slab->bytes))
        slab = slab->next;
    return slab;
}

/* Maps a slab of stacks; memory is reserved, not yet used, and a stack's page costs something when it is touched. */
static struct slab *map_slab(size_t size)
{
    size_t pages = size / page_size() + 1; /* and the guard */
    size_t stride = (pages % 2 ? pages : pages + 1) * page_size();
    size_t count = SLAB_BYTES / stride;
    struct slab *slab;
    void *memory;
    if (count < 1)
        count = 1;
    if (count > 64)
        count = 64;
    memory = mmap(NULL, stride * count + page_size(), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    slab = (struct slab *)(void *)((char *)memory + stride * count);
    slab->memory = memory;
    slab->bytes = stride * count + page_size();
    slab->stride = stride;
    slab->size = size;
    slab->count = count;
    slab->in_use = 0;
    slab->mapped_guards = 0;
    slab->next = pool.slabs;
    pool.slabs = slab;
    return slab;
}

static bool grow(unsigned rank)
{
    struct slab *slab = map_slab(QP_STACK_LEAST << rank);
    size_t i;
    if (!slab)
        return false;
    qp_overflow_watch();
    for (i = slab->count; i-- > 0;) {
        struct qp_stack *stack = cut(slab, i);
        stack->next = pool.free[rank];
        pool.free[rank] = stack;
    }
    return true;
}

struct qp_stack *qp_stack_take(size_t size)
{
    unsigned rank = rank_of(size ? size : QP_STACK_USUAL);
    struct qp_stack *stack;
    if (rank >= CLASSES || (!pool.free[rank] && !grow(rank)))
        return NULL;
    stack = pool.free[rank];
    pool.free[rank] = stack->next;
    return stack;
}

void qp_stack_give_back(struct qp_stack *stack)
{
    unsigned rank = rank_of(stack->size);
    ASAN_UNPOISON_MEMORY_REGION(stack->bottom, (size_t)(stack->top - stack->bottom));
    stack->next = pool.free[rank];
    pool.free[rank] = stack;
}

bool qp_stack_guards(const struct qp_stack *stack, const void *address)
{
    const char *at = address;
    return at < stack->bottom && at >= stack->bottom - page_size();
}

/* Counts for each slab how many of its stacks are free. */
static void count_free(void)
{
    unsigned rank;
    struct slab *slab;
    struct qp_stack *stack;
    for (slab = pool.slabs; slab; slab = slab->next)
        slab->in_use = slab->count;
    for (rank = 0; rank < CLASSES; rank++)
        for (stack = pool.free[rank]; stack; stack = stack->next)
            slab_of(stack)->in_use--;
}

static void forget_free_of_unused_slabs(void)
{
    unsigned rank;
    for (rank = 0; rank < CLASSES; rank++) {
        struct qp_stack **link = &pool.free[rank];
        while (*link) {
            if (slab_of(*link)->in_use == 0)
                *link = (*link)->next;
            else
                link = &(*link)->next;
        }
    }
}

void qp_stacks_trim(void)
{
    struct slab **link = &pool.slabs;
    count_free();
    forget_free_of_unused_slabs();
    while (*link) {
        struct slab *slab = *link;
        size_t i;
        if (slab->in_use) {
            link = &slab->next;
            continue;
        }
        *link = slab->next;
        pool.mapped_guards -= slab->mapped_guards;
        for (i = 0; i < slab->count; i++)
            VALGRIND_STACK_DEREGISTER(slab->valgrind[i]);
        munmap(slab->memory, slab->bytes);
    }
}
