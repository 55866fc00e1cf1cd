/*
 * `quipu run`: scenarios under seeds, a line for each.
 *
 * A scenario is run without a record until a seed fails; that one is run again with one. On the real clock nothing
 * happens twice, so there it is recorded as it runs. Its trace goes where --trace
 * says, or into the folder of --out; with --out a scenario that never failed leaves the trace of its first seed.
 */
#include "tools/ambient.h"
#include "tools/command.h"
#include "tools/execute.h"
#include "tools/selection.h"
#include "tools/shard.h"
#include "traces/print.h"
#include <inttypes.h>
#include <quipu/real.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 1024, PROGRESS_EVERY = 256 };

struct runner {
    struct shard shard;
    const struct arguments *arguments;
    struct qp_sim sim;
    struct qp_recorder *recorder; /* made when it is first needed */
    struct qp_checker *checker;   /* NULL with --no-check */
    struct qp_sim_result result;
    bool progress;    /* standard error is a terminal */
    uint64_t moments; /* at which the last execution could have been cancelled */
    size_t scenarios, failed, runs;
    int status;
    char example[PATH_SIZE]; /* a trace to show the replay of */
};

/* ---- one execution ---- */

/* Which one: the seed, and the moment of the one cancellation, 0 where there is none. */
struct which {
    uint64_t seed, cancel;
};

/* Whether moments are counted: the choices of such an execution are others. */
static bool cancelling(const struct runner *self)
{
    return self->arguments->cancel_each || self->arguments->cancel;
}

/* On the real clock: first come, first served, and time is what it is. */
static void execute_real(void *context, qp_async_fn function, void *arg, struct qp_sim_result *result)
{
    const struct qp_sim_config *config = context;
    struct qp_real_options options = {.event = config->event,
                                      .event_context = config->event_context,
                                      .steps = &result->steps,
                                      .blocking_takes_time = true};
    memset(result, 0, offsetof(struct qp_sim_result, report));
    result->outcome = qp_real_run(function, arg, &options, result->report, sizeof result->report);
}

static bool execute(struct runner *self, struct qp_scenario_run *run, struct which which, struct qp_recorder *recorder)
{
    struct any_strategy strategy;
    struct qp_sim_config config = {.seed = which.seed};
    struct qp_watch watch = {.recorder = recorder, .checker = self->checker};
    bool kept;
    run->real = self->arguments->real;
    if (run->real)
        return qp_execute_watched_by(run, &config, &watch, &self->result, execute_real, &config);
    if (cancelling(self))
        any_strategy_init_cancelling(&strategy, which.cancel);
    else
        any_strategy_init(&strategy, NULL, 0);
    config.strategy = strategy.chosen;
    config.faults = cancelling(self) ? 1u << QP_CHOICE_CANCEL : 0;
    kept = qp_execute_watched(&self->sim, run, &config, &watch, &self->result);
    self->moments = cancelling(self) ? strategy.cancel.moments : 0;
    return kept;
}

static bool keeps_traces(const struct runner *self)
{
    return self->arguments->trace || self->arguments->out;
}

static bool make_recorder(struct runner *self)
{
    if (self->recorder || (self->recorder = qp_recorder_create(0)))
        return true;
    complain("out of memory");
    return false;
}

/* Runs once more with a record, where it was not recorded at once, and writes it. */
static bool record(struct runner *self, struct qp_scenario_run *run, struct which which, const char *path)
{
    struct qp_trace_param params[QP_TRACE_PARAMS_MOST];
    struct qp_trace_meta meta;
    size_t count = effective_params(run, params);
    if (!make_recorder(self))
        return false;
    if (!run->real)
        execute(self, run, which, self->recorder);
    meta = trace_meta(run, which.seed,
                      self->arguments->real ? "real"
                      : cancelling(self)    ? "cancel"
                                            : "random",
                      params, count, cancelling(self) ? 1u << QP_CHOICE_CANCEL : 0, &self->result);
    return write_trace(path, &meta, self->recorder, &self->result);
}

/* ---- where traces go ---- */

static bool trace_path(const struct runner *self, const struct qp_scenario *scenario, struct which which,
                       char path[PATH_SIZE])
{
    const struct arguments *arguments = self->arguments;
    int length;
    if (arguments->trace)
        length = snprintf(path, PATH_SIZE, "%s", arguments->trace);
    else if (which.cancel)
        length = snprintf(path, PATH_SIZE, "%s/%s-%" PRIu64 "-%" PRIu64 ".jsonl", arguments->out, scenario->name,
                          which.seed, which.cancel);
    else
        length = snprintf(path, PATH_SIZE, "%s/%s-%" PRIu64 ".jsonl", arguments->out, scenario->name, which.seed);
    if (length > 0 && length < PATH_SIZE)
        return true;
    complain("the path of the trace is longer than %d bytes", PATH_SIZE - 1);
    return false;
}

