/*
 * Values: given to an operation, in a channel or lock, out again; each has one fate.
 *
 * State: the table of values that have had none yet. A value enters and leaves its object when the family says so; here
 * is what the events say of it: that it was given, received, returned, dropped for a reason.
 */
#include "traces/checker_model.h"

/* The value of the event; NULL, and a violation, when there is none or it has had its fate. */
static struct value *value_of(struct qp_checker *c, const struct qp_event *e)
{
    struct value *v = table_find(&c->value_table, e->fields[0]);
    bool was = e->fields[0] && e->fields[0] <= c->value_table.last;
    if (!v)
        report(c, was ? QP_RULE_VALUE_ONCE_1 : QP_RULE_TRACE_ID_1, NULL, e, NULL, NULL);
    return v;
}

static struct value *new_value(struct qp_checker *c, struct object *o, const struct qp_event *e)
{
    struct value *v;
    if (!new_number(c, &c->value_table, e->fields[0], e) || !(v = stock_take(c, &c->values)))
        return NULL;
    v->id = e->fields[0];
    v->state = VALUE_GIVEN;
    v->object = o;
    v->future = NULL;
    v->task = NULL;
    keep(&v->since, e);
    if (UNLIKELY(!table_add(&c->value_table, v)))
        be_full(c);
    return v;
}

void value_enters(struct object *o, struct value *v, const struct qp_event *e)
{
    v->state = o->kind == MUTEX || o->kind == RWLOCK ? VALUE_LOCKED : VALUE_QUEUED;
    v->object = o;
    v->prev = o->last;
    v->next = NULL;
    *(o->last ? &o->last->next : &o->first) = v;
    o->last = v;
    o->buffered += v->state == VALUE_QUEUED;
    keep(&v->since, e);
}

void value_leaves(struct value *v)
{
    struct object *o = v->object;
    if (!o || (v->state != VALUE_QUEUED && v->state != VALUE_LOCKED))
        return;
    *(v->prev ? &v->prev->next : &o->first) = v->next;
    *(v->next ? &v->next->prev : &o->last) = v->prev;
    o->buffered -= v->state == VALUE_QUEUED;
    v->state = VALUE_LEAVING;
    v->object = NULL;
    v->prev = v->next = NULL;
}

void forget_value(struct qp_checker *c, struct value *v)
{
    value_leaves(v);
    if (v->future)
        v->future->value = NULL;
    if (v->task)
        v->task->result = NULL;
    if (c->call_value == v)
        c->call_value = NULL;
    table_remove(&c->value_table, v);
    stock_give_back(&c->values, v);
}

/* ---- given ---- */

void on_value_sent(struct qp_checker *c, const struct qp_event *e)
{
    struct object *o = object_of(c, e);
    struct value *v = o ? new_value(c, o, e) : NULL;
    struct future *f = c->innermost;
    if (!v)
        return;
    if (!e->future) {
        c->call_value = v;
        expect(c, QP_EVENT_CALLED);
    } else if (!f || f->id != e->future || f->op != OP_SEND || f->object != o || f->value || f->value_over) {
        report(c, QP_RULE_VALUE_PLACE_1, o, e, f ? &f->since : NULL, NULL);
    } else {
        f->value = v;
        v->future = f;
    }
}

bool value_of_call(struct qp_checker *c, struct object *o, const struct qp_event *e)
{
    struct value *v = c->call_value;
    c->call_value = NULL;
    if (!v || v->object != o || v->state != VALUE_GIVEN) {
        report(c, QP_RULE_VALUE_PLACE_1, o, e, NULL, NULL);
        return false;
    }
    if (e->fields[0] == QP_OK) {
        value_enters(o, v, e);
        return true;
    }
    v->state = VALUE_BACK;
    expect(c, QP_EVENT_VALUE_RETURNED);
    return false;
}

/* ---- received, returned ---- */

/* It has other bytes than it had when it was given. */
void check_bytes(struct qp_checker *c, const struct value *v, uint64_t altered, const struct qp_event *e)
{
    if (altered)
        report(c, QP_RULE_VALUE_BYTES_1, NULL, e, &v->since, NULL);
}

static void received_outside(struct qp_checker *c, struct value *v, const struct qp_event *e)
{
    const struct future *f = c->innermost;
    bool dropping = f && f->dropping && f->object == v->object;
    enum qp_rule_id rule = dropping && f->op == OP_RECV           ? QP_RULE_CHAN_RECV_1
                           : dropping && f->op == OP_ONESHOT_RECV ? QP_RULE_ONE_RECV_3
                                                                  : QP_RULE_VALUE_PLACE_1;
    report(c, rule, v->object, e, dropping ? &f->since : &v->since, NULL);
}

/* A task's result, which a join has told of and gives now. */
static void result_received(struct qp_checker *c, const struct qp_event *e)
{
    struct value *v = value_of(c, e);
    const struct future *f = c->innermost;
    if (!v)
        return;
    if (!f || f->op != OP_JOIN || f->joined != v->id || v->state != VALUE_LEAVING)
        report(c, QP_RULE_TASK_JOIN_4, NULL, e, &v->since, NULL);
    check_bytes(c, v, e->fields[1], e);
}

