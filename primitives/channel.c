/*
 * Channels: bounded and unbounded, many senders, cloneable receivers.
 *
 * State: a ring of slots, of which as many may be in use as the capacity (without a bound: as there are now); how many
 * values entered and left it, which says how many are buffered, and where; how many slots are reserved (by permits, and
 * by waiting sends and reserves that were granted one and have not run); the queue of those who wait to receive; one of
 * those who waited to send, were granted or refused it and have not run, and behind them of those who wait for it; how
 * many senders and receivers there are; whether it is closed. Invariants: what is neither buffered nor reserved is
 * free. Somebody waits to send only while nothing is free. Only the first of those who wait to receive may take, and it
 * has been woken since it can: so a value behind another wakes nobody. The end: drained, nothing reserved, and closed
 * or without senders. Whatever brings it about wakes the first receiver.
 *
 * Cancelled sends and reserves. Before the first poll: the value is dropped. Waiting: they leave the queue, likewise.
 * Granted but not polled: the slot is passed on, likewise. Refused but not polled: likewise, for nobody hears of it.
 * Closed after it was granted and before it is polled, a send or reserve is refused, and the slot is passed on.
 * Cancelled receives. Waiting or woken: the wait leaves the queue, and if it was the first, the next one is woken if
 * there is something for it. No value moves before the poll that returns it.
 */
#include "scheduler/brief.h"
#include "scheduler/hold.h"
#include "scheduler/misuse.h"
#include "scheduler/ops.h"
#include "scheduler/runtime.h"
#include "scheduler/say.h"
#include "scheduler/value.h"
#include "scheduler/wait_queue.h"
#include <quipu/channel.h>
#include <string.h>

enum stage { NEW, WAITING, GRANTED, REFUSED };

struct qp_sender {
    struct qp_channel *channel;
    size_t pending; /* sends and reserves on it that wait */
    struct qp_owned owned;
    uint64_t id;
};

struct qp_receiver {
    struct qp_channel *channel;
    size_t pending; /* receives on it that wait */
    struct qp_owned owned;
    uint64_t id;
};

struct qp_channel {
    struct qp_object object;
    size_t entered, left; /* values, ever: of each, modulo the slots, its place */
    size_t reserved;
    size_t room;    /* slots that may be in use */
    size_t mask;    /* slots of the ring, a power of two, less one */
    char *ring;     /* the first slot */
    size_t stride;  /* from a slot to the next; where values have numbers, these stand between them */
    size_t size;    /* of a value */
    uint32_t state; /* a set of bits */
    bool bounded;
    struct qp_wait_queue receiving, sending;
    struct qp_wait *waiting; /* the first of `sending` who still waits, or the queue's end */
    size_t senders, receivers;
    size_t references; /* senders, receivers, permits, and who is at work on it */
    size_t dropped;    /* values, ever */
    const struct qp_type *type;
    struct qp_sender first_sender; /* the first of each lies here */
    struct qp_receiver first_receiver;
};

/* `state`. */
enum {
    CLOSED = 1,
    NUMBERED = 2,  /* its values are: somebody may listen */
    SENDING = 4,   /* somebody waits to send */
    RECEIVING = 8, /* and to receive; also who was woken and has not run */

    /* None of these: a value that enters behind another, and one that leaves, are nobody else's concern. */
    SEND_SPECIALLY = CLOSED | NUMBERED,
    RECV_SPECIALLY = CLOSED | NUMBERED | SENDING | RECEIVING
};

enum { UNBOUNDED_ROOM = 8, LARGE_RING = 65536 }; /* slots at first; bytes */

/* ---- the ring ---- */

/* What stands before each slot, where values have numbers: the number, and what the bytes were. */
struct label {
    uint64_t id, bytes;
};

static size_t number_room(const struct qp_channel *self)
{
    size_t align = self->type->align;
    return !(self->state & NUMBERED) ? 0 : align < sizeof(struct label) ? sizeof(struct label) : align;
}

/* Of so many slots, all of which may be in use. */
static void set_ring(struct qp_channel *self, char *memory, size_t slots)
{
    self->ring = memory + number_room(self);
    self->mask = slots - 1;
    self->room = slots;
}

static inline char *slot_of(const struct qp_channel *self, size_t value)
{
    return self->ring + (value & self->mask) * self->stride;
}

static size_t ring_size(const struct qp_channel *self)
{
    return (self->mask + 1) * self->stride;
}

static char *ring_memory(const struct qp_channel *self)
{
    return self->ring - number_room(self);
}

/* Copies all slots, each with the number before it, the first to leave first. */
static void copy_slots(const struct qp_channel *self, char *to)
{
    size_t until_out = (self->left & self->mask) * self->stride, until_end = ring_size(self) - until_out;
    memcpy(to, ring_memory(self) + until_out, until_end);
    memcpy(to + until_end, ring_memory(self), until_out);
}

