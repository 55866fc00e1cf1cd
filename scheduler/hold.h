/*
 * What is held of an object: a guard, a permit, a reserved slot. The user's struct names it by pointer and number.
 *
 * Invariants: `id` is 0 while nothing is held, and never the same twice in a runtime, so that a copy of a released
 * guard is known for what it is. Holds of a runtime are pooled and stay readable until it ends.
 */
#ifndef SCHEDULER_HOLD_H
#define SCHEDULER_HOLD_H

#include "scheduler/object.h"

struct qp_hold {
    struct qp_owned owned;
    struct qp_object *object;
    uint64_t id;
    uint64_t task;              /* who got it; 0: no task */
    struct qp_scope *scope;     /* the function that got it */
    const struct qp_site *site; /* and where */
    uint32_t count;             /* permits */
    uint32_t style;             /* enum qp_hold_style */
    struct qp_hold *next;       /* in the pool */
};

enum qp_hold_style { QP_HOLD_LOCK, QP_HOLD_READ, QP_HOLD_WRITE, QP_HOLD_PERMIT, QP_HOLD_SLOT };

/* Returns owned: an empty hold; NULL where there is no memory. And gives one back. */
struct qp_hold *qp_hold_take(struct qp_runtime *runtime);
void qp_hold_give_back(struct qp_runtime *runtime, struct qp_hold *hold);

/* The running function holds `object` now: numbers it, registers it, tells of it. */
void qp_hold_acquired(struct qp_hold *hold, struct qp_object *object, enum qp_hold_style style, uint32_t count,
                      const struct qp_owned_ops *ops);

/* It is held no more: tells of it and unregisters. What follows from that is the caller's. */
void qp_hold_released(struct qp_hold *hold);

/* Gives it to a task; `noun` is for misuse's sentence. */
void qp_hold_given(struct qp_hold *hold, uint64_t id, const struct qp_handle *to, const char *noun);

/* Gives a runtime's pool of holds back. */
void qp_hold_slabs_release(struct qp_runtime *runtime);

#endif
