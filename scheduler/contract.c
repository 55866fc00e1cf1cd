/* Contracts of the program's own functions: see contract.h. No state; the checker judges by what is told here. */
#include "scheduler/poll.h"
#include "scheduler/runtime.h"
#include <quipu/contract.h>

static uint64_t digest(const struct qp_contract *contract)
{
    return contract->digest ? contract->digest(contract->state) : 0;
}

static enum qp_status contract_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_contract_future *self = (struct qp_contract_future *)future;
    const struct qp_contract *contract = self->contract;
    if (QP_TRACING && future->state == QP_FUTURE_NEW)
        QP_EMIT(PROMISE_MADE, .future = future->id, .op = "contract",
                .fields = {(uint64_t)contract->promise, digest(contract)}, .text = contract->name);
    return qp_poll(self->inner, waker);
}

static void contract_drop(struct qp_future *future)
{
    struct qp_contract_future *self = (struct qp_contract_future *)future;
    qp_future_drop(self->inner);
    if (QP_TRACING)
        QP_EMIT(PROMISE_TESTED, .future = future->id, .op = "contract",
                .fields = {(uint64_t)self->contract->promise, digest(self->contract)});
}

static struct qp_future *contract_inner(const struct qp_future *future, size_t index)
{
    return index == 0 ? ((const struct qp_contract_future *)future)->inner : NULL;
}

static const struct qp_future_ops contract_ops = {"contract", contract_poll, contract_drop, NULL, contract_inner};

struct qp_future *qp_contract_init(struct qp_contract_future *self, const struct qp_contract *contract,
                                   struct qp_future *future)
{
    self->contract = contract;
    self->inner = future;
    return qp_future_init(&self->future, &contract_ops);
}
