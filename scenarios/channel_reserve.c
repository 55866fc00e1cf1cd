/*
 * Reserving capacity before there is a value.
 *
 * Property: a reserved slot is nobody else's, and its use never waits. Reserves and sends wait in one queue, first
 * come, first served. A reserve that is cancelled loses its place and nothing else; one that had been granted a slot
 * and has not run passes it on. Close fails all that wait, also one that was granted.
 */
#include <quipu/quipu.h>
#include <string.h>

enum { MOST = 16 };

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

/* ---- a reserved slot ---- */

struct publishers {
    struct qp_sender *tx;
    int reserved, published; /* so far */
};

/* Takes a slot, then makes its value, which takes a while, then sends it without waiting. */
static void publish(void *arg)
{
    struct publishers *self = arg;
    struct qp_permit permit;
    int event;
    QP_ASSERT_EQ(qp_await(qp_reserve(self->tx, &permit)), QP_OK);
    self->reserved++;
    qp_await(qp_yield());
    qp_await(qp_sleep_ms(1));
    event = self->published++;
    QP_ASSERT_EQ(qp_permit_send(&permit, &event), QP_OK);
}

QP_PARAM(channel_reserve, capacity, 2)
QP_PARAM(channel_reserve, publishers, 5)
QP_SCENARIO(channel_reserve,
            "every reserved slot takes its value without waiting; values are in the order of their use")
{
    int64_t capacity = qp_param("capacity"), publishers = qp_param("publishers");
    struct publishers self = {0};
    struct qp_handle handles[MOST];
    struct qp_receiver *rx;
    int i;
    QP_ASSERT(publishers <= MOST);
    QP_ASSERT_EQ(qp_channel_create(&qp_int, capacity, &self.tx, &rx), QP_OK);
    for (i = 0; i < publishers; i++)
        handles[i] = qp_spawn(publish, &self);
    for (i = 0; i < publishers; i++) {
        QP_ASSERT_EQ(receive(rx), i);
        QP_ASSERT((int64_t)self.reserved <= i + 1 + capacity);
    }
    for (i = 0; i < publishers; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
}

QP_SCENARIO(channel_reserve_is_kept, "while a slot is reserved nobody else has it, though nothing is buffered")
{
    struct publishers self = {0};
    struct qp_receiver *rx;
    struct qp_permit permit;
    struct qp_handle handle;
    int value = 7;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &self.tx, &rx), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_reserve(self.tx, &permit)), QP_OK);
    handle = qp_spawn(publish, &self);
    settle();
    QP_ASSERT_EQ(qp_receiver_length(rx), 0);
    QP_ASSERT_EQ(qp_try_send(self.tx, &value), QP_FULL);
    QP_ASSERT_EQ(self.reserved, 0);
    QP_ASSERT_EQ(qp_permit_send(&permit, &value), QP_OK);
    settle();
    QP_ASSERT_EQ(self.reserved, 0);
    QP_ASSERT_EQ(receive(rx), 7);
    QP_ASSERT_EQ(receive(rx), 0);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
}

/* ---- waiting for one ---- */

/* Whoever asks gets a number, and delivers it. Even ones reserve, odd ones send. */
struct line {
    struct qp_sender *tx;
    int asked;
    enum qp_status statuses[MOST];
};

static void ask(void *arg)
{
    struct line *self = arg;
    int number = self->asked++;
    struct qp_permit permit;
    self->statuses[number] = QP_PENDING;
    if (number % 2) {
        self->statuses[number] = qp_await(qp_send(self->tx, &number));
        return;
    }
    self->statuses[number] = qp_await(qp_reserve(self->tx, &permit));
    if (self->statuses[number] == QP_OK)
        QP_ASSERT_EQ(qp_permit_send(&permit, &number), QP_OK);
    else
        QP_ASSERT(strcmp(qp_error_message(), "channel send failed") == 0);
}

QP_ASSUMES_NO(channel_reserve_fifo, QP_FAULT_YIELD)
QP_SCENARIO(channel_reserve_fifo, "reserves and sends are served in the one order in which they asked")
{
    struct line self = {0};
    struct qp_handle handles[6];
    struct qp_receiver *rx;
    int i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &self.tx, &rx), QP_OK);
    send_now(self.tx, -2);
    for (i = 0; i < 6; i++)
        handles[i] = qp_spawn(ask, &self);
    settle();
    QP_ASSERT_EQ(receive(rx), -2);
    for (i = 0; i < 6; i++)
        QP_ASSERT_EQ(receive(rx), i);
    for (i = 0; i < 6; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
}

/* Spawns one who asks and sees to it that it waits. */
static struct qp_handle spawn_waiting(struct line *self)
{
    struct qp_handle handle = qp_spawn(ask, self);
    settle();
    QP_ASSERT_EQ(self->statuses[self->asked - 1], QP_PENDING);
    return handle;
}

