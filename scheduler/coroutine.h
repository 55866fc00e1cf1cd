/*
 * Coroutines: async functions with a stack.
 *
 * Invariants: `stack` is set from the first poll to the end. While suspended, `context` is where, and `awaiting` the
 * future it waits for. A coroutine that is a task's own (QP_COROUTINE_TASK) leaves its scope to be released by the
 * task.
 */
#ifndef SCHEDULER_COROUTINE_H
#define SCHEDULER_COROUTINE_H

#include "scheduler/owned.h"

enum {
    QP_COROUTINE_TASK = 1, /* `stage`, a set of bits */
    QP_COROUTINE_RETURNED = 2,
    QP_COROUTINE_UNWINDING = 4,
    QP_COROUTINE_HELD = 8 /* suspended before a first poll, until a boundary around it cancels it */
};

extern const struct qp_future_ops qp_coroutine_ops;

/* After a drop function stopped the run: ends those that it left half released, the innermost first. */
void qp_coroutines_finish(void);

static inline struct qp_future *qp_coroutine_init(struct qp_coroutine *self, qp_async_fn function, void *arg)
{
    qp_future_init(&self->future, &qp_coroutine_ops);
    self->function = function;
    self->arg = arg;
    self->stack = NULL;
    self->awaiting = NULL;
    self->site = NULL;
    self->stack_size = 0;
    qp_scope_init(&self->scope);
    return &self->future;
}

#endif
