/*
 * Spawning.
 *
 * Property: a spawned task is queued, and none of it runs before its spawner suspends. It is durable: it goes on to its
 * end although nobody has its handle and its spawner is long gone. Its captured argument is released once, after it.
 */
#include <quipu/quipu.h>
#include <stdlib.h>
#include <string.h>

/* ---- queued ---- */

static void note(void *arg)
{
    *(bool *)arg = true;
}

QP_SCENARIO(task_spawn_is_queued, "nothing of a task runs before its spawner suspends, whatever that does meanwhile")
{
    bool ran = false;
    struct qp_handle handle = qp_spawn(note, &ran);
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int value = 1;
    QP_ASSERT(!ran);
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    QP_ASSERT_EQ(qp_try_send(tx, &value), QP_OK);
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_OK);
    QP_ASSERT(!ran && !qp_is_finished(&handle));
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT(ran);
}

/* ---- durable ---- */

struct generation {
    int64_t left;      /* generations to come after this one */
    int64_t *finished; /* how many have finished */
};

static void beget(void *arg);

/* Each generation's struct is its own, released with it. */
static void spawn_generation(int64_t left, int64_t *finished)
{
    struct qp_task_options options = {.name = "generation", .drop = free};
    struct generation *self = malloc(sizeof *self);
    struct qp_handle handle;
    QP_ASSERT(self);
    *self = (struct generation){left, finished};
    handle = qp_spawn_with(beget, self, &options);
    if (!handle.task)
        free(self);
}

/* Ends at once; its child, whose handle goes with it, has all its life before it. */
static void beget(void *arg)
{
    struct generation *self = arg;
    int64_t *finished = self->finished;
    if (self->left > 0)
        spawn_generation(self->left - 1, finished);
    qp_await(qp_sleep_ms(10));
    ++*finished;
}

QP_PARAM(task_spawn_is_durable, generations, 4)
QP_SCENARIO(task_spawn_is_durable, "tasks outlive their spawners and their handles")
{
    int64_t generations = qp_param("generations"), finished = 0;
    spawn_generation(generations - 1, &finished);
    qp_await(qp_sleep_ms(10 * generations + 5));
    QP_ASSERT_EQ(finished, generations);
}

struct lone {
    int64_t takes_ms;
    int finished, released;
};

static void lone(void *arg)
{
    struct lone *self = arg;
    qp_await(qp_sleep_ms(self->takes_ms));
    QP_ASSERT_EQ(self->released, 0);
    self->finished++;
}

static void release_lone(void *arg)
{
    ((struct lone *)arg)->released++;
}

static void spawn_and_return(void *arg)
{
    struct qp_task_options options = {.name = "lone", .drop = release_lone};
    struct qp_handle handle = qp_spawn_with(lone, arg, &options);
    QP_ASSERT(handle.task);
}

QP_SCENARIO(task_spawn_outlives_spawner,
            "a function that spawns and returns detaches: the task goes on, then is released")
{
    struct lone awaited = {.takes_ms = 10}, spawned = {.takes_ms = 10};
    struct qp_handle spawner = qp_spawn(spawn_and_return, &spawned);
    QP_ASSERT_EQ(qp_await(qp_join(&spawner, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_async(spawn_and_return, &awaited)), QP_OK);
    QP_ASSERT_EQ(spawned.finished + awaited.finished, 0);
    qp_await(qp_sleep_ms(15));
    QP_ASSERT(spawned.finished == 1 && spawned.released == 1);
    QP_ASSERT(awaited.finished == 1 && awaited.released == 1);
}

/* ---- who a task is ---- */

struct identity {
    uint64_t id;
    char name[32];
};

static const struct qp_type identity_type = QP_TYPE_OF(struct identity);

static void identify(void *arg)
{
    struct identity self = {.id = qp_task_id()};
    if (arg)
        qp_task_rename("%s", (const char *)arg);
    strcpy(self.name, qp_task_name());
    qp_await(qp_yield());
    QP_ASSERT_EQ(qp_task_id(), self.id);
    QP_ASSERT(strcmp(qp_task_name(), self.name) == 0);
    qp_return(&self);
}

/* The name that a task with this argument and these options has in its own eyes; checks its number. */
static struct identity identity_of(const char *rename, struct qp_task_options *options)
{
    struct identity self = {0, ""};
    struct qp_handle handle;
    uint64_t id;
    options->result = &identity_type;
    handle = qp_spawn_with(identify, (void *)(uintptr_t)rename, options);
    id = handle.id;
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &self)), QP_OK);
    QP_ASSERT_EQ(self.id, id);
    return self;
}

QP_SCENARIO(task_identity, "a task has a number that is never used again, and the name that it was given last")
{
    struct qp_task_options options = {.name = "given"};
    struct identity first = identity_of(NULL, &options), second = identity_of("renamed", &options);
    QP_ASSERT(strcmp(first.name, "given") == 0);
    QP_ASSERT(strcmp(second.name, "renamed") == 0);
    QP_ASSERT(first.id > qp_task_id() && second.id > first.id);
}
