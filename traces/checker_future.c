/*
 * Futures: how they are polled and dropped inside one another, and who among those that wait can go on.
 *
 * State: the polls and drops under way, each inside the one before; and the list of futures that are able: the model
 * says that their next poll is ready, so their task must have been woken by the time nothing runs. What each future may
 * answer is judged by its family.
 */
#include "traces/checker_steps.h"
#include "traces/print.h"

/* Futures inside one another; a trace in which they are deeper is nonsense. */
enum { MOST_DEPTH = 10000 };

/* ---- those that can go on ---- */

/* Whether its task waits for it, and not for something else while it is held by hand. */
static bool is_awaited(const struct task *task, const struct future *f)
{
    unsigned depth;
    for (depth = 0; f->parent && depth < MOST_DEPTH; f = f->parent, depth++)
        if (!f->parent->compound && f->parent->awaited != f)
            return false;
    return task->awaits == f;
}

static void report_asleep(struct qp_checker *c, const struct future *f, const struct qp_event *e)
{
    char text[QP_VIOLATION_STATE];
    struct qp_print print;
    qp_print_init(&print, text, sizeof text);
    describe_future(&print, f);
    qp_print_format(&print, " can go on, and its task was not woken");
    if (f->object) {
        qp_print_format(&print, "\n");
        describe_object(&print, f->object);
    }
    report_text(c, f->able_rule, text, e, &f->since);
    if (f->object)
        f->object->spoilt = true;
}

/* Nothing runs: whoever can go on must have been woken before. The newest are first, so those behind were looked at. */
void check_woken(struct qp_checker *c, const struct qp_event *e)
{
    struct future *f, *next;
    for (f = c->first_able; f && !f->checked && !is_deaf(c); f = next) {
        const struct task *task = table_find(&c->task_table, f->task);
        next = f->next_able;
        f->checked = true;
        if (f->able_rule == QP_RULE_TIME_CLOCK_3 && c->closing)
            continue; /* a timer that is due may come after the task that ended the run */
        if (!task || task->queued || task->running || task->unwinding || task->ended || !is_awaited(task, f) ||
            (f->object && f->object->spoilt))
            continue;
        report_asleep(c, f, e);
        make_unable(c, f);
    }
}

/* ---- a future's place among the others ---- */

static void add_child_behind(struct future *parent, struct future *before, struct future *child)
{
    child->parent = parent;
    child->prev_sibling = before;
    child->next_sibling = before ? before->next_sibling : parent->first_child;
    *(before ? &before->next_sibling : &parent->first_child) = child;
    *(child->next_sibling ? &child->next_sibling->prev_sibling : &parent->last_child) = child;
}

static void add_child(struct future *parent, struct future *child)
{
    add_child_behind(parent, parent->last_child, child);
}

/* As the index-th; one that takes another's place after that was dropped comes where that was. */
static void add_child_at(struct future *parent, struct future *child, uint64_t index)
{
    struct future *before = parent->last_child;
    while (before && before->index > index)
        before = before->prev_sibling;
    child->index = index;
    add_child_behind(parent, before, child);
}

void unlink_child(struct future *child)
{
    struct future *parent = child->parent;
    if (!parent)
        return;
    *(child->prev_sibling ? &child->prev_sibling->next_sibling : &parent->first_child) = child->next_sibling;
    *(child->next_sibling ? &child->next_sibling->prev_sibling : &parent->last_child) = child->prev_sibling;
    if (parent->compound && parent->more.cursor == child)
        parent->more.cursor = child->next_sibling;
    if (parent->awaited == child)
        parent->awaited = NULL;
    child->parent = NULL;
}

/* Whether `outer` is inside `f`, or it. Only one that has children can have others inside. */
static bool is_inside(const struct future *outer, const struct future *f)
{
    unsigned depth;
    if (!f->first_child)
        return outer == f;
    for (depth = 0; outer && outer != f && depth < MOST_DEPTH; depth++)
        outer = outer->parent;
    return outer != NULL;
}

static inline void leave_awaits(struct task *task, const struct future *f)
{
    if (task->awaits == f)
        task->awaits = NULL;
    if (task->last_root == f)
        task->last_root = NULL;
}

SELDOM static void leave_other_task(struct qp_checker *c, const struct future *f)
{
    struct task *task = f->task ? table_find(&c->task_table, f->task) : NULL;
    if (task)
        leave_awaits(task, f);
}

void leave_task(struct qp_checker *c, const struct future *f)
{
    struct task *task = c->running;
    if (LIKELY(task && task->id == f->task))
        leave_awaits(task, f);
    else
        leave_other_task(c, f);
}

static inline void leave_object(struct qp_checker *c, struct object *o)
{
    if (--o->references == 0 && o->destroyed)
        object_unreferenced(c, o);
}

static void leave_more(struct qp_checker *c, struct future *f)
{
    heap_remove(c, &f->more.timed);
    barrier_forget(c, f);
    empty_scope(&f->more.scope);
}

