/*
 * The exhaustive search: it executes every class of executions once. What classes there are is found by executing every
 * schedule there is, without any reduction, and telling them apart by the same order of dependent steps.
 */
#include "sim/dpor.h"
#include "support.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- programs ---- */

static void send_two(void *arg)
{
    int i;
    for (i = 0; i < 2; i++)
        qp_await(qp_send((struct qp_sender *)arg, &i));
}

static void receive_all(void *arg)
{
    int value;
    while (qp_await(qp_recv((struct qp_receiver *)arg, &value)) == QP_OK)
        continue;
}

static void producers_and_consumer(void *arg)
{
    struct qp_sender *first, *second;
    struct qp_receiver *receiver;
    struct qp_handle tasks[3];
    int i;
    (void)arg;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &first, &receiver), QP_OK);
    second = qp_sender_clone(first);
    QP_ASSERT(second);
    tasks[0] = qp_spawn(send_two, first);
    tasks[1] = qp_spawn(send_two, second);
    tasks[2] = qp_spawn(receive_all, receiver);
    qp_sender_give(first, &tasks[0]);
    qp_sender_give(second, &tasks[1]);
    qp_receiver_give(receiver, &tasks[2]);
    for (i = 0; i < 3; i++)
        qp_await(qp_join(&tasks[i], NULL));
}

static void lock_twice(void *arg)
{
    struct qp_guard guard;
    int i;
    for (i = 0; i < 2; i++) {
        qp_await(qp_lock((struct qp_mutex *)arg, &guard));
        qp_await(qp_yield());
        qp_unlock(&guard);
    }
}

static void lockers(void *arg)
{
    struct qp_mutex *mutex = qp_mutex_create("mutex", &qp_nothing, "");
    struct qp_handle tasks[2];
    int i;
    (void)arg;
    QP_ASSERT(mutex);
    for (i = 0; i < 2; i++)
        tasks[i] = qp_spawn(lock_twice, mutex);
    for (i = 0; i < 2; i++)
        qp_await(qp_join(&tasks[i], NULL));
}

static int shared[4];

static void touch_in_turn(void *arg)
{
    const int *start = arg;
    int i;
    for (i = 0; i < 2; i++) {
        qp_touch(&shared[(*start + i) % 3], i == 1);
        qp_await(qp_yield());
    }
}

static void touchers(void *arg)
{
    static int starts[] = {0, 1, 2};
    int i;
    (void)arg;
    for (i = 0; i < 3; i++)
        qp_spawn(touch_in_turn, &starts[i]);
    qp_await(qp_sleep_ms(1));
}

static void wait_for_ever(void *arg)
{
    qp_await(qp_acquire((struct qp_semaphore *)arg, &(struct qp_semaphore_permit){0}));
}

static void add_one(void *arg)
{
    qp_add_permits(arg, 1);
}

/* An abort races with what it would wait for, and with its end. */
static void aborted(void *arg)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("semaphore", 0);
    struct qp_handle waiter, giver;
    (void)arg;
    QP_ASSERT(semaphore);
    waiter = qp_spawn(wait_for_ever, semaphore);
    giver = qp_spawn(add_one, semaphore);
    qp_await(qp_yield());
    qp_abort(&waiter);
    qp_await(qp_join(&waiter, NULL));
    qp_await(qp_join(&giver, NULL));
}

static void sleep_and_touch(void *arg)
{
    qp_await(qp_sleep_ms(1));
    qp_touch(arg, true);
}

/* Timers that are due together, beside a task that yields. */
static void timers(void *arg)
{
    int i;
    (void)arg;
    for (i = 0; i < 2; i++)
        qp_spawn(sleep_and_touch, &shared[0]);
    qp_await(qp_sleep_ms(1));
    qp_await(qp_yield());
    qp_touch(&shared[0], true);
}

static void draw_and_touch(void *arg)
{
    uint64_t drawn = qp_random(2);
    (void)arg;
    qp_await(qp_yield());
    qp_touch(&shared[drawn], true);
}

/* What they touch hangs on a draw. */
static void drawers(void *arg)
{
    int i;
    (void)arg;
    for (i = 0; i < 2; i++)
        qp_spawn(draw_and_touch, NULL);
    qp_await(qp_sleep_ms(1));
}

static void read_and_branch(void *arg)
{
    (void)arg;
    qp_touch(&shared[0], false);
    if (shared[0])
        return;
    qp_await(qp_yield());
    qp_touch(&shared[1], true);
    shared[1] = 1;
}

static void write_after_read(void *arg)
{
    (void)arg;
    qp_touch(&shared[1], false);
    if (shared[1])
        return;
    qp_await(qp_yield());
    qp_touch(&shared[0], true);
    shared[0] = 1;
}

/* What a step does hangs on the order of others. */
static void branchers(void *arg)
{
    (void)arg;
    shared[0] = shared[1] = 0;
    qp_spawn(read_and_branch, NULL);
    qp_spawn(write_after_read, NULL);
    qp_spawn(read_and_branch, NULL);
    qp_await(qp_sleep_ms(1));
}

