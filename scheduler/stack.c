/*
 * Stacks: see stack.h.
 *
 * State, for each thread: the slabs that its stacks are cut from, each with a set of those that are free; and, for each
 * size class, those slabs that have any, and one stack that was given back and is taken again first. Invariants: a
 * slab's stacks are all of one class; a slab is unmapped only when all of its stacks are free, by qp_stacks_trim or
 * when the thread ends. Of a slab the lowest free stack is taken: so many that begin one after the other lie one after
 * the other, whatever the order in which they were given back, and the next ones can be fetched ahead.
 */

#define _GNU_SOURCE
#include "scheduler/stack.h"
#include "scheduler/overflow.h"
#include "scheduler/thread.h"
#include <pthread.h>
#include <quipu/runtime.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#define RUNNING_ON_VALGRIND 0
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

/* What the kernel may know and the C library may not yet. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef PIDFD_SELF
#define PIDFD_SELF (-10000)
#endif

enum {
    CLASSES = 15, /* 16 KiB << 0 up to 256 MiB */
    COLOURS = 20, /* 128 bytes apart: up to 2432 bytes, which leaves most of a page for frames */
    COLOUR_STEP = 128,
    SLAB_BYTES = 2 << 20, /* at most, but for one large stack */
    SLAB_STACKS = 64,     /* likewise */
    FIRST_STACKS = 4,
    MOST_MAPPED_GUARDS = 8000,
    AHEAD = 4, /* how many stacks before one is taken it is fetched */
    LINE = 64,
    LINES = 4 /* of each: its head, and the first frames */
};

struct qp_stack_slab {
    uint64_t free;                   /* a bit for each stack */
    unsigned rank, last;             /* last: the number of the stack that was last taken */
    struct qp_stack_slab *next_free; /* among those of its class that have a free one */
    struct qp_stack_slab *next;
    char *memory;
    size_t stride, size, count;
    size_t mapped_guards;
    struct qp_stack *stacks[SLAB_STACKS];
    unsigned valgrind[SLAB_STACKS];
};

