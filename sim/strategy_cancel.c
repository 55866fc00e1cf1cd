/* Cancellations at given moments, or at random ones, on top of another strategy: see strategy.h for the state. */
#include "sim/strategy.h"

static void begin(struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_cancel_strategy *self = (struct qp_cancel_strategy *)strategy;
    self->moments = 0;
    self->random.strategy.ops->begin(&self->random.strategy, ~seed);
    self->inner->ops->begin(self->inner, seed);
}

/* Any but the first alternative is one. */
static uint32_t fault(struct qp_cancel_strategy *self, const struct qp_choice *choice)
{
    if (!self->fault_one_in || qp_random_draw(&self->random, self->fault_one_in))
        return 0;
    return 1 + (choice->count > 2 ? qp_random_draw(&self->random, choice->count - 1) : 0);
}

static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    struct qp_cancel_strategy *self = (struct qp_cancel_strategy *)strategy;
    bool cancelled;
    if (choice->kind == QP_CHOICE_YIELD || choice->kind == QP_CHOICE_SPURIOUS)
        return fault(self, choice);
    if (choice->kind != QP_CHOICE_CANCEL)
        return self->inner->ops->choose(self->inner, choice);
    self->moments++;
    cancelled = self->moments == self->at || self->moments == self->and_at ||
                (self->one_in && !qp_random_draw(&self->random, self->one_in));
    if (self->seen)
        self->seen(self->context, choice, cancelled);
    return cancelled;
}

static const struct qp_strategy_ops cancel_ops = {"cancel", begin, choose};

void qp_cancel_strategy_init(struct qp_cancel_strategy *self, struct qp_strategy *inner, uint64_t at)
{
    *self = (struct qp_cancel_strategy){.strategy = {&cancel_ops}, .inner = inner, .at = at};
    qp_random_strategy_init(&self->random);
}
