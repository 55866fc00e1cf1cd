/*
 * The document's first examples: "Quick Start", "Async Functions", "Await" and "Automatic Tokio Main".
 *
 * Property: nothing of an async function runs before it is awaited; when the line after the await runs, all of it has,
 * and the clock shows the time that it took. The body of a program that awaits is itself a task.
 */
#include <quipu/quipu.h>
#include <string.h>

/* async def fetch_data() -> str */
static void fetch_data(void *arg)
{
    const char **data = arg;
    qp_await(qp_sleep(1.0)); /* wait 1 second */
    *data = "data";
}

QP_SCENARIO(doc_quick_start, "fetch_data takes a second and gives its text")
{
    const char *data = "";
    qp_log("Starting...");
    QP_ASSERT_EQ(qp_await(qp_async(fetch_data, &data)), QP_OK);
    QP_ASSERT(strcmp(data, "data") == 0);
    QP_ASSERT_TIME(qp_now(), qp_seconds(1.0));
}

struct work {
    bool started;
    int result;
};

/* async def do_work() -> int */
static void do_work(void *arg)
{
    struct work *self = arg;
    self->started = true;
    qp_await(qp_sleep(0.5));
    self->result = 42;
}

QP_SCENARIO(doc_async_function, "an async function does nothing until it is awaited, and then all of it")
{
    struct work work = {false, 0};
    struct qp_future *future = qp_async(do_work, &work);
    qp_await(qp_sleep_ms(250));
    QP_ASSERT(!work.started);
    QP_ASSERT_EQ(qp_await(future), QP_OK);
    QP_ASSERT_EQ(work.result, 42);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(250 + 500));
}

struct process {
    const char *data;
    char result[16];
};

/* async def transform(data) */
static void transform(void *arg)
{
    struct process *self = arg;
    size_t i;
    QP_ASSERT_TIME(qp_now(), qp_seconds(1.0));
    for (i = 0; i <= strlen(self->data); i++) {
        self->result[i] = self->data[i];
        if (self->result[i] == 'a')
            self->result[i] = 'A';
    }
    qp_await(qp_sleep(0.25));
}

/* async def process() -> str: the second await starts when the first has ended. */
static void process(void *arg)
{
    struct process *self = arg;
    qp_await(qp_async(fetch_data, &self->data));
    qp_await(qp_async(transform, self));
}

QP_SCENARIO(doc_await, "one await after the other: the second works on what the first gave")
{
    struct process self = {"", ""};
    QP_ASSERT_EQ(qp_await(qp_async(process, &self)), QP_OK);
    QP_ASSERT(strcmp(self.result, "dAtA") == 0);
    QP_ASSERT_TIME(qp_now(), qp_seconds(1.25));
}

QP_SCENARIO(doc_automatic_main, "main awaits as it is: it is the first task of a runtime that nobody made")
{
    const char *result = "";
    QP_ASSERT_EQ(qp_task_id(), 1);
    QP_ASSERT(strcmp(qp_task_name(), "main") == 0);
    qp_await(qp_async(fetch_data, &result));
    qp_log("Result: %s", result);
    QP_ASSERT(strcmp(result, "data") == 0);
}
