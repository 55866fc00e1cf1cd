/*
 * From other threads: tasks and wake-ups arrive, each once, and whoever is late hears so. Under simulation the same
 * calls act at once on the runtime's own thread, and from another thread they are refused.
 */
#include "child.h"
#include "support.h"
#include "traces/checker.h"
#include <pthread.h>
#include <quipu/real.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void run_real(qp_async_fn function, void *arg)
{
    struct qp_checker *checker = qp_checker_create();
    struct qp_real_options options = {.event = qp_checker_event};
    char report[4096];
    assert_non_null(checker);
    options.event_context = checker;
    if (qp_real_run(function, arg, &options, report, sizeof report) != QP_OK)
        fail_msg("%s", report);
    qp_checker_finish(checker, true);
    if (qp_checker_count(checker)) {
        qp_checker_print(qp_checker_at(checker, 0), report, sizeof report);
        fail_msg("%s", report);
    }
    qp_checker_destroy(checker);
}

/* ---- tasks ---- */

enum { THREADS = 4, TASKS = 2000 };

struct submissions {
    struct qp_remote *remote;
    struct qp_sender *done; /* of the runtime's thread */
    int ran;                /* likewise */
    int last[THREADS];      /* each thread's come in order */
    bool in_order;
    atomic_int taken, dropped;
};

struct submission {
    struct submissions *all;
    int thread, number;
};

static void submitted(void *arg)
{
    struct submission *self = arg;
    struct submissions *all = self->all;
    all->in_order = all->in_order && self->number == all->last[self->thread] + 1;
    all->last[self->thread] = self->number;
    all->ran++;
    qp_await(qp_yield());
}

static void submission_drop(void *arg)
{
    ((struct submission *)arg)->all->dropped++;
    free(arg);
}

static bool submit(struct submissions *all, struct qp_remote *remote, int thread, int number)
{
    struct qp_task_options options = {.name = "submitted", .drop = submission_drop};
    struct submission *one = malloc(sizeof *one);
    assert_non_null(one);
    *one = (struct submission){all, thread, number};
    if (qp_remote_spawn(remote, submitted, one, &options) == QP_OK) {
        all->taken++;
        return true;
    }
    free(one);
    return false;
}

struct submitter {
    struct submissions *all;
    struct qp_remote *remote;
    int thread, most;
};

static void *submit_many(void *arg)
{
    struct submitter *self = arg;
    int i;
    for (i = 1; i <= self->most && submit(self->all, self->remote, self->thread, i); i++)
        while (self->all->taken - self->all->dropped > TASKS)
            sched_yield();
    qp_remote_drop(self->remote);
    return NULL;
}

static void start_submitters(struct submissions *all, struct submitter *submitters, pthread_t *threads, int most)
{
    struct qp_remote *remote = qp_remote_create();
    int i;
    QP_ASSERT(remote);
    for (i = 0; i < THREADS; i++) {
        submitters[i] = (struct submitter){all, qp_remote_clone(remote), i, most};
        QP_ASSERT_EQ(pthread_create(&threads[i], NULL, submit_many, &submitters[i]), 0);
    }
    qp_remote_drop(remote);
}

struct all_run {
    struct submissions all;
    struct submitter submitters[THREADS];
    pthread_t threads[THREADS];
};

static void waits_for_all(void *arg)
{
    struct all_run *self = arg;
    start_submitters(&self->all, self->submitters, self->threads, TASKS);
    while (self->all.dropped < THREADS * TASKS)
        qp_await(qp_sleep_ms(1));
}

static void join_threads(struct all_run *self)
{
    int i;
    for (i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(self->threads[i], NULL), 0);
}

static void tasks_come_from_four_threads(void **state)
{
    struct all_run self = {.all.in_order = true};
    (void)state;
    run_real(waits_for_all, &self);
    join_threads(&self);
    assert_int_equal(self.all.ran, THREADS * TASKS);
    assert_true(self.all.in_order);
}

