/*
 * Another executor drives our futures, and our tasks await another's.
 *
 * Every operation that waits is polled by hand here, by one table of drills: with no wake-up, with another waker each
 * time, dropped at every moment. State: one scene, made anew for each drill; `faults` counts what was not so, because
 * a drill that needs a clock runs inside a task, where cmocka may not jump.
 */
#include "tests/support.h"
#include <stdio.h>
#include <string.h>

/* ---- what went wrong ---- */

static const char *drill, *operation;
static int faults;

#define MUST(condition)                                                                                     \
    do {                                                                                                    \
        if (!(condition)) {                                                                                 \
            faults++;                                                                                       \
            print_error("%s, %s: not so at %s:%d: %s\n", operation, drill, __FILE__, __LINE__, #condition); \
        }                                                                                                   \
    } while (0)

/* ---- the scene ---- */

enum { WAITERS = 6 };

struct waiter {
    union {
        struct qp_send_future send;
        struct qp_reserve_future reserve;
        struct qp_recv_future recv;
        struct qp_oneshot_recv_future oneshot;
        struct qp_lock_future lock;
        struct qp_rwlock_future rwlock;
        struct qp_acquire_future acquire;
        struct qp_barrier_future barrier;
        struct qp_sleep_future sleep;
        struct qp_timeout_future timeout;
        struct qp_timeout_join_future timeout_join;
        struct qp_join_future join;
        struct qp_yield_future yield;
        struct qp_race_future race;
        struct qp_join_all_future join_all;
        struct qp_coroutine async;
    } as;
    struct qp_sleep_future sleeps[2]; /* what it is made of, where it is made of others */
    struct qp_race_arm arms[2];
    struct qp_future *parts[2];
    struct qp_future *future;
    struct counting_waker waker;
    struct qp_permit permit;
    struct qp_guard guard;
    struct qp_semaphore_permit allowed;
    struct qp_handle handle;
    int value;
};

static struct scene {
    struct waiter waiters[WAITERS];
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_oneshot_sender *one_tx;
    struct qp_oneshot_receiver *one_rx;
    struct qp_mutex *mutex;
    struct qp_rwlock *rwlock;
    struct qp_guard guard;
    struct qp_semaphore *semaphore;
    struct qp_semaphore_permit permit;
    struct qp_barrier *barrier;
    int sent, received, dropped; /* values */
    int tasks_over;
} scene;

static void value_dropped(void *value)
{
    (void)value;
    scene.dropped++;
}

static const struct qp_type counted = QP_TYPE_DROP(int, value_dropped);

/* ---- channels ---- */

static void put(void)
{
    int value = ++scene.sent;
    MUST(qp_try_send(scene.tx, &value) == QP_OK);
}

static void take(void)
{
    int value;
    MUST(qp_try_recv(scene.rx, &value) == QP_OK);
    scene.received++;
}

static void empty_channel(void)
{
    MUST(qp_channel_create(&counted, 1, &scene.tx, &scene.rx) == QP_OK);
}

static void full_channel(void)
{
    empty_channel();
    put();
}

static void no_channel(void)
{
    qp_receiver_drop(scene.rx);
    qp_sender_drop(scene.tx);
    MUST(scene.sent == scene.received + scene.dropped);
}

static struct qp_future *send(struct waiter *waiter)
{
    waiter->value = ++scene.sent;
    return qp_send_init(&waiter->as.send, scene.tx, &waiter->value);
}

static struct qp_future *reserve(struct waiter *waiter)
{
    return qp_reserve_init(&waiter->as.reserve, scene.tx, &waiter->permit);
}

static void permit_dropped(struct waiter *waiter)
{
    qp_permit_drop(&waiter->permit);
}

static struct qp_future *recv(struct waiter *waiter)
{
    return qp_recv_init(&waiter->as.recv, scene.rx, &waiter->value);
}

static void received(struct waiter *waiter)
{
    MUST(waiter->value > 0);
    scene.received++;
}

static void received_and_more(struct waiter *waiter)
{
    received(waiter);
    put();
}

static void slot_taken(struct waiter *waiter)
{
    (void)waiter;
    take();
}

static void oneshot(void)
{
    MUST(qp_oneshot_create(&counted, &scene.one_tx, &scene.one_rx) == QP_OK);
}

static struct qp_future *oneshot_recv(struct waiter *waiter)
{
    return qp_oneshot_recv_init(&waiter->as.oneshot, scene.one_rx, &waiter->value);
}

static void oneshot_sent(void)
{
    int value = ++scene.sent;
    MUST(qp_oneshot_send(scene.one_tx, &value) == QP_OK);
}

static void no_oneshot(void)
{
    qp_oneshot_receiver_drop(scene.one_rx);
    qp_oneshot_sender_drop(scene.one_tx);
    MUST(scene.sent == scene.received + scene.dropped);
}

/* ---- locks, semaphore, barrier ---- */

static void held_mutex(void)
{
    int value = 0;
    scene.mutex = qp_mutex_create("it", &qp_int, &value);
    MUST(qp_try_lock(scene.mutex, &scene.guard) == QP_OK);
}

static struct qp_future *lock(struct waiter *waiter)
{
    return qp_lock_init(&waiter->as.lock, scene.mutex, &waiter->guard);
}

static void written_rwlock(void)
{
    int value = 0;
    scene.rwlock = qp_rwlock_create("it", &qp_int, &value);
    MUST(qp_try_write(scene.rwlock, &scene.guard) == QP_OK);
}

static struct qp_future *read(struct waiter *waiter)
{
    return qp_read_init(&waiter->as.rwlock, scene.rwlock, &waiter->guard);
}

static struct qp_future *write(struct waiter *waiter)
{
    return qp_write_init(&waiter->as.rwlock, scene.rwlock, &waiter->guard);
}

static void guard_released(void)
{
    qp_unlock(&scene.guard);
}

static void unlocked(struct waiter *waiter)
{
    MUST(waiter->guard.hold != NULL);
    qp_unlock(&waiter->guard);
}

/* Destroying it is misuse while anything is left of a guard or a wait. */
static void no_mutex(void)
{
    qp_unlock(&scene.guard);
    qp_mutex_destroy(scene.mutex);
}

static void no_rwlock(void)
{
    qp_unlock(&scene.guard);
    qp_rwlock_destroy(scene.rwlock);
}

static void used_semaphore(void)
{
    scene.semaphore = qp_semaphore_create("it", 1);
    MUST(qp_try_acquire(scene.semaphore, &scene.permit) == QP_OK);
}

static struct qp_future *acquire(struct waiter *waiter)
{
    return qp_acquire_init(&waiter->as.acquire, scene.semaphore, 1, &waiter->allowed);
}

static void permit_back(void)
{
    qp_semaphore_release(&scene.permit);
}

static void released(struct waiter *waiter)
{
    qp_semaphore_release(&waiter->allowed);
}

static void no_semaphore(void)
{
    qp_semaphore_release(&scene.permit);
    MUST(qp_available_permits(scene.semaphore) == 1);
    qp_semaphore_destroy(scene.semaphore);
}

static void barrier_of_three(void)
{
    scene.barrier = qp_barrier_create("it", 3);
}

static struct qp_future *barrier_wait(struct waiter *waiter)
{
    return qp_barrier_wait_init(&waiter->as.barrier, scene.barrier, NULL);
}

static void no_barrier(void)
{
    qp_barrier_drop(scene.barrier);
}

/* As many more arrive as are missing; whoever withdrew no longer counts. */
static void others_arrive(void)
{
    struct waiter *other;
    for (other = &scene.waiters[2]; other < &scene.waiters[5]; other++) {
        counting_waker_init(&other->waker);
        other->future = barrier_wait(other);
        if (qp_future_poll(other->future, &other->waker.waker) == QP_OK)
            break;
    }
    MUST(other < &scene.waiters[5]);
    while (--other >= &scene.waiters[2])
        MUST(qp_future_poll(other->future, &other->waker.waker) == QP_OK);
}

/* ---- what needs a clock, and so a task around it ---- */

enum { SOON_MS = 10, LATER_MS = 1000 };

static void nothing(void)
{
}

static void time_passes(void)
{
    qp_await(qp_sleep_ms((int64_t)2 * SOON_MS));
}

static struct qp_future *sleep_soon(struct waiter *waiter)
{
    return qp_sleep_init(&waiter->as.sleep, qp_milliseconds(SOON_MS));
}

/* Two sleeps, the shorter second. */
static void make_parts(struct waiter *waiter)
{
    waiter->parts[0] = qp_sleep_init(&waiter->sleeps[0], qp_milliseconds(LATER_MS));
    waiter->parts[1] = qp_sleep_init(&waiter->sleeps[1], qp_milliseconds(SOON_MS));
}

static struct qp_future *timeout(struct waiter *waiter)
{
    make_parts(waiter);
    return qp_timeout_init(&waiter->as.timeout, qp_milliseconds(LATER_MS), waiter->parts[1]);
}

static struct qp_future *timeout_expiring(struct waiter *waiter)
{
    make_parts(waiter);
    return qp_timeout_init(&waiter->as.timeout, qp_milliseconds(SOON_MS), waiter->parts[0]);
}

static struct qp_future *race(struct waiter *waiter)
{
    make_parts(waiter);
    waiter->arms[0] = (struct qp_race_arm)qp_arm(waiter->parts[0]);
    waiter->arms[1] = (struct qp_race_arm)qp_arm(waiter->parts[1]);
    return qp_race_init(&waiter->as.race, waiter->arms, 2, NULL);
}

static struct qp_future *join_all(struct waiter *waiter)
{
    make_parts(waiter);
    qp_sleep_init(&waiter->sleeps[0], 0);
    return qp_join_all_init(&waiter->as.join_all, waiter->parts, NULL, 2);
}

static void sleeper(void *arg)
{
    (void)arg;
    qp_await(qp_sleep_ms(SOON_MS));
    scene.tasks_over++;
}

static struct qp_future *async(struct waiter *waiter)
{
    return qp_async_init(&waiter->as.async, sleeper, NULL);
}

static struct qp_future *join(struct waiter *waiter)
{
    waiter->handle = qp_spawn(sleeper, NULL);
    return qp_join_init(&waiter->as.join, &waiter->handle, NULL);
}

static struct qp_future *timeout_join(struct waiter *waiter)
{
    waiter->handle = qp_spawn(sleeper, NULL);
    return qp_timeout_join_init(&waiter->as.timeout_join, qp_milliseconds(LATER_MS), &waiter->handle, NULL);
}

/* Whatever became of the joins, both tasks go on to their end. */
static void tasks_end(void)
{
    qp_await(qp_sleep_ms((int64_t)4 * SOON_MS));
    MUST(scene.tasks_over == 2);
}

static struct qp_future *yield(struct waiter *waiter)
{
    return qp_yield_init(&waiter->as.yield);
}

/* ---- the table ---- */

static const struct leaf {
    const char *name;
    void (*open)(void);
    struct qp_future *(*begin)(struct waiter *waiter);
    void (*satisfy)(void); /* lets the first who waits go on */
    void (*proceed)(
        struct waiter *done); /* what that one does then, which lets the next go on; NULL: it could anyway */
    void (*close)(void);
    enum qp_status first, next; /* what the first gives, and the next */
    bool in_task;               /* it needs a clock */
    bool once;                  /* its second poll is ready, wake-up or not */
} leaves[] = {
    {"send", full_channel, send, take, slot_taken, no_channel, QP_OK, QP_OK, false, false},
    {"reserve", full_channel, reserve, take, permit_dropped, no_channel, QP_OK, QP_OK, false, false},
    {"recv", empty_channel, recv, put, received_and_more, no_channel, QP_OK, QP_OK, false, false},
    {"oneshot_recv", oneshot, oneshot_recv, oneshot_sent, received, no_oneshot, QP_OK, QP_CLOSED, false, false},
    {"lock", held_mutex, lock, guard_released, unlocked, no_mutex, QP_OK, QP_OK, false, false},
    {"write", written_rwlock, write, guard_released, unlocked, no_rwlock, QP_OK, QP_OK, false, false},
    {"read", written_rwlock, read, guard_released, NULL, no_rwlock, QP_OK, QP_OK, false, false},
    {"acquire", used_semaphore, acquire, permit_back, released, no_semaphore, QP_OK, QP_OK, false, false},
    {"barrier_wait", barrier_of_three, barrier_wait, others_arrive, NULL, no_barrier, QP_OK, QP_OK, false, false},
    {"sleep", nothing, sleep_soon, time_passes, NULL, nothing, QP_OK, QP_OK, true, false},
    {"timeout", nothing, timeout, time_passes, NULL, nothing, QP_OK, QP_OK, true, false},
    {"timeout that expires", nothing, timeout_expiring, time_passes, NULL, nothing, QP_TIMEOUT, QP_TIMEOUT, true,
     false},
    {"race", nothing, race, time_passes, NULL, nothing, QP_OK, QP_OK, true, false},
    {"join_all", nothing, join_all, time_passes, NULL, nothing, QP_OK, QP_OK, true, false},
    {"async", nothing, async, time_passes, NULL, nothing, QP_OK, QP_OK, true, false},
    {"join", nothing, join, time_passes, NULL, tasks_end, QP_OK, QP_OK, true, false},
    {"timeout_join", nothing, timeout_join, time_passes, NULL, tasks_end, QP_OK, QP_OK, true, false},
    {"yield", nothing, yield, nothing, NULL, nothing, QP_OK, QP_OK, true, true},
};

/* ---- the drills ---- */

static struct waiter *const a = &scene.waiters[0], *const b = &scene.waiters[1];

static enum qp_status poll(struct waiter *waiter)
{
    return qp_future_poll(waiter->future, &waiter->waker.waker);
}

static void begin(const struct leaf *leaf, struct waiter *waiter)
{
    counting_waker_init(&waiter->waker);
    waiter->future = leaf->begin(waiter);
}

static void both_wait(const struct leaf *leaf)
{
    begin(leaf, a);
    begin(leaf, b);
    MUST(poll(a) == QP_PENDING);
    MUST(poll(b) == QP_PENDING);
}

/* Gives back what it got, so that the scene can be closed. */
static void done(const struct leaf *leaf, struct waiter *waiter)
{
    if (leaf->begin == recv || leaf->begin == oneshot_recv)
        scene.received += waiter->value > 0;
    qp_unlock(&waiter->guard);
    qp_permit_drop(&waiter->permit);
    qp_semaphore_release(&waiter->allowed);
}

static void polls_without_cause(const struct leaf *leaf)
{
    int i;
    both_wait(leaf);
    for (i = 0; i < 3 && !leaf->once; i++) {
        MUST(poll(b) == QP_PENDING);
        MUST(poll(a) == QP_PENDING);
        MUST(a->waker.wakes == 0 && b->waker.wakes == 0);
    }
    leaf->satisfy();
    MUST(a->waker.wakes > 0);
    if (leaf->proceed) {
        MUST(b->waker.wakes == 0);
        MUST(poll(b) == QP_PENDING); /* it keeps its place, and gets no better one */
    }
    MUST(poll(a) == leaf->first);
    if (leaf->proceed)
        leaf->proceed(a);
    MUST(b->waker.wakes > 0);
    MUST(poll(b) == leaf->next);
    done(leaf, b);
    if (!leaf->proceed)
        done(leaf, a);
}

static void dropped_before_the_first_poll(const struct leaf *leaf)
{
    begin(leaf, a);
    qp_future_drop(a->future);
    begin(leaf, b);
    MUST(poll(b) == QP_PENDING);
    leaf->satisfy();
    MUST(a->waker.wakes == 0);
    MUST(b->waker.wakes > 0);
    MUST(poll(b) == leaf->first);
    done(leaf, b);
}

static void dropped_while_it_waits(const struct leaf *leaf)
{
    both_wait(leaf);
    qp_future_drop(a->future);
    qp_future_drop(a->future); /* nothing, the second time */
    if (!leaf->once) {
        MUST(b->waker.wakes == 0);
        MUST(poll(b) == QP_PENDING);
    }
    leaf->satisfy();
    MUST(leaf->once || a->waker.wakes == 0);
    MUST(b->waker.wakes > 0);
    MUST(poll(b) == leaf->first);
    done(leaf, b);
}

static void dropped_after_it_was_woken(const struct leaf *leaf)
{
    both_wait(leaf);
    leaf->satisfy();
    MUST(a->waker.wakes > 0);
    qp_future_drop(a->future);
    MUST(b->waker.wakes > 0); /* what the first was given went on to it */
    MUST(poll(b) == leaf->first);
    done(leaf, b);
}

static void dropped_with_nobody_behind(const struct leaf *leaf)
{
    begin(leaf, a);
    begin(leaf, b);
    MUST(poll(a) == QP_PENDING);
    if (leaf->begin == barrier_wait || leaf->begin == join || leaf->begin == timeout_join)
        MUST(poll(b) == QP_PENDING);
    leaf->satisfy();
    qp_future_drop(a->future);
    if (leaf->begin == lock || leaf->begin == write || leaf->begin == read || leaf->begin == acquire) {
        MUST(poll(b) == QP_OK); /* free again at once */
        done(leaf, b);
    } else {
        qp_future_drop(b->future);
    }
}

static void dropped_behind_another(const struct leaf *leaf)
{
    both_wait(leaf);
    qp_future_drop(b->future);
    leaf->satisfy();
    MUST(a->waker.wakes > 0);
    MUST(leaf->once || b->waker.wakes == 0);
    MUST(poll(a) == leaf->first);
    done(leaf, a);
}

static void polled_with_another_waker(const struct leaf *leaf)
{
    struct counting_waker other;
    begin(leaf, a);
    begin(leaf, b);
    counting_waker_init(&other);
    MUST(qp_future_poll(a->future, &other.waker) == QP_PENDING);
    if (!leaf->once) {
        MUST(poll(a) == QP_PENDING);
        leaf->satisfy();
        MUST(other.wakes == 0);
        MUST(a->waker.wakes > 0);
    }
    MUST(poll(a) == leaf->first);
    done(leaf, a);
    qp_future_drop(b->future);
}

static const struct {
    const char *name;
    void (*run)(const struct leaf *leaf);
} drills[] = {
    {"polled without cause", polls_without_cause},
    {"dropped before its first poll", dropped_before_the_first_poll},
    {"dropped while it waits", dropped_while_it_waits},
    {"dropped after it was woken", dropped_after_it_was_woken},
    {"dropped with nobody behind", dropped_with_nobody_behind},
    {"dropped behind another", dropped_behind_another},
    {"polled with another waker", polled_with_another_waker},
};

/* All drills of one operation. */
static void exercise(void *arg)
{
    const struct leaf *leaf = arg;
    size_t i;
    operation = leaf->name;
    for (i = 0; i < sizeof drills / sizeof *drills; i++) {
        drill = drills[i].name;
        memset(&scene, 0, sizeof scene);
        leaf->open();
        drills[i].run(leaf);
        leaf->close();
    }
}

static void test_every_operation_in_the_hand(void **state)
{
    size_t i;
    (void)state;
    faults = 0;
    for (i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        struct leaf leaf = leaves[i];
        if (leaf.in_task)
            run_seeds(exercise, &leaf, 20);
        else
            exercise(&leaf);
    }
    assert_int_equal(faults, 0);
}

/* ---- a future that somebody else wrote ---- */

/* What it waits for: a bell that is rung from outside, with a copy of the waker that it was polled with last. */
static struct bell {
    struct qp_waker *waker; /* cloned, or NULL */
    bool rung;
    int polls, drops;
} bell;

struct foreign_future {
    struct qp_future future;
};

static void forget_waker(void)
{
    if (bell.waker)
        bell.waker->ops->drop(bell.waker);
    bell.waker = NULL;
}

static enum qp_status foreign_poll(struct qp_future *future, struct qp_waker *waker)
{
    (void)future;
    bell.polls++;
    if (bell.rung)
        return QP_OK;
    forget_waker();
    bell.waker = waker->ops->clone(waker);
    return bell.waker ? QP_PENDING : QP_NOMEM;
}

static void foreign_drop(struct qp_future *future)
{
    (void)future;
    bell.drops++;
}

static const struct qp_future_ops foreign_ops = {"foreign", foreign_poll, foreign_drop, NULL, NULL};

static void ring(bool rung, int times)
{
    bell.rung = bell.rung || rung;
    while (times-- > 0 && bell.waker)
        qp_waker_wake(bell.waker);
}

static void awaits_the_bell(void *arg)
{
    struct foreign_future future;
    (void)arg;
    qp_future_init(&future.future, &foreign_ops);
    QP_ASSERT_EQ(qp_await(&future.future), QP_OK);
}

static void rings(void *arg)
{
    struct qp_handle handle = qp_spawn(awaits_the_bell, NULL);
    (void)arg;
    memset(&bell, 0, sizeof bell);
    qp_await(qp_sleep_ms(1));
    QP_ASSERT_EQ(bell.polls, 1);
    ring(false, 3); /* woken often, it is polled once */
    qp_await(qp_sleep_ms(1));
    QP_ASSERT_EQ(bell.polls, 2);
    ring(true, 1);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(bell.polls, 3);
    QP_ASSERT_EQ(bell.drops, 0);
    ring(true, 2); /* the task is over, and its number may not be anybody else's */
    qp_await(qp_yield());
    forget_waker();
}

static void test_a_foreign_future_is_awaited(void **state)
{
    (void)state;
    run_seeds(rings, NULL, 100);
}

/* The boundary that cancels the wait; afterwards the copy of the waker is still there. */
static void late_wake_ups(void *arg)
{
    struct foreign_future future;
    struct qp_handle handle = qp_spawn(awaits_the_bell, NULL);
    (void)arg;
    memset(&bell, 0, sizeof bell);
    qp_await(qp_sleep_ms(1));
    qp_abort(&handle);
    ring(false, 1); /* aborted, and not yet dropped */
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(bell.drops, 1);
    ring(true, 5);
    qp_await(qp_yield());
    QP_ASSERT_EQ(bell.polls, 1);
    forget_waker();

    memset(&bell, 0, sizeof bell);
    qp_future_init(&future.future, &foreign_ops);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(5, &future.future)), QP_TIMEOUT);
    QP_ASSERT_EQ(bell.drops, 1);
    ring(true, 5); /* this task's waker: a wake-up without cause */
    qp_await(qp_sleep_ms(1));
    QP_ASSERT_EQ(qp_now(), 7000000);
    forget_waker();
}

