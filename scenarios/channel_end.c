/*
 * The end of a channel.
 *
 * Property: whatever turns out to be the last thing that kept a recv from ending wakes the receiver: a sender, a permit
 * that is dropped unused, a send or reserve that fails or is cancelled after it had been granted a slot.
 */
#include <quipu/quipu.h>

/* Lets everybody else go as far as they can: time moves only when nothing can run. */
static void settle(void)
{
    qp_await(qp_sleep_ms(1));
}

static void send_now(struct qp_sender *tx, int value)
{
    QP_ASSERT_EQ(qp_try_send(tx, &value), QP_OK);
}

/* ---- the last sender, the last permit ---- */

struct keeper {
    struct qp_sender *tx; /* NULL: it keeps a permit */
    struct qp_permit permit;
    int64_t keeps_ms;
};

static void keep(void *arg)
{
    struct keeper *self = arg;
    qp_await(qp_sleep_ms(self->keeps_ms));
    qp_sender_drop(self->tx);
    qp_permit_drop(&self->permit);
}

static struct qp_handle spawn_sender_keeper(struct keeper *self, struct qp_sender *tx, int64_t keeps_ms)
{
    struct qp_handle handle;
    *self = (struct keeper){.tx = qp_sender_clone(tx), .keeps_ms = keeps_ms};
    QP_ASSERT(self->tx);
    handle = qp_spawn(keep, self);
    qp_sender_give(self->tx, &handle);
    return handle;
}

static struct qp_handle spawn_permit_keeper(struct keeper *self, struct qp_sender *tx, int64_t keeps_ms)
{
    struct qp_handle handle;
    *self = (struct keeper){.keeps_ms = keeps_ms};
    QP_ASSERT_EQ(qp_await(qp_reserve(tx, &self->permit)), QP_OK);
    handle = qp_spawn(keep, self);
    qp_permit_give(&self->permit, &handle);
    return handle;
}

/* Waits for the end, with three who keep the channel open until 1, 2 and 3 ms. */
static void check_end_at_3_ms(int64_t sender_ms, int64_t first_ms, int64_t second_ms)
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct keeper self[3];
    struct qp_handle handles[3];
    int64_t start_ns = qp_now();
    int value, i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 2, &tx, &rx), QP_OK);
    handles[0] = spawn_sender_keeper(&self[0], tx, sender_ms);
    handles[1] = spawn_permit_keeper(&self[1], tx, first_ms);
    handles[2] = spawn_permit_keeper(&self[2], tx, second_ms);
    qp_sender_drop(tx);
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_CLOSED);
    QP_ASSERT_TIME(qp_now() - start_ns, qp_milliseconds(3));
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
}

QP_SCENARIO(channel_end, "of a sender and two permits, whichever goes last ends the channel, at that time")
{
    check_end_at_3_ms(3, 1, 2);
    check_end_at_3_ms(1, 3, 2);
    check_end_at_3_ms(1, 2, 3);
    check_end_at_3_ms(3, 3, 3);
}

QP_SCENARIO(channel_end_aborted, "the last who keeps it open is aborted, and no other: a sender, and then a permit")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct keeper self[2];
    struct qp_handle handles[2];
    int round, i, value;
    for (round = 0; round < 2; round++) {
        QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
        handles[0] = spawn_sender_keeper(&self[0], tx, 1000);
        handles[1] = spawn_permit_keeper(&self[1], tx, 1000);
        qp_sender_drop(tx);
        qp_abort(&handles[round]);
        QP_ASSERT_EQ(qp_await(qp_timeout_ms(2, qp_recv(rx, &value))), QP_TIMEOUT);
        qp_abort(&handles[1 - round]);
        QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_CLOSED);
        for (i = 0; i < 2; i++)
            QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_CANCELLED);
    }
    QP_ASSERT(qp_now() < qp_milliseconds(1000));
}

/* ---- the last send or reserve ---- */

struct asking {
    struct qp_sender *tx;
    bool reserves;
    bool begun;
    enum qp_status status;
};

static void ask(void *arg)
{
    struct asking *self = arg;
    struct qp_permit permit;
    int value = 1;
    self->begun = true;
    if (self->reserves)
        self->status = qp_await(qp_reserve(self->tx, &permit));
    else
        self->status = qp_await(qp_send(self->tx, &value));
}

/* One waits for capacity, is granted it, and the channel is closed; its slot keeps recv from ending until it runs. */
static void check_granted(bool reserves, bool aborted)
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct asking self = {.reserves = reserves, .status = QP_PENDING};
    struct qp_handle handle;
    int value;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    self.tx = tx;
    send_now(tx, 0);
    handle = qp_spawn(ask, &self);
    qp_sender_give(tx, &handle);
    settle();
    QP_ASSERT(self.begun && self.status == QP_PENDING);
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
    QP_ASSERT(qp_receiver_close(rx));
    if (aborted)
        qp_abort(&handle);
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_EMPTY); /* the slot is granted: not yet the end */
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_CLOSED);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), aborted ? QP_CANCELLED : QP_OK);
    QP_ASSERT_EQ(self.status, aborted ? QP_PENDING : QP_SEND_FAILED);
}

QP_SCENARIO(channel_end_send_refused, "a send that was granted a slot and is then refused ends the channel")
{
    check_granted(false, false);
}

QP_SCENARIO(channel_end_send_cancelled, "a send that was granted a slot and is then cancelled ends the channel")
{
    check_granted(false, true);
}

QP_SCENARIO(channel_end_reserve_refused, "a reserve that was granted a slot and is then refused ends the channel")
{
    check_granted(true, false);
}

QP_SCENARIO(channel_end_reserve_cancelled, "a reserve that was granted a slot and is then cancelled ends the channel")
{
    check_granted(true, true);
}

QP_SCENARIO(channel_end_last_sender_waits,
            "the last sender is aborted while it waits, or when it was just granted a slot")
{
    int granted, value;
    for (granted = 0; granted < 2; granted++) {
        struct qp_sender *tx;
        struct qp_receiver *rx;
        struct asking self = {.status = QP_PENDING};
        struct qp_handle handle;
        QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
        self.tx = tx;
        send_now(tx, 0);
        handle = qp_spawn(ask, &self);
        qp_sender_give(tx, &handle);
        settle();
        if (granted)
            QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
        qp_abort(&handle);
        if (!granted)
            QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
        QP_ASSERT_EQ(value, 0);
        QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_CLOSED);
        QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    }
}

/* ---- several who wait for the end ---- */

struct waiting {
    struct qp_receiver *rx;
    enum qp_status status;
};

static void await_end(void *arg)
{
    struct waiting *self = arg;
    int value;
    self->status = qp_await(qp_recv(self->rx, &value));
}

QP_SCENARIO(channel_end_for_all,
            "all receivers that wait hear of the end, though one of them is aborted when it is woken")
{
    struct qp_sender *tx;
    struct qp_receiver *rx, *clones[3];
    struct waiting self[3];
    struct qp_handle handles[3];
    int i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    for (i = 0; i < 3; i++) {
        clones[i] = qp_receiver_clone(rx);
        QP_ASSERT(clones[i]);
        self[i] = (struct waiting){clones[i], QP_PENDING};
        handles[i] = qp_spawn(await_end, &self[i]);
        settle();
    }
    qp_sender_drop(tx);
    qp_abort(&handles[0]); /* the first to be woken */
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    for (i = 1; i < 3; i++) {
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
        QP_ASSERT_EQ(self[i].status, QP_CLOSED);
    }
}