static inline size_t buffered(const struct qp_channel *self)
{
    return self->entered - self->left;
}

static inline bool has_slot(const struct qp_channel *self)
{
    return buffered(self) + self->reserved < self->room;
}

/*
 * Twice as many slots, or four times where there are many: what is moved later was moved less often then, and memory
 * costs little before it is touched. QP_NOMEM.
 */
static enum qp_status grow(struct qp_channel *self)
{
    size_t size = ring_size(self), times = size < LARGE_RING ? 2 : 4;
    char *old = ring_memory(self), *memory = NULL;
    if (size <= SIZE_MAX / 8)
        memory = qp_allocate(self->object.runtime, size * times);
    if (!memory)
        return QP_NOMEM;
    copy_slots(self, memory);
    set_ring(self, memory, self->room * times);
    self->entered = buffered(self);
    self->left = 0;
    qp_release(self->object.runtime, old, size);
    return QP_OK;
}

static inline bool is_closed(const struct qp_channel *self)
{
    return self->state & CLOSED;
}

/* A slot is wanted: QP_OK where there is one, or could be made; else QP_SEND_FAILED, QP_FULL, QP_NOMEM. */
static inline enum qp_status want_slot(struct qp_channel *self)
{
    if (QP_UNLIKELY(is_closed(self)))
        return QP_SEND_FAILED;
    if (has_slot(self))
        return QP_OK;
    return self->bounded ? QP_FULL : grow(self);
}

/* ---- waking ---- */

static bool ended(const struct qp_channel *self)
{
    return !buffered(self) && !self->reserved && (is_closed(self) || !self->senders);
}

/* Wakes the first who waits to receive: it can go on. Returns QP_OK, for it is the last thing that is done. */
QP_APART static enum qp_status wake_first(struct qp_channel *self)
{
    qp_wake(self->receiving.end.next->waker);
    return QP_OK;
}

/* The same, if there is one, and it can. */
static inline void wake_receiver(struct qp_channel *self)
{
    if (self->state & RECEIVING && (buffered(self) || ended(self)))
        wake_first(self);
}

/* The waits of sends and reserves begin with the same members. */
static struct qp_future *future_of(struct qp_wait *wait)
{
    return &QP_CONTAINER(wait, struct qp_send_future, wait)->future;
}

/* The first who waits to send waits no more, or leaves. */
static inline void next_sending(struct qp_channel *self)
{
    self->waiting = self->waiting->next;
    if (self->waiting == &self->sending.end)
        self->state &= ~(uint32_t)SENDING;
}

/* Its wait is over, and it will hear how when it is polled. */
static inline struct qp_wait *settle_first(struct qp_channel *self, enum stage stage)
{
    struct qp_wait *wait = self->waiting;
    next_sending(self);
    future_of(wait)->stage = (uint8_t)stage;
    return wait;
}

static inline void grant_slot(struct qp_channel *self)
{
    self->reserved++;
    qp_wait_granted(settle_first(self, GRANTED), &self->object);
}

/* A slot is free: it goes to whoever waits first. */
static inline void give_slot(struct qp_channel *self)
{
    if (self->state & SENDING)
        grant_slot(self);
}

/* A slot is free, and the next receiver may have something to receive. Returns QP_OK, likewise. */
QP_APART static enum qp_status pass_on(struct qp_channel *self)
{
    give_slot(self);
    wake_receiver(self);
    return QP_OK;
}

/* A reserved slot is not used: passes it on, and sees whether that was the end. */
static void give_back_slot(struct qp_channel *self)
{
    self->reserved--;
    pass_on(self);
}

static void refuse_senders(struct qp_channel *self)
{
    while (self->state & SENDING)
        qp_wake(settle_first(self, REFUSED)->waker);
}

/* ---- values enter and leave ---- */

static struct label label_of(const char *slot)
{
    struct label label;
    memcpy(&label, slot - sizeof label, sizeof label);
    return label;
}

/* The bytes of a large value. */
QP_COLD static struct qp_channel *move_large(struct qp_channel *self, void *to, const void *from)
{
    memcpy(to, from, self->size);
    return self;
}

/* A value is in that slot, and has a number; by a permit's or none. */
QP_APART static struct qp_channel *number(struct qp_channel *self, char *slot, const void *value, uint64_t id,
                                          uint64_t permit)
{
    struct label label = {id, QP_TRACING ? qp_value_bytes(self->type, value) : 0};
    memcpy(slot - sizeof label, &label, sizeof label);
    QP_EMIT(VALUE_QUEUED, .object = self->object.id, .fields = {id, permit});
    return self;
}

