/*
 * The barrier.
 *
 * First by hand, outside any runtime, where every moment of a wait can be reached; then inside tasks: each boundary of
 * cancellation, misuse, failing allocations, and every schedule of small programs.
 */
#include "tests/support.h"

/* ---- by hand ---- */

enum { NO_SLOT = 99 };

/* A participant, polled by hand. */
struct hand {
    struct qp_barrier_future wait;
    size_t slot;
    struct counting_waker waker;
};

static void stand(struct hand *hand, struct qp_barrier *barrier)
{
    hand->slot = NO_SLOT;
    qp_barrier_wait_init(&hand->wait, barrier, &hand->slot);
    counting_waker_init(&hand->waker);
}

static enum qp_status poll_hand(struct hand *hand)
{
    return qp_future_poll(&hand->wait.future, &hand->waker.waker);
}

static void withdraw(struct hand *hand)
{
    qp_future_drop(&hand->wait.future);
}

static void must_wait(struct hand *hand)
{
    assert_int_equal(poll_hand(hand), QP_PENDING);
    assert_int_equal(hand->slot, NO_SLOT);
}

static void arrive(struct hand *hand, struct qp_barrier *barrier)
{
    stand(hand, barrier);
    must_wait(hand);
}

/* Arrives as the last one, which never suspends. Returns its slot. */
static size_t complete(struct qp_barrier *barrier)
{
    struct hand hand;
    stand(&hand, barrier);
    assert_int_equal(poll_hand(&hand), QP_OK);
    assert_int_equal(hand.waker.wakes, 0);
    return hand.slot;
}

/* Crosses, having been woken just once. Returns its slot. */
static size_t cross(struct hand *hand)
{
    assert_int_equal(hand->waker.wakes, 1);
    assert_int_equal(poll_hand(hand), QP_OK);
    return hand->slot;
}

/* Each slot of 0..count-1 is there once. */
static void must_be_all_slots(const size_t *slots, size_t count)
{
    size_t i, seen = 0;
    for (i = 0; i < count; i++) {
        assert_in_range(slots[i], 0, count - 1);
        seen |= (size_t)1 << slots[i];
    }
    assert_int_equal(seen, ((size_t)1 << count) - 1);
}

static void the_last_arrival_releases_all(void **state)
{
    struct qp_barrier *barrier = qp_barrier_create("db", 3);
    struct hand one, two;
    size_t slots[3];
    (void)state;
    arrive(&one, barrier);
    arrive(&two, barrier);
    assert_int_equal(one.waker.wakes + two.waker.wakes, 0);
    slots[0] = complete(barrier);
    slots[1] = cross(&two);
    slots[2] = cross(&one);
    must_be_all_slots(slots, 3);
    qp_barrier_drop(barrier);
}

static void below_one_counts_as_one(void **state)
{
    const int64_t counts[] = {1, 0, -1, INT64_MIN};
    size_t i;
    (void)state;
    for (i = 0; i < 4; i++) {
        struct qp_barrier *barrier = qp_barrier_create(NULL, counts[i]);
        assert_int_equal(complete(barrier), 0);
        assert_int_equal(complete(barrier), 0);
        qp_barrier_drop(barrier);
    }
}

static void more_than_there_is_memory_for(void **state)
{
    (void)state;
    assert_null(qp_barrier_create("db", INT64_MAX));
}

static void no_barrier_and_no_slot_are_nothing(void **state)
{
    struct qp_barrier *barrier = qp_barrier_create("db", 1);
    struct qp_barrier_future wait;
    struct counting_waker waker;
    (void)state;
    counting_waker_init(&waker);
    assert_int_equal(qp_future_poll(qp_barrier_wait_init(&wait, barrier, NULL), &waker.waker), QP_OK);
    qp_barrier_drop(barrier);
    qp_barrier_drop(NULL);
}

static void arrival_is_at_the_first_poll(void **state)
{
    struct qp_barrier *barrier = qp_barrier_create("db", 2);
    struct hand early, one;
    size_t slots[2];
    (void)state;
    stand(&early, barrier);
    arrive(&one, barrier); /* were the other one counted, this would be the last */
    assert_int_equal(poll_hand(&early), QP_OK);
    slots[0] = early.slot;
    slots[1] = cross(&one);
    must_be_all_slots(slots, 2);
    qp_barrier_drop(barrier);
}

