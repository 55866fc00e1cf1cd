/*
 * qp_explore: exploring in this process, for tests of other frameworks. See quipu/explore.h.
 *
 * A function is explored as a scenario that is not registered, whose body calls it. State: which function that is, on
 * this thread; NULL outside qp_explore.
 */
#include "sim/strategy.h"
#include "tools/command.h"
#include "tools/failure.h"
#include "tools/selection.h"
#include "traces/compare.h"
#include "traces/reader.h"
#include <ctype.h>
#include <inttypes.h>
#include <quipu/explore.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL_RUNS = 1000, USUAL_EXHAUSTIVE = 100000, USUAL_DEPTH = 3, MOST_SHRINKING = 20000, PATH_SIZE = 4096 };

static const char *const USUAL_FOLDER = "quipu-out", *const USUAL_STRATEGY = "portfolio";

struct subject {
    qp_async_fn function;
    void *arg;
};
static _Thread_local const struct subject *subject;

struct work {
    const struct qp_exploration *how;
    struct qp_explored *explored;
    FILE *report; /* becomes explored->report */
    struct qp_scenario scenario;
    struct qp_scenario_run run;
    struct qp_explorer explorer;
    struct qp_explore_tally tally;
};

static void body(void)
{
    subject->function(subject->arg);
}

static const char *strategy_of(const struct work *self)
{
    return self->how->strategy ? self->how->strategy : USUAL_STRATEGY;
}

static bool is_exhaustive(const struct work *self)
{
    return strcmp(strategy_of(self), "exhaustive") == 0;
}

/* ---- a failure ---- */

/* Where the trace goes: an absolute path, for tests run in folders of their own, unless that is too long. */
static const char *trace_path(const struct work *self, char path[PATH_SIZE])
{
    const char *folder = self->how->folder ? self->how->folder : USUAL_FOLDER;
    const size_t most = sizeof((struct failure *)0)->path;
    char name[128];
    char *absolute;
    size_t i;
    if (!make_folder(folder))
        return NULL;
    snprintf(name, sizeof name, "%s", self->scenario.name);
    for (i = 0; name[i]; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '-')
            name[i] = '_';
    absolute = realpath(folder, NULL);
    if (absolute && strlen(absolute) + strlen(name) + sizeof "/.jsonl" <= most)
        folder = absolute;
    snprintf(path, PATH_SIZE, "%s/%s.jsonl", folder, name);
    free(absolute);
    return path;
}

/* Makes small what the explorer's last result failed by, within `most` executions, and tells of it. */
static void tell(struct work *self, const char *trace, uint64_t most)
{
    struct qp_explorer *explorer = &self->explorer;
    const struct qp_violation *violation;
    size_t count = explorer->result.choice_count;
    uint32_t *choices = malloc((count + 1) * sizeof *choices);
    struct failure failure = {.again = "with QUIPU_REPLAY=",
                              .run = &self->run,
                              .sim = &explorer->sim,
                              .checker = explorer->checker,
                              .faults = explorer->faults,
                              .seed = self->how->seed,
                              .choices = choices,
                              .choice_count = count,
                              .most = most,
                              .trace = trace,
                              .key = qp_failure_key(&explorer->result, explorer->checker)};
    self->explored->ended = explorer->result.outcome;
    if (choices && explorer->result.choices)
        memcpy(choices, explorer->result.choices, count * sizeof *choices);
    if (choices)
        tell_failure(self->report, &failure);
    else
        fprintf(self->report, "    there was no memory to make it small\n");
    violation = explorer->checker ? qp_checker_at(explorer->checker, 0) : NULL;
    if (violation) {
        self->explored->rule = violation->rule->identifier;
        self->explored->sentence = violation->rule->sentence;
    }
    if (failure.path[0])
        self->explored->trace = strdup(failure.path);
    free(choices);
}

/* ---- exploring ---- */