/* There is a slot for it: it is the caller's, neither free nor reserved. Nobody hears of it. */
static inline struct qp_channel *put(struct qp_channel *self, const void *value)
{
    char *slot = slot_of(self, self->entered++);
    return qp_value_move_small(self->size, slot, value) ? self : move_large(self, slot, value);
}

/* The same; whoever is concerned does. Returns QP_OK. */
static inline enum qp_status enqueue(struct qp_channel *self, const void *value, uint64_t id, uint64_t permit)
{
    self = put(self, value);
    if (QP_UNLIKELY(self->state & NUMBERED))
        self = number(self, slot_of(self, self->entered - 1), value, id, permit);
    return self->state & RECEIVING && buffered(self) == 1 ? wake_first(self) : QP_OK;
}

/* The first slot leaves the ring; it is still the caller's to give. Its bytes stay where they are until then. */
static inline char *dequeue(struct qp_channel *self)
{
    return slot_of(self, self->left++);
}

/* The first value was received: tells that by itself. Returns the channel. */
QP_APART static struct qp_channel *tell_received_apart(struct qp_channel *self, uint64_t id, bool altered,
                                                       const void *value)
{
    char text[QP_PRINT_SIZE];
    QP_EMIT(VALUE_RECEIVED, .object = self->object.id, .fields = {id, altered},
            .text = qp_print(self->type, value, text));
    return self;
}

QP_APART static struct qp_channel *tell_received(struct qp_channel *self, const char *slot, const void *value)
{
    struct label label = label_of(slot);
    bool altered = label.bytes != qp_value_bytes(self->type, value);
    if (QP_TRACING && !qp_run_received(self->object.id, label.id, altered))
        return tell_received_apart(self, label.id, altered, value);
    return self;
}

/* Moves the first value out; nobody hears of it. Returns the channel. */
static inline struct qp_channel *get(struct qp_channel *self, void *value)
{
    char *slot = dequeue(self);
    return qp_value_move_small(self->size, value, slot) ? self : move_large(self, value, slot);
}

/* The same; whoever is concerned does. Returns QP_OK. */
static inline enum qp_status take(struct qp_channel *self, void *value)
{
    self = get(self, value);
    if (QP_UNLIKELY(self->state & NUMBERED))
        self = tell_received(self, slot_of(self, self->left - 1), value);
    return self->state & (SENDING | RECEIVING) ? pass_on(self) : QP_OK;
}

/* Somebody wants it sent, by a future unless that is 0: tells that by itself. Returns its number. */
QP_APART static uint64_t tell_sent_apart(const struct qp_channel *self, const void *value, const char *op,
                                         uint32_t future, uint64_t id)
{
    char text[QP_PRINT_SIZE];
    QP_EMIT(VALUE_SENT, .object = self->object.id, .future = future, .op = op, .fields = {id},
            .text = qp_print(self->type, value, text));
    return id;
}

static inline uint64_t value_given(const struct qp_channel *self, const void *value, const char *op)
{
    return QP_TRACING ? tell_sent_apart(self, value, op, 0, qp_value_next()) : 0;
}

static void value_returned(const struct qp_channel *self, uint64_t id)
{
    QP_EMIT(VALUE_RETURNED, .object = self->object.id, .fields = {id});
}

/* ---- ends dropped while something on them waits ---- */

/* A send or reserve on this sender, between these two places of their queue; NULL: none. */
static const struct qp_send_future *find_send(const struct qp_wait *from, const struct qp_wait *to,
                                              const struct qp_sender *sender)
{
    for (; from != to; from = from->next) {
        const struct qp_send_future *send = QP_CONTAINER_CONST(from, struct qp_send_future, wait);
        if (send->sender == sender)
            return send;
    }
    return NULL;
}

static void sender_in_use(const struct qp_sender *sender)
{
    const struct qp_channel *self = sender->channel;
    const struct qp_send_future *send = find_send(self->waiting, &self->sending.end, sender);
    if (!send)
        send = find_send(self->sending.end.next, self->waiting, sender);
    qp_misuse("a sender of %s dropped by %s while the %s of %s waits on it", qp_object_label(&self->object),
              qp_task_label(qp_task_id()), send->future.ops->name, qp_waker_label(send->wait.waker));
}

static void receiver_in_use(const struct qp_receiver *receiver)
{
    const struct qp_channel *self = receiver->channel;
    const struct qp_wait *wait = self->receiving.end.next;
    while (QP_CONTAINER_CONST(wait, struct qp_recv_future, wait)->receiver != receiver)
        wait = wait->next;
    qp_misuse("a receiver of %s dropped by %s while the recv of %s waits on it", qp_object_label(&self->object),
              qp_task_label(qp_task_id()), qp_waker_label(wait->waker));
}

/* ---- making and ending one ---- */

