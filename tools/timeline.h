/*
 * What an execution looks like from outside, worked out of its events: when each task ran, was ready, waited and for
 * what; who woke whom, who handed what to whom; where each value went; and how each object changed. What is drawn of an
 * execution, by the page and by other tools, is drawn from this.
 *
 * Events are named by their index. The events are borrowed by whoever made the timeline, for as long as it lives.
 */
#ifndef TOOLS_TIMELINE_H
#define TOOLS_TIMELINE_H

#include "traces/events.h"

#define TIMELINE_NONE SIZE_MAX

/* ---- spans ---- */

enum span_kind {
    SPAN_POLL,    /* a task is being polled */
    SPAN_READY,   /* it was woken, and has not been polled */
    SPAN_IDLE,    /* it is suspended; its futures are waits[first_wait] and on */
    SPAN_WAIT,    /* a future, from its first poll to its answer; only of one that had to wait */
    SPAN_RELEASE, /* a task ends, and what it has is released */
    SPAN_WORK     /* blocking work runs */
};

enum span_end { SPAN_OPEN, SPAN_OVER, SPAN_CANCELLED };

struct span {
    enum span_kind kind;
    enum span_end end;
    uint64_t task;
    size_t from, to; /* events; to: TIMELINE_NONE while it is open at the end */
    uint64_t status; /* how it went: of a wait that is over, of a release */
    /* of a wait */
    uint64_t future, object, target; /* target: the task that a join waits for */
    const char *op;                  /* NULL: it has no name */
    const struct qp_site *site;      /* the await point; NULL: none */
    size_t parent;                   /* the wait around it; TIMELINE_NONE */
    /* of an idle time */
    size_t first_wait, wait_count; /* the innermost futures that it waits for, among `waits` */
};

/* ---- arrows ---- */

enum arrow_kind {
    ARROW_SPAWN,    /* a task made another */
    ARROW_WAKE,     /* a task woke another */
    ARROW_HANDOVER, /* and handed it what it waited for: a lock, permits, a slot */
    ARROW_VALUE,    /* a value went from where it was given to where it was taken, given back or dropped */
    ARROW_ABORT     /* a task asked for another's cancellation */
};

struct arrow {
    enum arrow_kind kind;
    size_t from, to; /* events; to: TIMELINE_NONE where nothing came of it */
    uint64_t from_task, to_task;
    uint64_t object, value;
};

/* ---- objects ---- */

/* One object's change by one event. `id` and the other numbers mean what stands behind each. */
enum change_kind {
    CHANGE_WAIT,    /* a future waits: id; task, count: permits that it wants */
    CHANGE_WOKEN,   /* it was woken by what happened to the object: id */
    CHANGE_UNWAIT,  /* it waits no more: id */
    CHANGE_IN,      /* a value: id */
    CHANGE_OUT,     /* likewise */
    CHANGE_HOLD,    /* held: id; task, count, style (enum qp_hold_style) */
    CHANGE_RELEASE, /* held no more: id; count: permits that are gone for good */
    CHANGE_GIVE,    /* a hold is another task's: id; task */
    CHANGE_END,     /* a sender or receiver was made: id; count: 1 for a sender */
    CHANGE_UNEND,   /* and went, likewise */
    CHANGE_CLOSE,
    CHANGE_PERMITS, /* more permits: count */
    CHANGE_GONE     /* the object itself */
};

struct change {
    enum change_kind kind;
    size_t event;
    uint64_t object, id, task, count, style;
};

/* ---- all of it ---- */

struct timeline_object {
    const char *kind; /* NULL: the trace does not tell of its making */
    uint64_t capacity;
};

struct timeline {
    struct span *spans; /* a wait stands behind those that were begun before it had to wait */
    size_t span_count;
    uint64_t *waits;
    size_t wait_count;
    struct arrow *arrows; /* in the order of `from`, but for values */
    size_t arrow_count;
    struct change *changes; /* in the order of events */
    size_t change_count;
    struct timeline_object *objects; /* by number */
    size_t object_count;             /* one more than the highest number */
    uint64_t task_count;             /* the highest number */
    bool stands_still;               /* time is virtual: many events share an instant */
};

/* False: out of memory; nothing is owned then. */
bool timeline_make(struct timeline *timeline, const struct qp_events *events);
void timeline_free(struct timeline *timeline);

/* Whether an object buffers values. */
bool timeline_is_channel(const struct timeline_object *object);

#endif
