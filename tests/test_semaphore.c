/*
 * The semaphore and its permits.
 *
 * First by hand, outside any runtime, where every moment of a wait can be reached; then inside tasks: each boundary of
 * cancellation, what a task owns, misuse, failing allocations, and every schedule of small programs.
 */
#include "tests/support.h"
#include <string.h>

/* ---- by hand ---- */

/* One who waits, polled by hand. */
struct hand {
    struct qp_acquire_future wait;
    struct qp_semaphore_permit permit;
    struct counting_waker waker;
};

static void stand(struct hand *hand, struct qp_semaphore *semaphore, uint32_t count)
{
    hand->permit = (struct qp_semaphore_permit){NULL, 0};
    qp_acquire_init(&hand->wait, semaphore, count, &hand->permit);
    counting_waker_init(&hand->waker);
}

static enum qp_status poll_hand(struct hand *hand)
{
    return qp_future_poll(&hand->wait.future, &hand->waker.waker);
}

static void cancel(struct hand *hand)
{
    qp_future_drop(&hand->wait.future);
}

static void must_wait(struct hand *hand)
{
    assert_int_equal(poll_hand(hand), QP_PENDING);
    assert_null(hand->permit.hold);
}

static void start_waiting(struct hand *hand, struct qp_semaphore *semaphore, uint32_t count)
{
    stand(hand, semaphore, count);
    must_wait(hand);
}

static void must_get(struct hand *hand)
{
    assert_int_equal(poll_hand(hand), QP_OK);
    assert_non_null(hand->permit.hold);
}

static void must_fail(struct hand *hand)
{
    assert_int_equal(poll_hand(hand), QP_SEMAPHORE_CLOSED);
    assert_null(hand->permit.hold);
}

static void get_and_release(struct hand *hand)
{
    must_get(hand);
    qp_semaphore_release(&hand->permit);
    assert_null(hand->permit.hold);
}

static void take(struct qp_semaphore *semaphore, struct qp_semaphore_permit *permit)
{
    assert_int_equal(qp_try_acquire(semaphore, permit), QP_OK);
}

/* All permits are back and nobody waits. */
static void must_have(struct qp_semaphore *semaphore, uint32_t permits)
{
    assert_int_equal(qp_available_permits(semaphore), permits);
    qp_semaphore_destroy(semaphore);
}

static void counts_its_permits(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 3);
    struct qp_semaphore_permit one, two, none;
    (void)state;
    take(semaphore, &one);
    assert_int_equal(qp_available_permits(semaphore), 2);
    assert_int_equal(qp_try_acquire_many(semaphore, 3, &none), QP_NO_PERMITS);
    assert_int_equal(qp_try_acquire_many(semaphore, 2, &two), QP_OK);
    assert_int_equal(qp_available_permits(semaphore), 0);
    assert_int_equal(qp_try_acquire(semaphore, &none), QP_NO_PERMITS);
    qp_semaphore_release(&two);
    qp_semaphore_release(&two);
    assert_int_equal(qp_available_permits(semaphore), 2);
    qp_semaphore_release(&one);
    must_have(semaphore, 3);
}

static void below_zero_counts_as_zero(void **state)
{
    const int64_t counts[] = {0, -1, INT64_MIN};
    size_t i;
    (void)state;
    for (i = 0; i < 3; i++) {
        struct qp_semaphore *semaphore = qp_semaphore_create(NULL, counts[i]);
        struct hand hand;
        start_waiting(&hand, semaphore, 1);
        qp_add_permits(semaphore, 1);
        get_and_release(&hand);
        must_have(semaphore, 1);
    }
}

static void no_semaphore_and_no_permit_are_nothing(void **state)
{
    struct qp_semaphore_permit permit = {NULL, 0};
    (void)state;
    qp_semaphore_release(&permit);
    qp_semaphore_forget(&permit);
    qp_semaphore_drop(NULL);
    qp_semaphore_destroy(NULL);
}

static void ready_at_the_first_poll_when_free(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 2);
    struct hand one, both;
    (void)state;
    stand(&one, semaphore, 1);
    get_and_release(&one);
    stand(&both, semaphore, 2);
    get_and_release(&both);
    assert_int_equal(one.waker.wakes + both.waker.wakes, 0);
    must_have(semaphore, 2);
}

static void first_come_first_served_and_nobody_barges(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 1);
    struct qp_semaphore_permit permit, other;
    struct hand first, second, late;
    (void)state;
    take(semaphore, &permit);
    start_waiting(&first, semaphore, 1);
    start_waiting(&second, semaphore, 1);
    qp_semaphore_release(&permit);
    assert_int_equal(first.waker.wakes, 1);
    assert_int_equal(second.waker.wakes, 0);
    assert_int_equal(qp_available_permits(semaphore), 0); /* handed over, though nobody has run */
    assert_int_equal(qp_try_acquire(semaphore, &other), QP_NO_PERMITS);
    start_waiting(&late, semaphore, 1);
    must_wait(&second);
    get_and_release(&first);
    get_and_release(&second);
    get_and_release(&late);
    must_have(semaphore, 1);
}

static void several_releases_reach_several_waiters(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 2);
    struct qp_semaphore_permit one, two;
    struct hand first, second, third;
    (void)state;
    take(semaphore, &one);
    take(semaphore, &two);
    start_waiting(&first, semaphore, 1);
    start_waiting(&second, semaphore, 1);
    start_waiting(&third, semaphore, 1);
    qp_semaphore_release(&two);
    qp_semaphore_release(&one);
    assert_int_equal(third.waker.wakes, 0);
    must_get(&second);
    must_get(&first);
    qp_semaphore_release(&second.permit);
    get_and_release(&third);
    qp_semaphore_release(&first.permit);
    must_have(semaphore, 2);
}

