/* Polling and dropping, as everything inside the library does it: qp_future_poll and qp_future_drop, inlined. */
#ifndef SCHEDULER_POLL_H
#define SCHEDULER_POLL_H

#include "scheduler/emit.h"

enum qp_status qp_poll_traced(struct qp_future *future, struct qp_waker *waker);
QP_NORETURN void qp_polled_after_completion(struct qp_future *future);

static inline enum qp_status qp_poll(struct qp_future *future, struct qp_waker *waker)
{
    enum qp_status status;
    if (QP_UNLIKELY(future->state == QP_FUTURE_DONE))
        qp_polled_after_completion(future);
    if (QP_TRACING)
        return qp_poll_traced(future, waker);
    status = future->ops->poll(future, waker);
    future->state = status == QP_PENDING ? QP_FUTURE_PENDING : QP_FUTURE_DONE;
    return status;
}

static inline void qp_drop(struct qp_future *future)
{
    if (future && future->state != QP_FUTURE_DONE)
        qp_future_drop(future);
}

#endif
