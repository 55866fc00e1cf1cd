/*
 * Executions in a process of their own, which may crash or hang: that is then how they failed.
 *
 * How a process was ended is a number: 0 it came to its end; a signal; 256 and up: it left by exit(status - 256); -1:
 * it hung, and was ended.
 */
#ifndef TOOLS_ISOLATED_H
#define TOOLS_ISOLATED_H

#include "sim/shrink.h"
#include "traces/recorder.h"
#include <quipu/status.h>

enum { ISOLATED_HUNG = -1, ISOLATED_EXIT = 256 };

/* "crashed: Segmentation fault", "hung", "left by exit(3)"; in a buffer of its own. */
const char *ending_name(int ending);
bool ending_is_known(const char *report); /* whether a report is one of these */

struct isolated_window;
struct isolated {
    struct isolated_window *window; /* shared with the process */
};

/* False: out of memory. */
bool isolated_begin(struct isolated *self);
void isolated_end(struct isolated *self);

/*
 * Executes by a list of choices in a process of its own. True: it came to its end, kept its word or not; false: it did
 * not: then the result is a failure, its report says how it ended, and the recorder (NULL: nobody) has its events and
 * that failure. The result borrows. A qp_shrink_fn.
 */
bool isolated_execute(void *self, const struct qp_scenario_run *run, struct qp_replay_strategy *replay, uint32_t faults,
                      struct qp_recorder *recorder, struct qp_sim_result *result);

/* The same by any strategy, whose state changes in that process alone. */
bool isolated_execute_by(struct isolated *self, const struct qp_scenario_run *run, struct qp_strategy *strategy,
                         uint32_t faults, struct qp_recorder *recorder, struct qp_sim_result *result);

#endif
