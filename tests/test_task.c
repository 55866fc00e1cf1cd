/*
 * Tasks: spawn, join, abort at each moment, detach, results, panics, what a task owns, blocking work, yield, shutdown.
 *
 * State: the story, the words that the program under test noted, in order; and how many counted values were dropped.
 * Every program opens with begin(). Inside tasks QP_ASSERT speaks, outside cmocka does.
 */
#include "tests/child.h"
#include "tests/support.h"
#include <stdio.h>
#include <string.h>

static char story[512];
static int drops;

static void begin(void)
{
    story[0] = '\0';
    drops = 0;
}

static void note(const char *word)
{
    size_t length = strlen(story);
    snprintf(story + length, sizeof story - length, "%s%s", length ? " " : "", word);
}

static void note_word(void *word)
{
    note(word);
}

static void story_is(const struct qp_site *site, const char *expected)
{
    if (strcmp(story, expected) != 0)
        qp_fail(site, "the story is \"%s\" and not \"%s\"", story, expected);
}
#define STORY(expected) story_is(QP_SITE("story"), (expected))

static void message_is(const struct qp_site *site, const char *expected)
{
    if (strcmp(qp_error_message(), expected) != 0)
        qp_fail(site, "the message is '%s' and not '%s'", qp_error_message(), expected);
}
#define MESSAGE(expected) message_is(QP_SITE("message"), (expected))

static void drop_counted(void *value)
{
    (void)value;
    drops++;
}
static const struct qp_type counted = QP_TYPE_DROP(int, drop_counted);

/* A value that notes itself when it is dropped. */
static void drop_word(void *value)
{
    note(*(char **)value);
}
static const struct qp_type word_type = QP_TYPE_DROP(char *, drop_word);

/* First come, first served: each choice is the first alternative. */
static struct qp_sim sim;
static struct qp_sim_result result;

static void run_in_order(qp_async_fn function, void *arg)
{
    struct qp_replay_strategy replay;
    struct qp_sim_config config = {.strategy = &replay.strategy};
    qp_replay_strategy_init(&replay, NULL, 0);
    qp_sim_run(&sim, &config, function, arg, &result);
    if (result.outcome != QP_OK || result.leaked)
        fail_msg("it ended as %s: %s (%zu bytes leaked)", qp_status_name(result.outcome), result.report, result.leaked);
}

/* Cancels whoever it may be at each moment in turn. Each run gives every byte back. Returns how many moments there are.
 */
static uint64_t run_every_cancellation(qp_async_fn function, void *arg, void (*check)(void))
{
    struct qp_random_strategy random;
    struct qp_cancel_strategy cancel;
    struct qp_sim_config config = {.strategy = &cancel.strategy, .faults = 1u << QP_CHOICE_CANCEL};
    uint64_t at, moments = 0;
    qp_random_strategy_init(&random);
    for (at = 0; at <= moments; at++) {
        qp_cancel_strategy_init(&cancel, &random.strategy, at);
        qp_sim_run(&sim, &config, function, arg, &result);
        if ((result.outcome != QP_OK && result.outcome != QP_CANCELLED) || result.leaked)
            fail_msg("cancelled at moment %llu it ended as %s: %s (%zu bytes leaked)", (unsigned long long)at,
                     qp_status_name(result.outcome), result.report, result.leaked);
        check();
        if (at == 0)
            moments = cancel.moments; /* without any cancellation */
    }
    return moments;
}

/* ---- spawning ---- */

static void noting(void *word)
{
    note(word);
}

static void spawn_queues(void *arg)
{
    struct qp_handle first, second;
    (void)arg;
    begin();
    first = qp_spawn(noting, "first");
    second = qp_spawn(noting, "second");
    QP_ASSERT_EQ(first.id, 2);
    QP_ASSERT_EQ(second.id, 3);
    note("main");
    QP_ASSERT_EQ(qp_await(qp_join(&first, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&second, NULL)), QP_OK);
}

static void in_order_after_main(void *arg)
{
    spawn_queues(arg);
    STORY("main first second");
}

static void main_first(void *arg)
{
    spawn_queues(arg);
    QP_ASSERT(strncmp(story, "main ", 5) == 0);
}

static void test_spawn_runs_nothing_before_the_spawner_suspends(void **state)
{
    (void)state;
    run_in_order(in_order_after_main, NULL);
    run_seeds(main_first, NULL, 20);
}

static void who(void *arg)
{
    snprintf(arg, 64, "%d %s", (int)qp_task_id(), qp_task_name());
}

static void renamed(void *arg)
{
    qp_task_rename("first %d", 1);
    QP_ASSERT(strcmp(qp_task_name(), "first 1") == 0);
    qp_task_rename("%s", "a name of more than thirty-one bytes");
    strcpy(arg, qp_task_name());
}

static void named(void *arg)
{
    struct qp_task_options options = {.name = "by hand"}, none = {.name = NULL};
    struct qp_handle handle;
    char text[64];
    (void)arg;
    QP_ASSERT_EQ(qp_task_id(), 1);
    QP_ASSERT(strcmp(qp_task_name(), "main") == 0);
    handle = qp_spawn(who, text);
    qp_await(qp_join(&handle, NULL));
    QP_ASSERT(strcmp(text, "2 who") == 0);
    handle = qp_spawn_with(who, text, &options);
    qp_await(qp_join(&handle, NULL));
    QP_ASSERT(strcmp(text, "3 by hand") == 0);
    handle = qp_spawn_with(who, text, &none);
    qp_await(qp_join(&handle, NULL));
    QP_ASSERT(strcmp(text, "4 task") == 0);
    handle = qp_spawn_with(who, text, NULL);
    qp_await(qp_join(&handle, NULL));
    QP_ASSERT(strcmp(text, "5 task") == 0);
    handle = qp_spawn(renamed, text);
    qp_await(qp_join(&handle, NULL));
    QP_ASSERT(strcmp(text, "a name of more than thirty-one ") == 0);
}

static void test_numbers_and_names(void **state)
{
    (void)state;
    run_seeds(named, NULL, 5);
    assert_int_equal(qp_task_id(), 0);
    assert_string_equal(qp_task_name(), "");
    qp_task_rename("nobody");
    assert_string_equal(qp_task_name(), "");
}

/* ---- joining ---- */

static void give_seven(void *arg)
{
    int seven = 7;
    (void)arg;
    qp_await(qp_yield());
    qp_return(&seven);
}

