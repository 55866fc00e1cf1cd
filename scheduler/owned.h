/*
 * What an async function owns: a list in order of acquisition, released in reverse.
 *
 * Invariants: a node is in at most one scope; one in no scope is linked to itself. A node lies in the thing owned,
 * never on a stack, so that a forgotten one outlives the frame that forgot it. Releasing unlinks first. What is soon
 * owned again may stay where it is, with the table of nothing.
 */
#ifndef SCHEDULER_OWNED_H
#define SCHEDULER_OWNED_H

#include "scheduler/memory.h"
#include "scheduler/thread.h"

struct qp_owned_ops {
    const char *noun;                                               /* "a sender", for reports */
    const char *blocks;                                             /* operations that wait for its end: "recv" */
    void (*release)(struct qp_owned *self);                         /* already unlinked */
    const struct qp_object *(*object)(const struct qp_owned *self); /* of what it is a part; may be NULL */
};

extern const struct qp_owned_ops qp_owned_nothing;

static inline void qp_scope_init(struct qp_scope *scope)
{
    scope->end.prev = scope->end.next = &scope->end;
}

static inline bool qp_scope_is_empty(const struct qp_scope *scope)
{
    return scope->end.prev == &scope->end;
}

static inline void qp_owned_link(struct qp_owned *owned, struct qp_scope *scope)
{
    struct qp_link *link = &owned->link, *last = scope->end.prev;
    link->prev = last;
    link->next = &scope->end;
    last->next = link;
    scope->end.prev = link;
}

/* Makes the running async function the owner. */
static inline void qp_own(struct qp_owned *owned, const struct qp_owned_ops *ops)
{
    owned->ops = ops;
    if (QP_LIKELY(qp_thread.scope != NULL))
        qp_owned_link(owned, qp_thread.scope);
    else
        owned->link.prev = owned->link.next = &owned->link;
}

/* Takes it out of its scope for good: nobody looks at its links again. */
static inline void qp_owned_unlink(struct qp_owned *owned)
{
    owned->link.prev->next = owned->link.next;
    owned->link.next->prev = owned->link.prev;
}

/* Makes nobody the owner; once more is fine. */
static inline void qp_disown(struct qp_owned *owned)
{
    qp_owned_unlink(owned);
    owned->link.prev = owned->link.next = &owned->link;
}

/*
 * Makes the running async function the owner of what is nothing now, and in some scope or in none. Where it is the last
 * thing that this function had, it is in its place: to link and unlink it each time would make each wait for the other.
 */
static inline void qp_own_again(struct qp_owned *owned, const struct qp_owned_ops *ops)
{
    if (QP_LIKELY(qp_thread.scope && qp_thread.scope->end.prev == &owned->link)) {
        owned->ops = ops;
        return;
    }
    qp_owned_unlink(owned);
    qp_own(owned, ops);
}

/* It is nothing from here on, and stays where it is. */
static inline void qp_own_no_more(struct qp_owned *owned)
{
    owned->ops = &qp_owned_nothing;
}

/* Makes a task that has not ended the owner; misuse for an empty handle. `what` is for that sentence. */
void qp_owned_give(struct qp_owned *owned, const struct qp_handle *to, const char *what);

/* Whether it is among what that scope owns. */
bool qp_scope_owns(const struct qp_scope *scope, const struct qp_owned *owned);

/* Releases all, last acquired first, also what is acquired meanwhile. */
void qp_scope_release(struct qp_scope *scope);

/* Takes out what is nothing by now, last acquired first. */
void qp_scope_tidy(struct qp_scope *scope);

/* Whether it owns nothing. */
static inline bool qp_scope_owns_nothing(struct qp_scope *scope)
{
    if (QP_UNLIKELY(!qp_scope_is_empty(scope)))
        qp_scope_tidy(scope);
    return qp_scope_is_empty(scope);
}

#endif
