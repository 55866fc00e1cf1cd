/*
 * Cancelling a send.
 *
 * Property: a send that is cancelled while it waits for capacity has not sent, and its value is dropped, once. One that
 * had been granted a slot and is cancelled before it runs passes the slot on. The same for a send that was made and
 * never polled. Nothing else is lost, and nobody else notices.
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

static void send_now(struct qp_sender *tx, int value)
{
    QP_ASSERT_EQ(qp_try_send(tx, &value), QP_OK);
}

/* ---- while it waits ---- */

enum boundary { NONE, TIMEOUT, LOST_RACE };

struct sending {
    struct qp_sender *tx;
    int value;
    enum boundary boundary;
    struct qp_receiver *stop; /* for LOST_RACE: where something comes that wins */
    enum qp_status status;
    size_t winner;
};

static void send_one(void *arg)
{
    struct sending *self = arg;
    struct qp_future *send = qp_send(self->tx, &self->value);
    int ignored;
    self->status = QP_PENDING;
    if (self->boundary == TIMEOUT)
        self->status = qp_await(qp_timeout_ms(5, send));
    else if (self->boundary == LOST_RACE)
        self->status = qp_await(qp_race(&self->winner, qp_arm(qp_recv(self->stop, &ignored)), qp_arm(send)));
    else
        self->status = qp_await(send);
}

QP_SCENARIO(channel_send_cancelled,
            "abort, timeout, lost race: the value is not sent and is dropped once; others go on")
{
    struct qp_sender *tx, *stop_tx;
    struct qp_receiver *rx, *stop;
    struct sending self[4];
    struct qp_handle handles[4];
    int i;
    create(1, &tx, &rx);
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &stop_tx, &stop), QP_OK);
    send_now(tx, 0);
    for (i = 0; i < 4; i++) {
        self[i] = (struct sending){tx, i + 1, i < 3 ? (enum boundary)i : NONE, stop, QP_PENDING, 9};
        handles[i] = qp_spawn(send_one, &self[i]);
    }
    settle();
    QP_ASSERT_EQ(qp_dropped(rx), 0);
    qp_abort(&handles[0]);
    send_now(stop_tx, 0);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_OK);
    QP_ASSERT_EQ(self[1].status, QP_TIMEOUT);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[2], NULL)), QP_OK);
    QP_ASSERT_EQ(self[2].winner, 0);
    for (i = 1; i <= 3; i++)
        QP_ASSERT_EQ(drops[i], 1);
    QP_ASSERT_EQ(qp_dropped(rx), 3);
    QP_ASSERT_EQ(receive(rx), 0);
    QP_ASSERT_EQ(receive(rx), 4);
    QP_ASSERT_EQ(qp_try_recv(rx, &i), QP_EMPTY);
    QP_ASSERT_EQ(drops[0] + drops[4], 0);
}

/* ---- granted, and not yet run ---- */

/* Spawns a sender and sees to it that it waits. */
static struct qp_handle spawn_waiting(struct sending *self)
{
    struct qp_handle handle = qp_spawn(send_one, self);
    settle();
    QP_ASSERT_EQ(self->status, QP_PENDING);
    return handle;
}

QP_SCENARIO(channel_send_cancelled_granted, "two senders in turn are granted a slot and aborted: the third has it")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct sending self[3];
    struct qp_handle handles[3];
    int i;
    create(1, &tx, &rx);
    send_now(tx, 0);
    for (i = 0; i < 3; i++) {
        self[i] = (struct sending){tx, i + 1, NONE, NULL, QP_PENDING, 9};
        handles[i] = spawn_waiting(&self[i]);
    }
    QP_ASSERT_EQ(receive(rx), 0); /* the slot is the first one's now */
    qp_abort(&handles[0]);
    qp_abort(&handles[1]); /* which has it from the first, or goes before it comes to that */
    QP_ASSERT_EQ(receive(rx), 3);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[2], NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_CANCELLED);
    QP_ASSERT(drops[1] == 1 && drops[2] == 1 && drops[3] == 0);
    send_now(tx, 4); /* the slot is free */
}

