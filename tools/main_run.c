/*
 * QP_MAIN: a program whose main is an async function, on the real clock, simulated from QUIPU_SEED, or again from
 * QUIPU_REPLAY.
 *
 * Environment variables: QUIPU_SEED=<number> runs it simulated with that seed; QUIPU_TRACE=<file> writes the trace;
 * QUIPU_AMBIENT=virtual|allow serves or lets through what a simulated one asks of the real clock, sleep or entropy;
 * QUIPU_REPLAY=<file> runs it by the choices of a trace that it wrote, and says whether it went the same way.
 */
#include "tools/ambient.h"
#include "tools/command.h"
#include "tools/execute.h"
#include "traces/compare.h"
#include "traces/reader.h"
#include <quipu/main.h>
#include <quipu/real.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct program {
    qp_main_fn function;
    int argc;
    char **argv;
    int status;
};

static void body(void *arg)
{
    struct program *program = arg;
    program->status = program->function(program->argc, program->argv);
}

/* The last part of a path: a trace should not depend on where the program lies. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool keep_trace(const struct program *program, const char *path, uint64_t seed, const char *strategy,
                       const struct qp_recorder *recorder, const struct qp_sim_result *result)
{
    struct qp_trace_meta meta = trace_meta(NULL, seed, strategy, NULL, 0, 0, result);
    meta.main = base_name(program->argc > 0 ? program->argv[0] : "main");
    return write_trace(path, &meta, recorder, result);
}

/* Holds the events against those of the trace that was replayed. */
static int compare(const char *path, const struct qp_trace *trace, const struct qp_recorder *recorder)
{
    struct qp_events recorded = qp_trace_events(trace), replayed = qp_recorder_events(recorder);
    size_t first = qp_events_compare(&recorded, &replayed);
    char text[1024];
    const struct qp_event *event;
    if (first == QP_EVENTS_SAME)
        return EXIT_FINE;
    complain("the replay of %s diverged at event %zu", path, first + 1);
    event = qp_events_at(&recorded, first);
    qp_event_print(event ? event : qp_events_at(&replayed, first), text, sizeof text);
    fprintf(stderr, "  %s: %s\n", event ? "recorded" : "replayed, where nothing more was recorded", text);
    return EXIT_DIVERGED;
}

static int verdict(const struct program *program, const struct qp_sim_result *result)
{
    if (result->outcome != QP_OK) {
        fprintf(stderr, "quipu: %s\n", result->report);
        return EXIT_FAILED;
    }
    if (result->leaked) {
        fprintf(stderr, "quipu: %zu bytes were not given back\n", result->leaked);
        return EXIT_FAILED;
    }
    return program->status;
}

/* Runs it simulated; `trace` is what it is to repeat, or NULL. */
static int run_simulated(struct program *program, uint64_t seed, const struct qp_trace *trace, const char *trace_path)
{
    static const uint32_t none;
    const char *path = getenv("QUIPU_TRACE");
    struct any_strategy strategy;
    struct qp_sim_config config = {.seed = seed};
    struct qp_sim_result *result = malloc(sizeof *result);
    struct qp_recorder *recorder = path || trace ? qp_recorder_create(0) : NULL;
    struct qp_sim sim;
    int status;
    if (!result || ((path || trace) && !recorder)) {
        free(result);
        qp_recorder_destroy(recorder);
        return complain("out of memory");
    }
    any_strategy_init(&strategy,
                      !trace                ? NULL
                      : trace->meta.choices ? trace->meta.choices
                                            : &none,
                      trace ? trace->meta.choice_count : 0);
    config.strategy = strategy.chosen;
    config.event = recorder ? qp_recorder_event : NULL;
    config.event_context = recorder;
    qp_sim_init(&sim);
    qp_sim_run(&sim, &config, body, program, result);
    status = trace ? compare(trace_path, trace, recorder) : EXIT_FINE;
    if (path && !keep_trace(program, path, seed, strategy.chosen->ops->name, recorder, result))
        status = EXIT_BAD_INPUT;
    if (status == EXIT_FINE)
        status = verdict(program, result);
    qp_sim_end(&sim);
    qp_recorder_destroy(recorder);
    free(result);
    return status;
}

static int run_again(struct program *program, const char *path)
{
    struct qp_trace trace = {0};
    char error[512];
    int status;
    if (!qp_trace_load(&trace, path, error, sizeof error))
        return complain("%s", error);
    if (!trace.meta.main)
        status = complain("%s was recorded by a scenario, not by a program", path);
    else
        status = run_simulated(program, trace.meta.seed, &trace, path);
    qp_trace_free(&trace);
    return status;
}

/* SIGUSR1, if nobody has a use for it. */
static int listing_signal(void)
{
    struct sigaction before;
    return sigaction(SIGUSR1, NULL, &before) == 0 && before.sa_handler == SIG_DFL ? SIGUSR1 : 0;
}

/* On the real clock. With QUIPU_TRACE what it did is written when it has ended. */
static int run_real(struct program *program)
{
    const char *path = getenv("QUIPU_TRACE");
    struct qp_sim_result *result = calloc(1, sizeof *result);
    struct qp_recorder *recorder = path ? qp_recorder_create(0) : NULL;
    struct qp_real_options options = {.event = recorder ? qp_recorder_event : NULL,
                                      .event_context = recorder,
                                      .stop_on_signals = true,
                                      .list_on_signal = listing_signal()};
    int status = EXIT_FINE, stopped_by = 0;
    if (!result || (path && !recorder)) {
        free(result);
        return complain("out of memory");
    }
    options.steps = &result->steps;
    options.stopped_by = &stopped_by;
    result->outcome = qp_real_run(body, program, &options, result->report, sizeof result->report);
    if (path && !keep_trace(program, path, 0, "real", recorder, result))
        status = EXIT_BAD_INPUT;
    if (status == EXIT_FINE)
        status = result->outcome == QP_CANCELLED && stopped_by ? 128 + stopped_by : verdict(program, result);
    qp_recorder_destroy(recorder);
    free(result);
    return status;
}

int qp_main_run(qp_main_fn function, int argc, char **argv)
{
    struct program program = {function, argc, argv, 0};
    const char *seed_text = getenv("QUIPU_SEED"), *replay = getenv("QUIPU_REPLAY");
    const char *ambient = getenv("QUIPU_AMBIENT");
    uint64_t seed;
    if (ambient && *ambient && !ambient_set(ambient))
        return EXIT_BAD_INPUT;
    if (replay && *replay)
        return run_again(&program, replay);
    if (!seed_text || !*seed_text)
        return run_real(&program);
    if (!parse_unsigned(seed_text, &seed))
        return complain("QUIPU_SEED is to be a whole number from 0 to 18446744073709551615, not '%s'", seed_text);
    return run_simulated(&program, seed, NULL, NULL);
}
