/*
 * Retry: an operation that is cancel-safe is the same whether it is cancelled and called again, or not.
 *
 * An execution in which a wait was dropped and begun again (QP_CHOICE_RETRY) is made twice more, recorded: by the same
 * list of choices, and by the list in which the wait is left alone. What can be observed must be equal, event by event:
 * who did what, when, with which values and which result. What only tells how it was waited for does not count.
 */
#ifndef SIM_RETRY_H
#define SIM_RETRY_H

#include "sim/scenario.h"

/*
 * Whether the last execution, in which a wait was begun again, is what it would have been without. If not, `result`
 * says so: it is a failure. Its choices are those of the last execution, again.
 */
bool qp_retry_is_transparent(struct qp_sim *sim, struct qp_scenario_run *run, const struct qp_sim_config *config,
                             struct qp_sim_result *result);

#endif
