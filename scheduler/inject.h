/*
 * What the environment injects where a task waits, and between two steps: cancellations, by the task's abort or by any
 * boundary around the wait; suspensions; polls without a cause; time that passes while tasks are ready.
 *
 * Each is a choice that is asked for only where the environment wants it (qp_thread.injecting); 0 is always to do
 * nothing. A cancellation by a boundary is never done by force: the clock is brought to the boundary's deadline, and
 * the boundary gives up what is inside by its own contract, or does not, where the result came at the same instant.
 */
#ifndef SCHEDULER_INJECT_H
#define SCHEDULER_INJECT_H

#include "scheduler/runtime.h"

struct qp_coroutine;

/* The kinds of choices that inject something, of those that a runtime's environment wants. */
static inline uint16_t qp_injected(const struct qp_runtime *runtime)
{
    const uint32_t kinds = 1u << QP_CHOICE_CANCEL | 1u << QP_CHOICE_YIELD | 1u << QP_CHOICE_SPURIOUS |
                           1u << QP_CHOICE_CLOCK | 1u << QP_CHOICE_RETRY | 1u << QP_CHOICE_PANIC |
                           1u << QP_CHOICE_ALLOC | 1u << QP_CHOICE_LATE;
    return (uint16_t)(runtime->env.choices & kinds);
}

static inline bool qp_injects(enum qp_choice_kind kind)
{
    return qp_thread.injecting >> kind & 1;
}

/* Before the first poll of what a coroutine awaits. True: it does not go on, and suspends at once. */
bool qp_inject_before(struct qp_coroutine *coroutine);

/* The same: the task may panic. */
void qp_inject_panic(const struct qp_coroutine *coroutine);

/*
 * The running task's poll ended pending. True: what it waits for was dropped and is new, and the task has to be polled
 * once more in the same step, as if nothing had been.
 */
bool qp_inject_pending(struct qp_task *task);

/* And it waits: what is done instead of qp_step_suspended. */
void qp_inject_suspended(struct qp_task *task);

/* The task was woken and is about to be polled. */
void qp_inject_woken(struct qp_task *task);

/* Blocking work was queued, or is about to start, or has started, by the moment: it may be aborted then. */
void qp_inject_blocking(struct qp_task *task, enum qp_moment moment);

/* Whether there is, this time, no stack to start on. */
bool qp_inject_no_stack(void);

/* Before a due timer fires. True: time passed instead. */
bool qp_inject_late(struct qp_runtime *runtime);

/* Before a step, while tasks are ready. True: something happened that is to be looked at first. */
bool qp_inject_between_steps(struct qp_runtime *runtime);

#endif
