/*
 * What a sanitizer must hear of a switch from one stack to another; nothing where there is none.
 *
 * ASan: where the stack lies that is switched to; a coroutine's `sanitizer` is what it keeps for one that is left, and
 * `caller_bottom` and `caller_size` are where its poller's stack lies. TSan: which of its fibers; `sanitizer` is the
 * coroutine's own, and `caller_bottom` its poller's.
 */
#ifndef SCHEDULER_SANITIZER_H
#define SCHEDULER_SANITIZER_H

#include "scheduler/stack.h"
#include <quipu/task.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#define QP_WITH_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define QP_WITH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define QP_WITH_ASAN 1
#elif __has_feature(thread_sanitizer)
#define QP_WITH_TSAN 1
#endif
#endif

/* Whether a coroutine's stack may be given back while that coroutine still runs on it, for the last time. */
#if defined(QP_WITH_TSAN)
#define QP_STACK_ENDS_ITSELF false /* no fiber may destroy itself */
#else
#define QP_STACK_ENDS_ITSELF true
#endif

#if defined(QP_WITH_ASAN)
#include <sanitizer/common_interface_defs.h>

static _Thread_local bool qp_handed_over; /* by another task's coroutine, and not by its poller */

static inline void qp_sanitizer_begin(struct qp_coroutine *self)
{
    (void)self;
}

static inline void qp_sanitizer_end(struct qp_coroutine *self)
{
    (void)self;
}

static inline void *qp_sanitizer_enter(struct qp_coroutine *self)
{
    void *saved;
    __sanitizer_start_switch_fiber(&saved, self->stack->bottom, (size_t)(self->stack->top - self->stack->bottom));
    return saved;
}

static inline void qp_sanitizer_entered(void *saved)
{
    __sanitizer_finish_switch_fiber(saved, NULL, NULL);
}

static inline void qp_sanitizer_leave(struct qp_stack *stack, void **kept)
{
    __sanitizer_start_switch_fiber(kept, stack->caller_bottom, stack->caller_size);
}

static inline void qp_sanitizer_hand_over(struct qp_stack *stack, void **kept, struct qp_coroutine *next)
{
    qp_handed_over = true;
    next->stack->caller_bottom = stack->caller_bottom;
    next->stack->caller_size = stack->caller_size;
    __sanitizer_start_switch_fiber(kept, next->stack->bottom, (size_t)(next->stack->top - next->stack->bottom));
}

static inline void qp_sanitizer_arrived(struct qp_coroutine *self, bool for_the_first_time)
{
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(for_the_first_time ? NULL : self->sanitizer, &bottom, &size);
    if (!qp_handed_over) {
        self->stack->caller_bottom = bottom;
        self->stack->caller_size = size;
    }
    qp_handed_over = false;
}

#elif defined(QP_WITH_TSAN)
#include <sanitizer/tsan_interface.h>

static inline void qp_sanitizer_begin(struct qp_coroutine *self)
{
    self->sanitizer = __tsan_create_fiber(0);
}

static inline void qp_sanitizer_end(struct qp_coroutine *self)
{
    __tsan_destroy_fiber(self->sanitizer);
}

static inline void *qp_sanitizer_enter(struct qp_coroutine *self)
{
    self->stack->caller_bottom = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(self->sanitizer, 0);
    return NULL;
}

static inline void qp_sanitizer_entered(void *saved)
{
    (void)saved;
}

static inline void qp_sanitizer_leave(struct qp_stack *stack, void **kept)
{
    (void)kept;
    __tsan_switch_to_fiber((void *)(uintptr_t)stack->caller_bottom, 0);
}

static inline void qp_sanitizer_hand_over(struct qp_stack *stack, void **kept, struct qp_coroutine *next)
{
    (void)kept;
    next->stack->caller_bottom = stack->caller_bottom;
    __tsan_switch_to_fiber(next->sanitizer, 0);
}

static inline void qp_sanitizer_arrived(struct qp_coroutine *self, bool for_the_first_time)
{
    (void)self;
    (void)for_the_first_time;
}

#else

/* It has its stack; its stack is given back. */
static inline void qp_sanitizer_begin(struct qp_coroutine *self)
{
    (void)self;
}

static inline void qp_sanitizer_end(struct qp_coroutine *self)
{
    (void)self;
}

/* Before its poller switches to it, and after that switch has returned. */
static inline void *qp_sanitizer_enter(struct qp_coroutine *self)
{
    (void)self;
    return NULL;
}

static inline void qp_sanitizer_entered(void *saved)
{
    (void)saved;
}

/* Before the one that runs on this stack switches back to its poller. `kept`: its `sanitizer`; NULL: for good. */
static inline void qp_sanitizer_leave(struct qp_stack *stack, void **kept)
{
    (void)stack;
    (void)kept;
}

/* Before it switches to another task's coroutine, whose poller is its own then. */
static inline void qp_sanitizer_hand_over(struct qp_stack *stack, void **kept, struct qp_coroutine *next)
{
    (void)stack;
    (void)kept;
    (void)next;
}

/* After it was switched to. */
static inline void qp_sanitizer_arrived(struct qp_coroutine *self, bool for_the_first_time)
{
    (void)self;
    (void)for_the_first_time;
}

#endif
#endif