QP_COLD static void end(struct qp_channel *self)
{
    qp_object_end(&self->object);
    qp_release(self->object.runtime, ring_memory(self), ring_size(self));
    qp_release(self->object.runtime, self, sizeof *self);
}

static void unreference(struct qp_channel *self)
{
    if (QP_UNLIKELY(--self->references == 0))
        end(self);
}

static void sender_release(struct qp_owned *owned)
{
    qp_sender_drop(QP_CONTAINER(owned, struct qp_sender, owned));
}

static void receiver_release(struct qp_owned *owned)
{
    qp_receiver_drop(QP_CONTAINER(owned, struct qp_receiver, owned));
}

static const struct qp_object *sender_object(const struct qp_owned *owned)
{
    return &QP_CONTAINER_CONST(owned, struct qp_sender, owned)->channel->object;
}

static const struct qp_object *receiver_object(const struct qp_owned *owned)
{
    return &QP_CONTAINER_CONST(owned, struct qp_receiver, owned)->channel->object;
}

static void describe(const struct qp_object *object, const struct qp_say *to)
{
    const struct qp_channel *self = (const struct qp_channel *)object;
    if (self->bounded)
        qp_say(to, ": %zu of %zu buffered", buffered(self), self->room);
    else
        qp_say(to, ": %zu buffered", buffered(self));
    if (self->reserved)
        qp_say(to, ", %zu reserved", self->reserved);
    qp_say_count(to, ", ", self->senders, "sender");
    qp_say_count(to, ", ", self->receivers, "receiver");
    qp_say(to, "%s", is_closed(self) ? ", closed" : "");
    qp_say_some_waiters(to, "waiting to send", self->waiting, &self->sending.end);
    qp_say_some_waiters(to, "let on or refused, and not run since", self->sending.end.next, self->waiting);
    qp_say_waiters(to, "waiting to receive", &self->receiving);
}

static const struct qp_object_kind channel_kind = {"channel", describe};
static const struct qp_object_kind unbounded_kind = {"unbounded channel", describe};
static const struct qp_owned_ops sender_ops = {"a sender", "recv", sender_release, sender_object};
static const struct qp_owned_ops receiver_ops = {"a receiver", "send reserve", receiver_release, receiver_object};

static uint64_t end_number(const struct qp_channel *self, bool sending)
{
    struct qp_runtime *runtime = self->object.runtime;
    uint64_t id = runtime ? ++runtime->next_object : 0;
    QP_EMIT(END_CREATED, .object = self->object.id, .fields = {id, sending});
    return id;
}

static struct qp_sender *add_sender(struct qp_channel *self, struct qp_sender *sender)
{
    sender->channel = self;
    sender->pending = 0;
    sender->id = end_number(self, true);
    self->senders++;
    self->references++;
    qp_own(&sender->owned, &sender_ops);
    return sender;
}

static struct qp_receiver *add_receiver(struct qp_channel *self, struct qp_receiver *receiver)
{
    receiver->channel = self;
    receiver->pending = 0;
    receiver->id = end_number(self, false);
    self->receivers++;
    self->references++;
    qp_own(&receiver->owned, &receiver_ops);
    return receiver;
}

/* Makes the ring, for that many values at a time. Only where somebody may listen have values numbers, and then each
 * stands before its value. */
static bool make_ring(struct qp_channel *self, size_t room)
{
    const struct qp_runtime *runtime = self->object.runtime;
    size_t align, size = self->type->size ? self->type->size : 1, slots = 1, bytes;
    char *memory;
    self->state = qp_runtime_is_heard(runtime) ? NUMBERED : 0;
    align = self->state & NUMBERED ? number_room(self) : self->type->align;
    self->stride = number_room(self) + ((size + align - 1) & ~(align - 1));
    while (slots < room && slots <= SIZE_MAX / 4)
        slots *= 2;
    if (slots < room || __builtin_mul_overflow(slots, self->stride, &bytes) || bytes > SIZE_MAX / 2)
        return false;
    memory = qp_allocate(self->object.runtime, bytes);
    if (!memory)
        return false;
    set_ring(self, memory, slots);
    self->room = room;
    return true;
}

static enum qp_status create(const struct qp_type *type, size_t capacity, bool bounded, struct qp_sender **sender,
                             struct qp_receiver **receiver)
{
    struct qp_runtime *runtime = qp_thread.runtime;
    struct qp_channel *self = qp_allocate(runtime, sizeof *self);
    if (!self)
        return QP_NOMEM;
    qp_clear(self, sizeof *self);
    self->object.runtime = runtime;
    self->type = type;
    self->size = type->size;
    self->bounded = bounded;
    if (!make_ring(self, bounded ? capacity : UNBOUNDED_ROOM)) {
        qp_release(runtime, self, sizeof *self);
        return QP_NOMEM;
    }
    qp_wait_queue_init(&self->sending);
    self->waiting = &self->sending.end;
    qp_wait_queue_init(&self->receiving);
    qp_object_init(&self->object, bounded ? &channel_kind : &unbounded_kind, NULL, bounded ? capacity : 0);
    *sender = add_sender(self, &self->first_sender);
    *receiver = add_receiver(self, &self->first_receiver);
    return QP_OK;
}

