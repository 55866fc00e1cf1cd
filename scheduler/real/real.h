/*
 * The real environment, on libuv: what its files share. See quipu/real.h for what it is.
 *
 * State: a loop, its own or one that the program has, and what was given to it: blocking work, waits for descriptors
 * and for signals. A callback of the loop only notes what has happened; it is told, and wakes tasks, where the runtime
 * has its turn (qp_real_deliver). So nothing of a program runs inside somebody else's loop.
 *
 * Invariants: all of it is touched on the runtime's thread alone, but for `wake` (and what work.c and signals.c say).
 * The loop of its own runs only inside `turn`, `park` and `finish`; one that is joined never does.
 */
#ifndef SCHEDULER_REAL_REAL_H
#define SCHEDULER_REAL_REAL_H

#include "scheduler/remote.h"
#include <quipu/io.h>
#include <quipu/real.h>
#include <stdatomic.h>
#include <uv.h>

enum { TURN_EVERY = 128 };

struct piece;
struct file;

struct work {
    struct qp_inbox ran;  /* pieces that were run; those that were taken are to be told of */
    atomic_bool sleeping; /* the runtime wants to be woken for that */
    /* Of the runtime's thread alone: */
    struct piece *pieces;     /* that nobody withdrew or told of */
    size_t pending;           /* callbacks that are still to come */
    struct qp_work *unplaced; /* for which there was no memory, or no thread */
    unsigned misses, skips;   /* how often it looked in vain, and is not to look */
};

struct files {
    struct file **by_number; /* by descriptor; NULL: nobody waits for that one */
    size_t room;
    struct file *fired; /* something has happened to them */
    size_t open;
};

struct qp_real {
    uv_loop_t *loop;
    uv_async_t wake; /* on any thread: something may have happened */
    struct qp_runtime *runtime;
    struct qp_real_options options;
    struct work work;
    struct files files;
    bool has_signals;    /* the process's signals are this one's */
    size_t waits;        /* for signals */
    bool joined;         /* the loop is somebody else's */
    bool known;          /* the kernel knows of all that is waited for: the loop has run since */
    unsigned processors; /* that the program may use */
    unsigned passes;     /* how often it had no need to sleep since the loop has run */
    uint64_t began;      /* on libuv's clock */
    uint64_t random[2];
};

/*
 * Ready for a runtime, on self->loop; QP_NOMEM: the system gave not what is needed, and nothing is left; QP_REFUSED:
 * the signals are another runtime's. Closed when the runtime is gone, and also where it was refused.
 */
enum qp_status qp_real_open(struct qp_real *self, const struct qp_real_options *options);
void qp_real_close(struct qp_real *self, uv_close_cb closed);

/* The environment; whoever has the loop adds park and finish. */
struct qp_env qp_real_env(struct qp_real *self);

/* Whether something could still happen. Other threads have been asked to tell of it. */
bool qp_real_may_go_on(const struct qp_real *self, int64_t deadline_ns);

/* Tells the runtime of what the loop has noted. */
void qp_real_deliver(struct qp_real *self);

/* Gives its outcome to whoever asked for it. */
void qp_real_report(const struct qp_real *self, enum qp_status status, char *report, size_t size);

/* ---- blocking work (work.c) ---- */

void qp_real_submit(void *context, struct qp_runtime *runtime, struct qp_work *work);
bool qp_real_withdraw(void *context, struct qp_runtime *runtime, struct qp_work *work);
void qp_real_deliver_work(struct qp_real *self);

/* That the program may use. */
unsigned qp_real_processors(void);

/* From here on the loop is woken when a piece has run. False: one has, it is not to sleep. */
bool qp_real_work_doze(struct qp_real *self);
void qp_real_work_awake(struct qp_real *self);

/*
 * The runtime is about to sleep for left_ns: looks for a moment whether a piece has run or something was sent, where
 * work is out and looking was of use of late. True: so it is.
 */
bool qp_real_work_comes(struct qp_real *self, int64_t left_ns);

/* ---- descriptors (files.c) ---- */

/* An errno, or 0. */
int qp_real_file_begin(struct qp_real *self, struct qp_io_wait *io);
void qp_real_file_end(struct qp_real *self, struct qp_io_wait *io);
void qp_real_deliver_files(struct qp_real *self);

/* ---- signals (signals.c) ---- */

/* SIGINT and SIGTERM cancel main. False: the process's signals are another runtime's. */
bool qp_real_stop_on_signals(struct qp_real *self);

/* The signal of the options prints a listing. False: that, or it cannot be caught. */
bool qp_real_list_on_signal(struct qp_real *self);
int qp_real_signal_begin(struct qp_real *self, struct qp_io_wait *io);
void qp_real_signal_end(struct qp_real *self, struct qp_io_wait *io);
void qp_real_deliver_signals(struct qp_real *self);

/* The process's signals do again what they did. */
void qp_real_signals_close(struct qp_real *self);

#endif
