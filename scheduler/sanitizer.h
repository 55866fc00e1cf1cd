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

static inline void qp_sanitizer_leave(struct qp_coroutine *self, bool for_good)
{
    __sanitizer_start_switch_fiber(for_good ? NULL : &self->sanitizer, self->stack->caller_bottom,
                                   self->stack->caller_size);
}

static inline void qp_sanitizer_hand_over(struct qp_coroutine *self, struct qp_coroutine *next)
{
    qp_handed_over = true;
    next->stack->caller_bottom = self->stack->caller_bottom;
    next->stack->caller_size = self->stack->caller_size;
    __sanitizer_start_switch_fiber(&self->sanitizer, next->stack->bottom,
                                   (size_t)(next->stack->top - next->stack->bottom));
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

static inline void qp_sanitizer_leave(struct qp_coroutine *self, bool for_good)
{
    (void)for_good;
    __tsan_switch_to_fiber((void *)(uintptr_t)self->stack->caller_bottom, 0);
}

static inline void qp_sanitizer_hand_over(struct qp_coroutine *self, struct qp_coroutine *next)
{
    next->stack->caller_bottom = self->stack->caller_bottom;
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

/* Before it switches back to its poller, perhaps never to be resumed. */
static inline void qp_sanitizer_leave(struct qp_coroutine *self, bool for_good)
{
    (void)self;
    (void)for_good;
}

/* Before it switches to another task's coroutine, whose poller is its own then. */
static inline void qp_sanitizer_hand_over(struct qp_coroutine *self, struct qp_coroutine *next)
{
    (void)self;
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
