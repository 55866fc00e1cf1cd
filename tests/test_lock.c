/*
 * The mutex, the readers-writer lock, and the guard of both.
 *
 * First by hand, outside any runtime, where every moment of a wait can be reached; then inside tasks: each boundary of
 * cancellation, what a task owns, misuse, failing allocations, and every schedule of small programs.
 */
#include "tests/support.h"
#include <stdio.h>
#include <string.h>

/* ---- the three ways in: what is the same for each is tested for each ---- */

enum kind { LOCK, READ, WRITE, KINDS };

/* A mutex or a readers-writer lock, whichever the kind needs. */
struct place {
    enum kind kind;
    struct qp_mutex *mutex;
    struct qp_rwlock *rwlock;
};

union wait {
    struct qp_lock_future lock;
    struct qp_rwlock_future rwlock;
};

static struct {
    int count, last;
} dropped;

static void note_drop(void *value)
{
    dropped.count++;
    dropped.last = *(int *)value;
}

static const struct qp_type counted = QP_TYPE_DROP(int, note_drop);

/* Around a value of 7. Its pointers are NULL where there is no memory. */
static struct place place_open(enum kind kind)
{
    struct place place = {kind, NULL, NULL};
    int value = 7;
    dropped.count = 0;
    if (kind == LOCK)
        place.mutex = qp_mutex_create("db", &counted, &value);
    else
        place.rwlock = qp_rwlock_create("db", &counted, &value);
    return place;
}

static void place_drop(const struct place *place)
{
    qp_mutex_drop(place->mutex);
    qp_rwlock_drop(place->rwlock);
}

static struct qp_future *enter(union wait *wait, const struct place *place, enum kind kind, struct qp_guard *guard)
{
    if (kind == LOCK)
        return qp_lock_init(&wait->lock, place->mutex, guard);
    return kind == READ ? qp_read_init(&wait->rwlock, place->rwlock, guard)
                        : qp_write_init(&wait->rwlock, place->rwlock, guard);
}

static enum qp_status try_enter(const struct place *place, enum kind kind, struct qp_guard *guard)
{
    if (kind == LOCK)
        return qp_try_lock(place->mutex, guard);
    return kind == READ ? qp_try_read(place->rwlock, guard) : qp_try_write(place->rwlock, guard);
}

/* Alone, so that nobody else comes in. */
static enum qp_status try_alone(const struct place *place, struct qp_guard *guard)
{
    return try_enter(place, place->kind == LOCK ? LOCK : WRITE, guard);
}

/* ---- by hand ---- */

/* One who waits, polled by hand. */
struct hand {
    union wait wait;
    struct qp_future *future;
    struct qp_guard guard;
    struct counting_waker waker;
};

static void stand(struct hand *hand, const struct place *place, enum kind kind)
{
    hand->guard = (struct qp_guard){NULL, 0};
    hand->future = enter(&hand->wait, place, kind, &hand->guard);
    counting_waker_init(&hand->waker);
}

static enum qp_status poll_hand(struct hand *hand)
{
    return qp_future_poll(hand->future, &hand->waker.waker);
}

static void must_wait(struct hand *hand)
{
    assert_int_equal(poll_hand(hand), QP_PENDING);
    assert_null(hand->guard.hold);
}

static void must_get(struct hand *hand)
{
    assert_int_equal(poll_hand(hand), QP_OK);
    assert_int_equal(*(int *)qp_guard_value(&hand->guard), 7);
}

static void start_waiting(struct hand *hand, const struct place *place, enum kind kind)
{
    stand(hand, place, kind);
    must_wait(hand);
}

static void hold_alone(const struct place *place, struct qp_guard *guard)
{
    assert_int_equal(try_alone(place, guard), QP_OK);
}

/* Nobody holds it and nobody waits: all is given back when it is dropped. */
static void must_be_free(const struct place *place)
{
    struct qp_guard guard;
    hold_alone(place, &guard);
    qp_unlock(&guard);
    place_drop(place);
    assert_int_equal(dropped.count, 1);
}

static void get_set_and_drop(void **state)
{
    enum kind kind;
    (void)state;
    for (kind = LOCK; kind < KINDS; kind++) {
        struct place place = place_open(kind);
        struct qp_guard guard;
        int value = 8, copy = 0;
        hold_alone(&place, &guard);
        assert_int_equal(*(int *)qp_guard_value(&guard), 7);
        qp_guard_set(&guard, &value);
        assert_int_equal(value, 8);
        assert_int_equal(dropped.count, 1);
        assert_int_equal(dropped.last, 7);
        qp_guard_get(&guard, &copy);
        assert_int_equal(copy, 8);
        *(int *)qp_guard_value(&guard) = 9;
        qp_unlock(&guard);
        assert_null(guard.hold);
        assert_int_equal(dropped.count, 1);
        place_drop(&place);
        assert_int_equal(dropped.count, 2);
        assert_int_equal(dropped.last, 9);
    }
}

static void a_value_may_have_no_bytes(void **state)
{
    struct qp_mutex *mutex = qp_mutex_create(NULL, &qp_nothing, NULL);
    struct qp_guard guard;
    (void)state;
    assert_int_equal(qp_try_lock(mutex, &guard), QP_OK);
    qp_guard_set(&guard, NULL);
    qp_guard_get(&guard, NULL);
    qp_unlock(&guard);
    qp_mutex_destroy(mutex);
}

static void no_lock_and_no_guard_are_nothing(void **state)
{
    struct qp_guard guard = {NULL, 0};
    (void)state;
    qp_unlock(&guard);
    qp_mutex_drop(NULL);
    qp_mutex_destroy(NULL);
    qp_rwlock_drop(NULL);
    qp_rwlock_destroy(NULL);
}

static void ready_at_the_first_poll_when_free(void **state)
{
    enum kind kind;
    (void)state;
    for (kind = LOCK; kind < KINDS; kind++) {
        struct place place = place_open(kind);
        struct hand hand;
        stand(&hand, &place, kind);
        must_get(&hand);
        qp_unlock(&hand.guard);
        assert_int_equal(hand.waker.wakes, 0);
        must_be_free(&place);
    }
}

static void first_come_first_served_and_nobody_barges(void **state)
{
    const enum kind kinds[] = {LOCK, WRITE};
    size_t i;
    (void)state;
    for (i = 0; i < 2; i++) {
        struct place place = place_open(kinds[i]);
        struct hand first, second, late;
        struct qp_guard guard, other;
        hold_alone(&place, &guard);
        start_waiting(&first, &place, kinds[i]);
        start_waiting(&second, &place, kinds[i]);
        assert_int_equal(try_alone(&place, &other), QP_BUSY);
        qp_unlock(&guard);
        assert_int_equal(first.waker.wakes, 1);
        assert_int_equal(second.waker.wakes, 0);
        assert_int_equal(try_alone(&place, &other), QP_BUSY); /* handed over, though nobody has run */
        start_waiting(&late, &place, kinds[i]);
        must_wait(&second);
        must_get(&first);
        qp_unlock(&first.guard);
        must_get(&second);
        qp_unlock(&second.guard);
        must_get(&late);
        qp_unlock(&late.guard);
        assert_int_equal(late.waker.wakes, 1);
        must_be_free(&place);
    }
}

