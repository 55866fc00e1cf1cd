/*
 * The scheduler below the primitives: choices and their replay, resumable functions, coroutines inside coroutines,
 * stacks and their overflow, the step limit, the report of a deadlock.
 */
#include "scheduler/stack.h"
#include "tests/child.h"
#include "tests/support.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* ---- choices ---- */

/* Tasks of `yields` yields each; main goes on when the last one is over, so that only theirs are the choices. */
struct crowd {
    int tasks, yields, left;
    struct qp_oneshot_sender *over;
    char order[64];
};

static void member(void *arg)
{
    struct crowd *self = arg;
    size_t length;
    int i, zero = 0;
    for (i = 0;; i++) {
        length = strlen(self->order);
        snprintf(self->order + length, sizeof self->order - length, "%llu", (unsigned long long)qp_task_id());
        if (i == self->yields)
            break;
        qp_await(qp_yield());
    }
    if (--self->left == 0)
        QP_ASSERT_EQ(qp_oneshot_send(self->over, &zero), QP_OK);
}

static void crowd(void *arg)
{
    struct crowd *self = arg;
    struct qp_oneshot_receiver *rx;
    int i, zero;
    self->left = self->tasks;
    self->order[0] = '\0';
    QP_ASSERT_EQ(qp_oneshot_create(&qp_int, &self->over, &rx), QP_OK);
    for (i = 0; i < self->tasks; i++)
        QP_ASSERT(qp_spawn(member, self).task != NULL);
    QP_ASSERT_EQ(qp_await(qp_oneshot_recv(rx, &zero)), QP_OK);
}

/* As many as there are interleavings: the multinomial coefficients. */
static void every_schedule_is_run_once(void **state)
{
    static const struct {
        int tasks, yields;
        uint64_t schedules;
    } cases[] = {{1, 3, 1}, {2, 0, 2}, {3, 0, 6}, {4, 0, 24}, {2, 1, 6}, {2, 3, 70}, {3, 1, 90}, {3, 2, 1680}};
    struct crowd self;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        self.tasks = cases[i].tasks;
        self.yields = cases[i].yields;
        assert_int_equal(run_every_schedule(crowd, &self, 10000), cases[i].schedules);
    }
}

static void a_seed_is_an_execution(void **state)
{
    struct crowd self = {.tasks = 4, .yields = 3};
    char first[64], orders[20][64];
    int seed, other, different = 0;
    (void)state;
    for (seed = 0; seed < 20; seed++) {
        run_seeds(crowd, &self, 1); /* another one between the two: nothing is left over from it */
        run_seed(crowd, &self, (uint64_t)seed);
        memcpy(first, self.order, sizeof first);
        run_seeds(crowd, &self, 1);
        run_seed(crowd, &self, (uint64_t)seed);
        assert_string_equal(self.order, first);
        memcpy(orders[seed], first, sizeof first);
        for (other = 0; other < seed; other++)
            different += strcmp(orders[seed], orders[other]) != 0;
    }
    assert_in_range(different, 180, 190); /* of the 190 pairs */
}

static void a_list_of_choices_is_an_execution(void **state)
{
    struct crowd self = {.tasks = 4, .yields = 3};
    struct qp_sim sim;
    struct qp_sim_result result;
    struct qp_replay_strategy replay;
    struct qp_sim_config config = {.strategy = &replay.strategy};
    uint32_t choices[64];
    char order[64];
    uint64_t seed;
    size_t count;
    (void)state;
    qp_sim_init(&sim);
    for (seed = 0; seed < 20; seed++) {
        const struct qp_sim_result *of_seed = run_seed(crowd, &self, seed);
        count = of_seed->choice_count;
        assert_in_range(count, 1, 63);
        memcpy(choices, of_seed->choices, count * sizeof *choices);
        memcpy(order, self.order, sizeof order);
        qp_replay_strategy_init(&replay, choices, count);
        qp_sim_run(&sim, &config, crowd, &self, &result);
        assert_int_equal(result.outcome, QP_OK);
        assert_string_equal(self.order, order);
        assert_int_equal(replay.misfits, 0);
        assert_int_equal(replay.next, count);
        assert_int_equal(result.choice_count, count);
        assert_memory_equal(result.choices, choices, count * sizeof *choices);
    }
    choices[0] = 4; /* of four tasks there is no fifth */
    qp_replay_strategy_init(&replay, choices, 2);
    qp_sim_run(&sim, &config, crowd, &self, &result);
    assert_int_equal(result.outcome, QP_OK);
    assert_true(replay.misfits > 0);
    qp_sim_end(&sim);
}

/* ---- resumable functions ---- */