/* It is over: nothing points to it any more. */
void forget_future(struct qp_checker *c, struct future *f)
{
    while (UNLIKELY(f->first_child != NULL))
        unlink_child(f->first_child);
    if (f->parent)
        unlink_child(f);
    if (f->queue)
        queue_remove(f);
    if (f->able)
        make_unable(c, f);
    if (f->family->has_more)
        leave_more(c, f);
    leave_task(c, f);
    if (f->object)
        leave_object(c, f->object);
    if (f->value)
        f->value->future = NULL;
    table_remove(&c->future_table, f);
    stock_give_back(&c->futures, f);
}

/* ---- creation ---- */

static void no_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    (void)c, (void)f, (void)e, (void)status;
}

/* It is said to be of an object of another kind. */
static void misfit_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    (void)status;
    if (f->object->kind != KIND_OTHER)
        report(c, QP_RULE_TRACE_OBJECT_1, NULL, e, &f->object->made, NULL);
}

enum { CHANNELS = 1 << CHANNEL | 1 << UNBOUNDED };

static const struct family misfit = {misfit_answer, NULL, 0, false};
const struct family families[OPS] = {
    [OP_OTHER] = {no_answer, NULL, 0, false},
    [OP_ASYNC] = {no_answer, NULL, 0, true},
    [OP_SLEEP] = {sleep_answer, NULL, 0, true},
    [OP_TIMEOUT] = {compound_answer, NULL, 0, true},
    [OP_TIMEOUT_JOIN] = {compound_answer, NULL, 0, true},
    [OP_RACE] = {compound_answer, NULL, 0, true},
    [OP_JOIN_ALL] = {compound_answer, NULL, 0, true},
    [OP_JOIN] = {join_answer, NULL, 0, false},
    [OP_YIELD] = {yield_answer, NULL, 0, false},
    [OP_SEND] = {send_answer, send_cancelled, CHANNELS, false},
    [OP_RESERVE] = {send_answer, send_cancelled, CHANNELS, false},
    [OP_RECV] = {recv_answer, recv_cancelled, CHANNELS, false},
    [OP_ONESHOT_RECV] = {oneshot_answer, oneshot_cancelled, 1 << ONESHOT, false},
    [OP_LOCK] = {mutex_answer, mutex_cancelled, 1 << MUTEX, false},
    [OP_READ] = {rwlock_answer, rwlock_cancelled, 1 << RWLOCK, false},
    [OP_WRITE] = {rwlock_answer, rwlock_cancelled, 1 << RWLOCK, false},
    [OP_ACQUIRE] = {semaphore_answer, semaphore_cancelled, 1 << SEMAPHORE, false},
    [OP_BARRIER] = {barrier_answer, barrier_cancelled, 1 << BARRIER, true},
};

void misfits(struct qp_checker *c, struct future *f, struct object *o, const struct qp_event *e)
{
    if (o) {
        f->family = &misfit;
        return;
    }
    report(c, QP_RULE_TRACE_OBJECT_1, NULL, e, NULL, NULL);
    f->family = &families[OP_OTHER];
}

void on_future_created(struct qp_checker *c, const struct qp_event *e)
{
    create(c, e);
}

void on_future_inner(struct qp_checker *c, const struct qp_event *e)
{
    struct future *f = future_of(c, e->future, e), *child;
    if (!f)
        return;
    if (e->fields[1] >= f->arms)
        f->arms = e->fields[1] + 1;
    child = table_find(&c->future_table, e->fields[0]);
    if (!child) {
        if (!e->fields[0] || e->fields[0] > c->future_table.last)
            report(c, QP_RULE_TRACE_FUTURE_1, NULL, e, NULL, NULL);
        return; /* it was over before */
    }
    if (is_inside(f, child)) {
        report(c, QP_RULE_TRACE_NEST_1, NULL, e, NULL, NULL);
        return;
    }
    unlink_child(child);
    add_child_at(f, child, e->fields[1]);
}

void on_future_asked(struct qp_checker *c, const struct qp_event *e)
{
    struct future *f = future_of(c, e->future, e);
    if (!f)
        return;
    f->asked = true;
    f->duration_ns = (int64_t)e->fields[0];
    f->wanted = e->fields[1];
    f->target_id = e->fields[2];
    if (f->op != OP_JOIN || f->target)
        return;
    f->target = task_of(c, f->target_id, e);
    if (!f->target)
        return;
    if (!f->target->handle)
        report(c, QP_RULE_TASK_JOIN_5, NULL, e, NULL, NULL);
    queue_push(&f->target->joiners, f);
}

