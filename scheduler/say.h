/*
 * Saying what the runtime's state is: who waits, where, for what, and what everybody has. The deadlock report and the
 * listing of a runtime (qp_runtime_dump) are made of this. Reads state and changes none of it.
 */
#ifndef SCHEDULER_SAY_H
#define SCHEDULER_SAY_H

#include "scheduler/owned.h"
#include <quipu/future.h>
#include <stdio.h>

struct qp_wait_queue;

/* Where sentences go. */
struct qp_say {
    FILE *file;                /* NULL: into the report */
    struct qp_runtime *report; /* borrowed */
};

void qp_say(const struct qp_say *to, const char *format, ...) QP_PRINTF(2, 3);

/* ", 2 senders", ", 1 sender" */
void qp_say_count(const struct qp_say *to, const char *before, size_t count, const char *noun);

/* A line with the tasks in a queue, "waiting to send, first to last: ..."; nothing where there are none. */
void qp_say_waiters(const struct qp_say *to, const char *title, const struct qp_wait_queue *queue);

/* The same of those from one place in it to another. */
void qp_say_some_waiters(const struct qp_say *to, const char *title, const struct qp_wait *wait,
                         const struct qp_wait *end);

/* " waits at scenarios/bank.c:41: qp_recv(rx, &job), for recv of channel 1", with who has it where that is asked for.
 */
void qp_say_waits(const struct qp_say *to, const struct qp_runtime *runtime, const struct qp_task *task, bool holders);

/* Calls function for all that a task's functions own, in order of acquisition in each. */
typedef void (*qp_owned_fn)(void *context, const struct qp_task *owner, const struct qp_owned *owned);
void qp_each_owned(const struct qp_task *task, qp_owned_fn function, void *context);

#endif