enum qp_status qp_channel_create(const struct qp_type *type, int64_t capacity, struct qp_sender **sender,
                                 struct qp_receiver **receiver)
{
    return create(type, capacity < 1 ? 1 : (size_t)capacity, true, sender, receiver);
}

enum qp_status qp_channel_create_unbounded(const struct qp_type *type, struct qp_sender **sender,
                                           struct qp_receiver **receiver)
{
    return create(type, 0, false, sender, receiver);
}

void qp_channel_name(struct qp_sender *sender, const char *name)
{
    sender->channel->object.name = name;
    QP_EMIT(OBJECT_NAMED, .object = sender->channel->object.id, .text = name);
}

/* ---- senders ---- */

struct qp_sender *qp_sender_clone(struct qp_sender *sender)
{
    struct qp_sender *clone = qp_allocate(sender->channel->object.runtime, sizeof *clone);
    return clone ? add_sender(sender->channel, clone) : NULL;
}

void qp_sender_drop(struct qp_sender *sender)
{
    struct qp_channel *self;
    if (!sender)
        return;
    self = sender->channel;
    if (sender->pending)
        sender_in_use(sender);
    QP_EMIT(END_DROPPED, .object = self->object.id, .fields = {sender->id, true});
    qp_disown(&sender->owned);
    self->senders--;
    if (sender != &self->first_sender)
        qp_release(self->object.runtime, sender, sizeof *sender);
    wake_receiver(self);
    unreference(self);
}

void qp_sender_give(struct qp_sender *sender, const struct qp_handle *to)
{
    qp_owned_give(&sender->owned, to, "a sender");
    QP_EMIT(END_GIVEN, .object = sender->channel->object.id, .fields = {sender->id, to->id});
}

bool qp_sender_is_closed(const struct qp_sender *sender)
{
    const struct qp_channel *self = sender->channel;
    QP_EMIT(CALLED, .object = self->object.id, .op = "is_closed", .fields = {is_closed(self) ? QP_CLOSED : QP_OK});
    return is_closed(self);
}

/* ---- send ---- */

/* The wait of a send or reserve begins. */
static enum qp_status wait_to_send(struct qp_future *future, struct qp_wait *wait, struct qp_sender *sender,
                                   struct qp_waker *waker)
{
    struct qp_channel *self = sender->channel;
    sender->pending++;
    qp_wait_queue_push(&self->sending, wait, waker);
    if (!(self->state & SENDING))
        self->waiting = wait;
    self->state |= SENDING;
    future->stage = WAITING;
    return QP_PENDING;
}

static inline void stop_waiting(struct qp_wait *wait, struct qp_sender *sender)
{
    qp_wait_remove(wait);
    sender->pending--;
}

QP_COLD static enum qp_status send_refused(const struct qp_send_future *self, enum qp_status status)
{
    value_returned(self->sender->channel, self->value_id);
    return status;
}

/* Somebody wants its value sent, whether at its first poll or when it is dropped without one. */
QP_APART static void tell_send(struct qp_send_future *self)
{
    const struct qp_channel *channel = self->sender->channel;
    self->value_id = qp_value_next();
    if (!qp_run_sent(channel->object.id, self->future.id, "send", self->value_id))
        tell_sent_apart(channel, self->value, "send", self->future.id, self->value_id);
}

static inline enum qp_status send_now(const struct qp_send_future *self, struct qp_channel *channel)
{
    return enqueue(channel, self->value, self->value_id, 0);
}

/* Nothing is before it: somebody may wait to receive. */
QP_APART static enum qp_status send_alone(const struct qp_send_future *self, struct qp_channel *channel)
{
    return send_now(self, channel);
}

/* It waited, and was refused a slot, or the channel was closed since it was granted one. */
QP_APART static enum qp_status send_too_late(struct qp_send_future *self)
{
    if (self->future.stage == GRANTED)
        give_back_slot(self->sender->channel);
    return send_refused(self, QP_SEND_FAILED);
}

/* It waited, and may have been granted a slot or refused one. */
QP_APART static enum qp_status send_again(struct qp_send_future *self, struct qp_waker *waker)
{
    struct qp_channel *channel = self->sender->channel;
    if (self->future.stage == WAITING) {
        self->wait.waker = waker;
        return QP_PENDING;
    }
    stop_waiting(&self->wait, self->sender);
    if (QP_UNLIKELY(self->future.stage == REFUSED || is_closed(channel)))
        return send_too_late(self);
    channel->reserved--;
    return send_now(self, channel);
}

