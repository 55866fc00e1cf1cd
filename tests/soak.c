/*
 * Random traffic over the whole surface, on the real clock: soak [SECONDS [SEED]]
 *
 * Two runtimes, one a thread, that know nothing of each other, and four threads that submit jobs to both. One runs from
 * beginning to end; the other ends every two seconds, with jobs under way or without, is judged by the checker, and is
 * made anew. A job does some operations, each perhaps under a deadline, or in a task that is aborted at some time; left
 * alone, every one of them comes to its end. So a wake-up that is lost leaves a job that grows old, which a watchdog
 * task in each runtime sees. The process's memory is sampled, and must not grow.
 */
#define _GNU_SOURCE
#include "traces/checker.h"
#include <fcntl.h>
#include <pthread.h>
#include <quipu/quipu.h>
#include <quipu/real.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    SUBMITTERS = 4,
    MOST_UNDER_WAY = 300, /* of one runtime's jobs */
    PERMITS = 4,
    ROUND_MS = 2000,
    WATCH_MS = 200,
    SAMPLES_MOST = 1 << 16
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1, OLDEST_S = 600 }; /* a step may take milliseconds */
#else
enum { SANITIZED = 0, OLDEST_S = 30 };
#endif

struct soak { /* one runtime's */
    const char *name;
    bool checked;
    uint64_t random;
    pthread_t thread;
    pthread_mutex_t mutex;
    struct qp_remote *remote; /* under the mutex; NULL: it takes none just now */
    atomic_long under_way, done, refused, timeouts, aborts, rounds;

    /* Of the runtime that is there: */
    struct job *first, *last; /* those that have begun, the oldest first */
    struct qp_mutex *lock;
    struct qp_rwlock *shared;
    struct qp_semaphore *permits;
    struct qp_sender *bounded, *unbounded;
    struct qp_receiver *from_bounded, *from_unbounded;
};

struct job {
    struct soak *soak;
    uint64_t random;
    int64_t submitted_ns;
    bool begun;
    struct job *prev, *next;
};

struct counted { /* a value under a lock */
    long uses;
    bool used;
};

static const struct qp_type counted_type = QP_TYPE_OF(struct counted);
static atomic_bool stopping;

static void fail(const char *what)
{
    fprintf(stderr, "soak: %s\n", what);
    exit(1);
}

static int64_t monotonic_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static uint64_t draw(uint64_t *random, uint64_t below)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random % below;
}

static int below(struct job *job, int most)
{
    return (int)draw(&job->random, (uint64_t)most);
}

static void pause_a_little(struct job *job)
{
    int ms = below(job, 4);
    if (ms)
        qp_await(qp_sleep_ms(ms - 1));
    else
        qp_await(qp_yield());
}

/* ---- operations: each an async function that ends by itself ---- */

static void use(struct job *job, const struct qp_guard *guard)
{
    struct counted *value = qp_guard_value(guard);
    QP_ASSERT(!value->used);
    value->used = true;
    value->uses++;
    value->used = false;
    pause_a_little(job);
}

static void lock_it(void *arg)
{
    struct job *job = arg;
    struct qp_guard guard;
    qp_await(qp_lock(job->soak->lock, &guard));
    use(job, &guard);
    if (below(job, 2))
        qp_unlock(&guard);
}

static void read_it(void *arg)
{
    struct job *job = arg;
    struct qp_guard guard;
    if (qp_await(qp_read(job->soak->shared, &guard)) == QP_OK)
        pause_a_little(job);
}

static void write_it(void *arg)
{
    struct job *job = arg;
    struct qp_guard guard;
    if (qp_await(qp_write(job->soak->shared, &guard)) == QP_OK)
        use(job, &guard);
}

static void take_permits(void *arg)
{
    struct job *job = arg;
    struct qp_semaphore_permit permit;
    qp_await(qp_acquire_many(job->soak->permits, 1 + (uint32_t)below(job, PERMITS), &permit));
    pause_a_little(job);
}

