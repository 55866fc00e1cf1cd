/* The arena: see arena.h for the state. */
#include "sim/arena.h"
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

enum { UNIT = 16, CHUNK = 64 * 1024, SMALL = (QP_ARENA_SIZES - 1) * UNIT };

struct qp_arena_chunk {
    struct qp_arena_chunk *next;
    _Alignas(16) char bytes[CHUNK];
};

static void *cut(struct qp_arena *arena, size_t size)
{
    void *memory;
    if (!arena->next || (size_t)(arena->end - arena->next) < size) {
        struct qp_arena_chunk *chunk = malloc(sizeof *chunk);
        if (!chunk)
            return NULL;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
        arena->next = chunk->bytes;
        arena->end = chunk->bytes + CHUNK;
    }
    memory = arena->next;
    arena->next += size;
    return memory;
}

static void *small(struct qp_arena *arena, size_t units)
{
    void *memory = arena->free[units];
    if (!memory)
        return cut(arena, units * UNIT);
    memcpy(&arena->free[units], memory, sizeof(void *));
    return memory;
}

void *qp_arena_allocate(struct qp_arena *arena, size_t size)
{
    void *memory;
    if (++arena->allocations == arena->failing)
        return NULL;
    if (EACH_BY_ITSELF || size > SMALL)
        memory = malloc(size ? size : 1);
    else
        memory = small(arena, size ? (size + UNIT - 1) / UNIT : 1);
    if (memory)
        arena->live += size;
    return memory;
}

void qp_arena_release(struct qp_arena *arena, void *memory, size_t size)
{
    size_t units = size ? (size + UNIT - 1) / UNIT : 1;
    arena->live -= size;
    if (EACH_BY_ITSELF || size > SMALL) {
        free(memory);
        return;
    }
    memcpy(memory, &arena->free[units], sizeof(void *));
    arena->free[units] = memory;
}

/* One chunk is kept, so that the next execution starts without the system. */
void qp_arena_reset(struct qp_arena *arena)
{
    while (arena->chunks && arena->chunks->next) {
        struct qp_arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        free(chunk);
    }
    memset(arena->free, 0, sizeof arena->free);
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