static void the_first_waiter_gathers_what_comes_free(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 4);
    struct qp_semaphore_permit held[3], other;
    struct hand many, small;
    int i;
    (void)state;
    for (i = 0; i < 3; i++)
        take(semaphore, &held[i]);
    start_waiting(&many, semaphore, 3);
    assert_int_equal(qp_available_permits(semaphore), 0); /* it took the free one */
    assert_int_equal(qp_try_acquire(semaphore, &other), QP_NO_PERMITS);
    start_waiting(&small, semaphore, 1);
    qp_semaphore_release(&held[0]);
    assert_int_equal(qp_available_permits(semaphore), 0);
    assert_int_equal(qp_try_acquire(semaphore, &other), QP_NO_PERMITS);
    assert_int_equal(many.waker.wakes + small.waker.wakes, 0);
    must_wait(&many);
    must_wait(&small);
    qp_semaphore_release(&held[1]);
    assert_int_equal(many.waker.wakes, 1);
    assert_int_equal(small.waker.wakes, 0);
    must_get(&many);
    qp_semaphore_release(&many.permit);
    assert_int_equal(small.waker.wakes, 1);
    assert_int_equal(qp_available_permits(semaphore), 2);
    get_and_release(&small);
    qp_semaphore_release(&held[2]);
    must_have(semaphore, 4);
}

/* A late waiter that would fit does not pass one at the head that does not. */
static void a_small_wait_does_not_pass_a_large_one(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 3);
    struct qp_semaphore_permit permit;
    struct hand large, small;
    (void)state;
    take(semaphore, &permit);
    start_waiting(&large, semaphore, 3);
    start_waiting(&small, semaphore, 1);
    qp_semaphore_release(&permit);
    must_wait(&small);
    get_and_release(&large);
    get_and_release(&small);
    must_have(semaphore, 3);
}

static void no_permits_are_there_at_once(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 0);
    struct qp_semaphore_permit permit;
    struct hand waiting, none;
    (void)state;
    start_waiting(&waiting, semaphore, 1);
    stand(&none, semaphore, 0);
    get_and_release(&none);
    assert_int_equal(qp_try_acquire_many(semaphore, 0, &permit), QP_OK);
    qp_semaphore_release(&permit);
    assert_int_equal(waiting.waker.wakes, 0);
    qp_semaphore_close(semaphore);
    must_fail(&waiting);
    stand(&none, semaphore, 0);
    must_fail(&none);
    assert_int_equal(qp_try_acquire_many(semaphore, 0, &permit), QP_SEMAPHORE_CLOSED);
    must_have(semaphore, 0);
}

static void added_permits_go_to_those_who_wait(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 0);
    struct hand first, pair;
    (void)state;
    start_waiting(&first, semaphore, 1);
    start_waiting(&pair, semaphore, 2);
    qp_add_permits(semaphore, 0);
    assert_int_equal(first.waker.wakes, 0);
    qp_add_permits(semaphore, 2);
    assert_int_equal(first.waker.wakes, 1);
    assert_int_equal(pair.waker.wakes, 0);
    assert_int_equal(qp_available_permits(semaphore), 0);
    qp_add_permits(semaphore, 4);
    assert_int_equal(pair.waker.wakes, 1);
    assert_int_equal(qp_available_permits(semaphore), 3);
    get_and_release(&first);
    get_and_release(&pair);
    must_have(semaphore, 6);
}

static void forgotten_permits_do_not_come_back(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 4);
    struct qp_semaphore_permit one, two;
    struct hand hand;
    (void)state;
    take(semaphore, &one);
    assert_int_equal(qp_try_acquire_many(semaphore, 3, &two), QP_OK);
    start_waiting(&hand, semaphore, 1);
    qp_semaphore_forget(&two);
    assert_null(two.hold);
    qp_semaphore_forget(&two);
    qp_semaphore_release(&two);
    assert_int_equal(hand.waker.wakes, 0);
    must_wait(&hand);
    qp_semaphore_release(&one);
    get_and_release(&hand);
    must_have(semaphore, 1);
}

static void as_many_as_there_can_be(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", QP_SEMAPHORE_MOST);
    struct qp_semaphore_permit all;
    (void)state;
    assert_int_equal(qp_try_acquire_many(semaphore, QP_SEMAPHORE_MOST, &all), QP_OK);
    qp_semaphore_forget(&all);
    qp_add_permits(semaphore, QP_SEMAPHORE_MOST);
    must_have(semaphore, QP_SEMAPHORE_MOST);
}

/* ---- by hand: cancelled ---- */

static void cancelled_before_the_first_poll(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 2);
    struct hand never, next;
    (void)state;
    stand(&never, semaphore, 1);
    cancel(&never);
    assert_int_equal(qp_available_permits(semaphore), 2);
    stand(&never, semaphore, 3);
    start_waiting(&next, semaphore, 3);
    cancel(&never);
    qp_add_permits(semaphore, 1);
    get_and_release(&next);
    assert_int_equal(never.waker.wakes, 0);
    must_have(semaphore, 3);
}