static void give_twice(void *arg)
{
    int first = 1, second = 2;
    (void)arg;
    qp_return(&first);
    QP_ASSERT_EQ(drops, 0);
    qp_return(&second);
    QP_ASSERT_EQ(drops, 1);
}

static void give_nothing(void *arg)
{
    (void)arg;
}

static void give_then_panic(void *arg)
{
    give_seven(arg);
    qp_panic("after all");
}

static const struct qp_task_options gives_counted = {.name = "giver", .result = &counted};

static void results(void *arg)
{
    struct qp_handle handle;
    int value = 0;
    (void)arg;
    begin();
    handle = qp_spawn_with(give_seven, NULL, &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_OK);
    QP_ASSERT_EQ(value, 7);
    QP_ASSERT(handle.task == NULL);
    handle = qp_spawn_with(give_twice, NULL, &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_OK);
    QP_ASSERT_EQ(value, 2);
    handle = qp_spawn_with(give_nothing, NULL, &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_OK);
    QP_ASSERT_EQ(value, 2); /* untouched */
    QP_ASSERT_EQ(drops, 1);
    handle = qp_spawn_with(give_seven, NULL, &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(drops, 2); /* nobody wanted it */
    handle = qp_spawn_with(give_then_panic, NULL, &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_PANICKED);
    QP_ASSERT_EQ(value, 2);
    QP_ASSERT_EQ(drops, 3);
}

static void test_results_have_one_owner(void **state)
{
    (void)state;
    run_seeds(results, NULL, 20);
}

static void signal_only(void *arg)
{
    (void)arg;
    qp_return(NULL);
}

static void result_without_bytes(void *arg)
{
    static const struct qp_task_options options = {.result = &qp_nothing};
    struct qp_handle handle = qp_spawn_with(signal_only, NULL, &options);
    (void)arg;
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    handle = qp_spawn_blocking_with(signal_only, NULL, &options);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
}

static void test_a_result_may_have_no_bytes(void **state)
{
    (void)state;
    run_seeds(result_without_bytes, NULL, 3);
}

static void panicking(void *arg)
{
    qp_panic("boom %d", *(int *)arg);
}

static void sleeping(void *arg)
{
    (void)arg;
    qp_await(qp_sleep(1e6));
    QP_ASSERT(false);
}

static void long_panic(void *arg)
{
    qp_panic("%s", (const char *)arg);
}

static void join_errors(void *arg)
{
    struct qp_handle handle;
    char text[256], expected[300];
    int seven = 7;
    (void)arg;
    begin();
    handle = qp_spawn(panicking, &seven);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_PANICKED);
    MESSAGE("task 2 panicked with message \"boom 7\"");
    handle = qp_spawn(sleeping, NULL);
    qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    MESSAGE("task 3 was cancelled");
    memset(text, 'x', 255);
    text[255] = '\0';
    handle = qp_spawn(long_panic, text);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_PANICKED);
    snprintf(expected, sizeof expected, "task 4 panicked with message \"%s\"", text);
    MESSAGE(expected);
    handle = qp_spawn_blocking(long_panic, text);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_PANICKED);
    snprintf(expected, sizeof expected, "task 5 panicked with message \"%s\"", text);
    MESSAGE(expected);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(1, qp_sleep_ms(2))), QP_TIMEOUT);
    MESSAGE("operation timed out");
}

static void test_join_errors_to_the_letter(void **state)
{
    (void)state;
    run_seeds(join_errors, NULL, 20);
    assert_string_equal(qp_status_text(QP_CANCELLED), "task was cancelled");
    assert_string_equal(qp_status_text(QP_PANICKED), "task panicked");
}

static void without_a_stack(void *arg)
{
    static const struct qp_task_options options = {.stack_size = SIZE_MAX, .drop = note_word};
    struct qp_handle handle;
    (void)arg;
    begin();
    handle = qp_spawn_with(sleeping, "released", &options);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_NOMEM);
    MESSAGE("out of memory");
    STORY("released");
}

static void test_join_of_a_task_that_got_no_stack(void **state)
{
    (void)state;
    run_seeds(without_a_stack, NULL, 3);
}

static void panicking_main(void *arg)
{
    QP_ASSERT_EQ(qp_defer(note_word, "released"), QP_OK);
    panicking(arg);
}

static void test_a_panic_in_main_is_the_end(void **state)
{
    int three = 3;
    (void)state;
    begin();
    run_seed(panicking_main, &three, 0);
    run_expecting(panicking_main, &three, QP_PANICKED, "main panicked with message \"boom 3\"");
}

/* ---- what a task owns ---- */

enum ending { RETURNS, PANICS, IS_CANCELLED };

static void give_word(void *arg)
{
    char *word = "result";
    (void)arg;
    qp_return(&word);
}

/* Acquires things of each kind, and ends in some way. */
static void owner(void *arg)
{
    static const struct qp_task_options gives_word = {.result = &word_type};
    enum ending ending = *(enum ending *)arg;
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_mutex *mutex;
    struct qp_guard guard;
    struct qp_handle handle;
    char *mutex_word = "mutex", *channel_word = "channel";
    QP_ASSERT_EQ(qp_defer(note_word, "first"), QP_OK);
    mutex = qp_mutex_create(NULL, &word_type, &mutex_word);
    qp_await(qp_lock(mutex, &guard));
    QP_ASSERT_EQ(qp_defer(note_word, "second"), QP_OK);
    QP_ASSERT_EQ(qp_channel_create(&word_type, 1, &tx, &rx), QP_OK);
    qp_await(qp_send(tx, &channel_word));
    handle = qp_spawn_with(give_word, NULL, &gives_word);
    QP_ASSERT_EQ(qp_defer(note_word, "third"), QP_OK);
    while (!qp_is_finished(&handle))
        qp_await(qp_yield());
    note("|");
    if (ending == PANICS)
        qp_panic("no more");
    if (ending == IS_CANCELLED)
        qp_await(qp_sleep(1e6));
}

static void own_and_end(void *arg)
{
    enum ending ending = *(enum ending *)arg;
    struct qp_task_options options = {.drop = note_word};
    struct qp_handle handle;
    (void)arg;
    begin();
    options.drop = NULL;
    handle = qp_spawn_with(owner, &ending, &options);
    qp_await(qp_sleep_ms(1));
    qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), ending == RETURNS  ? QP_OK
                                                   : ending == PANICS ? QP_PANICKED
                                                                      : QP_CANCELLED);
    STORY("| third result channel second mutex first"); /* all of it is gone before the join is ready */
}

