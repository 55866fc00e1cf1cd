/*
 * The wait queue: all waiting is done on this one type, first in, first out.
 *
 * Invariants: a waiter is in at most one queue, and its future knows by its stage whether it is; the links of one in no
 * queue mean nothing. Who grants something to a waiter takes it out of the queue first, marks it granted, then wakes
 * it: a woken waiter never queues again.
 */
#ifndef SCHEDULER_WAIT_QUEUE_H
#define SCHEDULER_WAIT_QUEUE_H

#include "scheduler/object.h"
#include "scheduler/runtime.h"

struct qp_wait_queue {
    struct qp_wait end; /* a ring through the waiters, first to last */
};

static inline void qp_wait_queue_init(struct qp_wait_queue *queue)
{
    queue->end.next = queue->end.prev = &queue->end;
}

static inline bool qp_wait_queue_empty(const struct qp_wait_queue *queue)
{
    return queue->end.next == &queue->end;
}

/* The first waiter; NULL when there is none. */
static inline struct qp_wait *qp_wait_queue_first(const struct qp_wait_queue *queue)
{
    return qp_wait_queue_empty(queue) ? NULL : queue->end.next;
}

static inline void qp_wait_queue_push(struct qp_wait_queue *queue, struct qp_wait *wait, struct qp_waker *waker)
{
    wait->waker = waker;
    wait->prev = queue->end.prev;
    wait->next = &queue->end;
    wait->prev->next = wait;
    queue->end.prev = wait;
}

static inline void qp_wait_remove(struct qp_wait *wait)
{
    wait->prev->next = wait->next;
    wait->next->prev = wait->prev;
}

/* Takes the first waiter out; NULL when there is none. */
static inline struct qp_wait *qp_wait_queue_pop(struct qp_wait_queue *queue)
{
    struct qp_wait *first = qp_wait_queue_first(queue);
    if (first)
        qp_wait_remove(first);
    return first;
}

/* The waiter was granted something of the object, and is in no queue: tells of it and wakes it. */
void qp_wait_granted_specially(struct qp_waker *waker, const struct qp_object *object);
static inline void qp_wait_granted(const struct qp_wait *wait, const struct qp_object *object)
{
    if (!qp_wake_plainly(wait->waker))
        qp_wait_granted_specially(wait->waker, object);
}

#endif
