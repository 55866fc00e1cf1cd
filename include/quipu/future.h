/*
 * Futures and wakers: the two tables of functions that everything else is made of.
 *
 * A future is an operation that may have to wait. It does nothing until it is polled. Polling it again without a
 * wake-up is always allowed and changes nothing. Dropping one that has not become ready is cancellation, and the only
 * meaning of it. Both tables are public, so that another executor can drive any future of this library with a waker of
 * its own, and this library can await a future that somebody else wrote.
 *
 * The rules, for whoever polls:
 *  - A future stays where it is from its first poll until it is ready or dropped.
 *  - The waker given to poll is borrowed until the future is ready, is dropped, or is polled with another waker. Who
 *    needs it longer clones it.
 *  - After ready comes neither poll (misuse, reported) nor drop (needless, ignored).
 *
 * And for whoever writes one: `poll` returns QP_PENDING only after it has seen to it that the waker is woken when it is
 * worth polling again; `drop` is called at most once, only before ready, and leaves nothing behind; neither suspends.
 */
#ifndef QUIPU_FUTURE_H
#define QUIPU_FUTURE_H

#include <quipu/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct qp_waker;
struct qp_future;
struct qp_object;

struct qp_waker_ops {
    /* Ask for a poll. May be called at any time, any number of times, also from inside a poll. Never polls by itself.
     */
    void (*wake)(struct qp_waker *self);
    /* Returns owned: a waker that stays valid until it is dropped; NULL when there is no memory for one. */
    struct qp_waker *(*clone)(struct qp_waker *self);
    /* Takes: gives a cloned waker back. */
    void (*drop)(struct qp_waker *self);
};

struct qp_waker {
    const struct qp_waker_ops *ops;
};

static inline void qp_waker_wake(struct qp_waker *waker)
{
    waker->ops->wake(waker);
}

struct qp_future_ops {
    const char *name; /* the operation, as in traces: "recv" */

    /* QP_PENDING, or the result, whose value is by then where the future was told to put it. */
    enum qp_status (*poll)(struct qp_future *self, struct qp_waker *waker);

    /* Cancels. Called at most once, before ready, and possibly before the first poll. */
    void (*drop)(struct qp_future *self);

    /* What it waits for, for reports and traces; may be NULL, and so may the answer. */
    const struct qp_object *(*object)(const struct qp_future *self);

    /* The futures that it polls in turn, by index; NULL past the last. May be NULL: it has none. */
    struct qp_future *(*inner)(const struct qp_future *self, size_t index);
};

enum qp_future_state { QP_FUTURE_NEW, QP_FUTURE_PENDING, QP_FUTURE_DONE };

/* The base of every future, its first member. Zero but for `ops` is a new future. */
struct qp_future {
    const struct qp_future_ops *ops;
    uint32_t id;    /* private: its number in the trace, 0 while it has none */
    uint8_t state;  /* private: enum qp_future_state */
    uint8_t stage;  /* free for the implementation */
    uint16_t count; /* free for the implementation */
};

static inline struct qp_future *qp_future_init(struct qp_future *future, const struct qp_future_ops *ops)
{
    future->ops = ops;
    future->id = 0;
    future->state = QP_FUTURE_NEW;
    future->stage = 0;
    future->count = 0;
    return future;
}

/*
 * Polls. Never suspends. Everything that polls a future, this library's or another's, calls this and not ops->poll:
 * here the trace sees the result, and here a poll after completion is caught.
 */
enum qp_status qp_future_poll(struct qp_future *future, struct qp_waker *waker);

/* Cancels a future that is not ready; does nothing to one that is ready or was dropped, and nothing to NULL. */
void qp_future_drop(struct qp_future *future);

/* A place in a first-in first-out queue of waiters. Private: it stands here because it lies in the caller's memory. */
struct qp_wait {
    struct qp_wait *next, *prev; /* only while it is in a queue */
    struct qp_waker *waker;
};

/* Where an await stands in the source: static storage, kept by pointer. */
struct qp_site {
    const char *file;
    const char *expr;
    int line;
};

/*
 * A new future of type T (whose base is its first member, `future`) that lives as long as the enclosing block (C) or
 * the enclosing full expression (C++): the storage of a future that is awaited where it is made.
 */
#ifdef __cplusplus
} /* a template has no C linkage */
template <typename T> static inline T *qp_temporary(T &&value = T())
{
    return &value;
}
extern "C" {
#define QP_NEW(T) qp_temporary<T>()
#else
#define QP_NEW(T) (&(T){.future = {.ops = NULL}})
#endif

/* The site at which it is written, with a text; one in static storage for each place, where the compiler can do that.
 */
#if defined(__GNUC__)
#define QP_SITE(text)                                                          \
    __extension__({                                                            \
        static const struct qp_site qp_site_here = {__FILE__, text, __LINE__}; \
        &qp_site_here;                                                         \
    })
#else
#define QP_SITE(text) (&(const struct qp_site){__FILE__, text, __LINE__})
#endif

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
