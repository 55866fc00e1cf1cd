/*
 * What is injected: see inject.h.
 *
 * State: beside the bit QP_COROUTINE_HELD of a coroutine that suspended before a first poll, only
 * `runtime->expiring`, the boundary that was chosen in the poll under way. Its deadline may not have been made yet; the
 * clock moves when that poll is over, for time passes between steps.
 */
#include "scheduler/inject.h"
#include "scheduler/contract.h"
#include "scheduler/coroutine.h"
#include "scheduler/ops.h"
#include "scheduler/poll.h"
#include "scheduler/step.h"
#include <quipu/channel.h>
#include <quipu/oneshot.h>
#include <quipu/race.h>
#include <quipu/time.h>

const char qp_op_sleep[] = "sleep", qp_op_timeout[] = "timeout", qp_op_timeout_join[] = "timeout_join",
           qp_op_race[] = "race", qp_op_recv[] = "recv", qp_op_oneshot_recv[] = "oneshot_recv";

enum { MOST_DEPTH = 32 };

static int64_t now(const struct qp_runtime *runtime)
{
    return runtime->env.now(runtime->env.context);
}

static struct qp_future *inner_at(const struct qp_future *future, size_t index)
{
    return future->ops->inner ? future->ops->inner(future, index) : NULL;
}

/* ---- futures with a deadline ---- */

/* The timer and the duration of a future that has them. NULL: it has none. */
static const struct qp_timer *timer_of(const struct qp_future *future, int64_t *duration_ns)
{
    const char *op = future->ops->name;
    if (op == qp_op_sleep) {
        *duration_ns = ((const struct qp_sleep_future *)future)->duration_ns;
        return &((const struct qp_sleep_future *)future)->timer;
    }
    if (op == qp_op_timeout) {
        *duration_ns = ((const struct qp_timeout_future *)future)->duration_ns;
        return &((const struct qp_timeout_future *)future)->timer;
    }
    if (op == qp_op_timeout_join) {
        *duration_ns = ((const struct qp_timeout_join_future *)future)->duration_ns;
        return &((const struct qp_timeout_join_future *)future)->timer;
    }
    return NULL;
}

/* The deadline that a future waits for now; QP_NEVER: none. */
static int64_t deadline_of(const struct qp_future *future)
{
    int64_t duration_ns;
    const struct qp_timer *timer = timer_of(future, &duration_ns);
    return timer && future->state == QP_FUTURE_PENDING && timer->runtime ? timer->deadline_ns : QP_NEVER;
}

/* Whether it has a deadline, or will have one when it has been polled. */
static bool will_have_deadline(const struct qp_future *future)
{
    int64_t duration_ns;
    const struct qp_timer *timer = timer_of(future, &duration_ns);
    if (!timer || future->state == QP_FUTURE_DONE)
        return false;
    return future->state == QP_FUTURE_NEW ? duration_ns != QP_NEVER : timer->runtime != NULL;
}

/* When a boundary gives up what is inside: a race by its first arm that only waits for time. */
static int64_t expires_at(const struct qp_future *boundary)
{
    int64_t deadline_ns = QP_NEVER;
    const struct qp_future *arm;
    if (boundary->ops->name != qp_op_race)
        return deadline_of(boundary);
    for (size_t i = 0; (arm = inner_at(boundary, i)) != NULL; i++)
        if (deadline_of(arm) < deadline_ns)
            deadline_ns = deadline_of(arm);
    return deadline_ns;
}

/* ---- the boundaries around what a task waits for, the outermost first ---- */

struct boundaries {
    struct qp_runtime *runtime;
    const struct qp_future *inside; /* only those around this one; NULL: all that are there */
    enum qp_moment moment;          /* of those that are not an abort */
    uint32_t count;
    struct qp_cancellation all[QP_BOUNDARIES_MOST];
    struct qp_future *futures[QP_BOUNDARIES_MOST];
};

static void add(struct boundaries *self, enum qp_moment moment, enum qp_boundary boundary, struct qp_future *future)
{
    if (self->count == QP_BOUNDARIES_MOST)
        return;
    self->futures[self->count] = future;
    self->all[self->count++] = (struct qp_cancellation){moment, boundary};
}

/* Whether an arm other than the one that leads inside will be over by time alone. */
static bool may_be_lost(const struct qp_future *race, const struct qp_future *arm_inside)
{
    const struct qp_future *arm;
    for (size_t i = 0; (arm = inner_at(race, i)) != NULL; i++)
        if (arm != arm_inside && will_have_deadline(arm))
            return true;
    return false;
}