static void one_beyond_the_last_starts_the_next_generation(void **state)
{
    struct qp_barrier *barrier = qp_barrier_create("db", 2);
    struct hand one, next;
    size_t first[2], second[2];
    (void)state;
    arrive(&one, barrier);
    first[0] = complete(barrier);
    arrive(&next, barrier); /* though one of the first generation has yet to run */
    second[0] = complete(barrier);
    second[1] = cross(&next);
    first[1] = cross(&one);
    must_be_all_slots(first, 2);
    must_be_all_slots(second, 2);
    qp_barrier_drop(barrier);
}

static void polls_without_a_cause_are_no_arrivals(void **state)
{
    struct qp_barrier *barrier = qp_barrier_create("db", 3);
    struct hand one, two;
    (void)state;
    arrive(&one, barrier);
    must_wait(&one);
    arrive(&two, barrier);
    must_wait(&one);
    must_wait(&two);
    complete(barrier);
    cross(&one);
    cross(&two);
    arrive(&one, barrier);
    withdraw(&one);
    qp_barrier_drop(barrier);
}

static void the_latest_waker_is_woken(void **state)
{
    struct qp_barrier *barrier = qp_barrier_create("db", 2);
    struct counting_waker other;
    struct hand hand;
    (void)state;
    counting_waker_init(&other);
    arrive(&hand, barrier);
    assert_int_equal(qp_future_poll(&hand.wait.future, &other.waker), QP_PENDING);
    complete(barrier);
    assert_int_equal(hand.waker.wakes, 0);
    assert_int_equal(other.wakes, 1);
    assert_int_equal(poll_hand(&hand), QP_OK); /* released: any waker will do */
    qp_barrier_drop(barrier);
}

/* ---- by hand: cancelled ---- */

static void cancelled_before_the_first_poll_it_never_arrived(void **state)
{
    struct qp_barrier *barrier = qp_barrier_create("db", 2);
    struct hand never, one;
    (void)state;
    arrive(&one, barrier);
    stand(&never, barrier);
    withdraw(&never);
    assert_int_equal(one.waker.wakes, 0);
    must_wait(&one);
    complete(barrier);
    cross(&one);
    qp_barrier_drop(barrier);
}

static void cancelled_while_waiting_it_is_replaced(void **state)
{
    struct qp_barrier *barrier = qp_barrier_create("db", 3);
    struct hand victim, one, replacement;
    size_t slots[3];
    (void)state;
    arrive(&victim, barrier);
    arrive(&one, barrier);
    withdraw(&victim);
    withdraw(&victim); /* again: nothing */
    arrive(&replacement, barrier);
    assert_int_equal(one.waker.wakes, 0);
    slots[0] = complete(barrier);
    slots[1] = cross(&one);
    slots[2] = cross(&replacement);
    must_be_all_slots(slots, 3);
    assert_int_equal(victim.waker.wakes, 0);
    qp_barrier_drop(barrier);
}

static void the_slot_freed_last_is_used_first(void **state)
{
    struct qp_barrier *barrier = qp_barrier_create("db", 4);
    struct hand a, b, c, first, second;
    size_t of_a, of_c, slots[4];
    (void)state;
    arrive(&a, barrier);
    arrive(&b, barrier);
    arrive(&c, barrier);
    of_a = a.wait.place;
    of_c = c.wait.place;
    withdraw(&a);
    withdraw(&c);
    arrive(&first, barrier);
    arrive(&second, barrier);
    slots[0] = complete(barrier);
    slots[1] = cross(&b);
    slots[2] = cross(&first);
    slots[3] = cross(&second);
    assert_int_equal(slots[2], of_c);
    assert_int_equal(slots[3], of_a);
    must_be_all_slots(slots, 4);
    qp_barrier_drop(barrier);
}

