/*
 * The slots of a channel.
 *
 * Property: free + reserved + buffered = capacity, always. Seen from outside: while nobody waits to send, a try_send
 * succeeds exactly if permits that are out, slots on their way to those who were granted one, and buffered values leave
 * one free; and when all is over the whole capacity is there again.
 */
#include <quipu/quipu.h>

enum { TASKS = 4, MOST_CAPACITY = 8 };

struct books {
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int64_t capacity, steps;
    int waiting;     /* sends and reserves that have begun and are not over */
    int64_t permits; /* that are out */
};

/* As good as a reserve that does not wait. */
static bool reserve_now(struct books *self, struct qp_permit *permit)
{
    return qp_await(qp_timeout_ms(0, qp_reserve(self->tx, permit))) == QP_OK;
}

/* How many slots are free now. Leaves all as it was. */
static int64_t count_free(struct books *self)
{
    struct qp_permit permits[MOST_CAPACITY + 1];
    int64_t count = 0, i;
    while (count <= self->capacity && reserve_now(self, &permits[count]))
        count++;
    for (i = 0; i < count; i++)
        qp_permit_drop(&permits[i]);
    return count;
}

/* While nobody waits, nothing is on its way: what is not free is in a permit or buffered. */
static void audit(struct books *self)
{
    int64_t buffered = (int64_t)qp_receiver_length(self->rx);
    int64_t free = count_free(self);
    QP_ASSERT(free + self->permits + buffered <= self->capacity);
    if (!self->waiting)
        QP_ASSERT_EQ(free + self->permits + buffered, self->capacity);
}

/* ---- what the tasks do; each begins and ends with its books in order ---- */

static void leave_wait(void *arg)
{
    --*(int *)arg;
}

static void lose_permit(void *arg)
{
    --*(int64_t *)arg;
}

/* The wait is counted while it lasts, however it ends. */
static void send_some(void *arg)
{
    struct books *self = arg;
    int value = 1;
    self->waiting++;
    QP_ASSERT_EQ(qp_defer(leave_wait, &self->waiting), QP_OK);
    qp_await(qp_send(self->tx, &value));
}

static void reserve_some(void *arg)
{
    struct books *self = arg;
    struct qp_permit permit;
    int value = 2;
    self->waiting++;
    if (qp_await(qp_timeout_ms(2, qp_reserve(self->tx, &permit))) != QP_OK) {
        self->waiting--;
        return;
    }
    self->waiting--;
    self->permits++;
    qp_await(qp_yield());
    audit(self);
    qp_await(qp_sleep_ms((int64_t)qp_random(2)));
    self->permits--;
    if (qp_random(2))
        qp_permit_drop(&permit);
    else
        QP_ASSERT_EQ(qp_permit_send(&permit, &value), QP_OK);
}

static void try_one(struct books *self)
{
    int64_t buffered = (int64_t)qp_receiver_length(self->rx);
    int value = 3;
    enum qp_status status = qp_try_send(self->tx, &value);
    if (!self->waiting)
        QP_ASSERT_EQ(status, self->permits + buffered < self->capacity ? QP_OK : QP_FULL);
    else
        QP_ASSERT(status == QP_FULL || self->permits + buffered < self->capacity);
}

static void act(void *arg)
{
    struct books *self = arg;
    int64_t i;
    for (i = 0; i < self->steps; i++) {
        uint64_t what = qp_random(4);
        if (what == 0)
            qp_await(qp_timeout_ms(1, qp_async(send_some, self)));
        else if (what == 1)
            reserve_some(self);
        else if (what == 2)
            try_one(self);
        else
            audit(self);
        qp_await(qp_yield());
    }
}

static void consume(void *arg)
{
    struct books *self = arg;
    int value;
    while (qp_await(qp_recv(self->rx, &value)) == QP_OK) {
        audit(self);
        qp_await(qp_sleep_ms((int64_t)qp_random(2)));
    }
}

/* ---- all of it ---- */

QP_PARAM(channel_slots, capacity, 2)
QP_PARAM(channel_slots, steps, 4)
QP_ASSUMES_NO(channel_slots, QP_FAULT_YIELD)
QP_SCENARIO(channel_slots, "free, reserved and buffered slots add up whatever happens, and at the end all are free")
{
    struct books self = {.capacity = qp_param("capacity"), .steps = qp_param("steps")};
    struct qp_handle handles[TASKS], consuming;
    int i;
    QP_ASSERT(self.capacity >= 1 && self.capacity <= MOST_CAPACITY);
    QP_ASSERT_EQ(qp_channel_create(&qp_int, self.capacity, &self.tx, &self.rx), QP_OK);
    consuming = qp_spawn(consume, &self);
    for (i = 0; i < TASKS; i++)
        handles[i] = qp_spawn(act, &self);
    for (i = 0; i < TASKS; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    qp_await(qp_sleep_ms(5)); /* the consumer takes what is left */
    audit(&self);
    QP_ASSERT_EQ(count_free(&self), self.capacity);
    qp_abort(&consuming);
    QP_ASSERT_EQ(qp_await(qp_join(&consuming, NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(count_free(&self), self.capacity);
}

/* ---- holders that are aborted ---- */

static void hold_until_aborted(void *arg)
{
    struct books *self = arg;
    struct qp_permit permit;
    self->waiting++;
    QP_ASSERT_EQ(qp_await(qp_reserve(self->tx, &permit)), QP_OK);
    self->waiting--;
    self->permits++;
    QP_ASSERT_EQ(qp_defer(lose_permit, &self->permits), QP_OK);
    qp_await(qp_sleep_ms(1000));
}

QP_SCENARIO(channel_slots_aborted, "slots of tasks that are aborted, waiting or holding, all come back")
{
    struct books self = {.capacity = 2};
    struct qp_handle handles[TASKS];
    int i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, self.capacity, &self.tx, &self.rx), QP_OK);
    for (i = 0; i < TASKS; i++)
        handles[i] = qp_spawn(hold_until_aborted, &self);
    qp_await(qp_sleep_ms(1));
    QP_ASSERT(self.permits == 2 && self.waiting == 2);
    for (i = 0; i < TASKS; i++) {
        audit(&self);
        qp_abort(&handles[i]);
        qp_await(qp_yield());
    }
    for (i = 0; i < TASKS; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(self.permits, 0);
    QP_ASSERT_EQ(count_free(&self), self.capacity);
}
