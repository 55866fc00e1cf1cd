/*
 * Receiving from a one-shot channel.
 *
 * Property: recv gives the value, or an error if the sender went away without sending, however it went; and an error
 * after the value was taken. A cancelled recv takes nothing, whatever the moment: the receiver can wait again for what
 * is sent later, or has come already.
 */
#include <quipu/quipu.h>
#include <string.h>

struct ends {
    struct qp_oneshot_sender *tx;
    struct qp_oneshot_receiver *rx;
};

static struct ends create(void)
{
    struct ends ends;
    QP_ASSERT_EQ(qp_oneshot_create(&qp_int, &ends.tx, &ends.rx), QP_OK);
    return ends;
}

static void send_now(struct qp_oneshot_sender *tx, int value)
{
    QP_ASSERT_EQ(qp_oneshot_send(tx, &value), QP_OK);
}

/* ---- the sender goes ---- */

enum way { DROPS, RETURNS, PANICS, IS_ABORTED, NEVER_STARTS, WAYS };

struct server {
    struct qp_oneshot_sender *tx;
    enum way way;
};

static void serve(void *arg)
{
    struct server *self = arg;
    qp_await(qp_sleep_ms(1));
    if (self->way == DROPS)
        qp_oneshot_sender_drop(self->tx);
    if (self->way == PANICS)
        qp_panic("no answer");
    if (self->way != RETURNS)
        qp_await(qp_sleep_ms(1000));
}

static void abort_later(void *arg)
{
    qp_await(qp_sleep_ms(1));
    qp_abort(arg);
}

static void check_no_answer(enum way way)
{
    struct ends ends = create();
    struct server self = {ends.tx, way};
    struct qp_handle handle = qp_spawn(serve, &self), aborting = {0};
    int value = 7;
    qp_oneshot_sender_give(ends.tx, &handle);
    if (way == IS_ABORTED)
        aborting = qp_spawn(abort_later, &handle);
    if (way == NEVER_STARTS)
        qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_oneshot_recv(ends.rx, &value)), QP_CLOSED);
    QP_ASSERT(strcmp(qp_error_message(), "channel closed: no more messages") == 0);
    QP_ASSERT_EQ(qp_await(qp_oneshot_recv(ends.rx, &value)), QP_CLOSED);
    QP_ASSERT_EQ(value, 7);
    if (way == IS_ABORTED)
        QP_ASSERT_EQ(qp_await(qp_join(&aborting, NULL)), QP_OK);
    qp_abort(&handle);
    qp_await(qp_join(&handle, NULL));
}

QP_SCENARIO(oneshot_recv_no_sender, "who waits hears of it when the sender goes without having sent, however it goes")
{
    int way;
    for (way = 0; way < WAYS; way++)
        check_no_answer((enum way)way);
    QP_ASSERT(qp_now() < qp_milliseconds(1000));
}

/* ---- the value was taken ---- */

QP_SCENARIO(oneshot_recv_after_taken, "after the value was taken there is nothing, whether the sender is there or not")
{
    struct ends ends = create();
    int value = -1;
    send_now(ends.tx, 1);
    QP_ASSERT_EQ(qp_await(qp_oneshot_recv(ends.rx, &value)), QP_OK);
    QP_ASSERT_EQ(value, 1);
    QP_ASSERT_EQ(qp_await(qp_oneshot_recv(ends.rx, &value)), QP_CLOSED);
    QP_ASSERT(strcmp(qp_error_message(), "channel closed: no more messages") == 0);
    qp_oneshot_sender_drop(ends.tx);
    QP_ASSERT_EQ(qp_await(qp_oneshot_recv(ends.rx, &value)), QP_CLOSED);
    QP_ASSERT_EQ(value, 1);
}

/* ---- cancelled ---- */

struct asking {
    struct qp_oneshot_receiver *rx;
    int value;
    bool waits, over;
};

static void ask(void *arg)
{
    struct asking *self = arg;
    self->waits = true;
    QP_ASSERT_EQ(qp_await(qp_oneshot_recv(self->rx, &self->value)), QP_OK);
    self->over = true;
}

