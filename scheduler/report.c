/* Saying who waits, where, for what, and who has it: see say.h. And the deadlock report, which is made of that. */
#include "scheduler/coroutine.h"
#include "scheduler/misuse.h"
#include "scheduler/object.h"
#include "scheduler/runtime.h"
#include "scheduler/say.h"
#include "scheduler/wait_queue.h"
#include <quipu/resumable.h>
#include <stdarg.h>
#include <string.h>

enum { MOST_TASKS = 16, MOST_HOLDERS = 4, MOST_WAITERS = 16, MOST_DEPTH = 16 };

/* ---- sentences ---- */

void qp_say(const struct qp_say *to, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (to->file)
        vfprintf(to->file, format, args);
    else
        qp_runtime_vsay(to->report, format, args);
    va_end(args);
}

void qp_say_count(const struct qp_say *to, const char *before, size_t count, const char *noun)
{
    qp_say(to, "%s%zu %s%s", before, count, noun, count == 1 ? "" : "s");
}

void qp_say_some_waiters(const struct qp_say *to, const char *title, const struct qp_wait *wait,
                         const struct qp_wait *end)
{
    size_t count = 0;
    for (; wait != end; wait = wait->next) {
        if (count == 0)
            qp_say(to, "\n    %s, first to last: ", title);
        if (count++ < MOST_WAITERS)
            qp_say(to, "%s%s", count > 1 ? ", " : "", qp_waker_label(wait->waker));
    }
    if (count > MOST_WAITERS)
        qp_say(to, ", and %zu more", count - MOST_WAITERS);
}

void qp_say_waiters(const struct qp_say *to, const char *title, const struct qp_wait_queue *queue)
{
    qp_say_some_waiters(to, title, queue->end.next, &queue->end);
}

/* ---- what tasks own ---- */

static void each_in_scope(const struct qp_task *task, const struct qp_scope *scope, qp_owned_fn function, void *context)
{
    const struct qp_link *link;
    for (link = scope->end.next; link != &scope->end; link = link->next) {
        const struct qp_owned *owned = QP_CONTAINER_CONST(link, struct qp_owned, link);
        if (owned->ops != &qp_owned_nothing)
            function(context, task, owned);
    }
}

/* All that the functions inside a future own. */
static void each_in_future(const struct qp_task *task, const struct qp_future *future, qp_owned_fn function,
                           void *context, unsigned depth)
{
    const struct qp_future *inner;
    size_t i;
    if (!future || depth > MOST_DEPTH)
        return;
    if (future->ops == &qp_coroutine_ops)
        each_in_scope(task, &((const struct qp_coroutine *)future)->scope, function, context);
    if (future->ops->inner)
        for (i = 0; (inner = future->ops->inner(future, i)) != NULL; i++)
            each_in_future(task, inner, function, context, depth + 1);
}

void qp_each_owned(const struct qp_task *task, qp_owned_fn function, void *context)
{
    each_in_scope(task, &task->scope, function, context);
    each_in_future(task, qp_task_future(task), function, context, 0);
}

/* ---- what they wait for ---- */

/* One wait, and those that have what it waits for. */
struct wait {
    const struct qp_say *to;
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
    const struct qp_future *future = innermost(qp_task_future(qp_ready_at(&choice->runtime->ready, index)));
    const struct qp_object *object = future && future->ops->object ? future->ops->object(future) : NULL;
    return object ? object->id : 0;
}

static bool blocks(const struct qp_owned *owned, const struct wait *wait)
{
    const char *blocked = owned->ops->blocks;
    return owned->ops->object && owned->ops->object(owned) == wait->object &&
           (!blocked || strstr(blocked, wait->future->ops->name));
}

static void say_if_holder(void *context, const struct qp_task *owner, const struct qp_owned *owned)
{
    struct wait *wait = context;
    if (!blocks(owned, wait) || wait->holders++ >= MOST_HOLDERS)
        return;
    if (owner == wait->task)
        qp_say(wait->to, ", of which it holds %s itself", owned->ops->noun);
    else
        qp_say(wait->to, ", of which %s holds %s", qp_task_label(owner->id), owned->ops->noun);
}

/* What is said of a task's waits. */
struct waits {
    const struct qp_say *to;
    const struct qp_task *task;
    const struct qp_task *tasks; /* among which holders are looked for; NULL: they are not */
};

/* One innermost wait: its object and who has it. */
static void say_wait(const struct waits *waits, const struct qp_future *future)
{
    const struct qp_object *object = future->ops->object ? future->ops->object(future) : NULL;
    struct wait wait = {waits->to, waits->task, future, object, 0};
    const struct qp_task *holder;
    uint64_t target = qp_join_target(future);
    if (target)
        qp_say(waits->to, ", for %s", qp_task_label(target));
    if (!object)
        return;
    qp_say(waits->to, ", for %s of %s", future->ops->name, qp_object_label(object));
    for (holder = waits->tasks; holder; holder = holder->next)
        qp_each_owned(holder, say_if_holder, &wait);
}

static void say_inner_waits(const struct waits *waits, const struct qp_future *future, unsigned depth)
{
    const struct qp_future *inner;
    size_t i;
    if (depth > MOST_DEPTH || future->state == QP_FUTURE_DONE)
        return;
    if (!future->ops->inner || !future->ops->inner(future, 0)) {
        say_wait(waits, future);
        return;
    }
    for (i = 0; (inner = future->ops->inner(future, i)) != NULL; i++)
        say_inner_waits(waits, inner, depth + 1);
}

static const struct qp_site *site_of(const struct qp_future *future)
{
    if (future->ops == &qp_coroutine_ops)
        return ((const struct qp_coroutine *)future)->site;
    if (future->ops->inner == qp_resumable_inner)
        return ((const struct qp_resumable *)future)->site;
    return NULL;
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
    return innermost_site(qp_task_future(task));
}

void qp_say_waits(const struct qp_say *to, const struct qp_runtime *runtime, const struct qp_task *task, bool holders)
{
    const struct waits waits = {to, task, holders ? runtime->tasks.first : NULL};
    const struct qp_site *site = innermost_site(qp_task_future(task));
    if (site)
        qp_say(to, " waits at %s:%d: %s", site->file, site->line, site->expr);
    else
        qp_say(to, " waits");
    say_inner_waits(&waits, qp_task_future(task), 0);
}

/* ---- the deadlock report ---- */

void qp_deadlock_report(struct qp_runtime *runtime)
{
    const struct qp_say to = {NULL, runtime};
    const struct qp_task *task;
    unsigned count = 0;
    for (task = runtime->tasks.first; task; task = task->next) {
        if (count++ >= MOST_TASKS)
            continue;
        qp_say(&to, "\n  %s", qp_task_label(task->id));
        if (qp_task_future(task))
            qp_say_waits(&to, runtime, task, true);
        else
            qp_say(&to, " is blocking work");
    }
    if (count > MOST_TASKS)
        qp_say(&to, "\n  and %u more", count - MOST_TASKS);
}