static void send_bounded(void *arg)
{
    struct job *job = arg;
    int value = below(job, 1000);
    qp_await(qp_send(job->soak->bounded, &value));
}

static void send_unbounded(void *arg)
{
    struct job *job = arg;
    int value = below(job, 1000);
    if (below(job, 2))
        QP_ASSERT_EQ(qp_try_send(job->soak->unbounded, &value), QP_OK);
    else
        qp_await(qp_send(job->soak->unbounded, &value));
}

static void send_reserved(void *arg)
{
    struct job *job = arg;
    struct qp_permit permit;
    int value = 7;
    if (qp_await(qp_reserve(job->soak->bounded, &permit)) != QP_OK)
        return;
    pause_a_little(job);
    if (below(job, 2) && qp_permit_send(&permit, &value) != QP_OK)
        return;
}

static void child(void *arg)
{
    struct job job = *(struct job *)arg; /* draws of its own; the job waits, or has ended this task before it goes on */
    pause_a_little(&job);
    if (below(&job, 8) == 0)
        qp_panic("on purpose");
}

static void free_copy(void *arg)
{
    free(arg);
}

/* With a copy of the job, so that it may outlive it. */
static struct qp_handle spawn_copy(struct job *job, qp_async_fn function)
{
    const struct qp_task_options options = {.name = "copy", .drop = free_copy};
    struct job *copy = malloc(sizeof *copy);
    struct qp_handle handle;
    QP_ASSERT(copy);
    *copy = *job;
    copy->random ^= draw(&job->random, UINT64_MAX) | 1;
    if (!copy->random)
        copy->random = 1;
    handle = qp_spawn_with(function, copy, &options);
    QP_ASSERT(handle.task);
    return handle;
}

static void join_child(void *arg)
{
    struct job *job = arg;
    struct qp_handle handle = spawn_copy(job, child);
    enum qp_status status = qp_await(qp_join(&handle, NULL));
    QP_ASSERT(status == QP_OK || status == QP_PANICKED);
}

static void abort_child(void *arg)
{
    struct job *job = arg;
    struct qp_handle handle = spawn_copy(job, child);
    pause_a_little(job);
    qp_abort(&handle);
    qp_await(qp_join(&handle, NULL));
}

static void wait_a_while_for_child(void *arg)
{
    struct job *job = arg;
    struct qp_handle handle = spawn_copy(job, child);
    if (qp_await(qp_timeout_join_ms(below(job, 3), &handle, NULL)) == QP_TIMEOUT && below(job, 2))
        qp_handle_drop(&handle);
}

static void block(void *arg)
{
    struct job *copy = arg;
    struct timespec most = {0, (long)draw(&copy->random, 300000)};
    if (draw(&copy->random, 2))
        nanosleep(&most, NULL);
}

static void do_blocking(void *arg)
{
    const struct qp_task_options options = {.name = "block", .drop = free_copy};
    struct job *job = arg, *copy = malloc(sizeof *copy);
    QP_ASSERT(copy);
    *copy = *job;
    struct qp_handle handle = qp_spawn_blocking_with(block, copy, &options);
    QP_ASSERT(handle.task);
    if (below(job, 3) == 0)
        qp_abort(&handle);
    if (below(job, 4))
        qp_await(qp_join(&handle, NULL));
}

struct answer {
    struct qp_oneshot_sender *sender;
    struct job job;
};

static void answer(void *arg)
{
    struct answer *self = arg;
    int value = 42;
    pause_a_little(&self->job);
    if (below(&self->job, 4) && qp_oneshot_send(self->sender, &value) != QP_OK)
        return;
    qp_oneshot_sender_drop(self->sender);
}

