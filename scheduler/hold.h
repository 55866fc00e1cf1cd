/*
 * What is held of an object: a guard, a permit, a reserved slot. The user's struct names it by pointer and number.
 *
 * Invariants: `id` is 0 while nothing is held, and never the same twice in a runtime, so that a copy of a released
 * guard is known for what it is. Holds of a runtime are pooled and stay readable until it ends.
 */
#ifndef SCHEDULER_HOLD_H
#define SCHEDULER_HOLD_H

#include "scheduler/object.h"
#include "scheduler/runtime.h"

struct qp_hold {
    struct qp_owned owned;
    union {
        struct qp_object *object; /* while something is held */
        struct qp_hold *next;     /* in the pool */
    };
    uint64_t id;
    uint64_t task;              /* who got it; 0: no task */
    struct qp_scope *scope;     /* the function that got it */
    const struct qp_site *site; /* and where */
    uint32_t count;             /* permits */
    uint32_t style;             /* enum qp_hold_style */
};

enum qp_hold_style { QP_HOLD_LOCK, QP_HOLD_READ, QP_HOLD_WRITE, QP_HOLD_PERMIT, QP_HOLD_SLOT };

static inline struct qp_hold *qp_hold_of(struct qp_owned *owned)
{
    return QP_CONTAINER(owned, struct qp_hold, owned);
}

/* What it is held of, for the table of the owned. */
const struct qp_object *qp_hold_object(const struct qp_owned *owned);

/*
 * The rare halves of what stands below: more memory, numbers outside a runtime, and what listeners are told. Telling of
 * a release gives the hold back, so that the caller need not save it: it costs nothing while nobody listens.
 */
struct qp_hold *qp_hold_make(struct qp_runtime *runtime);
void qp_hold_free(struct qp_hold *hold);
void qp_hold_tell_acquired(const struct qp_hold *hold);
struct qp_hold *qp_hold_tell_released(struct qp_hold *hold);
extern _Atomic uint64_t qp_holds_outside;

/* Returns owned: an empty hold; NULL where there is no memory. */
static inline struct qp_hold *qp_hold_take(struct qp_runtime *runtime)
{
    struct qp_hold *hold = runtime ? runtime->free_holds : NULL;
    if (QP_UNLIKELY(!hold))
        return qp_hold_make(runtime);
    runtime->free_holds = hold->next;
    return hold;
}

/* Takes an empty one back. */
static inline void qp_hold_give_back(struct qp_runtime *runtime, struct qp_hold *hold)
{
    if (QP_UNLIKELY(!runtime)) {
        qp_hold_free(hold);
        return;
    }
    hold->next = runtime->free_holds;
    runtime->free_holds = hold;
}

/* The running function holds `object` now: numbers it and registers it. Returns its number. */
static inline uint64_t qp_hold_acquired(struct qp_hold *hold, struct qp_object *object, enum qp_hold_style style,
                                        uint32_t count, const struct qp_owned_ops *ops)
{
    struct qp_runtime *runtime = object->runtime;
    uint64_t id = QP_LIKELY(runtime != NULL) ? ++runtime->next_hold : ++qp_holds_outside;
    hold->object = object;
    hold->id = id;
    hold->task = qp_thread.task ? qp_thread.task->id : 0;
    hold->scope = qp_thread.scope;
    hold->site = qp_site_now();
    hold->count = count;
    hold->style = style;
    qp_own(&hold->owned, ops);
    return id;
}

/* And tells of it: the last thing that an operation does. */
static inline void qp_hold_told(const struct qp_hold *hold)
{
    if (QP_TRACING)
        qp_hold_tell_acquired(hold);
}

/* It is held no more: tells of it and unregisters. What follows from that is the caller's. Returns it. */
static inline struct qp_hold *qp_hold_released(struct qp_hold *hold)
{
    if (QP_TRACING)
        hold = qp_hold_tell_released(hold);
    qp_owned_unlink(&hold->owned);
    hold->id = 0;
    return hold;
}

/* The hold that a guard or permit names (by a number that is not 0), if it still is what it was; else NULL. */
static inline struct qp_hold *qp_hold_named(struct qp_hold *hold, uint64_t id)
{
    return hold && hold->id == id ? hold : NULL;
}

/* Gives it to a task; `noun` is for misuse's sentence. */
void qp_hold_given(struct qp_hold *hold, uint64_t id, const struct qp_handle *to, const char *noun);

/* Gives a runtime's pool of holds back. */
void qp_hold_slabs_release(struct qp_runtime *runtime);

#endif