static void cancelled_while_waiting(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 0);
    struct hand before, victim, after;
    (void)state;
    start_waiting(&before, semaphore, 1);
    start_waiting(&victim, semaphore, 5);
    start_waiting(&after, semaphore, 1);
    cancel(&victim);
    cancel(&victim); /* again: nothing */
    assert_int_equal(before.waker.wakes + after.waker.wakes, 0);
    qp_add_permits(semaphore, 2);
    get_and_release(&before);
    get_and_release(&after);
    assert_int_equal(victim.waker.wakes, 0);
    must_have(semaphore, 2);
}

static void cancelled_while_gathering_gives_all_to_those_behind(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 3);
    struct qp_semaphore_permit permit, other;
    struct hand many, small, large;
    (void)state;
    take(semaphore, &permit);
    start_waiting(&many, semaphore, 4);
    start_waiting(&small, semaphore, 1);
    start_waiting(&large, semaphore, 2);
    cancel(&many);
    assert_int_equal(small.waker.wakes, 1);
    assert_int_equal(large.waker.wakes, 0); /* it has gathered the other one */
    assert_int_equal(qp_available_permits(semaphore), 0);
    assert_int_equal(qp_try_acquire(semaphore, &other), QP_NO_PERMITS);
    qp_semaphore_release(&permit);
    assert_int_equal(large.waker.wakes, 1);
    get_and_release(&large);
    get_and_release(&small);
    must_have(semaphore, 3);
}

static void cancelled_while_gathering_with_nobody_behind(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 3);
    struct hand many;
    (void)state;
    start_waiting(&many, semaphore, 4);
    assert_int_equal(qp_available_permits(semaphore), 0);
    cancel(&many);
    must_have(semaphore, 3);
}

static void cancelled_when_handed_over_passes_on(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 0);
    struct hand victim, next, last;
    (void)state;
    start_waiting(&victim, semaphore, 3);
    start_waiting(&next, semaphore, 1);
    start_waiting(&last, semaphore, 1);
    qp_add_permits(semaphore, 3);
    assert_int_equal(victim.waker.wakes, 1);
    cancel(&victim);
    assert_null(victim.permit.hold);
    assert_int_equal(next.waker.wakes, 1);
    assert_int_equal(last.waker.wakes, 1);
    assert_int_equal(qp_available_permits(semaphore), 1);
    get_and_release(&last);
    get_and_release(&next);
    must_have(semaphore, 3);
}

static void cancelled_when_handed_over_with_nobody_behind(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 0);
    struct hand victim;
    (void)state;
    start_waiting(&victim, semaphore, 1);
    qp_add_permits(semaphore, 1);
    assert_int_equal(qp_available_permits(semaphore), 0);
    cancel(&victim);
    must_have(semaphore, 1);
}

static void polls_without_a_cause_change_nothing(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 1);
    struct hand many, small;
    (void)state;
    start_waiting(&many, semaphore, 2);
    start_waiting(&small, semaphore, 1);
    must_wait(&small);
    must_wait(&many);
    must_wait(&small);
    qp_add_permits(semaphore, 1);
    must_wait(&small);
    get_and_release(&many); /* it still stood first, with what it had gathered */
    get_and_release(&small);
    assert_int_equal(many.waker.wakes, 1);
    assert_int_equal(small.waker.wakes, 1);
    must_have(semaphore, 2);
}

static void the_latest_waker_is_woken(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 0);
    struct counting_waker other;
    struct hand hand;
    (void)state;
    counting_waker_init(&other);
    start_waiting(&hand, semaphore, 1);
    assert_int_equal(qp_future_poll(&hand.wait.future, &other.waker), QP_PENDING);
    qp_add_permits(semaphore, 1);
    assert_int_equal(hand.waker.wakes, 0);
    assert_int_equal(other.wakes, 1);
    get_and_release(&hand); /* handed over: any waker will do */
    must_have(semaphore, 1);
}

/* ---- by hand: closed ---- */

static void closed_for_all(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 3);
    struct qp_semaphore_permit held, other;
    struct hand handed, gathering, waiting, late;
    (void)state;
    assert_string_equal(qp_status_text(QP_SEMAPHORE_CLOSED), "failed to acquire semaphore permit: semaphore closed");
    assert_int_equal(qp_try_acquire_many(semaphore, 2, &held), QP_OK);
    start_waiting(&handed, semaphore, 2);
    qp_add_permits(semaphore, 1);
    start_waiting(&gathering, semaphore, 2);
    qp_add_permits(semaphore, 1);
    start_waiting(&waiting, semaphore, 1);
    assert_int_equal(handed.waker.wakes, 1);
    assert_false(qp_semaphore_is_closed(semaphore));
    qp_semaphore_close(semaphore);
    qp_semaphore_close(semaphore);
    assert_true(qp_semaphore_is_closed(semaphore));
    assert_int_equal(gathering.waker.wakes, 1);
    assert_int_equal(waiting.waker.wakes, 1);
    assert_int_equal(qp_try_acquire(semaphore, &other), QP_SEMAPHORE_CLOSED);
    stand(&late, semaphore, 1);
    must_fail(&late);
    must_fail(&waiting);
    must_fail(&handed);
    must_fail(&gathering);
    assert_int_equal(qp_available_permits(semaphore), 3);
    qp_semaphore_release(&held); /* what is out comes back all the same */
    must_have(semaphore, 5);
}

static void cancelled_when_closed(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 1);
    struct hand gathering, handed, fresh;
    (void)state;
    start_waiting(&handed, semaphore, 2);
    qp_add_permits(semaphore, 2);
    start_waiting(&gathering, semaphore, 2);
    stand(&fresh, semaphore, 1);
    qp_semaphore_close(semaphore);
    cancel(&handed);
    cancel(&gathering);
    cancel(&fresh);
    must_have(semaphore, 3);
}

