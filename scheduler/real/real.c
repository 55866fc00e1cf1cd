/*
 * The real environment, on libuv: see quipu/real.h.
 *
 * State: the loop, and how much blocking work it has. Work is queued to libuv's threads; that it has started is known,
 * and told, when it cannot be withdrawn any more, or is over.
 *
 * Invariants: the loop runs only on the runtime's thread, inside `turn`, `park` and `finish`; a piece of work belongs
 * to libuv from submit until its callback, also when it was withdrawn. The kernel is waited for with a deadline in
 * nanoseconds, by the loop's own descriptor: libuv's timers have milliseconds.
 */
#define _GNU_SOURCE /* ppoll */
#include "scheduler/remote.h"
#include <poll.h>
#include <quipu/real.h>
#include <quipu/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { TURN_EVERY = 128 };

struct real {
    uv_loop_t loop;
    uv_async_t wake; /* from other threads */
    struct qp_runtime *runtime;
    const struct qp_real_options *options;
    struct piece *pieces; /* of work, that libuv has and that nobody withdrew */
    size_t pending;       /* callbacks that are still to come */
    bool known;           /* the kernel knows of `wake`: the loop has run */
    uint64_t began;       /* on libuv's clock */
    uint64_t random[2];
};

struct piece {
    uv_work_t request;
    struct real *real;
    struct qp_work *work; /* NULL: withdrawn */
    bool told;            /* that it has started */
    struct piece *next;
};

/* ---- memory, time, randomness ---- */

static void *allocate(void *context, size_t size)
{
    (void)context;
    return malloc(size);
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
    return (int64_t)(uv_hrtime() - ((const struct real *)context)->began);
}

/* xorshift128+ (Vigna). */
static uint64_t draw(struct real *self)
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

/* ---- blocking work ---- */

static void unlink_piece(struct real *self, struct piece *piece)
{
    struct piece **link = &self->pieces;
    while (*link && *link != piece)
        link = &(*link)->next;
    if (*link)
        *link = piece->next;
}

static void tell_that_it_started(struct piece *piece)
{
    if (!piece->told)
        qp_work_started(piece->real->runtime, piece->work);
    piece->told = true;
}

/* On one of libuv's threads. */
static void run_piece(uv_work_t *request)
{
    struct qp_work *work = ((struct piece *)request->data)->work;
    work->run(work);
}

/* On the runtime's. */
static void piece_is_over(uv_work_t *request, int status)
{
    struct piece *piece = request->data;
    struct real *self = piece->real;
    struct qp_work *work = piece->work;
    unlink_piece(self, piece);
    self->pending--;
    if (work && status != UV_ECANCELED) {
        tell_that_it_started(piece);
        qp_work_finished(self->runtime, work);
    }
    free(piece);
}

/* Without memory, or a thread to run it on, it is run here and now. */
static void submit(void *context, struct qp_runtime *runtime, struct qp_work *work)
{
    struct real *self = context;
    struct piece *piece = malloc(sizeof *piece);
    if (piece) {
        *piece = (struct piece){.real = self, .work = work, .next = self->pieces};
        piece->request.data = piece;
        if (uv_queue_work(&self->loop, &piece->request, run_piece, piece_is_over) == 0) {
            self->pieces = piece;
            self->pending++;
            return;
        }
        free(piece);
    }
    qp_work_started(runtime, work);
    work->run(work);
    qp_work_finished(runtime, work);
}

static bool withdraw(void *context, struct qp_runtime *runtime, struct qp_work *work)
{
    struct real *self = context;
    struct piece *piece = self->pieces;
    (void)runtime;
    while (piece && piece->work != work)
        piece = piece->next;
    if (!piece)
        return false;
    if (uv_cancel((uv_req_t *)&piece->request) != 0) {
        tell_that_it_started(piece);
        return false;
    }
    unlink_piece(self, piece);
    piece->work = NULL; /* its callback is still to come */
    return true;
}

static void finish(void *context, struct qp_runtime *runtime)
{
    struct real *self = context;
    (void)runtime;
    while (self->pending)
        uv_run(&self->loop, UV_RUN_ONCE);
}

/* ---- waiting ---- */

static void turn(void *context, struct qp_runtime *runtime)
{
    struct real *self = context;
    (void)runtime;
    if (self->pending)
        uv_run(&self->loop, UV_RUN_NOWAIT);
}

