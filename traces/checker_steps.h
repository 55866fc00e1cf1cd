/*
 * What is judged most often, one event at a time or in a run: steps, and the polls of futures. For checker_task.c,
 * checker_future.c and checker_run.c, which each want it inlined. See there.
 */
#ifndef TRACES_CHECKER_STEPS_H
#define TRACES_CHECKER_STEPS_H

#include "traces/checker_model.h"

/* ---- the ready queue ---- */

static inline size_t ready_count(const struct qp_checker *c)
{
    return c->ready_end - c->ready_first;
}

SELDOM void ready_push_beyond(struct qp_checker *c, uint64_t id);

static inline void ready_push(struct qp_checker *c, uint64_t id)
{
    if (UNLIKELY(ready_count(c) == c->ready_room))
        ready_push_beyond(c, id);
    else
        c->ready[c->ready_end++ & (c->ready_room - 1)] = id;
}

/* Whether the scheduler took the task whose turn it is; then it is out of the ready queue. */
static inline bool is_its_turn(struct qp_checker *c, const struct task *task)
{
    size_t mask = c->ready_room - 1, index = (size_t)c->choice_index;
    uint64_t *first = &c->ready[c->ready_first & mask], *taken = &c->ready[(c->ready_first + index) & mask];
    if (UNLIKELY(index >= ready_count(c) || *taken != task->id || c->disordered))
        return false;
    *taken = *first;
    c->ready_first++;
    return true;
}

/* ---- steps ---- */

/* The state of a task of which nothing is so but what stands at that place. */
static inline uint64_t only(size_t place)
{
    const bool all[sizeof(uint64_t)] = {place == 0, place == 1};
    uint64_t state;
    memcpy(&state, all, sizeof state);
    return state;
}

enum {
    QUEUED = offsetof(struct task, queued) - offsetof(struct task, state),
    RUNNING = offsetof(struct task, running) - offsetof(struct task, state)
};

static inline void step_begins(struct qp_checker *c, struct task *task)
{
    c->running = task;
    c->spurious = false;
    c->deferred_depth = 0;
    c->steps++;
    task->started = true;
    task->awaits = task->last_root = NULL;
    task->injected = task->yielded = false;
}

static inline void wake(struct qp_checker *c, struct task *task)
{
    task->queued = true;
    task->woken_step = c->steps;
    ready_push(c, task->id);
}

/* ---- futures ---- */

extern const struct family families[];

/* The future of the event; NULL, and a violation, when there is none or it is over. */
static inline struct future *future_of(struct qp_checker *c, uint64_t id, const struct qp_event *e)
{
    struct future *f = table_find(&c->future_table, id);
    if (f)
        return f;
    report(c, id && id <= c->future_table.last ? QP_RULE_RUN_POLL_1 : QP_RULE_TRACE_FUTURE_1, NULL, e, NULL, NULL);
    return NULL;
}

/* There is no such object, or it is of another kind than those that it can be of. */
SELDOM void misfits(struct qp_checker *c, struct future *f, struct object *o, const struct qp_event *e);

/* What an operation on an object has beside. */
static inline void join_object(struct qp_checker *c, struct future *f, const struct qp_event *e)
{
    struct object *o = table_find(&c->object_table, e->object);
    f->object = o;
    if (o)
        o->references++;
    if (UNLIKELY(!o || !(f->family->kinds >> o->kind & 1)))
        misfits(c, f, o, e);
}

static inline void begin_more(struct future *f)
{
    memset(&f->more, 0, sizeof f->more);
    f->more.failed_index = UINT64_MAX;
}

