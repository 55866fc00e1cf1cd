/*
 * Sending through a bounded channel.
 *
 * Property: every value that was sent is received once, and what one sender sends stays in order. A value enters the
 * queue at the moment its send completes. Capacity goes to waiting senders first come, first served, and nobody barges
 * past them. Never more is buffered than the capacity, where zero or less counts as one.
 */
#include <quipu/quipu.h>

enum { MOST = 16, PER_PRODUCER = 100 };

/* Lets everybody else go as far as they can: time moves only when nothing can run. */
static void settle(void)
{
    qp_await(qp_sleep_ms(1));
}

/* ---- many producers, one consumer ---- */

struct producer {
    struct qp_sender *tx;
    int first; /* its values are first, first + 1, ... */
    int64_t count;
};

static void produce(void *arg)
{
    struct producer *self = arg;
    int i;
    for (i = 0; i < self->count; i++) {
        int value = self->first + i;
        QP_ASSERT_EQ(qp_await(qp_send(self->tx, &value)), QP_OK);
    }
}

static void spawn_producer(struct producer *self, struct qp_sender *tx)
{
    struct qp_handle handle;
    self->tx = qp_sender_clone(tx);
    QP_ASSERT(self->tx);
    handle = qp_spawn(produce, self);
    qp_sender_give(self->tx, &handle);
    qp_handle_drop(&handle);
}

QP_PARAM(channel_send, capacity, 2)
QP_PARAM(channel_send, producers, 3)
QP_PARAM(channel_send, values, 4)
QP_SCENARIO(channel_send, "all that several producers send arrives once, each one's in its order, within the capacity")
{
    int64_t producers = qp_param("producers"), values = qp_param("values"), received = 0;
    struct producer self[MOST];
    int next[MOST] = {0}, value, i;
    struct qp_sender *tx;
    struct qp_receiver *rx;
    QP_ASSERT(producers <= MOST && values <= PER_PRODUCER);
    QP_ASSERT_EQ(qp_channel_create(&qp_int, qp_param("capacity"), &tx, &rx), QP_OK);
    for (i = 0; i < producers; i++) {
        self[i] = (struct producer){NULL, i * PER_PRODUCER, values};
        spawn_producer(&self[i], tx);
    }
    qp_sender_drop(tx);
    while (qp_await(qp_recv(rx, &value)) == QP_OK) {
        QP_ASSERT_EQ(value % PER_PRODUCER, next[value / PER_PRODUCER]++);
        QP_ASSERT((int64_t)qp_receiver_length(rx) <= qp_param("capacity"));
        if (received++ % 3 == 0)
            qp_await(qp_yield());
    }
    QP_ASSERT_EQ(received, producers * values);
}

/* ---- first come, first served ---- */

/* Whoever asks gets a number, and sends it: numbers are in order of asking. */
struct line {
    struct qp_sender *tx;
    int asked, done;
    int order[MOST]; /* in which the sends completed */
};

static void ask(void *arg)
{
    struct line *self = arg;
    int number = self->asked++;
    QP_ASSERT_EQ(qp_await(qp_send(self->tx, &number)), QP_OK);
    self->order[self->done++] = number;
}

static void spawn_askers(struct line *self, int count)
{
    while (count-- > 0) {
        struct qp_handle handle = qp_spawn(ask, self);
        qp_handle_drop(&handle);
    }
}

static int receive(struct qp_receiver *rx)
{
    int value = -1;
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
    return value;
}

QP_ASSUMES_NO(channel_send_fifo, QP_FAULT_YIELD)
QP_SCENARIO(channel_send_fifo, "capacity goes to waiting senders in the order in which they asked, late ones too")
{
    struct line self = {0};
    struct qp_receiver *rx;
    int filler = -2, i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &self.tx, &rx), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_send(self.tx, &filler)), QP_OK);
    spawn_askers(&self, 3);
    settle();
    QP_ASSERT_EQ(self.done, 0);
    QP_ASSERT_EQ(receive(rx), filler);
    spawn_askers(&self, 2); /* while the slot is on its way to the first */
    for (i = 0; i < 5; i++)
        QP_ASSERT_EQ(receive(rx), i);
    settle();
    QP_ASSERT_EQ(self.done, 5);
}

QP_ASSUMES_NO(channel_send_no_barging, QP_FAULT_YIELD)
QP_SCENARIO(channel_send_no_barging, "a slot that is on its way to a waiting sender is nobody else's")
{
    struct line self = {0};
    struct qp_receiver *rx;
    int filler = -2, barger = -3, i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &self.tx, &rx), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_send(self.tx, &filler)), QP_OK);
    spawn_askers(&self, 2);
    settle();
    QP_ASSERT_EQ(receive(rx), filler);
    QP_ASSERT_EQ(qp_receiver_length(rx), 0);
    QP_ASSERT_EQ(qp_try_send(self.tx, &barger), QP_FULL);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(0, qp_send(self.tx, &barger))), QP_TIMEOUT);
    QP_ASSERT_EQ(self.done, 0);
    for (i = 0; i < 2; i++)
        QP_ASSERT_EQ(receive(rx), i);
    QP_ASSERT_EQ(qp_try_send(self.tx, &barger), QP_OK); /* nobody waits now */
}

QP_SCENARIO(channel_send_enters_when_complete, "values leave in the order in which their sends completed")
{
    struct line self = {0};
    struct qp_receiver *rx;
    int filler = -2, received[4], i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 2, &self.tx, &rx), QP_OK);
    for (i = 0; i < 2; i++)
        QP_ASSERT_EQ(qp_await(qp_send(self.tx, &filler)), QP_OK);
    spawn_askers(&self, 4);
    settle();
    for (i = 0; i < 2; i++)
        QP_ASSERT_EQ(receive(rx), filler); /* two are granted a slot now, and may run in either order */
    for (i = 0; i < 4; i++)
        received[i] = receive(rx);
    settle();
    for (i = 0; i < 4; i++)
        QP_ASSERT_EQ(received[i], self.order[i]);
}

/* ---- the least capacity ---- */

QP_SCENARIO(channel_capacity_below_one, "a capacity of zero or less counts as one")
{
    static const int64_t capacities[] = {1, 0, -1, INT64_MIN};
    struct producer self[4];
    int i, value;
    for (i = 0; i < 4; i++) {
        struct qp_sender *tx;
        struct qp_receiver *rx;
        int extra = 0;
        QP_ASSERT_EQ(qp_channel_create(&qp_int, capacities[i], &tx, &rx), QP_OK);
        self[i] = (struct producer){NULL, 0, 3};
        spawn_producer(&self[i], tx);
        settle();
        QP_ASSERT_EQ(qp_receiver_length(rx), 1);
        QP_ASSERT_EQ(qp_try_send(tx, &extra), QP_FULL);
        for (value = 0; value < 3; value++)
            QP_ASSERT_EQ(receive(rx), value);
    }
}
