/*
 * The receiver is dropped.
 *
 * Property: what is buffered is dropped, each value once; waiting senders get theirs back, also one that had been
 * granted a slot and has not run; nothing is accepted any more. Of several receivers only the last one's end does this.
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

static void send_now(struct qp_sender *tx, int value)
{
    QP_ASSERT_EQ(qp_try_send(tx, &value), QP_OK);
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

QP_SCENARIO(channel_receiver_dropped,
            "buffered values are dropped, each once; values that wait or were granted a slot come back")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct sending self[3];
    struct qp_handle handles[3];
    int value, i;
    create(2, &tx, &rx);
    send_now(tx, 0);
    send_now(tx, 1);
    for (i = 0; i < 3; i++)
        handles[i] = spawn_waiting(&self[i], tx, i + 2);
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK); /* the slot is the first one's */
    QP_ASSERT_EQ(drops[1], 0);
    qp_receiver_drop(rx);
    QP_ASSERT(drops[0] == 0 && drops[1] == 1);
    value = 9;
    QP_ASSERT_EQ(qp_try_send(tx, &value), QP_SEND_FAILED);
    QP_ASSERT_EQ(qp_await(qp_send(tx, &value)), QP_SEND_FAILED);
    for (i = 0; i < 3; i++) {
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
        QP_ASSERT(self[i].status == QP_SEND_FAILED && self[i].value == i + 2);
        QP_ASSERT_EQ(drops[i + 2], 0);
    }
    QP_ASSERT(drops[0] == 0 && drops[1] == 1 && drops[9] == 0);
}

QP_SCENARIO(channel_receiver_dropped_clone, "with another receiver left, nothing is dropped and nobody is refused")
{
    struct qp_sender *tx;
    struct qp_receiver *rx, *clone;
    struct sending self;
    struct qp_handle handle;
    int value, i;
    create(1, &tx, &rx);
    clone = qp_receiver_clone(rx);
    QP_ASSERT(clone);
    send_now(tx, 0);
    handle = spawn_waiting(&self, tx, 1);
    qp_receiver_drop(rx);
    QP_ASSERT_EQ(qp_receiver_length(clone), 1);
    for (i = 0; i < 2; i++) {
        QP_ASSERT_EQ(qp_await(qp_recv(clone, &value)), QP_OK);
        QP_ASSERT_EQ(value, i);
    }
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(drops[0] + drops[1], 0);
}

/* ---- whenever it goes ---- */

enum { PRODUCERS = 3, VALUES = 4 };

struct stream {
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int next; /* the next value, of any producer */
    enum qp_status statuses[PRODUCERS * VALUES];
    int received[PRODUCERS * VALUES];
};

static void produce(void *arg)
{
    struct stream *self = arg;
    int i;
    for (i = 0; i < VALUES; i++) {
        int number = self->next++, value = number;
        self->statuses[number] = qp_await(qp_send(self->tx, &value));
        QP_ASSERT_EQ(value, number);
    }
}

static void consume(void *arg)
{
    struct stream *self = arg;
    int value;
    while (qp_await(qp_recv(self->rx, &value)) == QP_OK) {
        self->received[value]++;
        qp_await(qp_yield());
    }
}

QP_SCENARIO(channel_receiver_dropped_whenever,
            "a consumer is aborted at any moment: each value was received, dropped, or given back")
{
    struct stream self = {0};
    struct qp_handle handles[PRODUCERS], consuming;
    int i;
    create(2, &self.tx, &self.rx);
    consuming = qp_spawn(consume, &self);
    qp_receiver_give(self.rx, &consuming);
    for (i = 0; i < PRODUCERS; i++)
        handles[i] = qp_spawn(produce, &self);
    while (self.next < VALUES + 2)
        qp_await(qp_yield());
    qp_abort(&consuming);
    for (i = 0; i < PRODUCERS; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&consuming, NULL)), QP_CANCELLED);
    for (i = 0; i < PRODUCERS * VALUES; i++)
        if (self.statuses[i] == QP_OK)
            QP_ASSERT_EQ(self.received[i] + drops[i], 1);
        else
            QP_ASSERT(self.statuses[i] == QP_SEND_FAILED && self.received[i] + drops[i] == 0);
}
