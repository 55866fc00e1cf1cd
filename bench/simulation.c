/*
 * Executions of small programs on the simulated environment, with the random strategy, one seed after the other:
 * without a record, digested, and recorded.
 */
#include "bench/programs.h"
#include "bench/tables.h"
#include "sim/dpor.h"
#include "traces/digest.h"
#include "traces/recorder.h"
#include <quipu/quipu.h>

/* ---- two tasks of three yields ---- */

static void yields(void *arg)
{
    int i;
    (void)arg;
    for (i = 0; i < 3; i++)
        qp_await(qp_yield());
}

void program_yields(void *arg)
{
    struct qp_handle first = qp_spawn(yields, NULL), second = qp_spawn(yields, NULL);
    (void)arg;
    qp_await(qp_join(&first, NULL));
    qp_await(qp_join(&second, NULL));
}

/* ---- two producers of two messages, one consumer, capacity one ---- */

static void produce(void *arg)
{
    struct qp_sender *sender = arg;
    int i;
    for (i = 0; i < 2; i++)
        qp_await(qp_send(sender, &i));
}

static void consume(void *arg)
{
    struct qp_receiver *receiver = arg;
    int value, count = 0;
    while (qp_await(qp_recv(receiver, &value)) == QP_OK)
        count++;
    QP_ASSERT(count == 4);
}

void program_channel(void *arg)
{
    struct qp_sender *first, *second;
    struct qp_receiver *receiver;
    struct qp_handle producers[2], consumer;
    (void)arg;
    if (qp_channel_create(&qp_int, 1, &first, &receiver) != QP_OK || !(second = qp_sender_clone(first)))
        return;
    producers[0] = qp_spawn(produce, first);
    producers[1] = qp_spawn(produce, second);
    consumer = qp_spawn(consume, receiver);
    qp_sender_give(first, &producers[0]);
    qp_sender_give(second, &producers[1]);
    qp_receiver_give(receiver, &consumer);
    qp_await(qp_join(&producers[0], NULL));
    qp_await(qp_join(&producers[1], NULL));
    qp_await(qp_join(&consumer, NULL));
}

/* ---- three tasks locking one mutex twice each ---- */

static void lock_twice(void *arg)
{
    struct qp_guard guard;
    int i;
    for (i = 0; i < 2; i++) {
        qp_await(qp_lock((struct qp_mutex *)arg, &guard));
        ++*(int *)qp_guard_value(&guard);
        qp_unlock(&guard);
    }
}

void program_locks(void *arg)
{
    int zero = 0, i;
    struct qp_mutex *mutex = qp_mutex_create("counter", &qp_int, &zero);
    struct qp_handle tasks[3];
    (void)arg;
    if (!mutex)
        return;
    for (i = 0; i < 3; i++)
        tasks[i] = qp_spawn(lock_twice, mutex);
    for (i = 0; i < 3; i++)
        qp_await(qp_join(&tasks[i], NULL));
}

/* ---- running them ---- */

static void run_seeds(uint64_t count, qp_async_fn program, struct qp_sim_config *config, struct qp_checker *checker)
{
    static struct qp_sim_result result;
    struct qp_random_strategy random;
    struct qp_sim sim;
    qp_random_strategy_init(&random);
    /* cppcheck-suppress autoVariables ; taken back below */
    config->strategy = &random.strategy;
    qp_sim_init(&sim);
    for (config->seed = 0; config->seed < count; config->seed++) {
        if (checker)
            qp_checker_reset(checker);
        qp_sim_run(&sim, config, program, NULL, &result);
        if (result.outcome != QP_OK || result.leaked)
            bench_fail(result.report);
        if (!checker)
            continue;
        qp_checker_finish(checker, true);
        if (qp_checker_count(checker) || qp_checker_is_full(checker))
            bench_fail("the checker found something");
    }
    config->strategy = NULL;
    qp_sim_end(&sim);
}

void run_program(uint64_t count, qp_async_fn program, qp_event_fn event, void *context)
{
    struct qp_sim_config config = {.event = event, .event_context = context};
    run_seeds(count, program, &config, NULL);
}

void run_program_checked(uint64_t count, qp_async_fn program, struct qp_checker *checker)
{
    struct qp_sim_config config = {.batch = qp_checker_batch(checker)};
    run_seeds(count, program, &config, checker);
}

static void run_yielders(uint64_t count)
{
    run_program(count, program_yields, NULL, NULL);
}

static void run_channel(uint64_t count)
{
    run_program(count, program_channel, NULL, NULL);
}

static void run_lockers(uint64_t count)
{
    run_program(count, program_locks, NULL, NULL);
}

static void run_channel_digested(uint64_t count)
{
    struct qp_digest digest = {0};
    run_program(count, program_channel, qp_digest_event, &digest);
}

static struct qp_recorder *recorder;

static void record(void *context, const struct qp_event *event)
{
    if (event->seq == 1)
        qp_recorder_clear(context);
    qp_recorder_event(context, event);
}

