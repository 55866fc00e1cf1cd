/*
 * A rate limiter: so many calls at once, and then so many in a time; whoever comes too early waits its turn.
 *
 * Shows a semaphore as a bucket of tokens, filled by a task that keeps to its own beat (it does not drift, however late
 * it is woken), and calls that cost more than others.
 *
 * Who waits is served first come, first served; a call that costs much is not passed by those that cost little.
 * Cancelled while it waits, a call has cost nothing: what it had gathered goes to those behind it.
 */
#include <quipu/quipu.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the limiter ---- */

struct limiter {
    struct qp_semaphore *tokens;
    struct qp_handle filler;
    int64_t interval_ns; /* between two tokens */
    uint32_t burst;      /* the most that the bucket holds */
    uint32_t filled;     /* tokens that were added, ever */
};

static void fill(void *arg)
{
    struct limiter *self = arg;
    int64_t next = qp_now();
    for (;;) {
        next += self->interval_ns;
        qp_await(qp_sleep_ns(next - qp_now()));
        if (qp_available_permits(self->tokens) >= self->burst)
            continue; /* full */
        self->filled++;
        qp_touch(&self->filled, true);
        qp_add_permits(self->tokens, 1);
    }
}

/* However the filler ends, nobody waits for tokens that never come. */
static void turn_away(void *arg)
{
    qp_semaphore_close(((struct limiter *)arg)->tokens);
}

/* It begins full. It belongs to the calling function, which must outlive all who use it: mostly main. */
static bool limiter_start(struct limiter *self, uint32_t burst, int64_t interval_ns)
{
    *self = (struct limiter){.burst = burst, .interval_ns = interval_ns};
    self->tokens = qp_semaphore_create("tokens", burst);
    if (!self->tokens)
        return false;
    struct qp_task_options options = {.name = "fill", .drop = turn_away};
    self->filler = qp_spawn_with(fill, self, &options);
    return self->filler.task != NULL;
}

/*
 * Waits until the call may be made. QP_INVALID: it costs more than there can ever be; QP_SEMAPHORE_CLOSED: the limiter
 * has ended.
 */
static enum qp_status limiter_wait(struct limiter *self, uint32_t cost)
{
    struct qp_semaphore_permit tokens;
    if (cost > self->burst)
        return QP_INVALID;
    enum qp_status status = qp_await(qp_acquire_many(self->tokens, cost, &tokens));
    if (status == QP_OK)
        qp_semaphore_forget(&tokens); /* spent; no await in between, so that none is spent in vain */
    return status;
}

/* The same without waiting; QP_NO_PERMITS: not now. Never before one who waits. */
static enum qp_status limiter_try(struct limiter *self, uint32_t cost)
{
    struct qp_semaphore_permit tokens;
    if (cost > self->burst)
        return QP_INVALID;
    enum qp_status status = qp_try_acquire_many(self->tokens, cost, &tokens);
    if (status == QP_OK)
        qp_semaphore_forget(&tokens);
    return status;
}

/* Turns away all who wait, and all who come later. */
static void limiter_stop(struct limiter *self)
{
    qp_semaphore_close(self->tokens);
    qp_abort(&self->filler);
}

/* ---- those who are limited ---- */

struct caller {
    struct limiter *limiter;
    uint32_t cost;
    int calls, made;
    int *made_by_all;
};

static void call(void *arg)
{
    struct caller *self = arg;
    while (self->made < self->calls && limiter_wait(self->limiter, self->cost) == QP_OK) {
        self->made++;
        ++*self->made_by_all;
        qp_await(qp_sleep_ms(1)); /* the call itself */
    }
}

static int async_main(int argc, char **argv)
{
    enum { CALLERS = 3 };
    struct limiter limiter;
    struct caller callers[CALLERS];
    struct qp_handle handles[CALLERS];
    int calls = argc > 1 ? atoi(argv[1]) : 10, made = 0, at_once = 0;
    int64_t start = qp_now();
    if (!limiter_start(&limiter, 5, qp_milliseconds(4)))
        return 1;
    while (limiter_try(&limiter, 1) == QP_OK)
        at_once++;
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){&limiter, i == 0 ? 2 : 1, calls, 0, &made};
        handles[i] = qp_spawn(call, &callers[i]);
    }
    for (int i = 0; i < CALLERS; i++)
        qp_await(qp_join(&handles[i], NULL));
    int64_t took_ms = (qp_now() - start) / 1000000;
    limiter_stop(&limiter);
    printf("%d calls at once, then %d more\n", at_once, made);
    return at_once == 5 && made == CALLERS * calls && took_ms >= 4 * (4 * (int64_t)calls - 1) ? 0 : 1;
}
QP_MAIN(async_main)
