/* quipu/explore.h and quipu/cmocka.h: exploring in the test's own process. */
#include "tests/support.h"
#include <quipu/cmocka.h>
#include <quipu/quipu.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/quipu-explored-XXXXXX";

/* Two tasks of which the first spawned is not always the first to run. */
static void note(void *arg)
{
    int *order = arg;
    *order = *order * 10 + (int)qp_task_id();
}

static void runs_in_order(void *arg)
{
    int order = 0;
    struct qp_handle first = qp_spawn(note, &order), second = qp_spawn(note, &order);
    (void)arg;
    assert_true(qp_await(qp_join(&first, NULL)) == QP_OK);
    assert_true(qp_await(qp_join(&second, NULL)) == QP_OK);
    assert_int_equal(order, 23);
}

static void naps(void *arg)
{
    (void)arg;
    qp_await(qp_sleep_ms(1));
}

static void waits_for_nobody(void *arg)
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int value;
    (void)arg;
    assert_true(qp_channel_create(&qp_int, 1, &tx, &rx) == QP_OK);
    assert_true(qp_await(qp_recv(rx, &value)) == QP_CLOSED);
}

static void explores_inside(void *arg)
{
    *(enum qp_status *)arg = qp_explore("inside", naps, NULL, NULL, NULL);
}

/* ---- what it says ---- */

static void test_nothing_fails(void **state)
{
    struct qp_explored explored;
    (void)state;
    assert_int_equal(qp_explore("naps", naps, NULL, NULL, &explored), QP_OK);
    assert_int_equal(explored.executions, 1000);
    assert_true(explored.steps >= 2000);
    assert_false(explored.complete || explored.replayed);
    assert_null(explored.trace);
    assert_null(explored.rule);
    assert_string_equal(explored.report, "naps: held in 1000 executions\n");
    qp_explored_end(&explored);
    assert_null(explored.report);
}

static void test_all_there_are(void **state)
{
    struct qp_exploration how = {.strategy = "exhaustive"};
    struct qp_explored explored;
    (void)state;
    assert_int_equal(qp_explore("naps", naps, NULL, &how, &explored), QP_OK);
    assert_true(explored.complete);
    assert_string_equal(explored.report, "naps: held in 1 executions, which are all there are\n");
    qp_explored_end(&explored);
}

static void test_an_order_fails(void **state)
{
    struct qp_exploration how = {.folder = folder};
    struct qp_explored first, again;
    (void)state;
    assert_int_equal(qp_explore("runs in order", runs_in_order, NULL, &how, &first), QP_FAILED);
    assert_int_equal(first.ended, QP_FAILED);
    assert_non_null(strstr(first.report, "assertion failed: order == 23 (32 and 23)"));
    assert_non_null(strstr(first.trace, "/runs_in_order.jsonl"));
    assert_non_null(strstr(first.report, first.trace));
    /* The same again, and the same by its trace. */
    assert_int_equal(qp_explore("runs in order", runs_in_order, NULL, &how, &again), QP_FAILED);
    assert_string_equal(again.report, first.report);
    qp_explored_end(&again);
    setenv("QUIPU_REPLAY", first.trace, 1);
    assert_int_equal(qp_explore("runs in order", runs_in_order, NULL, &how, &again), QP_FAILED);
    assert_true(again.replayed && again.executions == 1);
    assert_null(strstr(again.report, "went another way"));
    qp_explored_end(&again);
    /* Others explore; and one that is another program now says so. */
    assert_int_equal(qp_explore("naps", naps, NULL, NULL, &again), QP_OK);
    assert_false(again.replayed);
    qp_explored_end(&again);
    assert_int_equal(qp_explore("runs in order", naps, NULL, &how, &again), QP_OK);
    assert_true(again.replayed);
    assert_non_null(strstr(again.report, "it went another way than the recorded one from event "));
    qp_explored_end(&again);
    unsetenv("QUIPU_REPLAY");
    unlink(first.trace);
    qp_explored_end(&first);
}