static void run_channel_recorded(uint64_t count)
{
    if (!recorder && !(recorder = qp_recorder_create(0)))
        bench_fail("out of memory");
    run_program(count, program_channel, record, recorder);
}

/* ---- small and large: a step should cost the same ---- */

struct crowd {
    uint64_t tasks, rounds;
};

static void yields_for_long(void *arg)
{
    for (uint64_t i = *(const uint64_t *)arg; i > 0; i--)
        qp_await(qp_yield());
}

static void program_crowd(void *arg)
{
    static struct qp_handle tasks[10000];
    struct crowd *crowd = arg;
    for (uint64_t i = 0; i < crowd->tasks; i++)
        tasks[i] = qp_spawn(yields_for_long, &crowd->rounds);
    for (uint64_t i = 0; i < crowd->tasks; i++)
        qp_await(qp_join(&tasks[i], NULL));
}

/* Executes it `count` times; returns the steps of one. */
static uint64_t run_crowd(uint64_t count, uint64_t tasks, uint64_t rounds)
{
    static struct qp_sim_result result;
    struct qp_random_strategy random;
    struct qp_sim_config config = {.strategy = &random.strategy, .most_steps = UINT64_MAX};
    struct crowd crowd = {tasks, rounds};
    struct qp_sim sim;
    qp_random_strategy_init(&random);
    qp_sim_init(&sim);
    for (; count > 0; count--) {
        qp_sim_run(&sim, &config, program_crowd, &crowd, &result);
        if (result.outcome != QP_OK)
            bench_fail(result.report);
    }
    qp_sim_end(&sim);
    return result.steps;
}

static void run_small(uint64_t count)
{
    run_crowd(count, 10, 10);
}

static void run_long(uint64_t count)
{
    run_crowd(count, 10, 100000);
}

static void run_wide(uint64_t count)
{
    run_crowd(count, 10000, 10);
}

static uint64_t small_steps(void)
{
    return run_crowd(1, 10, 10);
}

static uint64_t long_steps(void)
{
    return run_crowd(1, 10, 100000);
}

static uint64_t wide_steps(void)
{
    return run_crowd(1, 10000, 10);
}

/* ---- all of them ---- */

/* Every class of executions of a program, `count` times. */
static uint64_t search(uint64_t count, qp_async_fn program)
{
    static struct qp_sim_result result;
    uint64_t executions = 0;
    struct qp_sim sim;
    qp_sim_init(&sim);
    for (; count > 0; count--) {
        struct qp_dpor dpor;
        struct qp_sim_config config = {.strategy = &dpor.strategy,
                                       .event = qp_dpor_event,
                                       .event_context = &dpor,
                                       .touch = qp_dpor_touch,
                                       .woken_again = qp_dpor_woken_again,
                                       .touch_context = &dpor};
        qp_dpor_init(&dpor);
        do {
            qp_sim_run(&sim, &config, program, NULL, &result);
            if (result.outcome != QP_OK || result.leaked)
                bench_fail(result.report);
        } while (qp_dpor_next(&dpor));
        if (dpor.failed)
            bench_fail("out of memory");
        executions = dpor.executions;
        qp_dpor_end(&dpor);
    }
    qp_sim_end(&sim);
    return executions;
}

static void search_channel(uint64_t count)
{
    search(count, program_channel);
}

static void search_lockers(uint64_t count)
{
    search(count, program_locks);
}

static uint64_t channel_classes(void)
{
    return search(1, program_channel);
}

static uint64_t locker_classes(void)
{
    return search(1, program_locks);
}

static double channel_number(void)
{
    return (double)channel_classes();
}

static double locker_number(void)
{
    return (double)locker_classes();
}

const struct benchmark simulation_benchmarks[] = {
    {"sim: 2 tasks of 3 yields", "execution", run_yielders, NULL},
    {"sim: 2x2 messages, capacity 1", "execution", run_channel, NULL},
    {"sim: 3 tasks lock twice", "execution", run_lockers, NULL},
    {"sim: 2x2 messages, recorded", "execution", run_channel_recorded, NULL},
    {"sim: 2x2 messages, digested", "execution", run_channel_digested, NULL},
    {"sim: 2x2 messages, all schedules", "execution", search_channel, channel_classes},
    {"sim: 3 tasks lock twice, all", "execution", search_lockers, locker_classes},
    {"sim: 100 steps of 10 tasks", "step", run_small, small_steps},
    {"sim: 1,000,000 steps of 10 tasks", "step", run_long, long_steps},
    {"sim: 100,000 steps of 10,000 tasks", "step", run_wide, wide_steps},
    {0},
};

const struct figure simulation_figures[] = {
    {"sim: 2x2 messages, all schedules (number)", "executions", channel_number, false},
    {"sim: 3 tasks lock twice, all (number)", "executions", locker_number, false},
    {0},
};