static void cancelled_before_the_first_poll(void **state)
{
    enum kind kind;
    (void)state;
    for (kind = LOCK; kind < KINDS; kind++) {
        struct place place = place_open(kind);
        struct hand never, next;
        struct qp_guard guard;
        stand(&never, &place, kind);
        qp_future_drop(never.future);
        hold_alone(&place, &guard);
        stand(&never, &place, kind);
        start_waiting(&next, &place, kind);
        qp_future_drop(never.future);
        qp_unlock(&guard);
        must_get(&next);
        qp_unlock(&next.guard);
        assert_int_equal(never.waker.wakes, 0);
        must_be_free(&place);
    }
}

static void cancelled_while_waiting(void **state)
{
    enum kind kind;
    (void)state;
    for (kind = LOCK; kind < KINDS; kind++) {
        struct place place = place_open(kind);
        struct hand before, victim, after;
        struct qp_guard guard;
        hold_alone(&place, &guard);
        start_waiting(&before, &place, kind);
        start_waiting(&victim, &place, kind);
        start_waiting(&after, &place, kind);
        qp_future_drop(victim.future);
        qp_future_drop(victim.future); /* again: nothing */
        assert_int_equal(before.waker.wakes + after.waker.wakes, 0);
        qp_unlock(&guard);
        must_get(&before);
        qp_unlock(&before.guard);
        must_get(&after);
        qp_unlock(&after.guard);
        assert_int_equal(victim.waker.wakes, 0);
        must_be_free(&place);
    }
}

static void cancelled_when_handed_over_passes_on(void **state)
{
    enum kind kind;
    (void)state;
    for (kind = LOCK; kind < KINDS; kind++) {
        struct place place = place_open(kind);
        struct hand victim, next;
        struct qp_guard guard;
        hold_alone(&place, &guard);
        start_waiting(&victim, &place, kind);
        start_waiting(&next, &place, kind);
        qp_unlock(&guard);
        assert_int_equal(victim.waker.wakes, 1);
        qp_future_drop(victim.future);
        assert_null(victim.guard.hold);
        assert_int_equal(next.waker.wakes, 1);
        must_get(&next);
        qp_unlock(&next.guard);
        must_be_free(&place);
    }
}

static void cancelled_when_handed_over_with_nobody_behind(void **state)
{
    enum kind kind;
    (void)state;
    for (kind = LOCK; kind < KINDS; kind++) {
        struct place place = place_open(kind);
        struct hand victim;
        struct qp_guard guard;
        hold_alone(&place, &guard);
        start_waiting(&victim, &place, kind);
        qp_unlock(&guard);
        qp_future_drop(victim.future);
        must_be_free(&place);
    }
}

static void polls_without_a_cause_change_nothing(void **state)
{
    enum kind kind;
    (void)state;
    for (kind = LOCK; kind < KINDS; kind++) {
        struct place place = place_open(kind);
        struct hand first, second;
        struct qp_guard guard;
        hold_alone(&place, &guard);
        start_waiting(&first, &place, kind);
        start_waiting(&second, &place, kind);
        must_wait(&second);
        must_wait(&first);
        must_wait(&second);
        qp_unlock(&guard);
        must_get(&first); /* it still stood before the second */
        if (kind != READ)
            must_wait(&second);
        qp_unlock(&first.guard);
        must_get(&second);
        qp_unlock(&second.guard);
        assert_int_equal(first.waker.wakes, 1);
        assert_int_equal(second.waker.wakes, 1);
        must_be_free(&place);
    }
}

static void the_latest_waker_is_woken(void **state)
{
    enum kind kind;
    (void)state;
    for (kind = LOCK; kind < KINDS; kind++) {
        struct place place = place_open(kind);
        struct counting_waker other;
        struct hand hand;
        struct qp_guard guard;
        counting_waker_init(&other);
        hold_alone(&place, &guard);
        start_waiting(&hand, &place, kind);
        assert_int_equal(qp_future_poll(hand.future, &other.waker), QP_PENDING);
        qp_unlock(&guard);
        assert_int_equal(hand.waker.wakes, 0);
        assert_int_equal(other.wakes, 1);
        must_get(&hand); /* handed over: any waker will do */
        qp_unlock(&hand.guard);
        must_be_free(&place);
    }
}

static void a_guard_keeps_its_lock_alive(void **state)
{
    enum kind kind;
    (void)state;
    for (kind = LOCK; kind < KINDS; kind++) {
        struct place place = place_open(kind);
        struct hand hand;
        stand(&hand, &place, kind);
        must_get(&hand);
        place_drop(&place);
        assert_int_equal(dropped.count, 0);
        assert_int_equal(*(int *)qp_guard_value(&hand.guard), 7);
        qp_unlock(&hand.guard);
        assert_int_equal(dropped.count, 1);
    }
}

/* The lock is dropped after it was handed over: whoever has it may still come in, or be cancelled. */
static void handed_over_and_dropped(void **state)
{
    enum kind kind;
    (void)state;
    for (kind = LOCK; kind < KINDS; kind++) {
        int cancelled;
        for (cancelled = 0; cancelled < 2; cancelled++) {
            struct place place = place_open(kind);
            struct hand hand;
            struct qp_guard guard;
            hold_alone(&place, &guard);
            start_waiting(&hand, &place, kind);
            qp_unlock(&guard);
            place_drop(&place);
            assert_int_equal(dropped.count, 0);
            if (cancelled) {
                qp_future_drop(hand.future);
            } else {
                must_get(&hand);
                qp_unlock(&hand.guard);
            }
            assert_int_equal(dropped.count, 1);
        }
    }
}

/* ---- by hand: readers and writers ---- */

static void readers_share_and_a_writer_is_alone(void **state)
{
    struct place place = place_open(READ);
    struct hand one, two, writer;
    struct qp_guard guard;
    (void)state;
    stand(&one, &place, READ);
    stand(&two, &place, READ);
    must_get(&one);
    must_get(&two);
    assert_int_equal(qp_try_write(place.rwlock, &guard), QP_BUSY);
    assert_int_equal(qp_try_read(place.rwlock, &guard), QP_OK);
    qp_unlock(&guard);
    start_waiting(&writer, &place, WRITE);
    qp_unlock(&one.guard);
    must_wait(&writer);
    qp_unlock(&two.guard);
    assert_int_equal(writer.waker.wakes, 1);
    must_get(&writer);
    assert_int_equal(qp_try_read(place.rwlock, &guard), QP_BUSY);
    assert_int_equal(qp_try_write(place.rwlock, &guard), QP_BUSY);
    qp_unlock(&writer.guard);
    must_be_free(&place);
}

static void a_waiting_writer_goes_before_later_readers(void **state)
{
    struct place place = place_open(READ);
    struct hand reader, writer, late;
    struct qp_guard guard;
    (void)state;
    stand(&reader, &place, READ);
    must_get(&reader);
    start_waiting(&writer, &place, WRITE);
    assert_int_equal(qp_try_read(place.rwlock, &guard), QP_BUSY);
    start_waiting(&late, &place, READ);
    qp_unlock(&reader.guard);
    assert_int_equal(late.waker.wakes, 0);
    assert_int_equal(qp_try_read(place.rwlock, &guard), QP_BUSY); /* handed to the writer */
    must_wait(&late);
    must_get(&writer);
    qp_unlock(&writer.guard);
    must_get(&late);
    qp_unlock(&late.guard);
    must_be_free(&place);
}

