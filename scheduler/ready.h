/*
 * The ready queue: the tasks that are to be polled, each at most once, in the order in which they became ready.
 *
 * Invariants: the ring has room for every live task (it grows at spawn, which may fail; pushing cannot). Taking another
 * than the first moves the first into its place, so that any choice costs the same.
 */
#ifndef SCHEDULER_READY_H
#define SCHEDULER_READY_H

#include <stddef.h>
#include <stdint.h>

struct qp_task;

struct qp_ready {
    struct qp_task **ring;
    uint32_t first, end; /* counted without bound; the place is the number modulo the size */
    uint32_t size;       /* a power of two, or 0 */
};

static inline uint32_t qp_ready_count(const struct qp_ready *ready)
{
    return ready->end - ready->first;
}

static inline void qp_ready_push(struct qp_ready *ready, struct qp_task *task)
{
    ready->ring[ready->end++ & (ready->size - 1)] = task;
}

static inline struct qp_task *qp_ready_at(const struct qp_ready *ready, uint32_t index)
{
    return ready->ring[(ready->first + index) & (ready->size - 1)];
}

/* Which one is chosen nobody could predict: so there is no branch on it. */
static inline struct qp_task *qp_ready_take(struct qp_ready *ready, uint32_t index)
{
    struct qp_task **first = &ready->ring[ready->first & (ready->size - 1)];
    struct qp_task **taken = &ready->ring[(ready->first + index) & (ready->size - 1)], *task = *taken;
    *taken = *first;
    ready->first++;
    return task;
}

/* The same, of the first one. */
static inline struct qp_task *qp_ready_take_first(struct qp_ready *ready)
{
    return ready->ring[ready->first++ & (ready->size - 1)];
}

#endif
