/*
 * Time: sleep, timeout, timeout_join.
 *
 * State of each: a duration until the first poll, which makes it a deadline, and a timer while it waits for that.
 * Invariants: what is waited for is polled before the deadline is looked at; the timer is registered from a pending
 * poll to the end, and its waker is that of the latest poll.
 * Cancelled before the first poll: there is no timer. Pending: it is taken out. Woken but not polled: it is out
 * already. In each case what was waited for is dropped first, and for a join that means its handle.
 */
#include "scheduler/brief.h"
#include "scheduler/misuse.h"
#include "scheduler/ops.h"
#include "scheduler/poll.h"
#include "scheduler/runtime.h"
#include <math.h>

int64_t qp_seconds(double seconds)
{
    if (!isfinite(seconds) || seconds <= 0)
        return 0;
    return seconds >= 9.2e9 ? QP_NEVER : (int64_t)(seconds * 1e9 + 0.5); /* the nearest: 1.001 is not quite 1.001 */
}

int64_t qp_now(void)
{
    struct qp_runtime *runtime = qp_thread.runtime;
    if (!runtime)
        qp_misuse("qp_now outside a runtime: there is no clock");
    return runtime->env.now(runtime->env.context);
}

/* Tells, at the first poll, how long it may take, and what task it is about. */
QP_APART static void tell_asked(const struct qp_future *future, int64_t duration_ns, uint64_t target)
{
    qp_tell_asked(future, (uint64_t)duration_ns, 0, target);
}

/* A deadline of the future that is polled, in a runtime: started by its first poll, looked at by each. */
static inline enum qp_status deadline_poll(const struct qp_future *future, struct qp_timer *timer, int64_t duration_ns,
                                           struct qp_waker *waker)
{
    if (future->state == QP_FUTURE_NEW) {
        if (duration_ns <= 0)
            return QP_OK;
        return qp_timer_start(timer, duration_ns, waker) ? QP_PENDING : QP_NOMEM;
    }
    timer->waker = waker;
    return qp_timer_is_over(timer) ? QP_OK : QP_PENDING;
}

static void refuse_outside(const struct qp_future *future)
{
    if (!qp_thread.runtime)
        qp_misuse("%s polled outside a runtime: there is no clock", future->ops->name);
}

/* ---- sleep ---- */

/* Where somebody may listen, or there may be no runtime. */
QP_COLD static enum qp_status sleep_specially(struct qp_sleep_future *self, struct qp_waker *waker)
{
    refuse_outside(&self->future);
    if (QP_TRACING && self->future.state == QP_FUTURE_NEW)
        tell_asked(&self->future, self->duration_ns, 0);
    return deadline_poll(&self->future, &self->timer, self->duration_ns, waker);
}

static enum qp_status sleep_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_sleep_future *self = (struct qp_sleep_future *)future;
    if (QP_UNLIKELY(qp_thread.special))
        return sleep_specially(self, waker);
    return deadline_poll(future, &self->timer, self->duration_ns, waker);
}

static void sleep_drop(struct qp_future *future)
{
    qp_timer_disarm(&((struct qp_sleep_future *)future)->timer);
}

const struct qp_future_ops qp_sleep_ops = {qp_op_sleep, sleep_poll, sleep_drop, NULL, NULL};

/* ---- timeout ---- */

/* Polls what a timeout is around, and tells, before the first time, how long that may take. */
static enum qp_status told_poll(const struct qp_future *timeout, int64_t duration_ns, uint64_t target,
                                struct qp_future *inner, struct qp_waker *waker)
{
    if (QP_TRACING && timeout->state == QP_FUTURE_NEW)
        tell_asked(timeout, duration_ns, target);
    return qp_poll(inner, waker);
}

/* What it is around is pending: looks at the deadline. */
static inline enum qp_status timeout_wait(struct qp_timeout_future *self, struct qp_waker *waker)
{
    enum qp_status status = deadline_poll(&self->future, &self->timer, self->duration_ns, waker);
    if (QP_LIKELY(status == QP_PENDING))
        return QP_PENDING;
    qp_future_drop(self->inner);
    return status == QP_OK ? QP_TIMEOUT : status;
}

/* Where somebody may listen, or there may be no runtime. */
QP_APART static enum qp_status timeout_specially(struct qp_timeout_future *self, struct qp_waker *waker)
{
    enum qp_status status;
    if (!self->inner)
        return QP_INVALID;
    status = told_poll(&self->future, self->duration_ns, 0, self->inner, waker);
    if (status != QP_PENDING) {
        qp_timer_disarm(&self->timer);
        return status;
    }
    refuse_outside(&self->future);
    return timeout_wait(self, waker);
}

static enum qp_status timeout_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_timeout_future *self = (struct qp_timeout_future *)future;
    enum qp_status status;
    if (QP_UNLIKELY(qp_thread.special || !self->inner))
        return timeout_specially(self, waker);
    status = qp_poll_untold(self->inner, waker);
    if (status == QP_PENDING)
        return timeout_wait(self, waker);
    qp_timer_disarm(&self->timer);
    return status;
}

static void timeout_drop(struct qp_future *future)
{
    struct qp_timeout_future *self = (struct qp_timeout_future *)future;
    qp_future_drop(self->inner);
    qp_timer_disarm(&self->timer);
}

static struct qp_future *timeout_inner(const struct qp_future *future, size_t index)
{
    return index == 0 ? ((const struct qp_timeout_future *)future)->inner : NULL;
}

const struct qp_future_ops qp_timeout_ops = {qp_op_timeout, timeout_poll, timeout_drop, NULL, timeout_inner};

/* ---- timeout_join ---- */

static enum qp_status timeout_join_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_timeout_join_future *self = (struct qp_timeout_join_future *)future;
    enum qp_status status;
    status = told_poll(future, self->duration_ns, self->join.task->id, &self->join.future, waker);
    if (status != QP_PENDING) {
        qp_timer_disarm(&self->timer);
        return status;
    }
    refuse_outside(future);
    status = deadline_poll(future, &self->timer, self->duration_ns, waker);
    if (status == QP_PENDING)
        return QP_PENDING;
    *self->handle = qp_join_give_back(&self->join);
    return status == QP_OK ? QP_TIMEOUT : status;
}

static void timeout_join_drop(struct qp_future *future)
{
    struct qp_timeout_join_future *self = (struct qp_timeout_join_future *)future;
    qp_future_drop(&self->join.future);
    qp_timer_disarm(&self->timer);
}

static struct qp_future *timeout_join_inner(const struct qp_future *future, size_t index)
{
    return index == 0 ? &((struct qp_timeout_join_future *)(uintptr_t)future)->join.future : NULL;
}

static const struct qp_future_ops timeout_join_ops = {qp_op_timeout_join, timeout_join_poll, timeout_join_drop, NULL,
                                                      timeout_join_inner};

struct qp_future *qp_timeout_join_init(struct qp_timeout_join_future *self, int64_t duration_ns,
                                       struct qp_handle *handle, void *result)
{
    qp_join_init(&self->join, handle, result);
    self->handle = handle;
    self->duration_ns = duration_ns;
    self->timer.runtime = NULL;
    return qp_future_init(&self->future, &timeout_join_ops);
}
