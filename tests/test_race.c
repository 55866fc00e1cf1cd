/*
 * race and join_all.
 *
 * First by hand, over probes: futures that note each poll and each drop, and are ready when they are told to be. Then
 * over the library's own operations inside tasks: what a loser was granted, what a loser still held, cancellation at
 * every moment, failing allocations, every schedule. State: the story that the probes tell.
 */
#include "tests/support.h"
#include <stdio.h>
#include <string.h>

/* ---- probes ---- */

static char story[512];

static void note(const char *word, char letter)
{
    size_t length = strlen(story);
    snprintf(story + length, sizeof story - length, "%s%s%c", length ? " " : "", word, letter);
}

struct probe {
    struct qp_future future;
    struct qp_waker *waker; /* of the last poll */
    enum qp_status answer;  /* QP_PENDING until it is told */
    char letter;
};

static enum qp_status probe_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct probe *self = (struct probe *)future;
    self->waker = waker;
    note("poll:", self->letter);
    return self->answer;
}

static void probe_drop(struct qp_future *future)
{
    note("drop:", ((struct probe *)future)->letter);
}

static const struct qp_future_ops probe_ops = {"probe", probe_poll, probe_drop, NULL, NULL};

static struct probe probes[3];
static struct qp_future *parts[3];
static struct qp_race_arm arms[3];
static struct qp_race_future race;
static struct qp_join_all_future all;
static enum qp_status statuses[3];
static size_t winner;
static struct counting_waker waker;

static void won(void *context, enum qp_status status)
{
    note(status == QP_OK ? "won:" : "failed:", *(const char *)context);
}

static void begin(void)
{
    size_t i;
    story[0] = '\0';
    winner = 99;
    counting_waker_init(&waker);
    for (i = 0; i < 3; i++) {
        probes[i] = (struct probe){.answer = QP_PENDING, .letter = (char)('a' + i)};
        parts[i] = qp_future_init(&probes[i].future, &probe_ops);
        arms[i] = (struct qp_race_arm)qp_arm_on(parts[i], won, &probes[i].letter);
        statuses[i] = QP_PENDING;
    }
    qp_race_init(&race, arms, 3, &winner);
    qp_join_all_init(&all, parts, statuses, 3);
}

#define STORY(text)                       \
    do {                                  \
        assert_string_equal(story, text); \
        story[0] = '\0';                  \
    } while (0)

static enum qp_status poll_race(void)
{
    return qp_future_poll(&race.future, &waker.waker);
}

static enum qp_status poll_all(void)
{
    return qp_future_poll(&all.future, &waker.waker);
}

/* ---- race ---- */

static void arms_are_polled_in_order(void **state)
{
    (void)state;
    begin();
    STORY("");
    assert_int_equal(poll_race(), QP_PENDING);
    STORY("poll:a poll:b poll:c");
    assert_int_equal(poll_race(), QP_PENDING); /* with no cause */
    STORY("poll:a poll:b poll:c");
    probes[2].answer = QP_OK;
    assert_int_equal(poll_race(), QP_OK);
    STORY("poll:a poll:b poll:c won:c drop:a drop:b");
    assert_int_equal(winner, 2);
}

static void a_tie_goes_to_the_earlier_arm(void **state)
{
    (void)state;
    begin();
    assert_int_equal(poll_race(), QP_PENDING);
    STORY("poll:a poll:b poll:c");
    probes[1].answer = probes[2].answer = QP_OK;
    assert_int_equal(poll_race(), QP_OK);
    STORY("poll:a poll:b won:b drop:a drop:c"); /* what stands behind the winner is not polled */
    assert_int_equal(winner, 1);
}

static void behind_an_arm_that_is_ready_none_starts(void **state)
{
    (void)state;
    begin();
    probes[0].answer = QP_OK;
    assert_int_equal(poll_race(), QP_OK);
    STORY("poll:a won:a drop:b drop:c");
    assert_int_equal(winner, 0);
}

