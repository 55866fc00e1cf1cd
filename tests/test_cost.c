/*
 * The cost of a step does not grow with the work: not with the number of steps, by any strategy, and not with the
 * number of tasks by more than what the memory of so many stacks costs, which the random strategy shows, for it looks
 * at no task but the one that it takes. Times are the processor's, the least of a few, and the bounds are wide: what is
 * found is what grows with the square.
 */
#include "sim/sim.h"
#include "support.h"
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum { TASKS = 10000, STEPS = 1000000, ATTEMPTS = 3 };

struct work {
    uint64_t tasks, rounds;
};

static void yields(void *arg)
{
    for (uint64_t i = *(const uint64_t *)arg; i > 0; i--)
        qp_await(qp_yield());
}

static void crowd(void *arg)
{
    struct work *work = arg;
    static struct qp_handle tasks[TASKS];
    for (uint64_t i = 0; i < work->tasks; i++)
        tasks[i] = qp_spawn(yields, &work->rounds);
    for (uint64_t i = 0; i < work->tasks; i++)
        qp_await(qp_join(&tasks[i], NULL));
}

static double cpu_ns(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Nanoseconds a step, of at least so many steps. */
static double once(struct qp_strategy *strategy, struct work *work, uint64_t least)
{
    static struct qp_sim_result result;
    struct qp_sim_config config = {.strategy = strategy, .most_steps = UINT64_MAX};
    struct qp_sim sim;
    uint64_t steps = 0;
    double start;
    qp_sim_init(&sim);
    qp_sim_run(&sim, &config, crowd, work, &result);
    start = cpu_ns();
    while (steps < least) {
        config.seed++;
        qp_sim_run(&sim, &config, crowd, work, &result);
        assert_int_equal(result.outcome, QP_OK);
        steps += result.steps;
    }
    start = cpu_ns() - start;
    qp_sim_end(&sim);
    return start / (double)steps;
}

static double cost(struct qp_strategy *strategy, struct work work, uint64_t steps)
{
    double least = once(strategy, &work, steps);
    for (int i = 1; i < ATTEMPTS; i++) {
        double ns = once(strategy, &work, steps);
        least = ns < least ? ns : least;
    }
    return least;
}

static void test_cost_of_a_step(void **state)
{
    static struct qp_random_strategy random;
    static struct qp_pct_strategy pct;
    static struct qp_pos_strategy pos;
    static struct qp_surw_strategy surw;
    struct qp_strategy *all[] = {&random.strategy, &pct.strategy, &pos.strategy, &surw.strategy};
    double crowded = 0;
    (void)state;
    qp_random_strategy_init(&random);
    qp_pct_strategy_init(&pct, 3);
    qp_pos_strategy_init(&pos);
    qp_surw_strategy_init(&surw);
    printf("%-10s %14s %20s %16s\n", "ns a step", "100 steps", "1,000,000 steps", "10,000 tasks");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        double small = cost(all[i], (struct work){10, 10}, STEPS / 10);
        double lengthy = cost(all[i], (struct work){10, STEPS / 10}, STEPS);
        double many = cost(all[i], (struct work){TASKS, 3}, 1);
        printf("%-10s %14.1f %20.1f %16.1f\n", all[i]->ops->name, small, lengthy, many);
        crowded = i == 0 ? many : crowded;
        assert_true(lengthy < 2.5 * small);
        assert_true(many < 5 * crowded);
    }
    qp_pct_strategy_end(&pct);
    qp_pos_strategy_end(&pos);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cost_of_a_step)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