/* Whether this future is a boundary that time can bring to give up what is inside. */
static bool may_expire(const struct boundaries *self, const struct qp_future *future, const struct qp_future *child)
{
    int64_t deadline_ns;
    if (self->inside)
        return future->ops->name == qp_op_race ? may_be_lost(future, child) : will_have_deadline(future);
    deadline_ns = expires_at(future);
    return deadline_ns != QP_NEVER && deadline_ns > now(self->runtime);
}

static bool is_boundary(const struct qp_future *future)
{
    const char *op = future->ops->name;
    return op == qp_op_timeout || op == qp_op_timeout_join || (op == qp_op_race && inner_at(future, 1));
}

/*
 * Whether it waits, is cancel-safe, and has nobody else's place in the queue to lose: then it may be dropped and begun
 * again, and nobody may see that.
 */
static bool may_begin_again(const struct qp_future *future)
{
    const struct qp_wait *wait = NULL;
    if (future->state != QP_FUTURE_PENDING)
        return false;
    if (future->ops->name == qp_op_recv)
        wait = &((const struct qp_recv_future *)future)->wait;
    else if (future->ops->name == qp_op_oneshot_recv)
        wait = &((const struct qp_oneshot_recv_future *)future)->wait;
    return wait ? wait->next == wait->prev : qp_contract_can_begin_again(future);
}

/* Finds those of a future and of what is inside of it. Whether `inside` was found there. */
static bool find(struct boundaries *self, struct qp_future *future, unsigned depth)
{
    uint32_t before = self->count;
    struct qp_future *child;
    bool boundary = is_boundary(future), found = future == self->inside;
    enum qp_boundary kind = future->ops->name == qp_op_race ? QP_BOUNDARY_RACE : QP_BOUNDARY_TIMEOUT;
    if (depth == MOST_DEPTH || future->state == QP_FUTURE_DONE || found)
        return found;
    if (boundary && !self->inside && may_expire(self, future, NULL))
        add(self, self->moment, kind, future);
    for (size_t i = 0; !found && (child = inner_at(future, i)) != NULL; i++) {
        if (boundary && self->inside && may_expire(self, future, child))
            add(self, self->moment, kind, future);
        found = find(self, child, depth + 1);
        if (self->inside && !found)
            self->count = before;
    }
    return found;
}

static bool contains(const struct qp_future *future, const struct qp_future *wanted, unsigned depth)
{
    const struct qp_future *child;
    if (future == wanted)
        return true;
    if (depth == MOST_DEPTH || future->state == QP_FUTURE_DONE)
        return false;
    for (size_t i = 0; (child = inner_at(future, i)) != NULL; i++)
        if (contains(child, wanted, depth + 1))
            return true;
    return false;
}

/* ---- cancellations ---- */

/* Finds the waits that may be dropped and begun again. */
static void find_waits(struct boundaries *self, struct qp_future *future, unsigned depth)
{
    struct qp_future *child;
    if (depth == MOST_DEPTH || future->state == QP_FUTURE_DONE)
        return;
    if (may_begin_again(future))
        add(self, self->moment, QP_BOUNDARY_RETRY, future);
    for (size_t i = 0; (child = inner_at(future, i)) != NULL; i++)
        find_waits(self, child, depth + 1);
}

/* Asks whether the running task's wait is cancelled at this moment, and by what. 0: it is not. */
static uint32_t ask(struct boundaries *self, const struct qp_task *task, enum qp_moment moment,
                    const struct qp_site *site)
{
    struct qp_runtime *runtime = task->runtime;
    struct qp_choice choice = {.kind = QP_CHOICE_CANCEL, .runtime = runtime, .moment = moment, .site = site};
    if (task->flags & QP_TASK_ABORTED)
        return 0;
    self->runtime = runtime;
    self->moment = moment == QP_MOMENT_WOKEN ? QP_MOMENT_TIED : moment;
    self->count = 0;
    add(self, moment, QP_BOUNDARY_ABORT, NULL);
    if (runtime->env.pass)
        find(self, qp_task_future(task), 0);
    choice.count = self->count + 1;
    choice.cancellations = self->all;
    return runtime->env.choose(runtime->env.context, &choice);
}

static void abort_here(struct qp_task *task)
{
    QP_EMIT(TASK_ABORTED, .fields = {task->id});
    task->flags |= QP_TASK_ABORTED;
    qp_contract_task_aborted(task->runtime, task->id);
}

