/*
 * Memory for tasks: blocks of a few sizes, cut from slabs and used again.
 *
 * Invariants: a slab's first block begins at a multiple of 64 bytes, and so do all others where their size is one. A
 * block's task has `id` 0 while it is free, and stays readable until the runtime ends, so that a stale handle is known
 * for what it is. A slab holds blocks of one size, the more of them the more tasks there are, so that a task costs no
 * allocation of its own.
 */
#ifndef SCHEDULER_TASK_POOL_H
#define SCHEDULER_TASK_POOL_H

#include <stdbool.h>
#include <stddef.h>

/* Sizes of blocks: up to 512 bytes in steps of 8, up to 1,024 in steps of 64, and then powers of two. */
enum {
    QP_TASK_LINE = 64, /* of the processor's cache */
    QP_TASK_FINE = 512,
    QP_TASK_FINE_STEP = 8,
    QP_TASK_FINE_RANKS = QP_TASK_FINE / QP_TASK_FINE_STEP,
    QP_TASK_SMALL = 1024,
    QP_TASK_SMALL_RANKS = QP_TASK_FINE_RANKS + (QP_TASK_SMALL - QP_TASK_FINE) / QP_TASK_LINE,
    QP_TASK_RANKS = QP_TASK_SMALL_RANKS + 24
};

struct qp_runtime;
struct qp_task;

struct qp_task_pool {
    struct qp_task *free[QP_TASK_RANKS]; /* linked by `next` */
    struct qp_task_slab *slabs;
};

/* The rank of the smallest blocks of at least `size` bytes; QP_TASK_RANKS or more: there are none. */
unsigned qp_task_rank_of_large(size_t size);
static inline unsigned qp_task_rank_of(size_t size)
{
    return size <= QP_TASK_FINE ? (unsigned)((size - 1) / QP_TASK_FINE_STEP) : qp_task_rank_of_large(size);
}

/* Sees to it that there is a free block of that rank. False: there is no memory. */
bool qp_task_pool_fill(struct qp_runtime *runtime, unsigned rank);

/* How many bytes a block of that rank has. */
size_t qp_task_block_size(unsigned rank);

/* Gives all of it back to the environment. */
void qp_task_pool_release(struct qp_runtime *runtime);

#endif
