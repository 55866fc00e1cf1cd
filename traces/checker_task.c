/*
 * Tasks: spawned, woken, polled, suspended, aborted, ended, joined and detached; and blocking work.
 *
 * State: the tasks in order of spawning; the ready queue as the scheduler has it, where taking another than the first
 * moves the first into its place; which task is being polled. A task stays until it has ended and its handle is gone.
 */
#include "traces/checker_steps.h"
#include <stdlib.h>
#include <string.h>

static bool is_main(const struct task *task)
{
    return task->id == 1 && !task->by_task && strcmp(task->name, "main") == 0;
}

/* ---- the ready queue ---- */

SELDOM static bool more_ready(struct qp_checker *c)
{
    size_t room = c->ready_room ? c->ready_room * 2 : 64, i;
    uint64_t *ready = malloc(room * sizeof *ready);
    if (!ready) {
        be_full(c);
        return false;
    }
    for (i = 0; i < c->ready_room; i++)
        ready[i] = c->ready[(c->ready_first + i) & (c->ready_room - 1)];
    free(c->ready);
    c->ready = ready;
    c->ready_end = ready_count(c);
    c->ready_first = 0;
    c->ready_room = room;
    return true;
}

void ready_push_beyond(struct qp_checker *c, uint64_t id)
{
    if (more_ready(c))
        c->ready[c->ready_end++ & (c->ready_room - 1)] = id;
}

/* It is not the one whose turn it is; unless nothing is known of that. */
SELDOM static void out_of_turn(struct qp_checker *c, const struct task *task, const struct qp_event *e)
{
    if (!ready_count(c) || c->disordered)
        return;
    report(c, QP_RULE_TASK_ORDER_1, NULL, e, &task->since, NULL);
    c->disordered = true;
}

/* The scheduler takes this task, which is ready. */
static void ready_take(struct qp_checker *c, struct task *task, const struct qp_event *e)
{
    if (!is_its_turn(c, task))
        out_of_turn(c, task, e);
    c->choice_index = 0;
    task->queued = false;
}

void on_choice(struct qp_checker *c, const struct qp_event *e)
{
    enum { TASK = 0, YIELD = 5, SPURIOUS = 6, CANCEL = 7 }; /* enum qp_choice_kind */
    if (e->fields[2] >= e->fields[1])
        report(c, QP_RULE_RUN_CHOICE_1, NULL, e, NULL, NULL);
    if (e->fields[0] == TASK) {
        c->choice_index = e->fields[2];
    } else if (e->fields[0] == YIELD && c->running) {
        c->running->yielded = c->running->yielded || e->fields[2];
    } else if (e->fields[0] == SPURIOUS) {
        c->spurious = c->spurious || e->fields[2];
    } else if (e->fields[0] == CANCEL && e->fields[2]) {
        c->last_choice_seq = e->seq;
        if (c->running && e->fields[2] > 1)
            c->running->yielded = true; /* a boundary is to cancel it before its first poll */
    }
}

void check_starved(struct qp_checker *c, struct task *task, const struct qp_event *e)
{
    if (c->fair && task->queued && c->steps - task->woken_step > c->fair)
        report(c, QP_RULE_PROGRESS_STARVE_1, NULL, e, &task->since, NULL);
}

/* ---- life ---- */

static void set_name(struct task *task, const char *name)
{
    size_t length = name ? strlen(name) : 0;
    if (length >= sizeof task->name)
        length = sizeof task->name - 1;
    memcpy(task->name, name ? name : "", length);
    task->name[length] = '\0';
}

void on_task_spawned(struct qp_checker *c, const struct qp_event *e)
{
    struct task *task;
    if (!new_number(c, &c->task_table, e->fields[0], e) || !(task = stock_take(c, &c->tasks)))
        return;
    /* In two: of one that long the compiler makes a loop. */
    memset(task, 0, offsetof(struct task, prev_aborted));
    memset(&task->prev_aborted, 0, offsetof(struct task, since) - offsetof(struct task, prev_aborted));
    task->id = e->fields[0];
    task->style = e->fields[1];
    task->handle = true;
    task->by_task = e->task != 0;
    owns_handle(c, task, e->task);
    task->prev = c->last_task;
    *(c->last_task ? &c->last_task->next : &c->first_task) = task;
    c->last_task = task;
    c->alive++;
    set_name(task, e->text);
    keep(&task->since, e);
    if (UNLIKELY(!table_add(&c->task_table, task)))
        be_full(c);
    look_at_each(c);
}