/* All withdraw, in each order; then a whole generation comes. */
static void all_withdraw(void **state)
{
    size_t order;
    (void)state;
    for (order = 0; order < 3; order++) {
        struct qp_barrier *barrier = qp_barrier_create("db", 4);
        struct hand hands[3];
        size_t slots[4], i;
        for (i = 0; i < 3; i++)
            arrive(&hands[i], barrier);
        for (i = 0; i < 3; i++)
            withdraw(&hands[(i * (order == 2 ? 2 : 1) + order) % 3]);
        for (i = 0; i < 3; i++)
            arrive(&hands[i], barrier);
        slots[3] = complete(barrier);
        for (i = 0; i < 3; i++)
            slots[i] = cross(&hands[i]);
        must_be_all_slots(slots, 4);
        qp_barrier_drop(barrier);
    }
}

/* It counts for its own generation and not for the next, and the next has all slots. */
static void cancelled_after_release_it_has_crossed(void **state)
{
    struct qp_barrier *barrier = qp_barrier_create("db", 3);
    struct hand victim, one, next[2];
    size_t slots[3];
    (void)state;
    arrive(&victim, barrier);
    arrive(&one, barrier);
    complete(barrier);
    arrive(&next[0], barrier);
    withdraw(&victim);
    assert_int_equal(victim.slot, NO_SLOT);
    cross(&one);
    arrive(&next[1], barrier);
    assert_int_equal(next[0].waker.wakes, 0);
    slots[0] = complete(barrier);
    slots[1] = cross(&next[0]);
    slots[2] = cross(&next[1]);
    must_be_all_slots(slots, 3);
    qp_barrier_drop(barrier);
}

/* Those who were released and have yet to run may do so, or be cancelled, when the barrier was dropped. */
static void released_and_dropped(void **state)
{
    struct qp_barrier *barrier = qp_barrier_create("db", 3);
    struct hand one, two;
    (void)state;
    arrive(&one, barrier);
    arrive(&two, barrier);
    complete(barrier);
    qp_barrier_drop(barrier);
    withdraw(&one);
    cross(&two);
}

/* ---- in tasks ---- */

enum { MOST = 4, ROUNDS = 2 };

/* What the tasks of one program share. A slot that was given out is a bit. */
struct shared {
    struct qp_barrier *barrier;
    struct qp_semaphore *go;
    size_t participants;
    int waiting, arrivals[ROUNDS], crossed;
    unsigned slots[ROUNDS];
};

static void shared_open(struct shared *shared, size_t participants)
{
    *shared = (struct shared){.participants = participants};
    shared->barrier = qp_barrier_create("db", (int64_t)participants);
    shared->go = qp_semaphore_create("go", 0);
}

/* Waits until `count` tasks have begun to wait: what follows their counting is their first poll. */
static void until_waiting(const struct shared *shared, int count)
{
    while (shared->waiting < count)
        qp_await(qp_yield());
}

static enum qp_status join(struct qp_handle *handle)
{
    return qp_await(qp_join(handle, NULL));
}

static void crossed(struct shared *shared, int round, size_t slot)
{
    QP_ASSERT(slot < shared->participants);
    QP_ASSERT(!(shared->slots[round] >> slot & 1));
    shared->slots[round] |= 1u << slot;
    shared->crossed++;
}

static void participant(void *arg)
{
    struct shared *shared = arg;
    size_t slot = NO_SLOT;
    shared->waiting++;
    QP_ASSERT(qp_await(qp_barrier_wait(shared->barrier, &slot)) == QP_OK);
    crossed(shared, 0, slot);
}

static void abort_while_waiting(void *arg)
{
    struct shared shared;
    struct qp_handle victim, other;
    (void)arg;
    shared_open(&shared, 2);
    victim = qp_spawn(participant, &shared);
    until_waiting(&shared, 1);
    qp_abort(&victim);
    QP_ASSERT(join(&victim) == QP_CANCELLED);
    other = qp_spawn(participant, &shared);
    until_waiting(&shared, 2);
    qp_await(qp_sleep_ms(1));
    QP_ASSERT_EQ(shared.crossed, 0);
    participant(&shared);
    QP_ASSERT(join(&other) == QP_OK);
    QP_ASSERT_EQ(shared.slots[0], 3);
}