static void keep_trace(struct runner *self, struct qp_scenario_run *run, struct which which, bool failed)
{
    char path[PATH_SIZE];
    if (!keeps_traces(self))
        return;
    if (!trace_path(self, run->scenario, which, path) || !record(self, run, which, path)) {
        self->status = EXIT_BAD_INPUT;
        return;
    }
    if (failed || !self->example[0])
        memcpy(self->example, path, sizeof path);
}

/* ---- one scenario ---- */

static void show_progress(const struct runner *self, const struct qp_scenario *scenario, uint64_t seed)
{
    if (self->progress && seed % PROGRESS_EVERY == 0)
        fprintf(stderr, "\r\033[K%s: seed %" PRIu64 " of %" PRIu64 "..%" PRIu64, scenario->name, seed,
                self->arguments->first_seed, self->arguments->last_seed);
}

static void hide_progress(const struct runner *self)
{
    if (self->progress)
        fputs("\r\033[K", stderr);
}

static void print_again(const struct runner *self, const struct qp_scenario_run *run, struct which which)
{
    size_t i;
    printf("    again: %s run %s --seed %" PRIu64, self->arguments->program, run->scenario->name, which.seed);
    if (which.cancel)
        printf(" --cancel %" PRIu64, which.cancel);
    for (i = 0; i < run->param_count; i++)
        printf(" --param %s=%" PRId64, run->params[i].name, run->params[i].value);
    puts(ambient_option());
}

/* What is known of a scenario after its runs. */
struct tally {
    uint64_t runs;
    double seconds; /* virtual */
    bool kept;
    struct which failed; /* where it was not kept */
};

static void count(struct runner *self, struct qp_scenario_run *run, struct which which, struct tally *tally)
{
    tally->kept = execute(self, run, which, self->arguments->real ? self->recorder : NULL);
    tally->runs++;
    tally->seconds += (double)self->result.time_ns / 1e9;
    tally->failed = which;
    if (self->arguments->every)
        keep_trace(self, run, which, !tally->kept);
}

/* One seed: undisturbed, and then, where that is asked for, with a cancellation at each moment in turn. */
static void run_seed(struct runner *self, struct qp_scenario_run *run, uint64_t seed, struct tally *tally)
{
    uint64_t moments, at;
    count(self, run, (struct which){seed, self->arguments->cancel}, tally);
    moments = self->arguments->cancel_each ? self->moments : 0;
    for (at = 1; at <= moments && tally->kept; at++)
        count(self, run, (struct which){seed, at}, tally);
}

static void print_tally(const struct runner *self, const struct qp_scenario_run *run, const struct tally *tally)
{
    if (!self->arguments->quiet || !tally->kept)
        printf("%-38s %6" PRIu64 " runs %14.3f s virtual  %s\n", run->scenario->name, tally->runs, tally->seconds,
               tally->kept ? "ok" : "FAILED");
    if (tally->kept)
        return;
    printf("    seed %" PRIu64 " ended as %s\n", tally->failed.seed, qp_status_name(self->result.outcome));
    if (self->checker)
        print_violations(self->checker);
    tell_lines(stdout, self->result.report);
    print_again(self, run, tally->failed);
}

static void run_scenario(struct runner *self, struct qp_scenario_run *run)
{
    const struct arguments *arguments = self->arguments;
    struct tally tally = {.kept = true};
    uint64_t left = arguments->last_seed - arguments->first_seed, each = self->shard.count, seed;
    for (uint64_t at = self->shard.index; at <= left && tally.kept; at += each) {
        seed = arguments->first_seed + at;
        show_progress(self, run->scenario, seed);
        run_seed(self, run, seed, &tally);
        if (left - at < each)
            break;
    }
    hide_progress(self);
    print_tally(self, run, &tally);
    if (!arguments->every)
        keep_trace(self, run, tally.kept ? (struct which){arguments->first_seed, arguments->cancel} : tally.failed,
                   !tally.kept);
    self->failed += !tally.kept;
    self->scenarios++;
    self->runs += tally.runs;
}

/* ---- which ones, with what parameters ---- */

static bool parse_cancel(struct arguments *arguments)
{
    const char *value = arguments->cancel_text;
    arguments->cancel_each = value && strcmp(value, "each") == 0;
    if (!value || arguments->cancel_each || (parse_unsigned(value, &arguments->cancel) && arguments->cancel))
        return true;
    complain("--cancel takes 'each', or the number of a moment, from 1, not '%s'", value);
    return false;
}

