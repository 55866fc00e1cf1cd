/*
 * What async functions own: guards, permits and slots; senders and receivers; deferred calls.
 *
 * State: for each of them an `owned`, in the list of its function (its scope) in order of acquisition, and in that of
 * its object. A function that ends must have released all, and one that is cancelled, or a task that ends, releases in
 * reverse. Where user's code ran in between (a drop function, a deferred call) the order is not judged.
 */
#include "traces/checker_model.h"

/* ---- scopes ---- */

/* The scope of what runs: that of the innermost async function, or of the task. NULL: of one that ends, or nobody's. */
static struct scope *running_scope(struct qp_checker *c, const struct qp_event *e)
{
    struct task *task;
    struct future *f;
    for (f = c->innermost; f; f = f->outer)
        if (f->op == OP_ASYNC)
            return f->dropping ? NULL : &f->more.scope;
    task = c->running && c->running->id == e->task ? c->running : table_find(&c->task_table, e->task);
    return task && !task->unwinding && !task->ended ? &task->scope : NULL;
}

static void enter_scope(struct owned *owned, struct scope *scope)
{
    owned->scope = scope;
    owned->next = NULL;
    owned->prev = scope ? scope->last : NULL;
    if (!scope)
        return;
    *(scope->last ? &scope->last->next : &scope->first) = owned;
    scope->last = owned;
}

static void leave_scope(struct owned *owned)
{
    struct scope *scope = owned->scope;
    if (!scope)
        return;
    *(owned->prev ? &owned->prev->next : &scope->first) = owned->next;
    *(owned->next ? &owned->next->prev : &scope->last) = owned->prev;
    owned->scope = NULL;
    owned->prev = owned->next = NULL;
}

static void leave_owners_object(struct owned *owned)
{
    struct object *o = owned->object;
    if (!o)
        return;
    *(owned->prev_of_object ? &owned->prev_of_object->next_of_object : &o->first_owned) = owned->next_of_object;
    *(owned->next_of_object ? &owned->next_of_object->prev_of_object : &o->last_owned) = owned->prev_of_object;
    owned->object = NULL;
}

static struct owned *own(struct qp_checker *c, struct table *table, uint64_t id, struct object *o,
                         const struct qp_event *e)
{
    struct owned *owned = stock_take(c, &c->owneds);
    if (!owned)
        return NULL;
    owned->id = id;
    owned->used = owned->forgotten = false;
    owned->task = e->task;
    owned->object = o;
    owned->prev_of_object = owned->next_of_object = NULL;
    keep(&owned->since, e);
    enter_scope(owned, running_scope(c, e));
    if (o) {
        owned->prev_of_object = o->last_owned;
        *(o->last_owned ? &o->last_owned->next_of_object : &o->first_owned) = owned;
        o->last_owned = owned;
    }
    if (UNLIKELY(!table_add(table, owned)))
        be_full(c);
    return owned;
}

/* It is nobody's and in no table; its memory is still there. */
static void let_go(struct table *table, struct owned *owned)
{
    leave_scope(owned);
    leave_owners_object(owned);
    table_remove(table, owned);
}

static void disown(struct qp_checker *c, struct table *table, struct owned *owned)
{
    let_go(table, owned);
    stock_give_back(&c->owneds, owned);
}

void objects_owned_are_nobodys(struct object *o)
{
    while (o->first_owned)
        leave_owners_object(o->first_owned);
}

void empty_scope(struct scope *scope)
{
    while (scope->first)
        leave_scope(scope->first);
}

/* A drop function runs: what it does to the scopes that are being released is its own affair. */
void users_code_runs(struct qp_checker *c, const struct qp_event *e)
{
    struct task *task = table_find(&c->task_table, e->task);
    struct future *f;
    if (task && task->unwinding)
        task->scope.lenient = true;
    for (f = c->innermost; f; f = f->outer)
        if (f->dropping && f->op == OP_ASYNC)
            f->more.scope.lenient = true;
}

/* Whether this scope is being released now, by the library itself. */
static bool is_released(const struct qp_checker *c, const struct scope *scope, const struct qp_event *e)
{
    const struct future *f = c->innermost;
    const struct task *task;
    if (c->deferred_depth || scope->lenient)
        return false;
    if (f)
        return f->dropping && f->op == OP_ASYNC && scope == &f->more.scope;
    task = table_find(&c->task_table, e->task);
    return task && task->unwinding && scope == &task->scope;
}

