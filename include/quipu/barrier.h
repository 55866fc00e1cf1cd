/*
 * Barriers: n participants wait for one another, generation after generation.
 *
 * A barrier belongs to the async function that made it, and is released with it (task.h).
 */
#ifndef QUIPU_BARRIER_H
#define QUIPU_BARRIER_H

#include <quipu/future.h>
#include <quipu/task.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct qp_barrier;

/* Returns owned: a barrier of `participants`, where below one counts as one. NULL when there is no memory. */
struct qp_barrier *qp_barrier_create(const char *name, int64_t participants) QP_MUST_CHECK;

/* Gives the barrier up; nothing for NULL. Misuse while somebody waits. */
void qp_barrier_drop(struct qp_barrier *barrier);

/* Makes the newly spawned task `to` its owner. */
void qp_barrier_give(struct qp_barrier *barrier, const struct qp_handle *to);

struct qp_barrier_future { /* private */
    struct qp_future future;
    struct qp_wait wait;
    struct qp_barrier *barrier;
    size_t *slot;
    size_t place; /* once it has arrived */
};

/*
 * Arrives at the first poll and waits for the rest: QP_OK with `slot` (may be NULL), a number that is unique in 0..n-1
 * within the generation and says nothing about the order of arrival. The n-th arrival never suspends and releases all.
 * Cancelled before release, the participant withdraws: its slot goes to a later arrival (last freed, first used), and
 * the rest wait for a replacement. Cancelled after release, it has crossed all the same.
 */
#define qp_barrier_wait(barrier, slot) qp_barrier_wait_init(QP_NEW(struct qp_barrier_future), (barrier), (slot))
static inline struct qp_future *qp_barrier_wait_init(struct qp_barrier_future *self, struct qp_barrier *barrier,
                                                     size_t *slot);

extern const struct qp_future_ops qp_barrier_ops;

static inline struct qp_future *qp_barrier_wait_init(struct qp_barrier_future *self, struct qp_barrier *barrier,
                                                     size_t *slot)
{
    self->barrier = barrier;
    self->slot = slot;
    return qp_future_init(&self->future, &qp_barrier_ops);
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
