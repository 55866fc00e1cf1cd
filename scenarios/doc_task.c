/*
 * The document's section "Task Spawning": spawn, spawn_blocking, yield_now.
 *
 * Property: spawning returns at once, and joining gives the result; blocking work holds up nobody; a loop that yields
 * is interrupted where it yields and nowhere else.
 */
#include <quipu/quipu.h>

static void background_work(void *arg)
{
    bool *started = arg;
    int result = 42;
    *started = true;
    qp_await(qp_sleep(2.0));
    qp_return(&result);
}

QP_SCENARIO(doc_spawn, "spawn returns before its task has begun, and joining it gives the result")
{
    struct qp_task_options options = {.name = "background_work", .result = &qp_int};
    bool started = false;
    int result = 0;
    struct qp_handle handle = qp_spawn_with(background_work, &started, &options);
    qp_log("Working on other things...");
    QP_ASSERT(!started);
    QP_ASSERT_TIME(qp_now(), 0);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &result)), QP_OK);
    qp_log("Background task returned: %d", result);
    QP_ASSERT_EQ(result, 42);
    QP_ASSERT_TIME(qp_now(), qp_seconds(2.0));
}

static void heavy_computation(void *arg)
{
    const int64_t *range = arg;
    int64_t result = 0, i;
    for (i = 0; i < *range; i++)
        result = result + i;
    qp_blocking_takes_ms(50);
    qp_return(&result);
}

static void other_task(void *arg)
{
    int *turns = arg;
    while (*turns < 4) {
        qp_await(qp_sleep_ms(10));
        ++*turns;
    }
}

/* The document's range is 1000000. */
QP_TIMED(doc_spawn_blocking, "how often others run while the work is under way")
QP_PARAM(doc_spawn_blocking, range, 1000)
QP_SCENARIO(doc_spawn_blocking, "blocking work gives its result, and other tasks run while it computes")
{
    struct qp_task_options options = {.name = "heavy_computation", .result = &qp_int64};
    int64_t range = qp_param("range"), result = -1;
    int turns = 0;
    struct qp_handle other = qp_spawn(other_task, &turns);
    struct qp_handle handle = qp_spawn_blocking_with(heavy_computation, &range, &options);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &result)), QP_OK);
    QP_ASSERT_EQ(result, range * (range - 1) / 2);
    QP_ASSERT_TIMED(turns == 4);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(50));
    qp_await(qp_join(&other, NULL));
}

struct loops {
    int64_t iterations;
    int64_t counted; /* by both */
    int running;     /* the loop that is between two yields; 0: none */
};

struct loop {
    struct loops *loops;
    int number;
};

static void cooperative_loop(void *arg)
{
    struct loop *self = arg;
    struct loops *loops = self->loops;
    int64_t i;
    for (i = 0; i < loops->iterations; i++) {
        QP_ASSERT(loops->running == 0 || loops->running == self->number);
        loops->running = self->number;
        loops->counted++;
        if (i % 100 == 0) {
            loops->running = 0;
            qp_await(qp_yield()); /* let other tasks run */
        }
    }
    loops->running = 0;
}

/* The document's loop has 10000 iterations. */
QP_PARAM(doc_yield_now, iterations, 300)
QP_SCENARIO(doc_yield_now, "a cooperative loop lets others run at its yields, and only there")
{
    struct loops loops = {qp_param("iterations"), 0, 0};
    struct loop first = {&loops, 1}, second = {&loops, 2};
    struct qp_handle handles[2];
    handles[0] = qp_spawn(cooperative_loop, &first);
    handles[1] = qp_spawn(cooperative_loop, &second);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_OK);
    QP_ASSERT_EQ(loops.counted, 2 * loops.iterations);
}
