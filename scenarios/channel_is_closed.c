/*
 * Senders, and when a channel is closed.
 *
 * Property: the channel closes for the receiver when the last sender is gone, however each of them went, and not
 * before. is_closed is about the receiver's side only: it is true once that is closed or gone, and never otherwise. A
 * consumer that holds a sender itself waits for ever, and the deadlock report names exactly that.
 */
#include <quipu/quipu.h>

enum { SENDERS = 4 };

/* ---- the receiver's side ---- */

struct watcher {
    struct qp_sender *tx;
    bool *closing; /* set at the moment of the close */
    int seen_open, sent;
};

/* Sends until it sees that the channel is closed: at that moment, not before and not later. */
static void watch(void *arg)
{
    struct watcher *self = arg;
    while (!qp_sender_is_closed(self->tx)) {
        int value = 1;
        QP_ASSERT(!*self->closing);
        self->seen_open++;
        self->sent += qp_await(qp_send(self->tx, &value)) == QP_OK;
    }
    QP_ASSERT(*self->closing);
}

QP_SCENARIO(channel_is_closed,
            "true from the moment at which the receiver closes, though values are buffered; not before")
{
    struct watcher self[2];
    struct qp_handle handles[2];
    struct qp_sender *tx;
    struct qp_receiver *rx;
    bool closing = false;
    int value, received = 0, i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 2, &tx, &rx), QP_OK);
    for (i = 0; i < 2; i++) {
        self[i] = (struct watcher){qp_sender_clone(tx), &closing, 0, 0};
        QP_ASSERT(self[i].tx);
        handles[i] = qp_spawn(watch, &self[i]);
        qp_sender_give(self[i].tx, &handles[i]);
    }
    for (; received < 4; received++)
        QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
    QP_ASSERT(!qp_sender_is_closed(tx));
    closing = qp_receiver_close(rx);
    QP_ASSERT(closing && qp_sender_is_closed(tx));
    for (i = 0; i < 2; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    while (qp_await(qp_recv(rx, &value)) == QP_OK)
        received++;
    QP_ASSERT_EQ(received, self[0].sent + self[1].sent);
}

static void drop_receiver(void *arg)
{
    qp_await(qp_yield());
    qp_receiver_drop(arg);
}

QP_SCENARIO(channel_is_closed_receivers_only,
            "other senders' ends do not close it, nor one of two receivers; the last does")
{
    struct qp_sender *tx, *other;
    struct qp_receiver *rx, *clone;
    struct qp_handle first, last;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    other = qp_sender_clone(tx);
    clone = qp_receiver_clone(rx);
    QP_ASSERT(other && clone);
    qp_sender_drop(other);
    QP_ASSERT(!qp_sender_is_closed(tx));
    first = qp_spawn(drop_receiver, rx);
    qp_receiver_give(rx, &first);
    QP_ASSERT_EQ(qp_await(qp_join(&first, NULL)), QP_OK);
    QP_ASSERT(!qp_sender_is_closed(tx));
    last = qp_spawn(drop_receiver, clone);
    qp_receiver_give(clone, &last);
    qp_abort(&last); /* then it goes with its task */
    QP_ASSERT_EQ(qp_await(qp_join(&last, NULL)), QP_CANCELLED);
    QP_ASSERT(qp_sender_is_closed(tx));
}

/* ---- the senders' side ---- */

enum way { DROPS, RETURNS, PANICS, WAITS };

struct client {
    struct qp_sender *tx;
    enum way way;
    int *gone; /* how many senders, of all */
};

static void count_gone(void *arg)
{
    ++*((struct client *)arg)->gone;
}

static void client(void *arg)
{
    struct client *self = arg;
    int value = 1;
    QP_ASSERT_EQ(qp_defer(count_gone, self), QP_OK); /* before its sender goes, which it had already */
    QP_ASSERT_EQ(qp_await(qp_send(self->tx, &value)), QP_OK);
    qp_await(qp_yield());
    if (self->way == DROPS)
        qp_sender_drop(self->tx);
    if (self->way == PANICS)
        qp_panic("done");
    if (self->way != RETURNS)
        qp_await(qp_sleep_ms(self->way == WAITS ? 1000 : 0));
}

