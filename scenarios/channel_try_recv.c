/*
 * Receiving without waiting.
 *
 * Property: try_recv answers at once, and says empty from closed: closed means that nothing will ever come. While a
 * clone waits in recv it finds nothing, for what comes is that one's.
 */
#include <quipu/quipu.h>

/* Lets everybody else go as far as they can: time moves only when nothing can run. */
static void settle(void)
{
    qp_await(qp_sleep_ms(1));
}

static void send_now(struct qp_sender *tx, int value)
{
    QP_ASSERT_EQ(qp_try_send(tx, &value), QP_OK);
}

static int receive_now(struct qp_receiver *rx)
{
    int value = -1;
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_OK);
    return value;
}

static void send_three(void *arg)
{
    int i;
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(qp_await(qp_send(arg, &i)), QP_OK);
}

QP_SCENARIO(channel_try_recv, "empty while something may still come, a permit's value too; closed from then on")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_permit permit;
    struct qp_handle handle;
    int value = 7, i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 2, &tx, &rx), QP_OK);
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_EMPTY);
    QP_ASSERT_EQ(qp_await(qp_reserve(tx, &permit)), QP_OK);
    handle = qp_spawn(send_three, tx);
    qp_sender_give(tx, &handle);
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_EMPTY);
    for (i = 0; i < 3; i++) {
        settle();
        QP_ASSERT_EQ(receive_now(rx), i);
        QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_EMPTY); /* the next is on its way, or the permit's */
    }
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_EMPTY);
    QP_ASSERT_EQ(value, 7);
    QP_ASSERT_EQ(qp_permit_send(&permit, &value), QP_OK);
    QP_ASSERT_EQ(receive_now(rx), 7);
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_CLOSED);
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_CLOSED);
}

/* ---- while a clone waits ---- */

struct waiting {
    struct qp_receiver *rx;
    int value;
};

static void receive_one(void *arg)
{
    struct waiting *self = arg;
    QP_ASSERT_EQ(qp_await(qp_recv(self->rx, &self->value)), QP_OK);
}

QP_SCENARIO(channel_try_recv_while_clone_waits,
            "finds nothing while a clone waits, also when a message has come for that one")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct waiting self = {.value = -1};
    struct qp_handle handle;
    int value;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 2, &tx, &rx), QP_OK);
    self.rx = qp_receiver_clone(rx);
    QP_ASSERT(self.rx);
    handle = qp_spawn(receive_one, &self);
    settle();
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_EMPTY);
    send_now(tx, 1);
    send_now(tx, 2);
    QP_ASSERT_EQ(qp_receiver_length(rx), 2);
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_EMPTY);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(self.value, 1);
    QP_ASSERT_EQ(receive_now(rx), 2);
}

/* ---- beside those who wait ---- */

enum { MESSAGES = 6 };

struct shared {
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int times[MESSAGES]; /* each was received */
    int waiting;         /* in recv */
};

static void receive_all(void *arg)
{
    struct shared *self = arg;
    int value;
    for (;;) {
        self->waiting++;
        if (qp_await(qp_recv(self->rx, &value)) != QP_OK)
            return;
        self->waiting--;
        self->times[value]++;
        qp_await(qp_yield());
    }
}

static void try_all(void *arg)
{
    struct shared *self = arg;
    int i, value;
    for (i = 0; i < MESSAGES; i++) {
        if (qp_try_recv(self->rx, &value) == QP_OK) {
            QP_ASSERT_EQ(self->waiting, 0);
            self->times[value]++;
        }
        qp_await(qp_yield());
    }
}

static void send_all(void *arg)
{
    struct shared *self = arg;
    int i;
    for (i = 0; i < MESSAGES; i++)
        QP_ASSERT_EQ(qp_await(qp_send(self->tx, &i)), QP_OK);
}

QP_ASSUMES_NO(channel_try_recv_contended, QP_FAULT_YIELD)
QP_SCENARIO(channel_try_recv_contended, "one that waits and one that tries share the messages, each once")
{
    struct shared self = {0};
    struct qp_handle handles[3];
    struct qp_receiver *clone;
    int i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 2, &self.tx, &self.rx), QP_OK);
    clone = qp_receiver_clone(self.rx);
    QP_ASSERT(clone);
    handles[0] = qp_spawn(send_all, &self);
    qp_sender_give(self.tx, &handles[0]);
    handles[1] = qp_spawn(receive_all, &self);
    handles[2] = qp_spawn(try_all, &self);
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    for (i = 0; i < MESSAGES; i++)
        QP_ASSERT_EQ(self.times[i], 1);
}
