/*
 * Futures: how they are polled and dropped inside one another, and who among those that wait can go on.
 *
 * State: the frames, polls and drops under way, outermost first; and the list of futures that are able: the model says
 * that their next poll is ready, so their task must have been woken by the time nothing runs. What each future may
 * answer is judged by its family.
 */
#include "traces/checker_model.h"
#include "traces/print.h"
#include <stdlib.h>
#include <string.h>

/* Futures inside one another; a trace in which they are deeper is nonsense. */
enum { MOST_DEPTH = 10000 };

/* ---- queues ---- */

void queue_push(struct queue *queue, struct future *f)
{
    f->queue = queue;
    f->prev_waiting = queue->last;
    f->next_waiting = NULL;
    *(queue->last ? &queue->last->next_waiting : &queue->first) = f;
    queue->last = f;
    queue->count++;
}

void queue_remove(struct future *f)
{
    struct queue *queue = f->queue;
    if (!queue)
        return;
    *(f->prev_waiting ? &f->prev_waiting->next_waiting : &queue->first) = f->next_waiting;
    *(f->next_waiting ? &f->next_waiting->prev_waiting : &queue->last) = f->prev_waiting;
    f->queue = NULL;
    queue->count--;
}

/* ---- those that can go on ---- */

void make_able(struct qp_checker *c, struct future *f, enum qp_rule_id rule)
{
    if (f->able)
        return;
    f->able = true;
    f->checked = false;
    f->able_rule = rule;
    f->prev_able = NULL;
    f->next_able = c->first_able;
    if (c->first_able)
        c->first_able->prev_able = f;
    c->first_able = f;
}

void make_unable(struct qp_checker *c, struct future *f)
{
    if (!f->able)
        return;
    f->able = false;
    *(f->prev_able ? &f->prev_able->next_able : &c->first_able) = f->next_able;
    if (f->next_able)
        f->next_able->prev_able = f->prev_able;
}