static bool make_sense(struct arguments *arguments)
{
    if (arguments->real && (arguments->cancel_text || arguments->has_seeds)) {
        complain("--real runs on the real clock, which has no seeds and no injected cancellations");
        return false;
    }
    if (!selection_makes_sense(arguments, "run") || !parse_cancel(arguments))
        return false;
    if (arguments->trace && (arguments->name_count != 1 || arguments->out)) {
        complain("--trace takes one scenario, and no --out; --out takes a folder for the traces of many");
        return false;
    }
    if (arguments->every && !arguments->out) {
        complain("--every takes --out, a folder for the traces");
        return false;
    }
    return !arguments->out || make_folder(arguments->out);
}

/* Only ranges are shared out: who names one seed wants that one. */
static bool find_shard(struct runner *self)
{
    self->shard = (struct shard){0, 1};
    if (self->arguments->first_seed == self->arguments->last_seed && !self->arguments->shard)
        return true;
    return shard_find(self->arguments, &self->shard);
}

static void run_selected(struct runner *self)
{
    struct qp_param_value params[MOST_PARAMS];
    struct qp_scenario_run run;
    size_t i;
    for (i = 0; selection_at(self->arguments, i, &run, params); i++) {
        run_scenario(self, &run);
        fflush(stdout);
    }
}

static int run(struct arguments *arguments)
{
    struct runner *self;
    int status;
    if (!make_sense(arguments))
        return EXIT_BAD_INPUT;
    self = calloc(1, sizeof *self);
    if (!self)
        return complain("out of memory");
    self->arguments = arguments;
    if (!find_shard(self)) {
        free(self);
        return EXIT_BAD_INPUT;
    }
    self->checker = arguments->no_check ? NULL : qp_checker_create();
    if (!self->checker && !arguments->no_check) {
        free(self);
        return complain("out of memory");
    }
    if (arguments->real && keeps_traces(self) && !make_recorder(self)) {
        qp_checker_destroy(self->checker);
        free(self);
        return EXIT_BAD_INPUT;
    }
    self->progress = isatty(STDERR_FILENO) && !arguments->quiet;
    qp_sim_init(&self->sim);
    run_selected(self);
    printf("%zu scenarios, %zu runs, %zu failed\n", self->scenarios, self->runs, self->failed);
    if (self->example[0])
        printf("replay one with: %s replay %s\n", arguments->program, self->example);
    status = self->status ? self->status : self->failed ? EXIT_FAILED : EXIT_FINE;
    qp_sim_end(&self->sim);
    qp_recorder_destroy(self->recorder);
    qp_checker_destroy(self->checker);
    free(self);
    return status;
}

const struct command run_command = {
    "run",
    "NAME...|--all [--seed N|--seeds A..B] [--cancel each|K] [--param NAME=VALUE] [--trace FILE|--out DIR [--every]] "
    "[--shard I/N] [--ambient MODE] [--real] [--no-check] [--quiet]",
    " --all --seed --seeds --cancel:each|K --param --trace --out --every --shard --ambient:catch|virtual|allow --real "
    "--no-check --quiet ",
    "Runs scenarios on a virtual clock, each under one seed or a range of them, and prints a line for each: how often\n"
    "it ran, how much virtual time that was, and the result. A scenario stops at the first seed that fails.\n\n"
    "  --all             every scenario of this program\n"
    "  --seed N          one seed; 0 where none is given\n"
    "  --seeds A..B      each seed from A to B\n"
    "  --cancel each     runs each seed again and again, with a cancellation at each await in turn: before its first\n"
    "                    poll, while it waits, and between its wake-up and its poll; each execution must then give "
    "back\n"
    "                    what it holds, but need not keep the scenario's own assertions\n"
    "  --cancel K        one execution, cancelled at the K-th of these moments\n"
    "  --param NAME=VALUE  sets an integer parameter that the scenario declares; may be repeated\n"
    "  --trace FILE      writes the trace of the seed that failed, or of the first\n"
    "  --out DIR         the same for several scenarios, as DIR/NAME-SEED.jsonl\n"
    "  --every           with --out: writes the trace of every seed\n"
    "  --shard I/N       of a range the seeds of the I-th of N machines; otherwise read from what GitLab, Buildkite,\n"
    "                    CircleCI, Slurm arrays and Kubernetes indexed jobs (with QUIPU_SHARDS) set\n"
    "  --ambient MODE    what a program gets that asks for the real clock, real sleep or entropy: catch, the run ends "
    "with\n"
    "                    what to use instead; virtual, it is served from the simulation; allow, it is real\n"
    "  --real            once, on the real clock; what only virtual time decides is not asserted ('list' says what)\n"
    "  --no-check        does not hold what happens against the contracts of the surface; runs faster\n"
    "  --quiet           prints only what failed, and the sums\n",
    run};
