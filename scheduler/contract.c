/* Contracts of the program's own functions: see contract.h. No state; the checker judges by what is told here. */
#include "scheduler/contract.h"
#include "scheduler/inject.h"
#include "scheduler/memory.h"
#include "scheduler/poll.h"
#include <quipu/contract.h>
#include <string.h>

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

static enum qp_status contract_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_contract_future *self = (struct qp_contract_future *)future;
    const struct qp_contract *contract = self->contract;
    enum qp_status status;
    if (QP_UNLIKELY(qp_thread.injecting) && future->state == QP_FUTURE_NEW)
        keep_copy(self);
    if (QP_TRACING && future->state == QP_FUTURE_NEW)
        QP_EMIT(PROMISE_MADE, .future = future->id, .op = "contract",
                .fields = {(uint64_t)contract->promise, digest(contract)}, .text = contract->name);
    status = qp_poll(self->inner, waker);
    if (QP_UNLIKELY(self->copy != NULL) && status != QP_PENDING)
        release_copy(self);
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
    return qp_future_init(&self->future, &contract_ops);
}
