/* Coroutines: see coroutine.h for the state and its invariants. */
#include "scheduler/coroutine.h"
#include "scheduler/await.h"
#include "scheduler/context.h"
#include "scheduler/inject.h"
#include "scheduler/misuse.h"
#include "scheduler/overflow.h"
#include "scheduler/poll.h"
#include "scheduler/sanitizer.h"
#include "scheduler/stack.h"
#include "scheduler/step.h"
#include <stdlib.h>

enum {
    LEAST_ROOM = 512,      /* for the frames of a switch */
    MUCH_ROOM = 32 * 1024, /* for what another task's cancellation calls */
    SOON = 3,              /* a place in the ready queue: its task's stack is fetched */
    LATER = 7,             /* likewise: its task is */
    MANY = LATER + 1       /* ready tasks: not all of them may be near the processor */
};

/* Whether the loop would do nothing after this step but take the next ready task. */
static inline bool may_go_on(const struct qp_coroutine *self)
{
    const struct qp_runtime *runtime = qp_thread.runtime;
    return (self->future.stage & QP_COROUTINE_TASK) && runtime->steps < runtime->free_until &&
           !(qp_thread.task->flags & QP_TASK_ABORTED);
}

/* Whether its stack has held until now. */
static inline bool has_held(const struct qp_coroutine *self)
{
    return (char *)__builtin_frame_address(0) > self->floor;
}

/* Goes back to whoever polls. Returns at the next poll. */
static inline __attribute__((always_inline)) void leave(struct qp_coroutine *self, bool for_good)
{
    qp_sanitizer_leave(self->stack, for_good ? NULL : &self->sanitizer);
    qp_context_switch(&self->context, self->caller);
    qp_sanitizer_arrived(self, false);
}

static inline void end_here(struct qp_coroutine *self);

/* A coroutine, from its first poll to its end. */
static void run(void *arg)
{
    struct qp_coroutine *self = arg;
    qp_sanitizer_arrived(self, true);
    self->function(self->arg);
    if (QP_STACK_ENDS_ITSELF && may_go_on(self) && !(qp_thread.task->flags & QP_TASK_MAIN))
        end_here(self);
    self->future.stage |= QP_COROUTINE_RETURNED;
    leave(self, true);
    abort(); /* nobody polls what has returned */
}

static bool start(struct qp_coroutine *self)
{
    if (QP_UNLIKELY(qp_thread.injecting) && qp_inject_no_stack())
        return false;
    self->stack = qp_stack_take(self->stack_size);
    if (!self->stack)
        return false;
    self->context = qp_context_make(self->stack->top, run, self);
    self->floor = self->stack->bottom + LEAST_ROOM;
    if (self->future.stage & QP_COROUTINE_TASK)
        qp_task_of(self)->flags |= QP_TASK_STACK;
    qp_sanitizer_begin(self);
    return true;
}

/* Runs it until it, or whoever went on from there, comes back. */
static void enter(struct qp_coroutine *self)
{
    void *saved = qp_sanitizer_enter(self);
    qp_context_switch(&self->caller, self->context);
    qp_sanitizer_entered(saved);
}

/* ---- from one task's coroutine to the next one's ---- */

/* Whether a task is a coroutine that can be gone on with from here; else the loop must see to it. */
static inline bool has_coroutine(struct qp_task *task)
{
    struct qp_coroutine *self = qp_task_coroutine(task);
    if (QP_LIKELY((task->flags & (QP_TASK_STACK | QP_TASK_ABORTED)) == QP_TASK_STACK))
        return true;
    if (task->style != QP_STYLE_COROUTINE || task->flags & QP_TASK_ABORTED)
        return false;
    self->outer = NULL;
    self->waker = &task->waker;
    return start(self);
}

static QP_FETCHING void fetch_stack(const struct qp_coroutine *coroutine)
{
    const char *context = coroutine->context;
    __builtin_prefetch(context);
    __builtin_prefetch(context + 64);
    __builtin_prefetch(context + 128);
    __builtin_prefetch(context + 192);
}

/*
 * What the next switches will touch, while this one is made: of a task that comes in a while its structs, of one that
 * comes sooner, whose structs came before, the top of its stack. To find one page among very many takes as long as some
 * switches do.
 */
static QP_FETCHING void fetch_ahead(const struct qp_ready *ready)
{
    const struct qp_task *soon = qp_ready_at(ready, SOON), *later = qp_ready_at(ready, LATER);
    __builtin_prefetch(later);
    __builtin_prefetch(qp_task_coroutine(later));
    if (soon->flags & QP_TASK_STACK)
        fetch_stack(qp_task_coroutine(soon));
}