/* The cases, in the blocks in which the command takes them. False: one failed. */
static bool explore_cases(struct work *self)
{
    uint64_t runs = self->how->runs ? self->how->runs : USUAL_RUNS, number;
    double end = self->how->seconds ? seconds_now() + (double)self->how->seconds : 1e300;
    for (number = 0; number < runs && seconds_now() < end; number++) {
        if (number % QP_EXPLORE_BLOCK == 0)
            qp_explorer_begin_block(&self->explorer);
        if (!qp_explorer_case(&self->explorer, number, &self->tally))
            return false;
    }
    return true;
}

static bool explore_every(struct work *self)
{
    bool failed;
    uint64_t most = self->how->runs ? self->how->runs : USUAL_EXHAUSTIVE;
    self->explored->complete = qp_explorer_every(&self->explorer, most, &self->tally, &failed);
    return !failed;
}

static enum qp_status explore(struct work *self)
{
    struct qp_explored *explored = self->explored;
    char path[PATH_SIZE];
    bool held = is_exhaustive(self) ? explore_every(self) : explore_cases(self);
    explored->executions = self->tally.executions;
    explored->steps = self->tally.steps;
    fprintf(self->report, "%s: %s in %" PRIu64 " executions%s\n", self->scenario.name, held ? "held" : "FAILED",
            explored->executions, explored->complete ? ", which are all there are" : "");
    if (held)
        return QP_OK;
    explored->number = self->explorer.failed.number;
    fprintf(self->report, "    found in case %" PRIu64 " (strategy %s, seed %" PRIu64 ")\n", explored->number,
            strategy_of(self), self->how->seed);
    tell(self, trace_path(self, path), MOST_SHRINKING);
    return QP_FAILED;
}

/* ---- once more ---- */

static void tell_of_divergence(const struct work *self, const struct qp_trace *trace,
                               const struct qp_recorder *recorder)
{
    struct qp_events recorded = qp_trace_events(trace), replayed = qp_recorder_events(recorder);
    size_t first = qp_events_compare(&recorded, &replayed);
    if (first != QP_EVENTS_SAME)
        fprintf(self->report, "    it went another way than the recorded one from event %zu on\n", first + 1);
}

static enum qp_status replay(struct work *self, const struct qp_trace *trace, const char *path)
{
    static const uint32_t none;
    struct qp_explorer *explorer = &self->explorer;
    struct qp_replay_strategy strategy;
    struct qp_sim_config config = {
        .seed = trace->meta.seed, .strategy = &strategy.strategy, .faults = trace->meta.faults};
    struct qp_watch watch = {.recorder = qp_recorder_create(0), .checker = explorer->checker};
    bool held;
    if (!watch.recorder)
        return QP_NOMEM;
    qp_replay_strategy_init(&strategy, trace->meta.choices ? trace->meta.choices : &none, trace->meta.choice_count);
    explorer->faults = trace->meta.faults;
    held = qp_execute_watched(&explorer->sim, &self->run, &config, &watch, &explorer->result);
    self->explored->replayed = true;
    self->explored->executions = 1;
    self->explored->steps = explorer->result.steps;
    fprintf(self->report, "%s: %s in the execution of %s\n", self->scenario.name, held ? "held" : "FAILED", path);
    tell_of_divergence(self, trace, watch.recorder);
    if (!held)
        tell(self, NULL, 0);
    qp_recorder_destroy(watch.recorder);
    return held ? QP_OK : QP_FAILED;
}

static enum qp_status replay_or_explore(struct work *self)
{
    const char *path = getenv("QUIPU_REPLAY");
    struct qp_trace trace = {0};
    char error[512];
    enum qp_status status;
    if (!path || !*path)
        return explore(self);
    if (!qp_trace_load(&trace, path, error, sizeof error)) {
        fprintf(self->report, "%s: %s\n", self->scenario.name, error);
        return QP_INVALID;
    }
    if (!trace.meta.main && trace.meta.scenario && strcmp(trace.meta.scenario, self->scenario.name) == 0)
        status = replay(self, &trace, path);
    else
        status = explore(self);
    qp_trace_free(&trace);
    return status;
}

/* ---- from beginning to end ---- */