/* It may be told of; the channel may be closed, or have to grow. */
QP_APART static enum qp_status send_with_care(struct qp_send_future *self, struct qp_waker *waker)
{
    struct qp_channel *channel = self->sender->channel;
    enum qp_status status;
    if (QP_TRACING)
        tell_send(self);
    status = want_slot(channel);
    if (status == QP_OK)
        return send_now(self, channel);
    if (status != QP_FULL)
        return send_refused(self, status);
    return wait_to_send(&self->future, &self->wait, self->sender, waker);
}

/* There is no slot for it, and nothing else is special. */
QP_APART static enum qp_status send_first(struct qp_send_future *self, struct qp_waker *waker)
{
    if (QP_UNLIKELY(!self->sender->channel->bounded))
        return send_with_care(self, waker);
    return wait_to_send(&self->future, &self->wait, self->sender, waker);
}

QP_APART static enum qp_status send_specially(struct qp_send_future *self, struct qp_waker *waker)
{
    return self->future.stage == NEW ? send_with_care(self, waker) : send_again(self, waker);
}

static enum qp_status send_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_send_future *self = (struct qp_send_future *)future;
    struct qp_channel *channel = self->sender->channel;
    if (QP_UNLIKELY((future->stage | (channel->state & SEND_SPECIALLY)) != 0))
        return send_specially(self, waker);
    if (QP_UNLIKELY(!has_slot(channel)))
        return send_first(self, waker);
    if (QP_UNLIKELY(!buffered(channel)))
        return send_alone(self, channel);
    put(channel, self->value);
    return QP_OK;
}

/* A wait to send is cancelled. */
static void leave_sending(const struct qp_future *future, struct qp_wait *wait, struct qp_sender *sender)
{
    if (future->stage == NEW)
        return;
    if (sender->channel->waiting == wait)
        next_sending(sender->channel);
    stop_waiting(wait, sender);
    if (future->stage == GRANTED)
        give_back_slot(sender->channel);
}

static void send_drop(struct qp_future *future)
{
    struct qp_send_future *self = (struct qp_send_future *)future;
    struct qp_channel *channel = self->sender->channel;
    if (QP_TRACING && future->stage == NEW)
        tell_send(self);
    leave_sending(future, &self->wait, self->sender);
    channel->dropped++;
    qp_value_drop(channel->type, self->value, channel->object.id, self->value_id, QP_DROP_CANCELLED);
}

static const struct qp_object *send_object(const struct qp_future *future)
{
    return &((const struct qp_send_future *)future)->sender->channel->object;
}

const struct qp_future_ops qp_send_ops = {"send", send_poll, send_drop, send_object, NULL};

/* It may be told of; or nothing is before it, or the channel is closed, or full, or has to grow. */
QP_APART static enum qp_status try_with_care(struct qp_channel *self, const void *value)
{
    uint64_t id = value_given(self, value, "try_send");
    enum qp_status status = want_slot(self);
    QP_EMIT(CALLED, .object = self->object.id, .op = "try_send", .fields = {(uint64_t)status, 1});
    if (status == QP_OK)
        enqueue(self, value, id, 0);
    else
        value_returned(self, id);
    return status;
}

enum qp_status qp_try_send(struct qp_sender *sender, void *value)
{
    struct qp_channel *self = sender->channel;
    if (QP_UNLIKELY(self->state & SEND_SPECIALLY || !has_slot(self) || !buffered(self)))
        return try_with_care(self, value);
    put(self, value);
    return QP_OK;
}

/* ---- reserve, and permits ---- */

/* The hold is over; the slot is the caller's. */
static struct qp_channel *permit_over(struct qp_hold *hold)
{
    struct qp_channel *self;
    hold = qp_hold_released(hold);
    self = (struct qp_channel *)hold->object;
    qp_hold_give_back(self->object.runtime, hold);
    return self;
}

static void permit_release(struct qp_owned *owned)
{
    struct qp_channel *self = permit_over(qp_hold_of(owned));
    give_back_slot(self);
    unreference(self);
}

static const struct qp_owned_ops permit_ops = {"a permit", NULL, permit_release, qp_hold_object};

static enum qp_status reserved(struct qp_reserve_future *self)
{
    struct qp_channel *channel = self->sender->channel;
    channel->references++;
    self->permit->hold = qp_hold_prepare(self->hold, &channel->object, QP_HOLD_SLOT, 1);
    return qp_hold_acquired(self->hold, &permit_ops, &self->permit->id);
}

static enum qp_status reserve_refused(struct qp_reserve_future *self, enum qp_status status)
{
    qp_hold_give_back(self->sender->channel->object.runtime, self->hold);
    return status;
}

