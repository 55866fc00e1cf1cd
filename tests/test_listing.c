/* The listing of a runtime: every task and object as they are, from inside a task, from an event, and outside. */
#include "support.h"
#include <stdlib.h>
#include <string.h>

struct shop {
    struct qp_mutex *till;
    struct qp_semaphore *seats;
    struct qp_barrier *doors;
    struct qp_sender *orders;
    struct qp_receiver *kitchen;
    struct qp_oneshot_sender *bell;
    struct qp_oneshot_receiver *ear;
    char *text;
};

/* Runs it with each choice as it is without one: first come, first served. */
static void run_in_order(qp_async_fn function, void *arg, qp_event_fn event, void *context)
{
    static struct qp_sim_result result;
    struct qp_replay_strategy replay;
    struct qp_sim_config config = {.strategy = &replay.strategy, .event = event, .event_context = context};
    struct qp_sim sim;
    qp_replay_strategy_init(&replay, NULL, 0);
    qp_sim_init(&sim);
    qp_sim_run(&sim, &config, function, arg, &result);
    assert_string_equal(result.report, "");
    assert_int_equal(result.leaked, 0);
    qp_sim_end(&sim);
}

static char *listing(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    qp_runtime_dump(NULL, file);
    fclose(file);
    return text;
}

static void hold_the_till(void *arg)
{
    struct shop *shop = arg;
    struct qp_guard guard;
    struct qp_semaphore_permit seat;
    QP_ASSERT(qp_await(qp_lock(shop->till, &guard)) == QP_OK);
    QP_ASSERT(qp_await(qp_acquire(shop->seats, &seat)) == QP_OK);
    qp_await(qp_sleep_ms(10));
}

static void want_the_till(void *arg)
{
    struct shop *shop = arg;
    struct qp_guard guard;
    QP_ASSERT(qp_await(qp_timeout_ms(5, qp_lock(shop->till, &guard))) == QP_TIMEOUT);
}

static void order(void *arg)
{
    struct shop *shop = arg;
    for (int i = 0; i < 3; i++)
        QP_ASSERT(qp_await(qp_send(shop->orders, &i)) == QP_OK);
}

static void wait_at_the_doors(void *arg)
{
    struct shop *shop = arg;
    size_t slot;
    QP_ASSERT(qp_await(qp_barrier_wait(shop->doors, &slot)) == QP_OK);
}

static void look(void *arg)
{
    struct shop *shop = arg;
    struct qp_handle tasks[4];
    int unit = 0;
    shop->till = qp_mutex_create("till", &qp_int, &unit);
    shop->seats = qp_semaphore_create("seats", 2);
    shop->doors = qp_barrier_create("doors", 2);
    QP_ASSERT(qp_channel_create(&qp_int, 2, &shop->orders, &shop->kitchen) == QP_OK);
    qp_channel_name(shop->orders, "orders");
    QP_ASSERT(qp_oneshot_create(&qp_int, &shop->bell, &shop->ear) == QP_OK);
    tasks[0] = qp_spawn_named(hold_the_till, shop, "holder");
    tasks[1] = qp_spawn_named(want_the_till, shop, "waiter");
    tasks[2] = qp_spawn_named(order, shop, "cook");
    tasks[3] = qp_spawn_named(wait_at_the_doors, shop, "guest");
    qp_sender_give(shop->orders, &tasks[2]);
    qp_await(qp_sleep_ms(1));
    shop->text = listing();
    qp_abort(&tasks[3]);
}

/* Line numbers, which move with this file, are written as N. */
static void without_numbers(char *text)
{
    char *to = text;
    while (*text) {
        if (strncmp(text, ".c:", 3) == 0) {
            text += 3 + strspn(text + 3, "0123456789");
            memcpy(to, ".c:N", 4);
            to += 4;
        } else {
            *to++ = *text++;
        }
    }
    *to = '\0';
}

