/*
 * What is held of an object: a guard, a permit, a reserved slot. The user's struct names it by pointer and number.
 *
 * Invariants: `id` is odd while something is held, and grows with each time, so that a copy of a released guard is
 * known for what it is. While somebody listens, half of it is the hold's number in events, never the same twice in a
 * runtime. Holds of a runtime are pooled and stay readable until it ends.
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
    uint64_t task;              /* who got it, or was given it; 0: no task */
    struct qp_scope *scope;     /* the function */
    const struct qp_site *site; /* and where it was got */
    uint32_t count;             /* permits */
    uint32_t style;             /* enum qp_hold_style */
};

enum qp_hold_style { QP_HOLD_LOCK, QP_HOLD_READ, QP_HOLD_WRITE, QP_HOLD_PERMIT, QP_HOLD_SLOT };

static inline bool qp_hold_is_held(const struct qp_hold *hold)
{
    return hold->id & 1;
}

/* Of a hold with that `id`, in events. */
static inline uint64_t qp_hold_number(uint64_t id)
{
    return id >> 1;
}

static inline struct qp_hold *qp_hold_of(struct qp_owned *owned)
{
    return QP_CONTAINER(owned, struct qp_hold, owned);
}

/* What it is held of, for the table of the owned. */
const struct qp_object *qp_hold_object(const struct qp_owned *owned);

/*
 * The rare halves of what stands below: more memory, and what listeners are told. Telling gives back what the caller
 * needs, so that it need not save it: it costs nothing while nobody listens.
 */
struct qp_hold *qp_hold_make(struct qp_runtime *runtime);
void qp_hold_free(struct qp_hold *hold);
enum qp_status qp_hold_tell_acquired(struct qp_hold *hold, uint64_t *id);
struct qp_hold *qp_hold_tell_released(struct qp_hold *hold);

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

/*
 * The running function holds `object` now: registers the hold, writes its `id` to where a guard or permit has it, and
 * tells of it: the last thing that an operation does. Returns QP_OK.
 */
static inline enum qp_status qp_hold_acquired(struct qp_hold *hold, struct qp_object *object, enum qp_hold_style style,
                                              uint32_t count, const struct qp_owned_ops *ops, uint64_t *id)
{
    hold->object = object;
    hold->id = *id = hold->id + 1;
    hold->task = qp_thread.task ? qp_thread.task->id : 0;
    hold->scope = qp_thread.scope;
    hold->site = qp_site_now();
    hold->count = count;
    hold->style = style;
    qp_own(&hold->owned, ops);
    return QP_TRACING ? qp_hold_tell_acquired(hold, id) : QP_OK;
}

/* It is held no more: tells of it and unregisters. What follows from that is the caller's. Returns it. */
static inline struct qp_hold *qp_hold_released(struct qp_hold *hold)
{
    if (QP_TRACING)
        hold = qp_hold_tell_released(hold);
    qp_owned_unlink(&hold->owned);
    hold->id++;
    return hold;
}

/* The hold that a guard or permit names, if it still is what it was; else NULL. */
static inline struct qp_hold *qp_hold_named(struct qp_hold *hold, uint64_t id)
{
    return hold && hold->id == id ? hold : NULL;
}

/* Gives it to a task; `noun` is for misuse's sentence. */
void qp_hold_given(struct qp_hold *hold, uint64_t id, const struct qp_handle *to, const char *noun);

/* Gives a runtime's pool of holds back. */
void qp_hold_slabs_release(struct qp_runtime *runtime);

#endif