static void readers_before_the_first_writer_come_in_together(void **state)
{
    struct place place = place_open(READ);
    struct hand one, two, writer, three;
    struct qp_guard guard;
    (void)state;
    hold_alone(&place, &guard);
    start_waiting(&one, &place, READ);
    start_waiting(&two, &place, READ);
    start_waiting(&writer, &place, WRITE);
    start_waiting(&three, &place, READ);
    qp_unlock(&guard);
    assert_int_equal(one.waker.wakes, 1);
    assert_int_equal(two.waker.wakes, 1);
    assert_int_equal(writer.waker.wakes + three.waker.wakes, 0);
    must_get(&two);
    qp_unlock(&two.guard);
    assert_int_equal(writer.waker.wakes, 0); /* one has yet to run, and counts */
    must_get(&one);
    qp_unlock(&one.guard);
    assert_int_equal(writer.waker.wakes, 1);
    must_get(&writer);
    qp_unlock(&writer.guard);
    must_get(&three);
    qp_unlock(&three.guard);
    must_be_free(&place);
}

static void a_cancelled_writer_lets_readers_in(void **state)
{
    struct place place = place_open(READ);
    struct hand reader, writer, one, two, second, late;
    (void)state;
    stand(&reader, &place, READ);
    must_get(&reader);
    start_waiting(&writer, &place, WRITE);
    start_waiting(&one, &place, READ);
    start_waiting(&two, &place, READ);
    start_waiting(&second, &place, WRITE);
    start_waiting(&late, &place, READ);
    qp_future_drop(writer.future);
    assert_int_equal(one.waker.wakes, 1);
    assert_int_equal(two.waker.wakes, 1);
    assert_int_equal(second.waker.wakes + late.waker.wakes, 0);
    must_get(&one);
    must_get(&two);
    qp_unlock(&one.guard);
    qp_unlock(&two.guard);
    must_wait(&second);
    qp_unlock(&reader.guard);
    must_get(&second);
    qp_unlock(&second.guard);
    must_get(&late);
    qp_unlock(&late.guard);
    must_be_free(&place);
}

/* Readers that were let in but have not run hold the lock for reading as well. */
static void a_cancelled_writer_lets_readers_in_beside_promised_ones(void **state)
{
    struct place place = place_open(READ);
    struct hand promised, writer, reader;
    struct qp_guard guard;
    (void)state;
    hold_alone(&place, &guard);
    start_waiting(&promised, &place, READ);
    start_waiting(&writer, &place, WRITE);
    start_waiting(&reader, &place, READ);
    qp_unlock(&guard);
    qp_future_drop(writer.future);
    assert_int_equal(reader.waker.wakes, 1);
    must_get(&reader);
    must_get(&promised);
    qp_unlock(&reader.guard);
    qp_unlock(&promised.guard);
    must_be_free(&place);
}

static void a_cancelled_writer_lets_nobody_in_beside_another(void **state)
{
    struct place place = place_open(READ);
    struct hand writer, reader;
    struct qp_guard guard;
    (void)state;
    hold_alone(&place, &guard);
    start_waiting(&writer, &place, WRITE);
    start_waiting(&reader, &place, READ);
    qp_future_drop(writer.future);
    assert_int_equal(reader.waker.wakes, 0);
    must_wait(&reader);
    qp_unlock(&guard);
    must_get(&reader);
    qp_unlock(&reader.guard);
    must_be_free(&place);
}

static void a_writer_cancelled_when_handed_over_lets_readers_in(void **state)
{
    struct place place = place_open(READ);
    struct hand writer, one, two, second;
    struct qp_guard guard;
    (void)state;
    hold_alone(&place, &guard);
    start_waiting(&writer, &place, WRITE);
    start_waiting(&one, &place, READ);
    start_waiting(&two, &place, READ);
    start_waiting(&second, &place, WRITE);
    qp_unlock(&guard);
    qp_future_drop(writer.future);
    assert_int_equal(one.waker.wakes, 1);
    assert_int_equal(two.waker.wakes, 1);
    assert_int_equal(second.waker.wakes, 0);
    must_get(&one);
    must_get(&two);
    qp_unlock(&one.guard);
    qp_unlock(&two.guard);
    must_get(&second);
    qp_unlock(&second.guard);
    must_be_free(&place);
}

static void the_last_promised_reader_cancelled_lets_the_writer_in(void **state)
{
    struct place place = place_open(READ);
    struct hand one, two, writer;
    struct qp_guard guard;
    (void)state;
    hold_alone(&place, &guard);
    start_waiting(&one, &place, READ);
    start_waiting(&two, &place, READ);
    start_waiting(&writer, &place, WRITE);
    qp_unlock(&guard);
    qp_future_drop(one.future);
    assert_int_equal(writer.waker.wakes, 0);
    qp_future_drop(two.future);
    assert_int_equal(writer.waker.wakes, 1);
    must_get(&writer);
    qp_unlock(&writer.guard);
    must_be_free(&place);
}

/* ---- in tasks ---- */

/* What the tasks of one program share: a place, and how far they came. */
struct shared {
    struct place place;
    struct qp_guard guard;
    struct qp_semaphore *go;
    int waiting, entered;
};

static void shared_open(struct shared *shared, enum kind kind)
{
    *shared = (struct shared){.place = place_open(kind)};
    shared->go = qp_semaphore_create("go", 0);
}

/* Waits until `count` tasks have begun to wait: what follows their counting is their first poll. */
static void until_waiting(const struct shared *shared, int count)
{
    while (shared->waiting < count)
        qp_await(qp_yield());
}

static enum qp_status visit(struct shared *shared, enum kind kind, struct qp_guard *guard)
{
    union wait wait;
    enum qp_status status;
    shared->waiting++;
    status = qp_await(enter(&wait, &shared->place, kind, guard));
    shared->entered += status == QP_OK;
    return status;
}

/* Comes in as the place's kind says, and leaves by ending. */
static void visitor(void *arg)
{
    struct shared *shared = arg;
    struct qp_guard guard;
    QP_ASSERT(visit(shared, shared->place.kind, &guard) == QP_OK);
}

static void reader(void *arg)
{
    struct qp_guard guard;
    QP_ASSERT(visit(arg, READ, &guard) == QP_OK);
    qp_await(qp_yield());
}

static void writer(void *arg)
{
    struct qp_guard guard;
    QP_ASSERT(visit(arg, WRITE, &guard) == QP_OK);
    qp_await(qp_yield());
}

static enum qp_status join(struct qp_handle *handle)
{
    return qp_await(qp_join(handle, NULL));
}

static void must_be_free_in_task(const struct shared *shared)
{
    struct qp_guard guard;
    QP_ASSERT(try_alone(&shared->place, &guard) == QP_OK);
    qp_unlock(&guard);
}

/* One test runs one program for each kind, given by pointer. */
static enum kind kinds[] = {LOCK, READ, WRITE};