static void a_closed_one_still_counts(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 1);
    struct qp_semaphore_permit held;
    (void)state;
    take(semaphore, &held);
    qp_semaphore_close(semaphore);
    qp_add_permits(semaphore, 2);
    assert_int_equal(qp_available_permits(semaphore), 2);
    qp_semaphore_forget(&held);
    must_have(semaphore, 2);
}

/* ---- by hand: the end ---- */

static void a_permit_keeps_its_semaphore_alive(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 2);
    struct hand hand;
    (void)state;
    stand(&hand, semaphore, 1);
    must_get(&hand);
    qp_semaphore_drop(semaphore);
    assert_int_equal(qp_available_permits(semaphore), 1);
    qp_semaphore_release(&hand.permit);
}

static void handed_over_and_dropped(void **state)
{
    int cancelled;
    (void)state;
    for (cancelled = 0; cancelled < 2; cancelled++) {
        struct qp_semaphore *semaphore = qp_semaphore_create("db", 0);
        struct hand hand;
        start_waiting(&hand, semaphore, 1);
        qp_add_permits(semaphore, 1);
        qp_semaphore_drop(semaphore);
        if (cancelled)
            cancel(&hand);
        else
            get_and_release(&hand);
    }
}

static void closed_and_dropped(void **state)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 1);
    struct hand hand;
    (void)state;
    start_waiting(&hand, semaphore, 2);
    qp_semaphore_close(semaphore);
    qp_semaphore_drop(semaphore);
    must_fail(&hand);
}

/* ---- in tasks ---- */

/* What the tasks of one program share, and how far they came. */
struct shared {
    struct qp_semaphore *semaphore, *go;
    struct qp_semaphore_permit permit;
    uint32_t wanted;
    int waiting, entered;
};

