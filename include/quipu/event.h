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
 * Events in brief. Those that follow one another with nothing in between are mostly one record, a run, with a bit for
 * each of them that it has; they came in the order of the bits.
 */
enum qp_event_run {
    QP_RUN_CHOSEN = 1 << 0,     /* choice, of the task that is polled next: `chosen` of `count` */
    QP_RUN_STEP = 1 << 1,       /* task.polled */
    QP_RUN_CREATED = 1 << 2,    /* future.created; it is polled next */
    QP_RUN_POLLED = 1 << 3,     /* future.polled */
    QP_RUN_ASKED = 1 << 4,      /* future.asked */
    QP_RUN_SENT = 1 << 5,       /* one of these: value.sent, */
    QP_RUN_RECEIVED = 1 << 6,   /* value.received, */
    QP_RUN_ACQUIRED = 1 << 7,   /* hold.acquired, */
    QP_RUN_JOINED = 1 << 8,     /* task.joined: `told` are its fields */
    QP_RUN_WOKE = 1 << 9,       /* task.woken: `woke`, by that */
    QP_RUN_PENDING = 1 << 10,   /* future.pending, or */
    QP_RUN_READY = 1 << 11,     /* future.ready: with `status` */
    QP_RUN_SUSPENDED = 1 << 12, /* task.suspended */
    QP_RUN_WOKEN = 1 << 13,     /* task.woken, the one that was suspended */

    QP_RUN_SPAWNED = 1 << 14, /* task.spawned */
    QP_RUN_BEGINS = 1 << 15,  /* task.woken, that one */

    QP_RUN_UNWINDING = 1 << 16, /* task.unwinding */
    QP_RUN_COMPLETED = 1 << 17, /* task.completed, that one */
    QP_RUN_LET_GO = 1 << 18,    /* task.woken: `woke`, which joins it */

    QP_RUN_NONE = 1 << 30 /* this alone: no run, but one event */
};

struct qp_event_brief {
    struct qp_event event;
    uint64_t told[QP_EVENT_FIELDS];
    uint32_t parts;  /* bits of enum qp_event_run */
    uint32_t status; /* enum qp_status */
    uint32_t woke;
    uint32_t chosen, count;
    uint32_t skipped; /* numbers of notes, before `woke` or, where there is none, before the answer */
};

/*
 * Who judges events while the program runs, and wants them for as little as can be: many at a time, and in brief.
 *
 * Of an event in brief is set its number, task and site and what its kind has, and nothing else. It has no time: that
 * is the time of the last clock.advanced, at first 0. Notes are left out. Of a future's polls and their answers the
 * object and the operation are those with which it was created, and are left out. A text is there only where it is a
 * name, or the kind of an object. Of a run there is the number of the first event, and what its parts have in common:
 * the future, with its object and operation if it is created in it (else the object of what `told` tells), and the
 * site of what is the future's; what is the task's has none. Its task is the one that runs from then on.
 *
 * They are taken when there is no room for more, before what they point to may be gone, and when the runtime is left.
 */
struct qp_event_batch {
    struct qp_event_brief *events; /* room for `room` of them, at least 1; borrowed. `take` may set both anew: */
    size_t room;                   /* what it has taken may stay where it is, and the next go elsewhere */
    void (*take)(void *context, struct qp_event_brief *events, size_t count); /* must not call back into the runtime */
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
