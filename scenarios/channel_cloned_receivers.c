/*
 * Several receivers of one queue.
 *
 * Property: each message goes to one of them; their waits are served first come, first served; each sees the messages
 * that it gets in order, and all see the end.
 */
#include <quipu/quipu.h>

enum { MOST = 64, RECEIVERS = 4 };

/* Lets everybody else go as far as they can: time moves only when nothing can run. */
static void settle(void)
{
    qp_await(qp_sleep_ms(1));
}

struct shared {
    int times[MOST]; /* each message was received */
    int next;        /* the message that is first in the queue */
    int ended;       /* consumers that saw the end */
};

struct consumer {
    struct shared *shared;
    struct qp_receiver *rx;
};

static void consume(void *arg)
{
    struct consumer *self = arg;
    int value;
    while (qp_await(qp_recv(self->rx, &value)) == QP_OK) {
        QP_ASSERT_EQ(value, self->shared->next++);
        self->shared->times[value]++;
        qp_await(qp_yield());
    }
    QP_ASSERT_EQ(qp_await(qp_recv(self->rx, &value)), QP_CLOSED);
    self->shared->ended++;
}

struct producer {
    struct qp_sender *tx;
    int64_t messages;
};

static void produce(void *arg)
{
    struct producer *self = arg;
    int i;
    for (i = 0; i < self->messages; i++)
        QP_ASSERT_EQ(qp_await(qp_send(self->tx, &i)), QP_OK);
}

QP_PARAM(channel_cloned_receivers, messages, 10)
QP_PARAM(channel_cloned_receivers, capacity, 3)
QP_SCENARIO(channel_cloned_receivers,
            "several consumers share the messages, each once and in order, and all see the end")
{
    struct producer producer = {.messages = qp_param("messages")};
    struct shared shared = {{0}, 0, 0};
    struct consumer self[RECEIVERS];
    struct qp_handle handles[RECEIVERS], producing;
    struct qp_receiver *rx;
    int i;
    QP_ASSERT(producer.messages <= MOST);
    QP_ASSERT_EQ(qp_channel_create(&qp_int, qp_param("capacity"), &producer.tx, &rx), QP_OK);
    for (i = 0; i < RECEIVERS; i++) {
        self[i] = (struct consumer){&shared, qp_receiver_clone(rx)};
        QP_ASSERT(self[i].rx);
        handles[i] = qp_spawn(consume, &self[i]);
        qp_receiver_give(self[i].rx, &handles[i]);
    }
    qp_receiver_drop(rx);
    producing = qp_spawn(produce, &producer);
    qp_sender_give(producer.tx, &producing);
    for (i = 0; i < RECEIVERS; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    for (i = 0; i < producer.messages; i++)
        QP_ASSERT_EQ(shared.times[i], 1);
    QP_ASSERT_EQ(shared.ended, RECEIVERS);
}

/* ---- first come, first served ---- */

/* Whoever asks gets a number, and should receive just that. */
struct line {
    struct qp_receiver *rx[RECEIVERS + 1];
    int asked, served;
};

static void ask(void *arg)
{
    struct line *self = arg;
    int number = self->asked++, value;
    QP_ASSERT_EQ(qp_await(qp_recv(self->rx[number % RECEIVERS], &value)), QP_OK);
    QP_ASSERT_EQ(value, number);
    self->served++;
}

QP_ASSUMES_NO(channel_cloned_receivers_fifo, QP_FAULT_YIELD)
QP_SCENARIO(channel_cloned_receivers_fifo,
            "the first who waits has the first message, late ones and several on one clone too")
{
    struct line self = {.asked = 0};
    struct qp_handle handles[2 * RECEIVERS];
    struct qp_sender *tx;
    int i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, (int64_t)2 * RECEIVERS, &tx, &self.rx[0]), QP_OK);
    for (i = 1; i < RECEIVERS; i++)
        QP_ASSERT((self.rx[i] = qp_receiver_clone(self.rx[0])) != NULL);
    for (i = 0; i < RECEIVERS; i++)
        handles[i] = qp_spawn(ask, &self);
    settle();
    for (i = 0; i < RECEIVERS; i++) {
        QP_ASSERT_EQ(qp_try_send(tx, &i), QP_OK);
        handles[RECEIVERS + i] = qp_spawn(ask, &self); /* behind those for whom the messages are */
    }
    settle();
    QP_ASSERT_EQ(self.served, RECEIVERS);
    for (; i < 2 * RECEIVERS; i++)
        QP_ASSERT_EQ(qp_try_send(tx, &i), QP_OK);
    for (i = 0; i < 2 * RECEIVERS; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
}

/* ---- some go ---- */

QP_SCENARIO(channel_cloned_receivers_aborted,
            "consumers are aborted at any moment; the last one gets what they did not")
{
    struct producer producer = {.messages = 8};
    struct shared shared = {{0}, 0, 0};
    struct consumer self[RECEIVERS];
    struct qp_handle handles[RECEIVERS], producing;
    struct qp_receiver *rx;
    int i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &producer.tx, &rx), QP_OK);
    for (i = 0; i < RECEIVERS; i++) {
        self[i] = (struct consumer){&shared, qp_receiver_clone(rx)};
        QP_ASSERT(self[i].rx);
        handles[i] = qp_spawn(consume, &self[i]);
        qp_receiver_give(self[i].rx, &handles[i]);
    }
    producing = qp_spawn(produce, &producer);
    qp_sender_give(producer.tx, &producing);
    for (i = 0; i < RECEIVERS - 1; i++) {
        qp_await(qp_yield());
        qp_abort(&handles[i]);
    }
    QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    for (i = 0; i < producer.messages; i++)
        QP_ASSERT_EQ(shared.times[i], 1);
}
