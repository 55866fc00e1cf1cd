/*
 * Memory that is taken piece by piece and given back all at once, within a budget.
 *
 * Pieces stay where they are. Clearing keeps the memory for the pieces to come. Everything is aligned for pointers and
 * 64-bit integers.
 */
#ifndef TRACES_POOL_H
#define TRACES_POOL_H

#include <stddef.h>

/* A bound on memory; several users may share one. */
struct qp_budget {
    size_t used; /* bytes allocated */
    size_t most; /* bytes that may be; 0: as many as there are */
};

/* NULL: there is no memory, or no room in the budget. */
void *qp_budget_allocate(struct qp_budget *budget, size_t size);
void qp_budget_release(struct qp_budget *budget, void *memory, size_t size);

/* Moves to more memory (size > old); NULL leaves the old one as it is. `memory` may be NULL when old is 0. */
void *qp_budget_grow(struct qp_budget *budget, void *memory, size_t old, size_t size);

struct qp_pool_block;
struct qp_pool {
    struct qp_budget *budget;      /* borrowed */
    struct qp_pool_block *first;   /* all blocks, in the order in which they are filled */
    struct qp_pool_block *current; /* the one being filled; those after it are empty. NULL: none is */
    size_t used;                   /* bytes taken of the current block */
};

void qp_pool_init(struct qp_pool *pool, struct qp_budget *budget);
void qp_pool_clear(struct qp_pool *pool);
void qp_pool_free(struct qp_pool *pool);

/* A piece of `size` bytes, uninitialised; NULL when there is no room for it. */
void *qp_pool_take(struct qp_pool *pool, size_t size);

/* Copies the canonical form of a text, cut at `most` bytes; NULL when there is no room for it. */
char *qp_pool_text(struct qp_pool *pool, const char *text, size_t most);

#endif
