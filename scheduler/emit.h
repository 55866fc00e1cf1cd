/*
 * Events, from wherever something happens. Nothing here costs more than one branch while nobody listens.
 *
 * An event is put together in the place where it will be read. One that is told at once has the one place there is; of
 * those that are told many at a time (struct qp_event_batch) each has the next, or becomes part of the run that is the
 * last (brief.h). Only what its kind has is written.
 */
#ifndef SCHEDULER_EMIT_H
#define SCHEDULER_EMIT_H

#include "scheduler/task.h"
#include "scheduler/thread.h"
#include <quipu/event.h>

/*
 * Who listens to a runtime. Events that are told at once leave `next` at `first`. `last` is the record that was put
 * last and has not been told; where there is none, it is `one`, which then is no run.
 */
struct qp_tracing {
    struct qp_event_brief *first, *next, *end; /* the places; the next free one */
    struct qp_event_brief *last;
    bool brief;   /* they go to env.batch */
    bool names;   /* one that has not been told says a task's name, which may be gone when that has ended */
    uint64_t seq; /* of the last event, also of one that is not told in brief */
    struct qp_runtime *runtime;
    struct qp_event_brief one; /* the place, where they are told at once */
};

/* Tells what has been put so far. */
void qp_tracing_tell(struct qp_tracing *tracing);

/* The next place, for a run that begins with these parts, or for one event, and its number. */
static inline struct qp_event_brief *qp_place(struct qp_tracing *tracing, unsigned parts)
{
    struct qp_event_brief *place;
    if (QP_UNLIKELY(tracing->next == tracing->end))
        qp_tracing_tell(tracing);
    place = tracing->last = tracing->next++;
    place->parts = parts;
    place->event.seq = ++tracing->seq;
    return place;
}

/* Whether it gives somebody a name, which may be gone when the call is over. */
static inline bool qp_event_names(enum qp_event_kind kind)
{
    return kind == QP_EVENT_TASK_RENAMED || kind == QP_EVENT_OBJECT_NAMED;
}

/*
 * Puts an event into the next place, as the beginning of such a run. Everything but the values is known to the
 * compiler, which leaves of all this a few stores.
 */
static inline __attribute__((always_inline)) void qp_put_as(struct qp_tracing *tracing, enum qp_event_kind kind,
                                                            unsigned run, const struct qp_event *event)
{
    struct qp_event *place = &qp_place(tracing, run)->event;
    unsigned parts = qp_event_parts(kind), i;
    place->kind = kind;
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
    if (!tracing->brief || qp_event_names(kind))
        qp_tracing_tell(tracing);
}

/* Whether it is from the poll of a future, and what it has beyond that comes before `part`. */
static inline bool qp_run_is_before(const struct qp_event_brief *run, unsigned part)
{
    return run->parts - QP_RUN_POLLED < part - QP_RUN_POLLED;
}

/* A note in brief is only numbered. It may stand in a run before what a poll wakes, or answers. */
static inline void qp_skip(struct qp_tracing *tracing)
{
    struct qp_event_brief *last = tracing->last;
    tracing->seq++;
    if (qp_run_is_before(last, QP_RUN_WOKE))
        last->skipped++;
    else
        tracing->last = &tracing->one;
}

/* An event with nothing but what its kind has. */
static inline __attribute__((always_inline)) void qp_put(enum qp_event_kind kind, const struct qp_event *event)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    if ((qp_event_parts(kind) & QP_EVENT_IS_NOTE) && tracing->brief)
        qp_skip(tracing);
    else
        qp_put_as(tracing, kind, QP_RUN_NONE, event);
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