static void ask(void *arg)
{
    const struct qp_task_options options = {.name = "answer", .drop = free_copy};
    struct job *job = arg;
    struct answer *self = malloc(sizeof *self);
    struct qp_oneshot_receiver *receiver;
    int value = 0;
    QP_ASSERT(self);
    *self = (struct answer){.job = *job};
    QP_ASSERT_EQ(qp_oneshot_create(&qp_int, &self->sender, &receiver), QP_OK);
    struct qp_handle handle = qp_spawn_with(answer, self, &options);
    qp_oneshot_sender_give(self->sender, &handle);
    if (qp_await(qp_oneshot_recv(receiver, &value)) == QP_OK)
        QP_ASSERT_EQ(value, 42);
}

static void race_them(void *arg)
{
    struct job *job = arg;
    struct qp_guard guard;
    struct qp_semaphore_permit permit;
    size_t winner = 9;
    qp_await(qp_race(&winner, qp_arm(qp_lock(job->soak->lock, &guard)), qp_arm(qp_sleep_ms(below(job, 3))),
                     qp_arm(qp_acquire(job->soak->permits, &permit))));
    QP_ASSERT(winner < 3);
    pause_a_little(job);
}

static void join_them_all(void *arg)
{
    struct job *job = arg;
    struct qp_future *futures[] = {qp_async(lock_it, job), qp_sleep_ms(below(job, 3)), qp_async(send_bounded, job)};
    QP_ASSERT_EQ(qp_await(qp_join_all(futures, NULL, 3)), QP_OK);
}

static void arrive(void *arg)
{
    qp_await(qp_barrier_wait((struct qp_barrier *)arg, NULL));
}

static void meet(void *arg)
{
    struct job *job = arg;
    struct qp_barrier *barrier = qp_barrier_create("meeting", 2);
    QP_ASSERT(barrier);
    struct qp_future *futures[] = {qp_async(arrive, barrier), qp_async(arrive, barrier)};
    pause_a_little(job);
    QP_ASSERT_EQ(qp_await(qp_join_all(futures, NULL, 2)), QP_OK);
}

static void close_pair(void *arg)
{
    int *ends = arg;
    close(ends[0]);
    close(ends[1]);
    free(ends);
}

/* A byte, or the end. */
static void read_byte(void *arg)
{
    struct job *job = arg;
    int *ends = malloc(2 * sizeof *ends);
    char byte;
    QP_ASSERT(ends && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    QP_ASSERT_EQ(qp_defer(close_pair, ends), QP_OK);
    if (below(job, 2))
        QP_ASSERT_EQ(write(ends[1], "x", 1), 1);
    else
        shutdown(ends[1], SHUT_WR);
    QP_ASSERT_EQ(qp_await(qp_io_readable(ends[0])), QP_OK);
    QP_ASSERT(read(ends[0], &byte, 1) >= 0);
}

static void spawn_a_future(void *arg)
{
    struct job *job = arg;
    struct qp_sleep_future sleep;
    qp_sleep_init(&sleep, below(job, 2000000));
    struct qp_handle handle = qp_spawn_future(&sleep.future, sizeof sleep, NULL);
    QP_ASSERT(handle.task);
    if (below(job, 2))
        QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
}

/* ---- a future that another thread completes ---- */

struct outside {
    struct qp_waker *waker; /* the other thread's */
    atomic_bool over;
    atomic_int users;
    struct outside *next;
};

struct outside_future {
    struct qp_future future;
    struct outside *shared; /* from its first poll */
};

static pthread_mutex_t outside_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct outside *outside_first;

static void outside_release(struct outside *self)
{
    if (atomic_fetch_sub(&self->users, 1) == 1)
        free(self);
}

/* On any thread: those that wait are done. */
static void complete_outside(void)
{
    struct outside *self, *next;
    pthread_mutex_lock(&outside_mutex);
    self = outside_first;
    outside_first = NULL;
    pthread_mutex_unlock(&outside_mutex);
    for (; self; self = next) {
        next = self->next;
        atomic_store(&self->over, true);
        qp_waker_wake(self->waker);
        self->waker->ops->drop(self->waker);
        outside_release(self);
    }
}

static struct outside *begin_outside(struct qp_waker *waker)
{
    struct qp_remote *remote = qp_remote_create();
    struct outside *self = calloc(1, sizeof *self);
    QP_ASSERT(remote && self);
    self->waker = qp_remote_waker(remote, waker);
    QP_ASSERT(self->waker);
    qp_remote_drop(remote);
    atomic_store(&self->users, 2);
    pthread_mutex_lock(&outside_mutex);
    self->next = outside_first;
    outside_first = self;
    pthread_mutex_unlock(&outside_mutex);
    return self;
}

static void outside_drop(struct qp_future *future)
{
    struct outside_future *self = (struct outside_future *)future;
    if (self->shared)
        outside_release(self->shared);
}

static enum qp_status outside_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct outside_future *self = (struct outside_future *)future;
    if (!self->shared)
        self->shared = begin_outside(waker);
    if (!atomic_load(&self->shared->over))
        return QP_PENDING;
    outside_drop(future);
    return QP_OK;
}

