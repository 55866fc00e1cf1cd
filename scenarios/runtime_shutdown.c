/*
 * The end of a runtime.
 *
 * Property: when main has ended, every task that is left is dropped at its await point, in order of spawning; one that
 * has not begun never does; queued blocking work never runs, and started blocking work is waited for. Only then is
 * released what main owned, so that everybody's release may still use it. (What main's own variables held is gone by
 * then, as in any C function that has returned: what outlives main lies in memory that main owns.)
 */
#include <quipu/quipu.h>
#include <stdlib.h>

enum { MOST = 8 };

struct program;

struct part {
    struct program *program;
    int number;
    bool begun, finished;
};

/* Lies in memory that main owns, and is looked at when the rest is gone. */
struct program {
    struct qp_mutex *mutex;
    struct part parts[MOST];
    int spawned;
    int released[MOST], count; /* the parts that are gone, in that order */
};

static void release_part(void *arg)
{
    struct part *self = arg;
    struct qp_guard guard;
    QP_ASSERT_EQ(qp_try_lock(self->program->mutex, &guard), QP_OK); /* main's, and still there */
    qp_unlock(&guard);
    self->program->released[self->program->count++] = self->number;
}

/* All are gone, in order of spawning. */
static void expect_all_released(struct program *self)
{
    int i;
    QP_ASSERT_EQ(self->count, self->spawned);
    for (i = 0; i < self->count; i++)
        QP_ASSERT_EQ(self->released[i], i);
}

/* `at_end` is called last but for the memory, after everything that main acquires from now on is released. */
static struct program *program_new(void (*at_end)(void *program))
{
    struct program *self = calloc(1, sizeof *self);
    QP_ASSERT(self);
    QP_ASSERT_EQ(qp_defer(free, self), QP_OK);
    QP_ASSERT_EQ(qp_defer(at_end, self), QP_OK);
    self->mutex = qp_mutex_create("shared", &qp_nothing, "");
    QP_ASSERT(self->mutex);
    return self;
}

static struct part *next_part(struct program *self)
{
    struct part *part = &self->parts[self->spawned];
    part->program = self;
    part->number = self->spawned++;
    return part;
}

static void spawn_part(struct program *self, qp_async_fn function)
{
    struct qp_task_options options = {.name = "part", .drop = release_part};
    QP_ASSERT(qp_spawn_with(function, next_part(self), &options).task);
}

static void spawn_blocking_part(struct program *self, void (*function)(void *arg))
{
    struct qp_task_options options = {.name = "blocking part", .drop = release_part};
    QP_ASSERT(qp_spawn_blocking_with(function, next_part(self), &options).task);
}

/* ---- tasks ---- */

static void sleep_for_ever(void *arg)
{
    struct part *self = arg;
    self->begun = true;
    qp_await(qp_sleep_ns(QP_NEVER));
    self->finished = true;
}

static void hold_and_sleep(void *arg)
{
    struct part *self = arg;
    struct qp_guard guard;
    self->begun = true;
    qp_await(qp_lock(self->program->mutex, &guard));
    qp_await(qp_sleep_ms(50));
    self->finished = true;
}

static void check_tasks(void *arg)
{
    struct program *self = arg;
    expect_all_released(self);
    QP_ASSERT(self->parts[0].begun && !self->parts[0].finished);
    QP_ASSERT(self->parts[1].begun && !self->parts[1].finished);
    QP_ASSERT(!self->parts[2].begun);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(10));
}

QP_SCENARIO(runtime_shutdown,
            "tasks that are left are dropped where they wait, in order, and one not begun never begins")
{
    struct program *self = program_new(check_tasks);
    spawn_part(self, hold_and_sleep);
    spawn_part(self, sleep_for_ever);
    qp_await(qp_sleep_ms(10));
    spawn_part(self, sleep_for_ever);
}

/* ---- blocking work ---- */

static void work(void *arg)
{
    struct part *self = arg;
    self->begun = true;
    qp_blocking_takes_ms(1000);
    self->finished = true;
}

static void check_blocking(void *arg)
{
    struct program *self = arg;
    QP_ASSERT_EQ(self->count, 3);
    QP_ASSERT_TIMED(self->parts[0].finished);
    QP_ASSERT_TIMED(!self->parts[2].begun);
    for (int i = 0; i < 3; i++)
        QP_ASSERT_EQ(self->parts[i].finished, self->parts[i].begun && i != 1);
}

QP_TIMED(runtime_shutdown_blocking, "which work has started when the program ends")
QP_SCENARIO(runtime_shutdown_blocking, "queued blocking work never runs; what has started is waited for, and released")
{
    struct program *self = program_new(check_blocking);
    spawn_blocking_part(self, work);
    spawn_part(self, sleep_for_ever);
    qp_await(qp_sleep_ms(10)); /* the clock moves only when the work has started */
    spawn_blocking_part(self, work);
}

/* ---- what is owned by whom ---- */

static void wait_for_child(void *arg)
{
    struct part *self = arg;
    struct qp_handle handle;
    self->begun = true;
    handle = qp_spawn(sleep_for_ever, &self->program->parts[MOST - 1]);
    qp_await(qp_join(&handle, NULL));
    self->finished = true;
}

static void check_nested(void *arg)
{
    struct program *self = arg;
    expect_all_released(self);
    QP_ASSERT(self->parts[0].begun && !self->parts[0].finished);
    QP_ASSERT(self->parts[MOST - 1].begun && !self->parts[MOST - 1].finished);
}

QP_SCENARIO(runtime_shutdown_nested, "a task that waits for another goes before it, and neither goes on")
{
    struct program *self = program_new(check_nested);
    spawn_part(self, wait_for_child);
    qp_await(qp_sleep_ms(10));
}