/* Those that were suspended for a boundary's sake go on. */
static void let_go(struct qp_future *future, unsigned depth)
{
    struct qp_future *child;
    if (depth == MOST_DEPTH || future->state == QP_FUTURE_DONE)
        return;
    if (future->ops == &qp_coroutine_ops)
        future->stage &= (uint8_t)~QP_COROUTINE_HELD;
    for (size_t i = 0; (child = inner_at(future, i)) != NULL; i++)
        let_go(child, depth + 1);
}

/* Brings the clock to the deadline of the boundary that was chosen in the poll before, if both are still there. */
static void expire(struct qp_task *task)
{
    struct qp_runtime *runtime = task->runtime;
    struct qp_future *boundary = runtime->expiring;
    int64_t deadline_ns;
    runtime->expiring = NULL;
    if (!boundary || !contains(qp_task_future(task), boundary, 0))
        return;
    deadline_ns = expires_at(boundary);
    if (deadline_ns != QP_NEVER) {
        qp_runtime_pass(runtime, deadline_ns);
    } else {
        let_go(qp_task_future(task), 0);
        qp_task_wake(task);
    }
}

/* Tells that a future polls another one, which was dropped and is new. */
static void tell_parent(struct qp_future *parent, struct qp_future *renewed, unsigned depth)
{
    struct qp_future *child;
    if (depth == MOST_DEPTH || parent->state == QP_FUTURE_DONE)
        return;
    for (size_t i = 0; (child = inner_at(parent, i)) != NULL; i++) {
        if (child != renewed) {
            tell_parent(child, renewed, depth + 1);
        } else if (parent->id) {
            uint32_t id = qp_future_number(child);
            QP_EMIT(FUTURE_INNER, .future = parent->id, .op = parent->ops->name, .fields = {id, i});
        }
    }
}

static void begin_again(struct qp_task *task, struct qp_future *future)
{
    QP_EMIT(FAULT, .fields = {QP_CHOICE_RETRY});
    if (qp_contract_can_begin_again(future)) {
        qp_contract_begin_again(future);
    } else {
        qp_future_drop(future);
        qp_future_init(future, future->ops);
    }
    if (QP_TRACING)
        tell_parent(qp_task_future(task), future, 0);
}

/* Whether one of what a task waits for was dropped and is new. */
static bool retry(struct qp_task *task, enum qp_moment moment)
{
    struct boundaries waits = {.runtime = task->runtime, .moment = moment};
    struct qp_choice choice = {.kind = QP_CHOICE_RETRY, .runtime = task->runtime, .moment = moment};
    uint32_t chosen;
    if (!qp_injects(QP_CHOICE_RETRY) || task->flags & QP_TASK_ABORTED || task->runtime->expiring)
        return false;
    find_waits(&waits, qp_task_future(task), 0);
    if (!waits.count)
        return false;
    choice.site = qp_task_site(task);
    choice.count = waits.count + 1;
    choice.cancellations = waits.all;
    chosen = choice.runtime->env.choose(choice.runtime->env.context, &choice);
    if (chosen)
        begin_again(task, waits.futures[chosen - 1]);
    return chosen != 0;
}

bool qp_inject_before(struct qp_coroutine *coroutine)
{
    struct boundaries boundaries = {.inside = &coroutine->future};
    struct qp_task *task = qp_thread.task;
    uint32_t chosen = 0;
    if (qp_injects(QP_CHOICE_CANCEL))
        chosen = ask(&boundaries, task, QP_MOMENT_BEFORE, coroutine->site);
    if (chosen == 1) {
        abort_here(task);
    } else if (chosen) {
        task->runtime->expiring = boundaries.futures[chosen - 1];
        coroutine->future.stage |= QP_COROUTINE_HELD;
    }
    return chosen != 0;
}

bool qp_inject_pending(struct qp_task *task)
{
    return !(task->flags & QP_TASK_WOKEN) && retry(task, QP_MOMENT_PENDING); /* or a second poll would have a cause */
}

void qp_inject_suspended(struct qp_task *task)
{
    struct boundaries boundaries = {.inside = NULL};
    uint32_t chosen = 0;
    qp_timers_settle(task->runtime);
    if (qp_injects(QP_CHOICE_CANCEL) && !task->runtime->expiring)
        chosen = ask(&boundaries, task, QP_MOMENT_PENDING, qp_task_site(task));
    if (chosen == 1)
        abort_here(task);
    else if (chosen)
        task->runtime->expiring = boundaries.futures[chosen - 1];
    if (task->flags & QP_TASK_ABORTED) {
        task->flags &= (uint16_t)~QP_TASK_RUNNING;
        qp_task_end(task, QP_CANCELLED);
        return;
    }
    qp_step_suspended(task, QP_TRACING);
    expire(task);
}