/* The same where somebody may have chosen the next one, and nobody knows who comes after it. */
static QP_FETCHING void fetch(const struct qp_runtime *runtime, const struct qp_coroutine *next)
{
    if (qp_runtime_wants(runtime, QP_CHOICE_TASK))
        fetch_stack(next);
    else
        fetch_ahead(&runtime->ready);
}

/*
 * Takes the next ready task, makes it the running one, and returns its coroutine. NULL: there is none, or the loop must
 * see to it, and finds it where that looks.
 */
static inline __attribute__((always_inline)) struct qp_coroutine *take_next(struct qp_runtime *runtime, bool told)
{
    struct qp_coroutine *coroutine;
    struct qp_task *task;
    if (QP_UNLIKELY(!qp_ready_count(&runtime->ready)))
        return NULL;
    task = qp_step_next(runtime);
    if (QP_UNLIKELY(!has_coroutine(task))) {
        runtime->next = task;
        return NULL;
    }
    coroutine = qp_task_coroutine(task);
    if (qp_ready_count(&runtime->ready) >= MANY)
        fetch(runtime, coroutine);
    qp_step_enter(task);
    qp_step_begin(task, told);
    qp_thread.coroutine = coroutine;
    qp_thread.scope = &coroutine->scope;
    return coroutine;
}

/* Whether the task can be ended on this one's stack, while its own task waits. */
static inline bool can_end(struct qp_coroutine *self, const struct qp_task *task)
{
    return (task->flags & (QP_TASK_ABORTED | QP_TASK_MAIN)) == QP_TASK_ABORTED && task != qp_task_of(self) &&
           !qp_thread.injecting && (char *)__builtin_frame_address(0) > self->floor + MUCH_ROOM;
}

/*
 * The loop must see to the task that was chosen: if all it would do is to cancel it, does that here, and takes the next
 * one. NULL: the loop must see to what comes next.
 */
QP_APART static struct qp_coroutine *cancel_and_go_on(struct qp_coroutine *self, bool told)
{
    struct qp_runtime *runtime = qp_thread.runtime;
    struct qp_coroutine *next = NULL;
    while (!next && runtime->next && can_end(self, runtime->next)) {
        struct qp_task *task = runtime->next;
        runtime->next = NULL;
        qp_thread.returned = self;
        qp_task_cancel(task);
        qp_thread.returned = NULL;
        if (runtime->steps < runtime->free_until)
            next = take_next(runtime, told);
    }
    return next;
}

/* Notes that this one's task waits, and takes the next one. NULL: the loop must see to what comes next. */
static inline __attribute__((always_inline)) struct qp_coroutine *go_on(struct qp_coroutine *self, bool told)
{
    struct qp_task *task = qp_thread.task;
    struct qp_coroutine *next;
    if (QP_UNLIKELY(!may_go_on(self) || !has_held(self)))
        return NULL;
    self->future.state = QP_FUTURE_PENDING;
    qp_thread.coroutine = NULL;
    qp_step_suspended(task, told);
    qp_thread.task = NULL;
    next = take_next(qp_thread.runtime, told);
    if (QP_UNLIKELY(!next && qp_thread.runtime->next))
        next = cancel_and_go_on(self, told);
    if (QP_UNLIKELY(!next))
        qp_thread.coroutine = self;
    return next;
}

/* Suspends. Returns when it is to be polled again. `told`: see step.h. */
static inline __attribute__((always_inline)) void suspend_told(struct qp_coroutine *self, bool told)
{
    struct qp_coroutine *other = go_on(self, told);
    void *to;
    if (QP_UNLIKELY(other == self))
        return;
    if (QP_LIKELY(other != NULL)) {
        other->caller = self->caller;
        to = other->context;
        qp_sanitizer_hand_over(self->stack, &self->sanitizer, other);
    } else {
        to = self->caller;
        qp_sanitizer_leave(self->stack, &self->sanitizer);
    }
    qp_context_switch(&self->context, to);
    qp_sanitizer_arrived(self, false);
}

/*
 * The same where nobody listens or chooses, and the next task already has its stack: what is left of a step then calls
 * nothing. False: that is not so, and nothing was done.
 */