static enum qp_status reserve_first(struct qp_reserve_future *self, struct qp_waker *waker)
{
    struct qp_channel *channel = self->sender->channel;
    enum qp_status status;
    if (is_closed(channel))
        return QP_SEND_FAILED;
    self->hold = qp_hold_take(channel->object.runtime);
    if (!self->hold)
        return QP_NOMEM;
    status = want_slot(channel);
    if (status == QP_OK) {
        channel->reserved++;
        return reserved(self);
    }
    if (status == QP_NOMEM)
        return reserve_refused(self, QP_NOMEM);
    return wait_to_send(&self->future, &self->wait, self->sender, waker);
}

static enum qp_status reserve_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_reserve_future *self = (struct qp_reserve_future *)future;
    struct qp_channel *channel = self->sender->channel;
    if (future->stage == NEW)
        return reserve_first(self, waker);
    if (future->stage == WAITING) {
        self->wait.waker = waker;
        return QP_PENDING;
    }
    stop_waiting(&self->wait, self->sender);
    if (future->stage == GRANTED && !is_closed(channel))
        return reserved(self);
    if (future->stage == GRANTED)
        give_back_slot(channel);
    return reserve_refused(self, QP_SEND_FAILED);
}

static void reserve_drop(struct qp_future *future)
{
    struct qp_reserve_future *self = (struct qp_reserve_future *)future;
    leave_sending(future, &self->wait, self->sender);
    if (future->stage != NEW)
        qp_hold_give_back(self->sender->channel->object.runtime, self->hold);
}

static const struct qp_object *reserve_object(const struct qp_future *future)
{
    return &((const struct qp_reserve_future *)future)->sender->channel->object;
}

const struct qp_future_ops qp_reserve_ops = {"reserve", reserve_poll, reserve_drop, reserve_object, NULL};

/* A waiter of either kind is looked at by the one's layout. */
_Static_assert(offsetof(struct qp_send_future, wait) == offsetof(struct qp_reserve_future, wait) &&
                   offsetof(struct qp_send_future, sender) == offsetof(struct qp_reserve_future, sender) &&
                   offsetof(struct qp_send_future, future) == offsetof(struct qp_reserve_future, future),
               "send and reserve begin alike");

enum qp_status qp_permit_send(struct qp_permit *permit, void *value)
{
    struct qp_hold *hold = qp_hold_named(permit->hold, permit->id);
    struct qp_channel *self;
    uint64_t id, number = permit->id;
    *permit = (struct qp_permit){NULL, 0};
    if (!hold) {
        QP_EMIT(CALLED, .op = "permit_send", .fields = {QP_USED, 1, number});
        return QP_USED;
    }
    self = (struct qp_channel *)hold->object;
    id = value_given(self, value, "permit_send");
    QP_EMIT(CALLED, .object = self->object.id, .op = "permit_send",
            .fields = {self->receivers ? QP_OK : QP_SEND_FAILED, 1, number});
    if (!self->receivers) {
        value_returned(self, id);
        permit_release(&hold->owned);
        return QP_SEND_FAILED;
    }
    permit_over(hold);
    self->reserved--;
    enqueue(self, value, id, number);
    unreference(self);
    return QP_OK;
}

void qp_permit_drop(struct qp_permit *permit)
{
    struct qp_hold *hold = qp_hold_named(permit->hold, permit->id);
    *permit = (struct qp_permit){NULL, 0};
    if (hold)
        permit_release(&hold->owned);
}

void qp_permit_give(const struct qp_permit *permit, const struct qp_handle *to)
{
    qp_hold_given(permit->hold, permit->id, to, "a permit");
}

/* ---- receivers ---- */

struct qp_receiver *qp_receiver_clone(struct qp_receiver *receiver)
{
    struct qp_receiver *clone = qp_allocate(receiver->channel->object.runtime, sizeof *clone);
    return clone ? add_receiver(receiver->channel, clone) : NULL;
}

/* Nobody will receive: drops what is buffered, one by one, so that a drop function may look at the channel. */
static void drop_buffered(struct qp_channel *self)
{
    while (buffered(self)) {
        char *slot = dequeue(self);
        self->dropped++;
        qp_value_drop(self->type, slot, self->object.id, self->state & NUMBERED ? label_of(slot).id : 0,
                      QP_DROP_CHANNEL);
    }
}

void qp_receiver_drop(struct qp_receiver *receiver)
{
    struct qp_channel *self;
    if (!receiver)
        return;
    self = receiver->channel;
    if (receiver->pending)
        receiver_in_use(receiver);
    QP_EMIT(END_DROPPED, .object = self->object.id, .fields = {receiver->id, false});
    qp_disown(&receiver->owned);
    if (--self->receivers == 0) {
        self->state |= CLOSED;
        refuse_senders(self);
        drop_buffered(self);
    }
    if (receiver != &self->first_receiver)
        qp_release(self->object.runtime, receiver, sizeof *receiver);
    unreference(self);
}