static void leave_aborted(struct qp_checker *c, struct task *task)
{
    if (!task->aborted)
        return;
    task->aborted = false;
    *(task->prev_aborted ? &task->prev_aborted->next_aborted : &c->first_aborted) = task->next_aborted;
    if (task->next_aborted)
        task->next_aborted->prev_aborted = task->prev_aborted;
}

static struct task *owner_of(const struct qp_checker *c, const struct task *target)
{
    struct task *running = c->running;
    if (LIKELY(running && running->id == target->owner))
        return running;
    return target->owner ? table_find(&c->task_table, target->owner) : NULL;
}

/* That task has the handle from now on; 0: nobody that is one, or it is gone. */
void owns_handle(struct qp_checker *c, struct task *target, uint64_t owner)
{
    struct task *task = owner_of(c, target);
    if (task)
        task->handles--;
    target->owner = owner;
    task = owner_of(c, target);
    if (task)
        task->handles++;
}

/* It has ended and nobody can ask for it any more. */
void task_unreferenced(struct qp_checker *c, struct task *task)
{
    if (!task->ended || task->handle)
        return;
    while (task->joiners.first) {
        task->joiners.first->target = NULL;
        queue_remove(task->joiners.first);
    }
    if (task->result)
        task->result->task = NULL;
    heap_remove(c, &task->timed);
    leave_aborted(c, task);
    empty_scope(&task->scope);
    *(task->prev ? &task->prev->next : &c->first_task) = task->next;
    *(task->next ? &task->next->prev : &c->last_task) = task->prev;
    if (c->running == task)
        c->running = NULL;
    table_remove(&c->task_table, task);
    stock_give_back(&c->tasks, task);
}

/* ---- steps ---- */

static enum qp_rule_id rule_of_poll(const struct qp_checker *c, const struct task *task)
{
    if (task->unwinding || task->ended)
        return QP_RULE_TASK_END_2;
    if (c->closing)
        return QP_RULE_RUN_CLOSE_2;
    if (c->running)
        return task->started ? QP_RULE_TASK_POLL_1 : QP_RULE_TASK_SPAWN_1;
    if (task->style == TASK_BLOCKING)
        return QP_RULE_BLOCK_START_1;
    if (task->aborted)
        return task->started ? QP_RULE_TASK_ABORT_2 : QP_RULE_TASK_ABORT_1;
    if (!task->queued && !c->spurious)
        return QP_RULE_TASK_POLL_1;
    return QP_RULES;
}

SELDOM static void polled_unusually(struct qp_checker *c, struct task *task, const struct qp_event *e)
{
    enum qp_rule_id rule;
    if (!task) {
        report(c, QP_RULE_TRACE_TASK_1, NULL, e, NULL, NULL);
        return;
    }
    rule = rule_of_poll(c, task);
    if (rule != QP_RULES)
        report(c, rule, NULL, e, &task->since, NULL);
    check_starved(c, task, e);
    if (task->queued)
        ready_take(c, task, e);
    leave_frames(c);
    task->running = true;
    step_begins(c, task);
}

void on_task_polled(struct qp_checker *c, const struct qp_event *e)
{
    struct task *task = table_find(&c->task_table, e->task);
    if (UNLIKELY(!task || task->state != only(QUEUED) || task->style == TASK_BLOCKING || c->running || c->closing ||
                 c->fair || c->innermost || !is_its_turn(c, task))) {
        polled_unusually(c, task, e);
        return;
    }
    c->choice_index = 0;
    task->state = only(RUNNING);
    step_begins(c, task);
}