struct relay {
    struct qp_resumable base;
    struct qp_recv_future recv;
    struct qp_send_future send;
    struct qp_sleep_future sleep;
    struct qp_receiver *rx;
    struct qp_sender *tx;
    int value, *released;
};

static enum qp_status relay_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct relay *self = (struct relay *)future;
    enum qp_status status;
    QP_BEGIN(&self->base);
    for (;;) {
        QP_AWAIT(status, qp_recv_init(&self->recv, self->rx, &self->value));
        if (status != QP_OK)
            break;
        QP_AWAIT(status, qp_sleep_init(&self->sleep, qp_milliseconds(1)));
        if (status != QP_OK)
            break;
        self->value *= 2;
        QP_AWAIT(status, qp_send_init(&self->send, self->tx, &self->value));
        if (status != QP_OK)
            break;
    }
    QP_END(QP_OK);
}

static const struct qp_future_ops relay_ops = QP_RESUMABLE("relay", relay_poll);

static void relay_release(struct qp_resumable *base)
{
    ++*((struct relay *)base)->released;
}

struct pipe {
    struct qp_sender *in, *out;
    struct qp_receiver *from, *to;
};

static bool make_pipe(struct pipe *pipe)
{
    return qp_channel_create(&qp_int, 1, &pipe->in, &pipe->from) == QP_OK &&
           qp_channel_create(&qp_int, 1, &pipe->out, &pipe->to) == QP_OK;
}

static struct relay relay_of(const struct pipe *pipe, int *released)
{
    struct relay relay = {.rx = pipe->from, .tx = pipe->out, .released = released};
    qp_resumable_init(&relay.base, &relay_ops);
    relay.base.release = relay_release;
    return relay;
}

static void relays(void *arg)
{
    struct pipe pipe;
    struct relay relay;
    struct qp_handle handle;
    int released = 0, i, got;
    (void)arg;
    if (!make_pipe(&pipe))
        return;
    relay = relay_of(&pipe, &released);
    handle = qp_spawn_future(&relay.base.future, sizeof relay, &(struct qp_task_options){.name = "relay"});
    if (!handle.task)
        return;
    qp_sender_give(pipe.out, &handle); /* which closes when the relay ends */
    for (i = 1; i <= 3; i++) {
        if (qp_await(qp_send(pipe.in, &i)) != QP_OK)
            return;
        if (qp_await(qp_recv(pipe.to, &got)) != QP_OK)
            return;
        QP_ASSERT_EQ(got, 2 * i);
    }
    QP_ASSERT_EQ(qp_now(), qp_milliseconds(3));
    qp_sender_drop(pipe.in);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
}

static void a_resumable_function_awaits_like_any_other(void **state)
{
    (void)state;
    run_seeds(relays, NULL, 50);
    run_failing_allocations(relays, NULL);
    assert_in_range(run_every_schedule(relays, NULL, 100000), 1, 100000);
}

/* Cancelled at its receive, at its sleep and at its send: what it waited for is dropped, then its release is called. */
static void cancels_relay(void *arg)
{
    struct pipe pipe;
    struct relay relay;
    struct qp_handle handle;
    const int *at = arg;
    int released = 0, i, got;
    QP_ASSERT(make_pipe(&pipe));
    for (i = 1; *at == 2 && i <= 1; i++)
        QP_ASSERT_EQ(qp_try_send(pipe.out, &i), QP_OK); /* full: it will wait to send */
    relay = relay_of(&pipe, &released);
    handle = qp_spawn_future(&relay.base.future, sizeof relay, &(struct qp_task_options){.name = "relay"});
    i = 5;
    if (*at > 0)
        QP_ASSERT_EQ(qp_try_send(pipe.in, &i), QP_OK);
    qp_await(*at == 1 ? qp_sleep_ns(500000) : qp_sleep_ms(5));
    QP_ASSERT_EQ(released, 0);
    qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(released, 1);
    if (*at == 2) {
        QP_ASSERT_EQ(qp_try_recv(pipe.to, &got), QP_OK);
        QP_ASSERT_EQ(got, 1);
    }
    QP_ASSERT_EQ(qp_try_recv(pipe.to, &got), QP_EMPTY);
    QP_ASSERT_EQ(qp_try_send(pipe.in, &i), QP_OK); /* its receive left no place in the queue */
    QP_ASSERT_EQ(qp_try_recv(pipe.from, &got), QP_OK);
}

static void a_resumable_function_is_cancelled_where_it_waits(void **state)
{
    int at;
    (void)state;
    for (at = 0; at < 3; at++)
        run_seeds(cancels_relay, &at, 20);
}

/* ---- functions inside functions ---- */

static char story[256];

