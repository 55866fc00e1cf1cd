/*
 * A runtime on a loop that the program has: it runs beside the program's own callbacks, leaves nothing on the loop, and
 * says how it ended. The checker judges each run.
 */
#include "support.h"
#include "traces/checker.h"
#include <pthread.h>
#include <quipu/loop.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

/* One runtime on a loop, as its program sees it. */
struct guest {
    struct qp_checker *checker;
    struct qp_joined *joined;
    int over; /* how often it was told */
    enum qp_status status;
    char report[1024];
    int rounds; /* once for each step of the program */
    atomic_int from_outside;
};

static void is_over(void *context, enum qp_status status, const char *report)
{
    struct guest *self = context;
    self->over++;
    self->status = status;
    snprintf(self->report, sizeof self->report, "%s", report);
}

static bool join_loop(struct guest *self, uv_loop_t *loop, qp_async_fn function)
{
    struct qp_real_options options = {.event = qp_checker_event};
    memset(self, 0, sizeof *self);
    self->checker = qp_checker_create();
    assert_non_null(self->checker);
    options.event_context = self->checker;
    self->joined = qp_loop_join(loop, function, self, &options, is_over, self);
    return self->joined != NULL;
}

static void expect_over(struct guest *self, enum qp_status status)
{
    char text[4096];
    if (self->over == 1 && self->status != status)
        fail_msg("%s", self->report);
    assert_int_equal(self->over, 1);
    if (status != QP_DEADLOCK) {
        qp_checker_finish(self->checker, true);
        if (qp_checker_count(self->checker)) {
            qp_checker_print(qp_checker_at(self->checker, 0), text, sizeof text);
            fail_msg("%s", text);
        }
    }
    qp_checker_destroy(self->checker);
}

static void close_loop(uv_loop_t *loop)
{
    assert_int_equal(uv_loop_close(loop), 0);
}

/* ---- everything, beside a callback of the program's ---- */

static void close_both(void *arg)
{
    close(((int *)arg)[0]);
    close(((int *)arg)[1]);
    free(arg);
}

static void send_three(void *arg)
{
    for (int i = 1; i <= 3; i++)
        qp_await(qp_send((struct qp_sender *)arg, &i));
}

static void use_channel(void)
{
    struct qp_sender *sender;
    struct qp_receiver *receiver;
    int value, sum = 0;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &sender, &receiver), QP_OK);
    struct qp_handle handle = qp_spawn(send_three, sender);
    qp_sender_give(sender, &handle);
    while (qp_await(qp_recv(receiver, &value)) == QP_OK)
        sum += value;
    QP_ASSERT_EQ(sum, 6);
}

static void block(void *arg)
{
    int result = 7;
    (void)arg;
    usleep(1000);
    qp_return(&result);
}

static void use_thread(void)
{
    const struct qp_task_options options = {.name = "block", .result = &qp_int};
    struct qp_handle handle = qp_spawn_blocking_with(block, NULL, &options);
    int result = 0;
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &result)), QP_OK);
    QP_ASSERT_EQ(result, 7);
}

static void write_later(void *arg)
{
    qp_await(qp_sleep_ms(2));
    QP_ASSERT_EQ(write(*(int *)arg, "x", 1), 1);
}

static void use_descriptors(void)
{
    int *ends = malloc(2 * sizeof *ends);
    QP_ASSERT(ends && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    QP_ASSERT_EQ(qp_defer(close_both, ends), QP_OK);
    struct qp_handle handle = qp_spawn(write_later, &ends[1]);
    QP_ASSERT_EQ(qp_await(qp_io_readable(ends[0])), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
}

static void comes_from_outside(void *arg)
{
    atomic_fetch_add(&((struct guest *)arg)->from_outside, 1);
}

struct sender {
    struct qp_remote *remote;
    struct guest *guest;
};

static void *send_from_outside(void *arg)
{
    struct sender *self = arg;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(qp_remote_spawn(self->remote, comes_from_outside, self->guest, NULL), QP_OK);
        if (i % 10 == 0)
            usleep(500);
    }
    qp_remote_drop(self->remote);
    return NULL;
}

static void use_others(struct guest *guest)
{
    struct sender sender = {qp_remote_create(), guest};
    pthread_t thread;
    QP_ASSERT(sender.remote && pthread_create(&thread, NULL, send_from_outside, &sender) == 0);
    while (atomic_load(&guest->from_outside) < 100)
        qp_await(qp_sleep_ms(1));
    pthread_join(thread, NULL);
}

static void use_everything(void *arg)
{
    struct guest *guest = arg;
    int64_t start_ns = qp_now();
    QP_ASSERT_EQ(qp_await(qp_sleep_ms(3)), QP_OK);
    QP_ASSERT(qp_now() - start_ns >= qp_milliseconds(3));
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(2, qp_sleep_ms(100000))), QP_TIMEOUT);
    for (; guest->rounds < 5; guest->rounds++) {
        use_channel();
        use_thread();
        use_descriptors();
    }
    use_others(guest);
    for (int i = 0; i < 1000; i++)
        qp_await(qp_yield());
}

static void tick(uv_timer_t *timer)
{
    ++*(int *)timer->data;
}

static void start_ticking(uv_loop_t *loop, uv_timer_t *timer, int *ticks)
{
    uv_timer_init(loop, timer);
    timer->data = ticks;
    uv_timer_start(timer, tick, 1, 1);
    uv_unref((uv_handle_t *)timer);
}

