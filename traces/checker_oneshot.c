/*
 * One-shot channels: the model.
 *
 * State of one: whether it was sent to (`used`), its value while it is there, whether the sender and the receiver are
 * there, and the queue of those who wait. A wait can go on when it was sent to, or when nobody is left to do so.
 */
#include "traces/checker_model.h"

static bool is_ready(const struct object *o)
{
    return o->used || !o->has_sender;
}

static void look_at_receivers(struct qp_checker *c, struct object *o)
{
    if (o->waiting.first && is_ready(o))
        make_able(c, o->waiting.first, QP_RULE_ONE_WAKE_1);
}

static void leave(struct qp_checker *c, struct future *f)
{
    queue_remove(f);
    make_unable(c, f);
    f->stage = NEW;
    look_at_receivers(c, f->object);
}

static uint64_t expected_of_recv(const struct future *f)
{
    const struct object *o = f->object;
    bool turn = f->stage == NEW ? !o->waiting.first : o->waiting.first == f;
    if (!turn || !is_ready(o))
        return QP_PENDING;
    return o->first ? QP_OK : QP_CLOSED;
}

static bool recv_was_cancelled(const struct object *o)
{
    return o->first && o->cancelled.seq > o->first->since.seq;
}

static enum qp_rule_id rule_of_recv(const struct object *o, uint64_t status, uint64_t expected)
{
    if (expected == QP_OK)
        return recv_was_cancelled(o) ? QP_RULE_ONE_RECV_3 : QP_RULE_ONE_RECV_1;
    return expected == QP_CLOSED || status == QP_CLOSED ? QP_RULE_ONE_RECV_2 : QP_RULE_ONE_RECV_1;
}

void oneshot_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    struct object *o = f->object;
    struct value *v = table_find(&c->value_table, f->joined);
    uint64_t expected = expected_of_recv(f);
    if (status != expected) {
        report(c, rule_of_recv(o, status, expected), o, e, o->first ? &o->first->since : &f->since,
               recv_was_cancelled(o) ? &o->cancelled : NULL);
    } else if (status == QP_PENDING) {
        if (f->joined)
            report(c, QP_RULE_VALUE_PLACE_1, o, e, v ? &v->since : NULL, NULL);
        if (f->stage == NEW) {
            f->stage = WAITING;
            queue_push(&o->waiting, f);
        }
    } else if (status == QP_OK ? v != o->first : f->joined != 0) {
        report(c, QP_RULE_VALUE_PLACE_1, o, e, v ? &v->since : NULL, NULL);
    } else {
        if (v)
            forget_value(c, v);
        leave(c, f);
    }
}

void oneshot_cancelled(struct qp_checker *c, struct future *f)
{
    leave(c, f);
}

void oneshot_called(struct qp_checker *c, struct object *o, const struct qp_event *e)
{
    uint64_t expected = o->used ? QP_USED : o->has_receiver ? QP_OK : QP_SEND_FAILED;
    if (e->fields[0] != expected) {
        report(c, o->used ? QP_RULE_ONE_SEND_2 : QP_RULE_ONE_SEND_1, o, e, &o->made, NULL);
        return;
    }
    o->used = true;
    value_of_call(c, o, e);
    look_at_receivers(c, o);
}

void oneshot_end_dropped(struct qp_checker *c, struct object *o, bool sending, const struct qp_event *e)
{
    bool *end = sending ? &o->has_sender : &o->has_receiver;
    if (!*end)
        report(c, QP_RULE_END_ONCE_1, o, e, &o->made, NULL);
    *end = false;
    look_at_receivers(c, o);
}
