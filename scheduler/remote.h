/*
 * The runtime's side of what comes from other threads: see quipu/remote.h.
 *
 * Whoever sends pushes a note, and then, where the runtime dozes, has the environment notified; whoever dozes says so
 * first, and then looks once more. So one of the two always sees the other, and a note costs a system call only while
 * the runtime sleeps.
 */
#ifndef SCHEDULER_REMOTE_H
#define SCHEDULER_REMOTE_H

#include "scheduler/inbox.h"
#include "scheduler/runtime.h"
#include <pthread.h>
#include <stdatomic.h>

struct qp_remote_waker;

struct qp_remote {
    struct qp_inbox inbox;      /* of notes; those that were taken are to be dealt with */
    atomic_bool dozing;         /* whoever pushes a note has to notify */
    atomic_size_t holders;      /* remotes and wakers that are out */
    atomic_size_t references;   /* theirs, the wakers' memory's, and the runtime's own */
    pthread_mutex_t lock;       /* while the environment is notified, so that it is there */
    bool open;                  /* by the lock: there is a runtime to notify */
    struct qp_runtime *runtime; /* while it is open */
    bool takes_others;          /* the environment hears of other threads */
    /* Of the runtime's thread alone: */
    struct qp_remote_waker *wakers; /* those that have something to wake */
};

void qp_remote_take_all(struct qp_runtime *runtime);

/* Whether something has come that was not taken. */
static inline bool qp_remote_has_come(const struct qp_runtime *runtime)
{
    return runtime->remote && qp_inbox_has_come(&runtime->remote->inbox);
}

/* Takes what has come: starts tasks, wakes others. */
static inline void qp_remote_take(struct qp_runtime *runtime)
{
    if (QP_UNLIKELY(qp_remote_has_come(runtime)))
        qp_remote_take_all(runtime);
}

/* From here on whoever sends something has the runtime notified. False: something has come, it is not to sleep. */
bool qp_remote_doze(struct qp_runtime *runtime);
void qp_remote_awake(struct qp_runtime *runtime);

/* Whether something has come or could come. While it dozes: the last who could send something notifies it too. */
bool qp_remote_may_come(const struct qp_runtime *runtime);

/* Nothing is taken any more, and what came and was not taken is dropped. Any number of times. */
void qp_remote_close(struct qp_runtime *runtime);

/* The same, and the runtime gives up its own reference. */
void qp_remote_end(struct qp_runtime *runtime);

#endif
