/*
 * The real clock: a program as it is, on a loop of its own, without simulation.
 *
 * Time is monotonic, ready tasks run first come, first served, and blocking work runs on a pool of threads. (While it
 * runs, the runtime looks for its end before it sleeps, for at most 25 microseconds, where that was of use the last
 * times and the program may use more than one processor.) A program with QP_MAIN runs like this unless QUIPU_SEED is
 * set; this is for those that begin a runtime themselves. Several runtimes may run at the same time, one a thread.
 */
#ifndef QUIPU_REAL_H
#define QUIPU_REAL_H

#include <quipu/event.h>
#include <quipu/task.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct qp_real_options {
    qp_event_fn event; /* told of every event, on the runtime's thread; NULL: none are made */
    void *event_context;
    uint64_t *steps; /* gets how many polls there were; NULL: nothing */

    /*
     * The process's SIGINT and SIGTERM belong to this run: the first that nobody waits for (io.h) cancels main at its
     * await point, the next ends the process as if nobody had caught it. `stopped_by` gets the first one's number, 0
     * where none came; it may be NULL. One run of a process at a time; a second is refused with QP_REFUSED.
     */
    bool stop_on_signals;
    int *stopped_by;

    /*
     * The number of a signal that asks what the program is doing; 0: none. Between two steps every task with its await
     * point and every object are listed on stderr, as qp_runtime_dump() (runtime.h) does, and the run goes on. A
     * request that finds the one before it unanswered says so: a task then runs without reaching an await. The signal
     * is the program's own from when a task first waits for it (io.h). QP_REFUSED: it cannot be caught, or another run
     * of the process has its signals.
     */
    int list_on_signal;

    /* Blocking work that says by qp_blocking_takes_ms (task.h) how long it takes is made to take so long. */
    bool blocking_takes_time;
};

/*
 * Runs function(arg) as main until it has ended, and then ends what is left: waits for blocking work that has started.
 * Returns how the run ended, and why in `report` (`size` bytes, may be NULL when that is 0). `options` may be NULL.
 * QP_NOMEM: there was no memory, or the system gave no loop. (libuv itself stops the process where it has no memory for
 * its table of descriptors.) Blocking work for which there is no memory or thread is run by the runtime's own.
 */
enum qp_status qp_real_run(qp_async_fn function, void *arg, const struct qp_real_options *options, char *report,
                           size_t size);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