static void run_each_kind(qp_async_fn program)
{
    enum kind kind;
    for (kind = LOCK; kind < KINDS; kind++)
        run_seeds(program, &kinds[kind], 30);
}

static void abort_while_waiting(void *arg)
{
    struct shared shared;
    struct qp_handle victim, next;
    shared_open(&shared, *(enum kind *)arg);
    QP_ASSERT(try_alone(&shared.place, &shared.guard) == QP_OK);
    victim = qp_spawn(visitor, &shared);
    until_waiting(&shared, 1);
    next = qp_spawn(visitor, &shared);
    until_waiting(&shared, 2);
    qp_abort(&victim);
    QP_ASSERT(join(&victim) == QP_CANCELLED);
    qp_unlock(&shared.guard);
    QP_ASSERT(join(&next) == QP_OK);
    QP_ASSERT_EQ(shared.entered, 1);
    must_be_free_in_task(&shared);
}

static void abort_when_handed_over(void *arg)
{
    struct shared shared;
    struct qp_handle victim, next;
    shared_open(&shared, *(enum kind *)arg);
    QP_ASSERT(try_alone(&shared.place, &shared.guard) == QP_OK);
    victim = qp_spawn(visitor, &shared);
    until_waiting(&shared, 1);
    next = qp_spawn(visitor, &shared);
    until_waiting(&shared, 2);
    qp_unlock(&shared.guard);
    qp_abort(&victim); /* it has not run since */
    QP_ASSERT(join(&next) == QP_OK);
    QP_ASSERT(join(&victim) == QP_CANCELLED);
    QP_ASSERT_EQ(shared.entered, 1);
    must_be_free_in_task(&shared);
}

static void aborted(void **state)
{
    (void)state;
    run_each_kind(abort_while_waiting);
    run_each_kind(abort_when_handed_over);
}

static void impatient(void *arg)
{
    struct shared *shared = arg;
    union wait wait;
    struct qp_guard guard = {NULL, 0};
    shared->waiting++;
    QP_ASSERT(qp_await(qp_timeout_ms(5, enter(&wait, &shared->place, shared->place.kind, &guard))) == QP_TIMEOUT);
    QP_ASSERT(!guard.hold);
}

static void timeout_while_waiting(void *arg)
{
    struct shared shared;
    struct qp_handle victim, next;
    shared_open(&shared, *(enum kind *)arg);
    QP_ASSERT(try_alone(&shared.place, &shared.guard) == QP_OK);
    victim = qp_spawn(impatient, &shared);
    until_waiting(&shared, 1);
    next = qp_spawn(visitor, &shared);
    qp_await(qp_sleep_ms(10));
    qp_unlock(&shared.guard);
    QP_ASSERT(join(&victim) == QP_OK);
    QP_ASSERT(join(&next) == QP_OK);
    must_be_free_in_task(&shared);
}

static int in_time, too_late;

static void just_in_time(void *arg)
{
    struct shared *shared = arg;
    union wait wait;
    struct qp_guard guard = {NULL, 0};
    enum qp_status status = qp_await(qp_timeout_ms(5, enter(&wait, &shared->place, shared->place.kind, &guard)));
    QP_ASSERT(status == QP_OK || status == QP_TIMEOUT);
    QP_ASSERT((status == QP_OK) == (guard.hold != NULL));
    *(status == QP_OK ? &in_time : &too_late) += 1;
}

/* The release and the deadline fall together: either may come first, and the lock goes on to the next in both cases. */
static void timeout_tied(void *arg)
{
    struct shared shared;
    struct qp_handle victim, next;
    shared_open(&shared, *(enum kind *)arg);
    QP_ASSERT(try_alone(&shared.place, &shared.guard) == QP_OK);
    victim = qp_spawn(just_in_time, &shared);
    next = qp_spawn(visitor, &shared);
    qp_await(qp_sleep_ms(5));
    qp_unlock(&shared.guard);
    QP_ASSERT(join(&next) == QP_OK);
    QP_ASSERT(join(&victim) == QP_OK);
    must_be_free_in_task(&shared);
}

static void timed_out(void **state)
{
    enum kind kind;
    (void)state;
    run_each_kind(timeout_while_waiting);
    for (kind = LOCK; kind < KINDS; kind++) {
        in_time = too_late = 0;
        run_every_schedule(timeout_tied, &kinds[kind], 20000);
        assert_true(in_time > 0);
        assert_true(too_late > 0);
    }
}

/* Races the lock, as its second arm, against a semaphore's permit. */
static void racer(void *arg)
{
    struct shared *shared = arg;
    union wait wait;
    struct qp_guard guard = {NULL, 0};
    struct qp_semaphore_permit permit;
    struct qp_future *go = qp_acquire(shared->go, &permit);
    struct qp_future *place = enter(&wait, &shared->place, shared->place.kind, &guard);
    size_t winner = 9;
    shared->waiting++;
    QP_ASSERT(qp_await(qp_race(&winner, qp_arm(go), qp_arm(place))) == QP_OK);
    QP_ASSERT_EQ(winner, 0);
    QP_ASSERT(!guard.hold);
}

/* The first arm is ready at once: the lock is dropped before its first poll. */
static void lose_before_the_first_poll(void *arg)
{
    struct shared shared;
    shared_open(&shared, *(enum kind *)arg);
    qp_add_permits(shared.go, 1);
    racer(&shared);
    must_be_free_in_task(&shared);
}

static void lose_while_waiting(void *arg)
{
    struct shared shared;
    struct qp_handle victim, next;
    shared_open(&shared, *(enum kind *)arg);
    QP_ASSERT(try_alone(&shared.place, &shared.guard) == QP_OK);
    victim = qp_spawn(racer, &shared);
    until_waiting(&shared, 1);
    next = qp_spawn(visitor, &shared);
    until_waiting(&shared, 2);
    qp_add_permits(shared.go, 1);
    QP_ASSERT(join(&victim) == QP_OK);
    qp_unlock(&shared.guard);
    QP_ASSERT(join(&next) == QP_OK);
    must_be_free_in_task(&shared);
}

static void lose_when_handed_over(void *arg)
{
    struct shared shared;
    struct qp_handle victim, next;
    shared_open(&shared, *(enum kind *)arg);
    QP_ASSERT(try_alone(&shared.place, &shared.guard) == QP_OK);
    victim = qp_spawn(racer, &shared);
    until_waiting(&shared, 1);
    next = qp_spawn(visitor, &shared);
    until_waiting(&shared, 2);
    qp_unlock(&shared.guard);
    qp_add_permits(shared.go, 1);
    QP_ASSERT(join(&next) == QP_OK);
    QP_ASSERT(join(&victim) == QP_OK);
    must_be_free_in_task(&shared);
}

static void lost_in_a_race(void **state)
{
    (void)state;
    run_each_kind(lose_before_the_first_poll);
    run_each_kind(lose_while_waiting);
    run_each_kind(lose_when_handed_over);
}

/* Main ends while one holds the lock and others wait: all is given back, which run_seeds looks at. */
static void leave_them_waiting(void *arg)
{
    struct shared *shared = arg;
    shared_open(shared, READ);
    qp_spawn(writer, shared);
    qp_spawn(reader, shared);
    qp_spawn(writer, shared);
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
    struct qp_guard guard;
    visit(arg, ((struct shared *)arg)->place.kind, &guard);
    qp_panic("boom");
}

