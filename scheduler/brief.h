/*
 * Events in brief: how a run (enum qp_event_run) goes on. What cannot be part of the one that is the last begins one of
 * its own, or is told by itself. Only while tracing; where events are told in full there is no run to go on with.
 *
 * Invariants: in a run no part comes before one that has a lower bit. What is asked, told, or woken in it is the doing
 * of the poll that is its own, for no other poll lies between: that would have begun another record.
 */
#ifndef SCHEDULER_BRIEF_H
#define SCHEDULER_BRIEF_H

#include "scheduler/runtime.h"

/* One more event. */
static inline void qp_run_add(struct qp_tracing *tracing, unsigned part)
{
    tracing->last->parts |= part;
    tracing->seq++;
}

/* ---- steps ---- */

/* What was chosen; returns that. */
static inline uint32_t qp_tell_chosen(const struct qp_choice *choice, uint32_t chosen)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    struct qp_event_brief *run;
    if (!tracing->brief || choice->kind != QP_CHOICE_TASK || qp_thread.task || qp_site_now()) {
        QP_EMIT(CHOICE, .fields = {choice->kind, choice->count, chosen});
        return chosen;
    }
    run = qp_place(tracing, QP_RUN_CHOSEN);
    run->event.task = 0;
    run->count = choice->count;
    return run->chosen = chosen;
}

/* A step begins; at no await point. */
static inline void qp_tell_polled(const struct qp_task *task)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    if (tracing->last->parts == QP_RUN_CHOSEN) {
        qp_run_add(tracing, QP_RUN_STEP);
    } else if (tracing->brief) {
        qp_place(tracing, QP_RUN_STEP);
    } else {
        QP_EMIT(TASK_POLLED, .object = 0);
        return;
    }
    tracing->last->event.task = task->id;
}

/* And is over. `woken`: the task is ready again at once. */
static inline void qp_tell_suspended(const struct qp_task *task, bool woken)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    struct qp_event_brief *run = tracing->last;
    if (run->parts < QP_RUN_SUSPENDED && run->event.task == task->id && !qp_site_now()) {
        run->parts |= woken ? QP_RUN_SUSPENDED | QP_RUN_WOKEN : QP_RUN_SUSPENDED;
        tracing->seq += woken ? 2 : 1;
        return;
    }
    QP_EMIT(TASK_SUSPENDED, .object = 0);
    if (woken)
        QP_EMIT(TASK_WOKEN, .fields = {task->id});
}

/* ---- polls ---- */

static inline const char *qp_future_name(const struct qp_future *future)
{
    return future->ops->name ? future->ops->name : "future";
}

static inline uint64_t qp_future_object(const struct qp_future *future)
{
    const struct qp_object *object = future->ops->object ? future->ops->object(future) : NULL;
    return object ? object->id : 0;
}

/* The run to which a poll belongs: that of its step, where nothing was in between, or a new one. */
static inline struct qp_event_brief *qp_run_of_poll(struct qp_tracing *tracing, unsigned parts)
{
    struct qp_event_brief *run = tracing->last;
    if ((run->parts | QP_RUN_CHOSEN) == (QP_RUN_CHOSEN | QP_RUN_STEP)) {
        qp_run_add(tracing, parts);
    } else {
        run = qp_place(tracing, parts);
        run->event.task = qp_thread.task ? qp_thread.task->id : 0;
    }
    run->event.site = qp_site_now();
    run->skipped = 0;
    return run;
}

/* The beginning of a poll. A future without others inside is created by that. Only in brief. */
static inline void qp_run_polled(struct qp_tracing *tracing, struct qp_future *future)
{
    struct qp_event_brief *run;
    if (future->id || future->ops->inner) {
        uint32_t id = qp_future_number(future);
        run = qp_run_of_poll(tracing, QP_RUN_POLLED);
        run->event.future = id;
        return;
    }
    run = qp_run_of_poll(tracing, QP_RUN_CREATED | QP_RUN_POLLED);
    tracing->seq++; /* there are two of them */
    run->event.object = qp_future_object(future);
    run->event.op = qp_future_name(future);
    run->event.future = future->id = ++qp_thread.runtime->next_future;
}

