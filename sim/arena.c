/* The arena: see arena.h for the state. */
#include "sim/arena.h"
#include "scheduler/memory.h"
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define EACH_BY_ITSELF 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EACH_BY_ITSELF 1
#endif
#endif
#ifndef EACH_BY_ITSELF
#define EACH_BY_ITSELF 0
#endif

enum { UNIT = 16, CHUNK = 64 * 1024, SMALL = (QP_ARENA_SMALL - 1) * UNIT, LARGE = SMALL << 5 };

struct qp_arena_chunk {
    struct qp_arena_chunk *next;
    _Alignas(16) char bytes[CHUNK];
};

/* A block's size class, and the size of blocks of that class. Of at most LARGE bytes. */
struct size_class {
    size_t index, size;
};

static inline struct size_class class_of_small(size_t size)
{
    size_t units = (size + UNIT - 1) / UNIT;
    return (struct size_class){units, units * UNIT};
}

static struct size_class class_of(size_t size)
{
    unsigned power, shift;
    size_t quarters;
    if (size <= SMALL)
        return class_of_small(size ? size : 1);
    power = 63 - (unsigned)__builtin_clzll(size - 1);
    shift = power - 2;
    quarters = (size - 1) >> shift; /* 4 to 7 */
    return (struct size_class){QP_ARENA_SMALL + (power - 10) * 4 + (quarters - 4), (quarters + 1) << shift};
}

/* The first block of a new chunk. NULL: no memory. */
__attribute__((noinline)) static void *begin_chunk(struct qp_arena *arena, size_t size)
{
    struct qp_arena_chunk *chunk = malloc(sizeof *chunk);
    if (!chunk)
        return NULL;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->next = chunk->bytes + size;
    arena->end = chunk->bytes + CHUNK;
    return chunk->bytes;
}

static inline void *take(struct qp_arena *arena, struct size_class class)
{
    void *memory = arena->free[class.index];
    if (memory) {
        memcpy(&arena->free[class.index], memory, sizeof(void *));
        return memory;
    }
    if (__builtin_expect((size_t)(arena->end - arena->next) < class.size, 0))
        return begin_chunk(arena, class.size);
    memory = arena->next;
    arena->next += class.size;
    return memory;
}

/* Of more than SMALL bytes, or of none. */
__attribute__((noinline)) static void *allocate_large(struct qp_arena *arena, size_t size)
{
    void *memory = EACH_BY_ITSELF || size > LARGE ? malloc(size ? size : 1) : take(arena, class_of(size));
    if (!memory)
        arena->live -= size;
    return memory;
}

void *qp_arena_allocate(struct qp_arena *arena, size_t size)
{
    void *memory;
    if (__builtin_expect(++arena->allocations == arena->failing, 0))
        return NULL;
    arena->live += size;
    if (EACH_BY_ITSELF || __builtin_expect(size - 1 >= SMALL, 0))
        return allocate_large(arena, size);
    memory = take(arena, class_of_small(size));
    if (__builtin_expect(!memory, 0))
        arena->live -= size;
    return memory;
}

static inline void give_back(struct qp_arena *arena, void *memory, size_t class)
{
    memcpy(memory, &arena->free[class], sizeof(void *));
    arena->free[class] = memory;
}

void qp_arena_release(struct qp_arena *arena, void *memory, size_t size)
{
    arena->live -= size;
    if (EACH_BY_ITSELF || size > LARGE)
        free(memory);
    else
        give_back(arena, memory, class_of(size).index);
}

/* One chunk is kept, so that the next execution starts without the system. */
void qp_arena_reset(struct qp_arena *arena)
{
    while (arena->chunks && arena->chunks->next) {
        struct qp_arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        free(chunk);
    }
    qp_clear(arena->free, sizeof arena->free);
    arena->next = arena->chunks ? arena->chunks->bytes : NULL;
    arena->end = arena->chunks ? arena->chunks->bytes + CHUNK : NULL;
    arena->live = 0;
    arena->allocations = 0;
}

void qp_arena_end(struct qp_arena *arena)
{
    qp_arena_reset(arena);
    free(arena->chunks);
    arena->chunks = NULL;
    arena->next = arena->end = NULL;
}
