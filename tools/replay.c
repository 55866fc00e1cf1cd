/*
 * `quipu replay`: runs what a trace recorded, by its list of choices, and holds each event against the recorded one.
 */
#include "tools/command.h"
#include "tools/drift.h"
#include "tools/execute.h"
#include "tools/isolated.h"
#include "tools/until.h"
#include "traces/compare.h"
#include "traces/digest.h"
#include "traces/reader.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_TEXT = 1024 };

static void print_side(const char *side, const struct qp_events *events, size_t index)
{
    char text[EVENT_TEXT];
    const struct qp_event *event = qp_events_at(events, index);
    if (!event) {
        fprintf(stderr, "  %s: nothing more\n", side);
        return;
    }
    qp_event_print(event, text, sizeof text);
    fprintf(stderr, "  %s: %s\n", side, text);
}

static int diverged(const char *path, const struct qp_events *recorded, const struct qp_events *replayed, size_t index)
{
    complain("the replay of %s diverged at event %zu", path, index + 1);
    print_side("recorded", recorded, index);
    print_side("replayed", replayed, index);
    return EXIT_DIVERGED;
}

/* The events are the same: so must be how it ended. */
static int verdict(const char *path, const struct qp_trace *trace, const struct qp_sim_result *result)
{
    char digest[QP_DIGEST_HEX];
    if (result->outcome != trace->meta.outcome) {
        complain("the replay of %s ended as %s, and the recorded run as %s", path, qp_status_name(result->outcome),
                 qp_status_name(trace->meta.outcome));
        return EXIT_DIVERGED;
    }
    qp_digest_print(trace->digest, digest);
    printf("%s: replayed %zu events of %s, digest %s, ended as %s\n", path, trace->count, trace->meta.scenario, digest,
           qp_status_name(result->outcome));
    return EXIT_FINE;
}

static int compare(const char *path, const struct qp_trace *trace, const struct qp_recorder *recorder,
                   const struct qp_sim_result *result)
{
    struct qp_events recorded = qp_trace_events(trace), replayed = qp_recorder_events(recorder);
    size_t first = qp_events_compare(&recorded, &replayed);
    if (qp_recorder_is_full(recorder))
        return complain("the replay of %s is longer than memory", path);
    return first == QP_EVENTS_SAME ? verdict(path, trace, result) : diverged(path, &recorded, &replayed, first);
}

/* What is needed to run a recorded scenario again. */
struct replayed {
    const char *path;
    const struct qp_trace *trace;
    struct qp_param_value params[QP_TRACE_PARAMS_MOST];
    struct qp_scenario_run run;
    struct qp_replay_strategy replay;
    struct qp_watch watch; /* owns both */
    struct until until;    /* where it stops; `event` is 0: nowhere */
    struct qp_sim_result result;
};

static int replay_here(struct replayed *self)
{
    struct qp_sim_config config = {
        .seed = self->trace->meta.seed, .strategy = &self->replay.strategy, .faults = self->trace->meta.faults};
    struct qp_sim sim;
    struct qp_events recorded = qp_trace_events(self->trace);
    bool kept;
    int status;
    if (self->until.event) {
        self->until.recorded = &recorded;
        self->until.recorder = self->watch.recorder;
        self->watch.also = until_event;
        self->watch.also_context = &self->until;
    }
    qp_sim_init(&sim);
    kept = qp_execute_watched(&sim, &self->run, &config, &self->watch, &self->result);
    status = compare(self->path, self->trace, self->watch.recorder, &self->result);
    if (status == EXIT_FINE && !kept) {
        print_violations(self->watch.checker);
        printf("%s\n", self->result.report);
        status = EXIT_FAILED;
    }
    qp_sim_end(&sim);
    return status;
}

/* What was recorded ended its process: it may do so again, but not with this one. */
static int replay_isolated(struct replayed *self)
{
    struct isolated isolated = {0};
    int status;
    if (!isolated_begin(&isolated))
        return complain("out of memory");
    if (isolated_execute(&isolated, &self->run, &self->replay, self->trace->meta.faults, self->watch.recorder,
                         &self->result)) {
        complain("the replay of %s came to its end, and the recorded run %s", self->path, self->trace->meta.report);
        status = EXIT_DIVERGED;
    } else {
        status = compare(self->path, self->trace, self->watch.recorder, &self->result);
        if (status == EXIT_FINE) {
            printf("%s\n", self->result.report);
            status = EXIT_FAILED;
        }
    }
    isolated_end(&isolated);
    return status;
}

