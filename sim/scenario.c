/*
 * Scenarios: see scenario.h.
 *
 * State: the registered scenarios and parameters, two lists kept in order of name while constructors add to them and
 * constant afterwards; what was declared of faults and of time, which each scenario knows by then, whoever registered
 * first; and which run is under way on this thread.
 */
#include "sim/scenario.h"
#include "scheduler/misuse.h"
#include <stdio.h>
#include <string.h>

static struct qp_scenario *scenarios;
static struct qp_scenario_param *params;
static struct qp_scenario_faults *declarations;
static struct qp_scenario_timing *timings;
static _Thread_local struct qp_scenario_run *current;

static void declare(struct qp_scenario *scenario, const struct qp_scenario_faults *faults)
{
    if (strcmp(scenario->name, faults->scenario) != 0)
        return;
    scenario->declared |= faults->bears;
    scenario->not_assumed |= faults->assumes_no;
}

static void declare_timing(struct qp_scenario *scenario, const struct qp_scenario_timing *timing)
{
    if (strcmp(scenario->name, timing->scenario) == 0)
        scenario->timed = timing->what;
}

void qp_scenario_register(struct qp_scenario *scenario)
{
    struct qp_scenario **link = &scenarios;
    for (const struct qp_scenario_faults *faults = declarations; faults; faults = faults->next)
        declare(scenario, faults);
    for (const struct qp_scenario_timing *timing = timings; timing; timing = timing->next)
        declare_timing(scenario, timing);
    while (*link && strcmp((*link)->name, scenario->name) < 0)
        link = &(*link)->next;
    scenario->next = *link;
    *link = scenario;
}

void qp_param_register(struct qp_scenario_param *param)
{
    struct qp_scenario_param **link = &params;
    while (*link && strcmp((*link)->name, param->name) < 0)
        link = &(*link)->next;
    param->next = *link;
    *link = param;
}

void qp_scenario_faults_register(struct qp_scenario_faults *faults)
{
    faults->next = declarations;
    declarations = faults;
    for (struct qp_scenario *scenario = scenarios; scenario; scenario = scenario->next)
        declare(scenario, faults);
}

void qp_scenario_timing_register(struct qp_scenario_timing *timing)
{
    timing->next = timings;
    timings = timing;
    for (struct qp_scenario *scenario = scenarios; scenario; scenario = scenario->next)
        declare_timing(scenario, timing);
}

uint32_t qp_scenario_bears(const struct qp_scenario *scenario)
{
    const uint32_t usual = QP_FAULT_YIELD | QP_FAULT_SPURIOUS | QP_FAULT_RETRY;
    return (usual | scenario->declared) & ~scenario->not_assumed;
}

const struct qp_scenario *qp_scenario_first(void)
{
    return scenarios;
}

const struct qp_scenario_param *qp_param_first(void)
{
    return params;
}

const struct qp_scenario *qp_scenario_find(const char *name)
{
    const struct qp_scenario *scenario = scenarios;
    while (scenario && strcmp(scenario->name, name) != 0)
        scenario = scenario->next;
    return scenario;
}

const struct qp_scenario_param *qp_scenario_param_find(const struct qp_scenario *scenario, const char *name)
{
    const struct qp_scenario_param *param = params;
    while (param && (strcmp(param->name, name) != 0 || strcmp(param->scenario, scenario->name) != 0))
        param = param->next;
    return param;
}

int64_t qp_param(const char *name)
{
    const struct qp_scenario_param *declared = current ? qp_scenario_param_find(current->scenario, name) : NULL;
    size_t i;
    if (!declared)
        qp_misuse("qp_param(\"%s\"), but no parameter of that name is declared for %s", name,
                  current ? current->scenario->name : "a scenario that runs");
    for (i = 0; i < current->param_count; i++)
        if (strcmp(current->params[i].name, name) == 0)
            return current->params[i].value;
    return declared->value;
}

void qp_expect(enum qp_status outcome, const char *text)
{
    if (!current)
        qp_misuse("qp_expect outside a scenario");
    current->expected = outcome;
    current->expected_text = text;
}

