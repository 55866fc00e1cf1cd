/*
 * The real environment on a loop of its own: see real.h for the state.
 *
 * The kernel is waited for with a deadline in nanoseconds, by the loop's own descriptor: libuv's timers have
 * milliseconds.
 */
#define _GNU_SOURCE /* ppoll, MADV_HUGEPAGE */
#include "scheduler/real/real.h"
#include <poll.h>
#include <quipu/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_PASSES = 16 };        /* then it looks at its loop, though it need not sleep */
enum { LARGE = 4 * 1024 * 1024 }; /* bytes: large pages fit in, wherever it begins */

/* ---- memory, time, randomness ---- */

/* The kernel gives a page when it is first touched, which takes long; a large one hardly longer. It may refuse. */
static void *in_large_pages(void *memory, size_t size)
{
#ifdef MADV_HUGEPAGE
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)memory + page - 1) & ~(page - 1);
    if (memory)
        madvise((void *)begin, (uintptr_t)memory + size - begin, MADV_HUGEPAGE);
#else
    (void)size;
#endif
    return memory;
}

static void *allocate(void *context, size_t size)
{
    (void)context;
    return size < LARGE ? malloc(size) : in_large_pages(malloc(size), size);
}

static void release(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    free(memory);
}

/* Since the runtime began. */
static int64_t now(void *context)
{
    return (int64_t)(uv_hrtime() - ((const struct qp_real *)context)->began);
}

