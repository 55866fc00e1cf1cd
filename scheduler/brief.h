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

/* Where it can be no part of the run. */
void qp_tell_suspended_apart(const struct qp_task *task, bool woken);
void qp_tell_answered_apart(const struct qp_future *future, enum qp_status status);
void qp_tell_asked_apart(const struct qp_future *future, uint64_t duration, uint64_t wanted, uint64_t target);

/* ---- the last record ---- */

static inline uint32_t qp_run_parts(const uint64_t *run)
{
    return (uint32_t)run[0];
}

static inline uint64_t qp_run_task(const uint64_t *run)
{
    return run[0] >> 32;
}

static inline uint32_t qp_run_future(const uint64_t *run)
{
    return (uint32_t)run[1];
}

/* Whether a note lies in it. */
static inline bool qp_run_has_notes(const uint64_t *run)
{
    return run[1] >> 32;
}

/* Where its site is; behind that, of one that is created, the operation and the object. */
static inline const uint64_t *qp_run_site(const uint64_t *run)
{
    return run + 2 + (run[0] & QP_RUN_CHOSEN);
}

static inline bool qp_run_is_here(const uint64_t *run)
{
    return *qp_run_site(run) == qp_word_of(qp_site_now());
}

/* One more event, which has no words. */
static inline void qp_run_add(struct qp_tracing *tracing, unsigned part)
{
    tracing->last[0] |= part;
}

/* And one with one. */
static inline void qp_run_add_word(struct qp_tracing *tracing, unsigned part, uint64_t word)
{
    tracing->last[0] |= part;
    *tracing->next++ = word;
}

/* ---- steps ---- */

/* What was chosen; returns that. */
uint32_t qp_tell_chosen(const struct qp_choice *choice, uint32_t chosen);

/* A step begins; at no await point. */
static inline void qp_tell_polled(const struct qp_task *task)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    uint64_t *run;
    if (tracing->last[0] == QP_RUN_CHOSEN) {
        tracing->last[0] = qp_word(QP_RUN_CHOSEN | QP_RUN_STEP, task->id);
    } else if (tracing->brief) {
        run = qp_place(qp_make_room(tracing), qp_word(QP_RUN_STEP, task->id));
        run[1] = 0;
        tracing->next = run + 2;
    } else {
        QP_EMIT(TASK_POLLED, .object = 0);
    }
}

/* And is over. `woken`: the task is ready again at once. */
static inline void qp_tell_suspended(const struct qp_task *task, bool woken)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    if (qp_run_parts(tracing->last) < QP_RUN_SUSPENDED && qp_run_task(tracing->last) == task->id && !qp_site_now())
        qp_run_add(tracing, woken ? QP_RUN_SUSPENDED | QP_RUN_WOKEN : QP_RUN_SUSPENDED);
    else
        qp_tell_suspended_apart(task, woken);
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

/* The run to which a poll belongs: that of its step, where nothing was in between, or a new one. Returns the place for
 * what follows its site. */
static inline uint64_t *qp_run_of_poll(struct qp_tracing *tracing, unsigned parts, uint32_t future)
{
    uint64_t *run = tracing->last, *next;
    if ((qp_run_parts(run) | QP_RUN_CHOSEN) == (QP_RUN_CHOSEN | QP_RUN_STEP)) {
        run[0] |= parts;
        next = tracing->next;
    } else {
        qp_make_room(tracing);
        run = qp_place(tracing, qp_word(parts, qp_task_now()));
        next = run + 2;
    }
    run[1] = future;
    *next = qp_word_of(qp_site_now());
    return next + 1;
}

/* The beginning of a poll. A future without others inside is created by that. Only in brief. */
static inline void qp_run_polled(struct qp_tracing *tracing, struct qp_future *future)
{
    uint64_t *next;
    if (!future->id && future->ops->inner)
        qp_future_number(future);
    if (future->id) {
        tracing->next = qp_run_of_poll(tracing, QP_RUN_POLLED, future->id);
        return;
    }
    future->id = ++qp_thread.runtime->next_future;
    next = qp_run_of_poll(tracing, QP_RUN_CREATED | QP_RUN_POLLED, future->id);
    next[0] = qp_word_of(qp_future_name(future));
    next[1] = qp_future_object(future);
    tracing->next = next + 2;
}

