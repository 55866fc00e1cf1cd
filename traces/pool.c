/*
 * Pools. State: a list of blocks, filled in order.
 *
 * Invariants: blocks before the current one are full enough that a piece did not fit; blocks after it are empty. A
 * piece larger than a usual block gets a block of its size. Clearing makes the first block current again, so the same
 * sequence of pieces finds the same blocks and allocates nothing.
 */
#include "traces/pool.h"
#include "traces/text.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 32 * 1024, ALIGNMENT = 8 };

struct qp_pool_block {
    struct qp_pool_block *next;
    size_t size;      /* of the bytes */
    uint64_t bytes[]; /* for the alignment */
};

void *qp_budget_allocate(struct qp_budget *budget, size_t size)
{
    if (budget->most > 0 && size > budget->most - budget->used)
        return NULL;
    void *memory = malloc(size);
    if (memory)
        budget->used += size;
    return memory;
}

void qp_budget_release(struct qp_budget *budget, void *memory, size_t size)
{
    if (memory)
        budget->used -= size;
    free(memory);
}

void *qp_budget_grow(struct qp_budget *budget, void *memory, size_t old, size_t size)
{
    if (budget->most > 0 && size - old > budget->most - budget->used)
        return NULL;
    void *grown = realloc(memory, size);
    if (grown)
        budget->used += size - old;
    return grown;
}

void qp_pool_init(struct qp_pool *pool, struct qp_budget *budget)
{
    *pool = (struct qp_pool){.budget = budget};
}

void qp_pool_clear(struct qp_pool *pool)
{
    pool->current = pool->first;
    pool->used = 0;
}

void qp_pool_free(struct qp_pool *pool)
{
    struct qp_pool_block *block = pool->first;
    while (block) {
        struct qp_pool_block *next = block->next;
        qp_budget_release(pool->budget, block, sizeof *block + block->size);
        block = next;
    }
    *pool = (struct qp_pool){.budget = pool->budget};
}

/* Puts a new block after the current one; false when there is no memory for it. */
static bool add_block(struct qp_pool *pool, size_t size)
{
    struct qp_pool_block *block = qp_budget_allocate(pool->budget, sizeof *block + size);
    if (!block)
        return false;
    struct qp_pool_block **link = pool->current ? &pool->current->next : &pool->first;
    block->size = size;
    block->next = *link;
    *link = block;
    return true;
}

/* Makes the next block current, one that has `size` bytes. */
static bool advance(struct qp_pool *pool, size_t size)
{
    struct qp_pool_block *next = pool->current ? pool->current->next : pool->first;
    if (!next || next->size < size) {
        if (!add_block(pool, size > BLOCK_SIZE ? size : BLOCK_SIZE))
            return false;
        next = pool->current ? pool->current->next : pool->first;
    }
    pool->current = next;
    pool->used = 0;
    return true;
}

void *qp_pool_take(struct qp_pool *pool, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!pool->current || size > pool->current->size - pool->used)
        if (!advance(pool, size))
            return NULL;
    char *piece = (char *)pool->current->bytes + pool->used;
    pool->used += size;
    return piece;
}

char *qp_pool_text(struct qp_pool *pool, const char *text, size_t most)
{
    size_t length = qp_text_valid(text, most);
    bool canonical = text[length] == '\0';
    char *copy = qp_pool_take(pool, (canonical ? length : qp_text_length(text, most)) + 1);
    if (copy && canonical)
        memcpy(copy, text, length + 1);
    else if (copy)
        qp_text_copy(copy, text, most);
    return copy;
}
