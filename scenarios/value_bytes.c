/*
 * Values of every size.
 *
 * Property: a value has the bytes with which it was given, wherever it comes out and however many others were there.
 */
#include <quipu/quipu.h>
#include <string.h>

enum { MOST = 24 };

static void fill(unsigned char bytes[MOST], int64_t number)
{
    int64_t i;
    for (i = 0; i < MOST; i++)
        bytes[i] = (unsigned char)(number * 31 + i * 7 + 1);
}

static bool is_filled(const unsigned char bytes[MOST], size_t size, int64_t number)
{
    unsigned char expected[MOST];
    fill(expected, number);
    return memcmp(bytes, expected, size) == 0;
}

struct stream {
    struct qp_sender *tx;
    int64_t count;
};

static void sends_all(void *arg)
{
    struct stream *self = arg;
    unsigned char bytes[MOST];
    int64_t i;
    for (i = 0; i < self->count; i++) {
        fill(bytes, i);
        QP_ASSERT_EQ(qp_await(qp_send(self->tx, bytes)), QP_OK);
        if (qp_random(2))
            qp_await(qp_yield());
    }
    qp_sender_drop(self->tx);
}

static void receive_all(struct qp_receiver *rx, size_t size, int64_t count)
{
    unsigned char bytes[MOST];
    int64_t i;
    for (i = 0; i < count; i++) {
        QP_ASSERT_EQ(qp_await(qp_recv(rx, bytes)), QP_OK);
        QP_ASSERT(is_filled(bytes, size, i));
    }
    QP_ASSERT_EQ(qp_await(qp_recv(rx, bytes)), QP_CLOSED);
}

static void through_a_channel(const struct qp_type *type, bool bounded, int64_t count)
{
    struct stream self = {.count = count};
    struct qp_receiver *rx;
    struct qp_handle handle;
    QP_ASSERT_EQ(bounded ? qp_channel_create(type, 2, &self.tx, &rx) : qp_channel_create_unbounded(type, &self.tx, &rx),
                 QP_OK);
    handle = qp_spawn(sends_all, &self);
    QP_ASSERT(handle.task);
    qp_sender_give(self.tx, &handle);
    receive_all(rx, type->size, count);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
}

/* One of each of the sizes that are moved in a way of their own, and some that are not. */
static const struct qp_type sizes[] = {
    {.size = 3, .align = 1},
    {.size = 4, .align = 4},
    {.size = 8, .align = 8},
    {.size = 24, .align = 8},
};

enum { SIZES = sizeof sizes / sizeof *sizes };

QP_PARAM(value_in_channel, count, 4)
QP_SCENARIO(value_in_channel,
            "values of every size come out of a channel as they went in, more of them than it has slots")
{
    int i;
    for (i = 0; i < SIZES; i++)
        through_a_channel(&sizes[i], true, qp_param("count"));
}

QP_PARAM(value_in_growing_channel, count, 9)
QP_SCENARIO(value_in_growing_channel, "values of every size come out as they went in of a channel that has to grow")
{
    int i;
    for (i = 0; i < SIZES; i++)
        through_a_channel(&sizes[i], false, qp_param("count"));
}

static void through_a_oneshot(const struct qp_type *type)
{
    struct qp_oneshot_sender *tx;
    struct qp_oneshot_receiver *rx;
    unsigned char bytes[MOST];
    QP_ASSERT_EQ(qp_oneshot_create(type, &tx, &rx), QP_OK);
    fill(bytes, 1);
    QP_ASSERT_EQ(qp_oneshot_send(tx, bytes), QP_OK);
    fill(bytes, 2);
    QP_ASSERT_EQ(qp_await(qp_oneshot_recv(rx, bytes)), QP_OK);
    QP_ASSERT(is_filled(bytes, type->size, 1));
    qp_oneshot_sender_drop(tx);
    qp_oneshot_receiver_drop(rx);
}

static void through_a_lock(const struct qp_type *type)
{
    struct qp_mutex *mutex;
    struct qp_guard guard;
    unsigned char bytes[MOST];
    fill(bytes, 1);
    mutex = qp_mutex_create("mutex", type, bytes);
    QP_ASSERT(mutex);
    QP_ASSERT_EQ(qp_await(qp_lock(mutex, &guard)), QP_OK);
    QP_ASSERT(is_filled(qp_guard_value(&guard), type->size, 1));
    fill(bytes, 2);
    qp_guard_set(&guard, bytes);
    qp_guard_get(&guard, bytes);
    QP_ASSERT(is_filled(bytes, type->size, 2));
    qp_unlock(&guard);
    qp_mutex_drop(mutex);
}

QP_SCENARIO(value_in_oneshot_and_lock, "values of every size come out of one-shots and locks as they went in")
{
    int i;
    for (i = 0; i < SIZES; i++) {
        through_a_oneshot(&sizes[i]);
        through_a_lock(&sizes[i]);
    }
}
