/* One cancellation at a given moment, on top of another strategy: see strategy.h for the state. */
#include "sim/strategy.h"

static void begin(struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_cancel_strategy *self = (struct qp_cancel_strategy *)strategy;
    self->moments = 0;
    self->inner->ops->begin(self->inner, seed);
}

static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    struct qp_cancel_strategy *self = (struct qp_cancel_strategy *)strategy;
    if (choice->kind != QP_CHOICE_CANCEL)
        return self->inner->ops->choose(self->inner, choice);
    return ++self->moments == self->at;
}

static const struct qp_strategy_ops cancel_ops = {"cancel", begin, choose};

void qp_cancel_strategy_init(struct qp_cancel_strategy *self, struct qp_strategy *inner, uint64_t at)
{
    self->strategy.ops = &cancel_ops;
    self->inner = inner;
    self->at = at;
    self->moments = 0;
}
