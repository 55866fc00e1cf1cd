/* The ready path of an await: see await.h. */
#include "scheduler/await.h"

static inline bool is_own_yield(const struct qp_coroutine *self, const struct qp_future *future)
{
    return future->ops == &qp_yield_ops && future->state == QP_FUTURE_NEW && (self->future.stage & QP_COROUTINE_TASK);
}

inline enum qp_status qp_await_at(struct qp_future *future, const struct qp_site *site)
{
    struct qp_coroutine *self = qp_thread.coroutine;
    enum qp_status status;
    if (QP_UNLIKELY(!self || !future || ((uintptr_t)self->awaiting | qp_thread.special) != 0))
        return qp_await_specially(future, site);
    self->site = site;
    self->awaiting = future;
    if (QP_UNLIKELY(is_own_yield(self, future)))
        return qp_await_yield(self);
    status = qp_await_poll(self);
    return QP_LIKELY(status == QP_OK) ? qp_await_over(self, QP_OK) : qp_await_not_ok(self, status);
}
