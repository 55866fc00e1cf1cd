/*
 * What is held of an object: a guard, a permit, a reserved slot. The user's struct names it by pointer and number.
 *
 * Invariants: `id` grows each time when what was held is released, so that a copy of a released guard is known for what
 * it is. While somebody listens, it is the hold's number in events, never the same twice in a runtime. Holds of a
 * runtime are pooled and stay readable until it ends. What is the same each time (the object, how it is held) is
 * written once, when the hold becomes that object's. As long as it is, a hold that was released stays in its scope.
 */
#ifndef SCHEDULER_HOLD_H
#define SCHEDULER_HOLD_H

#include "scheduler/object.h"
#include "scheduler/runtime.h"

struct qp_hold {
    struct qp_owned owned;
    struct qp_object *object;
    uint64_t id;
    const struct qp_task *task; /* who got it, or was given it; NULL: no task */
    union {
        const struct qp_site *site; /* and where it was got */
        struct qp_hold *next;       /* where holds are kept that nobody has */
    };
    uint32_t count; /* permits */
    uint32_t style; /* enum qp_hold_style */
};

enum qp_hold_style { QP_HOLD_LOCK, QP_HOLD_READ, QP_HOLD_WRITE, QP_HOLD_PERMIT, QP_HOLD_SLOT };

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

/* Those that nobody has are linked from where they are kept: the runtime's, and an object's own. NULL: there is none.
 */

static inline struct qp_hold *qp_hold_take_kept(struct qp_hold **kept)
{
    struct qp_hold *hold = *kept;
    if (QP_LIKELY(hold != NULL))
        *kept = hold->next;
    return hold;
}

static inline void qp_hold_keep(struct qp_hold **kept, struct qp_hold *hold)
{
    hold->next = *kept;
    *kept = hold;
}

/* Returns owned: a hold of nothing; NULL where there is no memory. */
static inline struct qp_hold *qp_hold_take(struct qp_runtime *runtime)
{
    struct qp_hold *hold = runtime ? qp_hold_take_kept(&runtime->free_holds) : NULL;
    return QP_LIKELY(hold != NULL) ? hold : qp_hold_make(runtime);
}

/* Takes one back that nobody has; and all that an object kept. */

static inline void qp_hold_give_back(struct qp_runtime *runtime, struct qp_hold *hold)
{
    qp_disown(&hold->owned);
    if (QP_LIKELY(runtime != NULL))
        qp_hold_keep(&runtime->free_holds, hold);
    else
        qp_hold_free(hold);
}

static inline void qp_hold_give_back_all(struct qp_runtime *runtime, struct qp_hold *kept)
{
    while (kept)
        qp_hold_give_back(runtime, qp_hold_take_kept(&kept));
}

/* From here on it is a hold of that object. */
static inline struct qp_hold *qp_hold_prepare(struct qp_hold *hold, struct qp_object *object, enum qp_hold_style style,
                                              uint32_t count)
{
    hold->object = object;
    hold->count = count;
    hold->style = style;
    return hold;
}

/*
 * The running function has it now: registers the hold, and writes its `id` to where a guard or permit has it. Nobody
 * is told, for those who know that nobody listens. Returns QP_OK.
 */
static inline enum qp_status qp_hold_begin(struct qp_hold *hold, const struct qp_owned_ops *ops, uint64_t *id)
{
    *id = hold->id;
    hold->task = qp_thread.task;
    hold->site = qp_site_now();
    qp_own_again(&hold->owned, ops);
    return QP_OK;
}

/* Whether anybody has it: from when it began to when it ended. */
static inline bool qp_hold_is_held(const struct qp_hold *hold)
{
    return hold->owned.ops != &qp_owned_nothing;
}

/* It is held no more. Likewise. */
static inline void qp_hold_end(struct qp_hold *hold)
{
    qp_own_no_more(&hold->owned);
    hold->id++;
}

/* The same two, for everybody: telling is the last thing that an operation does, and the first that a release does. */

static inline enum qp_status qp_hold_acquired(struct qp_hold *hold, const struct qp_owned_ops *ops, uint64_t *id)
{
    qp_hold_begin(hold, ops, id);
    return QP_TRACING ? qp_hold_tell_acquired(hold, id) : QP_OK;
}

static inline struct qp_hold *qp_hold_released(struct qp_hold *hold)
{
    if (QP_TRACING)
        hold = qp_hold_tell_released(hold);
    qp_hold_end(hold);
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
