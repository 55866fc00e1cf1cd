/*
 * Memory for tasks: blocks of a few sizes, cut from slabs and used again.
 *
 * Invariants: a block begins at a multiple of 64 bytes; its task has `id` 0 while it is free, and stays readable until
 * the runtime ends, so that a stale handle is known for what it is. A slab holds blocks of one size, the more of them
 * the more tasks there are, so that a task costs no allocation of its own.
 */
#ifndef SCHEDULER_TASK_POOL_H
#define SCHEDULER_TASK_POOL_H

#include <stddef.h>

enum { QP_TASK_CLASSES = 40 }; /* sizes of blocks: 64 to 1,024 bytes in steps of 64, and then powers of two */

struct qp_runtime;
struct qp_task;

struct qp_task_pool {
    struct qp_task *free[QP_TASK_CLASSES]; /* linked by `next` */
    struct qp_task_slab *slabs;
};

/* Returns owned: a block of at least `size` bytes, whose `id` and `rank` are set; NULL where there is no memory. */
struct qp_task *qp_task_block_take(struct qp_runtime *runtime, size_t size);
void qp_task_block_give_back(struct qp_task *task);

/* How many bytes a block of that rank has. */
size_t qp_task_block_size(unsigned rank);

/* Gives all of it back to the environment. */
void qp_task_pool_release(struct qp_runtime *runtime);

#endif