/* xorshift128+ (Vigna). */
static uint64_t draw(struct qp_real *self)
{
    uint64_t a = self->random[0], b = self->random[1];
    self->random[0] = b;
    a ^= a << 23;
    self->random[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
    return self->random[1] + b;
}

static uint64_t draw_random(void *context, uint64_t count)
{
    uint64_t drawn = draw(context);
    return count ? drawn % count : drawn;
}

static void seed(struct qp_real *self)
{
    static const uint64_t usual[2] = {0x9e3779b97f4a7c15u, 0xbf58476d1ce4e5b9u};
    uint64_t drawn[2];
    memcpy(self->random, usual, sizeof usual);
    if (uv_random(NULL, NULL, drawn, sizeof drawn, 0, NULL) == 0 && (drawn[0] || drawn[1]))
        memcpy(self->random, drawn, sizeof drawn);
}

/* ---- what happens outside ---- */

static int io_begin(void *context, struct qp_io_wait *io)
{
    return io->event == QP_IO_SIGNAL ? qp_real_signal_begin(context, io) : qp_real_file_begin(context, io);
}

static void io_end(void *context, struct qp_io_wait *io)
{
    if (io->event == QP_IO_SIGNAL)
        qp_real_signal_end(context, io);
    else
        qp_real_file_end(context, io);
}

/* On any thread: ends a wait for the kernel, this one or the next. */
static void notify(void *context)
{
    uv_async_send(&((struct qp_real *)context)->wake);
}

void qp_real_deliver(struct qp_real *self)
{
    qp_real_deliver_work(self);
    qp_real_deliver_files(self);
    qp_real_deliver_signals(self);
}

/* ---- waiting ---- */

static void run_loop(struct qp_real *self, uv_run_mode mode)
{
    uv_run(self->loop, mode);
    self->known = true;
    self->passes = 0;
    qp_real_deliver(self);
}

static void look(struct qp_real *self)
{
    run_loop(self, UV_RUN_NOWAIT);
}

static void turn(void *context, struct qp_runtime *runtime)
{
    struct qp_real *self = context;
    (void)runtime;
    if (!self->joined && (self->work.pending || self->files.open))
        look(self);
    else
        qp_real_deliver(self);
}

/* False: the deadline came first. */
static bool wait_for_kernel(struct qp_real *self, int64_t deadline_ns)
{
    struct pollfd file = {.fd = uv_backend_fd(self->loop), .events = POLLIN};
    int64_t left_ns = deadline_ns - now(self);
    struct timespec most = {.tv_sec = (time_t)(left_ns / 1000000000), .tv_nsec = (long)(left_ns % 1000000000)};
    return left_ns >= 0 && ppoll(&file, 1, &most, NULL) != 0;
}

/* Waits, and hears of what has happened. Without a deadline the loop can wait by itself, and ask the kernel once. */
static void wait_and_look(struct qp_real *self, int64_t deadline_ns)
{
    if (deadline_ns == QP_NEVER)
        run_loop(self, UV_RUN_ONCE);
    else if (wait_for_kernel(self, deadline_ns))
        look(self);
}

bool qp_real_may_go_on(const struct qp_real *self, int64_t deadline_ns)
{
    return deadline_ns != QP_NEVER || self->work.pending || self->work.unplaced || self->files.open || self->waits ||
           qp_remote_may_come(self->runtime);
}

/* Whatever may come says so, from here on. False: something has come. */
static bool doze(struct qp_real *self)
{
    return qp_remote_doze(self->runtime) && qp_real_work_doze(self);
}

static void awake(struct qp_real *self)
{
    qp_real_work_awake(self);
    qp_remote_awake(self->runtime);
}

static bool park(void *context, struct qp_runtime *runtime, int64_t deadline_ns)
{
    struct qp_real *self = context;
    bool may = true;
    if (self->work.unplaced || (!self->known && deadline_ns != QP_NEVER) || self->passes >= MOST_PASSES)
        look(self);
    if (qp_ready_count(&runtime->ready))
        return true;
    if (!qp_real_work_comes(self, deadline_ns == QP_NEVER ? QP_NEVER : deadline_ns - now(self)) && doze(self)) {
        may = qp_real_may_go_on(self, deadline_ns);
        if (may)
            wait_and_look(self, deadline_ns);
    } else {
        self->passes++; /* work may come for long: descriptors and signals are not to wait for its end */
    }
    awake(self);
    qp_real_deliver_work(self);
    return may;
}

static void finish(void *context, struct qp_runtime *runtime)
{
    struct qp_real *self = context;
    (void)runtime;
    qp_real_deliver_work(self);
    while (self->work.pending) {
        uv_run(self->loop, UV_RUN_ONCE);
        qp_real_deliver_work(self);
    }
}

/* ---- from beginning to end ---- */

/* Nothing: that the wait is over is all. */
static void notified(uv_async_t *wake)
{
    (void)wake;
}

enum qp_status qp_real_open(struct qp_real *self, const struct qp_real_options *options)
{
    if (options)
        self->options = *options;
    if (uv_async_init(self->loop, &self->wake, notified) != 0)
        return QP_NOMEM;
    self->wake.data = self;
    self->processors = qp_real_processors();
    self->began = uv_hrtime();
    seed(self);
    if ((!self->options.stop_on_signals || qp_real_stop_on_signals(self)) &&
        (!self->options.list_on_signal || qp_real_list_on_signal(self)))
        return QP_OK;
    return QP_REFUSED;
}

void qp_real_close(struct qp_real *self, uv_close_cb closed)
{
    qp_real_signals_close(self);
    free(self->files.by_number);
    uv_close((uv_handle_t *)&self->wake, closed);
}

struct qp_env qp_real_env(struct qp_real *self)
{
    return (struct qp_env){
        .context = self,
        .allocate = allocate,
        .release = release,
        .now = now,
        .turn = turn,
        .turn_every = TURN_EVERY,
        .park = park,
        .submit = qp_real_submit,
        .withdraw = qp_real_withdraw,
        .finish = finish,
        .notify = notify,
        .io_begin = io_begin,
        .io_end = io_end,
        .random = draw_random,
        .event = self->options.event,
        .event_context = self->options.event_context,
    };
}

static enum qp_status run(struct qp_real *self, qp_async_fn function, void *arg, char *report, size_t size)
{
    struct qp_env env = qp_real_env(self);
    enum qp_status status;
    self->runtime = qp_runtime_create(&env);
    if (!self->runtime)
        return QP_NOMEM;
    status = qp_runtime_run(self->runtime, function, arg);
    if (size && status != QP_OK)
        snprintf(report, size, "%s", qp_runtime_report(self->runtime));
    if (self->options.steps)
        *self->options.steps = qp_runtime_steps(self->runtime);
    finish(self, self->runtime);
    qp_runtime_destroy(self->runtime);
    return status;
}

enum qp_status qp_real_run(qp_async_fn function, void *arg, const struct qp_real_options *options, char *report,
                           size_t size)
{
    struct qp_real self = {.joined = false};
    uv_loop_t loop;
    enum qp_status status, opened;
    if (size)
        report[0] = '\0';
    if (uv_loop_init(&loop) != 0)
        return QP_NOMEM;
    self.loop = &loop;
    status = opened = qp_real_open(&self, options);
    if (opened == QP_OK)
        status = run(&self, function, arg, report, size);
    if (opened != QP_NOMEM)
        qp_real_close(&self, NULL);
    uv_run(&loop, UV_RUN_DEFAULT); /* what was withdrawn, or closed, is told so */
    uv_loop_close(&loop);
    return status;
}