static enum qp_status begin(struct work *self, const struct qp_exploration *how)
{
    struct qp_explore_options options = {.seed = how->seed,
                                         .strategy = strategy_of(self),
                                         .depth = how->depth ? how->depth : USUAL_DEPTH,
                                         .cancel = how->cancel,
                                         .faults = how->faults & ~(uint32_t)QP_FAULT_CANCEL,
                                         .declared = !how->cancel && !how->faults,
                                         .check = !how->no_check};
    if (how->faults & QP_FAULT_CANCEL && !how->cancel)
        options.cancel = QP_CANCEL_RANDOM;
    self->scenario.declared |= how->bears;
    self->scenario.not_assumed |= how->assumes_no;
    self->run.scenario = &self->scenario;
    self->run.expected_text = "";
    return qp_explorer_init(&self->explorer, &self->run, &options) ? QP_OK : QP_NOMEM;
}

static enum qp_status complain_about(const struct work *self)
{
    const char *strategy = strategy_of(self);
    if (qp_task_id())
        fprintf(self->report, "qp_explore is called from inside a task: it makes runtimes of its own\n");
    else if (!self->scenario.body)
        fprintf(self->report, "there is no scenario '%s' in this program\n", self->scenario.name);
    else if (!is_exhaustive(self) && !qp_explore_strategy_is_known(strategy))
        fprintf(self->report, "there is no strategy '%s': random, pct, pos, surw, portfolio, exhaustive\n", strategy);
    else if (self->how->depth > QP_PCT_DEPTH_MOST)
        fprintf(self->report, "a depth of %" PRIu32 " is over %d\n", self->how->depth, QP_PCT_DEPTH_MOST);
    else if (self->how->cancel < QP_CANCEL_NONE || self->how->cancel > QP_CANCEL_RANDOM)
        fprintf(self->report, "%d is not one of enum qp_explore_cancel\n", (int)self->how->cancel);
    else
        return QP_OK;
    return QP_INVALID;
}

static enum qp_status work(struct work *self)
{
    enum qp_status status = complain_about(self);
    if (status == QP_OK)
        status = begin(self, self->how);
    if (status != QP_OK)
        return status;
    status = replay_or_explore(self);
    qp_explorer_end(&self->explorer);
    return status;
}

static char no_memory[] = "there was no memory to explore\n";

static enum qp_status explore_it(const struct qp_scenario *scenario, const struct qp_exploration *how,
                                 struct qp_explored *explored)
{
    static const struct qp_exploration usual;
    struct qp_explored unwanted = {.report = NULL};
    struct work *self = calloc(1, sizeof *self);
    size_t size = 0;
    enum qp_status status = QP_NOMEM;
    bool told = explored;
    explored = told ? explored : &unwanted;
    *explored = (struct qp_explored){.report = NULL};
    if (self && (self->report = open_memstream(&explored->report, &size)) != NULL) {
        self->how = how ? how : &usual;
        self->explored = explored;
        self->scenario = *scenario;
        status = work(self);
        if (fclose(self->report) != 0)
            status = QP_NOMEM;
    }
    free(self);
    if (status == QP_NOMEM) {
        free(explored->report);
        explored->report = no_memory;
    }
    if (!told) {
        if (status != QP_OK)
            fputs(explored->report, stderr);
        qp_explored_end(explored);
    }
    return status;
}

enum qp_status qp_explore(const char *name, qp_async_fn function, void *arg, const struct qp_exploration *how,
                          struct qp_explored *explored)
{
    const struct subject mine = {function, arg}, *before = subject;
    const struct qp_scenario scenario = {.name = name, .summary = "", .file = "", .body = body};
    enum qp_status status;
    subject = &mine;
    status = explore_it(&scenario, how, explored);
    subject = before;
    return status;
}

enum qp_status qp_explore_scenario(const char *name, const struct qp_exploration *how, struct qp_explored *explored)
{
    const struct qp_scenario none = {.name = name}, *scenario = qp_scenario_find(name);
    return explore_it(scenario ? scenario : &none, how, explored);
}

void qp_explored_end(struct qp_explored *explored)
{
    if (explored->report != no_memory)
        free(explored->report);
    free(explored->trace);
    memset(explored, 0, sizeof *explored);
}