static void shared_open(struct shared *shared, int64_t permits, uint32_t wanted)
{
    *shared = (struct shared){.wanted = wanted};
    shared->semaphore = qp_semaphore_create("db", permits);
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

/* Acquires what is wanted, and releases it by ending. */
static void visitor(void *arg)
{
    struct shared *shared = arg;
    struct qp_semaphore_permit permit;
    shared->waiting++;
    QP_ASSERT(qp_await(qp_acquire_many(shared->semaphore, shared->wanted, &permit)) == QP_OK);
    shared->entered++;
}

static void small_visitor(void *arg)
{
    struct shared *shared = arg;
    struct qp_semaphore_permit permit;
    shared->waiting++;
    QP_ASSERT(qp_await(qp_acquire(shared->semaphore, &permit)) == QP_OK);
    shared->entered++;
}

static void must_have_in_task(const struct shared *shared, uint32_t permits)
{
    QP_ASSERT_EQ(qp_available_permits(shared->semaphore), permits);
}

/* The victim gathers one of two; it is aborted, and the one behind it has what it gathered. */
static void abort_while_gathering(void *arg)
{
    struct shared shared;
    struct qp_handle victim, next;
    (void)arg;
    shared_open(&shared, 1, 2);
    victim = qp_spawn(visitor, &shared);
    until_waiting(&shared, 1);
    next = qp_spawn(small_visitor, &shared);
    until_waiting(&shared, 2);
    must_have_in_task(&shared, 0);
    qp_abort(&victim);
    QP_ASSERT(join(&next) == QP_OK);
    QP_ASSERT(join(&victim) == QP_CANCELLED);
    QP_ASSERT_EQ(shared.entered, 1);
    must_have_in_task(&shared, 1);
}

static void abort_when_handed_over(void *arg)
{
    struct shared shared;
    struct qp_handle victim, next;
    (void)arg;
    shared_open(&shared, 1, 2);
    victim = qp_spawn(visitor, &shared);
    until_waiting(&shared, 1);
    next = qp_spawn(small_visitor, &shared);
    until_waiting(&shared, 2);
    qp_add_permits(shared.semaphore, 1);
    qp_abort(&victim); /* it has not run since */
    QP_ASSERT(join(&next) == QP_OK);
    QP_ASSERT(join(&victim) == QP_CANCELLED);
    QP_ASSERT_EQ(shared.entered, 1);
    must_have_in_task(&shared, 2);
}

static void aborted(void **state)
{
    (void)state;
    run_seeds(abort_while_gathering, NULL, 30);
    run_seeds(abort_when_handed_over, NULL, 30);
}

static int in_time, too_late;

static void impatient(void *arg)
{
    struct shared *shared = arg;
    struct qp_semaphore_permit permit = {NULL, 0};
    enum qp_status status = qp_await(qp_timeout_ms(5, qp_acquire_many(shared->semaphore, shared->wanted, &permit)));
    QP_ASSERT(status == QP_OK || status == QP_TIMEOUT);
    QP_ASSERT((status == QP_OK) == (permit.hold != NULL));
    *(status == QP_OK ? &in_time : &too_late) += 1;
}

/* Permits come before, at, or after the deadline. */
static void timeout_and_permits(void *arg)
{
    struct shared shared;
    struct qp_handle victim, next;
    shared_open(&shared, 1, 2);
    victim = qp_spawn(impatient, &shared);
    next = qp_spawn(small_visitor, &shared);
    qp_await(qp_sleep_ms(*(int *)arg));
    qp_add_permits(shared.semaphore, 1);
    QP_ASSERT(join(&next) == QP_OK);
    QP_ASSERT(join(&victim) == QP_OK);
    must_have_in_task(&shared, 2);
}

static void timed_out(void **state)
{
    int milliseconds;
    (void)state;
    for (milliseconds = 4; milliseconds <= 6; milliseconds++) {
        in_time = too_late = 0;
        run_every_schedule(timeout_and_permits, &milliseconds, 20000);
        assert_true(milliseconds == 6 || in_time > 0);
        assert_true(milliseconds == 4 || too_late > 0);
    }
}

/* Races the acquire, as its second arm, against another semaphore's permit. */
static void racer(void *arg)
{
    struct shared *shared = arg;
    struct qp_semaphore_permit go, permit = {NULL, 0};
    struct qp_future *first = qp_acquire(shared->go, &go);
    struct qp_future *second = qp_acquire_many(shared->semaphore, shared->wanted, &permit);
    size_t winner = 9;
    shared->waiting++;
    QP_ASSERT(qp_await(qp_race(&winner, qp_arm(first), qp_arm(second))) == QP_OK);
    QP_ASSERT_EQ(winner, 0);
    QP_ASSERT(!permit.hold);
}

/* The first arm is ready at once: the second is dropped before its first poll. */
static void lose_before_the_first_poll(void *arg)
{
    struct shared shared;
    (void)arg;
    shared_open(&shared, 2, 2);
    qp_add_permits(shared.go, 1);
    racer(&shared);
    must_have_in_task(&shared, 2);
}

static void lose_while_gathering(void *arg)
{
    struct shared shared;
    struct qp_handle victim, next;
    (void)arg;
    shared_open(&shared, 1, 2);
    victim = qp_spawn(racer, &shared);
    until_waiting(&shared, 1);
    next = qp_spawn(small_visitor, &shared);
    until_waiting(&shared, 2);
    qp_add_permits(shared.go, 1);
    QP_ASSERT(join(&next) == QP_OK);
    QP_ASSERT(join(&victim) == QP_OK);
    must_have_in_task(&shared, 1);
}

static void lose_when_handed_over(void *arg)
{
    struct shared shared;
    struct qp_handle victim, next;
    (void)arg;
    shared_open(&shared, 1, 2);
    victim = qp_spawn(racer, &shared);
    until_waiting(&shared, 1);
    next = qp_spawn(small_visitor, &shared);
    until_waiting(&shared, 2);
    qp_add_permits(shared.semaphore, 1);
    qp_add_permits(shared.go, 1);
    QP_ASSERT(join(&next) == QP_OK);
    QP_ASSERT(join(&victim) == QP_OK);
    must_have_in_task(&shared, 2);
}

static void lost_in_a_race(void **state)
{
    (void)state;
    run_seeds(lose_before_the_first_poll, NULL, 5);
    run_seeds(lose_while_gathering, NULL, 30);
    run_seeds(lose_when_handed_over, NULL, 30);
}

/* Main ends while one gathers and others wait: all is given back, which run_seeds looks at. */
static void leave_them_waiting(void *arg)
{
    struct shared *shared = arg;
    shared_open(shared, 1, 2);
    qp_spawn(small_visitor, shared);
    qp_spawn(visitor, shared);
    qp_spawn(visitor, shared);
    qp_await(qp_yield());
}

static void dropped_with_the_runtime(void **state)
{
    struct shared shared;
    (void)state;
    run_seeds(leave_them_waiting, &shared, 50);
}

/* ---- what a task owns ---- */

static void panicker(void *arg)
{
    struct qp_semaphore_permit permit;
    QP_ASSERT(qp_await(qp_acquire_many(((struct shared *)arg)->semaphore, 2, &permit)) == QP_OK);
    qp_panic("boom");
}

static void sleeper(void *arg)
{
    struct shared *shared = arg;
    struct qp_semaphore_permit permit;
    QP_ASSERT(qp_await(qp_acquire_many(shared->semaphore, 2, &permit)) == QP_OK);
    shared->entered++;
    qp_await(qp_sleep(1e6));
}

static void release_however(void *arg)
{
    struct shared shared;
    struct qp_handle holder;
    (void)arg;
    shared_open(&shared, 3, 2);
    holder = qp_spawn(visitor, &shared);
    QP_ASSERT(join(&holder) == QP_OK);
    must_have_in_task(&shared, 3);
    holder = qp_spawn(panicker, &shared);
    QP_ASSERT(join(&holder) == QP_PANICKED);
    must_have_in_task(&shared, 3);
    holder = qp_spawn(sleeper, &shared);
    while (shared.entered < 2)
        qp_await(qp_yield());
    must_have_in_task(&shared, 1);
    qp_abort(&holder);
    QP_ASSERT(join(&holder) == QP_CANCELLED);
    must_have_in_task(&shared, 3);
    qp_await(qp_async(visitor, &shared));
    must_have_in_task(&shared, 3);
    {
        QP_SCOPED(qp_semaphore_release) struct qp_semaphore_permit permit = {NULL, 0};
        QP_ASSERT(qp_try_acquire(shared.semaphore, &permit) == QP_OK);
        must_have_in_task(&shared, 2);
    }
    must_have_in_task(&shared, 3);
}

static void released_however_it_ends(void **state)
{
    (void)state;
    run_seeds(release_however, NULL, 30);
}

/* Has a permit that it was given, and leaves it to its end. */
static void heir(void *arg)
{
    struct shared *shared = arg;
    struct qp_semaphore_permit go;
    qp_await(qp_acquire(shared->go, &go));
    must_have_in_task(shared, 0);
}

static void testator(void *arg)
{
    struct shared *shared = arg;
    struct qp_handle to;
    QP_ASSERT(qp_await(qp_acquire_many(shared->semaphore, 2, &shared->permit)) == QP_OK);
    to = qp_spawn(heir, shared);
    qp_semaphore_permit_give(&shared->permit, &to);
} /* detached: it goes on with the permit */

static void give_a_permit(void *arg)
{
    struct shared shared;
    struct qp_handle giver;
    (void)arg;
    shared_open(&shared, 2, 2);
    giver = qp_spawn(testator, &shared);
    QP_ASSERT(join(&giver) == QP_OK);
    must_have_in_task(&shared, 0);
    qp_add_permits(shared.go, 1);
    QP_ASSERT(qp_await(qp_acquire(shared.semaphore, &shared.permit)) == QP_OK);
    qp_semaphore_release(&shared.permit);
    must_have_in_task(&shared, 2);
}

/* Given to a task that is aborted before it starts. */
static void give_in_vain(void *arg)
{
    struct shared shared;
    struct qp_handle to;
    (void)arg;
    shared_open(&shared, 2, 2);
    QP_ASSERT(qp_try_acquire(shared.semaphore, &shared.permit) == QP_OK);
    to = qp_spawn(heir, &shared);
    qp_semaphore_permit_give(&shared.permit, &to);
    qp_abort(&to);
    must_have_in_task(&shared, 1);
    QP_ASSERT(join(&to) == QP_CANCELLED);
    must_have_in_task(&shared, 2);
}

static void nothing_more(void *arg)
{
    (void)arg;
    qp_await(qp_yield());
}

/* A semaphore goes with the task that it is given to; a permit keeps it. */
static void give_a_semaphore(void *arg)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 1);
    struct qp_handle to = qp_spawn(nothing_more, NULL);
    struct qp_semaphore_permit permit;
    (void)arg;
    QP_ASSERT(qp_try_acquire(semaphore, &permit) == QP_OK);
    qp_semaphore_give(semaphore, &to);
    QP_ASSERT(join(&to) == QP_OK);
    QP_ASSERT_EQ(qp_available_permits(semaphore), 0);
    qp_semaphore_release(&permit);
}