static void test_everything_is_listed(void **state)
{
    static const char wanted[] =
        "5 tasks at 1.000000 ms, after 6 steps\n"
        "  task 1 'main' runs\n"
        "    has the mutex, the semaphore, the barrier, a receiver of channel 'orders', the sender of oneshot 7, "
        "the receiver, the handle of task 2 'holder', the handle of task 3 'waiter', the handle of task 4 'cook', "
        "the handle of task 5 'guest'\n"
        "  task 2 'holder' waits at tests/test_listing.c:N: qp_sleep_ms(10)\n"
        "    has the guard of mutex 'till', a permit of semaphore 'seats'\n"
        "  task 3 'waiter' waits at tests/test_listing.c:N: qp_timeout_ms(5, qp_lock(shop->till, &guard)), for lock "
        "of mutex 'till'\n"
        "  task 4 'cook' waits at tests/test_listing.c:N: qp_send(shop->orders, &i), for send of channel 'orders'\n"
        "    has a sender of channel 'orders'\n"
        "  task 5 'guest' waits at tests/test_listing.c:N: qp_barrier_wait(shop->doors, &slot), for barrier_wait of "
        "barrier 'doors'\n"
        "objects\n"
        "  mutex 'till': held by task 2 'holder' since tests/test_listing.c:N\n"
        "    waiting to lock, first to last: task 3 'waiter'\n"
        "  semaphore 'seats': 1 of 2 permits free\n"
        "  barrier 'doors': 1 of 2 have arrived\n"
        "    waiting, first to last: task 5 'guest'\n"
        "  channel 'orders': 2 of 2 buffered, 1 sender, 1 receiver\n"
        "    waiting to send, first to last: task 4 'cook'\n"
        "  oneshot 7: nothing sent; the sender is there, the receiver there\n";
    struct shop shop = {0};
    (void)state;
    run_in_order(look, &shop, NULL, NULL);
    without_numbers(shop.text);
    assert_string_equal(shop.text, wanted);
    free(shop.text);
}

/* ---- what has ended is listed no more ---- */

static void nothing(void *arg)
{
    (void)arg;
}

static void make_and_end(void *arg)
{
    struct shop *shop = arg;
    struct qp_handle task = qp_spawn_named(nothing, NULL, "short");
    struct qp_semaphore *first = qp_semaphore_create("first", 1), *second = qp_semaphore_create("second", 1);
    struct qp_semaphore *third = qp_semaphore_create("third", 1);
    qp_await(qp_join(&task, NULL));
    qp_semaphore_drop(second);
    shop->text = listing();
    qp_semaphore_drop(first);
    qp_semaphore_drop(third);
}

static void test_what_ended_is_not_listed(void **state)
{
    struct shop shop = {0};
    (void)state;
    run_in_order(make_and_end, &shop, NULL, NULL);
    assert_non_null(strstr(shop.text, "1 task at"));
    assert_null(strstr(shop.text, "short"));
    assert_non_null(strstr(shop.text, "'first'"));
    assert_null(strstr(shop.text, "'second'"));
    assert_non_null(strstr(shop.text, "'third'"));
    free(shop.text);
}

/* ---- states ---- */

static void ready_one(void *arg)
{
    (void)arg;
    qp_await(qp_yield());
}

static void work(void *arg)
{
    (void)arg;
}

static void look_at_states(void *arg)
{
    struct shop *shop = arg;
    struct qp_handle yields = qp_spawn_named(ready_one, NULL, "yields"), new, blocking, aborted;
    qp_await(qp_yield());
    new = qp_spawn_named(ready_one, NULL, "new");
    aborted = qp_spawn_named(ready_one, NULL, "aborted");
    blocking = qp_spawn_blocking(work, NULL);
    qp_abort(&aborted);
    shop->text = listing();
    qp_await(qp_join(&yields, NULL));
    qp_await(qp_join(&new, NULL));
    qp_await(qp_join(&blocking, NULL));
    QP_ASSERT(qp_await(qp_join(&aborted, NULL)) == QP_CANCELLED);
}

static void test_states(void **state)
{
    struct shop shop = {0};
    (void)state;
    run_in_order(look_at_states, &shop, NULL, NULL);
    without_numbers(shop.text);
    assert_non_null(strstr(shop.text, "task 1 'main' runs\n"));
    assert_non_null(strstr(shop.text, "'yields' is ready to go on at tests/test_listing.c:N: qp_yield()\n"));
    assert_non_null(strstr(shop.text, "'new' is ready to begin\n"));
    assert_non_null(strstr(shop.text, "'aborted' is ready to begin; its cancellation was asked for\n"));
    assert_non_null(strstr(shop.text, " is blocking work"));
    free(shop.text);
}

/* ---- from an event, and outside ---- */

static void dump_at_each_event(void *context, const struct qp_event *event)
{
    char *text = listing();
    (void)event;
    *(size_t *)context += strlen(text);
    free(text);
}

static void test_from_inside_any_event(void **state)
{
    size_t length = 0;
    struct shop shop = {0};
    (void)state;
    run_in_order(look, &shop, dump_at_each_event, &length);
    assert_true(length > 10000);
    free(shop.text);
}

static void test_outside_a_runtime(void **state)
{
    char *text = listing();
    (void)state;
    assert_string_equal(text, "no runtime is under way on this thread\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_listed),
        cmocka_unit_test(test_what_ended_is_not_listed),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_from_inside_any_event),
        cmocka_unit_test(test_outside_a_runtime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