static void an_arm_that_fails_wins_too(void **state)
{
    (void)state;
    begin();
    probes[1].answer = QP_CLOSED;
    assert_int_equal(poll_race(), QP_CLOSED);
    STORY("poll:a poll:b failed:b drop:a drop:c");
    assert_int_equal(winner, 1);
}

static void a_cancelled_race_drops_every_arm(void **state)
{
    (void)state;
    begin();
    qp_future_drop(&race.future); /* before the first poll */
    STORY("drop:a drop:b drop:c");
    begin();
    assert_int_equal(poll_race(), QP_PENDING);
    STORY("poll:a poll:b poll:c");
    qp_future_drop(&race.future);
    STORY("drop:a drop:b drop:c");
    begin();
    assert_int_equal(poll_race(), QP_PENDING);
    STORY("poll:a poll:b poll:c");
    probes[0].answer = QP_OK; /* ready, and nobody has looked yet */
    qp_waker_wake(probes[0].waker);
    assert_int_equal(waker.wakes, 1);
    qp_future_drop(&race.future);
    STORY("drop:a drop:b drop:c");
    assert_int_equal(winner, 99);
}

static void a_race_of_none_says_so(void **state)
{
    (void)state;
    begin();
    qp_race_init(&race, NULL, 0, &winner);
    assert_int_equal(poll_race(), QP_NO_ARMS);
    assert_int_equal(winner, 99);
    qp_race_init(&race, NULL, 0, NULL);
    qp_future_drop(&race.future);
}

static void nobody_needs_the_winner(void **state)
{
    (void)state;
    begin();
    arms[0].on_win = NULL;
    qp_race_init(&race, arms, 3, NULL);
    probes[0].answer = QP_OK;
    assert_int_equal(poll_race(), QP_OK);
    STORY("poll:a drop:b drop:c");
}

static void a_race_in_a_race(void **state)
{
    struct qp_race_future outer;
    struct qp_race_arm both[2];
    (void)state;
    begin();
    qp_race_init(&race, arms + 1, 2, NULL);
    both[0] = arms[0];
    both[1] = (struct qp_race_arm)qp_arm(&race.future);
    qp_race_init(&outer, both, 2, &winner);
    assert_int_equal(qp_future_poll(&outer.future, &waker.waker), QP_PENDING);
    STORY("poll:a poll:b poll:c");
    probes[1].answer = QP_OK;
    assert_int_equal(qp_future_poll(&outer.future, &waker.waker), QP_OK);
    STORY("poll:a poll:b won:b drop:c drop:a"); /* the inner losers first: their race was over before the outer one */
    assert_int_equal(winner, 1);
}

static void the_newest_waker_counts(void **state)
{
    struct counting_waker other;
    (void)state;
    begin();
    counting_waker_init(&other);
    assert_int_equal(poll_race(), QP_PENDING);
    assert_int_equal(qp_future_poll(&race.future, &other.waker), QP_PENDING);
    assert_ptr_equal(probes[0].waker, &other.waker);
    assert_ptr_equal(probes[2].waker, &other.waker);
    qp_future_drop(&race.future);
}

/* ---- join_all ---- */

static void join_all_waits_for_the_last(void **state)
{
    (void)state;
    begin();
    assert_int_equal(poll_all(), QP_PENDING);
    probes[1].answer = QP_OK;
    assert_int_equal(poll_all(), QP_PENDING);
    probes[0].answer = QP_OK;
    assert_int_equal(poll_all(), QP_PENDING);
    STORY("poll:a poll:b poll:c poll:a poll:b poll:c poll:a poll:c"); /* none again that is ready */
    probes[2].answer = QP_OK;
    assert_int_equal(poll_all(), QP_OK);
    STORY("poll:c");
    assert_int_equal(statuses[0], QP_OK);
    assert_int_equal(statuses[1], QP_OK);
    assert_int_equal(statuses[2], QP_OK);
}