/* NULL: it could not be; that was said. */
static inline struct future *create(struct qp_checker *c, const struct qp_event *e)
{
    struct future *f;
    enum op op;
    if (!new_number(c, &c->future_table, e->future, e) || !(f = stock_take(c, &c->futures)))
        return NULL;
    op = op_of(c, e->op);
    /* In two: of one that long the compiler makes a loop. */
    memset(&f->op, 0, offsetof(struct future, value) - offsetof(struct future, op));
    memset(&f->value, 0, offsetof(struct future, more) - offsetof(struct future, value));
    f->id = e->future;
    f->name = e->op;
    f->of = e->object;
    f->op = (uint8_t)op;
    f->compound = op >= OP_TIMEOUT && op <= OP_JOIN_ALL;
    f->object = NULL;
    f->family = &families[op];
    if (op >= OP_SEND)
        join_object(c, f, e);
    f->since.seq = 0;
    if (f->family->has_more)
        begin_more(f);
    if (UNLIKELY(!table_add(&c->future_table, f)))
        be_full(c);
    return f;
}

/* ---- polls ---- */

static inline void push_frame(struct qp_checker *c, struct future *f)
{
    f->polling = !f->dropping;
    f->outer = c->innermost;
    c->innermost = f;
    c->depth++;
}

static inline void leave_frame(struct qp_checker *c, struct future *f)
{
    f->polling = f->dropping = false;
    c->innermost = f->outer;
    c->depth--;
}

/* It is polled by another one, and is put below that, unless it is there. False: this cannot be. */
bool begin_inside(struct qp_checker *c, struct future *parent, struct future *f, const struct qp_event *e);

/* Another task polls it now. */
void leave_task(struct qp_checker *c, const struct future *f);

/* False: this cannot be. */
static inline bool begin(struct qp_checker *c, struct future *f, const struct qp_event *e)
{
    if (UNLIKELY(f->polling || f->dropping)) {
        report(c, QP_RULE_TRACE_NEST_1, NULL, e, NULL, NULL);
        return false;
    }
    if (c->innermost) {
        if (!begin_inside(c, c->innermost, f, e))
            return false;
    } else if (f->parent) {
        unlink_child(f);
    }
    if (f->task != e->task) {
        if (f->task)
            leave_task(c, f);
        f->task = e->task;
    }
    f->hold = f->joined = 0;
    f->poll_ns = e->time_ns;
    if (f->compound)
        compound_begin(f);
    return true;
}

static inline void answer_of_object(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    if (f->object->spoilt)
        return;
    if (f->hold && status != QP_OK && f->family->kinds)
        report(c, QP_RULE_HOLD_PLACE_1, f->object, e, &f->since, NULL);
    else
        f->family->answer(c, f, e, status);
}

static inline void answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    if (f->object)
        answer_of_object(c, f, e, status);
    else
        f->family->answer(c, f, e, status);
}

static inline void keep_of(struct future *f, const struct qp_event *e)
{
    keep_bare(&f->since, e);
    f->since.future = f->id;
    f->since.op = f->name;
    f->since.object = f->of;
}

static inline void pending(struct qp_checker *c, struct future *f, const struct qp_event *e)
{
    struct future *parent = c->innermost;
    if (!f->polled)
        keep_of(f, e);
    answer(c, f, e, QP_PENDING);
    f->polled = true;
    if (parent) {
        if (!parent->compound)
            parent->awaited = f;
    } else if (c->running && c->running->id == f->task) {
        c->running->last_root = f;
    }
}

static inline void ready(struct qp_checker *c, struct future *f, const struct qp_event *e)
{
    struct future *parent = c->innermost;
    uint64_t status = e->fields[0];
    if (UNLIKELY(status == QP_PENDING))
        report(c, QP_RULE_TRACE_KIND_1, NULL, e, NULL, NULL);
    answer(c, f, e, status);
    if (f->op == OP_ASYNC)
        check_released(c, &f->more.scope, e);
    if (parent) {
        if (parent->compound && f->parent == parent)
            compound_child_ready(parent, f, status);
    } else if (c->running && c->running->id == f->task) {
        c->running->last_root = NULL;
    }
    forget_future(c, f);
}

#endif
