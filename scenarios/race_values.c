/*
 * A race for a value: `race for value:` over several sources, again and again.
 *
 * Property: losing a race takes nothing from a source that is cancel-safe: every value that was sent is received once,
 * those of each source in order, however the races end.
 */
#include <quipu/quipu.h>

enum { SOURCES = 2 };

struct source {
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int first; /* it sends first, first + 1, ... */
    int64_t count;
    int64_t got; /* how many of them arrived */
    bool closed;
};

static void produce(void *arg)
{
    struct source *self = arg;
    int64_t i;
    for (i = 0; i < self->count; i++) {
        int value = self->first + (int)i;
        qp_await(qp_sleep_ms(10)); /* both at the same times */
        QP_ASSERT_EQ(qp_await(qp_send(self->tx, &value)), QP_OK);
    }
}

static void source_start(struct source *self, int first, int64_t count)
{
    struct qp_handle handle;
    *self = (struct source){.first = first, .count = count};
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &self->tx, &self->rx), QP_OK);
    handle = qp_spawn(produce, self);
    qp_sender_give(self->tx, &handle);
}

/* What the arm of a source gave. */
static void take(struct source *self, enum qp_status status, int value)
{
    QP_ASSERT(status == QP_OK || status == QP_CLOSED);
    self->closed = status == QP_CLOSED;
    if (!self->closed)
        QP_ASSERT_EQ(value, self->first + self->got++);
}

/* One race for a value, among the sources that are open. */
static void take_one(struct source sources[SOURCES])
{
    int value = 0;
    size_t winner = 0;
    enum qp_status status;
    if (sources[0].closed || sources[1].closed) {
        winner = sources[0].closed;
        status = qp_await(qp_recv(sources[winner].rx, &value));
    } else {
        status =
            qp_await(qp_race(&winner, qp_arm(qp_recv(sources[0].rx, &value)), qp_arm(qp_recv(sources[1].rx, &value))));
    }
    take(&sources[winner], status, value);
}

QP_PARAM(race_for_value, values, 3)
QP_SCENARIO(race_for_value, "every value of two sources is received once and in order by racing for the next")
{
    int64_t count = qp_param("values");
    struct source sources[SOURCES];
    source_start(&sources[0], 1, count);
    source_start(&sources[1], 1001, count);
    while (!sources[0].closed || !sources[1].closed)
        take_one(sources);
    QP_ASSERT_EQ(sources[0].got, count);
    QP_ASSERT_EQ(sources[1].got, count);
}

QP_PARAM(race_against_a_tick, values, 3)
QP_SCENARIO(race_against_a_tick, "a receive that loses to a tick, at whatever moment, loses no value")
{
    struct source source;
    int64_t ticks = 0;
    source_start(&source, 1, qp_param("values"));
    while (!source.closed) {
        int value = 0;
        size_t winner = 9;
        enum qp_status status = qp_await(qp_race(&winner, qp_arm(qp_sleep_ms(5)), qp_arm(qp_recv(source.rx, &value))));
        if (winner == 1)
            take(&source, status, value);
        else
            ticks++;
    }
    QP_ASSERT_EQ(source.got, source.count);
    QP_ASSERT(ticks >= source.count);
}
