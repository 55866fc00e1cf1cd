/*
 * Descriptors and signals on the real clock: whoever waits is woken, whoever is cancelled leaves nothing, what cannot
 * be waited for is said; and a program is ended by a signal as it should be. The checker judges each run.
 */
#include "child.h"
#include "support.h"
#include "traces/checker.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <quipu/main.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static size_t open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* Runs it checked; it must end well and leave no descriptor. */
static void run_real(qp_async_fn function, void *arg)
{
    struct qp_checker *checker = qp_checker_create();
    struct qp_real_options options = {.event = qp_checker_event, .event_context = checker};
    size_t before = open_descriptors();
    char report[4096];
    assert_non_null(checker);
    if (qp_real_run(function, arg, &options, report, sizeof report) != QP_OK)
        fail_msg("%s", report);
    qp_checker_finish(checker, true);
    if (qp_checker_count(checker)) {
        qp_checker_print(qp_checker_at(checker, 0), report, sizeof report);
        fail_msg("%s", report);
    }
    qp_checker_destroy(checker);
    assert_int_equal(open_descriptors(), before);
}

static void close_both(void *arg)
{
    close(((int *)arg)[0]);
    close(((int *)arg)[1]);
}

static void close_kept(void *arg)
{
    close_both(arg);
    free(arg);
}

