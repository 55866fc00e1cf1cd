/* Polling and dropping any future, and telling of it. No state. */
#include "scheduler/brief.h"
#include "scheduler/misuse.h"
#include "scheduler/object.h"
#include "scheduler/poll.h"
#include "scheduler/runtime.h"

/* Names the futures inside, in their order, once they are all there. */
static void emit_inner(struct qp_future *future)
{
    struct qp_future *inner;
    size_t i;
    if (!future->ops->inner)
        return;
    for (i = 0; (inner = future->ops->inner(future, i)) != NULL; i++) {
        uint32_t id = qp_future_number(inner);
        QP_EMIT(FUTURE_INNER, .future = future->id, .op = qp_future_name(future), .fields = {id, i});
    }
}

static void number(struct qp_future *future, uint64_t object)
{
    future->id = ++qp_thread.runtime->next_future;
    QP_EMIT(FUTURE_CREATED, .future = future->id, .object = object, .op = qp_future_name(future));
    emit_inner(future);
}

uint32_t qp_future_number(struct qp_future *future)
{
    if (!future->id)
        number(future, qp_future_object(future));
    return future->id;
}

static enum qp_status poll_in_full(struct qp_future *future, struct qp_waker *waker)
{
    uint64_t object = qp_future_object(future), id = qp_future_number(future);
    const char *op = qp_future_name(future);
    enum qp_status status;
    QP_EMIT(FUTURE_POLLED, .future = id, .object = object, .op = op);
    status = future->ops->poll(future, waker);
    if (status == QP_PENDING)
        QP_EMIT(FUTURE_PENDING, .future = id, .object = object, .op = op);
    else
        QP_EMIT(FUTURE_READY, .future = id, .object = object, .op = op, .fields = {(uint64_t)status});
    return status;
}

static enum qp_status poll_in_brief(struct qp_future *future, struct qp_waker *waker)
{
    qp_run_polled(qp_thread.tracing, future);
    return qp_run_answered(qp_thread.tracing, future, future->ops->poll(future, waker));
}

enum qp_status qp_poll_traced(struct qp_future *future, struct qp_waker *waker)
{
    enum qp_status status;
    if (QP_UNLIKELY(future->state == QP_FUTURE_DONE))
        qp_polled_after_completion(future);
    status = qp_thread.tracing->brief ? poll_in_brief(future, waker) : poll_in_full(future, waker);
    future->state = status == QP_PENDING ? QP_FUTURE_PENDING : QP_FUTURE_DONE;
    return status;
}

enum qp_status qp_future_poll(struct qp_future *future, struct qp_waker *waker)
{
    return qp_poll(future, waker);
}

static inline void drop_untold(struct qp_future *future)
{
    uint64_t before = qp_thread.special & qp_dropping();
    future->state = QP_FUTURE_DONE;
    qp_thread.special |= qp_dropping();
    future->ops->drop(future);
    qp_thread.special = (qp_thread.special & ~qp_dropping()) | before;
}

QP_APART static void drop_traced(struct qp_future *future)
{
    uint64_t object = qp_future_object(future);
    uint32_t id = qp_future_number(future);
    QP_EMIT(FUTURE_DROPPING, .future = id, .object = object, .op = qp_future_name(future));
    drop_untold(future);
    QP_EMIT(FUTURE_DROPPED, .future = future->id, .object = object, .op = qp_future_name(future));
}

void qp_future_drop(struct qp_future *future)
{
    if (!future || future->state == QP_FUTURE_DONE)
        return;
    if (QP_TRACING)
        drop_traced(future);
    else
        drop_untold(future);
}

void qp_polled_after_completion(struct qp_future *future)
{
    qp_misuse("future '%s' polled after completion, by %s%s", qp_future_name(future),
              qp_task_label(qp_thread.task ? qp_thread.task->id : 0), qp_site_label(" at ", qp_site_now()));
}