static void sleeper(void *arg)
{
    struct qp_guard guard;
    visit(arg, ((struct shared *)arg)->place.kind, &guard);
    qp_await(qp_sleep(1e6));
}

static void release_by_panic(void *arg)
{
    struct shared shared;
    struct qp_handle holder;
    shared_open(&shared, *(enum kind *)arg);
    holder = qp_spawn(panicker, &shared);
    QP_ASSERT(join(&holder) == QP_PANICKED);
    must_be_free_in_task(&shared); /* and nothing is poisoned */
}

static void release_by_abort(void *arg)
{
    struct shared shared;
    struct qp_handle holder, next;
    struct qp_guard guard;
    shared_open(&shared, *(enum kind *)arg);
    holder = qp_spawn(sleeper, &shared);
    while (!shared.entered)
        qp_await(qp_yield());
    QP_ASSERT(try_alone(&shared.place, &guard) == QP_BUSY);
    next = qp_spawn(visitor, &shared);
    qp_abort(&holder);
    QP_ASSERT(join(&next) == QP_OK);
    QP_ASSERT(join(&holder) == QP_CANCELLED);
    must_be_free_in_task(&shared);
}

static void released_however_the_task_ends(void **state)
{
    (void)state;
    run_each_kind(release_by_panic);
    run_each_kind(release_by_abort);
}

/* Deferred calls between two guards see what is still held when their turn comes. */
struct pair {
    struct place outer, inner;
    int checks;
};

static bool is_held(const struct place *place)
{
    struct qp_guard guard;
    if (try_alone(place, &guard) != QP_OK)
        return true;
    qp_unlock(&guard);
    return false;
}

static void both_are_held(void *arg)
{
    struct pair *pair = arg;
    QP_ASSERT(is_held(&pair->outer) && is_held(&pair->inner));
    QP_ASSERT_EQ(pair->checks++, 0);
}

static void outer_is_held(void *arg)
{
    struct pair *pair = arg;
    QP_ASSERT(is_held(&pair->outer) && !is_held(&pair->inner));
    QP_ASSERT_EQ(pair->checks++, 1);
}

static void none_is_held(void *arg)
{
    struct pair *pair = arg;
    QP_ASSERT(!is_held(&pair->outer) && !is_held(&pair->inner));
    QP_ASSERT_EQ(pair->checks++, 2);
}

static void nested(void *arg)
{
    struct pair *pair = arg;
    struct qp_guard outer, inner;
    QP_ASSERT(qp_defer(none_is_held, pair) == QP_OK);
    QP_ASSERT(qp_await(qp_lock(pair->outer.mutex, &outer)) == QP_OK);
    QP_ASSERT(qp_defer(outer_is_held, pair) == QP_OK);
    QP_ASSERT(qp_await(qp_write(pair->inner.rwlock, &inner)) == QP_OK);
    QP_ASSERT(qp_defer(both_are_held, pair) == QP_OK);
    qp_await(qp_yield());
}

static void release_in_reverse(void *arg)
{
    struct pair pair = {place_open(LOCK), place_open(WRITE), 0};
    struct qp_handle task;
    (void)arg;
    qp_await(qp_async(nested, &pair)); /* a function that is awaited in place */
    QP_ASSERT_EQ(pair.checks, 3);
    pair.checks = 0;
    task = qp_spawn(nested, &pair);
    qp_await(qp_yield());
    qp_abort(&task);
    join(&task);
    QP_ASSERT(pair.checks == 3 || pair.checks == 0); /* 0: it never ran */
}

static void released_in_reverse_order(void **state)
{
    (void)state;
    run_seeds(release_in_reverse, NULL, 30);
}

static void scoped(void *arg)
{
    struct shared shared;
    shared_open(&shared, *(enum kind *)arg);
    {
        QP_SCOPED(qp_unlock) struct qp_guard guard = {NULL, 0};
        visit(&shared, shared.place.kind, &guard);
        QP_ASSERT(is_held(&shared.place));
    }
    must_be_free_in_task(&shared);
}

static void released_at_the_end_of_its_scope(void **state)
{
    (void)state;
    run_each_kind(scoped);
}

/* Uses a guard that it was given, and leaves it to its end. */
static void heir(void *arg)
{
    struct shared *shared = arg;
    struct qp_semaphore_permit permit;
    qp_await(qp_acquire(shared->go, &permit));
    QP_ASSERT_EQ(*(int *)qp_guard_value(&shared->guard), 7);
    QP_ASSERT(is_held(&shared->place));
}

static void testator(void *arg)
{
    struct shared *shared = arg;
    struct qp_handle to;
    QP_ASSERT(visit(shared, shared->place.kind, &shared->guard) == QP_OK);
    to = qp_spawn(heir, shared);
    qp_guard_give(&shared->guard, &to);
} /* detached: it goes on with the guard */

static void give_a_guard(void *arg)
{
    struct shared shared;
    struct qp_handle giver;
    shared_open(&shared, *(enum kind *)arg);
    giver = qp_spawn(testator, &shared);
    QP_ASSERT(join(&giver) == QP_OK);
    QP_ASSERT(is_held(&shared.place));
    qp_add_permits(shared.go, 1);
    qp_await(qp_sleep_ms(1));
    must_be_free_in_task(&shared);
}

/* Given to a task that is aborted before it starts. */
static void give_in_vain(void *arg)
{
    struct shared shared;
    struct qp_handle to;
    shared_open(&shared, *(enum kind *)arg);
    QP_ASSERT(try_enter(&shared.place, shared.place.kind, &shared.guard) == QP_OK);
    to = qp_spawn(heir, &shared);
    qp_guard_give(&shared.guard, &to);
    qp_abort(&to);
    QP_ASSERT(is_held(&shared.place));
    QP_ASSERT(join(&to) == QP_CANCELLED);
    must_be_free_in_task(&shared);
}

static void given_to_another_task(void **state)
{
    (void)state;
    run_each_kind(give_a_guard);
    run_each_kind(give_in_vain);
}

static void nothing_more(void *arg)
{
    (void)arg;
    qp_await(qp_yield());
}

/* A lock goes with the task that it is given to. */
static void give_a_lock(void *arg)
{
    struct place place = place_open(*(enum kind *)arg);
    struct qp_handle to = qp_spawn(nothing_more, NULL);
    if (place.mutex)
        qp_mutex_give(place.mutex, &to);
    else
        qp_rwlock_give(place.rwlock, &to);
    QP_ASSERT_EQ(dropped.count, 0);
    QP_ASSERT(join(&to) == QP_OK);
    QP_ASSERT_EQ(dropped.count, 1);
}

static void locks_given_to_another_task(void **state)
{
    (void)state;
    run_each_kind(give_a_lock);
}