/* Two sockets, joined, that are closed with the function that runs, whose own variables are gone by then. */
static void make_pair(int ends[2])
{
    int *kept = malloc(2 * sizeof *kept);
    QP_ASSERT(kept && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    memcpy(kept, ends, 2 * sizeof *kept);
    QP_ASSERT_EQ(qp_defer(close_kept, kept), QP_OK);
}

/* ---- descriptors ---- */

enum { BYTES = 1 << 20 };

static void write_all(void *arg)
{
    int fd = *(int *)arg, left = BYTES;
    char block[5000] = {0};
    while (left) {
        ssize_t put = write(fd, block, left < (int)sizeof block ? (size_t)left : sizeof block);
        if (put > 0)
            left -= (int)put;
        else
            QP_ASSERT_EQ(qp_await(qp_io_writable(fd)), QP_OK);
    }
    shutdown(fd, SHUT_WR);
}

static int read_all(int fd)
{
    char block[4096];
    int total = 0;
    for (;;) {
        ssize_t got = read(fd, block, sizeof block);
        if (got == 0)
            return total;
        if (got > 0)
            total += (int)got;
        else
            QP_ASSERT_EQ(qp_await(qp_io_readable(fd)), QP_OK);
    }
}

static void set_non_blocking(int fd)
{
    QP_ASSERT_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

/* More than a socket holds, in both directions at once over the same two descriptors. */
static void bytes_go_both_ways(void *arg)
{
    int ends[2];
    struct qp_handle left, right;
    (void)arg;
    make_pair(ends);
    set_non_blocking(ends[0]);
    set_non_blocking(ends[1]);
    left = qp_spawn(write_all, &ends[0]);
    right = qp_spawn(write_all, &ends[1]);
    QP_ASSERT_EQ(read_all(ends[0]), BYTES);
    QP_ASSERT_EQ(read_all(ends[1]), BYTES);
    QP_ASSERT_EQ(qp_await(qp_join(&left, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&right, NULL)), QP_OK);
}

static void bytes_arrive(void **state)
{
    (void)state;
    run_real(bytes_go_both_ways, NULL);
}

struct waiter {
    int fd, *next, place;
};

static void waits_for_its_turn(void *arg)
{
    struct waiter *self = arg;
    QP_ASSERT_EQ(qp_await(qp_io_readable(self->fd)), QP_OK);
    self->place = (*self->next)++;
}

/* All that wait are woken in the order in which they came; one that was cancelled is not among them. */
static void several_wait(void *arg)
{
    struct waiter waiters[5];
    struct qp_handle handles[5];
    int ends[2], next = 0, i;
    (void)arg;
    make_pair(ends);
    for (i = 0; i < 5; i++) {
        waiters[i] = (struct waiter){ends[0], &next, -1};
        handles[i] = qp_spawn(waits_for_its_turn, &waiters[i]);
    }
    qp_await(qp_sleep_ms(1));
    qp_abort(&handles[2]);
    qp_await(qp_yield());
    QP_ASSERT_EQ(write(ends[1], "x", 1), 1);
    for (i = 0; i < 5; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), i == 2 ? QP_CANCELLED : QP_OK);
    QP_ASSERT(waiters[0].place == 0 && waiters[1].place == 1 && waiters[3].place == 2 && waiters[4].place == 3);
}

static void all_are_woken_in_order(void **state)
{
    (void)state;
    run_real(several_wait, NULL);
}

/* Cancelled at each moment, and begun again: nothing is lost, and the descriptor may be closed at once. */
static void is_cancelled_and_begins_again(void *arg)
{
    int ends[2], other[2], round;
    struct qp_io_future again;
    struct counting_waker waker;
    char byte;
    (void)arg;
    make_pair(ends);
    counting_waker_init(&waker);
    for (round = 0; round < 20; round++) {
        QP_ASSERT_EQ(qp_await(qp_timeout_ms(0, qp_io_readable(ends[0]))), QP_TIMEOUT);
        qp_io_init(&again, QP_IO_READABLE, ends[0]);
        qp_future_drop(&again.future);
        qp_io_init(&again, QP_IO_READABLE, ends[0]);
        QP_ASSERT_EQ(qp_future_poll(&again.future, &waker.waker), QP_PENDING);
        QP_ASSERT_EQ(write(ends[1], "x", 1), 1);
        qp_await(qp_sleep_ms(1));
        QP_ASSERT_EQ(waker.wakes, round + 1);
        qp_future_drop(&again.future); /* woken, not polled */
        QP_ASSERT_EQ(qp_await(qp_io_readable(ends[0])), QP_OK);
        QP_ASSERT_EQ(read(ends[0], &byte, 1), 1);
        QP_ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
        QP_ASSERT_EQ(qp_await(qp_timeout_ms(0, qp_io_readable(other[0]))), QP_TIMEOUT);
        close_both(other);
    }
}

static void a_cancelled_wait_leaves_nothing(void **state)
{
    (void)state;
    run_real(is_cancelled_and_begins_again, NULL);
}

static void end_is_noticed(void *arg)
{
    int ends[2];
    char byte;
    (void)arg;
    QP_ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    close(ends[1]);
    QP_ASSERT_EQ(qp_await(qp_io_readable(ends[0])), QP_OK);
    QP_ASSERT_EQ(read(ends[0], &byte, 1), 0);
    QP_ASSERT_EQ(qp_await(qp_io_writable(ends[0])), QP_OK);
    close(ends[0]);
}

static void the_other_end_goes(void **state)
{
    (void)state;
    run_real(end_is_noticed, NULL);
}

static void asks_for_what_cannot_be(void *arg)
{
    int file = open("README.md", O_RDONLY);
    (void)arg;
    QP_ASSERT_EQ(qp_await(qp_io_readable(-1)), QP_REFUSED);
    QP_ASSERT(strcmp(qp_error_message(), "io_readable(-1) refused: Bad file descriptor") == 0);
    QP_ASSERT_EQ(qp_await(qp_io_writable(987)), QP_REFUSED);
    QP_ASSERT(strcmp(qp_error_message(), "io_writable(987) refused: Bad file descriptor") == 0);
    QP_ASSERT_EQ(qp_await(qp_io_readable(file)), QP_REFUSED);
    QP_ASSERT(strstr(qp_error_message(), "refused: Operation not permitted"));
    close(file);
    QP_ASSERT_EQ(qp_await(qp_io_signal(0)), QP_REFUSED);
    QP_ASSERT_EQ(qp_await(qp_io_signal(4711)), QP_REFUSED);
    QP_ASSERT_EQ(qp_await(qp_io_signal(SIGKILL)), QP_REFUSED);
    QP_ASSERT(strcmp(qp_error_message(), "io_signal(9) refused: Invalid argument") == 0);
}

static void what_cannot_be_waited_for_is_said(void **state)
{
    (void)state;
    run_real(asks_for_what_cannot_be, NULL);
}

static void waits_for_standard_input(void *arg)
{
    (void)arg;
    qp_await(qp_io_readable(0));
}

static void simulated_there_are_none(void **state)
{
    (void)state;
    run_expecting(waits_for_standard_input, NULL, QP_MISUSE,
                  "qp_io_readable(0) by task 1 'main' in an environment without descriptors and signals: put a stream "
                  "of the program's own in its place");
}

/* ---- signals ---- */

/* One that comes while nobody waits is kept once; each that waits is woken. */
static void waits_for_signals(void *arg)
{
    (void)arg;
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(1, qp_io_signal(SIGUSR1))), QP_TIMEOUT);
    raise(SIGUSR1);
    raise(SIGUSR1);
    QP_ASSERT_EQ(qp_await(qp_io_signal(SIGUSR1)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(1, qp_io_signal(SIGUSR1))), QP_TIMEOUT);
}

