/*
 * Channels, bounded and unbounded: the model.
 *
 * State of a channel: its values, first to last, and how many were dropped; how many slots are reserved, by permits and
 * by waits that were granted one; the queues of those who wait to send and to receive; how many senders and receivers;
 * whether it is closed. A value enters when its send is ready, or its call answers ok; it leaves when a recv is ready
 * with it, or a call was.
 */
#include "traces/checker_model.h"

static bool has_slot(const struct object *o)
{
    return o->kind == UNBOUNDED || o->reserved + o->buffered < o->capacity;
}

static bool is_over(const struct object *o)
{
    return !o->buffered && !o->reserved && (o->closed || !o->senders);
}

/* A recv was cancelled after the first value entered: if that is gone, it went then. */
static bool recv_was_cancelled(const struct object *o)
{
    return o->first && o->cancelled.seq > o->first->since.seq && o->cancelled.op && o->cancelled.op[0] == 'r' &&
           o->cancelled.op[2] == 'c';
}

/* The first who waits to receive can go on, or not. */
static void look_at_receivers(struct qp_checker *c, struct object *o, enum qp_rule_id rule)
{
    struct future *first = o->receiving.first;
    if (!first)
        return;
    if (o->buffered)
        make_able(c, first, rule);
    else if (is_over(o))
        make_able(c, first, QP_RULE_CHAN_END_1);
    else
        make_unable(c, first);
}

/* Free slots go to those who wait, in order. */
static void give_slots(struct qp_checker *c, struct object *o, enum qp_rule_id rule)
{
    struct future *f;
    while ((f = o->waiting.first) != NULL && has_slot(o)) {
        queue_remove(f);
        f->stage = GRANTED;
        o->reserved++;
        make_able(c, f, rule);
    }
}

static void give_back(struct qp_checker *c, struct object *o, enum qp_rule_id rule)
{
    o->reserved--;
    give_slots(c, o, rule);
    look_at_receivers(c, o, QP_RULE_CHAN_SENT_1);
}

static void refuse_all(struct qp_checker *c, struct object *o)
{
    struct future *f;
    while ((f = o->waiting.first) != NULL) {
        queue_remove(f);
        f->stage = REFUSED;
        make_able(c, f, QP_RULE_CHAN_CLOSE_2);
    }
}

static void close_it(struct qp_checker *c, struct object *o, const struct qp_event *e)
{
    o->closed = true;
    keep(&o->closed_by, e);
    refuse_all(c, o);
    look_at_receivers(c, o, QP_RULE_CHAN_SENT_1);
}

/* ---- send and reserve ---- */

static uint64_t expected_of_send(const struct future *f)
{
    const struct object *o = f->object;
    if (f->stage == WAITING)
        return QP_PENDING;
    if (f->stage == REFUSED || o->closed)
        return QP_SEND_FAILED;
    return f->stage == GRANTED || has_slot(o) ? QP_OK : QP_PENDING;
}

static enum qp_rule_id rule_of_send(const struct future *f, uint64_t status, uint64_t expected)
{
    bool reserve = f->op == OP_RESERVE;
    if (f->object->kind == UNBOUNDED)
        return reserve ? QP_RULE_UNB_RESERVE_1 : status == QP_PENDING ? QP_RULE_UNB_SEND_1 : QP_RULE_UNB_SEND_2;
    if (expected == QP_SEND_FAILED || status == QP_SEND_FAILED || (status != QP_OK && status != QP_PENDING))
        return reserve ? QP_RULE_CHAN_RESERVE_3 : QP_RULE_CHAN_SEND_4;
    if (status == QP_OK)
        return reserve ? QP_RULE_CHAN_RESERVE_1 : QP_RULE_CHAN_SEND_2;
    if (reserve)
        return QP_RULE_CHAN_RESERVE_2;
    return f->stage == GRANTED ? QP_RULE_CHAN_SEND_3 : QP_RULE_CHAN_SEND_1;
}

/* It takes no more part, and what it was granted is passed on. */
static void leave_sending(struct qp_checker *c, struct future *f, enum qp_rule_id rule)
{
    bool granted = f->stage == GRANTED;
    queue_remove(f);
    make_unable(c, f);
    f->stage = NEW;
    if (granted)
        give_back(c, f->object, rule);
}

static void sent(struct qp_checker *c, struct future *f, const struct qp_event *e)
{
    struct object *o = f->object;
    if (!f->value) {
        report(c, QP_RULE_VALUE_RETURN_1, o, e, NULL, NULL);
        return;
    }
    if (f->stage == GRANTED)
        o->reserved--;
    value_enters(o, f->value, e);
    f->value->since.op = f->name;
    f->value->since.object = f->of;
    f->value->future = NULL;
    f->value = NULL;
    look_at_receivers(c, o, QP_RULE_CHAN_SENT_1);
}

