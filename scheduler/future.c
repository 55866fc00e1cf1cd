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

static enum qp_status poll_in_full(struct qp_future *future, struct qp_waker *waker)
{
    uint64_t object = object_of(future), id = qp_future_number(future);
    const char *op = name_of(future);
    enum qp_status status;
    QP_EMIT(FUTURE_POLLED, .future = id, .object = object, .op = op);
    status = future->ops->poll(future, waker);
    if (status == QP_PENDING)
        QP_EMIT(FUTURE_PENDING, .future = id, .object = object, .op = op);
    else
        QP_EMIT(FUTURE_READY, .future = id, .object = object, .op = op, .fields = {(uint64_t)status});
    return status;
}

/* In brief the object and the operation are told when the future is created. */
enum {
    BEGUN = QP_EVENT_HAS_FUTURE | QP_EVENT_HAS_OBJECT | QP_EVENT_HAS_OP,
    POLLED = QP_EVENT_HAS_FUTURE,
    ANSWERED = QP_EVENT_HAS_FUTURE | QP_EVENT_HAS_FIELD
};

static inline struct qp_event *put_begun(struct qp_tracing *tracing, struct qp_future *future)
{
    struct qp_event event = {.object = object_of(future), .op = name_of(future)};
    struct qp_event *begun;
    event.future = future->id = ++qp_thread.runtime->next_future;
    begun = qp_put_parts(tracing, (enum qp_event_kind)QP_RUN_BEGUN, BEGUN, &event);
    tracing->seq++; /* there are two of them */
    return begun;
}

/* Puts the beginning of a poll. A future without others inside is created by that. */
static inline struct qp_event *put_polled(struct qp_tracing *tracing, struct qp_future *future)
{
    if (!future->id && !future->ops->inner)
        return put_begun(tracing, future);
    return qp_put_parts(tracing, QP_EVENT_FUTURE_POLLED, POLLED,
                        &(const struct qp_event){.future = qp_future_number(future)});
}

/* The kind of both, where the last event was that a future is polled, and this is its answer. */
static inline enum qp_event_kind and_answered(enum qp_event_kind polled, enum qp_status status)
{
    if (status == QP_PENDING)
        return (enum qp_event_kind)(polled == QP_EVENT_FUTURE_POLLED ? QP_RUN_POLLED_PENDING : QP_RUN_BEGUN_PENDING);
    return (enum qp_event_kind)(polled == QP_EVENT_FUTURE_POLLED ? QP_RUN_POLLED_READY : QP_RUN_BEGUN_READY);
}

/* What said that it is polled may be changed to tell how the poll ended, as long as nothing came behind it. */
static enum qp_status poll_in_brief(struct qp_future *future, struct qp_waker *waker, struct qp_tracing *tracing)
{
    struct qp_event *polled = put_polled(tracing, future);
    uint64_t seq = tracing->seq, id = future->id;
    enum qp_status status = future->ops->poll(future, waker);
    if (tracing->seq == seq && tracing->next == polled + 1) {
        tracing->seq = seq + 1;
        polled->kind = and_answered(polled->kind, status);
        polled->fields[0] = (uint64_t)status;
    } else {
        qp_put_parts(tracing, status == QP_PENDING ? QP_EVENT_FUTURE_PENDING : QP_EVENT_FUTURE_READY, ANSWERED,
                     &(const struct qp_event){.future = id, .fields = {(uint64_t)status}});
    }
    return status;
}

enum qp_status qp_poll_traced(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    enum qp_status status;
    if (QP_UNLIKELY(future->state == QP_FUTURE_DONE))
        qp_polled_after_completion(future);
    status = tracing->brief ? poll_in_brief(future, waker, tracing) : poll_in_full(future, waker);
    future->state = status == QP_PENDING ? QP_FUTURE_PENDING : QP_FUTURE_DONE;
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
