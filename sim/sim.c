/*
 * The simulated environment: see sim.h for the state.
 *
 * Invariants: time moves only while nothing can run and no blocking work is queued, and then to the next deadline or
 * end of blocking work. Every answer that the program could notice goes through choose().
 */
#include "sim/sim.h"
#include "scheduler/brief.h"
#include "scheduler/misuse.h"
#include "scheduler/runtime.h"
#include <quipu/time.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local unsigned running; /* simulations on this thread, one inside the other */

bool qp_sim_is_running(void)
{
    return running && qp_thread.task;
}

bool qp_sim_in_blocking_work(void)
{
    return qp_thread.task && qp_thread.task->style == QP_STYLE_BLOCKING;
}

void qp_sim_refuse(const char *format, ...)
{
    char sentence[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    qp_misuse("%s", sentence);
}

/* ---- choices ---- */

/* Makes room for one more. Where there is no memory for it, it is not written down. */
QP_COLD static void grow(struct qp_sim *sim)
{
    size_t room = sim->room ? sim->room * 2 : 256;
    uint32_t *choices = realloc(sim->lent ? NULL : sim->choices, room * sizeof *choices);
    if (!choices) {
        sim->truncated = true;
        return;
    }
    if (sim->lent)
        memcpy(choices, sim->choices, sim->count * sizeof *choices);
    sim->lent = false;
    sim->choices = choices;
    sim->room = room;
}

/* A wait that is begun again is a disturbance that nobody may notice. */
static void note_injected(struct qp_sim *sim, const struct qp_choice *choice)
{
    if (choice->kind == QP_CHOICE_RETRY)
        sim->retried = sim->retried ? sim->retried : sim->count;
    else if (sim->config->faults >> choice->kind & 1)
        sim->injected |= 1u << choice->kind;
}

QP_APART static uint32_t choose_with_care(struct qp_sim *sim, const struct qp_choice *choice)
{
    struct qp_strategy *strategy = sim->config->strategy;
    uint32_t chosen;
    if (QP_UNLIKELY(sim->count == sim->room))
        grow(sim);
    chosen = strategy->ops->choose(strategy, choice);
    if (QP_LIKELY(sim->count < sim->room))
        sim->choices[sim->count++] = chosen;
    if (choice->kind != QP_CHOICE_TASK && chosen)
        note_injected(sim, choice);
    return QP_TRACING ? qp_tell_chosen(choice, chosen) : chosen;
}

/* Most choices are of the next task, and nobody has to be asked. */
static uint32_t choose(void *context, const struct qp_choice *choice)
{
    struct qp_sim *sim = context;
    uint32_t chosen;
    if (QP_UNLIKELY(!sim->tasks || sim->count == sim->room) || choice->kind != QP_CHOICE_TASK)
        return choose_with_care(sim, choice);
    chosen = sim->choices[sim->count++] = qp_random_draw(sim->tasks, choice->count);
    return QP_TRACING ? qp_tell_chosen(choice, chosen) : chosen;
}

static uint32_t draw(struct qp_sim *sim, enum qp_choice_kind kind, uint32_t count)
{
    struct qp_choice choice = {.kind = kind, .count = count};
    return choose(sim, &choice);
}

/* A draw of the program's own; a large one is two choices. */
static uint64_t draw_random(void *context, uint64_t count)
{
    struct qp_sim *sim = context;
    uint64_t high, low;
    if (count == 1)
        return 0;
    if (count && count <= UINT32_MAX)
        return draw(sim, QP_CHOICE_RANDOM, (uint32_t)count);
    high = draw(sim, QP_CHOICE_RANDOM, UINT32_MAX);
    low = draw(sim, QP_CHOICE_RANDOM, UINT32_MAX);
    return count ? ((high << 32) ^ low) % count : (high << 32) ^ low;
}

/* ---- memory ---- */

static void *allocate(void *context, size_t size)
{
    return qp_arena_allocate(&((struct qp_sim *)context)->arena, size);
}

static void *allocate_or_fail(void *context, size_t size)
{
    if (qp_thread.runtime && draw(context, QP_CHOICE_ALLOC, 2)) {
        QP_EMIT(FAULT, .fields = {QP_CHOICE_ALLOC});
        return NULL;
    }
    return allocate(context, size);
}

static void release(void *context, void *memory, size_t size)
{
    qp_arena_release(&((struct qp_sim *)context)->arena, memory, size);
}

/* ---- blocking work: it runs where it starts, in no time, and ends when it says ---- */

static void submit(void *context, struct qp_runtime *runtime, struct qp_work *work)
{
    struct qp_sim *sim = context;
    (void)runtime;
    work->next = NULL;
    if (sim->queued)
        sim->queued_last->next = work;
    else
        sim->queued = work;
    sim->queued_last = work;
}

static bool withdraw(void *context, struct qp_runtime *runtime, struct qp_work *work)
{
    struct qp_sim *sim = context;
    struct qp_work **link = &sim->queued, *before = NULL;
    (void)runtime;
    while (*link && *link != work) {
        before = *link;
        link = &before->next;
    }
    if (!*link)
        return false;
    *link = work->next;
    if (sim->queued_last == work)
        sim->queued_last = before;
    return true;
}

static int64_t later(int64_t now_ns, int64_t duration_ns)
{
    return duration_ns > QP_NEVER - now_ns ? QP_NEVER : now_ns + duration_ns;
}

static void start_first(struct qp_sim *sim, struct qp_runtime *runtime)
{
    struct qp_work *work = sim->queued, **link = &sim->started;
    if (!qp_work_may_start(runtime, work))
        return;
    sim->queued = work->next;
    qp_work_started(runtime, work);
    work->run(work);
    work->ready_ns = later(sim->now_ns, work->duration_ns);
    while (*link && (*link)->ready_ns <= work->ready_ns)
        link = &(*link)->next;
    work->next = *link;
    *link = work;
}

static void finish_first(struct qp_sim *sim, struct qp_runtime *runtime)
{
    struct qp_work *work = sim->started;
    sim->started = work->next;
    qp_work_finished(runtime, work);
}

static bool first_is_over(const struct qp_sim *sim)
{
    return sim->started && sim->started->ready_ns <= sim->now_ns;
}

static void finish_all(void *context, struct qp_runtime *runtime)
{
    struct qp_sim *sim = context;
    while (sim->started)
        finish_first(sim, runtime);
}

/* Between two steps blocking work may start or end, or not yet. */
static void turn(void *context, struct qp_runtime *runtime)
{
    struct qp_sim *sim = context;
    if (first_is_over(sim) && draw(sim, QP_CHOICE_BLOCKING, 2))
        finish_first(sim, runtime);
    else if (sim->queued && draw(sim, QP_CHOICE_BLOCKING, 2))
        start_first(sim, runtime);
}

/* ---- time ---- */

static int64_t now(void *context)
{
    return ((struct qp_sim *)context)->now_ns;
}

static void set_clock(struct qp_sim *sim, int64_t to_ns)
{
    sim->now_ns = to_ns;
    QP_EMIT(CLOCK_ADVANCED, .fields = {(uint64_t)to_ns});
}

/* Injected: time does not wait for those that are ready. It stops where blocking work is over. */
static void pass(void *context, int64_t deadline_ns)
{
    struct qp_sim *sim = context;
    const struct qp_work *work = sim->started;
    while (work && work->ready_ns <= sim->now_ns)
        work = work->next;
    if (work && work->ready_ns < deadline_ns)
        deadline_ns = work->ready_ns;
    QP_EMIT(FAULT, .fields = {QP_CHOICE_CLOCK});
    set_clock(sim, deadline_ns);
}

/* Injected: the pool has no thread for what is queued until something else has come. */
static bool is_delayed(struct qp_sim *sim, int64_t deadline_ns)
{
    return sim->config->faults >> QP_CHOICE_DELAY & 1 && deadline_ns != QP_NEVER && draw(sim, QP_CHOICE_DELAY, 2);
}

/* Nothing is ready: blocking work goes on first, and then the clock. */
static bool park(void *context, struct qp_runtime *runtime, int64_t deadline_ns)
{
    struct qp_sim *sim = context;
    if (first_is_over(sim)) {
        finish_first(sim, runtime);
        return true;
    }
    if (sim->queued && is_delayed(sim, deadline_ns)) {
        pass(sim, deadline_ns);
        return true;
    }
    if (sim->queued) {
        start_first(sim, runtime);
        return true;
    }
    if (sim->started && sim->started->ready_ns < deadline_ns)
        deadline_ns = sim->started->ready_ns;
    if (deadline_ns == QP_NEVER)
        return false;
    set_clock(sim, deadline_ns);
    return true;
}

/* ---- executions ---- */

static void touch(void *context, const void *state, bool writing)
{
    const struct qp_sim_config *config = ((struct qp_sim *)context)->config;
    config->touch(config->touch_context, state, writing);
}

static void woken_again(void *context, uint64_t task)
{
    const struct qp_sim_config *config = ((struct qp_sim *)context)->config;
    config->woken_again(config->touch_context, task);
}

static void awaited(void *context, const struct qp_site *site)
{
    const struct qp_sim_config *config = ((struct qp_sim *)context)->config;
    config->awaited(config->awaited_context, site);
}

/* What is the same in every execution. */
static struct qp_env environment(struct qp_sim *sim)
{
    struct qp_env env = {
        .context = sim,
        .release = release,
        .now = now,
        .choose = choose,
        .turn = turn,
        .turn_every = UINT32_MAX,
        .park = park,
        .submit = submit,
        .withdraw = withdraw,
        .finish = finish_all,
        .random = draw_random,
    };
    return env;
}

/* And what is not. */
static void set_environment(struct qp_sim *sim, const struct qp_sim_config *config)
{
    struct qp_env *env = &sim->env;
    if (env->context != sim)
        *env = environment(sim);
    env->allocate = config->faults >> QP_CHOICE_ALLOC & 1 ? allocate_or_fail : allocate;
    env->choices = 1u << QP_CHOICE_TASK | 1u << QP_CHOICE_TIMER_FIRST | 1u << QP_CHOICE_TIMER |
                   1u << QP_CHOICE_BLOCKING | config->faults;
    env->pass = config->aborts_only ? NULL : pass;
    env->event = config->event;
    env->event_context = config->event_context;
    env->batch = config->batch;
    env->touch = config->touch ? touch : NULL;
    env->woken_again = config->woken_again ? woken_again : NULL;
    env->awaited = config->awaited ? awaited : NULL;
    env->most_steps = config->most_steps ? config->most_steps : QP_SIM_MOST_STEPS;
}

void qp_sim_init(struct qp_sim *sim)
{
    memset(sim, 0, sizeof *sim);
}

void qp_sim_lend(struct qp_sim *sim, uint32_t *choices, size_t room)
{
    sim->choices = choices;
    sim->room = room;
    sim->lent = true;
}

void qp_sim_end(struct qp_sim *sim)
{
    qp_arena_end(&sim->arena);
    if (!sim->lent)
        free(sim->choices);
    memset(sim, 0, sizeof *sim);
}

static void begin(struct qp_sim *sim, const struct qp_sim_config *config)
{
    sim->config = config;
    sim->now_ns = 0;
    sim->count = 0;
    sim->injected = 0;
    sim->retried = 0;
    sim->truncated = false;
    sim->queued = sim->queued_last = sim->started = NULL;
    sim->arena.failing = config->failing_allocation;
    set_environment(sim, config);
    config->strategy->ops->begin(config->strategy, config->seed);
    sim->tasks = config->strategy->tasks;
}

void qp_sim_run(struct qp_sim *sim, const struct qp_sim_config *config, qp_async_fn function, void *arg,
                struct qp_sim_result *result)
{
    struct qp_runtime *runtime;
    begin(sim, config);
    runtime = qp_runtime_create(&sim->env);
    result->report[0] = '\0';
    running++;
    result->outcome = runtime ? qp_runtime_run(runtime, function, arg) : QP_NOMEM;
    running--;
    result->steps = runtime ? qp_runtime_steps(runtime) : 0;
    if (runtime && result->outcome != QP_OK)
        snprintf(result->report, sizeof result->report, "%s", qp_runtime_report(runtime));
    qp_runtime_destroy(runtime);
    result->time_ns = sim->now_ns;
    result->allocations = sim->arena.allocations;
    result->leaked = sim->arena.live;
    result->choices = sim->choices;
    result->choice_count = sim->count;
    result->truncated = sim->truncated;
    result->injected = sim->injected;
    result->retried = sim->retried;
    qp_arena_reset(&sim->arena);
}