/* Main completes the generation and aborts the other one at once: it counts all the same. */
static void abort_after_release(void *arg)
{
    struct shared shared;
    struct qp_handle victim, other;
    (void)arg;
    shared_open(&shared, 3);
    victim = qp_spawn(participant, &shared);
    other = qp_spawn(participant, &shared);
    until_waiting(&shared, 2);
    participant(&shared);
    qp_abort(&victim);
    QP_ASSERT(join(&other) == QP_OK);
    QP_ASSERT(join(&victim) == QP_CANCELLED);
    QP_ASSERT_EQ(shared.crossed, 2);
    QP_ASSERT(qp_await(qp_timeout_ms(1, qp_barrier_wait(shared.barrier, NULL))) == QP_TIMEOUT);
}

static void aborted(void **state)
{
    (void)state;
    run_seeds(abort_while_waiting, NULL, 30);
    run_seeds(abort_after_release, NULL, 30);
}

static int in_time, too_late;

static void impatient(void *arg)
{
    struct shared *shared = arg;
    size_t slot = NO_SLOT;
    enum qp_status status = qp_await(qp_timeout_ms(5, qp_barrier_wait(shared->barrier, &slot)));
    QP_ASSERT(status == QP_OK || status == QP_TIMEOUT);
    QP_ASSERT((status == QP_OK) == (slot != NO_SLOT));
    *(status == QP_OK ? &in_time : &too_late) += 1;
}

/* The arrival of the last one and the deadline fall together: either both cross, or main is left to wait. */
static void timeout_tied(void *arg)
{
    struct shared shared;
    struct qp_handle victim;
    int before = in_time;
    enum qp_status status;
    (void)arg;
    shared_open(&shared, 2);
    victim = qp_spawn(impatient, &shared);
    qp_await(qp_sleep_ms(5));
    status = qp_await(qp_timeout_ms(10, qp_barrier_wait(shared.barrier, NULL)));
    QP_ASSERT(join(&victim) == QP_OK);
    QP_ASSERT((status == QP_OK) == (in_time > before));
}

static void timed_out(void **state)
{
    (void)state;
    in_time = too_late = 0;
    run_every_schedule(timeout_tied, NULL, 20000);
    assert_true(in_time > 0);
    assert_true(too_late > 0);
}

/* Races the barrier, as its second arm, against a semaphore's permit. */
static void racer(void *arg)
{
    struct shared *shared = arg;
    struct qp_semaphore_permit permit;
    size_t winner = 9, slot = NO_SLOT;
    struct qp_future *go = qp_acquire(shared->go, &permit), *wait = qp_barrier_wait(shared->barrier, &slot);
    shared->waiting++;
    QP_ASSERT(qp_await(qp_race(&winner, qp_arm(go), qp_arm(wait))) == QP_OK);
    QP_ASSERT_EQ(winner, 0);
    QP_ASSERT_EQ(slot, NO_SLOT);
}

/* The first arm is ready at once: the barrier's future is dropped before its first poll, and nobody arrived. */
static void lose_before_the_first_poll(void *arg)
{
    struct shared shared;
    struct qp_handle other;
    (void)arg;
    shared_open(&shared, 2);
    qp_add_permits(shared.go, 1);
    other = qp_spawn(participant, &shared);
    until_waiting(&shared, 1);
    racer(&shared);
    qp_await(qp_sleep_ms(1));
    QP_ASSERT_EQ(shared.crossed, 0);
    participant(&shared);
    QP_ASSERT(join(&other) == QP_OK);
}

static void lose_while_waiting(void *arg)
{
    struct shared shared;
    struct qp_handle victim, other;
    (void)arg;
    shared_open(&shared, 2);
    victim = qp_spawn(racer, &shared);
    until_waiting(&shared, 1);
    qp_add_permits(shared.go, 1);
    QP_ASSERT(join(&victim) == QP_OK);
    other = qp_spawn(participant, &shared);
    until_waiting(&shared, 2);
    qp_await(qp_sleep_ms(1));
    QP_ASSERT_EQ(shared.crossed, 0);
    participant(&shared);
    QP_ASSERT(join(&other) == QP_OK);
}