/* Its answer, which it returns. */
static inline enum qp_status qp_run_answered(struct qp_tracing *tracing, const struct qp_future *future,
                                             enum qp_status status)
{
    struct qp_event_brief *run = tracing->last;
    if (qp_run_is_before(run, QP_RUN_PENDING) && run->event.future == future->id) {
        run->status = (uint32_t)status;
        qp_run_add(tracing, status == QP_PENDING ? QP_RUN_PENDING : QP_RUN_READY);
    } else if (status == QP_PENDING) {
        QP_EMIT(FUTURE_PENDING, .future = future->id);
    } else {
        QP_EMIT(FUTURE_READY, .future = future->id, .fields = {(uint64_t)status});
    }
    return status;
}

/* What a future is asked for, at its first poll. */
static inline void qp_tell_asked(const struct qp_future *future, uint64_t duration, uint64_t wanted, uint64_t target)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    struct qp_event *event = &tracing->last->event;
    if (!qp_run_is_before(tracing->last, QP_RUN_ASKED) || event->future != future->id || event->site != qp_site_now() ||
        tracing->last->skipped) {
        QP_EMIT(FUTURE_ASKED, .future = future->id, .op = future->ops->name, .fields = {duration, wanted, target});
        return;
    }
    event->fields[0] = duration;
    event->fields[1] = wanted;
    event->fields[2] = target;
    qp_run_add(tracing, QP_RUN_ASKED);
}

/* Whether it can be part of the last run that its poll does something to this object; the run then is of the object. */
static inline bool qp_run_is_of(struct qp_tracing *tracing, uint64_t object)
{
    struct qp_event_brief *run = tracing->last;
    if (!qp_run_is_before(run, QP_RUN_SENT) || run->event.site != qp_site_now() || run->skipped)
        return false;
    if (run->parts & QP_RUN_CREATED)
        return run->event.object == object;
    run->event.object = object;
    return true;
}

static inline void qp_run_told(struct qp_tracing *tracing, unsigned part, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t *told = tracing->last->told;
    told[0] = a;
    told[1] = b;
    told[2] = c;
    qp_run_add(tracing, part);
}

/* A value is given to the future's operation. False: that is to be told by itself. */
static inline bool qp_run_sent(uint64_t object, uint32_t future, const char *op, uint64_t value)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    const struct qp_event_brief *run = tracing->last;
    if (!(run->parts & QP_RUN_CREATED) || run->event.future != future || run->event.op != op ||
        !qp_run_is_of(tracing, object))
        return false;
    qp_run_told(tracing, QP_RUN_SENT, value, 0, 0);
    return true;
}

/* And where a value came out of its object, something of that is held, or a task was joined. */
static inline bool qp_run_received(uint64_t object, uint64_t value, bool altered)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    if (!qp_run_is_of(tracing, object))
        return false;
    qp_run_told(tracing, QP_RUN_RECEIVED, value, altered, 0);
    return true;
}

static inline bool qp_run_acquired(uint64_t object, uint64_t hold, uint64_t count, uint64_t style)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    if (!qp_run_is_of(tracing, object))
        return false;
    qp_run_told(tracing, QP_RUN_ACQUIRED, hold, count, style);
    return true;
}

static inline bool qp_run_joined(uint64_t target, uint64_t status, uint64_t value)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    if (!qp_run_is_before(tracing->last, QP_RUN_SENT) || tracing->last->event.site != qp_site_now() ||
        tracing->last->skipped)
        return false;
    qp_run_told(tracing, QP_RUN_JOINED, target, status, value);
    return true;
}

#endif