/* Whether its task waits for it, and not for something else while it is held by hand. */
static bool is_awaited(const struct task *task, const struct future *f)
{
    unsigned depth;
    for (depth = 0; f->parent && depth < MOST_DEPTH; f = f->parent, depth++)
        if (!is_compound(f->parent) && f->parent->awaited != f)
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
    for (f = c->first_able; f && !f->checked && !c->deaf; f = next) {
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
    if (parent->cursor == child)
        parent->cursor = child->next_sibling;
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

static void leave_task(struct qp_checker *c, const struct future *f)
{
    struct task *task = f->task ? table_find(&c->task_table, f->task) : NULL;
    if (!task)
        return;
    if (task->awaits == f)
        task->awaits = NULL;
    if (task->last_root == f)
        task->last_root = NULL;
}

static void leave_object(struct qp_checker *c, struct future *f)
{
    if (!f->object)
        return;
    f->object->references--;
    object_unreferenced(c, f->object);
    f->object = NULL;
}

/* It is over: nothing points to it any more. */
void forget_future(struct qp_checker *c, struct future *f)
{
    while (f->first_child)
        unlink_child(f->first_child);
    unlink_child(f);
    queue_remove(f);
    make_unable(c, f);
    heap_remove(c, &f->timed);
    barrier_forget(c, f);
    leave_task(c, f);
    leave_object(c, f);
    empty_scope(&f->scope);
    if (f->value)
        f->value->future = NULL;
    table_remove(&c->future_table, f->id);
    stock_give_back(&c->futures, f);
}

/* ---- creation ---- */

void on_future_created(struct qp_checker *c, const struct qp_event *e)
{
    struct future *f;
    if (!new_number(c, &c->future_table, e->future, e) || !(f = stock_take(c, &c->futures)))
        return;
    f->id = e->future;
    f->op = (uint8_t)op_of(c, e->op);
    f->failed_index = UINT64_MAX;
    f->object = f->op >= OP_SEND ? table_find(&c->object_table, e->object) : NULL;
    if (f->object)
        f->object->references++;
    else if (f->op >= OP_SEND)
        report(c, QP_RULE_TRACE_OBJECT_1, NULL, e, NULL, NULL);
    if (!table_add(&c->future_table, f->id, f))
        c->full = true;
}

/* The future of the event; NULL, and a violation, when there is none or it is over. */
static struct future *future_of(struct qp_checker *c, uint64_t id, const struct qp_event *e)
{
    struct future *f = table_find(&c->future_table, id);
    if (f)
        return f;
    report(c, id && id <= c->future_table.last ? QP_RULE_RUN_POLL_1 : QP_RULE_TRACE_FUTURE_1, NULL, e, NULL, NULL);
    return NULL;
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

/* ---- frames ---- */

static bool push_frame(struct qp_checker *c, struct future *f, bool dropping)
{
    if (c->depth == c->frames_room) {
        size_t room = c->frames_room ? c->frames_room * 2 : 32;
        struct frame *frames = realloc(c->frames, room * sizeof *frames);
        if (!frames) {
            c->full = true;
            return false;
        }
        c->frames = frames;
        c->frames_room = room;
    }
    c->frames[c->depth++] = (struct frame){f, dropping};
    return true;
}

/* Leaves the innermost frame, which must be this one. */
static struct future *pop_frame(struct qp_checker *c, const struct qp_event *e, bool dropping)
{
    const struct frame *frame = c->depth ? &c->frames[c->depth - 1] : NULL;
    if (!frame || frame->future->id != e->future || frame->dropping != dropping) {
        report(c, QP_RULE_TRACE_NEST_1, NULL, e, NULL, NULL);
        return NULL;
    }
    c->depth--;
    return frame->future;
}

/* The polls under way were left by a panic, or by the end of the run. */
void leave_frames(struct qp_checker *c)
{
    while (c->depth) {
        struct future *f = c->frames[--c->depth].future;
        f->polling = f->dropping = false;
    }
}

struct future *under_way(const struct qp_checker *c, const struct object *object)
{
    struct future *f = top(c);
    return f && f->object == object && f->polling && !c->frames[c->depth - 1].dropping ? f : NULL;
}

/* ---- polls ---- */

/* Puts it below what polls it, unless it is there. */
static void adopt(struct future *parent, struct future *f)
{
    if (f->parent == parent || is_inside(parent, f))
        return;
    unlink_child(f);
    add_child(parent, f);
}

void on_future_polled(struct qp_checker *c, const struct qp_event *e)
{
    struct future *f = future_of(c, e->future, e), *parent = top(c);
    if (!f)
        return;
    if (f->polling || f->dropping || c->depth == MOST_DEPTH || (parent && c->frames[c->depth - 1].dropping)) {
        report(c, QP_RULE_TRACE_NEST_1, NULL, e, NULL, NULL);
        return;
    }
    if (parent && !(is_compound(parent) && f->parent != parent))
        adopt(parent, f);
    else if (!parent)
        unlink_child(f);
    if (f->task != e->task) {
        leave_task(c, f);
        f->task = e->task;
    }
    if (parent && is_compound(parent) && f->parent == parent)
        compound_child_polled(c, parent, f, e);
    f->polling = true;
    f->hold = f->joined = 0;
    f->poll_ns = e->time_ns;
    if (is_compound(f))
        compound_begin(f);
    push_frame(c, f, false);
}

static void answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    if (is_compound(f))
        compound_answer(c, f, e, status);
    else if (f->op == OP_JOIN)
        join_answer(c, f, e, status);
    else if (f->op == OP_YIELD)
        yield_answer(c, f, e, status);
    else if (f->op == OP_SLEEP)
        sleep_answer(c, f, e, status);
    else if (f->object && !f->object->spoilt)
        leaf_answer(c, f, e, status);
}

/* Who waits for it now, now that it is pending. */
static void is_pending(struct qp_checker *c, struct future *f)
{
    struct future *parent = top(c);
    struct task *task = c->running;
    if (parent && !is_compound(parent))
        parent->awaited = f;
    else if (!parent && task && task->id == f->task)
        task->last_root = f;
}

void on_future_pending(struct qp_checker *c, const struct qp_event *e)
{
    struct future *f = pop_frame(c, e, false);
    if (!f)
        return;
    f->polling = false;
    if (!f->polled)
        keep(&f->since, e);
    answer(c, f, e, QP_PENDING);
    f->polled = true;
    is_pending(c, f);
}

void on_future_ready(struct qp_checker *c, const struct qp_event *e)
{
    struct future *f = pop_frame(c, e, false), *parent = top(c);
    if (!f)
        return;
    f->polling = false;
    if (e->fields[0] == QP_PENDING)
        report(c, QP_RULE_TRACE_KIND_1, NULL, e, NULL, NULL);
    answer(c, f, e, e->fields[0]);
    if (f->op == OP_ASYNC)
        check_released(c, &f->scope, e);
    if (parent && is_compound(parent) && f->parent == parent)
        compound_child_ready(parent, f, e->fields[0]);
    if (!parent && c->running && c->running->id == f->task)
        c->running->last_root = NULL;
    forget_future(c, f);
}

/* ---- drops ---- */

void on_future_dropping(struct qp_checker *c, const struct qp_event *e)
{
    struct future *f = future_of(c, e->future, e), *parent = top(c);
    if (!f)
        return;
    if (f->polling || f->dropping || c->depth == MOST_DEPTH) {
        report(c, QP_RULE_TRACE_NEST_1, NULL, e, NULL, NULL);
        return;
    }
    if (parent && is_compound(parent) && f->parent == parent)
        compound_child_dropping(c, parent, f, e);
    f->dropping = true;
    f->won = f->told = false;
    if (!is_compound(f) && f->object && !f->object->spoilt) {
        leaf_cancelled(c, f, e);
        keep(&f->object->cancelled, e);
    }
    make_unable(c, f);
    push_frame(c, f, true);
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
    f->dropping = false;
    if (is_compound(f))
        compound_dropped(c, f, e);
    check_value_dropped(c, f, e);
    check_detached(c, f, e);
    if (f->op == OP_ASYNC && f->awaited)
        report(c, QP_RULE_RUN_DROP_1, NULL, e, &f->awaited->since, NULL);
    if (f->op == OP_ASYNC)
        check_released(c, &f->scope, e);
    forget_future(c, f);
}
