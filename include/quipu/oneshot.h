/*
 * One-shot channels: one value, from one task to another.
 *
 * Sender and receiver belong to the async function that made them (task.h), and are released with it.
 */
#ifndef QUIPU_ONESHOT_H
#define QUIPU_ONESHOT_H

#include <quipu/future.h>
#include <quipu/task.h>
#include <quipu/type.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct qp_oneshot_sender;
struct qp_oneshot_receiver;

/* Returns owned: both ends of a one-shot channel for a value of `type` (borrowed until its end). QP_NOMEM: neither. */
enum qp_status qp_oneshot_create(const struct qp_type *type, struct qp_oneshot_sender **sender,
                                 struct qp_oneshot_receiver **receiver) QP_MUST_CHECK;

/*
 * At once: QP_OK, the value was moved. It stays the caller's with QP_SEND_FAILED (the receiver is gone) and QP_USED
 * (something was sent before). The sender is consumed by the first call, whatever it answers: what remains is the
 * handle, still to be dropped, which can be shared and answers QP_USED.
 */
enum qp_status qp_oneshot_send(struct qp_oneshot_sender *sender, void *value) QP_MUST_CHECK;

/* Gives the sender up; nothing for NULL. If nothing was sent the receiver learns that nothing will be. */
void qp_oneshot_sender_drop(struct qp_oneshot_sender *sender);
void qp_oneshot_sender_give(struct qp_oneshot_sender *sender, const struct qp_handle *to);

struct qp_oneshot_recv_future { /* private */
    struct qp_future future;
    struct qp_wait wait;
    struct qp_oneshot_receiver *receiver;
    void *value;
};

/*
 * Waits for the value: QP_OK, moved to `value`; QP_CLOSED if the sender went away without sending, or the value was
 * taken before. Cancel-safe: a cancelled wait takes nothing, and the receiver can wait again.
 */
#define qp_oneshot_recv(receiver, value) \
    qp_oneshot_recv_init(QP_NEW(struct qp_oneshot_recv_future), (receiver), (value))
static inline struct qp_future *qp_oneshot_recv_init(struct qp_oneshot_recv_future *self,
                                                     struct qp_oneshot_receiver *receiver, void *value);

/* Gives the receiver up; nothing for NULL. A value that was sent and not taken is dropped. Misuse while one waits. */
void qp_oneshot_receiver_drop(struct qp_oneshot_receiver *receiver);
void qp_oneshot_receiver_give(struct qp_oneshot_receiver *receiver, const struct qp_handle *to);

extern const struct qp_future_ops qp_oneshot_recv_ops;

static inline struct qp_future *qp_oneshot_recv_init(struct qp_oneshot_recv_future *self,
                                                     struct qp_oneshot_receiver *receiver, void *value)
{
    self->receiver = receiver;
    self->value = value;
    return qp_future_init(&self->future, &qp_oneshot_recv_ops);
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
