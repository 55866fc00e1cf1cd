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

enum { UNIT = 16, LEAST_LARGER = 2048, LARGEST = LEAST_LARGER << (QP_ARENA_RANKS - 1), CHUNK = 4 * LARGEST };

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

/* The list of free blocks for a size, and the size of those in it. */
static void **list_for(struct qp_arena *arena, size_t *size)
{
    size_t units = *size ? (*size + UNIT - 1) / UNIT : 1, rank = 0;
    if (units < QP_ARENA_SIZES) {
        *size = units * UNIT;
        return &arena->free[units];
    }
    while ((size_t)LEAST_LARGER << rank < *size)
        rank++;
    *size = (size_t)LEAST_LARGER << rank;
    return &arena->larger[rank];
}

static void *take(struct qp_arena *arena, size_t size)
{
    void **list = list_for(arena, &size), *memory = *list;
    if (!memory)
        return cut(arena, size);
    memcpy(list, memory, sizeof(void *));
    return memory;
}

void *qp_arena_allocate(struct qp_arena *arena, size_t size)
{
    void *memory;
    if (++arena->allocations == arena->failing)
        return NULL;
    if (EACH_BY_ITSELF || size > LARGEST)
        memory = malloc(size ? size : 1);
    else
        memory = take(arena, size);
    if (memory)
        arena->live += size;
    return memory;
}

void qp_arena_release(struct qp_arena *arena, void *memory, size_t size)
{
    void **list;
    arena->live -= size;
    if (EACH_BY_ITSELF || size > LARGEST) {
        free(memory);
        return;
    }
    list = list_for(arena, &size);
    memcpy(memory, list, sizeof(void *));
    *list = memory;
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
    memset(arena->larger, 0, sizeof arena->larger);
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