/* Its answer, which it returns. */
static inline enum qp_status qp_run_answered(struct qp_tracing *tracing, const struct qp_future *future,
                                             enum qp_status status)
{
    const uint64_t *run = tracing->last;
    if (qp_run_is_before(run, QP_RUN_PENDING) && qp_run_future(run) == future->id) {
        if (status == QP_PENDING)
            qp_run_add(tracing, QP_RUN_PENDING);
        else
            qp_run_add_word(tracing, QP_RUN_READY, (uint64_t)status);
    } else {
        qp_tell_answered_apart(future, status);
    }
    return status;
}

/* Whether what is done just now can be a part of the last run, which is of a poll, and has none from that part on. */
static inline bool qp_run_goes_on(const uint64_t *run, unsigned part)
{
    return qp_run_is_before(run, part) && qp_run_is_here(run) && !qp_run_has_notes(run);
}

/* Three more words. */
static inline void qp_run_put(struct qp_tracing *tracing, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t *next = tracing->next;
    next[0] = a;
    next[1] = b;
    next[2] = c;
    tracing->next = next + 3;
}

/* What a future is asked for, at its first poll. */
static inline void qp_tell_asked(const struct qp_future *future, uint64_t duration, uint64_t wanted, uint64_t target)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    if (!qp_run_goes_on(tracing->last, QP_RUN_ASKED) || qp_run_future(tracing->last) != future->id) {
        qp_tell_asked_apart(future, duration, wanted, target);
        return;
    }
    qp_run_put(tracing, duration, wanted, target);
    qp_run_add(tracing, QP_RUN_ASKED);
}

/* Puts the object to which the last run's poll does something, unless the run has it. False: that can be no part of it.
 */
static inline bool qp_run_put_object(struct qp_tracing *tracing, uint64_t object)
{
    const uint64_t *run = tracing->last;
    if (!qp_run_goes_on(run, QP_RUN_SENT))
        return false;
    if (run[0] & QP_RUN_CREATED)
        return qp_run_site(run)[2] == object;
    *tracing->next++ = object;
    return true;
}

/* A value is given to the future's operation. False: that is to be told by itself. */
static inline bool qp_run_sent(uint64_t object, uint32_t future, const char *op, uint64_t value)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    const uint64_t *run = tracing->last;
    if (!qp_run_goes_on(run, QP_RUN_SENT) || !(run[0] & QP_RUN_CREATED) || qp_run_future(run) != future ||
        qp_run_site(run)[1] != qp_word_of(op) || qp_run_site(run)[2] != object)
        return false;
    qp_run_add_word(tracing, QP_RUN_SENT, value);
    return true;
}

/* And where a value came out of its object, something of that is held, or a task was joined. */
static inline bool qp_run_received(uint64_t object, uint64_t value, bool altered)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    if (!qp_run_put_object(tracing, object))
        return false;
    tracing->next[0] = value;
    tracing->next[1] = altered;
    tracing->next += 2;
    qp_run_add(tracing, QP_RUN_RECEIVED);
    return true;
}

static inline bool qp_run_acquired(uint64_t object, uint64_t hold, uint64_t count, uint64_t style)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    if (!qp_run_put_object(tracing, object))
        return false;
    qp_run_put(tracing, hold, count, style);
    qp_run_add(tracing, QP_RUN_ACQUIRED);
    return true;
}

static inline bool qp_run_joined(uint64_t target, uint64_t status, uint64_t value)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    if (!qp_run_goes_on(tracing->last, QP_RUN_SENT))
        return false;
    qp_run_put(tracing, target, status, value);
    qp_run_add(tracing, QP_RUN_JOINED);
    return true;
}

#endif