/* Main ends while others could go on. */
static void ends_early(void *arg)
{
    static int starts[] = {0, 1};
    int i;
    (void)arg;
    for (i = 0; i < 2; i++)
        qp_spawn(touch_in_turn, &starts[i]);
    qp_await(qp_yield());
}

/* And while they could go on, or have gone on to their end without being waited for. */
static void ends_unjoined(void *arg)
{
    (void)arg;
    qp_spawn(add_one, qp_semaphore_create("semaphore", 0));
    qp_await(qp_yield());
}

/* ---- searching ---- */

struct counts {
    uint64_t executions, classes, redundant, blocked;
};

static struct qp_sim_config configuration(struct qp_dpor *dpor)
{
    struct qp_sim_config config = {.strategy = &dpor->strategy,
                                   .event = qp_dpor_event,
                                   .event_context = dpor,
                                   .touch = qp_dpor_touch,
                                   .woken_again = qp_dpor_woken_again,
                                   .touch_context = dpor,
                                   .aborts_only = true};
    return config;
}

static void execute(struct qp_sim *sim, const struct qp_sim_config *config, qp_async_fn program)
{
    static struct qp_sim_result result;
    qp_sim_run(sim, config, program, NULL, &result);
    assert_true(result.outcome == QP_OK || (result.outcome == QP_CANCELLED && config->faults));
    assert_int_equal(result.leaked, 0);
}

/*
 * Every schedule with the `at`-th way to cancel a task taken (0: none): one for each class or, without any reduction,
 * all. `ways` gets the most ways to cancel that task that there were in one execution, where it is not NULL.
 */
static struct counts explore(qp_async_fn program, bool all, uint64_t task, uint64_t at, uint64_t *ways)
{
    struct qp_enumerate_strategy every;
    struct qp_cancel_strategy cancel;
    struct qp_task_values made = {0};
    struct qp_dpor dpor;
    struct qp_sim sim;
    struct qp_sim_config config = configuration(&dpor);
    struct counts counts;
    qp_enumerate_strategy_init(&every);
    qp_dpor_init(&dpor);
    qp_sim_init(&sim);
    dpor.inner = all ? &every.strategy : NULL;
    qp_cancel_strategy_init(&cancel, &dpor.strategy, at);
    cancel.of_tasks = &made;
    cancel.task = task;
    if (at || ways) {
        config.strategy = &cancel.strategy;
        config.faults = 1u << QP_CHOICE_CANCEL;
    }
    do {
        execute(&sim, &config, program);
        if (ways && *qp_task_value(&made, task) > *ways)
            *ways = *qp_task_value(&made, task);
    } while (qp_dpor_next(&dpor) && (!all || qp_enumerate_next(&every)));
    assert_false(dpor.failed);
    counts = (struct counts){dpor.executions, dpor.class_count, dpor.redundant, dpor.blocked};
    qp_sim_end(&sim);
    qp_dpor_end(&dpor);
    qp_enumerate_strategy_end(&every);
    free(made.values);
    return counts;
}

static void all_classes(void **state)
{
    static const struct {
        const char *name;
        qp_async_fn program;
    } programs[] = {
        {"producers and a consumer", producers_and_consumer},
        {"two who lock", lockers},
        {"three who touch", touchers},
        {"an abort", aborted},
        {"timers", timers},
        {"draws", drawers},
        {"branches", branchers},
        {"an early end", ends_early},
        {"an end that nobody waits for", ends_unjoined},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof programs / sizeof *programs; i++) {
        struct counts all = explore(programs[i].program, true, 0, 0, NULL),
                      found = explore(programs[i].program, false, 0, 0, NULL);
        printf("%-29s %8llu schedules, %6llu classes; searched by %6llu executions, %llu redundant, %llu blocked\n",
               programs[i].name, (unsigned long long)all.executions, (unsigned long long)all.classes,
               (unsigned long long)found.executions, (unsigned long long)found.redundant,
               (unsigned long long)found.blocked);
        if (found.classes != all.classes)
            fail_msg("%s: %llu classes were found, of %llu", programs[i].name, (unsigned long long)found.classes,
                     (unsigned long long)all.classes);
    }
}

/* A cancellation belongs to its task, whatever the others did before: no class is missed with any of them either. */
static void all_classes_of_each_cancellation(void **state)
{
    static const qp_async_fn programs[] = {lockers, aborted, touchers};
    uint64_t executions = 0, cancellations = 0;
    (void)state;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        for (uint64_t task = 1; task <= 4; task++) {
            uint64_t ways = 0;
            explore(programs[i], false, task, 0, &ways);
            for (uint64_t at = 1; at <= ways; at++, cancellations++) {
                struct counts all = explore(programs[i], true, task, at, NULL);
                struct counts found = explore(programs[i], false, task, at, NULL);
                assert_int_equal(found.classes, all.classes);
                assert_int_equal(found.redundant, 0);
                assert_int_equal(found.blocked, 0);
                executions += found.executions;
            }
        }
    }
    printf("%llu cancellations, %llu executions\n", (unsigned long long)cancellations, (unsigned long long)executions);
    assert_true(cancellations > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_classes),
        cmocka_unit_test(all_classes_of_each_cancellation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
