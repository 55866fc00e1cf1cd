/*
 * The real clock: a program runs as it does simulated, and breaks no rule. What is asserted of time is only that it is
 * not too short.
 */
#include "support.h"
#include "traces/checker.h"
#include <pthread.h>
#include <quipu/io.h>
#include <quipu/real.h>
#include <quipu/time.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

struct watched {
    struct qp_checker *checker;
    char report[1024];
};

static enum qp_status run_watched(struct watched *watched, qp_async_fn function, void *arg)
{
    struct qp_real_options options = {.event = qp_checker_event};
    enum qp_status status;
    watched->checker = qp_checker_create();
    assert_non_null(watched->checker);
    options.event_context = watched->checker;
    status = qp_real_run(function, arg, &options, watched->report, sizeof watched->report);
    qp_checker_finish(watched->checker, true);
    if (qp_checker_count(watched->checker)) {
        char text[4096];
        qp_checker_print(qp_checker_at(watched->checker, 0), text, sizeof text);
        fail_msg("%s", text);
    }
    qp_checker_destroy(watched->checker);
    return status;
}

/* ---- time ---- */

static void sleeps(void *arg)
{
    int64_t *slept_ns = arg, began_ns = qp_now();
    QP_ASSERT_EQ(qp_await(qp_sleep_ms(3)), QP_OK);
    *slept_ns = qp_now() - began_ns;
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(2, qp_sleep_ms(100000))), QP_TIMEOUT);
}

static void time_passes(void **state)
{
    struct watched watched;
    int64_t slept_ns = 0;
    (void)state;
    assert_int_equal(run_watched(&watched, sleeps, &slept_ns), QP_OK);
    assert_true(slept_ns >= 3000000);
}

/* ---- tasks and channels ---- */

static void produce(void *arg)
{
    int i;
    for (i = 0; i < 1000; i++)
        qp_await(qp_send((struct qp_sender *)arg, &i));
}

static void channels(void *arg)
{
    struct qp_sender *sender;
    struct qp_receiver *receiver;
    struct qp_handle producer;
    int value, *received = arg;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 4, &sender, &receiver), QP_OK);
    producer = qp_spawn(produce, sender);
    qp_sender_give(sender, &producer);
    while (qp_await(qp_recv(receiver, &value)) == QP_OK)
        ++*received;
    QP_ASSERT_EQ(qp_await(qp_join(&producer, NULL)), QP_OK);
}

static void values_arrive(void **state)
{
    struct watched watched;
    int received = 0;
    (void)state;
    assert_int_equal(run_watched(&watched, channels, &received), QP_OK);
    assert_int_equal(received, 1000);
}

/* So many that the queue is moved, again and again, into memory that is taken in large pages. */
static void queues_millions(void *arg)
{
    enum { MESSAGES = 3000000 };
    struct qp_sender *sender;
    struct qp_receiver *receiver;
    int i, value;
    QP_ASSERT_EQ(qp_channel_create_unbounded(&qp_int, &sender, &receiver), QP_OK);
    for (i = 0; i < MESSAGES; i++)
        QP_ASSERT_EQ(qp_try_send(sender, &i), QP_OK);
    qp_sender_drop(sender);
    while (qp_await(qp_recv(receiver, &value)) == QP_OK)
        QP_ASSERT_EQ(value, (*(int *)arg)++);
    QP_ASSERT_EQ(*(int *)arg, MESSAGES);
}

static void a_queue_of_millions(void **state)
{
    int received = 0;
    (void)state;
    assert_int_equal(qp_real_run(queues_millions, &received, NULL, NULL, 0), QP_OK);
}

/* ---- blocking work ---- */

static void block_for_a_while(void *arg)
{
    int result = 7;
    usleep(2000);
    *(int *)arg = 1;
    qp_return(&result);
}

static void quick(void *arg)
{
    ++*(int *)arg; /* one after the other */
}

static void yields(void *arg)
{
    int *count = arg;
    while (*count >= 0) {
        ++*count;
        qp_await(qp_yield());
    }
}

