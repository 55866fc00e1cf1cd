/*
 * Channels without a bound.
 *
 * Property: sending never waits and never finds it full; nothing is lost or overtaken while the queue grows. A reserve
 * gives its permit at once while the receiver is open, and that permit's send can still give the value back. Closing
 * and the end are as for a bounded one.
 */
#include <quipu/quipu.h>
#include <string.h>

enum { MOST = 400 };

/* How often each value was dropped. Static: the last drops come when main has left its frame. */
static _Thread_local int drops[MOST];

static void count_drop(void *value)
{
    drops[*(int *)value]++;
}

static const struct qp_type counted = QP_TYPE_DROP(int, count_drop);

static void create(struct qp_sender **tx, struct qp_receiver **rx)
{
    memset(drops, 0, sizeof drops);
    QP_ASSERT_EQ(qp_channel_create_unbounded(&counted, tx, rx), QP_OK);
}

static struct qp_permit reserve(struct qp_sender *tx)
{
    struct qp_permit permit;
    QP_ASSERT_EQ(qp_await(qp_reserve(tx, &permit)), QP_OK);
    return permit;
}

/* ---- sending ---- */

static void take_note(void *arg)
{
    *(bool *)arg = true;
}

QP_PARAM(unbounded_send, messages, 100)
QP_ASSUMES_NO(unbounded_send, QP_FAULT_YIELD)
QP_SCENARIO(unbounded_send, "send never waits: a task that is ready does not run meanwhile; all arrive in order")
{
    int64_t messages = qp_param("messages");
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_handle handle;
    bool another_ran = false;
    int i, value;
    create(&tx, &rx);
    handle = qp_spawn(take_note, &another_ran);
    for (i = 0; i < messages; i++) /* the queue grows at powers of two: by either of the two */
        QP_ASSERT_EQ(i % 3 == 1 ? qp_await(qp_send(tx, &i)) : qp_try_send(tx, &i), QP_OK);
    QP_ASSERT(!another_ran);
    QP_ASSERT_EQ(qp_receiver_length(rx), messages);
    for (i = 0; i < messages; i++) {
        QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
        QP_ASSERT_EQ(value, i);
    }
    QP_ASSERT(!another_ran);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
}

enum { PRODUCERS = 3, PER_PRODUCER = 100 };

struct producer {
    struct qp_sender *tx;
    int first;
    int64_t messages;
};

static void produce(void *arg)
{
    struct producer *self = arg;
    int i;
    for (i = 0; i < self->messages; i++) {
        int value = self->first + i;
        QP_ASSERT_EQ(qp_await(qp_send(self->tx, &value)), QP_OK);
        if (i % 3 == 1)
            qp_await(qp_yield());
    }
}

QP_PARAM(unbounded_producers, messages, 10)
QP_SCENARIO(unbounded_producers,
            "the queue grows and shrinks under several producers: all arrive once, each one's in order")
{
    struct producer self[PRODUCERS];
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int next[PRODUCERS] = {0}, received = 0, value, i;
    QP_ASSERT(qp_param("messages") <= PER_PRODUCER);
    create(&tx, &rx);
    for (i = 0; i < PRODUCERS; i++) {
        struct qp_handle handle;
        self[i] = (struct producer){qp_sender_clone(tx), i * PER_PRODUCER, qp_param("messages")};
        QP_ASSERT(self[i].tx);
        handle = qp_spawn(produce, &self[i]);
        qp_sender_give(self[i].tx, &handle);
    }
    qp_sender_drop(tx);
    while (qp_await(qp_recv(rx, &value)) == QP_OK) {
        QP_ASSERT_EQ(value % PER_PRODUCER, next[value / PER_PRODUCER]++);
        if (received++ % 5 == 0)
            qp_await(qp_yield());
    }
    QP_ASSERT_EQ(received, PRODUCERS * qp_param("messages"));
}

/* ---- reserving ---- */

