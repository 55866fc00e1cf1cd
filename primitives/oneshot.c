/*
 * One-shot channels.
 *
 * State: whether the sender was used, whether it and the receiver are still there, and the value between send and
 * receive. Invariants: a value is there only after the one send and before it is taken or dropped; whoever waits to
 * receive is woken by the send, and by the sender's end; where several wait on the one receiver, the first gets it.
 *
 * Cancelled before the first poll, waiting, or woken but not polled: the wait leaves the queue and nothing was taken; a
 * value that had arrived stays for the next receive.
 */
#include "scheduler/brief.h"
#include "scheduler/misuse.h"
#include "scheduler/object.h"
#include "scheduler/ops.h"
#include "scheduler/runtime.h"
#include "scheduler/say.h"
#include "scheduler/value.h"
#include "scheduler/wait_queue.h"
#include <quipu/oneshot.h>

struct qp_oneshot_sender {
    struct qp_owned owned;
};

struct qp_oneshot_receiver {
    struct qp_owned owned;
};

/* `state`, a set of bits. */
enum {
    USED = 1,
    SENDER_GONE = 2,
    RECEIVER_GONE = 4,
    HEARD = 8, /* somebody may listen */
    FULL = 16  /* the value is there */
};

struct oneshot {
    struct qp_object object;
    struct qp_oneshot_sender sender;
    struct qp_oneshot_receiver receiver;
    const struct qp_type *type;
    uint64_t value_id, bytes; /* of the value, where somebody listens: its number, and what its bytes were */
    uint32_t state;
    struct qp_wait_queue receiving;
};

enum { VALUE_OFFSET = (sizeof(struct oneshot) + 15) & ~(size_t)15 }; /* the value stands behind it */

static void *value_of(struct oneshot *self)
{
    return (char *)self + VALUE_OFFSET;
}

static bool is_full(const struct oneshot *self)
{
    return self->state & FULL;
}

static struct oneshot *of_sender(const struct qp_oneshot_sender *sender)
{
    return QP_CONTAINER((uintptr_t)sender, struct oneshot, sender);
}

static struct oneshot *of_receiver(const struct qp_oneshot_receiver *receiver)
{
    return QP_CONTAINER((uintptr_t)receiver, struct oneshot, receiver);
}

static void sender_release(struct qp_owned *owned)
{
    qp_oneshot_sender_drop(QP_CONTAINER(owned, struct qp_oneshot_sender, owned));
}

static void receiver_release(struct qp_owned *owned)
{
    qp_oneshot_receiver_drop(QP_CONTAINER(owned, struct qp_oneshot_receiver, owned));
}

static const struct qp_object *sender_object(const struct qp_owned *owned)
{
    return &of_sender(QP_CONTAINER_CONST(owned, struct qp_oneshot_sender, owned))->object;
}

static void describe(const struct qp_object *object, const struct qp_say *to)
{
    const struct oneshot *self = (const struct oneshot *)object;
    qp_say(to, ": %s; the sender is %s, the receiver %s",
           is_full(self)        ? "sent, and not taken"
           : self->state & USED ? "sent"
                                : "nothing sent",
           self->state & SENDER_GONE ? "gone" : "there", self->state & RECEIVER_GONE ? "gone" : "there");
    qp_say_waiters(to, "waiting to receive", &self->receiving);
}

static const struct qp_object_kind oneshot_kind = {"oneshot", describe};
static const struct qp_owned_ops sender_ops = {"the sender", "oneshot_recv", sender_release, sender_object};
static const struct qp_owned_ops receiver_ops = {"the receiver", NULL, receiver_release, NULL};