static void test_owned_things_go_in_reverse_order(void **state)
{
    enum ending ending;
    (void)state;
    for (ending = RETURNS; ending <= IS_CANCELLED; ending++)
        run_seeds(own_and_end, &ending, 10);
}

static void with_argument(void *arg)
{
    enum ending ending = RETURNS;
    QP_ASSERT_EQ(qp_defer(note_word, "body"), QP_OK);
    if (strcmp(arg, "panics") == 0)
        ending = PANICS;
    else if (strcmp(arg, "waits") == 0)
        ending = IS_CANCELLED;
    if (ending == PANICS)
        qp_panic("no more");
    if (ending == IS_CANCELLED)
        qp_await(qp_sleep(1e6));
}

static void captured_arguments(void *arg)
{
    static const struct qp_task_options options = {.drop = note_word};
    struct qp_handle handle;
    (void)arg;
    begin();
    handle = qp_spawn_with(with_argument, "returns", &options);
    qp_await(qp_join(&handle, NULL));
    handle = qp_spawn_with(with_argument, "panics", &options);
    qp_await(qp_join(&handle, NULL));
    handle = qp_spawn_with(with_argument, "waits", &options);
    qp_await(qp_sleep_ms(1));
    qp_abort(&handle);
    qp_await(qp_join(&handle, NULL));
    STORY("body returns body panics body waits");
    handle = qp_spawn_with(with_argument, "never", &options);
    qp_abort(&handle);
    qp_await(qp_join(&handle, NULL));
    STORY("body returns body panics body waits never");
}

static void test_a_captured_argument_goes_last_and_once(void **state)
{
    (void)state;
    run_seeds(captured_arguments, NULL, 20);
}

/* What is acquired while the rest is released is released too. */
static void defer_another(void *arg)
{
    (void)arg;
    note("outer");
    QP_ASSERT_EQ(qp_defer(note_word, "late"), QP_OK);
}

static void deferring(void *arg)
{
    (void)arg;
    QP_ASSERT_EQ(qp_defer(note_word, "last"), QP_OK);
    QP_ASSERT_EQ(qp_defer(defer_another, NULL), QP_OK);
}

static void acquired_while_releasing(void *arg)
{
    struct qp_handle handle;
    (void)arg;
    begin();
    handle = qp_spawn(deferring, NULL);
    qp_await(qp_join(&handle, NULL));
    STORY("outer late last");
}

static void test_what_is_acquired_meanwhile_is_released_too(void **state)
{
    (void)state;
    run_seeds(acquired_while_releasing, NULL, 5);
}

static void wait_for_ever(void *arg)
{
    QP_ASSERT_EQ(qp_defer(note_word, arg), QP_OK);
    qp_await(qp_sleep(1e6));
}

static void joins_given(void *arg)
{
    struct qp_handle *handle = arg;
    int value = 0;
    QP_ASSERT_EQ(qp_await(qp_join(handle, &value)), QP_OK);
    QP_ASSERT_EQ(value, 7);
    note("joined");
}

struct two_handles {
    struct qp_handle giver, taker;
};

static void spawns_and_gives(void *arg)
{
    struct two_handles *handles = arg;
    handles->giver = qp_spawn_with(give_seven, NULL, &gives_counted);
    handles->taker = qp_spawn(joins_given, &handles->giver);
    qp_handle_give(&handles->giver, &handles->taker);
    qp_handle_drop(&handles->taker);
}

static void given_handles(void *arg)
{
    struct two_handles handles;
    struct qp_handle parent, child;
    (void)arg;
    begin();
    parent = qp_spawn(spawns_and_gives, &handles);
    QP_ASSERT_EQ(qp_await(qp_join(&parent, NULL)), QP_OK);
    qp_await(qp_sleep_ms(1));
    STORY("joined");
    QP_ASSERT_EQ(drops, 0);
    /* Its new owner ends without using it: then it is dropped, and not before. */
    child = qp_spawn_with(give_seven, NULL, &gives_counted);
    parent = qp_spawn(wait_for_ever, "owner");
    qp_handle_give(&child, &parent);
    qp_await(qp_sleep_ms(1));
    QP_ASSERT_EQ(drops, 0);
    qp_abort(&parent);
    qp_await(qp_join(&parent, NULL));
    QP_ASSERT_EQ(drops, 1);
}

static void test_a_handle_may_be_given_away(void **state)
{
    (void)state;
    run_seeds(given_handles, NULL, 20);
}

static void has_itself(void *arg)
{
    qp_await(qp_sleep_ms(1));
    give_seven(arg);
}

static void given_to_itself(void *arg)
{
    struct qp_handle handle;
    (void)arg;
    begin();
    handle = qp_spawn_with(has_itself, NULL, &gives_counted);
    qp_handle_give(&handle, &handle);
    qp_await(qp_sleep_ms(2));
    QP_ASSERT_EQ(drops, 1);
}

static void test_a_task_may_own_its_own_handle(void **state)
{
    (void)state;
    run_seeds(given_to_itself, NULL, 10);
}

/* ---- abort, at each moment ---- */

static void abort_before_start(void *arg)
{
    static const struct qp_task_options options = {.drop = note_word};
    struct qp_handle inner = qp_spawn_with(give_seven, NULL, &gives_counted);
    struct qp_handle handle = qp_spawn_with(noting, "released", &options);
    (void)arg;
    begin();
    qp_handle_give(&inner, &handle);
    qp_abort(&handle);
    qp_abort(&handle);
    STORY("");
    QP_ASSERT(!qp_is_finished(&handle));
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    STORY("released"); /* its body would have noted the same word once more */
    qp_await(qp_sleep_ms(1));
    QP_ASSERT_EQ(drops, 1); /* what had been given to it */
}

static void test_abort_before_the_start(void **state)
{
    (void)state;
    run_seeds(abort_before_start, NULL, 20);
}

static void abort_suspended(void *arg)
{
    struct qp_handle handle = qp_spawn(wait_for_ever, "released");
    (void)arg;
    begin();
    qp_await(qp_sleep_ms(1));
    qp_abort(&handle);
    qp_abort(&handle);
    STORY(""); /* not inside the call */
    QP_ASSERT(!qp_is_finished(&handle));
    while (!qp_is_finished(&handle))
        qp_await(qp_yield());
    STORY("released");
    qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    MESSAGE("task 2 was cancelled");
}

static void test_abort_while_suspended(void **state)
{
    (void)state;
    run_seeds(abort_suspended, NULL, 20);
}

