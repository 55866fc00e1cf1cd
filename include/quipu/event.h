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
    uint64_t seq;    /* from 1, without gaps */
    int64_t time_ns; /* on the runtime's clock */
    enum qp_event_kind kind;
    uint64_t task;                    /* the task that runs; 0: none */
    uint64_t object;                  /* the object concerned; 0: none */
    uint64_t future;                  /* the future concerned; 0: none */
    const char *op;                   /* the operation, "recv"; static storage; NULL: none */
    const struct qp_site *site;       /* the innermost await point of the task; borrowed; NULL: none */
    uint64_t fields[QP_EVENT_FIELDS]; /* named in the table; those without a name are 0 */
    const char *text;                 /* named in the table; borrowed during the call; NULL: none */
};

/* Receives events in order. It must not call back into the runtime. */
typedef void (*qp_event_fn)(void *context, const struct qp_event *event);

struct qp_event_info {
    const char *name;                    /* "future.ready" */
    const char *fields[QP_EVENT_FIELDS]; /* "" where there is none */
    const char *text;                    /* "" where there is none */
};

/* The table's row for a kind; NULL for a number that is none. */
const struct qp_event_info *qp_event_describe(enum qp_event_kind kind);

#ifdef __cplusplus
}
#endif
#endif