static void test_a_contract_is_broken(void **state)
{
    struct qp_exploration how = {.folder = folder};
    struct qp_explored explored;
    (void)state;
    assert_int_equal(qp_explore("waits", waits_for_nobody, NULL, &how, &explored), QP_FAILED);
    assert_int_equal(explored.ended, QP_DEADLOCK);
    assert_int_equal(explored.number, 0);
    assert_string_equal(explored.rule, "PROGRESS-DEADLOCK-1");
    assert_non_null(strstr(explored.report, explored.sentence));
    unlink(explored.trace);
    qp_explored_end(&explored);
}

/* ---- what makes no sense ---- */

static void refuse(const struct qp_exploration *how, const char *sentence)
{
    struct qp_explored explored;
    assert_int_equal(qp_explore("naps", naps, NULL, how, &explored), QP_INVALID);
    assert_non_null(strstr(explored.report, sentence));
    qp_explored_end(&explored);
}

static void test_bad_input(void **state)
{
    struct qp_explored explored;
    enum qp_status inside = QP_OK;
    (void)state;
    refuse(&(struct qp_exploration){.strategy = "luck"}, "there is no strategy 'luck'");
    refuse(&(struct qp_exploration){.strategy = "pct", .depth = 17}, "a depth of 17 is over 16");
    refuse(&(struct qp_exploration){.cancel = (enum qp_explore_cancel)9}, "9 is not one of enum qp_explore_cancel");
    assert_int_equal(qp_explore_scenario("none", NULL, &explored), QP_INVALID);
    assert_string_equal(explored.report, "there is no scenario 'none' in this program\n");
    qp_explored_end(&explored);
    assert_int_equal(qp_explore("outside", explores_inside, &inside, &(struct qp_exploration){.runs = 1}, NULL), QP_OK);
    assert_int_equal(inside, QP_INVALID);
    setenv("QUIPU_REPLAY", "/no/such/file", 1);
    refuse(NULL, "/no/such/file");
    unsetenv("QUIPU_REPLAY");
}

/* ---- cmocka's assertions in a task ---- */

static void assert_one(void *arg)
{
    static const int numbers[] = {1, 2};
    switch (*(int *)arg) {
    case 0:
        assert_true(arg == NULL);
        break;
    case 1:
        assert_false(arg != NULL);
        break;
    case 2:
        assert_null(arg);
        break;
    case 3:
        assert_non_null(NULL);
        break;
    case 4:
        assert_ptr_equal(arg, NULL);
        break;
    case 5:
        assert_int_equal(1, 2);
        break;
    case 6:
        assert_int_not_equal(2, 2);
        break;
    case 7:
        assert_string_equal("one", "two");
        break;
    case 8:
        assert_string_not_equal("one", "one");
        break;
    case 9:
        assert_memory_equal(&numbers[0], &numbers[1], sizeof(int));
        break;
    case 10:
        fail();
        break;
    default:
        fail_msg("with %d", 11);
        break;
    }
}

static void test_assertions_inside(void **state)
{
    static const char *const said[] = {"arg == NULL",
                                       "!(arg != NULL)",
                                       "!(arg)",
                                       "NULL",
                                       "arg == NULL",
                                       "1 == 2 (1 and 2)",
                                       "2 != 2",
                                       "\"one\" equals \"two\" (\"one\" and \"two\")",
                                       "\"one\" differs from \"one\"",
                                       "&numbers[0] equals &numbers[1]",
                                       "fail()",
                                       "with 11"};
    struct qp_exploration how = {.folder = folder, .runs = 1};
    (void)state;
    for (int i = 0; i < (int)(sizeof said / sizeof *said); i++) {
        struct qp_explored explored;
        assert_int_equal(qp_explore("asserts", assert_one, &i, &how, &explored), QP_FAILED);
        assert_non_null(strstr(explored.report, said[i]));
        assert_non_null(strstr(explored.report, "test_explored.c:"));
        unlink(explored.trace);
        qp_explored_end(&explored);
    }
}

static void test_assertion(void **state)
{
    (void)state;
    qp_assert_explored(naps, NULL);
    qp_assert_explored_with(naps, NULL, .runs = 20, .cancel = QP_CANCEL_EACH, .bears = QP_FAULT_CANCEL);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_fails),  cmocka_unit_test(test_all_there_are),
        cmocka_unit_test(test_an_order_fails), cmocka_unit_test(test_a_contract_is_broken),
        cmocka_unit_test(test_bad_input),      cmocka_unit_test(test_assertions_inside),
        cmocka_unit_test(test_assertion),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
