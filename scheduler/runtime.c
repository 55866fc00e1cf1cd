/* The runtime: see runtime.h for the state and its invariants. */
#include "scheduler/runtime.h"
#include "scheduler/brief.h"
#include "scheduler/contract.h"
#include "scheduler/coroutine.h"
#include "scheduler/hold.h"
#include "scheduler/inject.h"
#include "scheduler/misuse.h"
#include "scheduler/remote.h"
#include "scheduler/step.h"
#include "scheduler/value.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what it is told ---- */

void qp_touch(const void *state, bool writing)
{
    const struct qp_runtime *runtime = qp_thread.runtime;
    if (QP_UNLIKELY(runtime && runtime->env.touch))
        runtime->env.touch(runtime->env.context, state, writing);
}

void qp_log(const char *format, ...)
{
    char text[QP_MESSAGE_SIZE];
    va_list args;
    if (!QP_TRACING)
        return;
    if (qp_thread.tracing->brief) {
        QP_EMIT(MESSAGE, .text = NULL);
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    QP_EMIT(MESSAGE, .text = text);
}

/* ---- ends that come from inside ---- */

void qp_runtime_vsay(struct qp_runtime *runtime, const char *format, va_list args)
{
    size_t room = sizeof runtime->report - runtime->report_length;
    int length = vsnprintf(runtime->report + runtime->report_length, room, format, args);
    if (length > 0)
        runtime->report_length += (size_t)length < room ? (size_t)length : room - 1;
}

void qp_runtime_say(struct qp_runtime *runtime, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    qp_runtime_vsay(runtime, format, args);
    va_end(args);
}

void qp_runtime_stop(struct qp_runtime *runtime, enum qp_status outcome, const char *sentence)
{
    QP_EMIT(FAILURE, .fields = {(uint64_t)outcome}, .text = sentence);
    runtime->free_until = 0;
    if (runtime->outcome != QP_OK)
        return;
    runtime->outcome = outcome;
    qp_runtime_say(runtime, "%s", sentence);
}

/* Ends the run and leaves the step under way, or, where there is none, the process. */
QP_NORETURN static void stop(enum qp_status outcome, const char *sentence)
{
    struct qp_runtime *runtime = qp_thread.runtime;
    if (!runtime || !runtime->unwind) {
        fprintf(stderr, "quipu: %s\n", sentence);
        abort();
    }
    qp_runtime_stop(runtime, outcome, sentence);
    qp_unwind();
}

void qp_misuse(const char *format, ...)
{
    char sentence[QP_REPORT_SIZE / 4];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    stop(QP_MISUSE, sentence);
}

void qp_fail(const struct qp_site *site, const char *format, ...)
{
    char sentence[QP_REPORT_SIZE / 4];
    va_list args;
    int length = snprintf(sentence, sizeof sentence, "%s:%d: ", site->file, site->line);
    if (length < 0 || (size_t)length >= sizeof sentence)
        length = 0;
    va_start(args, format);
    vsnprintf(sentence + length, sizeof sentence - (size_t)length, format, args);
    va_end(args);
    stop(QP_FAILED, sentence);
}

/* ---- making and ending one ---- */

static void close_down_and_wait(struct qp_runtime *runtime);

/* For a runtime that was driven by hand: ends the tasks that are left. */
static void close_down_entered(struct qp_runtime *runtime)
{
    struct qp_runtime *before = qp_runtime_enter(runtime);
    close_down_and_wait(runtime);
    qp_runtime_enter(before);
}

struct qp_runtime *qp_runtime_create(const struct qp_env *env)
{
    struct qp_runtime *runtime = env->allocate(env->context, sizeof *runtime);
    if (!runtime)
        return NULL;
    qp_clear(&runtime->ready, offsetof(struct qp_runtime, timers.slots) - offsetof(struct qp_runtime, ready));
    runtime->message[0] = '\0';
    runtime->report[0] = '\0';
    runtime->report_length = 0;
    runtime->env = *env;
    runtime->env.choices = env->choose ? env->choices : 0;
    runtime->main_status = QP_PENDING;
    runtime->next_choice.runtime = runtime;
    if (env->event || env->batch)
        qp_listen(runtime);
    runtime->first_flags = runtime->tracing.last ? QP_TASK_HEARD : 0;
    runtime->exact = env->choose || runtime->tracing.last;
    return runtime;
}

void qp_thread_begin(struct qp_runtime *runtime)
{
    memset(&qp_thread, 0, sizeof qp_thread);
    qp_thread.runtime = runtime;
    qp_thread.tracing = runtime && runtime->tracing.last ? &runtime->tracing : NULL;
    qp_thread.listening = qp_thread.tracing != NULL;
    qp_thread.outside = !runtime;
    qp_thread.in_brief = QP_TRACING && qp_thread.tracing->brief ? qp_thread.special : UINT64_MAX;
}

struct qp_runtime *qp_runtime_enter(struct qp_runtime *runtime)
{
    struct qp_runtime *before = qp_thread.runtime;
    if (QP_TRACING)
        qp_tracing_tell(qp_thread.tracing);
    qp_thread_begin(runtime);
    qp_thread.injecting = runtime ? qp_injected(runtime) : 0;
    return before;
}

void qp_runtime_destroy(struct qp_runtime *runtime)
{
    if (!runtime)
        return;
    if (qp_thread.runtime == runtime && qp_thread.task)
        qp_misuse("qp_runtime_destroy from inside the runtime, by %s", qp_task_label(qp_task_id()));
    if (runtime->tasks.first)
        close_down_entered(runtime);
    qp_remote_end(runtime);
    qp_task_pool_release(runtime);
    qp_hold_slabs_release(runtime);
    qp_spare_release(runtime);
    if (runtime->ready.ring)
        qp_release(runtime, runtime->ready.ring, runtime->ready.size * sizeof(struct qp_task *));
    qp_timers_release(runtime);
    if (qp_thread.runtime == runtime)
        qp_runtime_enter(NULL);
    runtime->env.release(runtime->env.context, runtime, sizeof *runtime);
}

const char *qp_runtime_report(const struct qp_runtime *runtime)
{
    return runtime->report;
}

uint64_t qp_runtime_steps(const struct qp_runtime *runtime)
{
    return runtime->steps;
}

uint64_t qp_choice_task(const struct qp_choice *choice, uint32_t index)
{
    return qp_ready_at(&choice->runtime->ready, index)->id;
}

uint64_t qp_random(uint64_t count)
{
    struct qp_runtime *runtime = qp_thread.runtime;
    if (!runtime)
        qp_misuse("qp_random outside a runtime");
    return runtime->env.random(runtime->env.context, count);
}

/* ---- the loop ---- */

static void fire(struct qp_timer *timer)
{
    QP_EMIT(TIMER_FIRED, .fields = {(uint64_t)timer->deadline_ns});
    qp_wake(timer->waker);
}

/* Fires the timers that are due; where the environment chooses among them, only makes them known as due. */
static void look_at_the_clock(struct qp_runtime *runtime)
{
    struct qp_timer *timer;
    int64_t now;
    if (!qp_timers_waiting(&runtime->timers))
        return;
    qp_timers_settle(runtime);
    now = runtime->env.now(runtime->env.context);
    if (runtime->env.choose) {
        qp_timers_collect(&runtime->timers, now);
        return;
    }
    while ((timer = qp_timers_pop(&runtime->timers, now)) != NULL)
        fire(timer);
}

static uint32_t choose(struct qp_runtime *runtime, enum qp_choice_kind kind, size_t count)
{
    return count > 1 && qp_runtime_wants(runtime, kind) ? qp_runtime_choose(runtime, kind, (uint32_t)count) : 0;
}

/* Fires one due timer, if it is its turn. */
static bool fire_one(struct qp_runtime *runtime)
{
    size_t due = qp_timers_due(&runtime->timers);
    if (!due || (qp_ready_count(&runtime->ready) && choose(runtime, QP_CHOICE_TIMER_FIRST, 2)))
        return false;
    fire(qp_timers_take(&runtime->timers, choose(runtime, QP_CHOICE_TIMER, due)));
    return true;
}

static void turn(struct qp_runtime *runtime)
{
    runtime->next_turn = runtime->steps + runtime->env.turn_every;
    if (runtime->env.turn)
        runtime->env.turn(runtime->env.context, runtime);
    qp_remote_take(runtime);
    look_at_the_clock(runtime);
}

static bool turn_is_due(const struct qp_runtime *runtime)
{
    return runtime->steps >= runtime->next_turn || (runtime->blocking && qp_runtime_wants(runtime, QP_CHOICE_BLOCKING));
}

void qp_runtime_pass(struct qp_runtime *runtime, int64_t deadline_ns)
{
    while (runtime->env.now(runtime->env.context) < deadline_ns) {
        int64_t next_ns = qp_timers_next(&runtime->timers);
        runtime->env.pass(runtime->env.context, next_ns < deadline_ns ? next_ns : deadline_ns);
        look_at_the_clock(runtime);
    }
}

/* How many steps there may be until something else than the ready queue is to be looked at. */
static uint64_t free_until(const struct qp_runtime *runtime)
{
    uint64_t most = runtime->env.most_steps ? runtime->env.most_steps : UINT64_MAX;
    if (qp_thread.injecting || qp_timers_due(&runtime->timers) ||
        (runtime->blocking && qp_runtime_wants(runtime, QP_CHOICE_BLOCKING)))
        return 0;
    return runtime->next_turn < most ? runtime->next_turn : most;
}

static void step(struct qp_runtime *runtime)
{
    struct qp_task *task = qp_step_next(runtime);
    do {
        runtime->next = NULL;
        qp_task_step(task);
        task = runtime->next;
    } while (QP_UNLIKELY(task != NULL));
}

/* Does one thing. False: there is nothing that can be done now. */
static bool advance(struct qp_runtime *runtime)
{
    if (QP_UNLIKELY(turn_is_due(runtime)))
        turn(runtime);
    if (QP_UNLIKELY(runtime->outcome != QP_OK))
        return true; /* blocking work ended the run */
    if (QP_UNLIKELY(qp_timers_due(&runtime->timers)) && (qp_inject_late(runtime) || fire_one(runtime)))
        return true;
    if (qp_ready_count(&runtime->ready)) {
        if (QP_UNLIKELY(qp_thread.injecting) && qp_inject_between_steps(runtime))
            return true;
        runtime->free_until = free_until(runtime);
        do
            step(runtime);
        while (runtime->steps < runtime->free_until && qp_ready_count(&runtime->ready));
        return true;
    }
    return false;
}

/* Waits until there may be something to do; where there never will be, ends the run. */
static void park(struct qp_runtime *runtime)
{
    qp_timers_settle(runtime);
    if (!runtime->env.park(runtime->env.context, runtime, qp_timers_next(&runtime->timers))) {
        qp_runtime_deadlocked(runtime);
        return;
    }
    qp_remote_take(runtime);
    look_at_the_clock(runtime);
}

void qp_runtime_deadlocked(struct qp_runtime *runtime)
{
    qp_runtime_stop(runtime, QP_DEADLOCK, qp_status_text(QP_DEADLOCK));
    qp_deadlock_report(runtime);
}

static void over_the_limit(struct qp_runtime *runtime)
{
    char sentence[128];
    snprintf(sentence, sizeof sentence, "not finished after %llu steps: it may never end",
             (unsigned long long)runtime->env.most_steps);
    qp_runtime_stop(runtime, QP_LIMIT, sentence);
}

static bool is_over(const struct qp_runtime *runtime)
{
    return runtime->main_status != QP_PENDING || runtime->outcome != QP_OK;
}

/* Runs until main has ended or something ends the run. */
static void loop(struct qp_runtime *runtime)
{
    uint64_t most = runtime->env.most_steps ? runtime->env.most_steps : UINT64_MAX;
    runtime->next_turn = runtime->steps + runtime->env.turn_every;
    while (!is_over(runtime)) {
        if (QP_UNLIKELY(runtime->steps >= most))
            over_the_limit(runtime);
        else if (!advance(runtime))
            park(runtime);
    }
}

/* Runs what can run now, for about one turn. */
static void loop_once(struct qp_runtime *runtime)
{
    turn(runtime);
    while (!is_over(runtime) && runtime->steps < runtime->next_turn && advance(runtime))
        continue;
}

/* After a step was left by qp_unwind: its task panicked, or the run is over; or what is dropped at its end failed. */
static void left(struct qp_runtime *runtime)
{
    struct qp_task *task = qp_thread.task;
    qp_thread.coroutine = NULL;
    qp_thread.dropping = false;
    qp_coroutines_finish();
    if (runtime->closing_down)
        qp_runtime_enter(runtime);
    if (runtime->closing_down || !task)
        return;
    task->flags &= (uint16_t) ~(QP_TASK_RUNNING | QP_TASK_WOKEN);
    if (runtime->panicking) {
        runtime->panicking = false;
        qp_task_end(task, QP_PANICKED);
    }
    qp_runtime_enter(runtime);
}

/* Runs such a loop; a step that is left by qp_unwind comes back here, and the loop goes on. */
static void run(struct qp_runtime *runtime, void (*some)(struct qp_runtime *))
{
    jmp_buf unwind;
    /* cppcheck-suppress autoVariables ; taken back below */
    runtime->unwind = &unwind;
    if (setjmp(unwind))
        left(qp_thread.runtime);
    some(qp_thread.runtime);
    qp_thread.runtime->unwind = NULL;
}

/* ---- shutdown ---- */

/* Ends a task that is left. False: it runs blocking work, which cannot be withdrawn. */
static bool drop_task(struct qp_runtime *runtime, struct qp_task *task)
{
    if (task->style == QP_STYLE_BLOCKING && !qp_blocking_withdraw(task))
        return false;
    qp_task_end(task, task->flags & QP_TASK_MAIN ? runtime->main_status : QP_CANCELLED);
    return true;
}

static struct qp_task *next_to_drop(struct qp_runtime *runtime)
{
    struct qp_task *first = runtime->tasks.first;
    if (first && first == runtime->main && first->next)
        return first->next;
    return first;
}

/* Drops the tasks that are left, main last; some remain where the environment would have to wait for blocking work. */
static void drop_tasks(struct qp_runtime *runtime)
{
    struct qp_task *task;
    while ((task = next_to_drop(runtime)) != NULL) {
        uint64_t id = task->id;
        runtime->closing = task == runtime->main;
        if (drop_task(runtime, task))
            continue;
        runtime->env.finish(runtime->env.context, runtime);
        task = next_to_drop(runtime);
        if (task && task->id == id)
            return;
    }
}

static void close_down_some(struct qp_runtime *runtime)
{
    if (runtime->main_status == QP_PENDING)
        runtime->main_status = QP_CANCELLED;
    if (!runtime->closing_down)
        QP_EMIT(RUNTIME_CLOSING, .fields = {(uint64_t)runtime->main_status});
    runtime->closing_down = true;
    qp_contracts_forget(runtime);
    qp_remote_close(runtime);
    drop_tasks(runtime);
}

/* What fails meanwhile is noted, and the rest is done all the same. False: the environment would have to wait. */
static bool close_down(struct qp_runtime *runtime)
{
    run(runtime, close_down_some);
    return !runtime->tasks.first;
}

static void close_down_and_wait(struct qp_runtime *runtime)
{
    while (!close_down(runtime))
        continue;
}

/* All of a run, in one go. */
static void loop_and_close_down(struct qp_runtime *runtime)
{
    if (!runtime->closing_down)
        loop(runtime);
    do
        close_down_some(runtime);
    while (runtime->tasks.first);
}

bool qp_runtime_begin(struct qp_runtime *runtime, qp_async_fn function, void *arg)
{
    struct qp_task_options options = {.name = "main"};
    if (runtime->next_task)
        qp_misuse("qp_runtime_run for the second time");
    runtime->main_handle = qp_spawn_with(function, arg, &options);
    if (!runtime->main_handle.task)
        return false;
    runtime->main = runtime->main_handle.task;
    runtime->main->flags |= QP_TASK_MAIN;
    return true;
}

enum qp_progress qp_runtime_advance(struct qp_runtime *runtime)
{
    if (!is_over(runtime))
        run(runtime, loop_once);
    if (!is_over(runtime))
        return qp_ready_count(&runtime->ready) ? QP_PROGRESS_MORE : QP_PROGRESS_IDLE;
    return close_down(runtime) ? QP_PROGRESS_OVER : QP_PROGRESS_IDLE;
}

enum qp_status qp_runtime_end(struct qp_runtime *runtime)
{
    enum qp_status status = runtime->outcome != QP_OK ? runtime->outcome : runtime->main_status;
    if (status == QP_PANICKED)
        qp_runtime_say(runtime, "main panicked with message \"%s\"", qp_task_message(runtime->main));
    else if (status == QP_CANCELLED)
        qp_runtime_say(runtime, "main was cancelled");
    runtime->main = NULL;
    qp_handle_drop(&runtime->main_handle);
    return status;
}

enum qp_status qp_runtime_run(struct qp_runtime *runtime, qp_async_fn function, void *arg)
{
    struct qp_runtime *before = qp_runtime_enter(runtime);
    enum qp_status status = QP_NOMEM;
    if (qp_runtime_begin(runtime, function, arg)) {
        run(runtime, loop_and_close_down);
        status = qp_runtime_end(runtime);
    }
    qp_runtime_enter(before);
    return status;
}

/* Does all that can be done now. */
static void drain(struct qp_runtime *runtime)
{
    runtime->free_until = 0;
    while (runtime->outcome == QP_OK && (qp_timers_due(&runtime->timers) || qp_ready_count(&runtime->ready)))
        if (!fire_one(runtime))
            step(runtime);
}

bool qp_runtime_turn(struct qp_runtime *runtime)
{
    struct qp_runtime *before = qp_runtime_enter(runtime);
    uint64_t steps = runtime->steps;
    size_t timers = runtime->timers.registered;
    bool busy;
    turn(runtime);
    run(runtime, drain);
    busy = runtime->steps != steps || runtime->timers.registered < timers;
    qp_runtime_enter(before);
    return busy;
}
