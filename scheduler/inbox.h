/*
 * What other threads have for one: a list that any thread pushes to, and that its owner takes as a whole, in order.
 *
 * Invariants: an item is in at most one inbox. `last` is the latest item that was not taken, linked to those before it,
 * or, once the inbox is closed, a mark; the items that were taken lie in order. Only the owner's thread takes and
 * closes.
 */
#ifndef SCHEDULER_INBOX_H
#define SCHEDULER_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct qp_inbox_item {
    struct qp_inbox_item *next;
};

struct qp_inbox {
    _Atomic(struct qp_inbox_item *) last;
    /* Of the owner's thread alone: */
    struct qp_inbox_item *first_taken, *last_taken;
};

extern struct qp_inbox_item qp_inbox_closed; /* its address is the mark */

/* On any thread. False: it is closed, and the item was not taken. */
static inline bool qp_inbox_push(struct qp_inbox *self, struct qp_inbox_item *item)
{
    struct qp_inbox_item *last = atomic_load(&self->last);
    do {
        if (last == &qp_inbox_closed)
            return false;
        item->next = last;
    } while (!atomic_compare_exchange_weak(&self->last, &last, item));
    return true;
}

/* Whether something has come that was not taken; the mark too. At a glance, or so that nothing sent before is missed.
 */

static inline bool qp_inbox_has_come(const struct qp_inbox *self)
{
    return atomic_load_explicit(&self->last, memory_order_relaxed) != NULL;
}

static inline bool qp_inbox_has_come_for_sure(const struct qp_inbox *self)
{
    return atomic_load(&self->last) != NULL;
}

/* Moves what has come behind what was taken before, and leaves that in its place: NULL, or the mark. */
static inline void qp_inbox_gather(struct qp_inbox *self, struct qp_inbox_item *leave)
{
    struct qp_inbox_item *item = atomic_exchange(&self->last, leave), *first = NULL, *last = item;
    while (item) {
        struct qp_inbox_item *before = item->next;
        item->next = first;
        first = item;
        item = before;
    }
    if (!first)
        return;
    *(self->first_taken ? &self->last_taken->next : &self->first_taken) = first;
    self->last_taken = last;
}

/* The first one that was taken leaves; NULL: there is none. */
static inline struct qp_inbox_item *qp_inbox_next(struct qp_inbox *self)
{
    struct qp_inbox_item *item = self->first_taken;
    if (item)
        self->first_taken = item->next;
    return item;
}

#endif
