/* Executing a scenario with somebody told of it: a record, and the checker's verdict. */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include "sim/scenario.h"
#include "traces/checker.h"
#include "traces/recorder.h"

/* Who is told of an execution's events; each may be NULL. Borrows both. */
struct qp_watch {
    struct qp_recorder *recorder;
    struct qp_checker *checker;
    qp_event_fn also; /* somebody else */
    void *also_context;
};

/*
 * Executes, and has the checker's last word: true when the scenario kept its word and no rule was broken. Whatever the
 * recorder had is cleared. An execution into which something was injected that the scenario does not bear may end
 * in a deadlock: whoever would have gone on may have been cancelled. One in which a wait was begun again is compared
 * with that in which it was not (retry.h).
 */
bool qp_execute_watched(struct qp_sim *sim, struct qp_scenario_run *run, struct qp_sim_config *config,
                        struct qp_watch *watch, struct qp_sim_result *result);

/* The same, where `execute` runs function(arg) as main in its own way, and tells of it to config->event. */
bool qp_execute_watched_by(
    struct qp_scenario_run *run, struct qp_sim_config *config, struct qp_watch *watch, struct qp_sim_result *result,
    void (*execute)(void *context, qp_async_fn function, void *arg, struct qp_sim_result *result), void *context);

#endif
