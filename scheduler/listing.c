/*
 * The listing of a runtime: every task and every object as they are at this moment. Reads the runtime's state and
 * changes none of it, so that it may be asked for anywhere on the runtime's thread, also from inside a poll.
 */
#include "scheduler/misuse.h"
#include "scheduler/object.h"
#include "scheduler/runtime.h"
#include "scheduler/say.h"
#include <inttypes.h>

/* Says "has a sender of channel 1, the handle of task 3". */
struct possessions {
    const struct qp_say *to;
    size_t count;
};

static void say_owned(void *context, const struct qp_task *owner, const struct qp_owned *owned)
{
    struct possessions *self = context;
    const struct qp_object *object = owned->ops->object ? owned->ops->object(owned) : NULL;
    uint64_t handle = qp_handle_target(owned);
    (void)owner;
    qp_say(self->to, "%s", self->count++ ? ", " : "\n    has ");
    if (handle)
        qp_say(self->to, "the handle of %s", qp_task_label(handle));
    else if (object)
        qp_say(self->to, "%s of %s", owned->ops->noun, qp_object_label(object));
    else
        qp_say(self->to, "%s", owned->ops->noun);
}

static bool has_begun(const struct qp_task *task)
{
    return task->style != QP_STYLE_BLOCKING && qp_task_future(task)->state != QP_FUTURE_NEW;
}

static void say_place(const struct qp_say *to, const char *before, const struct qp_task *task)
{
    const struct qp_site *site = task->style != QP_STYLE_BLOCKING ? qp_task_site(task) : NULL;
    if (site)
        qp_say(to, "%s%s:%d: %s", before, site->file, site->line, site->expr);
}

static void say_state(const struct qp_say *to, const struct qp_runtime *runtime, const struct qp_task *task)
{
    if (task->style == QP_STYLE_BLOCKING) {
        qp_say(to, " is blocking work%s", task->flags & QP_TASK_STARTED ? ", which has started" : "");
    } else if (task->flags & QP_TASK_ENDING) {
        qp_say(to, " ends, and releases what it has");
    } else if (task->flags & QP_TASK_RUNNING) {
        qp_say(to, " runs");
        say_place(to, ", in the await at ", task);
    } else if (task->flags & QP_TASK_QUEUED) {
        qp_say(to, has_begun(task) ? " is ready" : " is ready to begin");
        say_place(to, " to go on at ", task);
    } else if (task == runtime->main && runtime->main_status != QP_PENDING) {
        qp_say(to, " has returned");
    } else {
        qp_say_waits(to, runtime, task, false);
    }
    if (task->flags & QP_TASK_ABORTED)
        qp_say(to, "; its cancellation was asked for");
}

static void say_tasks(const struct qp_say *to, const struct qp_runtime *runtime)
{
    const struct qp_task *task;
    for (task = runtime->tasks.first; task; task = task->next) {
        struct possessions possessions = {to, 0};
        qp_say(to, "  %s", qp_task_label(task->id));
        say_state(to, runtime, task);
        qp_each_owned(task, say_owned, &possessions);
        qp_say(to, "\n");
    }
}

static void say_objects(const struct qp_say *to, const struct qp_runtime *runtime)
{
    const struct qp_object *object;
    if (runtime->objects.first)
        qp_say(to, "objects\n");
    for (object = runtime->objects.first; object; object = object->next) {
        qp_say(to, "  %s", qp_object_label(object));
        object->kind->describe(object, to);
        qp_say(to, "\n");
    }
}

void qp_runtime_dump(const struct qp_runtime *runtime, FILE *file)
{
    const struct qp_say to = {file, NULL};
    int64_t now;
    if (!runtime)
        runtime = qp_thread.runtime;
    if (!runtime) {
        qp_say(&to, "no runtime is under way on this thread\n");
        return;
    }
    now = runtime->env.now(runtime->env.context);
    qp_say_count(&to, "", runtime->live, "task");
    qp_say(&to, " at %" PRId64 ".%06" PRId64 " ms, after %" PRIu64 " steps\n", now / 1000000, now % 1000000,
           runtime->steps);
    say_tasks(&to, runtime);
    say_objects(&to, runtime);
    fflush(file);
}