enum qp_status qp_oneshot_create(const struct qp_type *type, struct qp_oneshot_sender **sender,
                                 struct qp_oneshot_receiver **receiver)
{
    struct oneshot *self = qp_allocate_again(qp_thread.runtime, VALUE_OFFSET + type->size);
    if (!self)
        return QP_NOMEM;
    qp_object_init(&self->object, &oneshot_kind, NULL, 1);
    self->type = type;
    self->state = qp_runtime_is_heard(self->object.runtime) ? HEARD : 0;
    qp_wait_queue_init(&self->receiving);
    qp_own(&self->sender.owned, &sender_ops);
    qp_own(&self->receiver.owned, &receiver_ops);
    *sender = &self->sender;
    *receiver = &self->receiver;
    return QP_OK;
}

/* One of the two ends is gone. */
static void release_unless_in_use(struct oneshot *self)
{
    if ((self->state & (SENDER_GONE | RECEIVER_GONE)) != (SENDER_GONE | RECEIVER_GONE))
        return;
    qp_object_end(&self->object);
    qp_release_again(self->object.runtime, self, VALUE_OFFSET + self->type->size);
}

/* Nothing more will come: whoever waits can go on. */
static inline void wake_receiver(struct oneshot *self)
{
    if (!qp_wait_queue_empty(&self->receiving))
        qp_wake(self->receiving.end.next->waker);
}

/* An end is about to be dropped. */
QP_APART static struct oneshot *tell_dropped(struct oneshot *self, bool sending)
{
    QP_EMIT(END_DROPPED, .object = self->object.id, .fields = {0, sending});
    return self;
}

QP_APART static void tell_sent(const struct oneshot *self, const void *value, uint64_t id, enum qp_status status)
{
    char text[QP_PRINT_SIZE];
    QP_EMIT(VALUE_SENT, .object = self->object.id, .op = "oneshot_send", .fields = {id},
            .text = qp_print(self->type, value, text));
    QP_EMIT(CALLED, .object = self->object.id, .op = "oneshot_send", .fields = {(uint64_t)status, 1});
}

/* Somebody may listen, or the receiver is gone, or it was used before. */
QP_APART static enum qp_status send_specially(struct oneshot *self, void *value)
{
    enum qp_status status = self->state & USED ? QP_USED : self->state & RECEIVER_GONE ? QP_SEND_FAILED : QP_OK;
    uint64_t id = qp_value_number();
    if (QP_TRACING)
        tell_sent(self, value, id, status);
    self->state |= USED;
    if (status != QP_OK) {
        QP_EMIT(VALUE_RETURNED, .object = self->object.id, .fields = {id});
        return status;
    }
    self->state |= FULL;
    qp_value_move(self->type->size, value_of(self), value);
    self->value_id = id;
    self->bytes = QP_TRACING ? qp_value_bytes(self->type, value) : 0;
    QP_EMIT(VALUE_QUEUED, .object = self->object.id, .fields = {id});
    wake_receiver(self);
    return QP_OK;
}

enum qp_status qp_oneshot_send(struct qp_oneshot_sender *sender, void *value)
{
    struct oneshot *self = of_sender(sender);
    if (QP_UNLIKELY(self->state != 0))
        return send_specially(self, value);
    self->state = USED | FULL;
    qp_value_move(self->type->size, value_of(self), value);
    wake_receiver(self);
    return QP_OK;
}

void qp_oneshot_sender_drop(struct qp_oneshot_sender *sender)
{
    struct oneshot *self;
    if (!sender)
        return;
    self = of_sender(sender);
    if (QP_UNLIKELY(self->state & HEARD))
        self = tell_dropped(self, true);
    qp_owned_unlink(&self->sender.owned);
    self->state |= SENDER_GONE;
    wake_receiver(self);
    release_unless_in_use(self);
}

void qp_oneshot_sender_give(struct qp_oneshot_sender *sender, const struct qp_handle *to)
{
    qp_owned_give(&sender->owned, to, "a oneshot's sender");
}

/* ---- receiving ---- */

static bool ready(const struct oneshot *self)
{
    return self->state & (USED | SENDER_GONE);
}

