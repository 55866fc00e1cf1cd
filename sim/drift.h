/*
 * Replaying a recorded execution by a program that was edited since.
 *
 * A list of choices names alternatives by their number, which is another's as soon as the program has one task or one
 * await more. So the recorded events are read as a plan in terms that bear an edit: which task, known by its name (and
 * which of that name), went on from which await, known by its expression; and what was answered when it asked for
 * something, the how-manieth time there. The strategy follows the plan as far as the program lets it: of the tasks that
 * are ready, the one whose step is the first that is left; first those of which the plan knows nothing, where the next
 * of the plan is not ready. What it chose in fact is then a list of choices of the program as it is now.
 */
#ifndef SIM_DRIFT_H
#define SIM_DRIFT_H

#include "sim/strategy.h"
#include "traces/events.h"

/* A step of the plan. */
struct qp_drift_step {
    size_t lane; /* of its task */
    uint64_t place,
        action;   /* hashes: of the await's expression, and of it up to its arguments; 0: the task's beginning */
    size_t event; /* the recorded one, from 0 */
    bool done;
};

/* What the plan knows of a task. */
struct qp_drift_lane {
    size_t first, count, next; /* its steps, in `order` */
    uint64_t asked;            /* the last choice of a task in which it was ready */
    uint32_t index;            /* and its number there */
    unsigned added;            /* steps, one after the other, that are not in the plan */
};

/* A choice that is not which task goes next. */
struct qp_drift_ask {
    uint32_t chosen;
    uint64_t place; /* a hash: of its kind, its task and the await; 0: no task asks */
    size_t before;  /* steps of the plan before it */
    size_t next;    /* of the same kind, + 1; 0: none */
};

/* Numbers by a key that is a hash. */
struct qp_drift_table {
    struct {
        uint64_t key;
        uint64_t value;
    } * places;
    size_t room, used;
};

/*
 * One departure from the plan, for a program in which a step is gone that looks like the next, or one is new: without a
 * step, with one more before it, or with what was answered in a place answered so many times later there.
 */
enum qp_drift_departure { QP_DRIFT_NONE, QP_DRIFT_WITHOUT, QP_DRIFT_EXTRA, QP_DRIFT_LATER };

struct qp_drift {
    struct qp_strategy strategy;
    /* the plan; owned */
    struct qp_drift_step *steps;
    size_t *order; /* their numbers, lane by lane */
    struct qp_drift_lane *lanes;
    struct qp_drift_ask *asks;
    size_t step_count, lane_count, ask_count, step_room, lane_room, ask_room;
    size_t first_of_kind[QP_CHOICE_KINDS]; /* asks of nobody in particular, + 1 */
    struct qp_drift_table answers;         /* of those of a task: the ask, + 1 */
    struct qp_drift_table identities;      /* of tasks: the lane, + 1 */
    bool failed;                           /* there was no memory */
    /* how it is followed */
    bool skips; /* a step that is found a little later in the plan: what is between is gone, and it is not new */
    enum qp_drift_departure departure;
    size_t at, extra_lane; /* without that step; or before it one more of that lane */
    uint64_t place;        /* of what is answered `later` times later */
    int64_t later;
    /* this execution */
    struct qp_drift_table counts;  /* of names, and of asks in one place */
    struct qp_task_values numbers; /* of tasks: the lane, + 1 */
    size_t cursor;                 /* the first step that is left */
    size_t position;               /* the one behind the last that was taken */
    uint64_t choices;
    size_t next_of_kind[QP_CHOICE_KINDS];
    uint32_t last_timer_first; /* the answer at this position */
    bool extra_taken, extra_runs;
    size_t taken, added, gone; /* steps as recorded, others, and recorded ones that were left out */
};

/* Makes the plan of these events. False: out of memory. */
bool qp_drift_init(struct qp_drift *self, const struct qp_events *recorded);
void qp_drift_end(struct qp_drift *self);

/* After an execution: the first step of the plan that it did not take; step_count: it took all. */
size_t qp_drift_parted(const struct qp_drift *self);

#endif