/* False: the deadline came first. */
static bool wait_for_kernel(struct real *self, int64_t deadline_ns)
{
    struct pollfd file = {.fd = uv_backend_fd(&self->loop), .events = POLLIN};
    int64_t left_ns = deadline_ns == QP_NEVER ? 0 : deadline_ns - now(self);
    struct timespec most = {.tv_sec = (time_t)(left_ns / 1000000000), .tv_nsec = (long)(left_ns % 1000000000)};
    if (left_ns < 0)
        return false;
    return ppoll(&file, 1, deadline_ns == QP_NEVER ? NULL : &most, NULL) > 0;
}

/* Whether something could still happen. Other threads have been asked to tell of it. */
static bool may_go_on(const struct real *self, int64_t deadline_ns)
{
    return deadline_ns != QP_NEVER || self->pending || qp_remote_may_come(self->runtime);
}

static bool park(void *context, struct qp_runtime *runtime, int64_t deadline_ns)
{
    struct real *self = context;
    bool may;
    if (self->pending || !self->known) {
        uv_run(&self->loop, UV_RUN_NOWAIT);
        self->known = true;
    }
    if (qp_ready_count(&runtime->ready) || !qp_remote_doze(runtime))
        return true;
    may = may_go_on(self, deadline_ns);
    if (may && wait_for_kernel(self, deadline_ns))
        uv_run(&self->loop, UV_RUN_NOWAIT);
    qp_remote_awake(runtime);
    return may;
}

/* On any thread: ends a wait for the kernel, this one or the next. */
static void notify(void *context)
{
    uv_async_send(&((struct real *)context)->wake);
}

/* Nothing: that the wait is over is all. */
static void notified(uv_async_t *wake)
{
    (void)wake;
}

/* ---- from beginning to end ---- */

static struct qp_env environment(struct real *self)
{
    return (struct qp_env){
        .context = self,
        .allocate = allocate,
        .release = release,
        .now = now,
        .turn = turn,
        .turn_every = TURN_EVERY,
        .park = park,
        .submit = submit,
        .withdraw = withdraw,
        .finish = finish,
        .notify = notify,
        .random = draw_random,
        .event = self->options ? self->options->event : NULL,
        .event_context = self->options ? self->options->event_context : NULL,
    };
}

static enum qp_status run(struct real *self, qp_async_fn function, void *arg, char *report, size_t size)
{
    struct qp_env env = environment(self);
    enum qp_status status;
    self->runtime = qp_runtime_create(&env);
    if (!self->runtime)
        return QP_NOMEM;
    status = qp_runtime_run(self->runtime, function, arg);
    if (size && status != QP_OK)
        snprintf(report, size, "%s", qp_runtime_report(self->runtime));
    if (self->options && self->options->steps)
        *self->options->steps = qp_runtime_steps(self->runtime);
    finish(self, self->runtime);
    qp_runtime_destroy(self->runtime);
    return status;
}

static void seed(struct real *self)
{
    uint64_t drawn[2];
    if (uv_random(NULL, NULL, drawn, sizeof drawn, 0, NULL) == 0 && (drawn[0] || drawn[1]))
        memcpy(self->random, drawn, sizeof drawn);
}

/* False: the system gave no loop. */
static bool open_loop(struct real *self)
{
    if (uv_loop_init(&self->loop) != 0)
        return false;
    if (uv_async_init(&self->loop, &self->wake, notified) == 0)
        return true;
    uv_loop_close(&self->loop);
    return false;
}

/* The callbacks of what was withdrawn are still to come. */
static void close_loop(struct real *self)
{
    uv_close((uv_handle_t *)&self->wake, NULL);
    uv_run(&self->loop, UV_RUN_DEFAULT);
    uv_loop_close(&self->loop);
}

enum qp_status qp_real_run(qp_async_fn function, void *arg, const struct qp_real_options *options, char *report,
                           size_t size)
{
    struct real self = {.options = options, .random = {0x9e3779b97f4a7c15u, 0xbf58476d1ce4e5b9u}};
    enum qp_status status;
    if (size)
        report[0] = '\0';
    if (!open_loop(&self))
        return QP_NOMEM;
    self.began = uv_hrtime();
    seed(&self);
    status = run(&self, function, arg, report, size);
    close_loop(&self);
    return status;
}