/* A permit was handed to the task, which has not run: aborted, it passes the permit on. */
static void takes_permit(void *arg)
{
    struct qp_semaphore_permit permit;
    qp_await(qp_acquire(arg, &permit));
    note("got it");
}

static void abort_woken(void *arg)
{
    struct qp_semaphore *semaphore = qp_semaphore_create(NULL, 0);
    struct qp_handle first = qp_spawn(takes_permit, semaphore), second = qp_spawn(takes_permit, semaphore);
    (void)arg;
    begin();
    qp_await(qp_sleep_ms(1));
    qp_add_permits(semaphore, 1);
    qp_abort(&first);
    QP_ASSERT_EQ(qp_await(qp_join(&first, NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_join(&second, NULL)), QP_OK);
    STORY("got it");
    QP_ASSERT_EQ(qp_available_permits(semaphore), 1);
}

static void test_abort_after_the_wake_up(void **state)
{
    (void)state;
    run_in_order(abort_woken, NULL);
}

static void aborts_itself_and_returns(void *arg)
{
    qp_abort(arg);
    qp_abort(arg);
    note("goes on");
    qp_return(&(int){5});
}

static void aborts_itself_and_waits(void *arg)
{
    struct qp_semaphore_permit permit;
    struct qp_semaphore *free = qp_semaphore_create(NULL, 1);
    qp_abort(arg);
    QP_ASSERT_EQ(qp_await(qp_acquire(free, &permit)), QP_OK); /* ready at once: this poll goes on */
    note("goes on");
    qp_await(qp_yield());
    QP_ASSERT(false);
}

static void abort_running(void *arg)
{
    struct qp_handle handle, copy;
    int value = 0;
    (void)arg;
    begin();
    handle = qp_spawn_with(aborts_itself_and_returns, &copy, &gives_counted);
    copy = handle;
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_OK);
    QP_ASSERT_EQ(value, 5); /* the value wins */
    handle = qp_spawn(aborts_itself_and_waits, &copy);
    copy = handle;
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    STORY("goes on goes on");
}

static void test_abort_while_it_is_polled(void **state)
{
    (void)state;
    run_seeds(abort_running, NULL, 10);
}

static void abort_finished(void *arg)
{
    struct qp_handle handle = qp_spawn_with(give_seven, NULL, &gives_counted), copy = handle;
    int value = 0;
    (void)arg;
    begin();
    qp_await(qp_sleep_ms(1));
    QP_ASSERT(qp_is_finished(&handle));
    qp_abort(&handle);
    qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_OK);
    QP_ASSERT_EQ(value, 7);
    qp_abort(&copy); /* the task is no more, and its memory may be another's */
    handle = qp_spawn_with(give_seven, NULL, &gives_counted);
    qp_abort(&copy);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_OK);
    qp_abort(&handle); /* empty */
}

static void test_abort_after_completion(void **state)
{
    (void)state;
    run_seeds(abort_finished, NULL, 20);
}

static void aborts_its_task(void *arg)
{
    qp_abort(arg);
    note("aborted in release");
}

static void aborts_at_its_end(void *arg)
{
    QP_ASSERT_EQ(qp_defer(aborts_its_task, arg), QP_OK);
    qp_return(&(int){6});
}

static void abort_while_released(void *arg)
{
    struct qp_handle handle, copy;
    int value = 0;
    (void)arg;
    begin();
    handle = qp_spawn_with(aborts_at_its_end, &copy, &gives_counted);
    copy = handle;
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_OK);
    QP_ASSERT_EQ(value, 6);
    STORY("aborted in release");
}

static void test_abort_while_it_is_released(void **state)
{
    (void)state;
    run_seeds(abort_while_released, NULL, 5);
}

static void aborts(void *arg)
{
    qp_abort(arg);
}

static void abort_while_joined(void *arg)
{
    struct qp_handle handle = qp_spawn(wait_for_ever, "released"), copy = handle, other;
    (void)arg;
    begin();
    other = qp_spawn(aborts, &copy);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    qp_await(qp_join(&other, NULL));
    QP_ASSERT(!qp_is_finished(&copy));
}

static void test_abort_by_a_copy_while_another_joins(void **state)
{
    (void)state;
    run_seeds(abort_while_joined, NULL, 20);
}

/* ---- detaching, and whether it is over ---- */

static void notes_later(void *arg)
{
    qp_await(qp_sleep_ms(1));
    note(arg);
    qp_return(&(int){1});
}

static void spawns_and_leaves(void *arg)
{
    (void)arg;
    qp_spawn_with(notes_later, "scope", &gives_counted);
}

static void detached(void *arg)
{
    struct qp_handle handle = qp_spawn_with(notes_later, "dropped", &gives_counted), copy = handle;
    struct qp_join_future join;
    (void)arg;
    begin();
    qp_handle_drop(&handle);
    qp_handle_drop(&handle); /* empty */
    qp_handle_drop(&copy);   /* used: nothing */
    QP_ASSERT(!qp_is_finished(&copy));
    qp_await(qp_sleep_ms(2));
    STORY("dropped"); /* it went on */
    QP_ASSERT_EQ(drops, 1);

    handle = qp_spawn(spawns_and_leaves, NULL);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    qp_await(qp_sleep_ms(2));
    STORY("dropped scope");
    QP_ASSERT_EQ(drops, 2);

    handle = qp_spawn_with(notes_later, "never polled", &gives_counted);
    qp_future_drop(qp_join_init(&join, &handle, NULL));
    qp_await(qp_sleep_ms(2));
    QP_ASSERT_EQ(drops, 3);

    handle = qp_spawn_with(notes_later, "given up", &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(0, qp_join(&handle, NULL))), QP_TIMEOUT);
    QP_ASSERT(handle.task == NULL);
    qp_await(qp_sleep_ms(2));
    STORY("dropped scope never polled given up");
    QP_ASSERT_EQ(drops, 4);

    handle = qp_spawn_with(give_seven, NULL, &gives_counted);
    qp_await(qp_sleep_ms(1));
    QP_ASSERT_EQ(drops, 4);
    qp_handle_drop(&handle); /* the result is there already */
    QP_ASSERT_EQ(drops, 5);
}

static void test_dropping_the_handle_detaches(void **state)
{
    (void)state;
    run_seeds(detached, NULL, 20);
}