static void reserved(struct qp_checker *c, const struct future *f, const struct qp_event *e)
{
    if (!f->hold)
        report(c, QP_RULE_HOLD_PLACE_1, f->object, e, NULL, NULL);
    else if (f->stage != GRANTED)
        f->object->reserved++;
}

void send_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    uint64_t expected = expected_of_send(f);
    if (status != expected && status != QP_NOMEM) {
        const struct future *first = f->object->waiting.first;
        report(c, rule_of_send(f, status, expected), f->object, e, &f->since,
               first && first != f ? &first->since : NULL);
        return;
    }
    if (status == QP_PENDING) {
        if (f->stage == NEW) {
            f->stage = WAITING;
            queue_push(&f->object->waiting, f);
        }
        return;
    }
    if (status == QP_OK) {
        if (f->op == OP_SEND)
            sent(c, f, e);
        else
            reserved(c, f, e);
        return;
    }
    if (f->op == OP_SEND && f->value) {
        report(c, QP_RULE_VALUE_RETURN_1, f->object, e, &f->value->since, NULL);
        return;
    }
    leave_sending(c, f, QP_RULE_CHAN_CLOSE_2);
}

/* ---- recv ---- */

static uint64_t expected_of_recv(const struct future *f)
{
    const struct object *o = f->object;
    bool turn = f->stage == NEW ? !o->receiving.first : o->receiving.first == f;
    if (!turn)
        return QP_PENDING;
    return o->buffered ? QP_OK : is_over(o) ? QP_CLOSED : QP_PENDING;
}

static enum qp_rule_id rule_of_recv(const struct future *f, uint64_t status, uint64_t expected)
{
    const struct object *o = f->object;
    bool turn = f->stage == NEW ? !o->receiving.first : o->receiving.first == f;
    if (!turn)
        return QP_RULE_CHAN_RECV_4;
    if (expected == QP_OK && recv_was_cancelled(o))
        return QP_RULE_CHAN_RECV_1;
    if (expected == QP_CLOSED)
        return QP_RULE_CHAN_RECV_5;
    return status == QP_PENDING ? QP_RULE_CHAN_RECV_3 : QP_RULE_CHAN_RECV_2;
}

static void leave_receiving(struct qp_checker *c, struct future *f, enum qp_rule_id rule)
{
    bool could = f->able;
    queue_remove(f);
    make_unable(c, f);
    f->stage = NEW;
    look_at_receivers(c, f->object, could ? rule : QP_RULE_CHAN_SENT_1);
}

/* A value came out of the first place, or out of order. */
static bool take_first(struct qp_checker *c, struct object *o, struct value *v, const struct qp_event *e)
{
    if (!v || v->object != o || v->state != VALUE_QUEUED) {
        report(c, QP_RULE_VALUE_PLACE_1, o, e, v ? &v->since : NULL, NULL);
        return false;
    }
    if (v != o->first) {
        bool cancelled = recv_was_cancelled(o);
        report(c, cancelled ? QP_RULE_CHAN_RECV_1 : QP_RULE_CHAN_ORDER_1, o, e, &o->first->since,
               cancelled ? &o->cancelled : &v->since);
        return false;
    }
    value_leaves(v);
    forget_value(c, v);
    give_slots(c, o, QP_RULE_CHAN_TAKEN_1);
    return true;
}

SELDOM static void recv_wrongly(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    struct object *o = f->object;
    const struct value *v = table_find(&c->value_table, f->joined);
    uint64_t expected = expected_of_recv(f);
    if (status != expected)
        report(c, rule_of_recv(f, status, expected), o, e, o->first ? &o->first->since : &f->since,
               recv_was_cancelled(o) ? &o->cancelled : NULL);
    else
        report(c, QP_RULE_VALUE_PLACE_1, o, e, v ? &v->since : NULL, NULL);
}

void recv_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    struct object *o = f->object;
    if (UNLIKELY(status != expected_of_recv(f) || (f->joined && status != QP_OK))) {
        recv_wrongly(c, f, e, status);
    } else if (status == QP_PENDING) {
        if (f->stage == NEW) {
            f->stage = WAITING;
            queue_push(&o->receiving, f);
        }
    } else if (status == QP_CLOSED || take_first(c, o, table_find(&c->value_table, f->joined), e)) {
        leave_receiving(c, f, QP_RULE_CHAN_SENT_1);
    }
}

void recv_cancelled(struct qp_checker *c, struct future *f)
{
    leave_receiving(c, f, QP_RULE_CHAN_PASS_1);
}

void send_cancelled(struct qp_checker *c, struct future *f)
{
    leave_sending(c, f, QP_RULE_CHAN_SEND_6);
}

/* A value was received; for a poll it is judged when the poll answers, for a call here. */
void channel_received(struct qp_checker *c, struct object *o, struct value *v, const struct qp_event *e)
{
    if (take_first(c, o, v, e))
        look_at_receivers(c, o, QP_RULE_CHAN_SENT_1);
}