void on_task_suspended(struct qp_checker *c, const struct qp_event *e)
{
    struct task *task = c->running;
    if (UNLIKELY(!task || task->id != e->task || c->depth)) {
        report(c, QP_RULE_TRACE_NEST_1, NULL, e, NULL, NULL);
        return;
    }
    task->running = false;
    task->awaits = task->last_root;
    task->last_root = NULL;
    c->running = NULL;
    if (UNLIKELY(task->aborted))
        report(c, QP_RULE_TASK_ABORT_5, NULL, e, &task->since, NULL);
    else
        keep_bare(&task->since, e);
}

SELDOM static void woken_unusually(struct qp_checker *c, struct task *task, const struct qp_event *e)
{
    if (!e->fields[0] || e->fields[0] > c->task_table.last)
        report(c, QP_RULE_TRACE_TASK_1, NULL, e, NULL, NULL);
    else if (task && !task->queued && !task->running && !task->unwinding && !task->ended)
        wake(c, task);
    else if (!c->closing)
        report(c, QP_RULE_TASK_WAKE_1, NULL, e, task ? &task->since : NULL, NULL);
}

void on_task_woken(struct qp_checker *c, const struct qp_event *e)
{
    struct task *task = table_find(&c->task_table, e->fields[0]);
    if (UNLIKELY(!task || task->state))
        woken_unusually(c, task, e);
    else
        wake(c, task);
}

/* ---- aborts, handles, results ---- */

void on_task_aborted(struct qp_checker *c, const struct qp_event *e)
{
    struct task *task = table_find(&c->task_table, e->fields[0]);
    const struct future *f = c->innermost;
    if (!e->fields[0] || e->fields[0] > c->task_table.last)
        report(c, QP_RULE_TRACE_TASK_1, NULL, e, NULL, NULL);
    if (f && f->op == OP_JOIN && f->dropping && f->parent && f->parent->op == OP_TIMEOUT_JOIN)
        f = f->parent;
    if (f && f->op == OP_TIMEOUT_JOIN)
        report(c, f->polling ? QP_RULE_TIME_TJOIN_5 : QP_RULE_TIME_TJOIN_6, NULL, e, &f->since, NULL);
    if (!task || task->ended || task->unwinding || task->aborted || task->work >= WORK_STARTED)
        return;
    task->aborted = true;
    task->injected = c->last_choice_seq && c->last_choice_seq + 1 == e->seq && e->task == task->id;
    task->prev_aborted = NULL;
    task->next_aborted = c->first_aborted;
    if (c->first_aborted)
        c->first_aborted->prev_aborted = task;
    c->first_aborted = task;
    keep(&task->since, e);
}

/* Whether a task that ends releases, by itself, a handle that it does not own. */
static bool is_anothers(struct qp_checker *c, const struct task *target, const struct qp_event *e)
{
    const struct task *by = table_find(&c->task_table, e->task);
    return by && by->unwinding && !by->scope.lenient && !c->deferred_depth && !c->innermost && target->owner != by->id;
}

void on_task_given(struct qp_checker *c, const struct qp_event *e)
{
    struct task *target = table_find(&c->task_table, e->fields[0]);
    if (!target || !target->handle)
        report(c, target ? QP_RULE_TASK_JOIN_5 : QP_RULE_TRACE_TASK_1, NULL, e, NULL, NULL);
    else
        owns_handle(c, target, e->fields[1]);
}

/* It is dropped when all else that the task had is released. */
void on_argument(struct qp_checker *c, const struct qp_event *e)
{
    struct task *task = task_of(c, e->fields[0], e);
    if (!task)
        return;
    if (e->kind == QP_EVENT_ARGUMENT_KEPT) {
        task->captured = true;
        return;
    }
    if (!task->captured || !task->unwinding || task->ended || task->scope.first || task->awaits)
        report(c, QP_RULE_TASK_OWN_3, NULL, e, task->scope.first ? &task->scope.first->since : &task->since, NULL);
    task->captured = false;
    users_code_runs(c, e);
}