static void finished(void *arg)
{
    struct qp_handle handle = {NULL, 0};
    int seven = 7;
    (void)arg;
    QP_ASSERT(!qp_is_finished(&handle));
    handle = qp_spawn(give_nothing, NULL);
    QP_ASSERT(!qp_is_finished(&handle));
    qp_await(qp_sleep_ms(1));
    QP_ASSERT(qp_is_finished(&handle));
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT(!qp_is_finished(&handle));
    handle = qp_spawn(panicking, &seven);
    qp_await(qp_sleep_ms(1));
    QP_ASSERT(qp_is_finished(&handle));
    qp_handle_drop(&handle);
    handle = qp_spawn_blocking(give_nothing, NULL);
    QP_ASSERT(!qp_is_finished(&handle));
    qp_await(qp_sleep_ms(1));
    QP_ASSERT(qp_is_finished(&handle));
}

static void test_is_finished(void **state)
{
    (void)state;
    run_seeds(finished, NULL, 20);
}

/* ---- panics ---- */

static void panic_alone(void *arg)
{
    struct qp_mutex *mutex = qp_mutex_create(NULL, &qp_int, &(int){1});
    struct qp_handle handle;
    struct qp_guard guard;
    int one = 1;
    (void)arg;
    begin();
    handle = qp_spawn(panicking, &one);
    qp_await(qp_lock(mutex, &guard));
    qp_await(qp_sleep_ms(1));
    QP_ASSERT(qp_is_finished(&handle));
    note("untouched");
    QP_ASSERT_EQ(*(int *)qp_guard_value(&guard), 1);
    qp_handle_drop(&handle); /* nobody ever asks for the message */
}

static void test_a_panic_ends_that_task_alone(void **state)
{
    (void)state;
    run_seeds(panic_alone, NULL, 10);
    assert_string_equal(story, "untouched");
}

static void panics_when_released(void *arg)
{
    (void)arg;
    qp_panic("in release");
}

static void releases_badly(void *arg)
{
    (void)arg;
    QP_ASSERT_EQ(qp_defer(note_word, "first"), QP_OK);
    QP_ASSERT_EQ(qp_defer(panics_when_released, NULL), QP_OK);
    QP_ASSERT_EQ(qp_defer(note_word, "last"), QP_OK);
    qp_await(qp_sleep_ms(10));
}

static void bad_release(void *arg)
{
    struct qp_handle handle;
    (void)arg;
    begin();
    handle = qp_spawn(releases_badly, NULL);
    qp_await(qp_join(&handle, NULL));
}

static void test_a_panic_while_released_is_misuse(void **state)
{
    (void)state;
    run_expecting(bad_release, NULL, QP_MISUSE, "task 2 'releases_badly' panicked while it was being released, at ");
    run_expecting(bad_release, NULL, QP_MISUSE, ": in release");
    assert_string_equal(story, "last first"); /* the rest is released all the same */
    assert_int_equal(run_seed(bad_release, NULL, 0)->leaked, 0);
}

/* The same of one that is cancelled while another waits for its end; from a stack with much room, and with little. */
static void aborts_bad_release(void *arg)
{
    struct qp_handle handle = qp_spawn(releases_badly, NULL);
    (void)arg;
    qp_await(qp_sleep_ms(5));
    qp_abort(&handle);
    qp_await(qp_join(&handle, NULL));
    QP_ASSERT(false);
}

static void bad_cancellation(void *arg)
{
    struct qp_task_options options = {.name = "aborts", .stack_size = *(const size_t *)arg};
    struct qp_handle handle;
    begin();
    handle = qp_spawn_with(aborts_bad_release, NULL, &options);
    qp_await(qp_join(&handle, NULL));
}

static void test_a_panic_while_cancelled_is_misuse(void **state)
{
    static size_t sizes[] = {0, (size_t)16 * 1024};
    size_t i;
    (void)state;
    for (i = 0; i < 2; i++) {
        run_expecting(bad_cancellation, &sizes[i], QP_MISUSE, "'releases_badly' panicked while it was being released");
        assert_string_equal(story, "last first");
        assert_int_equal(run_seed(bad_cancellation, &sizes[i], 0)->leaked, 0);
    }
}

/* The same in a function that was awaited in place: at its end, and when it is dropped. */
static void awaits_bad_release(void *arg)
{
    bool in_time = *(bool *)arg;
    begin();
    QP_ASSERT_EQ(qp_defer(note_word, "outer"), QP_OK);
    if (in_time)
        qp_await(qp_async(releases_badly, NULL));
    else
        qp_await(qp_timeout_ms(0, qp_async(releases_badly, NULL)));
    QP_ASSERT(false);
}

static void test_a_panic_while_a_part_is_released_is_misuse(void **state)
{
    bool in_time;
    (void)state;
    for (in_time = false;; in_time = true) {
        run_expecting(awaits_bad_release, &in_time, QP_MISUSE, "panicked while it was being released");
        assert_string_equal(story, "last first outer");
        assert_int_equal(run_seed(awaits_bad_release, &in_time, 0)->leaked, 0);
        if (in_time)
            break;
    }
}

/* ---- yield ---- */

static void yields(void *arg)
{
    qp_await(qp_yield());
    note(arg);
}

static void yield_once(void *arg)
{
    struct qp_handle first, second;
    (void)arg;
    begin();
    first = qp_spawn(yields, "first");
    second = qp_spawn(noting, "second");
    qp_await(qp_yield());
    note("main");
    qp_await(qp_join(&first, NULL));
    qp_await(qp_join(&second, NULL));
    STORY("second main first"); /* each goes behind those that were ready */
}

static void yield_by_hand(void *arg)
{
    struct counting_waker waker;
    struct qp_yield_future yield;
    (void)arg;
    counting_waker_init(&waker);
    qp_yield_init(&yield);
    QP_ASSERT_EQ(qp_future_poll(&yield.future, &waker.waker), QP_PENDING);
    QP_ASSERT_EQ(waker.wakes, 1);
    QP_ASSERT_EQ(qp_future_poll(&yield.future, &waker.waker), QP_OK);
    QP_ASSERT_EQ(waker.wakes, 1);
}

static void count_steps(void *arg)
{
    (void)arg;
    qp_await(qp_yield());
    qp_await(qp_yield());
    qp_await(qp_yield());
}

static void test_yield_suspends_exactly_once(void **state)
{
    (void)state;
    run_in_order(yield_once, NULL);
    run_seeds(yield_by_hand, NULL, 2);
    assert_int_equal(run_seed(count_steps, NULL, 0)->steps, 4);
}

static void cancelled_at_yield(void *arg)
{
    struct qp_handle handle = qp_spawn(yields, "never");
    (void)arg;
    begin();
    qp_await(qp_yield());
    qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    STORY("");
}