static void note(void *word)
{
    size_t length = strlen(story);
    snprintf(story + length, sizeof story - length, "%s%s", length ? " " : "", (const char *)word);
}

static void innermost(void *arg)
{
    QP_ASSERT_EQ(qp_defer(note, "innermost"), QP_OK);
    qp_await(qp_sleep_ms(1));
    if (arg)
        qp_panic("deep down");
}

static void middle(void *arg)
{
    QP_ASSERT_EQ(qp_defer(note, "middle"), QP_OK);
    qp_await(qp_timeout_ms(100, qp_async(innermost, arg)));
    note("after");
}

static void outer(void *arg)
{
    QP_ASSERT_EQ(qp_defer(note, "outer"), QP_OK);
    qp_await(qp_async(middle, arg));
}

static void nest(void *arg)
{
    const char *how = arg;
    struct qp_handle handle = qp_spawn(outer, *how == 'p' ? arg : NULL);
    story[0] = '\0';
    if (*how == 'a') {
        qp_await(qp_sleep_ns(1000));
        qp_abort(&handle);
    }
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), *how == 'p' ? QP_PANICKED : *how == 'a' ? QP_CANCELLED : QP_OK);
}

static void what_functions_own_goes_innermost_first(void **state)
{
    (void)state;
    run_seeds(nest, "return", 20);
    assert_string_equal(story, "innermost after middle outer");
    run_seeds(nest, "panic", 20);
    assert_string_equal(story, "innermost middle outer");
    run_seeds(nest, "abort", 20);
    assert_string_equal(story, "innermost middle outer");
}

static void descend(void *arg)
{
    int *depth = arg;
    if (--*depth > 0)
        qp_await(qp_async(descend, depth));
    else
        qp_await(qp_yield());
}

static void deep_nesting(void *arg)
{
    int depth = *(const int *)arg;
    qp_await(qp_async(descend, &depth));
    QP_ASSERT_EQ(depth, 0);
}

static void a_thousand_functions_deep(void **state)
{
    int depth = 1000;
    (void)state;
    run_seeds(deep_nesting, &depth, 2);
}

/* ---- stacks ---- */

static void waits(void *arg)
{
    (void)arg;
    qp_await(qp_sleep_ms(1));
}

static void many(void *arg)
{
    int i;
    (void)arg;
    for (i = 0; i < 500; i++)
        QP_ASSERT(qp_spawn(waits, NULL).task != NULL);
    qp_await(qp_sleep_ms(2));
}

static void stacks_are_used_again_and_can_be_trimmed(void **state)
{
    struct qp_stack *first, *again;
    (void)state;
    run_seeds(many, NULL, 3);
    qp_stacks_trim();
    run_seeds(many, NULL, 3);
    first = qp_stack_take(0);
    assert_non_null(first);
    qp_stack_give_back(first);
    again = qp_stack_take(0);
    assert_ptr_equal(again, first);
    qp_stack_give_back(again);
    qp_stacks_trim();
}

struct places {
    void *stack, *handlers; /* of a coroutine; of signals */
};

static void *take_a_stack_and_end(void *where)
{
    struct places *places = where;
    struct qp_stack *stack = qp_stack_take(0);
    stack_t handlers = {.ss_sp = NULL};
    places->stack = stack ? stack->bottom : NULL;
    if (stack)
        qp_stack_give_back(stack);
    if (sigaltstack(NULL, &handlers) == 0)
        places->handlers = handlers.ss_sp;
    return NULL;
}

static void a_threads_stacks_end_with_it(void **state)
{
    pthread_t thread;
    struct places places = {NULL, NULL};
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, take_a_stack_and_end, &places), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_non_null(places.stack);
    assert_non_null(places.handlers);
    assert_int_equal(msync(places.stack, 1, MS_ASYNC), -1); /* nothing is mapped there */
    assert_int_equal(msync(places.handlers, 1, MS_ASYNC), -1);
}

static uint64_t use_stack(unsigned depth, const volatile char *above)
{
    volatile char here[1024];
    uint64_t sum = 0;
    size_t i;
    for (i = 0; i < sizeof here; i++)
        here[i] = (char)(above[i % 16] + 1);
    if (depth)
        sum = use_stack(depth - 1, here);
    return sum + (uint64_t)here[depth % sizeof here];
}

static void recurses(void *arg)
{
    static const char zeros[16];
    *(uint64_t *)arg += use_stack(*(const uint64_t *)arg > 0 ? 1000000 : 700, zeros);
}

/* 700 KiB fit a stack of one MiB. */
static void with_room(void *arg)
{
    uint64_t sum = 0;
    struct qp_handle handle =
        qp_spawn_with(recurses, &sum, &(struct qp_task_options){.name = "roomy", .stack_size = 1 << 20});
    (void)arg;
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
}

