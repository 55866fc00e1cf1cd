/*
 * Events, from wherever something happens. Nothing here costs more than one branch while nobody listens.
 *
 * An event is put together in the place where it will be read. One that is told at once has the one place there is; of
 * those that are told many at a time (struct qp_event_batch) each has the next. Only what its kind has is written.
 */
#ifndef SCHEDULER_EMIT_H
#define SCHEDULER_EMIT_H

#include "scheduler/task.h"
#include "scheduler/thread.h"
#include <quipu/event.h>

/* Who listens to a runtime. Between two events `next` is before `end`. */
struct qp_tracing {
    struct qp_event *first, *next, *end; /* the places; the next free one */
    bool brief;                          /* they go to env.batch */
    uint64_t seq;                        /* of the last event, also of one that is not told in brief */
    struct qp_runtime *runtime;
    struct qp_event one; /* the place, where they are told at once */
};

/* Tells what has been put so far. */
void qp_tracing_tell(struct qp_tracing *tracing);

/* Whether it gives somebody a name, which may be gone when the call is over. */
static inline bool qp_event_names(enum qp_event_kind kind)
{
    return kind == QP_EVENT_TASK_SPAWNED || kind == QP_EVENT_TASK_RENAMED || kind == QP_EVENT_OBJECT_NAMED;
}

/*
 * Puts an event with these parts into the next place. Everything but the values is known to the compiler, which leaves
 * of all this a few stores. Returns the place, which is some other event's as soon as another one was put.
 */
static inline __attribute__((always_inline)) struct qp_event *
qp_put_parts(struct qp_tracing *tracing, enum qp_event_kind kind, unsigned parts, const struct qp_event *event)
{
    struct qp_event *place = tracing->next;
    unsigned i;
    place->kind = kind;
    place->seq = ++tracing->seq;
    place->task = qp_thread.task ? qp_thread.task->id : 0;
    place->site = qp_site_now();
    if (parts & QP_EVENT_HAS_OBJECT)
        place->object = event->object;
    if (parts & QP_EVENT_HAS_FUTURE)
        place->future = event->future;
    if (parts & QP_EVENT_HAS_OP)
        place->op = event->op;
    for (i = 0; i < QP_EVENT_FIELDS; i++)
        if (parts & (unsigned)QP_EVENT_HAS_FIELD << i)
            place->fields[i] = event->fields[i];
    if (parts & QP_EVENT_HAS_TEXT)
        place->text = event->text;
    if (++tracing->next == tracing->end || qp_event_names(kind))
        qp_tracing_tell(tracing);
    return place;
}

/* The same, with the parts that its kind has; a note that nobody is told of is only numbered. */
static inline __attribute__((always_inline)) void qp_put(enum qp_event_kind kind, const struct qp_event *event)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    if ((qp_event_parts(kind) & QP_EVENT_IS_NOTE) && tracing->brief)
        tracing->seq++;
    else
        qp_put_parts(tracing, kind, qp_event_parts(kind), event);
}

/* QP_EMIT(VALUE_QUEUED, .object = id, .fields = {value}); */
#define QP_EMIT(name, ...)                                                  \
    do {                                                                    \
        if (QP_TRACING)                                                     \
            qp_put(QP_EVENT_##name, &(const struct qp_event){__VA_ARGS__}); \
    } while (0)

/* The number of a future in the trace; given at its first event, which tells of its creation. Only while tracing. */
uint32_t qp_future_number(struct qp_future *future);

#endif