/* A task runs on while the work is done on another thread. */
static void blocking(void *arg)
{
    struct qp_task_options options = {.result = &qp_int};
    int done = 0, count = 0, result = 0, *turns = arg;
    struct qp_handle other = qp_spawn(yields, &count);
    struct qp_handle work = qp_spawn_blocking_with(block_for_a_while, &done, &options);
    QP_ASSERT_EQ(qp_await(qp_join(&work, &result)), QP_OK);
    QP_ASSERT_EQ(result, 7);
    QP_ASSERT_EQ(done, 1);
    *turns = count;
    qp_abort(&other);
    QP_ASSERT_EQ(qp_await(qp_join(&other, NULL)), QP_CANCELLED);
}

static void work_is_done_elsewhere(void **state)
{
    struct watched watched;
    int turns = 0;
    (void)state;
    assert_int_equal(run_watched(&watched, blocking, &turns), QP_OK);
    assert_true(turns > 1);
}

/* Nothing else happens: the loop has to be waited for from the very first. */
static void only_blocks(void *arg)
{
    int i;
    for (i = 0; i < 100; i++) {
        struct qp_handle work = qp_spawn_blocking(quick, arg);
        QP_ASSERT_EQ(qp_await(qp_join(&work, NULL)), QP_OK);
    }
}

static void work_alone_is_waited_for(void **state)
{
    struct watched watched;
    int done = 0;
    (void)state;
    assert_int_equal(run_watched(&watched, only_blocks, &done), QP_OK);
    assert_int_equal(done, 100);
}

enum { MANY = 64 };

static void note_done(void *arg)
{
    usleep(1000);
    __atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST);
}

/* More work than there are threads: what is queued can be withdrawn, what has started is waited for at the end. */
static void withdraws(void *arg)
{
    struct qp_handle handles[MANY];
    int cancelled = 0, i;
    for (i = 0; i < MANY; i++)
        handles[i] = qp_spawn_blocking(note_done, arg);
    qp_await(qp_sleep_ms(1));
    for (i = 0; i < MANY; i++)
        qp_abort(&handles[i]);
    for (i = 0; i < MANY; i++)
        cancelled += qp_await(qp_join(&handles[i], NULL)) == QP_CANCELLED;
    QP_ASSERT_EQ(cancelled + __atomic_load_n((int *)arg, __ATOMIC_SEQ_CST), MANY);
    for (i = 0; i < MANY; i++)
        handles[i] = qp_spawn_blocking(note_done, arg);
}

static void queued_work_is_withdrawn(void **state)
{
    struct watched watched;
    int done = 0;
    (void)state;
    assert_int_equal(run_watched(&watched, withdraws, &done), QP_OK);
}

/* Work that ends when main has slept, and soon by itself all the same. */
static void wait_for_main(void *arg)
{
    int i, slept = 0;
    for (i = 0; i < 2000 && !slept; i++) {
        usleep(1000);
        slept = __atomic_load_n((int *)arg, __ATOMIC_SEQ_CST);
    }
    qp_return(&slept);
}

/* Sleeps so short that each is over before the runtime itself could sleep. */
static void sleeps_while_work_runs(void *arg)
{
    struct qp_task_options options = {.result = &qp_int};
    int i, slept_before_it_ended = 0;
    struct qp_handle work = qp_spawn_blocking_with(wait_for_main, arg, &options);
    for (i = 0; i < 50; i++)
        QP_ASSERT_EQ(qp_await(qp_sleep_ns(1)), QP_OK);
    __atomic_store_n((int *)arg, 1, __ATOMIC_SEQ_CST);
    QP_ASSERT_EQ(qp_await(qp_join(&work, &slept_before_it_ended)), QP_OK);
    QP_ASSERT_EQ(slept_before_it_ended, 1);
}

static void no_timer_waits_for_work(void **state)
{
    struct watched watched;
    int slept = 0;
    (void)state;
    assert_int_equal(run_watched(&watched, sleeps_while_work_runs, &slept), QP_OK);
}

enum { PIECES = 500 };

/*
 * Work of which each piece ends as soon as the one before it was told of, which is as soon as this one runs: the
 * runtime need not sleep until all are over. Beside it somebody waits for a descriptor.
 */
struct stream {
    pthread_mutex_t one; /* of them runs */
    int begun, told;
    int ends[2];
    int longest; /* in pieces: until somebody heard */
};