/* Somebody may listen. Returns QP_OK, for it is the last thing that is done. */
QP_APART static enum qp_status tell_received(const struct oneshot *self, const void *value)
{
    char text[QP_PRINT_SIZE];
    bool altered = QP_TRACING && self->bytes != qp_value_bytes(self->type, value);
    if (QP_TRACING && !qp_run_received(self->object.id, self->value_id, altered))
        QP_EMIT(VALUE_RECEIVED, .object = self->object.id, .fields = {self->value_id, altered},
                .text = qp_print(self->type, value, text));
    return QP_OK;
}

/* It is this one's turn. */
static inline enum qp_status receive(struct oneshot *self, void *value)
{
    if (QP_UNLIKELY(!is_full(self)))
        return QP_CLOSED;
    qp_value_move(self->type->size, value, value_of(self));
    self->state &= ~(uint32_t)FULL;
    return QP_UNLIKELY(self->state & HEARD) ? tell_received(self, value) : QP_OK;
}

enum stage { NEW, WAITING };

/* It waited: where it is its turn, there may be the value or the end, and then it is the next one's turn. */
QP_APART static enum qp_status recv_again(struct qp_oneshot_recv_future *self, struct qp_waker *waker)
{
    struct oneshot *oneshot = of_receiver(self->receiver);
    enum qp_status status;
    if (oneshot->receiving.end.next != &self->wait || !ready(oneshot)) {
        self->wait.waker = waker;
        return QP_PENDING;
    }
    status = receive(oneshot, self->value);
    qp_wait_remove(&self->wait);
    wake_receiver(oneshot);
    return status;
}

static enum qp_status recv_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_oneshot_recv_future *self = (struct qp_oneshot_recv_future *)future;
    struct oneshot *oneshot = of_receiver(self->receiver);
    if (future->stage != NEW)
        return recv_again(self, waker);
    if (ready(oneshot) && qp_wait_queue_empty(&oneshot->receiving))
        return receive(oneshot, self->value);
    qp_wait_queue_push(&oneshot->receiving, &self->wait, waker);
    future->stage = WAITING;
    return QP_PENDING;
}

static void recv_drop(struct qp_future *future)
{
    struct qp_oneshot_recv_future *self = (struct qp_oneshot_recv_future *)future;
    struct oneshot *oneshot = of_receiver(self->receiver);
    if (future->stage != WAITING)
        return;
    qp_wait_remove(&self->wait);
    if (ready(oneshot))
        wake_receiver(oneshot);
}

static const struct qp_object *recv_object(const struct qp_future *future)
{
    return &of_receiver(((const struct qp_oneshot_recv_future *)future)->receiver)->object;
}

const struct qp_future_ops qp_oneshot_recv_ops = {qp_op_oneshot_recv, recv_poll, recv_drop, recv_object, NULL};

/* Nobody took the value. */
QP_APART static struct oneshot *drop_value(struct oneshot *self)
{
    self->state &= ~(uint32_t)FULL;
    qp_value_drop(self->type, value_of(self), self->object.id, self->state & HEARD ? self->value_id : 0,
                  QP_DROP_CHANNEL);
    return self;
}

void qp_oneshot_receiver_drop(struct qp_oneshot_receiver *receiver)
{
    struct oneshot *self;
    if (!receiver)
        return;
    self = of_receiver(receiver);
    if (!qp_wait_queue_empty(&self->receiving))
        qp_misuse("the receiver of %s dropped by %s while %s waits on it", qp_object_label(&self->object),
                  qp_task_label(qp_task_id()), qp_waker_label(qp_wait_queue_first(&self->receiving)->waker));
    if (QP_UNLIKELY(self->state & HEARD))
        self = tell_dropped(self, false);
    qp_owned_unlink(&self->receiver.owned);
    if (QP_UNLIKELY(is_full(self)))
        self = drop_value(self);
    self->state |= RECEIVER_GONE; /* not before: the value may have been the last to hold the sender */
    release_unless_in_use(self);
}

void qp_oneshot_receiver_give(struct qp_oneshot_receiver *receiver, const struct qp_handle *to)
{
    qp_owned_give(&receiver->owned, to, "a oneshot's receiver");
}