struct pool {
    struct qp_stack *recent[CLASSES];    /* NULL: none */
    struct qp_stack_slab *free[CLASSES]; /* linked by `next_free` */
    struct qp_stack_slab *slabs;         /* all */
    size_t stacks;                       /* in all of them */
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

/* Tells the kernel the same about one page of each stack, all in one call. False: it does not know how. */
static bool advise(const struct qp_stack_slab *slab, size_t offset, int advice)
{
    struct iovec pages[SLAB_STACKS];
    size_t i;
    if (RUNNING_ON_VALGRIND)
        return false; /* it would say that it does not either */
    for (i = 0; i < slab->count; i++)
        pages[i] = (struct iovec){slab->memory + i * slab->stride + offset, page_size()};
    return syscall(SYS_process_madvise, PIDFD_SELF, pages, slab->count, advice, 0) == (long)(slab->count * page_size());
}

/* Guards a page, one way or the other. */
static void guard(struct qp_stack_slab *slab, char *page)
{
    if (madvise(page, page_size(), MADV_GUARD_INSTALL) == 0)
        return;
    if (pool.mapped_guards >= MOST_MAPPED_GUARDS || mprotect(page, page_size(), PROT_NONE) != 0)
        return;
    pool.mapped_guards++;
    slab->mapped_guards++;
}

static void guard_all(struct qp_stack_slab *slab)
{
    size_t i;
    if (!advise(slab, 0, MADV_GUARD_INSTALL))
        for (i = 0; i < slab->count; i++)
            guard(slab, slab->memory + i * slab->stride);
}

/* The index-th stack of a slab: a guard page, `size` bytes, and its head at the top of these. */
static struct qp_stack *cut(struct qp_stack_slab *slab, unsigned index)
{
    char *low = slab->memory + index * slab->stride + page_size(), *end = low + slab->size;
    size_t offset = (size_t)(pool.colour++ % COLOURS) * COLOUR_STEP;
    struct qp_stack *stack = (struct qp_stack *)(void *)(end - offset - sizeof(struct qp_stack));
    slab->valgrind[index] = (unsigned)VALGRIND_STACK_REGISTER(low, end);
    stack->slab = slab;
    stack->rank = slab->rank;
    stack->index = index;
    stack->bottom = low;
    stack->top = (char *)((uintptr_t)stack & ~(uintptr_t)63);
    stack->size = slab->size;
    return stack;
}

/* As many stacks as there are: the pool doubles, up to slabs of SLAB_BYTES. */
static size_t stacks_of_slab(size_t stride)
{
    size_t most = SLAB_BYTES / stride, count = pool.stacks > FIRST_STACKS ? pool.stacks : FIRST_STACKS;
    most = most > SLAB_STACKS ? SLAB_STACKS : most < 1 ? 1 : most;
    return count < most ? count : most;
}

/* ---- the thread's end ---- */

static pthread_once_t key_made = PTHREAD_ONCE_INIT;
static pthread_key_t key; /* whoever has a pool has a value for it */
static bool has_key;

static void thread_ends(void *value)
{
    (void)value;
    qp_stacks_trim();
    qp_overflow_forget();
}

static void make_key(void)
{
    has_key = pthread_key_create(&key, thread_ends) == 0;
}

static void trim_when_the_thread_ends(void)
{
    pthread_once(&key_made, make_key);
    if (has_key)
        pthread_setspecific(key, &pool);
}

/* ---- slabs ---- */

static struct qp_stack_slab *map_slab(unsigned rank)
{
    size_t size = QP_STACK_LEAST << rank;
    size_t pages = size / page_size() + 1; /* and the guard */
    size_t stride = (pages % 2 ? pages : pages + 1) * page_size(), count = stacks_of_slab(stride);
    struct qp_stack_slab *slab = malloc(sizeof *slab);
    void *memory = slab ? mmap(NULL, stride * count, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0)
                        : MAP_FAILED;
    if (memory == MAP_FAILED) {
        free(slab);
        return NULL;
    }
    *slab = (struct qp_stack_slab){
        .rank = rank, .next = pool.slabs, .memory = memory, .stride = stride, .size = size, .count = count};
    pool.slabs = slab;
    pool.stacks += count;
    return slab;
}

/* The bits of all of its stacks. */
static uint64_t all_of(const struct qp_stack_slab *slab)
{
    return slab->count ? UINT64_MAX >> (SLAB_STACKS - slab->count) : 0;
}

static void has_free_ones(struct qp_stack_slab *slab)
{
    slab->next_free = pool.free[slab->rank];
    pool.free[slab->rank] = slab;
}

/* Memory is reserved, but for the page that begins each stack: many at once cost less than one fault each. */
QP_APART static bool grow(unsigned rank)
{
    struct qp_stack_slab *slab = map_slab(rank);
    unsigned i;
    if (!slab)
        return false;
    qp_overflow_watch();
    trim_when_the_thread_ends();
    guard_all(slab);
    advise(slab, slab->size, MADV_POPULATE_WRITE);
    for (i = 0; i < slab->count; i++)
        slab->stacks[i] = cut(slab, i);
    slab->free = all_of(slab);
    has_free_ones(slab);
    return true;
}

/* One after the other is taken: another one soon will be. */
static QP_FETCHING void fetch_ahead(const struct qp_stack_slab *slab, unsigned index)
{
    const char *head;
    size_t i;
    if (!(slab->free >> index & (uint64_t)1 << AHEAD))
        return;
    head = (const char *)slab->stacks[index + AHEAD];
    for (i = 0; i < LINES; i++)
        __builtin_prefetch(head - i * (size_t)LINE, 1);
}

QP_APART static struct qp_stack *take_lowest(unsigned rank)
{
    struct qp_stack_slab *slab;
    unsigned index;
    if (rank >= CLASSES || (!pool.free[rank] && !grow(rank)))
        return NULL;
    slab = pool.free[rank];
    index = (unsigned)__builtin_ctzll(slab->free);
    slab->free &= slab->free - 1;
    if (!slab->free)
        pool.free[rank] = slab->next_free;
    if (index == slab->last + 1)
        fetch_ahead(slab, index);
    slab->last = index;
    return slab->stacks[index];
}

struct qp_stack *qp_stack_take(size_t size)
{
    unsigned rank = rank_of(size ? size : QP_STACK_USUAL);
    struct qp_stack *stack = QP_LIKELY(rank < CLASSES) ? pool.recent[rank] : NULL;
    if (!stack)
        return take_lowest(rank);
    pool.recent[rank] = NULL;
    return stack;
}

static void put_back(struct qp_stack *stack)
{
    struct qp_stack_slab *slab = stack->slab;
    if (!slab->free)
        has_free_ones(slab);
    slab->free |= (uint64_t)1 << stack->index;
}

void qp_stack_give_back(struct qp_stack *stack)
{
    struct qp_stack **recent = &pool.recent[stack->rank];
    ASAN_UNPOISON_MEMORY_REGION(stack->bottom, (size_t)(stack->top - stack->bottom));
    if (*recent)
        put_back(stack);
    else
        *recent = stack;
}

bool qp_stack_guards(const struct qp_stack *stack, const void *address)
{
    const char *at = address;
    return at < stack->bottom && at >= stack->bottom - page_size();
}

static bool is_in_use(const struct qp_stack_slab *slab)
{
    return slab->free != all_of(slab);
}

static void forget_unused(struct qp_stack_slab **link)
{
    while (*link) {
        if (is_in_use(*link))
            link = &(*link)->next_free;
        else
            *link = (*link)->next_free;
    }
}

static void unmap_slab(struct qp_stack_slab *slab)
{
    size_t i;
    pool.stacks -= slab->count;
    pool.mapped_guards -= slab->mapped_guards;
    for (i = 0; i < slab->count; i++)
        VALGRIND_STACK_DEREGISTER(slab->valgrind[i]);
    munmap(slab->memory, slab->stride * slab->count);
    free(slab);
}

void qp_stacks_trim(void)
{
    struct qp_stack_slab **link = &pool.slabs;
    unsigned rank;
    for (rank = 0; rank < CLASSES; rank++) {
        if (pool.recent[rank])
            put_back(pool.recent[rank]);
        pool.recent[rank] = NULL;
        forget_unused(&pool.free[rank]);
    }
    while (*link) {
        struct qp_stack_slab *slab = *link;
        if (is_in_use(slab)) {
            link = &slab->next;
        } else {
            *link = slab->next;
            unmap_slab(slab);
        }
    }
}