static void await_count(const int *count, int least)
{
    while (__atomic_load_n(count, __ATOMIC_SEQ_CST) < least)
        sched_yield();
}

static void count_told(void *context, const struct qp_event *event)
{
    struct stream *stream = context;
    if (event->kind != QP_EVENT_BLOCKING_FINISHED)
        return;
    await_count(&stream->begun, stream->told + 2 < PIECES ? stream->told + 2 : PIECES);
    __atomic_add_fetch(&stream->told, 1, __ATOMIC_SEQ_CST);
}

static void run_in_turn(void *arg)
{
    struct stream *stream = arg;
    pthread_mutex_lock(&stream->one);
    await_count(&stream->told, __atomic_fetch_add(&stream->begun, 1, __ATOMIC_SEQ_CST));
    pthread_mutex_unlock(&stream->one);
}

/* How many pieces were told of meanwhile, at most. */
static void hears(void *arg)
{
    struct stream *stream = arg;
    char byte = 0;
    while (stream->told < PIECES) {
        int before = stream->told;
        QP_ASSERT(write(stream->ends[1], &byte, 1) == 1);
        QP_ASSERT_EQ(qp_await(qp_io_readable(stream->ends[0])), QP_OK);
        QP_ASSERT(read(stream->ends[0], &byte, 1) == 1);
        if (stream->told - before > stream->longest)
            stream->longest = stream->told - before;
    }
}

static void hears_beside_work(void *arg)
{
    static struct qp_handle pieces[PIECES];
    struct stream *stream = arg;
    struct qp_handle hearer = qp_spawn(hears, stream);
    int i;
    for (i = 0; i < PIECES; i++)
        pieces[i] = qp_spawn_blocking(run_in_turn, stream);
    for (i = PIECES; i-- > 0;)
        QP_ASSERT_EQ(qp_await(qp_join(&pieces[i], NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&hearer, NULL)), QP_OK);
}

static void no_descriptor_waits_for_work(void **state)
{
    struct stream stream = {.one = PTHREAD_MUTEX_INITIALIZER};
    struct qp_real_options options = {.event = count_told, .event_context = &stream};
    (void)state;
    assert_int_equal(pipe(stream.ends), 0);
    assert_int_equal(qp_real_run(hears_beside_work, &stream, &options, NULL, 0), QP_OK);
    assert_true(stream.longest <= 40);
    close(stream.ends[0]);
    close(stream.ends[1]);
}

/* ---- ends ---- */

static void waits_for_ever(void *arg)
{
    struct qp_sender *sender;
    struct qp_receiver *receiver;
    int value;
    (void)arg;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &sender, &receiver), QP_OK);
    qp_await(qp_recv(receiver, &value));
}

static void panics(void *arg)
{
    (void)arg;
    qp_panic("at the end");
}

static void how_it_ended(void **state)
{
    char report[2048];
    (void)state;
    assert_int_equal(qp_real_run(waits_for_ever, NULL, NULL, report, sizeof report), QP_DEADLOCK);
    assert_non_null(strstr(report, "task 1 'main' waits at "));
    assert_int_equal(qp_real_run(panics, NULL, NULL, report, sizeof report), QP_PANICKED);
    assert_non_null(strstr(report, "at the end"));
    assert_int_equal(qp_real_run(panics, NULL, NULL, NULL, 0), QP_PANICKED);
}

/* ---- several ---- */

static void *run_on_a_thread(void *arg)
{
    int received = 0;
    enum qp_status status = qp_real_run(channels, &received, NULL, NULL, 0);
    *(int *)arg = status == QP_OK ? received : -1;
    return NULL;
}

static void one_a_thread(void **state)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    int received[THREADS], i;
    (void)state;
    for (i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_on_a_thread, &received[i]), 0);
    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(received[i], 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_passes),
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(a_queue_of_millions),
        cmocka_unit_test(work_is_done_elsewhere),
        cmocka_unit_test(queued_work_is_withdrawn),
        cmocka_unit_test(no_timer_waits_for_work),
        cmocka_unit_test(no_descriptor_waits_for_work),
        cmocka_unit_test(how_it_ended),
        cmocka_unit_test(work_alone_is_waited_for),
        cmocka_unit_test(one_a_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
