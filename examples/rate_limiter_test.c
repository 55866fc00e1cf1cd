/* The rate limiter's race tests: what holds under every schedule. */
#define main rate_limiter_main /* the program's own is left aside */
#include "rate_limiter.c"      /* NOLINT(bugprone-suspicious-include): its inside is what is tested */
#undef main

enum { INTERVAL_MS = 10, BURST = 2, PATIENCE_MS = 3 * INTERVAL_MS };

/* A call that writes down when it was made. */
struct witness {
    struct limiter *limiter;
    uint32_t cost;
    int64_t give_up_ms; /* 0: never */
    int *arrivals, *calls;
    int arrived, called; /* its place in either order, from 1; 0: it did not */
    int64_t at_ns;
};

static void wait_for_turn(void *arg)
{
    struct witness *self = arg;
    qp_touch(self->arrivals, true);
    self->arrived = ++*self->arrivals;
    if (limiter_wait(self->limiter, self->cost) != QP_OK)
        return;
    qp_touch(self->calls, true);
    self->called = ++*self->calls;
    self->at_ns = qp_now();
}

static void witness_run(void *arg)
{
    struct witness *self = arg;
    if (self->give_up_ms == 0)
        wait_for_turn(self);
    else
        (void)qp_await(qp_timeout_ms(self->give_up_ms, qp_async(wait_for_turn, self)));
}

static void run_witnesses(struct witness *witnesses, int count)
{
    struct qp_handle handles[8];
    for (int i = 0; i < count; i++)
        handles[i] = qp_spawn(witness_run, &witnesses[i]);
    for (int i = 0; i < count; i++)
        qp_await(qp_join(&handles[i], NULL));
}

QP_BEARS(never_more_than_allowed, QP_FAULT_CANCEL | QP_FAULT_CLOCK | QP_FAULT_YIELD)
QP_SCENARIO(never_more_than_allowed, "at any time no more calls were made than the burst and one for each interval")
{
    enum { CALLS = 5 };
    struct limiter limiter;
    struct witness witnesses[CALLS];
    int arrivals = 0, calls = 0;
    int64_t start = qp_now();
    QP_ASSERT(limiter_start(&limiter, BURST, qp_milliseconds(INTERVAL_MS)));
    for (int i = 0; i < CALLS; i++)
        witnesses[i] = (struct witness){.limiter = &limiter, .cost = 1, .arrivals = &arrivals, .calls = &calls};
    witnesses[1].give_up_ms = INTERVAL_MS / 2 + (int64_t)qp_random(INTERVAL_MS);
    run_witnesses(witnesses, CALLS);
    for (int i = 0; i < CALLS; i++) {
        int64_t intervals = (witnesses[i].at_ns - start) / qp_milliseconds(INTERVAL_MS);
        QP_ASSERT(witnesses[i].called <= BURST + intervals);
    }
    limiter_stop(&limiter);
}

QP_SCENARIO(first_come_first_served, "calls are made in the order in which they came, whatever they cost")
{
    enum { CALLS = 4 };
    struct limiter limiter;
    struct witness witnesses[CALLS];
    int arrivals = 0, calls = 0;
    QP_ASSERT(limiter_start(&limiter, BURST, qp_milliseconds(INTERVAL_MS)));
    for (int i = 0; i < CALLS; i++)
        witnesses[i] =
            (struct witness){.limiter = &limiter, .cost = 1 + (uint32_t)i % 2, .arrivals = &arrivals, .calls = &calls};
    run_witnesses(witnesses, CALLS);
    for (int i = 0; i < CALLS; i++)
        for (int j = 0; j < CALLS; j++) /* two that are called at the same instant may run in either order */
            QP_ASSERT(witnesses[i].arrived > witnesses[j].arrived || witnesses[i].at_ns <= witnesses[j].at_ns);
    limiter_stop(&limiter);
}

QP_BEARS(giving_up_costs_nothing, QP_FAULT_CANCEL | QP_FAULT_YIELD)
QP_SCENARIO(giving_up_costs_nothing, "a token is in the bucket or was spent by a call that was made")
{
    enum { CALLS = 4 };
    struct limiter limiter;
    struct witness witnesses[CALLS];
    int arrivals = 0, calls = 0;
    uint32_t spent = 0;
    QP_ASSERT(limiter_start(&limiter, BURST, qp_milliseconds(INTERVAL_MS)));
    for (int i = 0; i < CALLS; i++)
        witnesses[i] = (struct witness){.limiter = &limiter,
                                        .cost = 1 + (uint32_t)i % 2,
                                        .give_up_ms = 1 + (int64_t)qp_random(PATIENCE_MS),
                                        .arrivals = &arrivals,
                                        .calls = &calls};
    run_witnesses(witnesses, CALLS);
    for (int i = 0; i < CALLS; i++)
        spent += witnesses[i].called ? witnesses[i].cost : 0;
    qp_touch(&limiter.filled, false);
    QP_ASSERT_EQ(qp_available_permits(limiter.tokens) + spent, BURST + limiter.filled);
    QP_ASSERT(qp_available_permits(limiter.tokens) <= BURST);
    limiter_stop(&limiter);
}

QP_SCENARIO(stopping_turns_away, "who waits when the limiter stops is told so, and so is who comes later")
{
    struct limiter limiter;
    int arrivals = 0, calls = 0;
    QP_ASSERT(limiter_start(&limiter, 1, qp_milliseconds(INTERVAL_MS)));
    QP_ASSERT_EQ(limiter_wait(&limiter, 1), QP_OK);
    QP_ASSERT_EQ(limiter_wait(&limiter, 2), QP_INVALID);
    struct witness witness = {.limiter = &limiter, .cost = 1, .arrivals = &arrivals, .calls = &calls};
    struct qp_handle waiting = qp_spawn(witness_run, &witness);
    qp_await(qp_sleep_ms(INTERVAL_MS / 2));
    limiter_stop(&limiter);
    QP_ASSERT_EQ(qp_await(qp_join(&waiting, NULL)), QP_OK);
    QP_ASSERT_EQ(witness.called, 0);
    QP_ASSERT_EQ(limiter_wait(&limiter, 1), QP_SEMAPHORE_CLOSED);
}

int main(int argc, char **argv)
{
    return quipu_main(argc, argv);
}
