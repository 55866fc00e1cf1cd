/*
 * Time: sleeping, and waiting no longer than so long.
 *
 * Every deadline is computed at the first poll, not at the call, on a clock that never goes back. Durations in seconds
 * are doubles: negative, NaN and infinite ones (of both signs) count as zero; a finite one too large for the clock is a
 * deadline that never comes. Integer durations below zero count as zero. A deadline at or before now is ready at the
 * first poll; nothing is ever early. Polling any of these outside a runtime is misuse: there is no clock.
 */
#ifndef QUIPU_TIME_H
#define QUIPU_TIME_H

#include <quipu/future.h>
#include <quipu/task.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* A duration or deadline that never comes. */
#define QP_NEVER INT64_MAX

/* Seconds and milliseconds as nanoseconds, by the rules above. Integer overflow gives QP_NEVER. */
int64_t qp_seconds(double seconds);
static inline int64_t qp_milliseconds(int64_t milliseconds)
{
    if (milliseconds <= 0)
        return 0;
    return milliseconds > QP_NEVER / 1000000 ? QP_NEVER : milliseconds * 1000000;
}

/* The runtime's clock in nanoseconds since some start; in simulation virtual, from 0. Misuse outside a runtime. */
int64_t qp_now(void);

struct qp_timer {        /* private: a place among the deadlines of a runtime */
    int64_t deadline_ns; /* of a fresh one: the duration */
    struct qp_waker *waker;
    struct qp_runtime *runtime;   /* NULL while it is not registered */
    struct qp_timer *prev, *next; /* among the fresh ones */
    uint32_t place;               /* its entry's number in the wheel, or its place, from 1, among those that are due */
    uint8_t where;                /* likewise */
};

struct qp_sleep_future { /* private */
    struct qp_future future;
    int64_t duration_ns;
    struct qp_timer timer;
};

struct qp_timeout_future { /* private */
    struct qp_future future;
    struct qp_future *inner;
    int64_t duration_ns;
    struct qp_timer timer;
};

struct qp_timeout_join_future { /* private */
    struct qp_future future;
    struct qp_handle *handle;
    struct qp_join_future join;
    int64_t duration_ns;
    struct qp_timer timer;
};

/* Waits for so long: QP_OK. QP_NOMEM where there is no memory to register. Cancel-safe. */
#define qp_sleep(seconds) qp_sleep_init(QP_NEW(struct qp_sleep_future), qp_seconds(seconds))
#define qp_sleep_ms(milliseconds) qp_sleep_init(QP_NEW(struct qp_sleep_future), qp_milliseconds(milliseconds))
#define qp_sleep_ns(nanoseconds) qp_sleep_init(QP_NEW(struct qp_sleep_future), (nanoseconds))

/*
 * Waits for `future` (borrowed until then), but no longer than so long: its result, or QP_TIMEOUT. `future` is polled
 * before the deadline is looked at, so that a result that is ready at the deadline wins, and zero still polls it once.
 * On expiry it is dropped before the caller can see the error. Cancelled: `future` is dropped. A NULL future is
 * invalid.
 */
#define qp_timeout(seconds, inner) qp_timeout_init(QP_NEW(struct qp_timeout_future), qp_seconds(seconds), (inner))
#define qp_timeout_ms(milliseconds, inner) \
    qp_timeout_init(QP_NEW(struct qp_timeout_future), qp_milliseconds(milliseconds), (inner))

/* The same by the name that it has beside race. */
#define qp_race_timeout(seconds, inner) qp_timeout(seconds, inner)
#define qp_select_timeout(seconds, inner) qp_timeout(seconds, inner)

/*
 * Waits for a task without ever cancelling it: as qp_join, or QP_TIMEOUT, after which `handle` is live again. Takes the
 * handle at the call and keeps a pointer to it, to give it back. The task is looked at before the deadline.
 * Cancelled: the handle that it holds is dropped, so the task is detached and goes on.
 */
#define qp_timeout_join(seconds, handle, result) \
    qp_timeout_join_init(QP_NEW(struct qp_timeout_join_future), qp_seconds(seconds), (handle), (result))
#define qp_timeout_join_ms(milliseconds, handle, result) \
    qp_timeout_join_init(QP_NEW(struct qp_timeout_join_future), qp_milliseconds(milliseconds), (handle), (result))

extern const struct qp_future_ops qp_sleep_ops;
extern const struct qp_future_ops qp_timeout_ops;

static inline struct qp_future *qp_sleep_init(struct qp_sleep_future *self, int64_t duration_ns)
{
    self->duration_ns = duration_ns;
    self->timer.runtime = NULL;
    return qp_future_init(&self->future, &qp_sleep_ops);
}

static inline struct qp_future *qp_timeout_init(struct qp_timeout_future *self, int64_t duration_ns,
                                                struct qp_future *inner)
{
    self->inner = inner;
    self->duration_ns = duration_ns;
    self->timer.runtime = NULL;
    return qp_future_init(&self->future, &qp_timeout_ops);
}

struct qp_future *qp_timeout_join_init(struct qp_timeout_join_future *self, int64_t duration_ns,
                                       struct qp_handle *handle, void *result);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