/* In a runtime a copy may be looked at for ever: while another holds the lock, and when the lock is gone. */
static void copy_a_guard(void *arg)
{
    struct place place = place_open(*(enum kind *)arg);
    struct qp_guard guard, copy, third, other;
    union wait wait;
    QP_ASSERT(qp_await(enter(&wait, &place, place.kind, &guard)) == QP_OK);
    copy = third = guard;
    qp_unlock(&copy); /* copies share one right */
    QP_ASSERT(!is_held(&place));
    QP_ASSERT(try_alone(&place, &other) == QP_OK);
    qp_unlock(&guard);
    QP_ASSERT(is_held(&place));
    copy = other;
    place_drop(&place);
    qp_unlock(&other);
    QP_ASSERT_EQ(dropped.count, 1);
    qp_unlock(&copy);
    qp_unlock(&third);
    QP_ASSERT_EQ(dropped.count, 1);
}

static void copies_of_a_released_guard_do_nothing(void **state)
{
    (void)state;
    run_each_kind(copy_a_guard);
}

/* A panic in the drop of the old value finds the new one in its place: each is dropped once. */
static void panicking_drop(void *value)
{
    note_drop(value);
    if (*(int *)value == 7)
        qp_panic("cannot let go of 7");
}

static const struct qp_type touchy = QP_TYPE_DROP(int, panicking_drop);

static void replacer(void *arg)
{
    struct qp_guard guard;
    int value = 8;
    qp_await(qp_lock(arg, &guard));
    qp_guard_set(&guard, &value);
}

static void panic_in_set(void *arg)
{
    int value = 7;
    struct qp_mutex *mutex = qp_mutex_create("db", &touchy, &value);
    struct qp_handle task = qp_spawn(replacer, mutex);
    struct qp_guard guard;
    (void)arg;
    dropped.count = 0;
    QP_ASSERT(join(&task) == QP_PANICKED);
    QP_ASSERT_EQ(dropped.count, 1);
    QP_ASSERT(qp_await(qp_lock(mutex, &guard)) == QP_OK);
    QP_ASSERT_EQ(*(int *)qp_guard_value(&guard), 8);
    qp_unlock(&guard);
    qp_mutex_drop(mutex);
    QP_ASSERT_EQ(dropped.count, 2);
    QP_ASSERT_EQ(dropped.last, 8);
}

static void a_panic_in_drop_leaves_the_lock_whole(void **state)
{
    (void)state;
    run_seeds(panic_in_set, NULL, 5);
}

/* ---- misuse ---- */

static int held_since; /* a line in this file */

static void lock_again(void *arg)
{
    struct qp_mutex *mutex = place_open(LOCK).mutex;
    struct qp_guard guard, again;
    (void)arg;
    held_since = __LINE__ + 1;
    qp_await(qp_lock(mutex, &guard));
    qp_await(qp_lock(mutex, &again));
}

static void write_again(void *arg)
{
    struct qp_rwlock *lock = place_open(WRITE).rwlock;
    struct qp_guard guard, again;
    (void)arg;
    held_since = __LINE__ + 1;
    qp_await(qp_write(lock, &guard));
    qp_await(qp_read(lock, &again));
}

static void locked_again_names_holder_and_place(void **state)
{
    char text[256];
    (void)state;
    run_seed(lock_again, NULL, 0);
    snprintf(text, sizeof text, "mutex 'db' locked again by task 1 'main', which holds it since %s:%d", __FILE__,
             held_since);
    run_expecting(lock_again, NULL, QP_MISUSE, text);
    run_seed(write_again, NULL, 0);
    snprintf(text, sizeof text, "rwlock 'db' locked again by task 1 'main', which holds it since %s:%d", __FILE__,
             held_since);
    run_expecting(write_again, NULL, QP_MISUSE, text);
}

/* Two functions of one task may want the same lock, one after the other; one that waits for itself is a deadlock. */
static void lock_twice(void *arg)
{
    struct shared *shared = arg;
    struct qp_guard guard;
    QP_ASSERT(visit(shared, shared->place.kind, &guard) == QP_OK);
    qp_await(qp_yield());
}

static void lock_side_by_side(void *arg)
{
    struct shared shared;
    struct qp_coroutine one, two;
    struct qp_future *both[] = {qp_async_init(&one, lock_twice, &shared), qp_async_init(&two, lock_twice, &shared)};
    shared_open(&shared, *(enum kind *)arg);
    QP_ASSERT(qp_await(qp_join_all(both, NULL, 2)) == QP_OK);
    QP_ASSERT_EQ(shared.entered, 2);
}

static void lock_within(void *arg)
{
    struct shared shared;
    struct qp_guard guard;
    (void)arg;
    shared_open(&shared, LOCK);
    visit(&shared, LOCK, &guard);
    qp_await(qp_async(lock_twice, &shared));
}

static void functions_of_one_task(void **state)
{
    (void)state;
    run_each_kind(lock_side_by_side);
    run_expecting(lock_within, NULL, QP_DEADLOCK, "lock of mutex 'db', of which it holds the guard itself");
}

static void drop_while_waited_for(void *arg)
{
    struct shared shared;
    shared_open(&shared, *(enum kind *)arg);
    try_alone(&shared.place, &shared.guard);
    qp_spawn(visitor, &shared);
    until_waiting(&shared, 1);
    place_drop(&shared.place);
}

static void dropped_while_waited_for_names_both(void **state)
{
    (void)state;
    run_expecting(drop_while_waited_for, &kinds[LOCK], QP_MISUSE,
                  "mutex 'db' dropped by task 1 'main' while task 2 'visitor' waits for it");
    run_expecting(drop_while_waited_for, &kinds[READ], QP_MISUSE,
                  "rwlock 'db' dropped by task 1 'main' while task 2 'visitor' waits for it");
    run_expecting(drop_while_waited_for, &kinds[WRITE], QP_MISUSE,
                  "rwlock 'db' dropped by task 1 'main' while task 2 'visitor' waits for it");
}

static void place_destroy(const struct place *place)
{
    qp_mutex_destroy(place->mutex);
    qp_rwlock_destroy(place->rwlock);
}

static void destroy_while_held(void *arg)
{
    struct shared shared;
    shared_open(&shared, *(enum kind *)arg);
    qp_spawn(sleeper, &shared);
    while (!shared.entered)
        qp_await(qp_yield());
    place_destroy(&shared.place);
}

static void destroy_when_handed_over(void *arg)
{
    struct shared shared;
    shared_open(&shared, *(enum kind *)arg);
    try_alone(&shared.place, &shared.guard);
    qp_spawn(visitor, &shared);
    until_waiting(&shared, 1);
    qp_unlock(&shared.guard);
    place_destroy(&shared.place);
}

static void destroy_while_waited_for(void *arg)
{
    struct shared shared;
    shared_open(&shared, READ);
    (void)arg;
    QP_ASSERT(qp_try_read(shared.place.rwlock, &shared.guard) == QP_OK);
    qp_spawn(writer, &shared);
    until_waiting(&shared, 1);
    place_destroy(&shared.place);
}

/* Handed to the first, with a second behind it: that one can be named. */
static void destroy_with_one_behind(void *arg)
{
    struct shared shared;
    struct qp_handle first;
    shared_open(&shared, *(enum kind *)arg);
    try_alone(&shared.place, &shared.guard);
    first = qp_spawn(visitor, &shared);
    until_waiting(&shared, 1);
    qp_spawn(visitor, &shared);
    until_waiting(&shared, 2);
    qp_unlock(&shared.guard);
    QP_ASSERT(!qp_is_finished(&first));
    place_destroy(&shared.place);
}

