/*
 * Executing with a record of it: what `run`, `replay` and programs with QP_MAIN share.
 */
#ifndef TOOLS_EXECUTE_H
#define TOOLS_EXECUTE_H

#include "sim/watch.h"
#include "traces/meta.h"
#include <stdio.h>

/* The strategy of an execution: random from its seed, perhaps with one cancellation, or a recorded list. */
struct any_strategy {
    struct qp_random_strategy random;
    struct qp_cancel_strategy cancel; /* over the random one */
    struct qp_replay_strategy replay;
    struct qp_strategy *chosen; /* one of these */
};

/* Random where `choices` is NULL. */
void any_strategy_init(struct any_strategy *self, const uint32_t *choices, size_t count);

/* The random one with a cancellation at each of its moments in turn: set `cancel.at`, and look at `cancel.moments`. */
void any_strategy_init_cancelling(struct any_strategy *self, uint64_t at);

/* Writes a text, each line indented. */
void tell_lines(FILE *file, const char *text);

/* Prints the violations that were kept, each line indented. */
void print_violations(const struct qp_checker *checker);

/* The declared parameters of a scenario with the values of a run. Returns how many. */
size_t effective_params(const struct qp_scenario_run *run, struct qp_trace_param params[QP_TRACE_PARAMS_MOST]);

/* What a trace says beside its events. Borrows all of it. */
struct qp_trace_meta trace_meta(const struct qp_scenario_run *run, uint64_t seed, const char *strategy,
                                const struct qp_trace_param *params, size_t param_count, uint32_t faults,
                                const struct qp_sim_result *result);

/* The parameters of a recorded run. False: a sentence says which one its scenario does not have. */
bool recorded_params(const struct qp_trace_meta *meta, const struct qp_scenario *scenario,
                     struct qp_param_value params[QP_TRACE_PARAMS_MOST]);

/* Writes what was recorded of a run to a file. False: a sentence was printed. */
bool write_trace(const char *path, const struct qp_trace_meta *meta, const struct qp_recorder *recorder,
                 const struct qp_sim_result *result);

#endif
