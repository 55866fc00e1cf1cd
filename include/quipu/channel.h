/*
 * Channels: many senders, first in, first out, with or without a bound.
 *
 * A value enters the queue at the moment its send completes, and values leave in the order in which they entered.
 * Capacity goes to waiting senders first come, first served; nobody barges past them. Free, reserved and buffered slots
 * always add up to the capacity. Values are moved by copying bytes: who sends gives the value away, who receives owns
 * it, and one that nobody takes is dropped once.
 *
 * The channel ends for the receiver when it is drained and either every sender and every permit is gone, or it was
 * closed and no permit is out. A receiver that waits for the end while its own task holds a sender waits for ever; the
 * deadlock report says so.
 *
 * Senders and receivers belong to the async function that made them (task.h), and are released with it.
 */
#ifndef QUIPU_CHANNEL_H
#define QUIPU_CHANNEL_H

#include <quipu/future.h>
#include <quipu/task.h>
#include <quipu/type.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct qp_channel;
struct qp_sender;
struct qp_receiver;

/*
 * Makes a channel for values of `type` (borrowed until its end). A capacity of zero or less counts as one.
 * Returns owned: a sender and a receiver. QP_NOMEM: neither.
 */
enum qp_status qp_channel_create(const struct qp_type *type, int64_t capacity, struct qp_sender **sender,
                                 struct qp_receiver **receiver) QP_MUST_CHECK;

/* The same without a bound: sending never waits, and may answer QP_NOMEM (the value stays the caller's). */
enum qp_status qp_channel_create_unbounded(const struct qp_type *type, struct qp_sender **sender,
                                           struct qp_receiver **receiver) QP_MUST_CHECK;

/* Names the channel in messages and traces. Borrowed until its end. */
void qp_channel_name(struct qp_sender *sender, const char *name);

/* ---- the sender's side ---- */

/* Returns owned: another sender of the same channel; NULL when there is no memory. */
struct qp_sender *qp_sender_clone(struct qp_sender *sender) QP_MUST_CHECK;

/* Gives the sender up; nothing for NULL. Misuse while a send or reserve on it is pending. */
void qp_sender_drop(struct qp_sender *sender);

/* Makes the newly spawned task `to` its owner. */
void qp_sender_give(struct qp_sender *sender, const struct qp_handle *to);

/* Whether the receiver's side is closed or gone, so that sending must fail. */
bool qp_sender_is_closed(const struct qp_sender *sender);

struct qp_send_future { /* private */
    struct qp_future future;
    struct qp_wait wait;
    struct qp_sender *sender;
    void *value;
    uint64_t value_id; /* from its first poll; 0 while nobody listens */
};

/*
 * Takes the value at the call; it stays where it is (`value`, borrowed until ready). Waits for capacity: QP_OK, it is
 * in the queue; QP_SEND_FAILED (closed) or QP_NOMEM (unbounded), it is the caller's again. Cancel-safe-but-lossy:
 * cancelled, the value is not sent and is dropped, once; a slot it had been granted is passed on.
 */
#define qp_send(sender, value) qp_send_init(QP_NEW(struct qp_send_future), (sender), (value))
static inline struct qp_future *qp_send_init(struct qp_send_future *self, struct qp_sender *sender, void *value);

/*
 * At once: QP_OK; QP_FULL (also while others wait for capacity), QP_SEND_FAILED, QP_NOMEM: still the caller's. An
 * unbounded channel is never full: there it is the send that needs no await, and so no async function either.
 */
enum qp_status qp_try_send(struct qp_sender *sender, void *value) QP_MUST_CHECK;

/* A slot of the channel's, reserved for one value. Held by value; zero is none. Copies share one use. */
struct qp_permit {
    struct qp_hold *hold;
    uint64_t id;
};

struct qp_reserve_future { /* private */
    struct qp_future future;
    struct qp_wait wait;
    struct qp_sender *sender;
    struct qp_permit *permit;
    struct qp_hold *hold; /* from its first poll */
};

