/*
 * Deadlines: a pairing heap of timers that lie in their futures, and, where the environment chooses among those that
 * are due, the array of these.
 *
 * Invariants: the root is the earliest; equal deadlines are ordered by registration. A registered timer is either in
 * the heap (`place` 0, `link` set) or at due[place - 1]. `due` has room for every registered timer, so that collecting
 * them cannot fail. Registering and disarming the latest costs a few instructions and no memory.
 */
#ifndef SCHEDULER_TIMERS_H
#define SCHEDULER_TIMERS_H

#include <quipu/time.h>
#include <stdbool.h>

struct qp_timers {
    struct qp_timer *root;
    uint64_t order; /* of the next one registered */
    size_t registered;
    struct qp_timer **due;   /* NULL while nobody chooses */
    size_t first, end, room; /* due[first] up to due[end - 1] are due */
};

/* The earliest deadline; QP_NEVER when there is none. */
static inline int64_t qp_timers_next(const struct qp_timers *timers)
{
    return timers->root ? timers->root->deadline_ns : QP_NEVER;
}

/* Registers with the current runtime. QP_NEVER registers nothing and is fine. False: no memory. */
bool qp_timer_arm(struct qp_timer *timer, int64_t deadline_ns, struct qp_waker *waker);

/* Takes it out; nothing for one that is not registered. */
void qp_timer_disarm(struct qp_timer *timer);

/* The earliest timer whose deadline has come, taken out; NULL when there is none. */
struct qp_timer *qp_timers_pop(struct qp_timers *timers, int64_t now_ns);

/* Moves all whose deadline has come to the due ones. */
void qp_timers_collect(struct qp_timers *timers, int64_t now_ns);

static inline size_t qp_timers_due(const struct qp_timers *timers)
{
    return timers->end - timers->first;
}

/* The index-th of the due ones, taken out. */
struct qp_timer *qp_timers_take(struct qp_timers *timers, size_t index);

#endif