static void a_task_may_ask_for_more_stack(void **state)
{
    (void)state;
    run_seeds(with_room, NULL, 3);
}

static void without_room(void *arg)
{
    uint64_t sum = 1;
    struct qp_handle handle = qp_spawn_with(recurses, &sum, &(struct qp_task_options){.name = "digger"});
    (void)arg;
    qp_await(qp_join(&handle, NULL));
}

static void overflow(void *arg)
{
    (void)arg;
    signal(SIGSEGV, SIG_DFL); /* the test library's own handler, or the sanitizer's, would be left alone */
    signal(SIGBUS, SIG_DFL);
    run_seed(without_room, NULL, 0);
}

static void an_overflow_names_the_task(void **state)
{
    char text[4096];
    int status = run_in_child(overflow, NULL, text, sizeof text);
    (void)state;
    assert_true(WIFSIGNALED(status));
    assert_string_equal(text, "quipu: stack overflow in task 2 'digger': its stack has 64 KiB (stack_size in struct "
                              "qp_task_options gives it more)\n");
}

/* ---- the end of a run that has none ---- */

static void never_ends(void *arg)
{
    (void)arg;
    for (;;)
        qp_await(qp_yield());
}

static void a_run_without_end_is_stopped(void **state)
{
    struct qp_sim sim;
    struct qp_sim_result result;
    struct qp_random_strategy random;
    struct qp_sim_config config = {.strategy = &random.strategy, .most_steps = 1000};
    (void)state;
    qp_random_strategy_init(&random);
    qp_sim_init(&sim);
    qp_sim_run(&sim, &config, never_ends, NULL, &result);
    qp_sim_end(&sim);
    assert_int_equal(result.outcome, QP_LIMIT);
    assert_int_equal(result.steps, 1000);
    assert_int_equal(result.leaked, 0);
    assert_non_null(strstr(result.report, "1000"));
}

/* ---- deadlock ---- */

struct forks {
    struct qp_mutex *left, *right;
};

static void takes_two(void *arg)
{
    struct qp_mutex **mutexes = arg;
    struct qp_guard first, second;
    QP_ASSERT_EQ(qp_await(qp_lock(mutexes[0], &first)), QP_OK);
    qp_await(qp_sleep_ms(1));
    QP_ASSERT_EQ(qp_await(qp_lock(mutexes[1], &second)), QP_OK);
}

static void diners(void *arg)
{
    int zero = 0;
    struct qp_mutex *left = qp_mutex_create("left fork", &qp_int, &zero),
                    *right = qp_mutex_create("right fork", &qp_int, &zero);
    struct qp_mutex *of_one[2] = {left, right}, *of_other[2] = {right, left};
    struct qp_handle handle = qp_spawn_named(takes_two, of_one, "one");
    (void)arg;
    qp_spawn_named(takes_two, of_other, "other");
    qp_await(qp_join(&handle, NULL));
}

static void a_deadlock_says_who_waits_for_whom(void **state)
{
    const char *report;
    (void)state;
    run_expecting(diners, NULL, QP_DEADLOCK, "task 1 'main' waits at ");
    report = run_seed(diners, NULL, 1)->report;
    assert_non_null(strstr(report, "join(&handle, NULL), for task 2 'one'"));
    assert_non_null(strstr(report, "task 2 'one' waits at "));
    assert_non_null(strstr(report, "for lock of mutex 'right fork', of which task 3 'other' holds the guard"));
    assert_non_null(strstr(report, "for lock of mutex 'left fork', of which task 2 'one' holds the guard"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_overflow_names_the_task), /* the first, because handlers are looked at once a process */
        cmocka_unit_test(every_schedule_is_run_once),
        cmocka_unit_test(a_seed_is_an_execution),
        cmocka_unit_test(a_list_of_choices_is_an_execution),
        cmocka_unit_test(a_resumable_function_awaits_like_any_other),
        cmocka_unit_test(a_resumable_function_is_cancelled_where_it_waits),
        cmocka_unit_test(what_functions_own_goes_innermost_first),
        cmocka_unit_test(a_thousand_functions_deep),
        cmocka_unit_test(stacks_are_used_again_and_can_be_trimmed),
        cmocka_unit_test(a_threads_stacks_end_with_it),
        cmocka_unit_test(a_task_may_ask_for_more_stack),
        cmocka_unit_test(a_run_without_end_is_stopped),
        cmocka_unit_test(a_deadlock_says_who_waits_for_whom),
    };
    return cmocka_run_group_tests_name("scheduler", tests, NULL, NULL);
}
