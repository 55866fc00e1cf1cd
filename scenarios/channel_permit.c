/*
 * Permits: slots of a channel in somebody's hand.
 *
 * Property: a permit is used once; every other use gives the value back. A permit that is dropped, by whatever end of
 * its owner, gives its slot back and wakes the next waiter. Its value comes back if the receiver was dropped meanwhile:
 * it is never silently lost. After close a permit that is out may still deliver, and recv waits for it; it counts as a
 * sender.
 */
#include <quipu/quipu.h>
#include <string.h>

enum { MOST = 16 };

/* How often each value was dropped. Static: the last drops come when main has left its frame. */
static _Thread_local int drops[MOST];

static void count_drop(void *value)
{
    drops[*(int *)value]++;
}

static const struct qp_type counted = QP_TYPE_DROP(int, count_drop);

/* Lets everybody else go as far as they can: time moves only when nothing can run. */
static void settle(void)
{
    qp_await(qp_sleep_ms(1));
}

static void create(int64_t capacity, struct qp_sender **tx, struct qp_receiver **rx)
{
    memset(drops, 0, sizeof drops);
    QP_ASSERT_EQ(qp_channel_create(&counted, capacity, tx, rx), QP_OK);
}

static int receive(struct qp_receiver *rx)
{
    int value = -1;
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
    return value;
}

static struct qp_permit reserve(struct qp_sender *tx)
{
    struct qp_permit permit;
    QP_ASSERT_EQ(qp_await(qp_reserve(tx, &permit)), QP_OK);
    return permit;
}

static enum qp_status use(struct qp_permit *permit, int value)
{
    int before = value;
    enum qp_status status = qp_permit_send(permit, &value);
    QP_ASSERT_EQ(value, before);
    return status;
}

/* ---- given back ---- */

enum way { DROPPED, RETURNED, ABORTED, PANICKED, WAYS };

struct holder {
    struct qp_sender *tx;
    enum way way;
    bool has;
};

/* Has a permit for a while and does not use it. */
static void hold(void *arg)
{
    struct holder *self = arg;
    struct qp_permit permit = reserve(self->tx);
    self->has = true;
    qp_await(qp_sleep_ms(5));
    if (self->way == PANICKED)
        qp_panic("nothing to send");
    if (self->way == RETURNED)
        return; /* what it owns goes with it */
    qp_permit_drop(&permit);
    qp_permit_drop(&permit); /* nothing for an empty one */
    qp_await(qp_sleep_ms(50));
}

static void send_five(void *arg)
{
    int value = 5;
    QP_ASSERT_EQ(qp_await(qp_send(arg, &value)), QP_OK);
}

/* The waiter's value comes at the moment at which the holder lets go. */
static void check_given_back(enum way way)
{
    struct holder self = {.way = way};
    struct qp_handle holding, waiting;
    struct qp_receiver *rx;
    int64_t start_ns = qp_now();
    create(1, &self.tx, &rx);
    holding = qp_spawn(hold, &self);
    settle();
    QP_ASSERT(self.has);
    waiting = qp_spawn(send_five, self.tx);
    settle();
    QP_ASSERT_TIMED(qp_receiver_length(rx) == 0);
    if (way == ABORTED)
        qp_abort(&holding);
    QP_ASSERT_EQ(receive(rx), 5);
    QP_ASSERT_TIME(qp_now() - start_ns, qp_milliseconds(way == ABORTED ? 2 : 5));
    QP_ASSERT_EQ(qp_await(qp_join(&waiting, NULL)), QP_OK);
    qp_abort(&holding);
    QP_ASSERT_EQ(qp_await(qp_join(&holding, NULL)), way == PANICKED   ? QP_PANICKED
                                                    : way == RETURNED ? QP_OK
                                                                      : QP_CANCELLED);
}

QP_TIMED(channel_permit_dropped, "that it is still held a millisecond later")
QP_SCENARIO(channel_permit_dropped, "a permit that goes, however its owner ends, gives its slot to the next who waits")
{
    int way;
    for (way = 0; way < WAYS; way++)
        check_given_back((enum way)way);
}

struct given {
    struct qp_permit permit;
    int value;
};

static void use_later(void *arg)
{
    struct given *self = arg;
    qp_await(qp_sleep_ms(2));
    QP_ASSERT_EQ(use(&self->permit, self->value), QP_OK);
}

QP_SCENARIO(channel_permit_given, "a permit moves to another task, which uses it, or gives it back by its end")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct given self[2];
    struct qp_handle handles[2];
    int i;
    create(2, &tx, &rx);
    for (i = 0; i < 2; i++) {
        self[i] = (struct given){reserve(tx), i + 1};
        handles[i] = qp_spawn(use_later, &self[i]);
        qp_permit_give(&self[i].permit, &handles[i]);
    }
    settle();
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(0, qp_reserve(tx, &self[0].permit))), QP_TIMEOUT);
    qp_abort(&handles[1]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(use(&self[1].permit, 3), QP_USED); /* gone with the task */
    self[1].permit = reserve(tx);                   /* its slot */
    QP_ASSERT_EQ(receive(rx), 1);
    QP_ASSERT_EQ(use(&self[1].permit, 4), QP_OK);
    QP_ASSERT_EQ(receive(rx), 4);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_OK);
}

/* ---- used once ---- */

struct shared {
    struct qp_permit permit;
    int delivered, refused;
};

