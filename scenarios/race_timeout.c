/*
 * race_timeout, the name of a timeout beside race.
 *
 * Property: Some(value) before the deadline or None at it, with the whole contract of timeout: the operation that was
 * not in time is cancelled first, and one that is ready at the deadline wins.
 */
#include <quipu/quipu.h>

struct operation {
    int64_t takes_ms;
    int value;
    bool released;
};

static void release(void *arg)
{
    ((struct operation *)arg)->released = true;
}

static void operation(void *arg)
{
    struct operation *self = arg;
    QP_ASSERT_EQ(qp_defer(release, self), QP_OK);
    qp_await(qp_sleep_ms(self->takes_ms));
    self->value = 42;
}

QP_TIMED(race_timeout, "whether what is 1 ms too late for the deadline misses it")
QP_SCENARIO(race_timeout, "Some before the deadline and at it, None when it has passed, the operation cancelled first")
{
    struct operation some = {.takes_ms = 1999}, none = {.takes_ms = 2001};
    QP_ASSERT_EQ(qp_await(qp_race_timeout(2.0, qp_async(operation, &some))), QP_OK);
    QP_ASSERT_EQ(some.value, 42);
    QP_ASSERT_EQ(qp_await(qp_race_timeout(2.0, qp_sleep(2.0))), QP_OK);
    enum qp_status late = qp_await(qp_race_timeout(2.0, qp_async(operation, &none)));
    QP_ASSERT_TIMED(late == QP_TIMEOUT);
    QP_ASSERT(none.released);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(1999 + 2000 + 2000));
    qp_await(qp_sleep(1.0));
    QP_ASSERT_EQ(none.value, late == QP_TIMEOUT ? 0 : 42);
}

QP_SCENARIO(race_timeout_of_a_race, "a race under a timeout: the nearest of all deadlines decides")
{
    size_t winner = 9;
    QP_ASSERT_EQ(qp_await(qp_race_timeout(0.02, qp_race(&winner, qp_arm(qp_sleep_ms(30)), qp_arm(qp_sleep_ms(10))))),
                 QP_OK);
    QP_ASSERT_EQ(winner, 1);
    winner = 9;
    QP_ASSERT_EQ(qp_await(qp_race_timeout(0.005, qp_race(&winner, qp_arm(qp_sleep_ms(30)), qp_arm(qp_sleep_ms(10))))),
                 QP_TIMEOUT);
    QP_ASSERT_EQ(winner, 9);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(15));
}