void qp_receiver_give(struct qp_receiver *receiver, const struct qp_handle *to)
{
    qp_owned_give(&receiver->owned, to, "a receiver");
    QP_EMIT(END_GIVEN, .object = receiver->channel->object.id, .fields = {receiver->id, to->id});
}

bool qp_receiver_close(struct qp_receiver *receiver)
{
    struct qp_channel *self = receiver->channel;
    bool answer = qp_wait_queue_empty(&self->receiving);
    QP_EMIT(OBJECT_CLOSED, .object = self->object.id, .fields = {answer});
    if (!answer)
        return false;
    self->state |= CLOSED;
    refuse_senders(self);
    return true;
}

static size_t counted(const struct qp_channel *self, const char *op, size_t count)
{
    QP_EMIT(CALLED, .object = self->object.id, .op = op, .fields = {QP_OK, count});
    return count;
}

size_t qp_receiver_length(const struct qp_receiver *receiver)
{
    return counted(receiver->channel, "length", buffered(receiver->channel));
}

size_t qp_dropped(const struct qp_receiver *receiver)
{
    return counted(receiver->channel, "dropped", receiver->channel->dropped);
}

/* ---- recv ---- */

static inline void leave_receiving(struct qp_recv_future *self, struct qp_channel *channel)
{
    qp_wait_remove(&self->wait);
    if (qp_wait_queue_empty(&channel->receiving))
        channel->state &= ~(uint32_t)RECEIVING;
    self->receiver->pending--;
}

/* There is nothing for it, or somebody else waits. */
QP_APART static enum qp_status recv_first(struct qp_recv_future *self, struct qp_waker *waker)
{
    struct qp_channel *channel = self->receiver->channel;
    if (QP_UNLIKELY(qp_wait_queue_empty(&channel->receiving) && ended(channel)))
        return QP_CLOSED;
    self->receiver->pending++;
    qp_wait_queue_push(&channel->receiving, &self->wait, waker);
    channel->state |= RECEIVING;
    self->future.stage = WAITING;
    return QP_PENDING;
}

/* It waited: where it is its turn, there may be a value or the end, and then it is the next one's turn. */
QP_APART static enum qp_status recv_again(struct qp_recv_future *self, struct qp_waker *waker)
{
    struct qp_channel *channel = self->receiver->channel;
    if (channel->receiving.end.next != &self->wait || (!buffered(channel) && !ended(channel))) {
        self->wait.waker = waker;
        return QP_PENDING;
    }
    leave_receiving(self, channel);
    if (QP_LIKELY(buffered(channel) != 0))
        return take(channel, self->value);
    wake_receiver(channel);
    return QP_CLOSED;
}

/* It may have waited, or concern somebody. */
QP_APART static enum qp_status recv_specially(struct qp_recv_future *self, struct qp_waker *waker)
{
    struct qp_channel *channel = self->receiver->channel;
    if (self->future.stage != NEW)
        return recv_again(self, waker);
    if (!buffered(channel) || channel->state & RECEIVING)
        return recv_first(self, waker);
    return take(channel, self->value);
}

static enum qp_status recv_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_recv_future *self = (struct qp_recv_future *)future;
    struct qp_channel *channel = self->receiver->channel;
    if (QP_UNLIKELY((future->stage | (channel->state & RECV_SPECIALLY)) != 0))
        return recv_specially(self, waker);
    if (QP_UNLIKELY(!buffered(channel)))
        return recv_first(self, waker);
    get(channel, self->value);
    return QP_OK;
}

static void recv_drop(struct qp_future *future)
{
    struct qp_recv_future *self = (struct qp_recv_future *)future;
    if (future->stage != WAITING)
        return;
    leave_receiving(self, self->receiver->channel);
    wake_receiver(self->receiver->channel);
}

static const struct qp_object *recv_object(const struct qp_future *future)
{
    return &((const struct qp_recv_future *)future)->receiver->channel->object;
}

const struct qp_future_ops qp_recv_ops = {qp_op_recv, recv_poll, recv_drop, recv_object, NULL};

enum qp_status qp_try_recv(struct qp_receiver *receiver, void *value)
{
    struct qp_channel *self = receiver->channel;
    enum qp_status status = QP_OK;
    if (!qp_wait_queue_empty(&self->receiving) || (!buffered(self) && !ended(self)))
        status = QP_EMPTY;
    else if (!buffered(self))
        status = QP_CLOSED;
    QP_EMIT(CALLED, .object = self->object.id, .op = "try_recv", .fields = {(uint64_t)status, 1});
    if (status == QP_OK)
        take(self, value);
    return status;
}