static void use_copy(void *arg)
{
    struct shared *self = arg;
    struct qp_permit copy = self->permit;
    enum qp_status status;
    qp_await(qp_yield());
    status = use(&copy, 1);
    QP_ASSERT(status == QP_OK || status == QP_USED);
    self->delivered += status == QP_OK;
    self->refused += status == QP_USED;
    QP_ASSERT_EQ(use(&copy, 2), QP_USED);
}

QP_SCENARIO(channel_permit_send_twice,
            "of several uses, through copies in several tasks, one delivers; the others give back")
{
    struct shared self = {0};
    struct qp_handle handles[3];
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int i, value;
    create(3, &tx, &rx);
    self.permit = reserve(tx);
    for (i = 0; i < 3; i++)
        handles[i] = qp_spawn(use_copy, &self);
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT(self.delivered == 1 && self.refused == 2);
    QP_ASSERT_EQ(receive(rx), 1);
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_EMPTY);
    QP_ASSERT_EQ(use(&self.permit, 3), QP_USED);
    qp_permit_drop(&self.permit); /* gives no second slot back */
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(qp_try_send(tx, &i), QP_OK);
    QP_ASSERT_EQ(qp_try_send(tx, &i), QP_FULL);
}

/* ---- the receiver is dropped ---- */

QP_SCENARIO(channel_permit_after_receiver_dropped,
            "the receiver was dropped after the reservation: the value comes back")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_permit permits[2];
    struct given given;
    struct qp_handle handle;
    create(3, &tx, &rx);
    permits[0] = reserve(tx);
    permits[1] = reserve(tx);
    given = (struct given){reserve(tx), 3};
    handle = qp_spawn(use_later, &given);
    qp_permit_give(&given.permit, &handle);
    QP_ASSERT_EQ(use(&permits[0], 1), QP_OK);
    qp_receiver_drop(rx);
    QP_ASSERT_EQ(drops[1], 1);
    QP_ASSERT_EQ(use(&permits[1], 2), QP_SEND_FAILED);
    QP_ASSERT_EQ(use(&permits[1], 2), QP_USED);
    qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(drops[2] + drops[3], 0);
}

struct racing {
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int delivered, returned;
};

static void reserve_and_use(void *arg)
{
    struct racing *self = arg;
    struct qp_permit permit;
    enum qp_status status = qp_await(qp_reserve(self->tx, &permit));
    if (status == QP_OK) {
        qp_await(qp_yield());
        status = use(&permit, 1);
    }
    QP_ASSERT(status == QP_OK || status == QP_SEND_FAILED);
    self->delivered += status == QP_OK;
    self->returned += status == QP_SEND_FAILED;
}

static void receive_some(void *arg)
{
    struct racing *self = arg;
    QP_ASSERT_EQ(receive(self->rx), 1);
    qp_await(qp_yield());
    qp_receiver_drop(self->rx);
}

QP_SCENARIO(channel_permit_or_receiver_dropped, "permits used while the receiver is dropped: each value has one fate")
{
    struct racing self = {0};
    struct qp_handle handles[4], receiving;
    int i;
    create(2, &self.tx, &self.rx);
    receiving = qp_spawn(receive_some, &self);
    qp_receiver_give(self.rx, &receiving);
    for (i = 0; i < 4; i++)
        handles[i] = qp_spawn(reserve_and_use, &self);
    QP_ASSERT_EQ(qp_await(qp_join(&receiving, NULL)), QP_OK);
    for (i = 0; i < 4; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT_EQ(self.delivered + self.returned, 4);
    QP_ASSERT_EQ(self.delivered, 1 + drops[1]);
}

/* ---- the channel is closed ---- */

static void keep(void *arg)
{
    (void)arg; /* the permit is the task's, and goes with it */
    qp_await(qp_sleep_ms(1000));
}

QP_SCENARIO(channel_permit_after_close,
            "after close, permits that are out deliver or go unused, and recv waits for them")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct given delivering[2];
    struct qp_permit unused;
    struct qp_handle handles[2], keeping;
    int value, i;
    create(3, &tx, &rx);
    for (i = 0; i < 2; i++) {
        delivering[i] = (struct given){reserve(tx), i + 1};
        handles[i] = qp_spawn(use_later, &delivering[i]);
        qp_permit_give(&delivering[i].permit, &handles[i]);
    }
    unused = reserve(tx);
    keeping = qp_spawn(keep, NULL);
    qp_permit_give(&unused, &keeping);
    QP_ASSERT(qp_receiver_close(rx));
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_EMPTY); /* closed, but not ended */
    value = receive(rx);
    QP_ASSERT_EQ(value + receive(rx), 1 + 2);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(2));
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(1, qp_recv(rx, &value))), QP_TIMEOUT);
    qp_abort(&keeping);
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_CLOSED);
    QP_ASSERT(qp_now() < qp_milliseconds(1000));
}

/* ---- a permit counts as a sender ---- */

QP_SCENARIO(channel_permit_is_a_sender, "without senders a channel lasts as long as a permit is out, and ends with it")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct given self[2];
    struct qp_handle handles[2];
    int value, i;
    create(2, &tx, &rx);
    for (i = 0; i < 2; i++) {
        self[i] = (struct given){reserve(tx), i + 1};
        handles[i] = qp_spawn(use_later, &self[i]);
        qp_permit_give(&self[i].permit, &handles[i]);
    }
    qp_sender_drop(tx);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(1, qp_recv(rx, &value))), QP_TIMEOUT);
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_EMPTY);
    qp_abort(&handles[1]);
    QP_ASSERT_EQ(receive(rx), 1);
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_CLOSED);
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_CLOSED);
}
