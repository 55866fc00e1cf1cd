/*
 * Events: what a run did, as it is recorded, digested and judged.
 *
 * An event is emitted at the public boundary: by the call, by the result of a poll, by the drop of a future, guard,
 * permit or value. The table of kinds is events.def, with the names that the trace format (SPEC.md) gives them.
 */
#ifndef QUIPU_EVENT_H
#define QUIPU_EVENT_H

#include <quipu/future.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Fields that an event has beside those common to all: at most this many numbers, and one text. */
#define QP_EVENT_FIELDS 3

/* Why a value was dropped: the field `reason` of value.dropped. The numbers are part of the trace's format. */
enum qp_drop_reason {
    QP_DROP_CANCELLED, /* the send that owned it was cancelled */
    QP_DROP_CHANNEL,   /* buffered when the last receiver went */
    QP_DROP_REPLACED,  /* another was set in its place */
    QP_DROP_OBJECT,    /* its lock ended */
    QP_DROP_RESULT     /* the result of a task that was detached, or did not end well */
};

enum qp_event_kind {
#define QP_EVENT(kind, name, a, b, c, text) QP_EVENT_##kind,
#include <quipu/events.def>
#undef QP_EVENT
    QP_EVENT_KINDS
};

/* In brief (struct qp_event_batch) events of one future with nothing in between are one, of one of these kinds. */
enum qp_event_run {
    QP_RUN_BEGUN = QP_EVENT_KINDS, /* future.created, future.polled */
    QP_RUN_BEGUN_PENDING,          /* these, and future.pending */
    QP_RUN_BEGUN_READY,            /* these, and future.ready */
    QP_RUN_POLLED_PENDING,         /* future.polled, future.pending */
    QP_RUN_POLLED_READY,           /* future.polled, future.ready */
    QP_RUNS_END
};

struct qp_event {
    uint64_t seq;                     /* from 1, without gaps */
    int64_t time_ns;                  /* on the runtime's clock */
    uint64_t task;                    /* the task that runs; 0: none */
    const struct qp_site *site;       /* the innermost await point of the task; borrowed; NULL: none */
    uint64_t object;                  /* the object concerned; 0: none */
    uint64_t future;                  /* the future concerned; 0: none */
    const char *op;                   /* the operation, "recv"; static storage; NULL: none */
    uint64_t fields[QP_EVENT_FIELDS]; /* named in the table; those without a name are 0 */
    const char *text;                 /* named in the table; borrowed during the call; NULL: none */
    enum qp_event_kind kind;
};

/* What events of a kind have beside their time, task and site; the rest is 0. */
enum qp_event_part {
    QP_EVENT_HAS_FIELD = 1, /* that, and the two after it: the fields, one bit each */
    QP_EVENT_HAS_TEXT = 1 << QP_EVENT_FIELDS,
    QP_EVENT_HAS_OBJECT = 2 << QP_EVENT_FIELDS,
    QP_EVENT_HAS_FUTURE = 4 << QP_EVENT_FIELDS,
    QP_EVENT_HAS_OP = 8 << QP_EVENT_FIELDS,
    QP_EVENT_IS_NOTE = 16 << QP_EVENT_FIELDS /* it is for the reader of a trace, and no contract is judged by it */
};

static const unsigned char qp_event_columns[] = {
/* private: those of the table that a kind has */
#define QP_EVENT(kind, name, a, b, c, text)                                          \
    (sizeof(a) > 1 ? 1u : 0) | (sizeof(b) > 1 ? 2u : 0) | (sizeof(c) > 1 ? 4u : 0) | \
        (sizeof(text) > 1 ? (unsigned)QP_EVENT_HAS_TEXT : 0),
#include <quipu/events.def>
#undef QP_EVENT
};

static inline unsigned qp_event_parts(enum qp_event_kind kind)
{
    unsigned parts = kind < QP_EVENT_KINDS ? qp_event_columns[kind] : 0;
    if (kind >= QP_EVENT_FUTURE_CREATED && kind <= QP_EVENT_BARRIER_WITHDRAWN)
        parts |= QP_EVENT_HAS_OBJECT;
    if ((kind >= QP_EVENT_FUTURE_CREATED && kind <= QP_EVENT_PROMISE_TESTED) || kind == QP_EVENT_STATUS_GIVEN ||
        kind == QP_EVENT_VALUE_SENT)
        parts |= QP_EVENT_HAS_FUTURE | QP_EVENT_HAS_OP;
    if (kind == QP_EVENT_CALLED)
        parts |= QP_EVENT_HAS_OP;
    if (kind == QP_EVENT_VALUE_QUEUED || kind == QP_EVENT_GRANT_HINT || kind == QP_EVENT_BARRIER_ARRIVED ||
        kind == QP_EVENT_BARRIER_WITHDRAWN || (kind >= QP_EVENT_TIMER_ARMED && kind <= QP_EVENT_TIMER_DROPPED) ||
        kind == QP_EVENT_MESSAGE)
        parts |= QP_EVENT_IS_NOTE;
    return parts;
}

/* Clears what an event's kind has not. */
static inline void qp_event_clear_rest(struct qp_event *event)
{
    unsigned parts = qp_event_parts(event->kind), i;
    if (!(parts & QP_EVENT_HAS_OBJECT))
        event->object = 0;
    if (!(parts & QP_EVENT_HAS_FUTURE))
        event->future = 0;
    if (!(parts & QP_EVENT_HAS_OP))
        event->op = NULL;
    for (i = 0; i < QP_EVENT_FIELDS; i++)
        if (!(parts & (unsigned)QP_EVENT_HAS_FIELD << i))
            event->fields[i] = 0;
    if (!(parts & QP_EVENT_HAS_TEXT))
        event->text = NULL;
}

/* Receives events in order. It must not call back into the runtime. */
typedef void (*qp_event_fn)(void *context, const struct qp_event *event);

/*
 * Who judges events while the program runs, and wants them for as little as can be: many at a time, and in brief.
 *
 * Of an event in brief is set its number, task and site and what its kind has, and nothing else. It has no time: that
 * is the time of the last clock.advanced, at first 0. Notes are left out. Of a future's polls and their answers the
 * object and the operation are those with which it was created, and are left out. A text is there only where it is a
 * name, or the kind of an object. Events of one future with nothing in between are one, of a kind of its own (enum
 * qp_event_run), with what they have, and the number of the first of them.
 *
 * They are taken when there is no room for more, after one that has a name, and when the runtime is left. What they
 * point to otherwise is in static storage.
 */
struct qp_event_batch {
    struct qp_event *events; /* room for `room` of them, at least 1; borrowed */
    size_t room;
    void (*take)(void *context, struct qp_event *events, size_t count); /* must not call back into the runtime */
    void *context;
};

struct qp_event_info {
    const char *name;                    /* "future.ready" */
    const char *fields[QP_EVENT_FIELDS]; /* "" where there is none */
    const char *text;                    /* "" where there is none */
};

/* The table's row for a kind; NULL for a number that is none. */
const struct qp_event_info *qp_event_describe(enum qp_event_kind kind);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