static void test_yield_may_be_cancelled(void **state)
{
    (void)state;
    run_in_order(cancelled_at_yield, NULL);
}

/* ---- blocking work ---- */

static void blocks_for_ten_ms(void *arg)
{
    qp_blocking_takes_ms(4);
    qp_blocking_takes_ms(-1); /* counts as zero */
    qp_blocking_takes_ms(6);
    note(arg);
    qp_return(&(int){3});
    qp_return(&(int){4}); /* in its place */
}

static void blocks_for_no_time(void *arg)
{
    note(arg);
}

static void blocking_and_the_clock(void *arg)
{
    struct qp_handle handle;
    int value = 0;
    (void)arg;
    begin();
    handle = qp_spawn_blocking(blocks_for_no_time, "at once");
    STORY("");
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_now(), 0); /* the clock stands still */
    handle = qp_spawn_blocking_with(blocks_for_ten_ms, "later", &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_OK);
    QP_ASSERT_EQ(value, 4);
    QP_ASSERT_EQ(drops, 1);
    QP_ASSERT_EQ(qp_now(), qp_milliseconds(10));
    STORY("at once later");
}

static void test_blocking_work_and_the_clock(void **state)
{
    (void)state;
    run_seeds(blocking_and_the_clock, NULL, 20);
}

static void blocking_queued_abort(void *arg)
{
    static const struct qp_task_options options = {.drop = note_word};
    struct qp_handle handle = qp_spawn_blocking_with(blocks_for_no_time, "released", &options);
    (void)arg;
    begin();
    qp_abort(&handle);
    qp_abort(&handle);
    STORY("");
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    MESSAGE("task 2 was cancelled");
    STORY("released"); /* it did not run */
}

static void test_blocking_work_that_is_queued_is_prevented(void **state)
{
    (void)state;
    run_seeds(blocking_queued_abort, NULL, 20);
}

static void blocking_started_abort(void *arg)
{
    struct qp_handle handle = qp_spawn_blocking_with(blocks_for_ten_ms, "ran", &gives_counted);
    int value = 0;
    (void)arg;
    begin();
    qp_await(qp_sleep_ms(1));
    STORY("ran");
    qp_abort(&handle);
    qp_abort(&handle);
    QP_ASSERT(!qp_is_finished(&handle));
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_OK);
    QP_ASSERT_EQ(value, 4);
    QP_ASSERT_EQ(qp_now(), qp_milliseconds(10));
}

static void test_blocking_work_that_has_started_finishes(void **state)
{
    (void)state;
    run_seeds(blocking_started_abort, NULL, 20);
}

static void blocks_and_panics(void *arg)
{
    qp_return(&(int){3});
    qp_panic("blocking %s", (const char *)arg);
}

static void blocking_panic(void *arg)
{
    struct qp_handle handle;
    int value = 9;
    (void)arg;
    begin();
    handle = qp_spawn_blocking_with(blocks_and_panics, "boom", &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_PANICKED);
    MESSAGE("task 2 panicked with message \"blocking boom\"");
    QP_ASSERT_EQ(value, 9);
    QP_ASSERT_EQ(drops, 1);
    handle = qp_spawn_blocking_with(blocks_for_ten_ms, "detached", &gives_counted);
    qp_handle_drop(&handle);
    qp_await(qp_sleep_ms(11));
    STORY("detached");
    QP_ASSERT_EQ(drops, 3);
}

static void test_blocking_panic_and_detach(void **state)
{
    (void)state;
    run_seeds(blocking_panic, NULL, 20);
}

static void blocking_awaits(void *arg)
{
    (void)arg;
    qp_await(qp_yield());
}

static void blocking_spawns(void *arg)
{
    (void)arg;
    qp_spawn(noting, "never");
}

static void blocking_asserts(void *arg)
{
    QP_ASSERT(arg != NULL);
}

static void run_blocking(void *arg)
{
    void (*const *function)(void *arg) = arg;
    static const struct qp_task_options options = {.name = "work", .drop = note_word, .result = &counted};
    struct qp_handle handle;
    begin();
    handle = qp_spawn_blocking_with(*function, NULL, &(struct qp_task_options){.name = options.name});
    qp_spawn(wait_for_ever, "other");
    qp_await(qp_join(&handle, NULL));
}

static void test_blocking_work_that_breaks_a_rule_ends_the_run(void **state)
{
    void (*function)(void *arg) = blocking_awaits;
    (void)state;
    run_expecting(run_blocking, (void *)&function, QP_MISUSE,
                  "qp_await in task 2 'work' outside an async function with a stack, at ");
    function = blocking_spawns;
    run_expecting(run_blocking, (void *)&function, QP_MISUSE,
                  "qp_spawn in blocking work, task 2 'work': it runs off the executor");
    function = blocking_asserts;
    run_expecting(run_blocking, (void *)&function, QP_FAILED, "assertion failed: arg != NULL");
    assert_int_equal(run_seed(run_blocking, (void *)&function, 3)->leaked, 0);
}

static void takes_ms_outside(void *arg)
{
    (void)arg;
    qp_blocking_takes_ms(1);
}

static void test_takes_ms_is_for_blocking_work(void **state)
{
    (void)state;
    run_expecting(takes_ms_outside, NULL, QP_MISUSE, "qp_blocking_takes_ms outside blocking work, in task 1 'main'");
}

/* ---- shutdown ---- */

struct lent {
    char *word;
};

static void note_lent(void *arg)
{
    note(((struct lent *)arg)->word);
}

/* Uses what it was lent to the end. */
static void borrower(void *arg)
{
    QP_ASSERT_EQ(qp_defer(note_lent, arg), QP_OK);
    qp_await(qp_sleep(1e6));
}

static void outlives(void *arg)
{
    static const struct qp_task_options drop_only = {.drop = note_word, .result = &counted};
    static struct lent first = {"first"}, second = {"second"};
    begin();
    QP_ASSERT_EQ(qp_defer(note_word, "main's own"), QP_OK);
    qp_spawn(borrower, &first);
    qp_spawn(borrower, &second);
    qp_spawn_blocking_with(blocks_for_ten_ms, "started", &drop_only);
    qp_await(qp_sleep_ms(1));
    STORY("started");
    qp_spawn_blocking_with(blocks_for_no_time, "queued", &drop_only);
    qp_spawn_with(noting, "not begun", &drop_only);
    note("|");
    if (arg)
        qp_panic("at the end");
}