static const struct qp_future_ops outside_ops = {"outside", outside_poll, outside_drop, NULL, NULL};

static void wait_for_outside(void *arg)
{
    struct outside_future future = {.shared = NULL};
    (void)arg;
    QP_ASSERT_EQ(qp_await(qp_future_init(&future.future, &outside_ops)), QP_OK);
}

/* ---- a job ---- */

static const qp_async_fn operations[] = {
    lock_it,
    read_it,
    write_it,
    take_permits,
    send_bounded,
    send_unbounded,
    send_reserved,
    join_child,
    abort_child,
    do_blocking,
    ask,
    race_them,
    join_them_all,
    wait_a_while_for_child,
    meet,
    read_byte,
    spawn_a_future,
    wait_for_outside,
};

static void operate(struct job *job)
{
    qp_async_fn operation = operations[below(job, (int)(sizeof operations / sizeof *operations))];
    struct qp_handle handle;
    switch (below(job, 8)) {
    case 0:
    case 1:
        if (qp_await(qp_timeout_ms(below(job, 3), qp_async(operation, job))) == QP_TIMEOUT)
            job->soak->timeouts++;
        break;
    case 2:
        handle = spawn_copy(job, operation);
        pause_a_little(job);
        qp_abort(&handle);
        job->soak->aborts += qp_await(qp_join(&handle, NULL)) == QP_CANCELLED;
        break;
    default:
        qp_await(qp_async(operation, job));
    }
}

static void job_run(void *arg)
{
    struct job *self = arg;
    struct soak *soak = self->soak;
    int left = 1 + below(self, 4);
    self->begun = true;
    self->prev = soak->last;
    *(soak->last ? &soak->last->next : &soak->first) = self;
    soak->last = self;
    if (monotonic_ns() - self->submitted_ns > OLDEST_S * INT64_C(1000000000))
        fail("a job began too late: a submission was not noticed");
    while (left--)
        operate(self);
}

/* On the runtime's thread, whatever became of it. */
static void job_end(void *arg)
{
    struct job *self = arg;
    struct soak *soak = self->soak;
    if (self->begun) {
        *(self->prev ? &self->prev->next : &soak->first) = self->next;
        *(self->next ? &self->next->prev : &soak->last) = self->prev;
    }
    soak->done++;
    soak->under_way--;
    free(self);
}

/* ---- a runtime ---- */

static void drain(void *arg)
{
    int value;
    while (qp_await(qp_recv((struct qp_receiver *)arg, &value)) == QP_OK)
        continue;
}