static void given_to_another_task(void **state)
{
    (void)state;
    run_seeds(give_a_permit, NULL, 30);
    run_seeds(give_in_vain, NULL, 30);
    run_seeds(give_a_semaphore, NULL, 30);
}

/* In a runtime a copy may be looked at for ever: while another holds a permit, and when the semaphore is gone. */
static void copy_a_permit(void *arg)
{
    struct shared shared;
    struct qp_semaphore_permit permit, copy, third, other;
    (void)arg;
    shared_open(&shared, 2, 1);
    QP_ASSERT(qp_await(qp_acquire(shared.semaphore, &permit)) == QP_OK);
    copy = third = permit;
    qp_semaphore_release(&copy); /* copies share one right */
    must_have_in_task(&shared, 2);
    QP_ASSERT(qp_try_acquire(shared.semaphore, &other) == QP_OK);
    qp_semaphore_forget(&permit);
    must_have_in_task(&shared, 1);
    qp_semaphore_release(&other);
    must_have_in_task(&shared, 2);
    qp_semaphore_drop(shared.semaphore);
    qp_semaphore_release(&third);
    qp_semaphore_forget(&third);
}

static void copies_of_a_released_permit_do_nothing(void **state)
{
    (void)state;
    run_seeds(copy_a_permit, NULL, 5);
}

/* ---- misuse ---- */

static void drop_while_waited_for(void *arg)
{
    struct shared shared;
    (void)arg;
    shared_open(&shared, 0, 1);
    qp_spawn(visitor, &shared);
    until_waiting(&shared, 1);
    qp_semaphore_drop(shared.semaphore);
}

static void destroy_while_waited_for(void *arg)
{
    struct shared shared;
    (void)arg;
    shared_open(&shared, 0, 1);
    qp_spawn(visitor, &shared);
    until_waiting(&shared, 1);
    qp_semaphore_destroy(shared.semaphore);
}

static void destroy_while_permits_are_out(void *arg)
{
    struct shared shared;
    struct qp_semaphore_permit permit;
    (void)arg;
    shared_open(&shared, 5, 1);
    QP_ASSERT(qp_try_acquire_many(shared.semaphore, 3, &permit) == QP_OK);
    qp_semaphore_destroy(shared.semaphore);
}

static void destroy_when_handed_over(void *arg)
{
    struct shared shared;
    (void)arg;
    shared_open(&shared, 0, 1);
    qp_spawn(visitor, &shared);
    until_waiting(&shared, 1);
    qp_add_permits(shared.semaphore, 1);
    qp_semaphore_destroy(shared.semaphore);
}

static void create_too_many(void *arg)
{
    (void)arg;
    qp_semaphore_drop(qp_semaphore_create("db", (int64_t)QP_SEMAPHORE_MOST + 1));
}

static void add_too_many(void *arg)
{
    struct shared shared;
    (void)arg;
    shared_open(&shared, 1, 1);
    qp_add_permits(shared.semaphore, QP_SEMAPHORE_MOST);
}

/* Those that are out count as well: they will come back. */
static void add_too_many_beside_those_out(void *arg)
{
    struct shared shared;
    struct qp_semaphore_permit permit;
    (void)arg;
    shared_open(&shared, 1, 1);
    QP_ASSERT(qp_try_acquire(shared.semaphore, &permit) == QP_OK);
    qp_add_permits(shared.semaphore, QP_SEMAPHORE_MOST);
}

