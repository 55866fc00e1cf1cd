/*
 * Closing from the receiver's side.
 *
 * Property: close answers whether the channel is closed now. It does not while another clone waits in recv: then it
 * answers false and changes nothing. Once closed, it stays so, nothing more is accepted, and what is buffered can still
 * be received by all.
 */
#include <quipu/quipu.h>

/* Lets everybody else go as far as they can: time moves only when nothing can run. */
static void settle(void)
{
    qp_await(qp_sleep_ms(1));
}

struct receiving {
    struct qp_receiver *rx;
    int received;
    enum qp_status status;
};

static void receive_one(void *arg)
{
    struct receiving *self = arg;
    int value;
    self->status = qp_await(qp_recv(self->rx, &value));
    self->received += self->status == QP_OK;
}

QP_SCENARIO(channel_close,
            "true, and true again; what is buffered is received by whichever clone, then all see the end")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct receiving self[3] = {{0}};
    struct qp_handle handles[3];
    int i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 2, &tx, &rx), QP_OK);
    for (i = 0; i < 2; i++)
        QP_ASSERT_EQ(qp_try_send(tx, &i), QP_OK);
    QP_ASSERT(qp_receiver_close(rx));
    QP_ASSERT(qp_receiver_close(rx));
    QP_ASSERT_EQ(qp_receiver_length(rx), 2);
    for (i = 0; i < 3; i++) {
        self[i].rx = qp_receiver_clone(rx);
        QP_ASSERT(self[i].rx);
        handles[i] = qp_spawn(receive_one, &self[i]);
    }
    QP_ASSERT_EQ(qp_try_send(tx, &i), QP_SEND_FAILED);
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT_EQ(self[0].received + self[1].received + self[2].received, 2);
    QP_ASSERT(qp_receiver_close(rx));
}

QP_SCENARIO(channel_close_while_clone_waits,
            "false, and nothing is changed, while a clone waits; true when it no longer does")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct receiving self = {0};
    struct qp_handle handle;
    int value = 1;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    self.rx = qp_receiver_clone(rx);
    QP_ASSERT(self.rx);
    handle = qp_spawn(receive_one, &self);
    settle();
    QP_ASSERT(!qp_receiver_close(rx));
    QP_ASSERT(!qp_receiver_close(rx));
    QP_ASSERT(!qp_sender_is_closed(tx));
    QP_ASSERT_EQ(qp_try_send(tx, &value), QP_OK);
    QP_ASSERT(!qp_receiver_close(rx)); /* it is woken, and has not run */
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(self.received, 1);
    QP_ASSERT_EQ(qp_try_send(tx, &value), QP_OK); /* open all the time */
    QP_ASSERT(qp_receiver_close(rx));
    QP_ASSERT(qp_sender_is_closed(tx));
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_CLOSED);
}

QP_SCENARIO(channel_close_after_cancelled_wait, "a clone whose wait was cancelled is in nobody's way")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct receiving self = {0};
    struct qp_handle handle;
    int value;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    self.rx = qp_receiver_clone(rx);
    QP_ASSERT(self.rx);
    handle = qp_spawn(receive_one, &self);
    settle();
    qp_abort(&handle);
    QP_ASSERT(!qp_receiver_close(rx)); /* asked for, and not yet done */
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(1, qp_recv(rx, &value))), QP_TIMEOUT);
    QP_ASSERT(qp_receiver_close(rx));
    QP_ASSERT_EQ(qp_await(qp_recv(self.rx, &value)), QP_CLOSED);
}

/* ---- closers among consumers ---- */

enum { CONSUMERS = 3 };

struct consumers {
    struct qp_sender *tx;
    int waiting; /* in recv */
    bool closed;
    int sent, received;
};

struct consumer {
    struct consumers *all;
    struct qp_receiver *rx;
};

/* After each message asks for the close. The answer is as it should be at that moment, and no other has closed it. */
static void consume(void *arg)
{
    struct consumer *self = arg;
    struct consumers *all = self->all;
    int value;
    for (;;) {
        enum qp_status status;
        all->waiting++;
        status = qp_await(qp_recv(self->rx, &value));
        all->waiting--;
        if (status != QP_OK)
            return;
        all->received++;
        if (qp_receiver_close(self->rx)) {
            QP_ASSERT_EQ(all->waiting, 0);
            all->closed = true;
        } else {
            QP_ASSERT(all->waiting && !all->closed);
        }
        qp_await(qp_yield());
    }
}

static void produce(void *arg)
{
    struct consumers *all = arg;
    int i;
    for (i = 0; i < 6; i++) {
        bool closed = all->closed;
        enum qp_status status = qp_await(qp_send(all->tx, &i));
        QP_ASSERT(status == QP_OK ? !closed : all->closed);
        all->sent += status == QP_OK;
    }
}

QP_ASSUMES_NO(channel_close_contended, QP_FAULT_YIELD)
QP_SCENARIO(channel_close_contended,
            "consumers that close after each message are answered by whether another waits just then")
{
    struct consumers all = {0};
    struct consumer self[CONSUMERS];
    struct qp_handle handles[CONSUMERS], producing;
    struct qp_receiver *rx;
    int i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &all.tx, &rx), QP_OK);
    for (i = 0; i < CONSUMERS; i++) {
        self[i] = (struct consumer){&all, qp_receiver_clone(rx)};
        QP_ASSERT(self[i].rx);
        handles[i] = qp_spawn(consume, &self[i]);
        qp_receiver_give(self[i].rx, &handles[i]);
    }
    producing = qp_spawn(produce, &all);
    qp_sender_give(all.tx, &producing);
    for (i = 0; i < CONSUMERS; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&producing, NULL)), QP_OK);
    QP_ASSERT_EQ(all.sent, all.received);
}
