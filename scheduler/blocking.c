/*
 * Blocking work: a task whose body runs off the executor, wherever the environment runs it.
 *
 * State: see struct qp_blocking in task.h. The environment has the work from submit until it is withdrawn or finished,
 * and `runtime->blocking` counts these.
 */
#include "scheduler/inject.h"
#include "scheduler/misuse.h"
#include "scheduler/runtime.h"
#include <quipu/time.h>
#include <stdio.h>
#include <string.h>

static struct qp_blocking *blocking_of(struct qp_work *work)
{
    return QP_CONTAINER(work, struct qp_blocking, work);
}

static void set_panic(struct qp_blocking *blocking, const char *text)
{
    snprintf(blocking->message, sizeof blocking->message, "%s", text);
    blocking->panicked = true;
}

/* The function, to its end: it returns, it panics, or, on the runtime's own thread, it stops the run. */
static void call(struct qp_blocking *blocking, jmp_buf **unwind)
{
    jmp_buf *before = unwind ? *unwind : NULL, end;
    /* cppcheck-suppress autoVariables ; neither is used after this function has returned */
    blocking->panic = &end;
    if (unwind)
        /* cppcheck-suppress autoVariables */
        *unwind = &end;
    if (setjmp(end) == 0)
        blocking->function(blocking->extra.arg);
    else if (!blocking->panicked)
        set_panic(blocking, "it stopped the run");
    if (unwind)
        *unwind = before;
}

/* On whatever thread. On another than the runtime's there is no current runtime, only the task. */
static void run(struct qp_work *work)
{
    struct qp_blocking *blocking = blocking_of(work);
    struct qp_runtime *runtime = blocking->task.runtime;
    struct qp_thread before = qp_thread;
    bool same_thread = before.runtime == runtime;
    qp_thread_begin(same_thread ? runtime : NULL);
    qp_thread.task = &blocking->task;
    call(blocking, same_thread ? &runtime->unwind : NULL);
    qp_thread = before;
}

void qp_blocking_submit(struct qp_blocking *blocking)
{
    struct qp_runtime *runtime = blocking->task.runtime;
    blocking->work = (struct qp_work){.run = run, .task = blocking->task.id};
    blocking->panicked = blocking->returned = false;
    runtime->free_until = 0; /* the environment may start it at each step */
    runtime->blocking++;
    QP_EMIT(BLOCKING_QUEUED, .fields = {blocking->task.id});
    runtime->env.submit(runtime->env.context, runtime, &blocking->work);
    if (QP_UNLIKELY(qp_thread.injecting))
        qp_inject_blocking(&blocking->task, QP_MOMENT_BEFORE);
}

bool qp_blocking_withdraw(struct qp_task *task)
{
    struct qp_runtime *runtime = task->runtime;
    struct qp_blocking *blocking = (struct qp_blocking *)task;
    if (task->flags & (QP_TASK_ABORTED | QP_TASK_ENDED))
        return true; /* withdrawn before */
    if (task->flags & QP_TASK_STARTED || !runtime->env.withdraw(runtime->env.context, runtime, &blocking->work))
        return false;
    runtime->blocking--;
    return true;
}

bool qp_work_may_start(struct qp_runtime *runtime, struct qp_work *work)
{
    struct qp_task *task = &blocking_of(work)->task;
    (void)runtime;
    if (QP_UNLIKELY(qp_thread.injecting))
        qp_inject_blocking(task, QP_MOMENT_PENDING);
    return !(task->flags & QP_TASK_ABORTED);
}

void qp_work_started(struct qp_runtime *runtime, struct qp_work *work)
{
    struct qp_blocking *blocking = blocking_of(work);
    (void)runtime;
    blocking->task.flags |= QP_TASK_STARTED;
    QP_EMIT(BLOCKING_STARTED, .fields = {blocking->task.id});
    if (QP_UNLIKELY(qp_thread.injecting))
        qp_inject_blocking(&blocking->task, QP_MOMENT_WOKEN);
}

void qp_work_finished(struct qp_runtime *runtime, struct qp_work *work)
{
    struct qp_blocking *blocking = blocking_of(work);
    struct qp_task *task = &blocking->task;
    runtime->blocking--;
    QP_EMIT(BLOCKING_FINISHED, .fields = {task->id, blocking->panicked, blocking->returned});
    if (blocking->returned)
        qp_task_has_result(task, NULL);
    if (blocking->panicked)
        qp_task_set_message(runtime, blocking->message);
    qp_task_end(task, blocking->panicked ? QP_PANICKED : QP_OK);
}

void qp_blocking_return(struct qp_blocking *blocking, const void *value)
{
    const struct qp_type *type = blocking->extra.result_type;
    void *result = qp_task_result(&blocking->task);
    if (blocking->returned && type->drop)
        type->drop(result);
    if (type->size)
        memcpy(result, value, type->size);
    blocking->returned = true;
}

void qp_blocking_panic(struct qp_blocking *blocking, const char *text)
{
    set_panic(blocking, text);
    longjmp(*blocking->panic, 1);
}

void qp_blocking_takes_ms(int64_t milliseconds)
{
    struct qp_task *task = qp_thread.task;
    struct qp_blocking *blocking = (struct qp_blocking *)task;
    int64_t duration = qp_milliseconds(milliseconds);
    if (!task || task->style != QP_STYLE_BLOCKING)
        qp_misuse("qp_blocking_takes_ms outside blocking work, in %s", qp_task_label(qp_task_id()));
    QP_EMIT(BLOCKING_LASTS, .fields = {task->id, (uint64_t)duration});
    blocking->work.duration_ns =
        duration > QP_NEVER - blocking->work.duration_ns ? QP_NEVER : blocking->work.duration_ns + duration;
}