/* The run ends while they still come: each argument that was taken is dropped, and no other. */
static void ends_early(void *arg)
{
    struct all_run *self = arg;
    start_submitters(&self->all, self->submitters, self->threads, 1 << 30);
    while (self->all.ran < TASKS)
        qp_await(qp_sleep_ms(1));
}

static void the_end_is_heard_of(void **state)
{
    struct all_run self = {.all.in_order = true};
    (void)state;
    run_real(ends_early, &self);
    join_threads(&self);
    assert_int_equal(self.all.dropped, self.all.taken);
    assert_true(self.all.in_order);
}

static void keeps_a_remote(void *arg)
{
    *(struct qp_remote **)arg = qp_remote_create();
}

static void a_remote_outlives_its_runtime(void **state)
{
    struct qp_remote *remote = NULL;
    (void)state;
    run_real(keeps_a_remote, &remote);
    assert_true(qp_remote_is_closed(remote));
    assert_int_equal(qp_remote_spawn(remote, submitted, NULL, NULL), QP_CLOSED);
    qp_remote_drop(qp_remote_clone(remote));
    qp_remote_drop(remote);
    qp_remote_drop(NULL);
}

/* ---- wakers ---- */

/* A future that another thread completes. */
struct elsewhere {
    struct qp_future future;
    struct qp_remote *remote;
    struct qp_waker *waker;
    atomic_bool done, begun;
    atomic_int polls;
};

static enum qp_status elsewhere_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct elsewhere *self = (struct elsewhere *)future;
    self->polls++;
    if (!self->waker)
        self->waker = qp_remote_waker(self->remote, waker);
    self->begun = true;
    return self->done ? QP_OK : QP_PENDING;
}

static void elsewhere_drop(struct qp_future *future)
{
    (void)future;
}

static const struct qp_future_ops elsewhere_ops = {"elsewhere", elsewhere_poll, elsewhere_drop, NULL, NULL};

/* Wakes in vain, often, and then for good; the clone is dropped after the last of the runtime's steps. */
static void *complete(void *arg)
{
    struct elsewhere *self = arg;
    struct qp_waker *mine;
    int i;
    while (!self->begun)
        sched_yield();
    mine = self->waker->ops->clone(self->waker);
    for (i = 0; i < 1000; i++)
        qp_waker_wake(mine);
    self->done = true;
    qp_waker_wake(mine);
    mine->ops->drop(mine);
    return NULL;
}

static void waits_for_another_thread(void *arg)
{
    int *rounds = arg;
    for (; *rounds < 50; ++*rounds) {
        struct elsewhere self = {.future.ops = &elsewhere_ops, .remote = qp_remote_create()};
        pthread_t thread;
        QP_ASSERT(self.remote);
        QP_ASSERT_EQ(pthread_create(&thread, NULL, complete, &self), 0);
        QP_ASSERT_EQ(qp_await(&self.future), QP_OK);
        QP_ASSERT_EQ(pthread_join(thread, NULL), 0);
        QP_ASSERT(self.polls <= 1002);
        self.waker->ops->drop(self.waker);
        qp_remote_drop(self.remote);
    }
}

static void wakes_come_from_another_thread(void **state)
{
    int rounds = 0;
    (void)state;
    run_real(waits_for_another_thread, &rounds);
    assert_int_equal(rounds, 50);
}

/* A waker outlives the task that it would wake, and the runtime. */
static void leaves_a_waker(void *arg)
{
    struct elsewhere *self = arg;
    self->remote = qp_remote_create();
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(1, &self->future)), QP_TIMEOUT);
}

static void a_waker_outlives_its_runtime(void **state)
{
    struct elsewhere self = {.future.ops = &elsewhere_ops};
    (void)state;
    run_real(leaves_a_waker, &self);
    qp_waker_wake(self.waker);
    self.waker->ops->drop(self.waker);
    qp_remote_drop(self.remote);
}

/* ---- deadlock ---- */