static void a_signal_is_waited_for(void **state)
{
    (void)state;
    run_real(waits_for_signals, NULL);
}

/* What a program under a signal does, and says on standard error. */
static struct {
    int (*function)(int argc, char **argv);
    int signals[3];
} program;

static void released(void *arg)
{
    fprintf(stderr, "released %s\n", (const char *)arg);
}

static void sleeps_for_long(void *arg)
{
    QP_ASSERT_EQ(qp_defer(released, arg), QP_OK);
    qp_await(qp_sleep(100.0));
}

static int waits_in_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    qp_spawn(sleeps_for_long, "a task");
    QP_ASSERT_EQ(qp_defer(released, "main"), QP_OK);
    qp_await(qp_yield());
    raise(program.signals[0]);
    qp_await(qp_sleep(100.0));
    fprintf(stderr, "went on\n");
    return 0;
}

static int computes_for_ever(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    raise(program.signals[0]);
    fprintf(stderr, "still here\n");
    raise(program.signals[1]);
    return 0;
}

/* It has an end of its own at the first signal; at the second it is cancelled. */
static int ends_gracefully(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    QP_ASSERT_EQ(qp_defer(released, "main"), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(1, qp_io_signal(SIGTERM))), QP_TIMEOUT);
    {
        struct qp_io_future waits;
        struct counting_waker waker;
        counting_waker_init(&waker);
        QP_ASSERT_EQ(qp_future_poll(qp_io_init(&waits, QP_IO_SIGNAL, SIGTERM), &waker.waker), QP_PENDING);
        raise(SIGTERM);
        qp_await(qp_sleep_ms(1));
        QP_ASSERT_EQ(qp_future_poll(&waits.future, &waker.waker), QP_OK);
    }
    fprintf(stderr, "closing\n");
    if (program.signals[0])
        raise(program.signals[0]);
    qp_await(qp_sleep_ms(1));
    return 7;
}

static void run_program(void *arg)
{
    char *argv[] = {"program", NULL};
    (void)arg;
    unsetenv("QUIPU_SEED");
    unsetenv("QUIPU_TRACE");
    alarm(20);
    _exit(qp_main_run(program.function, 1, argv));
}

static int run_signalled(int (*function)(int, char **), int first, int second, char *text, size_t size)
{
    program.function = function;
    program.signals[0] = first;
    program.signals[1] = second;
    return run_in_child(run_program, NULL, text, size);
}

static void the_first_signal_cancels_main(void **state)
{
    char text[1024];
    int status = run_signalled(waits_in_main, SIGINT, 0, text, sizeof text);
    (void)state;
    assert_string_equal(text, "released a task\nreleased main\n");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 130);
    status = run_signalled(waits_in_main, SIGTERM, 0, text, sizeof text);
    assert_string_equal(text, "released a task\nreleased main\n");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 143);
}