static struct qp_handle spawn_waiting(struct asking *self, struct qp_oneshot_receiver *rx)
{
    struct qp_handle handle;
    *self = (struct asking){.rx = rx, .value = -1};
    handle = qp_spawn(ask, self);
    qp_await(qp_sleep_ms(1));
    QP_ASSERT(self->waits && !self->over);
    return handle;
}

QP_SCENARIO(oneshot_recv_cancelled,
            "after waits that were aborted, timed out and lost a race the receiver gets what is sent")
{
    struct ends ends = create();
    struct asking self;
    struct qp_handle handle = spawn_waiting(&self, ends.rx);
    size_t winner;
    int value = -1;
    qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(1, qp_oneshot_recv(ends.rx, &value))), QP_TIMEOUT);
    QP_ASSERT_EQ(qp_await(qp_race(&winner, qp_arm(qp_oneshot_recv(ends.rx, &value)), qp_arm(qp_yield()))), QP_OK);
    QP_ASSERT_EQ(winner, 1);
    handle = spawn_waiting(&self, ends.rx);
    send_now(ends.tx, 5);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT(self.value == 5 && value == -1);
}

QP_SCENARIO(oneshot_recv_cancelled_woken,
            "cancelled when the value has come and the wait has not run: it is there for the next")
{
    struct ends ends = create();
    struct asking self;
    struct qp_handle handle = spawn_waiting(&self, ends.rx);
    int value = -1;
    send_now(ends.tx, 5);
    qp_oneshot_sender_drop(ends.tx);
    qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(self.value, -1);
    QP_ASSERT_EQ(qp_await(qp_oneshot_recv(ends.rx, &value)), QP_OK);
    QP_ASSERT_EQ(value, 5);
}

static void send_at_2_ms(void *arg)
{
    qp_await(qp_sleep_ms(2));
    send_now(arg, 5);
}

QP_SCENARIO(oneshot_recv_retry, "waits that are cancelled again and again, tied with the send too, lose nothing")
{
    struct ends ends = create();
    struct qp_handle handle = qp_spawn(send_at_2_ms, ends.tx);
    enum qp_status status;
    int value = -1, tries = 0;
    qp_oneshot_sender_give(ends.tx, &handle);
    while ((status = qp_await(qp_timeout_ms(1, qp_oneshot_recv(ends.rx, &value)))) == QP_TIMEOUT)
        tries++;
    QP_ASSERT_EQ(status, QP_OK);
    QP_ASSERT(value == 5 && tries >= 1 && tries <= 2);
}

QP_SCENARIO(oneshot_recv_passes_on,
            "of several waits on one receiver the first is cancelled when it is woken: the next has it")
{
    struct ends ends = create();
    struct asking first, second;
    struct qp_handle handles[2];
    handles[0] = spawn_waiting(&first, ends.rx);
    handles[1] = spawn_waiting(&second, ends.rx);
    send_now(ends.tx, 5);
    qp_abort(&handles[0]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    QP_ASSERT(first.value == -1 && second.value == 5);
}

struct turn {
    struct qp_oneshot_receiver *rx;
    enum qp_status status;
};

static void wait_in_turn(void *arg)
{
    struct turn *self = arg;
    int value;
    self->status = qp_await(qp_oneshot_recv(self->rx, &value));
}

QP_SCENARIO(oneshot_recv_in_turn,
            "of several waits on one receiver the first has the value, and the next hears that none comes")
{
    struct ends ends = create();
    struct turn turns[2] = {{ends.rx, QP_PENDING}, {ends.rx, QP_PENDING}};
    struct qp_handle handles[2];
    int i;
    for (i = 0; i < 2; i++) {
        handles[i] = qp_spawn(wait_in_turn, &turns[i]);
        qp_await(qp_sleep_ms(1));
    }
    send_now(ends.tx, 5);
    for (i = 0; i < 2; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT(turns[0].status == QP_OK && turns[1].status == QP_CLOSED);
}

/* ---- a sender that waits for its own answer ---- */

QP_SCENARIO(oneshot_recv_holds_sender, "who waits for an answer that only it could send is told so")
{
    struct ends ends;
    int value;
    qp_expect(QP_DEADLOCK, "of which it holds the sender itself");
    ends = create();
    qp_await(qp_oneshot_recv(ends.rx, &value));
}
