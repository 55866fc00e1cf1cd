/*
 * Sending without waiting.
 *
 * Property: try_send answers at once. Full and closed both leave the value with its owner, and say which it was; closed
 * goes before full. What it took arrives once and in order, beside those who wait to send.
 */
#include <quipu/quipu.h>
#include <stdlib.h>
#include <string.h>

QP_SCENARIO(channel_try_send, "full and closed each say so, and the value stays with its owner")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    char *first = malloc(8), *second = malloc(8), *received;
    QP_ASSERT(first && second && qp_defer(free, second) == QP_OK); /* which no one will take */
    strcpy(first, "first");
    strcpy(second, "second");
    QP_ASSERT_EQ(qp_channel_create(&qp_owned_string, 1, &tx, &rx), QP_OK);
    QP_ASSERT_EQ(qp_try_send(tx, &first), QP_OK);
    QP_ASSERT_EQ(qp_try_send(tx, &second), QP_FULL);
    QP_ASSERT(qp_receiver_close(rx));
    QP_ASSERT_EQ(qp_try_send(tx, &second), QP_SEND_FAILED);
    QP_ASSERT_EQ(qp_try_recv(rx, &received), QP_OK);
    free(received);
    QP_ASSERT_EQ(qp_try_send(tx, &second), QP_SEND_FAILED);
    qp_receiver_drop(rx);
    QP_ASSERT_EQ(qp_try_send(tx, &second), QP_SEND_FAILED);
    QP_ASSERT(strcmp(second, "second") == 0);
}

/* ---- among those who wait ---- */

enum { TRYING = 3, VALUES = 3 };

struct stream {
    struct qp_sender *tx;
    int senders; /* so far; each sends its number times VALUES, and so on */
    int waiting; /* sends that have begun and are not complete */
    int tried, sent;
};

static void try_some(void *arg)
{
    struct stream *self = arg;
    int first = self->senders++ * VALUES, i;
    for (i = 0; i < VALUES; i++) {
        int value = first + i;
        enum qp_status status = qp_try_send(self->tx, &value);
        QP_ASSERT(status == QP_FULL || (status == QP_OK && !self->waiting));
        self->tried++;
        self->sent += status == QP_OK;
        qp_await(qp_yield());
    }
}

static void send_some(void *arg)
{
    struct stream *self = arg;
    int first = self->senders++ * VALUES, i;
    for (i = 0; i < VALUES; i++) {
        int value = first + i;
        self->waiting++;
        QP_ASSERT_EQ(qp_await(qp_send(self->tx, &value)), QP_OK);
        self->waiting--;
        self->sent++;
    }
}

QP_ASSUMES_NO(channel_try_send_contended, QP_FAULT_YIELD)
QP_SCENARIO(channel_try_send_contended,
            "never past a sender that waits; what was taken arrives once, each sender's in order")
{
    struct stream self = {0};
    struct qp_handle handles[TRYING + 1];
    struct qp_receiver *rx;
    int next[TRYING + 1] = {0}, received = 0, value, i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &self.tx, &rx), QP_OK);
    for (i = 0; i < TRYING; i++)
        handles[i] = qp_spawn(try_some, &self);
    handles[i] = qp_spawn(send_some, &self);
    while (qp_await(qp_timeout_ms(1, qp_recv(rx, &value))) == QP_OK) {
        QP_ASSERT(value % VALUES >= next[value / VALUES]);
        next[value / VALUES] = value % VALUES + 1;
        received++;
    }
    for (i = 0; i <= TRYING; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT_EQ(received, self.sent);
    QP_ASSERT_EQ(self.tried, TRYING * VALUES);
    QP_ASSERT(self.sent >= VALUES);
}
