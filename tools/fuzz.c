/* Executions whose choices are a fuzzer's bytes: see quipu/fuzz.h. State: what one process uses again and again. */
#include "sim/watch.h"
#include "tools/failure.h"
#include <quipu/fuzz.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    bool begun;
    struct qp_sim sim;
    struct qp_sim_result result;
    struct qp_checker *checker;
} fuzzer;

static void stop(const char *sentence)
{
    fprintf(stderr, "quipu: %s\n", sentence);
    abort();
}

static void begin(void)
{
    if (fuzzer.begun)
        return;
    fuzzer.checker = qp_checker_create();
    if (!fuzzer.checker)
        stop("out of memory");
    qp_sim_init(&fuzzer.sim);
    fuzzer.begun = true;
}

/* The execution failed: makes it small, tells of it, and ends the process. */
static void tell(const struct qp_scenario_run *run)
{
    struct failure failure = {.program = "quipu",
                              .run = run,
                              .sim = &fuzzer.sim,
                              .checker = fuzzer.checker,
                              .choices = fuzzer.result.choices,
                              .choice_count = fuzzer.result.choice_count,
                              .most = 10000,
                              .key = qp_failure_key(&fuzzer.result, fuzzer.checker)};
    uint32_t *choices = calloc(failure.choice_count + 1, sizeof *choices);
    for (size_t i = 0; choices && i < failure.choice_count; i++)
        choices[i] = fuzzer.result.choices[i];
    failure.choices = choices;
    fprintf(stderr, "quipu: scenario %s failed\n", run->scenario->name);
    if (choices)
        tell_failure(stderr, &failure);
    abort();
}

void quipu_fuzz(const char *scenario, const uint8_t *data, size_t size)
{
    struct qp_scenario_run run = {.scenario = qp_scenario_find(scenario)};
    struct qp_bytes_strategy bytes;
    struct qp_sim_config config = {.strategy = &bytes.strategy};
    struct qp_watch watch = {0};
    if (!run.scenario)
        stop("there is no scenario of that name");
    begin();
    qp_bytes_strategy_init(&bytes, data, size);
    watch.checker = fuzzer.checker;
    if (!qp_execute_watched(&fuzzer.sim, &run, &config, &watch, &fuzzer.result))
        tell(&run);
}
