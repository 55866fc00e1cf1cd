/*
 * Mutex and readers-writer lock: the models.
 *
 * A mutex is held (`writer`), or handed to a waiter that has not run (`promised`), or free; those who wait are in a
 * queue. A readers-writer lock counts its `readers` and has a `writer` or not, those that were let in and have not run
 * among them; whoever waits is in one queue, readers and writers.
 */
#include "traces/checker_model.h"

static void expect_hold(struct qp_checker *c, uint64_t style)
{
    expect(c, QP_EVENT_HOLD_ACQUIRED);
    c->call_count = 1;
    c->call_style = style;
}

static void enqueue(struct future *f)
{
    f->stage = WAITING;
    queue_push(&f->object->waiting, f);
}

static void grant(struct qp_checker *c, struct future *f, enum qp_rule_id rule)
{
    queue_remove(f);
    f->stage = GRANTED;
    make_able(c, f, rule);
}

/* Who stands in its way, or was there before it. */
static const struct qp_event *evidence(const struct object *o, const struct future *f)
{
    const struct owned *owned;
    for (owned = o->first_owned; owned; owned = owned->next_of_object)
        if (owned->what == OWNED_HOLD && (!f || owned->id != f->hold))
            return &owned->since;
    return o->waiting.first && o->waiting.first != f ? &o->waiting.first->since : NULL;
}

/* ---- mutex ---- */

static bool is_free(const struct object *o)
{
    return !o->writer && !o->promised;
}

static void pass_on(struct qp_checker *c, struct object *o, enum qp_rule_id rule)
{
    struct future *first = o->waiting.first;
    o->writer = false;
    o->promised = first != NULL;
    if (first)
        grant(c, first, rule);
}

static enum qp_rule_id rule_of_lock(const struct future *f, uint64_t status)
{
    if (status == QP_OK)
        return f->object->writer ? QP_RULE_MUTEX_HELD_1 : QP_RULE_MUTEX_LOCK_2;
    return f->stage == GRANTED ? QP_RULE_MUTEX_LOCK_3 : QP_RULE_MUTEX_LOCK_1;
}

void mutex_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    struct object *o = f->object;
    uint64_t expected = f->stage == GRANTED || (f->stage == NEW && is_free(o)) ? QP_OK : QP_PENDING;
    if (status != expected) {
        report(c, rule_of_lock(f, status), o, e, &f->since, evidence(o, f));
    } else if (status == QP_PENDING) {
        if (f->stage == NEW)
            enqueue(f);
    } else if (!f->hold) {
        report(c, QP_RULE_HOLD_PLACE_1, o, e, &f->since, NULL);
    } else {
        o->promised = false;
        o->writer = true;
    }
}

void mutex_cancelled(struct qp_checker *c, struct future *f)
{
    queue_remove(f);
    if (f->stage == GRANTED)
        pass_on(c, f->object, QP_RULE_MUTEX_CANCEL_1);
}

void mutex_called(struct qp_checker *c, struct object *o, const struct qp_event *e)
{
    uint64_t status = e->fields[0];
    if (status == (uint64_t)(is_free(o) ? QP_OK : QP_BUSY)) {
        o->writer = o->writer || status == QP_OK;
        if (status == QP_OK)
            expect_hold(c, STYLE_LOCK);
        return;
    }
    report(c,
           status != QP_OK ? QP_RULE_MUTEX_TRY_2
           : o->writer     ? QP_RULE_MUTEX_HELD_1
                           : QP_RULE_MUTEX_TRY_1,
           o, e, evidence(o, NULL), NULL);
}

void mutex_released(struct qp_checker *c, struct object *o)
{
    pass_on(c, o, QP_RULE_MUTEX_RELEASE_1);
}

/* ---- readers-writer lock ---- */

static bool admits(const struct object *o, bool writing)
{
    return !o->writer && (!writing || !o->readers);
}

static void enters(struct object *o, bool writing)
{
    if (writing)
        o->writer = true;
    else
        o->readers++;
}

static void let_in(struct qp_checker *c, struct object *o, enum qp_rule_id rule)
{
    struct future *first;
    while ((first = o->waiting.first) != NULL && admits(o, first->op == OP_WRITE)) {
        enters(o, first->op == OP_WRITE);
        grant(c, first, rule);
    }
}

static void leaves(struct qp_checker *c, struct object *o, bool writing, enum qp_rule_id rule)
{
    if (writing)
        o->writer = false;
    else if (o->readers)
        o->readers--;
    let_in(c, o, rule);
}

/* Whether one more guard would stand beside one that excludes it. */
static bool excluded(const struct object *o, bool writing, uint64_t own_hold)
{
    const struct owned *owned;
    for (owned = o->first_owned; owned; owned = owned->next_of_object)
        if (owned->what == OWNED_HOLD && owned->id != own_hold && (writing || owned->style == STYLE_WRITE))
            return true;
    return false;
}

static enum qp_rule_id rule_of_entry(const struct future *f, uint64_t status)
{
    if (status == QP_OK)
        return excluded(f->object, f->op == OP_WRITE, f->hold) ? QP_RULE_RWLOCK_HELD_1 : QP_RULE_RWLOCK_ORDER_1;
    return f->stage == GRANTED ? QP_RULE_RWLOCK_ENTER_2 : QP_RULE_RWLOCK_ENTER_1;
}

void rwlock_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    struct object *o = f->object;
    bool writing = f->op == OP_WRITE, open = admits(o, writing) && !o->waiting.first;
    uint64_t expected = f->stage == GRANTED || (f->stage == NEW && open) ? QP_OK : QP_PENDING;
    if (status == QP_NOMEM && f->stage == NEW && !writing)
        return;
    if (status != expected) {
        report(c, rule_of_entry(f, status), o, e, &f->since, evidence(o, f));
    } else if (status == QP_PENDING) {
        if (f->stage == NEW)
            enqueue(f);
    } else if (!f->hold) {
        report(c, QP_RULE_HOLD_PLACE_1, o, e, &f->since, NULL);
    } else if (f->stage == NEW) {
        enters(o, writing);
    }
}

void rwlock_cancelled(struct qp_checker *c, struct future *f)
{
    queue_remove(f);
    if (f->stage == GRANTED)
        leaves(c, f->object, f->op == OP_WRITE, QP_RULE_RWLOCK_CANCEL_2);
    else if (f->stage == WAITING)
        let_in(c, f->object, QP_RULE_RWLOCK_CANCEL_1);
}

static enum qp_rule_id rule_of_try(const struct object *o, bool writing, uint64_t status)
{
    if (status != QP_OK)
        return QP_RULE_RWLOCK_TRY_2;
    return excluded(o, writing, 0) ? QP_RULE_RWLOCK_HELD_1 : QP_RULE_RWLOCK_TRY_1;
}

void rwlock_called(struct qp_checker *c, struct object *o, bool writing, const struct qp_event *e)
{
    uint64_t status = e->fields[0], expected = admits(o, writing) && !o->waiting.first ? QP_OK : QP_BUSY;
    if (status == QP_NOMEM && expected == QP_OK && !writing)
        return;
    if (status != expected) {
        report(c, rule_of_try(o, writing, status), o, e, evidence(o, NULL), NULL);
    } else if (status == QP_OK) {
        enters(o, writing);
        expect_hold(c, writing ? STYLE_WRITE : STYLE_READ);
    }
}

void rwlock_released(struct qp_checker *c, struct object *o, bool writing)
{
    leaves(c, o, writing, QP_RULE_RWLOCK_RELEASE_1);
}