static inline __attribute__((always_inline)) bool suspend_plainly(struct qp_coroutine *self)
{
    struct qp_task *task = qp_thread.task, *next;
    struct qp_runtime *runtime = qp_thread.runtime;
    struct qp_coroutine *other;
    if (QP_UNLIKELY(!qp_ready_count(&runtime->ready) || !may_go_on(self) || !has_held(self)))
        return false;
    next = qp_ready_at(&runtime->ready, 0);
    if (QP_UNLIKELY((next->flags & (QP_TASK_STACK | QP_TASK_ABORTED)) != QP_TASK_STACK))
        return false;
    runtime->steps++;
    qp_ready_take_first(&runtime->ready);
    if (qp_ready_count(&runtime->ready) >= MANY)
        fetch_ahead(&runtime->ready);
    self->future.state = QP_FUTURE_PENDING;
    qp_step_suspended(task, false);
    qp_step_enter(next);
    qp_step_begin(next, false);
    other = qp_task_coroutine(next);
    qp_thread.coroutine = other;
    qp_thread.scope = &other->scope;
    other->caller = self->caller;
    qp_sanitizer_hand_over(self->stack, &self->sanitizer, other);
    qp_context_switch(&self->context, other->context);
    qp_sanitizer_arrived(self, false);
    return true;
}

/* The same where the next task has no stack and never will: the loop polls it. */
static inline __attribute__((always_inline)) bool suspend_for_the_loop(struct qp_coroutine *self)
{
    struct qp_task *task = qp_thread.task, *next;
    struct qp_runtime *runtime = qp_thread.runtime;
    if (QP_UNLIKELY(!qp_ready_count(&runtime->ready) || !may_go_on(self) || !has_held(self)))
        return false;
    next = qp_ready_at(&runtime->ready, 0);
    if (next->style != QP_STYLE_FUTURE || next->flags & QP_TASK_ABORTED)
        return false;
    runtime->steps++;
    runtime->next = qp_ready_take_first(&runtime->ready);
    self->future.state = QP_FUTURE_PENDING;
    qp_step_suspended(task, false);
    qp_thread.task = NULL;
    qp_thread.coroutine = NULL;
    leave(self, false);
    return true;
}

QP_APART static void suspend(struct qp_coroutine *self)
{
    if (QP_TRACING)
        suspend_told(self, true);
    else
        suspend_told(self, false);
}

/*
 * The function of a task has returned: ends the task here, on its own stack, and goes on with the next one. The block
 * that holds both may be somebody else's after that, and the stack is when this one is left.
 */
static inline __attribute__((always_inline)) void end_here(struct qp_coroutine *self)
{
    struct qp_runtime *runtime = qp_thread.runtime;
    struct qp_stack *stack = self->stack;
    struct qp_task *task = qp_thread.task;
    struct qp_coroutine *next = NULL;
    void *caller = self->caller, *nowhere;
    self->outer = NULL;
    self->future.state = QP_FUTURE_DONE;
    qp_thread.coroutine = NULL;
    qp_thread.ending = qp_thread.returned = self;
    task->flags &= (uint16_t) ~(QP_TASK_RUNNING | QP_TASK_STACK);
    qp_task_end(task, QP_OK);
    qp_thread.ending = qp_thread.returned = NULL;
    qp_thread.task = NULL;
    if (runtime->steps < runtime->free_until)
        next = take_next(runtime, QP_TRACING);
    qp_stack_give_back(stack);
    if (next) {
        next->caller = caller;
        qp_sanitizer_hand_over(stack, NULL, next);
    } else {
        qp_sanitizer_leave(stack, NULL);
    }
    qp_context_switch(&nowhere, next ? next->context : caller);
    abort(); /* nobody goes on with what has ended */
}

/* Does what is left of its end: drops what it waits for, releases what it owns, gives its stack back. */
static void finish(struct qp_coroutine *self)
{
    struct qp_future *awaiting = self->awaiting;
    struct qp_stack *stack = self->stack;
    self->awaiting = NULL;
    qp_future_drop(awaiting);
    if (!(self->future.stage & QP_COROUTINE_TASK) && !qp_scope_is_empty(&self->scope))
        qp_scope_release(&self->scope);
    qp_thread.ending = self->outer;
    qp_sanitizer_end(self);
    if (self->future.stage & QP_COROUTINE_TASK)
        qp_task_of(self)->flags &= (uint16_t)~QP_TASK_STACK;
    self->stack = NULL;
    qp_stack_give_back(stack);
}

static void end(struct qp_coroutine *self)
{
    self->outer = qp_thread.ending;
    qp_thread.ending = self;
    finish(self);
}

void qp_coroutines_finish(void)
{
    while (qp_thread.ending)
        finish(qp_thread.ending);
}

