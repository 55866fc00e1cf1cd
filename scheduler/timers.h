/*
 * Deadlines: a hierarchical wheel, and, where the environment chooses among the timers that are due, the array of
 * these.
 *
 * The wheel has LEVELS rings of 64 slots; a slot of ring n spans 64^n nanoseconds. A timer lies in the ring of the
 * highest group of six bits in which its deadline differs from `elapsed_ns`, in the slot that this group names. When
 * the clock enters a slot of a higher ring, its timers move to lower ones, in order: at the lowest each slot is one
 * nanosecond.
 *
 * What is linked in the slots are entries, which lie together; a timer lies in its future, wherever that is, perhaps on
 * a stack that has long left the processor's caches, and is not touched while its entry moves.
 *
 * Invariants: `elapsed_ns` is not behind any deadline in the wheel, nor before the clock. All entries of one deadline
 * lie in one slot, in the order of registration. `occupied` has a bit for each slot that holds something; the others
 * are not initialised. Entries have numbers from 1, where 0 is none; there is one, and a place among the due ones, for
 * every registered timer (`room`), so that only registering can fail, and only where there are more than ever before.
 * Registering and disarming cost a few instructions, whatever the number of timers.
 *
 * Where nobody follows each event, the clock is not read when a wait begins: such timers are `fresh`, with a duration
 * instead of a deadline, until the runtime looks at the clock the next time, between two steps. So they are never
 * early, and late by no more than the clock is looked at late.
 */
#ifndef SCHEDULER_TIMERS_H
#define SCHEDULER_TIMERS_H

#include <quipu/time.h>
#include <stdbool.h>

enum { QP_WHEEL_BITS = 6, QP_WHEEL_SLOTS = 1 << QP_WHEEL_BITS, QP_WHEEL_LEVELS = 11 };

enum { QP_TIMER_FRESH, QP_TIMER_IN_WHEEL, QP_TIMER_DUE }; /* where one lies that is registered */

struct qp_timer_list {
    struct qp_timer *first, *last;
};

struct qp_timer_entry {
    int64_t deadline_ns; /* the timer's */
    struct qp_timer *timer;
    uint32_t prev, next; /* in its slot; `next` among those that are free */
};

struct qp_timer_slot {
    uint32_t first, last;
};

struct qp_timers {
    size_t registered;
    int64_t elapsed_ns;
    int64_t earliest_ns; /* of those in the wheel, while `earliest_known` */
    bool earliest_known;
    struct qp_timer_list fresh;
    struct qp_timer_entry *entries; /* `room` of them, and behind them `due` */
    uint32_t free;                  /* the first of those that were used and are free again */
    uint32_t used;                  /* so many were ever used */
    struct qp_timer **due;
    size_t first, end, room; /* due[first] up to due[end - 1] are due */
    uint64_t occupied[QP_WHEEL_LEVELS];
    struct qp_timer_slot slots[QP_WHEEL_LEVELS][QP_WHEEL_SLOTS]; /* last: not initialised */
};

/* Registers a wait of so long from now on. False: no memory. */
bool qp_timer_start(struct qp_timer *timer, int64_t duration_ns, struct qp_waker *waker);

/* Registers with the current runtime. QP_NEVER registers nothing and is fine. False: no memory. */
bool qp_timer_arm(struct qp_timer *timer, int64_t deadline_ns, struct qp_waker *waker);

/* Whether it fired, or its deadline has come all the same; it is out then. Of one that was started. */
bool qp_timer_is_over(struct qp_timer *timer);

/* Takes it out; nothing for one that is not registered. */
void qp_timer_take_out(struct qp_timer *timer);
static inline void qp_timer_disarm(struct qp_timer *timer)
{
    if (timer->runtime)
        qp_timer_take_out(timer);
}

/* Gives its memory back. */
void qp_timers_release(struct qp_runtime *runtime);

/* Gives the fresh ones their deadlines. */
void qp_timers_settle(struct qp_runtime *runtime);

/* The earliest deadline; QP_NEVER when there is none. None is fresh. */
int64_t qp_timers_next(struct qp_timers *timers);

/* The earliest timer whose deadline has come, taken out; NULL when there is none. */
struct qp_timer *qp_timers_pop(struct qp_timers *timers, int64_t now_ns);

/* Moves all whose deadline has come to the due ones. */
void qp_timers_collect(struct qp_timers *timers, int64_t now_ns);

static inline size_t qp_timers_due(const struct qp_timers *timers)
{
    return timers->end - timers->first;
}

/* Whether any is registered that is not known as due. */
static inline bool qp_timers_waiting(const struct qp_timers *timers)
{
    return timers->registered != qp_timers_due(timers);
}

/* The index-th of the due ones, taken out. */
struct qp_timer *qp_timers_take(struct qp_timers *timers, size_t index);

#endif