/*
 * Waits for capacity before there is a value: QP_OK with `permit`, owned; QP_SEND_FAILED when closed; QP_NOMEM.
 * The permit counts as a sender. Cancelled: the place in the queue is lost and nothing else.
 */
#define qp_reserve(sender, permit) qp_reserve_init(QP_NEW(struct qp_reserve_future), (sender), (permit))
static inline struct qp_future *qp_reserve_init(struct qp_reserve_future *self, struct qp_sender *sender,
                                                struct qp_permit *permit);

/*
 * Uses the permit up, at once: QP_OK, the value is in the queue (also after close). The value stays the caller's with
 * QP_SEND_FAILED (the receiver was dropped) and QP_USED (the permit was used, dropped or empty before).
 */
enum qp_status qp_permit_send(struct qp_permit *permit, void *value) QP_MUST_CHECK;

/* Gives the slot back and wakes whoever waits for it. Nothing for a used or empty permit. */
void qp_permit_drop(struct qp_permit *permit);

/* Makes the newly spawned task `to` its owner. */
void qp_permit_give(const struct qp_permit *permit, const struct qp_handle *to);

/* ---- the receiver's side ---- */

struct qp_recv_future { /* private */
    struct qp_future future;
    struct qp_wait wait;
    struct qp_receiver *receiver;
    void *value;
};

/*
 * Waits for the next value: QP_OK, moved to `value`; QP_CLOSED when the channel has ended, and then always.
 * Cancel-safe: no value is removed by a wait that is cancelled, whatever the moment.
 */
#define qp_recv(receiver, value) qp_recv_init(QP_NEW(struct qp_recv_future), (receiver), (value))
static inline struct qp_future *qp_recv_init(struct qp_recv_future *self, struct qp_receiver *receiver, void *value);

/* At once: QP_OK; QP_EMPTY (also while a clone waits in qp_recv); QP_CLOSED. */
enum qp_status qp_try_recv(struct qp_receiver *receiver, void *value) QP_MUST_CHECK;

/*
 * Lets no more be sent: waiting senders get their values back, and what is buffered can still be received. True when
 * the channel is closed now. False, and nothing is changed, while another clone waits in qp_recv.
 */
bool qp_receiver_close(struct qp_receiver *receiver);

/* Returns owned: another receiver of the same queue; each value goes to one of them. Waits are first come, first
 * served. NULL when there is no memory. */
struct qp_receiver *qp_receiver_clone(struct qp_receiver *receiver) QP_MUST_CHECK;

/* Gives the receiver up; nothing for NULL. With the last one buffered values are dropped and waiting senders get theirs
 * back. Misuse while a recv on it is pending. */
void qp_receiver_drop(struct qp_receiver *receiver);

/* Makes the newly spawned task `to` its owner. */
void qp_receiver_give(struct qp_receiver *receiver, const struct qp_handle *to);

/* ---- for assertions ---- */

/* Values buffered now; values that were sent and then dropped by the channel or by cancelled sends, ever. */
size_t qp_receiver_length(const struct qp_receiver *receiver);
size_t qp_dropped(const struct qp_receiver *receiver);

/* ---- details ---- */

extern const struct qp_future_ops qp_send_ops, qp_reserve_ops, qp_recv_ops;

static inline struct qp_future *qp_send_init(struct qp_send_future *self, struct qp_sender *sender, void *value)
{
    self->sender = sender;
    self->value = value;
    self->value_id = 0;
    return qp_future_init(&self->future, &qp_send_ops);
}

static inline struct qp_future *qp_reserve_init(struct qp_reserve_future *self, struct qp_sender *sender,
                                                struct qp_permit *permit)
{
    self->sender = sender;
    self->permit = permit;
    return qp_future_init(&self->future, &qp_reserve_ops);
}

static inline struct qp_future *qp_recv_init(struct qp_recv_future *self, struct qp_receiver *receiver, void *value)
{
    self->receiver = receiver;
    self->value = value;
    return qp_future_init(&self->future, &qp_recv_ops);
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