static enum qp_status coroutine_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_coroutine *self = (struct qp_coroutine *)future;
    struct qp_coroutine *outer = qp_thread.coroutine;
    struct qp_scope *scope = qp_thread.scope;
    if (QP_UNLIKELY(!self->stack) && !start(self))
        return QP_NOMEM;
    self->outer = outer;
    self->waker = waker;
    qp_thread.coroutine = self;
    qp_thread.scope = &self->scope;
    enter(self);
    self = qp_thread.coroutine; /* whoever came back */
    qp_thread.coroutine = outer;
    qp_thread.scope = scope;
    if (!self)
        return QP_PENDING; /* its task ended, and is no longer the running one */
    if (QP_UNLIKELY(self->future.stage & QP_COROUTINE_UNWINDING))
        qp_unwind();
    if (QP_UNLIKELY((char *)self->context < self->stack->bottom)) {
        qp_overflow_report(self);
        abort();
    }
    if (!(self->future.stage & QP_COROUTINE_RETURNED))
        return QP_PENDING;
    end(self);
    return QP_OK;
}

static void coroutine_drop(struct qp_future *future)
{
    struct qp_coroutine *self = (struct qp_coroutine *)future;
    if (self->stack)
        end(self);
}

static struct qp_future *coroutine_inner(const struct qp_future *future, size_t index)
{
    return index == 0 ? ((const struct qp_coroutine *)future)->awaiting : NULL;
}

const struct qp_future_ops qp_coroutine_ops = {"async", coroutine_poll, coroutine_drop, NULL, coroutine_inner};

struct qp_future *qp_async_init(struct qp_coroutine *self, qp_async_fn function, void *arg)
{
    return qp_coroutine_init(self, function, arg);
}

QP_NORETURN static void cannot_await(const struct qp_future *future, const struct qp_site *site)
{
    bool ending = qp_thread.task && qp_thread.task->flags & QP_TASK_ENDING;
    if (qp_thread.dropping || ending)
        qp_misuse("await in a drop function of %s, at %s:%d: %s", qp_task_label(qp_task_id()), site->file, site->line,
                  site->expr);
    if (qp_thread.coroutine && !future)
        qp_misuse("await of no future, at %s:%d: %s", site->file, site->line, site->expr);
    if (qp_thread.coroutine)
        qp_misuse("await by %s while it polls what it awaits, at %s:%d: %s", qp_task_label(qp_task_id()), site->file,
                  site->line, site->expr);
    if (qp_thread.task)
        qp_misuse("qp_await in %s outside an async function with a stack, at %s:%d: %s (QP_AWAIT is for functions "
                  "without one)",
                  qp_task_label(qp_thread.task->id), site->file, site->line, site->expr);
    qp_misuse("await outside a task, at %s:%d: %s", site->file, site->line, site->expr);
}

/* Where the environment may do something at an await: whether it is cancelled, or suspends, before its first poll. */
static void before_first_poll(struct qp_coroutine *self)
{
    if (qp_inject_before(self))
        do
            leave(self, false);
        while (self->future.stage & QP_COROUTINE_HELD);
    qp_inject_panic(self);
    if (qp_injects(QP_CHOICE_YIELD) && qp_runtime_choose(qp_thread.runtime, QP_CHOICE_YIELD, 2)) {
        qp_wake(self->waker);
        leave(self, false);
    }
}

/* Where the environment may do something to the task here, somebody listens in full, or nobody may await. */
QP_APART static enum qp_status await_with_care(struct qp_coroutine *self, struct qp_future *future,
                                               const struct qp_site *site)
{
    enum qp_status status;
    if (!self || !future || self->awaiting || qp_thread.dropping)
        cannot_await(future, site);
    self->site = site;
    self->awaiting = future;
    if (QP_UNLIKELY(qp_thread.injecting) && qp_thread.task)
        before_first_poll(self);
    if (QP_TRACING)
        qp_tell_awaited(site);
    while ((status = qp_poll(future, self->waker)) == QP_PENDING)
        suspend(self);
    return qp_await_end(self, status);
}

/* Whether the environment chooses the next task. */
static inline bool is_chosen(void)
{
    return qp_runtime_wants(qp_thread.runtime, QP_CHOICE_TASK);
}

/*
 * What the ready path of an await (await.h) leaves to this file. It keeps nothing over a switch, but finds it again
 * where it put it.
 */

/* The poll of what is awaited, told of in brief. */
static inline enum qp_status poll_in_brief(const struct qp_coroutine *self)
{
    struct qp_future *future = self->awaiting;
    if (QP_UNLIKELY(future->state == QP_FUTURE_DONE))
        qp_polled_after_completion(future);
    qp_run_polled(qp_thread.tracing, future);
    return qp_run_answered(qp_thread.tracing, future, future->ops->poll(future, self->waker));
}