static void test_main_outlives_its_tasks(void **state)
{
    static const char *expected = "started | first second started queued not begun main's own";
    (void)state;
    run_seeds(outlives, NULL, 20);
    assert_string_equal(story, expected);
    assert_int_equal(drops, 2);
    run_expecting(outlives, "panic", QP_PANICKED, "at the end");
    assert_string_equal(story, expected);
    assert_int_equal(result.leaked, 0);
}

/* What tasks spawn while they are dropped is dropped too. */
static void spawn_again(void *arg)
{
    static const struct qp_task_options options = {.drop = note_word};
    (void)arg;
    qp_spawn_with(noting, "late", &options);
}

static void spawner_at_end(void *arg)
{
    (void)arg;
    QP_ASSERT_EQ(qp_defer(spawn_again, NULL), QP_OK);
    qp_await(qp_sleep(1e6));
}

static void spawned_at_shutdown(void *arg)
{
    int i;
    (void)arg;
    begin();
    for (i = 0; i < 20; i++)
        qp_spawn(spawner_at_end, NULL);
    qp_await(qp_sleep_ms(1));
}

static void test_tasks_spawned_at_shutdown_are_dropped(void **state)
{
    (void)state;
    run_seeds(spawned_at_shutdown, NULL, 3);
    assert_int_equal(strlen(story), 20 * 5 - 1);
}

/* ---- misuse ---- */

static void join_empty(void *arg)
{
    struct qp_handle handle = {NULL, 0};
    (void)arg;
    qp_await(qp_join(&handle, NULL));
}

static void join_twice(void *arg)
{
    struct qp_handle handle = qp_spawn(noting, "once");
    (void)arg;
    qp_await(qp_join(&handle, NULL));
    qp_await(qp_join(&handle, NULL));
}

static void join_copy_twice(void *arg)
{
    struct qp_handle handle = qp_spawn(noting, "once"), copy = handle;
    (void)arg;
    qp_await(qp_join(&handle, NULL));
    qp_await(qp_join(&copy, NULL));
}

static void joins(void *arg)
{
    qp_await(qp_join(arg, NULL));
}

/* Two tasks wait for one: the second is told, whichever that is. */
static void join_copy_meanwhile(void *arg)
{
    struct qp_handle handle = qp_spawn(wait_for_ever, "released"), copy = handle, other;
    (void)arg;
    other = qp_spawn(joins, &copy);
    qp_await(qp_join(&handle, NULL));
    qp_handle_drop(&other);
}

/* A copy of a handle that is being awaited is no handle to drop. */
static void drop_copy_meanwhile(void *arg)
{
    struct qp_handle handle = qp_spawn(yields, "went on"), copy = handle, other = handle;
    struct qp_join_future join;
    struct qp_future *future;
    (void)arg;
    begin();
    future = qp_join_init(&join, &handle, NULL);
    qp_handle_drop(&copy);
    QP_ASSERT(!qp_is_finished(&other));
    QP_ASSERT_EQ(qp_await(future), QP_OK);
    STORY("went on");
}

static void give_empty(void *arg)
{
    struct qp_handle handle = {NULL, 0}, other = qp_spawn(noting, "other");
    (void)arg;
    qp_handle_give(&handle, &other);
}

static void give_to_ended(void *arg)
{
    struct qp_handle ended = qp_spawn(noting, "ended"), other = qp_spawn(wait_for_ever, "other");
    (void)arg;
    qp_await(qp_sleep_ms(1));
    qp_handle_give(&other, &ended);
}

static void return_without_type(void *arg)
{
    (void)arg;
    qp_return(&(int){1});
}

static void awaits_in_release(void *arg)
{
    (void)arg;
    qp_await(qp_yield());
}

static void await_in_release(void *arg)
{
    (void)arg;
    QP_ASSERT_EQ(qp_defer(awaits_in_release, NULL), QP_OK);
}

static void await_nothing(void *arg)
{
    (void)arg;
    qp_await(NULL);
}

static void test_misuse_is_said(void **state)
{
    (void)state;
    run_expecting(join_empty, NULL, QP_MISUSE,
                  "join of an empty handle by task 1 'main': a handle can be awaited once");
    run_expecting(join_twice, NULL, QP_MISUSE,
                  "join of an empty handle (its task was joined or detached) by task 1 'main': a handle can be "
                  "awaited once");
    run_expecting(join_copy_twice, NULL, QP_MISUSE, "(its task was joined or detached) by task 1 'main'");
    run_expecting(join_copy_meanwhile, NULL, QP_MISUSE, "(its task was joined or detached) by task ");
    run_seeds(drop_copy_meanwhile, NULL, 5);
    run_expecting(give_empty, NULL, QP_MISUSE, "an empty handle is given away by task 1 'main'");
    run_expecting(give_to_ended, NULL, QP_MISUSE,
                  "a handle given to a task that has ended or is no task, by task 1 'main'");
    run_expecting(return_without_type, NULL, QP_MISUSE,
                  "qp_return in task 1 'main', which was spawned without a result type");
    run_expecting(await_in_release, NULL, QP_MISUSE, "await in a drop function of task 1 'main', at ");
    run_expecting(await_nothing, NULL, QP_MISUSE, "await of no future, at ");
}

static void panic_outside(void *arg)
{
    (void)arg;
    qp_panic("nowhere");
}

static void spawn_outside(void *arg)
{
    (void)arg;
    qp_spawn(noting, "never");
}

static void defer_outside(void *arg)
{
    enum qp_status status = qp_defer(note_word, arg);
    (void)status;
}

static void stops_with(void (*function)(void *arg), const char *sentence)
{
    char text[1024];
    int status = run_in_child(function, "never", text, sizeof text);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || !strstr(text, sentence))
        fail_msg("status %x, said: %s", (unsigned)status, text);
}

static void test_misuse_outside_a_runtime_stops_the_program(void **state)
{
    (void)state;
    stops_with(panic_outside, "quipu: panic outside a task, at ");
    stops_with(panic_outside, ": nowhere\n");
    stops_with(spawn_outside, "quipu: qp_spawn outside a runtime\n");
    stops_with(defer_outside, "quipu: qp_defer outside an async function\n");
}

/* ---- the whole, under every schedule, every cancellation, and with each allocation failing ---- */

static int permits_at_end;
static int begun, released;

static void count_release(void *arg)
{
    (void)arg;
    released++;
}

static void worker(void *arg)
{
    struct qp_semaphore_permit permit;
    qp_await(qp_acquire(arg, &permit));
    qp_await(qp_yield());
    qp_return(&(int){1});
}

