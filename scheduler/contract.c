/*
 * Contracts of the program's own functions: see contract.h. The checker judges by what is told here.
 *
 * State: the runtime lists the durable functions that were cancelled and whose tasks have not all ended. Which tasks
 * those are is not known: all that were spawned since its first poll count, so that it is never judged too early.
 */
#include "scheduler/contract.h"
#include "scheduler/inject.h"
#include "scheduler/memory.h"
#include "scheduler/poll.h"
#include <quipu/contract.h>
#include <stdlib.h>
#include <string.h>

enum stage {
    UNDER_WAY,
    FINISHED,
    CANCELLED,
    TAINTED /* no call: one of those before was stopped, and what they change may be undone for good */
};

struct qp_durable {
    struct qp_durable *next;
    struct qp_contract contract;
    uint64_t first; /* task that it may have spawned */
    enum stage stage;
    bool excused; /* one of these was stopped, and not by its cancellation */
};

static uint64_t digest(const struct qp_contract *contract)
{
    return contract->digest ? contract->digest(contract->state) : 0;
}

/* Where it may have to begin again: keeps what it was. Without memory for that it just goes on. */
static void keep_copy(struct qp_contract_future *self)
{
    size_t size = self->contract->future_size;
    if (!size || self->copy || self->contract->promise != QP_PROMISE_CANCEL_SAFE || !qp_injects(QP_CHOICE_RETRY))
        return;
    self->copy = qp_allocate(qp_thread.runtime, size);
    if (self->copy)
        memcpy(self->copy, self->inner, size);
}

static void release_copy(struct qp_contract_future *self)
{
    if (self->copy)
        qp_release(qp_thread.runtime, self->copy, self->contract->future_size);
    self->copy = NULL;
}

/* ---- durable ones ---- */

static bool are_of_one(const struct qp_durable *a, const struct qp_durable *b)
{
    return a->contract.digest == b->contract.digest && a->contract.state == b->contract.state;
}

/* Whether all calls that change the same are over, and all tasks that they may have spawned. */
static bool is_settled(const struct qp_runtime *runtime, const struct qp_durable *one)
{
    const struct qp_task *last = runtime->tasks.last;
    for (const struct qp_durable *other = runtime->durable; other; other = other->next)
        if (are_of_one(one, other) && (other->stage == UNDER_WAY || (last && last->id >= other->first)))
            return false;
    return true;
}

static void tell_settled(const struct qp_contract *contract)
{
    struct qp_task *before = qp_thread.task;
    qp_thread.task = NULL; /* it may be the one that has ended */
    QP_EMIT(PROMISE_SETTLED, .fields = {digest(contract)}, .text = contract->name);
    qp_thread.task = before;
}

/* Takes all of its kind out; tells of them if one was cancelled, and nobody else ever stopped what went on. */
static void settle_all(struct qp_runtime *runtime, struct qp_durable *one)
{
    struct qp_durable all = *one, **link = &runtime->durable, *durable, *tainted = NULL;
    bool cancelled = false;
    while ((durable = *link) != NULL) {
        bool taints = durable->excused || durable->stage == TAINTED;
        if (!are_of_one(&all, durable)) {
            link = &durable->next;
            continue;
        }
        cancelled = cancelled || durable->stage == CANCELLED;
        *link = durable->next;
        if (taints && !tainted && !runtime->closing_down)
            tainted = durable;
        else
            free(durable);
    }
    if (tainted) {
        tainted->stage = TAINTED;
        tainted->first = UINT64_MAX;
        tainted->next = runtime->durable;
        runtime->durable = tainted;
    } else if (cancelled && !runtime->closing_down) {
        tell_settled(&all.contract);
    }
}

static void settle(struct qp_runtime *runtime)
{
    struct qp_durable *durable = runtime->durable;
    while (durable) {
        bool settled = durable->stage != TAINTED && is_settled(runtime, durable);
        if (settled)
            settle_all(runtime, durable);
        durable = settled ? runtime->durable : durable->next;
    }
}