void on_value_received(struct qp_checker *c, const struct qp_event *e)
{
    bool called = is_expected(c, QP_EVENT_VALUE_RECEIVED);
    struct object *o = e->object ? object_of(c, e) : NULL;
    struct value *v;
    struct future *f;
    if (!e->object) {
        result_received(c, e);
        return;
    }
    v = value_of(c, e);
    it_came(c);
    if (!o || !v)
        return;
    check_bytes(c, v, e->fields[1], e);
    if (o->spoilt) {
        forget_value(c, v);
        return;
    }
    if (called && o == c->call_object) {
        channel_received(c, o, v, e);
        return;
    }
    f = under_way(c, o);
    if (f && (f->op == OP_RECV || f->op == OP_ONESHOT_RECV) && !f->joined)
        f->joined = v->id;
    else
        received_outside(c, v, e);
}

void on_value_returned(struct qp_checker *c, const struct qp_event *e)
{
    bool called = is_expected(c, QP_EVENT_VALUE_RETURNED);
    struct value *v = value_of(c, e);
    struct future *f;
    it_came(c);
    if (!v)
        return;
    f = v->future;
    if (f && f->polling && f == c->innermost)
        f->value_over = true;
    else if (!(called && v->state == VALUE_BACK) && !(v->object && v->object->spoilt))
        report(c, QP_RULE_VALUE_PLACE_1, v->object, e, &v->since, NULL);
    forget_value(c, v);
}

/* ---- dropped ---- */

static bool is_held(const struct object *o)
{
    const struct owned *owned;
    for (owned = o->first_owned; owned; owned = owned->next_of_object)
        if (owned->what == OWNED_HOLD)
            return true;
    return false;
}

/* A result goes when nobody can ask for it: its task failed after all, or has nobody who will join it. */
static bool result_may_go(const struct value *v)
{
    const struct task *task = v->task;
    if (v->state == VALUE_RESULT && !task)
        return true;
    return v->state == VALUE_RESULT && (task->running || (task->unwinding && task->status != QP_OK));
}

/* The rule that a drop for this reason breaks; QP_RULES: none. */
static enum qp_rule_id rule_of_drop(const struct value *v, uint64_t reason)
{
    const struct object *o = v->object;
    switch (reason) {
    case QP_DROP_CANCELLED:
        return v->state == VALUE_GIVEN && v->future && v->future->dropping ? QP_RULES : QP_RULE_VALUE_REASON_1;
    case QP_DROP_CHANNEL:
        if (v->state != VALUE_QUEUED || !o)
            return QP_RULE_VALUE_REASON_1;
        if (o->kind == ONESHOT)
            return o->has_receiver ? QP_RULE_ONE_DROP_1 : QP_RULES;
        return o->receivers ? QP_RULE_CHAN_DROP_1 : QP_RULES;
    case QP_DROP_REPLACED:
        return v->state == VALUE_REPLACED ? QP_RULES : QP_RULE_VALUE_REASON_1;
    case QP_DROP_OBJECT:
        return v->state == VALUE_LOCKED && o && !is_held(o) ? QP_RULES : QP_RULE_VALUE_REASON_1;
    case QP_DROP_RESULT:
        if (v->state == VALUE_LEAVING)
            return QP_RULE_TASK_JOIN_4; /* a join was about to give it */
        return result_may_go(v) ? QP_RULES : QP_RULE_VALUE_REASON_1;
    default:
        return QP_RULE_TRACE_KIND_1;
    }
}

void on_value_dropped(struct qp_checker *c, const struct qp_event *e)
{
    struct value *v = value_of(c, e);
    enum qp_rule_id rule;
    if (is_expected(c, QP_EVENT_VALUE_DROPPED))
        it_came(c);
    users_code_runs(c, e);
    if (!v)
        return;
    rule = rule_of_drop(v, e->fields[1]);
    if (rule != QP_RULES)
        report(c, rule, v->object, e, &v->since, NULL);
    if (v->future)
        v->future->value_over = true;
    if (v->object)
        v->object->dropped++;
    forget_value(c, v);
}

/* ---- in a lock ---- */

static bool has_it_alone(const struct object *o, uint64_t task)
{
    const struct owned *owned;
    for (owned = o->first_owned; owned; owned = owned->next_of_object)
        if (owned->what == OWNED_HOLD && owned->style != STYLE_READ && owned->task == task)
            return true;
    return false;
}

/* The first is the one that the lock was made with. */
void on_value_set(struct qp_checker *c, const struct qp_event *e)
{
    struct object *o = object_of(c, e);
    struct value *v = o ? new_value(c, o, e) : NULL, *old = o ? o->first : NULL;
    if (!v)
        return;
    if (o->kind != MUTEX && o->kind != RWLOCK) {
        report(c, QP_RULE_TRACE_OBJECT_1, NULL, e, &o->made, NULL);
        return;
    }
    check_bytes(c, v, e->fields[1], e);
    if (old) {
        if (!has_it_alone(o, e->task))
            report(c, QP_RULE_LOCK_SET_1, o, e, &old->since, NULL);
        value_leaves(old);
        old->state = VALUE_REPLACED;
        old->object = o;
        expect(c, QP_EVENT_VALUE_DROPPED);
        c->call_object = o;
    }
    value_enters(o, v, e);
}
