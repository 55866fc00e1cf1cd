/*
 * Futures made of others: timeout, timeout_join, race, join_all. No state but that of the futures.
 *
 * Each poll is a pass over the children: `cursor` is the one to be polled next, `won` whether one was ready in this
 * pass: in a race and a timeout the first one, in a join the last one. Children that are over are gone from the list,
 * so the first child is always the first that is left.
 */
#include "traces/checker_model.h"

static bool is_timeout(const struct future *f)
{
    return f->op == OP_TIMEOUT || f->op == OP_TIMEOUT_JOIN;
}

/* The rule of a timeout, by its number, for either of them. */
static enum qp_rule_id timeout_rule(const struct future *f, unsigned number)
{
    return (enum qp_rule_id)((f->op == OP_TIMEOUT ? QP_RULE_TIME_TIMEOUT_1 : QP_RULE_TIME_TJOIN_1) + number - 1);
}

void compound_begin(struct future *f)
{
    f->more.cursor = f->first_child;
    f->won = f->told = f->child_dropped = false;
    f->more.children_polled = 0;
}

void compound_child_polled(struct qp_checker *c, struct future *f, struct future *child, const struct qp_event *e)
{
    f->more.children_polled++;
    if (is_timeout(f)) {
        if (f->more.children_polled > 1)
            report(c, timeout_rule(f, 1), NULL, e, &child->since, NULL);
        return;
    }
    if (f->op == OP_RACE && f->won)
        report(c, QP_RULE_RACE_ORDER_2, NULL, e, &f->since, NULL);
    else if (child != f->more.cursor)
        report(c, f->op == OP_RACE ? QP_RULE_RACE_ORDER_1 : QP_RULE_JOIN_ORDER_1, NULL, e, &f->since, NULL);
    f->more.cursor = child->next_sibling;
}

void compound_child_ready(struct future *f, const struct future *child, uint64_t status)
{
    if (f->op == OP_JOIN_ALL && status != QP_OK && child->index < f->more.failed_index) {
        f->more.failed_index = child->index;
        f->more.failed_status = status;
    }
    if (f->op == OP_JOIN_ALL || !f->won) {
        f->won = true;
        f->won_index = child->index;
        f->won_status = status;
    }
}

/* A child is dropped by the poll or the drop of `f`. */
void compound_child_dropping(struct qp_checker *c, struct future *f, struct future *child, const struct qp_event *e)
{
    f->child_dropped = true;
    if (f->op == OP_RACE && f->polling && (!f->told || child != f->first_child))
        report(c, QP_RULE_RACE_DROP_2, NULL, e, &child->since, NULL);
    else if (f->op == OP_RACE && child != f->first_child)
        report(c, QP_RULE_RACE_CANCEL_1, NULL, e, &child->since, NULL);
    else if (f->op == OP_TIMEOUT_JOIN && f->polling)
        report(c, QP_RULE_TIME_TJOIN_5, NULL, e, &child->since, NULL);
    else if (f->op == OP_JOIN_ALL && f->polling)
        report(c, QP_RULE_JOIN_READY_1, NULL, e, &child->since, NULL);
    else if (f->op == OP_TIMEOUT && f->polling && f->asked && !may_be_due(f, e) && !c->no_memory)
        report(c, QP_RULE_TIME_TIMEOUT_3, NULL, e, &f->since, NULL);
}

void on_race_won(struct qp_checker *c, const struct qp_event *e)
{
    struct future *f = table_find(&c->future_table, e->future);
    if (!f)
        report(c, QP_RULE_TRACE_FUTURE_1, NULL, e, NULL, NULL);
    else if (f->dropping)
        report(c, QP_RULE_RACE_CANCEL_1, NULL, e, &f->since, NULL);
    else if (f != c->innermost || f->op != OP_RACE)
        report(c, QP_RULE_TRACE_NEST_1, NULL, e, NULL, NULL);
    else if (!f->won || f->told || f->won_index != e->fields[0])
        report(c, QP_RULE_RACE_WIN_1, NULL, e, &f->since, NULL);
    else if (f->won_status != e->fields[1])
        report(c, QP_RULE_RACE_WIN_2, NULL, e, &f->since, NULL);
    if (f)
        f->told = true;
}

/* It is of the one that was ready just before, or that won. */
void on_status_given(struct qp_checker *c, const struct qp_event *e)
{
    const struct future *f = table_find(&c->future_table, e->future);
    if (!f)
        report(c, QP_RULE_TRACE_FUTURE_1, NULL, e, NULL, NULL);
    else if (f != c->innermost || (f->op != OP_JOIN_ALL && f->op != OP_RACE) || !f->polling)
        report(c, QP_RULE_TRACE_NEST_1, NULL, e, NULL, NULL);
    else if (!f->won || f->won_index != e->fields[0] || f->won_status != e->fields[1])
        report(c, f->op == OP_RACE ? QP_RULE_RACE_WIN_3 : QP_RULE_JOIN_STATUS_2, NULL, e, &f->since, NULL);
}

/* ---- timeout, timeout_join ---- */