/* By a program that was edited since. */
static int replay_drifted(struct replayed *self)
{
    struct isolated isolated = {0};
    struct qp_sim sim;
    struct drifting drifting = {
        .path = self->path, .trace = self->trace, .run = &self->run, .sim = &sim, .checker = self->watch.checker};
    int status = EXIT_BAD_INPUT;
    qp_sim_init(&sim);
    if (ending_is_known(self->trace->meta.report) && isolated_begin(&isolated))
        drifting.isolated = &isolated;
    if (drift_begin(&drifting)) {
        if (drift_find(&drifting)) {
            drift_tell_found(&drifting);
            print_violations(self->watch.checker);
            printf("%s%s", drifting.result->report, *drifting.result->report ? "\n" : "");
            status = drifting.failed ? EXIT_FAILED : EXIT_FINE;
        } else {
            status = drift_tell_parted(&drifting);
        }
    }
    drift_end(&drifting);
    isolated_end(&isolated);
    qp_sim_end(&sim);
    return status;
}

static int replay_trace(const char *path, const struct qp_trace *trace, uint64_t until, bool drift)
{
    static const uint32_t none;
    struct replayed *self;
    int status;
    const struct qp_scenario *scenario = trace->meta.scenario ? qp_scenario_find(trace->meta.scenario) : NULL;
    if (!scenario)
        return complain("%s is of scenario '%s', which this program does not have", path,
                        trace->meta.scenario ? trace->meta.scenario : "");
    self = calloc(1, sizeof *self);
    if (!self)
        return complain("out of memory");
    *self = (struct replayed){.path = path, .trace = trace, .until = {.event = until, .path = path}};
    self->run = (struct qp_scenario_run){scenario, self->params, trace->meta.param_count, QP_OK, "", false};
    self->watch = (struct qp_watch){.recorder = qp_recorder_create(0), .checker = qp_checker_create()};
    qp_replay_strategy_init(&self->replay, trace->meta.choices ? trace->meta.choices : &none, trace->meta.choice_count);
    if (!self->watch.recorder || !self->watch.checker)
        status = complain("out of memory");
    else if (!recorded_params(&trace->meta, scenario, self->params))
        status = EXIT_BAD_INPUT;
    else
        status = drift                                           ? replay_drifted(self)
                 : !until && ending_is_known(trace->meta.report) ? replay_isolated(self)
                                                                 : replay_here(self);
    qp_recorder_destroy(self->watch.recorder);
    qp_checker_destroy(self->watch.checker);
    free(self);
    return status;
}

static int replay(struct arguments *arguments)
{
    struct qp_trace trace = {0};
    char error[512];
    int status;
    if (arguments->name_count != 1)
        return complain("'replay' takes one file");
    if (arguments->until && arguments->drift)
        return complain("--until counts the events that were recorded; with --drift there may be others");
    if (!qp_trace_load(&trace, arguments->names[0], error, sizeof error))
        return complain("%s", error);
    if (trace.meta.main)
        status = complain("%s was recorded by the program '%s': run that with QUIPU_REPLAY=%s", arguments->names[0],
                          trace.meta.main, arguments->names[0]);
    else if (arguments->until > trace.count)
        status = complain("%s has %zu events; --until %" PRIu64 " is behind its end", arguments->names[0], trace.count,
                          arguments->until);
    else
        status = replay_trace(arguments->names[0], &trace, arguments->until, arguments->drift);
    qp_trace_free(&trace);
    return status;
}

const struct command replay_command = {
    "replay", "FILE [--until EVENT] [--drift] [--ambient MODE]", " --until --drift --ambient:catch|virtual|allow ",
    "Runs what a trace recorded, by its list of choices, and holds each event against the recorded one.\n\n"
    "  --until EVENT     stops at the event with that number: under a debugger as at a breakpoint (with the commands "
    "of\n"
    "                    quipu.py in it: quipu tasks, quipu bt TASK, quipu objects); without one, with a listing of "
    "every\n"
    "                    task and object as they are then, and exit status 0\n"
    "  --drift           the program was edited since: follows what was recorded by the names of tasks and the awaits "
    "at\n"
    "                    which they go on, leaves out what is gone, and lets what is new go as it comes; the run must "
    "end\n"
    "                    as it did, and where it does not, says where the two parted\n"
    "  --ambient MODE    what a program gets that asks for the real clock, real sleep or entropy: catch, the run ends "
    "with\n"
    "                    what to use instead; virtual, it is served from the simulation; allow, it is real\n"
    "Exit status 0: the same, and it was fine; 1: the same failure; 2: the file is no trace of this program;\n"
    "3: it diverged, and the first event that differs is printed.\n",
    replay};