/* What it waits for is pending. `told`: in brief. */
static inline __attribute__((always_inline)) enum qp_status wait(bool told)
{
    enum qp_status status;
    do {
        struct qp_coroutine *self = qp_thread.coroutine;
        self->awaiting->state = QP_FUTURE_PENDING;
        suspend_told(self, told);
        status = told ? poll_in_brief(qp_thread.coroutine) : qp_await_poll(qp_thread.coroutine);
    } while (status == QP_PENDING);
    return qp_await_over(qp_thread.coroutine, status);
}

QP_APART static enum qp_status wait_long(void)
{
    return wait(false);
}

QP_APART static enum qp_status wait_in_brief(void)
{
    return wait(true);
}

/* The same where the next task is the only choice, as long as it is plain. */
QP_APART static enum qp_status wait_for_others(void)
{
    enum qp_status status;
    do {
        struct qp_coroutine *self = qp_thread.coroutine;
        self->awaiting->state = QP_FUTURE_PENDING;
        if (QP_UNLIKELY(!suspend_plainly(self)) && !suspend_for_the_loop(self))
            return wait_long();
        status = qp_await_poll(qp_thread.coroutine);
    } while (status == QP_PENDING);
    return qp_await_over(qp_thread.coroutine, status);
}

/* The same. As long as its task is woken at once and nobody else is ready, it is the next itself, and needs no switch.
 */
QP_APART static enum qp_status wait_plainly(void)
{
    enum qp_status status;
    do {
        struct qp_coroutine *self = qp_thread.coroutine;
        struct qp_runtime *runtime = qp_thread.runtime;
        self->awaiting->state = QP_FUTURE_PENDING;
        if (qp_ready_count(&runtime->ready) || !(qp_thread.task->flags & QP_TASK_WOKEN) || !may_go_on(self) ||
            !has_held(self))
            return wait_for_others();
        qp_thread.task->flags &= (uint16_t)~QP_TASK_WOKEN;
        runtime->steps++;
        status = qp_await_poll(self);
    } while (status == QP_PENDING);
    return qp_await_over(qp_thread.coroutine, status);
}

/* A task's own wait to yield: it is woken at once, and ready when it is polled again. */
static inline void begin_to_yield(const struct qp_coroutine *self)
{
    qp_thread.task->flags |= QP_TASK_WOKEN;
    self->awaiting->state = QP_FUTURE_PENDING;
    self->awaiting->stage = 1;
}

QP_APART static enum qp_status yield_to_others(void)
{
    struct qp_coroutine *self = qp_thread.coroutine;
    begin_to_yield(self);
    if (QP_UNLIKELY(!suspend_plainly(self)))
        return wait_long();
    return qp_await_over(qp_thread.coroutine, QP_OK);
}

/* The same. Where nobody else is ready, it is the next itself. */
enum qp_status qp_await_yield(struct qp_coroutine *self)
{
    struct qp_runtime *runtime = qp_thread.runtime;
    if (QP_UNLIKELY(is_chosen())) {
        begin_to_yield(self);
        return wait_long();
    }
    if (qp_ready_count(&runtime->ready) || !may_go_on(self) || !has_held(self))
        return yield_to_others();
    runtime->steps++;
    return qp_await_over(self, QP_OK);
}

/* What it waits for is pending, or, which is seldom, has failed. */
enum qp_status qp_await_not_ok(struct qp_coroutine *self, enum qp_status status)
{
    if (QP_UNLIKELY(status != QP_PENDING))
        return qp_await_over(self, status);
    if (QP_UNLIKELY(is_chosen()))
        return wait_long();
    return qp_ready_count(&qp_thread.runtime->ready) ? wait_for_others() : wait_plainly();
}

/* Most that is special is that events are told in brief. */
enum qp_status qp_await_specially(struct qp_future *future, const struct qp_site *site)
{
    struct qp_coroutine *self = qp_thread.coroutine;
    enum qp_status status;
    if (QP_UNLIKELY(qp_thread.special != qp_thread.in_brief || !self || !future || self->awaiting))
        return await_with_care(self, future, site);
    self->site = site;
    self->awaiting = future;
    qp_tell_awaited(site);
    status = poll_in_brief(self);
    return status == QP_PENDING ? wait_in_brief() : qp_await_over(self, status);
}

void qp_unwind(void)
{
    struct qp_coroutine *outermost = qp_thread.coroutine ? qp_thread.coroutine : qp_thread.returned;
    qp_thread.returned = NULL;
    if (outermost) {
        while (outermost->outer)
            outermost = outermost->outer;
        outermost->future.stage |= QP_COROUTINE_UNWINDING;
        qp_thread.coroutine = outermost;
        leave(outermost, false);
    }
    longjmp(*qp_thread.runtime->unwind, 1);
}