/* A function of the program's own, and what it says of its cancellation. A promise may be lossy (1), or none (2). */
void on_promise(struct qp_checker *c, const struct qp_event *e)
{
    enum { NOT_CANCEL_SAFE = 2 };
    struct future *f = future_of(c, e->future, e);
    if (!f)
        return;
    if (e->kind == QP_EVENT_PROMISE_MADE) {
        f->promise = e->fields[0] + 1;
        f->digest = e->fields[1];
        keep(&f->since, e);
    } else if (f->promise && e->fields[0] < NOT_CANCEL_SAFE && f->digest != e->fields[1]) {
        report(c, QP_RULE_CONTRACT_CANCEL_1, NULL, e, &f->since, NULL);
    }
}

/* The tasks that a durable one spawned have ended: nothing may be left to be done. */
void on_promise_settled(struct qp_checker *c, const struct qp_event *e)
{
    if (e->fields[0])
        report(c, QP_RULE_CONTRACT_DURABLE_1, NULL, e, NULL, NULL);
}

/* ---- frames ---- */

/* Leaves the innermost frame, which must be this one. */
static inline struct future *pop_frame(struct qp_checker *c, const struct qp_event *e, bool dropping)
{
    struct future *f = c->innermost;
    if (UNLIKELY(!f || f->id != e->future || f->dropping != dropping)) {
        report(c, QP_RULE_TRACE_NEST_1, NULL, e, NULL, NULL);
        return NULL;
    }
    leave_frame(c, f);
    return f;
}

/* The polls under way were left by a panic, or by the end of the run. */
void leave_frames_behind(struct qp_checker *c)
{
    while (c->innermost)
        leave_frame(c, c->innermost);
}

/* ---- polls ---- */

bool begin_inside(struct qp_checker *c, struct future *parent, struct future *f, const struct qp_event *e)
{
    if (c->depth == MOST_DEPTH || parent->dropping) {
        report(c, QP_RULE_TRACE_NEST_1, NULL, e, NULL, NULL);
        return false;
    }
    if (parent->compound) {
        if (f->parent == parent)
            compound_child_polled(c, parent, f, e);
    } else if (f->parent != parent && !is_inside(parent, f)) {
        unlink_child(f);
        add_child(parent, f);
    }
    return true;
}

void on_future_polled(struct qp_checker *c, const struct qp_event *e)
{
    struct future *f = future_of(c, e->future, e);
    if (LIKELY(f != NULL) && begin(c, f, e))
        push_frame(c, f);
}

/* What is left out in brief. */
void complete_event(const struct qp_checker *c, struct qp_event *event)
{
    const struct future *f = table_find(&c->future_table, event->future);
    event->op = f ? f->name : NULL;
    event->object = f ? f->of : 0;
}

void on_future_pending(struct qp_checker *c, const struct qp_event *e)
{
    struct future *f = pop_frame(c, e, false);
    if (f)
        pending(c, f, e);
}

void on_future_ready(struct qp_checker *c, const struct qp_event *e)
{
    struct future *f = pop_frame(c, e, false);
    if (f)
        ready(c, f, e);
}

/* ---- drops ---- */

void on_future_dropping(struct qp_checker *c, const struct qp_event *e)
{
    struct future *f = future_of(c, e->future, e), *parent = c->innermost;
    if (!f)
        return;
    if (f->polling || f->dropping || c->depth == MOST_DEPTH) {
        report(c, QP_RULE_TRACE_NEST_1, NULL, e, NULL, NULL);
        return;
    }
    if (parent && parent->compound && f->parent == parent)
        compound_child_dropping(c, parent, f, e);
    f->dropping = true;
    f->won = f->told = false;
    if (f->object && !f->object->spoilt) {
        if (f->family->cancelled)
            f->family->cancelled(c, f);
        keep(&f->object->cancelled, e);
    }
    make_unable(c, f);
    push_frame(c, f);
}

static void check_value_dropped(struct qp_checker *c, const struct future *f, const struct qp_event *e)
{
    if (f->op == OP_SEND && f->object && !f->value_over)
        report(c, QP_RULE_CHAN_SEND_5, f->object, e, f->value ? &f->value->since : NULL, NULL);
}

static void check_detached(struct qp_checker *c, const struct future *f, const struct qp_event *e)
{
    if (f->op == OP_JOIN && f->target && f->target->handle)
        report(c, f->parent && f->parent->op == OP_TIMEOUT_JOIN ? QP_RULE_TIME_TJOIN_6 : QP_RULE_TASK_DETACH_1, NULL, e,
               &f->since, NULL);
}

void on_future_dropped(struct qp_checker *c, const struct qp_event *e)
{
    struct future *f = pop_frame(c, e, true);
    if (!f)
        return;
    if (f->compound)
        compound_dropped(c, f, e);
    check_value_dropped(c, f, e);
    check_detached(c, f, e);
    if (f->op == OP_ASYNC && f->awaited)
        report(c, QP_RULE_RUN_DROP_1, NULL, e, &f->awaited->since, NULL);
    if (f->op == OP_ASYNC)
        check_released(c, &f->more.scope, e);
    forget_future(c, f);
}