static void destroyed_while_in_use(void **state)
{
    (void)state;
    run_expecting(destroy_with_one_behind, &kinds[LOCK], QP_MISUSE, "while task 3 'visitor' waits for it");
    run_expecting(destroy_with_one_behind, &kinds[WRITE], QP_MISUSE, "while task 3 'visitor' waits for it");
    run_expecting(destroy_while_held, &kinds[LOCK], QP_MISUSE,
                  "mutex 'db' destroyed by task 1 'main' while task 2 'sleeper' holds it since ");
    run_expecting(destroy_while_held, &kinds[LOCK], QP_MISUSE, ": a guard cannot outlive it");
    run_expecting(destroy_while_held, &kinds[WRITE], QP_MISUSE,
                  "rwlock 'db' destroyed by task 1 'main' while task 2 'sleeper' holds it since ");
    run_expecting(destroy_while_held, &kinds[READ], QP_MISUSE,
                  "rwlock 'db' destroyed by task 1 'main' while 1 read it: a guard cannot outlive it");
    run_expecting(destroy_while_waited_for, NULL, QP_MISUSE, ": a guard cannot outlive it");
    run_expecting(destroy_when_handed_over, &kinds[LOCK], QP_MISUSE, "a guard cannot outlive it");
    run_expecting(destroy_when_handed_over, &kinds[READ], QP_MISUSE, "a guard cannot outlive it");
    run_expecting(destroy_when_handed_over, &kinds[WRITE], QP_MISUSE, "a guard cannot outlive it");
}

static void destroy_of_another_executors(void *arg)
{
    qp_mutex_destroy(arg);
}

static void destroyed_while_held_outside_any_task(void **state)
{
    struct place place = place_open(LOCK);
    struct qp_guard guard;
    (void)state;
    hold_alone(&place, &guard);
    run_expecting(destroy_of_another_executors, place.mutex, QP_MISUSE,
                  "mutex 'db' destroyed by task 1 'main' while somebody outside any task holds it: a guard cannot");
    qp_unlock(&guard);
    must_be_free(&place);
}

static void destroy_when_free(void *arg)
{
    struct place place = place_open(*(enum kind *)arg);
    struct qp_guard guard;
    QP_ASSERT(try_enter(&place, place.kind, &guard) == QP_OK);
    qp_unlock(&guard);
    place_destroy(&place);
    QP_ASSERT_EQ(dropped.count, 1);
}

static void destroyed_when_free(void **state)
{
    (void)state;
    run_each_kind(destroy_when_free);
}

static void value_of_no_guard(void *arg)
{
    struct qp_guard guard = {NULL, 0};
    (void)arg;
    qp_guard_value(&guard);
}

static void get_of_released_guard(void *arg)
{
    struct place place = place_open(LOCK);
    struct qp_guard guard, copy;
    int value;
    (void)arg;
    QP_ASSERT(qp_try_lock(place.mutex, &guard) == QP_OK);
    copy = guard;
    qp_unlock(&guard);
    QP_ASSERT(qp_try_lock(place.mutex, &guard) == QP_OK);
    qp_guard_get(&copy, &value);
}

static void set_of_released_guard(void *arg)
{
    struct place place = place_open(WRITE);
    struct qp_guard guard, copy;
    int value = 8;
    (void)arg;
    QP_ASSERT(qp_try_write(place.rwlock, &guard) == QP_OK);
    copy = guard;
    qp_unlock(&guard);
    qp_guard_set(&copy, &value);
}

static void set_by_reader(void *arg)
{
    struct place place = place_open(READ);
    struct qp_guard guard;
    int value = 8;
    (void)arg;
    QP_ASSERT(qp_try_read(place.rwlock, &guard) == QP_OK);
    qp_guard_set(&guard, &value);
}

static void give_no_guard(void *arg)
{
    struct qp_guard guard = {NULL, 0};
    struct qp_handle to = qp_spawn(nothing_more, NULL);
    (void)arg;
    qp_guard_give(&guard, &to);
}

static void give_to_no_task(void *arg)
{
    struct place place = place_open(LOCK);
    struct qp_handle to = qp_spawn(nothing_more, NULL), ended = to;
    struct qp_guard guard;
    (void)arg;
    QP_ASSERT(qp_try_lock(place.mutex, &guard) == QP_OK);
    join(&to);
    qp_guard_give(&guard, &ended);
}

static void misused_guards(void **state)
{
    (void)state;
    run_expecting(value_of_no_guard, NULL, QP_MISUSE,
                  "qp_guard_value of a guard that is empty or was released, by task 1 'main'");
    run_expecting(get_of_released_guard, NULL, QP_MISUSE,
                  "qp_guard_get of a guard that is empty or was released, by task 1 'main'");
    run_expecting(set_of_released_guard, NULL, QP_MISUSE,
                  "qp_guard_set of a guard that is empty or was released, by task 1 'main'");
    run_expecting(set_by_reader, NULL, QP_MISUSE, "qp_guard_set by task 1 'main', which only reads rwlock 'db'");
    run_expecting(give_no_guard, NULL, QP_MISUSE,
                  "a guard that is empty or was released is given away by task 1 'main'");
    run_expecting(give_to_no_task, NULL, QP_MISUSE, "a guard given to a task that has ended or is no task");
}

/* ---- deadlock ---- */

static void read_twice(void *arg)
{
    struct shared shared;
    struct qp_guard first, second;
    (void)arg;
    shared_open(&shared, READ);
    qp_await(qp_read(shared.place.rwlock, &first));
    qp_spawn(writer, &shared);
    until_waiting(&shared, 1);
    qp_await(qp_read(shared.place.rwlock, &second));
}

static void a_second_read_behind_a_writer_is_a_deadlock(void **state)
{
    (void)state;
    run_expecting(read_twice, NULL, QP_DEADLOCK, "read of rwlock 'db', of which it holds a reader's guard itself");
    run_expecting(read_twice, NULL, QP_DEADLOCK, "write of rwlock 'db', of which task 1 'main' holds a reader's guard");
}

/* ---- failing allocations ---- */

static void spawn_and_join(qp_async_fn function, void *arg)
{
    struct qp_handle handle = qp_spawn(function, arg);
    if (handle.task)
        join(&handle);
}

static void frugal(void *arg)
{
    struct shared *shared = arg;
    struct qp_guard guards[20];
    union wait wait;
    size_t i, got = 0;
    enum qp_status status;
    for (i = 0; i < 20; i++) {
        status = shared->place.kind == READ && i % 2
                     ? try_enter(&shared->place, READ, &guards[got])
                     : qp_await(enter(&wait, &shared->place, shared->place.kind, &guards[got]));
        QP_ASSERT(status == QP_OK || (status == QP_NOMEM && shared->place.kind == READ));
        got += status == QP_OK;
        if (shared->place.kind != READ)
            qp_unlock(&guards[--got]);
    }
}

static void with_little_memory(void *arg)
{
    struct shared shared = {.place = place_open(*(enum kind *)arg)};
    if (!shared.place.mutex && !shared.place.rwlock)
        return;
    spawn_and_join(frugal, &shared);
    spawn_and_join(frugal, &shared);
    must_be_free_in_task(&shared);
    place_drop(&shared.place);
    QP_ASSERT_EQ(dropped.count, 1);
}

