/*
 * A runtime on somebody else's loop: see quipu/loop.h.
 *
 * State: where it has come to, and three handles of the loop's. Invariants: it advances in `prepare` alone, once an
 * iteration, before the loop waits; `more` is active while there is more to do at once, so that the loop does not wait;
 * `timer` ends the wait at the next deadline; the environment's `wake` ends it when another thread has something. The
 * runtime dozes from the end of `prepare` to the beginning of the next. Memory is freed when the loop has closed all
 * four and has told of all blocking work.
 */
#include "scheduler/real/real.h"
#include <quipu/loop.h>
#include <quipu/time.h>
#include <stdio.h>
#include <stdlib.h>

enum { HANDLES = 4 };

struct qp_joined {
    struct qp_real real; /* whose wake is the fourth handle */
    uv_prepare_t prepare;
    uv_idle_t more;
    uv_timer_t timer;
    qp_joined_fn over;
    void *context;
    enum qp_status status;
    bool begun, ended;
    int closing;
    char report[QP_REPORT_SIZE];
};

/* ---- the end ---- */

static void closed(uv_handle_t *handle)
{
    struct qp_joined *self = handle->data;
    if (--self->closing)
        return;
    if (self->begun && self->over)
        self->over(self->context, self->status, self->report);
    free(self);
}

static void close_all(struct qp_joined *self)
{
    self->closing = HANDLES;
    uv_close((uv_handle_t *)&self->prepare, closed);
    uv_close((uv_handle_t *)&self->more, closed);
    uv_close((uv_handle_t *)&self->timer, closed);
    self->real.wake.data = self;
    qp_real_close(&self->real, closed);
}

/* Work that was withdrawn is still the loop's. */
static void end(struct qp_joined *self)
{
    struct qp_runtime *runtime = self->real.runtime;
    self->ended = true;
    if (self->status != QP_OK)
        snprintf(self->report, sizeof self->report, "%s", qp_runtime_report(runtime));
    if (self->real.options.steps)
        *self->real.options.steps = qp_runtime_steps(runtime);
    qp_runtime_destroy(runtime);
    uv_idle_stop(&self->more);
    uv_timer_stop(&self->timer);
}

/* ---- an iteration ---- */

static void nothing_more(uv_idle_t *more)
{
    (void)more;
}

static void deadline_is_over(uv_timer_t *timer)
{
    (void)timer;
}

/* Rounded up: no timer fires early. */
static void set_timer(struct qp_joined *self, int64_t deadline_ns)
{
    int64_t now_ns = (int64_t)(uv_hrtime() - self->real.began), left_ns = deadline_ns - now_ns;
    if (deadline_ns == QP_NEVER) {
        uv_timer_stop(&self->timer);
        return;
    }
    uv_update_time(self->real.loop);
    uv_timer_start(&self->timer, deadline_is_over, left_ns > 0 ? (uint64_t)((left_ns - 1) / 1000000 + 1) : 0, 0);
}

/* Whether it may wait. */
static bool settle(struct qp_joined *self)
{
    struct qp_runtime *runtime = self->real.runtime;
    int64_t deadline_ns;
    qp_timers_settle(runtime);
    deadline_ns = qp_timers_next(&runtime->timers);
    if (self->real.work.unplaced || !qp_remote_doze(runtime))
        return false;
    if (!qp_real_may_go_on(&self->real, deadline_ns)) {
        qp_remote_awake(runtime);
        qp_runtime_deadlocked(runtime);
        return false;
    }
    set_timer(self, deadline_ns);
    return true;
}

/* Whether it is over. */
static bool advance(struct qp_joined *self)
{
    struct qp_runtime *runtime = self->real.runtime, *before = qp_runtime_enter(runtime);
    enum qp_progress progress;
    qp_remote_awake(runtime);
    progress = qp_runtime_advance(runtime);
    if (progress == QP_PROGRESS_OVER)
        self->status = qp_runtime_end(runtime);
    else if (progress == QP_PROGRESS_IDLE && settle(self))
        uv_idle_stop(&self->more);
    else
        uv_idle_start(&self->more, nothing_more);
    qp_runtime_enter(before);
    return progress == QP_PROGRESS_OVER;
}

static void iterate(uv_prepare_t *prepare)
{
    struct qp_joined *self = prepare->data;
    if (!self->ended && advance(self))
        end(self);
    if (self->ended && !self->real.work.pending)
        close_all(self);
}

/* ---- the beginning ---- */

/* What has started is waited for by the loop's own iterations. */
static void finish(void *context, struct qp_runtime *runtime)
{
    (void)runtime;
    qp_real_deliver_work(context);
}

static bool begin(struct qp_joined *self, qp_async_fn function, void *arg)
{
    struct qp_env env = qp_real_env(&self->real);
    struct qp_runtime *before;
    bool begun;
    env.park = NULL;
    env.finish = finish;
    self->real.runtime = qp_runtime_create(&env);
    if (!self->real.runtime)
        return false;
    before = qp_runtime_enter(self->real.runtime);
    begun = qp_runtime_begin(self->real.runtime, function, arg);
    qp_runtime_enter(before);
    return begun;
}

struct qp_joined *qp_loop_join(void *uv_loop, qp_async_fn function, void *arg, const struct qp_real_options *options,
                               qp_joined_fn over, void *context)
{
    struct qp_joined *self = calloc(1, sizeof *self);
    enum qp_status opened;
    if (!self)
        return NULL;
    self->real.loop = uv_loop;
    self->real.joined = true;
    opened = qp_real_open(&self->real, options);
    if (opened == QP_NOMEM) {
        free(self);
        return NULL;
    }
    uv_prepare_init(uv_loop, &self->prepare);
    uv_idle_init(uv_loop, &self->more);
    uv_timer_init(uv_loop, &self->timer);
    self->prepare.data = self->more.data = self->timer.data = self;
    self->begun = opened == QP_OK && begin(self, function, arg);
    if (!self->begun) {
        qp_runtime_destroy(self->real.runtime);
        close_all(self);
        return NULL;
    }
    self->over = over;
    self->context = context;
    uv_prepare_start(&self->prepare, iterate);
    uv_idle_start(&self->more, nothing_more);
    return self;
}

void qp_joined_stop(struct qp_joined *self)
{
    struct qp_runtime *before;
    if (self->ended)
        return;
    before = qp_runtime_enter(self->real.runtime);
    qp_abort(&self->real.runtime->main_handle);
    qp_runtime_enter(before);
    uv_idle_start(&self->more, nothing_more);
}
