/*
 * What a parked task costs in memory: one that waits for nothing that the library keeps, and one that waits for a
 * permit that never comes. Resident memory is what the kernel says before and after, in a process that has done nothing
 * else; mappings are counted the same way.
 */
#include "bench/runtime.h"
#include "bench/tables.h"
#include <stdio.h>
#include <unistd.h>

enum { HUNDRED_THOUSAND = 100000, MILLION = 1000000 };

/* ---- what the kernel says ---- */

static double resident_bytes(void)
{
    long size, pages;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &size, &pages) != 2)
        bench_fail("/proc/self/statm cannot be read");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    int byte;
    double lines = 0;
    if (!file)
        bench_fail("/proc/self/maps cannot be read");
    while ((byte = getc(file)) != EOF)
        lines += byte == '\n';
    fclose(file);
    return lines;
}

static double available_bytes(void)
{
    FILE *file = fopen("/proc/meminfo", "r");
    char line[128];
    double kilobytes = 0;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %lf", &kilobytes) == 1)
            break;
    if (file)
        fclose(file);
    return kilobytes * 1024;
}

/* ---- the tasks ---- */

struct parker { /* functions without a stack: one that nobody wakes, and one that waits for a permit */
    struct qp_resumable base;
    struct qp_yield_future never;
};

struct waiter {
    struct qp_resumable base;
    struct qp_acquire_future acquire;
    struct qp_semaphore *semaphore;
    struct qp_semaphore_permit permit;
};

static enum qp_status parker_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct parker *self = (struct parker *)future;
    enum qp_status status;
    QP_BEGIN(&self->base);
    QP_AWAIT(status, bench_future(&self->never, &bench_never_ops));
    (void)status;
    QP_END(QP_OK);
}

static enum qp_status waiter_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct waiter *self = (struct waiter *)future;
    enum qp_status status;
    QP_BEGIN(&self->base);
    QP_AWAIT(status, qp_acquire_init(&self->acquire, self->semaphore, 1, &self->permit));
    (void)status;
    QP_END(QP_OK);
}

static const struct qp_future_ops parker_ops = QP_RESUMABLE("parker", parker_poll);
static const struct qp_future_ops waiter_ops = QP_RESUMABLE("waiter", waiter_poll);
static const struct qp_task_options small = {.name = "small"};

static struct qp_handle spawn_parker(struct qp_semaphore *semaphore)
{
    struct parker parker;
    (void)semaphore;
    qp_resumable_init(&parker.base, &parker_ops);
    return qp_spawn_future(&parker.base.future, sizeof parker, &small);
}

static struct qp_handle spawn_waiter(struct qp_semaphore *semaphore)
{
    struct waiter waiter = {.semaphore = semaphore};
    qp_resumable_init(&waiter.base, &waiter_ops);
    return qp_spawn_future(&waiter.base.future, sizeof waiter, &small);
}

static void park_for_ever(void *arg)
{
    (void)arg;
    qp_await(bench_never());
}

static struct qp_handle spawn_coroutine(struct qp_semaphore *semaphore)
{
    return qp_spawn(park_for_ever, semaphore);
}

struct parked {
    size_t count;
    struct qp_handle (*spawn)(struct qp_semaphore *semaphore);
    double (*what)(void);
    double before, after;
};

static void park_all(void *arg)
{
    struct parked *self = arg;
    struct qp_semaphore *semaphore = qp_semaphore_create("semaphore", 0);
    size_t i;
    qp_await(qp_yield());
    self->before = self->what();
    for (i = 0; i < self->count; i++) {
        struct qp_handle handle = self->spawn(semaphore);
        if (!handle.task)
            bench_fail("out of memory");
        qp_handle_drop(&handle);
    }
    qp_await(qp_yield());
    self->after = self->what();
}

static double parked(size_t count, struct qp_handle (*spawn)(struct qp_semaphore *), double (*what)(void))
{
    struct parked self = {.count = count, .spawn = spawn, .what = what};
    double needed = (double)count * (spawn == spawn_coroutine ? 5500 : 600);
    if (available_bytes() < needed) {
        fprintf(stderr, "quipu-bench: %zu parked tasks need %.1f GB, which are not free here\n", count, needed / 1e9);
        return -1;
    }
    bench_run(park_all, &self);
    return self.after - self.before;
}

static double coroutines_hundred_thousand(void)
{
    return parked(HUNDRED_THOUSAND, spawn_coroutine, resident_bytes) / HUNDRED_THOUSAND;
}

static double resumables_hundred_thousand(void)
{
    return parked(HUNDRED_THOUSAND, spawn_parker, resident_bytes) / HUNDRED_THOUSAND;
}

static double waiters_hundred_thousand(void)
{
    return parked(HUNDRED_THOUSAND, spawn_waiter, resident_bytes) / HUNDRED_THOUSAND;
}

static double coroutines_million(void)
{
    return parked(MILLION, spawn_coroutine, resident_bytes) / MILLION;
}

static double resumables_million(void)
{
    return parked(MILLION, spawn_parker, resident_bytes) / MILLION;
}

static double mappings_hundred_thousand(void)
{
    return parked(HUNDRED_THOUSAND, spawn_coroutine, mappings);
}

static double mappings_million(void)
{
    return parked(MILLION, spawn_coroutine, mappings);
}

const struct figure memory_figures[] = {
    {"memory of 100,000 parked tasks (coroutine)", "bytes per task", coroutines_hundred_thousand, true},
    {"memory of 100,000 parked tasks (resumable)", "bytes per task", resumables_hundred_thousand, true},
    {"memory of 100,000 tasks at a semaphore (resumable)", "bytes per task", waiters_hundred_thousand, true},
    {"memory of 1,000,000 parked tasks (coroutine)", "bytes per task", coroutines_million, true},
    {"memory of 1,000,000 parked tasks (resumable)", "bytes per task", resumables_million, true},
    {"mappings for 100,000 parked coroutines", "mappings", mappings_hundred_thousand, true},
    {"mappings for 1,000,000 parked coroutines", "mappings", mappings_million, true},
    {0},
};
