/*
 * A step: one poll of one task, and what stands between two of them.
 *
 * The loop (runtime.c) makes steps one after the other. A coroutine that suspends (coroutine.c) does itself what the
 * loop would do next, as long as that is another step: it notes that its task waits, takes the next one, and goes on
 * with that one's stack, or, where it is itself the next, with its own. One switch instead of two, or none. The loop
 * hears of it when somebody comes back to it.
 */
#ifndef SCHEDULER_STEP_H
#define SCHEDULER_STEP_H

#include "scheduler/brief.h"
#include "scheduler/runtime.h"

/*
 * The running task's poll ended pending, and nobody asked for its end: it waits, or was woken meanwhile. `told`, here
 * and below: whether somebody listens, for those who know that when they are compiled.
 */
static inline __attribute__((always_inline)) void qp_step_suspended(struct qp_task *task, bool told)
{
    unsigned flags = task->flags & ~(unsigned)(QP_TASK_RUNNING | QP_TASK_WOKEN);
    if (told)
        qp_tell_suspended(task, (task->flags & QP_TASK_WOKEN) != 0);
    if (!(task->flags & QP_TASK_WOKEN)) {
        task->flags = (uint16_t)flags;
        return;
    }
    task->flags = (uint16_t)(flags | QP_TASK_QUEUED);
    qp_ready_push(&task->runtime->ready, task);
}

/* Takes the task that is to be polled next. Only while one is ready. */
static inline struct qp_task *qp_step_next(struct qp_runtime *runtime)
{
    uint32_t count = qp_ready_count(&runtime->ready), index;
    if (count == 1 || QP_LIKELY(!qp_runtime_wants(runtime, QP_CHOICE_TASK))) {
        runtime->steps++;
        return qp_ready_take_first(&runtime->ready);
    }
    runtime->next_choice.count = count;
    index = runtime->env.choose(runtime->env.context, &runtime->next_choice);
    runtime->steps++;
    return qp_ready_take(&runtime->ready, index);
}

/* It is the running one from here on. */
static inline void qp_step_enter(struct qp_task *task)
{
    task->flags &= (uint16_t)~QP_TASK_QUEUED;
    qp_thread.task = task;
    qp_thread.site = NULL;
}

/* It is polled. */
static inline __attribute__((always_inline)) void qp_step_begin(struct qp_task *task, bool told)
{
    if (told)
        qp_tell_polled(task);
    task->flags |= QP_TASK_RUNNING;
}

#endif