static void join_all_gives_the_first_failure_in_order(void **state)
{
    (void)state;
    begin();
    probes[2].answer = QP_CLOSED;
    assert_int_equal(poll_all(), QP_PENDING); /* a failure ends nothing */
    probes[1].answer = QP_TIMEOUT;
    assert_int_equal(poll_all(), QP_PENDING);
    probes[0].answer = QP_OK;
    assert_int_equal(poll_all(), QP_TIMEOUT);
    assert_int_equal(statuses[0], QP_OK);
    assert_int_equal(statuses[1], QP_TIMEOUT);
    assert_int_equal(statuses[2], QP_CLOSED);
    begin();
    qp_join_all_init(&all, parts, NULL, 3); /* nobody wants each one's */
    probes[0].answer = probes[1].answer = probes[2].answer = QP_PANICKED;
    assert_int_equal(poll_all(), QP_PANICKED);
}

static void join_all_of_none_is_well(void **state)
{
    (void)state;
    begin();
    qp_join_all_init(&all, NULL, NULL, 0);
    assert_int_equal(poll_all(), QP_OK);
}

static void a_cancelled_join_all_drops_what_is_pending(void **state)
{
    (void)state;
    begin();
    qp_future_drop(&all.future);
    STORY("drop:a drop:b drop:c");
    begin();
    probes[1].answer = QP_OK;
    assert_int_equal(poll_all(), QP_PENDING);
    STORY("poll:a poll:b poll:c");
    qp_future_drop(&all.future);
    STORY("drop:a drop:c");
}

/* ---- over the library's own operations ---- */

static int dropped;

static void count_drop(void *value)
{
    (void)value;
    dropped++;
}

static const struct qp_type counted = QP_TYPE_DROP(int, count_drop);

/* Two receives and a tie: the first arm alone consumes. */
static void tie_of_receives(void *arg)
{
    struct qp_sender *tx[2];
    struct qp_receiver *rx[2];
    int value[2] = {1, 2}, got[2] = {0, 0}, i;
    size_t first = 99;
    (void)arg;
    for (i = 0; i < 2; i++) {
        QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx[i], &rx[i]), QP_OK);
        QP_ASSERT_EQ(qp_try_send(tx[i], &value[i]), QP_OK);
    }
    QP_ASSERT_EQ(qp_await(qp_race(&first, qp_arm(qp_recv(rx[0], &got[0])), qp_arm(qp_recv(rx[1], &got[1])))), QP_OK);
    QP_ASSERT_EQ(first, 0);
    QP_ASSERT_EQ(got[0], 1);
    QP_ASSERT_EQ(got[1], 0);
    QP_ASSERT_EQ(qp_try_recv(rx[1], &got[1]), QP_OK);
    QP_ASSERT_EQ(got[1], 2);
}

/* A loser that was granted the lock gives it on to the next waiter. */
struct granted {
    struct qp_mutex *mutex;
    struct qp_oneshot_receiver *go;
    bool later_had_it;
};

static void lock_or_go(void *arg)
{
    struct granted *self = arg;
    struct qp_guard guard;
    int word;
    qp_await(qp_race(NULL, qp_arm(qp_oneshot_recv(self->go, &word)), qp_arm(qp_lock(self->mutex, &guard))));
}

static void lock_later(void *arg)
{
    struct granted *self = arg;
    struct qp_guard guard;
    QP_ASSERT_EQ(qp_await(qp_lock(self->mutex, &guard)), QP_OK);
    self->later_had_it = true;
}

static void granted_loser(void *arg)
{
    struct granted self = {.later_had_it = false};
    struct qp_oneshot_sender *tx;
    struct qp_handle first, second;
    struct qp_guard guard;
    int word = 1;
    (void)arg;
    QP_ASSERT((self.mutex = qp_mutex_create("m", &qp_int, &word)) != NULL);
    QP_ASSERT_EQ(qp_oneshot_create(&qp_int, &tx, &self.go), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_lock(self.mutex, &guard)), QP_OK);
    first = qp_spawn(lock_or_go, &self);
    qp_oneshot_receiver_give(self.go, &first);
    qp_await(qp_sleep_ms(1));
    second = qp_spawn(lock_later, &self);
    qp_await(qp_sleep_ms(1));
    QP_ASSERT_EQ(qp_oneshot_send(tx, &word), QP_OK);
    qp_unlock(&guard); /* granted to the first, which finds at its next poll that the other arm has won */
    QP_ASSERT_EQ(qp_await(qp_join(&first, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&second, NULL)), QP_OK);
    QP_ASSERT(self.later_had_it);
}