static void failing_allocations(void **state)
{
    enum kind kind;
    (void)state;
    for (kind = LOCK; kind < KINDS; kind++)
        run_failing_allocations(with_little_memory, &kinds[kind]);
}

/* ---- every schedule ---- */

/* One of a crowd: how it comes in, and when it came. */
struct member {
    struct crowd *crowd;
    enum kind kind;
};

struct crowd {
    struct place place;
    struct member members[4];
    int readers, writers;        /* inside just now */
    int tickets;                 /* drawn by those who came */
    int highest, highest_writer; /* tickets of those who have come in */
    int served;
};

static void leave(void *arg)
{
    struct member *self = arg;
    *(self->kind == READ ? &self->crowd->readers : &self->crowd->writers) -= 1;
}

/* Nobody comes in before one that came earlier, except that readers who were let in together run in any order. */
static void come_in(struct member *self, int ticket)
{
    struct crowd *crowd = self->crowd;
    QP_ASSERT(ticket > (self->kind == READ ? crowd->highest_writer : crowd->highest));
    if (ticket > crowd->highest)
        crowd->highest = ticket;
    if (self->kind != READ)
        crowd->highest_writer = ticket;
    *(self->kind == READ ? &crowd->readers : &crowd->writers) += 1;
    QP_ASSERT(crowd->writers == 0 || (crowd->writers == 1 && crowd->readers == 0));
    QP_ASSERT(qp_defer(leave, self) == QP_OK);
}

static void crowd_member(void *arg)
{
    struct member *self = arg;
    struct qp_guard guard;
    union wait wait;
    int ticket = ++self->crowd->tickets;
    QP_ASSERT(qp_await(enter(&wait, &self->crowd->place, self->kind, &guard)) == QP_OK);
    come_in(self, ticket);
    qp_await(qp_yield());
    self->crowd->served++;
}

/* Who comes, and which of them is aborted at some moment, and which at a later one; past the last: none. */
struct plan {
    const char *kinds;
    size_t victims[2];
};

static enum kind kind_of(char letter)
{
    return letter == 'r' ? READ : letter == 'w' ? WRITE : LOCK;
}

static void crowd_program(void *arg)
{
    const struct plan *plan = arg;
    struct crowd crowd = {.place = place_open(kind_of(plan->kinds[0]))};
    struct qp_handle handles[4];
    size_t i, count = strlen(plan->kinds);
    int cancelled = 0;
    for (i = 0; i < count; i++) {
        crowd.members[i] = (struct member){&crowd, kind_of(plan->kinds[i])};
        handles[i] = qp_spawn(crowd_member, &crowd.members[i]);
    }
    for (i = 0; i < 2; i++) {
        if (plan->victims[i] == count)
            continue;
        qp_await(qp_yield());
        qp_abort(&handles[plan->victims[i]]);
    }
    for (i = 0; i < count; i++) {
        enum qp_status status = join(&handles[i]);
        QP_ASSERT(status == QP_OK || (status == QP_CANCELLED && (i == plan->victims[0] || i == plan->victims[1])));
        cancelled += status == QP_CANCELLED;
    }
    QP_ASSERT_EQ(crowd.served + cancelled, count);
    QP_ASSERT_EQ(crowd.readers + crowd.writers, 0);
    QP_ASSERT(!is_held(&crowd.place));
}

static void every_schedule_of(const char *crowd, size_t first, size_t second)
{
    struct plan plan = {crowd, {first, second}};
    assert_true(run_every_schedule(crowd_program, &plan, 100000) > 1);
}

static void every_schedule_with_one_cancellation(void **state)
{
    const char *const crowds[] = {"mmmm", "rwrw", "wrrw"};
    size_t i, victim;
    (void)state;
    for (i = 0; i < 3; i++)
        for (victim = 0; victim <= 4; victim++)
            every_schedule_of(crowds[i], victim, 4);
}

static void every_schedule_with_two_cancellations(void **state)
{
    const char *const crowds[] = {"mmm", "www", "rwr", "rrw", "wrr"};
    size_t i, first, second;
    (void)state;
    for (i = 0; i < 5; i++)
        for (first = 0; first < 3; first++)
            for (second = 0; second < 3; second++)
                every_schedule_of(crowds[i], first, second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_set_and_drop),
        cmocka_unit_test(a_value_may_have_no_bytes),
        cmocka_unit_test(no_lock_and_no_guard_are_nothing),
        cmocka_unit_test(ready_at_the_first_poll_when_free),
        cmocka_unit_test(first_come_first_served_and_nobody_barges),
        cmocka_unit_test(cancelled_before_the_first_poll),
        cmocka_unit_test(cancelled_while_waiting),
        cmocka_unit_test(cancelled_when_handed_over_passes_on),
        cmocka_unit_test(cancelled_when_handed_over_with_nobody_behind),
        cmocka_unit_test(polls_without_a_cause_change_nothing),
        cmocka_unit_test(the_latest_waker_is_woken),
        cmocka_unit_test(a_guard_keeps_its_lock_alive),
        cmocka_unit_test(handed_over_and_dropped),
        cmocka_unit_test(readers_share_and_a_writer_is_alone),
        cmocka_unit_test(a_waiting_writer_goes_before_later_readers),
        cmocka_unit_test(readers_before_the_first_writer_come_in_together),
        cmocka_unit_test(a_cancelled_writer_lets_readers_in),
        cmocka_unit_test(a_cancelled_writer_lets_readers_in_beside_promised_ones),
        cmocka_unit_test(a_cancelled_writer_lets_nobody_in_beside_another),
        cmocka_unit_test(a_writer_cancelled_when_handed_over_lets_readers_in),
        cmocka_unit_test(the_last_promised_reader_cancelled_lets_the_writer_in),
        cmocka_unit_test(aborted),
        cmocka_unit_test(timed_out),
        cmocka_unit_test(lost_in_a_race),
        cmocka_unit_test(dropped_with_the_runtime),
        cmocka_unit_test(released_however_the_task_ends),
        cmocka_unit_test(released_in_reverse_order),
        cmocka_unit_test(released_at_the_end_of_its_scope),
        cmocka_unit_test(given_to_another_task),
        cmocka_unit_test(locks_given_to_another_task),
        cmocka_unit_test(copies_of_a_released_guard_do_nothing),
        cmocka_unit_test(a_panic_in_drop_leaves_the_lock_whole),
        cmocka_unit_test(locked_again_names_holder_and_place),
        cmocka_unit_test(functions_of_one_task),
        cmocka_unit_test(dropped_while_waited_for_names_both),
        cmocka_unit_test(destroyed_while_in_use),
        cmocka_unit_test(destroyed_while_held_outside_any_task),
        cmocka_unit_test(destroyed_when_free),
        cmocka_unit_test(misused_guards),
        cmocka_unit_test(a_second_read_behind_a_writer_is_a_deadlock),
        cmocka_unit_test(failing_allocations),
        cmocka_unit_test(every_schedule_with_one_cancellation),
        cmocka_unit_test(every_schedule_with_two_cancellations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
