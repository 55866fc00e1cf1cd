/*
 * Sending into a channel that is closed.
 *
 * Property: once the receiver has closed, no more is accepted; every waiting sender gets its value back, also one that
 * had been granted a slot and has not run; what was accepted before is received, and nothing else. A value that comes
 * back is the sender's, and is not dropped by the channel.
 */
#include <quipu/quipu.h>
#include <string.h>

enum { MOST = 64 };

/* How often each value was dropped. Static: the last drops come when main has left its frame. */
static _Thread_local int drops[MOST];

static void count_drop(void *value)
{
    drops[*(int *)value]++;
}

static const struct qp_type counted = QP_TYPE_DROP(int, count_drop);

static void create(int64_t capacity, struct qp_sender **tx, struct qp_receiver **rx)
{
    memset(drops, 0, sizeof drops);
    QP_ASSERT_EQ(qp_channel_create(&counted, capacity, tx, rx), QP_OK);
}

struct sending {
    struct qp_sender *tx;
    int value;
    enum qp_status status;
};

static void send_one(void *arg)
{
    struct sending *self = arg;
    self->status = qp_await(qp_send(self->tx, &self->value));
    if (self->status != QP_OK)
        QP_ASSERT(strcmp(qp_error_message(), "channel send failed") == 0);
}

static void send_now(struct qp_sender *tx, int value)
{
    QP_ASSERT_EQ(qp_try_send(tx, &value), QP_OK);
}

/* Spawns a sender and sees to it that it waits. */
static struct qp_handle spawn_waiting(struct sending *self, struct qp_sender *tx, int value)
{
    struct qp_handle handle;
    *self = (struct sending){tx, value, QP_PENDING};
    handle = qp_spawn(send_one, self);
    qp_await(qp_sleep_ms(1));
    QP_ASSERT_EQ(self->status, QP_PENDING);
    return handle;
}

QP_SCENARIO(channel_send_closed, "close: waiting senders get their values back, and what was buffered is received")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct sending self[3];
    struct qp_handle handles[3];
    int value = 5, i;
    create(2, &tx, &rx);
    send_now(tx, 0);
    send_now(tx, 1);
    for (i = 0; i < 3; i++)
        handles[i] = spawn_waiting(&self[i], tx, i + 2);
    QP_ASSERT(qp_receiver_close(rx));
    QP_ASSERT_EQ(qp_try_send(tx, &value), QP_SEND_FAILED);
    QP_ASSERT_EQ(qp_await(qp_send(tx, &value)), QP_SEND_FAILED);
    for (i = 0; i < 3; i++) {
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
        QP_ASSERT(self[i].status == QP_SEND_FAILED && self[i].value == i + 2);
    }
    for (i = 0; i < 2; i++) {
        QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
        QP_ASSERT_EQ(value, i);
    }
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_CLOSED);
    for (i = 0; i < 6; i++)
        QP_ASSERT_EQ(drops[i], 0);
}

QP_SCENARIO(channel_send_closed_granted, "a sender that was granted a slot and has not run gets its value back too")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct sending granted, waiting;
    struct qp_handle handles[2];
    int value;
    create(1, &tx, &rx);
    send_now(tx, 0);
    handles[0] = spawn_waiting(&granted, tx, 1);
    handles[1] = spawn_waiting(&waiting, tx, 2);
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
    QP_ASSERT(qp_receiver_close(rx));
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_CLOSED);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_OK);
    QP_ASSERT(granted.status == QP_SEND_FAILED && granted.value == 1);
    QP_ASSERT(waiting.status == QP_SEND_FAILED && waiting.value == 2);
    QP_ASSERT_EQ(drops[1] + drops[2], 0);
}

QP_SCENARIO(channel_send_closed_cancelled,
            "cancelled before it hears that it was refused, a send drops its value, once")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct sending refused, other;
    struct qp_handle handles[2];
    create(1, &tx, &rx);
    send_now(tx, 0);
    handles[0] = spawn_waiting(&refused, tx, 1);
    handles[1] = spawn_waiting(&other, tx, 2);
    QP_ASSERT(qp_receiver_close(rx));
    qp_abort(&handles[0]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_OK);
    QP_ASSERT_EQ(other.status, QP_SEND_FAILED);
    QP_ASSERT(drops[1] == 1 && drops[2] == 0);
}

/* ---- whenever it closes ---- */

enum { PRODUCERS = 3, VALUES = 4 };

struct stream {
    struct qp_sender *tx;
    int next;     /* the next value, of any producer */
    int accepted; /* sends that completed, and those that gave the value back */
    int returned;
};

static void produce(void *arg)
{
    struct stream *self = arg;
    int i;
    for (i = 0; i < VALUES; i++) {
        int value = self->next++, before = value;
        if (qp_await(qp_send(self->tx, &value)) == QP_OK)
            self->accepted++;
        else
            self->returned++;
        QP_ASSERT_EQ(value, before);
    }
}

QP_PARAM(channel_send_closed_whenever, received, 5)
QP_SCENARIO(channel_send_closed_whenever,
            "whenever it is closed: what was accepted until then is received, and no more")
{
    struct stream self = {0};
    struct qp_handle handles[PRODUCERS];
    struct qp_receiver *rx;
    int value, received, accepted, i;
    create(2, &self.tx, &rx);
    for (i = 0; i < PRODUCERS; i++)
        handles[i] = qp_spawn(produce, &self);
    for (received = 0; received < qp_param("received"); received++)
        QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
    QP_ASSERT(qp_receiver_close(rx));
    accepted = self.accepted;
    while (qp_await(qp_recv(rx, &value)) == QP_OK)
        received++;
    for (i = 0; i < PRODUCERS; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT_EQ(received, accepted);
    QP_ASSERT_EQ(self.accepted, accepted);
    QP_ASSERT_EQ(self.accepted + self.returned, PRODUCERS * VALUES);
    for (i = 0; i < PRODUCERS * VALUES; i++)
        QP_ASSERT_EQ(drops[i], 0);
}