static void give_no_permit(void *arg)
{
    struct qp_semaphore_permit permit = {NULL, 0};
    struct qp_handle to = qp_spawn(nothing_more, NULL);
    (void)arg;
    qp_semaphore_permit_give(&permit, &to);
}

static void give_to_no_task(void *arg)
{
    struct qp_handle to = qp_spawn(nothing_more, NULL), ended = to;
    struct shared shared;
    (void)arg;
    shared_open(&shared, 1, 1);
    QP_ASSERT(qp_try_acquire(shared.semaphore, &shared.permit) == QP_OK);
    join(&to);
    qp_semaphore_permit_give(&shared.permit, &ended);
}

static void misused(void **state)
{
    (void)state;
    run_expecting(drop_while_waited_for, NULL, QP_MISUSE,
                  "semaphore 'db' dropped by task 1 'main' while task 2 'visitor' waits for it");
    run_expecting(destroy_while_waited_for, NULL, QP_MISUSE, "while task 2 'visitor' waits for it");
    run_expecting(
        destroy_while_permits_are_out, NULL, QP_MISUSE,
        "semaphore 'db' destroyed by task 1 'main' while 3 of its permits are out: a permit cannot outlive it");
    run_expecting(destroy_when_handed_over, NULL, QP_MISUSE, "while 1 of its permits are out");
    run_expecting(create_too_many, NULL, QP_MISUSE, "a semaphore would have more permits than QP_SEMAPHORE_MOST");
    run_expecting(add_too_many, NULL, QP_MISUSE, "semaphore 'db' would have more permits than QP_SEMAPHORE_MOST");
    run_expecting(add_too_many_beside_those_out, NULL, QP_MISUSE,
                  "semaphore 'db' would have more permits than QP_SEMAPHORE_MOST");
    run_expecting(give_no_permit, NULL, QP_MISUSE,
                  "a permit that is empty or was released is given away by task 1 'main'");
    run_expecting(give_to_no_task, NULL, QP_MISUSE, "a permit given to a task that has ended or is no task");
}

/* ---- deadlock ---- */

static void want_more_than_there_are(void *arg)
{
    struct shared shared;
    (void)arg;
    shared_open(&shared, 2, 2);
    QP_ASSERT(qp_try_acquire(shared.semaphore, &shared.permit) == QP_OK);
    visitor(&shared);
}

static void a_wait_for_ones_own_permit_is_a_deadlock(void **state)
{
    (void)state;
    run_expecting(want_more_than_there_are, NULL, QP_DEADLOCK,
                  "acquire of semaphore 'db', of which it holds a permit itself");
}

/* ---- failing allocations ---- */

static void frugal(void *arg)
{
    struct qp_semaphore *semaphore = arg;
    struct qp_semaphore_permit permits[20];
    size_t i, got = 0;
    for (i = 0; i < 20; i++) {
        enum qp_status status =
            i % 2 ? qp_try_acquire(semaphore, &permits[got]) : qp_await(qp_acquire(semaphore, &permits[got]));
        QP_ASSERT(status == QP_OK || status == QP_NOMEM);
        got += status == QP_OK;
    }
    QP_ASSERT_EQ(qp_available_permits(semaphore), 20 - got);
}

static void with_little_memory(void *arg)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("db", 20);
    struct qp_handle handle = {NULL, 0};
    (void)arg;
    if (semaphore)
        handle = qp_spawn(frugal, semaphore);
    if (!handle.task)
        return;
    join(&handle);
    QP_ASSERT_EQ(qp_available_permits(semaphore), 20);
}

static void failing_allocations(void **state)
{
    (void)state;
    run_failing_allocations(with_little_memory, NULL);
}

/* ---- every schedule ---- */

enum { PERMITS = 2 };

struct member {
    struct crowd *crowd;
    uint32_t wanted;
};

struct crowd {
    struct qp_semaphore *semaphore;
    struct member members[4];
    uint32_t out;                /* permits that members hold just now */
    int tickets;                 /* drawn by those who came */
    int highest, highest_of_all; /* of those who came in, and of those of them who wanted all permits */
    size_t served, refused;
    bool closed;
};

static void leave(void *arg)
{
    struct member *self = arg;
    self->crowd->out -= self->wanted;
}

/* Whoever wants all comes in after all who came before it, and before all who came later. */
static void come_in(struct member *self, int ticket)
{
    struct crowd *crowd = self->crowd;
    bool all = self->wanted == PERMITS;
    QP_ASSERT(!crowd->closed);
    QP_ASSERT(ticket > (all ? crowd->highest : crowd->highest_of_all));
    if (ticket > crowd->highest)
        crowd->highest = ticket;
    if (all)
        crowd->highest_of_all = ticket;
    crowd->out += self->wanted;
    QP_ASSERT(crowd->out + qp_available_permits(crowd->semaphore) <= PERMITS);
    QP_ASSERT(qp_defer(leave, self) == QP_OK);
}

static void crowd_member(void *arg)
{
    struct member *self = arg;
    struct qp_semaphore_permit permit;
    int ticket = ++self->crowd->tickets;
    enum qp_status status = qp_await(qp_acquire_many(self->crowd->semaphore, self->wanted, &permit));
    if (status == QP_SEMAPHORE_CLOSED) {
        QP_ASSERT(self->crowd->closed);
        self->crowd->refused++;
        return;
    }
    QP_ASSERT(status == QP_OK);
    come_in(self, ticket);
    qp_await(qp_yield());
    self->crowd->served++;
}