void on_task_detached(struct qp_checker *c, const struct qp_event *e)
{
    struct task *task = table_find(&c->task_table, e->fields[0]);
    const struct future *f = c->innermost;
    if (!e->fields[0] || e->fields[0] > c->task_table.last) {
        report(c, QP_RULE_TRACE_TASK_1, NULL, e, NULL, NULL);
    } else if (!task || !task->handle) {
        report(c, QP_RULE_TASK_JOIN_5, NULL, e, task ? &task->since : NULL, NULL);
    } else {
        if (f && f->op == OP_TIMEOUT_JOIN && f->polling)
            report(c, QP_RULE_TIME_TJOIN_5, NULL, e, &f->since, NULL);
        if (is_anothers(c, task, e))
            report(c, QP_RULE_TASK_HANDLE_1, NULL, e, &task->since, NULL);
        owns_handle(c, task, 0);
        task->handle = false;
        task_unreferenced(c, task);
    }
}

void on_task_joined(struct qp_checker *c, const struct qp_event *e)
{
    struct task *task = table_find(&c->task_table, e->fields[0]);
    struct future *f = c->innermost;
    if (!f || f->op != OP_JOIN || !f->polling || f->target_id != e->fields[0]) {
        report(c, QP_RULE_TRACE_NEST_1, NULL, e, NULL, NULL);
        return;
    }
    if (!task || !task->handle) {
        report(c, QP_RULE_TASK_JOIN_5, NULL, e, &f->since, NULL);
        return;
    }
    if (!task->ended)
        report(c, QP_RULE_TASK_JOIN_2, NULL, e, &task->since, NULL);
    else if (task->status != e->fields[1])
        report(c, QP_RULE_TASK_JOIN_1, NULL, e, &task->since, NULL);
    else if (e->fields[2] != (task->result && f->wanted ? task->result->id : 0))
        report(c, QP_RULE_TASK_JOIN_4, NULL, e, task->result ? &task->result->since : &task->since, NULL);
    f->told = true;
    f->won_status = e->fields[1];
    f->joined = e->fields[2];
    if (task->result && e->fields[2])
        task->result->state = VALUE_LEAVING;
    owns_handle(c, task, 0);
    task->handle = false;
    task_unreferenced(c, task);
}

void join_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    struct value *value;
    if (status == QP_PENDING) {
        if (f->told)
            report(c, QP_RULE_TASK_JOIN_1, NULL, e, &f->since, NULL);
        else if (f->target && f->target->ended)
            report(c, QP_RULE_TASK_JOIN_3, NULL, e, &f->target->since, NULL);
        return;
    }
    if (!f->told && f->target && !f->target->ended)
        report(c, QP_RULE_TASK_JOIN_2, NULL, e, &f->target->since, NULL);
    else if (!f->told || status != f->won_status)
        report(c, QP_RULE_TASK_JOIN_1, NULL, e, f->target ? &f->target->since : NULL, NULL);
    value = table_find(&c->value_table, f->joined);
    if (value && value->state == VALUE_LEAVING)
        forget_value(c, value);
}

void yield_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    if ((status == QP_PENDING) == f->polled)
        report(c, QP_RULE_TASK_YIELD_1, NULL, e, &f->since, NULL);
    if (status == QP_PENDING)
        make_able(c, f, QP_RULE_PROGRESS_WAKE_1);
}

void on_task_result(struct qp_checker *c, const struct qp_event *e)
{
    struct task *task = task_of(c, e->fields[1], e);
    struct value *value;
    if (!task || !new_number(c, &c->value_table, e->fields[0], e) || !(value = stock_take(c, &c->values)))
        return;
    if (task->result) {
        report(c, QP_RULE_VALUE_KEPT_1, NULL, e, &task->result->since, NULL);
        task->result->task = NULL;
    }
    value->id = e->fields[0];
    value->state = VALUE_RESULT;
    value->object = NULL;
    value->future = NULL;
    value->task = task;
    task->result = value;
    keep(&value->since, e);
    check_bytes(c, value, e->fields[2], e);
    if (!table_add(&c->value_table, value))
        be_full(c);
}

void on_task_asked(struct qp_checker *c, const struct qp_event *e)
{
    const struct task *task = table_find(&c->task_table, e->fields[0]);
    if ((task && task->ended) != (e->fields[1] != 0))
        report(c, QP_RULE_TASK_FINISHED_1, NULL, e, task ? &task->since : NULL, NULL);
}