/* While somebody could still wake it nobody is stuck; when the last is gone, it is. */
static void *let_go_late(void *arg)
{
    struct timespec while_it_sleeps = {.tv_nsec = 5000000};
    nanosleep(&while_it_sleeps, NULL);
    qp_remote_drop(arg);
    return NULL;
}

static void waits_in_vain(void *arg)
{
    struct qp_oneshot_sender *sender;
    struct qp_oneshot_receiver *receiver;
    pthread_t *thread = arg;
    int value;
    QP_ASSERT_EQ(qp_oneshot_create(&qp_int, &sender, &receiver), QP_OK);
    QP_ASSERT_EQ(pthread_create(thread, NULL, let_go_late, qp_remote_create()), 0);
    qp_await(qp_oneshot_recv(receiver, &value));
}

static void the_last_remote_ends_the_wait(void **state)
{
    pthread_t thread;
    char report[4096];
    (void)state;
    assert_int_equal(qp_real_run(waits_in_vain, &thread, NULL, report, sizeof report), QP_DEADLOCK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_non_null(strstr(report, "task 1 'main' waits at "));
}

/* ---- in simulation ---- */

/* On the runtime's own thread everything is done in the call. */
static void submits_to_itself(void *arg)
{
    struct submissions *all = arg;
    struct qp_remote *remote = qp_remote_create();
    int i, ran = all->ran;
    if (!remote)
        return;
    for (i = 1; i <= 3; i++)
        submit(all, remote, 0, i);
    QP_ASSERT_EQ(all->ran, ran);
    qp_await(qp_sleep_ms(1));
    qp_remote_drop(remote);
}

static void simulated_it_is_the_same_each_time(void **state)
{
    struct submissions all = {0};
    (void)state;
    run_seeds(submits_to_itself, &all, 100);
    run_every_schedule(submits_to_itself, &all, 100000);
    run_failing_allocations(submits_to_itself, &all);
    assert_int_equal(all.dropped, all.taken);
    assert_true(all.ran > 300);
}

static void wakes_itself(void *arg)
{
    struct elsewhere self = {.future.ops = &elsewhere_ops, .remote = qp_remote_create()};
    struct counting_waker counting;
    (void)arg;
    counting_waker_init(&counting);
    QP_ASSERT_EQ(qp_future_poll(&self.future, &counting.waker), QP_PENDING);
    qp_waker_wake(self.waker);
    QP_ASSERT_EQ(counting.wakes, 1);
    qp_future_drop(&self.future);
    self.waker->ops->drop(self.waker);
    qp_remote_drop(self.remote);
}

static void simulated_a_wake_is_a_wake(void **state)
{
    (void)state;
    run_seeds(wakes_itself, NULL, 10);
}

static void *submit_one(void *arg)
{
    static struct submissions all;
    submit(&all, arg, 0, 1);
    return NULL;
}

static void submits_from_another_thread(void *arg)
{
    pthread_t thread;
    (void)arg;
    if (pthread_create(&thread, NULL, submit_one, qp_remote_create()) == 0)
        pthread_join(thread, NULL);
}

static void run_one_seed(void *arg)
{
    (void)arg;
    run_seed(submits_from_another_thread, NULL, 0);
}

static void simulated_other_threads_are_refused(void **state)
{
    char text[1024];
    int status = run_in_child(run_one_seed, NULL, text, sizeof text);
    (void)state;
    assert_true(WIFSIGNALED(status));
    assert_non_null(strstr(text, "qp_remote_spawn from another thread, to a runtime whose environment hears of none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_come_from_four_threads),        cmocka_unit_test(the_end_is_heard_of),
        cmocka_unit_test(a_remote_outlives_its_runtime),       cmocka_unit_test(wakes_come_from_another_thread),
        cmocka_unit_test(a_waker_outlives_its_runtime),        cmocka_unit_test(the_last_remote_ends_the_wait),
        cmocka_unit_test(simulated_it_is_the_same_each_time),  cmocka_unit_test(simulated_a_wake_is_a_wake),
        cmocka_unit_test(simulated_other_threads_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
