/* See execute.h. No state. */
#include "tools/execute.h"
#include "tools/command.h"
#include "traces/writer.h"
#include <quipu/version.h>
#include <string.h>

void any_strategy_init(struct any_strategy *self, const uint32_t *choices, size_t count)
{
    qp_random_strategy_init(&self->random);
    qp_replay_strategy_init(&self->replay, choices, count);
    self->chosen = choices ? &self->replay.strategy : &self->random.strategy;
}

void any_strategy_init_cancelling(struct any_strategy *self, uint64_t at)
{
    any_strategy_init(self, NULL, 0);
    qp_cancel_strategy_init(&self->cancel, &self->random.strategy, at);
    self->chosen = &self->cancel.strategy;
}

/* ---- what is said ---- */

void tell_lines(FILE *file, const char *text)
{
    while (*text) {
        int length = (int)strcspn(text, "\n");
        fprintf(file, "    %.*s\n", length, text);
        text += length + (text[length] == '\n');
    }
}

void print_violations(const struct qp_checker *checker)
{
    char text[8192];
    size_t i, count = qp_checker_count(checker);
    for (i = 0; qp_checker_at(checker, i); i++) {
        qp_checker_print(qp_checker_at(checker, i), text, sizeof text);
        tell_lines(stdout, text);
    }
    if (count > i)
        printf("    and %zu more\n", count - i);
}

/* ---- */

static int64_t effective_value(const struct qp_scenario_run *run, const struct qp_scenario_param *param)
{
    size_t i;
    for (i = 0; i < run->param_count; i++)
        if (strcmp(run->params[i].name, param->name) == 0)
            return run->params[i].value;
    return param->value;
}

size_t effective_params(const struct qp_scenario_run *run, struct qp_trace_param params[QP_TRACE_PARAMS_MOST])
{
    const struct qp_scenario_param *param;
    size_t count = 0;
    for (param = qp_param_first(); param && count < QP_TRACE_PARAMS_MOST; param = param->next)
        if (strcmp(param->scenario, run->scenario->name) == 0)
            params[count++] = (struct qp_trace_param){param->name, effective_value(run, param)};
    return count;
}

struct qp_trace_meta trace_meta(const struct qp_scenario_run *run, uint64_t seed, const char *strategy,
                                const struct qp_trace_param *params, size_t param_count, uint32_t faults,
                                const struct qp_sim_result *result)
{
    struct qp_trace_meta meta = {
        .library = QP_VERSION,
        .scenario = run ? run->scenario->name : NULL,
        .seed = seed,
        .strategy = strategy,
        .params = params,
        .param_count = param_count,
        .choices = result->choices,
        .choice_count = result->choice_count,
        .outcome = result->outcome,
        .report = result->report,
        .time_ns = result->time_ns,
        .steps = result->steps,
        .faults = faults,
        .expected = qp_scenario_is_excused(run, result) ? QP_DEADLOCK
                    : run                               ? run->expected
                                                        : QP_OK,
    };
    return meta;
}

bool write_trace(const char *path, const struct qp_trace_meta *meta, const struct qp_recorder *recorder,
                 const struct qp_sim_result *result)
{
    struct qp_events events = qp_recorder_events(recorder);
    char error[512];
    if (qp_recorder_is_full(recorder) || result->truncated) {
        complain("%s was not written: the run was longer than memory", path);
        return false;
    }
    if (!qp_trace_write(path, meta, &events, error, sizeof error)) {
        complain("%s", error);
        return false;
    }
    return true;
}

bool recorded_params(const struct qp_trace_meta *meta, const struct qp_scenario *scenario,
                     struct qp_param_value params[QP_TRACE_PARAMS_MOST])
{
    size_t i;
    for (i = 0; i < meta->param_count; i++) {
        if (!qp_scenario_param_find(scenario, meta->params[i].name)) {
            complain("the trace sets a parameter '%s', which scenario %s does not have", meta->params[i].name,
                     scenario->name);
            return false;
        }
        params[i] = (struct qp_param_value){meta->params[i].name, meta->params[i].value};
    }
    return true;
}
