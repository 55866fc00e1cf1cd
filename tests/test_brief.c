/*
 * Events in brief, as they are told: records keep to the room that there is for them, whatever it is, and what they
 * point to is there.
 */
#include "sim/sim.h"
#include <quipu/quipu.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 256, GUARD = 64 };

static const uint64_t untouched = 0x5a5a5a5a5a5a5a5a;

struct told {
    struct qp_event_batch batch;
    uint64_t words[MOST + GUARD];
    size_t count, texts;
    bool nameless; /* there is no place for any name */
};

static void take(void *context, size_t count)
{
    struct told *told = context;
    assert_in_range(count, 1, told->batch.room);
    told->count += count;
}

static const char *keep_text(void *context, const char *text)
{
    struct told *told = context;
    assert_non_null(text);
    told->texts++;
    return told->nameless ? NULL : "kept";
}

static void waits(void *arg)
{
    (void)arg;
    qp_await(qp_sleep_ms(1));
}

/* Futures with others inside, which are numbered when they are dropped before their first poll; and ends of tasks. */
static void many_events(void *arg)
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_handle handles[3];
    int value = 1;
    size_t i;
    (void)arg;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    for (i = 0; i < 3; i++)
        handles[i] = qp_spawn(waits, NULL);
    qp_future_drop(qp_timeout_ms(5, qp_race(NULL, qp_arm(qp_sleep_ms(1)), qp_arm(qp_sleep_ms(2)), qp_arm(qp_yield()),
                                            qp_arm(qp_recv(rx, &value)))));
    (void)qp_await(qp_send(tx, &value));
    (void)qp_await(qp_recv(rx, &value));
    qp_abort(&handles[0]);
    for (i = 0; i < 3; i++)
        (void)qp_await(qp_join(&handles[i], NULL));
}

static void run_with(struct told *told, size_t room, bool nameless)
{
    struct qp_random_strategy random;
    struct qp_sim_config config = {.batch = &told->batch, .strategy = &random.strategy};
    struct qp_sim_result result;
    struct qp_sim sim;
    size_t i;
    for (i = 0; i < MOST + GUARD; i++)
        told->words[i] = untouched;
    told->batch = (struct qp_event_batch){told->words, room, take, keep_text, told};
    told->count = told->texts = 0;
    told->nameless = nameless;
    qp_random_strategy_init(&random);
    qp_sim_init(&sim);
    qp_sim_run(&sim, &config, many_events, NULL, &result);
    qp_sim_end(&sim);
    assert_int_equal(result.outcome, QP_OK);
    for (i = room; i < MOST + GUARD; i++)
        assert_true(told->words[i] == untouched);
}

static void records_keep_to_their_room(void **state)
{
    static struct told told;
    size_t room, least = 0;
    (void)state;
    for (room = QP_RECORD_WORDS; room <= MOST; room++) {
        run_with(&told, room, false);
        assert_int_equal(told.texts, 4); /* of the tasks */
        least = least ? least : told.count;
        assert_in_range(told.count, MOST / 2, least); /* with more room there are longer runs, never more words */
        run_with(&told, room, true);
        assert_int_equal(told.texts, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(records_keep_to_their_room)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
