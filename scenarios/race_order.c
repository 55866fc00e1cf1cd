/*
 * Who wins a race.
 *
 * Property: every wake-up polls the arms in source order; the first that is ready wins, and ties go to the earlier one,
 * whichever was woken first. Arms behind it are not polled in that pass, so behind one that is ready at once none ever
 * starts. A race of no arms is an error that says so.
 */
#include <quipu/quipu.h>
#include <string.h>

/* ---- a future around another, which counts its polls ---- */

struct watch {
    struct qp_future future;
    struct qp_future *inner;
    int polls;
};

static enum qp_status watch_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct watch *self = (struct watch *)future;
    self->polls++;
    return qp_future_poll(self->inner, waker);
}

static void watch_drop(struct qp_future *future)
{
    qp_future_drop(((struct watch *)future)->inner);
}

static struct qp_future *watch_inner(const struct qp_future *future, size_t index)
{
    return index == 0 ? ((const struct watch *)future)->inner : NULL;
}

static const struct qp_future_ops watch_ops = {"watch", watch_poll, watch_drop, NULL, watch_inner};

static struct qp_future *watch(struct watch *self, struct qp_future *inner)
{
    self->inner = inner;
    self->polls = 0;
    return qp_future_init(&self->future, &watch_ops);
}

/* ---- the first ---- */

QP_SCENARIO(race_first_ready_wins,
            "the first arm that is ready wins, wherever it stands, with its status and its number")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_future *race;
    size_t winner = 9;
    int value = 0;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    race = qp_race(&winner, qp_arm(qp_recv(rx, &value)), qp_arm(qp_sleep_ms(30)),
                   qp_arm(qp_timeout_ms(10, qp_sleep_ms(20))));
    QP_ASSERT_EQ(qp_await(race), QP_TIMEOUT);
    QP_ASSERT_EQ(winner, 2);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(10));
    qp_sender_drop(tx);
    QP_ASSERT_EQ(qp_await(qp_race(NULL, qp_arm(qp_recv(rx, &value)), qp_arm(qp_sleep_ms(30)))), QP_CLOSED);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(10));
}

QP_SCENARIO(race_tie_goes_to_the_earlier,
            "of arms that are ready in the same pass the earlier wins, under every schedule")
{
    struct qp_sender *tx;
    struct qp_receiver *rx, *other;
    size_t winner = 9;
    int value = 0, i;
    QP_ASSERT_EQ(qp_await(qp_race(&winner, qp_arm(qp_sleep_ms(20)), qp_arm(qp_sleep_ms(10)), qp_arm(qp_sleep_ms(10)))),
                 QP_OK);
    QP_ASSERT_EQ(winner, 1);
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 2, &tx, &rx), QP_OK);
    other = qp_receiver_clone(rx);
    QP_ASSERT(other);
    for (i = 1; i <= 2; i++)
        QP_ASSERT_EQ(qp_try_send(tx, &i), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_race(&winner, qp_arm(qp_recv(rx, &value)), qp_arm(qp_recv(other, &value)))), QP_OK);
    QP_ASSERT_EQ(winner, 0);
    QP_ASSERT_EQ(value, 1);
    QP_ASSERT_EQ(qp_receiver_length(rx), 1); /* and the other took nothing */
}

/* ---- passes ---- */

static void note(void *arg)
{
    *(bool *)arg = true;
    qp_await(qp_sleep_ms(1));
}

QP_SCENARIO(race_ready_arm_starts_no_other, "behind an arm that is ready at once none ever starts")
{
    bool before = false, behind = false;
    size_t winner = 9;
    struct qp_future *race =
        qp_race(&winner, qp_arm(qp_async(note, &before)), qp_arm(qp_sleep_ms(0)), qp_arm(qp_async(note, &behind)));
    QP_ASSERT_EQ(qp_await(race), QP_OK);
    QP_ASSERT_EQ(winner, 1);
    qp_await(qp_sleep_ms(5));
    QP_ASSERT(before && !behind);
}

static void yield_twice(void *arg)
{
    (void)arg;
    qp_await(qp_yield());
    qp_await(qp_yield());
    qp_await(qp_sleep_ms(10));
}

QP_SCENARIO(race_polls_all_at_every_wake, "every wake-up polls all arms in order, so each bears a poll without cause")
{
    struct watch first, second, third;
    size_t winner = 9;
    struct qp_future *race =
        qp_race(&winner, qp_arm(watch(&first, qp_sleep_ms(50))), qp_arm(watch(&second, qp_async(yield_twice, NULL))),
                qp_arm(watch(&third, qp_sleep_ms(50))));
    QP_ASSERT_EQ(qp_await(race), QP_OK);
    QP_ASSERT_EQ(winner, 1);
    QP_ASSERT(second.polls >= 4);
    QP_ASSERT_EQ(first.polls, second.polls);
    QP_ASSERT_EQ(third.polls, second.polls - 1); /* not in the pass that the second won */
}

/* ---- no arms ---- */

QP_SCENARIO(race_no_arms, "a race of no arms is an error that says so, and not a hang")
{
    struct qp_race_future race;
    size_t winner = 9;
    QP_ASSERT_EQ(qp_await(qp_race_init(&race, NULL, 0, &winner)), QP_NO_ARMS);
    QP_ASSERT(strcmp(qp_error_message(), "a race needs at least one arm") == 0);
    QP_ASSERT_EQ(winner, 9);
}
