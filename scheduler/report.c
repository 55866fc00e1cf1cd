/* The deadlock report: who waits, where, for what, and who has it. Reads the runtime's state and changes none of it. */
#include "scheduler/coroutine.h"
#include "scheduler/misuse.h"
#include "scheduler/object.h"
#include "scheduler/runtime.h"
#include <quipu/resumable.h>
#include <string.h>

enum { MOST_TASKS = 16, MOST_HOLDERS = 4, MOST_DEPTH = 16 };

struct wait {
    const struct qp_task *task;
    const struct qp_future *future; /* the innermost */
    const struct qp_object *object;
    unsigned holders;
};

/* The innermost future that a task waits for; of several the first. NULL: it has not begun. */
static const struct qp_future *innermost(const struct qp_future *future)
{
    const struct qp_future *inner = future;
    unsigned depth;
    for (depth = 0; inner && depth < MOST_DEPTH; depth++) {
        future = inner;
        if (future->ops == &qp_coroutine_ops)
            inner = ((const struct qp_coroutine *)future)->awaiting;
        else
            inner = future->ops->inner ? future->ops->inner(future, 0) : NULL;
    }
    return future;
}

uint64_t qp_choice_object(const struct qp_choice *choice, uint32_t index)
{
    const struct qp_future *future = innermost(qp_ready_at(&choice->runtime->ready, index)->future);
    const struct qp_object *object = future && future->ops->object ? future->ops->object(future) : NULL;
    return object ? object->id : 0;
}

static bool blocks(const struct qp_owned *owned, const struct wait *wait)
{
    const char *blocked = owned->ops->blocks;
    return owned->ops->object && owned->ops->object(owned) == wait->object &&
           (!blocked || strstr(blocked, wait->future->ops->name));
}

static void say_holder(struct qp_runtime *runtime, struct wait *wait, const struct qp_task *holder,
                       const struct qp_owned *owned)
{
    if (wait->holders++ >= MOST_HOLDERS)
        return;
    if (holder == wait->task)
        qp_runtime_say(runtime, ", of which it holds %s itself", owned->ops->noun);
    else
        qp_runtime_say(runtime, ", of which %s holds %s", qp_task_label(holder->id), owned->ops->noun);
}

static void scan_scope(struct qp_runtime *runtime, struct wait *wait, const struct qp_task *holder,
                       const struct qp_scope *scope)
{
    const struct qp_owned *owned;
    for (owned = scope->end.next; owned != &scope->end; owned = owned->next)
        if (blocks(owned, wait))
            say_holder(runtime, wait, holder, owned);
}

/* All that the functions inside a future own. */
static void scan_future(struct qp_runtime *runtime, struct wait *wait, const struct qp_task *holder,
                        const struct qp_future *future, unsigned depth)
{
    const struct qp_future *inner;
    size_t i;
    if (!future || depth > MOST_DEPTH)
        return;
    if (future->ops == &qp_coroutine_ops)
        scan_scope(runtime, wait, holder, &((const struct qp_coroutine *)future)->scope);
    if (future->ops->inner)
        for (i = 0; (inner = future->ops->inner(future, i)) != NULL; i++)
            scan_future(runtime, wait, holder, inner, depth + 1);
}

static void say_holders(struct qp_runtime *runtime, struct wait *wait)
{
    const struct qp_task *holder;
    for (holder = runtime->tasks.first; holder; holder = holder->next) {
        scan_scope(runtime, wait, holder, &holder->scope);
        scan_future(runtime, wait, holder, holder->future, 0);
    }
}

/* One innermost wait: its object and who has it. */
static void say_wait(struct qp_runtime *runtime, const struct qp_task *task, const struct qp_future *future)
{
    struct wait wait = {task, future, future->ops->object ? future->ops->object(future) : NULL, 0};
    uint64_t target = qp_join_target(future);
    if (target)
        qp_runtime_say(runtime, ", for %s", qp_task_label(target));
    if (!wait.object)
        return;
    qp_runtime_say(runtime, ", for %s of %s", future->ops->name, qp_object_label(wait.object));
    say_holders(runtime, &wait);
}

static const struct qp_site *site_of(const struct qp_future *future)
{
    if (future->ops == &qp_coroutine_ops)
        return ((const struct qp_coroutine *)future)->site;
    if (future->ops->inner == qp_resumable_inner)
        return ((const struct qp_resumable *)future)->site;
    return NULL;
}

static void say_waits(struct qp_runtime *runtime, const struct qp_task *task, const struct qp_future *future,
                      unsigned depth)
{
    const struct qp_future *inner;
    size_t i;
    if (depth > MOST_DEPTH || future->state == QP_FUTURE_DONE)
        return;
    if (!future->ops->inner || !future->ops->inner(future, 0)) {
        say_wait(runtime, task, future);
        return;
    }
    for (i = 0; (inner = future->ops->inner(future, i)) != NULL; i++)
        say_waits(runtime, task, inner, depth + 1);
}

/* Where the task's code stands: the innermost of its functions that has a place. */
static const struct qp_site *innermost_site(const struct qp_future *future)
{
    const struct qp_site *site = NULL;
    unsigned depth;
    for (depth = 0; future && depth < MOST_DEPTH; depth++) {
        if (site_of(future))
            site = site_of(future);
        future = future->ops->inner ? future->ops->inner(future, 0) : NULL;
    }
    return site;
}

const struct qp_site *qp_task_site(const struct qp_task *task)
{
    return innermost_site(task->future);
}

void qp_deadlock_report(struct qp_runtime *runtime)
{
    const struct qp_task *task;
    unsigned count = 0;
    for (task = runtime->tasks.first; task; task = task->next) {
        const struct qp_site *site;
        if (count++ >= MOST_TASKS)
            continue;
        qp_runtime_say(runtime, "\n  %s", qp_task_label(task->id));
        if (!task->future) {
            qp_runtime_say(runtime, " is blocking work");
            continue;
        }
        site = innermost_site(task->future);
        if (site)
            qp_runtime_say(runtime, " waits at %s:%d: %s", site->file, site->line, site->expr);
        else
            qp_runtime_say(runtime, " waits");
        say_waits(runtime, task, task->future, 0);
    }
    if (count > MOST_TASKS)
        qp_runtime_say(runtime, "\n  and %u more", count - MOST_TASKS);
}