/* on_win runs while the losers still hold what they hold; afterwards they do not. */
struct held {
    struct qp_mutex *mutex;
    bool was_held;
};

static void holds_and_sleeps(void *arg)
{
    struct held *self = arg;
    struct qp_guard guard;
    QP_ASSERT_EQ(qp_await(qp_lock(self->mutex, &guard)), QP_OK);
    qp_await(qp_sleep(1e6));
}

static void look(void *context, enum qp_status status)
{
    struct held *self = context;
    struct qp_guard guard;
    QP_ASSERT_EQ(status, QP_OK);
    self->was_held = qp_try_lock(self->mutex, &guard) == QP_BUSY;
}

static void losers_outlive_on_win(void *arg)
{
    struct held self = {.was_held = false};
    struct qp_guard guard;
    int zero = 0;
    size_t first;
    (void)arg;
    QP_ASSERT((self.mutex = qp_mutex_create("m", &qp_int, &zero)) != NULL);
    QP_ASSERT_EQ(
        qp_await(qp_race(&first, qp_arm(qp_async(holds_and_sleeps, &self)), qp_arm_on(qp_sleep_ms(5), look, &self))),
        QP_OK);
    QP_ASSERT_EQ(first, 1);
    QP_ASSERT(self.was_held);
    QP_ASSERT_EQ(qp_try_lock(self.mutex, &guard), QP_OK);
}

/* A join that loses detaches its task, which goes on. */
static void finishes(void *arg)
{
    qp_await(qp_sleep_ms(10));
    *(bool *)arg = true;
}

static void losing_join_detaches(void *arg)
{
    bool finished = false;
    struct qp_handle handle = qp_spawn(finishes, &finished);
    size_t first;
    (void)arg;
    qp_await(qp_race(&first, qp_arm(qp_join(&handle, NULL)), qp_arm(qp_sleep_ms(5))));
    QP_ASSERT_EQ(first, 1);
    QP_ASSERT(!finished);
    qp_await(qp_sleep_ms(10));
    QP_ASSERT(finished);
}

/* A timeout as an arm, and a race under a timeout. */
static void with_timeouts(void *arg)
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int value;
    size_t first;
    (void)arg;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_race(&first, qp_arm(qp_timeout_ms(5, qp_recv(rx, &value))), qp_arm(qp_sleep_ms(6)))),
                 QP_TIMEOUT);
    QP_ASSERT_EQ(first, 0);
    QP_ASSERT_EQ(qp_now(), qp_milliseconds(5));
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(5, qp_race(&first, qp_arm(qp_recv(rx, &value)), qp_arm(qp_sleep_ms(6))))),
                 QP_TIMEOUT);
    QP_ASSERT_EQ(qp_now(), qp_milliseconds(10));
    value = 7;
    QP_ASSERT_EQ(qp_try_send(tx, &value), QP_OK); /* neither left a place in the queue */
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_OK);
}

static void joins_all(void *arg)
{
    bool finished[2] = {false, false};
    struct qp_handle handle[2];
    struct qp_future *futures[2];
    enum qp_status each[2];
    (void)arg;
    handle[0] = qp_spawn(finishes, &finished[0]);
    handle[1] = qp_spawn(finishes, &finished[1]);
    if (!handle[0].task || !handle[1].task)
        return;
    futures[0] = qp_join(&handle[0], NULL);
    futures[1] = qp_join(&handle[1], NULL);
    if (qp_await(qp_join_all(futures, each, 2)) == QP_OK)
        QP_ASSERT(finished[0] && finished[1]);
}

static void each_program_under_seeds(void **state)
{
    static const qp_async_fn programs[] = {tie_of_receives,      granted_loser, losers_outlive_on_win,
                                           losing_join_detaches, with_timeouts, joins_all};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof programs / sizeof *programs; i++)
        run_seeds(programs[i], NULL, 100);
}

/* ---- cancelled at every moment, every schedule, failing allocations ---- */