/* ---- the end of a task ---- */

static enum qp_rule_id rule_of_cancellation(const struct qp_checker *c, const struct task *task)
{
    if (task->work >= WORK_STARTED)
        return QP_RULE_BLOCK_ABORT_2;
    if (c->closing)
        return QP_RULES;
    if (!task->aborted)
        return task->handle ? QP_RULE_TASK_DURABLE_1 : QP_RULE_TASK_DETACH_1;
    if (c->running && c->running != task)
        return QP_RULE_TASK_ABORT_3;
    if (task->running && task->style != TASK_BLOCKING && !task->last_root && !task->injected && !task->yielded)
        return QP_RULE_TASK_ABORT_4;
    return QP_RULES;
}

static enum qp_rule_id rule_of_end(const struct qp_checker *c, const struct task *task, uint64_t status)
{
    if (task->unwinding || task->ended)
        return QP_RULE_TASK_END_1;
    if (status == QP_CANCELLED)
        return rule_of_cancellation(c, task);
    if (task->style == TASK_BLOCKING && task->work != WORK_FINISHED)
        return QP_RULE_BLOCK_START_1;
    if (task->returned && !task->result)
        return QP_RULE_BLOCK_RESULT_1;
    if (task->style == TASK_BLOCKING)
        return task->panicked == (status == QP_PANICKED) ? QP_RULES : QP_RULE_TASK_PANIC_1;
    if (!task->running || (c->running && c->running != task))
        return status == QP_PANICKED ? QP_RULE_TASK_PANIC_1 : QP_RULE_TASK_END_1;
    return QP_RULES;
}

/* At shutdown: in order of spawning, main last. Blocking work that has started ends when it ends. */
static void check_shutdown(struct qp_checker *c, const struct task *task, const struct qp_event *e)
{
    if (is_main(task) ? c->alive > 1 : task->work < WORK_STARTED && task->id < c->last_dropped_task)
        report(c, QP_RULE_RUN_CLOSE_1, NULL, e, &task->since, NULL);
    if (task->work < WORK_STARTED)
        c->last_dropped_task = task->id;
}

void on_task_unwinding(struct qp_checker *c, const struct qp_event *e)
{
    struct task *task = task_of(c, e->fields[1], e);
    enum qp_rule_id rule;
    if (!task)
        return;
    rule = rule_of_end(c, task, e->fields[0]);
    if (rule != QP_RULES)
        report(c, rule, NULL, e, &task->since, NULL);
    if (c->closing)
        check_shutdown(c, task, e);
    else if (task->queued) {
        ready_take(c, task, e);
        c->steps++;
    }
    if (c->running == task || c->closing) {
        leave_frames(c);
        c->running = NULL;
    }
    if (task->work == WORK_QUEUED) {
        task->work = WORK_NONE;
        c->work_queued--;
    }
    leave_aborted(c, task);
    task->queued = task->running = false;
    task->unwinding = true;
    task->status = e->fields[0];
}

static uint64_t status_of_end(const struct qp_event *e)
{
    switch (e->kind) {
    case QP_EVENT_TASK_COMPLETED:
        return QP_OK;
    case QP_EVENT_TASK_PANICKED:
        return QP_PANICKED;
    case QP_EVENT_TASK_CANCELLED:
        return QP_CANCELLED;
    default:
        return e->fields[0];
    }
}

/* It has ended, and a handle that it owns is still there. */
SELDOM static void report_handles(struct qp_checker *c, const struct task *owner, const struct qp_event *e)
{
    const struct task *target;
    for (target = c->first_task; target; target = target->next)
        if (target->handle && target->owner == owner->id) {
            report(c, QP_RULE_TASK_HANDLE_1, NULL, e, &target->since, NULL);
            return;
        }
}