void qp_inject_woken(struct qp_task *task)
{
    struct boundaries boundaries = {.inside = NULL};
    uint32_t chosen = 0;
    task->runtime->expiring = NULL;
    if (qp_injects(QP_CHOICE_CANCEL))
        chosen = ask(&boundaries, task, QP_MOMENT_WOKEN, qp_task_site(task));
    if (chosen == 1)
        abort_here(task);
    else if (chosen)
        qp_runtime_pass(task->runtime, expires_at(boundaries.futures[chosen - 1]));
    else
        retry(task, QP_MOMENT_WOKEN);
}

void qp_inject_blocking(struct qp_task *task, enum qp_moment moment)
{
    struct qp_runtime *runtime = task->runtime;
    struct qp_cancellation by_abort = {moment, QP_BOUNDARY_ABORT};
    struct qp_choice choice = {.kind = QP_CHOICE_CANCEL,
                               .count = 2,
                               .runtime = runtime,
                               .moment = moment,
                               .site = qp_site_now(),
                               .cancellations = &by_abort};
    if (!qp_injects(QP_CHOICE_CANCEL) || task->flags & QP_TASK_ABORTED)
        return;
    if (runtime->env.choose(runtime->env.context, &choice))
        qp_task_abort(task);
}

/* ---- failures ---- */

void qp_inject_panic(const struct qp_coroutine *coroutine)
{
    if (!qp_injects(QP_CHOICE_PANIC) || qp_thread.task->flags & QP_TASK_ABORTED ||
        !qp_runtime_choose(qp_thread.runtime, QP_CHOICE_PANIC, 2))
        return;
    QP_EMIT(FAULT, .fields = {QP_CHOICE_PANIC});
    qp_panic_at(coroutine->site, QP_INJECTED_PANIC);
}

bool qp_inject_no_stack(void)
{
    if (!qp_injects(QP_CHOICE_ALLOC) || !qp_runtime_choose(qp_thread.runtime, QP_CHOICE_ALLOC, 2))
        return false;
    QP_EMIT(FAULT, .fields = {QP_CHOICE_ALLOC});
    return true;
}

/* ---- between steps ---- */

/* Up to the next deadline, or by a little where there is none. */
bool qp_inject_late(struct qp_runtime *runtime)
{
    enum { A_LITTLE_NS = 1000000 };
    int64_t next_ns;
    if (!qp_injects(QP_CHOICE_LATE) || now(runtime) > QP_NEVER - A_LITTLE_NS ||
        !qp_runtime_choose(runtime, QP_CHOICE_LATE, 2))
        return false;
    qp_timers_settle(runtime);
    next_ns = qp_timers_next(&runtime->timers);
    qp_runtime_pass(runtime, next_ns != QP_NEVER ? next_ns : now(runtime) + A_LITTLE_NS);
    return true;
}

static bool is_suspended(const struct qp_task *task)
{
    return task->style != QP_STYLE_BLOCKING &&
           !(task->flags & (QP_TASK_QUEUED | QP_TASK_RUNNING | QP_TASK_ENDING | QP_TASK_ENDED));
}

/* One of those that wait may be polled without a cause. */
static void wake_for_nothing(struct qp_runtime *runtime)
{
    struct qp_task *task;
    uint32_t count = 0, chosen;
    for (task = runtime->tasks.first; task; task = task->next)
        count += is_suspended(task);
    chosen = count ? qp_runtime_choose(runtime, QP_CHOICE_SPURIOUS, count + 1) : 0;
    for (task = runtime->tasks.first; task && chosen; task = task->next)
        if (is_suspended(task) && --chosen == 0)
            qp_task_wake(task);
}

bool qp_inject_between_steps(struct qp_runtime *runtime)
{
    int64_t next_ns;
    if (qp_injects(QP_CHOICE_SPURIOUS))
        wake_for_nothing(runtime);
    if (!qp_injects(QP_CHOICE_CLOCK))
        return false;
    qp_timers_settle(runtime);
    next_ns = qp_timers_next(&runtime->timers);
    if (next_ns == QP_NEVER || !qp_runtime_choose(runtime, QP_CHOICE_CLOCK, 2))
        return false;
    qp_runtime_pass(runtime, next_ns);
    return true;
}
