/*
 * Exhaustive search with dynamic partial-order reduction: one execution for each class of executions that differ only
 * in the order of steps that have nothing to do with one another.
 *
 * The algorithm is Optimal DPOR (Abdulla, Aronis, Jonsson and Sagonas, 2014): sleep sets and wakeup trees over the
 * steps of tasks. Two steps depend on one another when they touch the same object or the same state (qp_touch), one of
 * them writing; when one wakes or spawns the other's task, or both wake a third; or when the clock moves in between.
 * Choices that are not of a task (a timer or a task first, a draw of the program, a cancellation) are all taken, in
 * turn; where a timer that is due or blocking work may come before or after a step, every order of steps is taken too.
 */
#ifndef SIM_DPOR_H
#define SIM_DPOR_H

#include "sim/strategy.h"
#include <quipu/event.h>

struct qp_dpor_node;
struct qp_dpor_task;
struct qp_dpor {
    struct qp_strategy strategy;
    struct qp_strategy
        *inner; /* whose answers are taken instead, to count the classes of its executions; NULL: nobody's */
    struct qp_dpor_node *nodes; /* the path of this execution */
    size_t depth, room, at;     /* at: how much of the path was followed */
    struct qp_dpor_task *tasks; /* by number */
    size_t task_room;
    size_t step;       /* the node of the step under way + 1; 0: none */
    size_t barrier;    /* steps at nodes before this one come before all that follow */
    uint64_t *objects; /* the key of each object, by number */
    size_t object_room;
    bool timing;          /* since the last step there was a draw of when something of the environment's happens */
    uint64_t early_draws; /* a hash of the draws that belong to the step to come */
    uint64_t epoch;       /* a hash of the draws of time so far, and of whom timers woke */
    size_t planned;       /* draws of the step under way that were taken from its plan */
    size_t blocked_at;    /* the node + 1 at which all that can run slept; 0: none */
    bool closing, failed;
    uint64_t *classes; /* hashes of the classes that were executed; a hash table */
    size_t class_count, class_room;
    uint64_t executions, redundant, blocked; /* redundant: of a class that was executed before */
};

void qp_dpor_init(struct qp_dpor *self);
void qp_dpor_end(struct qp_dpor *self);

/* What it has to be told, with the qp_dpor as context: all events (a qp_event_fn), all touches, all vain wake-ups. */
void qp_dpor_event(void *dpor, const struct qp_event *event);
void qp_dpor_touch(void *dpor, const void *state, bool writing);
void qp_dpor_woken_again(void *dpor, uint64_t task);

/* After an execution. False: there is no other class, or (`failed`) memory ran out. */
bool qp_dpor_next(struct qp_dpor *self);

#endif