void on_task_ended(struct qp_checker *c, const struct qp_event *e)
{
    struct task *task = task_of(c, e->task, e);
    struct future *joiner;
    if (!task)
        return;
    if (!task->unwinding || task->ended || task->status != status_of_end(e)) {
        report(c, QP_RULE_TASK_END_1, NULL, e, &task->since, NULL);
        if (task->ended)
            return;
        task->unwinding = true;
        task->status = status_of_end(e);
        leave_aborted(c, task);
    }
    if (task->awaits)
        report(c, QP_RULE_RUN_DROP_1, NULL, e, &task->awaits->since, NULL);
    check_released(c, &task->scope, e);
    if (UNLIKELY(task->handles != 0))
        report_handles(c, task, e);
    if (task->captured)
        report(c, QP_RULE_TASK_OWN_3, NULL, e, &task->since, NULL);
    if (task->status != QP_OK && task->result)
        report(c, QP_RULE_VALUE_KEPT_1, NULL, e, &task->result->since, NULL);
    if (c->running == task)
        c->running = NULL;
    task->running = task->queued = false;
    task->ended = true;
    c->alive--;
    keep(&task->since, e);
    for (joiner = task->joiners.first; joiner; joiner = joiner->next_waiting)
        make_able(c, joiner, QP_RULE_PROGRESS_WAKE_1);
    task_unreferenced(c, task);
}

void on_closing(struct qp_checker *c, const struct qp_event *e)
{
    c->closing = true;
    if (!c->depth && !c->deadlocked && !c->aborted_run)
        check_woken(c, e);
    leave_frames(c);
    c->running = NULL;
    c->deferred_depth = 0;
}

void on_task_renamed(struct qp_checker *c, const struct qp_event *e)
{
    struct task *task = task_of(c, e->task, e);
    if (task)
        set_name(task, e->text);
}

/* ---- blocking work ---- */

static void work_started(struct qp_checker *c, struct task *task, const struct qp_event *e)
{
    if (task->work != WORK_QUEUED) {
        report(c, QP_RULE_BLOCK_START_1, NULL, e, &task->since, NULL);
        return;
    }
    if (task->aborted)
        report(c, QP_RULE_BLOCK_ABORT_1, NULL, e, &task->since, NULL);
    c->work_queued--;
    task->work = WORK_STARTED;
    task->timed.task = task;
    heap_add(c, &task->timed, e->time_ns);
    keep(&task->since, e);
}

static void work_lasts(struct qp_checker *c, struct task *task, const struct qp_event *e)
{
    int64_t over_ns = deadline(task->timed.deadline_ns, (int64_t)e->fields[1]);
    if (task->work == WORK_DUE)
        c->work_due--;
    else if (task->work != WORK_STARTED)
        return;
    task->work = WORK_STARTED;
    heap_remove(c, &task->timed);
    heap_add(c, &task->timed, over_ns);
}

static void work_finished(struct qp_checker *c, struct task *task, const struct qp_event *e)
{
    if (task->work != WORK_STARTED && task->work != WORK_DUE)
        report(c, QP_RULE_BLOCK_START_1, NULL, e, &task->since, NULL);
    else if (task->timed.deadline_ns > e->time_ns && !c->closing)
        report(c, QP_RULE_BLOCK_TIME_1, NULL, e, &task->since, NULL);
    if (task->work == WORK_QUEUED)
        c->work_queued--;
    if (task->work == WORK_DUE)
        c->work_due--;
    heap_remove(c, &task->timed);
    task->work = WORK_FINISHED;
    task->panicked = e->fields[1] != 0;
    task->returned = e->fields[2] != 0;
}

void on_blocking(struct qp_checker *c, const struct qp_event *e)
{
    struct task *task = task_of(c, e->fields[0], e);
    if (!task)
        return;
    if (e->kind == QP_EVENT_BLOCKING_LASTS) {
        work_lasts(c, task, e);
    } else if (e->kind == QP_EVENT_BLOCKING_STARTED) {
        work_started(c, task, e);
    } else if (e->kind == QP_EVENT_BLOCKING_FINISHED) {
        work_finished(c, task, e);
    } else if (task->work != WORK_NONE || task->style != TASK_BLOCKING || task->unwinding) {
        report(c, QP_RULE_BLOCK_START_1, NULL, e, &task->since, NULL);
    } else {
        task->work = WORK_QUEUED;
        c->work_queued++;
    }
}
