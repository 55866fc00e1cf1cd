/*
 * Receiving.
 *
 * Property: recv gives QP_CLOSED only when the channel is closed and drained, and then always. A cancelled wait removes
 * no message, whatever the moment: waiting, woken and not yet run, tied with its deadline, or lost in a race; and where
 * another receiver waits, what it was woken for goes to that one.
 */
#include <quipu/quipu.h>

enum { MOST = 32 };

/* Lets everybody else go as far as they can: time moves only when nothing can run. */
static void settle(void)
{
    qp_await(qp_sleep_ms(1));
}

static int receive(struct qp_receiver *rx)
{
    int value = -1;
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
    return value;
}

static void send_now(struct qp_sender *tx, int value)
{
    QP_ASSERT_EQ(qp_try_send(tx, &value), QP_OK);
}

/* ---- to the end ---- */

static void send_three(void *arg)
{
    int i;
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(qp_await(qp_send(arg, &i)), QP_OK);
}

QP_PARAM(channel_recv, capacity, 3)
QP_SCENARIO(channel_recv, "what was buffered when the last sender went is received; then the end, again and again")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_handle handle;
    int value, i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, qp_param("capacity"), &tx, &rx), QP_OK);
    handle = qp_spawn(send_three, tx);
    qp_sender_give(tx, &handle);
    if (qp_param("capacity") >= 3) {
        settle();
        QP_ASSERT(qp_is_finished(&handle)); /* the sender is gone, and all is buffered */
    }
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(receive(rx), i);
    value = 7;
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_CLOSED);
    QP_ASSERT_EQ(value, 7);
}

/* ---- cancelled ---- */

struct receiving {
    struct qp_receiver *rx, *stop; /* `stop` may be NULL: it does not race */
    int value;
    enum qp_status status;
    size_t winner;
};

static void receive_one(void *arg)
{
    struct receiving *self = arg;
    struct qp_future *receive = qp_recv(self->rx, &self->value);
    int ignored;
    self->status = QP_PENDING;
    if (self->stop)
        self->status = qp_await(qp_race(&self->winner, qp_arm(qp_recv(self->stop, &ignored)), qp_arm(receive)));
    else
        self->status = qp_await(receive);
}

/* Spawns a receiver and sees to it that it waits. */
static struct qp_handle spawn_waiting(struct receiving *self, struct qp_receiver *rx, struct qp_receiver *stop)
{
    struct qp_handle handle;
    *self = (struct receiving){.rx = rx, .stop = stop, .value = -1};
    handle = qp_spawn(receive_one, self);
    settle();
    QP_ASSERT_EQ(self->status, QP_PENDING);
    return handle;
}

QP_SCENARIO(channel_recv_cancelled,
            "a wait that is aborted, times out or loses a race takes nothing of what comes later")
{
    struct qp_sender *tx, *stop_tx;
    struct qp_receiver *rx, *clone, *stop;
    struct receiving aborted, losing;
    struct qp_handle handles[2];
    int value = -1;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 2, &tx, &rx), QP_OK);
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &stop_tx, &stop), QP_OK);
    clone = qp_receiver_clone(rx);
    QP_ASSERT(clone);
    handles[0] = spawn_waiting(&aborted, rx, NULL);
    handles[1] = spawn_waiting(&losing, clone, stop);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(5, qp_recv(rx, &value))), QP_TIMEOUT);
    qp_abort(&handles[0]);
    send_now(stop_tx, 0);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_OK);
    QP_ASSERT_EQ(losing.winner, 0);
    send_now(tx, 1);
    send_now(tx, 2);
    QP_ASSERT_EQ(receive(rx), 1);
    QP_ASSERT_EQ(receive(rx), 2);
    QP_ASSERT(value == -1 && aborted.value == -1 && losing.value == -1);
}

QP_SCENARIO(channel_recv_cancelled_woken,
            "woken for a message and cancelled before it runs, a wait leaves it in its place")
{
    struct qp_sender *tx, *stop_tx;
    struct qp_receiver *rx, *stop;
    struct receiving aborted, losing;
    struct qp_handle handle;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 2, &tx, &rx), QP_OK);
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &stop_tx, &stop), QP_OK);

    handle = spawn_waiting(&aborted, rx, NULL);
    send_now(tx, 1);
    qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    send_now(tx, 2);
    QP_ASSERT_EQ(receive(rx), 1);
    QP_ASSERT_EQ(receive(rx), 2);

    handle = spawn_waiting(&losing, rx, stop);
    send_now(tx, 3);
    send_now(stop_tx, 0); /* both arms are ready: the first wins */
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(losing.winner, 0);
    QP_ASSERT_EQ(receive(rx), 3);
    QP_ASSERT(aborted.value == -1 && losing.value == -1);
}