static void test_a_late_wake_up_is_harmless(void **state)
{
    (void)state;
    run_seeds(late_wake_ups, NULL, 100);
}

static void deferred_forget(void *arg)
{
    (void)arg;
    forget_waker();
}

static void outlives_its_run(void *arg)
{
    struct qp_handle handle = qp_spawn(awaits_the_bell, NULL);
    (void)arg;
    memset(&bell, 0, sizeof bell);
    qp_handle_drop(&handle);
    qp_await(qp_sleep_ms(1));
    /* main ends first: the task is dropped at shutdown, and the bell gives its copy back before the run is over */
    QP_ASSERT_EQ(qp_defer(deferred_forget, NULL), QP_OK);
}

static void test_a_foreign_future_at_shutdown(void **state)
{
    (void)state;
    run_seeds(outlives_its_run, NULL, 20);
    assert_int_equal(bell.drops, 1);
}

static void bell_with_no_memory(void *arg)
{
    struct foreign_future future;
    struct qp_handle handle;
    (void)arg;
    memset(&bell, 0, sizeof bell);
    handle = qp_spawn(sleeper, NULL);
    qp_future_init(&future.future, &foreign_ops);
    if (qp_await(qp_timeout_ms(5, &future.future)) == QP_TIMEOUT)
        ring(false, 1);
    if (handle.task)
        qp_await(qp_join(&handle, NULL));
    forget_waker();
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    run_failing_allocations(bell_with_no_memory, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_operation_in_the_hand), cmocka_unit_test(test_a_foreign_future_is_awaited),
        cmocka_unit_test(test_a_late_wake_up_is_harmless),  cmocka_unit_test(test_a_foreign_future_at_shutdown),
        cmocka_unit_test(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("foreign", tests, NULL, NULL);
}