QP_ASSUMES_NO(unbounded_reserve, QP_FAULT_YIELD)
QP_SCENARIO(unbounded_reserve, "permits come at once, as many as one likes; values stand in the order of the sends")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_permit permits[20];
    bool another_ran = false;
    struct qp_handle handle;
    int i, value;
    create(&tx, &rx);
    handle = qp_spawn(take_note, &another_ran);
    for (i = 0; i < 20; i++)
        permits[i] = reserve(tx);
    QP_ASSERT(!another_ran);
    for (i = 0; i < 10; i++)
        QP_ASSERT_EQ(qp_await(qp_send(tx, &i)), QP_OK);
    for (i = 29; i >= 10; i--)
        QP_ASSERT_EQ(qp_permit_send(&permits[i - 10], &i), QP_OK);
    for (i = 0; i < 30; i++) {
        QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
        QP_ASSERT_EQ(value, i < 10 ? i : 39 - i);
    }
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
}

struct given {
    struct qp_permit permit;
    int value;
    enum qp_status status;
};

static void use_later(void *arg)
{
    struct given *self = arg;
    qp_await(qp_sleep_ms(1));
    self->status = qp_permit_send(&self->permit, &self->value);
}

QP_SCENARIO(unbounded_permit_send_fails,
            "a permit's send gives the value back when the receiver is gone, at any moment")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_permit permit;
    struct given self[2];
    struct qp_handle handles[2];
    int i;
    create(&tx, &rx);
    for (i = 0; i < 2; i++) {
        self[i] = (struct given){reserve(tx), i, QP_PENDING};
        handles[i] = qp_spawn(use_later, &self[i]);
        qp_permit_give(&self[i].permit, &handles[i]);
    }
    permit = reserve(tx);
    qp_await(qp_sleep_ms(1)); /* none of them has sent, or one, or both */
    qp_receiver_drop(rx);
    i = 5;
    QP_ASSERT_EQ(qp_permit_send(&permit, &i), QP_SEND_FAILED);
    QP_ASSERT_EQ(qp_permit_send(&permit, &i), QP_USED);
    QP_ASSERT_EQ(qp_await(qp_reserve(tx, &permit)), QP_SEND_FAILED);
    for (i = 0; i < 2; i++) {
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
        QP_ASSERT(self[i].status == QP_OK || self[i].status == QP_SEND_FAILED);
        QP_ASSERT_EQ(self[i].value, i);
        QP_ASSERT_EQ(drops[i], self[i].status == QP_OK);
    }
    QP_ASSERT_EQ(drops[5], 0);
}

/* ---- closing, and the end ---- */

QP_SCENARIO(unbounded_close, "after close nothing is accepted but from permits that are out, and recv waits for these")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct given self;
    struct qp_permit unused;
    struct qp_handle handle;
    int value = 7;
    create(&tx, &rx);
    self = (struct given){reserve(tx), 2, QP_PENDING};
    handle = qp_spawn(use_later, &self);
    qp_permit_give(&self.permit, &handle);
    unused = reserve(tx);
    QP_ASSERT_EQ(qp_try_send(tx, &(int){1}), QP_OK);
    QP_ASSERT(qp_receiver_close(rx));
    QP_ASSERT_EQ(qp_try_send(tx, &value), QP_SEND_FAILED);
    QP_ASSERT_EQ(qp_await(qp_send(tx, &value)), QP_SEND_FAILED);
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
    QP_ASSERT_EQ(value, 1);
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_EMPTY);
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
    QP_ASSERT_EQ(value, 2);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(1, qp_recv(rx, &value))), QP_TIMEOUT);
    qp_permit_drop(&unused);
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_CLOSED);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(self.status, QP_OK);
}

QP_SCENARIO(unbounded_receiver_dropped, "what was not received is dropped with the receiver, each value once")
{
    struct producer self[PRODUCERS];
    struct qp_handle handles[PRODUCERS];
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int received[MOST] = {0}, value, i;
    create(&tx, &rx);
    for (i = 0; i < PRODUCERS; i++) {
        self[i] = (struct producer){tx, i * PER_PRODUCER, 4};
        handles[i] = qp_spawn(produce, &self[i]);
    }
    for (i = 0; i < 5; i++) {
        QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
        received[value]++;
    }
    for (i = 0; i < PRODUCERS; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT_EQ(qp_receiver_length(rx), PRODUCERS * 4 - 5);
    qp_receiver_drop(rx);
    for (i = 0; i < PRODUCERS * 4; i++) {
        value = i / 4 * PER_PRODUCER + i % 4;
        QP_ASSERT_EQ(received[value] + drops[value], 1);
    }
    QP_ASSERT_EQ(qp_try_send(tx, &value), QP_SEND_FAILED);
}
