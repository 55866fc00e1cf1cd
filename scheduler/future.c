/* Polling and dropping any future, and telling of it. No state. */
#include "scheduler/misuse.h"
#include "scheduler/object.h"
#include "scheduler/poll.h"
#include "scheduler/runtime.h"

static uint64_t object_of(const struct qp_future *future)
{
    const struct qp_object *object = future->ops->object ? future->ops->object(future) : NULL;
    return object ? object->id : 0;
}

static const char *name_of(const struct qp_future *future)
{
    return future->ops->name ? future->ops->name : "future";
}

/* Names the futures inside, in their order, once they are all there. */
static void emit_inner(struct qp_future *future)
{
    struct qp_future *inner;
    size_t i;
    if (future->ops->inner)
        for (i = 0; (inner = future->ops->inner(future, i)) != NULL; i++)
            QP_EMIT(FUTURE_INNER, .future = future->id, .op = name_of(future), .fields = {qp_future_number(inner), i});
}

uint32_t qp_future_number(struct qp_future *future)
{
    if (future->id)
        return future->id;
    future->id = ++qp_thread.runtime->next_future;
    QP_EMIT(FUTURE_CREATED, .future = future->id, .object = object_of(future), .op = name_of(future));
    emit_inner(future);
    return future->id;
}

enum qp_status qp_poll_traced(struct qp_future *future, struct qp_waker *waker)
{
    const char *op = name_of(future);
    uint32_t id = qp_future_number(future);
    uint64_t object = object_of(future);
    enum qp_status status;
    QP_EMIT(FUTURE_POLLED, .future = id, .object = object, .op = op);
    status = future->ops->poll(future, waker);
    future->state = status == QP_PENDING ? QP_FUTURE_PENDING : QP_FUTURE_DONE;
    if (status == QP_PENDING)
        QP_EMIT(FUTURE_PENDING, .future = id, .object = object, .op = op);
    else
        QP_EMIT(FUTURE_READY, .future = id, .object = object, .op = op, .fields = {(uint64_t)status});
    return status;
}

enum qp_status qp_future_poll(struct qp_future *future, struct qp_waker *waker)
{
    return qp_poll(future, waker);
}

void qp_future_drop(struct qp_future *future)
{
    uint64_t object = 0;
    bool dropping = qp_thread.dropping;
    if (!future || future->state == QP_FUTURE_DONE)
        return;
    if (QP_TRACING) {
        object = object_of(future);
        QP_EMIT(FUTURE_DROPPING, .future = qp_future_number(future), .object = object, .op = name_of(future));
    }
    future->state = QP_FUTURE_DONE;
    qp_thread.dropping = true;
    future->ops->drop(future);
    qp_thread.dropping = dropping;
    QP_EMIT(FUTURE_DROPPED, .future = future->id, .object = object, .op = name_of(future));
}

void qp_polled_after_completion(struct qp_future *future)
{
    qp_misuse("future '%s' polled after completion, by %s%s", name_of(future),
              qp_task_label(qp_thread.task ? qp_thread.task->id : 0), qp_site_label(" at ", qp_site_now()));
}