/* A job that has not ended by now waits for something that has happened. */
static void watch(void *arg)
{
    struct soak *self = arg;
    for (;;) {
        qp_await(qp_sleep_ms(WATCH_MS));
        if (self->first && monotonic_ns() - self->first->submitted_ns > OLDEST_S * INT64_C(1000000000)) {
            qp_runtime_dump(NULL, stderr);
            fail("a job does not come to its end: a wake-up was lost");
        }
    }
}

static void open_to_others(struct soak *self, bool open)
{
    struct qp_remote *remote = open ? qp_remote_create() : NULL, *before;
    if (open && !remote)
        fail("out of memory");
    pthread_mutex_lock(&self->mutex);
    before = self->remote;
    self->remote = remote;
    pthread_mutex_unlock(&self->mutex);
    qp_remote_drop(before);
}

static void make_world(struct soak *self)
{
    struct counted none = {0, false};
    self->first = self->last = NULL;
    self->lock = qp_mutex_create("lock", &counted_type, &none);
    self->shared = qp_rwlock_create("shared", &counted_type, &none);
    self->permits = qp_semaphore_create("permits", PERMITS);
    QP_ASSERT(self->lock && self->shared && self->permits);
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 2, &self->bounded, &self->from_bounded), QP_OK);
    QP_ASSERT_EQ(qp_channel_create_unbounded(&qp_int, &self->unbounded, &self->from_unbounded), QP_OK);
}

static void soak_main(void *arg)
{
    struct soak *self = arg;
    make_world(self);
    struct qp_handle tasks[] = {qp_spawn(drain, self->from_bounded), qp_spawn(drain, self->from_unbounded),
                                qp_spawn(watch, self)};
    QP_ASSERT(tasks[0].task && tasks[1].task && tasks[2].task);
    open_to_others(self, true);
    do
        qp_await(qp_sleep_ms(ROUND_MS));
    while (!self->checked && !atomic_load(&stopping));
    open_to_others(self, false);
    if (draw(&self->random, 2)) /* or else what is under way is dropped where it waits */
        while (self->first)
            qp_await(qp_sleep_ms(1));
}

static void run_round(struct soak *self)
{
    struct qp_checker *checker = self->checked ? qp_checker_create() : NULL;
    struct qp_real_options options = {.event = checker ? qp_checker_event : NULL, .event_context = checker};
    static _Thread_local char report[8192];
    if (self->checked && !checker)
        fail("out of memory");
    if (qp_real_run(soak_main, self, &options, report, sizeof report) != QP_OK)
        fail(report);
    self->rounds++;
    if (!checker)
        return;
    qp_checker_finish(checker, true);
    if (qp_checker_count(checker)) {
        qp_checker_print(qp_checker_at(checker, 0), report, sizeof report);
        fail(report);
    }
    qp_checker_destroy(checker);
}

static void *run_soak(void *arg)
{
    do
        run_round(arg);
    while (!atomic_load(&stopping));
    return NULL;
}

/* ---- the threads that submit ---- */

static struct soak soaks[2] = {{.name = "from beginning to end"}, {.name = "again and again", .checked = true}};

/* False: it takes none, or has enough. */
static bool submit(struct soak *soak, uint64_t random)
{
    const struct qp_task_options options = {.name = "job", .drop = job_end};
    struct qp_remote *remote;
    struct job *job;
    if (atomic_load(&soak->under_way) >= MOST_UNDER_WAY)
        return false;
    pthread_mutex_lock(&soak->mutex);
    remote = soak->remote ? qp_remote_clone(soak->remote) : NULL;
    pthread_mutex_unlock(&soak->mutex);
    if (!remote)
        return false;
    job = calloc(1, sizeof *job);
    if (!job)
        fail("out of memory");
    *job = (struct job){.soak = soak, .random = random | 1, .submitted_ns = monotonic_ns()};
    soak->under_way++;
    if (qp_remote_spawn(remote, job_run, job, &options) != QP_OK) {
        free(job);
        soak->under_way--;
        soak->refused++;
    }
    qp_remote_drop(remote);
    return true;
}