struct contest {
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int received, sent;
};

static void contestant(void *arg)
{
    struct contest *self = arg;
    int value;
    size_t first;
    enum qp_status status =
        qp_await(qp_race(&first, qp_arm(qp_recv(self->rx, &value)), qp_arm(qp_sleep_ms(2)), qp_arm(qp_yield())));
    if (status == QP_OK && first == 0)
        self->received++;
}

static void provider(void *arg)
{
    struct contest *self = arg;
    int value = 1;
    qp_await(qp_yield());
    if (qp_try_send(self->tx, &value) == QP_OK)
        self->sent++;
}

/* Whatever is cancelled and when: a value is received, or it is in the channel still. */
static void contest(void *arg)
{
    struct contest self = {.received = 0, .sent = 0};
    struct qp_handle racer, other;
    int value, left;
    dropped = 0;
    if (qp_channel_create(&counted, 2, &self.tx, &self.rx) != QP_OK)
        return;
    racer = qp_spawn(contestant, &self);
    other = qp_spawn(provider, &self);
    if (arg && racer.task)
        qp_abort(&racer);
    if (racer.task && other.task) {
        qp_await(qp_join(&racer, NULL));
        qp_await(qp_join(&other, NULL));
        left = qp_try_recv(self.rx, &value) == QP_OK;
        QP_ASSERT_EQ(self.sent, self.received + left);
        QP_ASSERT_EQ(dropped, 0);
    }
}

static void every_schedule_of_a_contest(void **state)
{
    (void)state;
    assert_in_range(run_every_schedule(contest, NULL, 100000), 2, 100000);
    assert_in_range(run_every_schedule(contest, "abort", 100000), 2, 100000);
}

static void cancelled_at_every_moment(void **state)
{
    struct qp_sim sim;
    struct qp_sim_result result;
    uint64_t seed, at, moments = 0;
    (void)state;
    qp_sim_init(&sim);
    for (seed = 0; seed < 20; seed++)
        for (at = 1;; at++) {
            struct qp_random_strategy random;
            struct qp_cancel_strategy cancel;
            struct qp_sim_config config = {
                .seed = seed, .strategy = &cancel.strategy, .faults = 1u << QP_CHOICE_CANCEL};
            qp_random_strategy_init(&random);
            qp_cancel_strategy_init(&cancel, &random.strategy, at);
            qp_sim_run(&sim, &config, contest, NULL, &result);
            if ((result.outcome != QP_OK && result.outcome != QP_CANCELLED) || result.leaked)
                fail_msg("seed %llu, moment %llu: %s: %s (%zu bytes leaked)", (unsigned long long)seed,
                         (unsigned long long)at, qp_status_name(result.outcome), result.report, result.leaked);
            if (cancel.moments < at)
                break;
            moments++;
        }
    qp_sim_end(&sim);
    assert_in_range(moments, 20 * 5, 20 * 100); /* it did cancel: main, the racer and the provider, each in turn */
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    run_failing_allocations(contest, NULL);
    run_failing_allocations(joins_all, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arms_are_polled_in_order),
        cmocka_unit_test(a_tie_goes_to_the_earlier_arm),
        cmocka_unit_test(behind_an_arm_that_is_ready_none_starts),
        cmocka_unit_test(an_arm_that_fails_wins_too),
        cmocka_unit_test(a_cancelled_race_drops_every_arm),
        cmocka_unit_test(a_race_of_none_says_so),
        cmocka_unit_test(nobody_needs_the_winner),
        cmocka_unit_test(a_race_in_a_race),
        cmocka_unit_test(the_newest_waker_counts),
        cmocka_unit_test(join_all_waits_for_the_last),
        cmocka_unit_test(join_all_gives_the_first_failure_in_order),
        cmocka_unit_test(join_all_of_none_is_well),
        cmocka_unit_test(a_cancelled_join_all_drops_what_is_pending),
        cmocka_unit_test(each_program_under_seeds),
        cmocka_unit_test(every_schedule_of_a_contest),
        cmocka_unit_test(cancelled_at_every_moment),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("race", tests, NULL, NULL);
}
