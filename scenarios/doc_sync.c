/*
 * The document's section "Synchronization Primitives": mutex, readers-writer lock, semaphore, barrier.
 *
 * Property: no increment is lost; readers read together and a writer writes alone; never more than three connections
 * are open; nobody begins the second phase before everybody has done the first. Each critical section is suspended in
 * its middle, so that whatever can interfere does.
 */
#include <quipu/quipu.h>
#include <stdlib.h>

enum { MOST_TASKS = 64 };

/* Spawns `count` tasks of the same function and argument, and waits for all of them. */
static void run_together(qp_async_fn function, void *arg, int64_t count)
{
    struct qp_handle handles[MOST_TASKS];
    int64_t i;
    QP_ASSERT(count <= MOST_TASKS);
    for (i = 0; i < count; i++)
        handles[i] = qp_spawn(function, arg);
    for (i = 0; i < count; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
}

/* ---- mutex ---- */

static void increment(void *arg)
{
    struct qp_mutex *shared_counter = arg;
    QP_SCOPED(qp_unlock) struct qp_guard guard = {0};
    int current;
    qp_await(qp_lock(shared_counter, &guard)); /* waits until the lock is acquired */
    qp_guard_get(&guard, &current);
    qp_await(qp_yield());
    current++;
    qp_guard_set(&guard, &current);
    /* the lock is released when the guard goes out of scope */
}

static int value_of(struct qp_mutex *counter)
{
    struct qp_guard guard;
    int value;
    QP_ASSERT_EQ(qp_try_lock(counter, &guard), QP_OK);
    qp_guard_get(&guard, &value);
    qp_unlock(&guard);
    return value;
}

QP_PARAM(doc_mutex, tasks, 3)
QP_SCENARIO(doc_mutex, "every increment of a shared counter counts, and the guard goes with its scope")
{
    int zero = 0;
    struct qp_mutex *shared_counter = qp_mutex_create("shared_counter", &qp_int, &zero);
    QP_ASSERT(shared_counter);
    run_together(increment, shared_counter, qp_param("tasks"));
    QP_ASSERT_EQ(value_of(shared_counter), qp_param("tasks"));
}

struct separate {
    struct qp_mutex *lock;
    int counter;
};

static void increment_beside(void *arg)
{
    struct separate *self = arg;
    struct qp_guard guard;
    int current;
    qp_await(qp_lock(self->lock, &guard));
    current = self->counter;
    qp_await(qp_yield());
    self->counter = current + 1;
    qp_unlock(&guard);
}

QP_PARAM(doc_mutex_beside_data, tasks, 3)
QP_SCENARIO(doc_mutex_beside_data, "as in Python: a lock of its own guards data that lie beside it")
{
    struct separate self = {qp_mutex_create("lock", &qp_nothing, ""), 0};
    QP_ASSERT(self.lock);
    run_together(increment_beside, &self, qp_param("tasks"));
    QP_ASSERT_EQ(self.counter, qp_param("tasks"));
}

static void increment_inside(void *arg)
{
    struct qp_guard guard;
    int *counter;
    qp_await(qp_lock(arg, &guard));
    counter = qp_guard_value(&guard);
    *counter = *counter + 1;
    qp_unlock(&guard);
}

QP_PARAM(doc_mutex_around_data, tasks, 3)
QP_SCENARIO(doc_mutex_around_data, "the lock and its value are kept together")
{
    int zero = 0;
    struct qp_mutex *counter = qp_mutex_create("counter", &qp_int, &zero);
    QP_ASSERT(counter);
    run_together(increment_inside, counter, qp_param("tasks"));
    QP_ASSERT_EQ(value_of(counter), qp_param("tasks"));
}

/* ---- readers-writer lock ---- */

struct config {
    bool debug;
    int version;
};

static const struct qp_type config_type = QP_TYPE_OF(struct config);

struct configuration {
    struct qp_rwlock *config;
    struct qp_barrier *both_read;
    int reading, writing;
};

static bool read_config(struct configuration *self, bool with_another)
{
    QP_SCOPED(qp_unlock) struct qp_guard guard = {0};
    const struct config *config;
    qp_await(qp_read(self->config, &guard)); /* multiple readers allowed simultaneously */
    self->reading++;
    if (with_another)
        qp_await(qp_barrier_wait(self->both_read, NULL));
    else
        qp_await(qp_yield());
    QP_ASSERT_EQ(self->writing, 0);
    config = qp_guard_value(&guard);
    QP_ASSERT_EQ(config->version, config->debug);
    self->reading--;
    return config->debug;
}

static void update_config(void *arg)
{
    struct configuration *self = arg;
    struct config config = {true, 0};
    QP_SCOPED(qp_unlock) struct qp_guard guard = {0};
    qp_await(qp_write(self->config, &guard)); /* waits for all readers, then exclusive */
    QP_ASSERT_EQ(self->reading + self->writing++, 0);
    qp_guard_set(&guard, &config);
    qp_await(qp_yield()); /* a reader would see what is half done */
    config.version = 1;
    qp_guard_set(&guard, &config);
    self->writing--;
}

static void read_with_another(void *arg)
{
    QP_ASSERT(!read_config(arg, true));
}

static void read_any(void *arg)
{
    read_config(arg, false);
}

QP_SCENARIO(doc_rwlock, "readers read at the same time, and an update is never seen half done")
{
    struct config config = {false, 0};
    struct configuration self = {.config = qp_rwlock_create("config", &config_type, &config),
                                 .both_read = qp_barrier_create("both_read", 2)};
    struct qp_handle reader, writer;
    QP_ASSERT(self.config && self.both_read);
    run_together(read_with_another, &self, 2); /* each waits inside for the other */
    reader = qp_spawn(read_any, &self);
    writer = qp_spawn(update_config, &self);
    QP_ASSERT_EQ(qp_await(qp_join(&writer, NULL)), QP_OK);
    QP_ASSERT(read_config(&self, false));
    QP_ASSERT_EQ(qp_await(qp_join(&reader, NULL)), QP_OK);
}

/* ---- semaphore ---- */

struct connections {
    struct qp_semaphore *limit;
    int open, most, served;
};

static void make_request(void *arg)
{
    struct connections *self = arg;
    QP_SCOPED(qp_semaphore_release) struct qp_semaphore_permit permit = {0};
    qp_await(qp_acquire(self->limit, &permit)); /* waits if there are no permits */
    if (++self->open > self->most)
        self->most = self->open;
    qp_await(qp_sleep_ms(10)); /* http_get(url) */
    self->open--;
    self->served++;
    /* the permit is released when it goes out of scope */
}

QP_PARAM(doc_semaphore, requests, 5)
QP_SCENARIO(doc_semaphore, "never more than three connections at once, and always three while there is demand")
{
    struct connections self = {.limit = qp_semaphore_create("connection_limit", 3)};
    int64_t requests = qp_param("requests");
    QP_ASSERT(self.limit);
    run_together(make_request, &self, requests);
    QP_ASSERT_EQ(self.served, requests);
    QP_ASSERT_EQ(self.most, requests < 3 ? requests : 3);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds((requests + 2) / 3 * 10));
    QP_ASSERT_EQ(qp_available_permits(self.limit), 3);
}

/* ---- barrier ---- */

struct phases {
    struct qp_barrier *barrier;
    int64_t workers, started, crossed;
    unsigned long long slots; /* one bit for each that was given */
};

static void worker(void *arg)
{
    struct phases *self = arg;
    size_t slot = 0;
    self->started++;
    qp_await(qp_yield());                            /* ... phase 1 work ... */
    qp_await(qp_barrier_wait(self->barrier, &slot)); /* all must reach here before anyone continues */
    QP_ASSERT_EQ(self->started, self->workers);
    QP_ASSERT((int64_t)slot < self->workers);
    QP_ASSERT(!(self->slots >> slot & 1));
    self->slots |= 1ull << slot;
    self->crossed++;
}

QP_PARAM(doc_barrier, workers, 3)
QP_SCENARIO(doc_barrier, "nobody begins phase 2 before all have done phase 1, and each has a slot of its own")
{
    struct phases self = {.workers = qp_param("workers")};
    self.barrier = qp_barrier_create("barrier", self.workers);
    QP_ASSERT(self.barrier);
    run_together(worker, &self, self.workers);
    QP_ASSERT_EQ(self.crossed, self.workers);
}
