/*
 * The document's section "Channels", up to the one-shot channel.
 *
 * Property: messages arrive once and in order, whatever the capacity; a reserved slot sends a critical message without
 * waiting, and gives it back where it cannot; the channel ends when the last sender is gone, and not before.
 */
#include <quipu/quipu.h>
#include <string.h>

/* ---- bounded ---- */

struct consumer {
    struct qp_receiver *rx;
    const char *got[4];
    size_t count, most_buffered;
};

static void producer(void *arg)
{
    struct qp_sender *tx = arg;
    const char *hello = "hello", *world = "world";
    QP_ASSERT_EQ(qp_await(qp_send(tx, &hello)), QP_OK); /* waits if the buffer is full */
    QP_ASSERT_EQ(qp_await(qp_send(tx, &world)), QP_OK);
}

static void consumer(void *arg)
{
    struct consumer *self = arg;
    const char *message;
    while (qp_await(qp_recv(self->rx, &message)) == QP_OK) {
        qp_log("Got: %s", message);
        QP_ASSERT(self->count < 4);
        self->got[self->count++] = message;
        if (self->most_buffered < qp_receiver_length(self->rx))
            self->most_buffered = qp_receiver_length(self->rx);
    }
}

QP_PARAM(doc_channel, capacity, 32)
QP_SCENARIO(doc_channel, "a producer's messages reach the consumer in order, and then the channel ends")
{
    struct consumer self = {0};
    struct qp_sender *tx;
    struct qp_handle producing, consuming;
    QP_ASSERT_EQ(qp_channel_create(&qp_string, qp_param("capacity"), &tx, &self.rx), QP_OK);
    producing = qp_spawn(producer, tx);
    qp_sender_give(tx, &producing);
    consuming = qp_spawn(consumer, &self);
    qp_receiver_give(self.rx, &consuming);
    QP_ASSERT_EQ(qp_await(qp_join(&producing, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&consuming, NULL)), QP_OK);
    QP_ASSERT_EQ(self.count, 2);
    QP_ASSERT(strcmp(self.got[0], "hello") == 0);
    QP_ASSERT(strcmp(self.got[1], "world") == 0);
    QP_ASSERT((int64_t)self.most_buffered <= qp_param("capacity"));
}

/* ---- reserve ---- */

enum publication { SENT, SEND_FAILED, NO_PERMIT };

/* match await tx.reserve(); a receiver that is given is dropped between the permit and its use. */
static enum publication publish(struct qp_sender *tx, struct qp_receiver *dropped_meanwhile)
{
    const char *event = "audit-event";
    struct qp_permit permit;
    if (qp_await(qp_reserve(tx, &permit)) != QP_OK) {
        QP_ASSERT(strcmp(qp_error_message(), "channel send failed") == 0);
        return NO_PERMIT;
    }
    qp_receiver_drop(dropped_meanwhile);
    if (qp_permit_send(&permit, &event) == QP_OK)
        return SENT;
    QP_ASSERT(strcmp(event, "audit-event") == 0); /* err.value: it is still ours */
    return SEND_FAILED;
}

QP_SCENARIO(doc_reserve, "a reserved slot delivers the critical message, or leaves it with its sender")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_permit permit;
    const char *event;
    QP_ASSERT_EQ(qp_channel_create(&qp_string, 1, &tx, &rx), QP_OK);
    QP_ASSERT_EQ(publish(tx, NULL), SENT);

    /* Cancelled while it waits for capacity, a reserve has no message to lose. */
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_reserve(tx, &permit))), QP_TIMEOUT);
    QP_ASSERT_EQ(qp_dropped(rx), 0);
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &event)), QP_OK);
    QP_ASSERT(strcmp(event, "audit-event") == 0);

    QP_ASSERT_EQ(publish(tx, rx), SEND_FAILED);
    QP_ASSERT_EQ(publish(tx, NULL), NO_PERMIT);
}

/* ---- many producers ---- */

struct numbers {
    struct qp_sender *tx;
    int first, second;
};

static void send_two(void *arg)
{
    struct numbers *self = arg;
    QP_ASSERT_EQ(qp_await(qp_send(self->tx, &self->first)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_send(self->tx, &self->second)), QP_OK);
}

/* Spawns a task that sends two numbers through a clone of its own. */
static struct qp_handle spawn_producer(struct numbers *self, struct qp_sender *tx)
{
    struct qp_handle handle;
    self->tx = qp_sender_clone(tx);
    QP_ASSERT(self->tx);
    handle = qp_spawn(send_two, self);
    qp_sender_give(self->tx, &handle);
    return handle;
}

/* Where a number stands among those received. */
static int place_of(int number, const int *received, int count)
{
    int place = 0;
    while (place < count && received[place] != number)
        place++;
    return place;
}

QP_PARAM(doc_multiple_producers, capacity, 100)
QP_SCENARIO(doc_multiple_producers, "one consumer gets all that clones of the sender sent, each one's in its order")
{
    struct numbers small = {NULL, 1, 2}, large = {NULL, 100, 200};
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int received[8], count = 0;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, qp_param("capacity"), &tx, &rx), QP_OK);
    spawn_producer(&small, tx);
    spawn_producer(&large, tx);
    qp_sender_drop(tx); /* the clones keep the channel open */
    while (count < 8 && qp_await(qp_recv(rx, &received[count])) == QP_OK)
        count++;
    QP_ASSERT_EQ(count, 4);
    QP_ASSERT(place_of(1, received, count) < place_of(2, received, count));
    QP_ASSERT(place_of(100, received, count) < place_of(200, received, count));
    QP_ASSERT(place_of(2, received, count) < count && place_of(200, received, count) < count);
}

/* The example to the letter keeps `tx` where it consumes: "when all senders are dropped" never comes. */
QP_SCENARIO(doc_multiple_producers_kept_sender, "a consumer that holds a sender itself waits for ever, and is told why")
{
    struct numbers small = {NULL, 1, 2};
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int number;
    qp_expect(QP_DEADLOCK, "of which it holds a sender itself");
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 100, &tx, &rx), QP_OK);
    spawn_producer(&small, tx);
    while (qp_await(qp_recv(rx, &number)) == QP_OK)
        qp_log("Received: %d", number);
}

/* ---- unbounded ---- */

QP_SCENARIO(doc_unbounded, "an unbounded channel takes every message at once; receiving still waits")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int number, i;
    QP_ASSERT_EQ(qp_channel_create_unbounded(&qp_int, &tx, &rx), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_recv(rx, &number))), QP_TIMEOUT);
    for (i = 1; i <= 3; i++)
        QP_ASSERT_EQ(qp_try_send(tx, &i), QP_OK); /* never blocks */
    QP_ASSERT_EQ(qp_receiver_length(rx), 3);
    qp_sender_drop(tx);
    for (i = 1; i <= 3; i++) {
        QP_ASSERT_EQ(qp_await(qp_recv(rx, &number)), QP_OK);
        QP_ASSERT_EQ(number, i);
    }
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &number)), QP_CLOSED); /* None: channel closed */
}
