/* See support.h. State: one simulated environment for all runs of the program, and the last result. */
#include "support.h"
#include <stdio.h>
#include <string.h>

static struct qp_sim sim;
static struct qp_sim_result result;

static void run(struct qp_sim_config *config, qp_async_fn function, void *arg)
{
    qp_sim_run(&sim, config, function, arg, &result);
}

const struct qp_sim_result *run_seed(qp_async_fn function, void *arg, uint64_t seed)
{
    struct qp_random_strategy random;
    struct qp_sim_config config = {.seed = seed, .strategy = &random.strategy};
    qp_random_strategy_init(&random);
    run(&config, function, arg);
    return &result;
}

static void must_be_well(const char *what, uint64_t number)
{
    if (result.outcome != QP_OK || result.leaked)
        fail_msg("%s %llu ended as %s: %s (%zu bytes leaked)", what, (unsigned long long)number,
                 qp_status_name(result.outcome), result.report, result.leaked);
}

void run_seeds(qp_async_fn function, void *arg, uint64_t count)
{
    uint64_t seed;
    for (seed = 0; seed < count; seed++) {
        run_seed(function, arg, seed);
        must_be_well("seed", seed);
    }
}

uint64_t run_every_schedule(qp_async_fn function, void *arg, uint64_t most)
{
    struct qp_enumerate_strategy every;
    struct qp_sim_config config = {.strategy = &every.strategy};
    uint64_t count = 0;
    qp_enumerate_strategy_init(&every);
    do {
        if (++count > most)
            fail_msg("more than %llu schedules", (unsigned long long)most);
        run(&config, function, arg);
        must_be_well("schedule", count);
    } while (qp_enumerate_next(&every));
    assert_false(every.overflowed);
    qp_enumerate_strategy_end(&every);
    return count;
}

void run_failing_allocations(qp_async_fn function, void *arg)
{
    struct qp_random_strategy random;
    struct qp_sim_config config = {.strategy = &random.strategy};
    qp_random_strategy_init(&random);
    do {
        config.failing_allocation++;
        run(&config, function, arg);
        if ((result.outcome != QP_OK && result.outcome != QP_NOMEM) || result.leaked)
            fail_msg("with allocation %llu failing it ended as %s: %s (%zu bytes leaked)",
                     (unsigned long long)config.failing_allocation, qp_status_name(result.outcome), result.report,
                     result.leaked);
    } while (result.allocations >= config.failing_allocation);
    assert_true(config.failing_allocation > 1);
}

void run_expecting(qp_async_fn function, void *arg, enum qp_status outcome, const char *text)
{
    uint64_t seed;
    for (seed = 0; seed < 20; seed++) {
        run_seed(function, arg, seed);
        if (result.outcome != outcome || !strstr(result.report, text))
            fail_msg("seed %llu ended as %s: %s; expected %s with \"%s\"", (unsigned long long)seed,
                     qp_status_name(result.outcome), result.report, qp_status_name(outcome), text);
    }
}

static void count_wake(struct qp_waker *waker)
{
    ((struct counting_waker *)waker)->wakes++;
}

static struct qp_waker *clone_waker(struct qp_waker *waker)
{
    return waker;
}

static void drop_waker(struct qp_waker *waker)
{
    (void)waker;
}

void counting_waker_init(struct counting_waker *self)
{
    static const struct qp_waker_ops ops = {count_wake, clone_waker, drop_waker};
    self->waker.ops = &ops;
    self->wakes = 0;
}