QP_SCENARIO(channel_recv_cancelled_passes_on,
            "woken receivers are cancelled before they run: the next who waits has the message")
{
    struct qp_sender *tx;
    struct qp_receiver *rx, *clones[3];
    struct receiving self[3];
    struct qp_handle handles[3];
    int i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 2, &tx, &rx), QP_OK);
    for (i = 0; i < 3; i++) {
        clones[i] = qp_receiver_clone(rx);
        QP_ASSERT(clones[i]);
        handles[i] = spawn_waiting(&self[i], clones[i], NULL);
    }
    send_now(tx, 1);
    qp_abort(&handles[0]);
    qp_abort(&handles[1]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[2], NULL)), QP_OK);
    QP_ASSERT(self[2].status == QP_OK && self[2].value == 1);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_CANCELLED);
    QP_ASSERT(self[0].value == -1 && self[1].value == -1);
}

/* ---- again and again ---- */

struct stream {
    struct qp_sender *tx;
    int count;
};

static void send_each_ms(void *arg)
{
    struct stream *self = arg;
    int i;
    for (i = 0; i < self->count; i++) {
        QP_ASSERT_EQ(qp_await(qp_send(self->tx, &i)), QP_OK);
        qp_await(qp_sleep_ms(1));
    }
}

QP_PARAM(channel_recv_retry, messages, 6)
QP_SCENARIO(channel_recv_retry, "a consumer whose every wait is cancelled at the time of the sends gets all, in order")
{
    struct stream self = {.count = (int)qp_param("messages")};
    struct qp_receiver *rx;
    struct qp_handle handle;
    enum qp_status status;
    int next = 0, timeouts = 0, value;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &self.tx, &rx), QP_OK);
    handle = qp_spawn(send_each_ms, &self);
    qp_sender_give(self.tx, &handle);
    while ((status = qp_await(qp_timeout_ms(1, qp_recv(rx, &value)))) != QP_CLOSED) {
        if (status == QP_OK)
            QP_ASSERT_EQ(value, next++);
        else
            QP_ASSERT(status == QP_TIMEOUT && timeouts++ <= self.count);
    }
    QP_ASSERT_EQ(next, self.count);
}

QP_PARAM(channel_recv_in_race, messages, 4)
QP_SCENARIO(channel_recv_in_race, "two channels received from in one race lose nothing to it and keep their orders")
{
    struct stream self[2] = {{.count = (int)qp_param("messages")}, {.count = (int)qp_param("messages")}};
    struct qp_receiver *rx[2];
    int next[2] = {0, 0}, i;
    for (i = 0; i < 2; i++) {
        struct qp_handle handle;
        QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &self[i].tx, &rx[i]), QP_OK);
        handle = qp_spawn(send_each_ms, &self[i]);
        qp_sender_give(self[i].tx, &handle);
    }
    while (next[0] < self[0].count || next[1] < self[1].count) {
        size_t winner;
        int values[2] = {-1, -1};
        enum qp_status status =
            qp_await(qp_race(&winner, qp_arm(qp_recv(rx[0], &values[0])), qp_arm(qp_recv(rx[1], &values[1]))));
        QP_ASSERT_EQ(values[1 - winner], -1); /* the loser's place is untouched */
        if (status == QP_CLOSED)
            break;
        QP_ASSERT_EQ(status, QP_OK);
        QP_ASSERT_EQ(values[winner], next[winner]++);
    }
    for (i = 0; i < 2; i++)
        while (next[i] < self[i].count)
            QP_ASSERT_EQ(receive(rx[i]), next[i]++);
}

/* A consumer is replaced, whatever it is doing; what it has received is counted, what it has not is the next one's. */
struct counting {
    struct qp_receiver *rx;
    int next;
};

static void consume(void *arg)
{
    struct counting *self = arg;
    int value;
    while (qp_await(qp_recv(self->rx, &value)) == QP_OK) {
        QP_ASSERT_EQ(value, self->next++);
        qp_await(qp_yield());
    }
}

QP_PARAM(channel_recv_replaced, messages, 6)
QP_SCENARIO(channel_recv_replaced, "consumers are aborted and replaced at any moment; together they get all, in order")
{
    struct stream sending = {.count = (int)qp_param("messages")};
    struct counting self = {0};
    struct qp_handle handle = {0};
    int i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 2, &sending.tx, &self.rx), QP_OK);
    handle = qp_spawn(send_each_ms, &sending);
    qp_sender_give(sending.tx, &handle);
    qp_handle_drop(&handle);
    for (i = 0; i < sending.count - 1; i++) {
        handle = qp_spawn(consume, &self);
        qp_await(qp_sleep_ms(1));
        qp_abort(&handle);
        qp_await(qp_join(&handle, NULL));
    }
    handle = qp_spawn(consume, &self);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(self.next, sending.count);
}
