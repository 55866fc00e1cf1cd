/* Running a registered scenario once: its parameters, what it expects of its own end, and the verdict. */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "sim/sim.h"
#include <quipu/scenario.h>

struct qp_param_value {
    const char *name;
    int64_t value;
};

struct qp_scenario_run {
    const struct qp_scenario *scenario;
    const struct qp_param_value *params; /* those that are set; borrowed */
    size_t param_count;
    enum qp_status expected; /* by the scenario itself; QP_OK until it says otherwise */
    const char *expected_text;
    bool real; /* on the real clock: what it asserts of time counts as far as that goes */
};

/* The faults that a scenario bears, by what was declared. */
uint32_t qp_scenario_bears(const struct qp_scenario *scenario);

/* The faults that were injected although it does not bear them. If any: what it asserts, and how it ends, does not
 * count. */
static inline uint32_t qp_scenario_is_excused(const struct qp_scenario_run *run, const struct qp_sim_result *result)
{
    return result->injected & ~(run ? qp_scenario_bears(run->scenario) : 0);
}

/*
 * Runs it. True when it kept its word: it ended as it expected to, with every byte given back; where something was
 * injected that it does not bear, in any way but misuse, with every byte given back. `result->report` says what it did
 * not keep.
 */
bool qp_scenario_execute(struct qp_sim *sim, struct qp_scenario_run *run, const struct qp_sim_config *config,
                         struct qp_sim_result *result);

/* The same, where `execute` runs function(arg) as main in its own way, and fills in the result. */
bool qp_scenario_execute_by(struct qp_scenario_run *run, struct qp_sim_result *result,
                            void (*execute)(void *context, qp_async_fn function, void *arg,
                                            struct qp_sim_result *result),
                            void *context);

/* The declared parameter of a scenario; NULL: it has none of that name. */
const struct qp_scenario_param *qp_scenario_param_find(const struct qp_scenario *scenario, const char *name);

#endif