/* Main releases the generation, and lets the other arm win, before the victim runs: it has crossed and lost. */
static void lose_after_release(void *arg)
{
    struct shared shared;
    struct qp_handle victim, other;
    (void)arg;
    shared_open(&shared, 3);
    victim = qp_spawn(racer, &shared);
    other = qp_spawn(participant, &shared);
    until_waiting(&shared, 2);
    participant(&shared);
    qp_add_permits(shared.go, 1);
    QP_ASSERT(join(&other) == QP_OK);
    QP_ASSERT(join(&victim) == QP_OK);
    QP_ASSERT_EQ(shared.crossed, 2);
}

static void lost_in_a_race(void **state)
{
    (void)state;
    run_seeds(lose_before_the_first_poll, NULL, 30);
    run_seeds(lose_while_waiting, NULL, 30);
    run_seeds(lose_after_release, NULL, 30);
}

/* Main ends while some wait: all is given back, which run_seeds looks at. */
static void leave_them_waiting(void *arg)
{
    struct shared *shared = arg;
    shared_open(shared, 3);
    qp_spawn(participant, shared);
    qp_spawn(participant, shared);
    qp_await(qp_yield());
}

static void dropped_with_the_runtime(void **state)
{
    struct shared shared;
    (void)state;
    run_seeds(leave_them_waiting, &shared, 30);
}

static void nothing_more(void *arg)
{
    (void)arg;
    qp_await(qp_yield());
}

static void give_a_barrier(void *arg)
{
    struct qp_barrier *barrier = qp_barrier_create("db", 1);
    struct qp_handle to = qp_spawn(nothing_more, NULL);
    (void)arg;
    qp_barrier_give(barrier, &to);
    QP_ASSERT(qp_await(qp_barrier_wait(barrier, NULL)) == QP_OK);
    QP_ASSERT(join(&to) == QP_OK);
}

static void given_to_another_task(void **state)
{
    (void)state;
    run_seeds(give_a_barrier, NULL, 10);
}

/* ---- misuse and deadlock ---- */

static void drop_while_waited_for(void *arg)
{
    struct shared shared;
    (void)arg;
    shared_open(&shared, 2);
    qp_spawn(participant, &shared);
    until_waiting(&shared, 1);
    qp_barrier_drop(shared.barrier);
}

static void give_to_no_task(void *arg)
{
    struct qp_handle to = qp_spawn(nothing_more, NULL), ended = to;
    struct qp_barrier *barrier = qp_barrier_create("db", 1);
    (void)arg;
    join(&to);
    qp_barrier_give(barrier, &ended);
}

static void misused(void **state)
{
    (void)state;
    run_expecting(drop_while_waited_for, NULL, QP_MISUSE,
                  "barrier 'db' dropped by task 1 'main' while task 2 'participant' waits at it");
    run_expecting(give_to_no_task, NULL, QP_MISUSE, "a barrier given to a task that has ended or is no task");
}

static void too_few(void *arg)
{
    struct shared shared;
    struct qp_handle other;
    (void)arg;
    shared_open(&shared, 3);
    other = qp_spawn(participant, &shared);
    participant(&shared);
    join(&other);
}

static void too_few_is_a_deadlock(void **state)
{
    (void)state;
    run_expecting(too_few, NULL, QP_DEADLOCK, "task 2 'participant' waits at ");
    run_expecting(too_few, NULL, QP_DEADLOCK, "for barrier_wait of barrier 'db'");
}

/* ---- failing allocations ---- */

static void with_little_memory(void *arg)
{
    struct shared shared = {.participants = 2};
    struct qp_handle other;
    (void)arg;
    shared.barrier = qp_barrier_create("db", 2);
    if (!shared.barrier)
        return;
    other = qp_spawn(participant, &shared);
    if (!other.task)
        return;
    participant(&shared);
    QP_ASSERT(join(&other) == QP_OK);
}

static void failing_allocations(void **state)
{
    (void)state;
    run_failing_allocations(with_little_memory, NULL);
}

/* ---- every schedule ---- */

/* Nobody leaves a round before all have come to it, and each has a slot of its own. */
static void rounds(void *arg)
{
    struct shared *shared = arg;
    int round;
    for (round = 0; round < ROUNDS; round++) {
        size_t slot = NO_SLOT;
        shared->arrivals[round]++;
        QP_ASSERT(qp_await(qp_barrier_wait(shared->barrier, &slot)) == QP_OK);
        QP_ASSERT_EQ(shared->arrivals[round], shared->participants);
        crossed(shared, round, slot);
    }
}

