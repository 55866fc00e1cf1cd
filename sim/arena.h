/*
 * The memory of simulated executions: counted to the byte, fast, and empty again after each.
 *
 * All but very large blocks are cut from chunks and kept in lists by size; when an execution ends, all is forgotten at
 * once, so that the next one gets its blocks from the same places in the same order. Where a sanitizer watches, each
 * block is the system's own, so that it sees every one.
 */
#ifndef SIM_ARENA_H
#define SIM_ARENA_H

#include <stddef.h>
#include <stdint.h>

/* Up to 1 KiB by units of 16 bytes, then four sizes for each power of two, up to 32 KiB. */
enum { QP_ARENA_SMALL = 65, QP_ARENA_SIZES = QP_ARENA_SMALL + 5 * 4 };

struct qp_arena {
    void *free[QP_ARENA_SIZES];
    struct qp_arena_chunk *chunks; /* the first is being cut */
    char *next, *end;              /* what is left of it */
    size_t live;                   /* bytes that are out */
    uint64_t allocations;          /* attempted, since the last reset */
    uint64_t failing;              /* which of them fails; 0: none */
};

void *qp_arena_allocate(struct qp_arena *arena, size_t size);
void qp_arena_release(struct qp_arena *arena, void *memory, size_t size);

/* Forgets all blocks. What was still out is lost: in the system's hands only where a sanitizer watches. */
void qp_arena_reset(struct qp_arena *arena);
void qp_arena_end(struct qp_arena *arena);

#endif
