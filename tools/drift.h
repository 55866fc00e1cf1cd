/*
 * A recorded execution in a program that was edited since (sim/drift.h): the execution of the program as it is now that
 * ends in the same way, or where the two parted.
 */
#ifndef TOOLS_DRIFT_H
#define TOOLS_DRIFT_H

#include "sim/drift.h"
#include "sim/watch.h"
#include "tools/isolated.h"
#include "traces/reader.h"

struct drifting {
    const char *path; /* borrowed, all of them */
    const struct qp_trace *trace;
    const struct qp_scenario_run *run;
    struct qp_sim *sim;
    struct qp_checker *checker;
    struct isolated *isolated; /* NULL: what was recorded did not end its process */
    struct qp_drift plan;      /* owned, from here on */
    bool failed;               /* what was recorded did */
    bool ends;                 /* some of what was tried ended its process */
    struct qp_failure_key key; /* and how */
    struct qp_sim_result *result;
    uint64_t executions, total_steps;
    uint32_t *choices; /* that lead to the same, now */
    size_t choice_count;
};

/* Makes the plan. False: out of memory, and a sentence was printed. */
bool drift_begin(struct drifting *self);
void drift_end(struct drifting *self);

/* Looks for the choices that lead to what was recorded. False: it found none. */
bool drift_find(struct drifting *self);

/* After that. One line of what was found; or where the two parted, on stderr: returns EXIT_DIVERGED. */
void drift_tell_found(const struct drifting *self);
int drift_tell_parted(struct drifting *self);

#endif