/* It begins. Without memory to remember that it is not judged. */
static void follow(struct qp_contract_future *self)
{
    struct qp_runtime *runtime = qp_thread.runtime;
    self->durable = malloc(sizeof *self->durable); /* not the program's memory: it may run out of that */
    if (!self->durable)
        return;
    *self->durable = (struct qp_durable){runtime->durable, *self->contract, runtime->next_task + 1, UNDER_WAY, false};
    runtime->durable = self->durable;
}

/* It is over, in this way. */
static void leave(struct qp_contract_future *self, enum stage stage)
{
    self->durable->stage = stage;
    self->durable = NULL;
    settle(qp_thread.runtime);
}

static void excuse(struct qp_runtime *runtime, uint64_t task)
{
    for (struct qp_durable *durable = runtime->durable; durable; durable = durable->next)
        durable->excused = durable->excused || (task >= durable->first && durable->stage != TAINTED);
}

void qp_contract_task_ended(struct qp_runtime *runtime, enum qp_status status, uint64_t task)
{
    if (status != QP_OK && status != QP_CANCELLED)
        excuse(runtime, task);
    settle(runtime);
}

void qp_contract_task_aborted(struct qp_runtime *runtime, uint64_t task)
{
    if (!qp_thread.dropping) /* by a function that is being cancelled: that is what it has to answer for */
        excuse(runtime, task);
}

void qp_contracts_forget(struct qp_runtime *runtime)
{
    struct qp_durable **link = &runtime->durable, *durable;
    while ((durable = *link) != NULL) {
        if (durable->stage == UNDER_WAY) {
            link = &durable->next; /* its future has it, until it is dropped */
            continue;
        }
        *link = durable->next;
        free(durable);
    }
}

static enum qp_status contract_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_contract_future *self = (struct qp_contract_future *)future;
    const struct qp_contract *contract = self->contract;
    enum qp_status status;
    if (QP_UNLIKELY(qp_thread.injecting) && future->state == QP_FUTURE_NEW)
        keep_copy(self);
    if (QP_TRACING && future->state == QP_FUTURE_NEW && contract->promise == QP_PROMISE_DURABLE)
        follow(self);
    if (QP_TRACING && future->state == QP_FUTURE_NEW)
        QP_EMIT(PROMISE_MADE, .future = future->id, .op = "contract",
                .fields = {(uint64_t)contract->promise, digest(contract)}, .text = contract->name);
    status = qp_poll(self->inner, waker);
    if (QP_UNLIKELY(self->copy != NULL) && status != QP_PENDING)
        release_copy(self);
    if (QP_UNLIKELY(self->durable != NULL) && status != QP_PENDING)
        leave(self, FINISHED);
    return status;
}

static void contract_drop(struct qp_future *future)
{
    struct qp_contract_future *self = (struct qp_contract_future *)future;
    qp_future_drop(self->inner);
    release_copy(self);
    if (QP_TRACING)
        QP_EMIT(PROMISE_TESTED, .future = future->id, .op = "contract",
                .fields = {(uint64_t)self->contract->promise, digest(self->contract)});
    if (self->durable)
        leave(self, CANCELLED);
}

static struct qp_future *contract_inner(const struct qp_future *future, size_t index)
{
    return index == 0 ? ((const struct qp_contract_future *)future)->inner : NULL;
}

static const struct qp_future_ops contract_ops = {"contract", contract_poll, contract_drop, NULL, contract_inner};

bool qp_contract_can_begin_again(const struct qp_future *future)
{
    return future->ops == &contract_ops && ((const struct qp_contract_future *)future)->copy;
}

void qp_contract_begin_again(struct qp_future *future)
{
    struct qp_contract_future *self = (struct qp_contract_future *)future;
    void *copy = self->copy;
    self->copy = NULL;
    qp_future_drop(future);
    memcpy(self->inner, copy, self->contract->future_size);
    self->inner->id = 0; /* another one in the trace */
    self->copy = copy;
    qp_future_init(future, &contract_ops);
}

struct qp_future *qp_contract_init(struct qp_contract_future *self, const struct qp_contract *contract,
                                   struct qp_future *future)
{
    self->contract = contract;
    self->inner = future;
    self->copy = NULL;
    self->durable = NULL;
    return qp_future_init(&self->future, &contract_ops);
}