QP_SCENARIO(channel_reserve_cancelled, "a cancelled reserve loses its place in the queue, and nothing else is lost")
{
    struct line self = {0};
    struct qp_handle handles[4];
    struct qp_receiver *rx;
    struct qp_permit permit;
    int i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &self.tx, &rx), QP_OK);
    send_now(self.tx, -2);
    for (i = 0; i < 4; i++)
        handles[i] = spawn_waiting(&self);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(2, qp_reserve(self.tx, &permit))), QP_TIMEOUT);
    qp_abort(&handles[0]); /* 0 and 2 reserve */
    qp_abort(&handles[2]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[2], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(receive(rx), -2);
    QP_ASSERT_EQ(receive(rx), 1);
    QP_ASSERT_EQ(receive(rx), 3);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[3], NULL)), QP_OK);
    QP_ASSERT_EQ(qp_dropped(rx), 0);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(0, qp_reserve(self.tx, &permit))), QP_OK);
}

QP_SCENARIO(channel_reserve_cancelled_granted, "a reserve that was granted a slot and is cancelled passes it on")
{
    struct line self = {0};
    struct qp_handle first, second, third;
    struct qp_receiver *rx;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &self.tx, &rx), QP_OK);
    send_now(self.tx, -2);
    first = spawn_waiting(&self);
    second = spawn_waiting(&self);
    third = spawn_waiting(&self);
    QP_ASSERT_EQ(receive(rx), -2); /* the slot is the first one's */
    qp_abort(&first);
    QP_ASSERT_EQ(receive(rx), 1); /* the slot is the third one's */
    qp_abort(&third);
    QP_ASSERT_EQ(qp_await(qp_join(&first, NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_join(&second, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&third, NULL)), QP_CANCELLED);
    send_now(self.tx, 9); /* the slot is free */
}

QP_SCENARIO(channel_reserve_closed, "close fails the reserves that wait, one that was granted, and all later ones")
{
    struct line self = {0};
    struct qp_handle handles[3];
    struct qp_receiver *rx;
    struct qp_permit permit;
    int i, value;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &self.tx, &rx), QP_OK);
    send_now(self.tx, -2);
    for (i = 0; i < 3; i++)
        handles[i] = spawn_waiting(&self);
    QP_ASSERT_EQ(receive(rx), -2);
    QP_ASSERT(qp_receiver_close(rx));
    QP_ASSERT_EQ(qp_await(qp_reserve(self.tx, &permit)), QP_SEND_FAILED);
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_CLOSED);
    for (i = 0; i < 3; i++) {
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
        QP_ASSERT_EQ(self.statuses[i], QP_SEND_FAILED);
    }
}

/* ---- whatever the moment ---- */

enum { PUBLISHERS = 3, EVENTS = 3 };

struct hurried {
    struct qp_sender *tx;
    int *sent; /* by all */
};

static void publish_in_time(void *arg)
{
    struct hurried *self = arg;
    int i;
    for (i = 0; i < EVENTS; i++) {
        QP_SCOPED(qp_permit_drop) struct qp_permit permit = {0};
        int event;
        if (qp_await(qp_timeout_ms(2, qp_reserve(self->tx, &permit))) != QP_OK)
            continue;
        if (i == 1)
            continue; /* it has nothing to say after all */
        qp_await(qp_sleep_ms(1));
        event = *self->sent;
        QP_ASSERT_EQ(qp_permit_send(&permit, &event), QP_OK);
        ++*self->sent;
    }
}

QP_SCENARIO(channel_reserve_cancelled_whenever,
            "timeouts tied with the consumer, unused permits, an abort: no slot is lost")
{
    struct hurried self[PUBLISHERS];
    struct qp_handle handles[PUBLISHERS];
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int sent = 0, received = 0, value, i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    for (i = 0; i < PUBLISHERS; i++) {
        self[i] = (struct hurried){qp_sender_clone(tx), &sent};
        QP_ASSERT(self[i].tx);
        handles[i] = qp_spawn(publish_in_time, &self[i]);
        qp_sender_give(self[i].tx, &handles[i]);
    }
    for (i = 0; i < 3; i++) {
        if (qp_await(qp_timeout_ms(4, qp_recv(rx, &value))) == QP_OK)
            QP_ASSERT_EQ(value, received++);
        qp_await(qp_sleep_ms(1));
        qp_abort(&handles[i]);
    }
    while (qp_try_recv(rx, &value) == QP_OK)
        QP_ASSERT_EQ(value, received++);
    for (i = 0; i < PUBLISHERS; i++)
        qp_await(qp_join(&handles[i], NULL));
    while (qp_try_recv(rx, &value) == QP_OK)
        QP_ASSERT_EQ(value, received++);
    QP_ASSERT_EQ(received, sent);
    send_now(tx, 0);
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
    QP_ASSERT_EQ(value, 0);
}
