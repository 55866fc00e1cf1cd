/*
 * What a parked task costs in memory: each waits for a permit that never comes. Resident memory is what the kernel says
 * before and after, in a process that has done nothing else; mappings are counted the same way.
 */
#include "bench/runtime.h"
#include "bench/tables.h"
#include <stdio.h>
#include <string.h>
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

struct waiter { /* a function without a stack that waits for a permit */
    struct qp_resumable base;
    struct qp_acquire_future acquire;
    struct qp_semaphore *semaphore;
    struct qp_semaphore_permit permit;
};

static enum qp_status waiter_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct waiter *self = (struct waiter *)future;
    enum qp_status status;
    QP_BEGIN(&self->base);
    QP_AWAIT(status, qp_acquire_init(&self->acquire, self->semaphore, 1, &self->permit));
    (void)status;
    QP_END(QP_OK);
}

static const struct qp_future_ops waiter_ops = QP_RESUMABLE("waiter", waiter_poll);

static void wait_for_permit(void *semaphore)
{
    struct qp_semaphore_permit permit;
    qp_await(qp_acquire(semaphore, &permit));
}

static struct qp_handle spawn_waiter(struct qp_semaphore *semaphore, bool with_stack)
{
    static const struct qp_task_options options = {.name = "waiter"};
    struct waiter waiter = {.semaphore = semaphore};
    if (with_stack)
        return qp_spawn(wait_for_permit, semaphore);
    qp_resumable_init(&waiter.base, &waiter_ops);
    return qp_spawn_future(&waiter.base.future, sizeof waiter, &options);
}

struct parked {
    size_t count;
    bool with_stacks;
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
        struct qp_handle handle = spawn_waiter(semaphore, self->with_stacks);
        if (!handle.task)
            bench_fail("out of memory");
        qp_handle_drop(&handle);
    }
    qp_await(qp_yield());
    self->after = self->what();
}

static double parked(size_t count, bool with_stacks, double (*what)(void))
{
    struct parked self = {.count = count, .with_stacks = with_stacks, .what = what};
    double needed = (double)count * (with_stacks ? 5500 : 600);
    if (available_bytes() < needed) {
        fprintf(stderr, "quipu-bench: %zu parked tasks need %.1f GB, which are not free here\n", count, needed / 1e9);
        return -1;
    }
    bench_run(park_all, &self);
    return self.after - self.before;
}

static double coroutines_hundred_thousand(void)
{
    return parked(HUNDRED_THOUSAND, true, resident_bytes) / HUNDRED_THOUSAND;
}

static double resumables_hundred_thousand(void)
{
    return parked(HUNDRED_THOUSAND, false, resident_bytes) / HUNDRED_THOUSAND;
}

static double coroutines_million(void)
{
    return parked(MILLION, true, resident_bytes) / MILLION;
}

static double resumables_million(void)
{
    return parked(MILLION, false, resident_bytes) / MILLION;
}

static double mappings_hundred_thousand(void)
{
    return parked(HUNDRED_THOUSAND, true, mappings);
}

static double mappings_million(void)
{
    return parked(MILLION, true, mappings);
}

const struct figure memory_figures[] = {
    {"memory of 100,000 parked tasks (coroutine)", "bytes per task", coroutines_hundred_thousand, true},
    {"memory of 100,000 parked tasks (resumable)", "bytes per task", resumables_hundred_thousand, true},
    {"memory of 1,000,000 parked tasks (coroutine)", "bytes per task", coroutines_million, true},
    {"memory of 1,000,000 parked tasks (resumable)", "bytes per task", resumables_million, true},
    {"mappings for 100,000 parked coroutines", "mappings", mappings_hundred_thousand, true},
    {"mappings for 1,000,000 parked coroutines", "mappings", mappings_million, true},
    {0},
};