/* ---- calls ---- */

static void send_called(struct qp_checker *c, struct object *o, const struct qp_event *e)
{
    if (value_of_call(c, o, e))
        look_at_receivers(c, o, QP_RULE_CHAN_SENT_1);
}

static void try_send_called(struct qp_checker *c, struct object *o, const struct qp_event *e)
{
    uint64_t status = e->fields[0], expected = o->closed ? QP_SEND_FAILED : has_slot(o) ? QP_OK : QP_FULL;
    if (status != expected && status != QP_NOMEM)
        report(c,
               o->kind == UNBOUNDED                     ? QP_RULE_UNB_SEND_2
               : status == QP_OK && expected == QP_FULL ? QP_RULE_CHAN_TRY_2
                                                        : QP_RULE_CHAN_TRY_1,
               o, e, o->waiting.first ? &o->waiting.first->since : NULL, o->closed ? &o->closed_by : NULL);
    else
        send_called(c, o, e);
}

static void permit_send_called(struct qp_checker *c, struct object *o, const struct qp_event *e)
{
    struct owned *hold = table_find(&c->hold_table, e->fields[2]);
    uint64_t expected = !hold || hold->used || hold->object != o ? QP_USED : o->receivers ? QP_OK : QP_SEND_FAILED;
    if (e->fields[0] != expected) {
        report(c, expected == QP_USED ? QP_RULE_CHAN_PERMIT_1 : QP_RULE_CHAN_PERMIT_2, o, e, hold ? &hold->since : NULL,
               NULL);
        return;
    }
    if (expected == QP_OK) {
        hold->used = true;
        o->reserved--;
    }
    send_called(c, o, e);
}

static void try_recv_called(struct qp_checker *c, struct object *o, const struct qp_event *e)
{
    uint64_t status = e->fields[0];
    uint64_t expected = o->receiving.first || (!o->buffered && !is_over(o)) ? QP_EMPTY
                        : o->buffered                                       ? QP_OK
                                                                            : QP_CLOSED;
    if (status != expected)
        report(c,
               o->receiving.first                           ? QP_RULE_CHAN_TRYRECV_2
               : expected == QP_OK && recv_was_cancelled(o) ? QP_RULE_CHAN_RECV_1
                                                            : QP_RULE_CHAN_TRYRECV_1,
               o, e,
               o->receiving.first ? &o->receiving.first->since
               : o->first         ? &o->first->since
                                  : NULL,
               recv_was_cancelled(o) ? &o->cancelled : NULL);
    else if (status == QP_OK)
        expect(c, QP_EVENT_VALUE_RECEIVED);
}

void channel_called(struct qp_checker *c, struct object *o, enum op op, const struct qp_event *e)
{
    if (op == OP_TRY_SEND)
        try_send_called(c, o, e);
    else if (op == OP_PERMIT_SEND)
        permit_send_called(c, o, e);
    else if (op == OP_TRY_RECV)
        try_recv_called(c, o, e);
    else if (op == OP_LENGTH && e->fields[1] != o->buffered)
        report(c, QP_RULE_CHAN_LENGTH_1, o, e, o->first ? &o->first->since : NULL, NULL);
    else if (op == OP_DROPPED && e->fields[1] != o->dropped)
        report(c, QP_RULE_CHAN_DROPPED_1, o, e, NULL, NULL);
    else if (op == OP_IS_CLOSED && (e->fields[0] == QP_CLOSED) != o->closed)
        report(c, QP_RULE_CHAN_CLOSED_1, o, e, o->closed ? &o->closed_by : NULL, NULL);
}

/* ---- its ends ---- */

/* Closing what is closed while a recv waits for the end may answer either way: the surface promises both. */
void channel_closed(struct qp_checker *c, struct object *o, const struct qp_event *e)
{
    bool answer = e->fields[0] != 0, waits = o->receiving.first != NULL;
    if (o->closed && waits)
        return;
    if (answer == waits)
        report(c, QP_RULE_CHAN_CLOSE_1, o, e, waits ? &o->receiving.first->since : NULL, NULL);
    else if (answer && !o->closed)
        close_it(c, o, e);
}

void channel_end_dropped(struct qp_checker *c, struct object *o, bool sending, const struct qp_event *e)
{
    uint64_t *count = sending ? &o->senders : &o->receivers;
    if (*count)
        --*count;
    if (sending)
        look_at_receivers(c, o, QP_RULE_CHAN_SENT_1);
    else if (!*count)
        close_it(c, o, e);
}

void channel_permit_over(struct qp_checker *c, struct object *o, const struct owned *hold)
{
    if (!hold->used)
        give_back(c, o, QP_RULE_CHAN_PERMIT_3);
}
