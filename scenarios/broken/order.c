/*
 * Planted: things happen in another order than somebody took for granted.
 */
#include <quipu/quipu.h>

/* ---- messages overtake one another ---- */

struct log {
    int next, last;
};

static void append(void *arg)
{
    struct log *self = arg;
    int number = self->next++;
    qp_await(qp_yield()); /* the mistake: a task for each message gives up their order */
    QP_ASSERT_EQ(number, self->last + 1);
    self->last = number;
}

QP_SCENARIO(messages_overtake, "each message is handled in a task of its own")
{
    struct log self = {0, -1};
    struct qp_handle handles[3];
    int i;
    for (i = 0; i < 3; i++)
        handles[i] = qp_spawn(append, &self);
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
}

/* ---- a subscriber misses a message ---- */

struct topic {
    int version, snapshot;
    bool subscribed, missed;
};

static void subscribe(void *arg)
{
    struct topic *self = arg;
    self->snapshot = self->version;
    qp_await(qp_yield()); /* the mistake: what is published now is in neither */
    self->subscribed = true;
}

static void publish(void *arg)
{
    struct topic *self = arg;
    self->version++;
    if (self->subscribed)
        self->snapshot = self->version;
}

QP_SCENARIO(message_missed, "a message is published between the snapshot and the subscription")
{
    struct topic self = {0};
    struct qp_handle subscriber = qp_spawn(subscribe, &self), publisher = qp_spawn(publish, &self);
    qp_await(qp_join(&subscriber, NULL));
    qp_await(qp_join(&publisher, NULL));
    QP_ASSERT_EQ(self.snapshot, self.version);
}

/* ---- a stale value in a cache ---- */

struct cache {
    int stored, cached;
    bool valid;
};

static void fill_cache(void *arg)
{
    struct cache *self = arg;
    int value = self->stored;
    qp_await(qp_sleep_ms((int64_t)qp_random(2)));
    self->cached = value; /* the mistake: it may have been invalidated meanwhile */
    self->valid = true;
}

static void update(void *arg)
{
    struct cache *self = arg;
    self->stored++;
    self->valid = false;
}

QP_SCENARIO(stale_cache, "a cache is filled with what was read before it was invalidated")
{
    struct cache self = {0};
    struct qp_handle reader = qp_spawn(fill_cache, &self), writer = qp_spawn(update, &self);
    qp_await(qp_join(&reader, NULL));
    qp_await(qp_join(&writer, NULL));
    QP_ASSERT(!self.valid || self.cached == self.stored);
}

/* ---- two leaders ---- */

struct lease {
    int64_t until_ns;
    int leaders;
};

static void lead(void *arg)
{
    struct lease *self = arg;
    if (qp_now() < self->until_ns)
        return;
    self->until_ns = qp_now() + 3000000;
    self->leaders++;
    QP_ASSERT_EQ(self->leaders, 1);
    qp_await(qp_sleep_ms(2 + (int64_t)qp_random(3))); /* the mistake: this may take longer than the lease */
    self->leaders--;
}

QP_SCENARIO(two_leaders, "a leader goes on after its lease is over")
{
    struct lease self = {0, 0};
    struct qp_handle first = qp_spawn(lead, &self), second;
    qp_await(qp_sleep_ms(3));
    second = qp_spawn(lead, &self);
    QP_ASSERT_EQ(qp_await(qp_join(&first, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&second, NULL)), QP_OK);
}

/* ---- replies to the wrong one ---- */

struct desk {
    struct qp_sender *requests;
    struct qp_receiver *replies;
    int asked;
};

static void ask(void *arg)
{
    struct desk *self = arg;
    int number = self->asked++, reply;
    QP_ASSERT_EQ(qp_await(qp_send(self->requests, &number)), QP_OK);
    qp_await(qp_yield());
    QP_ASSERT_EQ(qp_await(qp_recv(self->replies, &reply)), QP_OK);
    QP_ASSERT_EQ(reply, number); /* the mistake: whoever waits first gets the first reply */
}

struct counter {
    struct qp_receiver *requests;
    struct qp_sender *replies;
};

static void reply_to(void *arg)
{
    const struct counter *self = arg;
    int request;
    while (qp_await(qp_recv(self->requests, &request)) == QP_OK)
        QP_ASSERT_EQ(qp_await(qp_send(self->replies, &request)), QP_OK);
}

QP_SCENARIO(reply_to_another, "two clients share the channel on which they are answered")
{
    struct desk self = {.asked = 0};
    struct counter counter;
    struct qp_handle server, clients[3];
    int i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &self.requests, &counter.requests), QP_OK);
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 2, &counter.replies, &self.replies), QP_OK);
    server = qp_spawn(reply_to, &counter);
    for (i = 0; i < 3; i++)
        clients[i] = qp_spawn(ask, &self);
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&clients[i], NULL)), QP_OK);
    qp_abort(&server);
    qp_await(qp_join(&server, NULL));
}

/* ---- the last update is lost ---- */

struct saver {
    int value, saved;
    bool scheduled;
};

static void save_soon(void *arg)
{
    struct saver *self = arg;
    int value;
    qp_await(qp_sleep_ms(2));
    value = self->value;
    qp_await(qp_sleep_ms((int64_t)qp_random(2)));
    self->saved = value;
    self->scheduled = false; /* the mistake: what changed while it was saving is not saved */
}

QP_SCENARIO(last_update_not_saved, "a change comes while the one before is being written")
{
    struct saver self = {0};
    struct qp_handle handles[4];
    int i, count = 0;
    for (i = 1; i <= 3; i++) {
        self.value = i;
        if (!self.scheduled) {
            self.scheduled = true;
            handles[count++] = qp_spawn(save_soon, &self);
        }
        qp_await(qp_sleep_ms(1));
    }
    for (i = 0; i < count; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT_EQ(self.saved, self.value);
}

/* ---- blocking work that is late ---- */

static int written;

static void write_behind(void *arg)
{
    (void)arg;
    written++;
}

QP_SCENARIO(flush_not_awaited, "a program ends before what it wrote behind has been written")
{
    struct qp_handle flush;
    written = 0;
    flush = qp_spawn_blocking(write_behind, NULL);
    qp_handle_drop(&flush); /* the mistake: nobody waits for it */
    qp_await(qp_sleep_ms(0));
    qp_await(qp_yield());
    QP_ASSERT_EQ(written, 1);
}