static void all_rounds(void *arg)
{
    struct shared shared;
    struct qp_handle handles[MOST];
    size_t i;
    shared_open(&shared, *(size_t *)arg);
    for (i = 0; i < shared.participants; i++)
        handles[i] = qp_spawn(rounds, &shared);
    for (i = 0; i < shared.participants; i++)
        QP_ASSERT(join(&handles[i]) == QP_OK);
    for (i = 0; i < ROUNDS; i++)
        QP_ASSERT_EQ(shared.slots[i], (1u << shared.participants) - 1);
}

static void every_schedule(void **state)
{
    size_t participants;
    (void)state;
    for (participants = 1; participants <= MOST; participants++)
        assert_true(run_every_schedule(all_rounds, &participants, 100000) >= participants);
}

/* Who is aborted, of how many. */
struct plan {
    size_t participants, victim;
};

static int replaced, cancelled_late;

/*
 * One is aborted at some moment, and main offers to take its place. It is taken if and only if the victim withdrew or
 * never arrived: in either case the others cross, and none is left asleep.
 */
static void with_a_replacement(void *arg)
{
    const struct plan *plan = arg;
    struct shared shared;
    struct qp_handle handles[MOST];
    enum qp_status victim, replacement;
    size_t i, slot = NO_SLOT;
    shared_open(&shared, plan->participants);
    for (i = 0; i < shared.participants; i++)
        handles[i] = qp_spawn(participant, &shared);
    qp_await(qp_yield());
    qp_abort(&handles[plan->victim]);
    victim = join(&handles[plan->victim]);
    replacement = qp_await(qp_timeout_ms(1, qp_barrier_wait(shared.barrier, &slot)));
    if (replacement == QP_OK)
        crossed(&shared, 0, slot);
    for (i = 0; i < shared.participants; i++)
        QP_ASSERT(i == plan->victim || join(&handles[i]) == QP_OK);
    QP_ASSERT(victim == QP_CANCELLED || (victim == QP_OK && replacement == QP_TIMEOUT));
    QP_ASSERT_EQ(shared.crossed, (int)shared.participants - (victim == QP_CANCELLED && replacement == QP_TIMEOUT));
    *(victim == QP_OK ? &in_time : replacement == QP_OK ? &replaced : &cancelled_late) += 1;
}

static void every_schedule_with_a_cancellation(void **state)
{
    struct plan plan;
    (void)state;
    in_time = replaced = cancelled_late = 0;
    for (plan.participants = 2; plan.participants <= MOST; plan.participants++)
        for (plan.victim = 0; plan.victim < plan.participants; plan.victim++)
            assert_true(run_every_schedule(with_a_replacement, &plan, 100000) > 1);
    assert_true(in_time && replaced && cancelled_late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_arrival_releases_all),
        cmocka_unit_test(below_one_counts_as_one),
        cmocka_unit_test(more_than_there_is_memory_for),
        cmocka_unit_test(no_barrier_and_no_slot_are_nothing),
        cmocka_unit_test(arrival_is_at_the_first_poll),
        cmocka_unit_test(one_beyond_the_last_starts_the_next_generation),
        cmocka_unit_test(polls_without_a_cause_are_no_arrivals),
        cmocka_unit_test(the_latest_waker_is_woken),
        cmocka_unit_test(cancelled_before_the_first_poll_it_never_arrived),
        cmocka_unit_test(cancelled_while_waiting_it_is_replaced),
        cmocka_unit_test(the_slot_freed_last_is_used_first),
        cmocka_unit_test(all_withdraw),
        cmocka_unit_test(cancelled_after_release_it_has_crossed),
        cmocka_unit_test(released_and_dropped),
        cmocka_unit_test(aborted),
        cmocka_unit_test(timed_out),
        cmocka_unit_test(lost_in_a_race),
        cmocka_unit_test(dropped_with_the_runtime),
        cmocka_unit_test(given_to_another_task),
        cmocka_unit_test(misused),
        cmocka_unit_test(too_few_is_a_deadlock),
        cmocka_unit_test(failing_allocations),
        cmocka_unit_test(every_schedule),
        cmocka_unit_test(every_schedule_with_a_cancellation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
