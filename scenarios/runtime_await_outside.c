/*
 * Awaiting where nothing can be awaited.
 *
 * Property: an await outside an async function, where there is no stack to suspend, ends the run with a sentence that
 * says where it stands: in a function that releases something, and in the poll of a function without a stack. (Outside
 * a runtime it stops the program with the same sentence, which no scenario can outlive.)
 */
#include <quipu/quipu.h>

static void await_something(void *arg)
{
    (void)arg;
    qp_await(qp_sleep_ms(1));
}

QP_SCENARIO(runtime_await_outside, "an await in a deferred call, after its function has ended, is named with its task")
{
    qp_expect(QP_MISUSE, "await in a drop function of task 1 'main', at ");
    QP_ASSERT_EQ(qp_defer(await_something, NULL), QP_OK);
}

static void defer_an_await(void *arg)
{
    (void)arg;
    QP_ASSERT_EQ(qp_defer(await_something, NULL), QP_OK);
    qp_await(qp_sleep_ms(10));
}

QP_SCENARIO(runtime_await_outside_when_cancelled, "one in the deferred call of a cancelled function, with its file")
{
    qp_expect(QP_MISUSE, "runtime_await_outside.c:");
    qp_await(qp_timeout_ms(5, qp_async(defer_an_await, NULL)));
}

QP_SCENARIO(runtime_await_outside_in_argument,
            "one in the function that releases a task's argument, with what is awaited")
{
    struct qp_task_options options = {.name = "await_something", .drop = await_something};
    struct qp_handle handle = qp_spawn_with(await_something, NULL, &options);
    qp_expect(QP_MISUSE, ": qp_sleep_ms(1)");
    qp_await(qp_join(&handle, NULL));
}

static enum qp_status await_in_poll(struct qp_future *future, struct qp_waker *waker)
{
    (void)future;
    (void)waker;
    await_something(NULL);
    return QP_OK;
}

static const struct qp_future_ops stackless_ops = QP_RESUMABLE("stackless", await_in_poll);

QP_SCENARIO(runtime_await_outside_without_stack, "a function without a stack awaits with QP_AWAIT, and is told so")
{
    struct qp_resumable stackless;
    struct qp_handle handle;
    qp_expect(QP_MISUSE, "(QP_AWAIT is for functions without one)");
    qp_resumable_init(&stackless, &stackless_ops);
    handle = qp_spawn_future(&stackless.future, sizeof stackless, NULL);
    qp_await(qp_join(&handle, NULL));
}
