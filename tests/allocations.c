/* See allocations.h. glibc lets a program have these functions, and keeps its own under other names. */
#include "allocations.h"
#include <errno.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#if defined(__GLIBC__) && !defined(SANITIZED)

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *memory);

static long live;                           /* atomic */
static _Thread_local size_t since, failing; /* initial-exec: no allocation of their own */
static _Thread_local bool all_fail, spared;

bool allocations_are_counted(void)
{
    return true;
}

long allocations_live(void)
{
    return __atomic_load_n(&live, __ATOMIC_SEQ_CST);
}

void allocations_fail(size_t nth, bool all)
{
    since = 0;
    failing = nth;
    all_fail = all;
}

bool allocations_spare(bool spare)
{
    bool before = spared;
    spared = spare;
    return before;
}

size_t allocations_since(void)
{
    return since;
}

static bool fails(void)
{
    since += !spared;
    if (spared || !failing || since < failing || (since > failing && !all_fail))
        return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *memory)
{
    if (memory)
        __atomic_add_fetch(&live, 1, __ATOMIC_SEQ_CST);
    return memory;
}

void *malloc(size_t size)
{
    return fails() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
    if (fails())
        return NULL;
    if (!memory)
        return counted(__libc_malloc(size));
    return __libc_realloc(memory, size);
}

void *memalign(size_t align, size_t size)
{
    return fails() ? NULL : counted(__libc_memalign(align, size));
}

void *aligned_alloc(size_t align, size_t size)
{
    return memalign(align, size);
}

int posix_memalign(void **memory, size_t align, size_t size)
{
    void *made = memalign(align, size);
    if (!made)
        return ENOMEM;
    *memory = made;
    return 0;
}

void free(void *memory)
{
    if (memory)
        __atomic_sub_fetch(&live, 1, __ATOMIC_SEQ_CST);
    __libc_free(memory);
}

#else

bool allocations_are_counted(void)
{
    return false;
}

long allocations_live(void)
{
    return 0;
}

void allocations_fail(size_t nth, bool all)
{
    (void)nth;
    (void)all;
}

bool allocations_spare(bool spare)
{
    return spare;
}

size_t allocations_since(void)
{
    return 0;
}

#endif