static void runs_beside_callbacks(void **state)
{
    uv_loop_t loop;
    uv_timer_t timer;
    struct guest guest;
    int ticks = 0;
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    start_ticking(&loop, &timer, &ticks);
    assert_true(join_loop(&guest, &loop, use_everything));
    uv_run(&loop, UV_RUN_DEFAULT);
    expect_over(&guest, QP_OK);
    assert_int_equal(guest.rounds, 5);
    assert_true(ticks > 5);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    close_loop(&loop);
}

/* ---- several ---- */

static void several_join_the_same(void **state)
{
    enum { GUESTS = 5 };
    uv_loop_t loop;
    struct guest guests[GUESTS];
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    for (int i = 0; i < GUESTS; i++)
        assert_true(join_loop(&guests[i], &loop, use_everything));
    uv_run(&loop, UV_RUN_DEFAULT);
    for (int i = 0; i < GUESTS; i++)
        expect_over(&guests[i], QP_OK);
    close_loop(&loop);
}

static void *run_on_a_thread(void *arg)
{
    several_join_the_same(arg);
    return NULL;
}

/* One loop a thread, each with several, that know nothing of each other. */
static void threads_know_nothing_of_each_other(void **state)
{
    enum { THREADS = 3 };
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_on_a_thread, state), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

struct again {
    uv_loop_t *loop;
    struct guest *second;
};

static void join_again(void *context, enum qp_status status, const char *report)
{
    struct again *self = context;
    assert_int_equal(status, QP_OK);
    assert_string_equal(report, "");
    assert_true(join_loop(self->second, self->loop, use_everything));
}

static void sleep_a_little(void *arg)
{
    (void)arg;
    qp_await(qp_sleep_ms(1));
}

static void joins_again_at_its_end(void **state)
{
    uv_loop_t loop;
    struct guest second;
    struct again again = {&loop, &second};
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_non_null(qp_loop_join(&loop, sleep_a_little, NULL, NULL, join_again, &again));
    uv_run(&loop, UV_RUN_DEFAULT);
    expect_over(&second, QP_OK);
    close_loop(&loop);
}

/* ---- ends ---- */

static void wait_for_ever(void *arg)
{
    struct qp_sender *sender;
    struct qp_receiver *receiver;
    int value;
    (void)arg;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &sender, &receiver), QP_OK);
    qp_await(qp_recv(receiver, &value));
}

static void panic(void *arg)
{
    (void)arg;
    qp_await(qp_yield());
    qp_panic("at the end");
}

static void says_how_it_ended(void **state)
{
    uv_loop_t loop;
    struct guest guests[2];
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_true(join_loop(&guests[0], &loop, wait_for_ever));
    assert_true(join_loop(&guests[1], &loop, panic));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_non_null(strstr(guests[0].report, "task 1 'main' waits at "));
    assert_non_null(strstr(guests[1].report, "at the end"));
    expect_over(&guests[0], QP_DEADLOCK);
    expect_over(&guests[1], QP_PANICKED);
    close_loop(&loop);
}

static void block_only(void *arg)
{
    (void)arg;
    usleep(1000);
}

/* More than there are threads: some is queued, and withdrawn, some has started, and is waited for. */
static void block_much(void *arg)
{
    struct guest *guest = arg;
    struct qp_handle handles[32];
    for (int i = 0; i < 32; i++)
        handles[i] = qp_spawn_blocking(block_only, NULL);
    guest->rounds = 1;
    qp_await(qp_sleep_ms(2));
    qp_abort(&handles[31]);
    qp_await(qp_sleep_ns(QP_NEVER));
    guest->rounds = 2;
}

static void stop_it(uv_timer_t *timer)
{
    struct guest *guest = timer->data;
    if (!guest->rounds)
        return; /* it has not begun */
    qp_joined_stop(guest->joined);
    qp_joined_stop(guest->joined);
    uv_close((uv_handle_t *)timer, NULL);
}

static void is_stopped_at_its_await(void **state)
{
    uv_loop_t loop;
    uv_timer_t timer;
    struct guest guest;
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_true(join_loop(&guest, &loop, block_much));
    uv_timer_init(&loop, &timer);
    timer.data = &guest;
    uv_timer_start(&timer, stop_it, 5, 5);
    uv_run(&loop, UV_RUN_DEFAULT);
    expect_over(&guest, QP_CANCELLED);
    assert_int_equal(guest.rounds, 1);
    close_loop(&loop);
}

/* The second is refused, and leaves nothing. */
static void signals_are_of_one(void **state)
{
    const struct qp_real_options options = {.stop_on_signals = true};
    uv_loop_t loop;
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_non_null(qp_loop_join(&loop, sleep_a_little, NULL, &options, NULL, NULL));
    assert_null(qp_loop_join(&loop, sleep_a_little, NULL, &options, NULL, NULL));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_non_null(qp_loop_join(&loop, sleep_a_little, NULL, &options, NULL, NULL));
    uv_run(&loop, UV_RUN_DEFAULT);
    close_loop(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_beside_callbacks),
        cmocka_unit_test(several_join_the_same),
        cmocka_unit_test(threads_know_nothing_of_each_other),
        cmocka_unit_test(joins_again_at_its_end),
        cmocka_unit_test(says_how_it_ended),
        cmocka_unit_test(is_stopped_at_its_await),
        cmocka_unit_test(signals_are_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
