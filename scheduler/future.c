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

static void number(struct qp_future *future, uint64_t object)
{
    future->id = ++qp_thread.runtime->next_future;
    QP_EMIT(FUTURE_CREATED, .future = future->id, .object = object, .op = name_of(future));
    emit_inner(future);
}

uint32_t qp_future_number(struct qp_future *future)
{
    if (!future->id)
        number(future, object_of(future));
    return future->id;
}

/*
 * Puts the beginning of a poll. In brief a future without others inside is created by that, and what this says later
 * may be changed to tell how the poll ended, as long as nothing was put behind it.
 */
static inline struct qp_event *put_polled(struct qp_future *future, struct qp_event *event)
{
    event->object = object_of(future);
    event->op = name_of(future);
    if (!future->id && qp_thread.tracing->brief && !future->ops->inner) {
        event->future = future->id = ++qp_thread.runtime->next_future;
        return qp_put((enum qp_event_kind)QP_RUN_BEGUN, event);
    }
    if (!future->id)
        number(future, event->object);
    event->future = future->id;
    return qp_put(QP_EVENT_FUTURE_POLLED, event);
}

/* The kind of both, where the last thing put was that a future is polled, and now it is pending. */
static inline enum qp_event_kind and_pending(enum qp_event_kind kind)
{
    return (enum qp_event_kind)(kind == QP_EVENT_FUTURE_POLLED ? QP_RUN_POLLED_PENDING : QP_RUN_BEGUN_PENDING);
}

static inline enum qp_event_kind and_ready(enum qp_event_kind kind)
{
    return (enum qp_event_kind)(kind == QP_EVENT_FUTURE_POLLED ? QP_RUN_POLLED_READY : QP_RUN_BEGUN_READY);
}

enum qp_status qp_poll_traced(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    struct qp_event event = {0}, *polled = put_polled(future, &event);
    uint64_t rounds = tracing->rounds;
    enum qp_status status = future->ops->poll(future, waker);
    bool is_last = tracing->next == polled + 1 && tracing->rounds == rounds;
    if (status == QP_PENDING) {
        future->state = QP_FUTURE_PENDING;
        if (is_last)
            polled->kind = and_pending(polled->kind);
        else
            qp_put(QP_EVENT_FUTURE_PENDING, &event);
    } else {
        future->state = QP_FUTURE_DONE;
        event.fields[0] = (uint64_t)status;
        if (is_last) {
            polled->kind = and_ready(polled->kind);
            polled->fields[0] = (uint64_t)status;
        } else {
            qp_put(QP_EVENT_FUTURE_READY, &event);
        }
    }
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