static void *submit_jobs(void *arg)
{
    uint64_t random = (uint64_t)(uintptr_t)arg;
    while (!atomic_load(&stopping)) {
        bool taken = submit(&soaks[draw(&random, 2)], random);
        complete_outside();
        if (!taken || draw(&random, 16) == 0)
            usleep((useconds_t)draw(&random, 1000));
    }
    return NULL;
}

/* Those who wait at the end, too. */
static void *complete_to_the_end(void *over)
{
    while (!atomic_load((atomic_bool *)over)) {
        complete_outside();
        usleep(500);
    }
    complete_outside();
    return NULL;
}

/* ---- memory ---- */

static long resident_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long size, resident = 0;
    if (!file || fscanf(file, "%ld %ld", &size, &resident) != 2)
        fail("cannot read /proc/self/statm");
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

struct samples {
    long kib[SAMPLES_MOST];
    int count;
};

static long most_between(const struct samples *self, int first, int last)
{
    long most = 0;
    for (int i = first; i < last; i++)
        most = self->kib[i] > most ? self->kib[i] : most;
    return most;
}

/* The last third against the one before it: by then everything has been used once. What a sanitizer remembers grows. */
static void judge_memory(const struct samples *self)
{
    int third = self->count / 3;
    long before = most_between(self, third, 2 * third), after = most_between(self, 2 * third, self->count);
    printf("memory: %ld KiB at most in the second third, %ld in the last\n", before, after);
    if (!SANITIZED && after > before + before / 10 + 1024)
        fail("memory grows");
}

/* ---- all of it ---- */

static void run_for(int seconds, uint64_t seed)
{
    static struct samples samples;
    pthread_t submitters[SUBMITTERS], completer;
    atomic_bool over = false;
    uintptr_t i;
    for (i = 0; i < 2; i++) {
        soaks[i].random = seed + i + 1;
        pthread_mutex_init(&soaks[i].mutex, NULL);
        pthread_create(&soaks[i].thread, NULL, run_soak, &soaks[i]);
    }
    pthread_create(&completer, NULL, complete_to_the_end, &over);
    for (i = 0; i < SUBMITTERS; i++)
        pthread_create(&submitters[i], NULL, submit_jobs, (void *)((uintptr_t)seed * SUBMITTERS + i + 1));
    for (int left = seconds * 10; left; left--) {
        usleep(100000);
        if (samples.count < SAMPLES_MOST)
            samples.kib[samples.count++] = resident_kib();
    }
    atomic_store(&stopping, true);
    for (i = 0; i < SUBMITTERS; i++)
        pthread_join(submitters[i], NULL);
    for (i = 0; i < 2; i++)
        pthread_join(soaks[i].thread, NULL);
    atomic_store(&over, true);
    pthread_join(completer, NULL);
    judge_memory(&samples);
}

int main(int argc, char **argv)
{
    int seconds = argc > 1 ? atoi(argv[1]) : 5;
    long seed = argc > 2 ? atol(argv[2]) : 1;
    if (argc > 3 || seconds < 1 || seed < 1) {
        fprintf(stderr, "usage: soak [SECONDS [SEED]]\n");
        return 2;
    }
    printf("%d s, seed %ld\n", seconds, seed);
    fflush(stdout);
    run_for(seconds, (uint64_t)seed);
    for (int i = 0; i < 2; i++) {
        struct soak *soak = &soaks[i];
        printf("%s: %ld runtimes, %ld jobs, %ld refused at an end, %ld deadlines passed, %ld tasks aborted\n",
               soak->name, (long)soak->rounds, (long)soak->done, (long)soak->refused, (long)soak->timeouts,
               (long)soak->aborts);
        if (soak->under_way || !soak->done)
            fail("a job was lost");
    }
    printf("no wake-up was lost, no rule broken\n");
    return 0;
}