static void check_order(struct qp_checker *c, const struct owned *owned, const struct qp_event *e)
{
    if (owned->scope && owned->next && is_released(c, owned->scope, e))
        report(c, QP_RULE_TASK_OWN_2, NULL, e, &owned->since, &owned->next->since);
}

void check_released(struct qp_checker *c, struct scope *scope, const struct qp_event *e)
{
    const struct owned *first = scope->first;
    if (first)
        report(c, first->what == OWNED_DEFERRED ? QP_RULE_TASK_DEFER_1 : QP_RULE_TASK_OWN_1, first->object, e,
               &first->since, NULL);
    empty_scope(scope);
}

/* The thing of the event; NULL, and a violation, when there is none or it is gone. */
static struct owned *owned_of(struct qp_checker *c, const struct table *table, uint64_t last, enum qp_rule_id twice,
                              const struct qp_event *e)
{
    struct owned *owned = table_find(table, e->fields[0]);
    if (!owned)
        report(c, e->fields[0] && e->fields[0] <= last ? twice : QP_RULE_TRACE_ID_1, NULL, e, NULL, NULL);
    return owned;
}

static void given(struct qp_checker *c, struct owned *owned, const struct qp_event *e)
{
    struct task *task = task_of(c, e->fields[1], e);
    if (!task)
        return;
    leave_scope(owned);
    enter_scope(owned, task->unwinding || task->ended ? NULL : &task->scope);
    owned->task = task->id;
}

/* ---- guards, permits, slots ---- */

static uint64_t style_of(enum op op)
{
    switch (op) {
    case OP_RESERVE:
        return STYLE_SLOT;
    case OP_LOCK:
        return STYLE_LOCK;
    case OP_READ:
        return STYLE_READ;
    case OP_WRITE:
        return STYLE_WRITE;
    case OP_ACQUIRE:
        return STYLE_PERMIT;
    default:
        return UINT64_MAX;
    }
}

/* Whether it follows from the call before, or belongs to the poll that is under way. */
static enum qp_rule_id rule_of_acquisition(struct qp_checker *c, const struct object *o, const struct qp_event *e)
{
    bool called = is_expected(c, QP_EVENT_HOLD_ACQUIRED);
    struct future *f = under_way(c, o);
    it_came(c);
    if (called) {
        if (o != c->call_object || e->fields[2] != c->call_style)
            return QP_RULE_HOLD_PLACE_1;
        return e->fields[1] == c->call_count ? QP_RULES : QP_RULE_SEM_COUNT_1;
    }
    if (!f || f->hold || style_of((enum op)f->op) != e->fields[2])
        return QP_RULE_HOLD_PLACE_1;
    f->hold = e->fields[0];
    f->hold_count = e->fields[1];
    return QP_RULES;
}

void on_hold_acquired(struct qp_checker *c, const struct qp_event *e)
{
    struct object *o = object_of(c, e);
    struct owned *owned;
    enum qp_rule_id rule;
    if (!o || !new_number(c, &c->hold_table, e->fields[0], e))
        return;
    rule = rule_of_acquisition(c, o, e);
    if (rule != QP_RULES)
        report(c, rule, o, e, &o->made, NULL);
    owned = own(c, &c->hold_table, e->fields[0], o, e);
    if (!owned)
        return;
    owned->what = OWNED_HOLD;
    owned->count = e->fields[1];
    owned->style = e->fields[2];
}

static struct owned *hold_of(struct qp_checker *c, const struct qp_event *e)
{
    return owned_of(c, &c->hold_table, c->hold_table.last, QP_RULE_HOLD_ONCE_1, e);
}

static void came_back(struct qp_checker *c, struct object *o, const struct owned *hold)
{
    switch (o->kind) {
    case CHANNEL:
    case UNBOUNDED:
        channel_permit_over(c, o, hold);
        break;
    case MUTEX:
        mutex_released(c, o);
        break;
    case RWLOCK:
        rwlock_released(c, o, hold->style == STYLE_WRITE);
        break;
    case SEMAPHORE:
        semaphore_add(c, o, hold->count, QP_RULE_SEM_RELEASE_1);
        break;
    default:
        break;
    }
}

