/*
 * An await: what is ready at once, and what is not.
 *
 * What is ready at once costs little more than its poll: await.c has that path alone, so that a program which is
 * optimised when it is linked has it at each of its awaits, without a call. It keeps nothing but the coroutine in a
 * register over the poll. Whatever is not ready, or special in another way, coroutine.c sees to.
 */
#ifndef SCHEDULER_AWAIT_H
#define SCHEDULER_AWAIT_H

#include "scheduler/coroutine.h"
#include "scheduler/poll.h"
#include "scheduler/runtime.h"
#include <stddef.h>
#include <string.h>

/* The environment may do something here, somebody listens, or nobody may await. */
enum qp_status qp_await_specially(struct qp_future *future, const struct qp_site *site);

/* It is a task's own wait to yield, from its beginning. */
enum qp_status qp_await_yield(struct qp_coroutine *self);

/* It was polled, and is pending, or, which is seldom, has failed. */
enum qp_status qp_await_not_ok(struct qp_coroutine *self, enum qp_status status);

/* Polls what it waits for; nobody is told. It is the one that runs, which whoever went on with it has seen to. */
static inline enum qp_status qp_await_poll(const struct qp_coroutine *self)
{
    struct qp_future *future = self->awaiting; /* NOLINT(clang-analyzer-core.NullDereference) */
    if (QP_UNLIKELY(future->state == QP_FUTURE_DONE))
        qp_polled_after_completion(future);
    return future->ops->poll(future, self->waker);
}

/* What it waited for, and where, stand together: both are cleared by one store. */
static inline void qp_await_forget(struct qp_coroutine *self)
{
    enum { BEGIN = offsetof(struct qp_coroutine, awaiting), END = offsetof(struct qp_coroutine, floor) };
    _Static_assert(END - BEGIN == sizeof self->awaiting + sizeof self->site, "they stand together");
    memset((char *)self + BEGIN, 0, END - BEGIN);
}

/* It is over, with that. */
static inline enum qp_status qp_await_end(struct qp_coroutine *self, enum qp_status status)
{
    qp_await_forget(self);
    if (QP_UNLIKELY(status != QP_OK) && qp_thread.runtime)
        qp_thread.runtime->failure = status;
    return status;
}

/* The same, after a poll by qp_await_poll. */
static inline enum qp_status qp_await_over(struct qp_coroutine *self, enum qp_status status)
{
    self->awaiting->state = QP_FUTURE_DONE;
    return qp_await_end(self, status);
}

#endif