QP_SCENARIO(channel_send_cancelled_granted_in_race,
            "a send that loses its race after it was granted a slot passes it on")
{
    struct qp_sender *tx, *stop_tx;
    struct qp_receiver *rx, *stop;
    struct sending racing, other;
    struct qp_handle handle, behind;
    create(1, &tx, &rx);
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &stop_tx, &stop), QP_OK);
    send_now(tx, 0);
    racing = (struct sending){tx, 1, LOST_RACE, stop, QP_PENDING, 9};
    other = (struct sending){tx, 2, NONE, NULL, QP_PENDING, 9};
    handle = spawn_waiting(&racing);
    behind = spawn_waiting(&other);
    QP_ASSERT_EQ(receive(rx), 0);
    send_now(stop_tx, 0); /* both of its arms are ready now: the first wins */
    QP_ASSERT_EQ(receive(rx), 2);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&behind, NULL)), QP_OK);
    QP_ASSERT(racing.winner == 0 && racing.status == QP_OK);
    QP_ASSERT(drops[1] == 1 && drops[2] == 0);
}

/* ---- made, and never polled ---- */

QP_SCENARIO(channel_send_cancelled_unpolled,
            "a send behind an arm that is ready at once never starts; its value is dropped")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    size_t winner = 9;
    int ready = 1, unsent = 2, received = 0;
    create(2, &tx, &rx);
    send_now(tx, ready);
    QP_ASSERT_EQ(qp_await(qp_race(&winner, qp_arm(qp_recv(rx, &received)), qp_arm(qp_send(tx, &unsent)))), QP_OK);
    QP_ASSERT(winner == 0 && received == 1);
    QP_ASSERT(drops[2] == 1 && qp_dropped(rx) == 1);
    QP_ASSERT_EQ(qp_receiver_length(rx), 0);
}

/* ---- whatever the moment ---- */

enum { PRODUCERS = 3, VALUES = 4 };

struct producer {
    struct qp_sender *tx;
    int first;
    enum qp_status statuses[VALUES]; /* QP_PENDING: begun; QP_EMPTY: not even that */
};

static void produce(void *arg)
{
    struct producer *self = arg;
    int i;
    for (i = 0; i < VALUES; i++) {
        int value = self->first + i;
        self->statuses[i] = QP_PENDING;
        self->statuses[i] = qp_await(qp_timeout_ms(2, qp_send(self->tx, &value)));
    }
}

/* Each value was received once, or dropped once, or neither, and its producer was told so. */
static void check_value(enum qp_status status, int received, int dropped)
{
    if (status == QP_OK)
        QP_ASSERT(received == 1 && dropped == 0);
    else if (status == QP_TIMEOUT)
        QP_ASSERT(received == 0 && dropped == 1);
    else if (status == QP_PENDING)
        QP_ASSERT_EQ(received + dropped, 1);
    else
        QP_ASSERT_EQ(received + dropped, 0);
}

QP_SCENARIO(channel_send_cancelled_whenever,
            "timeouts tied with the consumer, and an abort: no value is lost or doubled")
{
    struct producer self[PRODUCERS];
    struct qp_handle handles[PRODUCERS];
    struct qp_receiver *rx;
    struct qp_sender *tx;
    int received[PRODUCERS * VALUES] = {0}, value, i, k;
    create(2, &tx, &rx);
    for (i = 0; i < PRODUCERS; i++) {
        self[i] = (struct producer){qp_sender_clone(tx), i * VALUES, {QP_EMPTY, QP_EMPTY, QP_EMPTY, QP_EMPTY}};
        QP_ASSERT(self[i].tx);
        handles[i] = qp_spawn(produce, &self[i]);
        qp_sender_give(self[i].tx, &handles[i]);
    }
    qp_sender_drop(tx);
    while (qp_await(qp_recv(rx, &value)) == QP_OK) {
        received[value]++;
        if (value == VALUES)
            qp_abort(&handles[0]);
        qp_await(qp_sleep_ms(1));
    }
    for (i = 0; i < PRODUCERS; i++)
        for (k = 0; k < VALUES; k++)
            check_value(self[i].statuses[k], received[i * VALUES + k], drops[i * VALUES + k]);
}