static void timeout_pending(struct qp_checker *c, struct future *f, const struct qp_event *e)
{
    if (f->more.children_polled != 1)
        report(c, timeout_rule(f, 1), NULL, e, &f->since, NULL);
    else if (f->won)
        report(c, timeout_rule(f, 2), NULL, e, &f->since, NULL);
    else if (f->child_dropped)
        report(c, timeout_rule(f, 5), NULL, e, &f->since, NULL);
    else if (!f->polled)
        start_deadline(c, f, e);
    else if (must_be_due(f))
        report(c, timeout_rule(f, 4), NULL, e, &f->since, NULL);
    if (!f->polled && f->asked && f->duration_ns <= 0)
        report(c, timeout_rule(f, 4), NULL, e, NULL, NULL);
}

/* The wait is over without an answer: whoever runs has the handle again. */
static void handle_is_back(struct qp_checker *c, struct future *join, const struct qp_event *e)
{
    if (join->target)
        owns_handle(c, join->target, e->task);
    forget_future(c, join);
}

static void timeout_expired(struct qp_checker *c, struct future *f, const struct qp_event *e)
{
    if (f->asked && !may_be_due(f, e))
        report(c, timeout_rule(f, 3), NULL, e, &f->since, NULL);
    if (f->op == OP_TIMEOUT && f->first_child)
        report(c, QP_RULE_TIME_TIMEOUT_5, NULL, e, &f->first_child->since, NULL);
    if (f->op == OP_TIMEOUT_JOIN && (!f->first_child || (f->first_child->target && !f->first_child->target->handle)))
        report(c, QP_RULE_TIME_TJOIN_5, NULL, e, &f->since, NULL);
    if (f->op == OP_TIMEOUT_JOIN && f->first_child && !f->first_child->polling)
        handle_is_back(c, f->first_child, e);
}

static void timeout_ready(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    if (status == QP_INVALID && !f->arms)
        return;
    if (f->more.children_polled != 1)
        report(c, timeout_rule(f, 1), NULL, e, &f->since, NULL);
    else if (f->won ? status != f->won_status : status != QP_TIMEOUT && status != QP_NOMEM)
        report(c, timeout_rule(f, 2), NULL, e, &f->since, NULL);
    else if (!f->won && status == QP_TIMEOUT)
        timeout_expired(c, f, e);
}

/* ---- race ---- */

static void race_pending(struct qp_checker *c, struct future *f, const struct qp_event *e)
{
    if (!f->arms)
        report(c, QP_RULE_RACE_EMPTY_1, NULL, e, NULL, NULL);
    else if (f->won)
        report(c, QP_RULE_RACE_WIN_1, NULL, e, &f->since, NULL);
    else if (f->more.cursor)
        report(c, QP_RULE_RACE_ORDER_1, NULL, e, &f->more.cursor->since, NULL);
}

static void race_ready(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    if (!f->arms || status == QP_NO_ARMS) {
        if (f->arms ? !f->won || f->won_status != status : status != QP_NO_ARMS)
            report(c, QP_RULE_RACE_EMPTY_1, NULL, e, NULL, NULL);
    } else if (!f->won || status != f->won_status) {
        report(c, QP_RULE_RACE_WIN_1, NULL, e, &f->since, NULL);
    }
    if (f->won && f->first_child)
        report(c, QP_RULE_RACE_DROP_1, NULL, e, &f->first_child->since, NULL);
}

/* ---- join_all ---- */

static void join_all_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    uint64_t wanted = f->more.failed_index != UINT64_MAX ? f->more.failed_status : QP_OK;
    if (f->more.cursor)
        report(c, QP_RULE_JOIN_ORDER_1, NULL, e, &f->more.cursor->since, NULL);
    else if ((status == QP_PENDING) != (f->first_child != NULL))
        report(c, QP_RULE_JOIN_READY_1, NULL, e, f->first_child ? &f->first_child->since : &f->since, NULL);
    else if (status != QP_PENDING && status != wanted)
        report(c, QP_RULE_JOIN_STATUS_1, NULL, e, &f->since, NULL);
}

/* ---- all of them ---- */

void compound_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    if (f->op == OP_JOIN_ALL)
        join_all_answer(c, f, e, status);
    else if (f->op == OP_RACE && status == QP_PENDING)
        race_pending(c, f, e);
    else if (f->op == OP_RACE)
        race_ready(c, f, e, status);
    else if (status == QP_PENDING)
        timeout_pending(c, f, e);
    else
        timeout_ready(c, f, e, status);
}

void compound_dropped(struct qp_checker *c, struct future *f, const struct qp_event *e)
{
    static const enum qp_rule_id rules[] = {[OP_TIMEOUT] = QP_RULE_TIME_TIMEOUT_6,
                                            [OP_TIMEOUT_JOIN] = QP_RULE_TIME_TJOIN_6,
                                            [OP_RACE] = QP_RULE_RACE_CANCEL_1,
                                            [OP_JOIN_ALL] = QP_RULE_JOIN_CANCEL_1};
    if (f->first_child)
        report(c, rules[f->op], NULL, e, &f->first_child->since, NULL);
}