void on_hold_released(struct qp_checker *c, const struct qp_event *e)
{
    struct owned *hold = hold_of(c, e);
    struct object *o;
    if (!hold)
        return;
    check_order(c, hold, e);
    o = hold->object;
    let_go(&c->hold_table, hold);
    if (o && !o->spoilt) {
        if (e->fields[1] != hold->count || e->fields[2] != hold->style)
            report(c, QP_RULE_SEM_COUNT_1, o, e, &hold->since, NULL);
        else
            came_back(c, o, hold);
    }
    stock_give_back(&c->owneds, hold);
}

/* Its release follows, and brings nothing back. */
void on_hold_forgotten(struct qp_checker *c, const struct qp_event *e)
{
    struct owned *hold = hold_of(c, e);
    if (!hold)
        return;
    if (hold->forgotten || hold->style != STYLE_PERMIT || e->fields[1] != hold->count)
        report(c, QP_RULE_SEM_COUNT_1, hold->object, e, &hold->since, NULL);
    hold->forgotten = true;
    hold->count = 0;
}

void on_hold_given(struct qp_checker *c, const struct qp_event *e)
{
    struct owned *hold = hold_of(c, e);
    if (hold)
        given(c, hold, e);
}

/* ---- senders and receivers; they are numbered with the objects ---- */

void on_end_created(struct qp_checker *c, const struct qp_event *e)
{
    struct object *o = object_of(c, e);
    struct owned *end;
    if (!o || !new_number(c, &c->object_table, e->fields[0], e))
        return;
    if (o->kind != CHANNEL && o->kind != UNBOUNDED) {
        report(c, QP_RULE_TRACE_OBJECT_1, NULL, e, &o->made, NULL);
        return;
    }
    end = own(c, &c->end_table, e->fields[0], o, e);
    if (!end)
        return;
    end->what = OWNED_END;
    end->style = e->fields[1] != 0;
    ++*(end->style ? &o->senders : &o->receivers);
}

static struct owned *end_of(struct qp_checker *c, const struct qp_event *e)
{
    return owned_of(c, &c->end_table, c->object_table.last, QP_RULE_END_ONCE_1, e);
}

static void end_gone(struct qp_checker *c, const struct qp_event *e, struct object *o)
{
    struct owned *end = end_of(c, e);
    bool sending;
    if (!end)
        return;
    sending = end->style != 0;
    if (end->object != o || sending != (e->fields[1] != 0)) {
        report(c, QP_RULE_TRACE_ID_1, NULL, e, &end->since, NULL);
        return;
    }
    check_order(c, end, e);
    disown(c, &c->end_table, end);
    if (!o->spoilt)
        channel_end_dropped(c, o, sending, e);
}

void on_end_dropped(struct qp_checker *c, const struct qp_event *e)
{
    struct object *o = object_of(c, e);
    if (!o)
        return;
    if (o->kind == ONESHOT)
        oneshot_end_dropped(c, o, e->fields[1] != 0, e);
    else
        end_gone(c, e, o);
}

void on_end_given(struct qp_checker *c, const struct qp_event *e)
{
    struct owned *end = end_of(c, e);
    if (end)
        given(c, end, e);
}

/* ---- deferred calls ---- */

static void deferred_called(struct qp_checker *c, const struct qp_event *e)
{
    struct owned *deferred = owned_of(c, &c->deferred_table, c->deferred_table.last, QP_RULE_TASK_DEFER_1, e);
    const struct task *task;
    if (!deferred)
        return;
    task = deferred->task ? table_find(&c->task_table, deferred->task) : NULL;
    if (task && deferred->scope == &task->scope && !task->unwinding)
        report(c, QP_RULE_TASK_DEFER_1, NULL, e, &deferred->since, NULL);
    else
        check_order(c, deferred, e);
    disown(c, &c->deferred_table, deferred);
    c->deferred_depth++;
}

void on_deferred(struct qp_checker *c, const struct qp_event *e)
{
    struct owned *deferred;
    if (e->kind == QP_EVENT_DEFERRED_CALLED) {
        deferred_called(c, e);
    } else if (e->kind == QP_EVENT_DEFERRED_OVER) {
        c->deferred_depth -= c->deferred_depth > 0;
    } else if (new_number(c, &c->deferred_table, e->fields[0], e)) {
        deferred = own(c, &c->deferred_table, e->fields[0], NULL, e);
        if (deferred)
            deferred->what = OWNED_DEFERRED;
    }
}
