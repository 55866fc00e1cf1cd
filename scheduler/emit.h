/*
 * Events, from wherever something happens. Nothing here costs more than one branch while nobody listens.
 *
 * One that is told in full is put together and told at once. In brief (struct qp_event_batch) it is put where it will
 * be read, as a record of its own or as part of the run that is the last (brief.h).
 */
#ifndef SCHEDULER_EMIT_H
#define SCHEDULER_EMIT_H

#include "scheduler/task.h"
#include "scheduler/thread.h"
#include <quipu/event.h>

/*
 * Who listens to a runtime.
 *
 * Where somebody does, `last` is set from the beginning on: the record that was put last and has not been told or,
 * where there is none, `none`, which is no run. Beyond `end` there may not be the room for another.
 */
struct qp_tracing {
    uint64_t *last, *next, *end; /* the next free word */
    bool brief;                  /* events go to env.batch; else they are told in full, and there are no records */
    uint64_t none;
    uint64_t *first;
    uint64_t seq; /* of the last event that was told in full */
    struct qp_runtime *runtime;
};

/* Events of the runtime are told to whom its environment names, if anybody. */
void qp_listen(struct qp_runtime *runtime);

/* Tells what has been put so far. */
void qp_tracing_tell(struct qp_tracing *tracing);

/* Tells an event in full, but for what all have. */
void qp_tell_in_full(enum qp_event_kind kind, struct qp_event *event);

/* The word whose lower half that is, and whose upper half. */
static inline uint64_t qp_word(uint32_t low, uint64_t high)
{
    return high << 32 | low;
}

static inline uint64_t qp_word_of(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

static inline uint64_t qp_task_now(void)
{
    return qp_thread.task ? qp_thread.task->id : 0;
}

/* Sees to it that there is room for a record: before anything that will be in it, which then need not outlast a call.
 */
static inline struct qp_tracing *qp_make_room(struct qp_tracing *tracing)
{
    if (QP_UNLIKELY(tracing->next > tracing->end))
        qp_tracing_tell(tracing);
    return tracing;
}

/* The place for a record that begins with that word; there is room. Whoever puts more into it sets `next`. */
static inline uint64_t *qp_place(struct qp_tracing *tracing, uint64_t first)
{
    uint64_t *place = tracing->last = tracing->next;
    place[0] = first;
    return place;
}

/* The text, as it stays, or 0: then it is told at once, in that place. */
uint64_t qp_text_that_stays(const char *text);
void qp_tell_at_once(struct qp_tracing *tracing, uint64_t *place, const char *text);

/*
 * Puts an event into a record of its own. Everything but the values is known to the compiler, which leaves of all this
 * a few stores. A name stays, or is told at once.
 */
static inline __attribute__((always_inline)) void qp_put_in_brief(struct qp_tracing *tracing, enum qp_event_kind kind,
                                                                  const struct qp_event *event)
{
    bool names = qp_event_names(kind);
    uint64_t text = names ? qp_text_that_stays(event->text) : qp_word_of(event->text);
    uint64_t *place = qp_place(tracing, qp_word(QP_RUN_NONE + kind, qp_task_now()));
    unsigned parts = qp_event_parts(kind), i;
    *++place = qp_word_of(qp_site_now());
    if (parts & QP_EVENT_HAS_OBJECT)
        *++place = event->object;
    if (parts & QP_EVENT_HAS_FUTURE)
        *++place = event->future;
    if (parts & QP_EVENT_HAS_OP)
        *++place = qp_word_of(event->op);
    for (i = 0; i < QP_EVENT_FIELDS; i++)
        if (parts & (unsigned)QP_EVENT_HAS_FIELD << i)
            *++place = event->fields[i];
    if (names || kind == QP_EVENT_OBJECT_CREATED)
        *++place = text;
    tracing->next = place + 1;
    if (names && !text)
        qp_tell_at_once(tracing, place, event->text);
}

/* Whether it is from the poll of a future, and what it has beyond that comes before `part`. */
static inline bool qp_run_is_before(const uint64_t *run, unsigned part)
{
    return (uint32_t)run[0] - QP_RUN_POLLED < part - QP_RUN_POLLED;
}

/* A note in brief is only counted. It may stand in a run before what a poll wakes, or answers. */
static inline __attribute__((always_inline)) void qp_skip(struct qp_tracing *tracing, enum qp_event_kind kind)
{
    if (qp_run_is_before(tracing->last, QP_RUN_WOKE))
        tracing->last[1] += qp_word(0, 1);
    else
        tracing->next = qp_place(tracing, qp_word(QP_RUN_NONE + kind, 0)) + 1;
}

/* An event with nothing but what its kind has; there is room. */
static inline __attribute__((always_inline)) void qp_put(struct qp_tracing *tracing, enum qp_event_kind kind,
                                                         const struct qp_event *event)
{
    if (!tracing->brief) {
        struct qp_event full = *event; /* a copy here: for the others it never need be in memory */
        qp_tell_in_full(kind, &full);
    } else if (qp_event_parts(kind) & QP_EVENT_IS_NOTE) {
        qp_skip(tracing, kind);
    } else {
        qp_put_in_brief(tracing, kind, event);
    }
}

/*
 * QP_EMIT(VALUE_QUEUED, .object = id, .fields = {value});
 *
 * What it is given tells of nothing itself: there is room for this one.
 */
#define QP_EMIT(name, ...)                                                              \
    do {                                                                                \
        if (QP_TRACING) {                                                               \
            struct qp_tracing *qp_tracing = qp_make_room(qp_thread.tracing);            \
            qp_put(qp_tracing, QP_EVENT_##name, &(const struct qp_event){__VA_ARGS__}); \
        }                                                                               \
    } while (0)

/* The number of a future in the trace; given at its first event, which tells of its creation. Only while tracing. */
uint32_t qp_future_number(struct qp_future *future);

#endif