static void the_second_ends_it_at_once(void **state)
{
    char text[1024];
    int status = run_signalled(computes_for_ever, SIGINT, SIGINT, text, sizeof text);
    (void)state;
    assert_string_equal(text, "still here\n");
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    status = run_signalled(computes_for_ever, SIGINT, SIGTERM, text, sizeof text);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void a_program_may_end_by_itself(void **state)
{
    char text[1024];
    int status = run_signalled(ends_gracefully, 0, 0, text, sizeof text);
    (void)state;
    assert_string_equal(text, "closing\nreleased main\n");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    status = run_signalled(ends_gracefully, SIGTERM, 0, text, sizeof text);
    assert_string_equal(text, "closing\nreleased main\n");
    assert_int_equal(WEXITSTATUS(status), 143);
}

/* Asked what it does, it says so and goes on; asked for the second time before it could, it says that. */
static int is_asked(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    qp_spawn_named(sleeps_for_long, "a task", "sleeper");
    qp_await(qp_yield());
    raise(SIGUSR1);
    qp_await(qp_sleep_ms(1));
    fprintf(stderr, "went on\n");
    raise(SIGUSR1);
    fprintf(stderr, "computes\n");
    raise(SIGUSR1);
    qp_await(qp_timeout_ms(1, qp_io_signal(SIGUSR1))); /* now it is the program's own */
    raise(SIGUSR1);
    fprintf(stderr, "at last\n");
    return 0;
}

static void a_signal_asks_for_a_listing(void **state)
{
    static const char *const wanted[] = {"2 tasks at ",
                                         "task 1 'main' waits at tests/test_io.c:",
                                         ": qp_sleep_ms(1)\n",
                                         "task 2 'sleeper' waits at tests/test_io.c:",
                                         ": qp_sleep(100.0)\n",
                                         "went on\ncomputes\nquipu: no listing: ",
                                         "reaching an await\n",
                                         "2 tasks at ",
                                         "at last\nreleased a task\n",
                                         NULL};
    char text[4096];
    const char *at = text;
    int status = run_signalled(is_asked, 0, 0, text, sizeof text);
    (void)state;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    for (size_t i = 0; wanted[i]; i++) {
        const char *found = strstr(at, wanted[i]);
        if (!found) {
            fail_msg("no '%s' in:\n%s", wanted[i], at);
            return;
        }
        at = found + strlen(wanted[i]);
    }
    assert_string_equal(at, "");
}

/* Signals are one run's of the process at a time. */
static void another_wants_them(void *arg)
{
    struct qp_real_options options = {.stop_on_signals = true};
    *(enum qp_status *)arg = qp_real_run(waits_for_signals, NULL, &options, NULL, 0);
}

static void holds_them(void *arg)
{
    struct qp_handle other;
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(1, qp_io_signal(SIGUSR1))), QP_TIMEOUT);
    other = qp_spawn_blocking(another_wants_them, arg);
    QP_ASSERT_EQ(qp_await(qp_join(&other, NULL)), QP_OK);
}

static void signals_are_one_runtimes(void **state)
{
    enum qp_status status = QP_OK;
    (void)state;
    run_real(holds_them, &status);
    assert_int_equal(status, QP_REFUSED);
    another_wants_them(&status);
    assert_int_equal(status, QP_OK);
}

static void nothing(void *arg)
{
    (void)arg;
}

/* libuv opens a few descriptors once for the process. */
static int open_what_stays_open(void **state)
{
    (void)state;
    return qp_real_run(nothing, NULL, NULL, NULL, 0) == QP_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive),
        cmocka_unit_test(all_are_woken_in_order),
        cmocka_unit_test(a_cancelled_wait_leaves_nothing),
        cmocka_unit_test(the_other_end_goes),
        cmocka_unit_test(what_cannot_be_waited_for_is_said),
        cmocka_unit_test(simulated_there_are_none),
        cmocka_unit_test(a_signal_is_waited_for),
        cmocka_unit_test(the_first_signal_cancels_main),
        cmocka_unit_test(the_second_ends_it_at_once),
        cmocka_unit_test(a_program_may_end_by_itself),
        cmocka_unit_test(a_signal_asks_for_a_listing),
        cmocka_unit_test(signals_are_one_runtimes),
    };
    return cmocka_run_group_tests(tests, open_what_stays_open, NULL);
}
