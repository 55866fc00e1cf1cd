/*
 * Waits for what the system says: see quipu/io.h. The environment serves them.
 *
 * Invariants: the environment has the wait from a first poll that was pending until it has happened, or is dropped.
 * Cancelled before the first poll: nobody has it. Pending: the environment gives it up. Woken but not polled: it is out
 * already, and nothing was consumed.
 */
#include "scheduler/misuse.h"
#include "scheduler/runtime.h"
#include <errno.h>
#include <quipu/io.h>
#include <stdio.h>
#include <string.h>

enum stage { NEW, WAITING };

static struct qp_io_wait *wait_of(struct qp_future *future)
{
    return &((struct qp_io_future *)future)->io;
}

/* Keeps what qp_error_message is to say. */
static enum qp_status refused(struct qp_runtime *runtime, const char *op, int number, int error)
{
    runtime->cancelled = 0;
    snprintf(runtime->message, sizeof runtime->message, "%s(%d) refused: %s", op, number, strerror(error));
    return QP_REFUSED;
}

static enum qp_status begin(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_io_wait *io = wait_of(future);
    struct qp_runtime *runtime = qp_thread.runtime;
    int error;
    if (!runtime || !runtime->env.io_begin)
        qp_misuse(
            "qp_%s(%d) by %s in an environment without descriptors and signals: put a stream of the program's own "
            "in its place",
            future->ops->name, io->number, qp_task_label(qp_task_id()));
    ((struct qp_io_future *)future)->runtime = runtime;
    io->wait.waker = waker;
    error = runtime->env.io_begin(runtime->env.context, io);
    if (error)
        return error == ENOMEM ? QP_NOMEM : refused(runtime, future->ops->name, io->number, error);
    future->stage = WAITING;
    return io->over ? QP_OK : QP_PENDING;
}

static enum qp_status io_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_io_wait *io = wait_of(future);
    if (future->stage == NEW)
        return begin(future, waker);
    io->wait.waker = waker;
    return io->over ? QP_OK : QP_PENDING;
}

static void io_drop(struct qp_future *future)
{
    struct qp_runtime *runtime = ((struct qp_io_future *)future)->runtime;
    if (future->stage == WAITING && !wait_of(future)->over)
        runtime->env.io_end(runtime->env.context, wait_of(future));
}

static const struct qp_future_ops ops[] = {
    [QP_IO_READABLE] = {"io_readable", io_poll, io_drop, NULL, NULL},
    [QP_IO_WRITABLE] = {"io_writable", io_poll, io_drop, NULL, NULL},
    [QP_IO_SIGNAL] = {"io_signal", io_poll, io_drop, NULL, NULL},
};

struct qp_future *qp_io_init(struct qp_io_future *self, enum qp_io_event event, int number)
{
    self->runtime = NULL;
    self->io = (struct qp_io_wait){.number = number, .event = event};
    return qp_future_init(&self->future, &ops[event]);
}
