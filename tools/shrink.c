/* `quipu shrink`: makes a recorded failure as small as it can be. */
#include "tools/command.h"
#include "tools/drift.h"
#include "tools/failure.h"
#include "traces/reader.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_EXECUTIONS = 100000 };

/* What it fails by when it is run again, here or in a process of its own. False: it does not. */
static bool fails_by(struct failure *failure, struct qp_sim_result *result)
{
    struct qp_replay_strategy replay;
    struct qp_scenario_run run = *failure->run;
    struct qp_sim_config config = {.strategy = &replay.strategy, .faults = failure->faults};
    struct qp_watch watch = {.checker = failure->checker};
    bool kept;
    qp_replay_strategy_init(&replay, failure->choices, failure->choice_count);
    if (failure->isolated)
        kept = isolated_execute(failure->isolated, &run, &replay, failure->faults, NULL, result);
    else
        kept = qp_execute_watched(failure->sim, &run, &config, &watch, result);
    failure->key = qp_failure_key(result, failure->isolated ? NULL : failure->checker);
    return !kept;
}

static int shrink_trace(const char *path, const struct qp_trace *trace, struct failure *failure)
{
    struct qp_sim_result *result = malloc(sizeof *result);
    bool failed = result && failure->checker && fails_by(failure, result);
    free(result);
    if (!failed)
        return complain("%s does not fail here: there is nothing to make smaller", path);
    printf("%s: a failure of %s\n", path, trace->meta.scenario);
    if (!tell_failure(stdout, failure))
        return EXIT_DIVERGED;
    if (!failure->path[0])
        return EXIT_BAD_INPUT;
    printf("the story has %zu lines now, and had %zu\n", failure->lines, failure->first_lines);
    return EXIT_FAILED;
}

/* By a program that was edited since: first the choices that lead to the failure there. */
static int shrink_drifted(const char *path, const struct qp_trace *trace, struct failure *failure)
{
    struct drifting drifting = {.path = path,
                                .trace = trace,
                                .run = failure->run,
                                .sim = failure->sim,
                                .checker = failure->checker,
                                .isolated = failure->isolated};
    int status = EXIT_BAD_INPUT;
    if (failure->checker && drift_begin(&drifting)) {
        if (drift_find(&drifting)) {
            drift_tell_found(&drifting);
            failure->choices = drifting.choices;
            failure->choice_count = drifting.choice_count;
            status = shrink_trace(path, trace, failure);
        } else {
            status = drift_tell_parted(&drifting);
        }
    }
    drift_end(&drifting);
    return status;
}

static int shrink_file(struct arguments *arguments, const struct qp_trace *trace)
{
    static const uint32_t none;
    struct qp_param_value params[QP_TRACE_PARAMS_MOST];
    struct qp_scenario_run run = {.params = params, .param_count = trace->meta.param_count};
    struct failure failure = {
        .program = arguments->program, .run = &run, .faults = trace->meta.faults, .view = arguments->view};
    struct isolated isolated = {0};
    struct qp_sim sim;
    int status;
    run.scenario = trace->meta.scenario && !trace->meta.main ? qp_scenario_find(trace->meta.scenario) : NULL;
    if (!run.scenario)
        return complain("%s is of scenario '%s', which this program does not have", arguments->names[0],
                        trace->meta.scenario ? trace->meta.scenario : "");
    if (!recorded_params(&trace->meta, run.scenario, params))
        return EXIT_BAD_INPUT;
    failure.choices = trace->meta.choices ? trace->meta.choices : &none;
    failure.choice_count = trace->meta.choice_count;
    failure.most = arguments->most ? arguments->most : MOST_EXECUTIONS;
    failure.seed = trace->meta.seed;
    failure.trace = arguments->out ? arguments->out : arguments->names[0];
    failure.checker = qp_checker_create();
    failure.sim = &sim;
    if (ending_is_known(trace->meta.report) && isolated_begin(&isolated))
        failure.isolated = &isolated;
    qp_sim_init(&sim);
    status = (arguments->drift ? shrink_drifted : shrink_trace)(arguments->names[0], trace, &failure);
    qp_sim_end(&sim);
    isolated_end(&isolated);
    qp_checker_destroy(failure.checker);
    return status;
}

static int shrink(struct arguments *arguments)
{
    struct qp_trace trace = {0};
    char error[512];
    int status;
    if (arguments->name_count != 1)
        return complain("'shrink' takes one file");
    if (!qp_trace_load(&trace, arguments->names[0], error, sizeof error))
        return complain("%s", error);
    status = shrink_file(arguments, &trace);
    qp_trace_free(&trace);
    return status;
}

const struct command shrink_command = {
    "shrink", "FILE [--drift] [--out FILE] [--view] [--most N] [--ambient MODE]",
    " --drift --out:FILE --view --most --ambient:catch|virtual|allow ",
    "Makes a recorded failure as small as it can be: runs it again and again with less of what is out of the ordinary\n"
    "(another task than the first ready one, a timer that comes late, a cancellation), as long as it fails in the "
    "same\n"
    "way; tells the story of the smallest, and writes its trace.\n\n"
    "  --drift           the program was edited since: looks first for how it fails in the same way now, as replay "
    "does\n"
    "  --out FILE        where the trace goes; the file itself where none is given\n"
    "  --view            writes it as a page too, beside the trace: see view\n"
    "  --most N          how many executions it may take; 100000\n"
    "  --ambient MODE    what a program gets that asks for the real clock, real sleep or entropy: catch, the run ends "
    "with\n"
    "                    what to use instead; virtual, it is served from the simulation; allow, it is real\n"
    "Exit status 1: it failed, and is smaller or as small as it was; 2: the file is no trace of a failure of this\n"
    "program, or the trace could not be written; 3: it does not fail in the same way twice.\n",
    shrink};
