/* Polling and dropping, as everything inside the library does it: qp_future_poll and qp_future_drop, inlined. */
#ifndef SCHEDULER_POLL_H
#define SCHEDULER_POLL_H

#include "scheduler/emit.h"

enum qp_status qp_poll_traced(struct qp_future *future, struct qp_waker *waker);
QP_NORETURN void qp_polled_after_completion(struct qp_future *future);

/* For those who know that nobody listens. */
static inline enum qp_status qp_poll_untold(struct qp_future *future, struct qp_waker *waker)
{
    enum qp_status status;
    if (QP_UNLIKELY(future->state == QP_FUTURE_DONE))
        qp_polled_after_completion(future);
    status = future->ops->poll(future, waker);
    future->state = status == QP_PENDING ? QP_FUTURE_PENDING : QP_FUTURE_DONE;
    return status;
}

static inline enum qp_status qp_poll(struct qp_future *future, struct qp_waker *waker)
{
    return QP_TRACING ? qp_poll_traced(future, waker) : qp_poll_untold(future, waker);
}

static inline void qp_drop(struct qp_future *future)
{
    if (future && future->state != QP_FUTURE_DONE)
        qp_future_drop(future);
}

#endif
