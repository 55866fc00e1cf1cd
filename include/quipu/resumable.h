/*
 * Resumable functions: async functions without a stack, in tens of bytes.
 *
 * Such a function is the `poll` of a future, and what must live across an await lies in the struct that holds it. It
 * awaits at its own level only, and no await may stand inside a `switch`.
 *
 *     struct counter { struct qp_resumable base; struct qp_recv_future recv; struct qp_receiver *rx; int job, count; };
 *
 *     static enum qp_status counter_poll(struct qp_future *future, struct qp_waker *waker)
 *     {
 *         struct counter *self = (struct counter *)future;
 *         enum qp_status status;
 *         QP_BEGIN(&self->base);
 *         for (;;) {
 *             QP_AWAIT(status, qp_recv_init(&self->recv, self->rx, &self->job));
 *             if (status != QP_OK)
 *                 break;
 *             self->count++;
 *         }
 *         QP_END(QP_OK);
 *     }
 *     static const struct qp_future_ops counter_ops = QP_RESUMABLE("counter", counter_poll);
 *
 * Cancelling it drops the future that it waits for, then calls the base's `release`, where one was set.
 */
#ifndef QUIPU_RESUMABLE_H
#define QUIPU_RESUMABLE_H

#include <quipu/future.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct qp_resumable {
    struct qp_future future;
    struct qp_future *awaiting;                 /* private: what it waits for */
    const struct qp_site *site;                 /* private: and where, which is where to go on; NULL before the first */
    void (*release)(struct qp_resumable *self); /* may be NULL: releases what the struct owns when it is dropped */
};

/* The table of a resumable function. */
#define QP_RESUMABLE(name, poll)                                                   \
    {                                                                              \
        (name), (poll), qp_resumable_drop, qp_resumable_object, qp_resumable_inner \
    }

/* Makes `self` new. Returns its future. */
static inline struct qp_future *qp_resumable_init(struct qp_resumable *self, const struct qp_future_ops *ops)
{
    self->awaiting = NULL;
    self->site = NULL;
    self->release = NULL;
    return qp_future_init(&self->future, ops);
}

void qp_resumable_drop(struct qp_future *self);
const struct qp_object *qp_resumable_object(const struct qp_future *self);
struct qp_future *qp_resumable_inner(const struct qp_future *self, size_t index);
enum qp_status qp_resumable_await(struct qp_resumable *self, struct qp_future *future, const struct qp_site *site,
                                  struct qp_waker *waker);
enum qp_status qp_resumable_again(struct qp_resumable *self, struct qp_waker *waker);

/* Opens the body; what stands before it runs at every poll. Expects the parameter's name to be `waker`. */
#define QP_BEGIN(resumable)                                                \
    struct qp_resumable *qp_resumable_ = (resumable);                      \
    switch (qp_resumable_->site != NULL ? qp_resumable_->site->line : 0) { \
    case 0:

/* Awaits `future` and puts what it gave into `status`. */
#define QP_AWAIT(status, future_)                                                          \
    do {                                                                                   \
        (status) = qp_resumable_await(qp_resumable_, (future_), QP_SITE(#future_), waker); \
        if ((status) == QP_PENDING) {                                                      \
            return QP_PENDING;                                                             \
        case __LINE__:                                                                     \
            (status) = qp_resumable_again(qp_resumable_, waker);                           \
            if ((status) == QP_PENDING)                                                    \
                return QP_PENDING;                                                         \
        }                                                                                  \
    } while (0)

/* Closes the body and gives the function's status. */
#define QP_END(status) \
    }                  \
    return (status)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