static const struct qp_task_options worker_options = {.name = "worker", .result = &counted, .drop = count_release};

static void join_and_count(struct qp_handle *handle, int *ok)
{
    int value = 0;
    enum qp_status status = qp_await(qp_join(handle, &value));
    QP_ASSERT(status == QP_OK || status == QP_CANCELLED);
    QP_ASSERT_EQ(value, status == QP_OK);
    *ok += status == QP_OK;
}

static void two_workers(void *arg)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("permits", 1);
    struct qp_handle first = qp_spawn_with(worker, semaphore, &worker_options);
    struct qp_handle second = qp_spawn_with(worker, semaphore, &worker_options);
    int ok = 0;
    (void)arg;
    begin();
    released = 0;
    qp_await(qp_yield());
    qp_abort(&first);
    qp_await(qp_yield());
    join_and_count(&second, &ok);
    QP_ASSERT_EQ(ok, 1); /* whatever becomes of the first */
    join_and_count(&first, &ok);
    QP_ASSERT_EQ(released, 2);
    QP_ASSERT_EQ(drops, 0);
    QP_ASSERT_EQ(qp_available_permits(semaphore), 1);
}

static void test_two_workers_under_every_schedule(void **state)
{
    uint64_t schedules;
    (void)state;
    schedules = run_every_schedule(two_workers, NULL, 200000);
    assert_true(schedules > 10);
}

static void note_permits(void *arg)
{
    permits_at_end = (int)qp_available_permits(arg);
}

/* Everything that a task can be about, for cancellation at every moment. */
static void workers_and_work(void *arg)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("permits", 1);
    struct qp_handle first, second, third;
    (void)arg;
    begin();
    released = 0;
    begun = 0;
    permits_at_end = -1;
    QP_ASSERT_EQ(qp_defer(note_permits, semaphore), QP_OK);
    begun += 3;
    first = qp_spawn_with(worker, semaphore, &worker_options);
    second = qp_spawn_with(worker, semaphore, &worker_options);
    third = qp_spawn_blocking_with(blocks_for_ten_ms, "work", &worker_options);
    qp_await(qp_join(&first, NULL));
    qp_await(qp_timeout_ms(1, qp_join(&second, NULL)));
    qp_await(qp_timeout_join_ms(5, &third, NULL));
    if (third.task)
        qp_await(qp_join(&third, NULL));
}

static void all_is_back(void)
{
    assert_int_equal(released, begun);
    if (begun)
        assert_int_equal(permits_at_end, 1);
}

static void test_cancelled_at_every_moment(void **state)
{
    uint64_t moments;
    (void)state;
    moments = run_every_cancellation(workers_and_work, NULL, all_is_back);
    assert_true(moments > 15);
}

/* Takes NULL and QP_NOMEM for what they are. */
static void careful_worker(void *arg)
{
    struct qp_semaphore_permit permit = {NULL, 0};
    (void)arg;
    qp_task_rename("careful");
    if (qp_defer(count_release, NULL) != QP_OK)
        return;
    if (qp_await(qp_acquire(arg, &permit)) != QP_OK)
        return;
    qp_await(qp_sleep_ms(1));
    qp_panic("a message");
}

static void careful(void *arg)
{
    struct qp_semaphore *semaphore = qp_semaphore_create(NULL, 1);
    struct qp_handle handles[3];
    int i;
    (void)arg;
    if (!semaphore)
        return;
    for (i = 0; i < 3; i++)
        handles[i] = qp_spawn_with(careful_worker, semaphore, NULL);
    for (i = 0; i < 3; i++)
        if (handles[i].task)
            qp_await(qp_join(&handles[i], NULL));
    handles[0] = qp_spawn_blocking(blocks_for_no_time, "work");
    if (handles[0].task)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_OK);
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    run_failing_allocations(careful, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spawn_runs_nothing_before_the_spawner_suspends),
        cmocka_unit_test(test_numbers_and_names),
        cmocka_unit_test(test_results_have_one_owner),
        cmocka_unit_test(test_a_result_may_have_no_bytes),
        cmocka_unit_test(test_join_errors_to_the_letter),
        cmocka_unit_test(test_join_of_a_task_that_got_no_stack),
        cmocka_unit_test(test_a_panic_in_main_is_the_end),
        cmocka_unit_test(test_owned_things_go_in_reverse_order),
        cmocka_unit_test(test_a_captured_argument_goes_last_and_once),
        cmocka_unit_test(test_what_is_acquired_meanwhile_is_released_too),
        cmocka_unit_test(test_a_handle_may_be_given_away),
        cmocka_unit_test(test_a_task_may_own_its_own_handle),
        cmocka_unit_test(test_abort_before_the_start),
        cmocka_unit_test(test_abort_while_suspended),
        cmocka_unit_test(test_abort_after_the_wake_up),
        cmocka_unit_test(test_abort_while_it_is_polled),
        cmocka_unit_test(test_abort_after_completion),
        cmocka_unit_test(test_abort_while_it_is_released),
        cmocka_unit_test(test_abort_by_a_copy_while_another_joins),
        cmocka_unit_test(test_dropping_the_handle_detaches),
        cmocka_unit_test(test_is_finished),
        cmocka_unit_test(test_a_panic_ends_that_task_alone),
        cmocka_unit_test(test_a_panic_while_released_is_misuse),
        cmocka_unit_test(test_a_panic_while_cancelled_is_misuse),
        cmocka_unit_test(test_a_panic_while_a_part_is_released_is_misuse),
        cmocka_unit_test(test_yield_suspends_exactly_once),
        cmocka_unit_test(test_yield_may_be_cancelled),
        cmocka_unit_test(test_blocking_work_and_the_clock),
        cmocka_unit_test(test_blocking_work_that_is_queued_is_prevented),
        cmocka_unit_test(test_blocking_work_that_has_started_finishes),
        cmocka_unit_test(test_blocking_panic_and_detach),
        cmocka_unit_test(test_blocking_work_that_breaks_a_rule_ends_the_run),
        cmocka_unit_test(test_takes_ms_is_for_blocking_work),
        cmocka_unit_test(test_main_outlives_its_tasks),
        cmocka_unit_test(test_tasks_spawned_at_shutdown_are_dropped),
        cmocka_unit_test(test_misuse_is_said),
        cmocka_unit_test(test_misuse_outside_a_runtime_stops_the_program),
        cmocka_unit_test(test_two_workers_under_every_schedule),
        cmocka_unit_test(test_cancelled_at_every_moment),
        cmocka_unit_test(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}