void qp_assert_time(const struct qp_site *site, int64_t time_ns, int64_t expected_ns)
{
    if (time_ns < expected_ns || (time_ns > expected_ns && !(current && current->real)))
        qp_fail(site, "assertion failed: %s (%lld and %lld)", site->expr, (long long)time_ns, (long long)expected_ns);
}

bool qp_asserts_timing(void)
{
    if (current && !current->scenario->timed)
        qp_misuse("QP_ASSERT_TIMED in scenario %s, which does not declare by QP_TIMED what depends on time",
                  current->scenario->name);
    return !(current && current->real);
}

_Static_assert(QP_FAULT_YIELD == 1 << QP_CHOICE_YIELD && QP_FAULT_SPURIOUS == 1 << QP_CHOICE_SPURIOUS &&
                   QP_FAULT_CANCEL == 1 << QP_CHOICE_CANCEL && QP_FAULT_CLOCK == 1 << QP_CHOICE_CLOCK &&
                   QP_FAULT_RETRY == 1 << QP_CHOICE_RETRY && QP_FAULT_PANIC == 1 << QP_CHOICE_PANIC &&
                   QP_FAULT_ALLOC == 1 << QP_CHOICE_ALLOC && QP_FAULT_LATE == 1 << QP_CHOICE_LATE &&
                   QP_FAULT_DELAY == 1 << QP_CHOICE_DELAY,
               "a fault is the bit of a kind of choice");

static void body(void *arg)
{
    ((struct qp_scenario_run *)arg)->scenario->body();
}

/* Whether main itself is what was injected into. */
static bool hit_main(const struct qp_sim_result *result)
{
    return (result->outcome == QP_CANCELLED && result->injected & QP_FAULT_CANCEL) ||
           (result->outcome == QP_PANICKED && strstr(result->report, QP_INJECTED_PANIC)) ||
           (result->outcome == QP_NOMEM && result->injected & QP_FAULT_ALLOC);
}

/* A program that does not look whether there was memory goes on with what it has not. */
static bool misused_what_is_not_there(const struct qp_scenario_run *run, const struct qp_sim_result *result)
{
    return result->injected & QP_FAULT_ALLOC & ~qp_scenario_bears(run->scenario);
}

/* Whether it ended as it said; if not, the report says so. */
static bool as_expected(const struct qp_scenario_run *run, struct qp_sim_result *result)
{
    size_t length = strlen(result->report), room = sizeof result->report - length;
    if (qp_scenario_is_excused(run, result))
        return result->outcome != QP_MISUSE || run->expected == QP_MISUSE || misused_what_is_not_there(run, result);
    if (hit_main(result))
        return true;
    if (run->expected == QP_OK)
        return result->outcome == QP_OK;
    if (result->outcome == run->expected && strstr(result->report, run->expected_text))
        return true;
    snprintf(result->report + length, room, "%sexpected to end as %s with \"%s\"", length ? "\n" : "",
             qp_status_name(run->expected), run->expected_text);
    if (result->outcome == QP_OK)
        result->outcome = QP_FAILED;
    return false;
}

struct simulated {
    struct qp_sim *sim;
    const struct qp_sim_config *config;
};

static void execute_simulated(void *context, qp_async_fn function, void *arg, struct qp_sim_result *result)
{
    const struct simulated *self = context;
    qp_sim_run(self->sim, self->config, function, arg, result);
}

bool qp_scenario_execute(struct qp_sim *sim, struct qp_scenario_run *run, const struct qp_sim_config *config,
                         struct qp_sim_result *result)
{
    struct simulated self = {sim, config};
    return qp_scenario_execute_by(run, result, execute_simulated, &self);
}

bool qp_scenario_execute_by(struct qp_scenario_run *run, struct qp_sim_result *result,
                            void (*execute)(void *context, qp_async_fn function, void *arg,
                                            struct qp_sim_result *result),
                            void *context)
{
    struct qp_scenario_run *before = current;
    bool kept;
    run->expected = QP_OK;
    run->expected_text = "";
    current = run;
    execute(context, body, run, result);
    current = before;
    kept = as_expected(run, result);
    if (kept && result->leaked) {
        snprintf(result->report, sizeof result->report, "%zu bytes were not given back", result->leaked);
        result->outcome = QP_FAILED;
        kept = false;
    }
    return kept;
}
