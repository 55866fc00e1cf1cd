/*
 * Sending through a one-shot channel.
 *
 * Property: send is synchronous and consumes the sender: it delivers, or gives the value back if the receiver is gone.
 * Every further send gives its value back, also through a handle that several tasks share. A value that was sent and
 * that nobody takes is dropped, once.
 */
#include <quipu/quipu.h>
#include <string.h>

enum { MOST = 16 };

/* How often each value was dropped. Static: the last drops come when main has left its frame. */
static _Thread_local int drops[MOST];

static void count_drop(void *value)
{
    drops[*(int *)value]++;
}

static const struct qp_type counted = QP_TYPE_DROP(int, count_drop);

struct ends {
    struct qp_oneshot_sender *tx;
    struct qp_oneshot_receiver *rx;
};

static struct ends create(void)
{
    struct ends ends;
    memset(drops, 0, sizeof drops);
    QP_ASSERT_EQ(qp_oneshot_create(&counted, &ends.tx, &ends.rx), QP_OK);
    return ends;
}

static enum qp_status send_value(struct qp_oneshot_sender *tx, int value)
{
    int before = value;
    enum qp_status status = qp_oneshot_send(tx, &value);
    QP_ASSERT_EQ(value, before);
    return status;
}

/* ---- delivered ---- */

struct answer {
    struct ends ends;
    int64_t after_ms;
    enum qp_status status;
};

static void answer(void *arg)
{
    struct answer *self = arg;
    qp_await(qp_sleep_ms(self->after_ms));
    self->status = send_value(self->ends.tx, 5);
}

/* The value arrives when it was sent, or when it is asked for: whichever is later. */
static void check_delivered(int64_t sent_ms, int64_t asked_ms)
{
    struct answer self = {create(), sent_ms, QP_PENDING};
    struct qp_handle handle = qp_spawn(answer, &self);
    int64_t start_ns = qp_now();
    int value = -1;
    qp_oneshot_sender_give(self.ends.tx, &handle);
    qp_await(qp_sleep_ms(asked_ms));
    QP_ASSERT_EQ(qp_await(qp_oneshot_recv(self.ends.rx, &value)), QP_OK);
    QP_ASSERT_EQ(value, 5);
    QP_ASSERT_TIME(qp_now() - start_ns, qp_milliseconds(sent_ms > asked_ms ? sent_ms : asked_ms));
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(self.status, QP_OK);
    QP_ASSERT_EQ(drops[5], 0);
}

QP_SCENARIO(oneshot_send, "one value goes over, whether it is sent or asked for first; sending never waits")
{
    check_delivered(1, 2);
    check_delivered(2, 1);
    check_delivered(1, 1);
    check_delivered(0, 0);
}

/* ---- sent again ---- */

struct shared {
    struct qp_oneshot_sender *tx;
    int sent, refused, first;
};

static void send_shared(void *arg)
{
    struct shared *self = arg;
    int number = self->sent + self->refused;
    enum qp_status status = send_value(self->tx, number);
    if (status == QP_OK)
        self->first = number;
    else
        QP_ASSERT_EQ(status, QP_USED);
    self->sent += status == QP_OK;
    self->refused += status == QP_USED;
    qp_await(qp_yield());
    QP_ASSERT_EQ(send_value(self->tx, 9), QP_USED);
}

QP_SCENARIO(oneshot_send_twice,
            "of all sends, by tasks that share the handle, one delivers; each other gives its value back")
{
    struct ends ends = create();
    struct shared self = {.tx = ends.tx};
    struct qp_handle handles[3];
    int value = -1, i;
    for (i = 0; i < 3; i++)
        handles[i] = qp_spawn(send_shared, &self);
    QP_ASSERT_EQ(qp_await(qp_oneshot_recv(ends.rx, &value)), QP_OK);
    QP_ASSERT_EQ(send_value(self.tx, 8), QP_USED); /* also when it was taken */
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT(self.sent == 1 && self.refused == 2);
    QP_ASSERT_EQ(value, self.first);
    for (i = 0; i < MOST; i++)
        QP_ASSERT_EQ(drops[i], 0);
}

/* ---- nobody there ---- */

QP_SCENARIO(oneshot_send_receiver_gone,
            "the receiver is gone: the value comes back, and the sender is used up all the same")
{
    struct ends ends = create();
    qp_oneshot_receiver_drop(ends.rx);
    QP_ASSERT_EQ(send_value(ends.tx, 1), QP_SEND_FAILED);
    QP_ASSERT_EQ(send_value(ends.tx, 1), QP_USED);
    QP_ASSERT_EQ(drops[1], 0);
}

static void ask(void *arg)
{
    int value;
    qp_await(qp_oneshot_recv(arg, &value));
}

QP_SCENARIO(oneshot_send_to_aborted,
            "who asks is aborted as the answer comes: it was taken, came back, or is dropped, once")
{
    struct answer self = {create(), 1, QP_PENDING};
    struct qp_handle asking = qp_spawn(ask, self.ends.rx), answering = qp_spawn(answer, &self);
    enum qp_status status;
    qp_oneshot_receiver_give(self.ends.rx, &asking);
    qp_oneshot_sender_give(self.ends.tx, &answering);
    qp_await(qp_sleep_ms(1)); /* the answer was sent, or was not */
    qp_abort(&asking);
    status = qp_await(qp_join(&asking, NULL));
    QP_ASSERT_EQ(qp_await(qp_join(&answering, NULL)), QP_OK);
    if (status == QP_OK)
        QP_ASSERT(self.status == QP_OK && drops[5] == 0);
    else
        QP_ASSERT_EQ(drops[5], self.status == QP_OK);
    QP_ASSERT(self.status == QP_OK || self.status == QP_SEND_FAILED);
}

/* ---- never taken ---- */

QP_SCENARIO(oneshot_send_never_taken, "a value that was sent and is not taken is dropped with the receiver, not before")
{
    struct answer self = {create(), 1, QP_PENDING};
    struct qp_handle handle = qp_spawn(answer, &self);
    qp_oneshot_sender_give(self.ends.tx, &handle);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK); /* the sender is gone too */
    QP_ASSERT(self.status == QP_OK && drops[5] == 0);
    qp_oneshot_receiver_drop(self.ends.rx);
    QP_ASSERT_EQ(drops[5], 1);
}
