/*
 * Events: what a run did, as it is recorded, digested and judged.
 *
 * An event is emitted at the public boundary: by the call, by the result of a poll, by the drop of a future, guard,
 * permit or value. The table of kinds is events.def, with the names that the trace format (SPEC.md) gives them.
 */
#ifndef QUIPU_EVENT_H
#define QUIPU_EVENT_H

#include <quipu/future.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Whether its text is a name, which may be gone when the call is over. */
static inline bool qp_event_names(enum qp_event_kind kind)
{
    return kind == QP_EVENT_TASK_SPAWNED || kind == QP_EVENT_TASK_RENAMED || kind == QP_EVENT_OBJECT_NAMED;
}

/* Receives events in order. It must not call back into the runtime. */
typedef void (*qp_event_fn)(void *context, const struct qp_event *event);

/*
 * Events in brief: words, one record behind the other. Events that follow one another with nothing in between are
 * mostly one record, a run, with a bit for each of them that it has; they came in the order of the bits. Any other
 * event is a record by itself.
 *
 * A record's first word has its parts in the lower half, and in the upper half the task that runs from then on; a run's
 * second one has its future, and how many notes there are in it: before what it woke or, where it woke nothing, before
 * the answer. Behind that are the words of its parts, in their order; before those of the first one that is the
 * future's, or a spawn's or an end's, the site. What is the task's has no site.
 *
 * The first word of an event by itself says its kind instead, on top of QP_RUN_NONE. Behind it are, as its kind has
 * them, its site, object, future, operation, fields, and text: the name, which stays (see `text` below), or the kind,
 * of an object; messages have none. Of a note there is nothing behind it.
 *
 * Nothing says numbers: each event has the next one. Nor times: it is that of the last clock.advanced, at first 0. Of a
 * future's polls and their answers the object and the operation are those with which it was created.
 */
enum qp_event_run {
    QP_RUN_CHOSEN = 1 << 0,     /* choice, of the task that is polled next. What was chosen; upper half: of how many */
    QP_RUN_STEP = 1 << 1,       /* task.polled */
    QP_RUN_CREATED = 1 << 2,    /* future.created; it is polled next. Its operation, and its object */
    QP_RUN_POLLED = 1 << 3,     /* future.polled */
    QP_RUN_ASKED = 1 << 4,      /* future.asked. Its fields */
    QP_RUN_SENT = 1 << 5,       /* one of these: value.sent, of that object. The value */
    QP_RUN_RECEIVED = 1 << 6,   /* value.received. Unless the future was created in it, the object; the fields, two */
    QP_RUN_ACQUIRED = 1 << 7,   /* hold.acquired. Unless the future was created in it, the object; the fields */
    QP_RUN_JOINED = 1 << 8,     /* task.joined. Its fields */
    QP_RUN_WOKE = 1 << 9,       /* task.woken, by that. Which */
    QP_RUN_PENDING = 1 << 10,   /* future.pending, or */
    QP_RUN_READY = 1 << 11,     /* future.ready. The status */
    QP_RUN_SUSPENDED = 1 << 12, /* task.suspended */
    QP_RUN_WOKEN = 1 << 13,     /* task.woken, the one that was suspended */

    QP_RUN_SPAWNED = 1 << 14, /* task.spawned. The fields, two, and the name */
    QP_RUN_BEGINS = 1 << 15,  /* task.woken, that one */

    QP_RUN_UNWINDING = 1 << 16, /* task.unwinding. The fields, two */
    QP_RUN_COMPLETED = 1 << 17, /* task.completed, that one */
    QP_RUN_LET_GO = 1 << 18,    /* task.woken, which joins it. Which */

    QP_RUN_NONE = 1 << 30 /* and above: the kind of an event by itself */
};

enum { QP_RECORD_WORDS = 16 }; /* that a record may have, at most */

/*
 * Who judges events while the program runs, and wants them for as little as can be: many at a time, and in brief. Such
 * an event has only what the table says of its kind.
 *
 * They are taken when there is no room for more, and when the runtime is left.
 */
struct qp_event_batch {
    uint64_t *words; /* where they go; borrowed */
    size_t room;     /* for so many, at least QP_RECORD_WORDS */

    /* Takes that many of them, which are whole records. May set `words` and `room` anew: what it has taken may stay
     * where it is, and the next go elsewhere. It must not call back into the runtime. */
    void (*take)(void *context, size_t count);

    /* Returns the same text in a place where it stays until it is judged; NULL: there is none, and the record is taken
     * at once. */
    const char *(*text)(void *context, const char *text);
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