/* What each wants, which are aborted one after the other (past the last: none), and whether it is closed at the end. */
struct plan {
    const char *wants;
    size_t victims[2];
    bool close;
};

static void disturb(const struct plan *plan, struct crowd *crowd, const struct qp_handle *handles, size_t count)
{
    size_t i;
    for (i = 0; i < 2; i++) {
        if (plan->victims[i] == count)
            continue;
        qp_await(qp_yield());
        qp_abort(&handles[plan->victims[i]]);
    }
    if (!plan->close)
        return;
    qp_await(qp_yield());
    qp_semaphore_close(crowd->semaphore);
    crowd->closed = true;
}

static void crowd_program(void *arg)
{
    const struct plan *plan = arg;
    struct crowd crowd = {.semaphore = qp_semaphore_create("db", PERMITS)};
    struct qp_handle handles[4];
    size_t i, count = strlen(plan->wants), cancelled = 0;
    for (i = 0; i < count; i++) {
        crowd.members[i] = (struct member){&crowd, (uint32_t)(plan->wants[i] - '0')};
        handles[i] = qp_spawn(crowd_member, &crowd.members[i]);
    }
    disturb(plan, &crowd, handles, count);
    for (i = 0; i < count; i++) {
        enum qp_status status = join(&handles[i]);
        QP_ASSERT(status == QP_OK || (status == QP_CANCELLED && (i == plan->victims[0] || i == plan->victims[1])));
        cancelled += status == QP_CANCELLED;
    }
    QP_ASSERT_EQ(crowd.served + crowd.refused + cancelled, count);
    QP_ASSERT_EQ(crowd.out, 0);
    QP_ASSERT_EQ(qp_available_permits(crowd.semaphore), PERMITS);
}

static void every_schedule_of(const char *wants, size_t first, size_t second, bool close)
{
    struct plan plan = {wants, {first, second}, close};
    assert_true(run_every_schedule(crowd_program, &plan, 100000) > 1);
}

static void every_schedule_with_one_cancellation(void **state)
{
    const char *const crowds[] = {"1212", "2112", "1121"};
    size_t i, victim;
    (void)state;
    for (i = 0; i < 3; i++)
        for (victim = 0; victim <= 4; victim++)
            every_schedule_of(crowds[i], victim, 4, false);
}

static void every_schedule_with_two_cancellations(void **state)
{
    const char *const crowds[] = {"222", "121", "122", "211"};
    size_t i, first, second;
    (void)state;
    for (i = 0; i < 4; i++)
        for (first = 0; first < 3; first++)
            for (second = 0; second < 3; second++)
                every_schedule_of(crowds[i], first, second, false);
}

static void every_schedule_with_a_close(void **state)
{
    const char *const crowds[] = {"222", "121", "122", "211"};
    size_t i, victim;
    (void)state;
    for (i = 0; i < 4; i++)
        for (victim = 0; victim <= 3; victim++)
            every_schedule_of(crowds[i], victim, 3, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_its_permits),
        cmocka_unit_test(below_zero_counts_as_zero),
        cmocka_unit_test(no_semaphore_and_no_permit_are_nothing),
        cmocka_unit_test(ready_at_the_first_poll_when_free),
        cmocka_unit_test(first_come_first_served_and_nobody_barges),
        cmocka_unit_test(several_releases_reach_several_waiters),
        cmocka_unit_test(the_first_waiter_gathers_what_comes_free),
        cmocka_unit_test(a_small_wait_does_not_pass_a_large_one),
        cmocka_unit_test(no_permits_are_there_at_once),
        cmocka_unit_test(added_permits_go_to_those_who_wait),
        cmocka_unit_test(forgotten_permits_do_not_come_back),
        cmocka_unit_test(as_many_as_there_can_be),
        cmocka_unit_test(cancelled_before_the_first_poll),
        cmocka_unit_test(cancelled_while_waiting),
        cmocka_unit_test(cancelled_while_gathering_gives_all_to_those_behind),
        cmocka_unit_test(cancelled_while_gathering_with_nobody_behind),
        cmocka_unit_test(cancelled_when_handed_over_passes_on),
        cmocka_unit_test(cancelled_when_handed_over_with_nobody_behind),
        cmocka_unit_test(polls_without_a_cause_change_nothing),
        cmocka_unit_test(the_latest_waker_is_woken),
        cmocka_unit_test(closed_for_all),
        cmocka_unit_test(cancelled_when_closed),
        cmocka_unit_test(a_closed_one_still_counts),
        cmocka_unit_test(a_permit_keeps_its_semaphore_alive),
        cmocka_unit_test(handed_over_and_dropped),
        cmocka_unit_test(closed_and_dropped),
        cmocka_unit_test(aborted),
        cmocka_unit_test(timed_out),
        cmocka_unit_test(lost_in_a_race),
        cmocka_unit_test(dropped_with_the_runtime),
        cmocka_unit_test(released_however_it_ends),
        cmocka_unit_test(given_to_another_task),
        cmocka_unit_test(copies_of_a_released_permit_do_nothing),
        cmocka_unit_test(misused),
        cmocka_unit_test(a_wait_for_ones_own_permit_is_a_deadlock),
        cmocka_unit_test(failing_allocations),
        cmocka_unit_test(every_schedule_with_one_cancellation),
        cmocka_unit_test(every_schedule_with_two_cancellations),
        cmocka_unit_test(every_schedule_with_a_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
