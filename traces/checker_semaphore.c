/*
 * Semaphores: the model.
 *
 * State of one: the permits that are `available`, and the queue of those who wait, each with what it wanted and has
 * got. The first takes what comes free until it has all, so nothing is available while somebody waits. Closing refuses
 * all who wait; what they had gathered comes back when they are done with.
 */
#include "traces/checker_model.h"

static uint64_t wanted(const struct future *f)
{
    return f->asked ? f->wanted : 1;
}

void semaphore_add(struct qp_checker *c, struct object *o, uint64_t count, enum qp_rule_id rule)
{
    struct future *f;
    while ((f = o->waiting.first) != NULL) {
        uint64_t missing = wanted(f) - f->got, taken = missing < count ? missing : count;
        f->got += taken;
        count -= taken;
        if (f->got < wanted(f))
            return;
        queue_remove(f);
        f->stage = GRANTED;
        make_able(c, f, rule);
    }
    o->available += count;
}

/* It takes no more part, and what it had gathered goes to those behind it. */
static void leave(struct qp_checker *c, struct future *f)
{
    uint64_t got = f->got;
    queue_remove(f);
    make_unable(c, f);
    f->got = 0;
    f->stage = NEW;
    if (got)
        semaphore_add(c, f->object, got, QP_RULE_SEM_CANCEL_1);
}

static uint64_t expected_of_acquire(const struct future *f)
{
    const struct object *o = f->object;
    if (o->closed)
        return QP_SEMAPHORE_CLOSED;
    if (f->stage == NEW && (wanted(f) == 0 || (!o->waiting.first && o->available >= wanted(f))))
        return QP_OK;
    return f->stage == GRANTED ? QP_OK : QP_PENDING;
}

static enum qp_rule_id rule_of_acquire(const struct future *f, uint64_t status)
{
    if (f->object->closed || status == QP_SEMAPHORE_CLOSED)
        return QP_RULE_SEM_CLOSE_1;
    if (status == QP_OK)
        return QP_RULE_SEM_ACQUIRE_2;
    return f->stage == GRANTED ? QP_RULE_SEM_ACQUIRE_3 : QP_RULE_SEM_ACQUIRE_1;
}

/* It queues, and takes what there is if it is the first. */
static void wait_for_it(struct future *f)
{
    struct object *o = f->object;
    if (!o->waiting.first) {
        f->got = o->available;
        o->available = 0;
    }
    f->stage = WAITING;
    queue_push(&o->waiting, f);
}

static void acquired(struct qp_checker *c, struct future *f, const struct qp_event *e)
{
    if (!f->hold)
        report(c, QP_RULE_HOLD_PLACE_1, f->object, e, &f->since, NULL);
    else if (f->hold_count != wanted(f))
        report(c, QP_RULE_SEM_COUNT_1, f->object, e, &f->since, NULL);
    else if (f->stage == NEW)
        f->object->available -= wanted(f);
    f->got = 0;
}

void semaphore_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    uint64_t expected = expected_of_acquire(f);
    if (status == QP_NOMEM && f->stage == NEW)
        return;
    if (status != expected)
        report(c, rule_of_acquire(f, status), f->object, e, &f->since,
               f->object->waiting.first && f->object->waiting.first != f ? &f->object->waiting.first->since : NULL);
    else if (status == QP_SEMAPHORE_CLOSED)
        leave(c, f);
    else if (status == QP_OK)
        acquired(c, f, e);
    else if (f->stage == NEW)
        wait_for_it(f);
}

void semaphore_cancelled(struct qp_checker *c, struct future *f)
{
    leave(c, f);
}

static void try_acquire_called(struct qp_checker *c, struct object *o, const struct qp_event *e)
{
    uint64_t status = e->fields[0], count = e->fields[1];
    uint64_t expected = o->closed ? QP_SEMAPHORE_CLOSED : o->available < count ? QP_NO_PERMITS : QP_OK;
    if (status == QP_NOMEM && expected == QP_OK)
        return;
    if (status != expected) {
        report(c,
               o->closed || status == QP_SEMAPHORE_CLOSED ? QP_RULE_SEM_CLOSE_1
               : status == QP_OK                          ? QP_RULE_SEM_TRY_1
                                                          : QP_RULE_SEM_TRY_2,
               o, e, o->waiting.first ? &o->waiting.first->since : NULL, NULL);
    } else if (status == QP_OK) {
        o->available -= count;
        expect(c, QP_EVENT_HOLD_ACQUIRED);
        c->call_count = count;
        c->call_style = STYLE_PERMIT;
    }
}

void semaphore_called(struct qp_checker *c, struct object *o, enum op op, const struct qp_event *e)
{
    if (op == OP_TRY_ACQUIRE)
        try_acquire_called(c, o, e);
    else if (op == OP_IS_CLOSED && (e->fields[0] == QP_CLOSED) != o->closed)
        report(c, QP_RULE_SEM_CLOSED_1, o, e, NULL, NULL);
    else if (op == OP_AVAILABLE && e->fields[1] != o->available)
        report(c, QP_RULE_SEM_AVAILABLE_1, o, e, NULL, NULL);
}

void semaphore_closed(struct qp_checker *c, struct object *o)
{
    struct future *f;
    o->closed = true;
    while ((f = o->waiting.first) != NULL) {
        queue_remove(f);
        f->stage = REFUSED;
        make_able(c, f, QP_RULE_SEM_CLOSE_2);
    }
}