QP_SCENARIO(channel_sender_clone,
            "the receiver sees the end when the last of several senders is gone, however each went")
{
    struct client self[SENDERS];
    struct qp_handle handles[SENDERS];
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int gone = 0, received = 0, value, i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    for (i = 0; i < SENDERS; i++) {
        self[i] = (struct client){qp_sender_clone(tx), (enum way)i, &gone};
        QP_ASSERT(self[i].tx);
        handles[i] = qp_spawn(client, &self[i]);
        qp_sender_give(self[i].tx, &handles[i]);
    }
    qp_sender_drop(tx);
    while (qp_await(qp_recv(rx, &value)) == QP_OK)
        if (++received == SENDERS)
            qp_abort(&handles[WAITS]);
    QP_ASSERT_EQ(received, SENDERS);
    QP_ASSERT(gone >= SENDERS - 1); /* the one that dropped its sender itself may not have ended */
    QP_ASSERT(qp_now() < qp_milliseconds(1000));
}

/* ---- a consumer that holds a sender ---- */

static void send_two(void *arg)
{
    int i;
    for (i = 0; i < 2; i++)
        QP_ASSERT_EQ(qp_await(qp_send(arg, &i)), QP_OK);
}

struct consumer {
    struct qp_receiver *rx;
    int received;
};

static void consume(void *arg)
{
    struct consumer *self = arg;
    int value;
    while (qp_await(qp_recv(self->rx, &value)) == QP_OK)
        self->received++;
}

QP_SCENARIO(channel_consumer_holds_sender, "a consumer that waits for the end of what it sends to itself is told so")
{
    struct consumer self = {0};
    struct qp_sender *tx, *clone;
    struct qp_handle consuming, producing;
    qp_expect(QP_DEADLOCK, "of which it holds a sender itself");
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &self.rx), QP_OK);
    clone = qp_sender_clone(tx);
    QP_ASSERT(clone);
    producing = qp_spawn(send_two, clone);
    qp_sender_give(clone, &producing);
    consuming = qp_spawn(consume, &self);
    qp_receiver_give(self.rx, &consuming);
    qp_sender_give(tx, &consuming);
    QP_ASSERT_EQ(qp_await(qp_join(&producing, NULL)), QP_OK);
    qp_await(qp_join(&consuming, NULL));
    qp_fail(QP_SITE("consume"), "a consumer that holds a sender came to an end");
}

QP_SCENARIO(channel_other_holds_sender, "who else keeps the channel open is named, and what it waits for")
{
    struct consumer self = {0}, other = {0};
    struct qp_sender *tx, *other_tx;
    struct qp_handle consuming, keeping;
    qp_expect(QP_DEADLOCK, "of which task 3 'consume' holds a sender");
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &self.rx), QP_OK);
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &other_tx, &other.rx), QP_OK);
    consuming = qp_spawn(consume, &self); /* each waits for the end of what the other sends */
    keeping = qp_spawn(consume, &other);
    qp_receiver_give(self.rx, &consuming);
    qp_sender_give(other_tx, &consuming);
    qp_receiver_give(other.rx, &keeping);
    qp_sender_give(tx, &keeping);
    qp_await(qp_join(&consuming, NULL));
    qp_fail(QP_SITE("consume"), "two consumers that hold each other's senders came to an end");
}

/* ---- dropped in use ---- */

static void send_until_full(void *arg)
{
    int i;
    for (i = 0; i < 2; i++)
        qp_await(qp_send(arg, &i));
}

QP_SCENARIO(channel_sender_dropped_in_use,
            "a sender dropped while a send on it waits is misuse, and says whose send that is")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_handle handle;
    qp_expect(QP_MISUSE, "dropped by task 1 'main' while the send of task 2 'send_until_full' waits on it");
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    handle = qp_spawn(send_until_full, tx);
    qp_await(qp_sleep_ms(1));
    qp_sender_drop(tx);
    qp_await(qp_join(&handle, NULL));
}
